package eventtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

const writers = 16

func concurrentOneTask(t *testing.T, l event.Log) {
	const each = 50
	var mu sync.Mutex
	acked := map[int64]string{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				a, b := fmt.Sprintf("%d/%d/a", w, i), fmt.Sprintf("%d/%d/b", w, i)
				last, err := l.Append(t.Context(), "t", -1, Line(a), Line(b))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[last-1], acked[last] = a, b
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	events := Collect(t, l, "t", 0)
	if len(events) != writers*each*2 {
		t.Fatalf("%d events, want %d", len(events), writers*each*2)
	}
	Gapless(t, events, 1)
	for _, e := range events {
		p, err := event.Decode[event.LogLine](e)
		if err != nil {
			t.Fatal(err)
		}
		if p.Message != acked[e.Seq] {
			t.Fatalf("event %d is %s, but %s was acknowledged", e.Seq, p.Message, acked[e.Seq])
		}
	}
}

func concurrentManyTasks(t *testing.T, l event.Log) {
	const each = 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			task := fmt.Sprintf("t%02d", w)
			for i := range int64(each) {
				// Every second append is stale and must not hurt its neighbours.
				if _, err := l.Append(t.Context(), task, i+1, Line("stale")); !errors.Is(err, pluginsdk.ErrConflict) {
					t.Errorf("stale append: %v", err)
					return
				}
				if last, err := l.Append(t.Context(), task, i, Line(task)); err != nil || last != i+1 {
					t.Errorf("Append: %d, %v", last, err)
					return
				}
			}
		})
	}
	wg.Wait()
	for w := range writers {
		task := fmt.Sprintf("t%02d", w)
		events := Collect(t, l, task, 0)
		if len(events) != each {
			t.Errorf("task %s has %d events, want %d", task, len(events), each)
		}
		Gapless(t, events, 1)
		for _, e := range events {
			if p, err := event.Decode[event.LogLine](e); err != nil || p.Message != task {
				t.Fatalf("task %s holds %v, %v", task, p, err)
			}
		}
	}
}

func oneWinner(t *testing.T, l event.Log) {
	for seq := range int64(20) {
		var mu sync.Mutex
		won := 0
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				_, err := l.Append(t.Context(), "t", seq, Line("x"))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, pluginsdk.ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Fatalf("%d owners appended event %d", won, seq+1)
		}
	}
}

// follow starts a subscription in a goroutine of its own.
func follow(t *testing.T, l event.Reader, task string, from int64) (next func() event.Event, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	pull, end := iter.Pull2(l.Subscribe(ctx, task, from))
	next = func() event.Event {
		t.Helper()
		e, err, ok := pull()
		if err != nil || !ok {
			t.Fatalf("subscription ended: %v", err)
		}
		return e
	}
	return next, func() { cancel(); end() }
}

func subscribeEarly(t *testing.T, l event.Log) {
	got := make(chan event.Event, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for e, err := range l.Subscribe(ctx, "t", 0) {
			if err == nil {
				got <- e
			}
			return
		}
	})
	mustAppend(t, l, "t", 0, Line("first"))
	if e := <-got; e.Seq != 1 || e.Task != "t" {
		t.Errorf("got %v", e)
	}
}

func subscribeHandOver(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, Line("1"), Line("2"))
	next, stop := follow(t, l, "t", 0)
	defer stop()
	for want := int64(1); want <= 20; want++ {
		if want > 2 {
			mustAppend(t, l, "t", want-1, Line("x"))
			mustAppend(t, l, "other", -1, Line("not for us"))
		}
		if e := next(); e.Seq != want || e.Task != "t" {
			t.Fatalf("event %d of %s, want %d", e.Seq, e.Task, want)
		}
	}
}

func subscribeRace(t *testing.T, l event.Log) {
	const total, readers = 1500, 6
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range int64(total / 3) {
			if _, err := l.Append(t.Context(), "t", i*3, Line("a"), Line("b"), Line("c")); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range readers {
		wg.Go(func() {
			want := int64(1)
			for want < total {
				// Leave and come back: every hand-over is one more race.
				left := 97
				for e, err := range l.Subscribe(t.Context(), "t", want) {
					if err != nil {
						t.Error(err)
						return
					}
					if e.Seq != want {
						t.Errorf("event %d, want %d", e.Seq, want)
						return
					}
					want++
					if left--; left == 0 || want > total {
						break
					}
				}
			}
		})
	}
	wg.Wait()
}

func subscribeFrom(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, Line("1"), Line("2"), Line("3"))
	next, stop := follow(t, l, "t", 3)
	defer stop()
	if e := next(); e.Seq != 3 {
		t.Errorf("event %d, want 3", e.Seq)
	}
	ahead, stopAhead := follow(t, l, "t", 6)
	defer stopAhead()
	done := make(chan event.Event)
	go func() {
		defer close(done)
		done <- ahead()
	}()
	for i := int64(3); i < 8; i++ {
		mustAppend(t, l, "t", i, Line("x"))
	}
	if e := <-done; e.Seq != 6 {
		t.Errorf("event %d, want 6", e.Seq)
	}
}

