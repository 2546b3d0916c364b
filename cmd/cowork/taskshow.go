package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host"
)

type taskShowCmd struct {
	taskID
	Follow bool `help:"Go on until the task is over." short:"f"`
	State  bool `help:"Print all that is known as one JSON object."`
	JSON   bool `help:"Print one event per line as JSON, with those of sub-agents."`
}

func (t *taskShowCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case t.State:
		return a.printJSON(s)
	case t.Follow && !s.Over():
		return t.follow(a, c, s)
	case t.Follow || t.JSON:
		return t.replay(a, ctx, c, s)
	}
	a.printState(s)
	return nil
}

// replay shows what has been recorded.
func (t *taskShowCmd) replay(a *app, ctx context.Context, c *host.Client, s *host.TaskState) error {
	view := newView(a, s.ID)
	for e, err := range c.Tree(ctx, s.ID, nil, false) {
		if err != nil {
			return err
		}
		if !t.JSON {
			view.show(e, false)
		} else if err := a.printJSON(e); err != nil {
			return err
		}
	}
	if !t.JSON {
		view.offerAll()
		view.screen.clear()
	}
	return nil
}

// follow shows the events from the first on until the task is over. An
// interrupt ends the showing, not the task.
func (t *taskShowCmd) follow(a *app, c *host.Client, s *host.TaskState) error {
	w := newSession(a, c, s.ID, t.JSON)
	defer w.close()
	w.view.past = s.Updated
	done, err := w.run()
	if errors.Is(err, errLeft) {
		w.view.screen.clear()
		return w.leave()
	}
	if err == nil && done.Status == host.StatusParked {
		return exitError{exitParked}
	}
	return err
}

// printState prints what is known of a task: what was asked, what it did and
// waits for, what it used, and how it ended.
func (a *app) printState(s *host.TaskState) {
	out := a.stdout
	for i, l := range strings.Split(strings.TrimRight(s.Created.Input, "\n"), "\n") {
		if i > 0 {
			l = "  " + l
		}
		fmt.Fprintf(out, "%s\n", clean(l))
	}
	a.field("task", s.ID)
	if s.Parent != "" {
		a.field("for task", s.Parent)
	}
	a.field("status", string(s.Status))
	a.field("started", s.Started.Local().Format(time.RFC3339))
	a.field("folders", strings.Join(s.Created.Folders, ", "))
	a.field("sandbox", s.Sandbox)
	a.field("agent", s.Created.Agent)
	a.field("model", s.Created.Model)
	if s.Created.Mode == "plan" || s.Created.Mode == "act" {
		a.field("mode", s.Created.Mode)
	}
	if s.Created.NoInternet {
		a.field("internet", "off")
	}
	if s.Created.Budget != "" {
		a.field("budget", "$"+s.Created.Budget)
	}
	a.printSteps(s)
	a.printTree(s)
	a.printWaiting(s)
	a.printUsed(s)
	for _, f := range s.Findings {
		a.field("found", f.Message)
	}
	for _, r := range s.Undone {
		fmt.Fprintf(out, "  undone:   %s %s\n", r.Outcome, clean(display(r.Path)))
	}
	if s.Error != nil {
		a.field("error", s.Error.Message)
		a.field("next", s.Error.Next)
	}
	a.printCompletion(s.Completion)
	words := s.Brief
	if s.Turn > 0 {
		words = s.Text
	}
	if words != "" && s.Status == host.StatusDone {
		fmt.Fprintln(out)
		for l := range strings.Lines(words) {
			fmt.Fprintf(out, "  %s\n", clean(strings.TrimRight(l, "\n")))
		}
	}
}

// field prints one line of a task, nothing for an empty value.
func (a *app) field(name, value string) {
	if value != "" {
		fmt.Fprintf(a.stdout, "  %-9s %s\n", name+":", clean(value))
	}
}

// lastCalls is how many tool calls show prints.
const lastCalls = 8

