package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

const (
	cachedTurns = 30
	// steerAt are the calls of the model during which the person says
	// something; pausedAt the one during which the task is paused.
	steerAt, steerAgain, pausedAt = 5, 13, 20
)

// cached is what a task's model calls took from the cache.
type cached struct {
	task          float64 // of its input after the third call, in percent
	tree          float64 // the same, with all calls of its sub-agents
	afterResume   float64 // of the input of the first call after the resume
	calls, agents int
}

// cachedTask runs a task of thirty calls of the model, behind real HTTP, that
// reads, writes, edits its plan, starts sub-agents, is steered, paused and
// resumed by another host. The server reports what a cache of exact prefixes
// would have.
func cachedTask(tb testing.TB) cached {
	tb.Helper()
	srv := plugintest.NewMessages(tb)
	m, err := anthropic.New(anthropic.Options{BaseURL: srv.URL(), APIKey: "k"})
	if err != nil {
		tb.Fatal(err)
	}
	e := newEnvOf(tb, upper, event.NewMemory(), func(o *engine.Options) {
		o.Connection = func() (engine.Connection, bool) { return engine.Connection{Model: m, Name: "m"}, true }
	})
	for i := range cachedTurns {
		e.put(fmt.Sprintf("part-%d.txt", i), strings.Repeat(fmt.Sprintf("line of part %d with some words in it\n", i), 60))
	}
	created := make(chan string, 1)
	srv.Handle(func(req plugintest.MessagesRequest) (plugintest.Reply, bool) { return cachedReply(tb, e, created, req) })
	id := e.start("go through all parts")
	created <- id
	if s := e.ended(id); s.Status != event.StatusParked {
		tb.Fatalf("it is to be paused: %s %+v", s.Status, s.Error)
	}
	e.restart()
	if err := e.tasks.Resume(tb.Context(), id, true); err != nil {
		tb.Fatal(err)
	}
	s := e.ended(id)
	if s.Status != event.StatusDone || s.Text != "That is all." || s.Messages != 2 || len(s.Children) != 4 {
		tb.Fatalf("%s %+v, %q, %d messages, %d sub-agents", s.Status, s.Error, s.Text, s.Messages, len(s.Children))
	}
	return e.cached(s)
}

// cachedReply answers by how many messages of the model the request holds.
func cachedReply(tb testing.TB, e *env, created chan string, req plugintest.MessagesRequest) (plugintest.Reply, bool) {
	var body struct {
		Messages []struct {
			Role    string
			Content json.RawMessage
		}
	}
	if err := json.Unmarshal(req.Body, &body); err != nil || len(body.Messages) == 0 {
		return plugintest.Reply{}, false
	}
	n := 0
	for _, m := range body.Messages {
		if m.Role == "assistant" {
			n++
		}
	}
	call := func(name, format string, args ...any) plugintest.ReplyBlock {
		return plugintest.ToolBlock("", name, fmt.Sprintf(format, args...))
	}
	if strings.Contains(string(body.Messages[0].Content), "look at part") { // a sub-agent
		if n < 3 {
			return plugintest.Say(call("read", `{"path":"part-%d.txt","limit":%d}`, n, 10+req.N)), true
		}
		return plugintest.Say(plugintest.TextBlock("Looked at it.")), true
	}
	id := <-created
	defer func() { created <- id }()
	var err error
	switch n + 1 {
	case steerAt, steerAgain:
		_, err = e.tasks.Send(tb.Context(), id, event.MessageQueued{Text: "mind the totals", When: event.WhenNow})
	case pausedAt:
		err = e.tasks.Pause(tb.Context(), id, "terminal")
	}
	if err != nil {
		tb.Error(err)
	}
	blocks := []plugintest.ReplyBlock{plugintest.ThinkingBlock("next", "sig"), plugintest.TextBlock(fmt.Sprintf("Part %d.", n))}
	switch {
	case n >= cachedTurns-1:
		blocks = []plugintest.ReplyBlock{plugintest.TextBlock("That is all.")}
	case n == 0:
		var ops []string
		for i := range cachedTurns {
			ops = append(ops, fmt.Sprintf(`{"op":"add","id":"s%d","text":"part %d"}`, i, i))
		}
		blocks = append(blocks, call("plan", `{"ops":[%s]}`, strings.Join(ops, ",")))
	case n == 8 || n == 16:
		blocks = append(blocks, call("agent", `{"description":"a","prompt":"look at part %d"}`, n), call("agent", `{"description":"b","prompt":"look at part %d"}`, n+1))
	case n%3 == 2:
		blocks = append(blocks, call("write", `{"path":"out-%d.txt","content":"out %d"}`, n, n), call("plan", `{"ops":[{"op":"status","id":"s%d","status":"done"}]}`, n))
	default:
		blocks = append(blocks, call("read", `{"path":"part-%d.txt"}`, n), call("grep", `{"pattern":"part %d","limit":5}`, n))
	}
	return plugintest.Say(blocks...), true
}

// cached reads from the logs what came from the cache.
func (e *env) cached(s *task.State) cached {
	e.t.Helper()
	var out cached
	var read, total, readTree, totalTree int64
	ids := []string{s.ID}
	for _, c := range s.Children {
		ids = append(ids, c.Child)
	}
	for _, id := range ids {
		for ev, err := range e.log.Read(e.t.Context(), id, 1) {
			if err != nil {
				e.t.Fatal(err)
			}
			u, err := event.Decode[event.ModelUsage](ev)
			if err != nil {
				continue
			}
			if id != s.ID {
				out.agents++
			} else if out.calls++; u.Call <= 3 {
				continue
			} else {
				read, total = read+u.CacheRead, total+u.InputTotal()
			}
			if id == s.ID && u.Call == pausedAt+1 {
				out.afterResume = 100 * float64(u.CacheRead) / float64(u.InputTotal())
			}
			readTree, totalTree = readTree+u.CacheRead, totalTree+u.InputTotal()
		}
	}
	out.task, out.tree = 100*float64(read)/float64(total), 100*float64(readTree)/float64(totalTree)
	return out
}

// TestCachedPrefix holds what is sent to the model to the byte, over tools,
// plan edits, sub-agents, steering and a resume: more than 90 % of the input
// comes from the cache.
func TestCachedPrefix(t *testing.T) {
	t.Parallel()
	got := cachedTask(t)
	t.Logf("%+v", got)
	if got.calls != cachedTurns || got.agents != 16 {
		t.Errorf("%d calls, %d of sub-agents", got.calls, got.agents)
	}
	if got.task <= 90 || got.afterResume <= 90 {
		t.Errorf("from the cache: %+v", got)
	}
}

// BenchmarkCachedPrefix reports what [TestCachedPrefix] checks.
func BenchmarkCachedPrefix(b *testing.B) {
	var got cached
	for b.Loop() {
		got = cachedTask(b)
	}
	b.ReportMetric(got.task, "cached-%")
	b.ReportMetric(got.afterResume, "after-resume-%")
	b.ReportMetric(got.tree, "with-agents-%")
}
