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
	"strings"
	"sync"
	"syscall"
	"time"

	"modernc.org/sqlite"

	"github.com/cowork-host/cowork/pluginsdk"
)

// The file's format. A host reads files of its own version only: an older one
// is migrated when it is opened, a newer one is refused.
const (
	schemaVersion = 2
	applicationID = 0x636f776b // "cowk"
)

// seqBits is the room for the sequence in an event's id.
const seqBits = 32

// Options are the settings of [OpenSQLite]. The zero value works.
type Options struct {
	// Now is the clock for events without a time; nil is time.Now.
	Now func() time.Time
	// Log gets what an operator may want to know; nil discards it.
	Log *slog.Logger
	// ReadOnly opens an existing log for reading, also one on a disk that
	// cannot be written and one of an older version. Appends are refused as
	// [pluginsdk.ErrDenied].
	ReadOnly bool

	fault func(stage string) error // injects faults into a migration, for tests
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

	fault   func(stage string) error
	indexed bool    // there is an index of the events usage is found by
	writer  *writer // nil when the log is read-only
	once    sync.Once
	err     error // of Close
}

var _ Log = (*SQLite)(nil)

// OpenSQLite opens the log in the file at path and creates it if it is absent.
// The folder must exist. A file of an older version is brought to this one; a
// copy of it stays beside it. A file that is damaged, read-only, not a log or
// from a newer version is refused with a [*pluginsdk.Error] and left as it is.
func OpenSQLite(ctx context.Context, path string, opts Options) (*SQLite, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open event log %s: %w", path, err)
	}
	l := &SQLite{path: path, now: opts.Now, log: opts.Log, fault: opts.fault}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.fault == nil {
		l.fault = func(string) error { return nil }
	}
	if opts.ReadOnly {
		if err := l.openReadOnly(ctx); err != nil {
			return nil, err
		}
		return l, nil
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	if err := l.upgrade(ctx); err != nil {
		return nil, l.explain("open", err)
	}
	if err := l.open(ctx); err != nil {
		return nil, l.explain("open", err)
	}
	return l, nil
}

// open opens the connections to a file of this version.
func (l *SQLite) open(ctx context.Context) error {
	write, err := openDB(l.path, "immediate", writePragmas...)
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	conn, err := write.Conn(ctx)
	if err == nil {
		err = l.walMode(ctx, conn)
	}
	if err == nil {
		l.read, err = openDB(l.path, "deferred", "query_only(1)")
	}
	if err == nil {
		l.limitReaders()
		l.writer, err = newWriter(ctx, l, write, conn)
	}
	if err == nil {
		l.indexed = true
		return nil
	}
	if conn != nil {
		err = errors.Join(err, conn.Close())
	}
	write.Close()
	if l.read != nil {
		l.read.Close()
	}
	return err
}

func (l *SQLite) limitReaders() {
	l.read.SetMaxOpenConns(4)
	l.read.SetMaxIdleConns(4)
}

// Append implements [Appender].
func (l *SQLite) Append(ctx context.Context, task string, expect int64, events ...Event) (int64, error) {
	events, err := prepare(task, events, l.now)
	if err != nil {
		return 0, appendError(task, err)
	}
	if l.writer == nil {
		return 0, appendError(task, l.readOnly())
	}
	last, err := l.writer.append(ctx, &request{task: task, expect: expect, events: events})
	return last, appendError(task, err)
}

// Publish implements [Appender].
func (l *SQLite) Publish(task string, e Event) error { return l.feed.transient(task, e, l.now) }

// Close implements [Log].
func (l *SQLite) Close() error {
	l.once.Do(func() {
		if l.writer != nil {
			l.writer.drain()
		}
		l.feed.close()
		l.err = l.read.Close()
		if l.writer != nil {
			l.err = errors.Join(l.err, l.writer.close())
		}
	})
	return l.err
}

func openDB(path, lock string, pragmas ...string) (*sql.DB, error) {
	return openURI(path, url.Values{"_txlock": {lock}}, pragmas...)
}

func openURI(path string, q url.Values, pragmas ...string) (*sql.DB, error) {
	slash := filepath.ToSlash(path)
	if !strings.HasPrefix(slash, "/") {
		slash = "/" + slash // file:///C:/…
	}
	q["_pragma"] = append([]string{"busy_timeout(5000)"}, pragmas...)
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
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
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
