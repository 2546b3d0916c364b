package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type taskCmd struct {
	Ls      taskLsCmd      `cmd:"" help:"List tasks, the newest first, sub-agents below their task."`
	Show    taskShowCmd    `cmd:"" help:"Show what a task did and what it waits for."`
	Why     taskWhyCmd     `cmd:"" help:"Say what a task waits for, or why it ended as it did."`
	Approve taskApproveCmd `cmd:"" help:"Allow what a task asks for."`
	Deny    taskDenyCmd    `cmd:"" help:"Deny what a task asks for, with a reason for the model."`
	Answer  taskAnswerCmd  `cmd:"" help:"Answer a question a task asks."`
	Message taskMessageCmd `cmd:"" help:"Tell a task something while it works, or after."`
	Queue   taskQueueCmd   `cmd:"" help:"See and change the messages that wait."`
	Plan    taskPlanCmd    `cmd:"" help:"See and change a task's plan."`
	Pause   taskPauseCmd   `cmd:"" help:"Let a task end at its next step, to be resumed later."`
	Resume  taskResumeCmd  `cmd:"" help:"Run a paused, interrupted or failed task on."`
	Stop    taskStopCmd    `cmd:"" help:"Stop a task at work and its sub-agents."`
	Retry   taskRetryCmd   `cmd:"" help:"Run a sub-agent that failed or was stopped again."`
	Changes taskChangesCmd `cmd:"" help:"List the files a task changed."`
	Undo    taskUndoCmd    `cmd:"" help:"Take back what a task changed."`
	Export  taskExportCmd  `cmd:"" help:"Save a task's log, summary and files as a zip."`
	Import  taskImportCmd  `cmd:"" help:"Add a task from an export, for reading."`
}

// Help is shown by --help.
func (taskCmd) Help() string {
	return `A task is one piece of work, named by the id that run prints; the beginning of
it is enough. It goes on when the terminal closes.

Examples:

  cowork task ls
  cowork task show ID --follow
  cowork task why ID
  cowork task approve ID
  cowork task message ID "leave out the drafts"
  cowork task undo ID --dry-run
  cowork task undo ID --path report.xlsx`
}

// taskID is an argument that names a task by its id or an unambiguous
// beginning of it.
type taskID struct {
	ID string `arg:"" help:"The task's id, or the beginning of it."`
}

// resolve completes the id.
func (t taskID) resolve(ctx context.Context, c *host.Client) (string, error) {
	if len(t.ID) >= 12 {
		return t.ID, nil
	}
	if t.ID == "" {
		return "", pluginsdk.Invalid("list the tasks with `cowork task ls`", "the task's id is empty")
	}
	tasks, err := c.Tasks(ctx, -1)
	if err != nil {
		return "", err
	}
	var found []string
	for _, s := range tasks {
		if strings.HasPrefix(s.Task, t.ID) {
			found = append(found, s.Task)
		}
	}
	switch len(found) {
	case 0:
		return t.ID, nil // the host says that there is none
	case 1:
		return found[0], nil
	}
	return "", pluginsdk.Invalid("give more of the id", "%d tasks begin with %q: %s", len(found), t.ID, strings.Join(found[:min(5, len(found))], ", "))
}

// open connects to the host and completes the id.
func (t taskID) open(a *app, ctx context.Context) (*host.Client, string, error) {
	c, err := a.connect(ctx)
	if err != nil {
		return nil, "", err
	}
	id, err := t.resolve(ctx, c)
	return c, id, err
}

// Help is shown by --help.
func (taskResumeCmd) Help() string {
	return `What was done stays done; the step that was cut off runs again from the top,
with the answers already given.`
}

type taskResumeCmd struct {
	taskID
	JSON bool `help:"Print one event per line as JSON; the last line is the result."`
}

func (t *taskResumeCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := a.giveModel(ctx, c); err != nil {
		return err
	}
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	if err := c.Resume(ctx, id, !t.JSON && a.interactive()); err != nil {
		return err
	}
	return follow(a, c, id, s, t.JSON)
}

type taskChangesCmd struct {
	taskID
	JSON bool `help:"Print one change per line as JSON."`
}

func (t *taskChangesCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	changes, err := c.Changes(ctx, id)
	if err != nil {
		return err
	}
	for _, ch := range changes {
		if t.JSON {
			if err := a.printJSON(ch); err != nil {
				return err
			}
			continue
		}
		note := ""
		if !ch.Undoable {
			note = "  (cannot be undone)"
		}
		fmt.Fprintf(a.stdout, "%-9s %s%s\n", ch.Change, clean(ch.Path), note)
	}
	if len(changes) == 0 && !t.JSON {
		fmt.Fprintln(a.stdout, "The task changed nothing.")
	}
	return nil
}

type taskUndoCmd struct {
	taskID
	Step   string `help:"Only what this step of the work changed; \"cowork task show\" prints them." placeholder:"STEP-ID"`
	Path   string `help:"Only this file." placeholder:"FILE"`
	DryRun bool   `help:"Say what would be done, and do nothing."`
	JSON   bool   `help:"Print one file per line as JSON."`
}

// Help is shown by --help.
func (taskUndoCmd) Help() string {
	return `Restores every file the task changed to the bytes from before and moves the
files it created to the trash. A file you changed since is never overwritten:
the earlier version is put beside it.`
}

func (t *taskUndoCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	if !s.Over() {
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: "task " + id + " is at work",
			Next: "wait until it is over, or stop it with `cowork task stop " + id + "`",
		}
	}
	changes, err := c.Changes(ctx, id)
	if err != nil {
		return err
	}
	var done []host.Reversal
	if len(changes) > 0 || t.Step != "" || t.Path != "" {
		done, err = c.Undo(ctx, id, host.UndoRequest{Step: t.Step, Path: t.Path, DryRun: t.DryRun})
		if err != nil {
			return err
		}
	}
	for _, r := range done {
		if t.JSON {
			if err := a.printJSON(r); err != nil {
				return err
			}
			continue
		}
		word := strings.ReplaceAll(r.Action, "_", " ")
		if t.DryRun {
			word = "would be " + word
		}
		fmt.Fprintf(a.stdout, "%s: %s", word, clean(r.Path))
		if r.Detail != "" {
			fmt.Fprintf(a.stdout, "  (%s)", clean(r.Detail))
		}
		fmt.Fprintln(a.stdout)
	}
	if len(done) == 0 && !t.JSON {
		fmt.Fprintln(a.stdout, "Nothing to undo.")
	}
	return nil
}
