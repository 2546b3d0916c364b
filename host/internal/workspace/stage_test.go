package workspace_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/spf13/afero"

	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestCreatePicksAFreeName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("Report.XLSX", "on disk, other case")
	b.put("cafe\u0301.txt", "on disk, other form")
	w := b.workspace("t")
	other := b.step(b.workspace("other"), "s")
	s := b.step(w, "s")
	for _, c := range []struct {
		by         *workspace.Step
		name, want string
	}{
		{s, "report.xlsx", "report (2).xlsx"},
		{s, "report.xlsx", "report (3).xlsx"},
		{s, "REPORT (2).xlsx", "REPORT (2) (2).xlsx"},
		{s, "caf\u00e9.txt", "caf\u00e9 (2).txt"},
		{s, "new/a.txt", "new/a.txt"},
		{s, "new/A.txt", "new/A (2).txt"},
		{other, "new/a.txt", "new/a (2) (2).txt"},
		{other, "report.xlsx", "report (4).xlsx"},
	} {
		// "a (2).txt" is free to other, but not "A (2).txt" of s: same name.
		if c.want == "new/a (2) (2).txt" {
			c.want = "new/a (3).txt"
		}
		if got := create(t, c.by, c.name, c.name); got != c.want {
			t.Errorf("Create(%q) = %q, want %q", c.name, got, c.want)
		}
	}
	if err := other.Discard(); err != nil {
		t.Fatal(err)
	}
	if got := create(t, s, "new/a.txt", ""); got != "new/a (3).txt" {
		t.Errorf("a discarded reservation stays: %q", got)
	}
	// Taken between staging and applying: the change says the final name.
	b.put("report (3).xlsx", "somebody's")
	var paths []string
	for _, c := range b.apply(s) {
		paths = append(paths, c.Path)
		if c.HostPath != filepath.Join(b.dir, c.Path) {
			t.Errorf("host path %s of %s", c.HostPath, c.Path)
		}
	}
	if joined := strings.Join(paths, "|"); !strings.Contains(joined, "report (3) (2).xlsx") {
		t.Errorf("changes: %v", paths)
	}
	if got := b.read("report (3).xlsx"); got != "somebody's" {
		t.Errorf("overwritten: %q", got)
	}
}

func TestWriteMeetsANewFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.step(b.workspace("t"), "s")
	write(t, s, "exact.txt", "ours")
	b.put("exact.txt", "theirs")
	before := tree(t, b.dir)
	changes := b.apply(s)
	if len(changes) != 1 || changes[0].Kind != workspace.Modified || b.read("exact.txt") != "ours" {
		t.Errorf("changes: %+v", changes)
	}
	b.undo(workspace.UndoRequest{Task: "t"})
	same(t, "after undo", before, tree(t, b.dir))
}

func TestPreImageIsOfWhatWasReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "first")
	// Somebody edits the file after it was kept and before it is replaced.
	workspace.SetFailpoint(&b.opt, func(op, path string) error {
		if op == "exchange" && strings.HasPrefix(path, b.dir) && b.read("a.txt") == "first" {
			b.put("a.txt", "edit")
		}
		return nil
	})
	s := b.step(b.workspace("t"), "s")
	write(t, s, "a.txt", "ours")
	b.apply(s)
	b.undo(workspace.UndoRequest{Task: "t"})
	if got := b.read("a.txt"); got != "edit" {
		t.Errorf("lost the edit: %q", got)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("file.txt", "x")
	b.put("sub/f", "x")
	b.put("locked/f", "x")
	b.put("readonly.txt", "x")
	outside := t.TempDir()
	at := func(rel string) string { return filepath.Join(b.dir, rel) }
	link(t, filepath.Join(outside, "new"), at("out"))
	link(t, outside, at("outdir"))
	link(t, "file.txt", at("in"))
	link(t, "sub", at("subdir"))
	for rel, mode := range map[string]fs.FileMode{"locked": 0o555, "readonly.txt": 0o444} {
		if err := os.Chmod(at(rel), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(at("locked"), 0o700) })
	before := tree(t, b.dir)
	w := b.workspace("t")
	ro := b.workspace("ro", workspace.Grant{Path: b.dir, ReadOnly: true})
	s, r := b.step(w, "s"), b.step(ro, "s")
	do := func(_ *workspace.File, err error) error { return err }
	tests := []struct {
		name string
		do   func() error
		want error
		says string
	}{
		{"create in a read-only grant", func() error { return do(r.Create("new")) }, pluginsdk.ErrDenied, "--folder DIR"},
		{"write in a read-only grant", func() error { return do(r.Write("file.txt")) }, pluginsdk.ErrDenied, b.dir},
		{"remove in a read-only grant", func() error { return r.Remove("file.txt") }, pluginsdk.ErrDenied, b.dir},
		{"create in a locked folder", func() error { return do(s.Create("locked/new")) }, pluginsdk.ErrDenied, at("locked")},
		{"create below a locked folder", func() error { return do(s.Create("locked/a/b")) }, pluginsdk.ErrDenied, "--folder DIR"},
		{"write a locked file", func() error { return do(s.Write("readonly.txt")) }, pluginsdk.ErrDenied, "readonly.txt"},
		{"move out of a locked folder", func() error { return s.Rename("locked/f", "f") }, pluginsdk.ErrDenied, at("locked")},
		{"write to a link", func() error { return do(s.Write("in")) }, pluginsdk.ErrDenied, "symbolic link"},
		{"write to a link out", func() error { return do(s.Write("out")) }, pluginsdk.ErrDenied, "symbolic link"},
		{"create under a link out", func() error { return do(s.Create("outdir/new")) }, pluginsdk.ErrDenied, "leads out"},
		{"read through a link out", func() error { return do(s.Open("outdir/x")) }, pluginsdk.ErrDenied, "leads out"},
		{"remove what was there", func() error { return s.Remove("file.txt") }, pluginsdk.ErrDenied, "approval"},
		{"remove a folder that was there", func() error { return s.Remove("sub") }, pluginsdk.ErrInvalid, "not empty"},
		{"write to a folder", func() error { return do(s.Write("sub")) }, pluginsdk.ErrInvalid, "is a folder"},
		{"create under a file", func() error { return do(s.Create("file.txt/x")) }, pluginsdk.ErrInvalid, "is a file"},
		{"rename a folder", func() error { return s.Rename("sub", "sub2") }, pluginsdk.ErrUnsupported, "folder"},
		{"dot dot", func() error { return do(s.Create("../x")) }, pluginsdk.ErrInvalid, "../x"},
		{"absolute", func() error { return do(s.Open("/etc/passwd")) }, pluginsdk.ErrInvalid, "/etc/passwd"},
		{"NUL", func() error { return do(s.Create("a\x00b")) }, pluginsdk.ErrInvalid, "NUL"},
		{"device name", func() error { return do(s.Create("new/con.txt")) }, pluginsdk.ErrInvalid, "Windows"},
		{"bad folder name", func() error { return do(s.Create("a./b")) }, pluginsdk.ErrInvalid, "a."},
		{"missing", func() error { return do(s.Open("none")) }, pluginsdk.ErrNotFound, "none"},
		{"same step again", func() error { _, err := w.Step(t.Context(), "s"); return err }, pluginsdk.ErrConflict, "running"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v saying %q", err, tt.want, tt.says)
			}
		})
	}
	if changes := b.apply(s); len(changes) != 0 {
		t.Errorf("changes: %+v", changes)
	}
	same(t, "nothing happened", before, tree(t, b.dir))
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("written outside: %v", left)
	}
}

