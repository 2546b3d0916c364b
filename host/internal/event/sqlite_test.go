package event_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"modernc.org/sqlite"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/event/eventtest"
	"github.com/cowork-host/cowork/pluginsdk"
)

// childEnv makes the test binary the process that is killed.
const childEnv = "COWORK_TEST_APPEND_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		appendForever(path)
		return
	}
	os.Exit(m.Run())
}

// appendForever appends from several goroutines and prints what was
// acknowledged as "task sequence", until it is killed.
func appendForever(path string) {
	ctx := context.Background()
	l, err := event.OpenSQLite(ctx, path, event.Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			task := "task-" + strconv.Itoa(w)
			for {
				last, err := l.Append(ctx, task, -1, eventtest.Line("first half"), eventtest.Line("second half"))
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println(task, last) // one write: lines do not mix
			}
		})
	}
	wg.Wait()
}

func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	acked := map[string]int64{}
	for round := range 6 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		left := 1 + rand.IntN(400)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			task, last, _ := strings.Cut(lines.Text(), " ")
			seq, err := strconv.ParseInt(last, 10, 64)
			if err != nil {
				t.Fatalf("child says %q", lines.Text())
			}
			acked[task] = max(acked[task], seq)
			// What it acknowledges after the kill counts as well: read to the end.
			if left--; left == 0 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
		if left > 0 {
			t.Fatalf("round %d: child ended by itself", round)
		}

		l := open(t, path)
		for task, last := range acked {
			events := eventtest.Collect(t, l, task, 0)
			eventtest.Gapless(t, events, 1)
			if int64(len(events)) < last {
				t.Fatalf("round %d: task %s has %d events, but %d was acknowledged", round, task, len(events), last)
			}
			if len(events)%2 != 0 {
				t.Fatalf("round %d: task %s holds half an append", round, task)
			}
			head, err := l.Head(t.Context(), task)
			if err != nil || head.Last != int64(len(events)) {
				t.Fatalf("round %d: head %v, %v, but %d events", round, head, err, len(events))
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "events.db"))
	if err := l.LimitPages(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	// Fill it from many sides at once, so that whole batches fail.
	var mu sync.Mutex
	acked := map[string]int64{}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			task := fmt.Sprintf("t%d", w)
			for {
				last, err := l.Append(t.Context(), task, -1, kilobyte, kilobyte)
				if err == nil {
					mu.Lock()
					acked[task] = last
					mu.Unlock()
					continue
				}
				var e *pluginsdk.Error
				if !errors.As(err, &e) || !errors.Is(err, pluginsdk.ErrUnavailable) || !strings.Contains(err.Error(), "full") || e.Next == "" {
					t.Errorf("full disk: %v", err)
				}
				return
			}
		})
	}
	wg.Wait()
	check := func() {
		t.Helper()
		for task, last := range acked {
			events := eventtest.Collect(t, l, task, 0)
			eventtest.Gapless(t, events, 1)
			if int64(len(events)) != last {
				t.Errorf("task %s has %d events, but %d was acknowledged", task, len(events), last)
			}
		}
	}
	check()
	if len(acked) == 0 {
		t.Fatal("nothing was stored before the disk was full")
	}
	// A small append may still fit; a large one must not.
	large := eventtest.Line(strings.Repeat("x", 1<<20))
	if _, err := l.Append(t.Context(), "large", 0, large); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("large append on a full disk: %v", err)
	}
	if err := l.LimitPages(t.Context(), 1<<30); err != nil {
		t.Fatal(err)
	}
	for task, last := range acked {
		if got, err := l.Append(t.Context(), task, last, kilobyte); err != nil || got != last+1 {
			t.Errorf("append to %s with space again: %d, %v", task, got, err)
		}
		acked[task]++
	}
	if _, err := l.Append(t.Context(), "large", 0, large); err != nil {
		t.Errorf("large append with space again: %v", err)
	}
	check()
}

