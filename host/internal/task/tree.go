package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// maxDepth bounds how deep a tree of tasks is followed.
const maxDepth = 64

// root returns the id of the task at the top of a task's tree.
func (m *Manager) root(ctx context.Context, id string) (string, error) {
	h, err := m.opts.Log.Head(ctx, id)
	if errors.Is(err, pluginsdk.ErrNotFound) {
		return "", unknown(id)
	}
	for range maxDepth {
		if err != nil || h.Parent == "" {
			break
		}
		var up event.Head
		if up, err = m.opts.Log.Head(ctx, h.Parent); err == nil {
			h = up
		}
	}
	if errors.Is(err, pluginsdk.ErrNotFound) { // its parent is not here
		return h.Task, nil
	}
	return h.Task, err
}

// rootOf is the Root of a task's spec: empty at the top.
func (m *Manager) rootOf(ctx context.Context, s *State) string {
	if s.Parent == "" {
		return ""
	}
	root, err := m.root(ctx, s.ID)
	if err != nil || root == s.ID {
		return ""
	}
	return root
}

// below calls f with every task below id, parents before their sub-agents.
func (m *Manager) below(ctx context.Context, id string, f func(event.Head) error) error {
	todo := []string{id}
	seen := map[string]bool{id: true}
	for len(todo) > 0 {
		heads, err := m.opts.Log.Tasks(ctx, event.Query{Parent: todo[0], Limit: -1})
		if err != nil {
			return err
		}
		todo = todo[1:]
		for _, h := range heads {
			if seen[h.Task] {
				continue
			}
			seen[h.Task] = true
			todo = append(todo, h.Task)
			if err := f(h); err != nil {
				return err
			}
		}
	}
	return nil
}

// waiting returns the open approvals of a task and all below it.
func (m *Manager) waiting(ctx context.Context, s *State) ([]Approval, error) {
	open := s.OpenApprovals()
	if s.Over() && s.Status != event.StatusParked {
		return open, nil
	}
	err := m.below(ctx, s.ID, func(h event.Head) error {
		if h.Status != event.StatusParked && m.task(h.Task) == nil {
			return nil
		}
		child, err := m.own(ctx, h.Task)
		if err == nil {
			open = append(open, child.OpenApprovals()...)
		}
		return err
	})
	return open, err
}

// tree returns the tasks at work at and below id. It is called with the lock
// held.
func (m *Manager) tree(id string) []*Task {
	var out []*Task
	for _, t := range m.active {
		at := t
		for range maxDepth {
			if at == nil || at.ID == id {
				break
			}
			at = m.active[at.Spec.Parent]
		}
		if at != nil && at.ID == id || t.Spec.Root == id {
			out = append(out, t)
		}
	}
	return out
}

// cut cancels a task; the first cause stands. It is called with the manager's
// lock held.
func (t *Task) cut(cause error) {
	if t.cause == nil {
		t.cause = cause
	}
	t.cancel(cause)
}

// setHalt asks a task to end at its next boundary; a stop replaces a pause. It
// is called with the manager's lock held.
func (t *Task) setHalt(why error) {
	if t.halt == nil {
		close(t.halted)
	}
	if t.halt == nil || errors.Is(why, ErrStopAfter) {
		t.halt = why
	}
}

// stopGrace is how long a stop waits for the log before it stops all the same.
const stopGrace = 250 * time.Millisecond

// Stop stops a task and all below it. With after it asks them to end when the
// steps that run are over and returns at once; otherwise it cancels them and
// returns when they have ended, or when ctx ends. A parked task is stopped as
// well; any other that is not at work is left as it is.
func (m *Manager) Stop(ctx context.Context, id string, after bool) error {
	t := m.task(id)
	if t == nil {
		return m.stopIdle(ctx, id)
	}
	reason := "asked for"
	if after {
		reason = "asked for, after this step"
	}
	recorded := make(chan error, 1)
	go func() {
		_, err := t.try(func(*Task) error { return t.record(ctx, event.TaskStopping{Reason: reason}) })
		recorded <- err
	}()
	select {
	case err := <-recorded:
		if err != nil {
			m.opts.Logger.Error("record stop", "task", id, "error", err)
		}
	case <-time.After(stopGrace): // a log that hangs does not keep it from stopping
	}
	m.mu.Lock()
	for _, below := range m.tree(id) {
		switch {
		case after:
			below.setHalt(ErrStopAfter)
		case below == t:
			below.cut(errStopped)
		default:
			below.cut(errStoppedAbove)
		}
	}
	m.mu.Unlock()
	if after {
		return nil
	}
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stopIdle gives up what is parked at and below a task.
func (m *Manager) stopIdle(ctx context.Context, id string) error {
	stop := func(id string) error {
		return m.with(ctx, id, func(t *Task) error {
			if t.state.Status != event.StatusParked || t.state.Imported || t.atWork() {
				return nil
			}
			return t.record(ctx, event.TaskStopping{Reason: "asked for"}, event.TaskDone{
				Status: event.StatusStopped, Sandbox: t.state.Sandbox, Artifacts: t.state.Artifacts, Facts: t.state.Facts,
				Usage: t.state.Usage, Error: &event.Error{Code: "stopped", Message: "the task was stopped while it waited"},
			})
		})
	}
	h, err := m.opts.Log.Head(ctx, id)
	if errors.Is(err, pluginsdk.ErrNotFound) {
		return unknown(id)
	}
	if err != nil || h.Status != event.StatusParked {
		return err
	}
	if err := stop(id); err != nil {
		return err
	}
	return m.below(ctx, id, func(h event.Head) error {
		if h.Status != event.StatusParked {
			return nil
		}
		return stop(h.Task)
	})
}

// Pause asks the whole tree of a task to end at the next boundary, as parked,
// and returns at once. by says who asked.
func (m *Manager) Pause(ctx context.Context, id, by string) error {
	root, err := m.root(ctx, id)
	if err != nil {
		return err
	}
	t := m.task(root)
	if t == nil {
		h, err := m.opts.Log.Head(ctx, root)
		if err != nil || h.Status == event.StatusParked {
			return err
		}
		return &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: fmt.Sprintf("task %s is %s, so there is nothing to pause", root, h.Status)}
	}
	if _, err := t.try(func(*Task) error { return t.record(ctx, event.TaskPaused{Reason: "asked for", By: by}) }); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, below := range m.tree(root) {
		below.setHalt(ErrPaused)
	}
	return nil
}
