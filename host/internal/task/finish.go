package task

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
)

// finish records how a run ended, unless the task goes on: a message or an
// answer came when the worker no longer looked. A fault that passes, such as a
// full disk, must not leave a task that is running for ever, so it tries
// again.
func (t *Task) finish(ctx context.Context, done event.TaskDone, queued []event.MessageQueued) (again bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if reason := t.goesOn(done, queued); reason != "" {
		if err := t.record(ctx, event.TaskResumed{Reason: reason}); err == nil {
			return true, nil
		}
	}
	t.normalise(&done)
	t.end = done
	err = t.record(ctx, done)
	for _, wait := range [...]time.Duration{0, 100 * time.Millisecond, time.Second} {
		if err == nil {
			break
		}
		t.mu.Unlock()
		<-time.After(wait)
		t.mu.Lock()
		// An append that failed may have been kept all the same.
		head, headErr := t.log.Head(context.WithoutCancel(ctx), t.ID)
		if headErr != nil {
			continue
		}
		if head.Status == done.Status {
			err = nil
			break
		}
		t.state.Last = head.Last
		err = t.record(ctx, done)
	}
	t.over = true
	return false, err
}

// goesOn says why a task whose worker has returned runs on at once, or "".
func (t *Task) goesOn(done event.TaskDone, queued []event.MessageQueued) string {
	t.m.mu.Lock()
	cut := t.cause != nil || t.halt != nil
	t.m.mu.Unlock()
	if cut {
		return ""
	}
	if done.Status == event.StatusParked && t.unheard.take() {
		return "answered"
	}
	if done.Status == event.StatusDone || done.Status == event.StatusParked {
		same := func(a, b event.MessageQueued) bool { return a.ID == b.ID }
		if len(t.state.Queue) > 0 && !slices.EqualFunc(queued, t.state.Queue, same) { // it came, or took some
			return "message"
		}
	}
	return ""
}

// normalise completes what a worker says of its end by what is known here.
func (t *Task) normalise(done *event.TaskDone) {
	t.m.mu.Lock()
	halt, cause := t.halt, t.cause
	t.m.mu.Unlock()
	switch {
	case done.Status == event.StatusParked && Paused(halt) && (done.Error == nil || done.Error.Code == ""):
		done.Error = paused(t.ID)
	case done.Status == event.StatusFailed && errors.Is(cause, errClosing) && t.state.waits():
		// The host ends while the task waits: an answer finds it later.
		done.Status, done.Error = event.StatusParked, waitsFor(t.ID)
	}
	if own := t.state.Usage; own.ModelCalls > 0 {
		own.DurationMS = done.Usage.DurationMS
		done.Usage = own
	}
}

// waits reports whether the task, or a sub-agent as far as it knows, waits for
// an approval.
func (s *State) waits() bool {
	return len(s.OpenApprovals()) > 0 ||
		slices.ContainsFunc(s.Children, func(c ChildState) bool { return c.Status == event.StatusParked })
}

func paused(id string) *event.Error {
	return &event.Error{Code: "paused", Message: "the task is paused", Next: "go on with `cowork task resume " + id + "`"}
}

func waitsFor(id string) *event.Error {
	return &event.Error{Code: "parked", Message: "the task waits for an approval", Next: "see it with `cowork task show " + id + "`"}
}
