package task_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestStart(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, &worker{work: func(context.Context, *task.Task) event.TaskDone {
		return event.TaskDone{Status: event.StatusDone, Sandbox: "jail", Artifacts: []event.Artifact{{Path: "/f/y"}}}
	}})
	id := start(t, m, task.Spec{
		Input: "/a:b " + strings.Repeat("é", 100) + "\nsecond line", Folders: []string{"/f"}, Cwd: "/f/g",
		Sandbox: "auto", Mode: "plan", Parent: "p", PluginDirs: []string{"/d"}, Interactive: true,
	})
	s := ended(t, m, id)
	want := event.TaskCreated{
		Title: "/a:b " + strings.Repeat("é", 74) + "…", Input: "/a:b " + strings.Repeat("é", 100) + "\nsecond line",
		Folders: []string{"/f"}, Cwd: "/f/g", SandboxRequested: "auto", Mode: "plan", PluginDirs: []string{"/d"}, Interactive: true,
	}
	if diff := cmp.Diff(want, s.Created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if s.Status != event.StatusDone || !s.Over() || s.Parent != "p" || s.Last != 2 || len(s.Artifacts) != 1 {
		t.Errorf("state %+v", s)
	}
	if m.Active() != 0 {
		t.Errorf("%d tasks at work", m.Active())
	}
}

func TestStartIsRefused(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, &worker{check: func(task.Spec) error { return pluginsdk.ErrInvalid }})
	_, err := m.Start(t.Context(), task.Spec{Input: "x"})
	wantCode(t, err, pluginsdk.ErrInvalid)
	if heads, err := log.Tasks(t.Context(), event.Query{}); err != nil || len(heads) > 0 {
		t.Errorf("tasks %v, %v: want none made", heads, err)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	m := manager(t, event.NewMemory(), &worker{})
	var ids []string
	for range 50 {
		ids = append(ids, start(t, m, task.Spec{}))
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != 50 {
		t.Errorf("%d different ids of 50", n)
	}
}

func TestWorkOutlivesTheRequest(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, asking(pluginsdk.Question{ID: "q"}))
	ctx, cancel := context.WithCancel(t.Context())
	id, err := m.Start(ctx, task.Spec{Input: "x", Interactive: true})
	if err != nil {
		t.Fatal(err)
	}
	until(t, log, id, event.KindQuestion)
	cancel()
	if err := m.Answer(t.Context(), id, "q", "yes"); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, m, id); s.Status != event.StatusDone {
		t.Errorf("status %s: the end of the request ended the task", s.Status)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, asking(pluginsdk.Question{ID: "q"}))
	id := start(t, m, task.Spec{Interactive: true})
	until(t, log, id, event.KindQuestion)
	if err := m.Stop(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	s := state(t, m, id)
	if s.Status != event.StatusStopped || s.Steps[0].Status != task.StepFailed || len(s.Open()) > 0 {
		t.Errorf("state %+v", s)
	}
	if m.Active() != 0 {
		t.Error("Stop returned while the task was at work")
	}
	before := s.Last
	if err := m.Stop(t.Context(), id, false); err != nil || state(t, m, id).Last != before {
		t.Errorf("a second stop: %v, last event %d, want %d", err, state(t, m, id).Last, before)
	}
	wantCode(t, m.Stop(t.Context(), "nosuch", false), pluginsdk.ErrNotFound)
	if err := m.Answer(t.Context(), id, "q", "late"); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("an answer to a stopped task: %v, want a conflict", err)
	}
}

