//go:build linux && (amd64 || arm64)

package jail

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cowork-host/cowork/sandbox"
)

const badge = "jail"

// Create implements [sandbox.Backend]. It starts nothing and uses nothing of
// the configuration's folder.
func (b *Backend) Create(ctx context.Context, cfg sandbox.Config) (sandbox.Sandbox, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("create jail %s: %w", cfg.Name, err)
	}
	return &jail{name: cfg.Name, init: b.init, ids: newIDMap(), running: make(map[*process]struct{})}, nil
}

// jail is one task's jail: a set of processes, each in namespaces of its own.
type jail struct {
	name string
	init []string
	ids  *idMap

	mu      sync.Mutex
	closed  bool
	starts  sync.WaitGroup
	running map[*process]struct{}
}

var _ sandbox.Sandbox = (*jail)(nil)

func (j *jail) Badge() string { return badge }

func (j *jail) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Process, error) {
	p, err := j.start(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("start in jail %s: %w", j.name, err)
	}
	return p, nil
}

func (j *jail) start(ctx context.Context, spec *sandbox.Spec) (*process, error) {
	o, err := newOrder(spec)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil, errors.New("the jail is closed")
	}
	j.starts.Add(1)
	j.mu.Unlock()
	defer j.starts.Done()

	l := &launch{init: j.init, ids: j.ids, spec: spec, order: o}
	p, err := l.start(ctx)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running[p] = struct{}{}
	go p.watch(func() {
		j.mu.Lock()
		delete(j.running, p)
		j.mu.Unlock()
	})
	return p, nil
}

// Close implements [sandbox.Sandbox]. A start under way is finished first and
// its process killed with the others.
func (j *jail) Close() error {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.starts.Wait()

	j.mu.Lock()
	var left []*process
	for p := range j.running {
		left = append(left, p)
	}
	j.mu.Unlock()
	var errs []error
	for _, p := range left {
		errs = append(errs, p.Kill())
	}
	for _, p := range left {
		<-p.done
	}
	j.ids.close()
	return errors.Join(errs...)
}