func TestWriteThroughAFolderLinkInside(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("real/f.txt", "old")
	link(t, "real", filepath.Join(b.dir, "alias"))
	s := b.step(b.workspace("t"), "s")
	if got := write(t, s, "alias/f.txt", "new"); got != "real/f.txt" {
		t.Errorf("name %q", got)
	}
	f, err := s.Open("real/f.txt")
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := io.ReadAll(f); string(data) != "new" {
		t.Errorf("own write is not seen by the other name: %q", data)
	}
	b.apply(s)
	if got := b.read("real/f.txt"); got != "new" {
		t.Errorf("got %q", got)
	}
}

func TestStepSeesItsOwnChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "a")
	b.put("sub/b.txt", "b")
	s := b.step(b.workspace("t"), "s")
	write(t, s, "a.txt", "new a")
	create(t, s, "sub/new/c.txt", "c")
	if err := s.Rename("sub/b.txt", "moved.txt"); err != nil {
		t.Fatal(err)
	}
	if err := s.Mkdir("empty"); err != nil {
		t.Fatal(err)
	}
	create(t, s, "gone.txt", "")
	if err := s.Remove("gone.txt"); err != nil {
		t.Fatal(err)
	}
	view := afero.NewIOFS(s.AferoFs())
	if err := fstest.TestFS(view, "a.txt", "sub/new/c.txt", "moved.txt", "empty"); err != nil {
		t.Error(err)
	}
	for _, gone := range []string{"sub/b.txt", "gone.txt"} {
		if _, err := s.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	same(t, "disk", map[string]string{"a.txt": "a", "sub": "/", "sub/b.txt": "b"}, contents(t, b.dir))
	b.apply(s)
	same(t, "disk after", map[string]string{
		"a.txt": "new a", "sub": "/", "sub/new": "/", "sub/new/c.txt": "c", "moved.txt": "b", "empty": "/",
	}, contents(t, b.dir))
}

func TestAferoFs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("log.txt", "one\n")
	s := b.step(b.workspace("t"), "s")
	a := s.AferoFs()
	f, err := a.OpenFile("/log.txt", os.O_APPEND|os.O_WRONLY, 0)
	fill2 := func(text string) {
		t.Helper()
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	fill2("two\n")
	f, err = a.OpenFile("new/patched.bin", os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteAt([]byte("world"), 6)
	}
	if err == nil {
		_, err = f.WriteAt([]byte("hello "), 0)
	}
	if err == nil {
		err = f.Truncate(8)
	}
	fill2("H")
	if err := afero.WriteFile(a, "whole.txt", []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.OpenFile("log.txt", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0); !errors.Is(err, fs.ErrExist) {
		t.Errorf("O_EXCL: %v", err)
	}
	if _, err := a.Open("none"); !os.IsNotExist(err) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v", err)
	}
	if err := a.RemoveAll("new"); err != nil {
		t.Errorf("RemoveAll of own: %v", err)
	}
	if err := a.RemoveAll("/"); !errors.Is(err, fs.ErrPermission) && err == nil {
		t.Error("RemoveAll of everything passed")
	}
	if err := a.Chmod("log.txt", 0); !errors.Is(err, pluginsdk.ErrUnsupported) {
		t.Errorf("Chmod: %v", err)
	}
	for _, c := range b.apply(s) {
		if c.PostDigest == "" && !c.Folder {
			t.Errorf("no digest: %+v", c)
		}
	}
	if got := b.read("log.txt"); got != "one\ntwo\n" {
		t.Errorf("log: %q", got)
	}
}

func TestUnclosedAndLostFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "a")
	full := false
	workspace.SetFailpoint(&b.opt, func(op, path string) error {
		if full && op == "write" && strings.Contains(path, "staging") {
			return fs.ErrInvalid
		}
		return nil
	})
	w := b.workspace("t")
	s := b.step(w, "lost")
	f, err := s.Write("a.txt")
	if err != nil {
		t.Fatal(err)
	}
	full = true
	if _, err := f.WriteString("half"); err == nil {
		t.Error("write passed")
	}
	full = false
	if err := f.Close(); err == nil {
		t.Error("close of a lost file passed")
	}
	if changes := b.apply(s); len(changes) != 0 {
		t.Errorf("a lost file was applied: %+v", changes)
	}
	s = b.step(w, "open")
	if _, err = s.Create("b.txt"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context()); !errors.Is(err, pluginsdk.ErrInvalid) || !strings.Contains(err.Error(), "b.txt") {
		t.Errorf("apply with an open file: %v", err)
	}
	same(t, "disk", map[string]string{"a.txt": "a"}, contents(t, b.dir))
}

func TestLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.opt.MaxOpenFiles, b.opt.MaxPreImageBytes = 3, 10
	b.put("six", "666666")
	b.put("also six", "777777")
	b.put("copy of six", "666666")
	b.put("big", strings.Repeat("x", 11))
	w := b.workspace("t")
	s := b.step(w, "s")
	for n := range 4 {
		_, err := s.Open("six")
		if (err != nil) != (n == 3) {
			t.Errorf("open %d: %v", n, err)
		}
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	s = b.step(w, "big")
	if _, err := s.Write("big"); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("write over a file that cannot be kept: %v", err)
	}
	write(t, s, "six", "new")
	b.apply(s)
	s = b.step(w, "copy")
	write(t, s, "copy of six", "the same bytes need no room")
	b.apply(s)
	before := tree(t, b.dir)
	s = b.step(w, "more")
	write(t, s, "also six", "new")
	create(t, s, "other", "")
	if _, err := s.Apply(t.Context()); !errors.Is(err, pluginsdk.ErrUnavailable) || !strings.Contains(err.Error(), "also six") {
		t.Errorf("over the limit: %v", err)
	}
	same(t, "refused whole", before, tree(t, b.dir))
	if n, err := b.store.Usage(t.Context()); n != 6 || err != nil {
		t.Errorf("usage %d, %v", n, err)
	}
}

func TestTwoStepsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("shared.txt", "0")
	const n = 8
	steps := make([]*workspace.Step, n)
	for k := range n {
		steps[k] = b.step(b.workspace(fmt.Sprint("task", k)), "s")
	}
	var wg sync.WaitGroup
	for k := range n {
		wg.Go(func() {
			s := steps[k]
			var inner sync.WaitGroup
			for range 4 {
				inner.Go(func() { create(t, s, "out/report.txt", fmt.Sprint("of ", k)) })
			}
			inner.Go(func() { write(t, s, "shared.txt", fmt.Sprint("v", k)) })
			inner.Wait()
			if _, err := s.Apply(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := contents(t, b.dir)
	if len(got) != 2+4*n {
		t.Errorf("%d files: %v", len(got), got)
	}
	if usage, err := b.store.Usage(t.Context()); err != nil || usage != int64(len("0")+(n-1)*len("v0")) {
		t.Errorf("every version but the last is kept: %d, %v", usage, err)
	}
}

func TestStagingLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"apply", "discard"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			s := b.step(b.workspace("t"), "1")
			f, err := s.Create("new.txt")
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if end == "apply" {
				_, err = s.Apply(t.Context())
			} else {
				err = s.Discard()
			}
			if err != nil {
				t.Fatal(err)
			}
			left, err := os.ReadDir(filepath.Join(b.opt.Dir, "staging"))
			if err != nil || len(left) > 0 {
				t.Errorf("left in staging: %v, %v", left, err)
			}
		})
	}
}

func TestStagingIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.opt.MaxStagedBytes, b.opt.MaxStagedFiles = 10, 2
	s := b.step(b.workspace("t"), "1")
	f, err := s.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("12345678")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("901")); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("more bytes than allowed: error %v, want ErrUnavailable", err)
	}
	if err := f.Close(); err == nil {
		t.Error("a file that was cut off closed without an error")
	}
	create(t, s, "b", "")
	if _, err := s.Create("c"); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("more files than allowed: error %v, want ErrUnavailable", err)
	}
}
