package task

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// run is a task that is about to be set to work.
type run struct {
	id    string
	spec  Spec
	first event.Payload
	// fresh is a task without a log. For another one prepare is called with
	// its state, to say with which spec it goes on and what is recorded first.
	fresh   bool
	prepare func(s *State) (Spec, []event.Payload, error)
	// bound ties the work to ctx; without it only Stop and Close end it.
	bound bool
	// report tells the parent how it ended: nobody waits for it there.
	report bool
}

// launch sets a task to work.
func (m *Manager) launch(ctx context.Context, r run) (*Task, error) {
	leave, err := m.gates.enter(ctx, r.id)
	if err != nil {
		return nil, err
	}
	defer leave()
	if t := m.task(r.id); t != nil {
		t.mu.Lock()
		over := t.over
		t.mu.Unlock()
		if !over {
			return nil, atWork(r.id)
		}
		select { // it is letting go
		case <-t.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	lease, err := m.lease(ctx, r.id) // before reading, so that what is read stands
	if err != nil {
		return nil, err
	}
	t, err := m.begin(ctx, r, lease)
	if err != nil {
		lease.Release()
	}
	return t, err
}

// begin records the beginning of a run and starts its goroutine, which
// releases the lease.
func (m *Manager) begin(ctx context.Context, r run, lease *event.Lease) (*Task, error) {
	var s State
	var before []event.Payload
	if !r.fresh {
		known, err := m.read(ctx, r.id)
		if err != nil {
			return nil, err
		}
		s = *known
		if r.spec, before, err = r.prepare(known); err != nil {
			return nil, err
		}
	}
	workCtx := ctx
	if !r.bound {
		workCtx = context.WithoutCancel(ctx)
	}
	workCtx, cancel := context.WithCancelCause(workCtx)
	t := &Task{
		ID: r.id, Spec: r.spec, m: m, log: m.opts.Log, now: m.opts.Now, state: s, cancel: cancel,
		done: make(chan struct{}), halted: make(chan struct{}),
		waiting: map[string]*listener{}, children: map[string]*Task{},
	}
	if err := m.register(t); err != nil {
		cancel(nil)
		return nil, err
	}
	if err := t.Record(ctx, append(before, r.first)...); err != nil {
		m.forget(t)
		cancel(nil)
		return nil, err
	}
	go m.work(workCtx, t, lease, r.report)
	return t, nil
}

// register adds a task to those at work, below its parent, unless that one is
// being stopped: a sub-agent that is just starting must not outlive the stop.
func (m *Manager) register(t *Task) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("%w: %w", pluginsdk.ErrUnavailable, errClosing)
	}
	t.root = t
	if parent := m.active[t.Spec.Parent]; parent != nil {
		if parent.cause != nil {
			return parent.cause
		}
		t.parent, t.root = parent, parent.root
		if parent.halt != nil {
			t.setHalt(parent.halt)
		}
	} else if root := m.active[t.Spec.Root]; root != nil {
		t.root = root
	}
	m.active[t.ID] = t
	m.wg.Add(1)
	return nil
}

// work runs the worker and records how it ended.
func (m *Manager) work(ctx context.Context, t *Task, lease *event.Lease, report bool) {
	started := m.opts.Now() // with the monotonic clock
	for {
		queued := t.State().Queue
		t.unheard.take()
		done := m.guarded(ctx, t)
		t.collect(ctx)
		done.Usage.DurationMS = m.opts.Now().Sub(started).Milliseconds()
		again, err := t.finish(ctx, done, queued)
		if err != nil {
			m.opts.Logger.Error("the end of a task could not be recorded", "task", t.ID, "error", err)
		}
		if !again {
			break
		}
	}
	t.cancel(nil)
	lease.Release()
	if report && t.Spec.Parent != "" {
		m.report(ctx, t)
	}
	m.forget(t)
}

// guarded runs the worker. Its panic is the end of the task, not of the host.
func (m *Manager) guarded(ctx context.Context, t *Task) (done event.TaskDone) {
	defer func() {
		if p := recover(); p != nil {
			m.opts.Logger.Error("the worker of a task panicked", "task", t.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			done = event.TaskDone{Status: event.StatusFailed, Error: &event.Error{
				Code: "internal", Message: fmt.Sprintf("cowork made a mistake in the middle of the task: %v", p),
				Next: "please report it, with the host's log",
			}}
		}
	}()
	return m.opts.Worker.Work(ctx, t)
}

// report tells the parent of a sub-agent that ran again how it ended.
func (m *Manager) report(ctx context.Context, t *Task) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	err := m.with(ctx, t.Spec.Parent, func(parent *Task) error { return parent.childDone(ctx, t.ID, t.end) })
	if err != nil {
		m.opts.Logger.Error("the end of a sub-agent could not be reported", "task", t.ID, "error", err)
	}
}

func (m *Manager) forget(t *Task) {
	m.mu.Lock()
	delete(m.active, t.ID)
	m.mu.Unlock()
	close(t.done)
	m.wg.Done()
}
