package sandboxtest

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/cowork-host/cowork/sandbox"
	"golang.org/x/sys/unix"
)

// lifetime checks that processes end when they must, and nothing is left.
func (h *harness) lifetime(t *testing.T) {
	t.Parallel()
	t.Run("wait", h.waiting)
	t.Run("asked to end", h.terminate)
	t.Run("kill", h.kill)
	t.Run("kill takes the tree", h.killTree)
	t.Run("the tree ends with the process", h.orphans)
	t.Run("close takes everything", h.close)
	t.Run("the host's end takes everything", h.hostKilled)
	t.Run("cancelled starts", h.cancelled)
	t.Run("20 starts at once", h.concurrent)
}

func (h *harness) waiting(t *testing.T) {
	t.Parallel()
	p := startSaying(t, h.create(t), spec(t, "block"), "blocking")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait says %v", err)
	}
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if exit, err := p.Wait(t.Context()); err != nil || exit.Signal != "killed" {
				t.Errorf("got %+v, %v", exit, err)
			}
		})
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	group.Wait()
	wait(t, p) // again
}

func (h *harness) terminate(t *testing.T) {
	t.Parallel()
	p := startSaying(t, h.create(t), spec(t, "term"), "ready")
	if p.PID() == 0 {
		t.Skip("not a process of this host")
	}
	if err := unix.Kill(p.PID(), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, p); exit != (sandbox.Exit{Code: 7}) {
		t.Errorf("got %+v", exit)
	}
}

func (h *harness) kill(t *testing.T) {
	t.Parallel()
	p := startSaying(t, h.create(t), spec(t, "block"), "blocking")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, p); exit != (sandbox.Exit{Code: -1, Signal: "killed"}) {
		t.Errorf("got %+v", exit)
	}
	if err := p.Kill(); err != nil {
		t.Error("the second time:", err)
	}
}

// tree starts a process with two generations below it.
func (h *harness) tree(t *testing.T, box sandbox.Sandbox) (*watcher, sandbox.Process, []net.Conn) {
	t.Helper()
	w := newWatcher(t)
	s := spec(t, "spawn", h.target(w.dir)+"/socket")
	s.Mounts = []sandbox.Mount{{Source: w.dir, Target: h.target(w.dir), Writable: true}}
	p := start(t, box, s)
	return w, p, w.accept(3)
}

func (h *harness) killTree(t *testing.T) {
	t.Parallel()
	w, p, conns := h.tree(t, h.create(t))
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	w.gone(conns)
	wait(t, p)
}

func (h *harness) orphans(t *testing.T) {
	t.Parallel()
	w, p, conns := h.tree(t, h.create(t))
	if p.PID() == 0 {
		t.Skip("not a process of this host")
	}
	if err := unix.Kill(p.PID(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.gone(conns)
	if exit := wait(t, p); exit.Signal != "killed" {
		t.Errorf("got %+v", exit)
	}
}

func (h *harness) close(t *testing.T) {
	t.Parallel()
	box := h.create(t)
	w, p, conns := h.tree(t, box)
	w2, p2, conns2 := h.tree(t, box)
	for range 2 {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	}
	w.gone(conns)
	w2.gone(conns2)
	wait(t, p)
	wait(t, p2)
	if _, err := box.Start(t.Context(), spec(t, "block")); err == nil {
		t.Error("a closed sandbox starts processes")
	}
}

func (h *harness) hostKilled(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", hostArg, w.dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conns := w.accept(3)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if !h.Isolated {
		conns = conns[:1] // the process itself
	}
	w.gone(conns)
}

// cancelled starts leave either a process or an error, and nothing else.
func (h *harness) cancelled(t *testing.T) {
	t.Parallel()
	box := h.create(t)
	w := newWatcher(t)
	accepted := make(chan []net.Conn)
	go func() {
		var conns []net.Conn
		for {
			c, err := w.listener.Accept()
			if err != nil {
				accepted <- conns
				return
			}
			conns = append(conns, c)
		}
	}()
	failed := 0
	for i := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*2*time.Millisecond)
		s := spec(t, "hold", h.target(w.dir)+"/socket")
		s.Mounts = []sandbox.Mount{{Source: w.dir, Target: h.target(w.dir), Writable: true}}
		p, err := box.Start(ctx, s)
		cancel()
		if err != nil {
			failed++
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			continue
		}
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		wait(t, p)
	}
	if failed == 0 {
		t.Error("a start whose time is up does not fail")
	}
	_ = w.listener.Close() // ends the accepting
	w.gone(<-accepted)
}
