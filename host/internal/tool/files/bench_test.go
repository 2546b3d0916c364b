package files_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/files"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// bench is a store with granted folders, and the file tools of tasks in it.
type bench struct {
	t      *testing.T
	dir    string // the first granted folder
	store  *workspace.Store
	grants []workspace.Grant
	leases *files.Leases
	steps  int
}

func newBench(t *testing.T, more ...string) *bench {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	store, err := workspace.Open(t.Context(), workspace.Options{Dir: filepath.Join(home, "store"), TrashDir: filepath.Join(home, "Trash")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b := &bench{t: t, dir: dir, store: store, grants: []workspace.Grant{{Path: dir}}, leases: &files.Leases{}}
	for _, d := range more {
		b.grants = append(b.grants, workspace.Grant{Path: d})
	}
	return b
}

// user is one task with its tools.
type user struct {
	*bench
	task  string
	files *files.Files
	tools map[string]tool.Tool
	seen  []event.Seen
}

func (b *bench) task(id string, ancestors ...string) *user {
	b.t.Helper()
	return b.resumed(id, nil, ancestors...)
}

func (b *bench) resumed(id string, seen []event.Seen, ancestors ...string) *user {
	b.t.Helper()
	ws, err := b.store.Workspace(id, b.grants)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = ws.Close() })
	f, err := files.New(b.t.Context(), files.Options{
		Store: b.store, Workspace: ws, Leases: b.leases, Task: id, Ancestors: ancestors, Seen: seen,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	u := &user{bench: b, task: id, files: f, tools: map[string]tool.Tool{}, seen: seen}
	for _, tl := range f.Tools() {
		u.tools[tl.Spec().Name] = tl
	}
	return u
}

func (u *user) prepare(name string, in any) (*tool.Prepared, error) {
	u.t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		u.t.Fatal(err)
	}
	u.steps++
	return u.tools[name].Prepare(u.t.Context(), tool.Call{ID: "c", Step: fmt.Sprint(u.steps), Name: name, Input: raw})
}

type args map[string]any

// try runs a call, which may fail with an error for the model only.
func (u *user) try(name string, in args) (*tool.Result, error) {
	u.t.Helper()
	p, err := u.prepare(name, in)
	var res *tool.Result
	if err == nil {
		res, err = p.Run(u.t.Context())
	}
	if err != nil {
		if _, ok := errors.AsType[*pluginsdk.Error](err); !ok {
			u.t.Fatalf("%s %v: a host error: %v", name, in, err)
		}
		return nil, err
	}
	u.seen = append(u.seen, res.Seen...)
	return res, nil
}

func (u *user) do(name string, in args) *tool.Result {
	u.t.Helper()
	res, err := u.try(name, in)
	if err != nil {
		u.t.Fatalf("%s %v: %v", name, in, err)
	}
	return res
}

// fails runs a call that must fail in a way, and say something.
func (u *user) fails(name string, in args, kind error, says ...string) {
	u.t.Helper()
	before := u.tree()
	_, err := u.try(name, in)
	if !errors.Is(err, kind) {
		u.t.Errorf("%s %v: got %v, want %v", name, in, err, kind)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			u.t.Errorf("%s %v: %q does not say %q", name, in, err, s)
		}
	}
	if after := u.tree(); after != before {
		u.t.Errorf("%s %v failed and changed the folder:\n%s\n%s", name, in, before, after)
	}
}

func (b *bench) put(rel, content string) {
	b.t.Helper()
	name := filepath.Join(b.dir, rel)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) content(rel string) string {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, rel))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(data)
}

// tree is every granted folder with the contents of its files.
func (b *bench) tree() string {
	var out strings.Builder
	for _, g := range b.grants {
		err := filepath.WalkDir(g.Path, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(g.Path, p)
			data := []byte("/")
			if d.Type().IsRegular() {
				data, err = os.ReadFile(p)
			}
			fmt.Fprintf(&out, "%s %.200q\n", rel, data)
			return err
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	return out.String()
}
