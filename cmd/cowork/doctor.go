package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/all"
)

type doctorCmd struct {
	JSON bool `help:"Print one line per check as JSON."`
}

// healthTimeout is how long doctor waits for the host.
const healthTimeout = 5 * time.Second

// check is one line of doctor's report.
type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (d *doctorCmd) Run(a *app, ctx context.Context) error {
	checks := append(d.home(a, ctx), d.sandboxes(a, ctx)...)
	ok := true
	for _, c := range checks {
		ok = ok && c.OK
		if d.JSON {
			if err := a.printJSON(c); err != nil {
				return err
			}
			continue
		}
		sign := "✓"
		if !c.OK {
			sign = "✗"
		}
		fmt.Fprintf(a.stdout, "%s %-16s %s\n", sign, c.Name, clean(c.Detail))
	}
	if !ok {
		return exitError{exitFailed}
	}
	return nil
}

func (d *doctorCmd) home(a *app, ctx context.Context) []check {
	home, err := a.homeDir()
	if err != nil {
		return []check{{"home", false, err.Error()}}
	}
	socket, err := host.Prepare(ctx, home)
	if err != nil {
		return []check{{"home", false, err.Error()}}
	}
	c := host.Dial(socket)
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	h, err := c.Health(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return []check{{"home", true, home}, {"host", false, hung(home, healthTimeout).Error()}}
	case errors.Is(err, host.ErrNoHost):
		return []check{{"home", true, home}, {"host", true, "not running; it starts when needed"}}
	case err != nil:
		return []check{{"home", true, home}, {"host", false, err.Error()}}
	}
	return []check{{"home", true, home}, {"host", true, fmt.Sprintf("running, process %d, version %s, %d tasks at work", h.PID, h.Version, h.Active)}}
}

func (d *doctorCmd) sandboxes(a *app, ctx context.Context) []check {
	var out []check
	for _, b := range all.Backends(all.Options{}) {
		r, err := b.Probe(ctx)
		if err != nil {
			detail := err.Error()
			if !errors.Is(err, sandbox.ErrUnavailable) {
				detail = "the probe failed: " + detail
			}
			out = append(out, check{"sandbox " + b.Name(), false, detail})
			continue
		}
		detail := "works; holds: " + strings.Join(r.Holds, ", ")
		if len(r.Missing) > 0 {
			detail += "; missing here: " + strings.Join(r.Missing, ", ")
		}
		out = append(out, check{"sandbox " + b.Name(), true, detail})
	}
	return out
}
