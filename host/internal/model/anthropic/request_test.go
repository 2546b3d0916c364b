package anthropic_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

func TestRequestBody(t *testing.T) {
	t.Parallel()
	req := &model.Request{
		Model:  "claude-x",
		System: []string{"first <b>", "", "second"},
		Tools: []model.Tool{
			{Name: "read", Description: "reads \"a\" file", InputSchema: json.RawMessage(`{"type":"object","properties":{"z":{},"a":{}}}`)},
			{Name: "list", Description: "", InputSchema: json.RawMessage(` {"type":"object"} `)},
		},
		ServerTools: []model.ServerTool{{Name: "web_search", MaxUses: 3}, {Name: "web_fetch"}, {Name: "novel"}},
		Messages:    []model.Message{model.UserMessage(nil, "a & b")},
		MaxTokens:   500, Effort: "high", Thinking: true,
	}
	want := `{"model":"claude-x","max_tokens":500,"stream":true,"cache_control":{"type":"ephemeral"},` +
		`"output_config":{"effort":"high"},"thinking":{"type":"adaptive","display":"summarized"},` +
		`"tools":[{"name":"read","description":"reads \"a\" file","input_schema":{"type":"object","properties":{"z":{},"a":{}}}},` +
		`{"name":"list","description":"","input_schema":{"type":"object"}},` +
		`{"type":"web_search_20250305","name":"web_search","max_uses":3},` +
		`{"type":"web_fetch_20250910","name":"web_fetch","cache_control":{"type":"ephemeral"}}],` +
		`"system":[{"type":"text","text":"first <b>","cache_control":{"type":"ephemeral"}},{"type":"text","text":"second","cache_control":{"type":"ephemeral"}}],` +
		`"messages":[{"role":"user","content":[{"type":"text","text":"a \u0026 b"}]}]}`
	srv := plugintest.NewMessages(t, plugintest.Reply{}, plugintest.Reply{})
	m := connect(t, srv, nil)
	raw(t, generate(t, m, t.Context(), req))
	if diff := cmp.Diff(want, string(srv.Requests()[0].Body)); diff != "" {
		t.Error(diff)
	}
	raw(t, generate(t, m, t.Context(), &model.Request{Messages: req.Messages}))
	want = `{"model":"claude-test","max_tokens":32000,"stream":true,"cache_control":{"type":"ephemeral"},"messages":[{"role":"user","content":[{"type":"text","text":"a \u0026 b"}]}]}`
	if diff := cmp.Diff(want, string(srv.Requests()[1].Body)); diff != "" {
		t.Error(diff)
	}
}

func TestRequestThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		req  model.Request
		want string
	}{
		{"schema that is no object", model.Request{Tools: []model.Tool{{Name: "odd", InputSchema: json.RawMessage(`[]`)}}}, "schema of the tool odd"},
		{"schema that is torn", model.Request{Tools: []model.Tool{{Name: "odd", InputSchema: json.RawMessage(`{"type":`)}}}, "schema of the tool odd"},
		{"no schema", model.Request{Tools: []model.Tool{{Name: "odd"}}}, "schema of the tool odd"},
		{"damaged message", model.Request{Messages: []model.Message{model.UserMessage(nil, "x"), {Raw: json.RawMessage(`{"role":"assis`)}}}, "message 2 of the conversation"},
		{"empty message", model.Request{Messages: []model.Message{{}}}, "message 1 of the conversation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := plugintest.NewMessages(t)
			o := generate(t, connect(t, srv, nil), t.Context(), &c.req)
			var e *model.Error
			if !errors.As(o.err, &e) || e.Kind != model.ErrorRequest || !strings.Contains(e.Message, c.want) || len(srv.Requests()) > 0 {
				t.Errorf("%v", o.err)
			}
		})
	}
}

