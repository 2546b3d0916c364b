package workspace_test

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// trashed makes files in a step and undoes it.
func trashed(t *testing.T, b *bench, names ...string) {
	t.Helper()
	s := b.step(b.workspace("t"), "s")
	for _, name := range names {
		create(t, s, name, "content of "+name)
	}
	b.apply(s)
	for _, r := range b.undo(workspace.UndoRequest{Task: "t"}) {
		if r.Action != workspace.Removed {
			t.Fatalf("undo: %+v", r)
		}
	}
}

func TestHomeTrash(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.opt.Now = func() time.Time { return time.Date(2026, 11, 22, 13, 14, 15, 0, time.Local) }
	trash := filepath.Join(b.opt.DataHome, "Trash")
	users := filepath.Join(trash, "files", "ä b%.txt")
	if err := os.WriteFile(users, []byte("the person's"), 0o600); err != nil {
		t.Fatal(err)
	}
	trashed(t, b, "sub/ä b%.txt", "sub/c.txt")
	same(t, "folder", map[string]string{}, contents(t, b.dir))
	info, err := os.ReadFile(filepath.Join(trash, "info", "ä b% (2).txt.trashinfo"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(info), "\n")
	where, ok := strings.CutPrefix(lines[1], "Path=")
	if path, err := url.PathUnescape(where); !ok || err != nil || path != filepath.Join(b.dir, "sub/ä b%.txt") || strings.ContainsAny(where, " ä") {
		t.Errorf("path %q", lines[1])
	}
	same(t, "rest of the info file", []string{"[Trash Info]", "DeletionDate=2026-11-22T13:14:15", ""}, []string{lines[0], lines[2], lines[3]})

	items, err := b.store.Trash(t.Context())
	if err != nil || len(items) != 2 {
		t.Fatalf("trash: %+v, %v", items, err)
	}
	for _, item := range items {
		b.put("sub/c.txt", "there is a new one")
		path, err := b.store.RestoreTrash(t.Context(), item.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := item.HostPath
		if filepath.Base(want) == "c.txt" {
			want = strings.TrimSuffix(want, ".txt") + " (2).txt"
		}
		if data, err := os.ReadFile(path); path != want || err != nil || string(data) != "content of "+item.Path {
			t.Errorf("restored %s: %q, %v", path, data, err)
		}
		if _, err := b.store.RestoreTrash(t.Context(), item.ID); !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Errorf("restored twice: %v", err)
		}
	}
	same(t, "trash", map[string]string{"files": "/", "info": "/", "files/ä b%.txt": "the person's"}, contents(t, trash))
}

func TestEmptyTrashIsOursOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	trashed(t, b, "a.txt", "b.txt", "c.txt")
	trash := filepath.Join(b.opt.DataHome, "Trash")
	// The person emptied one, and threw away another file of that name.
	gone := filepath.Join(trash, "files", "b.txt")
	if err := errors.Join(os.Remove(gone), os.WriteFile(gone+".new", []byte("the person's"), 0o600), os.Rename(gone+".new", gone)); err != nil {
		t.Fatal(err)
	}
	if n, err := b.store.EmptyTrash(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("emptied what is younger: %d, %v", n, err)
	}
	if n, err := b.store.EmptyTrash(t.Context(), time.Now().Add(time.Hour)); n != 2 || err != nil {
		t.Errorf("emptied %d, %v", n, err)
	}
	if data, err := os.ReadFile(gone); err != nil || string(data) != "the person's" {
		t.Errorf("%q, %v", data, err)
	}
	if items, err := b.store.Trash(t.Context()); len(items) != 0 || err != nil {
		t.Errorf("left: %+v, %v", items, err)
	}
}

// mountTmpfs mounts a small disk, or skips.
func mountTmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("mounting a small disk is not permitted here:", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestVolumeTrash(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, grant, want string
		shared            bool
	}{
		{"own folder of the volume", "docs", ".Trash-0", false},
		{"shared folder of the volume", "docs", ".Trash/0", true},
		{"the volume is the grant", ".", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			top := mountTmpfs(t, "8m")
			b := benchIn(t, t.TempDir(), filepath.Join(top, tt.grant))
			if err := os.MkdirAll(b.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if tt.shared {
				if err := errors.Join(os.Mkdir(filepath.Join(top, ".Trash"), 0o777), os.Chmod(filepath.Join(top, ".Trash"), 0o777|fs.ModeSticky)); err != nil {
					t.Fatal(err)
				}
			}
			trashed(t, b, "a.txt")
			same(t, "folder", map[string]string{}, contents(t, b.dir))
			want := filepath.Join(top, tt.want)
			if tt.want == "" {
				want = filepath.Join(b.opt.Dir, "trash")
			}
			items, err := b.store.Trash(t.Context())
			if err != nil || len(items) != 1 || items[0].Location != filepath.Join(want, "files", "a.txt") {
				t.Fatalf("trash: %+v, %v", items, err)
			}
			info, err := os.ReadFile(filepath.Join(want, "info", "a.txt.trashinfo"))
			if err != nil || tt.want != "" && !strings.Contains(string(info), "\nPath=docs/a.txt\n") {
				t.Errorf("info: %q, %v", info, err)
			}
			if _, err := b.store.RestoreTrash(t.Context(), items[0].ID); err != nil || b.read("a.txt") != "content of a.txt" {
				t.Errorf("restore: %v", err)
			}
		})
	}
}
