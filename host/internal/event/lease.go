package event

import (
	"context"
	"fmt"
	"sync"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Lease is the ownership of one task, from [Leaser.Lease] to Release.
type Lease struct {
	task  string
	owner string
	table *leases
}

// Task is the id of the owned task.
func (l *Lease) Task() string { return l.task }

// Owner is who owns it.
func (l *Lease) Owner() string { return l.owner }

// Release gives the task up. It may be called more than once; a later lease of
// the same task is not affected.
func (l *Lease) Release() {
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	if l.table.held[l.task] == l {
		delete(l.table.held, l.task)
	}
}

// leases is the table of owned tasks; the zero value is empty.
type leases struct {
	mu   sync.Mutex
	held map[string]*Lease
}

// Lease implements [Leaser].
func (t *leases) Lease(ctx context.Context, task, owner string) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := checkTask(task); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.held[task]; l != nil {
		return nil, fmt.Errorf("task %s is owned by %s: %w", task, l.owner, pluginsdk.ErrConflict)
	}
	if t.held == nil {
		t.held = map[string]*Lease{}
	}
	l := &Lease{task: task, owner: owner, table: t}
	t.held[task] = l
	return l, nil
}
