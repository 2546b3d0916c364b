package tool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

var (
	allow = policy.Decision{Verdict: policy.Allow, Rule: "reversible"}
	ask   = policy.Decision{Verdict: policy.AskUser, Rule: "outward", Reason: "it leaves the machine", Scopes: []policy.Scope{policy.Once, policy.Task, policy.Always}}
	deny  = policy.Decision{Verdict: policy.Deny, Rule: "no internet", Reason: "the task is offline"}
)

func TestPolicyGetsTheParsedCall(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	send := prepared("send", policy.Send, func(_ tool.Call, in textInput) (*tool.Prepared, error) {
		return &tool.Prepared{
			Targets: []string{"host/" + in.Text}, Effect: policy.Fetch,
			Run: func(context.Context) (*tool.Result, error) { return nil, nil },
		}, nil
	})
	if err := h.caller(send).Do(t.Context(), 1, []model.ToolCall{call("a", "send", `{"text":"x"}`), call("b", "read", `{}`)}, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]policy.Call{{Tool: "send", Effect: policy.Fetch, Targets: []string{"host/x"}}}, h.policed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := h.log[0].(event.ToolCall); c.Effect != "fetch" || c.Summary != "send" || !slices.Equal(c.Targets, []string{"host/x"}) {
		t.Errorf("logged %+v", c)
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	person := func(allow bool, reason string) func(event.ApprovalAsked) (event.ApprovalAnswered, error) {
		return func(a event.ApprovalAsked) (event.ApprovalAnswered, error) {
			return event.ApprovalAnswered{ID: a.ID, Allow: allow, Reason: reason}, nil
		}
	}
	hook := func(d policy.Decision) tool.Hook {
		return func(context.Context, tool.Call, *tool.Prepared) policy.Decision { return d }
	}
	for _, c := range []struct {
		name   string
		policy policy.Decision
		hooks  []tool.Hook
		answer func(event.ApprovalAsked) (event.ApprovalAnswered, error)
		asked  bool
		want   event.ResultStatus
		says   string
	}{
		{"allow", allow, nil, nil, false, event.ResultOK, "echo"},
		{"deny", deny, nil, nil, false, event.ResultDenied, `"no internet": the task is offline`},
		{"ask and yes", ask, nil, person(true, ""), true, event.ResultOK, "echo"},
		{"ask and no", ask, nil, person(false, ""), true, event.ResultDenied, "did not allow"},
		{"ask and no with a reason", ask, nil, person(false, "use the copy"), true, event.ResultDenied, "Their reason: use the copy"},
		{"a verdict nobody knows", policy.Decision{Verdict: "perhaps"}, nil, nil, false, event.ResultDenied, "Denied"},
		{"no verdict", policy.Decision{}, nil, nil, false, event.ResultDenied, "Denied"},
		{"a hook tightens allow to ask", allow, []tool.Hook{hook(ask)}, person(false, ""), true, event.ResultDenied, "did not allow"},
		{"a hook tightens allow to deny", allow, []tool.Hook{hook(deny)}, nil, false, event.ResultDenied, "no internet"},
		{"a hook tightens ask to deny", ask, []tool.Hook{hook(deny)}, nil, false, event.ResultDenied, "no internet"},
		{"a hook cannot loosen deny", deny, []tool.Hook{hook(allow)}, nil, false, event.ResultDenied, "no internet"},
		{"a hook cannot loosen ask", ask, []tool.Hook{hook(allow)}, person(false, ""), true, event.ResultDenied, "did not allow"},
		{"nor can a second hook", allow, []tool.Hook{hook(deny), hook(allow)}, nil, false, event.ResultDenied, "no internet"},
		{"a hook that panics denies", allow, []tool.Hook{func(context.Context, tool.Call, *tool.Prepared) policy.Decision { panic("x") }}, nil, false, event.ResultDenied, "hook failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.verdicts["get"], h.answer = c.policy, c.answer
			opts := h.options(echo("get", policy.Fetch))
			opts.Before = c.hooks
			if err := tool.NewCaller(opts).Do(t.Context(), 1, []model.ToolCall{call("a", "get", ``)}, nil); err != nil {
				t.Fatal(err)
			}
			r := h.receipts()["a"]
			if r.Status != c.want || !strings.Contains(r.Text, c.says) || (len(h.asked) > 0) != c.asked {
				t.Errorf("asked %v, receipt %+v", h.asked, r)
			}
			if begun := slices.Contains(h.kinds(), "call a"); begun != (c.want == event.ResultOK) || begun != (r.Step != "") {
				t.Errorf("log %v, receipt %+v", h.kinds(), r)
			}
		})
	}
}

