//go:build linux && (amd64 || arm64)

package jail

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRootWithoutIDMaps is what a root host does on a file system that cannot
// map ids: a writable folder of root's becomes nobody's, a read-only one and
// one of somebody else's stay as they are.
func TestRootWithoutIDMaps(t *testing.T) {
	t.Parallel()
	m := newIDMap()
	t.Cleanup(m.close)
	if !m.root {
		t.Skip("only root gives folders away")
	}
	for _, c := range []struct {
		name        string
		owner, want int
	}{
		{"its own", 0, nobody},
		{"somebody else's", 4321, 4321},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "dir")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(dir, c.owner, c.owner); err != nil {
				t.Fatal(err)
			}
			fd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd) //nolint:errcheck // a path descriptor
			if err := m.giveAway(fd); err != nil {
				t.Fatal(err)
			}
			var st unix.Stat_t
			if err := unix.Stat(dir, &st); err != nil || int(st.Uid) != c.want || st.Mode&0o777 != 0o700 {
				t.Errorf("owner %d, mode %o, %v", st.Uid, st.Mode, err)
			}
		})
	}
	// This one cannot map ids anywhere.
	tree, err := m.mount("/proc", false)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if err := m.show(tree); err == nil {
		t.Error("/proc can map ids; the fallback is untested")
	}
}

// TestIDMapKeepsOneNamespace: the many mounts of one owner share their map.
func TestIDMapKeepsOneNamespace(t *testing.T) {
	t.Parallel()
	m := newIDMap()
	if !m.root {
		t.Skip("only root maps ids")
	}
	for range 3 {
		if _, err := m.namespace(owner{0, 0}); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.maps) != 1 {
		t.Errorf("%d namespaces for one owner", len(m.maps))
	}
	m.close()
	if len(m.maps) != 0 {
		t.Error("closed, but it keeps them")
	}
}
