package files_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
)

// door is the one door with the file tools behind it, and a log in memory that
// survives the host.
type door struct {
	*bench
	mu     sync.Mutex
	log    []event.Payload
	steps  int
	answer func(event.ApprovalAsked) (event.ApprovalAnswered, error)
	asked  []event.ApprovalAsked
}

var errParked = errors.New("parked")

// do runs one message's calls in a host of its own.
func (d *door) do(message int, calls ...model.ToolCall) error {
	d.t.Helper()
	var seen []event.Seen
	known := map[string]tool.Known{}
	for _, p := range d.log {
		tool.Remember(known, p)
		if r, ok := p.(event.ToolResult); ok {
			seen = append(seen, r.Seen...)
		}
	}
	set, err := tool.NewSet(d.resumed("t", seen).files.Tools()...)
	if err != nil {
		d.t.Fatal(err)
	}
	return tool.NewCaller(tool.Options{
		Tools: set,
		Record: func(_ context.Context, p ...event.Payload) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.log = append(d.log, p...)
			return nil
		},
		NextStep: func() string { d.steps++; return fmt.Sprint(d.steps) },
		Decide: func(_ context.Context, c policy.Call) (policy.Decision, error) {
			if c.Effect == policy.Delete {
				return policy.Decision{Verdict: policy.AskUser, Rule: "deletion", Scopes: []policy.Scope{policy.Once}}, nil
			}
			return policy.Decision{Verdict: policy.Allow, Rule: "reversible"}, nil
		},
		Approve: func(_ context.Context, a event.ApprovalAsked, _ policy.Call) (event.ApprovalAnswered, error) {
			d.asked = append(d.asked, a)
			return d.answer(a)
		},
	}).Do(d.t.Context(), message, calls, known)
}

func (d *door) receipt(call string) event.ToolResult {
	for _, p := range d.log {
		if r, ok := p.(event.ToolResult); ok && r.Call == call {
			return r
		}
	}
	return event.ToolResult{}
}

func toolCall(id, name string, in args) model.ToolCall {
	raw, _ := json.Marshal(in)
	return model.ToolCall{ID: id, Name: name, Input: raw}
}

func TestOneMessageThroughTheDoor(t *testing.T) {
	t.Parallel()
	d := &door{bench: newBench(t)}
	d.put("in.csv", "a,b\n1,2\n")
	err := d.do(1,
		toolCall("r", "read", args{"path": "in.csv"}), toolCall("l", "list", args{}),
		toolCall("w", "write", args{"path": "out.md", "content": "# sum\n"}),
		toolCall("e", "edit", args{"path": "out.md", "old_text": "sum", "new_text": "total"}),
		toolCall("x", "edit", args{"path": "in.csv", "old_text": "1,2", "new_text": "3,4"}),
		toolCall("m", "move", moves("out.md", "report/out.md")),
		toolCall("a", "artifact", args{"path": "report/out.md"}),
		toolCall("d", "request_delete", args{"paths": []string{"report/out.md"}}),
		toolCall("bad", "edit", args{"path": "in.csv", "old": "1", "new_text": "2"}),
	)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]event.ResultStatus{"r": "ok", "w": "ok", "e": "ok", "x": "ok", "m": "ok", "a": "ok", "d": "ok", "bad": "invalid"} {
		if r := d.receipt(id); r.Status != want {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if len(d.asked) != 0 {
		t.Error("the person was asked about what the task made itself")
	}
	if !strings.Contains(d.receipt("bad").Text, `no field "old"; did you mean "old_text"?`) {
		t.Errorf("bad: %s", d.receipt("bad").Text)
	}
	if d.content("in.csv") != "a,b\n3,4\n" {
		t.Errorf("content %q", d.content("in.csv"))
	}
}

func TestDeletionThroughTheDoor(t *testing.T) {
	t.Parallel()
	d := &door{bench: newBench(t)}
	d.put("d/old.txt", "old")
	d.answer = func(event.ApprovalAsked) (event.ApprovalAnswered, error) { return event.ApprovalAnswered{}, errParked }
	call := toolCall("x", "request_delete", args{"paths": []string{"d"}})
	if err := d.do(1, call); !errors.Is(err, errParked) || len(d.log) != 0 {
		t.Fatalf("got %v, %v", err, d.log)
	}
	// The person allows it while the task is parked; meanwhile a file arrives.
	allowed := d.asked[0].ID
	d.answer = func(a event.ApprovalAsked) (event.ApprovalAnswered, error) {
		if a.ID == allowed {
			return event.ApprovalAnswered{ID: a.ID, Allow: true}, nil
		}
		return event.ApprovalAnswered{}, errParked
	}
	d.put("d/new.txt", "new")
	if err := d.do(1, call); !errors.Is(err, errParked) {
		t.Fatalf("what the person never saw was deleted: %v, %v\n%s", err, d.log, d.tree())
	}
	if k := d.asked[1].Card; !strings.Contains(strings.Join(k.Details, " "), "new.txt") {
		t.Errorf("the second card: %+v", k)
	}
	allowed = d.asked[1].ID
	if err := d.do(1, call); err != nil {
		t.Fatal(err)
	}
	if r := d.receipt("x"); r.Status != event.ResultOK || strings.Contains(d.tree(), "old.txt") {
		t.Errorf("%+v\n%s", r, d.tree())
	}
	if len(d.asked[1].Card.Scopes) != 1 {
		t.Errorf("scopes %v", d.asked[1].Card.Scopes)
	}
	before := len(d.log)
	if err := d.do(1, call); err != nil || len(d.log) != before {
		t.Errorf("a finished call ran again: %v, %v", err, d.log[before:])
	}
}
