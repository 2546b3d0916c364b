package task

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// errStopped is the cause of a context that Stop cancelled.
var errStopped = errors.New("the task was stopped")

// errClosing is the cause when the host itself ends.
var errClosing = errors.New("the host is closing")

// Task is a task at work, as its [Worker] sees it. Its methods may be called
// concurrently.
type Task struct {
	// Spec is what was asked for.
	Spec Spec
	// ID is the task's id.
	ID string

	log    event.Log
	cancel context.CancelCauseFunc
	done   chan struct{}

	mu      sync.Mutex
	state   State
	waiting map[string]chan struct{} // by step and question id; closed by the answer
}

// Record appends events; they are durable when it returns. An error means the
// log could not keep them, and that nothing they license may be done.
func (t *Task) Record(ctx context.Context, payloads ...event.Payload) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.record(ctx, payloads...)
}

// record is called with the lock held.
func (t *Task) record(ctx context.Context, payloads ...event.Payload) error {
	if len(payloads) == 0 {
		return nil
	}
	events := make([]event.Event, len(payloads))
	for i, p := range payloads {
		e, err := event.New(p)
		if err != nil {
			return err
		}
		e.Parent = t.Spec.Parent
		events[i] = e
	}
	// What has happened is recorded even when the task is being stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	last, err := t.log.Append(ctx, t.ID, t.state.Last, events...)
	if err != nil {
		return fmt.Errorf("record %s: %w", payloads[0].EventKind(), err)
	}
	for i, e := range events {
		e.Seq, e.Task = last-int64(len(events)-1-i), t.ID
		if e.Time.IsZero() {
			e.Time = time.Now().UTC()
		}
		t.state.Fold(e)
	}
	return nil
}

// end records how the task ended. A fault that passes, such as a full disk,
// must not leave a task that is running for ever, so it tries again.
func (t *Task) end(ctx context.Context, done event.TaskDone) error {
	err := t.Record(ctx, done)
	for _, wait := range [...]time.Duration{0, 100 * time.Millisecond, time.Second} {
		if err == nil {
			return nil
		}
		<-time.After(wait)
		// An append that failed may have been kept all the same.
		head, headErr := t.log.Head(context.WithoutCancel(ctx), t.ID)
		if headErr != nil {
			continue
		}
		if head.Status == done.Status {
			return nil
		}
		t.mu.Lock()
		t.state.Last = head.Last
		err = t.record(ctx, done)
		t.mu.Unlock()
	}
	return err
}

// recordTimeout bounds one append; a log that hangs must not hang the task.
const recordTimeout = 30 * time.Second

// Show publishes a transient event to those who watch.
func (t *Task) Show(p event.Payload) {
	e, err := event.New(p)
	if err != nil {
		return
	}
	e.Parent = t.Spec.Parent
	_ = t.log.Publish(t.ID, e) // nobody may be watching
}

// Step returns what is known of a step, also from runs before a resume, and
// whether it was ever started.
func (t *Task) Step(id string) (Step, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, st := range t.state.Steps {
		if st.ID == id {
			st.Answers = maps.Clone(st.Answers)
			return st, true
		}
	}
	return Step{}, false
}

// answer returns an answer already given; called with the lock held.
func (t *Task) answer(step, id string) (string, bool) {
	for _, st := range t.state.Steps {
		if st.ID == step {
			v, ok := st.Answers[id]
			return v, ok
		}
	}
	return "", false
}

// Ask puts a question of a step to the person and waits. An answer given in an
// earlier run of the step is returned at once. When nobody can answer the
// error is a [pluginsdk.ErrUnavailable].
func (t *Task) Ask(ctx context.Context, step string, q pluginsdk.Question) (string, error) {
	t.mu.Lock()
	if v, ok := t.answer(step, q.ID); ok {
		t.mu.Unlock()
		return v, nil
	}
	if !t.Spec.Interactive {
		t.mu.Unlock()
		return "", &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: "nobody is there to answer: " + q.Text}
	}
	key := step + "\x00" + q.ID
	wait, asked := t.waiting[key]
	if !asked {
		if err := t.record(ctx, event.Question{Step: step, Question: q}); err != nil {
			t.mu.Unlock()
			return "", err
		}
		wait = make(chan struct{})
		t.waiting[key] = wait
	}
	t.mu.Unlock()
	select {
	case <-wait:
		t.mu.Lock()
		defer t.mu.Unlock()
		v, _ := t.answer(step, q.ID)
		return v, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// reply records the first answer to an open question and wakes who asked.
func (t *Task) reply(ctx context.Context, id, value string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, q := range t.state.Open() {
		if q.ID != id {
			continue
		}
		if err := allowed(q.Question, value); err != nil {
			return err
		}
		if err := t.record(ctx, event.Answer{Step: q.Step, ID: id, Value: value}); err != nil {
			return err
		}
		key := q.Step + "\x00" + id
		if wait := t.waiting[key]; wait != nil {
			close(wait)
			delete(t.waiting, key)
		}
		return nil
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("task %s has no open question %q", t.ID, id),
		Next: "see the open questions with `cowork task show " + t.ID + "`",
	}
}

func allowed(q pluginsdk.Question, value string) error {
	if len(q.Choices) == 0 {
		return nil
	}
	for _, c := range q.Choices {
		if c.Value == value {
			return nil
		}
	}
	return pluginsdk.Invalid("answer with one of the choices", "%q is not a choice of the question %q", value, q.ID)
}

// Stopped reports whether ctx ended because the person stopped the task.
func Stopped(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errStopped) }
