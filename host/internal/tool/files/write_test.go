package files_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestWrite(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("old.txt", "old")
	u := b.task("t")
	host := filepath.Join(b.dir, "out/new.txt")
	res := u.do("write", args{"path": "out/new.txt", "content": "a\nb\n"})
	want := &tool.Result{
		Text:    "created out/new.txt: 2 lines, 4 bytes",
		Changes: []event.Change{{Path: filepath.Join(b.dir, "out"), Change: "created", Undoable: true}, {Path: host, Change: "created", Undoable: true, SHA256: digest("a\nb\n")}},
		Seen:    []event.Seen{{Path: host, SHA256: digest("a\nb\n")}},
	}
	if diff := cmp.Diff(want, res); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	u.fails("write", args{"path": "out/new.txt", "content": "c"}, pluginsdk.ErrConflict, "out/new.txt exists", "overwrite")
	u.do("write", args{"path": "out/new.txt", "content": "c", "mode": "overwrite"}) // it wrote it itself
	u.fails("write", args{"path": "old.txt", "content": "x", "mode": "overwrite"}, pluginsdk.ErrConflict, "has not been read")
	u.do("read", args{"path": "old.txt"})
	res = u.do("write", args{"path": filepath.Join(b.dir, "old.txt"), "content": "x", "mode": "overwrite"})
	if !strings.Contains(res.Text, "modified old.txt") || b.content("old.txt") != "x" {
		t.Errorf("%q, content %q", res.Text, b.content("old.txt"))
	}
	u.do("write", args{"path": filepath.Join(b.dir, "deep/er/file.txt"), "content": "d"})
	if b.content("deep/er/file.txt") != "d" {
		t.Error("an absolute path in folders that do not exist is not written")
	}
	u.do("write", args{"path": "fresh.txt", "content": "f", "mode": "overwrite"})
	u.fails("write", args{"path": "FRESH.txt", "content": "f"}, pluginsdk.ErrConflict, "upper and lower case")
	u.fails("write", args{"path": "out", "content": "f"}, pluginsdk.ErrInvalid, "folder")
	u.fails("write", args{"path": "old.txt/b.txt", "content": "f"}, pluginsdk.ErrInvalid)
	u.fails("write", args{"path": "con.txt", "content": "f"}, pluginsdk.ErrInvalid)
	u.fails("write", args{"path": "../x.txt", "content": "f"}, pluginsdk.ErrDenied, "outside the granted folders")
	u.fails("move", args{"moves": []args{{"from": "old.txt", "to": "../x.txt"}}}, pluginsdk.ErrDenied, "outside the granted folders")
	u.fails("write", args{"path": "~/.ssh/x", "content": "f"}, pluginsdk.ErrInvalid, "home folder")
	u.fails("write", args{"path": "~", "content": "f"}, pluginsdk.ErrInvalid, "home folder")
	u.do("write", args{"path": "~lock.txt", "content": "f"})
	u.fails("write", args{"path": "/etc/cowork-x.txt", "content": "f"}, pluginsdk.ErrDenied)
	u.fails("write", args{"path": strings.Repeat("a", 300), "content": "f"}, pluginsdk.ErrInvalid)
}

func TestWriteSeesWhatChangedSince(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "one")
	u := b.task("t1")
	u.do("read", args{"path": "a.txt"})
	b.put("a.txt", "two")
	u.fails("write", args{"path": "a.txt", "content": "x", "mode": "overwrite"}, pluginsdk.ErrConflict, "has changed since it was read, by somebody outside this host")
	u.fails("edit", args{"path": "a.txt", "old_text": "two", "new_text": "x"}, pluginsdk.ErrConflict, "read it")
	u.do("read", args{"path": "a.txt"})
	u.do("edit", args{"path": "a.txt", "old_text": "two", "new_text": "three"})

	// What the log has is enough after a resume.
	again := b.resumed("t1", u.seen)
	again.do("edit", args{"path": "a.txt", "old_text": "three", "new_text": "four"})
	b.leases.Release("t1")

	other := b.task("t2")
	other.fails("edit", args{"path": "a.txt", "old_text": "four", "new_text": "five"}, pluginsdk.ErrConflict, "has not been read")
	other.do("read", args{"path": "a.txt"})
	other.do("edit", args{"path": "a.txt", "old_text": "four", "new_text": "five"})
	b.leases.Release("t2")
	again.fails("edit", args{"path": "a.txt", "old_text": "five", "new_text": "six"}, pluginsdk.ErrConflict, "by task t2")
}

