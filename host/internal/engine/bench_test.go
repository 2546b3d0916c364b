package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
)

// mute is a model's server without a network: every answer but the last calls
// the tool "note". It notes what lies between an answer and the next request.
type mute struct {
	calls int // answers that call the tool

	mu     sync.Mutex
	given  int
	at     time.Time // when the last answer was given
	alloc  uint64
	times  []time.Duration
	allocs []uint64
	first  chan struct{} // closed by the first request
}

func (m *mute) RoundTrip(req *http.Request) (*http.Response, error) {
	now := time.Now()
	answer := func(kind, body string) *http.Response {
		return &http.Response{
			StatusCode: http.StatusOK, Request: req, Header: http.Header{"Content-Type": {kind}},
			Body: io.NopCloser(strings.NewReader(body)),
		}
	}
	if req.Method == http.MethodGet {
		return answer("application/json", `{"type":"model","id":"m","display_name":"m","created_at":"2026-01-01T00:00:00Z","max_input_tokens":10000000,"max_tokens":64000}`), nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if m.given > 0 {
		m.times = append(m.times, now.Sub(m.at))
		m.allocs = append(m.allocs, stats.TotalAlloc-m.alloc)
	} else if m.first != nil {
		close(m.first)
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	m.given++
	out := answer("text/event-stream", stream(m.given, m.given <= m.calls))
	runtime.ReadMemStats(&stats)
	m.at, m.alloc = time.Now(), stats.TotalAlloc
	return out, nil
}

// stream is an answer of 200 deltas, with a call of the tool when asked for.
func stream(n int, call bool) string {
	var b strings.Builder
	send := func(kind, rest string) {
		fmt.Fprintf(&b, "event: %s\ndata: {\"type\":\"%s\"%s}\n\n", kind, kind, rest)
	}
	stop := "end_turn"
	send("message_start", `,"message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}`)
	send("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`)
	for range 200 {
		send("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"hello world "}`)
	}
	send("content_block_stop", `,"index":0`)
	if call {
		stop = "tool_use"
		send("content_block_start", fmt.Sprintf(`,"index":1,"content_block":{"type":"tool_use","id":"n%d","name":"note","input":{}}`, n))
		send("content_block_delta", fmt.Sprintf(`,"index":1,"delta":{"type":"input_json_delta","partial_json":"{\"n\":%d}"}`, n))
		send("content_block_stop", `,"index":1`)
	}
	send("message_delta", `,"delta":{"stop_reason":"`+stop+`"},"usage":{"output_tokens":5}`)
	send("message_stop", "")
	return b.String()
}

// note is a tool that does nothing, with a result that is never the same.
func note() tool.Tool {
	type input struct {
		N int `json:"n" jsonschema:"a number"`
	}
	return tool.Define(tool.Spec{Name: "note", Description: "Notes a number.", Effect: policy.Read},
		func(_ context.Context, _ tool.Call, in input) (*tool.Prepared, error) {
			return &tool.Prepared{Run: func(context.Context) (*tool.Result, error) {
				return &tool.Result{Text: fmt.Sprintf("noted %d", in.N)}, nil
			}}, nil
		})
}

// heard keeps the last request of a model.
type heard struct {
	*anthropic.Model
	mu  sync.Mutex
	req *model.Request
}

func (h *heard) Generate(ctx context.Context, req *model.Request) iter.Seq2[model.Chunk, error] {
	h.mu.Lock()
	h.req = req
	h.mu.Unlock()
	return h.Model.Generate(ctx, req)
}

// past is the log of a task whose conversation has so many messages, a call
// and its result of 4 KB in turn. With compact, the conversation is compacted
// after every so many events, as that of long work is.
func past(tb testing.TB, log event.Log, id, folder string, messages, events, compact int) {
	tb.Helper()
	page := strings.Repeat("lorem ipsum dolor sit amet ", 160)
	if compact > 0 {
		page = page[:1000]
	}
	payloads := []event.Payload{
		event.TaskCreated{Input: "begin", Folders: []string{folder}, Cwd: folder},
		event.TurnStarted{Turn: 1, Text: "begin", Origin: "person"},
	}
	for i, n, last := 0, 1, 0; n < messages || len(payloads) < events; i, n = i+1, n+2 {
		call := fmt.Sprintf("t%d", i)
		raw := fmt.Sprintf(`{"role":"assistant","content":[{"type":"text","text":"step"},{"type":"tool_use","id":"%s","name":"note","input":{"n":%d}}]}`, call, i)
		payloads = append(payloads,
			event.ModelCalled{Call: i + 1, Model: "m", Purpose: "turn", Context: map[string]int64{"system": 1000, "history": 20000}, Window: 200000},
			event.ModelUsage{Call: i + 1, Purpose: "turn", Model: "m", Usage: model.Usage{Input: 100, CacheRead: 9000, Output: 80}, Cost: "0.0123"},
			event.ModelMessage{Call: i + 1, Model: "m", StopReason: model.StopToolUse, Text: "step", Raw: raw},
			event.ToolCall{Step: fmt.Sprint(i + 1), Call: call, Tool: "note", Input: fmt.Appendf(nil, `{"n":%d}`, i), Summary: "note", Effect: "read"},
			event.ToolResult{Step: fmt.Sprint(i + 1), Call: call, Tool: "note", Status: event.ResultOK, Text: fmt.Sprintf("%d %s", i, page)})
		if compact > 0 && len(payloads)-last > compact {
			last = len(payloads)
			payloads = append(payloads, event.Compacted{Upto: int64(last - 50), Text: "the ledger", Before: 160000, After: 20000})
		}
	}
	payloads = append(payloads, event.TaskDone{Status: event.StatusParked, Error: &event.Error{Code: "paused"}})
	for batch := range slices.Chunk(payloads, 1000) {
		var list []event.Event
		for _, p := range batch {
			e, err := event.New(p)
			if err != nil {
				tb.Fatal(err)
			}
			list = append(list, e)
		}
		if _, err := log.Append(tb.Context(), id, -1, list...); err != nil {
			tb.Fatal(err)
		}
	}
}

func onDisk(tb testing.TB) event.Log {
	tb.Helper()
	log, err := event.OpenSQLite(tb.Context(), filepath.Join(tb.TempDir(), "events.db"), event.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := log.Close(); err != nil {
			tb.Error(err)
		}
	})
	return log
}

// muted is an env whose model talks to the server without a network.
func muted(b *testing.B, log event.Log, server *mute) (*env, *heard) {
	b.Helper()
	m, err := anthropic.New(anthropic.Options{APIKey: "k", HTTPClient: &http.Client{Transport: server}})
	if err != nil {
		b.Fatal(err)
	}
	ear := &heard{Model: m}
	return newEnvOf(b, upper, log, func(o *engine.Options) {
		o.Connection = func() (engine.Connection, bool) { return engine.Connection{Model: ear, Name: "m"}, true }
		o.Tools = []tool.Tool{note()}
	}), ear
}

// BenchmarkTurn compares a round of the whole engine, from an answer of the
// model to the next request on its way, with the same round of the bare SDK in
// one run: reading the answer, policy, the call and its receipt, four durable
// appends, the fold, the meter and the request. The goal at 500 messages is
// less than 5 ms more, and less than twice the bytes.
func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{100, 500, 2000} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			const rounds = 20
			var ours, bare mute
			for b.Loop() {
				server := &mute{calls: rounds}
				e, ear := muted(b, onDisk(b), server)
				past(b, e.log, "t", e.folder, n, 0, 0)
				if err := e.tasks.Resume(b.Context(), "t", true); err != nil {
					b.Fatal(err)
				}
				if s := e.ended("t"); s.Status != event.StatusDone {
					b.Fatalf("%s %+v", s.Status, s.Error)
				}
				ours.times, ours.allocs = append(ours.times, server.times...), append(ours.allocs, server.allocs...)
				server = bareRounds(b, ear.req, rounds)
				bare.times, bare.allocs = append(bare.times, server.times...), append(bare.allocs, server.allocs...)
			}
			b.ReportMetric(float64(median(ours.times)-median(bare.times))/1e6, "overhead-ms")
			b.ReportMetric(float64(slices.Min(ours.times)-slices.Min(bare.times))/1e6, "least-overhead-ms")
			b.ReportMetric(float64(median(ours.times))/float64(median(bare.times)), "time/sdk")
			b.ReportMetric(float64(median(ours.allocs))/float64(median(bare.allocs)), "bytes/sdk")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median[T time.Duration | uint64](list []T) T {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// bareRounds sends the request again and again with the SDK alone.
func bareRounds(b *testing.B, req *model.Request, rounds int) *mute {
	b.Helper()
	server := &mute{}
	c := sdk.NewClient(option.WithoutEnvironmentDefaults(), option.WithAPIKey("k"), option.WithoutOpenTelemetry(),
		option.WithHTTPClient(&http.Client{Transport: server}))
	params := sdk.MessageNewParams{Model: "m", MaxTokens: 100}
	for _, s := range req.System {
		params.System = append(params.System, sdk.TextBlockParam{Text: s})
	}
	for _, t := range req.Tools {
		p := sdk.ToolParam{Name: t.Name, Description: sdk.String(t.Description)}
		if err := json.Unmarshal(t.InputSchema, &p.InputSchema); err != nil {
			b.Fatal(err)
		}
		params.Tools = append(params.Tools, sdk.ToolUnionParam{OfTool: &p})
	}
	for _, m := range req.Messages {
		var p sdk.MessageParam
		if err := json.Unmarshal(bytes.Clone(m.Raw), &p); err != nil {
			b.Fatal(err)
		}
		params.Messages = append(params.Messages, p)
	}
	for range rounds + 1 {
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
	return server
}

// BenchmarkResume measures from the wish to go on with a task to the first
// request on its way to the model, with all that is read and folded for it.
// The goal is 300 ms for 10,000 events; the time may grow with the events only.
// It also reports the memory the task at work keeps.
func BenchmarkResume(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			log := onDisk(b)
			var took []time.Duration
			var kept uint64
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				server := &mute{first: make(chan struct{})}
				e, _ := muted(b, log, server)
				id := fmt.Sprint("t", i)
				past(b, log, id, e.folder, 0, n, 1000)
				before := heap()
				b.StartTimer()
				start := time.Now()
				if err := e.tasks.Resume(b.Context(), id, true); err != nil {
					b.Fatal(err)
				}
				<-server.first
				took = append(took, time.Since(start))
				b.StopTimer()
				kept = heap() - before
				if s := e.ended(id); s.Status != event.StatusDone {
					b.Fatalf("%s %+v", s.Status, s.Error)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(slices.Min(took))/1e6, "least-ms")
			b.ReportMetric(float64(median(took))/1e6, "median-ms")
			b.ReportMetric(float64(int64(kept))/(1<<20), "MiB-kept")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// heap is what is in use after a collection.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
