package anthropic_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

func TestGenerate(t *testing.T) {
	t.Parallel()
	calls := plugintest.Say(
		plugintest.ThinkingBlock("I think", "c2ln"),
		plugintest.TextBlock("I read <both> & \"more\" …"),
		plugintest.ToolBlock("a", "read", `{"z":1,"path":"/é\"q\".txt","n":12345678901234567890}`),
		plugintest.ToolBlock("b", "search", `{}`),
		plugintest.ToolBlock("c", "write", `{"x":{"y":[1,2.50,"\u003c"]}}`))
	for _, c := range []struct {
		name  string
		reply plugintest.Reply
		want  string
		stop  model.StopReason
	}{
		{"text", plugintest.SayText("Hello, world. It is a longer text."), `{"role":"assistant","content":[{"text":"Hello, world. It is a longer text.","type":"text"}]}`, "end_turn"},
		{"thinking and parallel calls", calls, `{"role":"assistant","content":[` +
			`{"signature":"c2ln","thinking":"I think","type":"thinking"},` +
			`{"text":"I read <both> & \"more\" …","type":"text"},` +
			`{"id":"a","input":{"z":1,"path":"/é\"q\".txt","n":12345678901234567890},"name":"read","type":"tool_use"},` +
			`{"id":"b","input":{},"name":"search","type":"tool_use"},` +
			`{"id":"c","input":{"x":{"y":[1,2.50,"\u003c"]}},"name":"write","type":"tool_use"}]}`, "tool_use"},
		{"unknown block", plugintest.Say(plugintest.RawBlock(`{"type":"novel", "zzz": 1e400,"deep":{"b":1,"a":2}}`)), `{"role":"assistant","content":[{"type":"novel", "zzz": 1e400,"deep":{"b":1,"a":2}}]}`, "end_turn"},
		{"unknown stop reason", plugintest.Reply{Content: []plugintest.ReplyBlock{plugintest.TextBlock("x")}, Stop: "novel"}, `{"role":"assistant","content":[{"text":"x","type":"text"}]}`, "novel"},
		{"nothing", plugintest.Reply{}, `{"role":"assistant","content":[]}`, "end_turn"},
		{"text without text", plugintest.Say(plugintest.TextBlock("\n\n"), plugintest.ToolBlock("a", "read", `{}`)), `{"role":"assistant","content":[{"id":"a","input":{},"name":"read","type":"tool_use"}]}`, "tool_use"},
		{"cut by the token limit", plugintest.Reply{Content: []plugintest.ReplyBlock{{Type: "tool_use", ID: "a", Name: "read", Input: json.RawMessage(`{"path":"/etc/passwd"}`), Cut: 12}}, Stop: "max_tokens"}, `{"role":"assistant","content":[{"id":"a","input":{},"name":"read","type":"tool_use"}]}`, "max_tokens"},
	} {
		for _, chunk := range []int{0, 1} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.reply.Chunk = chunk
				o := generate(t, connect(t, plugintest.NewMessages(t, c.reply), nil), t.Context(), hello())
				if diff := cmp.Diff(c.want, raw(t, o)); diff != "" {
					t.Error(diff)
				}
				if o.response.StopReason != c.stop {
					t.Errorf("stop reason %q", o.response.StopReason)
				}
				if o.response.ID == "" || o.response.RequestID == "" || o.response.Model != "claude-test" || o.response.Usage.Output == 0 {
					t.Errorf("%+v", o.response)
				}
			})
		}
	}
}

