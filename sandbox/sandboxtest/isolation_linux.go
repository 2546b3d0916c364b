package sandboxtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/google/go-cmp/cmp"
)

// isolation checks what a process must not see or do.
func (h *harness) isolation(t *testing.T) {
	t.Parallel()
	t.Run("files", h.files)
	t.Run("root", h.root)
	t.Run("processes", h.processes)
	t.Run("each other", h.eachOther)
	t.Run("network", h.network)
	t.Run("privileges", h.privileges)
	t.Run("calls", h.calls)
}

// files of the host cannot be read, not even those its user may read.
func (h *harness) files(t *testing.T) {
	t.Parallel()
	secret := private(t, "secret")
	box := h.create(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/etc/shadow", "/etc/passwd", "/etc/hostname", secret + "/file", self, "/root/.bashrc", "/bin/sh",
		"/proc/1/environ", "/proc/1/cmdline", fmt.Sprintf("/proc/%d/environ", os.Getpid()), "/proc/kcore",
		"/proc/sys/kernel/core_pattern", "/proc/keys", "/proc/1/root/etc/passwd", "/proc/self/root/etc/passwd",
		"/proc/self/cwd/../../etc/passwd", "/sys/kernel/notes", "/dev/kmsg", "/dev/mem", "/dev/vda", "/dev/sda", "/dev/tty",
		"/../etc/passwd", "/proc/self/task/../../1/environ",
	} {
		if got := runIn(t, box, spec(t, "read", path)); got.Code != 1 {
			t.Errorf("it reads %s: %+v", path, got)
		}
	}
	for _, dir := range []string{"/root", "/home", "/var", filepath.Dir(secret), "/sys"} {
		if got := runIn(t, box, spec(t, "list", dir)); got.Code == 0 && got.out != "" {
			t.Errorf("it lists %s: %s", dir, got.out)
		}
	}
}

// root: it holds what it must and cannot be changed.
func (h *harness) root(t *testing.T) {
	t.Parallel()
	box := h.create(t)
	got := strings.Split(runIn(t, box, spec(t, "list", "/")).out, "\n")
	got = slices.DeleteFunc(got, func(s string) bool {
		return slices.Contains([]string{"lib", "lib64", "usr", "proc", "dev", "tmp", "etc"}, s)
	})
	if len(got) > 0 {
		t.Errorf("the root also holds %q", got)
	}
	for _, path := range []string{
		"/new", "/etc/passwd", "/dev/new", "/proc/new", "/usr/new", "/usr/lib/new", "/lib/new", "/proc/self/oom_score_adj",
		"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/self/uid_map", "/proc/self/mem",
	} {
		if got := runIn(t, box, spec(t, "write", path, "0")); got.Code != 1 {
			t.Errorf("it writes %s: %+v", path, got)
		}
	}
	for _, path := range []string{"/tmp/new", "/dev/null"} {
		if got := runIn(t, box, spec(t, "write", path, "x")); got.out != "written" {
			t.Errorf("it cannot write %s: %+v", path, got)
		}
	}
	if got := runIn(t, box, spec(t, "list", "/tmp")); got.Code != 0 || got.out != "" {
		t.Errorf("its /tmp is not its own: %+v", got)
	}
}

// processes of the host do not exist for it.
func (h *harness) processes(t *testing.T) {
	t.Parallel()
	box := h.create(t)
	got := runIn(t, box, spec(t, "list", "/proc"))
	pids := 0
	for name := range strings.SplitSeq(got.out, "\n") {
		if _, err := strconv.Atoi(name); err == nil {
			pids++
		}
	}
	if got.Code != 0 || pids != 1 {
		t.Errorf("it sees %d processes: %+v", pids, got)
	}
	for _, pid := range []int{os.Getpid(), os.Getppid()} {
		if got := runIn(t, box, spec(t, "signal", strconv.Itoa(pid), "0")); got.Code != 1 {
			t.Errorf("it can signal process %d of the host: %+v", pid, got)
		}
	}
	// Its own first process cannot be ended from inside.
	if got := runIn(t, box, spec(t, "signal", "1", "9")); got.Signal != "" {
		t.Errorf("it killed the first process: %+v", got)
	}
}

// eachOther: two processes of one sandbox share nothing.
func (h *harness) eachOther(t *testing.T) {
	t.Parallel()
	box := h.create(t)
	mine := private(t, "mine")
	s := spec(t, "serve", "/tmp/socket")
	s.Env = []string{"SECRET=mine"}
	s.Mounts = []sandbox.Mount{{Source: mine, Target: "/mine", Writable: true}}
	other := startSaying(t, box, s, "serving")
	for _, verb := range [][]string{
		{"read", "/mine/file"},
		{"read", filepath.Join(mine, "file")},
		{"dial", "unix", "/tmp/socket"},
		{"read", fmt.Sprintf("/proc/%d/environ", other.PID())},
		{"signal", strconv.Itoa(other.PID()), "0"},
	} {
		if got := runIn(t, box, spec(t, verb[0], verb[1:]...)); got.Code != 1 {
			t.Errorf("%v: it could: %+v", verb, got)
		}
	}
}

// network: neither the host's loopback nor its abstract sockets are there.
func (h *harness) network(t *testing.T) {
	t.Parallel()
	tcp, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's listener
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	abstract, err := net.Listen("unix", fmt.Sprintf("@sandboxtest-%d", os.Getpid())) //nolint:noctx // a test's listener
	if err != nil {
		t.Fatal(err)
	}
	defer abstract.Close()
	box := h.create(t)
	for _, to := range [][]string{
		{"tcp", tcp.Addr().String()},
		{"unix", abstract.Addr().String()},
		{"tcp", "192.0.2.1:80"},
		{"udp", "192.0.2.1:53"},
		{"tcp", "[2001:db8::1]:80"},
		{"unix", "/run/dbus/system_bus_socket"},
		{"unix", "/var/run/docker.sock"},
	} {
		if got := runIn(t, box, spec(t, "dial", to...)); got.Code != 1 {
			t.Errorf("it reaches %v: %+v", to, got)
		}
	}
}

// status are the lines of /proc/self/status that say what a process may do.
func status(text string) map[string]string {
	kept := map[string]string{}
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(line, ":")
		switch k {
		case "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
			kept[k] = strings.TrimSpace(v)
		}
	}
	return kept
}

func (h *harness) privileges(t *testing.T) {
	t.Parallel()
	const none = "0000000000000000"
	want := map[string]string{
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
		"NoNewPrivs": "1", "Seccomp": "2",
	}
	if d := cmp.Diff(want, status(h.run(t, spec(t, "read", "/proc/self/status")).out)); d != "" {
		t.Error(d)
	}
}

func (h *harness) calls(t *testing.T) {
	t.Parallel()
	box := h.create(t)
	for name := range forbidden() {
		t.Run(name, func(t *testing.T) {
			got := runIn(t, box, spec(t, "call", name))
			if got.Code != 1 || !strings.HasPrefix(got.out, "error: ") || strings.Contains(got.out, "unknown call") {
				t.Errorf("it could: %+v", got)
			}
		})
	}
}
