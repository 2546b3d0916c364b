package engine

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/sandbox"
)

// unrecordedError says that a step was applied and the log could not keep that.
type unrecordedError struct{ err error }

func (e *unrecordedError) Error() string { return e.err.Error() }
func (e *unrecordedError) Unwrap() error { return e.err }

// finished takes up a step whose files are in the folder already, because the
// log failed before it could say so. The handler must not run again. It
// returns nil when there is no such step.
func (e *Engine) finished(ctx context.Context, t *task.Task, id string) (*event.StepResult, error) {
	st, known := t.Step(id)
	if !known {
		return nil, nil
	}
	got, err := e.Settle(ctx, t.ID, st)
	if err != nil || !got.Applied {
		return nil, err
	}
	res := event.StepResult{Step: id}
	if st.Result != nil {
		res = *st.Result
	}
	res.Artifacts = got.Artifacts
	if st.Status == task.StepDone {
		return &res, nil
	}
	if err := t.Record(ctx, event.StepApplied{Step: id, Changes: got.Changes}); err != nil {
		return &res, &unrecordedError{err}
	}
	return &res, nil
}

// step runs the handler with its writes staged, keeps the result, and applies
// the files. Until the result is durable nothing of it can be seen.
func (e *Engine) step(ctx context.Context, r *run, box sandbox.Sandbox, j *job, id string, values map[string]string) (*event.StepResult, error) {
	t, ws := r.t, r.ws
	started := event.StepStarted{Step: id, Plugin: j.plugin.Name, Command: j.name, Values: values}
	if r.talks {
		started.Model = r.conn.Name
	}
	if err := t.Record(ctx, started); err != nil {
		return nil, err
	}
	staged, err := ws.Step(ctx, id)
	if err != nil {
		return nil, e.stepFailed(ctx, t, id, err)
	}
	defer func() {
		if err := staged.Discard(); err != nil {
			e.opts.Logger.Error("discard staging", "task", t.ID, "error", err)
		}
	}()
	host := newStepHost(ctx, r, id, staged)
	res, err := e.run(ctx, host, box, j, values)
	if err != nil && host.parked.Load() && ctx.Err() == nil {
		err = task.ErrParked // it runs again from the top when the answer is there
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = checkArtifacts(host, res, j.plugin.Name)
	}
	if err != nil {
		return nil, e.stepFailed(ctx, t, id, err)
	}
	result := event.StepResult{Step: id, Facts: res.Facts, Brief: res.Brief}
	for _, a := range res.Artifacts {
		result.Artifacts = append(result.Artifacts, event.Artifact{
			Path: ws.HostPath(a.Path), MediaType: a.MediaType, Title: a.Title, Checks: a.Checks,
		})
	}
	if err := t.Record(ctx, result); err != nil {
		return nil, e.stepFailed(ctx, t, id, err)
	}
	// From here on the step is applied whole, whatever happens to the task.
	changes, err := staged.Apply(context.WithoutCancel(ctx))
	if err != nil {
		return nil, e.stepFailed(ctx, t, id, err)
	}
	result.Artifacts = delivered(result.Artifacts, changes)
	applied := event.StepApplied{Step: id, Changes: eventChanges(changes)}
	if err := t.Record(ctx, applied); err != nil {
		return &result, &unrecordedError{err}
	}
	return &result, nil
}

// delivered returns the artifacts with the paths and digests they ended up
// with; their paths are those the files were staged for.
func delivered(artifacts []event.Artifact, changes []workspace.Change) []event.Artifact {
	out := slices.Clone(artifacts)
	for i, a := range out {
		for _, c := range changes {
			if c.PostDigest != "" && stagedPath(c) == a.Path {
				out[i].Path, out[i].SHA256 = c.HostPath, strings.TrimPrefix(c.PostDigest, "sha256:")
			}
		}
	}
	return out
}

// stagedPath is the host path a change was staged for. Only the last part of a
// name changes when it is taken at the end.
func stagedPath(c workspace.Change) string {
	if c.Staged == "" {
		return c.HostPath
	}
	return filepath.Join(filepath.Dir(c.HostPath), path.Base(c.Staged))
}

// checkArtifacts refuses a result that names files the handler did not write.
func checkArtifacts(host *stepHost, res *pluginsdk.Result, plugin string) error {
	for _, a := range res.Artifacts {
		if info, err := host.files.step.Stat(a.Path); err != nil || !info.Mode().IsRegular() || !host.files.wrote(a.Path) {
			return &runtime.Failure{
				Plugin: plugin, Reason: runtime.Garbage,
				Message: fmt.Sprintf("named a file it did not deliver: %.80q", a.Path), Next: "report it to the plugin's author",
			}
		}
	}
	return nil
}

// stepFailed records why a step failed; nothing it staged is applied.
func (e *Engine) stepFailed(ctx context.Context, t *task.Task, id string, err error) error {
	if errors.Is(err, task.ErrParked) {
		return err // it runs again from the top when the answer is there
	}
	var events []event.Payload
	if f, ok := errors.AsType[*runtime.Failure](err); ok {
		events = append(events, event.PluginFailed{Plugin: f.Plugin, Reason: string(f.Reason), Detail: f.Detail})
	}
	events = append(events, event.StepFailed{Step: id, Error: whyEnded(ctx, t.ID, err, true)})
	return errors.Join(err, t.Record(ctx, events...))
}

// run starts the plugin and its handler.
func (e *Engine) run(ctx context.Context, host *stepHost, box sandbox.Sandbox, j *job, values map[string]string) (*pluginsdk.Result, error) {
	proc, err := e.opts.Plugins.Start(ctx, box, j.plugin)
	if err != nil {
		return nil, err
	}
	defer func() {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := proc.Close(closeCtx); err != nil {
			e.opts.Logger.Warn("close plugin", "plugin", j.plugin.Name, "error", err)
		}
	}()
	if err := proc.Attach(ctx, host); err != nil {
		return nil, err
	}
	return proc.Run(ctx, &pluginsdk.Invocation{
		Command: j.name, Args: j.inv.Words, Values: values, Host: host,
	})
}
