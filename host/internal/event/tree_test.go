package event_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/event/eventtest"
)

// both runs a test with each implementation of the log.
func both(t *testing.T, run func(t *testing.T, l event.Log)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		run(t, event.NewMemory())
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		run(t, open(t, filepath.Join(t.TempDir(), "events.db")))
	})
}

// child stores an event of a task below parent.
func child(t *testing.T, l event.Appender, task, parent string, p event.Payload) {
	t.Helper()
	e, err := event.New(p)
	if err != nil {
		t.Fatal(err)
	}
	e.Parent = parent
	if _, err := l.Append(t.Context(), task, -1, e); err != nil {
		t.Fatal(err)
	}
}

func starts(child string) event.Payload { return event.ChildStarted{Child: child} }

func says(text string) event.Payload { return event.LogLine{Message: text} }

// smallTree is a root with a sub-agent, which has one itself; a false claim of
// the root to a task that is not its own; and a stranger.
func smallTree(t *testing.T, l event.Log) {
	t.Helper()
	child(t, l, "stranger", "", says("secret"))
	child(t, l, "root", "", says("1"))
	child(t, l, "root", "", starts("stranger"))
	child(t, l, "root", "", starts("leaf")) // not yet, and not its own
	child(t, l, "root", "", starts("mid"))
	child(t, l, "mid", "root", says("1"))
	child(t, l, "mid", "root", starts("leaf"))
	child(t, l, "leaf", "mid", says("1"))
	child(t, l, "leaf", "mid", starts("root")) // in a ring
	child(t, l, "mid", "root", says("3"))
	child(t, l, "root", "", says("5"))
}

func TestReadTree(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, l event.Log) {
		smallTree(t, l)
		child(t, l, "orphan", "mid", says("nobody started it"))
		var got []string
		for e, err := range event.ReadTree(t.Context(), l, "root") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s/%d", e.Task, e.Seq))
		}
		want := []string{"root/1", "root/2", "root/3", "root/4", "mid/1", "mid/2", "leaf/1", "leaf/2", "mid/3", "root/5", "orphan/1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		got = nil
		for e, err := range event.ReadTreeFrom(t.Context(), l, "root", map[string]int64{"root": 5, "mid": 3, "orphan": 2}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s/%d", e.Task, e.Seq))
		}
		if diff := cmp.Diff([]string{"root/5", "mid/3", "leaf/1", "leaf/2"}, got); diff != "" {
			t.Errorf("from the middle of each (-want +got):\n%s", diff)
		}
		for _, err := range event.ReadTree(t.Context(), l, "root") {
			if err != nil {
				t.Error(err)
			}
			break // at any time
		}
		for e, err := range event.ReadTree(t.Context(), l, "nosuch") {
			t.Errorf("a task there is not has event %+v, %v", e, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		last := error(nil)
		for _, err := range event.ReadTree(ctx, l, "root") {
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("cancelled: %v", last)
		}
	})
}

// TestReadTreeWithAJumpingClock keeps each task's order whatever its times are.
func TestReadTreeWithAJumpingClock(t *testing.T) {
	t.Parallel()
	l := event.NewMemory()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, jump := range []int{5, 1, 9, -3, 0} {
		for _, task := range []string{"root", "mid"} {
			e := eventtest.Line(fmt.Sprint(i))
			if i == 0 && task == "root" {
				e, _ = event.New(event.ChildStarted{Child: "mid"})
			}
			if e.Time = at.Add(time.Duration(jump) * time.Hour); task == "mid" {
				e.Parent = "root"
			}
			if _, err := l.Append(t.Context(), task, -1, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	next := map[string]int64{}
	for e, err := range event.ReadTree(t.Context(), l, "root") {
		if err != nil || e.Seq != next[e.Task]+1 {
			t.Fatalf("event %d of %s behind %d: %v", e.Seq, e.Task, next[e.Task], err)
		}
		next[e.Task] = e.Seq
	}
	if next["root"] != 5 || next["mid"] != 5 {
		t.Errorf("events %v", next)
	}
}

func TestSubscribeTree(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, l event.Log) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		smallTree(t, l)
		for name, from := range map[string]map[string]int64{
			"from the beginning":                nil,
			"from the middle":                   {"root": 5, "mid": 3, "leaf": 1},
			"from behind the start of a branch": {"root": 5},
		} {
			next := map[string]int64{"root": max(1, from["root"]), "mid": max(1, from["mid"]), "leaf": max(1, from["leaf"])}
			for e, err := range event.SubscribeTree(ctx, l, "root", from) {
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if want, known := next[e.Task]; !known || e.Seq != want {
					t.Fatalf("%s: event %d of %s, want %d", name, e.Seq, e.Task, want)
				}
				next[e.Task]++
				if cmp.Equal(next, map[string]int64{"root": 6, "mid": 4, "leaf": 3}) {
					break
				}
			}
		}
		// It ends with the context, or with the log.
		last := error(nil)
		for _, err := range event.SubscribeTree(ctx, l, "root", map[string]int64{"root": 5}) {
			cancel()
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("cancelled: %v", last)
		}
		for _, err := range event.SubscribeTree(t.Context(), l, "root", nil) {
			if err == nil {
				err = l.Close()
			}
			last = err
		}
		if !errors.Is(last, event.ErrClosed) {
			t.Errorf("closed: %v", last)
		}
	})
}

// TestManyTreeSubscribers watches a growing tree from fifty sides, some of
// them slow: everyone gets everything in order, and none twice.
func TestManyTreeSubscribers(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, l event.Log) {
		const readers, agents, each = 50, 5, 60
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for r := range readers {
			wg.Go(func() {
				next := map[string]int64{}
				got := 0
				for e, err := range event.SubscribeTree(ctx, l, "root", nil) {
					if err != nil {
						t.Errorf("reader %d after %d events: %v", r, got, err)
						return
					}
					if e.Seq != next[e.Task]+1 {
						t.Errorf("reader %d: event %d of %s behind %d", r, e.Seq, e.Task, next[e.Task])
						return
					}
					next[e.Task] = e.Seq
					if got++; got == agents+agents*each {
						return
					}
					if r == 0 && got%50 == 0 {
						<-time.After(time.Millisecond)
					}
				}
			})
		}
		for a := range agents {
			name := fmt.Sprintf("a%d", a)
			child(t, l, "root", "", starts(name))
			wg.Go(func() {
				for range each {
					e := eventtest.Line("x")
					e.Parent = "root"
					if _, err := l.Append(ctx, name, -1, e); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}
