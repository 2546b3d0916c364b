package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/task"
)

// said is one answer of a scripted model.
type said struct {
	text string
	// calls are "name {input}" each; ids are made from the answer's number.
	calls []string
	stop  model.StopReason
	err   error
	wait  chan struct{} // closed when the answer may be given
}

// scripted is a model that answers by the number of its own messages in the
// conversation, so that a run that is taken up again goes on where it was.
type scripted struct {
	answer func(n int, req *model.Request) said

	mu       sync.Mutex
	requests []*model.Request
}

func script(answers ...said) *scripted {
	return &scripted{answer: func(n int, _ *model.Request) said {
		if n >= len(answers) {
			return said{text: "That is all."}
		}
		return answers[n]
	}}
}

func (s *scripted) Generate(ctx context.Context, req *model.Request) iter.Seq2[model.Chunk, error] {
	return func(yield func(model.Chunk, error) bool) {
		n := 0
		for _, m := range req.Messages {
			if m.Role == model.Assistant {
				n++
			}
		}
		s.mu.Lock()
		s.requests = append(s.requests, req)
		s.mu.Unlock()
		a := s.answer(n, req)
		if a.wait != nil {
			select {
			case <-a.wait:
			case <-ctx.Done():
				yield(model.Chunk{}, context.Cause(ctx))
				return
			}
		}
		if a.err != nil {
			yield(model.Chunk{}, a.err)
			return
		}
		if a.text != "" && !yield(model.Chunk{Delta: &model.Delta{Kind: model.DeltaText, Text: a.text}}, nil) {
			return
		}
		yield(model.Chunk{Response: a.response(n, req)}, nil)
	}
}

func (a said) response(n int, req *model.Request) *model.Response {
	var blocks []string
	if a.text != "" {
		blocks = append(blocks, fmt.Sprintf(`{"type":"text","text":%s}`, quoted(a.text)))
	}
	stop := model.StopEndTurn
	for i, c := range a.calls {
		name, input, _ := strings.Cut(c, " ")
		if input == "" {
			input = "{}"
		}
		blocks = append(blocks, fmt.Sprintf(`{"type":"tool_use","id":"c%d-%d","name":%q,"input":%s}`, n, i, name, input))
		stop = model.StopToolUse
	}
	if a.stop != "" {
		stop = a.stop
	}
	var size int64
	for _, m := range req.Messages {
		size += int64(len(m.Raw)) / 4
	}
	return &model.Response{
		Model: "m", StopReason: stop, Usage: model.Usage{Input: size + 100, Output: 10},
		Message: model.Message{Role: model.Assistant, Raw: json.RawMessage(`{"role":"assistant","content":[` + strings.Join(blocks, ",") + `]}`)},
	}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// last is the last message of the last request.
func (s *scripted) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		return ""
	}
	m := s.requests[len(s.requests)-1].Messages
	return string(m[len(m)-1].Raw)
}

// talking is an env with a model.
func talking(t testing.TB, m model.Model, change ...func(*engine.Options)) *env {
	t.Helper()
	return newEnvOf(t, upper, event.NewMemory(), func(o *engine.Options) {
		o.Connection = func() (engine.Connection, bool) { return engine.Connection{Model: m, Name: "m"}, true }
		for _, f := range change {
			f(o)
		}
	})
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	m := script(
		said{text: "Looking.", calls: []string{`list {"path":"."}`, `read {"path":"in.txt"}`}},
		said{calls: []string{`write {"path":"out.md","content":"# Out\n\nhello\n"}`}},
		said{text: "I wrote out.md."},
	)
	e := talking(t, m)
	s := e.run("make a note of the input")
	if s.Status != event.StatusDone {
		t.Fatalf("status %s, %+v", s.Status, s.Error)
	}
	if got := e.files()["out.md"]; got != "# Out\n\nhello\n" {
		t.Errorf("out.md is %q", got)
	}
	if !strings.Contains(string(m.requests[1].Messages[2].Raw), "hello") {
		t.Errorf("the model did not see the file: %s", m.requests[1].Messages[2].Raw)
	}
	if len(s.Artifacts) != 1 || s.Artifacts[0].Path != filepath.Join(e.folder, "out.md") || s.Artifacts[0].SHA256 == "" {
		t.Errorf("artifacts %+v", s.Artifacts)
	}
	if s.Completion == nil || s.Text != "I wrote out.md." || s.Usage.ModelCalls != 3 {
		t.Errorf("completion %+v, text %q, usage %+v", s.Completion, s.Text, s.Usage)
	}
	if _, err := e.store.Undo(t.Context(), undoAll(s.ID)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(e.folder, "out.md")); !os.IsNotExist(err) {
		t.Errorf("out.md after the undo: %v", err)
	}
}