// What the model said goes back as it came, whatever it holds.
func TestMessagesGoBackByteForByte(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t,
		plugintest.Reply{Chunk: 1, Content: []plugintest.ReplyBlock{
			plugintest.ThinkingBlock("hm", "c2lnbmF0dXJl"),
			plugintest.RawBlock(`{"zzz":{"b":1,"a":[1.0,1e2]},"type":"novel","n":12345678901234567890}`),
			plugintest.TextBlock("a <b> \u2028 & \\u0041 \U0001F600"),
			plugintest.ToolBlock("t1", "read", `{"z":1,"a":{"y":2.50,"h":"<&>"},"n":98765432109876543210}`),
			plugintest.ToolBlock("t2", "read", `{ "spaced" : [ ] }`),
		}},
		plugintest.SayText("done"), plugintest.SayText("again"))
	m := connect(t, srv, nil)
	req := hello()
	first := generate(t, m, t.Context(), req)
	said := raw(t, first)
	results := model.UserMessage([]model.ToolResult{{Call: "t1", Text: "one"}, {Call: "t2", Text: "two", Error: true}}, "and mind this")
	req.Messages = append(req.Messages, first.response.Message, results)
	second := generate(t, m, t.Context(), req)
	req.Messages = append(req.Messages, second.response.Message, model.UserMessage(nil, "more"))
	third := generate(t, m, t.Context(), req)
	raw(t, third)

	reqs := srv.Requests()
	want := `"messages":[` + string(hello().Messages[0].Raw) + "," + said + "," + string(results.Raw)
	for i, r := range reqs[1:] {
		if !strings.Contains(string(r.Body), want) {
			t.Errorf("request %d: the messages have changed\n%s\nwant\n%s", i+2, r.Body, want)
		}
	}
	for _, part := range []string{`{"z":1,"a":{"y":2.50,"h":"<&>"},"n":98765432109876543210}`, `{ "spaced" : [ ] }`, `"c2lnbmF0dXJl"`} {
		if !strings.Contains(said, part) {
			t.Errorf("%s is not in %s", part, said)
		}
	}
	for i, o := range []outcome{second, third} {
		if u := o.response.Usage; u.CacheRead == 0 || u.Input != 0 {
			t.Errorf("answer %d: usage %+v", i+2, u)
		}
	}
}

// A message without content is refused by the provider that sent it.
func TestEmptyMessagesAreLeftOut(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t, plugintest.Reply{}, plugintest.SayText("ok"))
	m := connect(t, srv, nil)
	req := hello()
	first := generate(t, m, t.Context(), req)
	raw(t, first)
	req.Messages = append(req.Messages, first.response.Message, model.UserMessage(nil, "well?"))
	raw(t, generate(t, m, t.Context(), req))
	if body := string(srv.Requests()[1].Body); strings.Contains(body, "assistant") {
		t.Error(body)
	}
}

// A server that lacks something gets requests without it, from the second on.
func TestServersThatLackFeatures(t *testing.T) {
	t.Parallel()
	refuse := func(message string) plugintest.Reply {
		return plugintest.Refuse(400, "invalid_request_error", message, "")
	}
	full := func() *model.Request {
		r := hello()
		r.Thinking, r.Effort, r.MaxTokens = true, "low", 10_000
		r.ServerTools = []model.ServerTool{{Name: "web_search"}, {Name: "web_fetch"}}
		return r
	}
	for _, c := range []struct {
		name     string
		refusals []plugintest.Reply
		gone     []string
		there    []string
	}{
		{"automatic cache", []plugintest.Reply{refuse("cache_control: Extra inputs are not permitted")}, []string{`"stream":true,"cache_control"`}, []string{`"text":"hello","cache_control":{"type":"ephemeral"}}]}`}},
		{"adaptive thinking", []plugintest.Reply{refuse("adaptive thinking is not supported on this model")}, []string{"adaptive"}, []string{`"thinking":{"type":"enabled","budget_tokens":5000}`}},
		{"all thinking", []plugintest.Reply{refuse("thinking.type: Input should be 'enabled'"), refuse("thinking: Extra inputs are not permitted")}, []string{"thinking"}, nil},
		{"effort", []plugintest.Reply{refuse("output_config: Extra inputs are not permitted")}, []string{"effort"}, []string{"adaptive"}},
		{"search", []plugintest.Reply{refuse("tools.0: web_search_20250305 is not available")}, []string{"web_search"}, []string{"web_fetch"}},
		{"another server's words", []plugintest.Reply{{Status: 422, Body: `{"detail":[{"loc":["body","output_config"],"msg":"extra"}]}`}}, []string{"effort"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := plugintest.NewMessages(t, append(c.refusals, plugintest.SayText("ok"), plugintest.SayText("ok"))...)
			m := connect(t, srv, nil)
			for range 2 {
				o := generate(t, m, t.Context(), full())
				raw(t, o)
				if len(o.retries) != 0 {
					t.Errorf("%+v", o.retries)
				}
			}
			reqs := srv.Requests()
			if len(reqs) != len(c.refusals)+2 {
				t.Fatalf("%d calls", len(reqs))
			}
			for _, r := range reqs[len(c.refusals):] {
				for _, part := range c.gone {
					if strings.Contains(string(r.Body), part) {
						t.Errorf("%s is in %s", part, r.Body)
					}
				}
				for _, part := range c.there {
					if !strings.Contains(string(r.Body), part) {
						t.Errorf("%s is not in %s", part, r.Body)
					}
				}
			}
		})
	}
	t.Run("for ever", func(t *testing.T) {
		t.Parallel()
		no := refuse("cache_control adaptive thinking output_config web_search web_fetch")
		no.Times = -1
		srv := plugintest.NewMessages(t, no)
		if o := generate(t, connect(t, srv, nil), t.Context(), full()); o.err == nil || len(srv.Requests()) > 10 {
			t.Errorf("%v after %d calls", o.err, len(srv.Requests()))
		}
	})
}

