package usage

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
)

// Sum is what several calls of models used and cost.
type Sum struct {
	Calls int64 `json:"calls"`
	model.Usage
	// Cost is in US dollars, a decimal; empty when no call had a price.
	Cost string `json:"cost"`
	// Unpriced counts the calls that had none: the cost is without them.
	Unpriced int64 `json:"unpriced,omitempty"`
}

// sum is a Sum that grows.
type sum struct {
	Sum
	cost apd.Decimal
}

func (s *sum) add(u event.ModelUsage) {
	s.Calls++
	for _, p := range []struct {
		to *int64
		n  int64
	}{
		{&s.Input, u.Input},
		{&s.CacheRead, u.CacheRead},
		{&s.CacheWrite5m, u.CacheWrite5m},
		{&s.CacheWrite1h, u.CacheWrite1h},
		{&s.Output, u.Output},
		{&s.Thinking, u.Thinking},
		{&s.WebSearches, u.WebSearches},
		{&s.WebFetches, u.WebFetches},
	} {
		*p.to += min(max(p.n, 0), math.MaxInt64-*p.to)
	}
	d, err := parseAmount(u.Cost)
	if err != nil || u.Cost == "" {
		s.Unpriced++
		return
	}
	s.addCost(d)
}

func (s *sum) addCost(d *apd.Decimal) {
	if _, err := exact().Add(&s.cost, &s.cost, d); err == nil {
		s.Cost = format(&s.cost)
	}
}

// join adds what others used.
func (s *sum) join(o *sum) {
	calls, unpriced := s.Calls+o.Calls, s.Unpriced+o.Unpriced
	s.add(event.ModelUsage{Usage: o.Usage, Cost: o.Cost})
	s.Calls, s.Unpriced = calls, unpriced
}

// By is what totals are broken down by.
type By string

// The ways to break totals down.
const (
	ByDay   By = "day"
	ByTask  By = "task" // each task by itself, sub-agents too
	ByModel By = "model"
	ByStep  By = "step" // of a task; calls between steps are under ""
	ByCall  By = "call" // of a task
)

// Row is a part of the totals.
type Row struct {
	// Key is a day ("2026-11-22"), a task's id, a model's name, a step's id or
	// the number of a call.
	Key string `json:"key"`
	// Task is the task of a step or call; Parent the task that started it.
	Task   string `json:"task,omitempty"`
	Parent string `json:"parent,omitempty"`
	Title  string `json:"title,omitempty"`
	Sum
	last time.Time
}

// Totals are the fold of a log's usage events: every event is added once, in
// any order. The zero value counts nothing down; create it with [NewTotals].
type Totals struct {
	zone *time.Location
	all  sum
	by   map[By]map[rowKey]*row
}

type rowKey struct{ task, key string }

type row struct {
	sum
	parent string
	last   time.Time
}

// NewTotals returns totals that are broken down in the ways given. Days are
// those of the zone.
func NewTotals(zone *time.Location, by ...By) *Totals {
	t := &Totals{zone: zone, by: map[By]map[rowKey]*row{}}
	for _, b := range by {
		t.by[b] = map[rowKey]*row{}
	}
	return t
}

// Add counts an event. Events of other kinds, and those that do not decode, are
// left out.
func (t *Totals) Add(e event.Event) {
	u, err := event.Decode[event.ModelUsage](e)
	if err != nil {
		return
	}
	t.all.add(u)
	for by, rows := range t.by {
		k := keyOf(by, e, u, t.zone)
		r := rows[k]
		if r == nil {
			r = &row{}
			rows[k] = r
		}
		r.add(u)
		if by != ByDay && by != ByModel {
			r.parent = e.Parent
		}
		if e.Time.After(r.last) {
			r.last = e.Time
		}
	}
}

func keyOf(by By, e event.Event, u event.ModelUsage, zone *time.Location) rowKey {
	switch by {
	case ByDay:
		return rowKey{key: e.Time.In(zone).Format(time.DateOnly)}
	case ByTask:
		return rowKey{key: e.Task}
	case ByModel:
		return rowKey{key: u.Model}
	case ByStep:
		return rowKey{e.Task, u.Step}
	}
	return rowKey{e.Task, strconv.Itoa(u.Call)}
}

// Sum is the sum of all.
func (t *Totals) Sum() Sum { return t.all.Sum }

// Rows returns one of the ways the totals were broken down: days and tasks with
// the newest first, models with the dearest first, steps and calls in order.
func (t *Totals) Rows(by By) []Row {
	rows := t.by[by]
	out := make([]Row, 0, len(rows))
	costs := make(map[string]*apd.Decimal, len(rows))
	for k, r := range rows {
		out = append(out, Row{Key: k.key, Task: k.task, Parent: r.parent, Sum: r.Sum, last: r.last})
		costs[k.key] = &r.cost
	}
	slices.SortFunc(out, func(a, b Row) int {
		switch by {
		case ByDay:
			return cmp.Compare(b.Key, a.Key)
		case ByTask:
			return cmp.Or(b.last.Compare(a.last), cmp.Compare(a.Key, b.Key))
		case ByModel:
			return cmp.Or(costs[b.Key].Cmp(costs[a.Key]), cmp.Compare(a.Key, b.Key))
		}
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(number(a.Key), number(b.Key)), cmp.Compare(a.Key, b.Key))
	})
	return out
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // what is no number sorts by its text
	return n
}
