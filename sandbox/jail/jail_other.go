//go:build !linux || !(amd64 || arm64)

package jail

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/cowork-host/cowork/sandbox"
)

func (b *Backend) unavailable() error {
	return fmt.Errorf("%w: the jail needs Linux on amd64 or arm64, this is %s on %s",
		sandbox.ErrUnavailable, runtime.GOOS, runtime.GOARCH)
}

// Probe implements [sandbox.Backend]; it always fails on this system.
func (b *Backend) Probe(context.Context) (*sandbox.Report, error) { return nil, b.unavailable() }

// Create implements [sandbox.Backend]; it always fails on this system.
func (b *Backend) Create(context.Context, sandbox.Config) (sandbox.Sandbox, error) {
	return nil, b.unavailable()
}

// Init does nothing but exit on this system.
func Init() { os.Exit(1) }
