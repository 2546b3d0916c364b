package window

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Ledger is what a task must not forget: what the person asked for, what was
// decided, written, computed and checked, and what is open. It is a fold of
// the task's log, never of a conversation or a summary, so no number of
// compactions wears it out. The zero value is the ledger of an empty log; it
// belongs to one goroutine.
type Ledger struct {
	// Limit is the most bytes [Ledger.Text] returns, about; 0 stands for 32 KiB.
	Limit int

	asked     []string
	briefs    []string // what was asked by a command's body or the task above
	decisions []string
	outside   []string // what cannot be taken back and is done
	uncertain []string // what may or may not have happened
	questions ordered[string]
	approvals ordered[event.Card]
	facts     ordered[fact]
	checks    ordered[check]
	files     ordered[file]
	children  ordered[child]
	plan      []plan.Step

	began  map[string]bool           // steps
	agents map[string]string         // children by the call that started them
	calls  map[string]event.ToolCall // those without a result
	parent map[string]bool           // queued messages that are not the person's
	input  string
}

type (
	fact struct {
		pluginsdk.Fact
		step string
	}
	check struct {
		pluginsdk.Check
		path string
	}
	file  struct{ change, step, sha256 string }
	child struct {
		event.ChildStarted
		status event.Status
		reason string
		result string
	}
)

// Fold adds one event. Events come in the order of the log; kinds it does not
// know, and payloads that do not decode, change nothing.
func (l *Ledger) Fold(e event.Event) {
	switch e.Kind {
	case event.KindTaskCreated:
		with(e, l.created)
	case event.KindTurnStarted:
		with(e, l.turn)
	case event.KindMessageQueued:
		with(e, l.queued)
	case event.KindMessageDelivered:
		with(e, l.delivered)
	case event.KindQuestion:
		with(e, func(p event.Question) { l.questions.set(p.Step+"\x00"+p.ID, p.Text) })
	case event.KindAnswer:
		with(e, l.answered)
	case event.KindApprovalAsked:
		with(e, func(p event.ApprovalAsked) { l.approvals.set(p.ID, p.Card) })
	case event.KindApprovalAnswered:
		with(e, l.approved)
	case event.KindToolCall:
		with(e, l.call)
	case event.KindToolResult:
		with(e, l.result)
	case event.KindPlanEdited:
		with(e, l.planned)
	case event.KindChildStarted:
		with(e, l.childStarted)
	case event.KindChildDone:
		with(e, l.childDone)
	case event.KindTaskUndone:
		with(e, l.undone)
	case event.KindTaskDone:
		with(e, l.done)
	default:
		l.foldStep(e)
	}
}

func (l *Ledger) foldStep(e event.Event) {
	switch e.Kind {
	case event.KindStepStarted:
		with(e, l.stepStarted)
	case event.KindStepFailed:
		with(e, l.stepFailed)
	case event.KindFact:
		with(e, func(p event.Fact) { l.fact(p.Step, p.Fact) })
	case event.KindStepResult:
		with(e, l.stepResult)
	case event.KindStepApplied:
		with(e, func(p event.StepApplied) { l.changed(p.Step, p.Changes) })
	}
}

// with calls f with an event's payload, if it has one of this type.
func with[P event.Payload](e event.Event, f func(P)) {
	if p, err := event.Decode[P](e); err == nil {
		f(p)
	}
}

func (l *Ledger) created(p event.TaskCreated) {
	l.input = strings.TrimSpace(p.Input)
	if p.Agent == "" {
		l.asked = appendNew(l.asked, p.Input)
		return
	}
	l.briefs = appendNew(l.briefs, p.Input)
}

func (l *Ledger) turn(p event.TurnStarted) {
	switch {
	case p.Origin != "person":
		l.briefs = appendNew(l.briefs, p.Text)
	case p.Turn != 1 || l.input == "" || !strings.Contains(p.Text, l.input):
		l.asked = appendNew(l.asked, p.Text)
	}
}

func (l *Ledger) queued(p event.MessageQueued) {
	if p.From == "parent" {
		mark(&l.parent, p.ID)
	}
}

func (l *Ledger) delivered(p event.MessageDelivered) {
	if len(p.IDs) > 0 && l.parent[p.IDs[0]] {
		l.briefs = appendNew(l.briefs, p.Text)
		return
	}
	l.asked = appendNew(l.asked, p.Text)
}

func (l *Ledger) planned(p event.PlanEdited) {
	l.plan = plan.Fold(l.plan, p.Ops)
}

func (l *Ledger) answered(p event.Answer) {
	if text, open := l.questions.take(p.Step + "\x00" + p.ID); open {
		l.decisions = append(l.decisions, fmt.Sprintf("asked %s, the person answered %s", quote(text, 400), quote(p.Value, 2000)))
	}
}

func (l *Ledger) approved(p event.ApprovalAnswered) {
	if card, open := l.approvals.take(p.ID); open {
		l.decisions = append(l.decisions, decided(card, p))
	}
}

func decided(c event.Card, a event.ApprovalAnswered) string {
	verb := "the person denied"
	if a.Allow {
		verb = "the person allowed"
	}
	text := verb + ": " + oneLine(c.Action, 400)
	if c.Target != "" {
		text += " " + quote(c.Target, 400)
	}
	if a.Allow && a.Scope != "" {
		text += " (for: " + oneLine(a.Scope, 20) + ")"
	}
	if a.Reason != "" {
		text += ", saying " + quote(a.Reason, 2000)
	}
	return text
}

