//go:build linux && (amd64 || arm64)

package jail

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets into struct seccomp_data, for a little-endian machine.
const (
	dataNumber = 0
	dataArch   = 4
	dataArg    = 16
)

// lastKnown is the highest system call number the lists below were checked
// against. Whatever a newer kernel adds above it does not exist in the jail.
const lastKnown = unix.SYS_MSEAL

// newNamespaces are the flags of clone that make namespaces. CLONE_NEWTIME is
// no flag of clone; only unshare and clone3 take it, which are refused whole.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// installSeccomp puts the filter on the calling thread and what it starts.
func installSeccomp() error {
	raw, err := bpf.Assemble(filter())
	if err != nil {
		return fmt.Errorf("assemble the filter: %w", err)
	}
	prog := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		prog[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	if errno != 0 {
		return errno
	}
	return nil
}

func refuse(errno unix.Errno) bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}

// filter is the policy: a foreign architecture kills, what is listed is
// allowed, a few calls depend on an argument, and everything else is refused:
// "not permitted" for calls that were known when this was written, "not
// implemented" for newer ones, so that programs fall back.
func filter() []bpf.Instruction {
	allow := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	p := []bpf.Instruction{
		bpf.LoadAbsolute{Off: dataArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.LoadAbsolute{Off: dataNumber, Size: 4},
	}
	for _, group := range slices.Concat(allowed, allowedHere) {
		for _, nr := range group {
			p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: nr, SkipFalse: 1}, allow)
		}
	}
	for _, c := range conditions {
		body := c.body
		p = append(p, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: c.number, SkipTrue: uint8(len(body))})
		p = append(p, body...)
	}
	for _, nr := range absent {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: nr, SkipFalse: 1}, refuse(unix.ENOSYS))
	}
	return append(p,
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: lastKnown, SkipFalse: 1},
		refuse(unix.ENOSYS),
		refuse(unix.EPERM),
	)
}

// condition is the rule of one system call that depends on an argument. Its
// body always returns.
type condition struct {
	number uint32
	body   []bpf.Instruction
}

// absent do not exist in the jail. The flags of clone3 lie in memory, where a
// filter cannot see them; libc falls back to clone. The rest would hold memory
// that no limit counts.
var absent = []uint32{unix.SYS_CLONE3, unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET, unix.SYS_SHMGET}

// low loads the low half of an argument; the calls below take 32-bit values.
func low(arg uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: dataArg + 8*arg, Size: 4} }

var conditions = []condition{
	{unix.SYS_CLONE, []bpf.Instruction{
		low(0),
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: newNamespaces, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
		refuse(unix.EPERM),
	}},
	{unix.SYS_SOCKET, []bpf.Instruction{
		low(0),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_UNIX, SkipTrue: 8},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_INET, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_INET6, SkipTrue: 1},
		refuse(unix.EAFNOSUPPORT),
		// Landlock knows TCP; multipath TCP and the like go past it.
		low(2),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipTrue: 1},
		refuse(unix.EPROTONOSUPPORT),
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	}},
	{unix.SYS_SOCKETPAIR, []bpf.Instruction{
		low(0),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_UNIX, SkipTrue: 1},
		refuse(unix.EAFNOSUPPORT),
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	}},
	// Both type into a terminal as if the user had.
	{unix.SYS_IOCTL, []bpf.Instruction{
		low(1),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.TIOCSTI, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.TIOCLINUX, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
		refuse(unix.EPERM),
	}},
	// Asking for the personality is harmless, so is setting the usual one.
	{unix.SYS_PERSONALITY, []bpf.Instruction{
		low(0),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0xffffffff, SkipTrue: 1},
		refuse(unix.EPERM),
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	}},
}

