package workspace

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"

	"github.com/cowork-host/cowork/pluginsdk"
)

// journal is the durable memory of the store: what was about to be done, what
// was done, and what belongs to whom. Every write is on disk when it returns.
type journal struct {
	db   *sql.DB
	file string
}

const journalVersion = 1

// changeDropped marks a change that turned out to be none: its folder was made
// by somebody else meanwhile, or could not be removed.
const changeDropped = "dropped"

const journalSchema = `
CREATE TABLE txn(
	id INTEGER PRIMARY KEY, task TEXT NOT NULL, step TEXT NOT NULL, kind TEXT NOT NULL,
	state TEXT NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX txn_step ON txn(task, step);
CREATE INDEX txn_open ON txn(state) WHERE state NOT IN ('done', 'rolled_back');
CREATE TABLE change(
	id INTEGER PRIMARY KEY, txn INTEGER NOT NULL, task TEXT NOT NULL, step TEXT NOT NULL,
	undone TEXT NOT NULL DEFAULT '', body BLOB NOT NULL);
CREATE INDEX change_task ON change(task, step);
CREATE TABLE owned(
	task TEXT NOT NULL, ino INTEGER NOT NULL, dev INTEGER NOT NULL, btime INTEGER NOT NULL,
	PRIMARY KEY(task, ino, dev, btime)) WITHOUT ROWID;
CREATE TABLE preimage(digest TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE trash(id INTEGER PRIMARY KEY, state TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE undo(
	id INTEGER PRIMARY KEY, task TEXT NOT NULL, step TEXT NOT NULL, path TEXT NOT NULL,
	done INTEGER NOT NULL DEFAULT 0);
`

// openJournal opens the database with an exclusive lock that ends with the
// process: two hosts never recover the same folder at once.
func openJournal(ctx context.Context, file string) (*journal, error) {
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?_txlock=immediate" +
		"&_pragma=busy_timeout(500)&_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open file journal %s: %w", file, err)
	}
	db.SetMaxOpenConns(1)
	j := &journal{db, file}
	if err := j.migrate(ctx, file); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return j, nil
}

// openJournalReadOnly opens a journal that nobody writes: its disk cannot be
// written, or is full. What its last host left in the file beside it counts,
// so both are then read from a copy, which has no name.
func openJournalReadOnly(ctx context.Context, file string) (*journal, error) {
	if info, err := os.Stat(file + "-wal"); err == nil && info.Size() > 0 {
		dir, err := os.MkdirTemp("", "cowork-journal-")
		if err != nil {
			return nil, fmt.Errorf("copy file journal %s: %w", file, err)
		}
		defer os.RemoveAll(dir) // what is open stays readable
		copied := filepath.Join(dir, "journal.db")
		for _, end := range []string{"", "-wal"} {
			if err := copyFile(copied+end, file+end); err != nil {
				return nil, fmt.Errorf("copy file journal %s: %w", file, err)
			}
		}
		j, err := openJournal(ctx, copied)
		if err != nil {
			return nil, err
		}
		return j, nil
	}
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("open file journal %s: %w", file, err)
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro&immutable=1&_pragma=query_only(1)")
	if err != nil {
		return nil, fmt.Errorf("open file journal %s: %w", file, err)
	}
	db.SetMaxOpenConns(1)
	j := &journal{db, file}
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return nil, errors.Join(fmt.Errorf("open file journal %s: %w", file, j.explain(err)), db.Close())
	}
	if version > journalVersion {
		return nil, errors.Join(userError(pluginsdk.ErrUnsupported, errors.ErrUnsupported, "update cowork",
			"file journal %s was written by a newer version of cowork", file), db.Close())
	}
	return j, nil
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (j *journal) migrate(ctx context.Context, file string) error {
	err := j.tx(ctx, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		switch {
		case version > journalVersion:
			return userError(pluginsdk.ErrUnsupported, errors.ErrUnsupported, "update cowork",
				"file journal %s was written by a newer version of cowork", file)
		case version == 0:
			if _, err := tx.ExecContext(ctx, journalSchema); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", journalVersion))
		return err
	})
	if err != nil {
		return fmt.Errorf("open file journal %s: %w", file, err)
	}
	return nil
}

// tx runs do in one durable transaction.
func (j *journal) tx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return j.explain(err)
	}
	if err := do(tx); err != nil {
		return errors.Join(j.explain(err), ignoreDone(tx.Rollback()))
	}
	return j.explain(tx.Commit())
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// SQLite's primary result codes that mean something to a person.
const (
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteReadOnly = 8
	sqliteCorrupt  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteNotADB   = 26
)

