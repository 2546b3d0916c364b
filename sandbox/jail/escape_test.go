//go:build linux && (amd64 || arm64)

package jail_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/jail"
	"golang.org/x/sys/unix"
)

const escapeArg = "jail-escape"

// escapes are attempts to get out, run inside. Each returns nil when it got
// out, and says how.
func escapes() map[string]func() error {
	return map[string]func() error{
		"symlink in a mount":    func() error { return readable("/work/link") },
		"symlink to a folder":   func() error { return readable("/work/etc/passwd") },
		"symlink made inside":   madeLink,
		"dots from the root":    func() error { return readable("/proc/self/root/../../../etc/passwd") },
		"dots from a mount":     func() error { return readable("/work/../../../../etc/passwd") },
		"the exe's folder":      func() error { return readable("/proc/self/exe/../shadow") },
		"init's root":           func() error { return readable("/proc/1/root/etc/passwd") },
		"init's descriptors":    func() error { _, err := os.ReadDir("/proc/1/fd"); return err },
		"init's memory":         func() error { return openable("/proc/1/mem", os.O_RDWR) },
		"init's environment":    func() error { return readable("/proc/1/environ") },
		"the exe, for writing":  func() error { return openable("/proc/self/exe", os.O_WRONLY) },
		"core_pattern":          func() error { return openable("/proc/sys/kernel/core_pattern", os.O_WRONLY) },
		"modprobe":              func() error { return openable("/proc/sys/kernel/modprobe", os.O_WRONLY) },
		"sysrq":                 func() error { return openable("/proc/sysrq-trigger", os.O_WRONLY) },
		"uid_map":               func() error { return os.WriteFile("/proc/self/uid_map", []byte("0 0 1"), 0) },
		"setgroups":             func() error { return os.WriteFile("/proc/self/setgroups", []byte("allow"), 0) },
		"release_agent":         func() error { return openable("/sys/fs/cgroup/release_agent", os.O_WRONLY) },
		"chroot and out":        chrootOut,
		"fchdir and out":        fchdirOut,
		"suid root":             suidRoot,
		"a device":              device,
		"remount a mount":       func() error { return unix.Mount("", "/work", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
		"write through fd":      writeThroughFD,
		"listen on TCP":         listenTCP,
		"abstract socket":       func() error { return dialable("unix", "@"+os.Getenv("ABSTRACT")) },
		"the control socket":    controlSocket,
		"type into a terminal":  func() error { return unix.IoctlSetPointerInt(0, unix.TIOCSTI, 'x') },
		"hard link to the exe":  func() error { return os.Link("/proc/self/exe", "/tmp/exe") },
		"raise its own limits":  func() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}) },
		"a namespace from a ns": func() error { return unix.Unshare(unix.CLONE_NEWUSER | unix.CLONE_NEWNS) },
		"clear its filter":      func() error { return unix.Prctl(unix.PR_SET_SECCOMP, 0, 0, 0, 0) },
		"clear no_new_privs":    func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) },
		"gain a capability":     func() error { return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, 21, 0, 0) },
	}
}

func readable(path string) error {
	_, err := os.ReadFile(path)
	return err
}

func openable(path string, flags int) error {
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func madeLink() error {
	if err := os.Symlink("/etc/passwd", "/work/made"); err != nil {
		return err
	}
	return readable("/work/made")
}

func chrootOut() error {
	if err := unix.Chroot("/tmp"); err != nil {
		return err
	}
	for range 64 {
		if err := os.Chdir(".."); err != nil {
			return err
		}
	}
	return readable("etc/passwd")
}

// fchdirOut walks up from a folder that was mounted from the host's.
func fchdirOut() error {
	d, err := os.Open("/work")
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Chdir(); err != nil {
		return err
	}
	for range 64 {
		if err := os.Chdir(".."); err != nil {
			return err
		}
	}
	return readable("etc/passwd")
}

// suidRoot marks a copy of itself, runs it and sees whether it is someone else.
func suidRoot() error {
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := os.WriteFile("/work/suid", data, 0o755); err != nil {
		return err
	}
	if err := os.Chmod("/work/suid", 0o6755); err != nil {
		return err
	}
	out, err := exec.Command("/work/suid", escapeArg, "whoami").Output() //nolint:noctx // it ends at once
	if err != nil || string(out) != "1000 1000\n" {
		return nil // somebody else
	}
	return unix.EPERM
}

func device() error {
	if err := unix.Mknod("/work/null", unix.S_IFCHR|0o666, 1<<8|3); err != nil {
		return err
	}
	return openable("/work/null", os.O_RDWR)
}

// writeThroughFD opens a read-only file again through its descriptor.
func writeThroughFD() error {
	f, err := os.Open("/ro/file")
	if err != nil {
		return nil // it must be there
	}
	defer f.Close()
	return openable(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR)
}

// listenTCP is refused by Landlock; without it, it reaches nobody either.
func listenTCP() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
}

