package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/host/internal/command"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle"
	"github.com/cowork-host/cowork/sandbox"
)

// Boxes makes sandboxes by the name of a backend, or "auto".
type Boxes interface {
	Create(ctx context.Context, backend, name string) (sandbox.Sandbox, error)
}

// Plugins knows what is installed and starts it.
type Plugins interface {
	// Snapshot returns what plugins offer, with the bundles in dirs.
	Snapshot(ctx context.Context, dirs ...string) (*catalog.Snapshot, error)
	// Start runs a plugin of the snapshot in the sandbox.
	Start(ctx context.Context, box sandbox.Sandbox, p catalog.Plugin) (Process, error)
}

// Process is a running plugin, as [runtime.Process] describes it.
type Process interface {
	Attach(ctx context.Context, host pluginsdk.Host) error
	Run(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error)
	Close(ctx context.Context) error
}

// Options are what an Engine works with.
type Options struct {
	Workspace *workspace.Store
	Plugins   Plugins
	Boxes     Boxes
	Logger    *slog.Logger
}

// Engine is the worker of a host's tasks.
type Engine struct{ opts Options }

var _ task.Worker = (*Engine)(nil)

// New returns an engine.
func New(opts Options) *Engine {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Engine{opts: opts}
}

// job is one command as it was asked for: what to run and with which words.
type job struct {
	plugin catalog.Plugin
	cmd    catalog.Command
	name   string // the command's, without the plugin's
	inv    command.Invocation
}

func (j *job) signature() command.Signature {
	return command.Signature{ID: j.cmd.ID, ArgumentHint: j.cmd.ArgumentHint, Params: j.cmd.Params}
}

// Check refuses an input that is no command with a handler. Nothing has been
// made for it yet.
func (e *Engine) Check(ctx context.Context, spec task.Spec) error {
	_, err := e.find(ctx, spec)
	return err
}

// find resolves an input to a command.
func (e *Engine) find(ctx context.Context, spec task.Spec) (*job, error) {
	inv, isCommand, err := command.Parse(spec.Input)
	if err != nil {
		return nil, err
	}
	if !isCommand {
		if strings.TrimSpace(spec.Input) == "" {
			return nil, &command.UsageError{Err: &pluginsdk.Error{
				Kind: pluginsdk.ErrInvalid, Message: "there is nothing to do", Next: `type a command, e.g. cowork run "/data:profile FILE"`,
			}}
		}
		return nil, needsModel("an outcome in free text")
	}
	snap, err := e.opts.Plugins.Snapshot(ctx, spec.PluginDirs...)
	if err != nil {
		return nil, err
	}
	j := &job{inv: inv}
	if j.cmd, err = snap.Command(inv.ID()); err != nil {
		return nil, notCallable(snap, inv, err)
	}
	plugin, name, _ := strings.Cut(j.cmd.ID, ":")
	j.name = name
	if j.plugin, err = snap.Plugin(plugin); err != nil {
		return nil, err
	}
	if j.cmd.NeedsModel {
		return nil, needsModel("/" + j.cmd.ID + ", which is instructions only,")
	}
	if _, _, err := command.Bind(j.signature(), inv.Words); err != nil {
		return nil, err
	}
	return j, nil
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

// Work runs the command and says how it ended.
func (e *Engine) Work(ctx context.Context, t *task.Task) event.TaskDone {
	done, err := e.work(ctx, t)
	if err == nil {
		done.Status = event.StatusDone
		return done
	}
	done.Status, done.Error = event.StatusFailed, whyEnded(ctx, t.ID, err)
	if done.Error.Code == codeStopped {
		done.Status = event.StatusStopped
	}
	return done
}

// whyEnded says why a task or its step did not come to its end.
func whyEnded(ctx context.Context, id string, err error) *event.Error {
	switch lost, unrecorded := errors.AsType[*unrecordedError](err); {
	case unrecorded:
		return &event.Error{
			Code: ErrorOf(err).Code, Message: "the files are in the folder, but the log could not keep that: " + lost.err.Error(),
			Next: "finish it with `cowork task resume " + id + "`",
		}
	case task.Stopped(ctx):
		return &event.Error{Code: codeStopped, Message: "the task was stopped; nothing was changed"}
	case ctx.Err() != nil:
		return &event.Error{
			Code: codeInterrupted, Message: "the host was ended in the middle of the task; nothing was changed",
			Next: "run it again with `cowork task resume " + id + "`",
		}
	}
	return ErrorOf(err)
}

// work returns what is known of the end also beside an error.
func (e *Engine) work(ctx context.Context, t *task.Task) (done event.TaskDone, err error) {
	if res, err := e.finished(ctx, t); res != nil || err != nil {
		return taskDone(res), err
	}
	j, err := e.find(ctx, t.Spec)
	if err != nil {
		return done, err
	}
	ws, err := e.opts.Workspace.Workspace(t.ID, grants(t.Spec.Folders))
	if err != nil {
		return done, err
	}
	defer func() {
		if closeErr := ws.Close(); closeErr != nil { // what was applied is applied
			e.opts.Logger.Error("close the granted folders", "task", t.ID, "error", closeErr)
		}
	}()
	values, err := bind(j, ws, t.Spec.Cwd)
	if err != nil {
		return done, err
	}
	box, err := e.opts.Boxes.Create(ctx, t.Spec.Sandbox, t.ID)
	if err != nil {
		return done, err
	}
	defer func() {
		if closeErr := box.Close(); closeErr != nil {
			e.opts.Logger.Error("close sandbox", "task", t.ID, "error", closeErr)
		}
	}()
	if err := t.Record(ctx, event.SandboxReady{Sandbox: box.Badge()}); err != nil {
		return done, err
	}
	res, err := e.step(ctx, t, ws, box, j, values)
	done = taskDone(res)
	done.Sandbox = box.Badge()
	return done, err
}

// taskDone is what a result, which may be nil, says of its task's end.
func taskDone(res *event.StepResult) event.TaskDone {
	if res == nil {
		return event.TaskDone{}
	}
	return event.TaskDone{Artifacts: res.Artifacts, Facts: res.Facts}
}

func grants(folders []string) []workspace.Grant {
	out := make([]workspace.Grant, 0, len(folders))
	for _, f := range folders {
		out = append(out, workspace.Grant{Path: f})
	}
	return out
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

// Settle says whether a step's files had been applied when the host died.
func (e *Engine) Settle(ctx context.Context, taskID string, st task.Step) (task.Settled, error) {
	state, changes, err := e.opts.Workspace.Applied(ctx, taskID, st.ID)
	if err != nil || state == workspace.StateNone {
		return task.Settled{}, err
	}
	got := task.Settled{Applied: true, Changes: eventChanges(changes)}
	if st.Result != nil {
		got.Artifacts = delivered(st.Result.Artifacts, changes)
	}
	return got, nil
}

func eventChanges(changes []workspace.Change) []event.Change {
	out := make([]event.Change, 0, len(changes))
	for _, c := range changes {
		out = append(out, event.Change{Path: c.HostPath, Change: string(c.Kind), From: c.From, Undoable: c.Undoable})
	}
	return out
}

// closeTimeout bounds how long a plugin may take to close.
const closeTimeout = 3 * time.Second
