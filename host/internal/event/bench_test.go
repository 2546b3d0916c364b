package event_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"modernc.org/sqlite"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/event/eventtest"
)

var kilobyte = eventtest.Line(strings.Repeat("x", 980))

// bare is the floor: one durable insert per call into a plain table, by a
// prepared statement on one connection.
func bare(b *testing.B) func(ctx context.Context, task string, i int) error {
	b.Helper()
	c, err := sqlite.NewConnector("file:" + filepath.Join(b.TempDir(), "bare.db") +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	db := sql.OpenDB(c)
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(b.Context(), `CREATE TABLE ev (task TEXT, seq INTEGER, data BLOB, PRIMARY KEY (task, seq)) WITHOUT ROWID`); err != nil {
		b.Fatal(err)
	}
	st, err := db.PrepareContext(b.Context(), `INSERT INTO ev VALUES (?, ?, ?)`)
	if err != nil {
		b.Fatal(err)
	}
	return func(ctx context.Context, task string, i int) error {
		_, err := st.ExecContext(ctx, task, i, []byte(kilobyte.Data))
		return err
	}
}

// BenchmarkAppend compares a durable append with a bare durable insert in the
// same run: at most 1.5 times the cost, for one writer and for 16.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("bare/writers=%d", writers), func(b *testing.B) {
			insert := bare(b)
			spread(b, writers, insert)
		})
		b.Run(fmt.Sprintf("log/writers=%d", writers), func(b *testing.B) {
			l := open(b, filepath.Join(b.TempDir(), "events.db"))
			spread(b, writers, func(ctx context.Context, task string, i int) error {
				_, err := l.Append(ctx, task, int64(i), kilobyte)
				return err
			})
		})
	}
}

// spread calls f b.N times, shared among writers with a task each.
func spread(b *testing.B, writers int, f func(ctx context.Context, task string, i int) error) {
	b.Helper()
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		n := b.N / writers
		if w < b.N%writers {
			n++
		}
		wg.Go(func() {
			for i := range n {
				if err := f(b.Context(), fmt.Sprintf("task-%d", w), i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkReplay reads whole tasks; 10,000 events take at most 300 ms.
func BenchmarkReplay(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			l := open(b, filepath.Join(b.TempDir(), "events.db"))
			fill(b, l, "t", n)
			for b.Loop() {
				got := 0
				for _, err := range l.Read(b.Context(), "t", 0) {
					if err != nil {
						b.Fatal(err)
					}
					got++
				}
				if got != n {
					b.Fatalf("%d events, want %d", got, n)
				}
			}
		})
	}
}

// BenchmarkTasks lists the newest hundred of many tasks: the cost does not
// grow with the number of tasks.
func BenchmarkTasks(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			l := open(b, filepath.Join(b.TempDir(), "events.db"))
			var wg sync.WaitGroup
			for w := range 100 {
				wg.Go(func() {
					for i := w; i < n; i += 100 {
						if _, err := l.Append(b.Context(), fmt.Sprintf("task-%d", i), 0, kilobyte); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			for b.Loop() {
				heads, err := l.Tasks(b.Context(), event.Query{})
				if err != nil || len(heads) != 100 {
					b.Fatalf("%d heads, %v", len(heads), err)
				}
			}
		})
	}
}

func fill(tb testing.TB, l event.Appender, task string, n int) {
	tb.Helper()
	batch := make([]event.Event, 0, 1000)
	for left := n; left > 0; left -= len(batch) {
		batch = batch[:0]
		for range min(left, cap(batch)) {
			batch = append(batch, kilobyte)
		}
		if _, err := l.Append(tb.Context(), task, -1, batch...); err != nil {
			tb.Fatal(err)
		}
	}
}
