package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/cowork-host/cowork/pluginsdk"
)

// The file's format. A host reads files of its own version only: an older one
// is migrated when it is opened, a newer one is refused.
const (
	schemaVersion = 1
	applicationID = 0x636f776b // "cowk"
)

// An event's id is its task's number and its sequence, so that one b-tree
// holds a task's events side by side and an append touches no index. Heads are
// kept in the same transaction; a higher number is a newer task.
const schema = `
CREATE TABLE task (
	no      INTEGER PRIMARY KEY,
	id      TEXT NOT NULL UNIQUE,
	parent  TEXT NOT NULL,
	title   TEXT NOT NULL,
	status  TEXT NOT NULL,
	created INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	last    INTEGER NOT NULL
);
CREATE INDEX task_parent ON task(parent) WHERE parent != '';
CREATE TABLE event (
	id   INTEGER PRIMARY KEY, -- task.no << 32 | seq
	time INTEGER NOT NULL,    -- nanoseconds since 1970
	kind TEXT NOT NULL,
	data BLOB
);`

// seqBits is the room for the sequence in an event's id.
const seqBits = 32

// Options are the settings of [OpenSQLite]. The zero value works.
type Options struct {
	// Now is the clock for events without a time; nil is time.Now.
	Now func() time.Time
	// Log gets what an operator may want to know; nil discards it.
	Log *slog.Logger
}

// SQLite is a log in one SQLite file in WAL mode. Appends go through one
// goroutine, which writes all that wait in one durable transaction; reads use
// connections of their own and hold none while the reader thinks.
type SQLite struct {
	leases
	path string
	now  func() time.Time
	log  *slog.Logger
	feed feed
	read *sql.DB

	writer *writer
	once   sync.Once
	err    error // of Close
}

var _ Log = (*SQLite)(nil)

// OpenSQLite opens the log in the file at path and creates it if it is absent.
// The folder must exist. A file that is damaged, read-only, not a log or from a
// newer version is refused with a [*pluginsdk.Error] and left as it is.
func OpenSQLite(ctx context.Context, path string, opts Options) (*SQLite, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open event log %s: %w", path, err)
	}
	l := &SQLite{path: path, now: opts.Now, log: opts.Log}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	write, err := openDB(path, "immediate", "synchronous(FULL)", "journal_size_limit(67108864)")
	if err != nil {
		return nil, l.explain("open", err)
	}
	write.SetMaxOpenConns(1)
	conn, err := write.Conn(ctx)
	if err == nil {
		err = l.migrate(ctx, conn)
	}
	if err == nil {
		err = l.walMode(ctx, conn)
	}
	if err == nil {
		l.read, err = openDB(path, "deferred", "query_only(1)")
	}
	if err == nil {
		l.read.SetMaxOpenConns(4)
		l.read.SetMaxIdleConns(4)
		l.writer, err = newWriter(ctx, l, write, conn)
	}
	if err != nil {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
		write.Close()
		if l.read != nil {
			l.read.Close()
		}
		return nil, l.explain("open", err)
	}
	return l, nil
}

// Append implements [Appender].
func (l *SQLite) Append(ctx context.Context, task string, expect int64, events ...Event) (int64, error) {
	events, err := prepare(task, events, l.now)
	if err != nil {
		return 0, appendError(task, err)
	}
	last, err := l.writer.append(ctx, &request{task: task, expect: expect, events: events})
	return last, appendError(task, err)
}

// Publish implements [Appender].
func (l *SQLite) Publish(task string, e Event) error { return l.feed.transient(task, e, l.now) }

// Close implements [Log].
func (l *SQLite) Close() error {
	l.once.Do(func() {
		l.writer.drain()
		l.feed.close()
		l.err = errors.Join(l.read.Close(), l.writer.close())
	})
	return l.err
}

func openDB(path, lock string, pragmas ...string) (*sql.DB, error) {
	slash := filepath.ToSlash(path)
	if !strings.HasPrefix(slash, "/") {
		slash = "/" + slash // file:///C:/…
	}
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)"}, pragmas...), "_txlock": {lock}}
	u := url.URL{Scheme: "file", Path: slash, RawQuery: q.Encode(), OmitHost: true}
	c, err := sqlite.NewConnector(u.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// prepareFile makes sure that a private, writable regular file is there, so
// that SQLite's own files beside it get the same mode.
func prepareFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return fileError(path, err)
		}
		if err := errors.Join(f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
			return fileError(path, err)
		}
		return nil
	case err != nil:
		return fileError(path, err)
	case !info.Mode().IsRegular():
		return pluginsdk.Invalid("move it away", "the event log %s is not a file", path)
	case info.Mode().Perm()&0o222 == 0: // root could write it all the same
		return fileError(path, fs.ErrPermission)
	}
	return nil
}

func fileError(path string, err error) error {
	kind, next := pluginsdk.ErrUnavailable, "check the folder and try again"
	switch {
	case errors.Is(err, fs.ErrPermission):
		kind, next = pluginsdk.ErrDenied, "make it writable or use another COWORK_HOME"
	case errors.Is(err, fs.ErrNotExist):
		kind, next = pluginsdk.ErrNotFound, "create its folder first"
	}
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	return &pluginsdk.Error{Kind: kind, Message: fmt.Sprintf("cannot write the event log %s: %v", path, err), Next: next}
}

// syncDir makes a new directory entry durable, where directories can be synced.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// walMode switches the file to WAL. It comes after migrate, which must not
// change a file that it refuses.
func (l *SQLite) walMode(ctx context.Context, conn *sql.Conn) error {
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return &pluginsdk.Error{
			Kind:    pluginsdk.ErrUnsupported,
			Message: fmt.Sprintf("the file system of the event log %s has no shared memory (journal mode %s)", l.path, mode),
			Next:    "use a COWORK_HOME on a local disk",
		}
	}
	return nil
}

// migrate brings the file to this version's format, in one transaction.
func (l *SQLite) migrate(ctx context.Context, conn *sql.Conn) error {
	tx, err := conn.BeginTx(ctx, nil) // takes the write lock: shows a read-only file
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	var version, app, tables int
	err = tx.QueryRowContext(ctx, `SELECT (SELECT user_version FROM pragma_user_version),
		(SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_master)`).
		Scan(&version, &app, &tables)
	if err != nil {
		return err
	}
	empty := version == 0 && app == 0 && tables == 0
	switch {
	case !empty && app != applicationID:
		return pluginsdk.Invalid("move it away or use another COWORK_HOME",
			"%s is a database of another program, not an event log", l.path)
	case version > schemaVersion:
		return &pluginsdk.Error{
			Kind:    pluginsdk.ErrUnsupported,
			Message: fmt.Sprintf("the event log %s was written by a newer cowork (format %d, this one knows %d)", l.path, version, schemaVersion),
			Next:    "upgrade cowork or use another COWORK_HOME",
		}
	case !empty && version == schemaVersion:
		// Prove that the tables are there before anything relies on them.
		_, err := tx.ExecContext(ctx, `SELECT id, time, kind, data FROM event WHERE id < 0 UNION ALL
			SELECT no, created, id, title FROM task WHERE no < 0`)
		return err
	case !empty:
		return pluginsdk.Invalid("move it away or use another COWORK_HOME", "the event log %s has no format version", l.path)
	}
	for _, q := range []string{
		schema,
		"PRAGMA application_id = " + strconv.Itoa(applicationID),
		"PRAGMA user_version = " + strconv.Itoa(schemaVersion),
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit()
}
