package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/cowork-host/cowork/host/internal/event"
)

// Recover settles the tasks that were at work when the host last died. It is
// called once, before the first Start. A task it cannot settle is left as it
// is, and named in the error; the others are settled all the same.
func (m *Manager) Recover(ctx context.Context) error {
	heads, err := m.opts.Log.Tasks(ctx, event.Query{Limit: -1})
	if err != nil {
		return err
	}
	var errs []error
	for _, h := range heads {
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
	s, err := m.State(ctx, id)
	if err != nil {
		return err
	}
	t := &Task{ID: id, Spec: Spec{Parent: s.Parent}, log: m.opts.Log, state: *s}
	done := event.TaskDone{Status: event.StatusFailed, Sandbox: s.Sandbox, Error: cutOff(s)}
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
		got, err := m.opts.Worker.Settle(ctx, id, st)
		if err != nil {
			return err
		}
		if !got.Applied && st.Status != StepDone {
			whole = false
			if err := t.Record(ctx, event.StepFailed{Step: st.ID, Error: done.Error}); err != nil {
				return err
			}
			continue
		}
		if st.Status != StepDone {
			if err := t.Record(ctx, event.StepApplied{Step: st.ID, Changes: got.Changes}); err != nil {
				return err
			}
		}
		if st.Result != nil {
			done.Artifacts, done.Facts = append(done.Artifacts, got.Artifacts...), append(done.Facts, st.Result.Facts...)
		}
	}
	if whole { // only the last word was missing
		done.Status, done.Error = event.StatusDone, nil
	}
	return t.Record(ctx, done)
}

// cutOff says what the death of the host means for a task whose step was not
// applied.
func cutOff(s *State) *event.Error {
	what := "the step that ran has changed nothing"
	if len(s.Steps) == 0 {
		what = "it had not begun its work; nothing was changed"
	}
	next := "run it again with `cowork task resume " + s.ID + "`"
	if s.Status == event.StatusStopping {
		return &event.Error{Code: "stopped", Message: "the task was stopped; " + what, Next: next}
	}
	return &event.Error{Code: "interrupted", Message: "the host ended in the middle of the task; " + what, Next: next}
}
