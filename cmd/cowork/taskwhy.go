package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host"
)

type taskWhyCmd struct {
	taskID
	JSON bool `help:"Print the reason as JSON."`
}

// Help is shown by --help.
func (taskWhyCmd) Help() string {
	return `Of a task at work it says what it waits for and how long; of one that waits for
you, what it asks and which rule asks; of one that is over, why.`
}

// why says what a task waits for, or why it ended.
type why struct {
	Task   string      `json:"task"`
	Status host.Status `json:"status"`
	// WaitsFor is "you", "model", "step", "agents", or empty.
	WaitsFor string `json:"waits_for,omitempty"`
	// Doing is what it does now, for Seconds.
	Doing     string              `json:"doing,omitempty"`
	Seconds   int64               `json:"seconds,omitempty"`
	Approvals []host.Approval     `json:"approvals"`
	Questions []host.Question     `json:"questions"`
	Agents    []host.ChildState   `json:"agents"`
	Denied    []denied            `json:"denied"`
	Findings  []host.Finding      `json:"findings"`
	Error     *host.Problem       `json:"error"`
	Plugins   []host.PluginFailed `json:"plugins"`
	logs      []string
}

// denied is a tool call that was not allowed, and why.
type denied struct {
	Call   string `json:"call"`
	Reason string `json:"reason"`
}

func (t *taskWhyCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	w := why{
		Task: id, Status: s.Status, Approvals: s.Waiting, Questions: s.Open(), Findings: s.Findings,
		Error: s.Error, Plugins: s.Failures, logs: s.Logs,
	}
	if s.Over() && s.Status != host.StatusParked {
		w.Questions = nil
	}
	if err := w.look(a, ctx, c, s); err != nil {
		return err
	}
	if t.JSON {
		return a.printJSON(w.listed())
	}
	w.print(a)
	return nil
}

// look finds out from the log what the task is doing and what it was denied.
func (w *why) look(a *app, ctx context.Context, c *host.Client, s *host.TaskState) error {
	v := newView(a, s.ID)
	for e, err := range c.Tree(ctx, s.ID, nil, false) {
		if err != nil {
			return err
		}
		if p := host.DecodeEvent[host.ToolResult](e); p.Status == host.ResultDenied {
			call := p.Tool
			for _, running := range v.thread(e).calls {
				if running.Call == p.Call {
					call = summaryOf(running)
				}
			}
			w.Denied = append(w.Denied, denied{call, firstLine(p.Text)})
		}
		v.show(e, true)
	}
	for _, ch := range s.Children {
		if ch.Status == host.StatusRunning || ch.Status == host.StatusStopping {
			w.Agents = append(w.Agents, ch)
		}
	}
	t := v.threads[s.ID]
	if t == nil || s.Over() {
		if len(w.Approvals)+len(w.Questions) > 0 {
			w.WaitsFor = "you"
		}
		return nil
	}
	w.Doing = t.at()
	switch {
	case len(w.Approvals)+len(w.Questions) > 0:
		w.WaitsFor = "you"
	case len(w.Agents) > 0:
		w.WaitsFor = "agents"
	case len(t.calls) > 0:
		w.WaitsFor = "step"
	case w.Doing != "":
		w.WaitsFor = "model"
	}
	if w.Doing != "" && !t.since.IsZero() {
		w.Seconds = int64(time.Since(t.since) / time.Second)
	}
	return nil
}

// listed has [] for lists without entries, as scripts expect.
func (w *why) listed() *why {
	w.Approvals, w.Questions, w.Agents = list(w.Approvals), list(w.Questions), list(w.Agents)
	w.Denied, w.Findings, w.Plugins = list(w.Denied), list(w.Findings), list(w.Plugins)
	return w
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func (w *why) print(a *app) {
	out := a.stdout
	switch {
	case w.WaitsFor == "you":
		fmt.Fprintf(out, "%s: it waits for you\n", w.Status)
	case w.Error != nil:
		fmt.Fprintf(out, "%s, because: %s\n", w.Status, clean(w.Error.Message))
		if w.Error.Next != "" {
			fmt.Fprintf(out, "next: %s\n", clean(w.Error.Next))
		}
	case w.Status != host.StatusRunning && w.Status != host.StatusStopping:
		fmt.Fprintf(out, "%s: every step finished and its files are in place\n", w.Status)
	case w.Doing == "":
		fmt.Fprintf(out, "%s: it is at work\n", w.Status)
	default:
		fmt.Fprintf(out, "%s: %s for %s\n", w.Status, w.Doing, seconds(time.Duration(w.Seconds)*time.Second))
	}
	for _, p := range w.Approvals {
		a.printApproval(w.Task, p)
	}
	for _, q := range w.Questions {
		a.printQuestion(w.Task, q)
	}
	for _, ch := range w.Agents {
		fmt.Fprintf(out, "waits for agent %s: %s (task %s)\n", clean(ch.Agent), clean(ch.Title), ch.Child)
	}
	for _, d := range w.Denied {
		fmt.Fprintf(out, "denied: %s: %s\n", clean(d.Call), clean(d.Reason))
	}
	for _, f := range w.Findings {
		fmt.Fprintf(out, "found: %s (%s)\n", clean(f.Message), clean(f.Rule))
	}
	for _, f := range w.Plugins {
		fmt.Fprintf(out, "plugin %s was given up (%s)\n", clean(f.Plugin), clean(f.Reason))
		for l := range strings.Lines(f.Detail) {
			fmt.Fprintf(out, "  | %s\n", clean(l))
		}
	}
	for _, l := range w.logs {
		fmt.Fprintf(out, "noted: %s\n", clean(l))
	}
}

// printApproval prints something that waits to be allowed, and how to answer.
func (a *app) printApproval(task string, p host.Approval) {
	out := a.stdout
	fmt.Fprintf(out, "  asks:     %s\n", clean(p.Card.Action))
	for _, l := range cardLines(p.Card) {
		fmt.Fprintf(out, "    %s\n", l)
	}
	fmt.Fprintf(out, "    allow it with: cowork task approve %s %s\n", task, clean(p.ID))
	fmt.Fprintf(out, "    deny it with:  cowork task deny %s %s --reason WHY\n", task, clean(p.ID))
}

// printQuestion prints an open question, and how to answer it.
func (a *app) printQuestion(task string, q host.Question) {
	out := a.stdout
	fmt.Fprintf(out, "  asks:     %s\n", clean(q.Text))
	for _, c := range q.Choices {
		fmt.Fprintf(out, "    %s\n", spaced(c.Value, c.Label, c.Detail))
	}
	fmt.Fprintf(out, "    answer with: cowork task answer %s %s VALUE\n", task, clean(q.ID))
}
