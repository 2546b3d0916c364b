package usage_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/pluginsdk"
)

var berlin = time.FixedZone("CET", 3600)

// noon is 13:00 in Berlin.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// used is one usage event.
func used(task, parent string, at time.Time, u event.ModelUsage) event.Event {
	e, err := event.New(u)
	if err != nil {
		panic(err)
	}
	e.Task, e.Parent, e.Time = task, parent, at
	return e
}

func cost(call int, name, c string) event.ModelUsage {
	return event.ModelUsage{Call: call, Purpose: "turn", Model: name, Usage: model.Usage{Input: 100, Output: 10}, Cost: c}
}

func events() []event.Event {
	return []event.Event{
		used("a", "", noon.Add(-48*time.Hour), cost(1, "opus", "1.00")),
		used("a", "", noon, cost(2, "opus", "0.1")),
		used("a1", "a", noon.Add(time.Second), cost(1, "haiku", "0.2")),
		used("a2", "a", noon.Add(2*time.Second), cost(1, "haiku", "0.02")),
		used("a11", "a1", noon.Add(3*time.Second), cost(1, "local", "")),
		used("b", "", noon.Add(-24*time.Hour), cost(1, "opus", "3")),
		used("b", "", noon.Add(-24*time.Hour), func() event.ModelUsage {
			u := cost(10, "opus", "0.5")
			u.Purpose, u.Step = "generate", "2"
			return u
		}()),
	}
}

// found is a source of events.
type found []event.Event

func (f found) Find(_ context.Context, kind event.Kind, since time.Time) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for _, e := range f {
			if e.Kind == kind && !e.Time.Before(since) && !yield(e, nil) {
				return
			}
		}
	}
}

// broken fails after its events.
type broken struct{ found }

var errDisk = errors.New("the disk is gone")

func (b broken) Find(ctx context.Context, kind event.Kind, since time.Time) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for e, err := range b.found.Find(ctx, kind, since) {
			if !yield(e, err) {
				return
			}
		}
		yield(event.Event{}, errDisk)
	}
}

// heads has parents from ids: "a11" is below "a1".
type heads struct{}

func (heads) Head(_ context.Context, task string) (event.Head, error) {
	if strings.HasPrefix(task, "x") {
		return event.Head{}, pluginsdk.ErrNotFound
	}
	return event.Head{Task: task, Parent: task[:len(task)-1], Title: "task " + task}, nil
}

type line struct {
	Key, Task, Parent, Title, Cost string
	Calls, Unpriced                int64
}

func lines(rows []usage.Row) []line {
	var out []line
	for _, r := range rows {
		out = append(out, line{r.Key, r.Task, r.Parent, r.Title, r.Cost, r.Calls, r.Unpriced})
	}
	return out
}

func TestTotals(t *testing.T) {
	t.Parallel()
	all := events()
	want := map[usage.By][]line{
		usage.ByDay: {
			{Key: "2026-11-22", Cost: "0.32", Calls: 4, Unpriced: 1},
			{Key: "2026-11-21", Cost: "3.5", Calls: 2},
			{Key: "2026-11-20", Cost: "1", Calls: 1},
		},
		usage.ByModel: {
			{Key: "opus", Cost: "4.6", Calls: 4},
			{Key: "haiku", Cost: "0.22", Calls: 2},
			{Key: "local", Calls: 1, Unpriced: 1},
		},
		usage.ByTask: {
			{Key: "a11", Parent: "a1", Calls: 1, Unpriced: 1},
			{Key: "a2", Parent: "a", Cost: "0.02", Calls: 1},
			{Key: "a1", Parent: "a", Cost: "0.2", Calls: 1},
			{Key: "a", Cost: "1.1", Calls: 2},
			{Key: "b", Cost: "3.5", Calls: 2},
		},
		usage.ByStep: {
			{Task: "a", Cost: "1.1", Calls: 2},
			{Task: "a1", Parent: "a", Cost: "0.2", Calls: 1},
			{Task: "a11", Parent: "a1", Calls: 1, Unpriced: 1},
			{Task: "a2", Parent: "a", Cost: "0.02", Calls: 1},
			{Task: "b", Cost: "3", Calls: 1},
			{Key: "2", Task: "b", Cost: "0.5", Calls: 1},
		},
		usage.ByCall: {
			{Key: "1", Task: "a", Cost: "1", Calls: 1},
			{Key: "2", Task: "a", Cost: "0.1", Calls: 1},
			{Key: "1", Task: "a1", Parent: "a", Cost: "0.2", Calls: 1},
			{Key: "1", Task: "a11", Parent: "a1", Calls: 1, Unpriced: 1},
			{Key: "1", Task: "a2", Parent: "a", Cost: "0.02", Calls: 1},
			{Key: "1", Task: "b", Cost: "3", Calls: 1},
			{Key: "10", Task: "b", Cost: "0.5", Calls: 1},
		},
	}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		totals := usage.NewTotals(time.UTC, usage.ByDay, usage.ByModel, usage.ByTask, usage.ByStep, usage.ByCall)
		for _, e := range all {
			totals.Add(e)
		}
		sum := usage.Sum{Calls: 7, Usage: model.Usage{Input: 700, Output: 70}, Cost: "4.82", Unpriced: 1}
		if d := cmp.Diff(sum, totals.Sum()); d != "" {
			t.Fatalf("sum (-want +got):\n%s", d)
		}
		for by, w := range want {
			if d := cmp.Diff(w, lines(totals.Rows(by))); d != "" {
				t.Fatalf("seed %d by %s (-want +got):\n%s", seed, by, d)
			}
		}
	}
}

