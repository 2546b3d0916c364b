package event

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/cowork-host/cowork/pluginsdk"
)

// openReadOnly opens the file for reading.
func (l *SQLite) openReadOnly(ctx context.Context) error {
	info, err := os.Stat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrNotFound, Message: "there is no event log " + l.path,
			Next: "run a task first, or use the right COWORK_HOME",
		}
	case err != nil:
		return fmt.Errorf("open event log %s: %w", l.path, err)
	case !info.Mode().IsRegular():
		return pluginsdk.Invalid("move it away", "the event log %s is not a file", l.path)
	}
	err = l.tryRead(ctx, url.Values{"mode": {"ro"}})
	if err != nil && !l.hasWAL() {
		// Reading in WAL mode needs files beside the log, which a disk that
		// cannot be written does not take. Nobody else writes there either.
		err = l.tryRead(ctx, url.Values{"mode": {"ro"}, "immutable": {"1"}})
	}
	return l.explain("read", err)
}

// hasWAL reports whether a part of the log may be in the file beside it.
func (l *SQLite) hasWAL() bool {
	info, err := os.Stat(l.path + "-wal")
	return err == nil && info.Size() > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

func (l *SQLite) tryRead(ctx context.Context, q url.Values) error {
	db, err := openURI(l.path, q, "query_only(1)")
	if err != nil {
		return err
	}
	is, err := identify(ctx, db)
	if err == nil {
		err = l.check(is)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, proof)
	}
	if err != nil {
		db.Close()
		return err
	}
	l.read, l.indexed = db, is.version >= 2
	l.limitReaders()
	return nil
}

// readOnly is the error of appends to a log that was opened for reading.
func (l *SQLite) readOnly() error {
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrDenied, Message: fmt.Sprintf("the event log %s is open for reading only", l.path),
		Next: "make it and its folder writable and start cowork again",
	}
}
