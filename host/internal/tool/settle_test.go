package tool_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	errHost := errors.New("journal unreadable")
	found := func(context.Context) (*tool.Result, error) { return &tool.Result{Text: "it had happened"}, nil }
	nothing := func(context.Context) (*tool.Result, error) { return nil, nil }
	for _, c := range []struct {
		name    string
		effect  policy.Effect
		settle  func(context.Context) (*tool.Result, error)
		prepare error // of Prepare
		runs    int
		want    event.ResultStatus
		says    string
		err     error
	}{
		{"a read runs again", policy.Read, nil, nil, 1, event.ResultOK, "ran", nil},
		{"a write that nobody knows of", policy.Write, nil, nil, 0, event.ResultInterrupted, "may have happened", nil},
		{"a spawn that nobody knows of", policy.Spawn, nil, nil, 0, event.ResultInterrupted, "may have happened", nil},
		{"it had happened", policy.Write, found, nil, 0, event.ResultOK, "it had happened", nil},
		{"it had not happened", policy.Write, nothing, nil, 1, event.ResultOK, "ran", nil},
		{"it had happened, and can no longer be prepared", policy.Write, found, errAny, 0, event.ResultOK, "it had happened", nil},
		{"it had not happened, and can no longer be prepared", policy.Write, nothing, errAny, 0, event.ResultError, "the disk is away", nil},
		{"a read that can no longer be prepared", policy.Read, nil, errAny, 0, event.ResultError, "the disk is away", nil},
		{"a write nobody knows of and that cannot be prepared", policy.Write, nil, errAny, 0, event.ResultInterrupted, "may have happened", nil},
		{"settle says why not", policy.Write, func(context.Context) (*tool.Result, error) { return nil, errAny }, nil, 0, event.ResultError, "Next: wait", nil},
		{"settle fails", policy.Write, func(context.Context) (*tool.Result, error) { return nil, errHost }, nil, 0, "", "", errHost},
		{"settle panics", policy.Write, func(context.Context) (*tool.Result, error) { panic("x") }, nil, 0, event.ResultError, "fault of its own", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			runs := 0
			tl := prepared("tool", c.effect, func(call tool.Call, _ textInput) (*tool.Prepared, error) {
				if call.Step != "41" {
					t.Errorf("the step is %q, want the one from before", call.Step)
				}
				return &tool.Prepared{Settle: c.settle, Run: func(context.Context) (*tool.Result, error) {
					runs++
					return &tool.Result{Text: "ran"}, nil
				}}, c.prepare
			})
			known := map[string]tool.Known{"a": {Started: true, Step: "41"}}
			err := h.caller(tl).Do(t.Context(), 1, []model.ToolCall{call("a", "tool", ``)}, known)
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v", err)
			}
			r := h.receipts()["a"]
			if runs != c.runs || r.Status != c.want || !strings.Contains(r.Text, c.says) || c.want != "" && r.Step != "41" {
				t.Errorf("%d runs, receipt %+v", runs, r)
			}
			for _, k := range h.kinds() {
				if k == "call a" {
					t.Error("the call was recorded a second time")
				}
			}
			if h.steps != 0 {
				t.Error("it took a new step")
			}
		})
	}
}

