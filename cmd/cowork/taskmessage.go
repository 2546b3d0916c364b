package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type taskMessageCmd struct {
	taskID
	Text []string `arg:"" help:"What the task should know."`
	Next bool     `help:"Deliver it when the turn is over, as the beginning of the next one."`
	JSON bool     `help:"Print the message's id as JSON."`
}

// Help is shown by --help.
func (taskMessageCmd) Help() string {
	return `A task at work gets the message at its next step; one that is over goes on with
it. What waits can be changed with "cowork task queue".

Examples:

  cowork task message ID "leave out the drafts"
  cowork task message ID --next "then write a summary of one page"`
}

func (t *taskMessageCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := a.giveModel(ctx, c); err != nil {
		return err
	}
	req := host.MessageRequest{Text: strings.Join(t.Text, " "), When: host.WhenNow}
	if t.Next {
		req.When = host.WhenNext
	}
	msg, err := c.Send(ctx, id, req)
	if err != nil {
		return err
	}
	if t.JSON {
		return a.printJSON(map[string]any{"task": id, "message": msg, "when": req.When})
	}
	when := "the task gets it at its next step"
	if t.Next {
		when = "the next turn begins with it"
	}
	fmt.Fprintf(a.stdout, "message %s: %s\n", clean(msg), when)
	return nil
}

type taskQueueCmd struct {
	Ls   queueLsCmd   `cmd:"" default:"withargs" help:"List the messages that wait, in the order of delivery."`
	Edit queueEditCmd `cmd:"" help:"Give a message another text."`
	Rm   queueRmCmd   `cmd:"" help:"Take a message back."`
	Now  queueNowCmd  `cmd:"" help:"Deliver a message at the next step."`
	Next queueNextCmd `cmd:"" help:"Deliver a message when the turn is over."`
	Move queueMoveCmd `cmd:"" help:"Move a message before another, or to the end."`
}

// Help is shown by --help.
func (taskQueueCmd) Help() string {
	return `Examples:

  cowork task queue ID
  cowork task queue edit ID m2 "only the final versions"
  cowork task queue move ID m3 --before m1
  cowork task queue now ID m3
  cowork task queue rm ID m2`
}

type queueLsCmd struct {
	taskID
	JSON bool `help:"Print one message per line as JSON."`
}

func (t *queueLsCmd) Run(a *app, ctx context.Context) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	return a.printQueue(ctx, c, id, t.JSON)
}

// printQueue prints the messages that wait.
func (a *app) printQueue(ctx context.Context, c *host.Client, id string, asJSON bool) error {
	s, err := c.State(ctx, id)
	if err != nil {
		return err
	}
	for _, m := range s.Queue {
		if asJSON {
			if err := a.printJSON(m); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.stdout, "%-5s %-5s %s\n", clean(m.ID), m.When, clean(strings.ReplaceAll(m.Text, "\n", " ")))
	}
	if len(s.Queue) == 0 && !asJSON {
		fmt.Fprintln(a.stdout, "No message waits.")
	}
	return nil
}

// messageID is an argument that names a message of a task.
type messageID struct {
	taskID
	Message string `arg:"" help:"The message's id, as \"cowork task queue ls\" prints it."`
}

// change changes a message and prints the queue.
func (t *messageID) change(a *app, ctx context.Context, change host.MessageChange, asJSON bool) error {
	c, id, err := t.open(a, ctx)
	if err != nil {
		return err
	}
	if err := c.ChangeMessage(ctx, id, t.Message, change); err != nil {
		return err
	}
	return a.printQueue(ctx, c, id, asJSON)
}

type queueEditCmd struct {
	messageID
	Text []string `arg:"" help:"The new text."`
	JSON bool     `help:"Print the queue as JSON."`
}

func (t *queueEditCmd) Run(a *app, ctx context.Context) error {
	return t.change(a, ctx, host.MessageChange{Text: strings.Join(t.Text, " ")}, t.JSON)
}

type queueRmCmd struct {
	messageID
	JSON bool `help:"Print the queue as JSON."`
}

func (t *queueRmCmd) Run(a *app, ctx context.Context) error {
	return t.change(a, ctx, host.MessageChange{Remove: true}, t.JSON)
}

type queueNowCmd struct {
	messageID
	JSON bool `help:"Print the queue as JSON."`
}

func (t *queueNowCmd) Run(a *app, ctx context.Context) error {
	return t.change(a, ctx, host.MessageChange{When: host.WhenNow}, t.JSON)
}

type queueNextCmd struct {
	messageID
	JSON bool `help:"Print the queue as JSON."`
}

func (t *queueNextCmd) Run(a *app, ctx context.Context) error {
	return t.change(a, ctx, host.MessageChange{When: host.WhenNext}, t.JSON)
}

type queueMoveCmd struct {
	messageID
	Before string `help:"Put it in front of this message." placeholder:"ID"`
	Last   bool   `help:"Put it behind all others."`
	JSON   bool   `help:"Print the queue as JSON."`
}

func (t *queueMoveCmd) Run(a *app, ctx context.Context) error {
	if (t.Before == "") != t.Last {
		return pluginsdk.Invalid("use --before ID or --last", "it is not clear where message %s goes", t.Message)
	}
	before := t.Before
	if t.Last {
		before = "end"
	}
	return t.change(a, ctx, host.MessageChange{Before: before}, t.JSON)
}
