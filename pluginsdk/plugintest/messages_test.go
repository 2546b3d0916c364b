package plugintest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

const ask = `{"model":"m","max_tokens":10,"stream":true,"messages":[{"role":"user","content":"hello"}]}`

// post sends a request and returns the status and what came before the end.
func post(t testing.TB, url, body string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return res.StatusCode, string(got), err
}

// read returns the texts of a stream's deltas, one string per block, and the
// last event's type.
func read(t testing.TB, stream string) (blocks []string, last string) {
	t.Helper()
	for sc := bufio.NewScanner(strings.NewReader(stream)); sc.Scan(); {
		data, ok := strings.CutPrefix(sc.Text(), "data: ")
		if !ok {
			continue
		}
		var e struct {
			Type  string
			Index int
			Delta struct {
				Text, Thinking, Signature string
				Input                     string `json:"partial_json"`
			}
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("event %s: %v", data, err)
		}
		last = e.Type
		if e.Type == "content_block_start" {
			blocks = append(blocks, "")
		}
		if e.Type == "content_block_delta" {
			blocks[e.Index] += e.Delta.Text + e.Delta.Thinking + e.Delta.Signature + e.Delta.Input
		}
	}
	return blocks, last
}

func TestMessagesReplies(t *testing.T) {
	t.Parallel()
	all := []plugintest.ReplyBlock{
		plugintest.ThinkingBlock("hm, é\u2026", "sig"),
		plugintest.TextBlock("A text with \"quotes\" and a\nnew line"),
		plugintest.ToolBlock("t1", "read", `{"b":1.50,"a":[12345678901234567890]}`),
		plugintest.RawBlock(`{"type":"new_block","x":1}`),
	}
	want := []string{"hm, é\u2026sig", "A text with \"quotes\" and a\nnew line", `{"b":1.50,"a":[12345678901234567890]}`, ""}
	for _, c := range []struct {
		name   string
		reply  plugintest.Reply
		status int
		blocks []string
		last   string
		broken bool
	}{
		{"all kinds of block", plugintest.Say(all...), 200, want, "message_stop", false},
		{"deltas of one byte", plugintest.Reply{Content: all, Chunk: 1}, 200, want, "message_stop", false},
		{"cut tool call", plugintest.Say(plugintest.ReplyBlock{Type: "tool_use", Name: "x", Input: json.RawMessage(`{"a":"bcd"}`), Cut: 6}), 200, []string{`{"a":"`}, "content_block_delta", false},
		{"cut by max_tokens", plugintest.Reply{Content: []plugintest.ReplyBlock{{Type: "tool_use", Name: "x", Input: json.RawMessage(`{"a":"bcd"}`), Cut: 6}}, Stop: "max_tokens"}, 200, []string{`{"a":"`}, "message_stop", false},
		{"cut stream", plugintest.Reply{Content: all, End: plugintest.EndCut, After: 2}, 200, []string{"hm, é\u2026"}, "content_block_delta", false},
		{"reset", plugintest.Reply{Content: all, End: plugintest.EndReset, After: 2}, 200, nil, "", true},
		{"error event", plugintest.Reply{Content: all, End: plugintest.EndError}, 200, want, "error", false},
		{"refused", plugintest.Refuse(529, "overloaded_error", "busy", "1"), 529, nil, "", false},
		{"page", plugintest.Page(502, "<html>bad gateway</html>"), 502, nil, "", false},
		{"giant", plugintest.Say(plugintest.ReplyBlock{Type: "text", Text: "ab", Size: 1001}), 200, []string{strings.Repeat("ab", 501)[:1001]}, "message_stop", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := plugintest.NewMessages(t, c.reply)
			status, body, err := post(t, m.URL()+"/v1/messages", ask)
			if (err != nil) != c.broken {
				t.Fatalf("err = %v, want broken %v", err, c.broken)
			}
			if c.broken {
				return
			}
			blocks, last := read(t, body)
			if status != c.status || last != c.last {
				t.Errorf("status %d, last event %q, want %d, %q\n%s", status, last, c.status, c.last, body)
			}
			if diff := cmp.Diff(c.blocks, blocks); diff != "" {
				t.Error(diff)
			}
			if m.Unused() != 0 || len(m.Requests()) != 1 {
				t.Errorf("%d replies unused, %d requests", m.Unused(), len(m.Requests()))
			}
		})
	}
}

