package task_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

func seq(events []event.Event) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// exported is a tree's log as it is after a way through JSON lines.
func exported(t *testing.T, log event.Log, root string) []event.Event {
	t.Helper()
	var out []event.Event
	for e, err := range event.ReadTree(t.Context(), log, root) {
		if err != nil {
			t.Fatal(err)
		}
		line, err := e.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var back event.Event
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatal(err)
		}
		out = append(out, back)
	}
	return out
}

func TestImport(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, agents{"root": spawns("x", "y"), "x": asks("<a> & é"), "y": spawns("leaf"), "leaf": func(ctx context.Context, tk *task.Task) error {
		return tk.Record(ctx, event.ToolCall{Step: "1", Call: "c", Tool: "shell", Input: json.RawMessage(`{"n":1.50,"html":"<b>"}`)}, event.ModelUsage{Cost: "1"})
	}}.worker())
	root := start(t, m, task.Spec{Input: "root"})
	s := ended(t, m, root) // parked: x asks
	events := exported(t, log, root)

	elsewhere := event.NewMemory()
	ran := false
	other := manager(t, elsewhere, &worker{work: func(context.Context, *task.Task) event.TaskDone { ran = true; return event.TaskDone{} }})
	id, err := other.Import(t.Context(), seq(events))
	if err != nil || id != root {
		t.Fatalf("Import: %q, %v", id, err)
	}
	var again []event.Event
	for _, e := range exported(t, elsewhere, root) {
		if e.Kind != event.KindTaskImported {
			again = append(again, e)
		}
	}
	if diff := cmp.Diff(events, again); diff != "" {
		t.Errorf("events after the round trip (-want +got):\n%s", diff)
	}
	got := state(t, other, root)
	if !got.Imported || got.Status != event.StatusStopped || got.Created.Input != "root" || got.Usage.Cost != s.Usage.Cost || len(got.Children) != 2 || len(got.Waiting) > 0 {
		t.Errorf("state %+v", got)
	}

	// Nothing of it ever runs.
	x := childOf(t, other, root, "x")
	for name, err := range map[string]error{
		"resume": other.Resume(t.Context(), root, true), "resume of a sub-agent": other.Resume(t.Context(), x, true),
		"retry": other.Retry(t.Context(), x), "message": second(other.Send(t.Context(), root, event.MessageQueued{Text: "go"})),
		"plan": other.EditPlan(t.Context(), root, []event.PlanOp{{Op: "add", Text: "x"}}),
	} {
		if !errors.Is(err, pluginsdk.ErrDenied) {
			t.Errorf("%s of an imported task: %v, want denied", name, err)
		}
	}
	if err := other.Approve(t.Context(), root, event.ApprovalAnswered{ID: "<a> & é", Allow: true}); err == nil {
		t.Error("an approval of an imported task was taken")
	}
	if err := other.Recover(t.Context()); err != nil || ran || other.Active() > 0 {
		t.Errorf("recover: %v, ran %t", err, ran)
	}
	_, err = other.Import(t.Context(), seq(events))
	wantCode(t, err, pluginsdk.ErrConflict)
	_, err = m.Import(t.Context(), seq(events))
	wantCode(t, err, pluginsdk.ErrConflict)
	if got := state(t, m, root); got.Imported || got.Status != event.StatusParked {
		t.Errorf("an import changed the task that was here: %+v", got)
	}
	if err := m.Approve(t.Context(), root, event.ApprovalAnswered{Allow: true}); err != nil {
		t.Error(err)
	}
	ended(t, m, root)
}

func second[T any](_ T, err error) error { return err }

