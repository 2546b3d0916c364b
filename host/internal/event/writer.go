package event

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of one transaction.
const (
	batchRequests = 256
	batchBytes    = 8 << 20
)

// request is one append on its way to the writer.
type request struct {
	task   string
	expect int64
	events []Event

	state  atomic.Int32 // waiting, then taken or abandoned
	done   chan struct{}
	stored []Event // the events as they were written
	last   int64
	err    error
}

const (
	waiting = iota
	taken
	abandoned
)

// writer is the one goroutine that writes, with the one connection it uses.
type writer struct {
	log  *SQLite
	db   *sql.DB
	conn *sql.Conn

	begin, commit, rollback  *sql.Stmt
	head, start, step, store *sql.Stmt
	statements               []*sql.Stmt // all of the above

	mu       sync.RWMutex // held for writing to close queue
	closed   bool
	queue    chan *request
	finished chan struct{}
}

func newWriter(ctx context.Context, l *SQLite, db *sql.DB, conn *sql.Conn) (*writer, error) {
	w := &writer{
		log: l, db: db, conn: conn,
		queue: make(chan *request, batchRequests), finished: make(chan struct{}),
	}
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&w.begin, `BEGIN IMMEDIATE`},
		{&w.commit, `COMMIT`},
		{&w.rollback, `ROLLBACK`},
		{&w.head, `SELECT no, parent, title, status, created, last FROM task WHERE id = ?`},
		{&w.start, `INSERT INTO task (id, parent, title, status, created, updated, last) VALUES (?, ?, ?, ?, ?, ?, ?)`},
		{&w.step, `UPDATE task SET title = ?, status = ?, updated = ?, last = ? WHERE no = ?`},
		{&w.store, `INSERT INTO event (id, time, kind, data) VALUES (?, ?, ?, ?)`},
	} {
		stmt, err := conn.PrepareContext(ctx, s.text)
		if err != nil {
			return nil, errors.Join(err, w.finalize())
		}
		*s.stmt, w.statements = stmt, append(w.statements, stmt)
	}
	go w.run(context.WithoutCancel(ctx))
	return w, nil
}

// append queues a request and waits for its outcome.
func (w *writer) append(ctx context.Context, r *request) (int64, error) {
	r.done = make(chan struct{})
	if err := w.enqueue(ctx, r); err != nil {
		return 0, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, abandoned) {
			return 0, ctx.Err()
		}
		<-r.done // it is being written: the caller must know how it ends
	}
	return r.last, r.err
}

func (w *writer) enqueue(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	select {
	case w.queue <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain lets the writer finish what is queued and ends it.
func (w *writer) drain() {
	w.mu.Lock()
	w.closed = true
	close(w.queue)
	w.mu.Unlock()
	<-w.finished
}

// close releases the connection, which folds the WAL into the file. It comes
// after drain and after the last reader.
func (w *writer) close() error {
	return errors.Join(w.finalize(), w.conn.Close(), w.db.Close())
}

// finalize closes the statements: one that is open keeps the file open.
func (w *writer) finalize() error {
	var err error
	for _, s := range w.statements {
		err = errors.Join(err, s.Close())
	}
	return err
}

func (w *writer) run(ctx context.Context) {
	defer close(w.finished)
	for r := range w.queue {
		batch := w.collect(r)
		if len(batch) == 0 {
			continue
		}
		err := w.write(ctx, batch)
		if err == nil || len(batch) == 1 {
			w.finish(batch)
			continue
		}
		// One append may be the cause: each gets its own chance.
		w.log.log.Warn("appends are written one by one", "path", w.log.path, "error", err)
		for i := range batch {
			single := batch[i : i+1]
			_ = w.write(ctx, single) // the caller gets it
			w.finish(single)
		}
	}
}

// collect takes what waits, without waiting for more.
func (w *writer) collect(r *request) []*request {
	var batch []*request
	size := 0
	for ok := true; ok; {
		if r.state.CompareAndSwap(waiting, taken) {
			batch = append(batch, r)
			for _, e := range r.events {
				size += len(e.Data)
			}
		}
		if len(batch) >= batchRequests || size >= batchBytes {
			break
		}
		select {
		case r, ok = <-w.queue:
		default:
			ok = false
		}
	}
	return batch
}

// finish shows what was stored to subscribers, then tells the callers: what a
// caller does next comes after its append for everyone.
func (w *writer) finish(batch []*request) {
	for _, r := range batch {
		if r.err == nil {
			w.log.feed.publish(r.task, r.stored...)
		}
		close(r.done)
	}
}

// write stores a batch in one transaction. An append that breaks the rules gets
// its own error and does not keep the others out; an error of the database
// undoes the batch and is returned as well as set on every request.
func (w *writer) write(ctx context.Context, batch []*request) error {
	err := w.transact(ctx, batch)
	if err == nil {
		return nil
	}
	err = w.log.explain("write", err)
	for _, r := range batch {
		r.last, r.err = 0, err
	}
	return err
}

func (w *writer) transact(ctx context.Context, batch []*request) (err error) {
	if _, err := w.begin.ExecContext(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// SQLite has rolled back by itself after some errors; then this one
			// has nothing to do and says so.
			_, _ = w.rollback.ExecContext(ctx)
		}
	}()
	for _, r := range batch {
		if err := w.apply(ctx, r); err != nil {
			return err
		}
	}
	_, err = w.commit.ExecContext(ctx)
	return err
}

// apply writes one request's events and the task's head. The rules of the log
// are checked before anything is written; the error returned is the database's.
func (w *writer) apply(ctx context.Context, r *request) error {
	old, no, err := w.load(ctx, r.task)
	if err != nil {
		return err
	}
	if r.err = old.check(r.expect); r.err != nil {
		return nil
	}
	// A copy: after a failed batch the events are written a second time.
	r.stored = slices.Clone(r.events)
	head, err := old.advance(r.stored)
	if err != nil {
		r.err = err
		return nil
	}
	if head.Last >= 1<<seqBits {
		r.err = errTooLong
		return nil
	}
	if old.Last == 0 {
		res, err := w.start.ExecContext(ctx, head.Task, head.Parent, head.Title, string(head.Status),
			head.Created.UnixNano(), head.Updated.UnixNano(), head.Last)
		if err != nil {
			return err
		}
		if no, err = res.LastInsertId(); err != nil {
			return err
		}
	} else {
		_, err := w.step.ExecContext(ctx, head.Title, string(head.Status), head.Updated.UnixNano(), head.Last, no)
		if err != nil {
			return err
		}
	}
	for _, e := range r.stored {
		_, err := w.store.ExecContext(ctx, eventID(no, e.Seq), e.Time.UnixNano(), string(e.Kind), []byte(e.Data))
		if err != nil {
			return err
		}
	}
	r.last = head.Last
	return nil
}

// load reads a task's head; a task without events has the zero head.
func (w *writer) load(ctx context.Context, task string) (Head, int64, error) {
	h := Head{Task: task}
	var no, created int64
	err := w.head.QueryRowContext(ctx, task).Scan(&no, &h.Parent, &h.Title, &h.Status, &created, &h.Last)
	if errors.Is(err, sql.ErrNoRows) {
		return Head{}, 0, nil
	}
	h.Created = time.Unix(0, created).UTC()
	return h, no, err
}

func eventID(no, seq int64) int64 { return no<<seqBits | seq }
