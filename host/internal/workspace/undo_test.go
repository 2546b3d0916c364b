package workspace_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestUndoKeepsWhatThePersonDid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{"modified", "modified+deleted", "modified+edited", "moved", "moved+edited", "moved+taken", "moved+gone"} {
		b.put("d/"+name+".txt", "old "+name)
	}
	w := b.workspace("t1")
	s := b.step(w, "s")
	for _, name := range []string{"created", "created+edited", "created+deleted"} {
		create(t, s, "new/"+name+".txt", name)
	}
	for _, name := range []string{"modified", "modified+deleted", "modified+edited"} {
		write(t, s, "d/"+name+".txt", "new "+name)
	}
	for _, name := range []string{"moved", "moved+edited", "moved+taken", "moved+gone"} {
		if err := s.Rename("d/"+name+".txt", "to/"+name+".txt"); err != nil {
			t.Fatal(err)
		}
	}
	b.apply(s)
	for _, gone := range []string{"new/created+deleted.txt", "d/modified+deleted.txt", "to/moved+gone.txt"} {
		if err := os.Remove(filepath.Join(b.dir, gone)); err != nil {
			t.Fatal(err)
		}
	}
	b.put("new/created+edited.txt", "the person's")
	b.put("d/modified+edited.txt", "the person's")
	b.put("to/moved+edited.txt", "the person's")
	b.put("d/moved+taken.txt", "the person's")
	dry := b.undo(workspace.UndoRequest{Task: "t1", DryRun: true})
	list := b.undo(workspace.UndoRequest{Task: "t1"})
	same(t, "dry run", dry, list)
	got := map[string]workspace.Action{}
	for _, r := range list {
		got[r.Path] = r.Action
	}
	same(t, "actions", map[string]workspace.Action{
		"new/created.txt": workspace.Removed, "new/created+edited.txt": workspace.Kept, "new/created+deleted.txt": workspace.Removed,
		"d/modified.txt": workspace.Restored, "d/modified+deleted.txt": workspace.Restored, "d/modified+edited.txt": workspace.RestoredBeside,
		"to/moved.txt": workspace.MovedBack, "to/moved+edited.txt": workspace.Kept, "to/moved+taken.txt": workspace.RestoredBeside,
		"to/moved+gone.txt": workspace.Kept, "new": workspace.Kept, "to": workspace.Kept,
	}, got)
	same(t, "disk", map[string]string{
		"d": "/", "new": "/", "to": "/",
		"new/created+edited.txt": "the person's", "d/modified.txt": "old modified", "d/modified+deleted.txt": "old modified+deleted",
		"d/modified+edited.txt": "the person's", "d/modified+edited (before t1).txt": "old modified+edited",
		"d/moved.txt": "old moved", "to/moved+edited.txt": "the person's", "d/moved+taken.txt": "the person's",
		"d/moved+taken (before t1).txt": "old moved+taken",
	}, contents(t, b.dir))
	before := tree(t, b.dir)
	for _, r := range b.undo(workspace.UndoRequest{Task: "t1"}) {
		if r.Action != workspace.AlreadyUndone && r.Action != workspace.Kept {
			t.Errorf("second undo: %+v", r)
		}
	}
	same(t, "second undo touches nothing", before, tree(t, b.dir))
}

func TestUndoInParts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "0")
	b.put("b.txt", "b")
	before := tree(t, b.dir)
	w := b.workspace("t")
	for n, text := range []string{"1", "2"} {
		s := b.step(w, "s"+text)
		write(t, s, "a.txt", text)
		create(t, s, "dir/new.txt", text)
		if n == 1 {
			if err := s.Rename("b.txt", "dir/c.txt"); err != nil {
				t.Fatal(err)
			}
		}
		b.apply(s)
	}
	// A step that is not the last: a.txt is no longer what it left.
	list, err := b.store.Undo(t.Context(), workspace.UndoRequest{Task: "t", Step: "s1", Path: "a.txt", DryRun: true})
	if err != nil || len(list) != 1 || list[0].Action != workspace.RestoredBeside {
		t.Errorf("undo of the first step: %+v, %v", list, err)
	}
	b.undo(workspace.UndoRequest{Task: "t", Step: "s2"})
	same(t, "after undo of the second", map[string]string{"a.txt": "1", "b.txt": "b", "dir": "/", "dir/new.txt": "1"}, contents(t, b.dir))
	b.undo(workspace.UndoRequest{Task: "t", Path: "dir"})
	b.undo(workspace.UndoRequest{Task: "t"})
	same(t, "after undo of all", before, tree(t, b.dir))
	changes, err := b.store.Changes(t.Context(), "t")
	if err != nil || len(changes) != 6 {
		t.Errorf("%d changes, %v", len(changes), err)
	}
	for _, c := range changes {
		if c.Undoable {
			t.Errorf("still undoable: %+v", c)
		}
	}
	for _, req := range []workspace.UndoRequest{{Task: "none"}, {Task: "t", Path: "other"}, {Task: "t", Step: "s9"}} {
		if _, err := b.store.Undo(t.Context(), req); !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Errorf("%+v: %v", req, err)
		}
	}
}

