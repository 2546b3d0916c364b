package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The tasks of recorded sequences.
const (
	rootTask  = "root00000000"
	childTask = "child0000000"
)

// recorded is one event of a sequence, or a look at the screen.
type recorded struct {
	task    string // "": the root
	after   time.Duration
	payload host.EventPayload
	look    string // what is looked at
	typed   string // what the person has typed by then
}

// then is an event of the root, a second later.
func then(p host.EventPayload) recorded { return recorded{payload: p, after: time.Second} }

// soon is an event that comes at once.
func soon(p host.EventPayload) recorded { return recorded{payload: p} }

func child(p host.EventPayload) recorded {
	return recorded{task: childTask, payload: p, after: 500 * time.Millisecond}
}

func look(at string) recorded { return recorded{look: at} }

// player shows a sequence to a view whose clock is the sequence's.
type player struct {
	view *view
	out  bytes.Buffer
	grid *grid
	now  time.Time
	seq  map[string]int64
	e    editor
}

func newPlayer(mode string) *player {
	p := &player{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), seq: map[string]int64{}, grid: newGrid(80)}
	v := &view{
		screen: &screen{out: &p.out, width: func() int { return 80 }},
		now:    func() time.Time { return p.now }, task: rootTask, threads: map[string]*thread{}, cost: newThread("").cost,
	}
	switch mode {
	case "terminal":
		v.screen.live, v.screen.colour, v.answers, v.typing = true, true, true, true
		v.screen.out = p.grid
	case "watched": // a terminal nobody types at
		v.screen.live = true
		v.screen.out = p.grid
	}
	p.view = v
	return p
}

func (p *player) play(t *testing.T, steps ...recorded) {
	t.Helper()
	for _, s := range steps {
		p.now = p.now.Add(s.after)
		if s.payload == nil {
			p.e.text = []rune(s.typed)
			p.view.screen.draw(p.view.region(&p.e))
			fmt.Fprintf(&p.out, "==== %s\n%s", s.look, p.grid)
			continue
		}
		p.view.show(p.event(t, s), false)
		p.view.screen.draw(p.view.region(&p.e))
	}
}

func (p *player) event(t *testing.T, s recorded) host.Event {
	t.Helper()
	e, err := host.NewEvent(s.payload)
	if err != nil {
		t.Fatal(err)
	}
	e.Task, e.Time = s.task, p.now
	if e.Task == "" {
		e.Task = rootTask
	} else {
		e.Parent = rootTask
	}
	if !e.Kind.Transient() {
		p.seq[e.Task]++
		e.Seq = p.seq[e.Task]
	}
	return e
}

func call(id, tool, summary string) host.ToolCall {
	return host.ToolCall{Step: "1", Call: id, Tool: tool, Summary: summary, Effect: "read", Rule: "reversible"}
}

func result(id, tool string, status host.ResultStatus, text string) host.ToolResult {
	return host.ToolResult{Step: "1", Call: id, Tool: tool, Status: status, Text: text}
}

