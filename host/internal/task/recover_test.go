package task_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

// killed returns a log as a host leaves it that dies after the payloads.
func killed(t *testing.T, payloads ...event.Payload) event.Log {
	t.Helper()
	log := event.NewMemory()
	for _, p := range payloads {
		e, err := event.New(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.Append(t.Context(), "t", -1, e); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func TestRecover(t *testing.T) {
	t.Parallel()
	created, started := event.TaskCreated{Input: "/a:b"}, event.StepStarted{Step: "1"}
	result := event.StepResult{Step: "1", Brief: "brief", Artifacts: []event.Artifact{{Path: "/f/y"}}, Facts: []pluginsdk.Fact{{Name: "n", Value: "1"}}}
	changes := []event.Change{{Path: "/f/y (2)", Change: "created"}}
	applied := task.Settled{Applied: true, Changes: changes, Artifacts: []event.Artifact{{Path: "/f/y (2)", SHA256: "00"}}}
	broke := &event.Error{Code: "plugin_failed", Message: "it broke"}
	failed := event.TaskDone{Status: event.StatusFailed, Error: broke}
	for _, c := range []struct {
		name    string
		in      []event.Payload
		settled task.Settled
		status  event.Status
		step    task.StepStatus // of the step, "" when there is none
		code    string
		gotten  bool // artifacts, facts and changes are there
		kept    bool // it was over: nothing is recorded
	}{
		{"created only", []event.Payload{created}, task.Settled{}, event.StatusFailed, "", "interrupted", false, false},
		{"sandbox ready", []event.Payload{created, event.SandboxReady{Sandbox: "jail"}}, task.Settled{}, event.StatusFailed, "", "interrupted", false, false},
		{"step started", []event.Payload{created, started}, task.Settled{}, event.StatusFailed, task.StepFailed, "interrupted", false, false},
		{"question open", []event.Payload{created, started, event.Question{Step: "1", Question: pluginsdk.Question{ID: "q"}}}, task.Settled{}, event.StatusFailed, task.StepFailed, "interrupted", false, false},
		{"result, not applied", []event.Payload{created, started, result}, task.Settled{}, event.StatusFailed, task.StepFailed, "interrupted", false, false},
		{"result, applied", []event.Payload{created, started, result}, applied, event.StatusDone, task.StepDone, "", true, false},
		{"applied, without its result", []event.Payload{created, started}, applied, event.StatusDone, task.StepDone, "", false, false},
		{"applied and recorded", []event.Payload{created, started, result, event.StepApplied{Step: "1", Changes: changes}}, applied, event.StatusDone, task.StepDone, "", true, false},
		{"step failed", []event.Payload{created, started, event.StepFailed{Step: "1", Error: broke}}, task.Settled{}, event.StatusFailed, task.StepFailed, "plugin_failed", false, false},
		{"stopping", []event.Payload{created, started, event.TaskStopping{}}, task.Settled{}, event.StatusStopped, task.StepFailed, "stopped", false, false},
		{"stopping, applied", []event.Payload{created, started, result, event.TaskStopping{}}, applied, event.StatusDone, task.StepDone, "", true, false},
		{"stopping before a step", []event.Payload{created, event.TaskStopping{}}, task.Settled{}, event.StatusStopped, "", "stopped", false, false},
		{"resumed, no step yet", []event.Payload{created, started, event.StepFailed{Step: "1", Error: broke}, failed, event.TaskResumed{}}, task.Settled{}, event.StatusFailed, task.StepFailed, "interrupted", false, false},
		{"over", []event.Payload{created, started, event.StepFailed{Step: "1", Error: broke}, failed}, task.Settled{}, event.StatusFailed, task.StepFailed, "plugin_failed", false, true},
		{"over and undone", []event.Payload{created, event.TaskDone{Status: event.StatusDone}, event.TaskUndone{}}, task.Settled{}, event.StatusDone, "", "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := killed(t, c.in...)
			m := manager(t, log, &worker{settle: func(id string, st task.Step) (task.Settled, error) {
				if id != "t" || st.ID != "1" {
					t.Errorf("asked for step %s of task %s", st.ID, id)
				}
				return c.settled, nil
			}})
			for range 2 { // the second time changes nothing
				if err := m.Recover(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			s := state(t, m, "t")
			if s.Status != c.status || !s.Over() {
				t.Errorf("status %s, want %s", s.Status, c.status)
			}
			code := ""
			if s.Error != nil {
				code = s.Error.Code
			}
			if code != c.code {
				t.Errorf("error %+v, want code %q", s.Error, c.code)
			}
			if c.kept != (s.Last == int64(len(c.in))) {
				t.Errorf("%d events after %d", s.Last, len(c.in))
			}
			if c.step != "" && (len(s.Steps) != 1 || s.Steps[0].Status != c.step) {
				t.Errorf("steps %+v, want one that is %s", s.Steps, c.step)
			}
			if c.step == "" && len(s.Steps) > 0 {
				t.Errorf("steps %+v, want none", s.Steps)
			}
			if c.step == task.StepDone {
				if diff := cmp.Diff(changes, s.Steps[0].Changes); diff != "" {
					t.Errorf("changes (-want +got):\n%s", diff)
				}
			}
			if c.gotten {
				if diff := cmp.Diff(applied.Artifacts, s.Artifacts); diff != "" {
					t.Errorf("artifacts (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(result.Facts, s.Facts); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
			}
			err := m.Resume(t.Context(), "t", false)
			if done := c.status == event.StatusDone; done != errors.Is(err, pluginsdk.ErrConflict) || !done && err != nil {
				t.Errorf("resume of a task that is %s: %v", c.status, err)
			}
		})
	}
}

func TestRecoverGoesOnAfterAFault(t *testing.T) {
	t.Parallel()
	log := killed(t, event.TaskCreated{}, event.StepStarted{Step: "1"})
	e, err := event.New(event.TaskCreated{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), "other", 0, e); err != nil {
		t.Fatal(err)
	}
	m := manager(t, log, &worker{settle: func(string, task.Step) (task.Settled, error) { return task.Settled{}, errDisk }})
	wantCode(t, m.Recover(t.Context()), errDisk)
	if s := state(t, m, "other"); s.Status != event.StatusFailed {
		t.Errorf("the other task is %s", s.Status)
	}
	if s := state(t, m, "t"); s.Status != event.StatusRunning {
		t.Errorf("a task of which nothing is known is %s, want as it was", s.Status)
	}
}

// TestLogThatFails lets the append of each kind of event fail, once or for
// ever. Whatever fails, the task ends, nothing is applied without a durable
// result, and the manager serves the next task.
func TestLogThatFails(t *testing.T) {
	t.Parallel()
	for _, kind := range []event.Kind{
		event.KindTaskCreated, event.KindStepStarted, event.KindQuestion, event.KindAnswer, event.KindStepResult,
		event.KindStepApplied, event.KindStepFailed, event.KindTaskStopping, event.KindTaskDone,
	} {
		for _, forever := range []bool{false, true} {
			name := string(kind) + " once"
			if forever {
				name = string(kind) + " for ever"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				failing(t, kind, forever)
			})
		}
	}
}

func failing(t *testing.T, kind event.Kind, forever bool) {
	log := &faultyLog{Log: event.NewMemory()}
	applied := false // written and read by the one task at work, then by the test
	m := manager(t, log, &worker{work: func(ctx context.Context, tk *task.Task) event.TaskDone {
		err := tk.Record(ctx, event.StepStarted{Step: "1"})
		if err == nil {
			_, err = tk.Ask(ctx, "1", pluginsdk.Question{ID: "q"})
		}
		if err == nil {
			err = tk.Record(ctx, event.StepResult{Step: "1"})
		}
		if err != nil {
			return finish(ctx, errors.Join(err, tk.Record(ctx, event.StepFailed{Step: "1", Error: event.ErrorOf(err)})))
		}
		applied = true
		return finish(ctx, tk.Record(ctx, event.StepApplied{Step: "1"}))
	}, settle: func(string, task.Step) (task.Settled, error) { return task.Settled{Applied: applied}, nil }})

	broken := true
	log.fail = func(k event.Kind) error {
		if k != kind || !broken {
			return nil
		}
		broken = forever
		return errDisk
	}
	id, err := m.Start(t.Context(), task.Spec{Input: "x", Interactive: true})
	if kind == event.KindTaskCreated {
		wantCode(t, err, errDisk)
	} else if err != nil {
		t.Fatal(err)
	} else {
		drive(t, m, id, kind)
		s := ended(t, m, id)
		resultKept := len(s.Steps) > 0 && s.Steps[0].Result != nil
		if applied && !resultKept {
			t.Error("applied without a durable result")
		}
		if !forever && !s.Over() {
			t.Errorf("status %s: the fault was over, yet the end is not recorded", s.Status)
		}
	}
	if m.Active() != 0 {
		t.Errorf("%d tasks at work", m.Active())
	}
	log.mu.Lock()
	log.fail = nil
	log.mu.Unlock()
	// A later host finds out what the log missed.
	again := manager(t, log, &worker{settle: func(string, task.Step) (task.Settled, error) { return task.Settled{Applied: applied}, nil }})
	if err := again.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kind != event.KindTaskCreated {
		s := state(t, again, id)
		if !s.Over() {
			t.Errorf("status %s after the next start", s.Status)
		}
		if applied && s.Steps[0].Status != task.StepDone && s.Status == event.StatusDone {
			t.Errorf("applied, and the step is %s", s.Steps[0].Status)
		}
	}
	applied = false
	id = start(t, m, task.Spec{Interactive: true})
	drive(t, m, id, "")
	if s := ended(t, m, id); s.Status != event.StatusDone || !applied {
		t.Errorf("the next task is %s: %+v", s.Status, s.Error)
	}
}

// drive answers a task's question, or stops it where stopping is what fails.
func drive(t *testing.T, m *task.Manager, id string, kind event.Kind) {
	t.Helper()
	over := m.Done(id)
	for {
		select {
		case <-over:
			return
		default:
		}
		if len(state(t, m, id).Open()) == 0 {
			continue
		}
		if kind == event.KindTaskStopping || kind == event.KindStepFailed {
			if err := m.Stop(t.Context(), id, false); err != nil {
				t.Errorf("stop: %v", err)
			}
			return
		}
		err := m.Answer(t.Context(), id, "q", "x")
		switch {
		case err == nil:
			return
		case errors.Is(err, errDisk) && kind == event.KindAnswer:
			if err := m.Answer(t.Context(), id, "q", "x"); err == nil {
				return // the fault was over
			}
			if err := m.Stop(t.Context(), id, false); err != nil {
				t.Errorf("stop: %v", err)
			}
			return
		case !errors.Is(err, pluginsdk.ErrConflict):
			t.Fatalf("answer: %v", err)
		}
	}
}

// TestRecoverTrees settles tasks with a model as a killed host leaves them.
func TestRecoverTrees(t *testing.T) {
	t.Parallel()
	created, turn := event.TaskCreated{Input: "x"}, event.TurnStarted{Turn: 1}
	child := event.ChildStarted{Child: "k", Call: "c"}
	queued := event.MessageQueued{ID: "m1", Text: "more", When: event.WhenNext}
	for _, c := range []struct {
		name        string
		root, child []event.Payload
		status      event.Status
		code        string
		childStatus event.Status // as the root knows it
	}{
		{"mid-turn", []event.Payload{created, turn, event.ModelCalled{}}, nil, event.StatusFailed, "interrupted", ""},
		{"a handler done, the model's part not", []event.Payload{created, event.StepStarted{Step: "1"}, event.StepApplied{Step: "1"}, turn}, nil, event.StatusFailed, "interrupted", ""},
		{"the last word missing", []event.Payload{created, turn, event.Completion{}}, nil, event.StatusDone, "", ""},
		{"a message waits behind the turn", []event.Payload{created, turn, event.Completion{}, queued}, nil, event.StatusFailed, "interrupted", ""},
		{"an approval open", []event.Payload{created, turn, approval("a")}, nil, event.StatusParked, "parked", ""},
		{"an approval answered", []event.Payload{created, turn, approval("a"), event.ApprovalAnswered{ID: "a"}}, nil, event.StatusFailed, "interrupted", ""},
		{"pausing", []event.Payload{created, turn, event.TaskPaused{}}, nil, event.StatusParked, "paused", ""},
		{"stopping with an approval open", []event.Payload{created, turn, approval("a"), event.TaskStopping{}}, nil, event.StatusStopped, "stopped", ""},
		{"a child mid-turn", []event.Payload{created, turn, child}, []event.Payload{created, turn}, event.StatusFailed, "interrupted", event.StatusFailed},
		{"a child that asks", []event.Payload{created, turn, child}, []event.Payload{created, turn, approval("a")}, event.StatusParked, "parked", event.StatusParked},
		{"a child that had parked", []event.Payload{created, turn, child}, []event.Payload{created, turn, approval("a"), event.TaskDone{Status: event.StatusParked}}, event.StatusParked, "parked", event.StatusParked},
		{"a child that is done", []event.Payload{created, turn, child}, []event.Payload{created, turn, event.TaskDone{Status: event.StatusDone}}, event.StatusFailed, "interrupted", event.StatusDone},
		{"a child that never began", []event.Payload{created, turn, child}, nil, event.StatusFailed, "interrupted", event.StatusFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := killed(t, c.root...)
			for _, p := range c.child {
				e, err := event.New(p)
				if err != nil {
					t.Fatal(err)
				}
				e.Parent = "t"
				if _, err := log.Append(t.Context(), "k", -1, e); err != nil {
					t.Fatal(err)
				}
			}
			m := manager(t, log, &worker{settle: func(string, task.Step) (task.Settled, error) {
				return task.Settled{Applied: true}, nil
			}})
			for range 2 { // the second time changes nothing
				if err := m.Recover(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			s := state(t, m, "t")
			code := ""
			if s.Error != nil {
				code = s.Error.Code
			}
			if s.Status != c.status || code != c.code || count(t, log, "t", event.KindTaskDone) != 1 {
				t.Errorf("status %s, error %+v, want %s %s", s.Status, s.Error, c.status, c.code)
			}
			if c.childStatus != "" && s.Children[0].Status != c.childStatus {
				t.Errorf("the root knows its sub-agent as %s, want %s", s.Children[0].Status, c.childStatus)
			}
			if len(s.Queue) != len(fold(t, c.root...).Queue) {
				t.Errorf("queue %+v", s.Queue)
			}
			if m.Active() != 0 {
				t.Error("something runs")
			}
			if err := m.Resume(t.Context(), "t", false); (err == nil) != (c.status != event.StatusDone) {
				t.Errorf("resume of a task that is %s: %v", c.status, err)
			}
		})
	}
}

// TestSettledButUnfinished is a handler's step that was applied before the
// model's part of the command began.
func TestSettledButUnfinished(t *testing.T) {
	t.Parallel()
	log := killed(t, event.TaskCreated{}, event.StepStarted{Step: "1"}, event.StepResult{Step: "1"})
	m := manager(t, log, &worker{settle: func(string, task.Step) (task.Settled, error) {
		return task.Settled{Applied: true, Unfinished: true}, nil
	}})
	if err := m.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := state(t, m, "t"); s.Status != event.StatusFailed || s.Error.Code != "interrupted" || s.Steps[0].Status != task.StepDone {
		t.Errorf("status %s %+v, step %s", s.Status, s.Error, s.Steps[0].Status)
	}
}
