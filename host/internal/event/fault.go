package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/cowork-host/cowork/pluginsdk"
)

// explain turns an error of the database into one for the person who owns the
// file. Errors that are not the database's pass as they are.
func (l *SQLite) explain(doing string, err error) error {
	if err == nil || errors.Is(err, ErrClosed) {
		return err
	}
	if errors.Is(err, sql.ErrConnDone) || err.Error() == "sql: database is closed" {
		return ErrClosed
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	fault := &pluginsdk.Error{
		Kind:    pluginsdk.ErrUnavailable,
		Message: fmt.Sprintf("%s event log %s: %v", doing, l.path, e),
	}
	switch e.Code() & 0xff { // the low byte is the primary code
	case sqlite3.SQLITE_INTERRUPT:
		return fmt.Errorf("%s event log %s: %w", doing, l.path, context.Canceled)
	case sqlite3.SQLITE_FULL:
		fault.Message = fmt.Sprintf("%s event log %s: the disk is full", doing, l.path)
		fault.Next = "free some space and try again"
	case sqlite3.SQLITE_IOERR:
		fault.Next = "check the disk and try again"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN:
		fault.Kind = pluginsdk.ErrDenied
		fault.Message = fmt.Sprintf("%s event log %s: it or its folder cannot be written (%v)", doing, l.path, e)
		fault.Next = "make both writable or use another COWORK_HOME"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH:
		fault.Kind = pluginsdk.ErrInvalid
		fault.Message = fmt.Sprintf("%s event log %s: the file is damaged (%v); it was left as it is", doing, l.path, e)
		fault.Next = "restore it from a backup, or move it away to begin with an empty history"
		if backup := l.lastBackup(); backup != "" {
			fault.Next = "restore it from " + backup + ", a copy from before an upgrade, or move it away to begin with an empty history"
		}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		fault.Kind = pluginsdk.ErrConflict
		fault.Message = fmt.Sprintf("%s event log %s: another program holds it", doing, l.path)
		fault.Next = "close that program and try again"
	}
	return fault
}
