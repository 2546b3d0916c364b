//go:build linux && (amd64 || arm64)

package jail

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/sandbox"
)

// The descriptors an init inherits beside the standard streams. Mounts that
// the host opened follow.
const (
	controlFD = 3
	exeFD     = 4
	mountFD   = 5
)

// insideID is the user and group id of every jailed process as it sees it.
const insideID = 1000

// order is what the host tells the init to do. It is sent once, as JSON.
type order struct {
	Args   []string
	Env    []string
	Mounts []mount
	Limits sandbox.Limits
}

// mount is one mount of an order.
type mount struct {
	sandbox.Mount
	// FD is the open mount in the init, when the host opened it; 0 when the
	// init is to open the source itself.
	FD int
}

// report is what an init tells the host, one JSON object a line: a failed
// step, or that the process has started (with its pidfd attached) and later
// how it ended.
type report struct {
	Step    string        `json:",omitempty"` // set when a step failed
	Error   string        `json:",omitempty"`
	Errno   int           `json:",omitempty"`
	Started bool          `json:",omitempty"`
	Exit    *sandbox.Exit `json:",omitempty"`
}

// reserved are the places the jail itself fills.
var reserved = []string{"/proc", "/dev", "/lib", "/lib64", "/usr", "/etc"}

// newOrder checks a spec and fills in the defaults.
func newOrder(spec *sandbox.Spec) (*order, error) {
	if spec.Exe == nil {
		return nil, errors.New("the process has no executable")
	}
	o := &order{
		Args:   slices.Concat([]string{filepath.Base(spec.Exe.Name())}, spec.Args),
		Env:    slices.Clone(spec.Env),
		Limits: withDefaults(spec.Limits),
	}
	for _, s := range slices.Concat(o.Args, o.Env) {
		if strings.ContainsRune(s, 0) {
			return nil, fmt.Errorf("argument or variable %q contains a zero byte", s)
		}
	}
	for _, m := range spec.Mounts {
		if err := checkMount(m); err != nil {
			return nil, err
		}
		o.Mounts = append(o.Mounts, mount{Mount: m})
	}
	// A mount inside another one comes after it.
	slices.SortStableFunc(o.Mounts, func(a, b mount) int { return cmp.Compare(a.Target, b.Target) })
	for i := 1; i < len(o.Mounts); i++ {
		if o.Mounts[i].Target == o.Mounts[i-1].Target {
			return nil, fmt.Errorf("two mounts at %s", o.Mounts[i].Target)
		}
	}
	return o, nil
}

func checkMount(m sandbox.Mount) error {
	for _, p := range []string{m.Source, m.Target} {
		if !filepath.IsAbs(p) || filepath.Clean(p) != p || strings.ContainsRune(p, 0) {
			return fmt.Errorf("mount %q at %q: %q is not a clean absolute path", m.Source, m.Target, p)
		}
	}
	if m.Target == "/" || m.Target == "/tmp" {
		return fmt.Errorf("mount %s: the jail has its own %s", m.Source, m.Target)
	}
	for _, r := range reserved {
		if m.Target == r || strings.HasPrefix(m.Target, r+"/") {
			return fmt.Errorf("mount %s at %s: the jail fills %s itself", m.Source, m.Target, r)
		}
	}
	info, err := os.Lstat(m.Source)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m.Source, err)
	}
	if !info.IsDir() && !info.Mode().IsRegular() && info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("mount %s: it is neither a folder, a file nor a socket; a symbolic link is not followed", m.Source)
	}
	return nil
}

// withDefaults replaces what a caller left out.
func withDefaults(l sandbox.Limits) sandbox.Limits {
	return sandbox.Limits{
		MemoryBytes: orDefault(l.MemoryBytes, 2<<30),
		Processes:   orDefault(l.Processes, 256),
		OpenFiles:   orDefault(l.OpenFiles, 1024),
		TempBytes:   orDefault(l.TempBytes, 256<<20),
		FileBytes:   orDefault(l.FileBytes, 1<<30),
	}
}

func orDefault[N int | int64](n, d N) N {
	if n <= 0 {
		return d
	}
	return n
}