func (j *journal) explain(err error) error {
	var serr *sqlite.Error
	if !errors.As(err, &serr) {
		return err
	}
	switch serr.Code() & 0xff {
	case sqliteBusy, sqliteLocked:
		return userError(pluginsdk.ErrConflict, err, "stop the other one with cowork stop",
			"the file journal is in use by another cowork host")
	case sqliteFull:
		return userError(pluginsdk.ErrUnavailable, err, "free some space and run it again",
			"the disk that holds cowork's file journal is full")
	case sqliteReadOnly, sqliteCantOpen:
		return userError(pluginsdk.ErrDenied, err, "make the COWORK_HOME folder writable",
			"cowork's file journal cannot be written")
	case sqliteNotADB, sqliteCorrupt:
		return userError(pluginsdk.ErrInvalid, err, "restore it from a backup, or move it away to go on without what earlier tasks can undo",
			"the file journal %s is damaged; it was left as it is", j.file)
	}
	return err
}

// begin records what a transaction is about to make, before anything is made.
func (j *journal) begin(ctx context.Context, t *txn) error {
	body, err := json.Marshal(t.Ops)
	if err != nil {
		return err
	}
	return j.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "INSERT INTO txn(task, step, kind, state, time, body) VALUES(?,?,?,?,?,?)",
			t.Task, t.Step, t.Kind, txnPrepared, t.Time, body)
		if err != nil {
			return err
		}
		t.State = txnPrepared
		t.ID, err = res.LastInsertId()
		return err
	})
}

// commit records the full intent. From here on the transaction will be
// finished, by this process or the next.
func (j *journal) commit(ctx context.Context, t *txn) error {
	err := j.tx(ctx, func(tx *sql.Tx) error {
		if err := insertTrash(ctx, tx, t); err != nil {
			return err
		}
		if err := saveTxn(ctx, tx, t, txnCommitted); err != nil {
			return err
		}
		for _, c := range t.Changes {
			body, err := json.Marshal(c)
			if err != nil {
				return err
			}
			res, err := tx.ExecContext(ctx, "INSERT INTO change(txn, task, step, body) VALUES(?,?,?,?)", t.ID, t.Task, t.Step, body)
			if err != nil {
				return err
			}
			if c.id, err = res.LastInsertId(); err != nil {
				return err
			}
		}
		for _, o := range t.Ops {
			if !o.Own {
				continue
			}
			if err := own(ctx, tx, t.Task, o.ID); err != nil {
				return err
			}
		}
		for id, action := range t.undoes {
			if _, err := tx.ExecContext(ctx, "UPDATE change SET undone = ? WHERE id = ?", action, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		t.State = txnCommitted
	}
	return err
}

// update records a changed plan of a committed transaction: a target that got
// another name, or a pre-image that was taken again.
func (j *journal) update(ctx context.Context, t *txn) error {
	return j.tx(ctx, func(tx *sql.Tx) error {
		for _, c := range t.Changes {
			if c.dropped {
				c.undone = changeDropped
				if _, err := tx.ExecContext(ctx, "UPDATE change SET undone = ? WHERE id = ?", c.undone, c.id); err != nil {
					return err
				}
				continue
			}
			body, err := json.Marshal(c)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE change SET body = ? WHERE id = ?", body, c.id); err != nil {
				return err
			}
		}
		return saveTxn(ctx, tx, t, t.State)
	})
}

// end records how far the transaction is. One that goes back from its commit
// takes its changes with it.
func (j *journal) end(ctx context.Context, t *txn, state txnState) error {
	err := j.tx(ctx, func(tx *sql.Tx) error {
		if state == txnRolledBack || state == txnPrepared {
			if _, err := tx.ExecContext(ctx, "DELETE FROM change WHERE txn = ?", t.ID); err != nil {
				return err
			}
			for id := range t.undoes {
				if _, err := tx.ExecContext(ctx, "UPDATE change SET undone = '' WHERE id = ?", id); err != nil {
					return err
				}
			}
			for _, o := range t.Ops {
				if o.TrashID == 0 {
					continue
				}
				query := "DELETE FROM trash WHERE id = ?"
				if o.LeavesTrash {
					query = "UPDATE trash SET state = 'in' WHERE id = ?"
				}
				if _, err := tx.ExecContext(ctx, query, o.TrashID); err != nil {
					return err
				}
			}
		}
		return saveTxn(ctx, tx, t, state)
	})
	if err == nil {
		t.State = state
	}
	return err
}

func saveTxn(ctx context.Context, tx *sql.Tx, t *txn, state txnState) error {
	body, err := json.Marshal(t.Ops)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE txn SET state = ?, body = ? WHERE id = ?", state, body, t.ID)
	return err
}

func own(ctx context.Context, tx *sql.Tx, task string, id fileID) error {
	_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO owned(task, ino, dev, btime) VALUES(?,?,?,?)",
		task, int64(id.Ino), int64(id.Dev), id.Born)
	return err
}

// owns tells whether the task made this very file. Device numbers change when
// a machine restarts, so they count only where there is no birth time.
func (j *journal) owns(ctx context.Context, task string, id fileID) (bool, error) {
	if id.Ino == 0 {
		return false, nil
	}
	var n int
	err := j.db.QueryRowContext(ctx,
		"SELECT count(*) FROM owned WHERE task = ? AND ino = ? AND btime = ? AND (btime != 0 OR dev = ?)",
		task, int64(id.Ino), id.Born, int64(id.Dev)).Scan(&n)
	return n > 0, err
}

const txnColumns = "SELECT id, task, step, kind, state, time, body FROM txn "

// openTxns returns the transactions that are not finished, oldest first.
func (j *journal) openTxns(ctx context.Context) ([]*txn, error) {
	rows, err := j.db.QueryContext(ctx, txnColumns+"WHERE state NOT IN ('done', 'rolled_back') ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var txns []*txn
	for rows.Next() {
		t, err := scanTxn(rows)
		if err != nil {
			return nil, err
		}
		txns = append(txns, t)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	for _, t := range txns {
		if err := j.loadTxn(ctx, t); err != nil {
			return nil, err
		}
	}
	return txns, nil
}

// stepTxn returns the transaction that applied a step, or [sql.ErrNoRows].
func (j *journal) stepTxn(ctx context.Context, task, step string) (*txn, error) {
	t, err := scanTxn(j.db.QueryRowContext(ctx, txnColumns+
		"WHERE task = ? AND step = ? AND kind = 'step' AND state IN ('committed', 'applied', 'done') ORDER BY id DESC LIMIT 1", task, step))
	if err != nil {
		return nil, err
	}
	return t, j.loadTxn(ctx, t)
}

func scanTxn(row interface{ Scan(...any) error }) (*txn, error) {
	t := &txn{}
	var body []byte
	if err := row.Scan(&t.ID, &t.Task, &t.Step, &t.Kind, &t.State, &t.Time, &body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &t.Ops); err != nil {
		return nil, fmt.Errorf("read journal record %d: %w", t.ID, err)
	}
	return t, nil
}

// loadTxn adds the changes to a transaction read from the journal.
func (j *journal) loadTxn(ctx context.Context, t *txn) error {
	recs, err := j.queryChanges(ctx, "WHERE c.txn = ? ORDER BY c.id", t.ID)
	t.Changes = recs
	return err
}

// changes returns the changes of a task, or of one step of it.
func (j *journal) changes(ctx context.Context, task, step string) ([]*change, error) {
	where, args := "WHERE c.task = ? AND t.kind = 'step' AND c.undone != ?", []any{task, changeDropped}
	if step != "" {
		where, args = where+" AND c.step = ?", append(args, step)
	}
	return j.queryChanges(ctx, where+" ORDER BY c.id", args...)
}

func (j *journal) queryChanges(ctx context.Context, where string, args ...any) ([]*change, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT c.id, c.undone, c.body FROM change c JOIN txn t ON t.id = c.txn "+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var recs []*change
	for rows.Next() {
		c := &change{}
		var body []byte
		if err := rows.Scan(&c.id, &c.undone, &body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, c); err != nil {
			return nil, fmt.Errorf("read journal change %d: %w", c.id, err)
		}
		recs = append(recs, c)
	}
	return recs, rows.Err()
}

func (j *journal) addPreImage(ctx context.Context, digest string, size int64) error {
	return j.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO preimage(digest, size) VALUES(?,?)", digest, size)
		return err
	})
}

func (j *journal) preImageBytes(ctx context.Context) (int64, error) {
	var n int64
	err := j.db.QueryRowContext(ctx, "SELECT coalesce(sum(size), 0) FROM preimage").Scan(&n)
	return n, err
}

// markUndone records reversals that needed nothing done on disk.
func (j *journal) markUndone(ctx context.Context, id int64, action Action) error {
	return j.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE change SET undone = ? WHERE id = ?", string(action), id)
		return err
	})
}

