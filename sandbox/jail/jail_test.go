//go:build linux && (amd64 || arm64)

package jail_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/jail"
	"github.com/cowork-host/cowork/sandbox/sandboxtest"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if jail.IsInit(os.Args) {
		jail.Init()
	}
	if len(os.Args) == 3 && os.Args[1] == escapeArg {
		syscall.Exit(escape(os.Args[2])) // os.Exit waits under the race detector
	}
	sandboxtest.Main(jail.New(jail.Options{}))
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sandboxtest.Run(t, sandboxtest.Options{Backend: jail.New(jail.Options{}), Isolated: true, Namespaces: true})
}

// TestStartedByHand: the init does nothing for anybody but its host.
func TestStartedByHand(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "/proc/self/exe", jail.InitArg).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not by hand") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestBrokenInit: whatever the host is told to run as init, a start that fails
// is an error.
func TestBrokenInit(t *testing.T) {
	t.Parallel()
	for name, init := range map[string][]string{
		"missing":            {"/nonexistent/cowork", jail.InitArg},
		"something else":     {"/bin/true", jail.InitArg},
		"without its marker": {"/proc/self/exe", "-test.run=^$"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := jail.New(jail.Options{Init: init})
			if _, err := b.Probe(t.Context()); !errors.Is(err, sandbox.ErrUnavailable) {
				t.Errorf("the probe says %v", err)
			}
		})
	}
}

// TestFailedStep: the error names the step and keeps the system's reason.
func TestFailedStep(t *testing.T) {
	t.Parallel()
	dir, exe := t.TempDir(), openSelf(t)
	_, err := create(t).Start(t.Context(), &sandbox.Spec{Exe: exe, Mounts: []sandbox.Mount{
		{Source: dir, Target: "/work"}, {Source: dir, Target: "/work/absent"},
	}})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "mount: find /work/absent") {
		t.Errorf("got %v", err)
	}
}

// TestNothingLeft: starts that work and starts that fail leave no descriptor
// and no process behind. It runs alone, for it counts what the whole process
// has open.
func TestNothingLeft(t *testing.T) {
	round := func() {
		box := create(t)
		run(t, box, &sandbox.Spec{Args: []string{escapeArg, "whoami"}, Mounts: []sandbox.Mount{{Source: t.TempDir(), Target: "/work"}}})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
		defer cancel()
		if p, err := box.Start(ctx, &sandbox.Spec{Exe: openSelf(t), Args: []string{escapeArg, "whoami"}}); err == nil {
			if _, err := p.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, err := box.Start(t.Context(), &sandbox.Spec{Exe: openSelf(t), Mounts: []sandbox.Mount{
			{Source: t.TempDir(), Target: "/work"}, {Source: t.TempDir(), Target: "/work/absent"},
		}}); err == nil {
			t.Error("it started")
		}
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	}
	round()
	before := openFiles(t)
	for range 5 {
		round()
	}
	// Each round leaves the files of openSelf, closed with the test.
	if after := openFiles(t); after > before+10 {
		t.Errorf("%d descriptors open before, %d after", before, after)
	}
	if err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a child is left: %v", err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func openSelf(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// BenchmarkJailStart measures a start to end of a process that does nothing,
// beside the same process without a jail.
func BenchmarkJailStart(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			if err := exec.CommandContext(b.Context(), "/proc/self/exe", escapeArg, "whoami").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("jail", func(b *testing.B) {
		box := create(b)
		for b.Loop() {
			run(b, box, &sandbox.Spec{Args: []string{escapeArg, "whoami"}})
		}
	})
	b.Run("jail and mount", func(b *testing.B) {
		box, dir := create(b), b.TempDir()
		for b.Loop() {
			run(b, box, &sandbox.Spec{
				Args:   []string{escapeArg, "whoami"},
				Mounts: []sandbox.Mount{{Source: dir, Target: "/work", Writable: true}},
			})
		}
	})
}
