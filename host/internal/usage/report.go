package usage

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Finder finds events of one kind in the logs of all tasks; an [event.Log] that
// is an [event.Finder] does.
type Finder interface {
	Find(ctx context.Context, kind event.Kind, since time.Time) iter.Seq2[event.Event, error]
}

// Heads knows tasks; an [event.Log] does.
type Heads interface {
	Head(ctx context.Context, task string) (event.Head, error)
}

// Reporter makes reports. Its fields are set before it is used.
type Reporter struct {
	Events Finder
	Heads  Heads
	Prices *Prices
	// Caps returns the caps there are now.
	Caps func() (Caps, error)
	// Now says what time it is, in the zone of the person's days.
	Now func() time.Time
}

// Report is what `cowork usage` prints.
type Report struct {
	By    By     `json:"by"`
	Since string `json:"since"` // the first day
	Zone  string `json:"zone"`
	// Rows are the parts. By task, the row of a task that a person started has
	// the sums of all its sub-agents in it, whose own rows follow it with their
	// parent's id.
	Rows  []Row `json:"rows"`
	Total Sum   `json:"total"`
	// Today is what was spent since midnight; Caps are the limits.
	Today string `json:"today"`
	Caps  Caps   `json:"caps"`
	// Prices is the date of the price list, Unpriced the models it has no
	// price for.
	Prices   string   `json:"prices"`
	Unpriced []string `json:"unpriced_models,omitempty"`
}

// defaultDays is how far back a report goes when nobody says.
const defaultDays = 30

// Query says what a report is about.
type Query struct {
	from time.Time
	by   By
}

// Query reads what a person asks for. Since is the first day: "2026-11-01",
// "7d" for the last seven days, "today", "all", or empty for the last thirty
// days. Empty By is by day.
func (r *Reporter) Query(since string, by By) (Query, error) {
	from, err := parseSince(since, r.Now())
	if err != nil {
		return Query{}, err
	}
	switch by {
	case "":
		by = ByDay
	case ByDay, ByTask, ByModel:
	default:
		return Query{}, pluginsdk.Invalid("use day, task or model", "usage cannot be shown by %.40q", by)
	}
	return Query{from, by}, nil
}

// Report sums up what was used.
func (r *Reporter) Report(ctx context.Context, q Query) (*Report, error) {
	now, from, by := r.Now(), q.from, q.by
	caps, err := r.Caps()
	if err != nil {
		return nil, err
	}
	today := midnight(now)
	t, day := NewTotals(now.Location(), by, ByModel), NewTotals(now.Location())
	first := from
	if today.Before(from) {
		first = today
	}
	for e, err := range r.Events.Find(ctx, event.KindUsage, first) {
		if err != nil {
			return nil, fmt.Errorf("read what was used: %w", err)
		}
		if !e.Time.Before(today) {
			day.Add(e)
		}
		if !e.Time.Before(from) {
			t.Add(e)
		}
	}
	out := &Report{
		By: by, Zone: now.Format("MST"), Rows: t.Rows(by), Total: t.Sum(),
		Today: day.Sum().Cost, Caps: caps, Prices: r.Prices.AsOf,
	}
	if !from.IsZero() {
		out.Since = from.Format(time.DateOnly)
	}
	for _, m := range t.Rows(ByModel) {
		if m.Unpriced > 0 {
			out.Unpriced = append(out.Unpriced, m.Key)
		}
	}
	if by == ByTask {
		out.Rows = r.trees(ctx, t)
	}
	return out, nil
}

// trees puts sub-agents behind the task they worked for and their sums into
// its. A task the log no longer knows stands by itself.
func (r *Reporter) trees(ctx context.Context, t *Totals) []Row {
	rows := t.Rows(ByTask)
	heads := map[string]event.Head{}
	head := func(task string) event.Head {
		h, ok := heads[task]
		if !ok {
			h, _ = r.Heads.Head(ctx, task) // unknown: it has no title
			heads[task] = h
		}
		return h
	}
	own := t.by[ByTask]
	roots := map[string]*sum{}
	below := map[string][]Row{}
	var order []string
	for _, row := range rows {
		root := row.Key
		for depth, parent := 0, row.Parent; parent != "" && depth < maxDepth; depth++ {
			root, parent = parent, head(parent).Parent
		}
		if roots[root] == nil {
			roots[root] = &sum{}
			order = append(order, root)
		}
		roots[root].join(&own[rowKey{key: row.Key}].sum)
		if root != row.Key {
			row.Title = head(row.Key).Title
			below[root] = append(below[root], row)
		}
	}
	out := make([]Row, 0, len(rows))
	for _, root := range order {
		out = append(out, Row{Key: root, Title: head(root).Title, Sum: roots[root].Sum})
		slices.Reverse(below[root]) // the first sub-agent first
		out = append(out, below[root]...)
	}
	return out
}

// maxDepth bounds how deep sub-agents are followed to their root.
const maxDepth = 64

// parseSince reads the first day of a report.
func parseSince(s string, now time.Time) (time.Time, error) {
	today := midnight(now)
	days := func(n int) time.Time {
		return time.Date(today.Year(), today.Month(), today.Day()-n+1, 0, 0, 0, 0, now.Location())
	}
	switch s {
	case "":
		return days(defaultDays), nil
	case "all":
		return time.Time{}, nil
	case "today":
		return today, nil
	}
	if n, err := strconv.Atoi(strings.TrimSuffix(s, "d")); err == nil && strings.HasSuffix(s, "d") && n > 0 && n < 100_000 {
		return days(n), nil
	}
	d, err := time.ParseInLocation(time.DateOnly, s, now.Location())
	if err != nil {
		return time.Time{}, pluginsdk.Invalid(`write it as 2026-11-01, 7d, today or all`, "%.40q is not a day usage can be shown since", s)
	}
	return d, nil
}

// midnight is the first moment of the day. Where the clock skips midnight, the
// day begins later.
func midnight(t time.Time) time.Time { return firstOf(t.Year(), t.Month(), t.Day(), t.Location()) }

func nextMidnight(t time.Time) time.Time {
	return firstOf(t.Year(), t.Month(), t.Day()+1, t.Location())
}

func firstOf(year int, month time.Month, day int, zone *time.Location) time.Time {
	m := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if m.Hour() > 12 {
		return m.Add(time.Hour) // midnight is skipped, and this is an hour before
	}
	return m
}
