package sandboxtest

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call tries something a sandboxed process must not be able to do. It prints
// "done" when it could.
func call(a []string) error {
	runtime.LockOSThread()
	f, ok := forbidden()[a[0]]
	if !ok {
		return fmt.Errorf("unknown call %s", a[0])
	}
	return join(f(), "done")
}

// raw is a system call given by its arguments.
func raw(nr uintptr, args ...uintptr) func() error {
	return func() error {
		var six [6]uintptr
		copy(six[:], args)
		if _, _, errno := unix.Syscall6(nr, six[0], six[1], six[2], six[3], six[4], six[5]); errno != 0 {
			return errno
		}
		return nil
	}
}

func socket(family, kind, protocol int) func() error {
	return func() error { _, err := unix.Socket(family, kind, protocol); return err }
}

// forbidden are the calls that every isolating backend refuses.
func forbidden() map[string]func() error {
	calls := map[string]func() error{
		"mount":              func() error { return unix.Mount("x", "/tmp", "tmpfs", 0, "") },
		"bind":               func() error { return unix.Mount("/", "/tmp", "", unix.MS_BIND, "") },
		"remount":            func() error { return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
		"umount":             func() error { return unix.Unmount("/proc", unix.MNT_DETACH) },
		"pivot_root":         func() error { return unix.PivotRoot("/tmp", "/tmp") },
		"chroot":             func() error { return unix.Chroot("/tmp") },
		"ptrace":             func() error { return unix.PtraceAttach(os.Getppid()) },
		"ptrace self":        raw(unix.SYS_PTRACE, 0 /* TRACEME */),
		"setns":              setNS,
		"sethostname":        func() error { return unix.Sethostname([]byte("x")) },
		"setuid":             func() error { return unix.Setuid(0) },
		"reboot":             func() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF) },
		"mknod":              func() error { return unix.Mknod("/tmp/sda", unix.S_IFBLK|0o600, 8<<8) },
		"open_by_handle_at":  openByHandle,
		"name_to_handle_at":  func() error { _, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/tmp", 0); return err },
		"process_vm_readv":   raw(unix.SYS_PROCESS_VM_READV, 1),
		"process_vm_writev":  raw(unix.SYS_PROCESS_VM_WRITEV, 1),
		"bpf":                raw(unix.SYS_BPF),
		"perf_event_open":    raw(unix.SYS_PERF_EVENT_OPEN),
		"userfaultfd":        raw(unix.SYS_USERFAULTFD),
		"add_key":            raw(unix.SYS_ADD_KEY),
		"keyctl":             raw(unix.SYS_KEYCTL),
		"request_key":        raw(unix.SYS_REQUEST_KEY),
		"io_uring_setup":     raw(unix.SYS_IO_URING_SETUP, 1),
		"init_module":        raw(unix.SYS_INIT_MODULE),
		"kexec_load":         raw(unix.SYS_KEXEC_LOAD),
		"swapon":             raw(unix.SYS_SWAPON),
		"quotactl":           raw(unix.SYS_QUOTACTL),
		"syslog":             raw(unix.SYS_SYSLOG, 3),
		"settimeofday":       func() error { return unix.Settimeofday(&unix.Timeval{}) },
		"personality":        raw(unix.SYS_PERSONALITY, 0x0400000 /* READ_IMPLIES_EXEC */),
		"fsopen":             func() error { _, err := unix.Fsopen("tmpfs", 0); return err },
		"open_tree":          func() error { _, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE); return err },
		"move_mount":         raw(unix.SYS_MOVE_MOUNT),
		"pidfd_getfd":        raw(unix.SYS_PIDFD_GETFD),
		"fanotify_init":      raw(unix.SYS_FANOTIFY_INIT),
		"memfd_create":       func() error { _, err := unix.MemfdCreate("x", 0); return err },
		"TIOCSTI":            func() error { return unix.IoctlSetInt(0, unix.TIOCSTI, 0) },
		"netlink":            socket(unix.AF_NETLINK, unix.SOCK_RAW, 0),
		"packet":             socket(unix.AF_PACKET, unix.SOCK_RAW, 0),
		"vsock":              socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0),
		"alg":                socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0),
		"raw socket":         socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP),
		"raw tcp":            socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_TCP),
		"multipath tcp":      socket(unix.AF_INET, unix.SOCK_STREAM, 262),
		"interfaces":         interfaces,
		"clone3 user":        clone3,
		"clone user":         cloneUser,
		"unknown syscall":    raw(4095),
		"raise a hard limit": raiseLimit,
	}
	for name, flag := range map[string]int{
		"user": unix.CLONE_NEWUSER, "mnt": unix.CLONE_NEWNS, "pid": unix.CLONE_NEWPID, "net": unix.CLONE_NEWNET,
		"ipc": unix.CLONE_NEWIPC, "uts": unix.CLONE_NEWUTS, "cgroup": unix.CLONE_NEWCGROUP, "time": unix.CLONE_NEWTIME,
	} {
		calls["unshare "+name] = func() error { return unix.Unshare(flag) }
	}
	return calls
}

func setNS() error {
	f, err := os.Open("/proc/self/ns/user")
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Setns(int(f.Fd()), 0)
}

// openByHandle opens the root folder of whatever file system /tmp is on by its
// number, as containers were once left.
func openByHandle() error {
	root, err := unix.Open("/tmp", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	_, err = unix.OpenByHandleAt(root, unix.NewFileHandle(1, []byte{2, 0, 0, 0, 0, 0, 0, 0}), unix.O_RDONLY)
	return err
}

// interfaces fails when there is none that is up.
func interfaces() error {
	all, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.Name != "lo" {
			return nil
		}
	}
	return unix.ENODEV
}

func clone3() error {
	args := struct{ flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64 }{
		flags: unix.CLONE_NEWUSER, exitSignal: uint64(unix.SIGCHLD),
	}
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	return cloned(pid, errno)
}

func cloneUser() error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	return cloned(pid, errno)
}

func cloned(pid uintptr, errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	if pid == 0 { // the copy of this one thread
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

func raiseLimit() error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Max++
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
}
