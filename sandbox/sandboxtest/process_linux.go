package sandboxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// process checks what a process is given and what is reported of it.
func (h *harness) process(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		spec func(*sandbox.Spec)
		verb []string
		want result
	}{
		{"output", nil, []string{"both"}, result{out: "to stdout", err: "to stderr"}},
		{"exit code", nil, []string{"exit", "42"}, result{Exit: sandbox.Exit{Code: 42}}},
		{"highest exit code", nil, []string{"exit", "255"}, result{Exit: sandbox.Exit{Code: 255}}},
		{"no environment", nil, []string{"env"}, result{}},
		{
			"exactly this environment", func(s *sandbox.Spec) { s.Env = []string{"B=2", "A=1=1", "EMPTY="} },
			[]string{"env"},
			result{out: "B=2\nA=1=1\nEMPTY="},
		},
		{"arguments", nil, []string{"echo", "", "a b", "*", "$HOME", "é"}, result{out: "\na b\n*\n$HOME\né"}},
		{"empty input", nil, []string{"cat"}, result{}},
		{
			"input", func(s *sandbox.Spec) { s.Stdin = strings.NewReader("some input") },
			[]string{"cat"},
			result{out: "some input"},
		},
		{
			"much input unread", func(s *sandbox.Spec) { s.Stdin = strings.NewReader(strings.Repeat("x", 1<<20)) },
			[]string{"exit", "3"},
			result{Exit: sandbox.Exit{Code: 3}},
		},
		{
			"input that never comes", func(s *sandbox.Spec) { s.Stdin, _ = io.Pipe() },
			[]string{"exit", "4"},
			result{Exit: sandbox.Exit{Code: 4}},
		},
		{"killed by itself", nil, []string{"signal", "0", "9"}, result{Exit: sandbox.Exit{Code: -1, Signal: "killed"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := spec(t, c.verb[0], c.verb[1:]...)
			if c.spec != nil {
				c.spec(s)
			}
			got := h.run(t, s)
			got.Detail = ""
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(result{})); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("one writer for both", h.oneWriter)
	t.Run("discarded output", h.discarded)
	t.Run("flood", h.flood)
	t.Run("a writer that fails", h.failingWriter)
	t.Run("descriptors", h.descriptors)
	t.Run("executable replaced", h.replaced)
	t.Run("executable not executable", h.notExecutable)
	t.Run("bad specs", h.badSpecs)
}

func (h *harness) oneWriter(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer // not safe for two goroutines: -race tells
	s := spec(t, "both")
	s.Stdout, s.Stderr = &out, &out
	h.run(t, s)
	if got := out.String(); got != "to stderrto stdout\n" {
		t.Errorf("got %q", got)
	}
}

func (h *harness) discarded(t *testing.T) {
	t.Parallel()
	if exit := wait(t, start(t, h.create(t), spec(t, "flood", "2"))); exit.Code != 0 {
		t.Errorf("exit %+v", exit)
	}
}

// counter counts, and keeps nothing.
type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) { c.n += len(p); return len(p), nil }

func (h *harness) flood(t *testing.T) {
	t.Parallel()
	var c counter
	s := spec(t, "flood", "64")
	s.Stdout = &c
	if got := h.run(t, s); got.Code != 0 || got.err != "flooded" || c.n != 64<<20 {
		t.Errorf("got %+v and %d bytes", got, c.n)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

func (h *harness) failingWriter(t *testing.T) {
	t.Parallel()
	s := spec(t, "flood", "8")
	s.Stdout = failing{}
	if got := h.run(t, s); got.Code != 0 || got.err != "flooded" {
		t.Errorf("a failing writer holds the process up: %+v", got)
	}
}

// descriptors: what the host has open, even by mistake, is not inherited.
func (h *harness) descriptors(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := unix.O_RDONLY | unix.O_CLOEXEC
	if h.Isolated {
		flags = unix.O_RDONLY
	}
	fd, err := unix.Open(secret, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd) //nolint:errcheck // a test's descriptor
	got := h.run(t, spec(t, "fds"))
	if got.Code != 0 || strings.Contains(got.out, secret) {
		t.Errorf("it has the host's file (%+v):\n%s", got.Exit, got.out)
	}
	if n := strings.Count(got.out, "\n") + 1; h.Isolated && n != 3 {
		t.Errorf("it has %d descriptors, not its streams only:\n%s", n, got.out)
	}
}

// replaced: the file that was opened runs, whatever is at its path by then.
func (h *harness) replaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plugin")
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
	s := spec(t, "echo", "the real one")
	if s.Exe, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Exe.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho another\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := h.run(t, s); got.out != "the real one" {
		t.Errorf("got %+v", got)
	}
}

func (h *harness) notExecutable(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"empty": "", "text": "hello", "broken": "\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 100)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p, err := h.create(t).Start(t.Context(), &sandbox.Spec{Exe: f})
		if err == nil {
			t.Errorf("%s: it started: %+v", name, wait(t, p))
		}
	}
}

func (h *harness) badSpecs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, change := range map[string]func(*sandbox.Spec){
		"no executable":     func(s *sandbox.Spec) { s.Exe = nil },
		"missing source":    func(s *sandbox.Spec) { s.Mounts = []sandbox.Mount{{Source: dir + "/no", Target: dir + "/no"}} },
		"zero byte in args": func(s *sandbox.Spec) { s.Args = append(s.Args, "a\x00b") },
		"zero byte in env":  func(s *sandbox.Spec) { s.Env = []string{"A=a\x00b"} },
	} {
		s := spec(t, "echo")
		change(s)
		if p, err := h.create(t).Start(t.Context(), s); err == nil {
			t.Errorf("%s: it started: %+v", name, wait(t, p))
		}
	}
}

// concurrent starts many processes at once in one sandbox.
func (h *harness) concurrent(t *testing.T) {
	t.Parallel()
	box := h.create(t)
	var group sync.WaitGroup
	for i := range 20 {
		want := fmt.Sprintf("process %d", i)
		s := spec(t, "echo", want)
		var out bytes.Buffer
		s.Stdout = &out
		group.Go(func() {
			p, err := box.Start(t.Context(), s)
			if err != nil {
				t.Error(err)
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if exit, err := p.Wait(ctx); err != nil || exit.Code != 0 || out.String() != want+"\n" {
				t.Errorf("%s: %+v, %v, %q", want, exit, err, out.String())
			}
		})
	}
	group.Wait()
}
