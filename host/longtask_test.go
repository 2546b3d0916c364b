package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// longSteps is how many files the long task writes, each a step of its plan.
const longSteps = 50

var (
	stepFile = regexp.MustCompile(`step-(\d\d)\.txt`)
	partDone = regexp.MustCompile(`Part (\w) is written`)
)

// longScript is the model of the long task. It answers from what the request
// holds alone, compacted or not, so that a host that was killed gets the same
// answer again.
func longScript(req plugintest.MessagesRequest) (plugintest.Reply, bool) {
	var body struct {
		Messages []struct {
			Role    string
			Content json.RawMessage
		}
		Tools []json.RawMessage
	}
	if json.Unmarshal(req.Body, &body) != nil || len(body.Messages) == 0 {
		return plugintest.Reply{}, false
	}
	all := string(req.Body[bytes.Index(req.Body, []byte(`"messages"`)):])
	say := func(text string) (plugintest.Reply, bool) {
		return plugintest.Reply{Content: []plugintest.ReplyBlock{{Type: "text", Text: text}}}, true
	}
	call := func(calls ...string) (plugintest.Reply, bool) {
		var r plugintest.Reply
		for i, c := range calls {
			name, input, _ := strings.Cut(c, " ")
			r.Content = append(r.Content, plugintest.ReplyBlock{Type: "tool_use", ID: fmt.Sprintf("c%d-%x", i, len(all)), Name: name, Input: json.RawMessage(input)})
		}
		return r, true
	}
	if len(body.Tools) == 0 {
		return say("The first files were written as planned.")
	}
	if first := string(body.Messages[0].Content); strings.Contains(first, "write part ") {
		part := first[strings.Index(first, "write part ")+11:][:1]
		if len(body.Messages) == 1 {
			return call(fmt.Sprintf(`write {"path":"part-%s.txt","content":"part %s"}`, part, part))
		}
		return say("Part " + part + " is written.")
	}
	next := 0
	for _, m := range stepFile.FindAllStringSubmatch(all, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			next = max(next, n+1)
		}
	}
	parts := map[string]bool{}
	for _, m := range partDone.FindAllStringSubmatch(all, -1) {
		parts[m[1]] = true
	}
	switch {
	case next == 0 && len(body.Messages) == 1:
		var ops []string
		for i := range longSteps {
			ops = append(ops, fmt.Sprintf(`{"op":"add","id":"s%02d","text":"write file %d"}`, i, i))
		}
		return call(`plan {"ops":[`+strings.Join(ops, ",")+`]}`, `read {"path":"in.txt"}`)
	case next == 10 && len(parts) < 5:
		var agents []string
		for _, p := range "ABCDE" {
			agents = append(agents, fmt.Sprintf(`agent {"description":"part %c","prompt":"write part %c now"}`, p, p))
		}
		return call(agents...)
	case next == 20 && !strings.Contains(all, "it is still needed"):
		return call(`request_delete {"paths":["keep.txt"]}`)
	case next < longSteps:
		// No step is named before it is written, but for its own.
		return call(
			fmt.Sprintf(`write {"path":"step-%02d.txt","content":%q}`, next, strings.Repeat(fmt.Sprintf("content of %d\n", next), 40)),
			fmt.Sprintf(`plan {"ops":[{"op":"status","id":"s%02d","status":"done"}]}`, next),
		)
	}
	return say("All files are written; keep.txt stays.")
}