func TestCount(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t)
	m := connect(t, srv, nil)
	few, err := m.Count(t.Context(), hello())
	if err != nil {
		t.Fatal(err)
	}
	long := hello()
	long.System = []string{strings.Repeat("word ", 1000)}
	many, err := m.Count(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	if few <= 0 || many < few+1000 {
		t.Errorf("%d and %d tokens", few, many)
	}
	other, err := anthropic.New(anthropic.Options{BaseURL: srv.URL() + "/nothing-here", Wait: new(waits).wait})
	if err != nil {
		t.Fatal(err)
	}
	var e *model.Error
	if _, err := other.Count(t.Context(), hello()); !errors.As(err, &e) || e.Kind != model.ErrorRequest {
		t.Errorf("a server that does not count: %v", err)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	told := plugintest.NewMessagesScript(t, plugintest.Script{Window: 1_000_000, MaxOutput: 128_000})
	mute := plugintest.NewMessagesScript(t, plugintest.Script{NoModels: true})
	locked := plugintest.NewMessagesScript(t, plugintest.Script{Key: "other"})
	for _, c := range []struct {
		name string
		srv  *plugintest.Messages
		ask  string
		want model.Info
		kind model.ErrorKind
	}{
		{"told", told, "claude-x", model.Info{Name: "claude-x", ContextWindow: 1_000_000, MaxOutput: 128_000}, ""},
		{"the connection's own", told, "", model.Info{Name: "claude-test", ContextWindow: 1_000_000, MaxOutput: 128_000}, ""},
		{"a name that is a path", told, "../../secret?x", model.Info{Name: "../../secret?x", ContextWindow: 1_000_000, MaxOutput: 128_000}, ""},
		{"not told", mute, "x", model.Info{Name: "x", ContextWindow: 200_000, MaxOutput: 32_000}, ""},
		{"refused", locked, "x", model.Info{}, model.ErrorAuth},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := connect(t, c.srv, nil)
			for range 2 { // the second time from memory
				got, err := m.Info(t.Context(), c.ask)
				var e *model.Error
				if errors.As(err, &e) != (c.kind != "") || e != nil && e.Kind != c.kind {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t, plugintest.Reply{
		Content: []plugintest.ReplyBlock{plugintest.TextBlock("x")},
		Usage: map[string]int64{
			"input_tokens": 1, "output_tokens": 20, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 4,
			"web_search_requests": 5, "web_fetch_requests": 6,
		},
	})
	o := generate(t, connect(t, srv, nil), t.Context(), hello())
	raw(t, o)
	u := o.response.Usage
	if u.Input != 1 || u.Output != 20 || u.CacheRead != 3 || u.CacheWrite5m < 4 || u.WebSearches != 5 || u.WebFetches != 6 {
		t.Errorf("%+v", u)
	}
}

// Over a long task nearly all input comes from the provider's cache.
func TestCachedPrefix(t *testing.T) {
	t.Parallel()
	total, read := longTask(t, plugintest.NewMessages(t))
	if share := float64(read) / float64(total); share < 0.9 {
		t.Errorf("%.1f%% of the input after turn 3 comes from the cache", 100*share)
	}
}

// longTask runs 30 turns and returns the input after the third, and what of it
// was read from the cache.
func longTask(t testing.TB, srv *plugintest.Messages) (total, read int64) {
	t.Helper()
	const turns = 30
	m := connect(t, srv, nil)
	req := &model.Request{
		System: []string{strings.Repeat("You help with work. ", 200)}, MaxTokens: 1000, Thinking: true,
		Tools:    []model.Tool{{Name: "read", Description: "read a file", InputSchema: json.RawMessage(`{"type":"object"}`)}},
		Messages: []model.Message{model.UserMessage(nil, "do it")},
	}
	for turn := range turns {
		srv.Add(plugintest.Say(
			plugintest.ThinkingBlock("next", "sig"), plugintest.TextBlock(fmt.Sprintf("step %d", turn)),
			plugintest.ToolBlock("", "read", fmt.Sprintf(`{"path":"file-%d.txt","n":%d.0}`, turn, turn))))
		o := generate(t, m, t.Context(), req)
		raw(t, o)
		if turn >= 3 {
			total += o.response.Usage.InputTotal()
			read += o.response.Usage.CacheRead
		}
		var results []model.ToolResult
		for _, c := range o.response.Message.Calls() {
			results = append(results, model.ToolResult{Call: c.ID, Text: strings.Repeat("a line of the file\n", 40)})
		}
		req.Messages = append(req.Messages, o.response.Message, model.UserMessage(results))
	}
	return total, read
}
