package task

import (
	"context"
	"sync"
)

// gates let one caller at a time begin a task or write to one that is not at
// work. The zero value is open.
type gates struct {
	mu   sync.Mutex
	held map[string]*gate
}

type gate struct {
	token chan struct{} // full while somebody is through
	users int
}

// enter waits until the task's gate is free. leave must be called once.
func (g *gates) enter(ctx context.Context, id string) (leave func(), err error) {
	g.mu.Lock()
	if g.held == nil {
		g.held = map[string]*gate{}
	}
	own := g.held[id]
	if own == nil {
		own = &gate{token: make(chan struct{}, 1)}
		g.held[id] = own
	}
	own.users++
	g.mu.Unlock()
	forget := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(g.held, id)
		}
	}
	select {
	case own.token <- struct{}{}:
		return func() { <-own.token; forget() }, nil
	case <-ctx.Done():
		forget()
		return nil, ctx.Err()
	}
}

// with calls f with the task and its lock held, whether it is at work or not.
// While f runs the task neither begins nor ends.
func (m *Manager) with(ctx context.Context, id string, f func(t *Task) error) error {
	leave, err := m.gates.enter(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	if t := m.task(id); t != nil {
		if tried, err := t.try(f); tried {
			return err
		}
		select { // it is letting go
		case <-t.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	lease, err := m.lease(ctx, id)
	if err != nil {
		return err
	}
	defer lease.Release()
	t, err := m.idle(ctx, id)
	if err != nil {
		return err
	}
	_, err = t.try(f)
	return err
}

// idle returns a task that nobody works on, from its log.
func (m *Manager) idle(ctx context.Context, id string) (*Task, error) {
	s, err := m.read(ctx, id)
	if err != nil {
		return nil, err
	}
	return &Task{ID: id, Spec: specOf(s), log: m.opts.Log, now: m.opts.Now, state: *s, waiting: map[string]*listener{}}, nil
}

// try calls f unless the task's end is recorded.
func (t *Task) try(f func(t *Task) error) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false, nil
	}
	return true, f(t)
}

// atWork reports whether a worker has the task.
func (t *Task) atWork() bool { return t.done != nil }
