package engine_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
	"github.com/cowork-host/cowork/pluginsdk/rpc"
	"github.com/cowork-host/cowork/registry/bundle"
	"github.com/cowork-host/cowork/sandbox"
)

// handler is what the command under test does.
type handler func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error)

// author is a plugin whose one command is a handler.
type author struct{ run handler }

func (a *author) Manifest() *pluginsdk.Manifest               { return &pluginsdk.Manifest{Name: "p"} }
func (a *author) Start(context.Context, pluginsdk.Host) error { return nil }
func (a *author) Close() error                                { return nil }
func (a *author) Commands() []pluginsdk.Command {
	return []pluginsdk.Command{{Name: "go", Summary: "does it", Run: a.run}}
}

// connected is a plugin served in this process, over the real wire.
type connected struct {
	*rpc.Client
	end error // what becomes of a call instead of its answer
}

func (c connected) Attach(ctx context.Context, h pluginsdk.Host) error { return c.Start(ctx, h) }
func (c connected) Run(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
	res, err := c.RunCommand(ctx, inv)
	if c.end != nil {
		return nil, c.end
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return res, err
}

// plugins offers the commands /p:go and /p:advice, which needs a model, and
// plugins that cannot be used.
type plugins struct {
	t   testing.TB
	run handler
	end error
	err error // Start's
}

func (p *plugins) Snapshot(context.Context, ...string) (*catalog.Snapshot, error) {
	return catalog.New([]catalog.Plugin{
		{
			Name: "p", State: catalog.Enabled, Commands: []catalog.Command{
				{ID: "p:go", Params: []pluginsdk.Param{
					{Name: "file", Kind: pluginsdk.ParamFile},
					{Name: "by", Kind: pluginsdk.ParamText, Option: true},
				}},
				{ID: "p:advice", NeedsModel: true},
			}, Skills: []catalog.Skill{{ID: "p:care", Name: "care", Description: "How to take care"}},
			Agents: []catalog.Agent{{ID: "p:looker", Name: "looker", Description: "Looks"}},
		},
		{Name: "boxless", State: catalog.Failed, Findings: []bundle.Finding{{Rule: runtime.RuleNoSandbox, Severity: bundle.Error, Message: "no namespaces"}}},
		{Name: "broken", State: catalog.Failed, Findings: []bundle.Finding{{Rule: "x", Severity: bundle.Error, File: "f", Message: "a comma is missing"}}},
	}), nil
}

func (p *plugins) Start(context.Context, sandbox.Sandbox, catalog.Plugin) (engine.Process, error) {
	if p.err != nil {
		return nil, p.err
	}
	return connected{plugintest.Connect(p.t, &author{p.run}), p.end}, nil
}

// Content is the bundle of the plugin p.
func (p *plugins) Content(ctx context.Context, cp catalog.Plugin) (*runtime.Content, error) {
	files := fstest.MapFS{
		".claude-plugin/plugin.json": {Data: []byte(`{"name":"p"}`)},
		"commands/go.md":             {Data: []byte("Say what the facts mean, for $ARGUMENTS.")},
		"commands/advice.md":         {Data: []byte("Give advice about $1.")},
		"skills/care/SKILL.md":       {Data: []byte("---\ndescription: How to take care\n---\nTake care. See ${CLAUDE_SKILL_DIR}/more.md.")},
		"skills/care/more.md":        {Data: []byte("More care.")},
		"agents/looker.md":           {Data: []byte("---\nname: looker\ndescription: Looks\ntools: Read, Grep\n---\nYou look.")},
	}
	b, err := bundle.Load(ctx, files, bundle.Options{Name: cp.Name})
	return &runtime.Content{Bundle: b, Files: files}, err
}

// boxes makes sandboxes that hold nothing, or fails.
type boxes struct {
	err    error
	mu     sync.Mutex
	open   int
	wanted []string
}

func (b *boxes) Create(_ context.Context, backend, _ string) (sandbox.Sandbox, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wanted = append(b.wanted, backend)
	if b.err != nil {
		return nil, b.err
	}
	b.open++
	return &box{b}, nil
}

type box struct{ of *boxes }

func (b *box) Badge() string { return "fake" }
func (b *box) Start(context.Context, *sandbox.Spec) (sandbox.Process, error) {
	return nil, errors.New("not for this test")
}

func (b *box) Close() error {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	b.of.open--
	return nil
}

// env is an engine over a real folder, store and log.
type env struct {
	t       testing.TB
	folder  string
	store   *workspace.Store
	log     event.Log
	plugins *plugins
	boxes   *boxes
	tasks   *task.Manager
	opts    engine.Options
}

func newEnv(t testing.TB, run handler) *env {
	t.Helper()
	return newEnvWith(t, run, event.NewMemory())
}

func newEnvWith(t testing.TB, run handler, log event.Log) *env {
	t.Helper()
	return newEnvOf(t, run, log, func(*engine.Options) {})
}

func undoAll(task string) workspace.UndoRequest { return workspace.UndoRequest{Task: task} }

// newEnvOf is an env whose engine has changed options.
func newEnvOf(t testing.TB, run handler, log event.Log, change func(*engine.Options)) *env {
	t.Helper()
	dir := t.TempDir()
	store, err := workspace.Open(t.Context(), workspace.Options{Dir: filepath.Join(dir, "store"), TrashDir: filepath.Join(dir, "trash")})
	if err != nil {
		t.Fatal(err)
	}
	e := &env{t: t, folder: filepath.Join(dir, "folder"), store: store, log: log, plugins: &plugins{t: t, run: run}, boxes: &boxes{}}
	if err := os.Mkdir(e.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	e.put("in.txt", "hello")
	opts := engine.Options{Workspace: store, Plugins: e.plugins, Boxes: e.boxes}
	change(&opts)
	e.opts = opts
	e.tasks = task.New(task.Options{Log: log, Worker: engine.New(opts)})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := errors.Join(e.tasks.Close(ctx), store.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
		if e.boxes.open != 0 {
			t.Errorf("%d sandboxes are still open", e.boxes.open)
		}
	})
	return e
}

// restart ends the host of the tasks and begins another one.
func (e *env) restart() {
	e.t.Helper()
	if err := e.tasks.Close(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
	e.tasks = task.New(task.Options{Log: e.log, Worker: engine.New(e.opts)})
}

func (e *env) put(name, text string) {
	e.t.Helper()
	path := filepath.Join(e.folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		e.t.Fatal(err)
	}
}

// files returns everything in the folder, by name.
func (e *env) files() map[string]string {
	e.t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(e.folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(e.folder, name))
		out[name] = string(data)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return out
}

func (e *env) start(input string) string {
	e.t.Helper()
	id, err := e.tasks.Start(e.t.Context(), task.Spec{Input: input, Folders: []string{e.folder}, Cwd: e.folder, Interactive: true})
	if err != nil {
		e.t.Fatal(err)
	}
	return id
}

func (e *env) ended(id string) *task.State {
	e.t.Helper()
	select {
	case <-e.tasks.Done(id):
	case <-time.After(2 * time.Minute): // under the race detector, on a busy machine
		e.t.Fatalf("task %s does not end", id)
	}
	s, err := e.tasks.State(e.t.Context(), id)
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func (e *env) run(input string) *task.State {
	e.t.Helper()
	return e.ended(e.start(input))
}

// until waits for an event of the kind.
func (e *env) until(id string, kind event.Kind) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 20*time.Second)
	defer cancel()
	for ev, err := range e.log.Subscribe(ctx, id, 1) {
		if err != nil {
			e.t.Fatalf("wait for %s: %v", kind, err)
		}
		if ev.Kind == kind {
			return
		}
	}
}

// kinds are the kinds of the task's events, in order.
func (e *env) kinds(id string) []event.Kind {
	e.t.Helper()
	var out []event.Kind
	for ev, err := range e.log.Read(e.t.Context(), id, 1) {
		if err != nil {
			e.t.Fatal(err)
		}
		out = append(out, ev.Kind)
	}
	return out
}

// write stages a file and returns the name it got.
func write(inv *pluginsdk.Invocation, name, text string) (string, error) {
	f, err := inv.Host.Files().Create(name)
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(f, text)
	return f.Name(), errors.Join(err, f.Close())
}

// upper writes out.txt beside the input, and over the input itself.
func upper(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
	data, err := fs.ReadFile(inv.Host.Files(), inv.Value("file"))
	if err != nil {
		return nil, err
	}
	inv.Host.Report().Plan("read", "write")
	name, err := write(inv, path.Join(path.Dir(inv.Value("file")), "out.txt"), "OUT "+string(data))
	if err != nil {
		return nil, err
	}
	f, err := inv.Host.Files().Write(inv.Value("file"))
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(f, "changed")
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return &pluginsdk.Result{
		Artifacts: []pluginsdk.Artifact{{Path: name, MediaType: "text/plain", Title: "Out"}},
		Facts:     []pluginsdk.Fact{{Name: "n", Value: "1"}}, Brief: "brief",
	}, nil
}
