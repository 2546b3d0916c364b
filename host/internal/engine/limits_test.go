package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/pluginsdk"
)

// counting answers with n different reads and then ends.
func counting(n int) *scripted {
	return &scripted{answer: func(i int, _ *model.Request) said {
		if i >= n {
			return said{text: "Read."}
		}
		return said{calls: []string{fmt.Sprintf(`list {"path":".","depth":%d}`, 1), fmt.Sprintf(`write {"path":"w%d.txt","content":"%d"}`, i, i)}}
	}}
}

// cent is a price list on which every call costs a cent.
func cent(o *engine.Options) {
	o.Price = func(string, model.Usage) (string, string) { return "0.01", "2026-11-01" }
}

func TestSpendingLimit(t *testing.T) {
	t.Parallel()
	e := talking(t, counting(8), cent)
	id := e.startWith(task.Spec{Input: "write", Budget: "0.03"})
	s := e.ended(id)
	if s.Status != event.StatusParked || len(s.Approvals) != 1 || s.Approvals[0].Card.About != "cap" || s.Usage.ModelCalls != 3 {
		t.Fatalf("%s %+v, approvals %+v, %d calls", s.Status, s.Error, s.Approvals, s.Usage.ModelCalls)
	}
	if !strings.Contains(s.Approvals[0].Card.Reason, "0.03") {
		t.Errorf("card %+v", s.Approvals[0].Card)
	}
	if err := e.tasks.Approve(t.Context(), id, event.ApprovalAnswered{Allow: true, Scope: "once"}); err != nil {
		t.Fatal(err)
	}
	if s = e.ended(id); s.Status != event.StatusParked || s.Usage.ModelCalls != 6 {
		t.Fatalf("after the first: %s %+v, %d calls", s.Status, s.Error, s.Usage.ModelCalls)
	}
	if err := e.tasks.Approve(t.Context(), id, event.ApprovalAnswered{Reason: "too dear"}); err != nil {
		t.Fatal(err)
	}
	if s = e.ended(id); s.Status != event.StatusFailed || s.Error.Code != "denied" || s.Usage.ModelCalls != 6 {
		t.Fatalf("after the denial: %s %+v, %d calls", s.Status, s.Error, s.Usage.ModelCalls)
	}
	if err := e.tasks.Resume(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	if s = e.ended(id); s.Status != event.StatusParked || len(s.Approvals) != 3 {
		t.Fatalf("resumed after the denial: %s %+v, approvals %+v", s.Status, s.Error, s.Approvals)
	}
}

func TestDayLimit(t *testing.T) {
	t.Parallel()
	spent := "0.99"
	e := talking(t, counting(2), cent, func(o *engine.Options) {
		o.Caps = func() (usage.Caps, error) { return usage.Caps{Day: "1"}, nil }
		o.Today = func() string { return spent }
		o.Used = func(u event.ModelUsage) { spent, _ = usage.Add(spent, u.Cost) }
	})
	s := e.ended(e.startWith(task.Spec{Input: "write"}))
	if s.Status != event.StatusParked || !strings.Contains(s.Approvals[0].Card.Reason, "resets at") {
		t.Fatalf("%s %+v, approvals %+v", s.Status, s.Error, s.Approvals)
	}
}

// TestLimitsThatCannotBeRead spend nothing.
func TestLimitsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	e := talking(t, counting(1), cent, func(o *engine.Options) {
		o.Caps = func() (usage.Caps, error) { return usage.Caps{}, errors.New("the settings are broken") }
	})
	s := e.ended(e.startWith(task.Spec{Input: "write"}))
	if s.Status != event.StatusFailed || s.Usage.ModelCalls != 0 {
		t.Fatalf("%s %+v, %d calls", s.Status, s.Error, s.Usage.ModelCalls)
	}
}

