//go:build linux && (amd64 || arm64)

package jail

import (
	"os"
	"testing"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/google/go-cmp/cmp"
)

func TestNewOrder(t *testing.T) {
	t.Parallel()
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	dir := t.TempDir()
	defaults := sandbox.Limits{MemoryBytes: 2 << 30, Processes: 256, OpenFiles: 1024, TempBytes: 256 << 20, FileBytes: 1 << 30}
	for _, c := range []struct {
		name string
		spec sandbox.Spec
		want order
	}{
		{"only an executable", sandbox.Spec{}, order{Args: []string{"exe"}, Limits: defaults}},
		{
			"negative limits are no way to have none",
			sandbox.Spec{Limits: sandbox.Limits{MemoryBytes: -1, Processes: -1, OpenFiles: -1, TempBytes: -1, FileBytes: -1}},
			order{Args: []string{"exe"}, Limits: defaults},
		},
		{
			"own limits",
			sandbox.Spec{Limits: sandbox.Limits{MemoryBytes: 1, Processes: 2, OpenFiles: 3, TempBytes: 4, FileBytes: 5}},
			order{Args: []string{"exe"}, Limits: sandbox.Limits{MemoryBytes: 1, Processes: 2, OpenFiles: 3, TempBytes: 4, FileBytes: 5}},
		},
		{
			"outer mounts first",
			sandbox.Spec{Args: []string{"a", ""}, Env: []string{"A=1"}, Mounts: []sandbox.Mount{
				{Source: dir, Target: "/w/sub/deep"}, {Source: dir, Target: "/w/sub", Writable: true}, {Source: dir, Target: "/w"},
			}},
			order{Args: []string{"exe", "a", ""}, Env: []string{"A=1"}, Limits: defaults, Mounts: []mount{
				{Mount: sandbox.Mount{Source: dir, Target: "/w"}},
				{Mount: sandbox.Mount{Source: dir, Target: "/w/sub", Writable: true}},
				{Mount: sandbox.Mount{Source: dir, Target: "/w/sub/deep"}},
			}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.spec.Exe = exe
			got, err := newOrder(&c.spec)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
