package tool_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
)

// fakeHost is what a caller needs of a host, in memory.
type fakeHost struct {
	t *testing.T

	mu      sync.Mutex
	log     []event.Payload
	appends [][]event.Payload
	steps   int
	// broken is what Record returns for a payload; nil keeps it.
	broken func(event.Payload) error
	// verdicts by tool; allow when there is none.
	verdicts map[string]policy.Decision
	policed  []policy.Call
	asked    []event.ApprovalAsked
	// answer answers an approval.
	answer func(event.ApprovalAsked) (event.ApprovalAnswered, error)
}

func newHost(t *testing.T) *fakeHost { return &fakeHost{t: t, verdicts: map[string]policy.Decision{}} }

func (h *fakeHost) options(tools ...tool.Tool) tool.Options {
	h.t.Helper()
	set, err := tool.NewSet(tools...)
	if err != nil {
		h.t.Fatal(err)
	}
	return tool.Options{
		Tools: set, Record: h.record, NextStep: h.nextStep, Decide: h.decide, Approve: h.approve,
	}
}

func (h *fakeHost) caller(tools ...tool.Tool) *tool.Caller {
	h.t.Helper()
	return tool.NewCaller(h.options(tools...))
}

func (h *fakeHost) record(_ context.Context, payloads ...event.Payload) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		for _, p := range payloads {
			if err := h.broken(p); err != nil {
				return err
			}
		}
	}
	for _, p := range payloads {
		if _, err := event.New(p); err != nil {
			return err
		}
	}
	h.log = append(h.log, payloads...)
	h.appends = append(h.appends, payloads)
	return nil
}

func (h *fakeHost) nextStep() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.steps++
	return strconv.Itoa(h.steps)
}

func (h *fakeHost) decide(_ context.Context, c policy.Call) (policy.Decision, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.policed = append(h.policed, c)
	if d, ok := h.verdicts[c.Tool]; ok {
		return d, nil
	}
	return policy.Decision{Verdict: policy.Allow, Rule: "reversible"}, nil
}

func (h *fakeHost) approve(_ context.Context, a event.ApprovalAsked, _ policy.Call) (event.ApprovalAnswered, error) {
	h.mu.Lock()
	h.asked = append(h.asked, a)
	answer := h.answer
	h.mu.Unlock()
	if answer == nil {
		return event.ApprovalAnswered{ID: a.ID, Allow: true, Scope: "once"}, nil
	}
	return answer(a)
}

// known is what the log has of the calls of one message.
func (h *fakeHost) known() map[string]tool.Known {
	known := map[string]tool.Known{}
	for _, p := range h.log {
		tool.Remember(known, p)
	}
	return known
}

// receipts are the receipts by call.
func (h *fakeHost) receipts() map[string]event.ToolResult {
	out := map[string]event.ToolResult{}
	for _, p := range h.log {
		if r, ok := p.(event.ToolResult); ok {
			if _, twice := out[r.Call]; twice {
				h.t.Errorf("call %s has two receipts", r.Call)
			}
			r.DurationMS = 0
			out[r.Call] = r
		}
	}
	return out
}

// kinds are the events in order, each with its call.
func (h *fakeHost) kinds() []string {
	var out []string
	for _, p := range h.log {
		switch p := p.(type) {
		case event.ToolCall:
			out = append(out, "call "+p.Call)
		case event.ToolResult:
			out = append(out, fmt.Sprintf("%s %s", p.Status, p.Call))
		default:
			out = append(out, string(p.EventKind()))
		}
	}
	return out
}

func call(id, name, input string) model.ToolCall {
	return model.ToolCall{ID: id, Name: name, Input: json.RawMessage(input)}
}

type textInput struct {
	Text string `json:"text,omitempty" jsonschema:"any text" maxlen:"100"`
	N    int    `json:"n,omitempty" jsonschema:"a number" min:"0" max:"9"`
}

// simple is a tool that runs a function.
func simple(name string, effect policy.Effect, run func(ctx context.Context, in textInput) (*tool.Result, error)) tool.Tool {
	return prepared(name, effect, func(_ tool.Call, in textInput) (*tool.Prepared, error) {
		return &tool.Prepared{
			Summary: name + " " + in.Text,
			Run:     func(ctx context.Context) (*tool.Result, error) { return run(ctx, in) },
		}, nil
	})
}

// prepared is a tool that prepares by a function.
func prepared(name string, effect policy.Effect, prepare func(tool.Call, textInput) (*tool.Prepared, error)) tool.Tool {
	spec := tool.Spec{Name: name, Description: "A tool for tests.", Effect: effect}
	return tool.Define(spec, func(_ context.Context, c tool.Call, in textInput) (*tool.Prepared, error) { return prepare(c, in) })
}

func echo(name string, effect policy.Effect) tool.Tool {
	return simple(name, effect, func(_ context.Context, in textInput) (*tool.Result, error) {
		return &tool.Result{Text: "echo " + in.Text}, nil
	})
}
