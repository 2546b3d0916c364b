package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/cowork-host/cowork/pluginsdk"
)

// writePragmas are the settings of a connection that writes.
var writePragmas = []string{"synchronous(FULL)", "journal_size_limit(67108864)"}

// An event's id is its task's number and its sequence, so that one b-tree
// holds a task's events side by side and an append touches no index. Heads are
// kept in the same transaction; a higher number is a newer task.
const schema1 = `
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

// schema2 finds the usage of all tasks by time. Hardly one event in ten is of
// this kind, and the others do not touch the index.
const schema2 = `CREATE INDEX event_usage ON event(time) WHERE kind = 'usage'`

// upgrades are the steps from each version to the next, from none on.
func upgrades() [schemaVersion]string { return [...]string{schema1, schema2} }

// identity is what a file says of itself.
type identity struct{ version, app, tables int }

func (i identity) empty() bool { return i == identity{} }

func identify(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (i identity, err error) {
	err = q.QueryRowContext(ctx, `SELECT (SELECT user_version FROM pragma_user_version),
		(SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_master)`).
		Scan(&i.version, &i.app, &i.tables)
	return i, err
}

// check refuses what is no log, and one that a newer cowork wrote.
func (l *SQLite) check(i identity) error {
	switch {
	case i.app != applicationID:
		return pluginsdk.Invalid("move it away or use another COWORK_HOME",
			"%s is a database of another program, not an event log", l.path)
	case i.version > schemaVersion:
		return &pluginsdk.Error{
			Kind:    pluginsdk.ErrUnsupported,
			Message: fmt.Sprintf("the event log %s was written by a newer cowork (format %d, this one knows %d)", l.path, i.version, schemaVersion),
			Next:    "upgrade cowork or use another COWORK_HOME",
		}
	case i.version < 1:
		return pluginsdk.Invalid("move it away or use another COWORK_HOME", "the event log %s has no format version", l.path)
	}
	return nil
}

// proof is a query that fails unless the tables are there.
const proof = `SELECT id, time, kind, data FROM event WHERE id < 0 UNION ALL
	SELECT no, created, id, title FROM task WHERE no < 0`

// upgrade brings the file to this version's format. An older one is copied
// first; should the upgrade fail, the file is as it was.
func (l *SQLite) upgrade(ctx context.Context) error {
	db, err := openDB(l.path, "immediate", writePragmas...)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	from, err := l.migrate(ctx, db, func(i identity) bool { return i.empty() })
	if err != nil || from.empty() || from.version == schemaVersion {
		return err
	}
	before, err := l.count(ctx, db)
	if err != nil {
		return err
	}
	backup, err := l.backup(ctx, db, from.version, before)
	if err != nil {
		return l.notUpgraded(from.version, "no copy of it could be made", err)
	}
	l.log.Info("event log copied before its upgrade", "path", l.path, "copy", backup, "from", from.version, "to", schemaVersion)
	_, err = l.migrate(ctx, db, func(i identity) bool { return i == from })
	if err == nil {
		err = l.verify(ctx, db, schemaVersion, before)
	}
	if err == nil {
		return nil
	}
	err = l.notUpgraded(from.version, "a copy is in "+backup, err)
	db.Close()
	return errors.Join(err, l.restore(ctx, backup, from.version, before))
}

// migrate runs, in one transaction, the upgrades of a file that may be. It
// returns what the file was.
func (l *SQLite) migrate(ctx context.Context, db *sql.DB, may func(identity) bool) (identity, error) {
	tx, err := db.BeginTx(ctx, nil) // takes the write lock: shows a read-only file
	if err != nil {
		return identity{}, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	was, err := identify(ctx, tx)
	if err != nil {
		return was, err
	}
	if !was.empty() {
		if err := l.check(was); err != nil {
			return was, err
		}
		if _, err := tx.ExecContext(ctx, proof); err != nil {
			return was, err
		}
	}
	if was.version == schemaVersion || !may(was) {
		// SQLite opens what it cannot write for reading, without a word.
		_, err := tx.ExecContext(ctx, `DELETE FROM event WHERE id < 0`)
		return was, err
	}
	for v, q := range upgrades() {
		if v < was.version {
			continue
		}
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return was, err
		}
		if err := l.fault("upgrade"); err != nil {
			return was, err
		}
	}
	for _, q := range []string{
		"PRAGMA application_id = " + strconv.Itoa(applicationID),
		"PRAGMA user_version = " + strconv.Itoa(schemaVersion),
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return was, err
		}
	}
	return was, tx.Commit()
}

// notUpgraded says that the file stays as it is.
func (l *SQLite) notUpgraded(version int, also string, err error) error {
	err = l.explain("upgrade", err)
	kind := pluginsdk.ErrUnavailable
	var user *pluginsdk.Error
	if errors.As(err, &user) {
		kind = user.Kind
	}
	return &pluginsdk.Error{
		Kind: kind,
		Message: fmt.Sprintf("the event log %s could not be brought from format %d to %d, and is as it was; %s: %v",
			l.path, version, schemaVersion, also, err),
		Next: "free some space and make its folder writable, then try again, or go on with the older cowork",
	}
}
