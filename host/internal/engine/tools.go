package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/agent"
	"github.com/cowork-host/cowork/host/internal/tool/ask"
	"github.com/cowork-host/cowork/host/internal/tool/files"
	"github.com/cowork-host/cowork/host/internal/tool/output"
	plantool "github.com/cowork-host/cowork/host/internal/tool/plan"
	"github.com/cowork-host/cowork/host/internal/tool/search"
	"github.com/cowork-host/cowork/host/internal/tool/skill"
	"github.com/cowork-host/cowork/pluginsdk"
)

// newTools are the tools of the run, in one readable list. A conversation
// without tools has none.
func (r *run) newTools(ctx context.Context) (*tool.Set, error) {
	if r.t.Spec.Light {
		return tool.NewSet()
	}
	snap, err := r.e.opts.Plugins.Snapshot(ctx, r.t.Spec.PluginDirs...)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	seen := slices.Clone(r.past.seen)
	r.mu.Unlock()
	onDisk, err := files.New(ctx, files.Options{
		Store: r.e.opts.Workspace, Workspace: r.ws, Leases: &r.e.leases, Task: r.t.ID,
		Ancestors: ancestors(r.t), Seen: append(r.delivered(ctx), seen...),
	})
	if err != nil {
		return nil, err
	}
	list := append(
		onDisk.Tools(),
		plantool.New(func() []plan.Step { return r.t.State().Plan }),
		ask.New(r.askPerson),
		skill.New(&library{plugins: r.e.opts.Plugins, dirs: r.t.Spec.PluginDirs, ids: skillIDs(snap)}),
		output.New(func(ctx context.Context, call string) (string, error) { return result(r.t.Events(ctx), call) }),
		agent.New(r, agents(snap)),
	)
	list = append(list, r.e.opts.Tools...)
	list = slices.DeleteFunc(list, func(t tool.Tool) bool { return !r.offers(t.Spec()) })
	var deferred []tool.Spec
	for _, t := range list {
		if t.Spec().Deferred {
			deferred = append(deferred, t.Spec())
		}
	}
	return tool.NewSet(append(list, search.New(deferred))...)
}

// offers reports whether the run may be offered a tool at all: what a
// sub-agent's definition leaves out, and what can only be refused, is not there.
func (r *run) offers(s tool.Spec) bool {
	if !r.agent.allows(s.Name) {
		return false
	}
	switch s.Effect {
	case policy.Fetch, policy.Send:
		return !r.t.Spec.NoInternet
	case policy.Write, policy.Delete:
		return !r.t.Spec.ReadOnly || s.Name == plantool.Name
	}
	return true
}

// ancestors are the tasks above a task, the parent first.
func ancestors(t *task.Task) []string {
	var ids []string
	if t.Spec.Parent != "" {
		ids = append(ids, t.Spec.Parent)
	}
	if t.Spec.Root != "" && t.Spec.Root != t.Spec.Parent {
		ids = append(ids, t.Spec.Root)
	}
	return ids
}

// askPerson puts a tool's question to the person. That nobody is there parks
// the run.
func (r *run) askPerson(ctx context.Context, step string, q pluginsdk.Question) (string, error) {
	answer, err := r.t.Ask(ctx, step, q)
	if errors.Is(err, task.ErrParked) {
		return "", task.ErrParked
	}
	return answer, err
}

// delivered are the files of the handlers, as they were delivered: the model
// was told of them and may write into them.
func (r *run) delivered(ctx context.Context) []event.Seen {
	done := event.TaskDone{}
	if err := r.complete(ctx, &done, false); err != nil {
		return nil // then they have to be read first
	}
	var out []event.Seen
	for _, a := range done.Artifacts {
		if a.SHA256 != "" {
			out = append(out, event.Seen{Path: a.Path, SHA256: a.SHA256})
		}
	}
	return out
}

func agents(snap *catalog.Snapshot) []agent.Agent {
	var out []agent.Agent
	for _, p := range snap.Plugins() {
		if p.State != catalog.Enabled {
			continue
		}
		for _, a := range p.Agents {
			out = append(out, agent.Agent{ID: a.ID, Description: a.Description})
		}
	}
	return out
}

func skillIDs(snap *catalog.Snapshot) []string {
	var ids []string
	for _, p := range snap.Plugins() {
		if p.State != catalog.Enabled {
			continue
		}
		for _, s := range p.Skills {
			ids = append(ids, s.ID)
		}
	}
	return ids
}
