package main

import (
	"context"
	"fmt"

	"github.com/cowork-host/cowork/host"
)

type taskStopCmd struct {
	taskID
	AfterStep bool `help:"Let the running step end first."`
	JSON      bool `help:"Print how the task stands as JSON."`
}

// Help is shown by --help.
func (taskStopCmd) Help() string {
	return `Sub-agents stop with their task. What was finished stays, nothing is left half,
and the task can be resumed.`
}

func (t *taskStopCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := c.Stop(ctx, id, t.AfterStep); err != nil {
		return err
	}
	return a.printStatus(ctx, c, id, t.JSON)
}

// printStatus prints how a task stands.
func (a *app) printStatus(ctx context.Context, c *host.Client, id string, asJSON bool) error {
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(map[string]any{"task": id, "status": s.Status})
	}
	fmt.Fprintf(a.stdout, "task %s: %s\n", id, s.Status)
	return nil
}

type taskPauseCmd struct {
	taskID
	JSON bool `help:"Print how the task stands as JSON."`
}

// Help is shown by --help.
func (taskPauseCmd) Help() string {
	return `The step that runs is finished first; "cowork task resume ID" goes on behind it.`
}

func (t *taskPauseCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := c.Pause(ctx, id); err != nil {
		return err
	}
	if t.JSON {
		return a.printStatus(ctx, c, id, true)
	}
	fmt.Fprintf(a.stdout, "task %s pauses at its next step; go on with: cowork task resume %s\n", id, id)
	return nil
}

type taskRetryCmd struct {
	taskID
	JSON bool `help:"Print how the sub-agent stands as JSON."`
}

// Help is shown by --help.
func (taskRetryCmd) Help() string {
	return `ID is the sub-agent's own, as task show prints it. Its task gets the result if
it still waits for it.`
}

func (t *taskRetryCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := a.giveModel(ctx, c); err != nil {
		return err
	}
	if err := c.Retry(ctx, id); err != nil {
		return err
	}
	if t.JSON {
		return a.printStatus(ctx, c, id, true)
	}
	fmt.Fprintf(a.stdout, "runs again; watch it with: cowork task show --follow %s\n", id)
	return nil
}
