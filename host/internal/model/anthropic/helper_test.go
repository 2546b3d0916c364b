package anthropic_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// now is the clock of the tests.
func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// waits records the waits between tries instead of waiting.
type waits struct {
	mu   sync.Mutex
	list []time.Duration
}

func (w *waits) wait(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, d)
	return ctx.Err()
}

func (w *waits) got() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

const key = "sk-ant-test-0123456789"

// connect returns a model that talks to a scripted server.
func connect(t testing.TB, srv *plugintest.Messages, change func(*anthropic.Options)) *anthropic.Model {
	t.Helper()
	opts := anthropic.Options{BaseURL: srv.URL(), APIKey: key, Model: "claude-test", Now: now, Wait: new(waits).wait}
	if change != nil {
		change(&opts)
	}
	m, err := anthropic.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// hello is the smallest request.
func hello() *model.Request {
	return &model.Request{Messages: []model.Message{model.UserMessage(nil, "hello")}, MaxTokens: 1000}
}

// outcome is all that a call yields.
type outcome struct {
	deltas   []model.Delta
	retries  []model.Retry
	response *model.Response
	err      error
}

// generate makes a call and checks the order of what comes.
func generate(t testing.TB, m model.Model, ctx context.Context, req *model.Request) outcome {
	t.Helper()
	var o outcome
	for c, err := range m.Generate(ctx, req) {
		if o.response != nil || o.err != nil {
			t.Fatalf("something follows the end: %+v, %v", c, err)
		}
		o.err = err
		switch {
		case err != nil:
		case c.Delta != nil:
			o.deltas = append(o.deltas, *c.Delta)
		case c.Retry != nil:
			o.retries = append(o.retries, *c.Retry)
			o.deltas = nil // they begin anew
		case c.Response != nil:
			o.response = c.Response
		default:
			t.Fatal("an empty chunk")
		}
	}
	if (o.response == nil) == (o.err == nil) {
		t.Fatalf("the call ends with response %v and error %v", o.response, o.err)
	}
	return o
}

// raw returns a message's JSON.
func raw(t testing.TB, o outcome) string {
	t.Helper()
	if o.err != nil {
		t.Fatal(o.err)
	}
	return string(o.response.Message.Raw)
}
