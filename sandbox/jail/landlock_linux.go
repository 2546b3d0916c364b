//go:build linux && (amd64 || arm64)

package jail

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock is called directly: the init restricts one thread, the one that
// starts the process, and grants access by descriptor.

const (
	fileRead = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
	dirRead  = fileRead | unix.LANDLOCK_ACCESS_FS_READ_DIR

	fileWrite = fileRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV | unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
	// dirWrite leaves out making block and character devices.
	dirWrite = fileWrite | dirRead | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER

	// onFile are the rights that mean something on a file.
	onFile = fileWrite
)

// landlockABI is the version this kernel offers, 0 when it has none.
func landlockABI() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// handledRights are the file, network and scope rights an ABI knows.
func handledRights(abi int) unix.LandlockRulesetAttr {
	const v1 = 1<<13 - 1
	a := unix.LandlockRulesetAttr{Handled_access_fs: v1}
	if abi >= 2 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		a.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		a.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	if abi >= 9 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
	}
	return a
}

// ruleset is a Landlock ruleset being filled. A nil one, on a kernel without
// Landlock, accepts rules and restricts nothing.
type ruleset struct {
	fd      int
	handled uint64
}

// newRuleset refuses everything Landlock knows, TCP included, until rules
// allow some of it.
func newRuleset() (*ruleset, error) {
	abi := landlockABI()
	if abi == 0 {
		return nil, nil
	}
	attr := handledRights(abi)
	// The first three fields are what every kernel up to the known versions
	// reads; an older one must be given no more than it knows.
	size := unsafe.Sizeof(uint64(0))
	if abi >= 4 {
		size *= 2
	}
	if abi >= 6 {
		size = 3 * unsafe.Sizeof(uint64(0))
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return nil, fmt.Errorf("create the landlock ruleset: %w", errno)
	}
	return &ruleset{int(fd), attr.Handled_access_fs}, nil
}

// allowPath grants rights below a path of the new root.
func (r *ruleset) allowPath(path string, rights uint64) error {
	if r == nil {
		return nil
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	return errors.Join(r.allow(fd, rights), unix.Close(fd))
}

// allow grants rights below a folder, or on a file, that is open already.
func (r *ruleset) allow(fd int, rights uint64) error {
	if r == nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= onFile
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights & r.handled, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("add the landlock rule: %w", errno)
	}
	return nil
}

// restrict puts the calling thread, and what it starts, under the rules.
func (r *ruleset) restrict() error {
	if r == nil {
		return nil
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(r.fd), 0, 0); errno != 0 {
		return fmt.Errorf("restrict: %w", errno)
	}
	return unix.Close(r.fd)
}