func TestTotalsOfOddEvents(t *testing.T) {
	t.Parallel()
	totals := usage.NewTotals(time.UTC, usage.ByDay)
	for _, e := range []event.Event{
		{Kind: event.KindLog, Data: json.RawMessage(`{"cost":"5"}`)},
		{Kind: event.KindUsage, Data: json.RawMessage(`{"cost":5}`)},
		{Kind: event.KindUsage, Data: json.RawMessage(`{"cost":"`)},
	} {
		totals.Add(e)
	}
	if d := cmp.Diff(usage.Sum{}, totals.Sum()); d != "" {
		t.Errorf("what cannot be read is counted: %s", d)
	}
	big := event.ModelUsage{Model: "m", Usage: model.Usage{Input: 1 << 62, Output: -7}, Cost: "-5"}
	for range 4 {
		totals.Add(used("a", "", noon, big))
	}
	totals.Add(used("a", "", noon, event.ModelUsage{Model: "m", Cost: "NaN"}))
	totals.Add(used("a", "", noon, event.ModelUsage{Model: "m", Cost: "1e99999999"}))
	want := usage.Sum{Calls: 6, Usage: model.Usage{Input: 1<<63 - 1}, Unpriced: 6}
	if d := cmp.Diff(want, totals.Sum()); d != "" {
		t.Errorf("sum (-want +got):\n%s", d)
	}
	if got := totals.Rows(usage.ByModel); len(got) != 0 {
		t.Errorf("rows nobody asked for: %v", got)
	}
}

// TestTotalsAreExact adds an amount that binary fractions cannot hold.
func TestTotalsAreExact(t *testing.T) {
	t.Parallel()
	totals := usage.NewTotals(time.UTC)
	for range 20_000 {
		totals.Add(used("a", "", noon, event.ModelUsage{Cost: "0.0000005"}))
	}
	if got := totals.Sum().Cost; got != "0.01" {
		t.Errorf("20,000 times 0.0000005 is %s", got)
	}
}

func reporter(f usage.Finder, at time.Time) *usage.Reporter {
	return &usage.Reporter{
		Events: f, Heads: heads{}, Prices: usage.Shipped(), Now: func() time.Time { return at },
		Caps: func() (usage.Caps, error) { return usage.Caps{Day: "5"}, nil },
	}
}

// report makes the report a person asks for.
func report(t *testing.T, r *usage.Reporter, since string, by usage.By) (*usage.Report, error) {
	t.Helper()
	q, err := r.Query(since, by)
	if err != nil {
		return nil, err
	}
	return r.Report(t.Context(), q)
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := reporter(found(events()), noon.In(berlin))
	got, err := report(t, r, "", "")
	if err != nil {
		t.Fatal(err)
	}
	want := &usage.Report{
		By: usage.ByDay, Since: "2026-10-24", Zone: "CET", Today: "0.32", Caps: usage.Caps{Day: "5"}, Prices: usage.Shipped().AsOf,
		Unpriced: []string{"local"},
		Total:    usage.Sum{Calls: 7, Usage: model.Usage{Input: 700, Output: 70}, Cost: "4.82", Unpriced: 1},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(usage.Report{}, "Rows")); d != "" || len(got.Rows) != 3 {
		t.Errorf("%d rows (-want +got):\n%s", len(got.Rows), d)
	}
	if got, err = report(t, r, "all", usage.ByModel); err != nil || got.Since != "" || len(got.Rows) != 3 || got.Rows[0].Key != "opus" {
		t.Errorf("by model: %+v, %v", got, err)
	}
	if got, err = report(t, r, "all", usage.ByTask); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]line{
		{Key: "a", Title: "task a", Cost: "1.32", Calls: 5, Unpriced: 1},
		{Key: "a1", Parent: "a", Title: "task a1", Cost: "0.2", Calls: 1},
		{Key: "a2", Parent: "a", Title: "task a2", Cost: "0.02", Calls: 1},
		{Key: "a11", Parent: "a1", Title: "task a11", Calls: 1, Unpriced: 1},
		{Key: "b", Title: "task b", Cost: "3.5", Calls: 2},
	}, lines(got.Rows)); d != "" {
		t.Errorf("by task (-want +got):\n%s", d)
	}
}

