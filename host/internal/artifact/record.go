// Package artifact says what a task delivered: the files as they are on disk
// now, the checks that ran, and what the model said without evidence. It takes
// the log and the disk for its sources, never the model's word.
package artifact

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Disk reads the files a log names, by their absolute paths. A file that is
// not there is an [io/fs.ErrNotExist]; a folder may be opened or refused.
type Disk interface {
	Open(ctx context.Context, path string) (io.ReadCloser, error)
}

// maxFinal is how much of the last message is looked through for claims, in
// bytes.
const maxFinal = 64 << 10

// Record returns the completion record of a task whose log is given, from its
// first event on. The logs of its sub-agents may follow: then their files and
// results count, and what they only said does not. Now is the time of the
// checks that are made here.
//
// A claim without evidence is one whose number, file or action is nowhere in
// the log. The search is made to be wrong on the quiet side: what it lists is
// worth a look, and what it does not list is not thereby true.
//
// An error is one of the log or of ctx. What cannot be read on disk is said in
// the record.
func Record(ctx context.Context, events iter.Seq2[event.Event, error], disk Disk, now time.Time) (event.Completion, error) {
	w := newWork()
	for e, err := range events {
		if err != nil {
			return event.Completion{}, fmt.Errorf("record what was delivered: %w", err)
		}
		w.fold(e)
	}
	w.settle()
	out := event.Completion{Asked: w.asked}
	out.PlanDone, out.PlanTotal = plan.Count(w.plan)
	if err := w.look(ctx, disk, now, &out); err != nil {
		return event.Completion{}, fmt.Errorf("record what was delivered: %w", err)
	}
	final := w.final
	if len(final) > maxFinal {
		final = strings.ToValidUTF8(final[:maxFinal], "")
		out.NotVerified = append(out.NotVerified, fmt.Sprintf("what the last message says behind its first %d bytes was not looked at", maxFinal))
	}
	out.NotVerified = append(out.NotVerified, w.claims(final)...)
	return out, nil
}

// work is what a log says was done: a fold over it.
type work struct {
	task     string // the first event's: the others are sub-agents
	input    string
	asked    []string
	final    string // the model's last text in this turn
	plan     []plan.Step
	files    map[string]*file
	order    []string        // paths, in the order of their first change
	names    map[string]bool // base names of all that was changed, lower case
	deleted  map[string]bool // those of what was deleted
	checks   []event.CheckRun
	numbers  evidence
	purposes map[int]string  // of model calls
	parent   map[string]bool // queued messages that are not the person's
	calls    map[string]event.ToolCall
	called   int                   // tool calls that began
	effects  map[policy.Effect]int // of calls that went well
	reports  map[string]string     // what a sub-agent reported, by its task
	children map[string]string     // sub-agents by the call that started them
	reads    map[string]time.Time  // when a call looked at a file of this base name last
	seen     map[string]bool       // tasks with events
}

func newWork() *work {
	return &work{
		files: map[string]*file{}, names: map[string]bool{}, deleted: map[string]bool{},
		purposes: map[int]string{}, parent: map[string]bool{}, calls: map[string]event.ToolCall{},
		effects: map[policy.Effect]int{}, reports: map[string]string{}, children: map[string]string{}, seen: map[string]bool{},
		reads: map[string]time.Time{},
	}
}

func (w *work) fold(e event.Event) {
	if len(w.seen) == 0 {
		w.task = e.Task
	}
	w.seen[e.Task] = true
	if e.Task == w.task {
		w.foldOwn(e)
	}
	switch e.Kind {
	case event.KindToolCall:
		p, _ := event.Decode[event.ToolCall](e)
		w.calls[e.Task+"\x00"+p.Call] = p
		w.called++
	case event.KindToolResult:
		p, _ := event.Decode[event.ToolResult](e)
		w.result(e, p)
	case event.KindFact:
		p, _ := event.Decode[event.Fact](e)
		w.fact(p.Fact)
	case event.KindStepResult:
		p, _ := event.Decode[event.StepResult](e)
		w.stepResult(e, p)
	case event.KindStepApplied:
		p, _ := event.Decode[event.StepApplied](e)
		w.change(e.Time, p.Changes, nil)
	case event.KindTaskDone:
		p, _ := event.Decode[event.TaskDone](e)
		for _, a := range p.Artifacts {
			w.digest(e.Time, a.Path, a.SHA256)
		}
	case event.KindTaskUndone:
		p, _ := event.Decode[event.TaskUndone](e)
		for _, r := range p.Reversals {
			if r.Outcome == "restored" || r.Outcome == "removed" {
				delete(w.files, r.Path)
			}
		}
	case event.KindModelMessage:
		p, _ := event.Decode[event.ModelMessage](e)
		w.numbers.addSources(p.Raw)
	case event.KindChildStarted:
		p, _ := event.Decode[event.ChildStarted](e)
		w.children[e.Task+"\x00"+p.Call] = p.Child
	}
}

