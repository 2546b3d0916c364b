package tool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestDoRecordsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	logged := 0
	write := simple("put", policy.Write, func(context.Context, textInput) (*tool.Result, error) {
		logged = len(h.log)
		return &tool.Result{
			Text: "done", Changes: []event.Change{{Path: "/a", Change: "created"}}, Seen: []event.Seen{{Path: "/a", SHA256: "x"}},
			Found: []string{"f"}, Artifacts: []event.Artifact{{Path: "/a"}},
			Events: []event.Payload{event.PlanEdited{By: "model"}},
		}, nil
	})
	if err := h.caller(write).Do(t.Context(), 1, []model.ToolCall{call("c1", "put", `{"text":"a"}`)}, nil); err != nil {
		t.Fatal(err)
	}
	if logged != 1 {
		t.Errorf("when the tool ran the log had %d events, want the call", logged)
	}
	want := [][]event.Payload{
		{event.ToolCall{Step: "1", Call: "c1", Tool: "put", Input: []byte(`{"text":"a"}`), Summary: "put a", Effect: "write", Rule: "reversible"}},
		{
			event.ToolResult{
				Step: "1", Call: "c1", Tool: "put", Status: event.ResultOK, Text: "done",
				Changes: []event.Change{{Path: "/a", Change: "created"}}, Seen: []event.Seen{{Path: "/a", SHA256: "x"}},
				Found: []string{"f"}, Artifacts: []event.Artifact{{Path: "/a"}},
			},
			event.PlanEdited{By: "model"},
		},
	}
	if diff := cmp.Diff(want, h.appends); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

func TestDoRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		call model.ToolCall
		says string
	}{
		{"an unknown tool", call("c", "reed", `{}`), "did you mean read?"},
		{"a tool far from all", call("c", "xylophone", `{}`), `no tool "xylophone"`},
		{"a name of megabytes", call("c", strings.Repeat("a", 1<<20), `{}`), "no tool"},
		{"input cut in the middle", call("c", "read", `{"text":"a`), "not valid JSON"},
		{"input that is a list", call("c", "read", `[]`), "expected an object, got an array"},
		{"a field that is not there", call("c", "read", `{"txt":"a"}`), `did you mean "text"?`},
		{"a wrong type", call("c", "read", `{"n":"3"}`), `n: expected an integer from 0 to 9, got the text "3"`},
		{"a number out of bounds", call("c", "read", `{"n":10}`), "n: 10 is too large: expected an integer from 0 to 9"},
		{"a text too long", call("c", "read", `{"text":"`+strings.Repeat("a", 101)+`"}`), "text: has 101 characters, more than 100"},
		{"megabytes of input", call("c", "read", `{"text":"`+strings.Repeat("a", 9<<20)+`"}`), "bytes, more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			if err := h.caller(echo("read", policy.Read), echo("write", policy.Write)).Do(t.Context(), 1, []model.ToolCall{c.call}, nil); err != nil {
				t.Fatal(err)
			}
			r := h.receipts()["c"]
			if len(h.log) != 1 || r.Status != event.ResultInvalid || r.Step != "" || !strings.Contains(r.Text, c.says) || len(r.Text) > 4000 {
				t.Errorf("log %v, receipt %+v, want invalid that says %q", h.kinds(), r, c.says)
			}
			if len(h.policed) > 0 {
				t.Error("policy was asked about a call that cannot be made")
			}
		})
	}
}

