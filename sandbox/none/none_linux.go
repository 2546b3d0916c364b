package none

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/internal/stdio"
	"golang.org/x/sys/unix"
)

// Probe implements [sandbox.Backend]. There is nothing to probe.
func (b *Backend) Probe(ctx context.Context) (*sandbox.Report, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return &sandbox.Report{Badge: badge, Missing: []string{"isolation of any kind", "limits"}}, nil
}

// Create implements [sandbox.Backend].
func (b *Backend) Create(ctx context.Context, cfg sandbox.Config) (sandbox.Sandbox, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("create %s: %w", cfg.Name, err)
	}
	return &box{running: make(map[*process]struct{})}, nil
}

type box struct {
	mu      sync.Mutex
	closed  bool
	running map[*process]struct{}
}

var (
	_ sandbox.Sandbox    = (*box)(nil)
	_ sandbox.PathSharer = (*box)(nil)
)

// SharesPaths implements [sandbox.PathSharer].
func (b *box) SharesPaths() bool { return true }

func (b *box) Badge() string { return badge }

func (b *box) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Process, error) {
	if err := check(ctx, spec); err != nil {
		return nil, fmt.Errorf("start without isolation: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errors.New("start without isolation: the sandbox is closed")
	}
	p := &process{done: make(chan struct{})}
	if err := p.start(spec, func() { b.forget(p) }); err != nil {
		return nil, fmt.Errorf("start without isolation: %w", err)
	}
	b.running[p] = struct{}{}
	return p, nil
}

func check(ctx context.Context, spec *sandbox.Spec) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if spec.Exe == nil {
		return errors.New("the process has no executable")
	}
	for _, m := range spec.Mounts {
		if m.Source != m.Target {
			return fmt.Errorf("mount %s at %s: without isolation a folder is only where it is; mount it at its own path", m.Source, m.Target)
		}
		if _, err := os.Stat(m.Source); err != nil {
			return fmt.Errorf("mount %s: %w", m.Source, err)
		}
	}
	return nil
}

func (b *box) forget(p *process) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, p)
}

// Close implements [sandbox.Sandbox].
func (b *box) Close() error {
	b.mu.Lock()
	b.closed = true
	var left []*process
	for p := range b.running {
		left = append(left, p)
	}
	b.mu.Unlock()
	var errs []error
	for _, p := range left {
		errs = append(errs, p.Kill())
	}
	for _, p := range left {
		<-p.done
	}
	return errors.Join(errs...)
}

// process is one process group.
type process struct {
	pid  int
	done chan struct{} // closed once exit is set
	exit sandbox.Exit

	mu    sync.Mutex
	ended bool // its id may belong to somebody else
}

var _ sandbox.Process = (*process)(nil)

// start starts and watches the process on one thread of its own: the kernel
// takes the end of the thread that started a process for the end of its parent.
func (p *process) start(spec *sandbox.Spec, ended func()) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		streams, err := stdio.Open(spec.Stdin, spec.Stdout, spec.Stderr)
		if err != nil {
			started <- err
			return
		}
		child, err := startExe(spec, streams)
		if err != nil {
			streams.Abort()
			started <- err
			return
		}
		streams.Started()
		p.pid = child.Pid
		started <- nil
		p.watch(child, streams)
		ended()
		close(p.done)
	}()
	return <-started
}

// startExe executes the open file itself: the path is a magic link that names
// the descriptor, which the child has until it executes.
func startExe(spec *sandbox.Spec, streams *stdio.Streams) (*os.Process, error) {
	raw, err := spec.Exe.SyscallConn()
	if err != nil {
		return nil, err
	}
	var child *os.Process
	var startErr error
	err = raw.Control(func(fd uintptr) {
		child, startErr = os.StartProcess(fmt.Sprintf("/proc/self/fd/%d", fd),
			slices.Concat([]string{filepath.Base(spec.Exe.Name())}, spec.Args),
			&os.ProcAttr{
				Dir:   "/",
				Env:   append([]string{}, spec.Env...), // nil would inherit
				Files: streams.Child[:],
				Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
			})
	})
	return child, errors.Join(err, startErr)
}

// watch waits for the end of the process, kills what is left of its group
// while the group's id is still its own, and only then lets go of the id.
func (p *process) watch(child *os.Process, streams *stdio.Streams) {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	_ = unix.Kill(-p.pid, unix.SIGKILL) // nobody may be left in it
	state, err := child.Wait()
	p.ended = true
	p.mu.Unlock()
	streams.Drain()
	p.exit = exitOf(state, err)
}

func exitOf(state *os.ProcessState, err error) sandbox.Exit {
	if err != nil {
		return sandbox.Exit{Code: -1, Detail: err.Error()}
	}
	e := sandbox.Exit{Code: state.ExitCode()}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.Signal = ws.Signal().String()
	}
	return e
}

func (p *process) PID() int { return p.pid }

func (p *process) Wait(ctx context.Context) (sandbox.Exit, error) {
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return sandbox.Exit{}, fmt.Errorf("wait for process %d: %w", p.pid, ctx.Err())
	}
}

// Kill kills the process group.
func (p *process) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	if err := unix.Kill(-p.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", p.pid, err)
	}
	return nil
}