// What is shown while a message grows adds up to the message.
func TestDeltas(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t, plugintest.Reply{Content: []plugintest.ReplyBlock{
		plugintest.ThinkingBlock("first I think", "s"), plugintest.TextBlock("then\tI \"say\""), plugintest.ToolBlock("a", "read", `{"p":"x"}`),
	}, Chunk: 3})
	o := generate(t, connect(t, srv, nil), t.Context(), hello())
	raw(t, o)
	got := map[model.Delta]string{}
	for _, d := range o.deltas {
		got[model.Delta{Kind: d.Kind, Index: d.Index, Tool: d.Tool}] += d.Text
	}
	want := map[model.Delta]string{
		{Kind: model.DeltaThinking, Index: 0}:            "first I think",
		{Kind: model.DeltaText, Index: 1}:                "then\tI \"say\"",
		{Kind: model.DeltaInput, Index: 2, Tool: "read"}: `{"p":"x"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlainAnswer(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t, plugintest.Reply{Plain: true, Content: []plugintest.ReplyBlock{
		plugintest.TextBlock("a < b"), plugintest.ToolBlock("a", "read", `{"z":1.0,"a":2}`),
	}})
	o := generate(t, connect(t, srv, nil), t.Context(), hello())
	want := `{"role":"assistant","content":[{"text":"a < b","type":"text"},{"id":"a","input":{"z":1.0,"a":2},"name":"read","type":"tool_use"}]}`
	if diff := cmp.Diff(want, raw(t, o)); diff != "" {
		t.Error(diff)
	}
	if o.response.StopReason != model.StopToolUse || o.response.Usage.Output == 0 {
		t.Errorf("%+v", o.response)
	}
}

func TestInvalidUTF8(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t, plugintest.Say(
		plugintest.ReplyBlock{Type: "text", Text: "before ", Bytes: []byte("\xff\xfe after")},
		plugintest.RawBlock("{\"type\":\"novel\",\"x\":\"\xc3\"}"),
		plugintest.ToolBlock("a", "read", "{\"p\":\"\xf0\x28\"}")))
	o := generate(t, connect(t, srv, nil), t.Context(), hello())
	got := raw(t, o)
	if !utf8.ValidString(got) || !json.Valid([]byte(got)) || !strings.Contains(got, "before \uFFFD after") {
		t.Errorf("%q", got)
	}
}

func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	call := []plugintest.ReplyBlock{plugintest.TextBlock("I begin to"), plugintest.ToolBlock("a", "delete", `{"path":"/home/person/everything"}`)}
	cut := []plugintest.ReplyBlock{plugintest.TextBlock("x"), {Type: "tool_use", ID: "a", Name: "delete", Input: json.RawMessage(`{"path":"/home/person"}`), Cut: 12}}
	events := func(lines ...string) plugintest.Reply {
		return plugintest.Reply{Body: strings.Join(lines, "\n\n"), Header: map[string]string{"Content-Type": "text/event-stream"}}
	}
	start := `data: {"type":"message_start","message":{"id":"m","model":"x","usage":{"input_tokens":3}}}`
	block := func(s string) string {
		return `data: {"type":"content_block_start","index":0,"content_block":` + s + `}`
	}
	stop := `data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}` + "\n\n" + `data: {"type":"message_stop"}` + "\n\n"
	piece := func(s string) string {
		return `data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":` + s + `}}`
	}
	tool := block(`{"type":"tool_use","id":"a","name":"delete","input":{}}`)
	for _, c := range []struct {
		name  string
		reply plugintest.Reply
		kind  model.ErrorKind
		calls int // with two retries allowed
	}{
		{"ends without message_stop", plugintest.Reply{Content: call, End: plugintest.EndCut}, model.ErrorCut, 3},
		{"ends in the middle of a block", plugintest.Reply{Content: call, End: plugintest.EndCut, After: 2}, model.ErrorCut, 3},
		{"arguments cut half way", plugintest.Say(cut...), model.ErrorCut, 3},
		{"connection reset", plugintest.Reply{Content: call, End: plugintest.EndReset, After: 3}, model.ErrorCut, 3},
		{"reset before all", plugintest.Reply{End: plugintest.EndReset}, model.ErrorCut, 3},
		{"overloaded in the middle", plugintest.Reply{Content: call, End: plugintest.EndError}, model.ErrorOverload, 3},
		{"refused in the middle", plugintest.Reply{Content: call, End: plugintest.EndError, Error: "invalid_request_error", Message: "no"}, model.ErrorRequest, 1},
		{"hangs", plugintest.Reply{Content: call, End: plugintest.EndHang, After: 2}, model.ErrorIdle, 3},
		{"event torn apart", events(start, block(`{"type":"te`)), model.ErrorCut, 3},
		{"call with torn arguments", events(start, tool, piece(`"{\"path\":"`), stop), model.ErrorCut, 3},
		{"call with a list as arguments", events(start, tool, piece(`"[1]"`), stop), model.ErrorCut, 3},
		{"call without id", events(start, block(`{"type":"tool_use","name":"x","input":{}}`), stop), model.ErrorNotModel, 3},
		{"block out of order", events(start, `data: {"type":"content_block_start","index":7,"content_block":{"type":"text","text":""}}`, stop), model.ErrorNotModel, 3},
		{"delta without block", events(start, piece(`"x"`), stop), model.ErrorNotModel, 3},
		{"delta of an impossible block", events(start, `data: {"type":"content_block_delta","index":-1,"delta":{"type":"text_delta","text":"x"}}`, stop), model.ErrorNotModel, 3},
		{"begins twice", events(start, start, stop), model.ErrorNotModel, 3},
		{"begins with its end", events(stop), model.ErrorNotModel, 3},
		{"text that is a number", events(start, block(`{"type":"text","text":""}`), `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":5}}`, stop), model.ErrorNotModel, 3},
		{"no events", events(": nothing", ""), model.ErrorCut, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.reply.Times = -1
			srv := plugintest.NewMessages(t, c.reply)
			m := connect(t, srv, func(o *anthropic.Options) {
				o.MaxRetries = 2
				if c.kind == model.ErrorIdle {
					o.IdleTimeout = 100 * time.Millisecond
				}
			})
			o := generate(t, m, t.Context(), hello())
			var e *model.Error
			if !errors.As(o.err, &e) || e.Kind != c.kind {
				t.Fatalf("error %v, want kind %s", o.err, c.kind)
			}
			if e.Message == "" || e.Next == "" || !strings.Contains(e.Message, strings.TrimPrefix(srv.URL(), "http://")) {
				t.Errorf("message %q, next %q", e.Message, e.Next)
			}
			if n := len(srv.Requests()); n != c.calls || len(o.retries) != c.calls-1 {
				t.Errorf("%d calls and %d notices, want %d calls", n, len(o.retries), c.calls)
			}
		})
	}
}

