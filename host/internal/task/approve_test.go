package task_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestApproval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer event.ApprovalAnswered
		err    error
		log    string
	}{
		{"allowed once", event.ApprovalAnswered{ID: "a", Allow: true}, nil, "a true once "},
		{"allowed for the task", event.ApprovalAnswered{ID: "a", Allow: true, Scope: "task", By: "web"}, nil, "a true task "},
		{"without its id", event.ApprovalAnswered{Allow: true}, nil, "a true once "},
		{"denied with a reason", event.ApprovalAnswered{ID: "a", Reason: "not to them"}, nil, "a false  not to them"},
		{"for a scope the card does not have", event.ApprovalAnswered{ID: "a", Allow: true, Scope: "always"}, pluginsdk.ErrInvalid, ""},
		{"another id", event.ApprovalAnswered{ID: "b", Allow: true}, pluginsdk.ErrNotFound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := event.NewMemory()
			m := manager(t, log, agents{"x": asks("a")}.worker())
			id := start(t, m, task.Spec{Input: "x", Interactive: true})
			until(t, log, id, event.KindApprovalAsked)
			err := m.Approve(t.Context(), id, c.answer)
			if c.err != nil {
				wantCode(t, err, c.err)
				if open := state(t, m, id).OpenApprovals(); len(open) != 1 {
					t.Errorf("%d approvals open after a refused answer", len(open))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.log}, ended(t, m, id).Logs); diff != "" {
				t.Errorf("the worker got (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheFirstAnswerWins(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, agents{"x": asks("a")}.worker())
	id := start(t, m, task.Spec{Input: "x", Interactive: true})
	until(t, log, id, event.KindApprovalAsked)
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() {
			errs[i] = m.Approve(t.Context(), id, event.ApprovalAnswered{ID: "a", Allow: i%2 == 0, By: "client " + string(rune('a'+i))})
		})
	}
	wg.Wait()
	s := ended(t, m, id)
	first, won := s.Approvals[0].Answer, 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		if !errors.Is(err, pluginsdk.ErrConflict) || !strings.Contains(err.Error(), first.By) {
			t.Errorf("error %v, want a conflict that names %s", err, first.By)
		}
	}
	if won != 1 || count(t, log, id, event.KindApprovalAnswered) != 1 {
		t.Errorf("%d answers won, want one", won)
	}
}

func TestParkAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		interactive bool
		after       time.Duration
	}{
		{"somebody is there", true, 10 * time.Minute},
		{"nobody is there", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := event.NewMemory()
				m := task.New(task.Options{Log: log, Worker: agents{"x": asks("a")}.worker()})
				defer closeManager(t, m)
				began := time.Now()
				id := start(t, m, task.Spec{Input: "x", Interactive: c.interactive})
				<-m.Done(id)
				if took := time.Since(began); took != c.after {
					t.Errorf("parked after %v, want %v", took, c.after)
				}
				s := state(t, m, id)
				if s.Status != event.StatusParked || len(s.Waiting) != 1 || s.Waiting[0].Task != id {
					t.Errorf("status %s, waiting %+v", s.Status, s.Waiting)
				}
				<-time.After(48 * time.Hour)
				if err := m.Approve(t.Context(), id, event.ApprovalAnswered{Allow: true, By: "web"}); err != nil {
					t.Fatal(err)
				}
				<-m.Done(id)
				s = state(t, m, id)
				if s.Status != event.StatusDone || len(s.Logs) != 1 || s.Resumed != 1 || count(t, log, id, event.KindApprovalAsked) != 1 {
					t.Errorf("state %+v", s)
				}
				err := m.Approve(t.Context(), id, event.ApprovalAnswered{ID: "a"})
				if !errors.Is(err, pluginsdk.ErrConflict) || !strings.Contains(err.Error(), "web has allowed (once) it already") {
					t.Errorf("a second answer: %v", err)
				}
			})
		})
	}
}

// TestQuestionParks answers the questions of a handler nobody was there for.
func TestQuestionParks(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, asking(pluginsdk.Question{ID: "one", Text: "which?"}, pluginsdk.Question{ID: "two"}))
	id := start(t, m, task.Spec{})
	for i, q := range []string{"one", "two"} {
		s := ended(t, m, id)
		if s.Status != event.StatusParked || len(s.Open()) != 1 || s.Open()[0].ID != q || s.Resumed != i {
			t.Fatalf("before the answer to %s: %+v", q, s)
		}
		if err := m.Answer(t.Context(), id, q, "v"); err != nil {
			t.Fatal(err)
		}
	}
	s := ended(t, m, id)
	if diff := cmp.Diff([]string{"one=v", "one=v", "two=v"}, s.Logs); diff != "" || s.Status != event.StatusDone {
		t.Errorf("status %s, the worker got (-want +got):\n%s", s.Status, diff)
	}
}

