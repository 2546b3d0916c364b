package engine

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/files"
	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
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
	// Content opens the bundle of a plugin of the snapshot. Close it.
	Content(ctx context.Context, p catalog.Plugin) (*runtime.Content, error)
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
	// Connection returns the model there is now, and whether there is one. Nil:
	// there is none.
	Connection func() (Connection, bool)
	// Tools are offered to every task beside those of the engine.
	Tools []tool.Tool
	// Price says what a model call cost, in US dollars, and the date of the
	// prices; empty when it is not known.
	Price func(model string, u model.Usage) (cost, asOf string)
	// Caps are the person's limits, Today what this day has cost so far.
	Caps  func() (usage.Caps, error)
	Today func() string
	// Used is told what every call of a model used.
	Used func(event.ModelUsage)
	// Rules are the person's rules and grants for a tree of tasks, by its root.
	Rules func(root string) policy.Rules
	// Grant keeps what was allowed beyond one call. It may be called again for
	// an answer it has kept.
	Grant  func(root string, call policy.Call, asked event.ApprovalAsked, answer event.ApprovalAnswered) error
	Now    func() time.Time
	Logger *slog.Logger
}

// withDefaults fills in what may be left out.
func (o Options) withDefaults() Options {
	if o.Connection == nil {
		o.Connection = func() (Connection, bool) { return Connection{}, false }
	}
	if o.Price == nil {
		o.Price = func(string, model.Usage) (string, string) { return "", "" }
	}
	if o.Caps == nil {
		o.Caps = func() (usage.Caps, error) { return usage.Caps{}, nil }
	}
	if o.Today == nil {
		o.Today = func() string { return "" }
	}
	if o.Used == nil {
		o.Used = func(event.ModelUsage) {}
	}
	if o.Rules == nil {
		o.Rules = func(string) policy.Rules { return policy.Rules{} }
	}
	if o.Grant == nil {
		o.Grant = func(string, policy.Call, event.ApprovalAsked, event.ApprovalAnswered) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Engine is the worker of a host's tasks.
type Engine struct {
	opts   Options
	leases files.Leases // of the files tasks write

	mu     sync.Mutex
	purses map[string]*purse // by root
}

var _ task.Worker = (*Engine)(nil)

// New returns an engine.
func New(opts Options) *Engine {
	return &Engine{opts: opts.withDefaults()}
}

// Settle says whether a step's files had been applied when the host died.
func (e *Engine) Settle(ctx context.Context, taskID string, st task.Step) (task.Settled, error) {
	got := task.Settled{Unfinished: st.Model != ""}
	state, changes, err := e.opts.Workspace.Applied(ctx, taskID, st.ID)
	if err != nil || state == workspace.StateNone {
		return got, err
	}
	got.Applied, got.Changes = true, eventChanges(changes)
	if st.Result != nil {
		got.Artifacts = delivered(st.Result.Artifacts, changes)
	}
	return got, nil
}

func eventChanges(changes []workspace.Change) []event.Change {
	out := make([]event.Change, 0, len(changes))
	for _, c := range changes {
		out = append(out, event.Change{
			Path: c.HostPath, Change: string(c.Kind), From: c.From, Undoable: c.Undoable,
			SHA256: strings.TrimPrefix(c.PostDigest, "sha256:"),
		})
	}
	return out
}

// closeTimeout bounds how long a plugin may take to close.
const closeTimeout = 3 * time.Second
