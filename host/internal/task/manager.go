package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Spec is what a task is asked to do.
type Spec struct {
	// Input is an outcome or a slash command, as typed.
	Input string
	// Folders are the granted folders, absolute; Cwd is where the person
	// stands, for relative paths in Input.
	Folders []string
	Cwd     string
	// Sandbox is the backend asked for: "auto" or a name.
	Sandbox string
	Mode    string
	Parent  string
	// Interactive says that somebody is there to answer questions.
	Interactive bool
	// PluginDirs are bundles to offer in this task beside the installed ones.
	PluginDirs []string
}

// Worker does what a task asks for.
type Worker interface {
	// Check refuses what cannot be started at all: an empty input, an unknown
	// command. No task is made for it.
	Check(ctx context.Context, spec Spec) error
	// Work does the task and says how it ended. Cancelling ctx stops it; what
	// was applied before stays. It is called in a goroutine of its own.
	Work(ctx context.Context, t *Task) event.TaskDone
	// Settle says what became of a step of a task that was at work when the
	// host died.
	Settle(ctx context.Context, task string, st Step) (Settled, error)
}

// Settled is what became of a step.
type Settled struct {
	// Applied says that the step's files are in the granted folders.
	Applied bool
	Changes []event.Change
	// Artifacts are those of the step's result, where they are now.
	Artifacts []event.Artifact
}

// Options are what a Manager needs; Now and NewID may be left out.
type Options struct {
	Log    event.Log
	Worker Worker
	Logger *slog.Logger
	Now    func() time.Time
	NewID  func() string
}

// Manager owns the tasks of a host. Its methods may be called concurrently.
type Manager struct {
	opts Options
	wg   sync.WaitGroup

	mu     sync.Mutex
	active map[string]*Task
	closed bool
}

// New returns a manager without tasks at work. Call [Manager.Recover] once
// before anything else.
func New(opts Options) *Manager {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.NewID == nil {
		opts.NewID = func() string { return newID(opts.Now()) }
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Manager{opts: opts, active: map[string]*Task{}}
}

// Start makes a task and sets it to work. It returns when the task is durable.
func (m *Manager) Start(ctx context.Context, spec Spec) (string, error) {
	if err := m.opts.Worker.Check(ctx, spec); err != nil {
		return "", err
	}
	created := event.TaskCreated{
		Title: title(spec.Input), Input: spec.Input, Folders: spec.Folders, Cwd: spec.Cwd,
		SandboxRequested: spec.Sandbox, Mode: spec.Mode, PluginDirs: spec.PluginDirs, Interactive: spec.Interactive,
	}
	id := m.opts.NewID()
	lease, err := m.lease(ctx, id)
	if err != nil {
		return "", err
	}
	return id, m.launch(ctx, lease, spec, State{}, created)
}

// Resume runs an ended task again from what its log knows: steps that were
// done stay done, an unfinished one runs again from the top.
func (m *Manager) Resume(ctx context.Context, id string, interactive bool) error {
	lease, err := m.lease(ctx, id) // before reading, so that what is read stands
	if err != nil {
		return err
	}
	s, spec, err := m.resumable(ctx, id, interactive)
	if err != nil {
		lease.Release()
		return err
	}
	return m.launch(ctx, lease, spec, *s, event.TaskResumed{Reason: "asked for"})
}

// resumable returns what a resumed task goes on from.
func (m *Manager) resumable(ctx context.Context, id string, interactive bool) (*State, Spec, error) {
	s, err := m.State(ctx, id)
	if err != nil {
		return nil, Spec{}, err
	}
	if s.Status == event.StatusDone {
		return nil, Spec{}, &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: "task " + id + " is done",
			Next: "start it anew with `cowork run`",
		}
	}
	c := s.Created
	spec := Spec{
		Input: c.Input, Folders: c.Folders, Cwd: c.Cwd, Sandbox: c.SandboxRequested, Mode: c.Mode,
		Parent: s.Parent, PluginDirs: c.PluginDirs, Interactive: interactive,
	}
	return s, spec, m.opts.Worker.Check(ctx, spec)
}

// lease makes this manager the owner of a task that nobody works on.
func (m *Manager) lease(ctx context.Context, id string) (*event.Lease, error) {
	lease, err := m.opts.Log.Lease(ctx, id, "host")
	if errors.Is(err, pluginsdk.ErrConflict) {
		return nil, &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: "task " + id + " is at work", Next: "watch it with `cowork task show --follow " + id + "`"}
	}
	return lease, err
}

