package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/tool/agent"
	"github.com/cowork-host/cowork/pluginsdk"
)

var _ agent.Runner = (*run)(nil)

// Run starts a sub-agent as a task of its own and waits for its end.
func (r *run) Run(ctx context.Context, req agent.Request) (agent.Outcome, error) {
	if err := r.noMore(); err != nil {
		return agent.Outcome{}, err
	}
	spec, err := r.childSpec(req)
	if err != nil {
		return agent.Outcome{}, err
	}
	child, err := r.t.Spawn(ctx, spec, event.ChildStarted{Call: req.Call, Agent: req.Agent, Title: req.Title})
	if err != nil {
		return agent.Outcome{}, err
	}
	return r.outcome(ctx, child)
}

// noMore refuses sub-agents while a loop guard waits for the end of the calls to
// ask the person: one message can ask for hundreds.
func (r *run) noMore() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trip == nil {
		return nil
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrUnavailable, Message: "this sub-agent was not started: " + r.trip.Message,
		Next: "the person is asked whether the task goes on; work with fewer sub-agents",
	}
}

// Attach waits for a sub-agent that an earlier run of the same call started.
func (r *run) Attach(ctx context.Context, req agent.Request) (agent.Outcome, bool, error) {
	id := ""
	for _, c := range r.t.State().Children {
		if c.Call == req.Call {
			id = c.Child
		}
	}
	if id == "" {
		return agent.Outcome{}, false, nil
	}
	child, err := r.t.Attach(ctx, id)
	if errors.Is(err, pluginsdk.ErrNotFound) {
		return agent.Outcome{}, false, nil // it never began
	}
	if err != nil {
		return agent.Outcome{}, false, err
	}
	o, err := r.outcome(ctx, child)
	return o, true, err
}

// outcome waits for a sub-agent. One that waits for the person makes this task
// wait as well.
func (r *run) outcome(ctx context.Context, child *task.Child) (agent.Outcome, error) {
	done, err := child.Wait(ctx)
	if err != nil {
		return agent.Outcome{}, err
	}
	if done.Status == event.StatusParked {
		if done.Error != nil && done.Error.Code == codePaused {
			return agent.Outcome{}, task.ErrPaused
		}
		return agent.Outcome{}, task.ErrParked
	}
	s, err := child.State(ctx)
	if err != nil {
		return agent.Outcome{}, err
	}
	return agent.Outcome{Task: child.ID, Status: done.Status, Text: s.Text, Artifacts: done.Artifacts, Error: done.Error}, nil
}

// childSpec is what a sub-agent is asked to do: with all this task has, but for
// what the request takes away.
func (r *run) childSpec(req agent.Request) (task.Spec, error) {
	spec := task.Spec{
		Input: req.Prompt, Agent: req.Agent, Folders: r.t.Spec.Folders, Cwd: r.t.Spec.Cwd, Sandbox: r.t.Spec.Sandbox,
		Mode: r.t.Spec.Mode, Model: r.t.Spec.Model, PluginDirs: r.t.Spec.PluginDirs,
		NoInternet: req.NoInternet, ReadOnly: req.ReadOnly, Budget: req.Budget,
	}
	if len(req.Folders) == 0 {
		return spec, nil
	}
	spec.Folders = nil
	for _, f := range req.Folders {
		name, err := r.ws.Resolve(f, "")
		if err != nil {
			return spec, err
		}
		view := r.ws.View()
		info, err := view.Stat(name)
		view.Close()
		path := r.ws.HostPath(name)
		if err != nil || path == "" || !info.IsDir() {
			return spec, pluginsdk.Invalid("name a folder by its path", "%.200q is not one folder", f)
		}
		if real, err := filepath.EvalSymlinks(path); err != nil || real != path {
			return spec, fmt.Errorf("give the folder %.200q to a sub-agent: %w", f, errors.Join(err, pluginsdk.Invalid("name the folder itself", "%.200q is a link", f)))
		}
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			return spec, pluginsdk.Invalid("name the folder it is in", "%.200q is not a folder", f)
		}
		spec.Folders = append(spec.Folders, path)
	}
	return spec, nil
}
