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

// errLost marks a stream of events that was cut before the task was over.
var errLost = errors.New("the host went away")

// errLeft says that the person left a task at work.
var errLeft = errors.New("the person left")

// follow shows a task from the event behind seen on until it is over and
// returns an exitError for its status. Interrupts stop the task.
func follow(a *app, c *host.Client, id string, seen *host.TaskState, asJSON bool) error {
	s := newSession(a, c, id, asJSON)
	defer s.close()
	s.stops = true
	if seen != nil {
		s.view.known(seen)
		s.mute = true
	}
	done, err := s.run()
	return s.exit(done, err)
}

// exit maps how the watching of a task ended to the program's exit code.
func (s *session) exit(done host.TaskDone, err error) error {
	s.view.screen.clear()
	switch {
	case err == nil && s.interrupts > 0 && done.Status == host.StatusDone:
		if !s.after {
			fmt.Fprintln(s.app.stderr, "cowork: the interrupt came too late: the task is done")
		}
		return nil
	case err == nil && s.interrupts > 0 && done.Status != host.StatusParked:
		return exitError{exitInterrupted}
	case err == nil:
		return doneError(done)
	case errors.Is(err, errLeft):
		return s.leave()
	case s.interrupts > 0:
		return exitError{exitInterrupted}
	case s.asJSON && errors.Is(err, errLost):
		p := problemOf(err)
		p.Code = "interrupted"
		if err := printDone(s.app, s.id, host.TaskDone{Status: host.StatusFailed, Error: &p}); err != nil {
			return err
		}
		return exitError{exitFailed}
	}
	return err
}

// leave says how a task that is left at work goes on.
func (s *session) leave() error {
	k := s.view.current()
	if k == nil || k.sent {
		fmt.Fprintf(s.app.stderr, "cowork: the task goes on without you\n  next: watch it with cowork task show --follow %s, stop it with cowork task stop %s\n", s.id, s.id)
		return nil
	}
	p := host.Problem{Message: "the task waits for the answer"}
	switch {
	case s.app.local != nil:
		p.Next = "be asked again with cowork task resume " + s.id
	case k.approval != nil:
		p.Message = "the task waits for you"
		p.Next = "cowork task approve " + s.id + " " + k.id() + ", cowork task deny " + s.id + " " + k.id() + ", or cowork task stop " + s.id
	default:
		p.Next = "cowork task answer " + k.thread.id + " " + k.id() + " VALUE, or cowork task stop " + s.id
	}
	s.app.printProblem(p, "")
	return exitError{exitParked}
}

func lost(id string) error {
	return errors.Join(errLost, &pluginsdk.Error{
		Kind: pluginsdk.ErrUnavailable, Message: "the host went away while task " + id + " was at work",
		Next: "see how far it came with `cowork task show " + id + "`, run it again with `cowork task resume " + id + "`",
	})
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

// stopTask stops the task of an interrupted client.
func (s *session) stopTask(ctx context.Context, after bool) {
	s.do(func() error {
		ctx, done := context.WithTimeout(ctx, stopTimeout)
		defer done()
		err := s.client.Stop(ctx, s.id, after)
		if err == nil || errors.Is(context.Cause(ctx), context.Canceled) {
			return nil // the end of the task comes with its events
		}
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrUnavailable, Message: "the task may still be at work: " + problemOf(err).Message,
			Next: "look with `cowork task show " + s.id + "`, stop it with `cowork task stop " + s.id + "`",
		}
	}, func(err error) {
		if err != nil {
			s.problem(err)
			s.gone = true
		}
	})
}
