package grant_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cowork-host/cowork/host/internal/grant"
	"github.com/cowork-host/cowork/pluginsdk"
)

// TestFullDisk fills a real, small disk.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Skipf("needs the right to mount a disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "grants.json")
	s := grant.Open(path)
	add(t, s, always("web_fetch", "a.com"))
	before := read(t, path)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk took more than it holds")
	}
	if _, err := s.Add(noon, always("web_fetch", "b.com")); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("add on a full disk: %v", err)
	}
	if read(t, path) != before || ids(s.Rules(noon, "")) != "1" {
		t.Error("what was granted has changed")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	add(t, s, always("web_fetch", "b.com"))
}
