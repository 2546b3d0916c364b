package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/jail"
	"github.com/cowork-host/cowork/sandbox/none"
)

func newBox(t *testing.T, b sandbox.Backend) sandbox.Sandbox {
	t.Helper()
	if _, err := b.Probe(t.Context()); err != nil {
		t.Skipf("no %s on this machine: %v", b.Name(), err)
	}
	box, err := b.Create(t.Context(), sandbox.Config{Name: t.Name(), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Errorf("close the sandbox: %v", err)
		}
	})
	return box
}

func jailBackend(*testing.T) sandbox.Backend {
	return jail.New(jail.Options{})
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

func source(t *testing.T, how string) runtime.Source {
	return runtime.Source{
		Name: "good", Exe: self(t), Args: []string{"plugin-under-test", how},
		Limits: sandbox.Limits{MemoryBytes: 1 << 47}, // the race detector maps terabytes
	}
}

// start brings up a plugin that behaves as named, attached to a host.
func start(t *testing.T, box sandbox.Sandbox, how string) (*runtime.Process, *plugintest.Host) {
	t.Helper()
	p, err := runtime.Start(t.Context(), box, source(t, how), runtime.Options{SocketDir: t.TempDir(), PingEvery: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Logf("close: %v", err)
		}
	})
	h := plugintest.NewHost(map[string][]byte{"in.txt": []byte("hello")})
	if err := p.Attach(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	return p, h
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, b := range []sandbox.Backend{jailBackend(t), none.New()} {
		t.Run(b.Name(), func(t *testing.T) {
			t.Parallel()
			p, h := start(t, newBox(t, b), "")
			d, err := p.Describe(t.Context())
			if err != nil || d.Name != "good" {
				t.Fatalf("described as %+v, %v", d, err)
			}
			for range 2 {
				res, err := p.Run(t.Context(), &pluginsdk.Invocation{Command: "go", Host: h})
				if err != nil || res.Brief != "HELLO" {
					t.Fatalf("got %+v, %v", res, err)
				}
			}
			if err := p.Close(t.Context()); err != nil {
				t.Errorf("close: %v", err)
			}
			select {
			case <-p.Gone():
			case <-time.After(5 * time.Second):
				t.Error("the process is still there after Close")
			}
		})
	}
}

func TestPluginIsIsolated(t *testing.T) {
	t.Setenv("HOST_SECRET", "1")
	box := newBox(t, jailBackend(t))
	p, h := start(t, box, "look around")
	other, _ := start(t, box, "look around")
	for _, ns := range []string{"user", "mnt", "pid", "net", "ipc", "uts"} {
		mine, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", p.PID(), ns))
		if err != nil {
			t.Fatal(err)
		}
		others, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", other.PID(), ns))
		if err != nil {
			t.Fatal(err)
		}
		if mine == theirs || theirs == others {
			t.Errorf("namespace %s: host %s, plugin %s, other plugin %s: want three", ns, mine, theirs, others)
		}
	}
	res, err := p.Run(t.Context(), &pluginsdk.Invocation{Command: "go", Host: h})
	if err != nil {
		t.Fatal(err)
	}
	if res.Brief != "" {
		t.Errorf("the plugin got at: %s", res.Brief)
	}
}

func TestStartFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		how    string
		reason runtime.Reason
		text   string
	}{
		{"exit at start", runtime.NotStarted, "exit code 7"},
		{"silent at start", runtime.Hung, "did not come up within 1s"},
		{"not a plugin", runtime.Garbage, "not a cowork plugin"},
		{"flood before the hand-shake", runtime.Flooded, "floods its output"},
		{"other version", runtime.Version, "another version"},
		{"tcp address", runtime.NotStarted, "not a socket of its own"},
		{"linked socket", runtime.NotStarted, "not a socket"},
	} {
		t.Run(c.how, func(t *testing.T) {
			t.Parallel()
			box := newBox(t, jailBackend(t))
			opts := runtime.Options{SocketDir: t.TempDir(), StartTimeout: 10 * time.Second}
			if c.reason == runtime.Hung {
				opts.StartTimeout = time.Second
			}
			_, err := runtime.Start(t.Context(), box, source(t, c.how), opts)
			f, ok := errors.AsType[*runtime.Failure](err)
			if !ok {
				t.Fatalf("error %v, want a Failure", err)
			}
			if f.Reason != c.reason || !strings.Contains(f.Message, c.text) || f.Plugin != "good" {
				t.Errorf("got %+v, want reason %s and %q", f, c.reason, c.text)
			}
			if c.how == "exit at start" && !strings.Contains(f.Detail, "no licence for this planet") {
				t.Errorf("detail %q, want what it wrote", f.Detail)
			}
		})
	}
}

func TestCallFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		how    string
		reason runtime.Reason
		detail string
	}{
		{"crash", runtime.Crashed, "cannot go on"},
		{"panic elsewhere", runtime.Crashed, "in a goroutine of its own"},
		{"flood", runtime.Flooded, ""},
	} {
		t.Run(c.how, func(t *testing.T) {
			t.Parallel()
			box := newBox(t, jailBackend(t))
			p, h := start(t, box, c.how)
			healthy, healthyHost := start(t, box, "")
			_, err := p.Run(t.Context(), &pluginsdk.Invocation{Command: "go", Host: h})
			f, ok := errors.AsType[*runtime.Failure](err)
			if !ok || f.Reason != c.reason || !strings.Contains(f.Detail, c.detail) {
				t.Fatalf("error %v (%+v), want a Failure with reason %s and detail %q", err, f, c.reason, c.detail)
			}
			select {
			case <-p.Gone():
			case <-time.After(5 * time.Second):
				t.Error("the process is still there")
			}
			// Others go on.
			if res, err := healthy.Run(t.Context(), &pluginsdk.Invocation{Command: "go", Host: healthyHost}); err != nil || res.Brief != "HELLO" {
				t.Errorf("another plugin: %+v, %v", res, err)
			}
		})
	}
}

func TestCancelledHandlerIsStopped(t *testing.T) {
	t.Parallel()
	p, h := start(t, newBox(t, jailBackend(t)), "ignore cancel")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := p.Run(ctx, &pluginsdk.Invocation{Command: "go", Host: h})
		done <- err
	}()
	for len(h.Logs()) == 0 {
		select {
		case err := <-done:
			t.Fatalf("ended early: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	select {
	case <-p.Gone():
	case <-time.After(5 * time.Second):
		t.Error("a handler that ignores its context is still at work")
	}
}

func TestGarbageResult(t *testing.T) {
	t.Parallel()
	p, h := start(t, newBox(t, jailBackend(t)), "garbage")
	_, err := p.Run(t.Context(), &pluginsdk.Invocation{Command: "go", Host: h})
	if f, ok := errors.AsType[*runtime.Failure](err); !ok || f.Reason != runtime.Garbage || !strings.Contains(f.Message, "not a result") {
		t.Errorf("run: error %v, want a Failure because of garbage", err)
	}
	select {
	case <-p.Gone():
	case <-time.After(5 * time.Second):
		t.Error("a process that answers garbage is still there")
	}
	p, _ = start(t, newBox(t, jailBackend(t)), "garbage")
	_, err = p.Describe(t.Context())
	if f, ok := errors.AsType[*runtime.Failure](err); !ok || f.Reason != runtime.Garbage || !strings.Contains(f.Message, "not a descriptor") {
		t.Errorf("describe: error %v, want a Failure because of garbage", err)
	}
}

func TestRefusedStartIsTheAuthorsError(t *testing.T) {
	t.Parallel()
	p, err := runtime.Start(t.Context(), newBox(t, jailBackend(t)), source(t, "refuses to start"), runtime.Options{SocketDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context()) //nolint:errcheck // it never started
	err = p.Attach(t.Context(), plugintest.NewHost(nil))
	if !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("error %v, want the plugin's own", err)
	}
}

func TestChangedExecutableIsNotStarted(t *testing.T) {
	t.Parallel()
	src := source(t, "")
	src.SHA256 = strings.Repeat("0", 64)
	_, err := runtime.Start(t.Context(), newBox(t, jailBackend(t)), src, runtime.Options{SocketDir: t.TempDir()})
	f, ok := errors.AsType[*runtime.Failure](err)
	if !ok || f.Reason != runtime.Changed || !strings.Contains(f.Next, "plugin update good") {
		t.Errorf("error %v, want a Failure because it changed", err)
	}
}

func TestMissingExecutable(t *testing.T) {
	t.Parallel()
	src := source(t, "")
	src.Exe = filepath.Join(t.TempDir(), "gone")
	_, err := runtime.Start(t.Context(), newBox(t, jailBackend(t)), src, runtime.Options{SocketDir: t.TempDir()})
	if f, ok := errors.AsType[*runtime.Failure](err); !ok || f.Reason != runtime.NotStarted {
		t.Errorf("error %v, want a Failure", err)
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := newBox(t, jailBackend(t))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := runtime.Start(ctx, box, source(t, "silent at start"), runtime.Options{SocketDir: dir}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want context.DeadlineExceeded", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestStartIsCancelledAtOnce cancels at many moments of a start that would take
// a minute to fail.
func TestStartIsCancelledAtOnce(t *testing.T) {
	t.Parallel()
	box := newBox(t, none.New())
	for _, after := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		done := make(chan error, 1)
		go func() {
			_, err := runtime.Start(ctx, box, source(t, "silent at start"), runtime.Options{SocketDir: t.TempDir(), StartTimeout: time.Minute})
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %s: error %v", after, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("after %s: the start goes on", after)
		}
		cancel()
	}
}

func TestSocketFoldersAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := runtime.Start(t.Context(), newBox(t, jailBackend(t)), source(t, ""), runtime.Options{SocketDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
