package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/all"
)

// boxes hands out sandboxes. A choice among the backends is made once, when it
// is first asked for, and stands as long as the host.
type boxes struct {
	backends []sandbox.Backend
	dir      string // where the sandboxes' own files go

	mu     sync.Mutex
	chosen map[string]sandbox.Backend
}

// Create makes a sandbox of the backend asked for, or of the strongest one
// that works for "auto". Its error is [sandbox.ErrUnavailable] and says what
// was tried and what would help.
func (b *boxes) Create(ctx context.Context, backend, name string) (sandbox.Sandbox, error) {
	choice, err := b.choose(ctx, backend)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, boxPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a folder for the sandbox: %w", err)
	}
	box, err := choice.Create(ctx, sandbox.Config{Name: name, Dir: dir})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &ownedBox{Sandbox: box, dir: dir}, nil
}

func (b *boxes) choose(ctx context.Context, name string) (sandbox.Backend, error) {
	if name == "" {
		name = all.Auto
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.chosen[name]; c != nil {
		return c, nil
	}
	if err := b.known(name); err != nil {
		return nil, err
	}
	c, _, err := all.Select(ctx, name, b.backends)
	if err != nil {
		return nil, err
	}
	if b.chosen == nil {
		b.chosen = map[string]sandbox.Backend{}
	}
	b.chosen[name] = c
	return c, nil
}

// known refuses a name that no backend has.
func (b *boxes) known(name string) error {
	if name == all.Auto {
		return nil
	}
	for _, c := range b.backends {
		if c.Name() == name {
			return nil
		}
	}
	switch name {
	case "vm", "gvisor":
		return errors.Join(sandbox.ErrUnavailable, &pluginsdk.Error{
			Kind: pluginsdk.ErrUnavailable, Message: "the sandbox " + name + " is not part of this version",
			Next: "leave --sandbox out, or use --sandbox jail",
		})
	case "none":
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrDenied, Message: "--sandbox none isolates nothing and this host does not allow it",
			Next: "leave --sandbox out; or end the host with `cowork stop` and start it with COWORK_UNSAFE=1 in its environment",
		}
	}
	return pluginsdk.Invalid("leave --sandbox out, or use jail", "there is no sandbox %q here", name)
}

// ownedBox removes its folder when it is closed.
type ownedBox struct {
	sandbox.Sandbox
	dir string
}

func (o *ownedBox) Close() error { return errors.Join(o.Sandbox.Close(), os.RemoveAll(o.dir)) }

// Unwrap returns the sandbox itself, for its optional powers.
func (o *ownedBox) Unwrap() sandbox.Sandbox { return o.Sandbox }
