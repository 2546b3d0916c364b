package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host"
)

// ask is one thing that waits for the person: an approval or a question.
type ask struct {
	thread   *thread
	key      string // of the approval, or questionKey
	approval *host.ApprovalAsked
	question *host.Question

	said   bool // the person has seen it
	sent   bool // an answer is on its way
	reason bool // it is denied; the reason is being typed
}

// questionKey tells questions of one task apart.
func questionKey(q host.Question) string { return q.Step + "\x00" + q.ID }

// id is how a command line names it.
func (k *ask) id() string {
	if k.approval != nil {
		return k.approval.ID
	}
	return k.question.ID
}

// plan reports whether the thread's plan is to be approved. The card of a
// handler's plan has other steps.
func (k *ask) plan() bool {
	if k.approval == nil || k.approval.Card.About != "plan" || len(k.thread.plan) == 0 {
		return false
	}
	details := k.approval.Card.Details
	return len(details) == 0 || slices.ContainsFunc(details, func(d string) bool {
		_, text, _ := strings.Cut(d, ". ")
		return slices.ContainsFunc(k.thread.plan, func(s host.PlanStep) bool { return s.Text == text })
	})
}

// ask takes something that waits for the person. What is old is shown only if
// no answer to it follows.
func (v *view) ask(e host.Event, k *ask) {
	k.thread.does("waiting for you", v.since(e))
	if slices.ContainsFunc(v.asks, func(o *ask) bool { return o.thread == k.thread && o.key == k.key }) {
		return
	}
	v.asks = append(v.asks, k)
	if !v.muted && !e.Time.Before(v.past) {
		v.offer(k)
	}
}

// settle takes off what has its answer and returns it, nil if nothing waited.
func (v *view) settle(t *thread, key string) *ask {
	t.does("", v.now())
	i := slices.IndexFunc(v.asks, func(k *ask) bool { return k.thread == t && k.key == key })
	if i < 0 {
		return nil
	}
	k := v.asks[i]
	v.asks = slices.Delete(v.asks, i, i+1)
	return k
}

// offer shows what waits: with a person there the first alone, else all, each
// with how to answer it.
func (v *view) offer(k *ask) {
	if k.said || v.answers && v.asks[0] != k {
		return
	}
	k.said = true
	if k.approval != nil {
		v.say(bold, "  ? %s%s", v.who(k.thread), clean(k.approval.Card.Action))
		card := k.approval.Card
		if k.plan() {
			card.Details = nil // they are the steps as they were when it asked
			v.planLines(k.thread)
		}
		for _, l := range cardLines(card) {
			v.line("      %s", l)
		}
	} else {
		v.say(bold, "  ? %s%s", v.who(k.thread), clean(k.question.Text))
		for i, c := range k.question.Choices {
			v.line("    %d) %s", i+1, spaced(c.Label, c.Detail))
		}
	}
	if !v.answers {
		v.line("  %s", v.howTo(k))
	}
}

