package workspace_test

import (
	"testing"

	"github.com/cowork-host/cowork/host/internal/workspace"
)

func TestApplyAndUndo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("budget.csv", "old")
	b.put("sub/move me.txt", "moving")
	before := tree(t, b.dir)
	w := b.workspace("t1")
	s := b.step(w, "s1")
	write(t, s, "budget.csv", "new")
	create(t, s, "out/deep/report.xlsx", "made")
	if err := s.Rename("sub/move me.txt", "sub2/moved.txt"); err != nil {
		t.Fatal(err)
	}
	same(t, "before apply", before, tree(t, b.dir))
	changes := b.apply(s)
	same(t, "after apply", map[string]string{
		"budget.csv": "new", "out": "/", "out/deep": "/", "out/deep/report.xlsx": "made",
		"sub": "/", "sub2": "/", "sub2/moved.txt": "moving",
	}, contents(t, b.dir))
	if len(changes) != 6 {
		t.Errorf("changes: %+v", changes)
	}
	dry := b.undo(workspace.UndoRequest{Task: "t1", DryRun: true})
	list := b.undo(workspace.UndoRequest{Task: "t1"})
	same(t, "dry run says the same", dry, list)
	same(t, "after undo", before, tree(t, b.dir))
	for _, r := range b.undo(workspace.UndoRequest{Task: "t1"}) {
		if r.Action != workspace.AlreadyUndone {
			t.Errorf("second undo: %+v", r)
		}
	}
}
