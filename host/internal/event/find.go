package event

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Finder finds events of one kind in all tasks.
type Finder interface {
	// Find returns the stored events of the kind from since on, the oldest
	// first; the zero time is the beginning. Events of the same time come in
	// the order of their tasks and sequences. Usage is found by an index, at a
	// cost that grows with what is found; any other kind reads all there is.
	Find(ctx context.Context, kind Kind, since time.Time) iter.Seq2[Event, error]
}

// Find implements [Finder].
func (m *Memory) Find(ctx context.Context, kind Kind, since time.Time) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := findable(kind); err != nil {
			yield(Event{}, err)
			return
		}
		m.mu.Lock()
		closed := m.closed
		var found []Event
		for _, r := range m.order {
			for _, e := range r.events {
				if e.Kind == kind && !e.Time.Before(since) {
					found = append(found, e)
				}
			}
		}
		m.mu.Unlock()
		if closed {
			yield(Event{}, ErrClosed)
			return
		}
		slices.SortStableFunc(found, func(a, b Event) int { return cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()) })
		for _, e := range found {
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

// Find implements [Finder].
func (l *SQLite) Find(ctx context.Context, kind Kind, since time.Time) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := findable(kind); err != nil {
			yield(Event{}, err)
			return
		}
		at, id := nanoseconds(since), int64(math.MinInt64)
		for {
			page, err := l.found(ctx, kind, at, id)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, f := range page {
				if !yield(f.Event, nil) {
					return
				}
				at, id = f.Time.UnixNano(), f.id
			}
			if len(page) == 0 {
				return
			}
		}
	}
}

type foundEvent struct {
	Event
	id int64
}

// found reads some events of the kind behind a place in their order.
func (l *SQLite) found(ctx context.Context, kind Kind, at, id int64) ([]foundEvent, error) {
	// The index is used only where the query has its condition word by word.
	where, args := "kind = ?", []any{string(kind)}
	if kind == KindUsage && l.indexed {
		where, args = "kind = 'usage'", nil
	}
	rows, err := l.read.QueryContext(ctx, `SELECT e.id, e.time, e.data, t.id, t.parent FROM
		(SELECT id, time, data FROM event WHERE `+where+` AND (time, id) > (?, ?) ORDER BY time, id LIMIT ?) e
		JOIN task t ON t.no = e.id >> ? ORDER BY e.time, e.id`, append(args, at, id, pageEvents, seqBits)...)
	if err != nil {
		return nil, l.readError(ctx, "", err)
	}
	defer rows.Close()
	var page []foundEvent
	for size := 0; size < pageBytes && rows.Next(); {
		f := foundEvent{Event: Event{Kind: kind}}
		var at int64
		var data []byte
		if err := rows.Scan(&f.id, &at, &data, &f.Task, &f.Parent); err != nil {
			return nil, l.readError(ctx, "", err)
		}
		f.Seq, f.Time, f.Data = f.id&(1<<seqBits-1), time.Unix(0, at).UTC(), data
		page = append(page, f)
		size += len(data)
	}
	return page, l.readError(ctx, "", rows.Err())
}

func findable(kind Kind) error {
	if !kind.valid() || kind.Transient() {
		return fmt.Errorf("find events of kind %q: %w", kind, pluginsdk.ErrInvalid)
	}
	return nil
}

// nanoseconds is a time as it is stored; one out of range is at its end.
func nanoseconds(t time.Time) int64 {
	switch s := t.Unix(); {
	case t.IsZero() || s < -maxUnix:
		return math.MinInt64
	case s > maxUnix:
		return math.MaxInt64
	}
	return t.UnixNano()
}
