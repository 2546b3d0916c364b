//go:build !linux

package none

import (
	"context"
	"fmt"
	"runtime"

	"github.com/cowork-host/cowork/sandbox"
)

func unavailable() error {
	return fmt.Errorf("%w: starting by descriptor needs Linux, this is %s", sandbox.ErrUnavailable, runtime.GOOS)
}

// Probe implements [sandbox.Backend]; it always fails on this system.
func (b *Backend) Probe(context.Context) (*sandbox.Report, error) { return nil, unavailable() }

// Create implements [sandbox.Backend]; it always fails on this system.
func (b *Backend) Create(context.Context, sandbox.Config) (sandbox.Sandbox, error) {
	return nil, unavailable()
}