// sequences are recorded runs, each with at least one look.
func sequences() map[string][]recorded {
	card := host.Card{
		About: "tool", Tool: "request_delete", Action: "move 2 files to the trash", Target: "receipts/old",
		Data: "2 files, 14 kB", Risk: "recoverable: moved to the trash", Details: []string{"receipts/old/a.csv  12 kB", "receipts/old/b.csv  2 kB"},
		Scopes: []string{"once", "task"}, Rule: "deletion", Reason: "it was there before the task",
	}
	begin := []recorded{
		soon(host.TaskCreated{Title: "Turn these receipts into a report", Input: "Turn these receipts into a report", NoInternet: true, Model: "m-1"}),
		soon(host.SandboxReady{Sandbox: "jail"}),
		soon(host.TurnStarted{Turn: 1, Text: "…", Origin: "person"}),
		soon(host.ModelCalled{Call: 1, Model: "m-1", Purpose: "turn"}),
	}
	with := func(more ...recorded) []recorded { return append(append([]recorded{}, begin...), more...) }
	usage := func(call int, cost string) host.ModelUsage {
		u := host.ModelUsage{Call: call, Purpose: "turn", Model: "m-1", Cost: cost}
		u.Input, u.Output = 1200, 300
		return u
	}
	const long = "I'll look at the receipts first, group them by category, and then write a report of one page with a table.\n\n- one\n"
	return map[string][]recorded{
		"turn": with(
			recorded{after: 14 * time.Second, look: "14 s without an answer"},
			soon(host.ModelDelta{Call: 1, What: host.DeltaThinking, Text: "The person wants a report.\nI should look at the files before I say anything about them."}),
			look("thinking"),
			then(host.ModelDelta{Call: 1, What: host.DeltaText, Text: long[:60]}),
			soon(host.ModelDelta{Call: 1, What: host.DeltaText, Text: long[60:90]}),
			look("writing"),
			soon(host.ModelDelta{Call: 1, What: host.DeltaText, Text: long[90:]}),
			soon(host.ModelDelta{Call: 1, What: host.DeltaInput, Tool: "list", Text: "{"}),
			soon(host.ModelMessage{Call: 1, Model: "m-1", StopReason: "tool_use", Text: long, Raw: "{}"}),
			soon(usage(1, "0.0123")),
			then(call("c1", "plan", "plan: 3 edits")),
			soon(host.PlanEdited{By: "model", Ops: []host.PlanOp{
				{Op: "add", Text: "Read the receipts"}, {Op: "add", Text: "Group them"}, {Op: "add", Text: "Write the report"},
			}}),
			soon(result("c1", "plan", host.ResultOK, "ok")),
			soon(host.PlanEdited{By: "model", Ops: []host.PlanOp{{Op: "status", ID: "1", Status: host.PlanActive}}}),
			soon(call("c2", "read", "read receipts/a.csv")),
			soon(call("c3", "read", "read receipts/b.csv")),
			recorded{after: 3 * time.Second, look: "two calls at work, a line half typed", typed: "leave out the drafts"},
			soon(result("c2", "read", host.ResultOK, "…")),
			soon(result("c3", "read", host.ResultError, "\nreceipts/b.csv is not text: it is a picture\nTry another")),
			soon(host.PlanEdited{By: "model", Ops: []host.PlanOp{{Op: "status", ID: "1", Status: host.PlanDone}, {Op: "status", ID: "2", Status: host.PlanActive}}}),
			soon(host.MessageQueued{ID: "m1", Text: "leave out the drafts", When: host.WhenNow}),
			soon(host.MessageQueued{ID: "m2", Text: "then a summary", When: host.WhenNext}),
			look("two messages wait"),
			soon(host.MessageChanged{ID: "m2", Text: "then a short summary"}),
			soon(host.MessageDelivered{IDs: []string{"m1"}, Turn: 1, Text: "leave out the drafts"}),
			soon(host.ModelCalled{Call: 2, Model: "m-1", Purpose: "turn"}),
			then(host.ModelRetry{Call: 2, Attempt: 1, WaitMS: 4000, Reason: "the provider is busy"}),
			look("waiting to try again"),
			soon(host.Compacted{Upto: 20, Before: 120000, After: 18000}),
			soon(host.Finding{Rule: "instructions", Severity: "warning", Message: "a.csv holds instructions; they were not followed"}),
			soon(host.MessageChanged{ID: "m2", Remove: true}),
			soon(host.ModelMessage{Call: 2, Model: "m-1", StopReason: "end_turn", Text: "The report is in report.md.", Raw: "{}"}),
			soon(usage(2, "0.02")),
			soon(host.Completion{
				Asked: []string{"a report"}, PlanDone: 2, PlanTotal: 3,
				Delivered:   []host.Delivered{{Path: "/w/report.md", SHA256: strings.Repeat("a", 64), Size: 2048, Version: 2}},
				Checks:      []host.CheckRun{{Path: "/w/report.md", Check: pluginsdk.Check{Name: "totals tie", Status: "passed", Detail: "42 = 42"}}},
				NotVerified: []string{"the model said every receipt was read"},
			}),
			then(host.TaskDone{Status: host.StatusDone, Usage: host.Usage{ModelCalls: 2, InputTokens: 2400, OutputTokens: 600, Cost: "0.0323"}}),
			look("the end"),
		),
		"agents": with(
			soon(host.ModelMessage{Call: 1, StopReason: "tool_use", Raw: "{}"}),
			soon(call("c1", "agent", "start agent research")),
			soon(host.ChildStarted{Child: childTask, Call: "c1", Agent: "research", Title: "Find the exchange rates"}),
			child(host.TaskCreated{Title: "Find the exchange rates", Agent: "research"}),
			child(host.TurnStarted{Turn: 1}),
			child(host.ModelCalled{Call: 1, Purpose: "turn"}),
			child(host.ModelDelta{Call: 1, What: host.DeltaText, Text: "nobody reads this"}),
			child(host.ModelMessage{Call: 1, Text: "nobody reads this", Raw: "{}"}),
			child(usage(1, "0.5")),
			child(call("k1", "web_fetch", "fetch https://example.com/rates")),
			recorded{after: 5 * time.Second, look: "a sub-agent at work"},
			child(host.ApprovalAsked{ID: "p1", Call: "k1", Card: host.Card{
				About: "tool", Tool: "web_fetch", Action: "read a page", Target: "example.com",
				Scopes: []string{"once", "task", "always"}, Rule: "new host",
			}}),
			look("it asks"),
			child(host.ApprovalAnswered{ID: "p1", Allow: true, Scope: "task", By: "web"}),
			child(result("k1", "web_fetch", host.ResultOK, "…")),
			child(host.TaskDone{Status: host.StatusFailed}),
			soon(host.ChildDone{Child: childTask, Status: host.StatusFailed, Usage: host.Usage{Cost: "0.5"}, Error: &host.Problem{Code: "internal", Message: "it ran out of budget"}}),
			soon(result("c1", "agent", host.ResultError, "the agent failed: it ran out of budget")),
			look("it failed"),
			soon(host.TaskPaused{Reason: "the daily cap is reached; it resets at 00:00 UTC", By: "cap"}),
			then(host.TaskDone{Status: host.StatusParked, Error: &host.Problem{Code: "paused", Message: "the task is paused"}}),
			look("paused"),
		),
		"parked": with(
			soon(host.ModelMessage{Call: 1, StopReason: "tool_use", Text: "I move the old ones.", Raw: "{}"}),
			soon(host.ApprovalAsked{ID: "p1", Call: "c1", Digest: "d", Card: card}),
			recorded{look: "the card"},
			recorded{look: "a letter is typed", typed: "d"},
			then(host.TaskDone{Status: host.StatusParked, Error: &host.Problem{Code: "unavailable", Message: "the task waits for you"}}),
			look("nobody answered"),
		),
		"denied": with(
			soon(host.ApprovalAsked{ID: "p1", Call: "c1", Digest: "d", Card: card}),
			soon(host.ApprovalAsked{ID: "p2", Call: "c2", Digest: "e", Card: host.Card{About: "plan", Action: "work by this plan", Rule: "plan mode"}}),
			look("two wait"),
			soon(host.ApprovalAnswered{ID: "p1", Reason: "keep them", By: "terminal"}),
			soon(result("c1", "request_delete", host.ResultDenied, "The person did not allow this: keep them")),
			soon(result("c9", "send_mail", host.ResultDenied, "the internet is off for this task")),
			soon(result("c8", "write", host.ResultInterrupted, "")),
			look("one was denied"),
		),
		"plan card": with(
			soon(host.PlanEdited{By: "model", Ops: []host.PlanOp{{Op: "add", Text: "Read the receipts"}, {Op: "add", Text: "Write the report"}}}),
			look("the plan is made"),
			soon(host.ApprovalAsked{ID: "p1", Digest: "d", Card: host.Card{
				About: "plan", Action: "go ahead with this plan", Details: []string{"1. Read the receipts", "2. Write the report"}, Rule: "plan-mode",
			}}),
			look("its card has the steps, once"),
			soon(host.ApprovalAnswered{ID: "p1", Allow: true, By: "terminal"}),
			look("the region has them again"),
			soon(host.ApprovalAsked{ID: "p2", Digest: "e", Card: host.Card{
				About: "plan", Action: "run /finance:variance-analysis", Details: []string{"1. read the files it is given"}, Rule: "plan-mode",
			}}),
			look("a handler's plan is another"),
		),
		"agent parked": with(
			soon(call("c1", "agent", "start agent research")),
			soon(host.ChildStarted{Child: childTask, Call: "c1", Agent: "research", Title: "Old"}),
			soon(host.ChildDone{Child: childTask, Status: host.StatusParked}),
			soon(host.Question{Step: "1", Question: pluginsdk.Question{ID: "q1", Text: "Which column?", Choices: []pluginsdk.Choice{
				{Value: "A", Label: "Plan A"}, {Value: "Amount", Label: "Amount", Detail: "column B"},
			}}}),
			look("a question"),
		),
		"cut off": with(
			soon(host.ModelDelta{Call: 1, What: host.DeltaText, Text: "The first half of "}),
			then(host.ModelRetry{Call: 1, Attempt: 1, WaitMS: 500, Reason: "the stream broke off"}),
			soon(host.ModelDelta{Call: 1, What: host.DeltaText, Text: "All of it"}),
			soon(host.ModelMessage{Call: 1, Text: "All of it, and the rest.", Raw: "{}"}),
			soon(host.ModelCalled{Call: 2, Purpose: "compaction"}),
			look("the text is there once"),
			soon(host.ModelMessage{Call: 2, Text: "a summary for the model", Raw: "{}"}),
			soon(host.ModelCalled{Call: 3, Purpose: "turn"}),
			soon(host.ModelDelta{Call: 3, What: host.DeltaText, Text: "What came live"}),
			soon(host.ModelMessage{Call: 3, Text: "What counts", Raw: "{}"}),
			soon(host.TaskStopping{}),
			soon(host.TaskDone{Status: host.StatusStopped, Error: &host.Problem{Code: "stopped", Message: "stopped"}}),
			look("stopped"),
		),
	}
}