func TestOnAnswer(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	var got []string
	refuse := errors.New("the grants cannot be written")
	fail := true
	m := task.New(task.Options{
		Log: log, Worker: agents{"root": spawns("x"), "x": asks("a")}.worker(),
		OnAnswer: func(_ context.Context, id, root string, asked event.ApprovalAsked, a event.ApprovalAnswered) error {
			if fail {
				return refuse
			}
			got = []string{id, root, asked.Card.Rule, a.Scope}
			return nil
		},
	})
	defer closeManager(t, m)
	root := start(t, m, task.Spec{Input: "root", Interactive: true})
	until(t, log, root, event.KindChildStarted)
	child := childOf(t, m, root, "x")
	until(t, log, child, event.KindApprovalAsked)
	answer := event.ApprovalAnswered{Allow: true, Scope: "task"}
	wantCode(t, m.Approve(t.Context(), root, answer), refuse)
	if count(t, log, child, event.KindApprovalAnswered) != 0 {
		t.Error("an answer that was refused is in the log")
	}
	fail = false
	if err := m.Approve(t.Context(), root, answer); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, m, root); s.Status != event.StatusDone {
		t.Errorf("status %s", s.Status)
	}
	if diff := cmp.Diff([]string{child, root, "outward", "task"}, got); diff != "" {
		t.Errorf("OnAnswer got (-want +got):\n%s", diff)
	}
}

// TestAnswersOfAParkedTree parks two sub-agents, each with an approval, and
// answers both at once: the tree goes on once and comes to its end.
func TestAnswersOfAParkedTree(t *testing.T) {
	t.Parallel()
	for range 20 {
		log := event.NewMemory()
		m := manager(t, log, agents{"root": spawns("x", "y"), "x": asks("a"), "y": asks("b")}.worker())
		root := start(t, m, task.Spec{Input: "root"})
		s := ended(t, m, root)
		if s.Status != event.StatusParked || len(s.Waiting) != 2 {
			t.Fatalf("status %s, waiting %+v", s.Status, s.Waiting)
		}
		err := m.Approve(t.Context(), root, event.ApprovalAnswered{Allow: true})
		wantCode(t, err, pluginsdk.ErrInvalid) // which of the two?
		var wg sync.WaitGroup
		for _, id := range []string{"a", "b"} {
			wg.Go(func() {
				if err := m.Approve(t.Context(), root, event.ApprovalAnswered{ID: id, Allow: true}); err != nil {
					t.Errorf("answer %s: %v", id, err)
				}
			})
		}
		wg.Wait()
		for _, input := range []string{"x", "y"} {
			child := childOf(t, m, root, input)
			ended(t, m, root)
			if c := ended(t, m, child); c.Status != event.StatusDone || len(c.Logs) != 1 {
				t.Errorf("sub-agent %s: %s, it said %q", input, c.Status, c.Logs)
			}
		}
		if s = ended(t, m, root); s.Status != event.StatusDone || len(s.Waiting) != 0 {
			t.Errorf("status %s, %d resumes, waiting %+v", s.Status, s.Resumed, s.Waiting)
		}
	}
}

// TestAnswerToAParkedAgentOfATreeAtWork answers a sub-agent that parked while
// its root still waits for another one: the root goes on when it parks.
func TestAnswerToAParkedAgentOfATreeAtWork(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	release := make(chan struct{})
	m := manager(t, log, agents{"root": spawns("x", "slow"), "x": asks("a"), "slow": func(context.Context, *task.Task) error {
		<-release
		return nil
	}}.worker())
	root := start(t, m, task.Spec{Input: "root"})
	until(t, log, root, event.KindChildDone) // x has parked
	if err := m.Approve(t.Context(), root, event.ApprovalAnswered{ID: "a", Allow: true}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if s := ended(t, m, root); s.Status != event.StatusDone {
		t.Errorf("status %s: %+v", s.Status, s.Error)
	}
}

func TestApprovalOfATaskThatIsOver(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, agents{"x": asks("a")}.worker())
	id := start(t, m, task.Spec{Input: "x"})
	ended(t, m, id)
	if err := m.Stop(t.Context(), id, false); err != nil { // a parked task can be given up
		t.Fatal(err)
	}
	s := state(t, m, id)
	if s.Status != event.StatusStopped || len(s.Waiting) != 0 || len(s.OpenApprovals()) != 0 {
		t.Errorf("status %s, waiting %+v", s.Status, s.Waiting)
	}
	wantCode(t, m.Approve(t.Context(), id, event.ApprovalAnswered{ID: "a", Allow: true}), pluginsdk.ErrConflict)
	wantCode(t, m.Approve(t.Context(), id, event.ApprovalAnswered{Allow: true}), pluginsdk.ErrNotFound)
	wantCode(t, m.Approve(t.Context(), "nosuch", event.ApprovalAnswered{Allow: true}), pluginsdk.ErrNotFound)
	if err := m.Resume(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	if err := m.Approve(t.Context(), id, event.ApprovalAnswered{ID: "a", Allow: true}); err != nil {
		t.Errorf("after the resume: %v", err)
	}
	if s := ended(t, m, id); s.Status != event.StatusDone {
		t.Errorf("status %s", s.Status)
	}
}

// TestClosedWhileItWaits ends the host while a tree waits for an approval:
// another host takes the answer and goes on.
func TestClosedWhileItWaits(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	w := agents{"root": spawns("x"), "x": asks("a")}.worker()
	one := task.New(task.Options{Log: log, Worker: w})
	root := start(t, one, task.Spec{Input: "root", Interactive: true})
	until(t, log, root, event.KindChildStarted)
	until(t, log, childOf(t, one, root, "x"), event.KindApprovalAsked)
	closeManager(t, one)
	two := manager(t, log, w)
	if err := two.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := state(t, two, root); s.Status != event.StatusParked || len(s.Waiting) != 1 {
		t.Fatalf("status %s (%+v), waiting %+v", s.Status, s.Error, s.Waiting)
	}
	if err := two.Approve(t.Context(), root, event.ApprovalAnswered{Allow: true}); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, two, root); s.Status != event.StatusDone {
		t.Errorf("status %s", s.Status)
	}
}

