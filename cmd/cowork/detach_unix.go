//go:build !windows

package main

import "syscall"

// detached lets the host live on when its terminal closes.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
