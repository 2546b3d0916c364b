package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Manager owns the tasks of a host. Its methods may be called concurrently.
type Manager struct {
	opts  Options
	wg    sync.WaitGroup
	gates gates

	mu     sync.Mutex // taken after a task's lock, never before it
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
	if opts.ParkAfter <= 0 {
		opts.ParkAfter = defaultParkAfter
	}
	if opts.OnAnswer == nil {
		opts.OnAnswer = func(context.Context, string, string, event.ApprovalAsked, event.ApprovalAnswered) error { return nil }
	}
	return &Manager{opts: opts, active: map[string]*Task{}}
}

// Start makes a task and sets it to work. It returns when the task is durable.
func (m *Manager) Start(ctx context.Context, spec Spec) (string, error) {
	if err := m.opts.Worker.Check(ctx, spec); err != nil {
		return "", err
	}
	id := m.opts.NewID()
	_, err := m.launch(ctx, run{id: id, spec: spec, first: spec.created(), fresh: true})
	if err != nil {
		return "", err
	}
	return id, nil
}

// Resume runs an ended task again from what its log knows: steps that were
// done stay done, an unfinished one runs again from the top. For a sub-agent
// the task at the top is resumed, which takes its sub-agents up again.
func (m *Manager) Resume(ctx context.Context, id string, interactive bool) error {
	root, err := m.root(ctx, id)
	if err != nil {
		return err
	}
	return m.resume(ctx, root, resuming{reason: "asked for", interactive: &interactive})
}

// resuming says how a task is taken up again.
type resuming struct {
	reason      string
	interactive *bool // nil: as the task was created
	done        bool  // also one that is done
	// record is called with the state the task has; its payloads come before
	// the resume, in the same append.
	record func(s *State) ([]event.Payload, error)
}

func (m *Manager) resume(ctx context.Context, id string, how resuming) error {
	_, err := m.launch(ctx, run{id: id, first: event.TaskResumed{Reason: how.reason}, prepare: func(s *State) (Spec, []event.Payload, error) {
		spec := specOf(s)
		spec.Root = m.rootOf(ctx, s)
		if how.interactive != nil {
			spec.Interactive = *how.interactive
		}
		if err := runnable(s); err != nil {
			return spec, nil, err
		}
		if s.Status == event.StatusDone && !how.done {
			return spec, nil, &pluginsdk.Error{
				Kind: pluginsdk.ErrConflict, Message: "task " + id + " is done",
				Next: "start it anew with `cowork run`",
			}
		}
		if err := m.opts.Worker.Check(ctx, spec); err != nil {
			return spec, nil, err
		}
		if how.record == nil {
			return spec, nil, nil
		}
		before, err := how.record(s)
		return spec, before, err
	}})
	return err
}

// runnable refuses a task that came from elsewhere.
func runnable(s *State) error {
	if !s.Imported {
		return nil
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrDenied, Message: "task " + s.ID + " was imported: it can be read, and never runs here",
		Next: "start a task of your own with `cowork run`",
	}
}

// errAtWork is the kind of the error for what needs a task nobody works on.
var errAtWork = fmt.Errorf("at work: %w", pluginsdk.ErrConflict)

func atWork(id string) error {
	return &pluginsdk.Error{
		Kind: errAtWork, Message: "task " + id + " is at work",
		Next: "watch it with `cowork task show --follow " + id + "`",
	}
}

// lease makes this manager the owner of a task that nobody works on.
func (m *Manager) lease(ctx context.Context, id string) (*event.Lease, error) {
	lease, err := m.opts.Log.Lease(ctx, id, "host")
	if errors.Is(err, pluginsdk.ErrConflict) {
		return nil, atWork(id)
	}
	return lease, err
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

// State returns what is known of a task, with the usage and the open approvals
// of the sub-agents at work. An unknown task is a [pluginsdk.ErrNotFound].
func (m *Manager) State(ctx context.Context, id string) (*State, error) {
	s, err := m.own(ctx, id)
	if err != nil {
		return nil, err
	}
	err = m.below(ctx, id, func(h event.Head) error {
		if s.Below == nil {
			s.Below = map[string]int64{}
		}
		s.Below[h.Task] = h.Last
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.Waiting, err = m.waiting(ctx, s); err != nil {
		return nil, err
	}
	m.live(s)
	return s, nil
}

// own is the state of a task without what its sub-agents add to it.
func (m *Manager) own(ctx context.Context, id string) (*State, error) {
	if t := m.task(id); t != nil {
		if s := t.State(); s.Last > 0 {
			return &s, nil
		}
	}
	return m.read(ctx, id)
}

// read folds a task's log.
func (m *Manager) read(ctx context.Context, id string) (*State, error) {
	var s State
	for e, err := range m.opts.Log.Read(ctx, id, 1) {
		if err != nil {
			return nil, err
		}
		s.Fold(e)
	}
	if s.Last == 0 {
		return nil, unknown(id)
	}
	return &s, nil
}

func unknown(id string) error {
	return &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no task %.100s", id), Next: "list them with `cowork task ls`"}
}

// live replaces what a state knows of its sub-agents at work by what they have
// used up to now.
func (m *Manager) live(s *State) {
	changed := false
	for i := range s.Children {
		c := &s.Children[i]
		if t := m.task(c.Child); t != nil {
			child := t.State()
			m.live(&child)
			c.Status, c.Usage, c.Error, changed = child.Status, child.Usage, child.Error, true
		}
	}
	if changed {
		s.total()
	}
}

// Note records something that happened to a task, at work or not, such as an
// undo.
func (m *Manager) Note(ctx context.Context, id string, p event.Payload) error {
	return m.with(ctx, id, func(t *Task) error { return t.record(ctx, p) })
}

// Close stops all tasks and waits for them. Tasks cut off here are resumable.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	for _, t := range m.active {
		t.cut(errClosing)
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
