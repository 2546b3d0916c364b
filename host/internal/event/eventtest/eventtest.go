// Package eventtest is the conformance suite of [event.Log]: what every
// implementation must hold, whatever it stores to.
package eventtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Suite says how to make the log under test.
type Suite struct {
	// Open returns an empty log. The suite closes it.
	Open func(t *testing.T) event.Log
	// Reopen closes a log of Open and opens what it stored; nil when the
	// implementation does not outlive the process.
	Reopen func(t *testing.T, l event.Log) event.Log
}

// Run runs the whole suite.
func Run(t *testing.T, s Suite) {
	cases := []struct {
		name string
		run  func(t *testing.T, l event.Log)
	}{
		{"append and read", appendAndRead},
		{"expected sequence", expectedSequence},
		{"refused events", refusedEvents},
		{"all or none", allOrNone},
		{"parent", parent},
		{"heads", heads},
		{"listing", listing},
		{"lease", lease},
		{"concurrent appends to one task", concurrentOneTask},
		{"concurrent appends to many tasks", concurrentManyTasks},
		{"one winner per sequence", oneWinner},
		{"subscribe before the task exists", subscribeEarly},
		{"subscribe replays then follows", subscribeHandOver},
		{"subscribe under race", subscribeRace},
		{"subscribe from a sequence", subscribeFrom},
		{"slow subscriber", slowSubscriber},
		{"transient events", transientEvents},
		{"transient events keep their place", transientOrder},
		{"transient flood", transientFlood},
		{"find usage", findUsage},
		{"find many", findMany},
		{"find refused", findRefused},
		{"cancelled", cancelled},
		{"closed", closed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := s.Open(t)
			t.Cleanup(func() {
				if err := l.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.run(t, l)
		})
	}
	if s.Reopen != nil {
		t.Run("reopen", func(t *testing.T) {
			t.Parallel()
			reopen(t, s)
		})
	}
}

// Line returns a log event with a message.
func Line(message string) event.Event {
	e, err := event.New(event.LogLine{Step: "s1", Message: message})
	if err != nil {
		panic(err)
	}
	return e
}

// Collect reads a task from sequence from on.
func Collect(t *testing.T, l event.Reader, task string, from int64) []event.Event {
	t.Helper()
	var out []event.Event
	for e, err := range l.Read(t.Context(), task, from) {
		if err != nil {
			t.Fatalf("Read %s from %d: %v", task, from, err)
		}
		out = append(out, e)
	}
	return out
}

// Gapless fails the test unless the events are those from sequence first on.
func Gapless(t *testing.T, events []event.Event, first int64) {
	t.Helper()
	for i, e := range events {
		if e.Seq != first+int64(i) {
			t.Fatalf("event %d has sequence %d, want %d", i, e.Seq, first+int64(i))
		}
	}
}

func mustAppend(t *testing.T, l event.Appender, task string, expect int64, events ...event.Event) int64 {
	t.Helper()
	last, err := l.Append(t.Context(), task, expect, events...)
	if err != nil {
		t.Fatalf("Append to %s: %v", task, err)
	}
	return last
}

func payload(t *testing.T, p event.Payload) event.Event {
	t.Helper()
	e, err := event.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func raw(kind event.Kind, data string) event.Event {
	return event.Event{Kind: kind, Data: json.RawMessage(data)}
}

func appendAndRead(t *testing.T, l event.Log) {
	at := time.Date(2026, 2, 28, 23, 59, 59, 123456789, time.FixedZone("east", 5*3600))
	first := raw("made.up.kind", ` { "b" : 1.50, "a":"<é\u00e9>" , "b":2} `)
	first.Time = at
	last := mustAppend(t, l, "t1", 0, first, raw("log", `{}`))
	if last != 2 {
		t.Fatalf("last = %d, want 2", last)
	}
	mustAppend(t, l, "t1", 2, Line("three"))
	mustAppend(t, l, "t2", 0, Line("other"))

	got := Collect(t, l, "t1", 0)
	for i := range got {
		if i > 0 {
			if age := time.Since(got[i].Time); age < 0 || age > time.Hour || got[i].Time.Location() != time.UTC {
				t.Errorf("event %d has time %v", i, got[i].Time)
			}
			got[i].Time = time.Time{}
		}
	}
	want := []event.Event{
		{Seq: 1, Time: at.UTC(), Task: "t1", Kind: "made.up.kind", Data: json.RawMessage(`{"b":1.50,"a":"<é\u00e9>","b":2}`)},
		{Seq: 2, Task: "t1", Kind: "log"},
		{Seq: 3, Task: "t1", Kind: "log", Data: json.RawMessage(`{"step":"s1","message":"three"}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for from, want := range map[int64]int{-5: 3, 0: 3, 1: 3, 2: 2, 3: 1, 4: 0, 99: 0} {
		events := Collect(t, l, "t1", from)
		if len(events) != want {
			t.Errorf("Read from %d returns %d events, want %d", from, len(events), want)
		}
		Gapless(t, events, max(from, 1))
	}
	if events := Collect(t, l, "unknown", 0); len(events) != 0 {
		t.Errorf("an unknown task has events: %v", events)
	}
	for e, err := range l.Read(t.Context(), "t1", 0) {
		if err != nil || e.Seq != 1 {
			t.Errorf("first event has sequence %d: %v", e.Seq, err)
		}
		break // leaving early must not hold anything: Close would hang
	}
}

func expectedSequence(t *testing.T, l event.Log) {
	steps := []struct {
		expect, last int64
		conflict     bool
	}{
		{expect: 1, conflict: true},
		{expect: 0, last: 1},
		{expect: 0, conflict: true},
		{expect: 1, last: 2},
		{expect: -1, last: 3},
		{expect: 2, conflict: true},
		{expect: 4, conflict: true},
		{expect: 3, last: 4},
	}
	for i, s := range steps {
		last, err := l.Append(t.Context(), "t", s.expect, Line(fmt.Sprint(i)))
		if s.conflict != errors.Is(err, pluginsdk.ErrConflict) || !s.conflict && err != nil || last != s.last {
			t.Fatalf("step %d: expect %d gave %d, %v", i, s.expect, last, err)
		}
	}
	events := Collect(t, l, "t", 0)
	if len(events) != 4 {
		t.Errorf("%d events, want 4", len(events))
	}
	Gapless(t, events, 1)
}

func refusedEvents(t *testing.T, l event.Log) {
	with := func(f func(*event.Event)) []event.Event {
		e := Line("x")
		f(&e)
		return []event.Event{e}
	}
	long := string(make([]byte, event.MaxTask+1))
	cases := []struct {
		name, task string
		events     []event.Event
	}{
		{"no events", "t", nil},
		{"no task", "", []event.Event{Line("x")}},
		{"long task", long, []event.Event{Line("x")}},
		{"task with a line break", "a\nb", []event.Event{Line("x")}},
		{"task not UTF-8", "\xff", []event.Event{Line("x")}},
		{"task of another", "t", with(func(e *event.Event) { e.Task = "u" })},
		{"own sequence", "t", with(func(e *event.Event) { e.Seq = 1 })},
		{"own parent", "t", with(func(e *event.Event) { e.Parent = "t" })},
		{"no kind", "t", with(func(e *event.Event) { e.Kind = "" })},
		{"kind in capitals", "t", with(func(e *event.Event) { e.Kind = "Log" })},
		{"transient", "t", []event.Event{payload(t, event.Progress{Label: "x"})}},
		{"time before nanoseconds", "t", with(func(e *event.Event) { e.Time = time.Date(1066, 1, 1, 0, 0, 0, 0, time.UTC) })},
		{"data not JSON", "t", []event.Event{raw("log", `{"a":}`)}},
		{"data cut off", "t", []event.Event{raw("log", `{"a":"b`)}},
		{"data twice", "t", []event.Event{raw("log", `{} {}`)}},
		{"data a list", "t", []event.Event{raw("log", `[1]`)}},
		{"data null", "t", []event.Event{raw("log", `null`)}},
		{"data not UTF-8", "t", []event.Event{raw("log", "{\"a\":\"\xff\"}")}},
		{"data with a sequence", "t", []event.Event{raw("log", `{"a":1,"seq":7}`)}},
		{"data with an escaped kind", "t", []event.Event{raw("log", `{"\u006bind":"x"}`)}},
		{"data with a kind in capitals", "t", []event.Event{raw("log", `{"KIND":"x"}`)}},
		{"data with a kind spelt with a Kelvin sign", "t", []event.Event{raw("log", `{"`+"\u212a"+`ind":"x"}`)}},
		{"two parents", "t", []event.Event{
			{Kind: "log", Parent: "p"}, {Kind: "log", Parent: "q"},
		}},
		{"two parents, the first later", "t", []event.Event{
			{Kind: "log"}, {Kind: "log", Parent: "p"}, {Kind: "log", Parent: "q"},
		}},
	}
	for _, c := range cases {
		if _, err := l.Append(t.Context(), c.task, -1, c.events...); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("%s: error is %v, want invalid", c.name, err)
		}
	}
	if got := Collect(t, l, "t", 0); len(got) != 0 {
		t.Errorf("refused events were stored: %v", got)
	}
}

func allOrNone(t *testing.T, l event.Log) {
	mustAppend(t, l, "t", 0, Line("a"))
	_, err := l.Append(t.Context(), "t", 1, Line("b"), Line("c"), raw("log", `{"time":1}`))
	if !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Fatalf("error is %v, want invalid", err)
	}
	if got := Collect(t, l, "t", 0); len(got) != 1 {
		t.Errorf("%d events, want 1", len(got))
	}
	mustAppend(t, l, "t", 1, Line("b"))
}

func parent(t *testing.T, l event.Log) {
	child := Line("a")
	child.Parent = "p"
	mustAppend(t, l, "c", 0, Line("first"), child)
	mustAppend(t, l, "c", -1, Line("b"))
	mustAppend(t, l, "c", -1, child)
	for _, e := range Collect(t, l, "c", 0) {
		if e.Parent != "p" {
			t.Errorf("event %d has parent %q", e.Seq, e.Parent)
		}
	}
	child.Parent = "q"
	if _, err := l.Append(t.Context(), "c", -1, child); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("a second parent: %v, want invalid", err)
	}
	mustAppend(t, l, "top", 0, Line("a"))
	child.Parent = "p"
	if _, err := l.Append(t.Context(), "top", -1, child); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("a parent after the start: %v, want invalid", err)
	}
}

func heads(t *testing.T, l event.Log) {
	created := payload(t, event.TaskCreated{Title: "Ünï \"title\"", Input: "x"})
	created.Time = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	want := event.Head{Task: "t", Title: "Ünï \"title\"", Status: event.StatusRunning, Created: created.Time, Updated: created.Time, Last: 1}
	check := func() {
		t.Helper()
		got, err := l.Head(t.Context(), "t")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("head (-want +got):\n%s", diff)
		}
	}
	if _, err := l.Head(t.Context(), "t"); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("head of an unknown task: %v", err)
	}
	mustAppend(t, l, "t", 0, created)
	check()
	for _, s := range []struct {
		p      event.Payload
		status event.Status
	}{
		{event.LogLine{Message: "x"}, event.StatusRunning},
		{event.TaskStopping{}, event.StatusStopping},
		{event.TaskDone{Status: event.StatusStopped}, event.StatusStopped},
		{event.TaskResumed{}, event.StatusRunning},
		{event.TaskDone{Status: event.StatusParked}, event.StatusParked},
		{event.TaskDone{Status: event.StatusDone}, event.StatusDone},
		{event.TaskUndone{}, event.StatusDone},
	} {
		e := payload(t, s.p)
		want.Last++
		want.Updated = created.Time.Add(time.Duration(want.Last) * time.Second)
		want.Status = s.status
		e.Time = want.Updated
		mustAppend(t, l, "t", -1, e)
		check()
	}
	// A payload that does not decode is stored and changes no status.
	want.Last++
	odd := raw(event.KindTaskDone, `{"status":7}`)
	odd.Time = want.Updated
	mustAppend(t, l, "t", -1, odd)
	check()
}