// TestAnswerThatTheLogCannotKeep is an answer that nobody must act on.
func TestAnswerThatTheLogCannotKeep(t *testing.T) {
	t.Parallel()
	log := &faultyLog{Log: event.NewMemory(), fail: func(k event.Kind) error {
		if k == event.KindApprovalAnswered {
			return errDisk
		}
		return nil
	}}
	m := manager(t, log, agents{"x": asks("a")}.worker())
	id := start(t, m, task.Spec{Input: "x"})
	ended(t, m, id)
	wantCode(t, m.Approve(t.Context(), id, event.ApprovalAnswered{Allow: true}), errDisk)
	if s := ended(t, m, id); s.Status != event.StatusParked || s.Resumed != 0 {
		t.Errorf("status %s, resumed %d times", s.Status, s.Resumed)
	}
	log.mu.Lock()
	log.fail = nil
	log.mu.Unlock()
	if err := m.Approve(t.Context(), id, event.ApprovalAnswered{Allow: true}); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, m, id); s.Status != event.StatusDone {
		t.Errorf("status %s", s.Status)
	}
}

// TestAnswerThroughTheRoot answers questions of sub-agents by the id of their
// root, parked and at work; of many answers the first one wins.
func TestAnswerThroughTheRoot(t *testing.T) {
	t.Parallel()
	question := func(id string) func(context.Context, *task.Task) error {
		return func(ctx context.Context, t *task.Task) error {
			if err := t.Record(ctx, event.StepStarted{Step: "1"}); err != nil {
				return err
			}
			v, err := t.Ask(ctx, "1", pluginsdk.Question{ID: id, Text: "which?"})
			if err != nil {
				return err
			}
			return t.Record(ctx, event.LogLine{Message: id + "=" + v})
		}
	}
	for _, interactive := range []bool{false, true} {
		log := event.NewMemory()
		m := manager(t, log, agents{"root": spawns("x", "y", "z"), "x": question("a"), "y": question("b"), "z": question("b")}.worker())
		root := start(t, m, task.Spec{Input: "root", Interactive: interactive})
		if interactive {
			for until(t, log, root, event.KindChildStarted); len(state(t, m, root).Children) < 3; {
				<-time.After(time.Millisecond)
			}
			for _, input := range []string{"x", "y", "z"} {
				until(t, log, childOf(t, m, root, input), event.KindQuestion)
			}
		} else if s := ended(t, m, root); s.Status != event.StatusParked {
			t.Fatalf("status %s", s.Status)
		}
		x, y := childOf(t, m, root, "x"), childOf(t, m, root, "y")
		wantCode(t, m.Answer(t.Context(), root, "b", "1"), pluginsdk.ErrInvalid) // whose?
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if m.Answer(t.Context(), root, "a", "1") == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		until(t, log, x, event.KindTaskDone)
		if won.Load() != 1 || count(t, log, x, event.KindAnswer) != 1 {
			t.Errorf("interactive %v: %d answers won, %d were recorded", interactive, won.Load(), count(t, log, x, event.KindAnswer))
		}
		ended(t, m, x)
		if !interactive {
			ended(t, m, root)
		}
		if err := m.Answer(t.Context(), y, "b", "2"); err != nil {
			t.Fatal(err)
		}
		if !interactive {
			ended(t, m, root)
		}
		if err := m.Answer(t.Context(), root, "b", "3"); err != nil { // there is but one left
			t.Fatal(err)
		}
		if s := ended(t, m, root); s.Status != event.StatusDone {
			t.Errorf("interactive %v: status %s: %+v", interactive, s.Status, s.Error)
		}
	}
}