// foldOwn folds what counts of the task itself only: what was asked and said.
func (w *work) foldOwn(e event.Event) {
	switch e.Kind {
	case event.KindTaskCreated:
		p, _ := event.Decode[event.TaskCreated](e)
		w.input = strings.TrimSpace(p.Input)
		w.ask(p.Input)
	case event.KindTurnStarted:
		p, _ := event.Decode[event.TurnStarted](e)
		w.final = ""
		if p.Origin == "person" && (p.Turn != 1 || w.input == "" || !strings.Contains(p.Text, w.input)) {
			w.ask(p.Text)
		}
		w.numbers.addText(p.Text)
	case event.KindMessageQueued:
		p, _ := event.Decode[event.MessageQueued](e)
		w.parent[p.ID] = p.From == "parent"
	case event.KindMessageDelivered:
		p, _ := event.Decode[event.MessageDelivered](e)
		if len(p.IDs) == 0 || !w.parent[p.IDs[0]] {
			w.ask(p.Text)
		}
		w.numbers.addText(p.Text)
	case event.KindQuestion:
		p, _ := event.Decode[event.Question](e)
		w.numbers.addText(p.Text)
	case event.KindAnswer:
		p, _ := event.Decode[event.Answer](e)
		w.numbers.addText(p.Value)
	case event.KindApprovalAnswered:
		p, _ := event.Decode[event.ApprovalAnswered](e)
		w.numbers.addText(p.Reason)
	case event.KindPlanEdited:
		p, _ := event.Decode[event.PlanEdited](e)
		w.plan = plan.Fold(w.plan, p.Ops)
	case event.KindModelCalled:
		p, _ := event.Decode[event.ModelCalled](e)
		w.purposes[p.Call] = p.Purpose
	case event.KindModelMessage:
		p, _ := event.Decode[event.ModelMessage](e)
		purpose := w.purposes[p.Call]
		if (purpose == "" || purpose == "turn") && p.StopReason != model.StopToolUse {
			w.final = p.Text
		}
	}
}

func (w *work) ask(text string) {
	text = strings.TrimSpace(text)
	if text == "" || len(w.asked) > 0 && w.asked[len(w.asked)-1] == text {
		return
	}
	w.asked = append(w.asked, text)
	w.numbers.addText(text)
}

func (w *work) result(e event.Event, r event.ToolResult) {
	key := e.Task + "\x00" + r.Call
	call, began := w.calls[key]
	delete(w.calls, key)
	if child, ok := w.children[key]; ok {
		w.reports[child] = r.Text // whether it counts shows at the end
	} else {
		w.numbers.addText(r.Text)
	}
	if r.Status == event.ResultOK && began {
		w.effects[policy.Effect(call.Effect)]++
		if policy.Effect(call.Effect) == policy.Read {
			for _, s := range r.Seen {
				w.reads[base(s.Path)] = later(w.reads[base(s.Path)], e.Time)
			}
			for _, t := range call.Targets {
				w.reads[base(t)] = later(w.reads[base(t)], e.Time)
			}
		}
	}
	w.change(e.Time, r.Changes, r.Seen)
}

// settle counts as evidence what a sub-agent reported whose own log is not
// there: it is a tool's result, and the only one.
func (w *work) settle() {
	for child, text := range w.reports {
		if !w.seen[child] {
			w.numbers.addText(text)
		}
	}
}

func (w *work) fact(f pluginsdk.Fact) {
	w.numbers.addText(f.Value + " ")
	w.numbers.addText(f.Source)
}

func (w *work) stepResult(e event.Event, r event.StepResult) {
	for _, f := range r.Facts {
		w.fact(f)
	}
	w.numbers.addText(r.Brief)
	for _, a := range r.Artifacts {
		w.digest(e.Time, a.Path, a.SHA256)
		for _, c := range a.Checks {
			w.check(event.CheckRun{Path: a.Path, Check: c, At: e.Time})
		}
	}
}

// check notes a check; one that ran again replaces what it said before.
func (w *work) check(c event.CheckRun) {
	w.numbers.addText(c.Detail)
	i := slices.IndexFunc(w.checks, func(o event.CheckRun) bool { return o.Path == c.Path && o.Name == c.Name })
	if i < 0 {
		w.checks = append(w.checks, c)
		return
	}
	w.checks[i] = c
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
