package task_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

// turns is an agent that works as the engine does: at each boundary it takes
// what is for now, at the end of a turn what begins the next one.
func turns(boundary <-chan struct{}) func(ctx context.Context, t *task.Task) error {
	return func(ctx context.Context, t *task.Task) error {
		for turn := 1; ; turn++ {
			<-boundary
			now, err := t.Deliver(ctx, turn, true)
			if err == nil && now != "" {
				err = t.Record(ctx, event.LogLine{Message: fmt.Sprintf("%d: %s", turn, now)})
			}
			if err != nil {
				return err
			}
			text, err := t.Deliver(ctx, turn+1, false)
			if text == "" || err != nil {
				return err
			}
			if err := t.Record(ctx, event.LogLine{Message: fmt.Sprintf("%d: %s", turn+1, text)}); err != nil {
				return err
			}
		}
	}
}

func send(t *testing.T, m *task.Manager, id, text string, when event.MessageWhen) string {
	t.Helper()
	msg, err := m.Send(t.Context(), id, event.MessageQueued{Text: text, When: when})
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	boundary := make(chan struct{})
	m := manager(t, log, agents{"x": turns(boundary)}.worker())
	id := start(t, m, task.Spec{Input: "x"})
	send(t, m, id, "next one", event.WhenNext)
	send(t, m, id, "now one", event.WhenNow)
	send(t, m, id, "next two", event.WhenNext)
	send(t, m, id, "now two", "")
	gone := send(t, m, id, "removed", event.WhenNow)
	if err := m.Change(t.Context(), id, event.MessageChanged{ID: gone, Remove: true}); err != nil {
		t.Fatal(err)
	}
	close(boundary)
	s := ended(t, m, id)
	want := []string{"1: now one\n\nnow two", "2: next one", "3: next two"}
	if diff := cmp.Diff(want, s.Logs); diff != "" || len(s.Queue) != 0 || s.Messages != 5 {
		t.Errorf("queue %+v, the worker got (-want +got):\n%s", s.Queue, diff)
	}
	if err := m.Change(t.Context(), id, event.MessageChanged{ID: "m1", Text: "too late"}); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("a change of a delivered message: %v", err)
	}
}

