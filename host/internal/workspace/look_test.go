package workspace_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestViewReads(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a/b.txt", "hello")
	if err := os.Symlink("a", filepath.Join(b.dir, "link")); err != nil {
		t.Fatal(err)
	}
	w := b.workspace("t1")
	v := w.View()
	f, err := v.Open("a/b.txt")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err != nil || string(data) != "hello" {
		t.Errorf("read %q, %v", data, err)
	}
	list, err := v.ReadDir(".")
	if err != nil || len(list) != 2 {
		t.Errorf("listed %v, %v", list, err)
	}
	direct, err := v.HostPath("a/b.txt")
	if err != nil {
		t.Fatal(err)
	}
	if linked, err := v.HostPath("link/b.txt"); err != nil || linked != direct {
		t.Errorf("through a link %q, %v; want %q", linked, err, direct)
	}
	v.Close()
	v.Close()
	if _, err := f.Read(make([]byte, 1)); err == nil {
		t.Error("a file of a closed view can be read")
	}
	if _, err := v.Stat("a"); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("a closed view answers: %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.opt.Dir, "staging", "t1")); err == nil {
		t.Error("a view left a staging folder")
	}
}

func TestViewTarget(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "hello")
	other := t.TempDir()
	w := b.workspace("t1", workspace.Grant{Name: "one", Path: b.dir}, workspace.Grant{Name: "two", Path: other, ReadOnly: true})
	v := w.View()
	defer v.Close()
	name, host, err := v.Target("new/x.txt")
	if !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("outside the grants: %q %q %v", name, host, err)
	}
	real, err := filepath.EvalSymlinks(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	if name, host, err = v.Target("bare.txt"); err != nil || name != "one/bare.txt" || host != filepath.Join(real, "bare.txt") {
		t.Errorf("a bare name: %q %q %v", name, host, err)
	}
	if name, _, err = v.Target("one/a.txt"); err != nil || name != "one/a.txt" {
		t.Errorf("an existing file: %q %v", name, err)
	}
	if _, _, err = v.Target("two/a.txt"); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("a read-only grant: %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "new")); err == nil {
		t.Error("asking made a folder")
	}
}

func TestViewOwns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("theirs.txt", "x")
	w := b.workspace("t1")
	s := b.step(w, "1")
	create(t, s, "ours/a.txt", "x")
	b.apply(s)
	v := w.View()
	defer v.Close()
	for name, want := range map[string]bool{"theirs.txt": false, "ours/a.txt": true, "ours": true, ".": false} {
		if got, err := v.Owns(t.Context(), name); err != nil || got != want {
			t.Errorf("owns %s: %v, %v", name, got, err)
		}
	}
	if _, err := v.Owns(t.Context(), "none.txt"); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestStepTrash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		home bool // there is a desktop's trash
	}{{"desktop trash", true}, {"the store's own trash", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if !c.home {
				b.opt.DataHome = ""
			}
			b.put("d/old.txt", "precious")
			b.put("keep.txt", "k")
			before := tree(t, b.dir)
			w := b.workspace("t1")
			s := b.step(w, "1")
			if err := s.Trash("d"); !errors.Is(err, pluginsdk.ErrInvalid) {
				t.Errorf("a folder that is not empty: %v", err)
			}
			if err := s.Trash("d/old.txt"); err != nil {
				t.Fatal(err)
			}
			if err := s.Trash("d/old.txt"); !errors.Is(err, pluginsdk.ErrNotFound) {
				t.Errorf("twice: %v", err)
			}
			if err := s.Trash("d"); err != nil {
				t.Fatal(err)
			}
			same(t, "before the step is applied", before, tree(t, b.dir))
			changes := b.apply(s)
			same(t, "after", map[string]string{"keep.txt": "k"}, contents(t, b.dir))
			if len(changes) != 2 || changes[0].Kind != workspace.Deleted || changes[0].PreDigest == "" || changes[0].Size != 8 {
				t.Errorf("changes: %+v", changes)
			}
			items, err := b.store.Trash(t.Context())
			if err != nil || len(items) != 1 || items[0].Size != 8 {
				t.Fatalf("trash: %+v, %v", items, err)
			}
			if data, err := os.ReadFile(items[0].Location); err != nil || string(data) != "precious" {
				t.Errorf("in the trash: %q, %v", data, err)
			}
			b.undo(workspace.UndoRequest{Task: "t1"})
			same(t, "after undo", before, tree(t, b.dir))
			// The trash has its own copy, which goes beside.
			where, err := b.store.RestoreTrash(t.Context(), items[0].ID)
			if err != nil || filepath.Base(where) != "old (2).txt" {
				t.Errorf("restored as %q, %v", where, err)
			}
		})
	}
}

func TestStepTrashRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "x")
	if err := os.Symlink("a.txt", filepath.Join(b.dir, "link")); err != nil {
		t.Fatal(err)
	}
	s := b.step(b.workspace("t1"), "1")
	if err := s.Trash("link"); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("a link: %v", err)
	}
	if err := s.Trash("../x"); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("outside: %v", err)
	}
	if err := s.Rename("a.txt", "b.txt"); err != nil {
		t.Fatal(err)
	}
	if err := s.Trash("b.txt"); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("moved by the step: %v", err)
	}
	create(t, s, "new.txt", "n")
	if err := s.Trash("new.txt"); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("a file that is only staged: %v", err)
	}
}
