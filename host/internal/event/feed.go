package event

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// The bounds of what waits for one subscriber. Beyond them it is sent back to
// the store, so that it neither holds up the writer nor fills the memory.
const (
	feedEvents = 256
	feedBytes  = 4 << 20
)

// feed carries new events to live subscribers; the zero value is ready.
type feed struct {
	mu     sync.Mutex
	closed bool
	subs   map[string]map[*subscriber]struct{}
}

// subscriber is one reader's queue of live events.
type subscriber struct {
	wake chan struct{} // holds one token when there is something to take

	mu     sync.Mutex
	queue  []Event
	bytes  int
	behind bool // the queue overflowed: read on from the store
	closed bool
}

func (f *feed) add(task string) *subscriber {
	s := &subscriber{wake: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		s.closed = true
		return s
	}
	if f.subs == nil {
		f.subs = map[string]map[*subscriber]struct{}{}
	}
	if f.subs[task] == nil {
		f.subs[task] = map[*subscriber]struct{}{}
	}
	f.subs[task][s] = struct{}{}
	return s
}

func (f *feed) remove(task string, s *subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subs[task], s)
	if len(f.subs[task]) == 0 {
		delete(f.subs, task)
	}
}

// publish hands events of one task to its subscribers. Stored events must come
// in order and only after they can be read back.
func (f *feed) publish(task string, events ...Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs[task] {
		s.offer(events)
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, subs := range f.subs {
		for s := range subs {
			s.mu.Lock()
			s.closed = true
			s.mu.Unlock()
			s.signal()
		}
	}
}

func (s *subscriber) offer(events []Event) {
	s.mu.Lock()
	for _, e := range events {
		full := len(s.queue) >= feedEvents || s.bytes+len(e.Data) > feedBytes && len(s.queue) > 0
		switch {
		case s.behind, full && e.Seq == 0:
		case full:
			s.behind, s.queue, s.bytes = true, nil, 0
		default:
			s.queue = append(s.queue, e)
			s.bytes += len(e.Data)
		}
	}
	s.mu.Unlock()
	s.signal()
}

func (s *subscriber) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (s *subscriber) take() (events []Event, behind, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, behind = s.queue, s.behind
	s.queue, s.bytes, s.behind = nil, 0, false
	return events, behind, s.closed
}

// subscribe replays a task with read and goes on with what is published. The
// subscriber is registered before the replay, so nothing falls between.
func (f *feed) subscribe(ctx context.Context, task string, from int64, read func(context.Context, string, int64) iter.Seq2[Event, error]) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := f.add(task)
		defer f.remove(task, s)
		next := max(from, 1)
		for behind := true; ; {
			if behind {
				for e, err := range read(ctx, task, next) {
					if !yield(e, err) || err != nil {
						return
					}
					next = e.Seq + 1
				}
			}
			var events []Event
			var closed bool
			events, behind, closed = s.take()
			for _, e := range fresh(events, next) {
				if e.Seq > next {
					behind = true
					break
				}
				if !yield(e, nil) {
					return
				}
				if e.Seq != 0 {
					next = e.Seq + 1
				}
			}
			if behind {
				continue
			}
			if closed {
				yield(Event{}, ErrClosed)
				return
			}
			if err := ctx.Err(); err != nil {
				yield(Event{}, err)
				return
			}
			select {
			case <-s.wake:
			case <-ctx.Done():
				yield(Event{}, ctx.Err())
				return
			}
		}
	}
}

// fresh leaves out the events up to the last one the reader has had from the
// store: transient ones before it are stale.
func fresh(events []Event, next int64) []Event {
	for i := len(events) - 1; i >= 0; i-- {
		if s := events[i].Seq; s != 0 && s < next {
			return events[i+1:]
		}
	}
	return events
}

// transient publishes an event that is not stored.
func (f *feed) transient(task string, e Event, now func() time.Time) error {
	if err := checkTask(task); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if !e.Kind.Transient() {
		return fmt.Errorf("publish to task %s: a %s event must be appended: %w", task, e.Kind, pluginsdk.ErrInvalid)
	}
	e, err := normal(task, e, now)
	if err != nil {
		return fmt.Errorf("publish to task %s: %w", task, err)
	}
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return ErrClosed
	}
	f.publish(task, e)
	return nil
}