func TestOwnFilesMayGo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.workspace("t")
	s := b.step(w, "make")
	create(t, s, "own/f.txt", "f")
	b.apply(s)
	s = b.step(b.workspace("other"), "steal")
	if err := s.Remove("own/f.txt"); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("another task's file: %v", err)
	}
	s = b.step(w, "change")
	write(t, s, "own/f.txt", "f2")
	if err := s.Rename("own/f.txt", "own/g.txt"); err != nil {
		t.Fatal(err)
	}
	b.apply(s)
	same(t, "renamed", map[string]string{"own": "/", "own/g.txt": "f2"}, contents(t, b.dir))
	s = b.step(w, "remove")
	if err := errors.Join(s.Remove("own/g.txt"), s.Remove("own")); err != nil {
		t.Fatal(err)
	}
	b.apply(s)
	same(t, "removed", map[string]string{}, contents(t, b.dir))
	b.undo(workspace.UndoRequest{Task: "t", Step: "remove"})
	same(t, "back", map[string]string{"own": "/", "own/g.txt": "f2"}, contents(t, b.dir))
	// The person's file under the same name is not the task's.
	if err := os.Remove(filepath.Join(b.dir, "own/g.txt")); err != nil {
		t.Fatal(err)
	}
	b.put("own/g.txt", "the person's")
	s = b.step(w, "again")
	if err := s.Remove("own/g.txt"); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("a person's file under an own name: %v", err)
	}
}

func TestUndoWithoutTheFolder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "old")
	s := b.step(b.workspace("t"), "s")
	write(t, s, "a.txt", "new")
	b.apply(s)
	away := b.dir + ".away"
	if err := os.Rename(b.dir, away); err != nil {
		t.Fatal(err)
	}
	list := b.undo(workspace.UndoRequest{Task: "t"})
	if len(list) != 1 || list[0].Action != workspace.Kept || !strings.Contains(list[0].Detail, b.dir) {
		t.Errorf("undo without the folder: %+v", list)
	}
	if err := os.Rename(away, b.dir); err != nil {
		t.Fatal(err)
	}
	b.undo(workspace.UndoRequest{Task: "t"})
	if got := b.read("a.txt"); got != "old" {
		t.Errorf("got %q", got)
	}
}

func TestStoreIsForOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.open()
	if _, err := workspace.Open(t.Context(), b.opt); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("second open: %v", err)
	}
	w := b.workspace("t")
	s := b.step(w, "s")
	create(t, s, "a", "a")
	b.apply(s)
	if _, err := w.Step(t.Context(), "s"); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("an applied step again: %v", err)
	}
	b.reopen()
	state, changes, err := b.store.Applied(t.Context(), "t", "s")
	if err != nil || state != workspace.StateApplied || len(changes) != 1 || changes[0].Path != "a" {
		t.Errorf("applied: %v %+v %v", state, changes, err)
	}
	if state, _, err := b.store.Applied(t.Context(), "t", "other"); state != workspace.StateNone || err != nil {
		t.Errorf("not applied: %v %v", state, err)
	}
}

func TestCancelBeforeCommit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "a")
	ctx, cancel := context.WithCancel(t.Context())
	workspace.SetFailpoint(&b.opt, func(op, path string) error {
		if op == "create" && strings.HasPrefix(path, b.dir) {
			cancel()
		}
		return nil
	})
	s := b.step(b.workspace("t"), "s")
	write(t, s, "a.txt", "new")
	create(t, s, "b.txt", "new")
	if _, err := s.Apply(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
	same(t, "disk", map[string]string{"a.txt": "a"}, contents(t, b.dir))
}