func listing(t *testing.T, l event.Log) {
	for i := range 205 {
		e := Line("x")
		if i%5 == 4 {
			e.Parent = "t000"
		}
		mustAppend(t, l, fmt.Sprintf("t%03d", i), 0, e)
	}
	mustAppend(t, l, "t000", 1, Line("an update moves nothing"))
	list := func(q event.Query) []string {
		t.Helper()
		heads, err := l.Tasks(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, h := range heads {
			ids = append(ids, h.Task)
		}
		return ids
	}
	cases := []struct {
		name        string
		q           event.Query
		n           int
		first, last string
	}{
		{"default", event.Query{}, 100, "t204", "t105"},
		{"all", event.Query{Limit: -1}, 205, "t204", "t000"},
		{"negative", event.Query{Limit: -7}, 205, "t204", "t000"},
		{"three", event.Query{Limit: 3}, 3, "t204", "t202"},
		{"page", event.Query{Limit: 3, Before: "t202"}, 3, "t201", "t199"},
		{"last page", event.Query{Limit: 3, Before: "t001"}, 1, "t000", "t000"},
		{"children", event.Query{Limit: -1, Parent: "t000"}, 41, "t204", "t004"},
		{"children before", event.Query{Limit: 2, Parent: "t000", Before: "t204"}, 2, "t199", "t194"},
	}
	for _, c := range cases {
		ids := list(c.q)
		if len(ids) != c.n || ids[0] != c.first || ids[len(ids)-1] != c.last {
			t.Errorf("%s: %d tasks: %v", c.name, len(ids), ids)
		}
	}
	if ids := list(event.Query{Before: "t000"}); len(ids) != 0 {
		t.Errorf("before the oldest: %v", ids)
	}
	if ids := list(event.Query{Parent: "nobody"}); len(ids) != 0 {
		t.Errorf("children of nobody: %v", ids)
	}
	if _, err := l.Tasks(t.Context(), event.Query{Before: "nobody"}); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("before an unknown task: %v", err)
	}
}

