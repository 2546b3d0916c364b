package anthropic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/model"
)

// feed gives a message events, one a line, and returns what it is at the end.
func feed(events []byte) (*model.Response, error) {
	m := message{most: 1 << 20}
	sc := bufio.NewScanner(bytes.NewReader(events))
	for sc.Scan() && !m.done {
		if _, _, err := m.add("", sc.Bytes()); err != nil {
			return nil, err
		}
	}
	if !m.done {
		return nil, errCut
	}
	return m.response()
}

// stream is the events of a message with one block.
func streamOf(stop, block string, deltas ...string) []byte {
	lines := []string{
		`{"type":"message_start","message":{"id":"m","model":"x","usage":{"input_tokens":3}}}`,
		`{"type":"content_block_start","index":0,"content_block":` + block + `}`,
	}
	for _, d := range deltas {
		lines = append(lines, `{"type":"content_block_delta","index":0,"delta":`+d+`}`)
	}
	return []byte(strings.Join(append(lines,
		`{"type":"content_block_stop","index":0}`,
		`{"type":"message_delta","delta":{"stop_reason":"`+stop+`"},"usage":{"output_tokens":1}}`,
		`{"type":"message_stop"}`), "\n"))
}

func TestBlocksGrow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		stop   string
		block  string
		deltas []string
		want   string // empty: an error
	}{
		{"order of fields", "end_turn", `{"citations":[],"type":"text","text":"","x":{"b":1,"a":2}}`, []string{`{"type":"text_delta","text":"hi"}`}, `{"citations":[],"type":"text","text":"hi","x":{"b":1,"a":2}}`},
		{"text that is there at the start", "end_turn", `{"type":"text","text":"a"}`, []string{`{"type":"text_delta","text":"b"}`}, `{"type":"text","text":"ab"}`},
		{"escapes stay", "end_turn", `{"type":"text","text":""}`, []string{`{"type":"text_delta","text":"\u003c\/\u00e9"}`}, `{"type":"text","text":"\u003c\/\u00e9"}`},
		{"a character in two halves", "end_turn", `{"type":"text","text":""}`, []string{`{"type":"text_delta","text":"\ud83d"}`, `{"type":"text_delta","text":"\ude00"}`}, `{"type":"text","text":"😀"}`},
		{"half a character", "end_turn", `{"type":"text","text":""}`, []string{`{"type":"text_delta","text":"a\ud83d"}`}, "{\"type\":\"text\",\"text\":\"a\uFFFD\"}"},
		{"citations", "end_turn", `{"type":"text","text":"","citations":null}`, []string{`{"type":"citations_delta","citation":{"z":1,"a":2.0}}`, `{"type":"text_delta","text":"x"}`, `{"type":"citations_delta","citation":{"new":true}}`}, `{"type":"text","text":"x","citations":[{"z":1,"a":2.0},{"new":true}]}`},
		{"citations that are there", "end_turn", `{"type":"text","text":"x","citations":[{"a":1}]}`, []string{`{"type":"citations_delta","citation":{"b":1}}`}, `{"type":"text","text":"x","citations":[{"a":1},{"b":1}]}`},
		{"delta nobody knows", "end_turn", `{"type":"compaction","content":null}`, []string{`{"type":"compaction_delta","content":"a sum","tokens":5}`, `{"type":"compaction_delta","content":"mary","tokens":6}`}, `{"type":"compaction","content":"a summary","tokens":6}`},
		{"input with the start", "tool_use", `{"type":"tool_use","id":"a","name":"x","input":{"z":1,"a":2}}`, nil, `{"type":"tool_use","id":"a","name":"x","input":{"z":1,"a":2}}`},
		{"input in pieces", "tool_use", `{"type":"tool_use","id":"a","name":"x","input":{},"caller":{"type":"direct"}}`, []string{`{"type":"input_json_delta","partial_json":""}`, `{"type":"input_json_delta","partial_json":"{\"a\": 1."}`, `{"type":"input_json_delta","partial_json":"50}"}`}, `{"type":"tool_use","id":"a","name":"x","input":{"a": 1.50},"caller":{"type":"direct"}}`},
		{"no input at all", "tool_use", `{"type":"tool_use","id":"a","name":"x"}`, nil, `{"type":"tool_use","id":"a","name":"x","input":{}}`},
		{"input that is cut", "max_tokens", `{"type":"tool_use","id":"a","name":"x","input":{}}`, []string{`{"type":"input_json_delta","partial_json":"{\"path\":\"/"}`}, `{"type":"tool_use","id":"a","name":"x","input":{}}`},
		{"input that is cut but to be run", "tool_use", `{"type":"tool_use","id":"a","name":"x","input":{}}`, []string{`{"type":"input_json_delta","partial_json":"{\"path\":\"/"}`}, ``},
		{"input with something after it", "tool_use", `{"type":"tool_use","id":"a","name":"x","input":{}}`, []string{`{"type":"input_json_delta","partial_json":"{} {}"}`}, ``},
		{"input that is a text", "tool_use", `{"type":"tool_use","id":"a","name":"x","input":"rm"}`, nil, ``},
		{"search of the provider", "end_turn", `{"type":"server_tool_use","id":"s","name":"web_search","input":{}}`, []string{`{"type":"input_json_delta","partial_json":"{\"query\":\"q\"}"}`}, `{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}}`},
		{"signature alone", "end_turn", `{"type":"thinking","thinking":"","signature":""}`, []string{`{"type":"signature_delta","signature":"abc"}`}, `{"type":"thinking","thinking":"","signature":"abc"}`},
		{"redacted thinking", "end_turn", `{"type":"redacted_thinking","data":"xyz=="}`, nil, `{"type":"redacted_thinking","data":"xyz=="}`},
		{"no type", "end_turn", `{"text":"x"}`, nil, ``},
		{"not an object", "end_turn", `["x"]`, nil, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res, err := feed(streamOf(c.stop, c.block, c.deltas...))
			if c.want == "" {
				if err == nil {
					t.Fatalf("taken: %s", res.Message.Raw)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(`{"role":"assistant","content":[`+c.want+`]}`, string(res.Message.Raw)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEventsNobodyKnows(t *testing.T) {
	t.Parallel()
	events := streamOf("end_turn", `{"type":"text","text":"x"}`)
	for _, extra := range []string{`{"type":"ping"}`, `{"type":"brand_new","index":99,"delta":{}}`, `[DONE]`, ``, `{}`} {
		lines := bytes.Split(events, []byte("\n"))
		for at := range len(lines) {
			var with [][]byte
			with = append(with, lines[:at]...)
			with = append(with, []byte(extra))
			with = append(with, lines[at:]...)
			if res, err := feed(bytes.Join(with, []byte("\n"))); err != nil || !strings.Contains(string(res.Message.Raw), `"x"`) {
				t.Errorf("%s at %d: %v", extra, at, err)
			}
		}
	}
}

func TestUsageIsMerged(t *testing.T) {
	t.Parallel()
	var u usage
	for _, raw := range []string{
		`{"input_tokens":10,"output_tokens":1,"cache_creation_input_tokens":7,"cache_creation":{"ephemeral_1h_input_tokens":3},"cache_read_input_tokens":5}`,
		``, `null`,
		`{"output_tokens":40,"input_tokens":null,"output_tokens_details":{"thinking_tokens":12},"server_tool_use":{"web_search_requests":2}}`,
	} {
		if err := u.merge(json.RawMessage(raw)); err != nil {
			t.Fatal(err)
		}
	}
	want := model.Usage{Input: 10, CacheRead: 5, CacheWrite5m: 4, CacheWrite1h: 3, Output: 40, Thinking: 12, WebSearches: 2}
	if diff := cmp.Diff(want, u.total()); diff != "" {
		t.Error(diff)
	}
	if err := u.merge(json.RawMessage(`{"input_tokens":"many"}`)); !errors.Is(err, errMalformed) {
		t.Error(err)
	}
	below := usage{}
	if err := below.merge(json.RawMessage(`{"input_tokens":-5,"cache_creation_input_tokens":-1}`)); err != nil || below.total() != (model.Usage{}) {
		t.Errorf("%v, %+v", err, below.total())
	}
}

// FuzzAccumulate: whatever a server sends, a message that is taken can be
// stored, read and sent back, and its calls can be run.
func FuzzAccumulate(f *testing.F) {
	f.Add(streamOf("tool_use", `{"type":"tool_use","id":"a","name":"x","input":{}}`, `{"type":"input_json_delta","partial_json":"{\"a\":1}"}`))
	f.Add(streamOf("end_turn", `{"type":"text","text":"","citations":[]}`, `{"type":"text_delta","text":"\ud83d"}`, `{"type":"citations_delta","citation":{"a":1}}`))
	f.Add(streamOf("end_turn", `{"type":"novel","x":{}}`, `{"type":"novel_delta","x":"s","y":[1]}`, `{"type":"novel_delta","y":"s"}`))
	f.Add([]byte("{\"type\":\"message_start\",\"message\":{}}\n{\"type\":\"message_stop\"}"))
	f.Fuzz(func(t *testing.T, events []byte) {
		res, err := feed(events)
		if err != nil {
			return
		}
		if !json.Valid(res.Message.Raw) || !utf8.Valid(res.Message.Raw) {
			t.Fatalf("not valid: %q", res.Message.Raw)
		}
		if bytes.ContainsAny(res.Message.Raw, "\n") {
			t.Fatalf("more than a line: %q", res.Message.Raw)
		}
		if _, err := res.Message.Blocks(); err != nil {
			t.Fatalf("%v: %s", err, res.Message.Raw)
		}
		seen := map[string]bool{}
		for _, call := range res.Message.Calls() {
			var input map[string]json.RawMessage
			if err := json.Unmarshal(call.Input, &input); err != nil || input == nil {
				t.Fatalf("call of %q with %s", call.Name, call.Input)
			}
			if call.ID == "" || call.Name == "" || seen[call.ID] {
				t.Fatalf("call without an id of its own: %+v", call)
			}
			seen[call.ID] = true
		}
		again, err := feed(events)
		if err != nil || !bytes.Equal(again.Message.Raw, res.Message.Raw) {
			t.Fatalf("the second time: %v", err)
		}
	})
}