// TestView shows recorded sequences on a terminal of 80 columns, on one that is
// only watched, and on a pipe.
func TestView(t *testing.T) {
	t.Parallel()
	for name, steps := range sequences() {
		for _, mode := range []string{"terminal", "watched", "pipe"} {
			t.Run(name+" on a "+mode, func(t *testing.T) {
				t.Parallel()
				p, steps := newPlayer(mode), steps
				if mode == "pipe" { // there is nothing to look at but the text
					var events []recorded
					for _, s := range steps {
						if s.payload != nil {
							events = append(events, s)
						}
					}
					steps = events
				}
				p.play(t, steps...)
				if len(p.grid.mistakes) > 0 || p.grid.wraps > 0 {
					t.Errorf("%d lines wrap; %v", p.grid.wraps, p.grid.mistakes)
				}
				golden(t, filepath.Join("testdata", "view", strings.ReplaceAll(name, " ", "-")+"."+mode+".txt"), p.out.String())
			})
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got); run with -update if that is meant:\n%s", file, d)
	}
}

// payloads is one value of every kind of event.
func payloads() []host.EventPayload {
	return []host.EventPayload{
		host.TaskCreated{},
		host.TaskResumed{},
		host.SandboxReady{},
		host.StepStarted{},
		host.Plan{},
		host.Progress{},
		host.LogLine{},
		host.Fact{},
		host.Question{},
		host.Answer{},
		host.StepResult{},
		host.StepApplied{},
		host.StepFailed{},
		host.PluginFailed{},
		host.TaskStopping{},
		host.TurnStarted{},
		host.ModelCalled{},
		host.ModelDelta{What: host.DeltaText},
		host.ModelDelta{What: host.DeltaThinking},
		host.ModelDelta{What: host.DeltaInput},
		host.ModelRetry{},
		host.ModelMessage{},
		host.ModelUsage{},
		host.ToolCall{},
		host.ToolResult{},
		host.PlanEdited{},
		host.ApprovalAsked{},
		host.MessageQueued{},
		host.MessageChanged{Remove: true},
		host.MessageDelivered{},
		host.ChildStarted{},
		host.ChildDone{},
		host.Compacted{},
		host.Finding{},
		host.TaskPaused{},
		host.Completion{},
		host.ApprovalAnswered{},
		host.TaskDone{Status: host.StatusDone},
		host.TaskDone{Status: host.StatusParked},
		host.TaskDone{Status: host.StatusFailed},
	}
}