// line is an event of a hand-made log.
func line(id, parent string, seq int64, p event.Payload) event.Event {
	e, err := event.New(p)
	if err != nil {
		panic(err)
	}
	e.Task, e.Parent, e.Seq, e.Time = id, parent, seq, time.Date(2026, 1, 1, 0, 0, int(seq), 0, time.UTC)
	return e
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	created, done := event.TaskCreated{Input: "x"}, event.TaskDone{Status: event.StatusDone}
	first := line("t", "", 1, created)
	with := func(e event.Event, f func(*event.Event)) event.Event { f(&e); return e }
	many := []event.Event{first}
	for i := range 1001 {
		many = append(many, line(fmt.Sprintf("c%d", i), "t", 1, created))
	}
	for _, c := range []struct {
		name   string
		events []event.Event
		says   string
	}{
		{"nothing", nil, "empty"},
		{"a gap", []event.Event{first, line("t", "", 3, done)}, "event 2"},
		{"an event twice", []event.Event{first, first}, "event 2"},
		{"no first event", []event.Event{line("t", "", 2, done)}, "begins with"},
		{"a sequence below one", []event.Event{with(first, func(e *event.Event) { e.Seq = 0 })}, "event 1"},
		{"created twice", []event.Event{first, line("t", "", 2, created)}, "created twice"},
		{"a first event that does not decode", []event.Event{with(first, func(e *event.Event) { e.Data = json.RawMessage(`{"title":7}`) })}, "first event"},
		{"a transient event", []event.Event{first, line("t", "", 2, event.Progress{})}, "transient"},
		{"no task", []event.Event{with(first, func(e *event.Event) { e.Task = "" })}, "no task id"},
		{"an id that is a path", []event.Event{line("../../etc", "", 1, created)}, "no task id"},
		{"an id that is too long", []event.Event{line(strings.Repeat("x", 65), "", 1, created)}, "no task id"},
		{"a kind that is none", []event.Event{first, with(line("t", "", 2, done), func(e *event.Event) { e.Kind = "task\ndone" })}, "kind"},
		{"data that is not JSON", []event.Event{first, with(line("t", "", 2, done), func(e *event.Event) { e.Data = json.RawMessage(`{"a"`) })}, "event 2"},
		{"data that is not text", []event.Event{first, with(line("t", "", 2, done), func(e *event.Event) { e.Data = json.RawMessage("{\"a\":\"\xff\"}") })}, "UTF-8"},
		{"data that hides an envelope", []event.Event{first, with(line("t", "", 2, done), func(e *event.Event) { e.Data = json.RawMessage(`{"Task":"other"}`) })}, "envelope"},
		{"no time", []event.Event{with(first, func(e *event.Event) { e.Time = time.Time{} })}, "no time"},
		{"a sub-agent alone", []event.Event{line("t", "p", 1, created)}, "p, which started it"},
		{"two trees", []event.Event{first, line("u", "", 1, created)}, "does not belong"},
		{"a sub-agent of a task that is here", []event.Event{first, line("u", "here", 1, created)}, "does not belong"},
		{"tasks in a ring", []event.Event{first, line("u", "v", 1, created), line("v", "u", 1, created)}, "does not belong"},
		{"another parent half way", []event.Event{first, line("t", "here", 2, done)}, "another parent"},
		{"too many tasks", many, "1000 tasks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := event.NewMemory()
			m := manager(t, log, agents{"here": func(context.Context, *task.Task) error { return nil }}.worker())
			keep(t, log, "here", []event.Payload{created, done})
			_, err := m.Import(t.Context(), seq(c.events))
			if !errors.Is(err, pluginsdk.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
			heads, err := log.Tasks(t.Context(), event.Query{})
			if err != nil || len(heads) != 1 || heads[0].Last != 2 {
				t.Errorf("tasks %+v, %v", heads, err)
			}
		})
	}
	t.Run("a source that breaks off", func(t *testing.T) {
		t.Parallel()
		log := event.NewMemory()
		m := manager(t, log, &worker{})
		_, err := m.Import(t.Context(), func(yield func(event.Event, error) bool) {
			_ = yield(first, nil) && yield(event.Event{}, errDisk)
		})
		wantCode(t, err, errDisk)
		if heads, _ := log.Tasks(t.Context(), event.Query{}); len(heads) > 0 {
			t.Errorf("half of it is here: %+v", heads)
		}
	})
}

