package window

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
)

const (
	defaultLedger = 32 << 10
	minLedger     = 2 << 10
	shortest      = 160 // bytes an item is shortened to before items are left out
	titleRoom     = 100 // what a section takes beside its items
)

// section is one part of the ledger. Share is what it gets in any case, in
// percent of the limit; what others leave goes to the sections in their order.
type section struct {
	title string
	share int
	items []string // the oldest first, without what write adds
	write func(string) string
}

// Text returns the ledger, always the same for the same log. Where it is
// longer than the limit, long items are shortened first and then the oldest
// are left out, though never the first thing that was asked; a line says how
// many. What comes from files, tools and sub-agents is quoted.
func (l *Ledger) Text() string {
	limit := l.Limit
	if limit == 0 {
		limit = defaultLedger
	}
	limit = max(limit, minLedger)
	parts := l.sections()
	left := limit
	for _, s := range parts {
		left -= min(s.size(), limit*s.share/100)
	}
	var b strings.Builder
	b.WriteString("# Ledger\n")
	for _, s := range parts {
		own := min(s.size(), limit*s.share/100)
		more := min(s.size()-own, max(left, 0))
		left -= more
		fmt.Fprintf(&b, "\n## %s\n", s.title)
		for _, item := range fit(s.items, own+more-titleRoom) {
			b.WriteString(s.write(item))
		}
	}
	return b.String()
}

func (s section) size() int {
	n := titleRoom
	for _, item := range s.items {
		n += len(s.write(item))
	}
	return n
}

// bullet writes an item of one line, passage one of several. Both begin every
// line with a mark, so that an item cannot look like a part of the ledger.
func bullet(s string) string  { return "- " + s + "\n" }
func passage(s string) string { return "> " + strings.ReplaceAll(s, "\n", "\n> ") + "\n\n" }

// fit shortens items until they take about room bytes; where that is not
// enough it leaves out items in the middle: the first and the newest stay.
func fit(items []string, room int) []string {
	length := longest(items, room)
	short := make([]string, len(items))
	sum := 0
	for i, item := range items {
		short[i] = excerpt(item, length)
		sum += len(short[i]) + 3
	}
	out := 0
	for ; sum > room && out < len(short)-2; out++ {
		sum -= len(short[1+out]) + 3
	}
	if out == 0 {
		return short
	}
	note := fmt.Sprintf("(%d more are left out here; the task's log has them)", out)
	return slices.Replace(short, 1, 1+out, note)
}

// longest returns the length to which items are shortened so that all fit, if
// that is possible without making them useless.
func longest(items []string, room int) int {
	most := 0
	for _, item := range items {
		most = max(most, len(item))
	}
	n := sort.Search(most, func(n int) bool {
		sum := 0
		for _, item := range items {
			sum += min(len(item), n+1) + 3
		}
		return sum > room
	})
	return max(n, shortest)
}

func (l *Ledger) sections() []section {
	done, total := plan.Count(l.plan)
	all := []section{
		{"What the person asked for, in their words", 34, l.asked, passage},
		{"What failed, or may or may not have happened", 5, l.uncertain, bullet},
		{"Done and final: do not do it again", 5, l.outside, bullet},
		{"Decisions", 10, l.decisions, bullet},
		{"Facts computed by tools", 13, l.factItems(), bullet},
		{"Open questions", 4, l.openItems(), bullet},
		{fmt.Sprintf("Plan: %d of %d done", done, total), 7, l.planItems(), bullet},
		{"Files this task changed", 7, l.fileItems(), bullet},
		{"Checks", 3, l.checkItems(), bullet},
		{"Sub-agents", 6, l.childItems(), bullet},
		{"Instructions that came with the task", 6, l.briefs, passage},
	}
	return slices.DeleteFunc(all, func(s section) bool { return len(s.items) == 0 })
}

func (l *Ledger) factItems() []string {
	return items(&l.facts, func(f fact) string {
		text := oneLine(f.Name, 200) + " = " + quote(f.Value, 400)
		if f.Unit != "" {
			text += " " + oneLine(f.Unit, 40)
		}
		if f.Approximate {
			text += ", approximate"
		}
		if f.Source != "" {
			text += ", from " + quote(f.Source, 200)
		}
		return text + " (step " + oneLine(f.step, 20) + ")"
	})
}

func (l *Ledger) openItems() []string {
	open := items(&l.questions, func(q string) string { return "to the person: " + quote(q, 600) })
	return append(open, items(&l.approvals, func(c event.Card) string {
		return "waits for approval: " + oneLine(c.Action, 300) + " " + quote(c.Target, 300)
	})...)
}

func (l *Ledger) planItems() []string {
	var out []string
	for _, s := range l.plan {
		text := fmt.Sprintf("[%s] %s: %s", s.Status, oneLine(s.ID, 40), oneLine(s.Text, 400))
		if s.Note != "" {
			text += " (" + oneLine(s.Note, 300) + ")"
		}
		out = append(out, text)
	}
	return out
}

func (l *Ledger) fileItems() []string {
	var out []string
	for _, path := range l.files.keys() {
		f, _ := l.files.get(path)
		text := oneLine(f.change, 40) + " " + quote(path, 1000)
		if f.sha256 != "" {
			text += ", sha256 " + oneLine(strings.TrimPrefix(f.sha256, "sha256:"), 16)
		}
		if f.step != "" {
			text += " (step " + oneLine(f.step, 20) + ")"
		}
		out = append(out, text)
	}
	return out
}

func (l *Ledger) checkItems() []string {
	return items(&l.checks, func(c check) string {
		text := fmt.Sprintf("%s: %s, for %s", c.Status, quote(c.Name, 200), quote(c.path, 400))
		if c.Detail != "" {
			text += ": " + quote(c.Detail, 300)
		}
		return text
	})
}

func (l *Ledger) childItems() []string {
	return items(&l.children, func(c child) string {
		text := fmt.Sprintf("%s (agent %s, task %s): %s", quote(c.Title, 300), oneLine(c.Agent, 64), oneLine(c.Child, 64), c.status)
		if c.reason != "" {
			text += ", " + quote(c.reason, 300)
		}
		if c.result != "" {
			text += ", it reported " + quote(c.result, 1500)
		}
		return text
	})
}

// items writes every value, oldest first.
func items[V any](o *ordered[V], write func(V) string) []string {
	var out []string
	for _, k := range o.keys() {
		v, _ := o.get(k)
		out = append(out, write(v))
	}
	return out
}
