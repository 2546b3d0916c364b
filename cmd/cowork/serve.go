package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type serveCmd struct {
	Addr   string   `help:"Loopback address to serve on; port 0 takes a free one." default:"127.0.0.1:0" placeholder:"ADDR"`
	Folder []string `help:"Folder the page may grant; repeatable. Default: the current one." type:"existingdir" placeholder:"DIR" sep:"none"`
	NoOpen bool     `help:"Do not open the browser."`
	JSON   bool     `help:"Print the link as JSON and open no browser."`
}

// Help is shown by --help.
func (serveCmd) Help() string {
	return `The page is for this machine and this user alone. The link it prints lets one
browser in and works once; run serve again for another. Tasks go on when the
page, the browser or this program is closed; "cowork stop" ends the host and
the page with it.`
}

// keepAlive is how often serve asks the host whether it is still there, which
// also keeps it from leaving; misses are how often it may fail to answer.
const (
	keepAlive = 20 * time.Second
	maxMisses = 3
)

// Run serves the page until it is interrupted or the host ends.
func (s *serveCmd) Run(a *app, ctx context.Context) error {
	req, err := s.request(a)
	if err != nil {
		return err
	}
	c, err := a.connectModel(ctx)
	if err != nil {
		return err
	}
	resp, err := c.OpenWeb(ctx, req)
	if err != nil {
		return err
	}
	if err := s.tell(a, ctx, resp); err != nil {
		return err
	}
	return stay(a, ctx, c)
}

func (s *serveCmd) request(a *app) (host.WebRequest, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return host.WebRequest{}, fmt.Errorf("find the current folder: %w", err)
	}
	req := host.WebRequest{Addr: s.Addr}
	if len(s.Folder) > 0 {
		req.Folders, err = absolute(s.Folder)
		return req, err
	}
	if err := refuseWhole(cwd, a.getenv); err != nil {
		a.warn("the page does not offer " + cwd + " as a folder; name those with your files with --folder DIR")
		return req, nil // a folder can be typed in the page
	}
	req.Folders = []string{cwd}
	return req, nil
}

// tell says where the page is and opens it.
func (s *serveCmd) tell(a *app, ctx context.Context, resp host.WebResponse) error {
	if s.JSON {
		return a.printJSON(resp)
	}
	fmt.Fprintf(a.stdout, "The page: %s\nThe link works once. Ctrl-C ends this program; tasks go on.\n", resp.URL)
	if s.NoOpen || !a.interactive() {
		return nil
	}
	if err := openBrowser(ctx, resp.URL); err != nil {
		a.warn("no browser could be opened (" + err.Error() + "); open the link yourself")
	}
	return nil
}

// openBrowser shows a page in the person's browser. It does not wait for it.
func openBrowser(ctx context.Context, url string) error {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), name, args...) // the browser stays
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// stay keeps the host from leaving until ctx ends, which is how serve ends.
func stay(a *app, ctx context.Context, c *host.Client) error {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for misses := 0; misses < maxMisses; {
		_, err := c.Health(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, host.ErrNoHost):
			misses = maxMisses
			continue
		case err != nil:
			misses++
		default:
			misses = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: "the host has ended, and the page with it", Next: "run `cowork serve` again"}
}