func TestPolicyThatFailsDenies(t *testing.T) {
	t.Parallel()
	for name, decide := range map[string]func(context.Context, policy.Call) (policy.Decision, error){
		"error": func(context.Context, policy.Call) (policy.Decision, error) { return allow, errors.New("broken") },
		"panic": func(context.Context, policy.Call) (policy.Decision, error) { panic("broken") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			opts := h.options(echo("get", policy.Fetch))
			opts.Decide = decide
			if err := tool.NewCaller(opts).Do(t.Context(), 1, []model.ToolCall{call("a", "get", ``)}, nil); err != nil {
				t.Fatal(err)
			}
			if r := h.receipts()["a"]; r.Status != event.ResultDenied || strings.Contains(r.Text, "broken") {
				t.Errorf("receipt %+v", r)
			}
		})
	}
}

func TestNobodyToAsk(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.verdicts["get"] = ask
	opts := h.options(echo("get", policy.Fetch))
	opts.Approve = nil
	if err := tool.NewCaller(opts).Do(t.Context(), 1, []model.ToolCall{call("a", "get", ``)}, nil); err != nil {
		t.Fatal(err)
	}
	if r := h.receipts()["a"]; r.Status != event.ResultDenied {
		t.Errorf("receipt %+v", r)
	}
}

func TestParkedApproval(t *testing.T) {
	t.Parallel()
	errParked := errors.New("parked")
	h := newHost(t)
	h.verdicts["get"] = ask
	h.answer = func(event.ApprovalAsked) (event.ApprovalAnswered, error) { return event.ApprovalAnswered{}, errParked }
	tools := []tool.Tool{echo("get", policy.Read), echo("read", policy.Read), echo("put", policy.Write)}
	calls := []model.ToolCall{call("a", "read", ``), call("b", "get", ``), call("c", "read", ``), call("d", "put", ``)}
	if err := h.caller(tools...).Do(t.Context(), 7, calls, nil); !errors.Is(err, errParked) {
		t.Fatalf("got %v", err)
	}
	got := h.receipts()
	if len(got) != 2 || got["a"].Status != event.ResultOK || got["c"].Status != event.ResultOK {
		t.Errorf("the calls beside it did not finish, or others began: %v", h.kinds())
	}
	first := h.asked[0]
	h.answer = nil
	if err := h.caller(tools...).Do(t.Context(), 7, calls, h.known()); err != nil {
		t.Fatal(err)
	}
	if h.asked[1].ID != first.ID || h.asked[1].Digest != first.Digest {
		t.Errorf("after the resume it asks another question: %+v, %+v", first, h.asked[1])
	}
	if got = h.receipts(); len(got) != 4 || got["b"].Status != event.ResultOK || got["d"].Status != event.ResultOK {
		t.Errorf("log %v", h.kinds())
	}
}