func lease(t *testing.T, l event.Log) {
	a, err := l.Lease(t.Context(), "t", "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Lease(t.Context(), "t", "b"); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Fatalf("second lease: %v, want conflict", err)
	}
	if _, err := l.Lease(t.Context(), "t", "a"); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Fatalf("same owner again: %v, want conflict", err)
	}
	other, err := l.Lease(t.Context(), "u", "b")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	a.Release()
	b, err := l.Lease(t.Context(), "t", "b")
	if err != nil {
		t.Fatal(err)
	}
	if b.Task() != "t" || b.Owner() != "b" {
		t.Errorf("lease of %s by %s", b.Task(), b.Owner())
	}
	a.Release() // once more: must not free b's
	if _, err := l.Lease(t.Context(), "t", "c"); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("a released lease freed a later one: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Lease(ctx, "v", "c"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := l.Lease(t.Context(), "", "c"); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("no task: %v", err)
	}
}

func reopen(t *testing.T, s Suite) {
	l := s.Open(t)
	created := payload(t, event.TaskCreated{Title: "kept", Input: "in"})
	created.Parent = "p"
	mustAppend(t, l, "t", 0, created, Line("<&>"))
	mustAppend(t, l, "u", 0, Line("x"))
	events := Collect(t, l, "t", 0)
	heads, err := l.Tasks(t.Context(), event.Query{})
	if err != nil {
		t.Fatal(err)
	}
	l = s.Reopen(t, l)
	defer l.Close()
	if diff := cmp.Diff(events, Collect(t, l, "t", 0)); diff != "" {
		t.Errorf("events after reopening (-before +after):\n%s", diff)
	}
	again, err := l.Tasks(t.Context(), event.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(heads, again); diff != "" {
		t.Errorf("heads after reopening (-before +after):\n%s", diff)
	}
	if _, err := l.Append(t.Context(), "t", 1, Line("stale")); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("a stale append after reopening: %v", err)
	}
	if last := mustAppend(t, l, "t", 2, Line("on")); last != 3 {
		t.Errorf("last = %d, want 3", last)
	}
}
