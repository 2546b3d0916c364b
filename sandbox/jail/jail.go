package jail

import (
	"slices"

	"github.com/cowork-host/cowork/sandbox"
)

// InitArg is the first argument that makes a binary that calls [Init] the
// jail's init.
const InitArg = "cowork-jail-init"

// Options say how a jail starts. The zero value is usable in a binary whose
// main calls [Init].
type Options struct {
	// Init is the command that runs [Init]: a program and its arguments, the
	// first of which is [InitArg]. The default is the running binary itself.
	Init []string
}

// Backend makes jails. It implements [sandbox.Backend].
type Backend struct {
	init []string
}

var _ sandbox.Backend = (*Backend)(nil)

// New returns the backend. It starts nothing.
func New(o Options) *Backend {
	b := &Backend{init: slices.Clone(o.Init)}
	if len(b.init) == 0 {
		b.init = []string{"/proc/self/exe", InitArg}
	}
	return b
}

// Name implements [sandbox.Backend].
func (b *Backend) Name() string { return "jail" }

// IsInit reports whether a process with these arguments is to call [Init].
func IsInit(args []string) bool {
	return len(args) > 1 && args[1] == InitArg
}
