package eventtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// findUsage finds the usage of several tasks by time, whatever else they have
// and in whatever order it was stored.
func findUsage(t *testing.T, l event.Log) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(e event.Event, after time.Duration, parent string) event.Event {
		e.Time, e.Parent = day.Add(after), parent
		return e
	}
	usage := func(call int) event.Event {
		return payload(t, event.ModelUsage{Call: call, Purpose: "turn", Cost: fmt.Sprint(call)})
	}
	mustAppend(t, l, "t1", 0, at(Line("a"), 0, ""), at(usage(1), 2*time.Hour, ""), at(usage(2), time.Hour, ""))
	mustAppend(t, l, "t2", 0, at(usage(3), time.Hour, "t1"), at(Line("b"), time.Hour, ""), at(usage(4), -48*time.Hour, "t1"))
	mustAppend(t, l, "t1", 3, at(usage(5), 3*time.Hour, ""))
	for _, c := range []struct {
		name  string
		kind  event.Kind
		since time.Time
		want  []string
	}{
		{"all", event.KindUsage, time.Time{}, []string{"t2/3", "t1/3", "t2/1", "t1/2", "t1/4"}},
		{"since a day", event.KindUsage, day, []string{"t1/3", "t2/1", "t1/2", "t1/4"}},
		{"since the time of one", event.KindUsage, day.Add(2 * time.Hour), []string{"t1/2", "t1/4"}},
		{"in another time zone", event.KindUsage, day.Add(2 * time.Hour).In(time.FixedZone("east", 3600)), []string{"t1/2", "t1/4"}},
		{"a moment later", event.KindUsage, day.Add(2*time.Hour + 1), []string{"t1/4"}},
		{"in the future", event.KindUsage, day.Add(1000 * time.Hour), nil},
		{"in a far past", event.KindUsage, time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC), []string{"t2/3", "t1/3", "t2/1", "t1/2", "t1/4"}},
		{"in a far future", event.KindUsage, time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC), nil},
		{"another kind", event.KindLog, day, []string{"t1/1", "t2/2"}},
		{"a kind there is none of", event.KindFinding, time.Time{}, nil},
	} {
		var got []string
		for e, err := range l.Find(t.Context(), c.kind, c.since) {
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			got = append(got, fmt.Sprintf("%s/%d", e.Task, e.Seq))
			whole := Collect(t, l, e.Task, e.Seq)[0]
			if diff := cmp.Diff(whole, e); diff != "" {
				t.Errorf("%s: event (-read +found):\n%s", c.name, diff)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	for _, err := range l.Find(t.Context(), event.KindUsage, time.Time{}) {
		if err != nil {
			t.Error(err)
		}
		break // at any time
	}
}

// findMany finds more than one page of events, many of the same time.
func findMany(t *testing.T, l event.Log) {
	const tasks, each = 4, 700
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for task := range tasks {
		batch := make([]event.Event, each)
		for i := range batch {
			batch[i] = payload(t, event.ModelUsage{Call: i})
			batch[i].Time = at.Add(time.Duration(i/100) * time.Second)
		}
		mustAppend(t, l, fmt.Sprintf("t%d", task), 0, batch...)
	}
	seen := map[string]int64{}
	var last time.Time
	for e, err := range l.Find(t.Context(), event.KindUsage, at) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Time.Before(last) || e.Seq != seen[e.Task]+1 {
			t.Fatalf("event %d of task %s at %v comes behind %d and %v", e.Seq, e.Task, e.Time, seen[e.Task], last)
		}
		last, seen[e.Task] = e.Time, e.Seq
	}
	for task, n := range seen {
		if n != each || len(seen) != tasks {
			t.Errorf("%d events of task %s, %d tasks", n, task, len(seen))
		}
	}
}

func findRefused(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, payload(t, event.ModelUsage{}))
	for _, kind := range []event.Kind{"", "no kind", "usage' OR 1", event.KindProgress} {
		last := error(nil)
		for _, err := range l.Find(t.Context(), kind, time.Time{}) {
			last = err
		}
		if !errors.Is(last, pluginsdk.ErrInvalid) {
			t.Errorf("kind %q: %v", kind, last)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	last := error(nil)
	for _, err := range l.Find(ctx, event.KindUsage, time.Time{}) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("cancelled: %v", last)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range l.Find(t.Context(), event.KindUsage, time.Time{}) {
		last = err
	}
	if !errors.Is(last, event.ErrClosed) {
		t.Errorf("closed: %v", last)
	}
}
