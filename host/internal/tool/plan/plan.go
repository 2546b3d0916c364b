// Package plan is the tool by which a model keeps its plan: small edits, so
// that a step costs a line and not the whole list again.
package plan

import (
	"context"
	_ "embed" // the description
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
)

//go:embed plan.md
var description string

// Name is the tool's name.
const Name = "plan"

type input struct {
	Ops []op `json:"ops" jsonschema:"the edits, in order; all of them or none" min:"1" max:"200"`
}

type op struct {
	Op     string `json:"op" enum:"add,edit,status,move,remove"`
	ID     string `json:"id,omitempty" jsonschema:"the step; of an added one it may be left out"`
	Text   string `json:"text,omitempty" jsonschema:"what the step does, in a line" maxlen:"2000"`
	After  string `json:"after,omitempty" jsonschema:"for add and move: the id of the step it goes behind, or start; left out: the end"`
	Status string `json:"status,omitempty" enum:"pending,active,done,skipped"`
	Note   string `json:"note,omitempty" jsonschema:"what came out, or why it was skipped" maxlen:"2000"`
}

// New returns the tool. current gives the plan as the log has it now.
func New(current func() []plan.Step) tool.Tool {
	spec := tool.Spec{Name: Name, Description: strings.TrimSpace(description), Effect: policy.Write}
	return tool.Define(spec, func(_ context.Context, _ tool.Call, in input) (*tool.Prepared, error) {
		ops := make([]event.PlanOp, 0, len(in.Ops))
		for _, o := range in.Ops {
			ops = append(ops, event.PlanOp{
				Op: o.Op, ID: o.ID, Text: o.Text, After: o.After, Status: event.PlanStatus(o.Status), Note: o.Note,
			})
		}
		return &tool.Prepared{
			Summary: summary(ops),
			Run: func(context.Context) (*tool.Result, error) {
				before := current()
				after, err := plan.Apply(before, ops)
				if err != nil {
					return nil, err
				}
				name(before, ops)
				return &tool.Result{Text: plan.Text(after), Events: []event.Payload{event.PlanEdited{Ops: ops, By: "model"}}}, nil
			},
			// The edit is in the log with the receipt, or not at all.
			Settle: func(context.Context) (*tool.Result, error) { return nil, nil },
		}, nil
	})
}

// name writes the ids that added steps got into the edits, so that they are
// the same whatever the person edits in between.
func name(steps []plan.Step, ops []event.PlanOp) {
	for i := range ops {
		next, err := plan.Apply(steps, ops[i:i+1])
		if err != nil {
			return
		}
		if ops[i].Op == "add" && ops[i].ID == "" {
			ops[i].ID = added(steps, next)
		}
		steps = next
	}
}

func added(before, after []plan.Step) string {
	had := map[string]bool{}
	for _, s := range before {
		had[s.ID] = true
	}
	for _, s := range after {
		if !had[s.ID] {
			return s.ID
		}
	}
	return ""
}

func summary(ops []event.PlanOp) string {
	if len(ops) > 1 {
		return fmt.Sprintf("plan: %d edits", len(ops))
	}
	o := ops[0]
	switch o.Op {
	case "add":
		return "plan: add " + o.Text
	case "status":
		return fmt.Sprintf("plan: step %s is %s", o.ID, o.Status)
	}
	return fmt.Sprintf("plan: %s step %s", o.Op, o.ID)
}