func TestStopOfAWorkerThatDoesNotListen(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	m := manager(t, event.NewMemory(), &worker{work: func(context.Context, *task.Task) event.TaskDone {
		<-release
		return event.TaskDone{Status: event.StatusDone}
	}})
	id := start(t, m, task.Spec{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	wantCode(t, m.Stop(ctx, id, false), context.DeadlineExceeded)
	if s := state(t, m, id); s.Status != event.StatusStopping {
		t.Errorf("status %s, want stopping", s.Status)
	}
	close(release)
	if s := ended(t, m, id); s.Status != event.StatusDone {
		t.Errorf("status %s: what was done before the stop counts", s.Status)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, asking(
		pluginsdk.Question{ID: "q", Choices: []pluginsdk.Choice{{Value: "a"}, {Value: "b"}}},
		pluginsdk.Question{ID: "free"},
	))
	id := start(t, m, task.Spec{Interactive: true})
	until(t, log, id, event.KindQuestion)
	wantCode(t, m.Answer(t.Context(), id, "nosuch", "a"), pluginsdk.ErrNotFound)
	wantCode(t, m.Answer(t.Context(), id, "q", "c"), pluginsdk.ErrInvalid)
	wantCode(t, m.Answer(t.Context(), id, "q", ""), pluginsdk.ErrInvalid)
	if err := m.Answer(t.Context(), id, "q", "b"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, m.Answer(t.Context(), id, "q", "a"), pluginsdk.ErrNotFound) // the first one stands
	until(t, log, id, event.KindLog)
	for { // the second question comes after the log line
		if err := m.Answer(t.Context(), id, "free", ""); err == nil {
			break
		} else if !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Fatal(err)
		}
	}
	s := ended(t, m, id)
	if diff := cmp.Diff([]string{"q=b", "free="}, s.Logs); diff != "" {
		t.Errorf("the worker got (-want +got):\n%s", diff)
	}
}

func TestSameQuestionFromTwoPlaces(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, &worker{work: func(ctx context.Context, tk *task.Task) event.TaskDone {
		if err := tk.Record(ctx, event.StepStarted{Step: "1"}); err != nil {
			return finish(ctx, err)
		}
		errs := make(chan error, 8)
		for range cap(errs) {
			go func() {
				v, err := tk.Ask(ctx, "1", pluginsdk.Question{ID: "q"})
				if err == nil && v != "yes" {
					err = errors.New("answer " + v)
				}
				errs <- err
			}()
		}
		var all []error
		for range cap(errs) {
			all = append(all, <-errs)
		}
		return finish(ctx, errors.Join(all...))
	}})
	id := start(t, m, task.Spec{Interactive: true})
	until(t, log, id, event.KindQuestion)
	if err := m.Answer(t.Context(), id, "q", "yes"); err != nil {
		t.Fatal(err)
	}
	s := ended(t, m, id)
	if s.Status != event.StatusDone || len(s.Steps[0].Questions) != 1 {
		t.Errorf("status %s (%+v), %d questions, want one", s.Status, s.Error, len(s.Steps[0].Questions))
	}
}

func TestNobodyThereToAnswer(t *testing.T) {
	t.Parallel()
	m := manager(t, event.NewMemory(), asking(pluginsdk.Question{ID: "q", Text: "which?"}))
	s := ended(t, m, start(t, m, task.Spec{}))
	if s.Status != event.StatusParked || s.Error.Code != "unavailable" || !strings.Contains(s.Error.Message, "which?") {
		t.Errorf("state %+v, error %+v", s, s.Error)
	}
	if len(s.Steps[0].Questions) != 1 {
		t.Error("a question that a later run could be answered is not in the log")
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	spec := task.Spec{Input: "/a:b x", Folders: []string{"/f"}, Cwd: "/f", Sandbox: "jail", Mode: "m", Parent: "p", PluginDirs: []string{"/d"}, Interactive: true}
	w := asking(pluginsdk.Question{ID: "one"}, pluginsdk.Question{ID: "two"})
	var checked task.Spec
	w.check = func(s task.Spec) error { checked = s; return nil }
	m := manager(t, log, w)
	id := start(t, m, spec)
	until(t, log, id, event.KindQuestion)
	wantCode(t, m.Resume(t.Context(), id, true), pluginsdk.ErrConflict) // at work
	if err := m.Answer(t.Context(), id, "one", "1"); err != nil {
		t.Fatal(err)
	}
	until(t, log, id, event.KindLog)
	if err := m.Stop(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	stoppedAt := state(t, m, id).Last

	if err := m.Resume(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec, checked); diff != "" {
		t.Errorf("resumed as another task (-want +got):\n%s", diff)
	}
	for ctx := t.Context(); ; {
		err := m.Answer(ctx, id, "two", "2")
		if err == nil {
			break
		}
		if !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Fatal(err)
		}
	}
	s := ended(t, m, id)
	if s.Status != event.StatusDone || s.Resumed != 1 || s.Error != nil {
		t.Errorf("state %+v", s)
	}
	var asked []string
	for e, err := range log.Read(t.Context(), id, stoppedAt+1) {
		if err != nil {
			t.Fatal(err)
		}
		if q, err := event.Decode[event.Question](e); err == nil {
			asked = append(asked, q.ID)
		}
	}
	if diff := cmp.Diff([]string{"two"}, asked); diff != "" {
		t.Errorf("questions after the resume (-want +got):\n%s", diff)
	}
	wantCode(t, m.Resume(t.Context(), id, true), pluginsdk.ErrConflict) // done
	wantCode(t, m.Resume(t.Context(), "nosuch", true), pluginsdk.ErrNotFound)
}

func TestResumeIsRefusedByTheWorker(t *testing.T) {
	t.Parallel()
	w := &worker{work: func(ctx context.Context, _ *task.Task) event.TaskDone { return finish(ctx, errDisk) }}
	m := manager(t, event.NewMemory(), w)
	id := start(t, m, task.Spec{})
	before := ended(t, m, id).Last
	w.check = func(task.Spec) error { return pluginsdk.ErrNotFound }
	wantCode(t, m.Resume(t.Context(), id, false), pluginsdk.ErrNotFound)
	if got := state(t, m, id).Last; got != before {
		t.Errorf("last event %d, want %d", got, before)
	}
	w.check = nil
	if err := m.Resume(t.Context(), id, false); err != nil {
		t.Errorf("the refused resume keeps the task: %v", err)
	}
}

func TestManyResumesAtOnce(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, &worker{work: func(ctx context.Context, _ *task.Task) event.TaskDone { return finish(ctx, errDisk) }})
	id := start(t, m, task.Spec{})
	ended(t, m, id)
	errs := make(chan error, 20)
	for range cap(errs) {
		go func() { errs <- m.Resume(t.Context(), id, false) }()
	}
	won := 0
	for range cap(errs) {
		err := <-errs
		if err == nil {
			won++
			continue
		}
		var user *pluginsdk.Error
		if !errors.As(err, &user) || !errors.Is(err, pluginsdk.ErrConflict) {
			t.Errorf("error %v, want a conflict for the person", err)
		}
	}
	if s := ended(t, m, id); won == 0 || s.Resumed != won || s.Status != event.StatusFailed {
		t.Errorf("%d resumes of %d that began; status %s", s.Resumed, won, s.Status)
	}
}

