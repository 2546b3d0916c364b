package tool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

// chaos is a world in which calls end in every way there is.
type chaos struct {
	*fakeHost
	dice *rand.Rand

	mu      sync.Mutex
	effects map[string]int // by call
	writing int
	overlap bool
	calm    bool // from now on nothing goes wrong
}

var errPark = errors.New("parked")

func (w *chaos) roll(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calm {
		return n + 1 // none of the faults
	}
	return w.dice.IntN(n)
}

func (w *chaos) tool(name string, effect policy.Effect) tool.Tool {
	return prepared(name, effect, func(c tool.Call, _ textInput) (*tool.Prepared, error) {
		switch w.roll(12) {
		case 0:
			return nil, pluginsdk.Invalid("try again", "not now")
		case 1:
			panic("prepare")
		}
		return &tool.Prepared{
			Summary: name,
			Run:     func(context.Context) (*tool.Result, error) { return w.run(c, effect) },
			Settle: func(context.Context) (*tool.Result, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				if w.effects[c.ID] > 0 {
					return &tool.Result{Text: "it had happened"}, nil
				}
				return nil, nil
			},
		}, nil
	})
}

func (w *chaos) run(c tool.Call, effect policy.Effect) (*tool.Result, error) {
	w.mu.Lock()
	if effect == policy.Write {
		w.overlap = w.overlap || w.writing > 0
		w.writing++
		defer func() {
			w.mu.Lock()
			w.writing--
			w.mu.Unlock()
		}()
	}
	w.mu.Unlock()
	switch w.roll(10) {
	case 0:
		return nil, pluginsdk.Invalid("", "no")
	case 1:
		panic("run")
	case 2:
		return nil, errors.New("the host's disk")
	case 3:
		return nil, errPark
	}
	w.mu.Lock()
	w.effects[c.ID]++
	w.mu.Unlock()
	return &tool.Result{Text: "ran", Events: []event.Payload{event.PlanEdited{}}}, nil
}

// message is a message with calls of every kind.
func (w *chaos) message() []model.ToolCall {
	names := []string{"read", "put", "spawn", "ask", "nope"}
	var calls []model.ToolCall
	for i := range 1 + w.dice.IntN(12) {
		id := fmt.Sprint("c", i)
		if w.dice.IntN(8) == 0 {
			id = "c0"
		}
		input := `{}`
		if w.dice.IntN(8) == 0 {
			input = `{"n":"x"}`
		}
		calls = append(calls, call(id, names[w.dice.IntN(len(names))], input))
	}
	return calls
}

// TestWhateverHappens runs random messages in a host that fails and dies at
// random, until they are through: every call has one receipt, and none has its
// effect twice.
func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		w := &chaos{fakeHost: newHost(t), dice: rand.New(rand.NewPCG(seed, 7)), effects: map[string]int{}}
		w.verdicts["ask"] = ask
		w.broken = func(event.Payload) error {
			if w.roll(15) == 0 {
				return errors.New("the log is full")
			}
			return nil
		}
		w.answer = func(a event.ApprovalAsked) (event.ApprovalAnswered, error) {
			switch w.roll(4) {
			case 0:
				return event.ApprovalAnswered{}, errPark
			case 1:
				return event.ApprovalAnswered{ID: a.ID}, nil
			}
			return event.ApprovalAnswered{ID: a.ID, Allow: true}, nil
		}
		calls := w.message()
		keys := tool.Keys(calls)
		err := errPark
		for run := 0; err != nil && run < 50; run++ {
			w.calm = run > 20
			// Every run is a new host that knows nothing but the log.
			err = w.caller(w.tool("read", policy.Read), w.tool("put", policy.Write), w.tool("spawn", policy.Spawn), w.tool("ask", policy.Fetch)).
				Do(t.Context(), 1, calls, w.known())
		}
		if err != nil {
			t.Fatalf("seed %d: it never comes to an end: %v", seed, err)
		}
		got := w.receipts() // tells of two receipts for one call
		for i, key := range keys {
			r, ok := got[key]
			if !ok {
				t.Errorf("seed %d: call %s has no receipt", seed, key)
			}
			if n := w.effects[key]; n > 1 && calls[i].Name != "read" || n == 0 && r.Status == event.ResultOK {
				t.Errorf("seed %d: call %s of %s has its effect %d times, receipt %s", seed, key, calls[i].Name, n, r.Status)
			}
			began := slices.Index(w.kinds(), "call "+key)
			if (r.Step != "") != (began >= 0) || r.Status == event.ResultOK && began < 0 {
				t.Errorf("seed %d: call %s: began at %d, receipt %+v", seed, key, began, r)
			}
			if r.Status == event.ResultDenied && w.effects[key] > 0 {
				t.Errorf("seed %d: call %s was denied after it had happened", seed, key)
			}
		}
		if len(got) != len(calls) || w.overlap {
			t.Errorf("seed %d: %d receipts for %d calls, writes side by side: %v", seed, len(got), len(calls), w.overlap)
		}
	}
}

func TestManyCallsInOneMessage(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	var calls []model.ToolCall
	for i := range 2000 {
		calls = append(calls, call(fmt.Sprint("c", i), []string{"read", "put"}[i%7/6], `{}`))
	}
	if err := h.caller(echo("read", policy.Read), echo("put", policy.Write)).Do(t.Context(), 1, calls, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.receipts(); len(got) != len(calls) {
		t.Errorf("%d receipts", len(got))
	}
}

func TestHooksSeeTheParsedCall(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	opts := h.options(echo("put", policy.Write))
	opts.Before = []tool.Hook{func(_ context.Context, c tool.Call, p *tool.Prepared) policy.Decision {
		if string(c.Input) != `{"n":3}` || c.Step != "1" || c.Name != "put" || !strings.HasPrefix(p.Summary, "put") {
			t.Errorf("a hook sees %+v, %+v", c, p)
		}
		return allow
	}}
	if err := tool.NewCaller(opts).Do(t.Context(), 1, []model.ToolCall{call("a", "put", `{"n": 3.0}`)}, nil); err != nil {
		t.Fatal(err)
	}
	if r := h.receipts()["a"]; r.Status != event.ResultOK {
		t.Errorf("receipt %+v", r)
	}
}