func (l *Ledger) call(p event.ToolCall) {
	if l.calls == nil {
		l.calls = map[string]event.ToolCall{}
	}
	p.Input = nil
	l.calls[p.Call] = p
}

func (l *Ledger) result(p event.ToolResult) {
	call, began := l.calls[p.Call]
	delete(l.calls, p.Call)
	what := oneLine(call.Summary, 300)
	if what == "" {
		what = "call of " + oneLine(p.Tool, 64)
	}
	switch {
	case p.Status == event.ResultInterrupted:
		l.uncertain = append(l.uncertain, what+": interrupted, nobody knows how far it came")
	case p.Status == event.ResultDenied:
		l.decisions = append(l.decisions, "refused: "+what+": "+quote(p.Text, 300))
	case p.Status == event.ResultOK && began && final(call.Effect):
		l.outside = append(l.outside, fmt.Sprintf("%s (step %s)", what, oneLine(p.Step, 20)))
	}
	l.changed(p.Step, p.Changes)
	for _, s := range p.Seen {
		l.digest(s.Path, s.SHA256)
	}
	l.childResult(p)
}

// digest notes what a file of the task contains now.
func (l *Ledger) digest(path, sum string) {
	if f, ok := l.files.get(path); ok && sum != "" {
		f.sha256 = sum
		l.files.put(path, f)
	}
}

func (l *Ledger) undone(p event.TaskUndone) {
	for _, r := range p.Reversals {
		l.files.set(r.Path, file{change: "undone: " + r.Outcome})
	}
}

func (l *Ledger) done(p event.TaskDone) {
	for _, a := range p.Artifacts {
		l.digest(a.Path, a.SHA256)
	}
}

// final reports whether what a call did cannot simply be done again.
func final(effect string) bool {
	return effect == "delete" || effect == "send" || effect == "spend"
}

func (l *Ledger) changed(step string, changes []event.Change) {
	for _, c := range changes {
		if c.Change == "moved" && c.From != "" {
			l.files.take(moved(c))
		}
		l.files.set(c.Path, file{change: c.Change, step: step})
	}
}

// moved returns the path a moved file had. From may be relative to a grant.
func moved(c event.Change) string {
	if filepath.IsAbs(c.From) {
		return c.From
	}
	return filepath.Join(filepath.Dir(c.Path), filepath.Base(c.From))
}

func (l *Ledger) stepStarted(p event.StepStarted) {
	if l.began[p.Step] {
		l.forget(p.Step)
	}
	mark(&l.began, p.Step)
}

func (l *Ledger) stepFailed(p event.StepFailed) {
	l.forget(p.Step)
	if p.Error != nil {
		l.uncertain = append(l.uncertain, "step "+oneLine(p.Step, 20)+" failed and changed nothing: "+quote(p.Error.Message, 400))
	}
}

func (l *Ledger) stepResult(p event.StepResult) {
	for _, f := range p.Facts {
		l.fact(p.Step, f)
	}
	for _, a := range p.Artifacts {
		for _, c := range a.Checks {
			l.checks.set(a.Path+"\x00"+c.Name, check{c, a.Path})
		}
	}
}

func (l *Ledger) fact(step string, f pluginsdk.Fact) {
	l.facts.set(step+"\x00"+f.Name+"\x00"+f.Source, fact{f, step})
}

// forget drops what a step said before it began again, or failed.
func (l *Ledger) forget(step string) {
	for _, k := range l.facts.keys() {
		if strings.HasPrefix(k, step+"\x00") {
			l.facts.take(k)
		}
	}
	for _, k := range l.questions.keys() {
		if strings.HasPrefix(k, step+"\x00") {
			l.questions.take(k)
		}
	}
}

func (l *Ledger) childStarted(p event.ChildStarted) {
	l.children.set(p.Child, child{ChildStarted: p, status: event.StatusRunning})
	if l.agents == nil {
		l.agents = map[string]string{}
	}
	l.agents[p.Call] = p.Child
}

func (l *Ledger) childDone(p event.ChildDone) {
	c, _ := l.children.get(p.Child)
	c.Child, c.status, c.reason = p.Child, p.Status, ""
	if p.Error != nil {
		c.reason = p.Error.Message
	}
	l.children.put(p.Child, c)
}

func (l *Ledger) childResult(r event.ToolResult) {
	id, ok := l.agents[r.Call]
	if !ok {
		return
	}
	c, _ := l.children.get(id)
	c.result = r.Text
	l.children.put(id, c)
}

func mark(set *map[string]bool, key string) {
	if *set == nil {
		*set = map[string]bool{}
	}
	(*set)[key] = true
}

// appendNew appends a text unless it is empty or what was said last.
func appendNew(list []string, text string) []string {
	text = strings.TrimSpace(text)
	if text == "" || len(list) > 0 && list[len(list)-1] == text {
		return list
	}
	return append(list, text)
}

// quote returns a text as one line in quotation marks, shortened.
func quote(s string, limit int) string {
	return strconv.QuoteToGraphic(oneLine(s, limit))
}
