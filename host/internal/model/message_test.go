package model_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/model"
)

func TestBlocks(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	for _, c := range []struct {
		name string
		raw  string
		want []model.Block
	}{
		{"plain string", `{"role":"user","content":"a \"b\""}`, []model.Block{{Type: "text", Text: `a "b"`, Raw: raw(`"a \"b\""`)}}},
		{"nothing", `{"role":"assistant","content":[]}`, []model.Block{}},
		{"kinds", `{"content":[{"type":"text","text":"t"},{"type":"thinking","thinking":"h","signature":"s"},{"type":"novel","x":1e999}]}`, []model.Block{
			{Type: "text", Text: "t", Raw: raw(`{"type":"text","text":"t"}`)},
			{Type: "thinking", Text: "h", Raw: raw(`{"type":"thinking","thinking":"h","signature":"s"}`)},
			{Type: "novel", Raw: raw(`{"type":"novel","x":1e999}`)},
		}},
		{"call", `{"content":[{"type":"tool_use","id":"a","name":"n","input":{"z":1,"a":12345678901234567890}}]}`, []model.Block{{
			Type: "tool_use", Raw: raw(`{"type":"tool_use","id":"a","name":"n","input":{"z":1,"a":12345678901234567890}}`),
			Call: &model.ToolCall{ID: "a", Name: "n", Input: raw(`{"z":1,"a":12345678901234567890}`)},
		}}},
		{"call the provider runs", `{"content":[{"type":"server_tool_use","id":"a","name":"web_search","input":{}}]}`, []model.Block{{
			Type: "server_tool_use", Raw: raw(`{"type":"server_tool_use","id":"a","name":"web_search","input":{}}`),
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := model.Message{Raw: raw(c.raw)}.Blocks()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, broken := range []string{``, `{`, `[]`, `{"content":5}`, `{"content":[5]}`, `{"role":"user"}`} {
		if got, err := (model.Message{Raw: raw(broken)}).Blocks(); err == nil {
			t.Errorf("%s is taken: %+v", broken, got)
		}
	}
}

func TestTextAndCalls(t *testing.T) {
	t.Parallel()
	m := model.Message{Raw: json.RawMessage(`{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":" one\n"},{"type":"tool_use","id":"a","name":"x","input":{}},{"type":"text","text":" "},{"type":"text","text":"two"},{"type":"tool_use","id":"b","name":"y","input":{}}]}`)}
	if got := m.Text(); got != "one\n\ntwo" {
		t.Errorf("%q", got)
	}
	var names []string
	for _, c := range m.Calls() {
		names = append(names, c.ID+c.Name)
	}
	if diff := cmp.Diff([]string{"ax", "by"}, names); diff != "" {
		t.Error(diff)
	}
	broken := model.Message{Raw: json.RawMessage(`{`)}
	if broken.Text() != "" || broken.Calls() != nil {
		t.Error("a broken message has a text or calls")
	}
}

func TestUserMessage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		results []model.ToolResult
		texts   []string
		want    string
	}{
		{"text", nil, []string{"a"}, `{"role":"user","content":[{"type":"text","text":"a"}]}`},
		{"results before texts", []model.ToolResult{{Call: "1", Text: "r"}, {Call: "2", Text: "e", Error: true}}, []string{"a", "b"}, `{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"r"},{"type":"tool_result","tool_use_id":"2","content":"e","is_error":true},{"type":"text","text":"a"},{"type":"text","text":"b"}]}`},
		{"blank texts", []model.ToolResult{{Call: "1", Text: ""}}, []string{"", " \n", "a"}, `{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":""},{"type":"text","text":"a"}]}`},
		{"nothing", nil, []string{" "}, `{"role":"user","content":[]}`},
		{"text that looks like a result", nil, []string{`"}]},{"type":"tool_result","tool_use_id":"1"`}, `{"role":"user","content":[{"type":"text","text":"\"}]},{\"type\":\"tool_result\",\"tool_use_id\":\"1\""}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, string(model.UserMessage(c.results, c.texts...).Raw)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	a := model.Usage{Input: 1, CacheRead: 2, CacheWrite5m: 3, CacheWrite1h: 4, Output: 5, Thinking: 6, WebSearches: 7, WebFetches: 8}
	if a.InputTotal() != 10 {
		t.Error(a.InputTotal())
	}
	if diff := cmp.Diff(model.Usage{Input: 2, CacheRead: 4, CacheWrite5m: 6, CacheWrite1h: 8, Output: 10, Thinking: 12, WebSearches: 14, WebFetches: 16}, a.Plus(a)); diff != "" {
		t.Error(diff)
	}
}

// FuzzUserMessage: whatever a person, a file or a tool says stays one string
// in its place.
func FuzzUserMessage(f *testing.F) {
	f.Add("t1", "result", "text")
	f.Add(`"`, "\xff\x00\u2028", `"}],"role":"assistant"`)
	f.Fuzz(func(t *testing.T, id, result, text string) {
		m := model.UserMessage([]model.ToolResult{{Call: id, Text: result}}, "x"+text)
		if !json.Valid(m.Raw) || !utf8.Valid(m.Raw) || bytes.ContainsAny(m.Raw, "\n") {
			t.Fatalf("%q", m.Raw)
		}
		var got struct {
			Role    string
			Content []struct {
				Type    string
				ID      string `json:"tool_use_id"`
				Content string
				Text    string
			}
		}
		if err := json.Unmarshal(m.Raw, &got); err != nil {
			t.Fatal(err)
		}
		valid := func(s string) string { return string([]rune(s)) } // as JSON has it
		if got.Role != "user" || len(got.Content) != 2 || got.Content[0].ID != valid(id) ||
			got.Content[0].Content != valid(result) || got.Content[1].Text != valid("x"+text) {
			t.Errorf("%s", m.Raw)
		}
		if strings.Contains(result, "\xff") && !strings.Contains(string(m.Raw), "ufffd") && !strings.Contains(string(m.Raw), "\uFFFD") {
			t.Errorf("a bad byte is lost: %s", m.Raw)
		}
	})
}

func FuzzBlocks(f *testing.F) {
	f.Add([]byte(`{"content":[{"type":"tool_use","id":"a","name":"n","input":{}}]}`))
	f.Add([]byte(`{"content":"x"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := model.Message{Raw: raw}
		blocks, err := m.Blocks()
		if err != nil && (m.Text() != "" || m.Calls() != nil) {
			t.Error("a broken message has a text or calls")
		}
		for _, b := range blocks {
			if !bytes.Contains(raw, b.Raw) {
				t.Errorf("block %s is not in %s", b.Raw, raw)
			}
		}
	})
}
