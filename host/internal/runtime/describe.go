package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc"
	"github.com/cowork-host/cowork/registry/bundle"
	"github.com/cowork-host/cowork/sandbox"
)

// describeFile is the name findings about a process's description carry.
const describeFile = "(described by its process)"

// RuleNoSandbox is the rule of the finding of a plugin that could not be
// described because no sandbox works here.
const RuleNoSandbox = "sandbox-unavailable"

// describe fills in what the plugin offers: what the bundle's files say, joined
// with what its process says of itself when it is asked with no task, no grant
// and no network. What does not fit plugins.cue makes the plugin failed, with
// the findings. An error is a [Failure], or says that nothing could be found
// out; kept is false for an outcome that is the machine's rather than the
// plugin's.
func (p *Plugins) describe(ctx context.Context, r *record, b *bundle.Bundle, source string) (kept bool, err error) {
	r.Plugin = catalog.FromBundle(b, source, nil, nil)
	if r.Server == "" {
		if len(b.Handlers) > 0 {
			r.Plugin.Findings = append(r.Plugin.Findings, bundle.Finding{
				File: manifestFile, Severity: bundle.Warning, Rule: "handler-server",
				Message: "metadata.cowork binds handlers but names no server that runs them",
				Fix:     `build the plugin and name its executable, e.g. "server": "bin/` + r.Plugin.Name + `"`,
			})
		}
		return true, nil
	}
	d, err := p.ask(ctx, r)
	if errors.Is(err, sandbox.ErrUnavailable) {
		r.fail(bundle.Finding{Rule: RuleNoSandbox, Message: err.Error(), Fix: "see what is missing with `cowork doctor`"})
		return false, nil
	}
	if err != nil {
		return false, err
	}
	data, err := json.Marshal(d)
	if err != nil {
		return false, err
	}
	found := p.opts.Schema.Validate("plugin", describeFile, data)
	if d.Name != r.Plugin.Name {
		found = append(found, bundle.Finding{
			File: describeFile, Line: 1, Column: 1, Severity: bundle.Error, Rule: "descriptor-name",
			Message: fmt.Sprintf("name: expected %q, as in the manifest, got %q", r.Plugin.Name, d.Name),
			Fix:     "use one name in the manifest and in Manifest()",
		})
	}
	seen := map[string]bool{}
	for i, c := range d.Commands {
		if seen[c.Name] {
			found = append(found, bundle.Finding{
				File: describeFile, Line: 1, Column: 1, Severity: bundle.Error, Rule: "command-duplicate",
				Message: fmt.Sprintf("commands[%d]: a command %q is already there", i, c.Name), Fix: "give it another name",
			})
		}
		seen[c.Name] = true
	}
	commands, missing := bound(b, d)
	r.Plugin = catalog.FromBundle(b, source, commands, nil)
	r.fail(append(found, missing...)...)
	return true, nil
}

const manifestFile = ".claude-plugin/plugin.json"

// fail adds error findings; with any, the plugin cannot be used.
func (r *record) fail(found ...bundle.Finding) {
	for _, f := range found {
		f.Severity = bundle.Error
		r.Plugin.State = catalog.Failed
		r.Plugin.Findings = append(r.Plugin.Findings, f)
	}
}

// bound returns the described commands the manifest binds to a handler, and a
// finding for each that is bound but not offered.
func bound(b *bundle.Bundle, d *rpc.Descriptor) (commands []pluginsdk.Command, missing []bundle.Finding) {
	offered := map[string]rpc.CommandDescriptor{}
	for _, c := range d.Commands {
		offered[c.Name] = c
	}
	for _, key := range slices.Sorted(maps.Keys(b.Handlers)) {
		kind, name, _ := strings.Cut(key, ":")
		if kind != "command" {
			continue
		}
		c, ok := offered[name]
		if !ok {
			missing = append(missing, bundle.Finding{
				File: manifestFile, Rule: "handler-missing",
				Message: fmt.Sprintf("metadata.cowork.handlers: %q is bound, but the process offers no command %q", key, name),
				Fix:     "offer the command, or remove the line",
			})
			continue
		}
		commands = append(commands, pluginsdk.Command{Name: c.Name, Summary: c.Summary, ArgumentHint: c.ArgumentHint, Params: c.Params})
	}
	return commands, missing
}

// ask starts the process in a sandbox of its own and has it describe itself.
func (p *Plugins) ask(ctx context.Context, r *record) (*rpc.Descriptor, error) {
	src, err := p.source(r)
	if err != nil {
		return nil, err
	}
	box, err := p.opts.Boxes.Create(ctx, "auto", "describe-"+r.Plugin.Name)
	if errors.Is(err, sandbox.ErrUnavailable) {
		// Where the person has allowed it, without isolation.
		if open, openErr := p.opts.Boxes.Create(ctx, "none", "describe-"+r.Plugin.Name); openErr == nil {
			box, err = open, nil
		}
	}
	if err != nil {
		return nil, err
	}
	defer func() { p.warn(r, "close the sandbox of a plugin", box.Close()) }()
	proc, err := Start(ctx, box, src, p.opts.Process)
	if err != nil {
		return nil, err
	}
	defer func() { p.warn(r, "close a plugin", proc.Close(ctx)) }()
	d, err := proc.Describe(ctx)
	if _, known := errors.AsType[*Failure](err); err == nil || known || ctx.Err() != nil {
		return d, err
	}
	return nil, &Failure{
		Plugin: r.Plugin.Name, Reason: Invalid, Message: "does not describe itself: " + err.Error(),
		Next: "report it to the plugin's author",
	}
}

// warn logs what went wrong after a plugin had said what it is.
func (p *Plugins) warn(r *record, what string, err error) {
	if err != nil {
		p.opts.Process.Log.Warn(what, "plugin", r.Plugin.Name, "error", err)
	}
}
