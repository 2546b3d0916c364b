package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// onServer is an env whose model is a scripted server behind the real reader.
func onServer(t *testing.T, srv *plugintest.Messages, run handler, change ...func(*engine.Options)) *env {
	t.Helper()
	m, err := anthropic.New(anthropic.Options{
		BaseURL: srv.URL(), APIKey: "k", Model: "claude-test",
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return newEnvOf(t, run, event.NewMemory(), func(o *engine.Options) {
		o.Connection = func() (engine.Connection, bool) {
			return engine.Connection{Model: m, Name: "claude-test"}, true
		}
		for _, f := range change {
			f(o)
		}
	})
}

// calls are the task's usage events without their figures.
func (e *env) calls(id string) []event.ModelUsage {
	e.t.Helper()
	var out []event.ModelUsage
	for ev, err := range e.log.Read(e.t.Context(), id, 1) {
		if err != nil {
			e.t.Fatal(err)
		}
		if u, err := event.Decode[event.ModelUsage](ev); err == nil {
			if u.InputTotal() == 0 {
				e.t.Errorf("call %d used no input", u.Call)
			}
			u.Usage = model.Usage{}
			out = append(out, u)
		}
	}
	return out
}

// TestUsageOfFailedAttempts keeps what was paid for and came to nothing.
func TestUsageOfFailedAttempts(t *testing.T) {
	t.Parallel()
	text := []plugintest.ReplyBlock{plugintest.TextBlock("and so on and on")}
	cut := plugintest.Reply{Content: text, End: plugintest.EndCut}
	busy := plugintest.Refuse(529, "overloaded_error", "busy", "0")
	used := func(purpose, step string) event.ModelUsage {
		return event.ModelUsage{Call: 1, Purpose: purpose, Step: step, Model: "claude-test", Cost: "0.5", Prices: "2026-01-01"}
	}
	generates := func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		_, err := inv.Host.Generate(ctx, &pluginsdk.Prompt{ID: "x", Text: "Write."})
		return &pluginsdk.Result{}, err
	}
	for _, c := range []struct {
		name    string
		input   string
		replies []plugintest.Reply
		status  event.Status
		want    []event.ModelUsage
		cost    string
	}{
		{"cut off, then whole", "Say it.", []plugintest.Reply{cut, plugintest.SayText("done")}, event.StatusDone, []event.ModelUsage{used("retry", ""), used("turn", "")}, "1"},
		{"refused, then whole", "Say it.", []plugintest.Reply{busy, plugintest.SayText("done")}, event.StatusDone, []event.ModelUsage{used("turn", "")}, "0.5"},
		{"cut off to the end", "Say it.", []plugintest.Reply{cut, cut, cut}, event.StatusFailed, []event.ModelUsage{used("retry", ""), used("retry", ""), used("retry", "")}, "1.5"},
		{"for a handler", "/p:go in.txt", []plugintest.Reply{cut, plugintest.SayText("text"), plugintest.SayText("done")}, event.StatusDone, []event.ModelUsage{
			used("retry", "1"), used("generate", "1"),
			{Call: 2, Purpose: "turn", Model: "claude-test", Cost: "0.5", Prices: "2026-01-01"},
		}, "1.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			counted := make(chan event.ModelUsage, 9)
			e := onServer(t, plugintest.NewMessages(t, c.replies...), generates, func(o *engine.Options) {
				o.Price = func(string, model.Usage) (string, string) { return "0.5", "2026-01-01" }
				o.Used = func(u event.ModelUsage) { counted <- u }
			})
			s := e.run(c.input)
			if s.Status != c.status {
				t.Errorf("status %s: %+v", s.Status, s.Error)
			}
			if diff := cmp.Diff(c.want, e.calls(s.ID)); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
			if s.Usage.Cost != c.cost || len(counted) != len(c.want) {
				t.Errorf("the task cost %s, %d calls counted to the day; want %s and %d", s.Usage.Cost, len(counted), c.cost, len(c.want))
			}
		})
	}
}

// TestUsageOfAStoppedCall keeps what a call had used when it was stopped.
func TestUsageOfAStoppedCall(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t, plugintest.Reply{Content: []plugintest.ReplyBlock{plugintest.TextBlock("and so on")}, End: plugintest.EndHang})
	e := onServer(t, srv, upper)
	id := e.start("Say it.")
	for ev, err := range e.log.Subscribe(t.Context(), id, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == event.KindModelDelta {
			break
		}
	}
	if err := e.tasks.Stop(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	s := e.ended(id)
	if s.Status != event.StatusStopped {
		t.Errorf("status %s: %+v", s.Status, s.Error)
	}
	if diff := cmp.Diff([]event.ModelUsage{{Call: 1, Purpose: "retry", Model: "claude-test"}}, e.calls(id)); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}
