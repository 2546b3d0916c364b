//go:build linux || darwin

package main

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// singleKeys makes a terminal hand out characters one by one and not echo them.
// Ctrl-C still interrupts. It refuses the terminal of a program that runs in
// the background, which must not touch it.
func singleKeys(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	if !foreground(f) {
		return nil, errors.New("another program has the terminal")
	}
	old, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	raw := *old
	raw.Lflag &^= unix.ICANON | unix.ECHO
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, setTermios, &raw); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() {
		_ = unix.IoctlSetTermios(fd, setTermios, old) // the terminal may be gone
	}), nil
}

// foreground reports whether this program may read from the terminal: one in
// the background is stopped when it tries.
func foreground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
