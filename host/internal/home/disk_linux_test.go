package home_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cowork-host/cowork/host/internal/home"
	"github.com/cowork-host/cowork/pluginsdk"
)

// disk mounts a small disk in memory.
func disk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Skipf("needs the right to mount a disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestOpenOnAFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(disk(t), "home")
	if _, err := home.Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(filepath.Dir(path), "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk took more than it holds")
	}
	before := tree(t, path)
	_, err := home.Open(t.Context(), path)
	if !errors.Is(err, pluginsdk.ErrUnavailable) || !strings.Contains(err.Error(), "no space") {
		t.Errorf("a full disk: %v", err)
	}
	if after := tree(t, path); len(after) != len(before) {
		t.Errorf("a full disk left %v", after)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := home.Open(t.Context(), path); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

func TestOpenOnAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := disk(t)
	path := filepath.Join(dir, "home")
	if _, err := home.Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Join(dir, "new")} {
		_, err := home.Open(t.Context(), p)
		if !errors.Is(err, pluginsdk.ErrDenied) || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("%s on a read-only disk: %v", p, err)
		}
	}
}
