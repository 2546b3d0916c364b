package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host"
)

type taskPlanCmd struct {
	Show planShowCmd `cmd:"" default:"withargs" help:"Show the plan."`
	Add  planAddCmd  `cmd:"" help:"Add a step to the plan."`
	Edit planEditCmd `cmd:"" help:"Give a step of the plan another text."`
	Skip planSkipCmd `cmd:"" help:"Skip a step of the plan."`
	Move planMoveCmd `cmd:"" help:"Move a step of the plan."`
	Rm   planRmCmd   `cmd:"" help:"Take a step out of the plan."`
}

// Help is shown by --help.
func (taskPlanCmd) Help() string {
	return `The task goes by the plan as it is changed here; with "run --mode plan" it waits
until the plan is approved.

Examples:

  cowork task plan ID
  cowork task plan add ID "check the totals against the bank statement"
  cowork task plan edit ID 2 "only the receipts of May"
  cowork task plan move ID 4 --after 1
  cowork task plan rm ID 3`
}

// planEdit edits a task's plan and prints what it is then.
func (t *taskID) planEdit(a *app, ctx context.Context, op host.PlanOp, asJSON bool) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := c.EditPlan(ctx, id, []host.PlanOp{op}); err != nil {
		return err
	}
	return a.printPlan(ctx, c, id, asJSON)
}

// printPlan prints a task's plan.
func (a *app) printPlan(ctx context.Context, c *host.Client, id string, asJSON bool) error {
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	for _, st := range s.Plan {
		if asJSON {
			if err := a.printJSON(st); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.stdout, "%s %s. %s\n", planMark(st.Status), clean(st.ID), planText(st.Text, st.Note))
	}
	if len(s.Plan) == 0 && !asJSON {
		fmt.Fprintln(a.stdout, "The task has no plan.")
	}
	return nil
}

func planText(text, note string) string {
	if note == "" {
		return clean(text)
	}
	return clean(text) + " (" + clean(note) + ")"
}

type planShowCmd struct {
	taskID
	JSON bool `help:"Print one step per line as JSON."`
}

func (t *planShowCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	return a.printPlan(ctx, c, id, t.JSON)
}

type planAddCmd struct {
	taskID
	Text  []string `arg:"" help:"What is to be done."`
	After string   `help:"Put it behind this step of the plan; \"start\" is the top. Default: the end." placeholder:"STEP"`
	JSON  bool     `help:"Print the plan as JSON."`
}

func (t *planAddCmd) Run(a *app, ctx context.Context) error {
	return t.planEdit(a, ctx, host.PlanOp{Op: "add", Text: strings.Join(t.Text, " "), After: t.After}, t.JSON)
}

// planStepID is an argument that names a step of a task's plan.
type planStepID struct {
	taskID
	Step string `arg:"" help:"The step's number, as \"cowork task plan show\" prints it."`
}

type planEditCmd struct {
	planStepID
	Text []string `arg:"" help:"The new text."`
	JSON bool     `help:"Print the plan as JSON."`
}

func (t *planEditCmd) Run(a *app, ctx context.Context) error {
	return t.planEdit(a, ctx, host.PlanOp{Op: "edit", ID: t.Step, Text: strings.Join(t.Text, " ")}, t.JSON)
}

type planSkipCmd struct {
	planStepID
	Note string `help:"Why." placeholder:"TEXT"`
	JSON bool   `help:"Print the plan as JSON."`
}

func (t *planSkipCmd) Run(a *app, ctx context.Context) error {
	return t.planEdit(a, ctx, host.PlanOp{Op: "status", ID: t.Step, Status: host.PlanSkipped, Note: t.Note}, t.JSON)
}

type planMoveCmd struct {
	planStepID
	After string `help:"Put it behind this step of the plan; \"start\" is the top. Default: the end." placeholder:"STEP"`
	JSON  bool   `help:"Print the plan as JSON."`
}

func (t *planMoveCmd) Run(a *app, ctx context.Context) error {
	return t.planEdit(a, ctx, host.PlanOp{Op: "move", ID: t.Step, After: t.After}, t.JSON)
}

type planRmCmd struct {
	planStepID
	JSON bool `help:"Print the plan as JSON."`
}

func (t *planRmCmd) Run(a *app, ctx context.Context) error {
	return t.planEdit(a, ctx, host.PlanOp{Op: "remove", ID: t.Step}, t.JSON)
}
