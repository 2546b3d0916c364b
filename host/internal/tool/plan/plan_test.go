package plan_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/host/internal/tool"
	plantool "github.com/cowork-host/cowork/host/internal/tool/plan"
	"github.com/cowork-host/cowork/host/internal/tool/tooltest"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	tooltest.Run(t, tooltest.Case{
		Valid: `{"ops":[{"op":"add","text":"read"}]}`,
		New: func(*testing.T) (tool.Tool, func() string) {
			steps := []plan.Step{{ID: "1", Text: "a"}}
			return plantool.New(func() []plan.Step { return steps }), func() string { return plan.Text(steps) }
		},
	})
}

func TestEdits(t *testing.T) {
	t.Parallel()
	now := []plan.Step{{ID: "1", Text: "read", Status: event.PlanPending}}
	tl := plantool.New(func() []plan.Step { return now })
	run := func(in string) (*tool.Result, error) {
		p, err := tl.Prepare(t.Context(), tool.Call{Name: plantool.Name, Input: json.RawMessage(in)})
		if err != nil {
			return nil, err
		}
		if len(p.Targets) != 0 {
			t.Errorf("targets %v: the policy takes it for a change of files", p.Targets)
		}
		return p.Run(t.Context())
	}
	res, err := run(`{"ops":[{"op":"status","id":"1","status":"active"},{"op":"add","text":"sum"},{"op":"add","text":"first","after":"start"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := &tool.Result{
		Text: "0 of 3\n[ ] 3. first\n[>] 1. read\n[ ] 2. sum",
		Events: []event.Payload{event.PlanEdited{By: "model", Ops: []event.PlanOp{
			{Op: "status", ID: "1", Status: event.PlanActive}, {Op: "add", ID: "2", Text: "sum"}, {Op: "add", ID: "3", Text: "first", After: "start"},
		}}},
	}
	if diff := cmp.Diff(want, res); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// It acts on the plan as it is when it runs: the person edits too.
	now = nil
	if _, err := run(`{"ops":[{"op":"status","id":"1","status":"done"}]}`); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("a step that is gone: %v", err)
	}
	if _, err := run(`{"ops":[{"op":"swap"}]}`); err == nil || !strings.Contains(err.Error(), `ops[0].op: the text "swap" is not one of "add"`) {
		t.Errorf("an unknown edit: %v", err)
	}
}
