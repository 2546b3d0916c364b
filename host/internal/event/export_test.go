package event

import (
	"context"
	"fmt"
)

// LimitPages makes SQLite refuse to grow the file beyond n pages, as a full
// disk would. The size the file has already is the least it takes.
func (l *SQLite) LimitPages(ctx context.Context, n int) error {
	_, err := l.writer.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", n))
	return err
}

// Hold keeps the writer from writing until release is called.
func (l *SQLite) Hold(ctx context.Context) (release func() error, err error) {
	c, err := l.read.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.ExecContext(ctx, "PRAGMA query_only = 0; BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	return func() error {
		if _, err := c.ExecContext(ctx, "ROLLBACK; PRAGMA query_only = 1"); err != nil {
			return err
		}
		return c.Close()
	}, nil
}

// Queued is the number of appends that wait for the writer.
func (l *SQLite) Queued() int { return len(l.writer.queue) }

// Start appends in the background. taken reports whether the writer has taken
// the append up, wait returns its error.
func (l *SQLite) Start(ctx context.Context, task string, e Event) (taken func() bool, wait func() error) {
	events, err := prepare(task, []Event{e}, l.now)
	r := &request{task: task, expect: -1, events: events}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err == nil {
			_, err = l.writer.append(ctx, r)
		}
	}()
	return func() bool { return r.state.Load() != waiting }, func() error { <-done; return err }
}

// WithFault returns options of a log whose upgrade asks fault at each stage.
func WithFault(o Options, fault func(stage string) error) Options {
	o.fault = fault
	return o
}
