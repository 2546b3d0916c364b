package main

import (
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host"
)

// The most rows of each kind the region has.
const (
	maxPlanRows  = 5
	maxChildRows = 5
	maxQueueRows = 2
)

// region is what stands at the bottom of the terminal: the plan, sub-agents at
// work, what waits to be delivered, what the task is doing, and the line the
// person types.
func (v *view) region(typed *editor) []row {
	root := v.threads[v.task]
	if v.over || root == nil {
		return nil
	}
	var rows []row
	if tail := root.text.tail; tail != "" {
		rows = append(rows, row{"  " + tail, plain})
	}
	if k := v.current(); v.answers && (k == nil || k.thread != root || !k.plan()) { // such a card has the steps
		rows = append(rows, planRows(root.plan)...)
	}
	rows = append(rows, v.childRows()...)
	for i, m := range root.queue {
		if i == maxQueueRows {
			rows = append(rows, row{fmt.Sprintf("  ✉ and %s", plural(len(root.queue)-i, "more message")), dim})
			break
		}
		rows = append(rows, row{"  ✉ for " + deliveredAt(m.When) + ": " + clean(m.Text), dim})
	}
	rows = append(rows, v.statusRow(root))
	if !v.answers {
		return rows
	}
	return append(rows, v.inputRows(root, typed)...)
}

// inputRows are the prompt with what is typed behind it.
func (v *view) inputRows(root *thread, typed *editor) []row {
	k := v.current()
	if k == nil {
		switch {
		case !v.typing || root.turn == 0:
			return nil
		case len(typed.text) == 0:
			if v.chat {
				return []row{{"  › (type to steer it · Ctrl-C stops the answer · Ctrl-D leaves)", dim}}
			}
			return []row{{"  › (type to steer it · Ctrl-C stops after this step · Ctrl-D leaves it)", dim}}
		}
		return []row{{"  › " + typed.shown(v.screen.width()-6), plain}}
	}
	prompt := k.prompt()
	room := v.screen.width() - 2
	used := 0
	for _, r := range prompt {
		used += columnsOf(r)
	}
	if used > room/2 && k.approval != nil && !k.sent { // the options get a row of their own
		return []row{{prompt, bold}, {"  › " + typed.shown(room-4), plain}}
	}
	return []row{{prompt + typed.shown(room-used), plain}}
}

// planRows are the plan's steps around the one at work.
func planRows(plan []host.PlanStep) []row {
	if len(plan) == 0 {
		return nil
	}
	done, total := host.CountPlan(plan)
	rows := []row{{fmt.Sprintf("  plan %d of %d", done, total), bold}}
	at := 0
	for i, s := range plan {
		if s.Status == host.PlanActive {
			at = i
			break
		}
		if s.Status != host.PlanPending {
			at = min(i+1, total-1)
		}
	}
	first := max(0, min(at-1, total-maxPlanRows))
	last := min(total, first+maxPlanRows)
	for _, s := range plan[first:last] {
		st := plain
		if s.Status == host.PlanDone || s.Status == host.PlanSkipped {
			st = dim
		}
		rows = append(rows, row{fmt.Sprintf("    %s %s", planMark(s.Status), clean(s.Text)), st})
	}
	return rows
}

// childRows are the sub-agents at work, one row each.
func (v *view) childRows() []row {
	var rows []row
	more := 0
	for _, id := range v.order {
		t := v.threads[id]
		if v.root(t) || t.status != host.StatusRunning && t.status != host.StatusStopping {
			continue
		}
		if len(rows) == maxChildRows {
			more++
			continue
		}
		text := "  ◦ " + cut(clean(t.name()), 30) + ": " + v.doing(t)
		if c := money(t.cost); c != "" {
			text += " · " + c
		}
		rows = append(rows, row{text, plain})
	}
	if more > 0 {
		rows = append(rows, row{fmt.Sprintf("  ◦ and %s", plural(more, "more sub-agent")), dim})
	}
	return rows
}

// doing is what a thread is doing and for how long.
func (v *view) doing(t *thread) string {
	what := t.at()
	if what == "" {
		what = "working"
	}
	if t.share != "" {
		return what
	}
	if d := v.now().Sub(t.since); d >= 1e9 && !t.since.IsZero() {
		what += " " + seconds(d.Truncate(1e9))
	}
	return what
}

// statusRow says what the task waits for and what it cost so far.
func (v *view) statusRow(root *thread) row {
	var behind []string
	if c := money(v.cost); c != "" {
		behind = append(behind, c)
	}
	if v.tokens > 0 {
		behind = append(behind, count(v.tokens)+" tokens")
	}
	if n := len(v.asks); n > 1 {
		behind = append(behind, fmt.Sprintf("%d things wait for you", n))
	}
	tail := ""
	if len(behind) > 0 {
		tail = " · " + strings.Join(behind, " · ")
	}
	room := v.screen.width() - 1 - 4 // "  … " is four columns
	for _, r := range tail {
		room -= columnsOf(r)
	}
	if root.share != "" {
		label := cut(root.doing, room-len(root.share))
		return row{"  … " + label + root.share + tail, plain}
	}
	if root.doing == "thinking" && root.text.thought != "" && len(root.calls) == 0 {
		return row{"  … " + lastColumns("thinking: ", clean(root.text.thought), room) + tail, dim}
	}
	return row{"  … " + cut(v.doing(root), room) + tail, dim}
}

// lastColumns is a label and as much of the end of a text as fits.
func lastColumns(label, s string, columns int) string {
	e := editor{text: []rune(s)}
	end := e.shown(columns - len(label) - 1)
	if len(end) < len(s) {
		end = "…" + end
	}
	return label + end
}