func TestDoTakesWhatIsPlainlyMeant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"no bytes":                      {"", `{}`},
		"spaces":                        {"  ", `{}`},
		"an integer as a float":         {`{"n":3.0}`, `{"n":3}`},
		"an integer with an exponent":   {`{"n":3e0}`, `{"n":3}`},
		"null for what may be left out": {`{"text":null}`, `{}`},
		"bytes that are no UTF-8":       {"{\"text\":\"a\xff\"}", "{\"text\":\"a\uFFFD\"}"},
		"an escaped lone surrogate":     {`{"text":"\ud800"}`, `{"text":"\ud800"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			if err := h.caller(echo("read", policy.Read)).Do(t.Context(), 1, []model.ToolCall{call("c", "read", c.in)}, nil); err != nil {
				t.Fatal(err)
			}
			tc, ok := h.log[0].(event.ToolCall)
			if !ok || string(tc.Input) != c.want || h.receipts()["c"].Status != event.ResultOK {
				t.Errorf("log %v, input %s", h.kinds(), tc.Input)
			}
		})
	}
}

func TestDoWithIDsTwice(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	calls := []model.ToolCall{call("a", "read", `{}`), call("a", "put", `{}`), call("", "put", `{}`), call("a#2", "read", `{}`), call("", "read", `{}`)}
	keys := tool.Keys(calls)
	if diff := cmp.Diff([]string{"a", "a#3", "#3", "a#2", "#5"}, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	c := h.caller(echo("read", policy.Read), echo("put", policy.Write))
	if err := c.Do(t.Context(), 1, calls, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]event.ResultStatus{"a": "ok", "a#3": "invalid", "#3": "invalid", "a#2": "ok", "#5": "invalid"}
	got := map[string]event.ResultStatus{}
	for k, r := range h.receipts() {
		got[k] = r.Status
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}
	before := len(h.log)
	if err := c.Do(t.Context(), 1, calls, h.known()); err != nil || len(h.log) != before {
		t.Errorf("again: %v, %v", err, h.kinds()[before:])
	}
}

func TestKeysAreUnique(t *testing.T) {
	t.Parallel()
	var calls []model.ToolCall
	for _, id := range []string{"a#2", "a", "a", "a#3", "a", "", "#6", "", "a#2"} {
		calls = append(calls, model.ToolCall{ID: id})
	}
	keys := tool.Keys(calls)
	sorted := slices.Sorted(slices.Values(keys))
	if len(slices.Compact(sorted)) != len(calls) {
		t.Errorf("keys %q", keys)
	}
	for i, first := range []int{0, 1, 3, 6} {
		if keys[first] != calls[first].ID {
			t.Errorf("%d: the first call with an id has the key %q", i, keys[first])
		}
	}
}

func TestDoOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		var running, most atomic.Int32
		var mu sync.Mutex
		var order []string
		slow := func(name string, effect policy.Effect) tool.Tool {
			return simple(name, effect, func(_ context.Context, in textInput) (*tool.Result, error) {
				now := running.Add(1)
				defer running.Add(-1)
				if effect == policy.Write && now != 1 {
					t.Errorf("%s runs beside %d others", in.Text, now-1)
				}
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				<-time.After(time.Second)
				mu.Lock()
				order = append(order, in.Text)
				mu.Unlock()
				return &tool.Result{Text: in.Text}, nil
			})
		}
		opts := h.options(slow("read", policy.Read), slow("spawn", policy.Spawn), slow("put", policy.Write), slow("get", policy.Fetch))
		opts.Parallel = 3
		var calls []model.ToolCall
		for i, name := range []string{"read", "spawn", "read", "read", "put", "put", "read", "get", "read"} {
			calls = append(calls, call(fmt.Sprint("c", i), name, fmt.Sprintf(`{"text":"%d"}`, i)))
		}
		began := time.Now()
		if err := tool.NewCaller(opts).Do(t.Context(), 1, calls, nil); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(began); got != 7*time.Second {
			t.Errorf("it took %v, want 2 s for four reads by threes, and a second each for the rest", got)
		}
		if most.Load() != 3 {
			t.Errorf("%d calls ran at once, want 3", most.Load())
		}
		if diff := cmp.Diff([]string{"4", "5", "6", "7", "8"}, order[4:]); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		for i := range calls {
			if r := h.receipts()[fmt.Sprint("c", i)]; r.Step != fmt.Sprint(i+1) {
				t.Errorf("call %d has the step %s", i, r.Step)
			}
		}
	})
}

func TestDoLaterCallsSeeEarlierOnes(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	there := false
	put := simple("put", policy.Write, func(context.Context, textInput) (*tool.Result, error) {
		there = true
		return &tool.Result{Text: "put"}, nil
	})
	edit := prepared("edit", policy.Write, func(tool.Call, textInput) (*tool.Prepared, error) {
		if !there {
			return nil, pluginsdk.Invalid("", "there is nothing")
		}
		return &tool.Prepared{Run: func(context.Context) (*tool.Result, error) { return &tool.Result{Text: "edited"}, nil }}, nil
	})
	if err := h.caller(put, edit).Do(t.Context(), 1, []model.ToolCall{call("a", "put", ``), call("b", "edit", ``)}, nil); err != nil {
		t.Fatal(err)
	}
	if r := h.receipts()["b"]; r.Status != event.ResultOK {
		t.Errorf("the second call was prepared before the first ran: %+v", r)
	}
}

func TestDoErrors(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("journal: disk I/O error at /secret/path")
	bad := func(err error) tool.Tool {
		return simple("bad", policy.Read, func(context.Context, textInput) (*tool.Result, error) { return nil, err })
	}
	for _, c := range []struct {
		name string
		tool tool.Tool
		want error
		text string
	}{
		{"a tool error", bad(pluginsdk.Invalid("try b", "a is wrong")), nil, "a is wrong\nNext: try b"},
		{"a wrapped tool error", bad(fmt.Errorf("x: %w", pluginsdk.Invalid("", "a is wrong"))), nil, "a is wrong"},
		{"a host error", bad(errDisk), errDisk, ""},
		{"a panic", simple("bad", policy.Read, func(context.Context, textInput) (*tool.Result, error) { panic("boom") }), nil, "fault of its own"},
		{"a nil result", simple("bad", policy.Read, func(context.Context, textInput) (*tool.Result, error) { return nil, nil }), nil, "(no output)"},
		{"a panic in prepare", prepared("bad", policy.Read, func(tool.Call, textInput) (*tool.Prepared, error) { panic("boom") }), nil, "fault of its own"},
		{"nothing prepared", prepared("bad", policy.Read, func(tool.Call, textInput) (*tool.Prepared, error) { return nil, nil }), nil, "fault of its own"},
		{"a host error in prepare", prepared("bad", policy.Read, func(tool.Call, textInput) (*tool.Prepared, error) { return nil, errDisk }), errDisk, ""},
		{"an effect worse than said", prepared("bad", policy.Read, func(tool.Call, textInput) (*tool.Prepared, error) {
			return &tool.Prepared{Effect: policy.Delete, Run: func(context.Context) (*tool.Result, error) { t.Error("it ran"); return nil, nil }}, nil
		}), nil, "fault of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			calls := []model.ToolCall{call("a", "read", ``), call("b", "bad", ``), call("c", "read", ``), call("d", "put", ``)}
			err := h.caller(echo("read", policy.Read), c.tool, echo("put", policy.Write)).Do(t.Context(), 1, calls, nil)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			got := h.receipts()
			if got["a"].Status != event.ResultOK || got["c"].Status != event.ResultOK {
				t.Errorf("the calls beside it: %v", h.kinds())
			}
			_, later := got["d"]
			r, has := got["b"]
			switch {
			case c.want != nil && (has || later):
				t.Errorf("after a host error: %v", h.kinds())
			case c.want == nil && !later:
				t.Errorf("a tool's error ended the rest: %v", h.kinds())
			case c.text == "(no output)" && r.Status != event.ResultOK, c.text != "(no output)" && has && r.Status != event.ResultError:
				t.Errorf("receipt %+v", r)
			}
			if !strings.Contains(r.Text, c.text) {
				t.Errorf("text %q, want %q", r.Text, c.text)
			}
			for _, p := range h.log {
				if f, ok := p.(event.Finding); ok && (f.Rule != "tool.panic" || f.Call != "b") {
					t.Errorf("finding %+v", f)
				}
			}
			if strings.Contains(c.text, "fault") != slices.Contains(h.kinds(), "finding") {
				t.Errorf("findings: %v", h.kinds())
			}
		})
	}
}

func TestDoWhenTheLogFails(t *testing.T) {
	t.Parallel()
	errLog := errors.New("disk full")
	for _, kind := range []event.Kind{event.KindToolCall, event.KindToolResult} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			ran := 0
			put := simple("put", policy.Write, func(context.Context, textInput) (*tool.Result, error) { ran++; return nil, nil })
			h.broken = func(p event.Payload) error {
				if p.EventKind() == kind {
					return errLog
				}
				return nil
			}
			err := h.caller(put).Do(t.Context(), 1, []model.ToolCall{call("a", "put", ``), call("b", "put", ``)}, nil)
			if !errors.Is(err, errLog) {
				t.Errorf("got %v", err)
			}
			if want := map[event.Kind]int{event.KindToolCall: 0, event.KindToolResult: 1}[kind]; ran != want {
				t.Errorf("%d calls ran, want %d", ran, want)
			}
		})
	}
}

func TestDoBoundsTheText(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	flood := simple("flood", policy.Read, func(_ context.Context, in textInput) (*tool.Result, error) {
		if in.N == 1 {
			return &tool.Result{Text: "a\xffb\x00"}, nil
		}
		return &tool.Result{Text: strings.Repeat("ä\xff", 3<<20)}, nil
	})
	if err := h.caller(flood).Do(t.Context(), 1, []model.ToolCall{call("a", "flood", ``), call("b", "flood", `{"n":1}`)}, nil); err != nil {
		t.Fatal(err)
	}
	a, b := h.receipts()["a"], h.receipts()["b"]
	if !utf8.ValidString(a.Text) || len(a.Text) > 2*tool.MaxText || !strings.Contains(a.Text[len(a.Text)-200:], "9437184 bytes") {
		t.Errorf("%d bytes, ends in %q", len(a.Text), a.Text[len(a.Text)-100:])
	}
	if b.Text != "a\uFFFDb\x00" {
		t.Errorf("text %q", b.Text)
	}
}

func TestDoWhenStopped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		stopped bool
		want    []string
	}{
		{"by the person", true, []string{"call a", "stopped a", "stopped b", "stopped c"}},
		{"by the end of the host", false, []string{"call a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			errWhy := errors.New("why")
			block := simple("block", policy.Write, func(ctx context.Context, _ textInput) (*tool.Result, error) {
				cancel(errWhy)
				<-ctx.Done()
				return nil, context.Cause(ctx)
			})
			opts := h.options(block, echo("read", policy.Read))
			opts.Stopped = func(context.Context) bool { return c.stopped }
			calls := []model.ToolCall{call("a", "block", ``), call("b", "read", ``), call("c", "block", ``)}
			if err := tool.NewCaller(opts).Do(ctx, 1, calls, nil); !errors.Is(err, errWhy) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(c.want, h.kinds()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if r := h.receipts()["a"]; c.stopped && (!strings.Contains(r.Text, "may have had effects") || r.Step != "1") {
				t.Errorf("receipt %+v", r)
			}
			if r := h.receipts()["b"]; c.stopped && (!strings.Contains(r.Text, "Nothing of it happened") || r.Step != "") {
				t.Errorf("receipt %+v", r)
			}
		})
	}
}

func TestDoKeepsAResultThatCameInTime(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	put := simple("put", policy.Write, func(context.Context, textInput) (*tool.Result, error) {
		cancel()
		return &tool.Result{Text: "done all the same"}, nil
	})
	if err := h.caller(put).Do(ctx, 1, []model.ToolCall{call("a", "put", ``)}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if r := h.receipts()["a"]; r.Status != event.ResultOK || r.Text != "done all the same" {
		t.Errorf("receipt %+v", r)
	}
}