func TestSubAgentsShareTheLimit(t *testing.T) {
	t.Parallel()
	m := family(map[string][]said{
		"part a": {{calls: []string{`write {"path":"a1","content":"1"}`}}, {calls: []string{`write {"path":"a2","content":"1"}`}}, {text: "a"}},
		"part b": {{calls: []string{`write {"path":"b1","content":"1"}`}}, {calls: []string{`write {"path":"b2","content":"1"}`}}, {text: "b"}},
	}, said{calls: []string{agentCall("a", "part a", ""), agentCall("b", "part b", "")}}, said{text: "Both."})
	e := talking(t, m, cent)
	id := e.startWith(task.Spec{Input: "both", Budget: "0.04"})
	s := e.ended(id)
	if s.Status != event.StatusParked || len(s.Waiting) == 0 || s.Usage.Cost != "0.04" {
		t.Fatalf("%s %+v, waiting %+v, cost %s", s.Status, s.Error, s.Waiting, s.Usage.Cost)
	}
	for range 10 {
		if s = e.ended(id); s.Status != event.StatusParked {
			break
		}
		for _, a := range s.Waiting {
			if err := e.tasks.Approve(t.Context(), a.Task, event.ApprovalAnswered{ID: a.ID, Allow: true, Scope: "once"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s.Status != event.StatusDone || s.Usage.Cost != "0.08" {
		t.Fatalf("%s %+v, cost %s", s.Status, s.Error, s.Usage.Cost)
	}
}

// TestSubAgentCannotWiden refuses what a sub-agent would have more of.
func TestSubAgentCannotWiden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, more, want string }{
		{"a folder that is not granted", `,"folders":["/etc"]`, "outside the granted folders"},
		{"a folder above", `,"folders":[".."]`, ""},
		{"a link out", `,"folders":["out"]`, ""},
		{"a file", `,"folders":["in.txt"]`, ""},
		{"nothing that is there", `,"folders":["nosuch"]`, ""},
		{"an agent nobody has", `,"agent":"p:nobody"`, "there is no agent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := script(said{calls: []string{agentCall("x", "do x", c.more)}}, said{text: "Done."})
			e := talking(t, m)
			if err := os.Symlink(t.TempDir(), filepath.Join(e.folder, "out")); err != nil {
				t.Fatal(err)
			}
			s := e.run("go")
			if s.Status != event.StatusDone || len(s.Children) != 0 || !strings.Contains(m.last(), `"is_error":true`) || !strings.Contains(m.last(), c.want) {
				t.Errorf("%s %+v, children %+v, told %s", s.Status, s.Error, s.Children, m.last())
			}
		})
	}
}

func TestLongMessagesAndRefusals(t *testing.T) {
	t.Parallel()
	cut := func(n int) *scripted {
		return &scripted{answer: func(i int, _ *model.Request) said {
			if i < n {
				return said{text: "and on", stop: model.StopMaxTokens}
			}
			return said{text: "The end."}
		}}
	}
	for _, c := range []struct {
		name   string
		m      model.Model
		status event.Status
		says   string
	}{
		{"goes on behind the length limit", cut(2), event.StatusDone, "The end."},
		{"gives up when it never ends", cut(100), event.StatusFailed, "length limit"},
		{"a refusal", script(said{text: "I will not.", stop: model.StopRefusal}), event.StatusFailed, "I will not."},
		{"a call that was cut off is not run", script(
			said{calls: []string{`write {"path":"cut.txt","content":"half`}, stop: model.StopMaxTokens}, said{text: "The end."},
		), event.StatusDone, "The end."},
		{"a stop reason nobody knows ends the turn", script(said{text: "The end.", stop: "new_reason"}), event.StatusDone, "The end."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := talking(t, c.m)
			s := e.run("go")
			why := s.Text
			if s.Error != nil {
				why = s.Error.Message
			}
			if s.Status != c.status || !strings.Contains(why, c.says) || len(e.files()) != 1 {
				t.Errorf("%s, %q, files %v", s.Status, why, e.files())
			}
		})
	}
}

// TestTooLongIsCompacted shortens a request the provider finds too long.
func TestTooLongIsCompacted(t *testing.T) {
	t.Parallel()
	m := &scripted{}
	m.answer = func(n int, req *model.Request) said {
		size := 0
		for _, msg := range req.Messages {
			size += len(msg.Raw)
		}
		switch {
		case len(req.Tools) == 0:
			return said{text: "A summary."}
		case size > 400_000:
			return said{err: &model.Error{Kind: model.ErrorTooLong, Message: "the prompt is too long"}}
		case strings.Contains(string(req.Messages[0].Raw), "A summary."):
			return said{text: "Short again."}
		}
		return said{calls: []string{fmt.Sprintf(`write {"path":"f%d.txt","content":%q}`, n, strings.Repeat("a long text ", 4000))}}
	}
	e := talking(t, m)
	if s := e.run("write a lot"); s.Status != event.StatusDone || s.Text != "Short again." {
		t.Fatalf("%s %+v, text %q", s.Status, s.Error, s.Text)
	}
}

