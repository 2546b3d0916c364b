package task_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/host/internal/task"
)

func TestFoldWork(t *testing.T) {
	t.Parallel()
	usage := event.ModelUsage{Usage: model.Usage{Input: 10, CacheRead: 5, CacheWrite5m: 1, Output: 3}, Cost: "0.1"}
	asked := approval("a")
	settled := task.Approval{ApprovalAsked: asked, Task: "t", Settled: true}
	call := event.ToolCall{Step: "1", Call: "c", Tool: "read", Summary: "read a", Effect: "read", Rule: "r"}
	message := func(id, text string) event.MessageQueued {
		return event.MessageQueued{ID: id, Text: text, When: event.WhenNow}
	}
	child := event.ChildStarted{Child: "k", Call: "c", Agent: "general", Title: "look"}
	for _, c := range []struct {
		name string
		in   []event.Payload
		want task.Work
	}{
		{"nothing", nil, task.Work{}},
		{"turn", []event.Payload{event.TurnStarted{Turn: 1}}, task.Work{Turn: 1}},
		{"turn over", []event.Payload{event.TurnStarted{Turn: 1}, event.Completion{PlanDone: 1}}, task.Work{Turn: 1, TurnOver: true, Completion: &event.Completion{PlanDone: 1}}},
		{"next turn", []event.Payload{event.TurnStarted{Turn: 1}, event.Completion{}, event.TurnStarted{Turn: 2}}, task.Work{Turn: 2}},
		{"model called", []event.Payload{
			event.ModelCalled{Purpose: "turn", Context: map[string]int64{"tools": 5}, Window: 9}, event.ModelCalled{Purpose: "title", Window: 1},
		}, task.Work{Context: map[string]int64{"tools": 5}, Window: 9}},
		{"text", []event.Payload{event.ModelMessage{Text: "a"}, event.ModelMessage{Raw: "{}"}}, task.Work{Text: "a"}},
		{"usage", []event.Payload{usage, usage}, task.Work{Own: event.Usage{ModelCalls: 2, InputTokens: 32, CacheReadTokens: 10, OutputTokens: 6, Cost: "0.2"}}},
		{"plan", []event.Payload{
			event.PlanEdited{Ops: []event.PlanOp{{Op: "add", Text: "a"}, {Op: "add", Text: "b"}}},
			event.PlanEdited{Ops: []event.PlanOp{{Op: "remove", ID: "7"}, {Op: "status", ID: "2", Status: event.PlanDone}}}, // what fits counts
		}, task.Work{Plan: []plan.Step{{ID: "1", Text: "a", Status: event.PlanPending}, {ID: "2", Text: "b", Status: event.PlanDone}}}},
		{"call", []event.Payload{call}, task.Work{CallCount: 1, Calls: []task.Call{{Step: "1", Call: "c", Tool: "read", Summary: "read a", Effect: "read", Rule: "r", Status: task.CallRunning}}}},
		{"call and result", []event.Payload{call, event.ToolResult{Call: "c", Status: event.ResultOK, Text: "long", Changes: make([]event.Change, 2), DurationMS: 4}}, task.Work{CallCount: 1, Calls: []task.Call{
			{Step: "1", Call: "c", Tool: "read", Summary: "read a", Effect: "read", Rule: "r", Status: event.ResultOK, Changes: 2, DurationMS: 4},
		}}},
		{"result of a call that never began", []event.Payload{event.ToolResult{Call: "c", Tool: "nosuch", Status: event.ResultError}}, task.Work{CallCount: 1, Calls: []task.Call{{Call: "c", Tool: "nosuch", Status: event.ResultError}}}},
		{"call that runs again", []event.Payload{call, call}, task.Work{CallCount: 1, Calls: []task.Call{{Step: "1", Call: "c", Tool: "read", Summary: "read a", Effect: "read", Rule: "r", Status: task.CallRunning}}}},
		{"asked", []event.Payload{asked, asked}, task.Work{Approvals: []task.Approval{{ApprovalAsked: asked, Task: "t"}}}},
		{"the first answer stands", []event.Payload{asked, event.ApprovalAnswered{ID: "a", By: "x"}, event.ApprovalAnswered{ID: "a", Allow: true}}, task.Work{
			Approvals: []task.Approval{{ApprovalAsked: asked, Task: "t", Answer: &event.ApprovalAnswered{ID: "a", By: "x"}}},
		}},
		{"an answer to nothing", []event.Payload{event.ApprovalAnswered{ID: "a", Allow: true}}, task.Work{}},
		{"approval of a call that is over", []event.Payload{asked, event.ToolResult{Call: "call-a", Status: event.ResultDenied}}, task.Work{
			Approvals: []task.Approval{settled}, CallCount: 1, Calls: []task.Call{{Call: "call-a", Status: event.ResultDenied}},
		}},
		{"queue", []event.Payload{message("m1", "a"), message("m2", "b"), message("m1", "forged")}, task.Work{Messages: 2, Queue: []event.MessageQueued{message("m1", "a"), message("m2", "b")}}},
		{"delivered", []event.Payload{message("m1", "a"), message("m2", "b"), event.MessageDelivered{IDs: []string{"m1", "m7"}}}, task.Work{Messages: 2, Queue: []event.MessageQueued{message("m2", "b")}}},
		{"moved", []event.Payload{message("m1", "a"), message("m2", "b"), event.MessageChanged{ID: "m2", Before: "m1"}, event.MessageChanged{ID: "m9", Before: "m1"}}, task.Work{Messages: 2, Queue: []event.MessageQueued{message("m2", "b"), message("m1", "a")}}},
		{"child", []event.Payload{child, child}, task.Work{Children: []task.ChildState{{Child: "k", Call: "c", Agent: "general", Title: "look", Status: event.StatusRunning}}}},
		{"child over, twice", []event.Payload{child, event.ChildDone{Child: "k", Status: event.StatusParked, Usage: event.Usage{Cost: "1"}}, event.ChildDone{Child: "k", Status: event.StatusDone, Usage: event.Usage{Cost: "3"}}}, task.Work{
			Children: []task.ChildState{{Child: "k", Call: "c", Agent: "general", Title: "look", Status: event.StatusDone, Usage: event.Usage{Cost: "3"}}},
		}},
		{"end of a child nobody started", []event.Payload{event.ChildDone{Child: "k", Usage: event.Usage{Cost: "9"}}}, task.Work{}},
		{"finding", []event.Payload{event.Finding{Rule: "loop"}}, task.Work{Findings: []event.Finding{{Rule: "loop"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := fold(t, append([]event.Payload{event.TaskCreated{}}, c.in...)...)
			if diff := cmp.Diff(c.want, got.Work, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("work (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUsageOfATree(t *testing.T) {
	t.Parallel()
	own := event.ModelUsage{Usage: model.Usage{Input: 10, Output: 1}, Cost: "0.5"}
	s := fold(t, event.TaskCreated{}, event.ChildStarted{Child: "k"}, own,
		event.ChildDone{Child: "k", Status: event.StatusParked, Usage: event.Usage{ModelCalls: 2, Cost: "1.25"}},
		event.ChildDone{Child: "k", Status: event.StatusDone, Usage: event.Usage{ModelCalls: 3, Cost: "1.75", DurationMS: 7}},
		event.TaskDone{Status: event.StatusDone, Usage: event.Usage{ModelCalls: 99, DurationMS: 5}})
	want := event.Usage{ModelCalls: 4, InputTokens: 10, OutputTokens: 1, Cost: "2.25", DurationMS: 5}
	if diff := cmp.Diff(want, s.Usage); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}

func TestResumeClearsWhatThePersonAsked(t *testing.T) {
	t.Parallel()
	s := fold(t, event.TaskCreated{}, event.TaskPaused{}, event.TaskStopping{}, event.TaskDone{Status: event.StatusStopped})
	if !s.StopAsked || s.Pausing {
		t.Errorf("after the stop: %+v", s)
	}
	s = fold(t, event.TaskCreated{}, event.TaskStopping{}, event.TaskDone{Status: event.StatusStopped}, event.TaskResumed{}, event.TaskPaused{})
	if s.StopAsked || !s.Pausing {
		t.Errorf("after the resume: %+v", s)
	}
}

// TestFoldOfNonsense folds payloads that no emitter writes.
func TestFoldOfNonsense(t *testing.T) {
	t.Parallel()
	kinds := []event.Kind{
		event.KindTaskCreated, event.KindTaskDone, event.KindTurnStarted, event.KindModelCalled, event.KindModelMessage, event.KindUsage,
		event.KindPlanEdited, event.KindFinding, event.KindCompletion, event.KindChildStarted, event.KindChildDone, event.KindMessageQueued,
		event.KindMessageChanged, event.KindMessageDelivered, event.KindToolCall, event.KindToolResult, event.KindApprovalAsked,
		event.KindApprovalAnswered, event.KindTaskPaused, event.KindTaskImported, "no.such.kind",
	}
	var s task.State
	seq := int64(0)
	for _, kind := range kinds {
		for _, data := range []string{"", "{}", `{"id":7,"ids":"x","ops":{},"usage":[],"turn":"1","text":{}}`, `{"a":`, "null", "\xff", `[1]`} {
			seq++
			s.Fold(event.Event{Seq: seq, Task: "t", Kind: kind, Data: json.RawMessage(data)})
		}
	}
	if s.Last != seq {
		t.Errorf("last %d, want %d", s.Last, seq)
	}
}

// TestClockJumps folds events whose times go back and forth: the order is the
// sequence's.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	jumps := []time.Duration{0, time.Hour, -48 * time.Hour, 1000 * time.Hour, 0}
	n := 0
	m := task.New(task.Options{
		Log: log, Worker: asking(), Now: func() time.Time { n++; return at.Add(jumps[n%len(jumps)]) },
	})
	defer closeManager(t, m)
	id := start(t, m, task.Spec{})
	s := ended(t, m, id)
	if s.Status != event.StatusDone || s.Last != 3 {
		t.Errorf("state %+v", s)
	}
	if err := m.Note(t.Context(), id, event.TaskUndone{}); err != nil {
		t.Error(err)
	}
}

func TestStateIsBounded(t *testing.T) {
	t.Parallel()
	var s task.State
	long := strings.Repeat("é", 1<<20)
	seq := int64(0)
	add := func(p event.Payload) {
		e, err := event.New(p)
		if err != nil {
			t.Fatal(err)
		}
		seq++
		e.Seq, e.Task = seq, "t"
		s.Fold(e)
	}
	add(event.TaskCreated{})
	add(event.ToolCall{Step: "1", Call: "endless", Tool: "agent"})
	add(event.ApprovalAsked{ID: "open", Call: "endless"})
	for i := range 2000 {
		call := "c" + strconv.Itoa(i)
		add(event.ApprovalAsked{ID: call, Call: call, Card: event.Card{Details: []string{"detail"}}})
		add(event.ApprovalAnswered{ID: call})
		add(event.ToolCall{Step: strconv.Itoa(i + 2), Call: call, Tool: "read"})
		add(event.ToolResult{Call: call, Status: event.ResultOK})
		add(event.Finding{Rule: call})
		add(event.LogLine{Message: call})
	}
	add(event.ToolCall{Call: "long", Summary: long})
	add(event.ModelMessage{Text: long})
	if s.CallCount != 2002 || len(s.Calls) > 400 || len(s.Findings) > 300 || len(s.Approvals) > 150 || len(s.Logs) > 1300 {
		t.Errorf("%d calls of %d, %d findings, %d approvals, %d logs", len(s.Calls), s.CallCount, len(s.Findings), len(s.Approvals), len(s.Logs))
	}
	if s.Calls[0].Call != "endless" || s.Approvals[0].ID != "open" {
		t.Errorf("what is not over was dropped: %+v", s.Calls[0])
	}
	if last := s.Calls[len(s.Calls)-1]; len(last.Summary) > 400 || len(s.Text) > 300<<10 || !strings.HasSuffix(s.Text, "é…") {
		t.Errorf("a summary of %d bytes, a text of %d", len(last.Summary), len(s.Text))
	}
	if got := s.NextStep(); got != "2002" {
		t.Errorf("next step %s", got)
	}
	if s.Findings[len(s.Findings)-1].Rule != "c1999" || s.Logs[len(s.Logs)-1] != "c1999" {
		t.Error("the newest were dropped")
	}
}

func TestStateAsJSON(t *testing.T) {
	t.Parallel()
	s := fold(t, event.TaskCreated{Input: "x"}, event.TurnStarted{Turn: 1}, approval("a"), event.MessageQueued{ID: "m1", Text: "hi"})
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"turn":1`, `"approvals":[{"id":"a"`, `"queue":[{"id":"m1"`, `"status":"running"`, `"task":"t"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	var back task.State
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Errorf("state after JSON (-want +got):\n%s", diff)
	}
}
