//go:build linux && (amd64 || arm64)

package jail

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	allow  = uint32(unix.SECCOMP_RET_ALLOW)
	killed = uint32(unix.SECCOMP_RET_KILL_PROCESS)
)

func errno(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }

// judge runs the filter on a call. The virtual machine reads big-endian words,
// the kernel the machine's own.
func judge(t *testing.T, arch uint32, nr int, args ...uint64) uint32 {
	t.Helper()
	vm, err := bpf.NewVM(filter())
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[dataNumber:], uint32(nr))
	binary.BigEndian.PutUint32(data[dataArch:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[dataArg+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[dataArg+8*i+4:], uint32(a>>32))
	}
	verdict, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(verdict)
}

func TestFilter(t *testing.T) {
	t.Parallel()
	const foreign = 0x40000003 // i386
	for _, c := range []struct {
		name string
		arch uint32
		nr   int
		args []uint64
		want uint32
	}{
		{"read", auditArch, unix.SYS_READ, nil, allow},
		{"the last of the lists", auditArch, unix.SYS_SHUTDOWN, nil, allow},
		{"another architecture", foreign, unix.SYS_READ, nil, killed},
		{"another architecture, refused call", foreign, unix.SYS_MOUNT, nil, killed},
		{"mount", auditArch, unix.SYS_MOUNT, nil, errno(unix.EPERM)},
		{"clone3", auditArch, unix.SYS_CLONE3, nil, errno(unix.ENOSYS)},
		{"a call from the future", auditArch, lastKnown + 1, nil, errno(unix.ENOSYS)},
		{"a number with the x32 bit", auditArch, 0x40000000 | unix.SYS_READ, nil, errno(unix.ENOSYS)},
		{"a negative number", auditArch, -1, nil, errno(unix.ENOSYS)},
		{"fork", auditArch, unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, allow},
		{"a thread", auditArch, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_FS}, allow},
		{"a namespace", auditArch, unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER}, errno(unix.EPERM)},
		{"a namespace among others", auditArch, unix.SYS_CLONE, []uint64{unix.CLONE_NEWNET | uint64(unix.SIGCHLD)}, errno(unix.EPERM)},
		{"a namespace under high bits", auditArch, unix.SYS_CLONE, []uint64{1<<40 | unix.CLONE_NEWNS}, errno(unix.EPERM)},
		{"unix socket", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, allow},
		{"tcp socket", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM, 0}, allow},
		{"tcp socket by name", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP}, allow},
		{"udp socket", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP}, allow},
		{"multipath tcp", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM, 262}, errno(unix.EPROTONOSUPPORT)},
		{"sctp", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_SCTP}, errno(unix.EPROTONOSUPPORT)},
		{"netlink", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, 0}, errno(unix.EAFNOSUPPORT)},
		{"vsock", auditArch, unix.SYS_SOCKET, []uint64{unix.AF_VSOCK, unix.SOCK_STREAM, 0}, errno(unix.EAFNOSUPPORT)},
		{"vsock under high bits", auditArch, unix.SYS_SOCKET, []uint64{1<<32 | unix.AF_VSOCK, 1, 0}, errno(unix.EAFNOSUPPORT)},
		{"unix pair", auditArch, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX}, allow},
		{"inet pair", auditArch, unix.SYS_SOCKETPAIR, []uint64{unix.AF_INET}, errno(unix.EAFNOSUPPORT)},
		{"a usual ioctl", auditArch, unix.SYS_IOCTL, []uint64{0, unix.TCGETS}, allow},
		{"TIOCSTI", auditArch, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, errno(unix.EPERM)},
		{"TIOCSTI under high bits", auditArch, unix.SYS_IOCTL, []uint64{0, 1<<33 | unix.TIOCSTI}, errno(unix.EPERM)},
		{"TIOCLINUX", auditArch, unix.SYS_IOCTL, []uint64{0, unix.TIOCLINUX}, errno(unix.EPERM)},
		{"ask for the personality", auditArch, unix.SYS_PERSONALITY, []uint64{0xffffffff}, allow},
		{"no address randomisation", auditArch, unix.SYS_PERSONALITY, []uint64{0x0040000}, errno(unix.EPERM)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := judge(t, c.arch, c.nr, c.args...); got != c.want {
				t.Errorf("got %#x, want %#x", got, c.want)
			}
		})
	}
}

// TestFilterLists: a call is decided once, and nothing the lists allow is
// newer than what they were checked against.
func TestFilterLists(t *testing.T) {
	t.Parallel()
	seen := map[uint32]bool{}
	add := func(nr uint32) {
		if seen[nr] {
			t.Errorf("call %d is listed twice", nr)
		}
		if nr > lastKnown {
			t.Errorf("call %d is newer than the last known", nr)
		}
		seen[nr] = true
	}
	for _, lists := range [][][]uint32{allowed, allowedHere, {absent}} {
		for _, list := range lists {
			for _, nr := range list {
				add(nr)
			}
		}
	}
	for _, c := range conditions {
		add(c.number)
	}
}
