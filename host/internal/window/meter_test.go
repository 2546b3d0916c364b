package window_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/window"
)

func request(messages ...model.Message) *model.Request {
	return &model.Request{
		System:   []string{strings.Repeat("s", 3000) + strings.Repeat("k", 500)},
		Tools:    []model.Tool{{Name: "read", Description: strings.Repeat("d", 1000), InputSchema: json.RawMessage(`{"type":"object"}`)}},
		Messages: messages,
	}
}

func sum(r window.Reading) int64 {
	var n int64
	for _, v := range r.Tokens {
		n += v
	}
	return n
}

func TestMeter(t *testing.T) {
	t.Parallel()
	var m window.Meter
	image := json.RawMessage(`{"role":"user","content":[{"type":"image","source":{"data":"` + strings.Repeat("A", 400_000) + `"}}]}`)
	other := json.RawMessage(`{"role":"assistant","content":[{"type":"tool_use","id":"g","name":"grep","input":{}}]}`)
	req := request(
		model.UserMessage(nil, strings.Repeat("q", 2000)), calls("a"), results(strings.Repeat("f", 7000), "a"),
		model.Message{Role: model.Assistant, Raw: other}, results(strings.Repeat("g", 4000), "g"), model.Message{Role: model.User, Raw: image},
	)
	got := m.Measure(req, strings.Repeat("k", 500), "read")
	if got.Total != sum(got) {
		t.Errorf("%d tokens in all, %d in the parts", got.Total, sum(got))
	}
	for c, want := range map[window.Category]int64{
		window.System: 857, window.Skills: 143, window.Tools: 291, window.Files: 3640, window.Results: 1165, window.History: 637,
	} {
		if n := got.Tokens[c]; n < want-40 || n > want+40 {
			t.Errorf("%s takes %d, want about %d", c, n, want)
		}
	}
	if diff := cmp.Diff(got.Tokens[window.Skills], got.Context()["skills"]); diff != "" {
		t.Error(diff)
	}
}

// TestMeterLearns corrects the estimate by real usage: exactly for the same
// request, closely for one that grew.
func TestMeterLearns(t *testing.T) {
	t.Parallel()
	const real = 0.5 // tokens per byte, unlike the first guess
	var m window.Meter
	messages := []model.Message{model.UserMessage(nil, "begin")}
	size := func() (n int64) {
		req := request(messages...)
		n = int64(len(req.System[0]) + len("read") + 1000 + len(`{"type":"object"}`))
		for _, msg := range messages {
			blocks, err := msg.Blocks()
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range blocks {
				n += int64(len(b.Raw))
			}
		}
		return n
	}
	for i := range 30 {
		got := m.Measure(request(messages...), "")
		want := int64(float64(size()) * real)
		if i > 0 && (got.Total < want*99/100 || got.Total > want*101/100) {
			t.Errorf("call %d: %d, want %d", i, got.Total, want)
		}
		m.Observe(model.Usage{Input: want / 4, CacheRead: want / 2, CacheWrite5m: want - want/4 - want/2})
		if again := m.Measure(request(messages...), ""); again.Total != want {
			t.Errorf("call %d: the same request reads %d, it was %d", i, again.Total, want)
		}
		id := fmt.Sprint("c", i)
		messages = append(messages, calls(id), results(strings.Repeat("data ", 100*i), id))
	}
	if n := m.Tokens(strings.Repeat("x", 1000)); n < 495 || n > 505 {
		t.Errorf("1000 bytes are %d tokens", n)
	}
	// The conversation was compacted: nothing of the old one is counted.
	before := m.Measure(request(messages...), "").Total
	after := m.Measure(request(model.UserMessage(nil, "short")), "")
	if after.Total > before/4 || after.Tokens[window.Results] != 0 {
		t.Errorf("%d before, %v after the compaction", before, after)
	}
}

func TestMeterIgnoresOtherUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		usage model.Usage
	}{
		{"nothing", model.Usage{}},
		{"server tools", model.Usage{Input: 4000, WebSearches: 3}},
		{"far too much", model.Usage{Input: 10_000_000}},
		{"far too little", model.Usage{Input: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var m window.Meter
			m.Observe(c.usage) // before anything was measured
			want := m.Measure(request(says("x")), "").Total
			m.Observe(c.usage)
			if got := m.Measure(request(says("x")), "").Total; got != want {
				t.Errorf("%d tokens, then %d", want, got)
			}
		})
	}
}

func TestMeterBadMessages(t *testing.T) {
	t.Parallel()
	var m window.Meter
	for _, raw := range []string{``, `{`, `{"content":1}`, `{"content":[1]}`, `{"content":"text"}`, `{"content":[{"type":"tool_result","tool_use_id":7}]}`} {
		r := m.Measure(request(model.Message{Role: model.User, Raw: json.RawMessage(raw)}), "not in the system prompt at all"+strings.Repeat("x", 10_000))
		if r.Total != sum(r) || r.Total <= 0 {
			t.Errorf("%s: %+v", raw, r)
		}
	}
	if r := m.Measure(&model.Request{}, ""); r.Total != 0 || len(r.Tokens) != 0 {
		t.Errorf("an empty request: %+v", r)
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tokens, window int64
		want           int
	}{{0, 100, 0}, {50, 200, 25}, {199_999, 200_000, 99}, {200_000, 200_000, 100}, {216_000, 200_000, 100}, {5, 0, 0}, {-5, 10, 0}} {
		if got := window.Percent(c.tokens, c.window); got != c.want {
			t.Errorf("%d of %d is %d %%, want %d", c.tokens, c.window, got, c.want)
		}
	}
}

// BenchmarkMeasure measures a request of many messages to which two were
// added: the cost is that of the new ones.
func BenchmarkMeasure(b *testing.B) {
	for _, n := range []int{50, 500, 5000} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			var messages []model.Message
			for i := range n / 2 {
				id := fmt.Sprint("c", i)
				messages = append(messages, calls(id), results(strings.Repeat("data ", 400), id))
			}
			var m window.Meter
			m.Measure(request(messages...), "", "read")
			b.ReportAllocs()
			for b.Loop() {
				m.Measure(request(messages...), "", "read")
			}
		})
	}
}
