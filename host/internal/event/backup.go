package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cowork-host/cowork/pluginsdk"
)

// census says what is in a log, to compare a copy with it.
type census struct{ tasks, events, greatest int64 }

func (l *SQLite) count(ctx context.Context, db *sql.DB) (c census, err error) {
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM task), count(*), coalesce(max(id), 0) FROM event`).
		Scan(&c.tasks, &c.events, &c.greatest)
	return c, err
}

// backup makes a copy of the log beside it, proves that it is whole, and
// returns its path. The copy is never removed by cowork.
func (l *SQLite) backup(ctx context.Context, db *sql.DB, version int, want census) (string, error) {
	path, err := l.newBackup(version)
	if err != nil {
		return "", err
	}
	if err := l.fillBackup(ctx, db, path, version, want); err != nil {
		os.Remove(path)
		return "", err
	}
	return path, nil
}

func (l *SQLite) fillBackup(ctx context.Context, db *sql.DB, path string, version int, want census) error {
	if err := l.fault("copy"); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return err
	}
	if err := l.fault("verify"); err != nil {
		return err
	}
	saved, err := openURI(path, url.Values{"mode": {"ro"}})
	if err != nil {
		return err
	}
	defer saved.Close()
	if err := l.verify(ctx, saved, version, want); err != nil {
		return err
	}
	return syncFile(path)
}

// newBackup makes the empty, private file that becomes the copy.
func (l *SQLite) newBackup(version int) (string, error) {
	stem := fmt.Sprintf("%s.v%d-%s", l.path, version, l.now().UTC().Format("20060102T150405Z"))
	for n := 1; ; n++ {
		path := stem
		if n > 1 {
			path += "-" + strconv.Itoa(n)
		}
		path += backupSuffix
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) && n < 100 {
			continue
		}
		if err != nil {
			return "", fileError(path, err)
		}
		return path, f.Close()
	}
}

const backupSuffix = ".bak"

// lastBackup is the newest copy of the log, "" when there is none.
func (l *SQLite) lastBackup() string {
	names, err := filepath.Glob(globQuote(l.path) + ".v*" + backupSuffix)
	if err != nil {
		return ""
	}
	newest, at := "", int64(0)
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Size() > 0 && info.ModTime().UnixNano() >= at {
			newest, at = name, info.ModTime().UnixNano()
		}
	}
	return newest
}

// globQuote keeps filepath.Glob from taking a part of a path for a pattern.
func globQuote(path string) string {
	var out []rune
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' {
			out = append(out, '[', r, ']')
			continue
		}
		out = append(out, r)
	}
	return string(out)
}

// verify fails unless the database is whole and has what it should have.
func (l *SQLite) verify(ctx context.Context, db *sql.DB, version int, want census) error {
	var says string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&says); err != nil {
		return err
	}
	is, err := identify(ctx, db)
	if err != nil {
		return err
	}
	got, err := l.count(ctx, db)
	if err != nil {
		return err
	}
	if says != "ok" || is.version != version || is.app != applicationID || got != want {
		return fmt.Errorf("it is not whole: %s, format %d, %+v instead of %+v: %w", says, is.version, got, want, pluginsdk.ErrInvalid)
	}
	return l.fault("verified")
}

// restore puts the copy back unless the file is as it was before the upgrade.
func (l *SQLite) restore(ctx context.Context, backup string, version int, want census) error {
	ctx = context.WithoutCancel(ctx)
	if l.asBefore(ctx, version, want) {
		return nil
	}
	half := l.path + ".restoring"
	defer os.Remove(half)
	if err := copyFile(half, backup); err != nil {
		return fmt.Errorf("put the copy %s back: %w", backup, err)
	}
	for _, beside := range []string{"-wal", "-shm"} { // they belong to the broken file
		if err := os.Remove(l.path + beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("put the copy %s back: %w", backup, err)
		}
	}
	if err := os.Rename(half, l.path); err != nil {
		return fmt.Errorf("put the copy %s back: %w", backup, err)
	}
	l.log.Warn("event log restored from its copy", "path", l.path, "copy", backup)
	return syncDir(filepath.Dir(l.path))
}

func (l *SQLite) asBefore(ctx context.Context, version int, want census) bool {
	db, err := openURI(l.path, url.Values{"mode": {"ro"}})
	if err != nil {
		return false
	}
	defer db.Close()
	return l.verify(ctx, db, version, want) == nil
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}

// syncFile makes a file and its name durable.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
}
