package event

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Memory is a log that lives as long as the process, for tests and previews.
type Memory struct {
	leases
	now  func() time.Time
	feed feed

	mu     sync.Mutex
	closed bool
	tasks  map[string]*record
	order  []*record // by creation
}

type record struct {
	head   Head
	events []Event
	place  int // in Memory.order
}

var _ Log = (*Memory)(nil)

// NewMemory returns an empty log.
func NewMemory() *Memory {
	return &Memory{now: time.Now, tasks: map[string]*record{}}
}

// Append implements [Appender].
func (m *Memory) Append(ctx context.Context, task string, expect int64, events ...Event) (int64, error) {
	events, err := prepare(task, events, m.now)
	if err != nil {
		return 0, appendError(task, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, appendError(task, err)
	}
	if m.closed {
		return 0, ErrClosed
	}
	r := m.tasks[task]
	if r == nil {
		r = &record{place: len(m.order)}
	}
	if err := r.head.check(expect); err != nil {
		return 0, appendError(task, err)
	}
	head, err := r.head.advance(events)
	if err != nil {
		return 0, appendError(task, err)
	}
	if r.head.Last == 0 {
		m.tasks[task] = r
		m.order = append(m.order, r)
	}
	r.head, r.events = head, append(r.events, events...)
	m.feed.publish(task, events...)
	return head.Last, nil
}

// Publish implements [Appender].
func (m *Memory) Publish(task string, e Event) error { return m.feed.transient(task, e, m.now) }

// Read implements [Reader].
func (m *Memory) Read(ctx context.Context, task string, from int64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		m.mu.Lock()
		var events []Event
		closed := m.closed
		if r := m.tasks[task]; r != nil && from <= r.head.Last {
			events = r.events[max(from, 1)-1:]
		}
		m.mu.Unlock()
		if closed {
			yield(Event{}, ErrClosed)
			return
		}
		for _, e := range events {
			if err := ctx.Err(); err != nil {
				yield(Event{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Subscribe implements [Reader].
func (m *Memory) Subscribe(ctx context.Context, task string, from int64) iter.Seq2[Event, error] {
	return m.feed.subscribe(ctx, task, from, m.Read)
}

// Tasks implements [Lister].
func (m *Memory) Tasks(ctx context.Context, q Query) ([]Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.closed {
		return nil, ErrClosed
	}
	end := len(m.order)
	if q.Before != "" {
		r := m.tasks[q.Before]
		if r == nil {
			return nil, unknownTask(q.Before)
		}
		end = r.place
	}
	var out []Head
	for i := end - 1; i >= 0 && len(out) != q.limit(); i-- {
		if h := m.order[i].head; q.Parent == "" || q.Parent == h.Parent {
			out = append(out, h)
		}
	}
	return out, nil
}

// Head implements [Lister].
func (m *Memory) Head(ctx context.Context, task string) (Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Head{}, err
	}
	if m.closed {
		return Head{}, ErrClosed
	}
	r := m.tasks[task]
	if r == nil {
		return Head{}, unknownTask(task)
	}
	return r.head, nil
}

// Close implements [Log].
func (m *Memory) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.feed.close()
	return nil
}

func unknownTask(task string) error {
	return fmt.Errorf("task %s: %w", task, pluginsdk.ErrNotFound)
}
