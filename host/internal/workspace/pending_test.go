package workspace_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// TestFolderAwayAfterACrash opens the store while the folder of a committed
// step is not there: the step waits, and is finished when the folder is back.
func TestFolderAwayAfterACrash(t *testing.T) {
	t.Parallel()
	sc := scenarios()[0]
	point, n := 0, 0
	probe := fastBench(t)
	probe.prepare(t, sc)
	if err := probe.actOut(t.Context(), sc, func(op, what string) error {
		n++
		if op == "journal" && what == "applied" && point == 0 {
			point = n - 3 // in the middle of the renames and their fsyncs
		}
		return nil
	}); err != nil || point == 0 {
		t.Fatal(point, err)
	}
	after := contents(t, probe.dir)

	b := fastBench(t)
	b.prepare(t, sc)
	if !b.crash(t, sc.name, point) {
		t.Fatal("the child was not killed")
	}
	one, away := filepath.Join(b.dir, "one"), filepath.Join(b.home, "away")
	if err := os.Rename(one, away); err != nil {
		t.Fatal(err)
	}
	s := b.open()
	state, changes, err := s.Applied(t.Context(), "task", "second")
	if state != workspace.StatePending || err != nil || len(changes) == 0 {
		t.Fatalf("folder away: %v, %d changes, %v", state, len(changes), err)
	}
	w := b.workspace("other", workspace.Grant{Path: filepath.Join(b.dir, "two")})
	st := b.step(w, "s")
	create(t, st, "new.txt", "new")
	if _, err := st.Apply(t.Context()); err == nil {
		t.Error("a step went before the one that waits for its folder")
	}
	if err := os.Rename(away, one); err != nil {
		t.Fatal(err)
	}
	b.workspace("third", workspace.Grant{Path: one})
	if state, _, err := s.Applied(t.Context(), "task", "second"); state != workspace.StateApplied || err != nil {
		t.Fatalf("folder back: %v, %v", state, err)
	}
	same(t, "folder", after, contents(t, b.dir))
}

func TestStoreIsOutOfBounds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.opt.Dir = filepath.Join(b.dir, "home", "store")
	s := b.step(b.workspace("t"), "s")
	for _, name := range []string{"home/store", "home/store/journal.db"} {
		if _, err := s.Open(name); !errors.Is(err, pluginsdk.ErrDenied) {
			t.Errorf("open %s: %v", name, err)
		}
	}
	if list, err := s.ReadDir("home"); len(list) != 0 || err != nil {
		t.Errorf("list: %v, %v", list, err)
	}
	if _, err := b.store.Workspace("t", []workspace.Grant{{Path: b.opt.Dir}}); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("grant: %v", err)
	}
}
