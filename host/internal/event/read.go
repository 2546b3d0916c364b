package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// The bounds of one page. A page is read whole and then handed out, so that a
// slow reader holds neither a connection nor an old snapshot of the file.
const (
	pageEvents = 512
	pageBytes  = 1 << 20
)

var errTooLong = fmt.Errorf("task has %d events: %w", int64(1)<<seqBits-1, pluginsdk.ErrUnsupported)

// Read implements [Reader].
func (l *SQLite) Read(ctx context.Context, task string, from int64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		no, head, err := l.find(ctx, task)
		if errors.Is(err, pluginsdk.ErrNotFound) {
			return
		}
		if err != nil {
			yield(Event{}, err)
			return
		}
		for next := max(from, 1); next <= head.Last; {
			page, err := l.page(ctx, no, head, next)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			next += int64(len(page))
		}
	}
}

// page reads some of the task's events from sequence next on, at least one.
func (l *SQLite) page(ctx context.Context, no int64, head Head, next int64) ([]Event, error) {
	rows, err := l.read.QueryContext(ctx,
		`SELECT id, time, kind, data FROM event WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?`,
		eventID(no, next), eventID(no, head.Last), pageEvents)
	if err != nil {
		return nil, l.readError(ctx, head.Task, err)
	}
	defer rows.Close()
	var page []Event
	for size := 0; size < pageBytes && rows.Next(); {
		e := Event{Task: head.Task, Parent: head.Parent}
		var id, at int64
		var data []byte
		if err := rows.Scan(&id, &at, &e.Kind, &data); err != nil {
			return nil, l.readError(ctx, head.Task, err)
		}
		e.Seq, e.Time, e.Data = id-eventID(no, 0), time.Unix(0, at).UTC(), data
		if e.Seq != next+int64(len(page)) {
			break
		}
		page = append(page, e)
		size += len(data)
	}
	if err := rows.Err(); err != nil {
		return nil, l.readError(ctx, head.Task, err)
	}
	if len(page) == 0 {
		return nil, pluginsdk.Invalid("restore it from a backup",
			"the event log %s is damaged: event %d of task %s is missing", l.path, next, head.Task)
	}
	return page, nil
}

// Subscribe implements [Reader].
func (l *SQLite) Subscribe(ctx context.Context, task string, from int64) iter.Seq2[Event, error] {
	return l.feed.subscribe(ctx, task, from, l.Read)
}

const headColumns = `SELECT no, id, parent, title, status, created, updated, last FROM task`

// Tasks implements [Lister].
func (l *SQLite) Tasks(ctx context.Context, q Query) ([]Head, error) {
	before := int64(1) << (63 - seqBits)
	if q.Before != "" {
		no, _, err := l.find(ctx, q.Before)
		if err != nil {
			return nil, err
		}
		before = no
	}
	text, args := headColumns+` WHERE no < ?`, []any{before}
	if q.Parent != "" {
		text, args = text+` AND parent = ? AND parent != ''`, append(args, q.Parent)
	}
	rows, err := l.read.QueryContext(ctx, text+` ORDER BY no DESC LIMIT ?`, append(args, q.limit())...)
	if err != nil {
		return nil, l.readError(ctx, "", err)
	}
	defer rows.Close()
	var out []Head
	for rows.Next() {
		_, h, err := scanHead(rows)
		if err != nil {
			return nil, l.readError(ctx, "", err)
		}
		out = append(out, h)
	}
	return out, l.readError(ctx, "", rows.Err())
}

// Head implements [Lister].
func (l *SQLite) Head(ctx context.Context, task string) (Head, error) {
	_, h, err := l.find(ctx, task)
	return h, err
}

func (l *SQLite) find(ctx context.Context, task string) (int64, Head, error) {
	no, h, err := scanHead(l.read.QueryRowContext(ctx, headColumns+` WHERE id = ?`, task))
	if errors.Is(err, sql.ErrNoRows) {
		return 0, h, unknownTask(task)
	}
	return no, h, l.readError(ctx, task, err)
}

func scanHead(row interface{ Scan(...any) error }) (int64, Head, error) {
	var h Head
	var no, created, updated int64
	err := row.Scan(&no, &h.Task, &h.Parent, &h.Title, &h.Status, &created, &updated, &h.Last)
	h.Created, h.Updated = time.Unix(0, created).UTC(), time.Unix(0, updated).UTC()
	return no, h, err
}

func (l *SQLite) readError(ctx context.Context, task string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err = l.explain("read", err); task == "" || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("read task %s: %w", task, err)
}