func TestQueue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		changes []event.MessageChanged
		err     error
		want    []string // texts in order, those for the next turn in brackets
	}{
		{"as sent", nil, nil, []string{"a", "b", "c"}},
		{"edited", []event.MessageChanged{{ID: "m2", Text: "B"}}, nil, []string{"a", "B", "c"}},
		{"to the front", []event.MessageChanged{{ID: "m3", Before: "m1"}}, nil, []string{"c", "a", "b"}},
		{"one up", []event.MessageChanged{{ID: "m3", Before: "m2"}}, nil, []string{"a", "c", "b"}},
		{"one down", []event.MessageChanged{{ID: "m1", Before: "m3"}}, nil, []string{"b", "a", "c"}},
		{"in front of its neighbour", []event.MessageChanged{{ID: "m1", Before: "m2"}}, nil, []string{"a", "b", "c"}},
		{"to the end", []event.MessageChanged{{ID: "m1", Before: "end"}}, nil, []string{"b", "c", "a"}},
		{"removed", []event.MessageChanged{{ID: "m2", Remove: true}}, nil, []string{"a", "c"}},
		{"later", []event.MessageChanged{{ID: "m2", When: event.WhenNext}}, nil, []string{"a", "[b]", "c"}},
		{"all at once", []event.MessageChanged{{ID: "m3", Text: "C", When: event.WhenNext, Before: "m1"}}, nil, []string{"[C]", "a", "b"}},
		{"nothing", []event.MessageChanged{{ID: "m1"}}, pluginsdk.ErrInvalid, []string{"a", "b", "c"}},
		{"removed twice", []event.MessageChanged{{ID: "m1", Remove: true}, {ID: "m1", Text: "x"}}, pluginsdk.ErrConflict, []string{"b", "c"}},
		{"unknown", []event.MessageChanged{{ID: "m4", Text: "x"}}, pluginsdk.ErrNotFound, []string{"a", "b", "c"}},
		{"no id", []event.MessageChanged{{ID: "", Text: "x"}}, pluginsdk.ErrNotFound, []string{"a", "b", "c"}},
		{"in front of itself", []event.MessageChanged{{ID: "m1", Before: "m1"}}, pluginsdk.ErrInvalid, []string{"a", "b", "c"}},
		{"in front of nothing", []event.MessageChanged{{ID: "m1", Before: "m9"}}, pluginsdk.ErrInvalid, []string{"a", "b", "c"}},
		{"a time there is not", []event.MessageChanged{{ID: "m1", When: "soon"}}, pluginsdk.ErrInvalid, []string{"a", "b", "c"}},
		{"too long", []event.MessageChanged{{ID: "m1", Text: strings.Repeat("x", 1<<21)}}, pluginsdk.ErrInvalid, []string{"a", "b", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := event.NewMemory()
			began := make(chan struct{})
			m := manager(t, log, agents{"x": blocks(began)}.worker())
			id := start(t, m, task.Spec{Input: "x"})
			for _, text := range []string{"a", "b", "c"} {
				send(t, m, id, text, event.WhenNow)
			}
			var err error
			for _, change := range c.changes {
				err = m.Change(t.Context(), id, change)
			}
			if !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if err := m.Stop(t.Context(), id, false); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, msg := range state(t, m, id).Queue { // read from the log: it outlives the run
				if msg.When == event.WhenNext {
					msg.Text = "[" + msg.Text + "]"
				}
				got = append(got, msg.Text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("queue (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	m := manager(t, event.NewMemory(), agents{"x": blocks(make(chan struct{}))}.worker())
	id := start(t, m, task.Spec{Input: "x"})
	for name, msg := range map[string]event.MessageQueued{
		"empty":            {},
		"blank":            {Text: " \n\t"},
		"not text":         {Text: "\xff\xfe"},
		"giant":            {Text: strings.Repeat("x", 1<<20+1)},
		"at no known time": {Text: "x", When: "tomorrow"},
	} {
		if _, err := m.Send(t.Context(), id, msg); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("a message that is %s: %v", name, err)
		}
	}
	_, err := m.Send(t.Context(), "nosuch", event.MessageQueued{Text: "x"})
	wantCode(t, err, pluginsdk.ErrNotFound)
	if s := state(t, m, id); len(s.Queue) != 0 {
		t.Errorf("queue %+v", s.Queue)
	}
}

func TestAThousandMessages(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, agents{"x": blocks(make(chan struct{}))}.worker())
	id := start(t, m, task.Spec{Input: "x"})
	var wg sync.WaitGroup
	for w := range 10 {
		wg.Go(func() {
			for i := range 100 {
				if _, err := m.Send(t.Context(), id, event.MessageQueued{Text: fmt.Sprint(w, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, err := m.Send(t.Context(), id, event.MessageQueued{Text: "one too many"})
	var user *pluginsdk.Error
	if !errors.As(err, &user) || !errors.Is(err, pluginsdk.ErrConflict) || !strings.Contains(user.Message, "1000") || user.Next == "" {
		t.Errorf("message 1,001: %v", err)
	}
	seen := map[string]bool{}
	for _, msg := range state(t, m, id).Queue {
		seen[msg.ID] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different ids", len(seen))
	}
	if err := m.Change(t.Context(), id, event.MessageChanged{ID: "m1000", Before: "m1"}); err != nil {
		t.Error(err)
	}
	if err := m.Change(t.Context(), id, event.MessageChanged{ID: "m1", Remove: true}); err != nil {
		t.Error(err)
	}
	if got := send(t, m, id, "there is room again", ""); got != "m1001" {
		t.Errorf("its id is %s", got)
	}
}

// TestSendWhenOver sends to tasks that are over: each begins a new turn.
func TestSendWhenOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  event.TaskDone
	}{
		{"done", event.TaskDone{Status: event.StatusDone}},
		{"failed", event.TaskDone{Status: event.StatusFailed, Error: &event.Error{Code: "internal"}}},
		{"stopped", event.TaskDone{Status: event.StatusStopped}},
		{"parked", event.TaskDone{Status: event.StatusParked}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := event.NewMemory()
			m := manager(t, log, &worker{work: func(ctx context.Context, tk *task.Task) event.TaskDone {
				text, err := tk.Deliver(ctx, 2, false)
				if text == "" && err == nil {
					return c.end
				}
				return finish(ctx, errors.Join(err, tk.Record(ctx, event.LogLine{Message: text})))
			}})
			id := start(t, m, task.Spec{})
			ended(t, m, id)
			if got := send(t, m, id, "and now", event.WhenNext); got != "m1" {
				t.Errorf("id %s", got)
			}
			s := ended(t, m, id)
			if diff := cmp.Diff([]string{"and now"}, s.Logs); diff != "" || s.Resumed != 1 || s.Status != event.StatusDone || len(s.Queue) != 0 {
				t.Errorf("state %+v, the worker got (-want +got):\n%s", s, diff)
			}
			var kinds []event.Kind
			for e, err := range log.Read(t.Context(), id, 3) {
				if err != nil {
					t.Fatal(err)
				}
				kinds = append(kinds, e.Kind)
			}
			want := []event.Kind{event.KindMessageQueued, event.KindTaskResumed, event.KindMessageDelivered, event.KindLog, event.KindTaskDone}
			if diff := cmp.Diff(want, kinds); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMessageAtTheLastMoment sends when the worker has looked for messages for
// the last time: the message is heard in the same run, exactly once.
func TestMessageAtTheLastMoment(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	looked, go_ := make(chan struct{}), make(chan struct{})
	runs := 0
	m := manager(t, log, &worker{work: func(ctx context.Context, tk *task.Task) event.TaskDone {
		runs++
		text, err := tk.Deliver(ctx, runs, false)
		if runs == 1 {
			close(looked)
			<-go_
		}
		return finish(ctx, errors.Join(err, tk.Record(ctx, event.LogLine{Message: text})))
	}})
	id := start(t, m, task.Spec{})
	<-looked
	send(t, m, id, "wait!", "")
	close(go_)
	s := ended(t, m, id)
	if diff := cmp.Diff([]string{"", "wait!"}, s.Logs); diff != "" || count(t, log, id, event.KindTaskDone) != 1 || s.Status != event.StatusDone {
		t.Errorf("status %s, the worker got (-want +got):\n%s", s.Status, diff)
	}
}

// TestMessageNobodyTakes is one to a worker that takes none: it runs no more
// than twice.
func TestMessageNobodyTakes(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	ran, go_ := make(chan struct{}, 10), make(chan struct{})
	m := manager(t, log, &worker{work: func(context.Context, *task.Task) event.TaskDone {
		ran <- struct{}{}
		<-go_
		return event.TaskDone{Status: event.StatusDone}
	}})
	id := start(t, m, task.Spec{})
	<-ran
	send(t, m, id, "hello?", "")
	close(go_)
	if s := ended(t, m, id); s.Status != event.StatusDone || len(s.Queue) != 1 || len(ran) != 1 {
		t.Errorf("status %s, queue %+v, %d more runs", s.Status, s.Queue, len(ran))
	}
}

// TestManySendersAtTheEnd sends from many sides to a task that keeps ending:
// every message is delivered exactly once.
func TestManySendersAtTheEnd(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, &worker{work: func(ctx context.Context, tk *task.Task) event.TaskDone {
		text, err := tk.Deliver(ctx, 1, false)
		if err == nil && text != "" {
			err = tk.Record(ctx, event.LogLine{Message: text})
		}
		return finish(ctx, err)
	}})
	id := start(t, m, task.Spec{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				if _, err := m.Send(t.Context(), id, event.MessageQueued{Text: fmt.Sprintf("%d-%d", w, i), When: event.WhenNext}); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
	}
	wg.Wait()
	s := ended(t, m, id)
	seen := map[string]int{}
	for _, line := range s.Logs {
		seen[line]++
	}
	for w := range 8 {
		for i := range 20 {
			if n := seen[fmt.Sprintf("%d-%d", w, i)]; n != 1 {
				t.Errorf("message %d-%d was delivered %d times", w, i, n)
			}
		}
	}
}

func TestSendToAnAgent(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	boundary := make(chan struct{})
	m := manager(t, log, agents{"root": spawns("x", "ask"), "x": turns(boundary), "ask": asks("a")}.worker())
	root := start(t, m, task.Spec{Input: "root"})
	for len(state(t, m, root).Children) < 2 {
		<-m.Done("nosuch")
	}
	x, ask := childOf(t, m, root, "x"), childOf(t, m, root, "ask")
	send(t, m, x, "look again", "")
	close(boundary)
	if s := ended(t, m, x); len(s.Logs) != 1 || s.Logs[0] != "1: look again" {
		t.Errorf("the sub-agent got %q", s.Logs)
	}
	_, err := m.Send(t.Context(), x, event.MessageQueued{Text: "too late"})
	if !errors.Is(err, pluginsdk.ErrConflict) || !strings.Contains(err.Error(), root) {
		t.Errorf("to a sub-agent that is over: %v", err)
	}
	// To a parked one it is kept, and its tree goes on.
	ended(t, m, root)
	if got := send(t, m, ask, "never mind", ""); got != "m1" {
		t.Errorf("id %s", got)
	}
	s := ended(t, m, root)
	if c := ended(t, m, ask); s.Resumed != 1 || len(c.Queue) != 1 || c.Resumed != 1 {
		t.Errorf("the root was resumed %d times; the sub-agent %d times, queue %+v", s.Resumed, c.Resumed, c.Queue)
	}
}

func TestEditPlan(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	began, edited := make(chan struct{}), make(chan struct{})
	m := manager(t, log, agents{"x": func(ctx context.Context, tk *task.Task) error {
		_, err := tk.EditPlan(ctx, "model", event.PlanOp{Op: "add", Text: "read"}, event.PlanOp{Op: "add", Text: "write"})
		close(began)
		<-edited
		return err
	}}.worker())
	id := start(t, m, task.Spec{Input: "x"})
	<-began
	for _, ops := range [][]event.PlanOp{nil, {{Op: "remove", ID: "9"}}, {{Op: "add", Text: "kept out"}, {Op: "dance", ID: "1"}}} {
		if err := m.EditPlan(t.Context(), id, ops); err == nil {
			t.Errorf("edits %+v were made", ops)
		}
	}
	if err := m.EditPlan(t.Context(), id, []event.PlanOp{{Op: "status", ID: "1", Status: event.PlanDone, Note: "two pages"}, {Op: "edit", ID: "2", Text: "write it down"}}); err != nil {
		t.Fatal(err)
	}
	close(edited)
	s := ended(t, m, id)
	want := []plan.Step{{ID: "1", Text: "read", Status: event.PlanDone, Note: "two pages"}, {ID: "2", Text: "write it down", Status: event.PlanPending}}
	if diff := cmp.Diff(want, s.Plan); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if err := m.EditPlan(t.Context(), id, []event.PlanOp{{Op: "remove", ID: "2"}}); err != nil || len(state(t, m, id).Plan) != 1 {
		t.Errorf("an edit of a task that is over: %v", err)
	}
}
