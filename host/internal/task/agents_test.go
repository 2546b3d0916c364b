package task_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

// agents is a worker that does what a task's input names.
type agents map[string]func(ctx context.Context, t *task.Task) error

func (a agents) worker() *worker {
	return &worker{work: func(ctx context.Context, t *task.Task) event.TaskDone {
		return finish(ctx, a[t.Spec.Input](ctx, t))
	}}
}

// asks is an agent that asks for an approval and says what it was answered.
func asks(id string) func(ctx context.Context, t *task.Task) error {
	return func(ctx context.Context, t *task.Task) error {
		got, err := t.Approval(ctx, approval(id))
		if err != nil {
			return err
		}
		return t.Record(ctx, event.LogLine{Message: fmt.Sprintf("%s %t %s %s", got.ID, got.Allow, got.Scope, got.Reason)})
	}
}

func approval(id string) event.ApprovalAsked {
	return event.ApprovalAsked{ID: id, Call: "call-" + id, Card: event.Card{
		About: "tool", Action: "send a mail", Scopes: []string{"once", "task"}, Rule: "outward",
	}}
}

// blocks is an agent that works until it is cancelled or halted; began is
// closed when it does.
func blocks(began chan<- struct{}) func(ctx context.Context, t *task.Task) error {
	var once sync.Once
	return func(ctx context.Context, t *task.Task) error {
		once.Do(func() { close(began) })
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

// spawns is an agent that does as the engine does: it starts a sub-agent for
// each input, takes up again those an earlier run started, and parks when one
// of them parks.
func spawns(inputs ...string) func(ctx context.Context, t *task.Task) error {
	return func(ctx context.Context, t *task.Task) error {
		var wg sync.WaitGroup
		errs := make([]error, len(inputs))
		for i, input := range inputs {
			wg.Go(func() { errs[i] = oneAgent(ctx, t, input) })
		}
		wg.Wait()
		return errors.Join(errs...)
	}
}

func oneAgent(ctx context.Context, t *task.Task, input string) error {
	var c *task.Child
	err := error(pluginsdk.ErrNotFound)
	for _, known := range t.State().Children {
		if known.Call == "call-"+input {
			c, err = t.Attach(ctx, known.Child)
		}
	}
	if errors.Is(err, pluginsdk.ErrNotFound) {
		c, err = t.Spawn(ctx, task.Spec{Input: input}, event.ChildStarted{Call: "call-" + input, Agent: "general", Title: input})
	}
	if err != nil {
		return err
	}
	done, err := c.Wait(ctx)
	if err != nil {
		return err
	}
	if done.Status == event.StatusParked {
		return errors.Join(task.ErrParked, t.Halt())
	}
	if why := t.Halt(); why != nil {
		return why
	}
	return t.Record(ctx, event.LogLine{Message: input + " " + string(done.Status)})
}

// childOf returns the id of the sub-agent that a task started for an input.
func childOf(t *testing.T, m *task.Manager, id, input string) string {
	t.Helper()
	for _, c := range state(t, m, id).Children {
		if c.Call == "call-"+input {
			return c.Child
		}
	}
	t.Fatalf("task %s has no sub-agent for %s", id, input)
	return ""
}

// count is how many events of the kind a task has.
func count(t *testing.T, log event.Log, id string, kind event.Kind) int {
	t.Helper()
	n := 0
	for e, err := range log.Read(t.Context(), id, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func closeManager(t *testing.T, m *task.Manager) {
	t.Helper()
	if err := m.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("close: %v", err)
	}
}
