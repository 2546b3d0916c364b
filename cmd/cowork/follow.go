package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

// stopTimeout bounds how long an interrupt waits for the task to stop.
const stopTimeout = 10 * time.Second

// leftError is the cause of a context that ended because the person left a
// question without an answer.
type leftError struct{ question string }

func (leftError) Error() string { return "the person left" }

// follow shows a task until it is over and returns an exitError for its
// status. An interrupt stops the task and waits until it has stopped.
func follow(a *app, c *host.Client, id string, from int64, asJSON bool) error {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(a.ctx))
	defer cancel(nil)
	defer context.AfterFunc(a.ctx, func() { stopTask(ctx, cancel, a, c, id) })()
	view := newView(a, c, id)
	view.leave = func(q host.Question) { cancel(leftError{q.ID}) }
	done, err := watch(ctx, a, c, id, from, view, asJSON)
	switch {
	case err == nil && a.ctx.Err() == nil:
		return doneError(done)
	case err == nil && done.Status == host.StatusDone:
		fmt.Fprintln(a.stderr, "cowork: the interrupt came too late: the task is done")
		return nil
	case err == nil, a.ctx.Err() != nil:
		return exitError{exitInterrupted}
	case a.left(ctx, id):
		return exitError{exitParked}
	case asJSON && errors.Is(err, errLost):
		p := problemOf(err)
		p.Code = "interrupted"
		if err := printDone(a, id, host.TaskDone{Status: host.StatusFailed, Error: &p}); err != nil {
			return err
		}
		return exitError{exitFailed}
	}
	return err
}

// stopTask stops the task of an interrupted client.
func stopTask(ctx context.Context, cancel context.CancelCauseFunc, a *app, c *host.Client, id string) {
	ctx, done := context.WithTimeout(ctx, stopTimeout)
	defer done()
	err := c.Stop(ctx, id)
	if err == nil || errors.Is(context.Cause(ctx), context.Canceled) {
		return // the end of the task comes with its events
	}
	a.printProblem(host.Problem{
		Message: "the task may still be at work: " + problemOf(err).Message,
		Next:    "look with `cowork task show " + id + "`, stop it with `cowork task stop " + id + "`",
	}, "")
	cancel(nil)
}

// errLost marks a stream of events that was cut before the task was over.
var errLost = errors.New("the host went away")

// watch shows the events of a task at work until it is over and returns how it
// ended. Ends that the view has seen are those of earlier runs.
func watch(ctx context.Context, a *app, c *host.Client, id string, from int64, view *view, asJSON bool) (host.TaskDone, error) {
	for e, err := range c.Events(ctx, id, from, true) {
		if err != nil {
			if _, refused := errors.AsType[*host.RemoteError](err); refused || ctx.Err() != nil {
				return host.TaskDone{}, err
			}
			return host.TaskDone{}, lost(id)
		}
		if asJSON {
			if err := a.printJSON(e); err != nil {
				return host.TaskDone{}, err
			}
		} else {
			view.show(ctx, e)
		}
		if e.Kind == host.KindTaskDone && e.Seq > view.seen {
			return host.DecodeEvent[host.TaskDone](e), nil
		}
	}
	return host.TaskDone{}, lost(id)
}

func lost(id string) error {
	return errors.Join(errLost, &pluginsdk.Error{
		Kind: pluginsdk.ErrUnavailable, Message: "the host went away while task " + id + " was at work",
		Next: "see how far it came with `cowork task show " + id + "`, run it again with `cowork task resume " + id + "`",
	})
}

// left reports whether the person left a question open, and says how the task
// goes on then.
func (a *app) left(ctx context.Context, id string) bool {
	l, ok := errors.AsType[leftError](context.Cause(ctx))
	if !ok {
		return false
	}
	next := "cowork task answer " + id + " " + l.question + " VALUE, or cowork task stop " + id
	if a.local != nil {
		next = "be asked again with cowork task resume " + id
	}
	a.printProblem(host.Problem{Message: "the task waits for the answer", Next: next}, "")
	return true
}

// doneError maps how a task ended to the program's exit code.
func doneError(d host.TaskDone) error {
	switch d.Status {
	case host.StatusDone:
		return nil
	case host.StatusParked:
		return exitError{exitParked}
	case host.StatusStopped:
		return exitError{exitInterrupted}
	}
	if d.Error != nil {
		return exitError{codeOf(*d.Error)}
	}
	return exitError{exitFailed}
}

// printDone prints the last line of a run whose task did not write it: one
// that never began, with id "", or was cut off.
func printDone(a *app, id string, d host.TaskDone) error {
	e, err := host.NewEvent(d)
	if err != nil {
		return err
	}
	e.Time, e.Task = time.Now().UTC(), id
	return a.printJSON(e)
}