func dialable(network, to string) error {
	c, err := net.DialTimeout(network, to, time.Second) //nolint:noctx // it has a timeout
	if err != nil {
		return err
	}
	return c.Close()
}

// controlSocket looks for the init's own among the open descriptors.
func controlSocket() error {
	for fd := range 256 {
		if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
			return nil
		}
	}
	return unix.EBADF
}

// escape runs one attempt and returns the exit code.
func escape(name string) int {
	runtime.LockOSThread()
	if name == "mounts" {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		fmt.Print(string(mounts))
		if err != nil {
			return 1
		}
		return 0
	}
	if name == "whoami" {
		fmt.Println(os.Geteuid(), os.Getegid())
		return 0
	}
	if err := escapes()[name](); err != nil {
		fmt.Println("held:", err)
		return 0
	}
	fmt.Println("escaped")
	return 1
}

func TestEscapes(t *testing.T) {
	t.Parallel()
	abstract := fmt.Sprintf("jail-escape-%d", os.Getpid())
	l, err := net.Listen("unix", "@"+abstract) //nolint:noctx // a test's listener
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	work, ro := t.TempDir(), t.TempDir()
	for name, to := range map[string]string{"link": "/etc/passwd", "etc": "/etc"} {
		if err := os.Symlink(to, filepath.Join(work, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(ro, "file"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	box := create(t)
	for name := range escapes() {
		if name == "listen on TCP" && !landlocked(t) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			out, exit := run(t, box, &sandbox.Spec{
				Args: []string{escapeArg, name},
				Env:  []string{"ABSTRACT=" + abstract},
				Mounts: []sandbox.Mount{
					{Source: work, Target: "/work", Writable: true},
					{Source: ro, Target: "/ro"},
				},
			})
			if exit.Code != 0 || !strings.HasPrefix(out, "held: ") {
				t.Errorf("%+v: %s", exit, out)
			}
		})
	}
}

// landlocked reports whether this machine's Landlock knows the network.
func landlocked(t *testing.T) bool {
	t.Helper()
	report, err := jail.New(jail.Options{}).Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range report.Holds {
		version := 0
		if _, err := fmt.Sscanf(l, "landlock (version %d)", &version); err == nil {
			return version >= 4
		}
	}
	return false
}

// TestMounts looks at the mounts themselves, for Landlock would hide a hole in
// them: all of them without suid and, but for the devices, without devices,
// and none writable but what is meant to be.
func TestMounts(t *testing.T) {
	t.Parallel()
	work, ro := t.TempDir(), t.TempDir()
	out, exit := run(t, create(t), &sandbox.Spec{
		Args:   []string{escapeArg, "mounts"},
		Mounts: []sandbox.Mount{{Source: work, Target: "/work", Writable: true}, {Source: ro, Target: "/ro"}},
	})
	if exit.Code != 0 {
		t.Fatalf("%+v: %s", exit, out)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		at, options := f[4], strings.Split(f[5], ",")
		seen[at] = true
		if !slices.Contains(options, "nosuid") {
			t.Errorf("%s allows suid: %s", at, line)
		}
		device := strings.HasPrefix(at, "/dev/")
		if !device && !slices.Contains(options, "nodev") {
			t.Errorf("%s allows devices: %s", at, line)
		}
		if writable := device || at == "/tmp" || at == "/work"; slices.Contains(options, "ro") == writable {
			t.Errorf("%s: writable should be %t: %s", at, writable, line)
		}
		if at == "/proc" && (!strings.Contains(line, "subset=pid") || !strings.Contains(line, "hidepid=")) {
			t.Errorf("/proc shows more than it must: %s", line)
		}
	}
	for _, at := range []string{"/", "/proc", "/tmp", "/dev/null", "/work", "/ro"} {
		if !seen[at] {
			t.Errorf("%s is not mounted:\n%s", at, out)
		}
	}
}

func create(tb testing.TB) sandbox.Sandbox {
	tb.Helper()
	box, err := jail.New(jail.Options{}).Create(tb.Context(), sandbox.Config{Name: tb.Name(), Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { box.Close() }) //nolint:errcheck // the tests that look at it close it themselves
	return box
}

// run starts this binary and returns what it printed and how it ended.
func run(tb testing.TB, box sandbox.Sandbox, spec *sandbox.Spec) (string, sandbox.Exit) {
	tb.Helper()
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		tb.Fatal(err)
	}
	defer exe.Close()
	var out bytes.Buffer
	spec.Exe, spec.Stdout, spec.Stderr = exe, &out, &out
	if spec.Limits.MemoryBytes == 0 {
		spec.Limits.MemoryBytes = 1 << 47 // the race detector maps terabytes
	}
	p, err := box.Start(tb.Context(), spec)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	exit, err := p.Wait(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	return out.String(), exit
}