// hostile steers a terminal that obeys it.
const hostile = "\x1b[2J\x1b]0;owned\a\x9b31m\r\b\u202eevil\x1b[1A\n\x1b(0\x7f"

// poison fills every text a payload has with what steers a terminal, and every
// list with two of them.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.String() == "" {
			v.SetString(hostile)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		poison(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() && v.Type() != reflect.TypeFor[time.Time]() {
				poison(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return // JSON
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			poison(v.Index(i))
		}
	}
}

// TestHostileText shows every kind of event with texts that steer a terminal.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"terminal", "watched", "pipe"} {
		for _, chatting := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s chat=%v", mode, chatting), func(t *testing.T) {
				t.Parallel()
				p := newPlayer(mode)
				p.view.chat = chatting
				for round := range 2 {
					for _, pl := range payloads() {
						v := reflect.New(reflect.TypeOf(pl))
						v.Elem().Set(reflect.ValueOf(pl))
						poison(v.Elem())
						task := ""
						if round == 1 {
							task = childTask
						}
						p.play(t, recorded{task: task, payload: v.Elem().Interface().(host.EventPayload)}, recorded{look: "x", typed: hostile})
					}
				}
				if mode == "pipe" {
					if _, err := p.grid.Write(p.out.Bytes()); err != nil {
						t.Fatal(err)
					}
				}
				if len(p.grid.mistakes) > 0 {
					t.Errorf("%d mistakes, such as %s in %q", len(p.grid.mistakes), p.grid.mistakes[0], p.out.String())
				}
				if !strings.Contains(p.grid.String(), "evil") {
					t.Error("the text itself is not there: the test shows nothing")
				}
			})
		}
	}
}

