package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type taskAnswerCmd struct {
	taskID
	Question string `arg:"" help:"The question's id, as \"cowork task show\" prints it."`
	Value    string `arg:"" help:"The answer."`
	JSON     bool   `help:"Print the answer as JSON."`
}

func (t *taskAnswerCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := a.giveModel(ctx, c); err != nil {
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

// approvalID is an argument that names one approval of a task.
type approvalID struct {
	taskID
	Request string `arg:"" optional:"" name:"request" help:"The approval's id, as \"cowork task show\" prints it; not needed when there is only one."`
}

type taskApproveCmd struct {
	approvalID
	Scope string `help:"How far it reaches: once, task (this tool on this target, in this task) or always." enum:"once,task,always" default:"once"`
	JSON  bool   `help:"Print what was allowed as JSON."`
}

// Help is shown by --help.
func (taskApproveCmd) Help() string {
	return `The first answer counts, from here, from the page or from another terminal. A
task that had parked goes on by itself.

Examples:

  cowork task approve ID
  cowork task approve ID p3 --scope task`
}

func (t *taskApproveCmd) Run(a *app, ctx context.Context) error {
	return t.answer(a, ctx, host.ApprovalRequest{Allow: true, Scope: t.Scope}, t.JSON)
}

type taskDenyCmd struct {
	approvalID
	Reason string `help:"Why not; the model is told." placeholder:"TEXT"`
	JSON   bool   `help:"Print what was denied as JSON."`
}

// Help is shown by --help.
func (taskDenyCmd) Help() string {
	return `Examples:

  cowork task deny ID --reason "keep the originals"`
}

func (t *taskDenyCmd) Run(a *app, ctx context.Context) error {
	return t.answer(a, ctx, host.ApprovalRequest{Reason: t.Reason}, t.JSON)
}

// given is an answer to an approval, as it is printed.
type given struct {
	Task     string `json:"task"`
	Approval string `json:"approval"`
	Allow    bool   `json:"allow"`
	Scope    string `json:"scope,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Action   string `json:"action"`
}

// answer gives the answer to the one approval that is meant, for exactly the
// call that waits now.
func (t *approvalID) answer(a *app, ctx context.Context, req host.ApprovalRequest, asJSON bool) error {
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
	asked, err := t.pick(id, s.Waiting)
	if err != nil {
		return err
	}
	req.ID, req.By, req.Digest = t.Request, "terminal", ""
	if asked != nil {
		req.ID, req.Digest = asked.ID, asked.Digest
		if req.Allow && len(asked.Card.Scopes) > 0 && !slices.Contains(asked.Card.Scopes, req.Scope) {
			return pluginsdk.Invalid("use --scope "+strings.Join(asked.Card.Scopes, " or --scope "),
				"this cannot be allowed with scope %s: %s", req.Scope, asked.Card.Action)
		}
	}
	if err := c.Approve(ctx, id, req); err != nil {
		return err
	}
	out := given{Task: id, Approval: req.ID, Allow: req.Allow, Scope: req.Scope, Reason: req.Reason}
	if asked != nil {
		out.Action = asked.Card.Action
	}
	if asJSON {
		return a.printJSON(out)
	}
	word := "denied"
	if req.Allow {
		word = map[string]string{"once": "allowed once", "task": "allowed for this task", "always": "allowed always"}[req.Scope]
	}
	fmt.Fprintf(a.stdout, "%s: %s\nwatch the task with: cowork task show --follow %s\n", word, clean(out.Action), id)
	return nil
}

// pick finds the approval that is meant among those that wait. One that is
// named and does not wait is left to the host, which knows why.
func (t *approvalID) pick(id string, waiting []host.Approval) (*host.Approval, error) {
	if t.Request != "" {
		for i := range waiting {
			if waiting[i].ID == t.Request {
				return &waiting[i], nil
			}
		}
		return nil, nil
	}
	switch len(waiting) {
	case 0:
		return nil, &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: "task " + id + " asks for nothing to be allowed",
			Next: "see what it does with `cowork task show " + id + "`",
		}
	case 1:
		return &waiting[0], nil
	}
	var lines []string
	for _, w := range waiting {
		lines = append(lines, w.ID+"  "+w.Card.Action)
	}
	return nil, pluginsdk.Invalid("name one of them behind the task's id", "%d things wait to be allowed:\n%s", len(waiting), strings.Join(lines, "\n"))
}
