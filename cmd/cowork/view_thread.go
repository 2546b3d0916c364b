package main

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/cowork-host/cowork/host"
)

// thread is what a view knows of one task: the root or a sub-agent.
type thread struct {
	id, title, agent string
	status           host.Status
	turn             int
	plan             []host.PlanStep
	calls            []host.ToolCall // those that run
	queue            []host.MessageQueued
	text             text
	refused          string // the call the person denied last
	cost             *big.Rat

	doing string // clean
	share string // how much of it is done
	since time.Time
}

func newThread(id string) *thread { return &thread{id: id, cost: new(big.Rat)} }

// begin starts a run.
func (t *thread) begin(at time.Time) {
	t.status, t.calls = host.StatusRunning, nil
	t.does("", at)
}

// does says what the thread is doing from now on.
func (t *thread) does(what string, since time.Time) {
	if what != t.doing || what == "" {
		t.since = since
	}
	t.doing = what
	if what == "" {
		t.share = ""
	}
}

func (t *thread) finish(d host.TaskDone) {
	t.status, t.doing, t.share, t.calls = d.Status, "", "", nil
}

// name is what the person calls a sub-agent.
func (t *thread) name() string {
	switch {
	case t.title != "":
		return t.title
	case t.agent != "":
		return t.agent
	}
	return t.id
}

// call notes that a tool runs; result that it does not any more.
func (t *thread) call(c host.ToolCall, since time.Time) {
	t.calls = append(t.calls, c)
	t.does("", since)
}

func (t *thread) result(call string) (c host.ToolCall, found bool) {
	for i := range t.calls {
		if t.calls[i].Call == call {
			c = t.calls[i]
			t.calls = slices.Delete(t.calls, i, i+1)
			return c, true
		}
	}
	return c, false
}

// at is what the thread is doing, in a few words, clean; empty when that is
// not known.
func (t *thread) at() string {
	switch n := len(t.calls); {
	case n == 1:
		return clean(summaryOf(t.calls[0]))
	case n > 1:
		return fmt.Sprintf("%d calls: %s", n, clean(summaryOf(t.calls[0])))
	}
	return t.doing + t.share
}

func summaryOf(c host.ToolCall) string {
	if c.Summary == "" {
		return c.Tool
	}
	return c.Summary
}

// planMark is the sign of a step's status.
func planMark(s host.PlanStatus) string {
	switch s {
	case host.PlanDone:
		return "✓"
	case host.PlanActive:
		return "▸"
	case host.PlanSkipped:
		return "–"
	}
	return "·"
}

// money shows an amount of US dollars: "$0.0123", "$1.20"; empty for nothing.
func money(c *big.Rat) string {
	switch {
	case c.Sign() <= 0:
		return ""
	case c.Cmp(big.NewRat(1, 10000)) < 0:
		return "<$0.0001"
	case c.Cmp(big.NewRat(1, 1)) < 0:
		return "$" + c.FloatString(4)
	}
	return "$" + c.FloatString(2)
}

// count shows a number of tokens: 950, 12.3k, 4.1M.
func count(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10)
	case n < 1_000_000:
		return fmt.Sprintf("%.1fk", float64(n)/1000)
	}
	return fmt.Sprintf("%.1fM", float64(n)/1_000_000)
}

// seconds shows a time to wait: 3 s, 2 min 5 s.
func seconds(d time.Duration) string {
	s := int64((d + time.Second - 1) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
}
