// Package none runs processes directly on the host, with no isolation at all.
// It exists for debugging and for machines where nothing else works; the
// command line offers it only to those who insist.
//
// What still holds: the process is started by its open descriptor, its
// environment and streams are exactly the Spec's, and it ends with its whole
// process group when it is killed, when the sandbox is closed and when the
// process itself ends. When the host is killed, the process is too, but not
// what it started; nor does a child end that left the group. Limits are not
// enforced.
//
// A process sees the host's own paths, so a mount can only be where it is:
// Start refuses one whose Target is not its Source. A caller that wants to run
// on every backend mounts its folders at their own path. Read-only mounts
// cannot be held read-only.
package none

import (
	"github.com/cowork-host/cowork/sandbox"
)

const badge = "none (no isolation)"

// Backend starts processes directly. It implements [sandbox.Backend].
type Backend struct{}

var _ sandbox.Backend = (*Backend)(nil)

// New returns the backend.
func New() *Backend { return &Backend{} }

// Name implements [sandbox.Backend].
func (b *Backend) Name() string { return "none" }
