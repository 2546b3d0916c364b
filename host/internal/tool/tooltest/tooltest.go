// Package tooltest is the conformance suite every tool passes.
package tooltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Case is one tool with what the suite needs to try it.
type Case struct {
	// New makes the tool in a world of its own, and returns what tells whether
	// that world has changed: nil where there is nothing to change.
	New func(t *testing.T) (tool.Tool, func() string)
	// Valid is an input that can be prepared in that world.
	Valid string
}

// soon is how long a cancelled call may take; far more than any needs.
const soon = 10 * time.Second

// Run runs the suite.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("spec", c.spec)
	t.Run("garbage", c.garbage)
	t.Run("prepare has no effects", c.prepare)
	t.Run("cancel", c.cancel)
}

// object is what the suite looks at in a schema.
type object struct {
	Type                 string                     `json:"type"`
	Properties           map[string]json.RawMessage `json:"properties"`
	Required             []string                   `json:"required"`
	AdditionalProperties *bool                      `json:"additionalProperties"`
}

func (c Case) schema(t *testing.T, tl tool.Tool) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(tl.Spec().Schema, &o); err != nil {
		// The library writes false as {"not":{}}.
		var loose map[string]json.RawMessage
		if err := json.Unmarshal(tl.Spec().Schema, &loose); err != nil {
			t.Fatalf("the schema is not JSON: %v", err)
		}
		no := string(loose["additionalProperties"]) != `{"not":{}}`
		delete(loose, "additionalProperties")
		rest, err := json.Marshal(loose)
		if err == nil {
			err = json.Unmarshal(rest, &o)
		}
		if err != nil {
			t.Fatalf("the schema is not that of an object: %v", err)
		}
		o.AdditionalProperties = &no
	}
	return o
}

func (c Case) spec(t *testing.T) {
	tl, _ := c.New(t)
	s := tl.Spec()
	if _, err := tool.NewSet(tl); err != nil {
		t.Fatal(err)
	}
	if len(s.Description) < 20 || len(s.Description) > 4<<10 || strings.TrimSpace(s.Description) != s.Description {
		t.Errorf("a description of %d bytes", len(s.Description))
	}
	effects := []policy.Effect{policy.Read, policy.Write, policy.Spawn, policy.Delete, policy.Fetch, policy.Send, policy.Spend}
	if !slices.Contains(effects, s.Effect) {
		t.Errorf("effect %q", s.Effect)
	}
	o := c.schema(t, tl)
	if o.Type != "object" || o.AdditionalProperties == nil || *o.AdditionalProperties {
		t.Errorf("the schema is not that of a closed object: %s", s.Schema)
	}
	for name, raw := range o.Properties {
		var p struct {
			Description string
			Enum        []any
		}
		if err := json.Unmarshal(raw, &p); err != nil || p.Description == "" && p.Enum == nil {
			t.Errorf("field %s tells the model nothing: %s, %v", name, raw, err)
		}
	}
	again, _ := c.New(t)
	if !bytes.Equal(s.Schema, again.Spec().Schema) || !bytes.Equal(s.Schema, tl.Spec().Schema) || s.Description != again.Spec().Description {
		t.Error("two specs of the same tool differ")
	}
	s.Schema[0] = 'x'
	if tl.Spec().Schema[0] == 'x' {
		t.Error("a caller can change the schema")
	}
}

func (c Case) garbage(t *testing.T) {
	tl, state := c.New(t)
	before := look(state)
	inputs := []string{
		`null`, `[]`, `42`, `"text"`, `{`, `{"a":`, "\x00", "\xff\xfe", `{}{}`,
		`{"no_such_field_anywhere":1}`, strings.Repeat("[", 20_000),
	}
	o := c.schema(t, tl)
	for _, name := range slices.Sorted(maps.Keys(o.Properties)) {
		inputs = append(inputs, with(t, c.Valid, name, json.RawMessage(`{"wrong":["kind"]}`)))
	}
	for _, name := range o.Required {
		inputs = append(inputs, with(t, c.Valid, name, nil))
	}
	for _, in := range inputs {
		_, err := tl.Prepare(t.Context(), tool.Call{ID: "c", Step: "1", Name: tl.Spec().Name, Input: json.RawMessage(in)})
		if _, ok := errors.AsType[*pluginsdk.Error](err); !ok {
			t.Errorf("input %.60q: got %v, want an error for the model", in, err)
		}
	}
	if len(o.Required) > 0 {
		if _, err := tl.Prepare(t.Context(), tool.Call{ID: "c", Step: "1"}); err == nil {
			t.Error("an input without bytes is taken, though fields are required")
		}
	}
	if after := look(state); after != before {
		t.Errorf("garbage changed the world:\n%s\n%s", before, after)
	}
}

// with returns an input with one field replaced, or without it.
func with(t *testing.T, in, name string, value json.RawMessage) string {
	t.Helper()
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(in), &fields); err != nil {
		t.Fatalf("the valid input %s: %v", in, err)
	}
	if fields[name] = value; value == nil {
		delete(fields, name)
	}
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func look(state func() string) string {
	if state == nil {
		return ""
	}
	return state()
}

func (c Case) call(tl tool.Tool, n int) tool.Call {
	return tool.Call{ID: fmt.Sprintf("call_%d", n), Step: fmt.Sprint(n), Name: tl.Spec().Name, Input: json.RawMessage(c.Valid)}
}

func (c Case) prepare(t *testing.T) {
	tl, state := c.New(t)
	before := look(state)
	var wait sync.WaitGroup
	for n := range 4 {
		wait.Go(func() {
			p, err := tl.Prepare(t.Context(), c.call(tl, n+1))
			if err != nil || p == nil || p.Run == nil {
				t.Errorf("prepare %s: %v, %v", c.Valid, p, err)
				return
			}
			if p.Summary == "" || strings.Contains(p.Summary, "\n") {
				t.Errorf("summary %q", p.Summary)
			}
		})
	}
	wait.Wait()
	if after := look(state); after != before {
		t.Errorf("prepare changed the world:\n%s\n%s", before, after)
	}
}

func (c Case) cancel(t *testing.T) {
	tl, state := c.New(t)
	p, err := tl.Prepare(t.Context(), c.call(tl, 1))
	if err != nil {
		t.Fatal(err)
	}
	before := look(state)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := p.Run(ctx)
		ended <- err
	}()
	select {
	case err = <-ended:
	case <-time.After(soon):
		t.Fatal("a cancelled call does not return")
	}
	if after := look(state); err != nil && after != before {
		t.Errorf("a call that failed changed the world:\n%s\n%s", before, after)
	}
}

// Nothing prepares a call that does nothing, for tests that need some tool.
func Nothing(context.Context, tool.Call, struct{}) (*tool.Prepared, error) {
	return &tool.Prepared{Run: func(context.Context) (*tool.Result, error) { return &tool.Result{Text: "done"}, nil }}, nil
}
