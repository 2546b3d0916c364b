package event_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/event/eventtest"
	"github.com/cowork-host/cowork/pluginsdk"
)

// version1 is the format of the first release, word by word.
const version1 = `
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

// old makes a log of the first version with two tasks in WAL mode.
func old(t *testing.T, path string) {
	t.Helper()
	sqlExec(t, path, version1, "PRAGMA application_id = 1668249451", "PRAGMA user_version = 1", "PRAGMA journal_mode = WAL",
		`INSERT INTO task VALUES (1, 't1', '', 'one', 'done', 1000, 3000, 3), (2, 't2', 't1', 'two', 'running', 2000, 2000, 1)`,
		`INSERT INTO event VALUES (4294967297, 1000, 'task.created', '{"title":"one"}'), (4294967298, 2000, 'usage', '{"call":1,"cost":"0.5"}'),
			(4294967299, 3000, 'task.done', '{"status":"done"}'), (8589934593, 2000, 'usage', '{"call":7}')`)
}

func backups(t *testing.T, path string) []string {
	t.Helper()
	found, err := filepath.Glob(path + ".v*.bak")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// contents is what a log has, for comparison.
func contents(t *testing.T, l event.Log) map[string][]event.Event {
	t.Helper()
	out := map[string][]event.Event{}
	heads, err := l.Tasks(t.Context(), event.Query{Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range heads {
		out[h.Task] = eventtest.Collect(t, l, h.Task, 1)
	}
	return out
}

func readOnly(t *testing.T, path string) *event.SQLite {
	t.Helper()
	l, err := event.OpenSQLite(t.Context(), path, event.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	old(t, path)
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	want := contents(t, readOnly(t, path))
	if len(want["t1"]) != 3 || string(want["t1"][1].Data) != `{"call":1,"cost":"0.5"}` {
		t.Fatalf("the old log has %+v", want)
	}
	for range 2 { // the second time there is nothing to upgrade
		l, err := event.OpenSQLite(t.Context(), path, event.Options{Now: func() time.Time { return at }})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, contents(t, l)); diff != "" {
			t.Errorf("events after the upgrade (-want +got):\n%s", diff)
		}
		var usage []string
		for e, err := range l.Find(t.Context(), event.KindUsage, time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			usage = append(usage, e.Task)
		}
		if diff := cmp.Diff([]string{"t1", "t2"}, usage); diff != "" {
			t.Errorf("usage (-want +got):\n%s", diff)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	copies := backups(t, path)
	if diff := cmp.Diff([]string{path + ".v1-20260506T070809Z.bak"}, copies); diff != "" {
		t.Fatalf("copies (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(copies[0]); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the copy: %v, %v", info.Mode(), err)
	}
	if diff := cmp.Diff(want, contents(t, readOnly(t, copies[0]))); diff != "" {
		t.Errorf("events in the copy (-want +got):\n%s", diff)
	}
	l := open(t, path)
	if last, err := l.Append(t.Context(), "t1", 3, kilobyte); err != nil || last != 4 {
		t.Errorf("append after the upgrade: %d, %v", last, err)
	}
}

// TestUpgradeThatFails lets an upgrade fail at each stage, and once damages
// the file in the middle of it: the log is as it was, and says what to do.
func TestUpgradeThatFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk has a fault")
	for _, c := range []struct {
		stage  string
		at     int // which time the stage is passed
		copies int
		damage bool
	}{
		{"copy", 1, 0, false},
		{"verify", 1, 0, false},
		{"verified", 1, 0, false}, // the copy is not whole
		{"upgrade", 1, 1, false},
		{"verified", 2, 1, false}, // after the commit
		{"verified", 2, 1, true},
	} {
		t.Run(c.stage, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "events.db")
			old(t, path)
			want := contents(t, readOnly(t, path))
			passed, done := 0, false
			_, err := event.OpenSQLite(t.Context(), path, event.WithFault(event.Options{}, func(stage string) error {
				if stage != c.stage || done {
					return nil
				}
				if passed++; passed < c.at {
					return nil
				}
				done = true
				if c.damage {
					write(t, path, []byte(strings.Repeat("the file system has eaten it ", 500)))
				}
				return broken
			}))
			var user *pluginsdk.Error
			if !errors.As(err, &user) || !strings.Contains(user.Message, "format 1 to 2") || !strings.Contains(user.Message, broken.Error()) || user.Next == "" {
				t.Fatalf("error %v", err)
			}
			copies := backups(t, path)
			if len(copies) != c.copies || c.copies > 0 && !strings.Contains(user.Message, copies[0]) {
				t.Errorf("copies %v, message %q", copies, user.Message)
			}
			before := readOnly(t, path)
			if diff := cmp.Diff(want, contents(t, before)); diff != "" {
				t.Errorf("events after the failure (-want +got):\n%s", diff)
			}
			if _, err := before.Append(t.Context(), "t1", 3, kilobyte); !errors.Is(err, pluginsdk.ErrDenied) {
				t.Errorf("append to a log for reading: %v", err)
			}
			if err := before.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, contents(t, open(t, path))); diff != "" {
				t.Errorf("events after the next upgrade (-want +got):\n%s", diff)
			}
			left, err := filepath.Glob(path + "*restoring*")
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestDamageNamesTheCopy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "[a] home*", "events.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	old(t, path)
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	copies, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	name := ""
	for _, c := range copies {
		if strings.HasSuffix(c.Name(), ".bak") {
			name = filepath.Join(filepath.Dir(path), c.Name())
		}
	}
	garbage := []byte(strings.Repeat("this is not a database\n", 400))
	write(t, path, garbage)
	for _, opts := range []event.Options{{}, {ReadOnly: true}} {
		_, err := event.OpenSQLite(t.Context(), path, opts)
		var user *pluginsdk.Error
		if !errors.As(err, &user) || !errors.Is(err, pluginsdk.ErrInvalid) || name == "" || !strings.Contains(user.Next, name) {
			t.Errorf("error %v, want one that names %s", err, name)
		}
		if diff := cmp.Diff(garbage, read(t, path)); diff != "" {
			t.Error("the damaged file was changed")
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	if _, err := event.OpenSQLite(t.Context(), path, event.Options{ReadOnly: true}); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("a log there is not: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("opening for reading made a file")
	}
	l := open(t, path)
	fill(t, l, "t", 10)
	live := readOnly(t, path) // beside the one that writes
	want := contents(t, l)
	if diff := cmp.Diff(want, contents(t, live)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	_, err := live.Append(t.Context(), "t", 10, kilobyte)
	var user *pluginsdk.Error
	if !errors.As(err, &user) || !errors.Is(err, pluginsdk.ErrDenied) || user.Next == "" {
		t.Errorf("append: %v", err)
	}
	if err := errors.Join(live.Close(), live.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := live.Head(t.Context(), "t"); !errors.Is(err, event.ErrClosed) {
		t.Errorf("a read after Close: %v", err)
	}
	fill(t, l, "t", 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sqlExec(t, path, "PRAGMA user_version = 99")
	if _, err := event.OpenSQLite(t.Context(), path, event.Options{ReadOnly: true}); !errors.Is(err, pluginsdk.ErrUnsupported) {
		t.Errorf("a newer log: %v", err)
	}
}
