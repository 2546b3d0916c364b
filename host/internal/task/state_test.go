package task_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

// at is the time of the event with the sequence.
func at(seq int64) time.Time { return time.Unix(seq, 0).UTC() }

// fold returns the state after the payloads, as events 1, 2, …
func fold(t *testing.T, payloads ...event.Payload) task.State {
	t.Helper()
	var s task.State
	for i, p := range payloads {
		e, err := event.New(p)
		if err != nil {
			t.Fatal(err)
		}
		e.Seq, e.Task, e.Parent, e.Time = int64(i+1), "t", "p", at(int64(i+1))
		s.Fold(e)
	}
	return s
}

func TestFold(t *testing.T) {
	t.Parallel()
	created := event.TaskCreated{Title: "x", Input: "/a:b x", Folders: []string{"/f"}, Interactive: true}
	started := event.StepStarted{Step: "1", Plugin: "a", Command: "b", Values: map[string]string{"file": "x"}}
	question := event.Question{Step: "1", Question: pluginsdk.Question{ID: "q", Text: "which?"}}
	fault := &event.Error{Code: "internal", Message: "no"}
	changes := []event.Change{{Path: "/f/y", Change: "created"}}
	result := event.StepResult{Step: "1", Brief: "brief", Facts: []pluginsdk.Fact{{Name: "n", Value: "1"}}}
	running := task.Step{ID: "1", Plugin: "a", Command: "b", Values: map[string]string{"file": "x"}, Status: task.StepRunning}
	// with returns a step like running, changed by f.
	with := func(f func(*task.Step)) []task.Step {
		s := running
		f(&s)
		return []task.Step{s}
	}
	base := func(n int64) task.State {
		return task.State{ID: "t", Parent: "p", Created: created, Started: at(1), Updated: at(n), Last: n, Status: event.StatusRunning}
	}
	for _, c := range []struct {
		name string
		in   []event.Payload
		want func(*task.State)
	}{
		{"created", nil, func(*task.State) {}},
		{"sandbox", []event.Payload{event.SandboxReady{Sandbox: "jail"}}, func(s *task.State) { s.Sandbox = "jail" }},
		{"log", []event.Payload{event.LogLine{Message: "a"}, event.LogLine{Message: "b"}}, func(s *task.State) { s.Logs = []string{"a", "b"} }},
		{"facts of a step are not the task's", []event.Payload{event.Fact{Step: "1"}}, func(*task.State) {}},
		{"plugin failed", []event.Payload{event.PluginFailed{Plugin: "a", Reason: "crashed"}}, func(s *task.State) {
			s.Failures = []event.PluginFailed{{Plugin: "a", Reason: "crashed"}}
		}},
		{"step started", []event.Payload{started}, func(s *task.State) { s.Steps = with(func(*task.Step) {}) }},
		{"plan replaces plan", []event.Payload{started, event.Plan{Step: "1", Items: []string{"a"}}, event.Plan{Step: "1", Items: []string{"b"}}}, func(s *task.State) {
			s.Steps = with(func(st *task.Step) { st.Plan = []string{"b"} })
		}},
		{"question", []event.Payload{started, question}, func(s *task.State) {
			s.Steps = with(func(st *task.Step) { st.Questions = []event.Question{question} })
		}},
		{"the first answer stands", []event.Payload{started, question, event.Answer{Step: "1", ID: "q", Value: "a"}, event.Answer{Step: "1", ID: "q", Value: "b"}}, func(s *task.State) {
			s.Steps = with(func(st *task.Step) {
				st.Questions, st.Answers = []event.Question{question}, map[string]string{"q": "a"}
			})
		}},
		{"answers outlive a second run of the step", []event.Payload{started, question, event.Answer{Step: "1", ID: "q", Value: "a"}, started}, func(s *task.State) {
			s.Steps = with(func(st *task.Step) { st.Answers = map[string]string{"q": "a"} })
		}},
		{"step result", []event.Payload{started, result}, func(s *task.State) {
			s.Steps = with(func(st *task.Step) { st.Result = &result })
			s.Brief = "brief"
		}},
		{"step applied", []event.Payload{started, result, event.StepApplied{Step: "1", Changes: changes}}, func(s *task.State) {
			s.Steps = with(func(st *task.Step) { st.Result, st.Status, st.Changes = &result, task.StepDone, changes })
			s.Brief = "brief"
		}},
		{"step failed", []event.Payload{started, event.StepFailed{Step: "1", Error: fault}}, func(s *task.State) {
			s.Steps = with(func(st *task.Step) { st.Status, st.Error = task.StepFailed, fault })
		}},
		{"stopping", []event.Payload{event.TaskStopping{}}, func(s *task.State) { s.Status, s.StopAsked = event.StatusStopping, true }},
		{"undone", []event.Payload{event.TaskUndone{Reversals: []event.Reversal{{Path: "a"}}}, event.TaskUndone{Reversals: []event.Reversal{{Path: "b"}}}}, func(s *task.State) {
			s.Undone = []event.Reversal{{Path: "a"}, {Path: "b"}}
		}},
		{"done", []event.Payload{event.TaskDone{Status: event.StatusFailed, Error: fault, Artifacts: []event.Artifact{{Path: "y"}}, Usage: event.Usage{DurationMS: 5}}}, func(s *task.State) {
			s.Status, s.Error, s.Artifacts, s.Facts, s.Usage = event.StatusFailed, fault, []event.Artifact{{Path: "y"}}, []pluginsdk.Fact{}, event.Usage{DurationMS: 5}
		}},
		{"resumed", []event.Payload{event.TaskDone{Status: event.StatusFailed, Error: fault, Artifacts: []event.Artifact{{Path: "y"}}}, event.TaskResumed{}}, func(s *task.State) { s.Resumed = 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := fold(t, append([]event.Payload{created}, c.in...)...)
			want := base(int64(len(c.in)) + 1)
			c.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFoldOfWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	want := fold(t, event.TaskCreated{Input: "x"}, event.StepStarted{Step: "1"})
	for _, e := range []event.Event{
		{Kind: "from.the.future", Data: json.RawMessage(`{"step":"1","status":"done"}`)},
		{Kind: event.KindProgress},
	} {
		got := fold(t, event.TaskCreated{Input: "x"}, event.StepStarted{Step: "1"})
		e.Seq, e.Task, e.Time = 3, "t", at(3)
		got.Fold(e)
		want.Last, want.Updated = 3, at(3)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s changed the state (-want +got):\n%s", e.Kind, diff)
		}
	}
	got := want
	got.Fold(event.Event{Kind: event.KindTaskDone, Data: json.RawMessage(`{"status":"done"}`)}) // sequence 0: transient
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a transient event changed the state (-want +got):\n%s", diff)
	}
}

// TestFoldOfBrokenPayloads feeds every kind data that does not decode.
func TestFoldOfBrokenPayloads(t *testing.T) {
	t.Parallel()
	for _, k := range []event.Kind{
		event.KindTaskCreated, event.KindTaskResumed, event.KindSandboxReady, event.KindStepStarted, event.KindPlan,
		event.KindLog, event.KindFact, event.KindQuestion, event.KindAnswer, event.KindStepResult, event.KindStepApplied,
		event.KindStepFailed, event.KindPluginFailed, event.KindTaskStopping, event.KindTaskUndone, event.KindTaskDone,
	} {
		for _, data := range []string{``, `null`, `[]`, `{"step":5,"status":7,"artifacts":"x","reversals":{},"message":[]}`} {
			s := fold(t, event.TaskCreated{Input: "x"})
			s.Fold(event.Event{Seq: 2, Task: "t", Kind: k, Time: at(2), Data: json.RawMessage(data)})
			if s.Last != 2 || s.ID != "t" {
				t.Errorf("%s %s: state %+v", k, data, s)
			}
			if s.Status == "" {
				t.Errorf("%s %s: the task has no status any more", k, data)
			}
		}
	}
}

func TestOpenQuestions(t *testing.T) {
	t.Parallel()
	q := func(step, id string) event.Question {
		return event.Question{Step: step, Question: pluginsdk.Question{ID: id}}
	}
	s := fold(t, event.TaskCreated{}, event.StepStarted{Step: "1"}, event.StepStarted{Step: "2"},
		q("1", "a"), q("1", "b"), q("2", "c"), event.Answer{Step: "1", ID: "a", Value: "x"}, event.StepFailed{Step: "2"})
	if diff := cmp.Diff([]event.Question{q("1", "b")}, s.Open()); diff != "" {
		t.Errorf("open questions (-want +got):\n%s", diff)
	}
}
