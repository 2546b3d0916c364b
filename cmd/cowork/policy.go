package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/cowork-host/cowork/host"
)

type policyCmd struct {
	Try policyTryCmd `cmd:"" help:"Say what policy would decide, and by which rule."`
}

// Help is shown by --help.
func (policyCmd) Help() string {
	return `Policy decides about every call of a tool: allow, ask or deny. What can be undone
is allowed; deleting, reaching a new host, sending and spending are asked about.
Deny beats ask, ask beats allow. Rules of your own stand in settings.json in
COWORK_HOME:

  {"policy": [
    {"verdict": "deny",  "tool": "*", "target": "*.example.com"},
    {"verdict": "ask",   "tool": "*", "target": "Contracts"},
    {"verdict": "allow", "tool": "web_fetch", "target": "example.org"}]}`
}

type policyTryCmd struct {
	Request    []string `arg:"" help:"What would be done, such as \"fetch https://example.com/x\"."`
	Mode       string   `help:"The task's mode." enum:"ask,act,plan" default:"ask"`
	NoInternet bool     `help:"The task is kept off the network."`
	JSON       bool     `help:"Print the decision as JSON."`
}

// Help is shown by --help.
func (policyTryCmd) Help() string {
	return `Nothing is done. The grants for one task are left out.

Examples:

  cowork policy try "fetch https://example.com/x"
  cowork policy try "delete old/a.txt"
  cowork policy try --mode plan "write report.xlsx"
  cowork policy try "send mail to anna@example.com"
  cowork policy try "post notes to slack with slack_post"`
}

func (p *policyTryCmd) Run(a *app, ctx context.Context) error {
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "" // paths stay relative
	}
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	got, err := c.TryPolicy(ctx, host.TryRequest{Request: strings.Join(p.Request, " "), Mode: p.Mode, NoInternet: p.NoInternet, Cwd: cwd})
	if err != nil {
		return err
	}
	if p.JSON {
		return a.printJSON(got)
	}
	return printTrial(a, got)
}

func printTrial(a *app, t host.TryResponse) error {
	width := terminalWidth(a.stdout) - 1
	targets := make([]string, 0, len(t.Call.Targets))
	for _, s := range t.Call.Targets {
		targets = append(targets, clean(s))
	}
	call := fmt.Sprintf("%s (%s)", clean(t.Call.Tool), clean(string(t.Call.Effect)))
	if len(targets) > 0 {
		call += ": " + strings.Join(targets, ", ")
	}
	fmt.Fprintln(a.stdout, t.Verdict)
	for _, l := range []struct{ name, text string }{
		{"call", call},
		{"rule", clean(t.Rule)},
		{"reason", clean(t.Reason)},
	} {
		fmt.Fprintln(a.stdout, wrap(fmt.Sprintf("  %-8s%s", l.name+":", l.text), width))
	}
	if len(t.Scopes) > 0 {
		scopes := make([]string, 0, len(t.Scopes))
		for _, s := range t.Scopes {
			scopes = append(scopes, string(s))
		}
		fmt.Fprintln(a.stdout, "  can be allowed: "+strings.Join(scopes, ", "))
	}
	return nil
}
