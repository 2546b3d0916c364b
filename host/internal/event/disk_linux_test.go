package event_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// disk mounts a small disk in memory.
func disk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k,mode=0700"); err != nil {
		t.Skipf("needs the right to mount a disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestReadOnlyDisk reads logs on a disk that became read-only: one that was
// closed, one of the first version, and one whose host was killed, with a part
// of it beside it.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
	}{
		{"closed", func(t *testing.T, path string) {
			l, err := event.OpenSQLite(t.Context(), path, event.Options{})
			if err != nil {
				t.Fatal(err)
			}
			fill(t, l, "t", 10)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}},
		{"first version", old},
		{"killed", func(t *testing.T, path string) {
			other := filepath.Join(t.TempDir(), "events.db")
			l := open(t, other)
			fill(t, l, "t", 10)
			for _, end := range []string{"", "-wal", "-shm"} { // as a dead host leaves them
				write(t, path+end, read(t, other+end))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := disk(t)
			path := filepath.Join(dir, "events.db")
			c.make(t, path)
			names := func() []string {
				entries, err := os.ReadDir(dir)
				if err != nil {
					t.Fatal(err)
				}
				var out []string
				for _, e := range entries {
					out = append(out, e.Name())
				}
				return out
			}
			before := names()
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Skipf("needs the right to mount a disk: %v", err)
			}
			_, err := event.OpenSQLite(t.Context(), path, event.Options{})
			var user *pluginsdk.Error
			if !errors.As(err, &user) || !errors.Is(err, pluginsdk.ErrDenied) || user.Next == "" || !strings.Contains(user.Message, path) {
				t.Errorf("opening for writing: %v", err)
			}
			got := contents(t, readOnly(t, path))
			if len(got["t"])+len(got["t1"]) == 0 {
				t.Errorf("events %+v", got)
			}
			if diff := cmp.Diff(before, names()); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUpgradeOnAFullDisk has no room for the copy: the log is as it was and
// can be read.
func TestUpgradeOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := disk(t)
	path := filepath.Join(dir, "events.db")
	old(t, path)
	want := contents(t, readOnly(t, path))
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk took more than it holds")
	}
	_, err := event.OpenSQLite(t.Context(), path, event.Options{})
	var user *pluginsdk.Error
	if !errors.As(err, &user) || !errors.Is(err, pluginsdk.ErrUnavailable) || !strings.Contains(user.Next, "space") {
		t.Errorf("error %v", err)
	}
	if len(backups(t, path)) > 0 {
		t.Error("half a copy was left")
	}
	if diff := cmp.Diff(want, contents(t, readOnly(t, path))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, contents(t, open(t, path))); diff != "" {
		t.Errorf("events with space again (-want +got):\n%s", diff)
	}
}