func TestMessagesPlain(t *testing.T) {
	t.Parallel()
	m := plugintest.NewMessages(t,
		plugintest.Say(plugintest.TextBlock("a <b> & c"), plugintest.ToolBlock("t1", "x", `{"z":1,"a":2.50}`)))
	_, body, err := post(t, m.URL()+"/v1/messages", strings.Replace(ask, `"stream":true,`, "", 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"text":"a <b> & c"`, `"input":{"z":1,"a":2.50}`, `"stop_reason":"tool_use"`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
}

func TestMessagesGateAndHang(t *testing.T) {
	t.Parallel()
	m := plugintest.NewMessages(t,
		plugintest.Reply{Content: []plugintest.ReplyBlock{plugintest.TextBlock("late")}, Gate: "go"},
		plugintest.Reply{End: plugintest.EndHang})
	got := make(chan string, 1)
	go func() {
		_, body, err := post(t, m.URL()+"/v1/messages", ask)
		got <- fmt.Sprint(strings.Contains(body, "late"), err)
	}()
	for len(m.Requests()) == 0 {
		select {
		case s := <-got:
			t.Fatalf("it did not wait: %s", s)
		default:
		}
	}
	m.Release("go")
	if s := <-got; s != "true <nil>" {
		t.Error(s)
	}

	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL()+"/v1/messages", strings.NewReader(ask))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	cancel()
	if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want that it hung until cancelled", err)
	}
}

// conversation is a request after n tool calls.
func conversation(n int, system string) string {
	var b strings.Builder
	b.WriteString(`{"model":"m","max_tokens":10,"cache_control":{"type":"ephemeral"},"stream":true,"system":[{"type":"text","text":"` + system + `","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":"begin ` + strings.Repeat("x", 400) + `"}`)
	for i := range n {
		fmt.Fprintf(&b, `,{"role":"assistant","content":[{"type":"tool_use","id":"t%d","name":"x","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t%d","content":"done"}]}`, i, i)
	}
	b.WriteString("]}")
	return b.String()
}

func TestMessagesWhen(t *testing.T) {
	t.Parallel()
	m := plugintest.NewMessagesScript(t, plugintest.Script{
		Replies: append(
			plugintest.InOrder(plugintest.When{System: "a \"child\""}, plugintest.SayText("child 1"), plugintest.SayText("child 2")),
			plugintest.Reply{When: plugintest.When{Last: "done"}, Content: []plugintest.ReplyBlock{plugintest.TextBlock("use {{n}}")}, Times: 2},
			plugintest.SayText("first")),
	})
	child := `a \"child\"`
	for _, c := range []struct{ body, want string }{
		{conversation(1, "parent"), "use 1"},
		{conversation(0, child), "child 1"},
		{conversation(0, child), "child 1"}, // asked again
		{conversation(1, child), "child 2"},
		{conversation(1, "parent"), "use 2"},
		{conversation(1, "parent"), "first"}, // the other is used up
	} {
		_, body, err := post(t, m.URL()+"/v1/messages", c.body)
		if err != nil {
			t.Fatal(err)
		}
		if blocks, _ := read(t, body); !cmp.Equal(blocks, []string{c.want}) {
			t.Errorf("got %q, want %q", blocks, c.want)
		}
	}
}

func TestMessagesHandle(t *testing.T) {
	t.Parallel()
	m := plugintest.NewMessages(t)
	m.Handle(func(r plugintest.MessagesRequest) (plugintest.Reply, bool) {
		return plugintest.SayText("side"), strings.Contains(string(r.Body), "hello")
	})
	m.Add(plugintest.SayText("main"))
	for body, want := range map[string]string{ask: "side", conversation(0, "s"): "main"} {
		if _, got, err := post(t, m.URL()+"/v1/messages", body); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v, %s", want, err, got)
		}
	}
}

func TestMessagesSideRequests(t *testing.T) {
	t.Parallel()
	m := plugintest.NewMessagesScript(t, plugintest.Script{Window: 1000})
	if _, body, err := post(t, m.URL()+"/v1/messages/count_tokens", conversation(0, "system")); err != nil || !strings.HasPrefix(body, `{"input_tokens":1`) {
		t.Errorf("count: %v, %s", err, body)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL()+"/v1/models/claude-x", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var info struct {
		ID     string
		Window int64 `json:"max_input_tokens"`
		Output int64 `json:"max_tokens"`
	}
	if err := json.NewDecoder(res.Body).Decode(&info); err != nil {
		t.Fatal(err)
	}
	if info.ID != "claude-x" || info.Window != 1000 || info.Output != 64_000 {
		t.Errorf("%+v", info)
	}
	var list struct {
		Data []struct {
			Type, ID string
			Window   int64 `json:"max_input_tokens"`
		}
		HasMore bool   `json:"has_more"`
		First   string `json:"first_id"`
		Last    string `json:"last_id"`
	}
	getModels := func(m *plugintest.Messages) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL()+"/v1/models?limit=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode
	}
	if code := getModels(m); code != http.StatusOK || len(list.Data) != 1 || list.Data[0].Type != "model" || list.Data[0].Window != 1000 ||
		list.HasMore || list.Data[0].ID == "" || list.First != list.Data[0].ID || list.Last != list.Data[0].ID {
		t.Errorf("the list of models: %d, %+v", code, list)
	}
	if code := getModels(plugintest.NewMessagesScript(t, plugintest.Script{NoModels: true})); code != http.StatusNotFound {
		t.Errorf("a server without models: %d", code)
	}
	if len(m.Requests()) != 0 {
		t.Error("side requests count as calls")
	}
}

func TestMessagesUsage(t *testing.T) {
	t.Parallel()
	m := plugintest.NewMessages(t, plugintest.Reply{Times: -1})
	usage := func(body string) (plain, read, w5m, w1h int64) {
		t.Helper()
		_, got, err := post(t, m.URL()+"/v1/messages", body)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(got[strings.Index(got, "data: ")+6:], "\n")
		var e struct {
			Message struct {
				Usage struct {
					Input  int64 `json:"input_tokens"`
					Read   int64 `json:"cache_read_input_tokens"`
					Write  int64 `json:"cache_creation_input_tokens"`
					Detail struct {
						W5m int64 `json:"ephemeral_5m_input_tokens"`
						W1h int64 `json:"ephemeral_1h_input_tokens"`
					} `json:"cache_creation"`
				}
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		u := e.Message.Usage
		if u.Write != u.Detail.W5m+u.Detail.W1h {
			t.Errorf("the kinds of writing do not add up: %+v", u)
		}
		return u.Input, u.Read, u.Detail.W5m, u.Detail.W1h
	}
	plain, read, w5m, w1h := usage(conversation(0, "system"))
	if plain != 0 || read != 0 || w5m < 100 || w1h < 10 {
		t.Errorf("first: %d %d %d %d", plain, read, w5m, w1h)
	}
	if _, again, more, _ := usage(conversation(1, "system")); again < w5m+w1h-1 || more == 0 {
		t.Errorf("second: read %d of %d, wrote %d", again, w5m+w1h, more)
	}
	if _, read, _, _ := usage(conversation(1, "System")); read != 0 {
		t.Errorf("another system prompt reads %d", read)
	}
	if plain, _, _, _ := usage(ask); plain == 0 {
		t.Error("a request without breakpoints is cached")
	}
}

func TestMessagesRefusesWhatTheAPIRefuses(t *testing.T) {
	t.Parallel()
	head := `{"model":"m","max_tokens":1,"messages":[`
	user := `{"role":"user","content":"x"}`
	call := `{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"x","input":{}}]}`
	result := `{"type":"tool_result","tool_use_id":"a","content":"r"}`
	for name, body := range map[string]string{
		"no json":               `{`,
		"no model":              `{"max_tokens":1,"messages":[` + user + `]}`,
		"no max_tokens":         `{"model":"m","messages":[` + user + `]}`,
		"no messages":           head + `]}`,
		"starts with an answer": head + `{"role":"assistant","content":"x"}]}`,
		"call without result":   head + user + `,` + call + `,` + user + `]}`,
		"call at the end":       head + user + `,` + call + `]}`,
		"result without call":   head + `{"role":"user","content":[` + result + `]}]}`,
		"two results":           head + user + `,` + call + `,{"role":"user","content":[` + result + `,` + result + `]}]}`,
		"empty text":            head + `{"role":"user","content":[{"type":"text","text":" "}]}]}`,
		"tool without schema":   head + user + `],"tools":[{"name":"x"}]}`,
		"bad tool name":         head + user + `],"tools":[{"name":"x.y","input_schema":{}}]}`,
		"same tool twice":       head + user + `],"tools":[{"name":"x","input_schema":{}},{"name":"x","input_schema":{}}]}`,
		"too many breakpoints":  head + strings.Repeat(`{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]},`, 5) + user + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := plugintest.NewMessages(t)
			status, got, err := post(t, m.URL()+"/v1/messages", body)
			if err != nil || status != http.StatusBadRequest || !strings.Contains(got, "invalid_request_error") || len(m.Requests()) != 0 {
				t.Errorf("%v, status %d: %s", err, status, got)
			}
		})
	}
}

func TestMessagesKey(t *testing.T) {
	t.Parallel()
	m := plugintest.NewMessagesScript(t, plugintest.Script{Key: "secret"})
	if status, _, err := post(t, m.URL()+"/v1/messages", ask); err != nil || status != http.StatusUnauthorized {
		t.Errorf("%v, status %d", err, status)
	}
}

func TestServeScript(t *testing.T) {
	t.Parallel()
	script, err := plugintest.ParseScript([]byte(`{"replies": [
		{"gate": "g", "content": [{"type": "text", "text": "from a file"}]}
	]}`))
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- plugintest.ServeScript(ctx, l, script) }()
	url := "http://" + l.Addr().String()
	if _, _, err := post(t, url+"/script/release?gate=g", ""); err != nil {
		t.Fatal(err)
	}
	if _, body, err := post(t, url+"/v1/messages", ask); err != nil || !strings.Contains(body, "from a file") {
		t.Errorf("%v: %s", err, body)
	}
	if status, body, _ := post(t, url+"/v1/messages", ask); status != http.StatusBadRequest || !strings.Contains(body, "no reply for call 2") {
		t.Errorf("status %d: %s", status, body)
	}
	if _, body, err := post(t, url+"/script/requests", ""); err != nil || strings.TrimSpace(body) != "["+ask+","+ask+"]" {
		t.Errorf("%v: %s", err, body)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestParseScript(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"not json":      `{`,
		"unknown field": `{"replies": [{"txt": "x"}]}`,
		"more":          `{"replies": []} {}`,
		"unknown end":   `{"replies": [{"end": "never"}]}`,
		"untyped block": `{"replies": [{"content": [{"text": "x"}]}]}`,
		"nameless call": `{"replies": [{"content": [{"type": "tool_use"}]}]}`,
		"raw as a type": `{"replies": [{"content": [{"type": "raw", "raw": {}}]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s, err := plugintest.ParseScript([]byte(script)); err == nil {
				t.Errorf("taken: %+v", s)
			}
		})
	}
}

func FuzzParseScript(f *testing.F) {
	f.Add([]byte(`{"replies": [{"content": [{"type": "text", "text": "x"}], "when": {"call": 1}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := plugintest.ParseScript(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plugintest.ParseScript(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}