func slowSubscriber(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, Line("0"))
	next, stop := follow(t, l, "t", 0)
	defer stop()
	next()
	// The subscriber stands still; the writer must not, however much comes.
	const total = 2000
	for i := int64(1); i < total; i += 10 {
		batch := make([]event.Event, min(10, total-i))
		for j := range batch {
			batch[j] = Line("x")
		}
		mustAppend(t, l, "t", i, batch...)
	}
	for want := int64(2); want <= total; want++ {
		if e := next(); e.Seq != want {
			t.Fatalf("event %d, want %d", e.Seq, want)
		}
	}
	mustAppend(t, l, "t", total, Line("live again"))
	if e := next(); e.Seq != total+1 {
		t.Errorf("event %d, want %d", e.Seq, total+1)
	}
}

func progress(t *testing.T, done int64) event.Event {
	t.Helper()
	return payload(t, event.Progress{Step: "s1", Label: "reading", Done: done})
}

func transientEvents(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, Line("1"))
	if err := l.Publish("t", progress(t, 0)); err != nil { // nobody listens
		t.Fatal(err)
	}
	next, stop := follow(t, l, "t", 0)
	defer stop()
	if e := next(); e.Seq != 1 {
		t.Fatalf("event %d, want 1", e.Seq)
	}
	if err := l.Publish("t", progress(t, 1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Publish("other", progress(t, 2)); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, "t", 1, Line("2"))
	e := next()
	p, err := event.Decode[event.Progress](e)
	if err != nil || e.Seq != 0 || e.Task != "t" || e.Time.IsZero() || p.Done != 1 {
		t.Errorf("got %+v, %v", e, err)
	}
	if e := next(); e.Seq != 2 {
		t.Errorf("event %d, want 2", e.Seq)
	}
	events := Collect(t, l, "t", 0)
	if len(events) != 2 {
		t.Errorf("%d events are stored, want 2", len(events))
	}
	for name, bad := range map[string]event.Event{
		"not transient": Line("x"),
		"other task":    {Task: "u", Kind: event.KindProgress},
		"bad data":      raw(event.KindProgress, `{"kind":1}`),
	} {
		if err := l.Publish("t", bad); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("publish %s: %v, want invalid", name, err)
		}
	}
}

func transientOrder(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, Line("0"))
	next, stop := follow(t, l, "t", 0)
	defer stop()
	next()
	for i := int64(1); i <= 50; i++ {
		if err := l.Publish("t", progress(t, i)); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, "t", i, Line("x"))
	}
	for i := int64(1); i <= 50; i++ {
		if p, err := event.Decode[event.Progress](next()); err != nil || p.Done != i {
			t.Fatalf("progress %d, want %d: %v", p.Done, i, err)
		}
		if e := next(); e.Seq != i+1 {
			t.Fatalf("event %d, want %d", e.Seq, i+1)
		}
	}
}

func transientFlood(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, Line("0"))
	next, stop := follow(t, l, "t", 0)
	defer stop()
	next()
	for i := range int64(20_000) {
		if err := l.Publish("t", progress(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, l, "t", 1, Line("not lost"))
	seen := 0
	for e := next(); e.Seq != 2; e = next() {
		if seen++; seen > 1000 {
			t.Fatal("the flood was kept for a reader that did not read")
		}
	}
}

func cancelled(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, Line("1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, "t", 1, Line("2")); !errors.Is(err, context.Canceled) {
		t.Errorf("Append: %v", err)
	}
	if _, err := l.Tasks(ctx, event.Query{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Tasks: %v", err)
	}
	if _, err := l.Head(ctx, "t"); !errors.Is(err, context.Canceled) {
		t.Errorf("Head: %v", err)
	}
	for name, seq := range map[string]iter.Seq2[event.Event, error]{
		"Read": l.Read(ctx, "t", 0), "Subscribe": l.Subscribe(ctx, "t", 0),
	} {
		var last error
		for _, err := range seq {
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%s ended with %v", name, last)
		}
	}
	if got := Collect(t, l, "t", 0); len(got) != 1 {
		t.Errorf("%d events, want 1", len(got))
	}

	// A subscription that waits ends at once.
	live, stop := context.WithCancel(t.Context())
	defer stop()
	var last error
	for e, err := range l.Subscribe(live, "t", 0) {
		if e.Seq == 1 {
			stop()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("live subscription ended with %v", last)
	}
}

func closed(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, Line("1"))
	ready, ended := make(chan struct{}), make(chan error)
	go func() {
		var last error
		for e, err := range l.Subscribe(t.Context(), "t", 0) {
			if e.Seq == 1 {
				close(ready)
			}
			last = err
		}
		ended <- last
	}()
	<-ready
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; !errors.Is(err, event.ErrClosed) {
		t.Errorf("subscription ended with %v", err)
	}
	if _, err := l.Append(t.Context(), "t", 1, Line("2")); !errors.Is(err, event.ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	if err := l.Publish("t", progress(t, 1)); !errors.Is(err, event.ErrClosed) {
		t.Errorf("Publish: %v", err)
	}
	if _, err := l.Tasks(t.Context(), event.Query{}); !errors.Is(err, event.ErrClosed) {
		t.Errorf("Tasks: %v", err)
	}
	if _, err := l.Head(t.Context(), "t"); !errors.Is(err, event.ErrClosed) {
		t.Errorf("Head: %v", err)
	}
	for name, seq := range map[string]iter.Seq2[event.Event, error]{
		"Read": l.Read(t.Context(), "t", 0), "Subscribe": l.Subscribe(t.Context(), "t", 0),
	} {
		var last error
		for _, err := range seq {
			last = err
		}
		if !errors.Is(last, event.ErrClosed) {
			t.Errorf("%s ended with %v", name, last)
		}
	}
}
