package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/cowork-host/cowork/host"
)

type grantCmd struct {
	Ls  grantLsCmd  `cmd:"" help:"List what is open."`
	Add grantAddCmd `cmd:"" help:"Open a host, or a tool on a target."`
	Rm  grantRmCmd  `cmd:"" help:"Take a grant back."`
}

// Help is shown by --help.
func (grantCmd) Help() string {
	return `A grant lets tasks do something outward without asking each time. You also
make one by answering an approval "for this task" or "always". Deleting is never
open for always. Granted folders are given to each task with run --folder.

Examples:

  cowork grant add --host example.com
  cowork grant add --host 127.0.0.1:8080 --expires 24h
  cowork grant add --tool send --target anna@example.com
  cowork grant ls
  cowork grant rm 3`
}

type grantLsCmd struct {
	JSON bool `help:"Print one grant per line as JSON."`
}

func (g *grantLsCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	list, err := c.Grants(ctx)
	if err != nil {
		return err
	}
	return printGrants(a, list, g.JSON)
}

func printGrants(a *app, list []host.Grant, asJSON bool) error {
	if asJSON {
		for _, g := range list {
			if err := a.printJSON(g); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(a.stdout, "Nothing is open beyond the folders a task is given.")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTOOL\tFOR\tTARGET")
	for _, g := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", clean(g.ID), cut(toolName(g), 18), reach(g), clean(g.Target))
	}
	return w.Flush()
}

func toolName(g host.Grant) string {
	if g.Tool == "*" {
		return "any"
	}
	return clean(g.Tool)
}

// reach is how far a grant goes: a task, a time, or for always.
func reach(g host.Grant) string {
	switch {
	case g.Task != "":
		return "task " + clean(g.Task)
	case g.Expires.IsZero():
		return "always"
	}
	return "until " + ends(g)
}

func ends(g host.Grant) string { return g.Expires.Local().Format("2006-01-02 15:04") }

type grantAddCmd struct {
	Host    string `help:"A host, such as example.com or 127.0.0.1:8080." placeholder:"HOST" xor:"what"`
	Tool    string `help:"Only for this tool; without it, tools may fetch from the host." placeholder:"TOOL"`
	Target  string `help:"What the tool may act on, if not a host; '*' is anything." placeholder:"TARGET" xor:"what"`
	Expires string `help:"How long it holds: 24h, 7d, or a time; without it, until it is taken back." placeholder:"TIME"`
	JSON    bool   `help:"Print the grant as JSON."`
}

// Help is shown by --help.
func (grantAddCmd) Help() string {
	return `A host is opened for fetching, on the ports of the web unless one is named. Its
subdomains stay closed. Sending to it needs the tool's name as well.

Examples:

  cowork grant add --host example.com
  cowork grant add --host example.com:8443 --tool web_fetch --expires 24h
  cowork grant add --tool send --target anna@example.com --expires 7d`
}

func (g *grantAddCmd) Run(a *app, ctx context.Context) error {
	req := host.GrantRequest{Tool: g.Tool, Target: g.Host + g.Target, Expires: g.Expires}
	if req.Target == "" || g.Host == "" && g.Tool == "" {
		p := host.Problem{Code: "usage", Message: "a grant names a host, or a tool and its target", Next: "see cowork grant add --help"}
		a.printProblem(p, "cowork grant add --host HOST | --tool TOOL --target TARGET")
		return exitError{exitUsage}
	}
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	got, err := c.AddGrant(ctx, req)
	if err != nil {
		return err
	}
	if g.JSON {
		return a.printJSON(got)
	}
	fmt.Fprintf(a.stdout, "grant %s: %s\n", clean(got.ID), sentence(got))
	return nil
}

// sentence says what a grant lets tasks do.
func sentence(g host.Grant) string {
	what := clean(g.Tool) + " may use " + clean(g.Target)
	switch {
	case g.Tool == "*":
		what = "tasks may fetch from " + clean(g.Target)
	case g.Target == "*":
		what = clean(g.Tool) + " may be used on anything"
	}
	if g.Expires.IsZero() {
		return what + " until you take it back"
	}
	return what + " until " + ends(g)
}

type grantRmCmd struct {
	ID   string `arg:"" help:"The grant's id, as \"cowork grant ls\" prints it."`
	JSON bool   `help:"Print what was taken back as JSON."`
}

func (g *grantRmCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	if err := c.RemoveGrant(ctx, g.ID); err != nil {
		return err
	}
	if g.JSON {
		return a.printJSON(map[string]string{"removed": g.ID})
	}
	fmt.Fprintf(a.stdout, "taken back: grant %s\n", clean(g.ID))
	return nil
}
