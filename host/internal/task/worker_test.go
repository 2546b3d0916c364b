package task_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

// worker is a scripted task.Worker; a nil function does nothing well.
type worker struct {
	check  func(task.Spec) error
	work   func(ctx context.Context, t *task.Task) event.TaskDone
	settle func(taskID string, st task.Step) (task.Settled, error)
}

func (w *worker) Check(_ context.Context, spec task.Spec) error {
	if w.check == nil {
		return nil
	}
	return w.check(spec)
}

func (w *worker) Work(ctx context.Context, t *task.Task) event.TaskDone {
	if w.work == nil {
		return event.TaskDone{Status: event.StatusDone}
	}
	return w.work(ctx, t)
}

func (w *worker) Settle(_ context.Context, id string, st task.Step) (task.Settled, error) {
	if w.settle == nil {
		return task.Settled{}, nil
	}
	return w.settle(id, st)
}

// faultyLog refuses appends that fail says must be refused.
type faultyLog struct {
	event.Log
	mu   sync.Mutex
	fail func(kind event.Kind) error
}

func (l *faultyLog) Append(ctx context.Context, id string, expect int64, events ...event.Event) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		for _, e := range events {
			if err := l.fail(e.Kind); err != nil {
				return 0, err
			}
		}
	}
	return l.Log.Append(ctx, id, expect, events...)
}

var errDisk = errors.New("the disk is full")

// finish is how a worker says how it ended, as the engine does.
func finish(ctx context.Context, err error) event.TaskDone {
	switch {
	case err == nil:
		return event.TaskDone{Status: event.StatusDone}
	case task.Stopped(ctx), task.StoppedAfter(err):
		return event.TaskDone{Status: event.StatusStopped}
	case task.Paused(err):
		return event.TaskDone{Status: event.StatusParked}
	case ctx.Err() != nil:
		return event.TaskDone{Status: event.StatusFailed, Error: &event.Error{Code: "interrupted"}}
	}
	done := event.TaskDone{Status: event.StatusFailed, Error: event.ErrorOf(err)}
	if errors.Is(err, task.ErrParked) {
		done.Status = event.StatusParked
	}
	return done
}

// asking is a worker that asks the questions in order and logs the answers.
func asking(questions ...pluginsdk.Question) *worker {
	return &worker{work: func(ctx context.Context, t *task.Task) event.TaskDone {
		if err := t.Record(ctx, event.StepStarted{Step: "1"}); err != nil {
			return finish(ctx, err)
		}
		for _, q := range questions {
			v, err := t.Ask(ctx, "1", q)
			if errors.Is(err, task.ErrParked) {
				return finish(ctx, err)
			}
			if err != nil {
				return finish(ctx, errors.Join(err, t.Record(ctx, event.StepFailed{Step: "1", Error: event.ErrorOf(err)})))
			}
			if err := t.Record(ctx, event.LogLine{Step: "1", Message: q.ID + "=" + v}); err != nil {
				return finish(ctx, err)
			}
		}
		return finish(ctx, nil)
	}}
}

func manager(t *testing.T, log event.Log, w task.Worker) *task.Manager {
	t.Helper()
	m := task.New(task.Options{Log: log, Worker: w})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := m.Close(ctx); err != nil {
			t.Errorf("close the manager: %v", err)
		}
	})
	return m
}

func start(t *testing.T, m *task.Manager, spec task.Spec) string {
	t.Helper()
	if spec.Input == "" {
		spec.Input = "/a:b"
	}
	id, err := m.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// until waits for an event of the kind and returns it.
func until(t *testing.T, log event.Log, id string, kind event.Kind) event.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for e, err := range log.Subscribe(ctx, id, 1) {
		if err != nil {
			t.Fatalf("wait for %s: %v", kind, err)
		}
		if e.Kind == kind {
			return e
		}
	}
	t.Fatalf("no %s", kind)
	return event.Event{}
}

func state(t *testing.T, m *task.Manager, id string) *task.State {
	t.Helper()
	s, err := m.State(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ended waits until a task is no longer at work and returns its state.
func ended(t *testing.T, m *task.Manager, id string) *task.State {
	t.Helper()
	select {
	case <-m.Done(id):
	case <-time.After(10 * time.Second):
		t.Fatalf("task %s does not end", id)
	}
	return state(t, m, id)
}

func wantCode(t *testing.T, err error, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want one that is %v", err, want)
	}
}
