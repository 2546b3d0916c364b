package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type taskCmd struct {
	Ls      taskLsCmd      `cmd:"" help:"List tasks, the newest first."`
	Show    taskShowCmd    `cmd:"" help:"Show what a task did."`
	Why     taskWhyCmd     `cmd:"" help:"Say why a task ended as it did."`
	Resume  taskResumeCmd  `cmd:"" help:"Run an interrupted or failed task again."`
	Stop    taskStopCmd    `cmd:"" help:"Stop a task at work."`
	Answer  taskAnswerCmd  `cmd:"" help:"Answer a question a task asks."`
	Changes taskChangesCmd `cmd:"" help:"List the files a task changed."`
	Undo    taskUndoCmd    `cmd:"" help:"Take back what a task changed."`
	Export  taskExportCmd  `cmd:"" help:"Save a task's log, summary and files as a zip."`
}

// Help is shown by --help.
func (taskCmd) Help() string {
	return `A task is one piece of work, named by the id that run prints; the beginning of
it is enough. It goes on when the terminal closes.

Examples:

  cowork task ls
  cowork task show ID --follow
  cowork task why ID
  cowork task undo ID --dry-run
  cowork task undo ID --path report.xlsx`
}

type taskLsCmd struct {
	Limit int  `help:"How many." default:"20" placeholder:"N"`
	All   bool `help:"All of them."`
	JSON  bool `help:"Print one task per line as JSON."`
}

func (t *taskLsCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	limit := t.Limit
	if t.All {
		limit = -1
	}
	tasks, err := c.Tasks(ctx, limit)
	if err != nil {
		return err
	}
	if t.JSON {
		for _, s := range tasks {
			if err := a.printJSON(s); err != nil {
				return err
			}
		}
		return nil
	}
	if len(tasks) == 0 {
		fmt.Fprintln(a.stdout, "No tasks yet. See what there is to run: cowork plugin ls")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "TASK\tSTARTED\tSTATUS\tWHAT")
	for _, s := range tasks {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Task, s.Created.Local().Format("2006-01-02 15:04"), s.Status, clean(s.Title))
	}
	return w.Flush()
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

type taskShowCmd struct {
	taskID
	Follow bool `help:"Go on until the task is over." short:"f"`
	JSON   bool `help:"Print one event per line as JSON."`
}

func (t *taskShowCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case t.Follow && !s.Over():
		return t.follow(a, ctx, c, s)
	case t.Follow || t.JSON:
		return t.replay(a, ctx, c, s)
	}
	a.printState(s)
	return nil
}

// replay shows what has been recorded.
func (t *taskShowCmd) replay(a *app, ctx context.Context, c *host.Client, s *host.TaskState) error {
	view := newView(a, c, s.ID)
	view.past(s)
	for e, err := range c.Events(ctx, s.ID, 1, false) {
		if err != nil {
			return err
		}
		if !t.JSON {
			view.show(ctx, e)
		} else if err := a.printJSON(e); err != nil {
			return err
		}
	}
	return nil
}

// follow shows the events from the first on until the task is over. An
// interrupt ends the showing, not the task.
func (t *taskShowCmd) follow(a *app, ctx context.Context, c *host.Client, s *host.TaskState) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	view := newView(a, c, s.ID)
	view.leave = func(q host.Question) { cancel(leftError{q.ID}) }
	view.past(s)
	_, err := watch(ctx, a, c, s.ID, 1, view, t.JSON)
	if a.left(ctx, s.ID) {
		return exitError{exitParked}
	}
	return err
}

