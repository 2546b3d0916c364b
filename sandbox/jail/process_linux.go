//go:build linux && (amd64 || arm64)

package jail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/internal/stdio"
)

// process is one jailed process tree, held by its init.
type process struct {
	init    *os.Process
	pid     int
	control *control
	streams *stdio.Streams
	killed  atomic.Bool

	done chan struct{} // closed once exit is set
	exit sandbox.Exit
}

var _ sandbox.Process = (*process)(nil)

// PID is the process itself, not its init.
func (p *process) PID() int { return p.pid }

func (p *process) Wait(ctx context.Context) (sandbox.Exit, error) {
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return sandbox.Exit{}, fmt.Errorf("wait for process %d: %w", p.pid, ctx.Err())
	}
}

// Kill kills the init; the kernel kills everything in its process namespace.
func (p *process) Kill() error {
	p.killed.Store(true)
	if err := p.init.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.pid, err)
	}
	return nil
}

// watch waits for the end and records it. ended runs before Wait returns.
func (p *process) watch(ended func()) {
	r, err := p.control.next()
	state, waitErr := p.init.Wait()
	_ = p.control.conn.Close() // all was said
	p.streams.Drain()
	switch {
	case err == nil && r.Exit != nil:
		p.exit = *r.Exit
	case p.killed.Load():
		p.exit = sandbox.Exit{Code: -1, Signal: syscall.SIGKILL.String()}
	default:
		p.exit = lostInit(r, state, waitErr)
	}
	if p.killed.Load() && p.exit.Signal == syscall.SIGKILL.String() {
		p.exit.Detail = "" // it was the host
	}
	ended()
	close(p.done)
}

// lostInit describes an init that ended without a word about its process.
func lostInit(r *report, state *os.ProcessState, err error) sandbox.Exit {
	e := sandbox.Exit{Code: -1, Detail: "the jail's init ended"}
	switch {
	case r != nil && r.Step != "":
		e.Detail += ": " + explainStep(r).Error()
	case err != nil:
		e.Detail += ": " + err.Error()
	default:
		if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			e.Signal = ws.Signal().String()
		}
		e.Detail += ": " + state.String()
	}
	return e
}