// printSteps prints the plan, the steps of handlers with what they changed, and
// the last tool calls.
func (a *app) printSteps(s *host.TaskState) {
	out := a.stdout
	if len(s.Plan) > 0 {
		done, total := host.CountPlan(s.Plan)
		a.field("plan", fmt.Sprintf("%d of %d", done, total))
		for _, st := range s.Plan {
			fmt.Fprintf(out, "    %s %s. %s\n", planMark(st.Status), clean(st.ID), planText(st.Text, st.Note))
		}
	}
	for _, st := range s.Steps {
		fmt.Fprintf(out, "  step %s:   /%s:%s — %s\n", clean(st.ID), clean(st.Plugin), clean(st.Command), st.Status)
		for _, c := range st.Changes {
			fmt.Fprintf(out, "    %s %s\n", c.Change, clean(display(c.Path)))
		}
		switch {
		case len(st.Changes) > 0 || st.Status == "done":
		case s.Over():
			fmt.Fprintln(out, "    nothing was changed")
		default:
			fmt.Fprintln(out, "    nothing is changed before it is done")
		}
	}
	if len(s.Calls) == 0 {
		return
	}
	calls := s.Calls[max(0, len(s.Calls)-lastCalls):]
	if s.CallCount > len(calls) {
		a.field("calls", fmt.Sprintf("%d, the last of them:", s.CallCount))
	} else {
		a.field("calls", fmt.Sprint(s.CallCount))
	}
	for _, c := range calls {
		what := c.Summary
		if what == "" {
			what = c.Tool
		}
		note := ""
		if c.Status != host.ResultOK {
			note = " (" + string(c.Status) + ")"
		}
		fmt.Fprintf(out, "    %s %s%s\n", callMark(c.Status), clean(what), note)
	}
}

func callMark(s host.ResultStatus) string {
	switch s {
	case host.ResultOK:
		return "✓"
	case host.ResultDenied:
		return "⊘"
	case host.ResultInterrupted, host.ResultStopped:
		return "■"
	case host.ResultError, host.ResultInvalid:
		return "✗"
	}
	return "…"
}

// printTree prints the sub-agents.
func (a *app) printTree(s *host.TaskState) {
	for _, ch := range s.Children {
		cost := ""
		if ch.Usage.Cost != "" {
			cost = ", $" + ch.Usage.Cost
		}
		a.field("agent", fmt.Sprintf("%s: %s — %s%s (task %s)", ch.Agent, ch.Title, ch.Status, cost, ch.Child))
		if ch.Error != nil {
			fmt.Fprintf(a.stdout, "    %s\n", clean(ch.Error.Message))
		}
	}
}

// printWaiting prints what waits for the person, and which messages of the
// person wait for the task.
func (a *app) printWaiting(s *host.TaskState) {
	for _, p := range s.Waiting {
		a.printApproval(s.ID, p)
	}
	for _, q := range s.Open() {
		a.printQuestion(s.ID, q)
	}
	for _, m := range s.Queue {
		when := "at the next step"
		if m.When == host.WhenNext {
			when = "for the next turn"
		}
		a.field("queued", fmt.Sprintf("%s %s: %s", m.ID, when, strings.ReplaceAll(m.Text, "\n", " ")))
	}
}

// printUsed prints what the task cost and what the last request to the model
// was made of.
func (a *app) printUsed(s *host.TaskState) {
	u := s.Usage
	if u.ModelCalls > 0 {
		text := fmt.Sprintf("%s, %s tokens in (%s from the cache), %s out",
			plural(u.ModelCalls, "model call"), count(u.InputTokens), count(u.CacheReadTokens), count(u.OutputTokens))
		if u.Cost != "" {
			text += ", $" + u.Cost
		}
		a.field("usage", text)
	}
	if len(s.Context) == 0 {
		return
	}
	var parts []string
	total := int64(0)
	for _, name := range slices.Sorted(maps.Keys(s.Context)) {
		total += s.Context[name]
		parts = append(parts, name+" "+count(s.Context[name]))
	}
	text := count(total) + " tokens"
	if s.Window > 0 {
		text += fmt.Sprintf(" of %s (%d%%)", count(s.Window), total*100/s.Window)
	}
	a.field("context", text+": "+strings.Join(parts, ", "))
}

// printCompletion prints the record of what was delivered.
func (a *app) printCompletion(c *host.Completion) {
	if c == nil {
		return
	}
	out := a.stdout
	for _, f := range c.Delivered {
		a.field("delivered", fmt.Sprintf("%s  (%s, version %d, sha256 %.12s)", display(f.Path), size(f.Size), f.Version, f.SHA256))
		for _, k := range c.Checks {
			if k.Path == f.Path {
				fmt.Fprintf(out, "    %s %s  %s\n", mark(string(k.Status)), clean(k.Name), clean(k.Detail))
			}
		}
	}
	for _, k := range c.Checks {
		if k.Path == "" {
			a.field("check", fmt.Sprintf("%s %s  %s", mark(string(k.Status)), k.Name, k.Detail))
		}
	}
	for _, n := range c.NotVerified {
		fmt.Fprintf(out, "  not verified: %s\n", clean(n))
	}
}