// TestOldEventsStaySilent resumes the showing of a task: what was there before
// is known and not said, and what still waits is offered once all is quiet.
func TestOldEventsStaySilent(t *testing.T) {
	t.Parallel()
	p := newPlayer("terminal")
	steps := sequences()["parked"]
	for _, s := range steps {
		if s.payload != nil {
			p.now = p.now.Add(s.after)
			p.view.show(p.event(t, s), true)
		}
	}
	p.play(t, then(host.TaskResumed{}))
	if got := p.grid.String(); strings.Contains(got, "receipts") || !strings.Contains(got, "resumed") {
		t.Errorf("before it is quiet:\n%s", got)
	}
	p.view.offerAll()
	p.play(t, look("offered"))
	if got := p.grid.String(); !strings.Contains(got, "? move 2 files to the trash") || !strings.Contains(got, "[a]llow once · [t]ask · [d]eny") {
		t.Errorf("when it is quiet:\n%s", got)
	}
}

// TestNoColour shows a sequence without colours and wants the same text.
func TestNoColour(t *testing.T) {
	t.Parallel()
	colourful, plainly := newPlayer("terminal"), newPlayer("terminal")
	plainly.view.screen.colour = false
	colourful.play(t, sequences()["turn"]...)
	plainly.play(t, sequences()["turn"]...)
	if d := cmp.Diff(colourful.grid.String(), plainly.grid.String()); d != "" {
		t.Error(d)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, got, want string }{
		{"nothing", size(0), "0 bytes"},
		{"one", size(1), "1 byte"},
		{"a few", size(3), "3 bytes"},
		{"the last below 1 kB", size(1023), "1023 bytes"},
		{"1 kB", size(1024), "1 kB"},
		{"a little more", size(1025), "2 kB"},
		{"1 MB", size(1 << 20), "1.0 MB"},
		{"one call", plural(1, "model call"), "1 model call"},
		{"no calls", plural(0, "model call"), "0 model calls"},
		{"all that is there", spaced("Amount", "Plan", "column B"), "Amount  Plan  column B"},
		{"no detail", spaced("Amount", "Plan", ""), "Amount  Plan"},
		{"a label like its value", spaced("Amount", " Amount", "column B"), "Amount  column B"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		})
	}
}