// TestImportIsContained reads logs in that say what they should not: the task
// is for reading all the same.
func TestImportIsContained(t *testing.T) {
	t.Parallel()
	for name, rest := range map[string][]event.Payload{
		"events after the end":    {event.TaskDone{Status: event.StatusDone}, event.ToolCall{Call: "c", Tool: "shell"}, event.StepStarted{Step: "1"}},
		"at work":                 {event.StepStarted{Step: "1"}},
		"being stopped":           {event.TaskStopping{}},
		"parked with an approval": {approval("a"), event.TaskDone{Status: event.StatusParked}},
		"forged receipts":         {event.ToolResult{Call: "c", Status: event.ResultOK}, event.StepApplied{Step: "1"}},
		"a status there is not":   {event.TaskDone{Status: "running"}, event.TaskDone{Status: "superuser"}},
		"imported once more":      {event.TaskDone{Status: event.StatusDone}, event.TaskImported{Status: event.StatusRunning}},
		"a child that is here":    {event.ChildStarted{Child: "here"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := event.NewMemory()
			m := manager(t, log, &worker{settle: func(string, task.Step) (task.Settled, error) { panic("settled") }, work: func(context.Context, *task.Task) event.TaskDone { panic("at work") }})
			keep(t, log, "here", []event.Payload{event.TaskCreated{Input: "secret"}, approval("a"), event.TaskDone{Status: event.StatusParked}})
			events := []event.Event{line("t", "", 1, event.TaskCreated{Input: "x"})}
			for i, p := range rest {
				events = append(events, line("t", "", int64(i+2), p))
			}
			if _, err := m.Import(t.Context(), seq(events)); err != nil {
				t.Fatal(err)
			}
			if err := m.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := state(t, m, "t")
			if !s.Imported || !s.Over() || s.Status == event.StatusParked || len(s.Waiting) > 0 || s.Last != int64(len(events)+1) {
				t.Errorf("status %s, imported %t, last %d", s.Status, s.Imported, s.Last)
			}
			head, err := log.Head(t.Context(), "t")
			if err != nil || head.Status != s.Status {
				t.Errorf("head %+v, %v", head, err)
			}
			wantCode(t, m.Resume(t.Context(), "t", true), pluginsdk.ErrDenied)
			if err := m.Approve(t.Context(), "t", event.ApprovalAnswered{ID: "a", Allow: true}); err == nil {
				t.Error("an approval was taken")
			}
			if err := m.Stop(t.Context(), "t", false); err != nil {
				t.Error(err)
			}
			if s := state(t, m, "here"); s.OpenApprovals() == nil {
				t.Error("the task that was here has lost its approval")
			}
		})
	}
}

// TestImportCutOff lets the log fail in the middle of an import: what came in
// is a part that never runs, and the same import ends it.
func TestImportCutOff(t *testing.T) {
	t.Parallel()
	events := []event.Event{line("t", "", 1, event.TaskCreated{Input: "x"}), line("u", "t", 1, event.TaskCreated{Input: "y"}), line("v", "u", 1, event.TaskCreated{Input: "z"})}
	for fails := 1; fails <= 3; fails++ {
		n := 0
		log := &faultyLog{Log: event.NewMemory(), fail: func(k event.Kind) error {
			if k == event.KindTaskCreated {
				n++
			}
			if n == fails {
				return errDisk
			}
			return nil
		}}
		m := manager(t, log, &worker{work: func(context.Context, *task.Task) event.TaskDone { panic("at work") }})
		_, err := m.Import(t.Context(), seq(events))
		wantCode(t, err, errDisk)
		if _, err := log.Head(t.Context(), "t"); !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Errorf("the root is here before the rest: %v", err)
		}
		n = 10
		if _, err := m.Import(t.Context(), seq(events)); err != nil {
			t.Errorf("the same import after %d appends: %v", fails-1, err)
		}
		for _, id := range []string{"t", "u", "v"} {
			if s := state(t, m, id); !s.Imported || s.Last != 2 {
				t.Errorf("task %s: %+v", id, s)
			}
		}
	}
}
