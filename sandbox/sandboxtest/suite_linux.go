package sandboxtest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/sandbox"
)

// Options say what a backend claims.
type Options struct {
	Backend sandbox.Backend
	// Isolated is set for a backend that keeps processes from the host and
	// from each other, and holds limits.
	Isolated bool
	// Namespaces is set for a backend whose processes are Linux processes of
	// the host, in namespaces of their own.
	Namespaces bool
}

// Run checks a backend against the contract of package sandbox.
func Run(t *testing.T, o Options) {
	t.Helper()
	h := &harness{o}
	t.Run("probe", h.probe)
	t.Run("process", h.process)
	t.Run("lifetime", h.lifetime)
	t.Run("mounts", h.mounts)
	if o.Isolated {
		t.Run("isolation", h.isolation)
		t.Run("limits", h.limits)
	}
	if o.Namespaces {
		t.Run("namespaces", h.namespaces)
	}
}

// patience is how long anything may take that is expected to happen.
const patience = 30 * time.Second

type harness struct{ Options }

func (h *harness) probe(t *testing.T) {
	t.Parallel()
	report, err := h.Backend.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	box := h.create(t)
	if report.Badge == "" || report.Badge != box.Badge() {
		t.Errorf("badge is %q in the report and %q on the sandbox", report.Badge, box.Badge())
	}
	if h.Isolated != (len(report.Holds) > 0) {
		t.Errorf("isolated is %t, but the report says that %q holds", h.Isolated, report.Holds)
	}
}

func (h *harness) create(t *testing.T) sandbox.Sandbox {
	t.Helper()
	box, err := h.Backend.Create(t.Context(), sandbox.Config{Name: t.Name(), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return box
}

// spec is a process of this binary that runs a payload.
func spec(t *testing.T, verb string, args ...string) *sandbox.Spec {
	t.Helper()
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { exe.Close() })
	return &sandbox.Spec{
		Exe: exe, Args: append([]string{payloadArg, verb}, args...),
		Limits: sandbox.Limits{MemoryBytes: testMemory()},
	}
}

// result is a finished process.
type result struct {
	sandbox.Exit
	out, err string
}

// run starts a process in a sandbox of its own and waits for its end.
func (h *harness) run(t *testing.T, s *sandbox.Spec) result {
	t.Helper()
	return runIn(t, h.create(t), s)
}

func runIn(t *testing.T, box sandbox.Sandbox, s *sandbox.Spec) result {
	t.Helper()
	var out, errs bytes.Buffer
	if s.Stdout == nil {
		s.Stdout = &out
	}
	if s.Stderr == nil {
		s.Stderr = &errs
	}
	p := start(t, box, s)
	exit := wait(t, p)
	return result{exit, strings.TrimSuffix(out.String(), "\n"), errs.String()}
}

func start(t *testing.T, box sandbox.Sandbox, s *sandbox.Spec) sandbox.Process {
	t.Helper()
	p, err := box.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wait(t *testing.T, p sandbox.Process) sandbox.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	exit, err := p.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return exit
}

// startSaying starts a process and waits for its first line.
func startSaying(t *testing.T, box sandbox.Sandbox, s *sandbox.Spec, line string) sandbox.Process {
	t.Helper()
	r, w := io.Pipe()
	s.Stdout = w
	p := start(t, box, s)
	lines := bufio.NewReader(r)
	timer := time.AfterFunc(patience, func() { r.CloseWithError(context.DeadlineExceeded) })
	defer timer.Stop()
	got, err := lines.ReadString('\n')
	if err != nil || got != line+"\n" {
		t.Fatalf("it said %q (%v), not %q", got, err, line)
	}
	go io.Copy(io.Discard, lines) //nolint:errcheck // it ends with the process
	return p
}

// target is where a host folder is mounted: where it is, without isolation.
func (h *harness) target(dir string) string {
	if h.Isolated {
		return "/work"
	}
	return dir
}

// shortDir is a folder whose path fits into a socket's address.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sbx") //nolint:usetesting // the test's own folder has a long path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// watcher accepts the connections of processes that hold one while they live.
type watcher struct {
	t        *testing.T
	dir      string
	listener *net.UnixListener
}

func newWatcher(t *testing.T) *watcher {
	t.Helper()
	dir := shortDir(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &watcher{t, dir, l}
}

// accept waits for n processes to live.
func (w *watcher) accept(n int) []net.Conn {
	w.t.Helper()
	var conns []net.Conn
	for range n {
		_ = w.listener.SetDeadline(time.Now().Add(patience))
		c, err := w.listener.Accept()
		if err != nil {
			w.t.Fatalf("only %d of %d processes live: %v", len(conns), n, err)
		}
		w.t.Cleanup(func() { c.Close() })
		conns = append(conns, c)
	}
	return conns
}

// gone fails unless all of these processes end.
func (w *watcher) gone(conns []net.Conn) {
	w.t.Helper()
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			w.t.Errorf("process %d of %d still lives: %v", i+1, len(conns), err)
		}
	}
}
