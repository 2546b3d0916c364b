package task

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Child is a sub-agent, as the task that started it sees it.
type Child struct {
	// ID is the id of the sub-agent's task.
	ID string

	parent *Task
	task   *Task           // nil when it was over already
	end    *event.TaskDone // how it was over
}

// Spawn starts a sub-agent: a task of its own below this one. That it was
// started is recorded here before it begins; started needs no Child. It works
// until it is over or ctx, or this task, is cancelled. It has the folders and
// the reach of this task at the most: what would be more is a
// [pluginsdk.ErrDenied].
func (t *Task) Spawn(ctx context.Context, spec Spec, started event.ChildStarted) (*Child, error) {
	if err := t.narrow(&spec); err != nil {
		return nil, err
	}
	if err := t.m.opts.Worker.Check(ctx, spec); err != nil {
		return nil, err
	}
	started.Child = t.m.opts.NewID()
	if err := t.Record(ctx, started); err != nil {
		return nil, err
	}
	child, err := t.m.launch(ctx, run{id: started.Child, spec: spec, first: spec.created(), fresh: true, bound: true})
	if err != nil {
		failed := event.TaskDone{Status: event.StatusFailed, Error: event.ErrorOf(err)}
		if errors.Is(err, errStopped) {
			failed.Status = event.StatusStopped
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		return nil, errors.Join(err, t.childDone(ctx, started.Child, failed))
	}
	return t.adopt(child), nil
}

// adopt makes a task at work one of this task's sub-agents.
func (t *Task) adopt(child *Task) *Child {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.children[child.ID] = child
	return &Child{ID: child.ID, parent: t, task: child}
}

// narrow makes a sub-agent's spec one below this task, and refuses a wider one.
func (t *Task) narrow(spec *Spec) error {
	spec.Parent, spec.Root, spec.Interactive = t.ID, t.Root(), t.Spec.Interactive
	spec.NoInternet = spec.NoInternet || t.Spec.NoInternet
	spec.Light = spec.Light || t.Spec.Light
	spec.ReadOnly = spec.ReadOnly || t.Spec.ReadOnly
	for _, f := range spec.Folders {
		if !within(f, t.Spec.Folders) {
			return &pluginsdk.Error{
				Kind: pluginsdk.ErrDenied, Message: fmt.Sprintf("a sub-agent cannot have the folder %.200s: the task itself does not have it", f),
				Next: "give it one of the task's folders",
			}
		}
	}
	return nil
}

// within reports whether a folder is one of the granted ones or inside one,
// by where it is on the disk as well as by its name.
func within(folder string, granted []string) bool {
	if !filepath.IsAbs(folder) {
		return false
	}
	folder = real(folder)
	for _, g := range granted {
		rel, err := filepath.Rel(real(g), folder)
		if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// real is where a path leads to; one that leads nowhere stays as it is, and
// cannot be opened either.
func real(path string) string {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		return to
	}
	return filepath.Clean(path)
}

// Attach returns a sub-agent that an earlier run of this task started. One that
// is over yields its end, one that is at work is joined, and one that parked,
// was interrupted or stopped with this task is resumed. One that never began
// is a [pluginsdk.ErrNotFound]: spawn it again.
func (t *Task) Attach(ctx context.Context, child string) (*Child, error) {
	t.mu.Lock()
	known := t.state.child(child) != nil
	t.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("task %s has no sub-agent %.100s: %w", t.ID, child, pluginsdk.ErrNotFound)
	}
	if at := t.m.task(child); at != nil && at.Spec.Parent == t.ID {
		return t.adopt(at), nil
	}
	var end *event.TaskDone
	at, err := t.m.launch(ctx, run{id: child, first: event.TaskResumed{Reason: "with its task"}, bound: true, prepare: func(s *State) (Spec, []event.Payload, error) {
		spec := specOf(s)
		if s.Parent != t.ID {
			return spec, nil, fmt.Errorf("task %s is no sub-agent of %s: %w", child, t.ID, pluginsdk.ErrDenied)
		}
		if s.finished() {
			end = s.done()
			return spec, nil, errFinished
		}
		if err := runnable(s); err != nil {
			return spec, nil, err
		}
		spec.Root, spec.Interactive = t.Root(), t.Spec.Interactive
		return spec, nil, t.m.opts.Worker.Check(ctx, spec)
	}})
	switch {
	case errors.Is(err, errFinished):
		return &Child{ID: child, parent: t, end: end}, nil
	case err != nil:
		return nil, err
	}
	return t.adopt(at), nil
}

// errFinished says that a sub-agent does not run again by itself.
var errFinished = errors.New("the sub-agent is over")

// finished reports whether a sub-agent came to an end of its own, which a
// resume of the task above does not change.
func (s *State) finished() bool {
	switch s.Status {
	case event.StatusDone:
		return true
	case event.StatusStopped:
		return s.StopAsked
	case event.StatusFailed:
		return s.Error == nil || s.Error.Code != "interrupted"
	}
	return false
}

// done is the end the state knows of.
func (s *State) done() *event.TaskDone {
	return &event.TaskDone{
		Status: s.Status, Sandbox: s.Sandbox, Artifacts: s.Artifacts, Facts: s.Facts, Usage: s.Usage, Error: s.Error,
	}
}

// Wait waits until the sub-agent is over and records that in the task that
// started it. When ctx ends first the error is its cause.
func (c *Child) Wait(ctx context.Context) (event.TaskDone, error) {
	done := c.end
	if done == nil {
		select {
		case <-c.task.done:
			done = &c.task.end
		case <-ctx.Done():
			return event.TaskDone{}, context.Cause(ctx)
		}
	}
	c.parent.mu.Lock()
	defer c.parent.mu.Unlock()
	if c.parent.children[c.ID] == c.task {
		delete(c.parent.children, c.ID)
	}
	return *done, c.parent.childDone(ctx, c.ID, *done)
}

// State returns what is known of the sub-agent: its text is what it found.
func (c *Child) State(ctx context.Context) (*State, error) {
	return c.parent.m.State(ctx, c.ID)
}

// Send sends the sub-agent a message of the task that started it.
func (c *Child) Send(ctx context.Context, text string) error {
	_, err := c.parent.m.Send(ctx, c.ID, event.MessageQueued{Text: text, When: event.WhenNow, From: "parent"})
	return err
}

// childDone records how a sub-agent ended, once. It is called with the lock
// held.
func (t *Task) childDone(ctx context.Context, child string, done event.TaskDone) error {
	c := t.state.child(child)
	if c == nil {
		return fmt.Errorf("task %s has no sub-agent %s: %w", t.ID, child, pluginsdk.ErrNotFound)
	}
	if c.Status == done.Status && c.Usage == done.Usage {
		return nil
	}
	return t.record(ctx, event.ChildDone{Child: child, Status: done.Status, Usage: done.Usage, Error: done.Error})
}

// collect ends the sub-agents that are still at work when the worker has
// returned, waits for them, and records how they ended.
func (t *Task) collect(ctx context.Context) {
	t.mu.Lock()
	children := t.children
	t.children = map[string]*Task{}
	t.mu.Unlock()
	for _, c := range children {
		t.m.mu.Lock()
		cause := t.cause
		if cause == nil {
			cause = errLeft
		}
		c.cut(cause)
		t.m.mu.Unlock()
	}
	for id, c := range children {
		<-c.done
		t.mu.Lock()
		if err := t.childDone(ctx, id, c.end); err != nil {
			t.m.opts.Logger.Error("the end of a sub-agent could not be recorded", "task", t.ID, "child", id, "error", err)
		}
		t.mu.Unlock()
	}
}

// Retry runs a sub-agent that failed or was stopped again. The task that
// started it gets the new end if it still waits.
func (m *Manager) Retry(ctx context.Context, id string) error {
	root, err := m.root(ctx, id)
	if err != nil {
		return err
	}
	if root == id {
		return m.resume(ctx, id, resuming{reason: "retried"})
	}
	_, err = m.launch(ctx, run{id: id, first: event.TaskResumed{Reason: "retried"}, report: true, prepare: func(s *State) (Spec, []event.Payload, error) {
		spec := specOf(s)
		spec.Root = root
		if err := runnable(s); err != nil {
			return spec, nil, err
		}
		if s.Status != event.StatusFailed && s.Status != event.StatusStopped {
			return spec, nil, &pluginsdk.Error{
				Kind: pluginsdk.ErrConflict, Message: fmt.Sprintf("sub-agent %s is %s; only one that failed or was stopped is run again", id, s.Status),
			}
		}
		return spec, nil, m.opts.Worker.Check(ctx, spec)
	}})
	return err
}