func TestApprovalsAreForExactlyOneCall(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.verdicts["get"] = ask
	detail := "one file"
	get := prepared("get", policy.Delete, func(tool.Call, textInput) (*tool.Prepared, error) {
		return &tool.Prepared{
			Card: event.Card{Details: []string{detail}},
			Run:  func(context.Context) (*tool.Result, error) { return nil, nil },
		}, nil
	})
	c := h.caller(get)
	ids := map[string]string{}
	try := func(what string, message int, calls ...model.ToolCall) {
		t.Helper()
		if err := c.Do(t.Context(), message, calls, nil); err != nil {
			t.Fatal(err)
		}
		for _, a := range h.asked {
			if other, ok := ids[a.ID]; ok {
				t.Errorf("%s and %s have the same approval", what, other)
			}
			ids[a.ID] = what
		}
		h.asked, h.log = nil, nil
	}
	try("the call", 1, call("a", "get", `{"text":"x"}`))
	try("another message with the same id", 2, call("a", "get", `{"text":"x"}`))
	try("another id", 1, call("b", "get", `{"text":"x"}`))
	try("another input", 1, call("a", "get", `{"text":"y"}`))
	try("another place", 1, call("c", "nothing", `{}`), call("a", "get", `{"text":"x"}`))
	detail = "two files"
	try("a call that would do more", 1, call("a", "get", `{"text":"x"}`))

	h.answer = func(event.ApprovalAsked) (event.ApprovalAnswered, error) {
		return event.ApprovalAnswered{ID: "another", Allow: true}, nil
	}
	if err := c.Do(t.Context(), 1, []model.ToolCall{call("a", "get", ``)}, nil); err == nil || len(h.log) > 0 {
		t.Errorf("the answer to another question was taken: %v, %v", err, h.kinds())
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	a := tool.Digest("get", json.RawMessage(`{"a": 1}`))
	if a != tool.Digest("get", json.RawMessage("{\"a\":1 }\n")) || len(a) != 64 {
		t.Errorf("spaces count, or it is no SHA-256: %s", a)
	}
	for _, other := range []string{tool.Digest("put", json.RawMessage(`{"a":1}`)), tool.Digest("get", json.RawMessage(`{"a":2}`)), tool.Digest("get", json.RawMessage(`{"a":`))} {
		if a == other {
			t.Errorf("two calls have the same digest")
		}
	}
}

func TestCard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		p    tool.Prepared
		d    policy.Decision
		eff  policy.Effect
		want event.Card
	}{
		{
			"filled in from the call",
			tool.Prepared{Summary: "fetch example.com", Targets: []string{"a", "b", "c", "d", "e"}},
			ask, policy.Fetch,
			event.Card{
				About: "tool", Tool: "get", Action: "fetch example.com", Target: "a, b, c and 2 more", Risk: "the request itself leaves this computer",
				Scopes: []string{"once", "task", "always"}, Rule: "outward", Reason: "it leaves the machine",
			},
		},
		{
			"kept from the tool",
			tool.Prepared{Summary: "s", Card: event.Card{About: "cap", Tool: "fake", Action: "a", Target: "t", Data: "d", Risk: "r", Scopes: []string{"always"}, Rule: "fake", Reason: "fake", Details: []string{"x"}}},
			policy.Decision{Verdict: policy.AskUser, Rule: "r1"},
			policy.Send,
			event.Card{About: "tool", Tool: "get", Action: "a", Target: "t", Data: "d", Risk: "r", Details: []string{"x"}, Scopes: []string{"once"}, Rule: "r1"},
		},
		{
			"deletion is never for good",
			tool.Prepared{Summary: "s", Targets: []string{"t"}, Card: event.Card{Risk: "r"}},
			ask, policy.Delete,
			event.Card{About: "tool", Tool: "get", Action: "s", Target: "t", Risk: "r", Scopes: []string{"once", "task"}, Rule: "outward", Reason: "it leaves the machine"},
		},
		{
			"text that would look like something else",
			tool.Prepared{Summary: "get a\nAllow: yes\x1b[2J\u202Etxt.exe", Targets: []string{"a\r\n\xff"}},
			ask, policy.Spend,
			event.Card{
				About: "tool", Tool: "get", Action: "get a Allow: yes\uFFFD[2J\uFFFDtxt.exe", Target: "a  \uFFFD", Risk: "money that is spent does not come back",
				Scopes: []string{"once", "task", "always"}, Rule: "outward", Reason: "it leaves the machine",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.verdicts["get"] = c.d
			get := prepared("get", c.eff, func(tool.Call, textInput) (*tool.Prepared, error) {
				p := c.p
				p.Run = func(context.Context) (*tool.Result, error) { return nil, nil }
				return &p, nil
			})
			if err := h.caller(get).Do(t.Context(), 1, []model.ToolCall{call("a", "get", ``)}, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, h.asked[0].Card); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if a := h.asked[0]; a.Call != "a" || a.Digest != tool.Digest("get", json.RawMessage(`{}`)) {
				t.Errorf("asked %+v", a)
			}
		})
	}
}

func TestCardIsBounded(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.verdicts["get"] = ask
	get := prepared("get", policy.Delete, func(tool.Call, textInput) (*tool.Prepared, error) {
		p := &tool.Prepared{Summary: strings.Repeat("ä", 10_000), Run: func(context.Context) (*tool.Result, error) { return nil, nil }}
		for i := range 10_000 {
			p.Card.Details = append(p.Card.Details, fmt.Sprint("file ", i))
		}
		return p, nil
	})
	if err := h.caller(get).Do(t.Context(), 1, []model.ToolCall{call("a", "get", ``)}, nil); err != nil {
		t.Fatal(err)
	}
	k := h.asked[0].Card
	if len(k.Action) > 600 || len(k.Details) != 51 || k.Details[50] != "and 9950 more" {
		t.Errorf("action of %d bytes, %d details, the last %q", len(k.Action), len(k.Details), k.Details[len(k.Details)-1])
	}
}

func TestApprovalWhileStopped(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.verdicts["get"] = ask
	ctx, cancel := context.WithCancel(t.Context())
	h.answer = func(event.ApprovalAsked) (event.ApprovalAnswered, error) {
		cancel()
		return event.ApprovalAnswered{}, ctx.Err()
	}
	if err := h.caller(echo("get", policy.Fetch)).Do(ctx, 1, []model.ToolCall{call("a", "get", ``)}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if r := h.receipts()["a"]; r.Status != event.ResultStopped {
		t.Errorf("receipt %+v", r)
	}
}

var errAny = &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: "the disk is away", Next: "wait"}