func TestOneBadAppendInABatch(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "events.db"))
	if _, err := l.Append(t.Context(), "t", 0, kilobyte); err != nil {
		t.Fatal(err)
	}
	if err := l.LimitPages(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	release, err := l.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The first is with the writer, the others wait: they become one batch,
	// in which one append does not fit on the disk.
	waits := make([]func() error, 9)
	for i := range waits {
		e := kilobyte
		if i == 4 {
			e = eventtest.Line(strings.Repeat("x", 1<<20))
		}
		var taken func() bool
		taken, waits[i] = l.Start(t.Context(), fmt.Sprintf("t%d", i), e)
		for i == 0 && !taken() {
			runtime.Gosched()
		}
	}
	for l.Queued() < len(waits)-1 {
		runtime.Gosched()
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	for i, wait := range waits {
		if err := wait(); (i == 4) != errors.Is(err, pluginsdk.ErrUnavailable) || i != 4 && err != nil {
			t.Errorf("append %d: %v", i, err)
		}
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "events.db"))
	release, err := l.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The first append is with the writer: cancelling cannot take it back.
	ctx, cancel := context.WithCancel(t.Context())
	taken, first := l.Start(ctx, "first", kilobyte)
	for !taken() {
		runtime.Gosched()
	}
	// The second waits: cancelling takes it back at once, before the first ends.
	_, second := l.Start(ctx, "second", kilobyte)
	for l.Queued() == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := second(); !errors.Is(err, context.Canceled) {
		t.Errorf("an append that waits: %v, want cancelled", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := first(); err != nil {
		t.Errorf("an append under way: %v", err)
	}
	if _, err := l.Append(t.Context(), "third", 0, kilobyte); err != nil {
		t.Fatal(err) // by now the writer has passed the second
	}
	for task, want := range map[string]int{"first": 1, "second": 0} {
		if got := len(eventtest.Collect(t, l, task, 0)); got != want {
			t.Errorf("task %s has %d events, want %d", task, got, want)
		}
	}
}

// sqlExec changes the file behind the log's back.
func sqlExec(t *testing.T, path string, statements ...string) {
	t.Helper()
	c, err := sqlite.NewConnector(path)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	filled := func(t *testing.T, path string) {
		t.Helper()
		l, err := event.OpenSQLite(t.Context(), path, event.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fill(t, l, "t", 100)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name string
		make func(t *testing.T, path string)
		kind error
		says string
	}{
		{"a newer version", func(t *testing.T, path string) {
			filled(t, path)
			sqlExec(t, path, "PRAGMA user_version = 99")
		}, pluginsdk.ErrUnsupported, "newer cowork"},
		{"another program's database", func(t *testing.T, path string) {
			sqlExec(t, path, "CREATE TABLE event (id INTEGER)")
		}, pluginsdk.ErrInvalid, "another program"},
		{"no version", func(t *testing.T, path string) {
			filled(t, path)
			sqlExec(t, path, "PRAGMA user_version = 0")
		}, pluginsdk.ErrInvalid, "no format version"},
		{"a lost table", func(t *testing.T, path string) {
			filled(t, path)
			sqlExec(t, path, "DROP TABLE event")
		}, pluginsdk.ErrInvalid, "damaged"},
		{"not a database", func(t *testing.T, path string) {
			write(t, path, []byte(strings.Repeat("this is not a database\n", 400)))
		}, pluginsdk.ErrInvalid, "damaged"},
		{"a damaged header", func(t *testing.T, path string) {
			filled(t, path)
			data := read(t, path)
			copy(data[100:], make([]byte, 4000))
			write(t, path, data)
		}, pluginsdk.ErrInvalid, "damaged"},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, pluginsdk.ErrInvalid, "not a file"},
		{"a file without write permission", func(t *testing.T, path string) {
			filled(t, path)
			if err := os.Chmod(path, 0o400); err != nil {
				t.Fatal(err)
			}
		}, pluginsdk.ErrDenied, "write"},
		{"a missing folder", func(t *testing.T, path string) {
			if err := os.Remove(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		}, pluginsdk.ErrNotFound, "event log"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "home", "events.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			c.make(t, path)
			before, _ := os.ReadFile(path)
			l, err := event.OpenSQLite(t.Context(), path, event.Options{})
			if err == nil {
				t.Fatalf("it was opened: %v", l.Close())
			}
			var e *pluginsdk.Error
			if !errors.As(err, &e) || !errors.Is(err, c.kind) || !strings.Contains(e.Message, c.says) ||
				!strings.Contains(e.Message, path) || e.Next == "" {
				t.Errorf("error is %#v: %v", e, err)
			}
			after, _ := os.ReadFile(path)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the file was changed")
			}
		})
	}
}

func TestDamageFoundLater(t *testing.T) {
	t.Parallel()
	t.Run("unreadable pages", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "events.db")
		l := open(t, path)
		fill(t, l, "t", 500)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		data := read(t, path)
		for i := len(data) / 2; i < len(data); i++ {
			data[i] = 0xff
		}
		write(t, path, data)
		wantDamage(t, open(t, path))
	})
	t.Run("a missing event", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "events.db")
		l := open(t, path)
		fill(t, l, "t", 500)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		sqlExec(t, path, "DELETE FROM event WHERE id & 0xffffffff = 250")
		wantDamage(t, open(t, path))
	})
}

func wantDamage(t *testing.T, l *event.SQLite) {
	t.Helper()
	var last error
	for _, err := range l.Read(t.Context(), "t", 0) {
		last = err
	}
	var e *pluginsdk.Error
	if !errors.As(last, &e) || !errors.Is(last, pluginsdk.ErrInvalid) || !strings.Contains(e.Message, "damaged") {
		t.Errorf("Read ended with %v", last)
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no mode bits on Windows")
	}
	path := filepath.Join(t.TempDir(), "events.db")
	l := open(t, path)
	fill(t, l, "t", 1)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %v", name, mode)
		}
	}
}

func TestCloseLeavesOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	l := open(t, path)
	fill(t, l, "t", 100)
	eventtest.Collect(t, l, "t", 0)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("the folder holds %v", entries)
	}
}

func TestLargeEvents(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "events.db"))
	large := eventtest.Line(strings.Repeat("x", 3<<20))
	for i := range int64(4) { // several pages of a reader
		if _, err := l.Append(t.Context(), "t", i*2, large, kilobyte); err != nil {
			t.Fatal(err)
		}
	}
	events := eventtest.Collect(t, l, "t", 0)
	eventtest.Gapless(t, events, 1)
	if len(events) != 8 || len(events[6].Data) != len(large.Data) {
		t.Errorf("%d events", len(events))
	}
	big := event.Event{Kind: "log", Data: []byte(`{"a":"` + strings.Repeat("x", event.MaxData) + `"}`)}
	if _, err := l.Append(t.Context(), "t", -1, big); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("an event beyond the limit: %v", err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
