//go:build linux && (amd64 || arm64)

package jail

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// nobody is the id a host that is root gives its processes.
const nobody = 65534

// idMap decides who the jailed processes are outside, and how they reach what
// they are given. An ordinary host's processes are the host's own user. A root
// host's are nobody: no jailed process has root's id, limits on the number of
// processes hold (they never do for root), and each mount is shown through an
// id map under which its owner is nobody.
type idMap struct {
	root     bool
	uid, gid int

	mu   sync.Mutex
	maps map[owner]*os.File // user namespaces that stand for a map
}

// owner is who owns a mount's source.
type owner struct{ uid, gid uint32 }

func newIDMap() *idMap {
	m := &idMap{uid: os.Geteuid(), gid: os.Getegid(), maps: make(map[owner]*os.File)}
	if m.uid == 0 && canBecomeNobody() {
		m.root, m.uid, m.gid = true, nobody, nobody
	}
	return m
}

func (m *idMap) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for o, f := range m.maps {
		f.Close()
		delete(m.maps, o)
	}
}

// canBecomeNobody reports whether this root may give ids away and show mounts
// to others; root in a container often may not.
func canBecomeNobody() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if unix.Capget(&header, &caps[0]) != nil {
		return false
	}
	for _, c := range []uint{unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SYS_ADMIN} {
		if caps[0].Effective&(1<<c) == 0 {
			return false
		}
	}
	return mapped("/proc/self/uid_map") && mapped("/proc/self/gid_map")
}

// mapped reports whether nobody exists in the namespace the host itself is in.
func mapped(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	for {
		var inside, outside, count int64
		if _, err := fmt.Fscan(f, &inside, &outside, &count); err != nil {
			return false
		}
		if inside <= nobody && nobody < inside+count {
			return true
		}
	}
}

// setupCaps are what the init needs inside its own user namespace, until it
// drops them.
var setupCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}

func (m *idMap) sysProcAttr() *syscall.SysProcAttr {
	one := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: insideID, HostID: id, Size: 1}}
	}
	return &syscall.SysProcAttr{
		Cloneflags:                 namespaces,
		UidMappings:                one(m.uid),
		GidMappings:                one(m.gid),
		GidMappingsEnableSetgroups: m.root,
		Credential:                 &syscall.Credential{Uid: insideID, Gid: insideID, NoSetGroups: !m.root},
		AmbientCaps:                setupCaps,
		Setsid:                     true,
	}
}

// executable is the descriptor the init executes. nobody may not be allowed to
// read and execute root's file, but may through a mapped mount of it.
func (m *idMap) executable(exe *os.File) (*os.File, error) {
	fd, err := dup(exe)
	if err != nil || !m.root {
		return fd, err
	}
	info, err := exe.Stat()
	if err != nil || info.Mode()&0o005 == 0o005 {
		return fd, err
	}
	defer fd.Close()
	tree, err := unix.OpenTree(int(fd.Fd()), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(tree), exe.Name())
	if err := m.show(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("it must be readable and executable by everyone: %w", err)
	}
	return f, nil
}

func dup(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(old uintptr) { fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	if dupErr != nil {
		return nil, dupErr
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// mount opens a source for the init of a root host.
func (m *idMap) mount(source string, writable bool) (*os.File, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|
		unix.AT_RECURSIVE|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(tree), source)
	if m.show(f) == nil || !writable {
		return f, nil
	}
	// No id maps on this file system.
	if err := m.giveAway(tree); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// giveAway makes nobody the owner of what is root's own. What belongs to
// somebody else is left alone: the owner's permissions decide.
func (m *idMap) giveAway(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Uid != 0 {
		return err
	}
	return unix.Fchownat(fd, "", m.uid, m.gid, unix.AT_EMPTY_PATH)
}

// show makes the owner of a detached mount's root appear as nobody in it.
func (m *idMap) show(tree *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(tree.Fd()), &st); err != nil {
		return err
	}
	if st.Uid == nobody && st.Gid == nobody {
		return nil
	}
	ns, err := m.namespace(owner{st.Uid, st.Gid})
	if err != nil {
		return err
	}
	return unix.MountSetattr(int(tree.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE,
		&unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())})
}

// namespace returns a user namespace whose map is owner → nobody. The kernel
// takes the map of a mount from a namespace only, so one is made with a child
// that stops before its first instruction and is killed.
func (m *idMap) namespace(o owner) (*os.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f, ok := m.maps[o]; ok {
		return f, nil
	}
	runtime.LockOSThread() // the tracer of the stopped child
	defer runtime.UnlockOSThread()
	child, err := os.StartProcess("/proc/self/exe", []string{"/proc/self/exe", InitArg}, &os.ProcAttr{
		Env: []string{},
		Sys: &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: int(o.uid), HostID: nobody, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: int(o.gid), HostID: nobody, Size: 1}},
			Ptrace:      true,
			Pdeathsig:   syscall.SIGKILL,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make an id map: %w", err)
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", child.Pid))
	_ = child.Kill()
	_, _ = child.Wait()
	if err != nil {
		return nil, fmt.Errorf("make an id map: %w", err)
	}
	m.maps[o] = f
	return f, nil
}
