package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Recover settles the tasks that were at work when the host last died. It is
// called once, before the first Start. A task it cannot settle is left as it
// is, and named in the error; the others are settled all the same. Nothing
// runs: messages that wait stay in their queues, approvals stay open.
func (m *Manager) Recover(ctx context.Context) error {
	heads, err := m.opts.Log.Tasks(ctx, event.Query{Limit: -1})
	if err != nil {
		return err
	}
	var errs []error
	for _, h := range heads { // the newest first: sub-agents before their tasks
		if h.Status == event.StatusRunning || h.Status == event.StatusStopping {
			if err := m.settle(ctx, h.Task); err != nil {
				errs = append(errs, fmt.Errorf("settle task %s: %w", h.Task, err))
			}
		}
	}
	return errors.Join(errs...)
}

// settle records the steps of a task as they are and how it ended.
func (m *Manager) settle(ctx context.Context, id string) error {
	t, err := m.idle(ctx, id)
	if err != nil {
		return err
	}
	if err := m.settleChildren(ctx, t); err != nil {
		return err
	}
	done, err := m.settleSteps(ctx, t)
	if err != nil {
		return err
	}
	settleWork(t, &done)
	done.Usage = t.state.Usage
	if err := t.Record(ctx, done); err != nil {
		return err
	}
	return m.settleParent(ctx, t, done)
}

// settleSteps settles the handlers' steps and says how the task ended as far
// as they go.
func (m *Manager) settleSteps(ctx context.Context, t *Task) (event.TaskDone, error) {
	s := t.state.clone()
	done := event.TaskDone{Status: event.StatusFailed, Sandbox: s.Sandbox, Error: cutOff(&s)}
	if s.Status == event.StatusStopping {
		done.Status = event.StatusStopped
	}
	whole := len(s.Steps) > 0
	for _, st := range s.Steps {
		if st.Status == StepFailed {
			whole = false
			if st.Error != nil {
				done.Error = st.Error
			}
			continue
		}
		got, err := m.opts.Worker.Settle(ctx, t.ID, st)
		if err != nil {
			return done, err
		}
		whole = whole && !got.Unfinished
		if !got.Applied && st.Status != StepDone {
			whole = false
			if err := t.Record(ctx, event.StepFailed{Step: st.ID, Error: done.Error}); err != nil {
				return done, err
			}
			continue
		}
		if st.Status != StepDone {
			if err := t.Record(ctx, event.StepApplied{Step: st.ID, Changes: got.Changes}); err != nil {
				return done, err
			}
		}
		if st.Result != nil {
			done.Artifacts, done.Facts = append(done.Artifacts, got.Artifacts...), append(done.Facts, st.Result.Facts...)
		}
	}
	if whole && s.Turn == 0 { // only the last word was missing
		done.Status, done.Error = event.StatusDone, nil
	}
	return done, nil
}

// settleWork says how a task with a model ended.
func settleWork(t *Task, done *event.TaskDone) {
	s := &t.state
	switch {
	case done.Status == event.StatusDone || done.Status == event.StatusStopped:
	case s.Turn > 0 && s.TurnOver && len(s.Queue) == 0: // only the last word was missing
		done.Status, done.Error = event.StatusDone, nil
	case s.Pausing:
		done.Status, done.Error = event.StatusParked, paused(t.ID)
	case s.waits():
		done.Status, done.Error = event.StatusParked, waitsFor(t.ID)
	}
}

// settleChildren records how sub-agents ended that the task does not know of.
func (m *Manager) settleChildren(ctx context.Context, t *Task) error {
	for _, c := range t.State().Children {
		if c.Status != event.StatusRunning {
			continue
		}
		end := &event.TaskDone{Status: event.StatusFailed, Error: &event.Error{Code: "interrupted", Message: "the sub-agent had not begun"}}
		switch s, err := m.read(ctx, c.Child); {
		case errors.Is(err, pluginsdk.ErrNotFound):
		case err != nil:
			return err
		case s.Parent != t.ID || !s.Over():
			continue
		default:
			end = s.done()
		}
		t.mu.Lock()
		err := t.childDone(ctx, c.Child, *end)
		t.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// settleParent tells the task above how a sub-agent ended.
func (m *Manager) settleParent(ctx context.Context, t *Task, done event.TaskDone) error {
	if t.Spec.Parent == "" {
		return nil
	}
	parent, err := m.idle(ctx, t.Spec.Parent)
	if errors.Is(err, pluginsdk.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	parent.mu.Lock()
	defer parent.mu.Unlock()
	if c := parent.state.child(t.ID); c == nil || c.Status != event.StatusRunning {
		return nil
	}
	return parent.childDone(ctx, t.ID, done)
}

// cutOff says what the death of the host means for a task whose step was not
// applied.
func cutOff(s *State) *event.Error {
	what := "the step that ran has changed nothing"
	switch {
	case s.Turn > 0:
		what = "what its finished steps did is kept"
	case len(s.Steps) == 0:
		what = "it had not begun its work; nothing was changed"
	}
	next := "run it again with `cowork task resume " + s.ID + "`"
	if s.Turn > 0 {
		next = "go on with `cowork task resume " + s.ID + "`"
	}
	if s.Status == event.StatusStopping {
		return &event.Error{Code: "stopped", Message: "the task was stopped; " + what, Next: next}
	}
	return &event.Error{Code: "interrupted", Message: "the host ended in the middle of the task; " + what, Next: next}
}
