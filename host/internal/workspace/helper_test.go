package workspace_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/workspace"
)

// bench is a store and one granted folder.
type bench struct {
	t     testing.TB
	home  string
	dir   string
	opt   workspace.Options
	store *workspace.Store
}

func newBench(t testing.TB) *bench {
	t.Helper()
	return benchIn(t, t.TempDir(), t.TempDir())
}

// fastBench lies in memory where it can: for tests that make hundreds of them
// and in which no power is lost.
func fastBench(t testing.TB) *bench {
	t.Helper()
	memory := filepath.Join("/dev/shm", "cowork-test-"+rand.Text())
	if os.Mkdir(memory, 0o700) != nil {
		return newBench(t)
	}
	t.Cleanup(func() { os.RemoveAll(memory) })
	b := &bench{t: t}
	for _, dir := range []*string{&b.home, &b.dir} {
		*dir = filepath.Join(memory, rand.Text())
		if err := os.Mkdir(*dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return benchIn(t, b.home, b.dir)
}

func benchIn(t testing.TB, home, dir string) *bench {
	t.Helper()
	b := &bench{t: t, home: home, dir: dir}
	b.opt = workspace.Options{Dir: filepath.Join(b.home, "store"), DataHome: filepath.Join(b.home, "share")}
	if err := os.MkdirAll(filepath.Join(b.opt.DataHome, "Trash", "files"), 0o700); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) open() *workspace.Store {
	b.t.Helper()
	s, err := workspace.Open(b.t.Context(), b.opt)
	if err != nil {
		b.t.Fatalf("open store: %v", err)
	}
	b.store = s
	b.t.Cleanup(func() { _ = s.Close() })
	return s
}

func (b *bench) reopen() *workspace.Store {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	return b.open()
}

func (b *bench) workspace(task string, grants ...workspace.Grant) *workspace.Workspace {
	b.t.Helper()
	if b.store == nil {
		b.open()
	}
	if len(grants) == 0 {
		grants = []workspace.Grant{{Path: b.dir}}
	}
	w, err := b.store.Workspace(task, grants)
	if err != nil {
		b.t.Fatalf("workspace: %v", err)
	}
	b.t.Cleanup(func() { _ = w.Close() })
	return w
}

func (b *bench) step(w *workspace.Workspace, id string) *workspace.Step {
	b.t.Helper()
	s, err := w.Step(b.t.Context(), id)
	if err != nil {
		b.t.Fatalf("step: %v", err)
	}
	b.t.Cleanup(func() { _ = s.Discard() })
	return s
}

func (b *bench) apply(s *workspace.Step) []workspace.Change {
	b.t.Helper()
	changes, err := s.Apply(b.t.Context())
	if err != nil {
		b.t.Fatalf("apply: %v", err)
	}
	return changes
}

func (b *bench) undo(req workspace.UndoRequest) []workspace.Reversal {
	b.t.Helper()
	list, err := b.store.Undo(b.t.Context(), req)
	if err != nil {
		b.t.Fatalf("undo: %v", err)
	}
	return list
}

func (b *bench) put(rel, content string) {
	b.t.Helper()
	name := filepath.Join(b.dir, rel)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		b.t.Fatal(err)
	}
	old := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	if err := os.Chtimes(name, old, old); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(rel string) string {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, rel))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

type opener interface {
	Create(string) (*workspace.File, error)
	Write(string) (*workspace.File, error)
}

// create and write stage a file and return the name it got.
func create(t testing.TB, s opener, name, content string) string {
	t.Helper()
	f, err := s.Create(name)
	return fill(t, f, err, content)
}

func write(t testing.TB, s opener, name, content string) string {
	t.Helper()
	f, err := s.Write(name)
	return fill(t, f, err, content)
}

func fill(t testing.TB, f *workspace.File, err error, content string) string {
	t.Helper()
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatalf("stage: %v", err)
	}
	return f.Name()
}

// tree describes a folder: path to mode, time and content. Folders have no
// time, since an undo cannot bring theirs back.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		switch {
		case d.IsDir():
			got[rel] = info.Mode().String()
		case info.Mode().IsRegular():
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			text := string(data)
			if len(text) > 100 {
				sum := sha256.Sum256(data)
				text = hex.EncodeToString(sum[:])
			}
			got[rel] = fmt.Sprint(info.Mode(), " ", info.ModTime().UnixNano(), " ", text)
		default:
			link, _ := os.Readlink(p)
			got[rel] = info.Mode().String() + " " + link
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// contents is a tree without modes and times.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := tree(t, dir)
	for name, v := range got {
		if parts := strings.SplitN(v, " ", 3); len(parts) == 3 {
			got[name] = parts[2]
		} else {
			got[name] = "/"
		}
	}
	return got
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