func TestSettleOfAToolThatIsGone(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	known := map[string]tool.Known{"a": {Started: true, Step: "1"}, "b": {Started: true, Step: "2"}}
	calls := []model.ToolCall{call("a", "gone", `{}`), call("b", "read", `{"n":"no longer fits"}`)}
	if err := h.caller(echo("read", policy.Write)).Do(t.Context(), 1, calls, known); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"interrupted a", "interrupted b"}, slices.Sorted(slices.Values(h.kinds()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSettlePassesPolicyAgain(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.verdicts["put"] = deny
	put := prepared("put", policy.Write, func(tool.Call, textInput) (*tool.Prepared, error) {
		return &tool.Prepared{
			Settle: func(context.Context) (*tool.Result, error) { return nil, nil },
			Run:    func(context.Context) (*tool.Result, error) { t.Error("it ran"); return nil, nil },
		}, nil
	})
	known := map[string]tool.Known{"a": {Started: true, Step: "1"}}
	if err := h.caller(put).Do(t.Context(), 1, []model.ToolCall{call("a", "put", ``)}, known); err != nil {
		t.Fatal(err)
	}
	if r := h.receipts()["a"]; r.Status != event.ResultDenied {
		t.Errorf("receipt %+v", r)
	}
}

// TestCrashAtEveryRecord ends the host before and after every append of a
// message with many calls, and goes on: each effect happens exactly once.
func TestCrashAtEveryRecord(t *testing.T) {
	t.Parallel()
	errCrash := errors.New("crash")
	calls := []model.ToolCall{
		call("r1", "read", ``), call("r2", "read", ``), call("w1", "put", `{"text":"1"}`), call("w2", "put", `{"text":"2"}`),
		call("bad", "nope", `{}`), call("del", "del", `{"text":"3"}`), call("w3", "put", `{"text":"4"}`), call("w3", "put", `{"text":"5"}`),
	}
	// scenario runs until it is through, crashing once at an append.
	scenario := func(t *testing.T, at int, after bool) (effects map[string]int, log []string) {
		h := newHost(t)
		h.verdicts["del"] = ask
		effects = map[string]int{}
		applied := map[string]bool{} // by step, as the workspace knows it
		put := func(name string, effect policy.Effect) tool.Tool {
			return prepared(name, effect, func(c tool.Call, in textInput) (*tool.Prepared, error) {
				return &tool.Prepared{
					Run: func(context.Context) (*tool.Result, error) {
						effects[in.Text]++
						applied[c.Step] = true
						return &tool.Result{Text: "put " + in.Text}, nil
					},
					Settle: func(context.Context) (*tool.Result, error) {
						if applied[c.Step] {
							return &tool.Result{Text: "put " + in.Text}, nil
						}
						return nil, nil
					},
				}, nil
			})
		}
		appends, crashed := 0, false
		record := func(ctx context.Context, p ...event.Payload) error {
			if crashed {
				return errCrash
			}
			appends++
			if appends == at && !after {
				crashed = true
				return errCrash
			}
			err := h.record(ctx, p...)
			if appends == at {
				crashed = true
				return errCrash
			}
			return err
		}
		for range 3 {
			crashed = false
			opts := h.options(echo("read", policy.Read), put("put", policy.Write), put("del", policy.Delete))
			opts.Record, opts.Parallel = record, 1
			err := tool.NewCaller(opts).Do(t.Context(), 1, calls, h.known())
			if err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
		}
		for key, r := range h.receipts() {
			log = append(log, key+" "+string(r.Status)+" "+r.Text)
		}
		if at > appends {
			log = nil // there is no such append
		}
		return effects, log
	}
	want, _ := scenario(t, 0, false)
	if diff := cmp.Diff(map[string]int{"1": 1, "2": 1, "3": 1, "4": 1}, want); diff != "" {
		t.Fatalf("without a crash (-want +got):\n%s", diff)
	}
	for at := 1; ; at++ {
		for _, after := range []bool{false, true} {
			effects, log := scenario(t, at, after)
			if log == nil {
				if at < 12 {
					t.Fatalf("only %d appends", at)
				}
				return
			}
			if diff := cmp.Diff(want, effects); diff != "" || len(log) != len(calls) {
				t.Errorf("crash at append %d (after: %v): effects %s, receipts %v", at, after, diff, log)
			}
		}
	}
}

func TestRemember(t *testing.T) {
	t.Parallel()
	known := map[string]tool.Known{}
	for _, p := range []event.Payload{
		event.ToolCall{Call: "a", Step: "1"},
		event.ToolCall{Call: "b", Step: "2"},
		event.ToolResult{Call: "a"},
		event.ToolResult{Call: "c"},
		event.Finding{Call: "d"},
	} {
		tool.Remember(known, p)
	}
	want := map[string]tool.Known{"a": {Step: "1", Started: true, Finished: true}, "b": {Step: "2", Started: true}, "c": {Finished: true}}
	if diff := cmp.Diff(want, known); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