// allowed are the calls every architecture has, by what they are for.
var allowed = [][]uint32{
	{ // the common ones first: an old kernel walks the list on every call
		unix.SYS_FUTEX, unix.SYS_READ, unix.SYS_WRITE, unix.SYS_EPOLL_PWAIT, unix.SYS_NANOSLEEP,
		unix.SYS_CLOCK_GETTIME, unix.SYS_MADVISE, unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_CLOSE,
		unix.SYS_OPENAT, unix.SYS_FSTAT, unix.SYS_NEWFSTATAT, unix.SYS_LSEEK, unix.SYS_TGKILL,
		unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGPROCMASK, unix.SYS_SCHED_YIELD, unix.SYS_GETPID,
	},
	{ // files
		unix.SYS_COPY_FILE_RANGE, unix.SYS_CHDIR, unix.SYS_CLOSE_RANGE, unix.SYS_DUP, unix.SYS_DUP3,
		unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_FADVISE64, unix.SYS_FALLOCATE, unix.SYS_FCHDIR,
		unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
		unix.SYS_FCNTL, unix.SYS_FDATASYNC, unix.SYS_FGETXATTR, unix.SYS_FLISTXATTR, unix.SYS_FLOCK,
		unix.SYS_FREMOVEXATTR, unix.SYS_FSETXATTR, unix.SYS_FSTATFS, unix.SYS_FSYNC, unix.SYS_FTRUNCATE,
		unix.SYS_GETCWD, unix.SYS_GETDENTS64, unix.SYS_GETXATTR, unix.SYS_INOTIFY_ADD_WATCH,
		unix.SYS_INOTIFY_INIT1, unix.SYS_INOTIFY_RM_WATCH, unix.SYS_LGETXATTR, unix.SYS_LINKAT,
		unix.SYS_LISTXATTR, unix.SYS_LLISTXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_LSETXATTR, unix.SYS_MKDIRAT,
		unix.SYS_MKNODAT, unix.SYS_OPENAT2, unix.SYS_PIPE2, unix.SYS_PREAD64, unix.SYS_PREADV,
		unix.SYS_PREADV2, unix.SYS_PWRITE64, unix.SYS_PWRITEV, unix.SYS_PWRITEV2, unix.SYS_READAHEAD,
		unix.SYS_READLINKAT, unix.SYS_READV, unix.SYS_REMOVEXATTR, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2,
		unix.SYS_SENDFILE, unix.SYS_SETXATTR, unix.SYS_SPLICE, unix.SYS_STATFS, unix.SYS_STATX,
		unix.SYS_SYMLINKAT, unix.SYS_SYNC_FILE_RANGE, unix.SYS_SYNCFS, unix.SYS_TEE, unix.SYS_TRUNCATE,
		unix.SYS_UMASK, unix.SYS_UNLINKAT, unix.SYS_UTIMENSAT, unix.SYS_WRITEV, unix.SYS_CACHESTAT,
	},
	{ // memory
		unix.SYS_BRK, unix.SYS_GET_MEMPOLICY, unix.SYS_MEMBARRIER, unix.SYS_MINCORE, unix.SYS_MLOCK,
		unix.SYS_MLOCK2, unix.SYS_MPROTECT, unix.SYS_MREMAP, unix.SYS_MSYNC, unix.SYS_MUNLOCK,
		unix.SYS_MUNLOCKALL, unix.SYS_PKEY_ALLOC, unix.SYS_PKEY_FREE, unix.SYS_PKEY_MPROTECT,
		unix.SYS_MSEAL, unix.SYS_MAP_SHADOW_STACK,
	},
	{ // processes, threads and who they are
		unix.SYS_CAPGET, unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
		unix.SYS_FUTEX_REQUEUE, unix.SYS_FUTEX_WAIT, unix.SYS_FUTEX_WAITV, unix.SYS_FUTEX_WAKE,
		unix.SYS_GETCPU, unix.SYS_GETEGID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETGROUPS,
		unix.SYS_GETPGID, unix.SYS_GETPPID, unix.SYS_GETPRIORITY, unix.SYS_GETRESGID, unix.SYS_GETRESUID,
		unix.SYS_GETRLIMIT, unix.SYS_GETRUSAGE, unix.SYS_GETSID, unix.SYS_GETTID, unix.SYS_GETUID,
		unix.SYS_GET_ROBUST_LIST, unix.SYS_IOPRIO_GET, unix.SYS_PIDFD_OPEN, unix.SYS_PRCTL,
		unix.SYS_PRLIMIT64, unix.SYS_RSEQ, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_GETATTR,
		unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GET_PRIORITY_MAX,
		unix.SYS_SCHED_GET_PRIORITY_MIN, unix.SYS_SCHED_RR_GET_INTERVAL, unix.SYS_SCHED_SETAFFINITY,
		unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SECCOMP, unix.SYS_SETFSGID,
		unix.SYS_SETFSUID, unix.SYS_SETGID, unix.SYS_SETGROUPS, unix.SYS_SETPGID, unix.SYS_SETPRIORITY,
		unix.SYS_SETREGID, unix.SYS_SETRESGID, unix.SYS_SETRESUID, unix.SYS_SETREUID, unix.SYS_SETRLIMIT,
		unix.SYS_SETSID, unix.SYS_SETUID, unix.SYS_SET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS,
		unix.SYS_SYSINFO, unix.SYS_TIMES, unix.SYS_UNAME, unix.SYS_WAIT4, unix.SYS_WAITID,
		unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_RESTRICT_SELF,
	},
	{ // signals
		unix.SYS_KILL, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_RESTART_SYSCALL, unix.SYS_RT_SIGACTION,
		unix.SYS_RT_SIGPENDING, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_SIGSUSPEND, unix.SYS_RT_SIGTIMEDWAIT,
		unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_SIGALTSTACK, unix.SYS_SIGNALFD4, unix.SYS_TKILL,
	},
	{ // time, events and randomness
		unix.SYS_CLOCK_GETRES, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL,
		unix.SYS_EPOLL_PWAIT2, unix.SYS_EVENTFD2, unix.SYS_GETITIMER, unix.SYS_GETRANDOM,
		unix.SYS_GETTIMEOFDAY, unix.SYS_PPOLL, unix.SYS_PSELECT6, unix.SYS_SETITIMER, unix.SYS_TIMERFD_CREATE,
		unix.SYS_TIMERFD_GETTIME, unix.SYS_TIMERFD_SETTIME, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_DELETE,
		unix.SYS_TIMER_GETOVERRUN, unix.SYS_TIMER_GETTIME, unix.SYS_TIMER_SETTIME,
	},
	{ // sockets, once made
		unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_GETPEERNAME,
		unix.SYS_GETSOCKNAME, unix.SYS_GETSOCKOPT, unix.SYS_LISTEN, unix.SYS_RECVFROM, unix.SYS_RECVMMSG,
		unix.SYS_RECVMSG, unix.SYS_SENDMMSG, unix.SYS_SENDMSG, unix.SYS_SENDTO, unix.SYS_SETSOCKOPT,
		unix.SYS_SHUTDOWN,
	},
}