func TestWriteOfTwoTasks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("shared.txt", "s")
	root, one, two, grand := b.task("root"), b.task("one", "root"), b.task("two", "root"), b.task("grand", "one", "root")
	for _, u := range []*user{root, one, two, grand} {
		u.do("read", args{"path": "shared.txt"})
	}
	edit := func(from, to string) args { return args{"path": "shared.txt", "old_text": from, "new_text": to} }
	root.do("edit", edit("s", "root"))
	one.fails("edit", edit("root", "one"), pluginsdk.ErrConflict, "by task root") // a child may, once it has read
	one.do("read", args{"path": "shared.txt"})
	one.do("edit", edit("root", "one"))
	two.do("read", args{"path": "shared.txt"})
	two.fails("edit", edit("one", "two"), pluginsdk.ErrConflict, "task one is at work on shared.txt")
	two.fails("write", args{"path": "shared.txt", "content": "x", "mode": "overwrite"}, pluginsdk.ErrConflict, "task one")
	two.fails("move", args{"moves": []args{{"from": "shared.txt", "to": "b.txt"}}}, pluginsdk.ErrConflict, "task one")
	grand.do("read", args{"path": "shared.txt"})
	grand.do("edit", edit("one", "grand"))
	b.leases.Release("grand")
	two.fails("edit", edit("grand", "two"), pluginsdk.ErrConflict, "task one")
	b.leases.Release("one")
	two.do("read", args{"path": "shared.txt"})
	two.do("edit", edit("grand", "two"))
	if got := b.content("shared.txt"); got != "two" {
		t.Errorf("content %q", got)
	}
	// A write that came to nothing holds nothing.
	one.fails("write", args{"path": "shared.txt", "content": "x"}, pluginsdk.ErrConflict)
	two.do("write", args{"path": "own.txt", "content": "x"})
	one.fails("write", args{"path": "own.txt", "content": "x"}, pluginsdk.ErrConflict, "task two is at work")
}

func TestSettleOfWrites(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "one")
	b.put("gone.txt", "g")
	u := b.task("t")
	u.do("read", args{"path": "a.txt"})
	for _, c := range []struct {
		tool string
		in   string
	}{
		{"write", `{"path":"new.txt","content":"n"}`},
		{"edit", `{"path":"a.txt","old_text":"one","new_text":"two"}`},
		{"move", `{"moves":[{"from":"a.txt","to":"b.txt"}]}`},
		{"request_delete", `{"paths":["gone.txt"]}`},
	} {
		call := tool.Call{ID: c.tool, Step: "s-" + c.tool, Name: c.tool, Input: json.RawMessage(c.in)}
		p, err := u.tools[c.tool].Prepare(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := p.Settle(t.Context()); res != nil || err != nil {
			t.Errorf("%s: before it ran: %v, %v", c.tool, res, err)
		}
		ran, err := p.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		after := b.tree()
		// The host dies; another one finds the call in the log.
		u = b.resumed("t", u.seen)
		p, _ = u.tools[c.tool].Prepare(t.Context(), call) // it may no longer be possible
		if p == nil || p.Settle == nil {
			t.Fatalf("%s: nobody can say what became of it", c.tool)
		}
		res, err := p.Settle(t.Context())
		if err != nil || res == nil || !strings.Contains(res.Text, "carried out in full") {
			t.Fatalf("%s: %v, %v", c.tool, res, err)
		}
		if diff := cmp.Diff(ran.Changes, res.Changes); diff != "" {
			t.Errorf("%s (-ran +settled):\n%s", c.tool, diff)
		}
		u.seen = append(u.seen, res.Seen...)
		if p.Run != nil {
			if _, err := p.Run(t.Context()); err == nil {
				t.Errorf("%s ran twice as one step", c.tool)
			}
		}
		if got := b.tree(); got != after {
			t.Errorf("%s: settling changed the folder:\n%s\n%s", c.tool, after, got)
		}
	}
}

func TestEveryCallIsAStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "one")
	before := b.tree()
	u := b.task("t")
	u.do("read", args{"path": "a.txt"})
	u.do("edit", args{"path": "a.txt", "old_text": "one", "new_text": "two"})
	u.do("move", args{"moves": []args{{"from": "a.txt", "to": "sub/b.txt"}}})
	u.do("write", args{"path": "sub/b.txt", "content": "three", "mode": "overwrite"}) // seen under its new name
	u.do("request_delete", args{"paths": []string{"sub"}})
	changes, err := b.store.Changes(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	steps := map[string]bool{}
	for _, c := range changes {
		steps[c.Step] = true
	}
	if len(steps) != 4 {
		t.Errorf("steps %v", steps)
	}
	if _, err := b.store.Undo(t.Context(), workspace.UndoRequest{Task: "t"}); err != nil {
		t.Fatal(err)
	}
	if after := b.tree(); after != before {
		t.Errorf("after undo:\n%s\nwant\n%s", after, before)
	}
}

func TestWriteWhenCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.task("t")
	p, err := u.prepare("write", args{"path": "a.txt", "content": "x"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := b.content("a.txt"); !strings.Contains(got, "no such file") {
		t.Errorf("content %q", got)
	}
	b.task("other").do("write", args{"path": "a.txt", "content": "y"}) // the lease was given back
}