// TestLongTask is a task of fifty planned steps with five sub-agents, two
// messages on its way, a deletion that is denied, a spending limit, a
// compaction, and two kills of the host with SIGKILL.
func TestLongTask(t *testing.T) {
	t.Parallel()
	model := plugintest.NewMessagesScript(t, plugintest.Script{Window: 16_000, MaxOutput: 2_000})
	model.Handle(longScript)
	home, folder := newHome(t)
	prices := `{"as_of":"2026-11-01","models":[{"model":"scripted","input":"1","output":"5"}]}`
	if err := errors.Join(
		os.MkdirAll(home, 0o700),
		os.WriteFile(filepath.Join(home, "prices.json"), []byte(prices), 0o600),
		os.WriteFile(filepath.Join(folder, "keep.txt"), []byte("kept"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	p := &watched{t: t, home: home, model: host.ModelSettings{BaseURL: model.URL(), Model: "scripted"}, next: map[string]int64{}, done: map[string]int{}}
	p.live()
	id, err := p.client.Run(t.Context(), host.RunRequest{
		Input: "write fifty files, and never name the blue folder", Folders: []string{folder}, Cwd: folder, Interactive: true, Budget: "0.30",
	})
	if err != nil {
		t.Fatal(err)
	}
	p.id = id
	for _, kill := range []string{"step-15.txt", "step-35.txt"} {
		p.follow(kill)
		p.kill()
		p.live()
		if err := p.client.Resume(t.Context(), id, true); err != nil {
			t.Fatal(err)
		}
	}
	p.follow("")
	s, err := p.client.State(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if s.Status != host.StatusDone || s.Text != "All files are written; keep.txt stays." {
		t.Fatalf("%s %+v, text %q, findings %+v", s.Status, s.Error, s.Text, s.Findings)
	}
	t.Logf("seen: %v; cost %s", p.done, s.Usage.Cost)
	for what, least := range map[string]int{"steer": 2, "denied": 1, "cap": 1, "context.compacted": 1, "child.done": 5, "killed": 2} {
		if p.done[what] < least {
			t.Errorf("%s: %d times, want %d", what, p.done[what], least)
		}
	}
	now := files(t, folder)
	for i := range longSteps {
		if !strings.Contains(now[fmt.Sprintf("step-%02d.txt", i)], fmt.Sprintf("content of %d\n", i)) {
			t.Errorf("step-%02d.txt is %.40q", i, now[fmt.Sprintf("step-%02d.txt", i)])
		}
	}
	if len(now) != longSteps+5+2 || now["keep.txt"] != "kept" {
		t.Errorf("%d files, keep.txt %q", len(now), now["keep.txt"])
	}
	done := 0
	for _, step := range s.Plan {
		if step.Status == "done" {
			done++
		}
	}
	if done != longSteps || len(s.Children) != 5 {
		t.Errorf("plan %d of %d, %d sub-agents", done, len(s.Plan), len(s.Children))
	}
	p.checkReceipts()
	told := ""
	for _, req := range model.Requests() {
		told += string(req.Body)
	}
	for _, want := range []string{"the files are for Ada", "and be quick", "it is still needed"} {
		if !strings.Contains(told, want) {
			t.Errorf("the model was never told %q", want)
		}
	}
	p.kill()
}

// watched is a host process that a person watches, steers and answers.
type watched struct {
	t      *testing.T
	home   string
	model  host.ModelSettings
	id     string
	client *host.Client
	cmd    *exec.Cmd
	next   map[string]int64
	done   map[string]int
}

// live starts a host process.
func (p *watched) live() {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	socket, err := host.Prepare(p.t.Context(), p.home)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.CommandContext(p.t.Context(), self, "host-under-test", p.home)
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.client = host.Dial(socket)
	r := &running{Client: p.client, t: p.t, home: p.home}
	r.up()
	if err := p.client.SetModel(p.t.Context(), p.model); err != nil {
		p.t.Fatal(err)
	}
}

func (p *watched) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait() // it was killed
	if err := host.Ended(p.t.Context(), p.home); err != nil {
		p.t.Fatal(err)
	}
	p.client.Close()
	p.done["killed"]++
}

// follow watches the task and does what the person does, until a tool call
// mentions the word, or to the end of the run.
func (p *watched) follow(word string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	for e, err := range p.client.Tree(ctx, p.id, p.next, true) {
		if err != nil {
			p.t.Fatalf("follow to %q: %v", word, err)
		}
		if e.Seq > 0 {
			p.next[e.Task] = e.Seq + 1
		}
		p.act(e)
		if word != "" && e.Kind == "tool.call" && strings.Contains(string(e.Data), word) {
			return
		}
	}
	if word != "" {
		s, _ := p.client.State(p.t.Context(), p.id)
		p.t.Fatalf("the task ended without %q: %+v", word, s)
	}
}

func (p *watched) act(e host.Event) {
	p.t.Helper()
	data := string(e.Data)
	switch e.Kind {
	case "context.compacted", "child.done":
		p.done[string(e.Kind)]++
		if e.Kind == "context.compacted" && !strings.Contains(data, "never name the blue folder") {
			p.t.Errorf("a compaction lost what was asked: %s", data)
		}
	case "message.delivered":
		if strings.Contains(data, "for Ada") || strings.Contains(data, "be quick") {
			p.done["steer"]++
		}
	case "tool.call":
		for at, text := range map[string]string{"step-05.txt": "the files are for Ada", "step-25.txt": "and be quick"} {
			if strings.Contains(data, at) {
				if _, err := p.client.Send(p.t.Context(), p.id, host.MessageRequest{Text: text, When: "now"}); err != nil {
					p.t.Error(err)
				}
			}
		}
	case "approval.asked":
		a := host.DecodeEvent[host.ApprovalAsked](e)
		answer := host.ApprovalRequest{ID: a.ID, Allow: a.Card.About == "cap", Scope: "once"}
		p.done[a.Card.About]++
		if a.Card.About == "tool" {
			answer.Reason, answer.Scope = "it is still needed", ""
			p.done["denied"]++
		}
		if err := p.client.Approve(p.t.Context(), e.Task, answer); err != nil {
			p.t.Errorf("answer %s: %v", a.Card.Action, err)
		}
	}
}

// checkReceipts looks for calls that were done twice.
func (p *watched) checkReceipts() {
	p.t.Helper()
	writes := map[string]int{}
	for e, err := range p.client.Events(p.t.Context(), p.id, 1, false) {
		if err != nil {
			p.t.Fatal(err)
		}
		if e.Kind != "tool.result" {
			continue
		}
		r := host.DecodeEvent[host.ToolResult](e)
		for _, c := range r.Changes {
			writes[c.Path]++
		}
	}
	for path, n := range writes {
		if n != 1 {
			p.t.Errorf("%s was written %d times", path, n)
		}
	}
}

// TestUndoOfATree takes back what a task and its sub-agents did to the same
// files, in the order in which it was done.
func TestUndoOfATree(t *testing.T) {
	t.Parallel()
	model := plugintest.NewMessages(t)
	model.Handle(func(req plugintest.MessagesRequest) (plugintest.Reply, bool) {
		n := bytes.Count(req.Body, []byte(`"role":"assistant"`))
		call := func(name, input string) (plugintest.Reply, bool) {
			return plugintest.Reply{Content: []plugintest.ReplyBlock{{Type: "tool_use", ID: fmt.Sprint("c", n), Name: name, Input: json.RawMessage(input)}}}, true
		}
		child := bytes.Contains(req.Body, []byte(`"text":"do the second part"`))
		switch {
		case n == 0:
			return call("read", `{"path":"in.txt"}`)
		case n == 1 && !child:
			return call("write", `{"path":"in.txt","content":"one","mode":"overwrite"}`)
		case n == 1:
			return call("write", `{"path":"in.txt","content":"two","mode":"overwrite"}`)
		case n == 2 && child:
			return call("write", `{"path":"sub.txt","content":"sub"}`)
		case n == 2:
			return call("agent", `{"description":"part two","prompt":"do the second part"}`)
		case n == 3 && !child:
			return call("read", `{"path":"in.txt"}`)
		case n == 4 && !child:
			return call("write", `{"path":"in.txt","content":"three","mode":"overwrite"}`)
		}
		return plugintest.Reply{Content: []plugintest.ReplyBlock{{Type: "text", Text: "Done."}}}, true
	})
	r := newHost(t, func(o *host.Options) { o.Model = host.ModelSettings{BaseURL: model.URL(), Model: "scripted"} })
	before := files(t, r.folder)
	id := r.start("write three times")
	r.until(id, "")
	if s := r.state(id); s.Status != host.StatusDone {
		t.Fatalf("%s %+v", s.Status, s.Error)
	}
	if now := files(t, r.folder); now["in.txt"] != "three" || now["sub.txt"] != "sub" {
		t.Fatalf("files %v; calls %+v", now, r.state(id).Calls)
	}
	changes, err := r.Changes(t.Context(), id)
	if err != nil || len(changes) != 4 || changes[1].Task == "" || changes[0].Task != "" {
		t.Fatalf("changes %+v, %v", changes, err)
	}
	dry, err := r.Undo(t.Context(), id, host.UndoRequest{DryRun: true})
	if err != nil || len(dry) != 4 || files(t, r.folder)["in.txt"] != "three" {
		t.Fatalf("dry run %+v, %v", dry, err)
	}
	if _, err := r.Undo(t.Context(), id, host.UndoRequest{Path: "sub.txt"}); err != nil {
		t.Fatal(err)
	}
	if now := files(t, r.folder); now["in.txt"] != "three" || now["sub.txt"] != "" {
		t.Fatalf("after the undo of one file: %v", now)
	}
	if _, err := r.Undo(t.Context(), id, host.UndoRequest{}); err != nil {
		t.Fatal(err)
	}
	if now := files(t, r.folder); now["in.txt"] != before["in.txt"] || len(now) != len(before) {
		t.Errorf("after the undo: %v", now)
	}
}
