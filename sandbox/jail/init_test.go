//go:build linux && (amd64 || arm64)

package jail

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestExitOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status unix.WaitStatus // the signal, or the code above the lowest byte
		want   sandbox.Exit
	}{
		{"well", 0, sandbox.Exit{}},
		{"with a code", 255 << 8, sandbox.Exit{Code: 255}},
		{"by a signal", unix.WaitStatus(unix.SIGTERM), sandbox.Exit{Code: -1, Signal: "terminated"}},
		{"by the filter", unix.WaitStatus(unix.SIGSYS), sandbox.Exit{Code: -1, Signal: "bad system call", Detail: "blocked system call"}},
		{"by a core dump that is none", unix.WaitStatus(unix.SIGSYS) | 0x80, sandbox.Exit{Code: -1, Signal: "bad system call", Detail: "blocked system call"}},
		{"by the file size", unix.WaitStatus(unix.SIGXFSZ), sandbox.Exit{Code: -1, Signal: "file size limit exceeded", Detail: "file size limit"}},
		{"by the system", unix.WaitStatus(unix.SIGKILL), sandbox.Exit{Code: -1, Signal: "killed", Detail: "killed by the system, most likely for want of memory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(&c.want, exitOf(c.status)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestExplainStep(t *testing.T) {
	t.Parallel()
	err := explainStep(&report{Step: "mount", Error: "find /work: no such file or directory", Errno: int(unix.ENOENT)})
	if err.Error() != "mount: find /work: no such file or directory" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := explainStep(&report{Step: "x", Error: "y"}); errors.Unwrap(err) != nil {
		t.Errorf("no reason was given, but it has %v", errors.Unwrap(err))
	}
}

// TestLeaks: a probe that finds a layer missing says which.
func TestLeaks(t *testing.T) {
	t.Parallel()
	good := func() *inspection {
		return &inspection{PID: 6, Status: map[string]string{"Seccomp": "2", "NoNewPrivs": "1", "CapEff": "0000000000000000"}}
	}
	for _, c := range []struct {
		name   string
		change func(*inspection)
		want   []string
	}{
		{"all holds", func(*inspection) {}, nil},
		{"no filter", func(in *inspection) { in.Status["Seccomp"] = "0" }, []string{"no seccomp filter"}},
		{"nothing known", func(in *inspection) { in.Status = nil }, []string{"no seccomp filter", "no_new_privs is not set"}},
		{"a capability", func(in *inspection) { in.Status["CapBnd"] = "0000000000000001" }, []string{"it has capabilities"}},
		{"the host's processes", func(in *inspection) { in.PID = 31337 }, []string{"it has no process namespace"}},
		{"a route", func(in *inspection) { in.Network = true }, []string{"there is a route to somewhere"}},
		{"a writable root", func(in *inspection) { in.RootWrite = true }, []string{"its root is writable"}},
		{"the host's files", func(in *inspection) { in.HostFiles = true }, []string{"it sees the host's files"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := good()
			c.change(in)
			if d := cmp.Diff(c.want, in.leaks()); d != "" {
				t.Error(d)
			}
		})
	}
}
