// Package all is the list of the sandbox backends, and the choice among them.
package all

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/jail"
	"github.com/cowork-host/cowork/sandbox/none"
)

// Auto is the name that stands for the first backend whose probe passes.
const Auto = "auto"

// Options say what the backends need and which there are. The zero value is
// every backend that isolates.
type Options struct {
	Jail jail.Options
	// Unsafe adds the backend that isolates nothing. It is only ever chosen
	// by its name.
	Unsafe bool
}

// Backends returns the backends in the order of the ladder, strongest first.
func Backends(o Options) []sandbox.Backend {
	backends := []sandbox.Backend{
		jail.New(o.Jail),
	}
	if o.Unsafe {
		backends = append(backends, none.New())
	}
	return backends
}

// byNameOnly is the backend that [Auto] passes over.
const byNameOnly = "none"

// Select probes backends and returns the one to use with what its probe found:
// the first that passes for [Auto], or the one of that name. The error wraps
// [sandbox.ErrUnavailable] and lists what was tried and why each failed. When
// ctx ends, the error wraps its cause instead.
func Select(ctx context.Context, name string, backends []sandbox.Backend) (sandbox.Backend, *sandbox.Report, error) {
	var failed []error
	var names []string
	for _, b := range backends {
		names = append(names, b.Name())
		if b.Name() != name && (name != Auto || b.Name() == byNameOnly) {
			continue
		}
		report, err := b.Probe(ctx)
		if err == nil {
			return b, report, nil
		}
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("choose a sandbox: %w", context.Cause(ctx))
		}
		failed = append(failed, fmt.Errorf("%s: %w", b.Name(), err))
	}
	if len(failed) > 0 {
		return nil, nil, fmt.Errorf("choose a sandbox: %w: %w", sandbox.ErrUnavailable, errors.Join(failed...))
	}
	return nil, nil, fmt.Errorf("choose a sandbox: %w: there is no %q here, only %s",
		sandbox.ErrUnavailable, name, strings.Join(names, ", "))
}