// TestReportOfASubAgentAlone has only a sub-agent's sub-agent in the range.
func TestReportOfASubAgentAlone(t *testing.T) {
	t.Parallel()
	f := found{used("a11", "a1", noon, cost(1, "opus", "2")), used("x11", "x1", noon.Add(-time.Hour), cost(1, "opus", "1"))}
	got, err := report(t, reporter(f, noon), "today", usage.ByTask)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]line{
		{Key: "a", Title: "task a", Cost: "2", Calls: 1},
		{Key: "a11", Parent: "a1", Title: "task a11", Cost: "2", Calls: 1},
		{Key: "x1", Cost: "1", Calls: 1},
		{Key: "x11", Parent: "x1", Cost: "1", Calls: 1},
	}, lines(got.Rows)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

type circle struct{}

func (circle) Head(_ context.Context, task string) (event.Head, error) {
	return event.Head{Task: task, Parent: map[string]string{"p": "q", "q": "p"}[task]}, nil
}

func TestReportOfACircle(t *testing.T) {
	t.Parallel()
	r := reporter(found{used("p", "q", noon, cost(1, "opus", "2"))}, noon)
	r.Heads = circle{}
	if got, err := report(t, r, "all", usage.ByTask); err != nil || got.Total.Cost != "2" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReportSince(t *testing.T) {
	t.Parallel()
	// 00:30 in Berlin is still the day before in UTC.
	at := time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC).In(berlin)
	f := found{
		used("a", "", at.Add(-time.Hour), cost(1, "opus", "1")),    // 23:30, the day before
		used("a", "", at.Add(-time.Minute), cost(2, "opus", "10")), // 00:29, today
		used("a", "", at.Add(-30*time.Minute), cost(3, "opus", "100")),
	}
	for since, want := range map[string]string{
		"today": "110", "1d": "110", "2d": "111", "2026-11-22": "110", "2026-11-21": "111", "all": "111", "": "111", "2026-11-23": "", "9999d": "111",
	} {
		got, err := report(t, reporter(f, at), since, usage.ByDay)
		if err != nil || got.Total.Cost != want || got.Today != "110" {
			t.Errorf("since %q: %+v, %v, want %q", since, got, err, want)
		}
	}
	for _, bad := range []string{"yesterday", "0d", "-1d", "d", "1w", "2026-11", "2026-02-30", "22.11.2026", "now", "99999999999d"} {
		if _, err := report(t, reporter(f, at), bad, usage.ByDay); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("since %q: %v", bad, err)
		}
	}
	if _, err := report(t, reporter(f, at), "", "week"); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("by week: %v", err)
	}
	if _, err := report(t, reporter(broken{f}, at), "", ""); !errors.Is(err, errDisk) {
		t.Errorf("a broken log: %v", err)
	}
}

func TestReportWithoutSettings(t *testing.T) {
	t.Parallel()
	r := reporter(found(events()), noon)
	r.Caps = func() (usage.Caps, error) { return usage.Caps{}, errDisk }
	if _, err := report(t, r, "", ""); !errors.Is(err, errDisk) {
		t.Errorf("caps that cannot be read: %v", err)
	}
}

// TestReportOfALog reads a real log.
func TestReportOfALog(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	for _, e := range events() {
		if _, err := log.Append(t.Context(), e.Task, -1, e, event.Event{Kind: event.KindLog, Parent: e.Parent, Time: e.Time}); err != nil {
			t.Fatal(err)
		}
	}
	r := reporter(log, noon)
	r.Heads = log
	got, err := report(t, r, "all", usage.ByTask)
	if err != nil || got.Total.Cost != "4.82" || len(got.Rows) != 5 || got.Rows[0].Key != "a" || got.Rows[0].Cost != "1.32" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMeter(t *testing.T) {
	t.Parallel()
	now := noon.In(berlin)
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	set := func(t time.Time) {
		mu.Lock()
		defer mu.Unlock()
		now = t
	}
	m, err := usage.NewMeter(t.Context(), found(events()), clock)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Today(); got.Cost != "0.32" || got.Unpriced != 1 || got.Calls != 4 {
		t.Errorf("at the start: %+v", got)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				m.Add(cost(1, "opus", "0.01"))
				m.Today()
			}
		})
	}
	wg.Wait()
	if got := m.Today().Cost; got != "1.12" {
		t.Errorf("after 80 calls: %s", got)
	}
	set(now.Add(-24 * time.Hour))
	if got := m.Today().Cost; got != "1.12" {
		t.Errorf("the clock set back: %s", got)
	}
	m.Add(cost(1, "opus", "1"))
	set(noon.In(berlin).Add(11 * time.Hour)) // midnight in Berlin
	if got := m.Today(); got.Cost != "" || got.Calls != 0 {
		t.Errorf("the next day: %+v", got)
	}
	m.Add(cost(1, "opus", "2"))
	if got := m.Today().Cost; got != "2" {
		t.Errorf("the next day, spent: %s", got)
	}
	if _, err := usage.NewMeter(t.Context(), broken{found(events())}, clock); !errors.Is(err, errDisk) {
		t.Errorf("a broken log: %v", err)
	}
}
