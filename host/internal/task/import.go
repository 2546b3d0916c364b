package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The limits of an imported log.
const (
	maxImportTasks  = 1000
	maxImportEvents = 1_000_000
	maxImportBytes  = 512 << 20
	maxImportID     = 64
)

// imported is one task of an imported log.
type imported struct {
	id, parent string
	events     []event.Event // without their sequence, which is their place
	state      State
	depth      int
}

// Import reads an exported log in, under its own id: a task and, in any
// mixture, the sub-agents below it. Its events stay as they are, to the byte.
// A log that is not whole is a [pluginsdk.ErrInvalid], a task that is here
// already a [pluginsdk.ErrConflict], and then nothing is read in. An imported
// task is for reading: whatever its log says, nothing of it ever runs.
func (m *Manager) Import(ctx context.Context, events iter.Seq2[event.Event, error]) (string, error) {
	tasks, err := gather(events)
	if err != nil {
		return "", err
	}
	root := tasks[0]
	if err := m.absent(ctx, root.id); err != nil {
		return "", err
	}
	// The root comes last: when it is there, all of it is.
	slices.SortStableFunc(tasks, func(a, b *imported) int { return cmp.Compare(b.depth, a.depth) })
	for _, t := range tasks { // refuse before the first append
		if err := m.importable(ctx, t); err != nil {
			return "", err
		}
	}
	for _, t := range tasks {
		if err := m.keep(ctx, t); err != nil {
			return "", fmt.Errorf("import task %s: %w", t.id, err)
		}
	}
	return root.id, nil
}

// gather reads the events and checks that they are whole logs of one tree. The
// first task is the root.
func gather(events iter.Seq2[event.Event, error]) ([]*imported, error) {
	var tasks []*imported
	byID := map[string]*imported{}
	count, size := 0, 0
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		count++
		size += len(e.Data)
		if count > maxImportEvents || size > maxImportBytes {
			return nil, notALog("it has more than %d events or %d bytes", maxImportEvents, maxImportBytes)
		}
		t := byID[e.Task]
		if t == nil {
			if len(tasks) == maxImportTasks {
				return nil, notALog("it has more than %d tasks", maxImportTasks)
			}
			if t, err = firstEvent(e); err != nil {
				return nil, err
			}
			byID[e.Task] = t
			tasks = append(tasks, t)
		}
		if err := t.add(e); err != nil {
			return nil, err
		}
	}
	if len(tasks) == 0 {
		return nil, notALog("it is empty")
	}
	return tasks, descend(tasks, byID)
}

func notALog(format string, args ...any) error {
	return pluginsdk.Invalid("import events.jsonl as `cowork task export` wrote it", "this log cannot be imported: "+format, args...)
}

// firstEvent begins a task with its first event.
func firstEvent(e event.Event) (*imported, error) {
	switch {
	case !importID(e.Task):
		return nil, notALog("%.100q is no task id", e.Task)
	case e.Kind != event.KindTaskCreated:
		return nil, notALog("task %s begins with %.64q, not with %s", e.Task, e.Kind, event.KindTaskCreated)
	}
	if _, err := event.Decode[event.TaskCreated](e); err != nil {
		return nil, notALog("the first event of task %s: %v", e.Task, err)
	}
	return &imported{id: e.Task, parent: e.Parent}, nil
}

// importID reports whether an id can be one of ours: it becomes a part of
// names of files.
func importID(id string) bool {
	return id != "" && len(id) <= maxImportID && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// add takes the task's next event.
func (t *imported) add(e event.Event) error {
	want := int64(len(t.events)) + 1
	switch {
	case e.Seq != want:
		return notALog("event %d of task %s is missing, %d is in its place", want, t.id, e.Seq)
	case e.Kind == event.KindTaskCreated && want > 1:
		return notALog("task %s is created twice", t.id)
	case e.Parent != t.parent:
		return notALog("event %d of task %s has another parent", e.Seq, t.id)
	case e.Time.IsZero():
		return notALog("event %d of task %s has no time", e.Seq, t.id)
	}
	if err := event.Check(e); err != nil {
		return notALog("event %d of task %s: %v", e.Seq, t.id, err)
	}
	t.state.Fold(e)
	e.Seq = 0
	t.events = append(t.events, e)
	return nil
}

// descend checks that all tasks hang together below the first one.
func descend(tasks []*imported, byID map[string]*imported) error {
	if root := tasks[0]; root.parent != "" {
		return notALog("it is that of sub-agent %s alone; export task %.64s, which started it", root.id, root.parent)
	}
	for _, t := range tasks[1:] {
		at := t
		for at != nil && at != tasks[0] && t.depth <= maxDepth {
			at = byID[at.parent]
			t.depth++
		}
		if at != tasks[0] {
			return notALog("task %s does not belong to task %s", t.id, tasks[0].id)
		}
	}
	return nil
}

// absent refuses a task that is here already.
func (m *Manager) absent(ctx context.Context, id string) error {
	_, err := m.opts.Log.Head(ctx, id)
	if errors.Is(err, pluginsdk.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrConflict, Message: "task " + id + " is here already",
		Next: "see it with `cowork task show " + id + "`",
	}
}

// importable refuses a task that is here already, unless an import that was
// cut off left the very same one.
func (m *Manager) importable(ctx context.Context, t *imported) error {
	err := m.absent(ctx, t.id)
	if err == nil || t.depth == 0 {
		return err
	}
	same, readErr := m.same(ctx, t)
	if readErr != nil || same {
		return readErr
	}
	return err
}

// same reports whether the log has the imported task already.
func (m *Manager) same(ctx context.Context, t *imported) (bool, error) {
	at, marked := 0, false
	for e, err := range m.opts.Log.Read(ctx, t.id, 1) {
		switch {
		case err != nil:
			return false, err
		case at == len(t.events):
			marked = e.Kind == event.KindTaskImported
		case e.Kind != t.events[at].Kind || e.Parent != t.parent || !e.Time.Equal(t.events[at].Time) || string(e.Data) != string(t.events[at].Data):
			return false, nil
		}
		at++
	}
	return marked && at == len(t.events)+1, nil
}

// keep stores a task with the mark that it came from elsewhere, all of it or
// nothing.
func (m *Manager) keep(ctx context.Context, t *imported) error {
	lease, err := m.lease(ctx, t.id)
	if err != nil {
		return err
	}
	defer lease.Release()
	if t.depth > 0 {
		if same, err := m.same(ctx, t); err != nil || same {
			return err
		}
	}
	status := t.state.Status
	switch status {
	case event.StatusDone, event.StatusFailed, event.StatusStopped:
	default: // one at work or parked there is neither here
		status = event.StatusStopped
	}
	mark, err := event.New(event.TaskImported{Status: status})
	if err != nil {
		return err
	}
	mark.Parent = t.parent
	_, err = m.opts.Log.Append(ctx, t.id, 0, append(t.events, mark)...)
	return err
}
