package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/tool"
)

// said builds a log of payloads, as a task records them.
func said(t testing.TB, payloads ...event.Payload) []event.Event {
	t.Helper()
	var log []event.Event
	for i, p := range payloads {
		e, err := event.New(p)
		if err != nil {
			t.Fatal(err)
		}
		e.Seq, e.Task = int64(i+1), "t"
		log = append(log, e)
	}
	return log
}

func folded(log []event.Event) *conversation {
	c := &conversation{}
	for _, e := range log {
		c.Fold(event.Open(e))
	}
	return c
}

func pending(c *conversation) bool {
	open, _ := c.open()
	return len(open) > 0
}

func bodies(c *conversation) []string {
	var out []string
	for _, m := range c.Messages() {
		out = append(out, string(m.Raw))
	}
	return out
}

func calls(stop model.StopReason, ids ...string) event.ModelMessage {
	var blocks []string
	for _, id := range ids {
		blocks = append(blocks, fmt.Sprintf(`{"type":"tool_use","id":%q,"name":"read","input":{"path":%q,"n":12345678901234567890}}`, id, id))
	}
	return event.ModelMessage{Call: 1, StopReason: stop, Raw: `{"role":"assistant","content":[` + strings.Join(blocks, ",") + `]}`}
}

func ended(text string) event.ModelMessage {
	return event.ModelMessage{Call: 2, StopReason: model.StopEndTurn, Raw: fmt.Sprintf(`{"role":"assistant","content":[{"type":"text","text":%q}]}`, text)}
}

func got(call, text string) event.ToolResult {
	return event.ToolResult{Call: call, Tool: "read", Status: event.ResultOK, Text: text}
}

func TestConversation(t *testing.T) {
	t.Parallel()
	const hello = `{"role":"user","content":[{"type":"text","text":"hello"}]}`
	started := event.TurnStarted{Turn: 1, Text: "hello", Origin: "person"}
	results := func(parts ...string) string {
		return `{"role":"user","content":[` + strings.Join(parts, ",") + `]}`
	}
	result := func(id, text string, failed bool) string {
		more := ""
		if failed {
			more = `,"is_error":true`
		}
		return fmt.Sprintf(`{"type":"tool_result","tool_use_id":%q,"content":%q%s}`, id, text, more)
	}
	text := func(s string) string { return fmt.Sprintf(`{"type":"text","text":%q}`, s) }
	ab := calls(model.StopToolUse, "a", "b")
	for _, c := range []struct {
		name string
		log  []event.Payload
		want []string
		open []string
		over bool
	}{
		{"nothing", nil, nil, nil, false},
		{"a turn", []event.Payload{started}, []string{hello}, nil, false},
		{"an answer", []event.Payload{started, ended("hi")}, []string{hello, ended("hi").Raw}, nil, true},
		{
			"results come in the order of the calls",
			[]event.Payload{started, ab, got("b", "2"), got("a", "1")},
			[]string{hello, ab.Raw, results(result("a", "1", false), result("b", "2", false))},
			nil, false,
		},
		{
			"a call without a result is open",
			[]event.Payload{started, ab, got("b", "2")},
			[]string{hello, ab.Raw, results(result("a", "This call has no result: the run ended first.", true), result("b", "2", false))},
			[]string{"a"},
			false,
		},
		{
			"an error is marked",
			[]event.Payload{started, calls(model.StopToolUse, "a"), event.ToolResult{Call: "a", Status: event.ResultDenied, Text: "no"}},
			[]string{hello, calls(model.StopToolUse, "a").Raw, results(result("a", "no", true))},
			nil, false,
		},
		{
			"the first receipt stands",
			[]event.Payload{started, calls(model.StopToolUse, "a"), got("a", "1"), got("a", "2")},
			[]string{hello, calls(model.StopToolUse, "a").Raw, results(result("a", "1", false))},
			nil, false,
		},
		{
			"a result of a call nobody made is not shown",
			[]event.Payload{started, calls(model.StopToolUse, "a"), got("x", "1"), got("a", "1")},
			[]string{hello, calls(model.StopToolUse, "a").Raw, results(result("a", "1", false))},
			nil, false,
		},
		{
			"one id twice has one result",
			[]event.Payload{started, calls(model.StopToolUse, "a", "a"), got("a", "1"), got("a#2", "twice")},
			[]string{hello, calls(model.StopToolUse, "a", "a").Raw, results(result("a", "1", false))},
			nil, false,
		},
		{
			"a message is delivered with the results",
			[]event.Payload{started, ab, got("a", "1"), got("b", "2"), event.MessageDelivered{IDs: []string{"m"}, Turn: 1, Text: "faster"}},
			[]string{hello, ab.Raw, results(result("a", "1", false), result("b", "2", false), text("faster"))},
			nil, false,
		},
		{
			"a message after the answer goes on with the turn",
			[]event.Payload{started, ended("hi"), event.MessageDelivered{Turn: 1, Text: "and?"}},
			[]string{hello, ended("hi").Raw, results(text("and?"))},
			nil, false,
		},
		{
			"a message of the next turn is said by its start",
			[]event.Payload{started, ended("hi"), event.MessageDelivered{Turn: 2, Text: "/x:y"}, event.TurnStarted{Turn: 2, Text: "do it"}},
			[]string{hello, ended("hi").Raw, results(text("do it"))},
			nil, false,
		},
		{
			"a call that was cut off is not open",
			[]event.Payload{started, calls(model.StopMaxTokens, "a")},
			[]string{hello, calls(model.StopMaxTokens, "a").Raw, results(result("a", "This call was cut off before it was complete. Nothing was run.", true))},
			nil, false,
		},
		{
			"a new turn closes the calls of the last",
			[]event.Payload{started, ab, got("a", "1"), event.TurnStarted{Turn: 2, Text: "again"}, got("b", "late")},
			[]string{hello, ab.Raw, results(result("a", "1", false), result("b", "This call has no result: the run ended first.", true)), results(text("again"))},
			nil, false,
		},
		{
			"a pause of the provider is no end",
			[]event.Payload{started, event.ModelMessage{StopReason: model.StopPauseTurn, Raw: ended("…").Raw}},
			[]string{hello, ended("…").Raw},
			nil, false,
		},
		{
			"a compaction drops what it names",
			[]event.Payload{started, ab, got("a", "1"), got("b", "2"), calls(model.StopToolUse, "c"), got("c", "3"), event.Compacted{Upto: 4, Text: "ledger"}},
			[]string{results(text("ledger")), calls(model.StopToolUse, "c").Raw, results(result("c", "3", false))},
			nil, false,
		},
		{
			"a second compaction replaces the first",
			[]event.Payload{started, ended("x"), event.Compacted{Upto: 2, Text: "one"}, event.TurnStarted{Turn: 2, Text: "y"}, ended("z"), event.Compacted{Upto: 4, Text: "two"}},
			[]string{results(text("two")), ended("z").Raw},
			nil, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conv := folded(said(t, c.log...))
			if diff := cmp.Diff(c.want, bodies(conv)); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			var open []string
			asked, known := conv.open()
			for _, key := range tool.Keys(asked) {
				if !known[key].Finished {
					open = append(open, key)
				}
			}
			if diff := cmp.Diff(c.open, open); diff != "" {
				t.Errorf("open calls (-want +got):\n%s", diff)
			}
			if end, _ := conv.ending(); (end == endTurn) != c.over {
				t.Errorf("ending %v, over %v", end, c.over)
			}
			for _, m := range conv.Messages() {
				if !json.Valid(m.Raw) {
					t.Errorf("a message is no JSON: %s", m.Raw)
				}
			}
		})
	}
}