func TestCommandWithAModel(t *testing.T) {
	t.Parallel()
	m := script(
		said{calls: []string{`read {"path":"out.txt"}`}},
		said{calls: []string{`edit {"path":"out.txt","old_text":"OUT hello","new_text":"OUT hello, and what it means"}`}},
		said{text: "Done."},
	)
	e := talking(t, m)
	s := e.run("/p:go in.txt")
	if s.Status != event.StatusDone {
		t.Fatalf("status %s, %+v", s.Status, s.Error)
	}
	first := string(m.requests[0].Messages[0].Raw)
	for _, want := range []string{"n = 1", "Say what the facts mean, for in.txt.", "out.txt"} {
		if !strings.Contains(first, want) {
			t.Errorf("the model was told %s: no %q", first, want)
		}
	}
	if got := e.files()["out.txt"]; got != "OUT hello, and what it means" {
		t.Errorf("out.txt is %q", got)
	}
	if len(s.Artifacts) != 1 || len(s.Facts) != 1 {
		t.Errorf("artifacts %+v, facts %+v", s.Artifacts, s.Facts)
	}
}

// TestModelFailsAfterTheHandler keeps what the handler delivered.
func TestModelFailsAfterTheHandler(t *testing.T) {
	t.Parallel()
	fail := true
	m := &scripted{}
	m.answer = func(int, *model.Request) said {
		if fail {
			return said{err: &model.Error{Kind: model.ErrorAuth, Message: "the key is refused", Next: "set another one"}}
		}
		return said{text: "Now."}
	}
	e := talking(t, m)
	s := e.run("/p:go in.txt")
	if s.Status != event.StatusFailed || s.Error.Code != "model_failed" || s.Error.Next != "set another one; then go on with `cowork task resume "+s.ID+"`" || len(s.Artifacts) != 1 {
		t.Fatalf("status %s, %+v, artifacts %v", s.Status, s.Error, s.Artifacts)
	}
	if e.files()["out.txt"] != "OUT hello" {
		t.Errorf("files %v", e.files())
	}
	fail = false
	if err := e.tasks.Resume(t.Context(), s.ID, true); err != nil {
		t.Fatal(err)
	}
	s = e.ended(s.ID)
	if s.Status != event.StatusDone || len(s.Steps) != 1 || s.Text != "Now." {
		t.Errorf("after the resume: %s %+v, %d steps, text %q", s.Status, s.Error, len(s.Steps), s.Text)
	}
	if n := strings.Count(strings.Join(kindsOf(e, s.ID), " "), "step.started"); n != 1 {
		t.Errorf("the handler ran %d times", n)
	}
}

func kindsOf(e *env, id string) []string {
	var out []string
	for _, k := range e.kinds(id) {
		out = append(out, string(k))
	}
	return out
}

func TestConversationWithoutTools(t *testing.T) {
	t.Parallel()
	m := script(said{text: "Hello."}, said{text: "Again."})
	e := talking(t, m)
	id, err := e.tasks.Start(t.Context(), task.Spec{Input: "hi", Light: true, Interactive: true})
	if err != nil {
		t.Fatal(err)
	}
	s := e.ended(id)
	if s.Status != event.StatusDone || s.Text != "Hello." || len(m.requests[0].Tools) != 0 {
		t.Fatalf("%s %+v, %q, %d tools", s.Status, s.Error, s.Text, len(m.requests[0].Tools))
	}
	if _, err := e.tasks.Send(t.Context(), id, event.MessageQueued{Text: "and now?", When: event.WhenNow}); err != nil {
		t.Fatal(err)
	}
	s = e.ended(id)
	if s.Text != "Again." || !strings.Contains(m.last(), "and now?") || strings.Count(m.last(), "and now?") != 1 {
		t.Errorf("text %q, last message %s", s.Text, m.last())
	}
}

// small is a scripted model with a small context window.
type small struct{ scripted }

func (*small) Info(context.Context, string) (model.Info, error) {
	return model.Info{ContextWindow: 20_000, MaxOutput: 2_000}, nil
}
