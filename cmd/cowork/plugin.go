package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type pluginCmd struct {
	Ls      pluginLsCmd      `cmd:"" help:"List plugins and their commands."`
	Show    pluginShowCmd    `cmd:"" help:"Show what a plugin offers and what is odd about it."`
	Install pluginInstallCmd `cmd:"" help:"Install the bundle in a folder."`
	Update  pluginUpdateCmd  `cmd:"" help:"Accept what an installed plugin is now."`
	Remove  pluginRemoveCmd  `cmd:"" help:"Remove an installed plugin."`
}

// Help is shown by --help.
func (pluginCmd) Help() string {
	return `A plugin adds slash commands. Its code runs in a sandbox and sees only the
folders of its task.

Examples:

  cowork plugin ls
  cowork plugin show finance
  cowork plugin install ./my-plugin
  cowork plugin update my-plugin

To try a plugin for one task: cowork run --plugin-dir ./my-plugin "/my-plugin:command"`
}

type pluginLsCmd struct {
	PluginDir []string `help:"List the bundle in this folder too; repeatable." placeholder:"DIR" sep:"none"`
	JSON      bool     `help:"Print the list as JSON."`
}

func (p *pluginLsCmd) Run(a *app, ctx context.Context) error {
	list, err := plugins(a, ctx, p.PluginDir)
	if err != nil {
		return err
	}
	if p.JSON {
		return a.printJSON(list)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PLUGIN\tVERSION\tSTATE\tCOMMANDS")
	for _, pl := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", clean(pl.Name), orDash(clean(pl.Version)), pl.State, clean(offers(pl)))
	}
	return w.Flush()
}

// offers names a plugin's commands, or says why it has none to call.
func offers(p host.Plugin) string {
	if p.State == "failed" {
		return "see why: cowork plugin show " + p.Name
	}
	names := make([]string, 0, len(p.Commands))
	for _, c := range p.Commands {
		names = append(names, "/"+c.ID)
	}
	return orDash(strings.Join(names, " "))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func plugins(a *app, ctx context.Context, dirs []string) ([]host.Plugin, error) {
	abs, err := absolute(dirs)
	if err != nil {
		return nil, err
	}
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.Plugins(ctx, abs...)
}

type pluginShowCmd struct {
	Name      string   `arg:"" help:"The plugin's name."`
	PluginDir []string `help:"Look at the bundle in this folder too; repeatable." placeholder:"DIR" sep:"none"`
	JSON      bool     `help:"Print it as JSON."`
}

func (p *pluginShowCmd) Run(a *app, ctx context.Context) error {
	list, err := plugins(a, ctx, p.PluginDir)
	if err != nil {
		return err
	}
	var names []string
	for _, pl := range list {
		names = append(names, pl.Name)
		if pl.Name != p.Name {
			continue
		}
		return a.showPlugin(pl, p.JSON)
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrNotFound, Message: "there is no plugin " + p.Name,
		Next: "choose one of: " + strings.Join(names, ", "),
	}
}

// showPlugin prints a plugin as asked for.
func (a *app) showPlugin(p host.Plugin, asJSON bool) error {
	if asJSON {
		return a.printJSON(p)
	}
	a.printPlugin(p)
	return nil
}

func (a *app) printPlugin(p host.Plugin) {
	out := a.stdout
	fmt.Fprintf(out, "%s — %s\n", strings.TrimSpace(clean(p.Name)+" "+clean(p.Version)), p.State)
	fmt.Fprintf(out, "  source: %s\n  digest: %s\n", clean(p.Source), p.Digest)
	for _, c := range p.Commands {
		note := ""
		if c.NeedsModel {
			note = "  (needs a model)"
		}
		fmt.Fprintf(out, "  /%s %s%s\n", clean(c.ID), clean(c.ArgumentHint), note)
		if c.Summary != "" {
			fmt.Fprintf(out, "      %s\n", clean(c.Summary))
		}
	}
	for _, s := range p.Skills {
		fmt.Fprintf(out, "  skill %s\n", clean(s.ID))
	}
	for _, f := range p.Findings {
		f.Message = string(f.Severity) + ": " + f.Message
		fmt.Fprintf(out, "  %s\n", clean(f.String()))
		if f.Fix != "" {
			fmt.Fprintf(out, "      fix: %s\n", clean(f.Fix))
		}
	}
}

type pluginInstallCmd struct {
	Dir  string `arg:"" help:"The bundle's folder." type:"path"`
	JSON bool   `help:"Print what was installed as JSON."`
}

func (p *pluginInstallCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	got, err := c.InstallPlugin(ctx, p.Dir)
	if err != nil {
		return err
	}
	return a.showPlugin(got, p.JSON)
}

// Help is shown by --help.
func (pluginUpdateCmd) Help() string {
	return `A plugin whose executable is not the one that was installed is not started.
Update looks at it again and accepts it as it is now; look at it yourself first.`
}

type pluginUpdateCmd struct {
	Name string `arg:"" help:"The plugin's name."`
	JSON bool   `help:"Print what it is now as JSON."`
}

func (p *pluginUpdateCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	got, err := c.UpdatePlugin(ctx, p.Name)
	if err != nil {
		return err
	}
	return a.showPlugin(got, p.JSON)
}

type pluginRemoveCmd struct {
	Name string `arg:"" help:"The plugin's name."`
	JSON bool   `help:"Print what was removed as JSON."`
}

func (p *pluginRemoveCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	if err := c.RemovePlugin(ctx, p.Name); err != nil {
		return err
	}
	if p.JSON {
		return a.printJSON(map[string]string{"removed": p.Name})
	}
	fmt.Fprintln(a.stdout, "removed:", clean(p.Name))
	return nil
}