// taskSeparator stands between the tasks of one undo; no id holds it.
const taskSeparator = " "

func (j *journal) beginUndo(ctx context.Context, req UndoRequest) (int64, error) {
	var id int64
	err := j.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "INSERT INTO undo(task, step, path) VALUES(?,?,?)", strings.Join(append([]string{req.Task}, req.Also...), taskSeparator), req.Step, req.Path)
		if err != nil {
			return err
		}
		id, err = res.LastInsertId()
		return err
	})
	return id, err
}

func (j *journal) endUndo(ctx context.Context, id int64) error {
	return j.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE undo SET done = 1 WHERE id = ?", id)
		return err
	})
}

// openUndos returns the undo requests a crash interrupted, oldest first.
func (j *journal) openUndos(ctx context.Context) (map[int64]UndoRequest, []int64, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT id, task, step, path FROM undo WHERE done = 0 ORDER BY id")
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	reqs, order := map[int64]UndoRequest{}, []int64(nil)
	for rows.Next() {
		var id int64
		var req UndoRequest
		if err := rows.Scan(&id, &req.Task, &req.Step, &req.Path); err != nil {
			return nil, nil, err
		}
		if tasks := strings.Split(req.Task, taskSeparator); len(tasks) > 1 {
			req.Task, req.Also = tasks[0], tasks[1:]
		}
		reqs[id], order = req, append(order, id)
	}
	return reqs, order, rows.Err()
}

func hasPrefixPath(name, prefix string) bool {
	return name == prefix || prefix == "." || strings.HasPrefix(name, prefix+"/")
}