// TestConversationKeepsItsPrefix sends a conversation after every turn: what
// was sent before must be the beginning of what is sent now, byte for byte, or
// the provider's cache is lost.
func TestConversationKeepsItsPrefix(t *testing.T) {
	t.Parallel()
	payloads := []event.Payload{event.TurnStarted{Turn: 1, Text: "go"}}
	for i := range 40 {
		id := fmt.Sprint("c", i)
		payloads = append(payloads, calls(model.StopToolUse, id, id+"x"), got(id+"x", "ü\x00<&"), got(id, strings.Repeat("y", i*100)))
		if i%5 == 0 {
			payloads = append(payloads, event.MessageDelivered{IDs: []string{id}, Turn: 1, Text: "more " + id})
		}
	}
	live := &conversation{}
	before := []string{}
	for i, e := range said(t, payloads...) {
		live.Fold(event.Open(e))
		if e.Kind != event.KindModelMessage && e.Kind != event.KindTurnStarted || pending(live) && e.Kind != event.KindModelMessage {
			continue
		}
		// What a request before this message held.
		sent := bodies(live)
		if e.Kind == event.KindModelMessage {
			sent = sent[:len(sent)-1] // the answers are not there yet
		}
		if len(sent) < len(before) {
			t.Fatalf("after event %d %d messages are sent, %d were before", i, len(sent), len(before))
		}
		if diff := cmp.Diff(before, sent[:len(before)]); diff != "" {
			t.Fatalf("after event %d the prefix has changed:\n%s", i, diff)
		}
		before = sent
	}
	if diff := cmp.Diff(bodies(folded(said(t, payloads...))), bodies(live)); diff != "" {
		t.Errorf("a resumed conversation differs (-resumed +live):\n%s", diff)
	}
}
