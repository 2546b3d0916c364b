package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// ErrClosed is wrapped by every error of a log that was closed. It is a
// [pluginsdk.ErrUnavailable].
var ErrClosed = fmt.Errorf("event log is closed: %w", pluginsdk.ErrUnavailable)

// Log keeps the events of all tasks. Its methods may be called concurrently.
type Log interface {
	Appender
	Reader
	Lister
	Finder
	Leaser
	// Close waits for appends under way, ends subscriptions with [ErrClosed]
	// and releases what the log holds. It may be called more than once.
	io.Closer
}

// Appender writes to the log.
type Appender interface {
	// Append adds events to a task, all of them or none, and returns the last
	// one's sequence when they are durable. expect is the sequence of the last
	// event the caller knows, 0 for a new task; if the task has another, the
	// error is a [pluginsdk.ErrConflict] and nothing is written. A negative
	// expect skips the check. The first append settles the task's parent.
	//
	// When ctx ends before the append is taken up, nothing is written and the
	// error is the context's. Later it has no effect.
	Append(ctx context.Context, task string, expect int64, events ...Event) (last int64, err error)
	// Publish shows a transient event to those subscribed to the task now. It
	// does not wait for them: a subscriber that is behind misses it.
	Publish(task string, e Event) error
}

// Reader reads one task's events in order. A sequence of events ends after the
// first error; breaking out of the loop is fine at any time.
type Reader interface {
	// Read returns the stored events from sequence from on, up to the last one
	// at the time of the call. A task without events has none.
	Read(ctx context.Context, task string, from int64) iter.Seq2[Event, error]
	// Subscribe returns the stored events from sequence from on and then the
	// new ones as they come, without a gap and none twice, together with
	// transient events published meanwhile. It ends when ctx does, with the
	// context's error, or with [ErrClosed]. A slow subscriber holds up nobody.
	Subscribe(ctx context.Context, task string, from int64) iter.Seq2[Event, error]
}

// Lister knows the tasks there are.
type Lister interface {
	// Tasks returns heads of tasks, the newest task first.
	Tasks(ctx context.Context, q Query) ([]Head, error)
	// Head returns one task's head; an unknown task is [pluginsdk.ErrNotFound].
	Head(ctx context.Context, task string) (Head, error)
}

// Leaser hands out the ownership of tasks within this process. Between
// processes the expected sequence of [Appender.Append] is the fence.
type Leaser interface {
	// Lease makes owner the only owner of the task until the lease is released.
	// A task that is owned is a [pluginsdk.ErrConflict] naming the owner. The
	// task need not have events yet.
	Lease(ctx context.Context, task, owner string) (*Lease, error)
}

// Query selects tasks. The zero value is the newest hundred.
type Query struct {
	// Limit is the greatest number of heads; 0 is 100, negative is all.
	Limit int
	// Before leaves out this task and all newer ones: the last id of one page
	// gives the next page.
	Before string
	// Parent leaves out all but the children of this task.
	Parent string
}

const defaultLimit = 100

func (q Query) limit() int {
	if q.Limit == 0 {
		return defaultLimit
	}
	return max(q.Limit, -1)
}

// Head is the summary of a task, kept with every append.
type Head struct {
	Task   string `json:"task"`
	Parent string `json:"parent,omitempty"`
	Title  string `json:"title,omitempty"`
	// Status is what the log says. A task whose host was killed is still
	// "running" here until a host takes it up.
	Status Status `json:"status"`
	// Created and Updated are the times of the first and the last event.
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	// Last is the sequence of the last event.
	Last int64 `json:"last"`
}

// advance adds events to the head, gives them their sequence and the task's
// parent, and returns the new head.
func (h Head) advance(events []Event) (Head, error) {
	if h.Last == 0 {
		h.Task, h.Created, h.Status = events[0].Task, events[0].Time, StatusRunning
		for _, e := range events {
			if e.Parent != "" {
				h.Parent = e.Parent
			}
		}
	}
	for i := range events {
		e := &events[i]
		if e.Parent != "" && e.Parent != h.Parent {
			return h, fmt.Errorf("parent of the task is %q, not %q: %w", h.Parent, e.Parent, pluginsdk.ErrInvalid)
		}
		h.Last++
		e.Seq, e.Parent = h.Last, h.Parent
		h.Updated = e.Time
		h.follow(*e)
	}
	return h, nil
}

// follow takes from an event what a head shows. Data that does not decode is
// the emitter's mistake and leaves the head as it is.
func (h *Head) follow(e Event) {
	switch e.Kind {
	case KindTaskCreated:
		var p struct{ Title string }
		if json.Unmarshal(e.Data, &p) == nil {
			h.Title = p.Title
		}
		h.Status = StatusRunning
	case KindTaskResumed:
		h.Status = StatusRunning
	case KindTaskStopping:
		h.Status = StatusStopping
	case KindTaskDone, KindTaskImported:
		var p struct{ Status Status }
		if json.Unmarshal(e.Data, &p) == nil && p.Status != "" {
			h.Status = p.Status
		}
	}
}

// check compares the sequence a caller expects with the one the task has.
func (h Head) check(expect int64) error {
	if expect >= 0 && expect != h.Last {
		return fmt.Errorf("last sequence is %d, expected %d: %w", h.Last, expect, pluginsdk.ErrConflict)
	}
	return nil
}

func appendError(task string, err error) error {
	if err == nil || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("append to task %s: %w", task, err)
}