// printState prints what is known of a task: what was asked, each step with
// what it changed, and how it ended.
func (a *app) printState(s *host.TaskState) {
	out := a.stdout
	fmt.Fprintf(out, "%s\n", clean(s.Created.Input))
	fmt.Fprintf(out, "  task:     %s\n", s.ID)
	fmt.Fprintf(out, "  status:   %s\n", s.Status)
	fmt.Fprintf(out, "  started:  %s\n", s.Started.Local().Format(time.RFC3339))
	fmt.Fprintf(out, "  folders:  %s\n", clean(strings.Join(s.Created.Folders, ", ")))
	if s.Sandbox != "" {
		fmt.Fprintf(out, "  sandbox:  %s\n", clean(s.Sandbox))
	}
	for _, st := range s.Steps {
		fmt.Fprintf(out, "  step %s:   /%s:%s — %s\n", clean(st.ID), clean(st.Plugin), clean(st.Command), st.Status)
		for _, c := range st.Changes {
			fmt.Fprintf(out, "    %s %s\n", c.Change, clean(display(c.Path)))
		}
		switch {
		case len(st.Changes) > 0 || st.Status == "done":
		case s.Over():
			fmt.Fprintln(out, "    nothing was changed")
		default:
			fmt.Fprintln(out, "    nothing is changed before it is done")
		}
	}
	for _, q := range s.Open() {
		fmt.Fprintf(out, "  asks:     %s\n", clean(q.Text))
		for _, c := range q.Choices {
			fmt.Fprintf(out, "    %s  %s %s\n", clean(c.Value), clean(c.Label), clean(c.Detail))
		}
		fmt.Fprintf(out, "    answer with: cowork task answer %s %s VALUE\n", s.ID, clean(q.ID))
	}
	for _, r := range s.Undone {
		fmt.Fprintf(out, "  undone:   %s %s\n", r.Outcome, clean(display(r.Path)))
	}
	if s.Error != nil {
		fmt.Fprintf(out, "  error:    %s\n", clean(s.Error.Message))
		if s.Error.Next != "" {
			fmt.Fprintf(out, "  next:     %s\n", clean(s.Error.Next))
		}
	}
	if s.Brief != "" && s.Status == host.StatusDone {
		fmt.Fprintln(out)
		for l := range strings.Lines(s.Brief) {
			fmt.Fprintf(out, "  %s\n", clean(strings.TrimRight(l, "\n")))
		}
	}
}

// Help is shown by --help.
func (taskResumeCmd) Help() string {
	return `What was done stays done; the step that was cut off runs again from the top,
with the answers already given.`
}

type taskWhyCmd struct {
	taskID
	JSON bool `help:"Print the reason as JSON."`
}

func (t *taskWhyCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	if t.JSON {
		return a.printJSON(map[string]any{"task": id, "status": s.Status, "error": s.Error, "plugins": s.Failures})
	}
	out := a.stdout
	switch {
	case s.Error != nil:
		fmt.Fprintf(out, "%s, because: %s\n", s.Status, clean(s.Error.Message))
		if s.Error.Next != "" {
			fmt.Fprintf(out, "next: %s\n", clean(s.Error.Next))
		}
	case s.Over():
		fmt.Fprintf(out, "%s: every step finished and its files are in place\n", s.Status)
	default:
		fmt.Fprintf(out, "%s: it is at work\n", s.Status)
	}
	for _, f := range s.Failures {
		fmt.Fprintf(out, "plugin %s was given up (%s)\n", clean(f.Plugin), clean(f.Reason))
		for l := range strings.Lines(f.Detail) {
			fmt.Fprintf(out, "  | %s\n", clean(l))
		}
	}
	for _, l := range s.Logs {
		fmt.Fprintf(out, "noted: %s\n", clean(l))
	}
	return nil
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
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	if err := c.Resume(ctx, id, !t.JSON && a.interactive()); err != nil {
		return err
	}
	return follow(a, c, id, s.Last+1, t.JSON)
}

type taskStopCmd struct {
	taskID
	JSON bool `help:"Print how the task stands as JSON."`
}

func (t *taskStopCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := c.Stop(ctx, id); err != nil {
		return err
	}
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	if t.JSON {
		return a.printJSON(map[string]any{"task": id, "status": s.Status})
	}
	fmt.Fprintf(a.stdout, "task %s: %s\n", id, s.Status)
	return nil
}

type taskAnswerCmd struct {
	taskID
	Question string `arg:"" help:"The question's id, as task show prints it."`
	Value    string `arg:"" help:"The answer."`
	JSON     bool   `help:"Print the answer as JSON."`
}

func (t *taskAnswerCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := c.Answer(ctx, id, t.Question, t.Value); err != nil {
		return err
	}
	if t.JSON {
		return a.printJSON(map[string]string{"task": id, "question": t.Question, "value": t.Value})
	}
	fmt.Fprintf(a.stdout, "answered; watch the task with: cowork task show --follow %s\n", id)
	return nil
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
	Step   string `help:"Only what this step changed." placeholder:"N"`
	Path   string `help:"Only this file." placeholder:"P"`
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