// A message that breaks off is asked for again, and what it cost is told.
func TestBrokenStreamIsAskedForAgain(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t,
		plugintest.Reply{Content: []plugintest.ReplyBlock{plugintest.TextBlock("lost")}, End: plugintest.EndReset, After: 2},
		plugintest.SayText("found"))
	o := generate(t, connect(t, srv, nil), t.Context(), hello())
	if got := raw(t, o); !strings.Contains(got, "found") || strings.Contains(got, "lost") {
		t.Error(got)
	}
	if len(o.retries) != 1 || o.retries[0].Attempt != 1 || o.retries[0].Usage.InputTotal() == 0 {
		t.Errorf("%+v", o.retries)
	}
	reqs := srv.Requests()
	if string(reqs[0].Body) != string(reqs[1].Body) {
		t.Error("the second request differs")
	}
	srv.Add(plugintest.Reply{Content: []plugintest.ReplyBlock{plugintest.TextBlock("lost")}, End: plugintest.EndReset, After: 2})
	o = generate(t, connect(t, srv, func(o *anthropic.Options) { o.MaxRetries = -1 }), t.Context(), hello())
	var e *model.Error
	if !errors.As(o.err, &e) || e.Usage.InputTotal() == 0 {
		t.Errorf("what the last attempt used is not told: %+v", o.err)
	}
}

func TestGiantOutput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		size  int
		chunk int
		taken bool
	}{
		{"within bounds", 900 << 10, 64 << 10, true},
		{"beyond", 1100 << 10, 64 << 10, false},
		{"in one piece", 1100 << 10, 4 << 20, false},
		{"much", 16 << 20, 4 << 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := plugintest.NewMessages(t, plugintest.Reply{Content: []plugintest.ReplyBlock{{Type: "text", Text: "0123456789", Size: c.size}}, Chunk: c.chunk})
			o := generate(t, connect(t, srv, func(o *anthropic.Options) { o.MaxMessage = 1 << 20 }), t.Context(), hello())
			if c.taken {
				if n := len(raw(t, o)); n < c.size {
					t.Errorf("%d bytes", n)
				}
				return
			}
			var e *model.Error
			if !errors.As(o.err, &e) || !strings.Contains(e.Message, "larger than 1 MiB") || len(srv.Requests()) != 1 {
				t.Errorf("%v after %d calls", o.err, len(srv.Requests()))
			}
		})
	}
	t.Run("an answer in one piece", func(t *testing.T) {
		t.Parallel()
		srv := plugintest.NewMessages(t, plugintest.Reply{Plain: true, Content: []plugintest.ReplyBlock{{Type: "text", Text: "0123456789", Size: 2 << 20}}})
		o := generate(t, connect(t, srv, func(o *anthropic.Options) { o.MaxMessage = 1 << 20 }), t.Context(), hello())
		if o.err == nil || !strings.Contains(o.err.Error(), "larger than 1 MiB") {
			t.Error(o.err)
		}
	})
}

func TestCancel(t *testing.T) {
	// Not in parallel: it counts goroutines.
	srv := plugintest.NewMessages(t, plugintest.Reply{Content: []plugintest.ReplyBlock{plugintest.TextBlock("and so on")}, End: plugintest.EndHang})
	client := &http.Client{Transport: &http.Transport{}}
	m := connect(t, srv, func(o *anthropic.Options) { o.HTTPClient = client })
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var err error
	for c, e := range m.Generate(ctx, hello()) {
		if c.Delta != nil {
			cancel()
		}
		err = e
	}
	var e *model.Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Usage.InputTotal() == 0 {
		t.Errorf("error %v, which tells of %+v used", err, e)
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before+2 && time.Now().Before(deadline) { // the server's two
		client.CloseIdleConnections()
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before+2 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

func TestBreak(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t, plugintest.Reply{Content: []plugintest.ReplyBlock{plugintest.TextBlock("and so on")}, End: plugintest.EndHang, Times: -1})
	n := 0
	for _, err := range connect(t, srv, nil).Generate(t.Context(), hello()) {
		if err != nil {
			t.Error(err)
		}
		n++
		break
	}
	if n != 1 || len(srv.Requests()) != 1 {
		t.Errorf("%d chunks, %d calls", n, len(srv.Requests()))
	}
}

// The watch is on the server, not on whoever shows what it sends.
func TestSlowReaderIsNotIdle(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t, plugintest.Reply{Content: []plugintest.ReplyBlock{plugintest.TextBlock("a text in pieces")}, Chunk: 4})
	m := connect(t, srv, func(o *anthropic.Options) { o.IdleTimeout = time.Second })
	deltas := 0
	for c, err := range m.Generate(t.Context(), hello()) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Delta != nil {
			if deltas++; deltas == 1 {
				<-time.After(1200 * time.Millisecond)
			}
		}
	}
	if deltas != 4 || len(srv.Requests()) != 1 {
		t.Errorf("%d deltas in %d calls", deltas, len(srv.Requests()))
	}
}
