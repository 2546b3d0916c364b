package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/host/internal/command"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle"
	"github.com/cowork-host/cowork/sandbox"
)

// job is what one input asks for: an outcome in free text, or a command with a
// handler, instructions, or both.
type job struct {
	text   string
	plugin catalog.Plugin
	cmd    catalog.Command // zero for an outcome
	name   string          // the command's, without the plugin's
	inv    command.Invocation
}

// isCommand reports whether the input is a slash command.
func (j *job) isCommand() bool { return j.cmd.ID != "" }

// hasHandler reports whether a handler computes before the model writes.
func (j *job) hasHandler() bool { return j.isCommand() && !j.cmd.NeedsModel }

func (j *job) signature() command.Signature {
	return command.Signature{ID: j.cmd.ID, ArgumentHint: j.cmd.ArgumentHint, Params: j.cmd.Params}
}

// Check refuses what cannot be started: an empty input, an unknown command,
// arguments that do not fit, and work for a model where there is none.
func (e *Engine) Check(ctx context.Context, spec task.Spec) error {
	j, err := e.find(ctx, spec, spec.Input)
	if err != nil || j.hasHandler() {
		return err
	}
	if _, ok := e.opts.Connection(); ok {
		return nil
	}
	if j.isCommand() {
		return needsModel("/" + j.cmd.ID + ", which is instructions only,")
	}
	return needsModel("an outcome in free text")
}

// find says what an input asks for. What a sub-agent is told, and what is said
// in a conversation without tools, is never a command.
func (e *Engine) find(ctx context.Context, spec task.Spec, input string) (*job, error) {
	if strings.TrimSpace(input) == "" {
		return nil, &command.UsageError{Err: &pluginsdk.Error{
			Kind: pluginsdk.ErrInvalid, Message: "there is nothing to do", Next: `type an outcome or a command, e.g. cowork run "/data:profile FILE"`,
		}}
	}
	if spec.Agent != "" || spec.Light {
		return &job{text: input}, nil
	}
	inv, isCommand, err := command.Parse(input)
	if err != nil || !isCommand {
		return &job{text: input}, err
	}
	snap, err := e.opts.Plugins.Snapshot(ctx, spec.PluginDirs...)
	if err != nil {
		return nil, err
	}
	j := &job{text: input, inv: inv}
	if j.cmd, err = snap.Command(inv.ID()); err != nil {
		return nil, notCallable(snap, inv, err)
	}
	plugin, name, _ := strings.Cut(j.cmd.ID, ":")
	j.name = name
	if j.plugin, err = snap.Plugin(plugin); err != nil {
		return nil, err
	}
	if j.cmd.NeedsModel {
		return j, nil
	}
	_, _, err = command.Bind(j.signature(), inv.Words)
	return j, err
}

// notCallable tells apart why a name calls nothing: no sandbox to find out
// what its plugin offers, a plugin that failed, or a name nobody has.
func notCallable(snap *catalog.Snapshot, inv command.Invocation, err error) error {
	if p, pluginErr := snap.Plugin(inv.Plugin); pluginErr == nil && p.State == catalog.Failed {
		for _, f := range p.Findings {
			if f.Rule == runtime.RuleNoSandbox {
				return fmt.Errorf("%w: %s", sandbox.ErrUnavailable, f.Message)
			}
		}
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrUnavailable, Message: fmt.Sprintf("plugin %s cannot be used: %s", p.Name, firstFinding(p)),
			Next: "see all that is wrong with `cowork plugin show " + p.Name + "`",
		}
	}
	if user, ok := errors.AsType[*pluginsdk.Error](err); ok {
		return &command.UsageError{Err: user}
	}
	return err
}

func firstFinding(p catalog.Plugin) string {
	for _, f := range p.Findings {
		if f.Severity == bundle.Error {
			return f.String()
		}
	}
	return "it is " + string(p.State)
}

// bind parses the arguments and finds the files among them.
func bind(j *job, ws *workspace.Workspace, cwd string) (map[string]string, error) {
	values, _, err := command.Bind(j.signature(), j.inv.Words)
	if err != nil {
		return nil, err
	}
	for _, p := range j.cmd.Params {
		v, given := values[p.Name]
		if p.Kind != pluginsdk.ParamFile || !given {
			continue
		}
		name, err := ws.Resolve(v, cwd)
		if err != nil {
			return nil, err
		}
		values[p.Name] = name
	}
	return values, nil
}

// instructions is the body of a command or skill with its arguments put in,
// empty when a command has a handler and no file.
func (e *Engine) instructions(ctx context.Context, j *job, taskID string) (string, error) {
	content, err := e.opts.Plugins.Content(ctx, j.plugin)
	if err != nil {
		return "", err
	}
	defer content.Close() //nolint:errcheck // only read from
	args := command.Arguments{
		Raw: j.inv.Raw, Words: j.inv.Words,
		Vars: map[string]string{"CLAUDE_SESSION_ID": taskID, "CLAUDE_PLUGIN_ROOT": pluginRoot(j.plugin.Name)},
	}
	for _, s := range content.Skills {
		if s.ID == j.cmd.ID {
			args.Names, args.Vars["CLAUDE_SKILL_DIR"] = s.Arguments, pluginRoot(j.plugin.Name)+"/skills/"+s.Name
			return command.ExpandBody(s.Body, args), nil
		}
	}
	for _, c := range content.Commands {
		if c.ID == j.cmd.ID && !c.Shadowed {
			args.Names = c.Arguments
			return command.ExpandBody(c.Body, args), nil
		}
	}
	return "", nil
}

// pluginRoot is the name by which the skill tool knows the files of a plugin.
func pluginRoot(plugin string) string { return "plugin:" + plugin }
