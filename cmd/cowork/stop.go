package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cowork-host/cowork/host"
)

type stopCmd struct {
	Force bool `help:"Also stop tasks at work; they can be resumed."`
	JSON  bool `help:"Print whether a host was ended as JSON."`
}

// endTimeout bounds how long a host may take to close.
const endTimeout = 30 * time.Second

// Run ends the host and returns when its home is free.
func (s *stopCmd) Run(a *app, ctx context.Context) error {
	home, err := a.homeDir()
	if err != nil {
		return err
	}
	socket, err := host.Prepare(ctx, home)
	if err != nil {
		return err
	}
	c := host.Dial(socket)
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	err = c.Quit(ctx, s.Force)
	stopped := err == nil
	switch {
	case stopped:
		err = host.Ended(ctx, home)
	case errors.Is(err, host.ErrNoHost):
		err = nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return hung(home, endTimeout)
	}
	if err != nil {
		return err
	}
	if s.JSON {
		return a.printJSON(map[string]bool{"stopped": stopped})
	}
	if stopped {
		fmt.Fprintln(a.stdout, "The host has ended.")
	} else {
		fmt.Fprintln(a.stdout, "No host is running.")
	}
	return nil
}