// TestHandlerAsksTheModel gives a handler that runs again the same text.
func TestHandlerAsksTheModel(t *testing.T) {
	t.Parallel()
	m := &scripted{answer: func(_ int, req *model.Request) said {
		if strings.Contains(string(req.Messages[0].Raw), "describe it") {
			return said{text: "It is fine."}
		}
		return said{text: "Done."}
	}}
	runs := 0
	e := newEnvOf(t, func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		runs++
		text, err := inv.Host.Generate(ctx, &pluginsdk.Prompt{ID: "p", Text: "describe it"})
		if err != nil {
			return nil, err
		}
		answer, err := inv.Host.Ask(ctx, pluginsdk.Question{ID: "q", Text: "sure?"})
		if err != nil {
			return nil, err
		}
		f, err := inv.Host.Files().Create("out.txt")
		if err != nil {
			return nil, err
		}
		_, err = io.WriteString(f, text.Text+" "+answer.Value)
		return &pluginsdk.Result{}, errors.Join(err, f.Close())
	}, event.NewMemory(), func(o *engine.Options) {
		o.Connection = func() (engine.Connection, bool) { return engine.Connection{Model: m, Name: "m"}, true }
	})
	id := e.startWith(task.Spec{Input: "/p:go", Cwd: e.folder})
	s := e.ended(id)
	if s.Status != event.StatusParked || len(e.files()) != 1 {
		t.Fatalf("%s %+v, files %v", s.Status, s.Error, e.files())
	}
	if err := e.tasks.Answer(t.Context(), id, "q", "yes"); err != nil {
		t.Fatal(err)
	}
	if s = e.ended(id); s.Status != event.StatusDone || e.files()["out.txt"] != "It is fine. yes" || runs != 2 {
		t.Fatalf("%s %+v, files %v, %d runs", s.Status, s.Error, e.files(), runs)
	}
	asked := 0
	for _, r := range m.requests {
		if strings.Contains(string(r.Messages[0].Raw), "describe it") {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("the model was asked %d times", asked)
	}
}

// TestToolsOfTheRun reads a skill, a file beside it, and more of a long result.
func TestToolsOfTheRun(t *testing.T) {
	t.Parallel()
	m := script(
		said{calls: []string{`skill {"skill":"p:care"}`, `skill {"skill":"p:care","file":"./more.md"}`, `skill {"skill":"p:care","file":"../../../etc/passwd"}`, `read {"path":"long.txt"}`}},
		said{calls: []string{`output {"call":"c0-3","offset":30000,"limit":100}`}},
		said{text: "Done."},
	)
	e := talking(t, m)
	e.put("long.txt", strings.Repeat("0123456789abcde\n", 4000))
	if s := e.run("take care"); s.Status != event.StatusDone {
		t.Fatalf("%s %+v", s.Status, s.Error)
	}
	first := string(m.requests[1].Messages[2].Raw)
	for _, want := range []string{"Take care.", "More care.", "output", "is not a file of the skill"} {
		if !strings.Contains(strings.ReplaceAll(first, `\"`, `"`), want) {
			t.Errorf("no %q in %.3000s", want, first)
		}
	}
	if len(first) > 60_000 || !strings.Contains(m.last(), "0123456789abcde") {
		t.Errorf("%d bytes; then %s", len(first), m.last())
	}
}

// TestServerTools are offered where the person opened them, and not without
// the internet.
func TestServerTools(t *testing.T) {
	t.Parallel()
	search := policy.Rules{Grants: []policy.Grant{{ID: "1", Tool: "web_search", Target: "*", Scope: policy.Always}}}
	for _, c := range []struct {
		name  string
		rules policy.Rules
		off   bool
		want  int
	}{
		{"not opened", policy.Rules{}, false, 0},
		{"opened", search, false, 1},
		{"off the internet", search, true, 0},
		{"another tool opened", policy.Rules{Grants: []policy.Grant{{ID: "1", Tool: "web_fetch", Target: "*", Scope: policy.Always}}}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := script(said{text: "Done."})
			e := talking(t, m, func(o *engine.Options) { o.Rules = func(string) policy.Rules { return c.rules } })
			s := e.ended(e.startWith(task.Spec{Input: "look it up", NoInternet: c.off}))
			if s.Status != event.StatusDone || len(m.requests[0].ServerTools) != c.want {
				t.Errorf("%s %+v, server tools %+v", s.Status, s.Error, m.requests[0].ServerTools)
			}
		})
	}
}

// TestLimitWithoutPrices is shown once.
func TestLimitWithoutPrices(t *testing.T) {
	t.Parallel()
	e := talking(t, counting(3))
	s := e.ended(e.startWith(task.Spec{Input: "write", Budget: "1"}))
	if s.Status != event.StatusDone || len(s.Findings) != 1 || s.Findings[0].Rule != "cap.unpriced" {
		t.Errorf("%s %+v, findings %+v", s.Status, s.Error, s.Findings)
	}
}
