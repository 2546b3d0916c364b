package main

import (
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

// toolPlan is the tool that shows by what becomes of the plan.
const toolPlan = "plan"

// showTool shows tool calls, the plan and sub-agents.
func (v *view) showTool(t *thread, e host.Event) bool {
	switch e.Kind {
	case host.KindToolCall:
		p := host.DecodeEvent[host.ToolCall](e)
		t.text.end(v)
		t.call(p, v.since(e))
	case host.KindToolResult:
		v.showResult(t, host.DecodeEvent[host.ToolResult](e))
		t.does("", v.since(e))
	case host.KindPlanEdited:
		p := host.DecodeEvent[host.PlanEdited](e)
		fresh := len(t.plan) == 0
		t.plan = host.EditPlan(t.plan, p.Ops)
		if v.root(t) {
			v.showPlan(t, fresh, p)
		}
	case host.KindChildStarted:
		p := host.DecodeEvent[host.ChildStarted](e)
		c := v.thread(host.Event{Task: p.Child})
		c.title, c.agent = p.Title, p.Agent
		c.begin(v.since(e))
		if v.agents == nil {
			v.agents = map[string]bool{}
		}
		v.agents[p.Call] = true
		v.line("  ◦ %sagent %s: %s", v.who(t), clean(p.Agent), clean(p.Title))
	case host.KindChildDone:
		p := host.DecodeEvent[host.ChildDone](e)
		c := v.thread(host.Event{Task: p.Child})
		c.finish(host.TaskDone{Status: p.Status})
		v.showChildDone(c, p)
	default:
		return false
	}
	return true
}

// showResult says how a tool call ended.
func (v *view) showResult(t *thread, p host.ToolResult) {
	c, begun := t.result(p.Call)
	if !begun {
		c = host.ToolCall{Tool: p.Tool, Summary: p.Tool}
	}
	if c.Tool == toolPlan && p.Status == host.ResultOK || v.agents[p.Call] {
		return
	}
	if p.Status == host.ResultDenied && t.refused == p.Call && p.Call != "" {
		return // the person said so a moment ago
	}
	what := cut(clean(summaryOf(c)), 200)
	if p.Status == host.ResultOK {
		v.tell(t, plain, "  ✓ %s", what)
		return
	}
	sign, st := "✗", red
	switch p.Status {
	case host.ResultDenied:
		sign, what = "⊘", what+" (denied)"
	case host.ResultInterrupted, host.ResultStopped:
		sign, st, what = "■", dim, what+" ("+string(p.Status)+")"
	}
	if l := firstLine(p.Text); l != "" {
		what += ": " + l
	}
	v.tell(t, st, "  %s %s", sign, what)
}

// firstLine is the first line of a text that says something, clean and cut.
func firstLine(s string) string {
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(clean(l)); l != "" {
			return cut(l, 200)
		}
	}
	return ""
}

// showPlan says what changed of the plan where no region shows it.
func (v *view) showPlan(t *thread, fresh bool, p host.PlanEdited) {
	if v.screen.live && v.answers || v.muted {
		return
	}
	done, total := host.CountPlan(t.plan)
	if fresh {
		v.line("  plan %d of %d", done, total)
		for _, s := range t.plan {
			v.line("    %s %s. %s", planMark(s.Status), clean(s.ID), clean(s.Text))
		}
		return
	}
	for _, op := range p.Ops {
		i := slices.IndexFunc(t.plan, func(s host.PlanStep) bool { return s.ID == op.ID })
		switch {
		case op.Op == "remove":
			v.line("  plan %d of %d: step %s was taken out", done, total, clean(op.ID))
		case op.Op == "add":
			v.line("  plan %d of %d: new: %s", done, total, clean(op.Text))
		case i >= 0:
			v.line("  plan %d of %d: %s %s", done, total, planMark(t.plan[i].Status), clean(t.plan[i].Text))
		}
	}
}

func (v *view) showChildDone(c *thread, p host.ChildDone) {
	cost := ""
	if p.Usage.Cost != "" {
		cost = " · $" + clean(p.Usage.Cost)
	}
	if p.Status == host.StatusDone {
		v.line("  ✓ agent %s%s", clean(c.name()), cost)
		return
	}
	why := ""
	if p.Error != nil {
		why = ": " + clean(p.Error.Message)
	}
	sign, st := "✗", red
	if p.Status == host.StatusParked {
		sign, st = "‖", bold
	}
	v.say(st, "  %s agent %s: %s%s%s", sign, clean(c.name()), clean(string(p.Status)), cost, why)
}

