package anthropic_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// mute is a server that reads a request and answers with one message, without
// a network.
type mute struct{ answer string }

func (m mute) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Request: req,
		Header: http.Header{"Content-Type": {"text/event-stream"}},
		Body:   io.NopCloser(strings.NewReader(m.answer)),
	}, nil
}

// stream is a message of n deltas.
func stream(n int) string {
	var b strings.Builder
	event := func(kind, rest string) {
		fmt.Fprintf(&b, "event: %s\ndata: {\"type\":\"%s\"%s}\n\n", kind, kind, rest)
	}
	event("message_start", `,"message":{"id":"m","type":"message","role":"assistant","model":"x","content":[],"usage":{"input_tokens":1,"output_tokens":1}}`)
	event("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`)
	for range n {
		event("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"hello world "}`)
	}
	event("content_block_stop", `,"index":0`)
	event("message_delta", `,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}`)
	event("message_stop", "")
	return b.String()
}

// BenchmarkTurn compares one turn with the bare SDK's, in one run: a history
// of so many messages, of 2 KB on average, and an answer of 200 deltas. Budget:
// 5 ms and twice the bytes.
func BenchmarkTurn(b *testing.B) {
	client := &http.Client{Transport: mute{stream(200)}}
	for _, n := range []int{1, 100, 500, 2000} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			ours, bare := ourTurn(b, client, n), bareTurn(b, client, n)
			ours() // what is made once
			bare()
			oursTime, oursBytes := time.Duration(0), uint64(0)
			bareTime, bareBytes := time.Duration(0), uint64(0)
			rounds := 0
			for b.Loop() {
				t, m := measure(ours)
				oursTime, oursBytes = oursTime+t, oursBytes+m
				t, m = measure(bare)
				bareTime, bareBytes = bareTime+t, bareBytes+m
				rounds++
			}
			b.ReportMetric(float64(oursTime-bareTime)/float64(rounds)/1e6, "overhead-ms")
			b.ReportMetric(float64(oursTime)/float64(bareTime), "time/sdk")
			b.ReportMetric(float64(oursBytes)/float64(bareBytes), "bytes/sdk")
		})
	}
}

// measure returns the time and the bytes allocated.
func measure(f func()) (time.Duration, uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	d := time.Since(start)
	runtime.ReadMemStats(&after)
	return d, after.TotalAlloc - before.TotalAlloc
}

func page() string { return strings.Repeat("lorem ipsum dolor sit amet ", 160) }

func ourTurn(b *testing.B, client *http.Client, n int) func() {
	m, err := anthropic.New(anthropic.Options{APIKey: "k", HTTPClient: client})
	if err != nil {
		b.Fatal(err)
	}
	req := &model.Request{
		System: []string{"sys"}, MaxTokens: 100, Messages: []model.Message{model.UserMessage(nil, "begin")},
		Tools: []model.Tool{{Name: "read", Description: "read a file", InputSchema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"}}}`)}},
	}
	for i := 0; len(req.Messages) < n; i++ {
		req.Messages = append(req.Messages,
			model.Message{Role: model.Assistant, Raw: fmt.Appendf(nil, `{"role":"assistant","content":[{"type":"text","text":"step"},{"type":"tool_use","id":"t%d","name":"read","input":{"path":"/a/b","q":"x"}}]}`, i)},
			model.UserMessage([]model.ToolResult{{Call: fmt.Sprint("t", i), Text: page()}}))
	}
	return func() {
		for _, err := range m.Generate(b.Context(), req) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func bareTurn(b *testing.B, client *http.Client, n int) func() {
	c := sdk.NewClient(option.WithoutEnvironmentDefaults(), option.WithAPIKey("k"), option.WithHTTPClient(client), option.WithoutOpenTelemetry())
	params := sdk.MessageNewParams{
		Model: "m", MaxTokens: 100, System: []sdk.TextBlockParam{{Text: "sys"}},
		Messages: []sdk.MessageParam{sdk.NewUserMessage(sdk.NewTextBlock("begin"))},
		Tools: []sdk.ToolUnionParam{{OfTool: &sdk.ToolParam{
			Name: "read", Description: sdk.String("read a file"),
			InputSchema: sdk.ToolInputSchemaParam{Properties: map[string]any{"path": map[string]any{"type": "string"}}},
		}}},
	}
	for i := 0; len(params.Messages) < n; i++ {
		params.Messages = append(params.Messages,
			sdk.NewAssistantMessage(sdk.NewTextBlock("step"), sdk.NewToolUseBlock(fmt.Sprint("t", i), map[string]any{"path": "/a/b", "q": "x"}, "read")),
			sdk.NewUserMessage(sdk.NewToolResultBlock(fmt.Sprint("t", i), page(), false)))
	}
	return func() {
		s := c.Messages.NewStreaming(b.Context(), params)
		var m sdk.Message
		for s.Next() {
			if err := m.Accumulate(s.Current()); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Err(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCachedPrefix reports how much of the input after turn 3 of a script
// of 30 turns comes from the cache. Budget: 90%.
func BenchmarkCachedPrefix(b *testing.B) {
	var total, read int64
	for b.Loop() {
		total, read = longTask(b, plugintest.NewMessages(b))
	}
	b.ReportMetric(100*float64(read)/float64(total), "cached-%")
}
