package files_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool/files"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

func moves(pairs ...string) args {
	var list []args
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, args{"from": pairs[i], "to": pairs[i+1]})
	}
	return args{"moves": list}
}

func TestMove(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   args
		want string
	}{
		{"rename", moves("a.txt", "c.txt"), "b.txt c.txt d/e.txt d/f/g.txt"},
		{"into a folder", moves("a.txt", "d"), "b.txt d/a.txt d/e.txt d/f/g.txt"},
		{"into a new folder", moves("a.txt", "new/"), "b.txt d/e.txt d/f/g.txt new/a.txt"},
		{"to a new path", moves("a.txt", "n/m/a2.txt"), "b.txt d/e.txt d/f/g.txt n/m/a2.txt"},
		{"a folder", moves("d", "x/y"), "a.txt b.txt x/y/e.txt x/y/f/g.txt"},
		{"a folder into its own parent's new folder", moves("d/f", "h"), "a.txt b.txt d/e.txt h/g.txt"},
		{"a swap", moves("a.txt", "tmp", "b.txt", "a.txt", "tmp", "b.txt"), "a.txt=b b.txt=a d/e.txt d/f/g.txt"},
		{"several", moves("a.txt", "z/1", "b.txt", "z/2"), "d/e.txt d/f/g.txt z/1 z/2"},
		{"to itself", moves("a.txt", "./a.txt"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			for _, f := range []string{"a.txt", "b.txt", "d/e.txt", "d/f/g.txt"} {
				b.put(f, strings.TrimSuffix(filepath.Base(f), ".txt"))
			}
			before := b.tree()
			u := b.task("t")
			if c.want == "" {
				u.fails("move", c.in, pluginsdk.ErrConflict)
				return
			}
			res := u.do("move", c.in)
			for _, w := range strings.Fields(c.want) {
				name, content, _ := strings.Cut(w, "=")
				if got := b.content(name); strings.Contains(got, "no such") || content != "" && got != content {
					t.Errorf("%s holds %q", name, got)
				}
			}
			if n := strings.Count(b.tree(), ` "`) - strings.Count(b.tree(), ` "/"`); n != 4 {
				t.Errorf("%d files:\n%s", n, b.tree())
			}
			if strings.HasPrefix(c.name, "a folder") && strings.Contains(b.tree(), "\nd/f \"/\"") {
				t.Errorf("an empty folder is left:\n%s", b.tree())
			}
			if len(res.Changes) == 0 {
				t.Error("no changes")
			}
			if _, err := b.store.Undo(t.Context(), workspace.UndoRequest{Task: "t"}); err != nil {
				t.Fatal(err)
			}
			after := b.tree()
			if c.name == "a swap" { // undone one by one, so the first finds its name taken
				after = strings.Replace(after, "a (before t).txt", "a.txt", 1)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("after undo (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMoveRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, f := range []string{"a.txt", "b.txt", "d/a.txt", "d/e/f.txt"} {
		b.put(f, f)
	}
	if err := os.Symlink("a.txt", filepath.Join(b.dir, "link")); err != nil {
		t.Fatal(err)
	}
	u := b.task("t")
	u.fails("move", moves("a.txt", "b.txt"), pluginsdk.ErrConflict, "b.txt exists; nothing was moved")
	u.fails("move", moves("a.txt", "d"), pluginsdk.ErrConflict, "d/a.txt exists")
	u.fails("move", moves("a.txt", "ok.txt", "b.txt", "ok.txt"), pluginsdk.ErrConflict)
	u.fails("move", moves("a.txt", "ok.txt", "none.txt", "x"), pluginsdk.ErrNotFound, "none.txt")
	u.fails("move", moves("a.tx", "x"), pluginsdk.ErrNotFound, "did you mean a.txt?")
	u.fails("move", moves("d", "d/e/x"), pluginsdk.ErrInvalid, "into itself")
	u.fails("move", moves(".", "x"), pluginsdk.ErrInvalid)
	u.fails("move", moves("a.txt", "/tmp/x.txt"), pluginsdk.ErrDenied)
	u.fails("move", moves("a.txt", "../x.txt"), pluginsdk.ErrDenied)
	u.fails("move", moves("link", "x"), pluginsdk.ErrDenied)
	u.fails("move", moves("a.txt", "b.txt/x"), pluginsdk.ErrInvalid)
	u.fails("move", args{"moves": []args{}}, pluginsdk.ErrInvalid, "fewer than 1")
	b.task("other").do("write", args{"path": "free.txt", "content": "x"})
}

func TestDeleteOfOwnFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.task("t")
	u.do("write", args{"path": "tmp/a.txt", "content": "a"})
	p, err := u.prepare("request_delete", args{"paths": []string{"tmp"}})
	if err != nil || p.Effect != policy.Write {
		t.Fatalf("effect %v, %v: what the task made needs no approval", p, err)
	}
	if _, err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "tmp")); err == nil {
		t.Error("it is still there")
	}
	items, err := b.store.Trash(t.Context())
	if err != nil || len(items) != 0 {
		t.Errorf("trash %v, %v", items, err)
	}
}

func TestDeleteOfTheirFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("d/old.txt", strings.Repeat("x", 12_000))
	b.put("d/e/two.txt", "2")
	b.put("keep.txt", "k")
	before := b.tree()
	u := b.task("t")
	u.do("write", args{"path": "d/own.txt", "content": "own"})
	p, err := u.prepare("request_delete", args{"paths": []string{"d", "d/old.txt"}, "reason": "they are old"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Effect != policy.Delete || p.Summary != "delete 3 files and 2 folders" || len(p.Targets) != 5 {
		t.Errorf("prepared %+v", p)
	}
	k := p.Card
	if k.Action != "move 3 files and 2 folders to the trash" || k.Data != "3 files, 12.0 kB" || !strings.Contains(k.Risk, "recoverable: moved to the trash") {
		t.Errorf("card %+v", k)
	}
	all := strings.Join(k.Details, "\n")
	for _, want := range []string{"the model says: they are old", b.dir + "/d/old.txt (12.0 kB, changed ", b.dir + "/d/own.txt (3 bytes, made by this task)", b.dir + "/d/e (folder)"} {
		if !strings.Contains(all, want) {
			t.Errorf("the card has no %q:\n%s", want, all)
		}
	}
	res, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(res.Text, "in the trash") || !strings.Contains(b.tree(), "keep.txt") || strings.Contains(b.tree(), "old.txt") || strings.Contains(b.tree(), "\nd ") {
		t.Errorf("%s\n%s", res.Text, b.tree())
	}
	items, err := b.store.Trash(t.Context())
	if err != nil || len(items) != 2 {
		t.Errorf("trash %v, %v", items, err)
	}
	if _, err := b.store.Undo(t.Context(), workspace.UndoRequest{Task: "t"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, b.tree()); diff != "" {
		t.Errorf("after undo (-want +got):\n%s", diff)
	}
}

func TestDeleteIsOnlyWhatWasShown(t *testing.T) {
	t.Parallel()
	for name, meddle := range map[string]func(b *bench){
		"another file appears": func(b *bench) { b.put("d/new.txt", "new") },
		"a file changes":       func(b *bench) { b.put("d/old.txt", "changed") },
		"a file becomes a folder": func(b *bench) {
			_ = os.Remove(filepath.Join(b.dir, "d/old.txt"))
			b.put("d/old.txt/x", "x")
		},
		"a file becomes a link": func(b *bench) {
			_ = os.Remove(filepath.Join(b.dir, "d/old.txt"))
			_ = os.Symlink("../keep.txt", filepath.Join(b.dir, "d/old.txt"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.put("d/old.txt", "old")
			b.put("keep.txt", "k")
			u := b.task("t")
			p, err := u.prepare("request_delete", args{"paths": []string{"d"}})
			if err != nil {
				t.Fatal(err)
			}
			meddle(b)
			before := b.tree()
			if _, err := p.Run(t.Context()); pluginsdk.Code(err) == "internal" {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, b.tree()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := u.prepare("request_delete", args{"paths": []string{"d"}})
			if err == nil && cmp.Equal(again.Card, p.Card) {
				t.Error("another card looks the same")
			}
		})
	}
}

func TestDeleteRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("d/a.txt", "a")
	b.put("a.txt", "a")
	if err := os.Symlink("../a.txt", filepath.Join(b.dir, "d", "link")); err != nil {
		t.Fatal(err)
	}
	u := b.task("t")
	u.fails("request_delete", args{"paths": []string{"."}}, pluginsdk.ErrInvalid, "top folder")
	u.fails("request_delete", args{"paths": []string{""}}, pluginsdk.ErrInvalid)
	u.fails("request_delete", args{"paths": []string{b.dir}}, pluginsdk.ErrInvalid)
	u.fails("request_delete", args{"paths": []string{"none.txt"}}, pluginsdk.ErrNotFound)
	u.fails("request_delete", args{"paths": []string{"d"}}, pluginsdk.ErrUnsupported, "d/link")
	u.fails("request_delete", args{"paths": []string{"d/link"}}, pluginsdk.ErrDenied)
	u.fails("request_delete", args{"paths": []string{"/etc/passwd"}}, pluginsdk.ErrDenied)
	u.fails("request_delete", args{"paths": []string{}}, pluginsdk.ErrInvalid)
	for i := range 1001 {
		b.put(fmt.Sprintf("many/%d", i), "")
	}
	u.fails("request_delete", args{"paths": []string{"many"}}, pluginsdk.ErrInvalid, "more than 1000 files")
	b.task("other").do("write", args{"path": "busy.txt", "content": "x"})
	u.fails("request_delete", args{"paths": []string{"busy.txt"}}, pluginsdk.ErrConflict, "task other")
}

func TestArtifact(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("out/report.md", "# r\n")
	b.put("book.XLSX", "PK\x03\x04\x00")
	u := b.task("t")
	res := u.do("artifact", args{"path": "out/report.md", "title": " The\nreport "})
	a := res.Artifacts[0]
	if a.Path != filepath.Join(b.dir, "out/report.md") || a.MediaType != "text/markdown" || a.SHA256 != digest("# r\n") || a.Title != "The?report" {
		t.Errorf("artifact %+v", a)
	}
	if a = u.do("artifact", args{"path": "book.XLSX"}).Artifacts[0]; !strings.Contains(a.MediaType, "spreadsheetml") {
		t.Errorf("artifact %+v", a)
	}
	if len(u.seen) != 0 {
		t.Error("a delivered file counts as read")
	}
	u.fails("artifact", args{"path": "out"}, pluginsdk.ErrInvalid, "folder")
	u.fails("artifact", args{"path": "none.md"}, pluginsdk.ErrNotFound)
}

func TestReadOnlyGrant(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "a")
	b.grants[0].ReadOnly = true
	u := b.task("t")
	u.do("read", args{"path": "a.txt"})
	u.fails("write", args{"path": "b.txt", "content": "b"}, pluginsdk.ErrDenied, "for reading only")
	u.fails("edit", args{"path": "a.txt", "old_text": "a", "new_text": "b"}, pluginsdk.ErrDenied)
	u.fails("move", moves("a.txt", "b.txt"), pluginsdk.ErrDenied)
	u.fails("request_delete", args{"paths": []string{"a.txt"}}, pluginsdk.ErrDenied)
}

func TestLeases(t *testing.T) {
	t.Parallel()
	var l files.Leases
	type take struct {
		task      string
		ancestors []string
		holder    string
		fresh     bool
	}
	for i, c := range []take{
		{"a", nil, "", true},
		{"a", nil, "", false},
		{"b", nil, "a", false},
		{"a1", []string{"a"}, "", true},
		{"a", nil, "", false},              // an ancestor of the holder
		{"a2", []string{"a"}, "a1", false}, // a sibling
		{"a11", []string{"a1", "a"}, "", true},
	} {
		if holder, fresh := l.Take(c.task, c.ancestors, "/f"); holder != c.holder || fresh != c.fresh {
			t.Errorf("%d: %s gets %q, %v", i, c.task, holder, fresh)
		}
	}
	l.Release("a11")
	l.Release("a1")
	if holder, _ := l.Take("b", nil, "/f"); holder != "a" {
		t.Errorf("after the children are gone it is %q's", holder)
	}
	l.Drop("a", "/f")
	if holder, fresh := l.Take("b", nil, "/f"); holder != "" || !fresh {
		t.Errorf("%q, %v", holder, fresh)
	}
	l.Release("nobody")
}

func TestLeasesAfterAResume(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.task("t1").do("write", args{"path": "a.txt", "content": "a"})
	b.leases = &files.Leases{} // another host
	b.task("t1")
	other := b.task("t2")
	other.do("read", args{"path": "a.txt"})
	other.fails("edit", args{"path": "a.txt", "old_text": "a", "new_text": "b"}, pluginsdk.ErrConflict, "task t1 is at work")
}

func TestHostErrorsAreNotToldToTheModel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.task("t")
	p, err := u.prepare("write", args{"path": "a.txt", "content": "a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = p.Run(context.WithoutCancel(t.Context()))
	if err == nil || pluginsdk.Code(err) != "internal" {
		t.Errorf("a journal that is closed: %v", err)
	}
}
