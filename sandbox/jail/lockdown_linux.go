//go:build linux && (amd64 || arm64)

package jail

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"github.com/cowork-host/cowork/sandbox"
	"golang.org/x/sys/unix"
)

const (
	// initThreads is room for the init's own threads, which the kernel counts
	// with the process's.
	initThreads = 16
	// reservedSpace is address space a program may reserve beyond the memory
	// it may use: a Go program of any size reserves more than a gigabyte.
	reservedSpace = 4 << 30
)

// setLimits sets what every process of the jail inherits. Memory counts per
// process, threads per jail.
func setLimits(l sandbox.Limits) error {
	for _, r := range []struct {
		name  string
		which int
		max   uint64
	}{
		{"core size", unix.RLIMIT_CORE, 0},
		{"data size", unix.RLIMIT_DATA, uint64(l.MemoryBytes)},
		{"address space", unix.RLIMIT_AS, uint64(l.MemoryBytes) + reservedSpace},
		{"file size", unix.RLIMIT_FSIZE, uint64(l.FileBytes)},
		{"open files", unix.RLIMIT_NOFILE, uint64(l.OpenFiles)},
		{"processes", unix.RLIMIT_NPROC, uint64(l.Processes) + initThreads},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(r.which, &now); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		limit := min(r.max, now.Max)
		if err := unix.Setrlimit(r.which, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// Bits of securebits(7): being id 0 means nothing, changing ids keeps nothing,
// no capability becomes ambient; each locked.
const secureBits = 0b1110_1111

// dropCapabilities takes every capability from this thread for good, also the
// right to ever get one, and from the init's other threads where the runtime
// can reach them (not in a binary with cgo, whose other threads only ever run
// the init's own code).
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clear the ambient set: %w", err)
	}
	for c := uintptr(0); c < 64; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break // past the last one
		}
		if err != nil {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, secureBits, 0, 0, 0); err != nil {
		return fmt.Errorf("lock the secure bits: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return err
	}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	if errno != 0 && errno != syscall.ENOTSUP {
		return errno
	}
	return nil
}

func noNewPrivileges() error {
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}