// showSteering shows messages, approvals and questions.
func (v *view) showSteering(t *thread, e host.Event) bool {
	switch e.Kind {
	case host.KindMessageQueued:
		p := host.DecodeEvent[host.MessageQueued](e)
		t.queue = append(t.queue, p)
		v.showQueued(t, p)
	case host.KindMessageChanged:
		v.changeMessage(t, host.DecodeEvent[host.MessageChanged](e))
	case host.KindMessageDelivered:
		v.deliver(t, host.DecodeEvent[host.MessageDelivered](e))
	case host.KindApprovalAsked:
		p := host.DecodeEvent[host.ApprovalAsked](e)
		v.ask(e, &ask{thread: t, approval: &p, key: p.ID})
	case host.KindApprovalAnswered:
		p := host.DecodeEvent[host.ApprovalAnswered](e)
		if k := v.settle(t, p.ID); k != nil && !p.Allow {
			t.refused = k.approval.Call
		}
		v.showAnswer(t, p)
		v.offerNext()
	case host.KindQuestion:
		p := host.DecodeEvent[host.Question](e)
		v.ask(e, &ask{thread: t, question: &p, key: questionKey(p)})
	case host.KindAnswer:
		p := host.DecodeEvent[host.Answer](e)
		v.settle(t, questionKey(host.Question{Step: p.Step, Question: pluginsdk.Question{ID: p.ID}}))
		v.line("  answered: %s", clean(p.Value))
		v.offerNext()
	default:
		return false
	}
	return true
}

// showQueued says that a message waits, where no region shows it. One that
// begins a turn at once does not wait.
func (v *view) showQueued(t *thread, p host.MessageQueued) {
	if v.screen.live && v.root(t) || t.status != host.StatusRunning || v.chat && p.When != host.WhenNext {
		return
	}
	v.say(dim, "  ✉ %squeued for %s: %s", v.who(t), deliveredAt(p.When), cut(clean(p.Text), 200))
}

func deliveredAt(when host.MessageWhen) string {
	if when == host.WhenNext {
		return "the next turn"
	}
	return "the next step"
}

func (v *view) showAnswer(t *thread, p host.ApprovalAnswered) {
	by := ""
	if p.By != "" && p.By != "terminal" {
		by = " by " + clean(p.By)
	}
	if p.Allow {
		scope := map[string]string{"task": " for this task", "always": " always"}[p.Scope]
		v.line("  %sallowed%s%s", v.who(t), scope, by)
		return
	}
	reason := ""
	if p.Reason != "" {
		reason = ": " + clean(p.Reason)
	}
	v.line("  %sdenied%s%s", v.who(t), by, reason)
}

func (v *view) changeMessage(t *thread, p host.MessageChanged) {
	i := slices.IndexFunc(t.queue, func(m host.MessageQueued) bool { return m.ID == p.ID })
	switch {
	case i < 0:
		return
	case p.Remove:
		v.say(dim, "  ✉ taken back: %s", cut(clean(t.queue[i].Text), 200))
		t.queue = slices.Delete(t.queue, i, i+1)
		return
	}
	m := t.queue[i]
	if p.Text != "" {
		m.Text = p.Text
	}
	if p.When != "" {
		m.When = p.When
	}
	t.queue[i] = m
	if p.Before == "" {
		return
	}
	t.queue = slices.Delete(t.queue, i, i+1)
	to := slices.IndexFunc(t.queue, func(o host.MessageQueued) bool { return o.ID == p.Before })
	if to < 0 {
		to = len(t.queue)
	}
	t.queue = slices.Insert(t.queue, to, m)
}

// deliver says what the model has been told.
func (v *view) deliver(t *thread, p host.MessageDelivered) {
	t.text.end(v)
	for _, id := range p.IDs {
		i := slices.IndexFunc(t.queue, func(m host.MessageQueued) bool { return m.ID == id })
		if i < 0 {
			continue
		}
		first := true
		for l := range strings.Lines(t.queue[i].Text) {
			lead := "  "
			if first {
				lead = "› "
			}
			v.say(bold, "%s%s%s", lead, v.who(t), clean(strings.TrimRight(l, "\n")))
			first = false
		}
		t.queue = slices.Delete(t.queue, i, i+1)
	}
}