func TestTwoManagersOfOneLog(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	one := manager(t, log, asking(pluginsdk.Question{ID: "q"}))
	two := manager(t, log, asking(pluginsdk.Question{ID: "q"}))
	id := start(t, one, task.Spec{Interactive: true})
	until(t, log, id, event.KindQuestion)
	wantCode(t, two.Resume(t.Context(), id, true), pluginsdk.ErrConflict)
	wantCode(t, two.Answer(t.Context(), id, "q", "x"), pluginsdk.ErrConflict)
	if s := state(t, two, id); s.Status != event.StatusRunning || len(s.Open()) != 1 {
		t.Errorf("the other one sees %+v", s)
	}
}

func TestCloseCutsOff(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	one := task.New(task.Options{Log: log, Worker: asking(pluginsdk.Question{ID: "q"})})
	id := start(t, one, task.Spec{Interactive: true})
	until(t, log, id, event.KindQuestion)
	if err := one.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := state(t, one, id)
	if s.Status != event.StatusFailed || s.Error == nil || s.Error.Code != "interrupted" {
		t.Errorf("status %s, error %+v", s.Status, s.Error)
	}
	_, err := one.Start(t.Context(), task.Spec{Input: "x"})
	wantCode(t, err, pluginsdk.ErrUnavailable)
	two := manager(t, log, &worker{})
	if err := two.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := two.Resume(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, two, id); s.Status != event.StatusDone {
		t.Errorf("status %s after the resume", s.Status)
	}
}

func TestPanicOfTheWorker(t *testing.T) {
	t.Parallel()
	m := manager(t, event.NewMemory(), &worker{work: func(ctx context.Context, tk *task.Task) event.TaskDone {
		if tk.Spec.Input == "well" {
			return finish(ctx, nil)
		}
		if err := tk.Record(ctx, event.StepStarted{Step: "1"}); err != nil {
			return finish(ctx, err)
		}
		panic("out of ideas")
	}})
	id := start(t, m, task.Spec{})
	s := ended(t, m, id)
	if s.Status != event.StatusFailed || s.Error == nil || s.Error.Code != "internal" {
		t.Errorf("status %s, error %+v", s.Status, s.Error)
	}
	if strings.Contains(s.Error.Message, "goroutine") {
		t.Errorf("the person is shown a stack: %s", s.Error.Message)
	}
	if s := ended(t, m, start(t, m, task.Spec{Input: "well"})); s.Status != event.StatusDone {
		t.Errorf("the next task: %s", s.Status)
	}
}

func TestNote(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	m := manager(t, log, asking(pluginsdk.Question{ID: "q"}))
	note := event.TaskUndone{Reversals: []event.Reversal{{Path: "a"}}}
	id := start(t, m, task.Spec{Interactive: true})
	until(t, log, id, event.KindQuestion)
	for _, when := range []string{"at work", "over"} {
		if err := m.Note(t.Context(), id, note); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		if err := m.Stop(t.Context(), id, false); err != nil {
			t.Fatal(err)
		}
	}
	s := state(t, m, id)
	if len(s.Undone) != 2 || s.Status != event.StatusStopped {
		t.Errorf("state %+v", s)
	}
	if err := m.Resume(t.Context(), id, false); err != nil {
		t.Errorf("resume after a note: %v", err)
	}
	wantCode(t, m.Note(t.Context(), "nosuch", note), pluginsdk.ErrNotFound)
}

func TestRecordOfNothing(t *testing.T) {
	t.Parallel()
	var got error
	m := manager(t, event.NewMemory(), &worker{work: func(ctx context.Context, tk *task.Task) event.TaskDone {
		got = tk.Record(ctx)
		return finish(ctx, nil)
	}})
	if s := ended(t, m, start(t, m, task.Spec{})); got != nil || s.Status != event.StatusDone {
		t.Errorf("error %v, status %s", got, s.Status)
	}
}