// spaced joins texts that are there, clean, each once.
func spaced(texts ...string) string {
	var out []string
	for _, t := range texts {
		if t = strings.TrimSpace(clean(t)); t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return strings.Join(out, "  ")
}

// planLines says a plan that waits for the person, with the steps' ids.
func (v *view) planLines(t *thread) {
	for _, s := range t.plan {
		v.line("      %s. %s", clean(s.ID), clean(s.Text))
	}
}

// howTo is how to answer from another command line.
func (v *view) howTo(k *ask) string {
	if k.approval != nil {
		return "allow it with: cowork task approve " + v.task + " " + clean(k.id())
	}
	return "answer it with: cowork task answer " + k.thread.id + " " + clean(k.id()) + " VALUE"
}

// offerNext shows the next one to a person who has answered one.
func (v *view) offerNext() {
	if v.answers && !v.muted && len(v.asks) > 0 {
		v.offer(v.asks[0])
	}
}

// offerAll shows what waits and was not shown yet. It is called when nothing
// more is known to come.
func (v *view) offerAll() {
	for _, k := range v.asks {
		v.offer(k)
	}
}

// current is what the person is asked now, nil for nothing.
func (v *view) current() *ask {
	if len(v.asks) == 0 || !v.asks[0].said || v.over {
		return nil
	}
	return v.asks[0]
}

// cardLines are what an approval says below its action, clean.
func cardLines(c host.Card) []string {
	var out []string
	for _, f := range []struct{ name, text string }{
		{"tool", c.Tool}, {"target", c.Target}, {"data", c.Data}, {"risk", c.Risk},
	} {
		for i, l := range strings.Split(strings.TrimRight(f.text, "\n"), "\n") {
			name := f.name
			if i > 0 {
				name = ""
			}
			if l != "" {
				out = append(out, fmt.Sprintf("%-7s %s", name, clean(l)))
			}
		}
	}
	for _, d := range c.Details {
		out = append(out, "        "+clean(d))
	}
	rule := clean(c.Rule)
	if c.Reason != "" {
		rule = strings.TrimPrefix(rule+" – "+clean(c.Reason), " – ")
	}
	if rule != "" {
		out = append(out, "rule    "+rule)
	}
	return out
}

// The letters that answer an approval.
const (
	letterAllow  = "a"
	letterTask   = "t"
	letterAlways = "l"
	letterDeny   = "d"
)

// options says which letters answer an approval.
func options(c host.Card) string {
	out := []string{"[a]llow once"}
	if len(c.Scopes) > 0 && !slices.Contains(c.Scopes, "once") {
		out = nil
	}
	if c.About == "plan" {
		out = []string{"[a]pprove"}
	}
	if slices.Contains(c.Scopes, "task") {
		out = append(out, "[t]ask")
	}
	if slices.Contains(c.Scopes, "always") {
		out = append(out, "a[l]ways")
	}
	out = append(out, "[d]eny")
	if c.About == "plan" {
		out = append(out, `or "+ new step", "2 other words", "-2"`)
	}
	return strings.Join(out, " · ")
}

// prompt is what stands before the line that is typed.
func (k *ask) prompt() string {
	switch {
	case k.sent:
		return "  … "
	case k.question != nil:
		return "  your answer: "
	case k.reason:
		return "  why not? (for the model; Enter for no reason): "
	}
	return "  " + options(k.approval.Card) + ": "
}

// decision is what a typed line means for an approval.
type decision struct {
	answer  *host.ApprovalRequest
	plan    []host.PlanOp
	reason  bool   // ask for the reason of the denial
	problem string // it means nothing
}

// decide reads a line that was typed at an approval.
func (k *ask) decide(line string) decision {
	c := k.approval.Card
	line = strings.TrimSpace(line)
	answer := &host.ApprovalRequest{ID: k.approval.ID, Digest: k.approval.Digest, By: "terminal"}
	if k.reason {
		answer.Reason = line
		return decision{answer: answer}
	}
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(word) {
	case letterDeny, "deny", "n", "no":
		if rest == "" {
			return decision{reason: true}
		}
		answer.Reason = rest
		return decision{answer: answer}
	case letterAllow, "allow", "approve", "y", "yes":
		answer.Scope = "once"
	case letterTask, "task":
		answer.Scope = "task"
	case letterAlways, "always":
		answer.Scope = "always"
	default:
		if c.About == "plan" {
			if ops := planOps(line); ops != nil {
				return decision{plan: ops}
			}
		}
	}
	offered := answer.Scope == "once" && len(c.Scopes) == 0 || slices.Contains(c.Scopes, answer.Scope)
	if answer.Scope == "once" && c.About == "plan" {
		offered = true
	}
	if answer.Scope == "" || rest != "" || !offered {
		return decision{problem: "type one of the letters and Enter: " + options(c)}
	}
	answer.Allow = true
	return decision{answer: answer}
}

// planOps reads an edit of a plan: "+ text" adds a step, "2 text" gives step 2
// another text, "-2" takes it out. It is nil when the line is none.
func planOps(line string) []host.PlanOp {
	if text, ok := strings.CutPrefix(line, "+"); ok {
		if text = strings.TrimSpace(text); text != "" {
			return []host.PlanOp{{Op: "add", Text: text}}
		}
		return nil
	}
	if id, ok := strings.CutPrefix(line, "-"); ok {
		if id = strings.TrimSpace(id); id != "" && !strings.Contains(id, " ") {
			return []host.PlanOp{{Op: "remove", ID: id}}
		}
		return nil
	}
	id, text, _ := strings.Cut(line, " ")
	id, text = strings.TrimSuffix(id, "."), strings.TrimSpace(text)
	if text == "" || id == "" || strings.Trim(id, "0123456789") != "" {
		return nil
	}
	return []host.PlanOp{{Op: "edit", ID: id, Text: text}}
}

// quiet is how long nothing may come before what is old and still open is
// offered.
const quiet = 200 * time.Millisecond