// launch sets a task to work; the lease is released when it is over.
func (m *Manager) launch(ctx context.Context, lease *event.Lease, spec Spec, state State, first event.Payload) error {
	id := lease.Task()
	t := &Task{ID: id, Spec: spec, log: m.opts.Log, state: state, done: make(chan struct{}), waiting: map[string]chan struct{}{}}
	workCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	t.cancel = cancel
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		lease.Release()
		cancel(nil)
		return fmt.Errorf("%w: %w", pluginsdk.ErrUnavailable, errClosing)
	}
	m.active[id] = t
	m.wg.Add(1)
	m.mu.Unlock()
	if err := t.Record(ctx, first); err != nil {
		m.forget(t, lease)
		cancel(nil)
		return err
	}
	go m.work(workCtx, t, lease)
	return nil
}

// work runs the worker and records how it ended.
func (m *Manager) work(ctx context.Context, t *Task, lease *event.Lease) {
	defer t.cancel(nil)
	defer m.forget(t, lease)
	started := m.opts.Now()
	done := m.guarded(ctx, t)
	done.Usage.DurationMS = m.opts.Now().Sub(started).Milliseconds()
	if err := t.end(ctx, done); err != nil {
		m.opts.Logger.Error("the end of a task could not be recorded", "task", t.ID, "error", err)
	}
}

// guarded runs the worker. Its panic is the end of the task, not of the host.
func (m *Manager) guarded(ctx context.Context, t *Task) (done event.TaskDone) {
	defer func() {
		if p := recover(); p != nil {
			m.opts.Logger.Error("the worker of a task panicked", "task", t.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			done = event.TaskDone{Status: event.StatusFailed, Error: &event.Error{
				Code: "internal", Message: fmt.Sprintf("cowork made a mistake in the middle of the task: %v", p),
				Next: "please report it, with the host's log",
			}}
		}
	}()
	return m.opts.Worker.Work(ctx, t)
}

func (m *Manager) forget(t *Task, lease *event.Lease) {
	m.mu.Lock()
	delete(m.active, t.ID)
	m.mu.Unlock()
	lease.Release()
	close(t.done)
	m.wg.Done()
}

func (m *Manager) task(id string) *Task {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.active[id]
}

// Done returns a channel that is closed when the task is not, or no longer, at
// work here.
func (m *Manager) Done(id string) <-chan struct{} {
	if t := m.task(id); t != nil {
		return t.done
	}
	over := make(chan struct{})
	close(over)
	return over
}

// Active is the number of tasks at work.
func (m *Manager) Active() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.active)
}

// Stop asks a task to stop and returns when it has, or when ctx ends. A task
// that is not at work is left as it is.
func (m *Manager) Stop(ctx context.Context, id string) error {
	t := m.task(id)
	if t == nil {
		_, err := m.State(ctx, id)
		return err
	}
	if err := t.Record(ctx, event.TaskStopping{Reason: "asked for"}); err != nil {
		m.opts.Logger.Error("record stop", "task", id, "error", err)
	}
	t.cancel(errStopped)
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Answer gives an answer to an open question of a task at work; the first one
// stands.
func (m *Manager) Answer(ctx context.Context, id, question, value string) error {
	t := m.task(id)
	if t == nil {
		return &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: "task " + id + " is not at work, so it asks nothing", Next: "resume it with `cowork task resume " + id + "`"}
	}
	return t.reply(ctx, question, value)
}

// State returns what is known of a task. An unknown one is a
// [pluginsdk.ErrNotFound].
func (m *Manager) State(ctx context.Context, id string) (*State, error) {
	var s State
	for e, err := range m.opts.Log.Read(ctx, id, 1) {
		if err != nil {
			return nil, err
		}
		s.Fold(e)
	}
	if s.Last == 0 {
		return nil, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no task %.100s", id), Next: "list them with `cowork task ls`"}
	}
	return &s, nil
}

// Note records something that happened to a task that is not at work, such as
// an undo.
func (m *Manager) Note(ctx context.Context, id string, p event.Payload) error {
	if t := m.task(id); t != nil {
		return t.Record(ctx, p)
	}
	s, err := m.State(ctx, id)
	if err != nil {
		return err
	}
	e, err := event.New(p)
	if err != nil {
		return err
	}
	e.Parent = s.Parent
	_, err = m.opts.Log.Append(ctx, id, s.Last, e)
	return err
}

// Close stops all tasks and waits for them. Tasks cut off here are resumable.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	for _, t := range m.active {
		t.cancel(errClosing)
	}
	m.mu.Unlock()
	done := make(chan struct{})
	go func() {
		m.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// title is the first line of the input, cut for lists.
func title(input string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(input), "\n")
	r := []rune(line)
	if len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return line
}
