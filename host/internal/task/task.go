package task

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/pluginsdk"
)

// ErrParked says that a run must end as parked: it waits for the person and
// nobody is there. It is a [pluginsdk.ErrUnavailable].
var ErrParked = fmt.Errorf("parked: %w", pluginsdk.ErrUnavailable)

// What [Task.Halt] returns.
var (
	// ErrStopAfter says that the run must end as stopped.
	ErrStopAfter = errors.New("the task is to stop after this step")
	// ErrPaused says that the run must end as parked, until it is resumed.
	ErrPaused = errors.New("the task is paused")
)

var (
	// errStopped is the cause of a context that Stop cancelled.
	errStopped = errors.New("the task was stopped")
	// errStoppedAbove is the cause in the sub-agents of a stopped task.
	errStoppedAbove = fmt.Errorf("the task above: %w", errStopped)
	// errClosing is the cause when the host itself ends.
	errClosing = errors.New("the host is closing")
	// errLeft is the cause in a sub-agent whose parent ended without it.
	errLeft = errors.New("the task that started it has ended")
)

// Stopped reports whether ctx ended because the person stopped the task, or
// the one above it.
func Stopped(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errStopped) }

// StoppedAfter reports whether err is [ErrStopAfter].
func StoppedAfter(err error) bool { return errors.Is(err, ErrStopAfter) }

// Paused reports whether err is [ErrPaused].
func Paused(err error) bool { return errors.Is(err, ErrPaused) }

// Task is a task at work, as its [Worker] sees it. Its methods may be called
// concurrently.
type Task struct {
	// Spec is what was asked for.
	Spec Spec
	// ID is the task's id.
	ID string

	log    event.Log
	now    func() time.Time
	m      *Manager // nil for a task that is only being settled
	parent *Task    // at work as well; nil at the top and where it is not
	root   *Task    // the top of what is at work, perhaps the task itself
	cancel context.CancelCauseFunc
	done   chan struct{}
	end    event.TaskDone // set before done is closed

	// Guarded by the manager's lock.
	cause  error         // why it was cancelled
	halt   error         // ErrStopAfter or ErrPaused
	halted chan struct{} // closed when halt is set

	unheard unheard // on the root, for its tree

	mu       sync.Mutex
	over     bool // its end is recorded
	observer func(event.Event)
	state    State
	waiting  map[string]*listener // by key
	children map[string]*Task     // at work since this run began
}

// unheard are the answers of a tree that came when nobody waited for them. The
// zero value is empty.
type unheard struct {
	mu   sync.Mutex
	keys map[string]struct{}
}

func (u *unheard) add(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.keys == nil {
		u.keys = map[string]struct{}{}
	}
	u.keys[key] = struct{}{}
}

func (u *unheard) heard(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.keys, key)
}

// take empties the set and reports whether there was anything in it.
func (u *unheard) take() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.keys)
	u.keys = nil
	return n > 0
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
		e.Parent, e.Time = t.Spec.Parent, t.now().Round(0).UTC()
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
		t.state.Fold(e)
		if t.observer != nil {
			t.observer(e)
		}
	}
	return nil
}

// Observe calls f with every event of the task's log, from the first on, and
// then with each as it is recorded, in the log's order, until the run is over.
// It returns when f has seen all there are. f must not call the task.
func (t *Task) Observe(ctx context.Context, f func(event.Event)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e, err := range t.log.Read(ctx, t.ID, 1) {
		if err != nil {
			return fmt.Errorf("read the log of task %s: %w", t.ID, err)
		}
		f(e)
	}
	t.observer = f
	return nil
}

// recordTimeout bounds one append; a log that hangs must not hang the task.
const recordTimeout = 30 * time.Second

// EventsOf returns the log of a sub-agent, from its first event to now.
func (t *Task) EventsOf(ctx context.Context, child string) iter.Seq2[event.Event, error] {
	return t.log.Read(ctx, child, 1)
}

// Show publishes a transient event to those who watch.
func (t *Task) Show(p event.Payload) {
	e, err := event.New(p)
	if err != nil {
		return
	}
	e.Parent = t.Spec.Parent
	_ = t.log.Publish(t.ID, e) // nobody may be watching
}

// Events returns the task's own log up to now.
func (t *Task) Events(ctx context.Context) iter.Seq2[event.Event, error] {
	return t.log.Read(ctx, t.ID, 1)
}

// EventsAfter returns the task's own log behind a sequence, up to now.
func (t *Task) EventsAfter(ctx context.Context, seq int64) iter.Seq2[event.Event, error] {
	return t.log.Read(ctx, t.ID, seq+1)
}

// State returns a copy of what is known of the task.
func (t *Task) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.clone()
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

// EditPlan edits the plan and returns it as it is then: all edits or none.
// by is "model" or "person".
func (t *Task) EditPlan(ctx context.Context, by string, ops ...event.PlanOp) ([]plan.Step, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.editPlan(ctx, by, ops); err != nil {
		return nil, err
	}
	return t.state.clone().Plan, nil
}

// editPlan is called with the lock held.
func (t *Task) editPlan(ctx context.Context, by string, ops []event.PlanOp) error {
	if len(ops) == 0 {
		return pluginsdk.Invalid("send at least one edit", "there is nothing to change in the plan of task %s", t.ID)
	}
	if _, err := plan.Apply(t.state.Plan, ops); err != nil {
		return err
	}
	return t.record(ctx, event.PlanEdited{Ops: ops, By: by})
}

// Halt is asked at every boundary between steps. It returns nil, or why the
// run must end there: [ErrStopAfter] or [ErrPaused].
func (t *Task) Halt() error {
	if t.m == nil {
		return nil
	}
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	return t.halt
}

// Root is the id of the task at the top of the tree.
func (t *Task) Root() string {
	if t.Spec.Root != "" {
		return t.Spec.Root
	}
	return t.ID
}
