package workspace_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

func link(t testing.TB, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skip("no symbolic links here:", err)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.csv", "a")
	b.put("sub/b.csv", "b")
	b.put("~/odd.csv", "odd")
	b.put("sub/täst – (1).csv", "x")
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(rel string) string { return filepath.Join(b.dir, rel) }
	link(t, filepath.Join(outside, "secret"), at("out"))
	link(t, "../"+filepath.Base(outside), at("outdir"))
	link(t, "sub/b.csv", at("in"))
	link(t, at("a.csv"), at("absolute-in"))
	link(t, "loop", at("loop"))
	alias := filepath.Join(t.TempDir(), "alias")
	link(t, b.dir, alias)
	w := b.workspace("t", workspace.Grant{Path: alias})

	tests := []struct {
		name, path, cwd, want string
		err                   error
	}{
		{"relative to cwd", "b.csv", at("sub"), "sub/b.csv", nil},
		{"dot slash", "./a.csv", b.dir, "a.csv", nil},
		{"up and inside", "../a.csv", at("sub"), "a.csv", nil},
		{"absolute", at("sub/b.csv"), "/", "sub/b.csv", nil},
		{"absolute by the alias", filepath.Join(alias, "a.csv"), "/", "a.csv", nil},
		{"virtual name, other cwd", "sub/b.csv", outside, "sub/b.csv", nil},
		{"virtual name, no cwd", "a.csv", "", "a.csv", nil},
		{"a folder", "sub/", b.dir, "sub", nil},
		{"the grant", ".", b.dir, ".", nil},
		{"tilde is a name", "~/odd.csv", b.dir, "~/odd.csv", nil},
		{"unicode and spaces", "sub/täst – (1).csv", b.dir, "sub/täst – (1).csv", nil},
		{"link inside", "in", b.dir, "in", nil},
		{"absolute link inside", "absolute-in", b.dir, "a.csv", nil},
		{"link out", "out", b.dir, "", pluginsdk.ErrDenied},
		{"folder link out", "outdir/secret", b.dir, "", pluginsdk.ErrDenied},
		{"link loop", "loop", b.dir, "", nil},
		{"dot dot out", "../" + filepath.Base(outside) + "/secret", b.dir, "", pluginsdk.ErrDenied},
		{"dot dot far out", "../../../../../../etc/passwd", b.dir, "", pluginsdk.ErrDenied},
		{"absolute out", "/etc/passwd", b.dir, "", pluginsdk.ErrDenied},
		{"absolute out and missing", "/no/such", b.dir, "", pluginsdk.ErrDenied},
		{"sibling with the same prefix", b.dir + "x", "/", "", pluginsdk.ErrDenied},
		{"missing", "nope.csv", b.dir, "", pluginsdk.ErrNotFound},
		{"missing, other cwd", "nope.csv", outside, "", pluginsdk.ErrNotFound},
		{"below a file", "a.csv/x", b.dir, "", pluginsdk.ErrNotFound},
		{"empty", "", b.dir, "", pluginsdk.ErrInvalid},
		{"NUL", "a\x00.csv", b.dir, "", pluginsdk.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := w.Resolve(tt.path, tt.cwd)
			if got != tt.want || tt.err != nil && !errors.Is(err, tt.err) || tt.want == "" && err == nil {
				t.Fatalf("Resolve(%q, %q) = %q, %v; want %q, %v", tt.path, tt.cwd, got, err, tt.want, tt.err)
			}
			var user *pluginsdk.Error
			if tt.err != nil && (!errors.As(err, &user) || user.Next == "") {
				t.Errorf("%v names no next step", err)
			}
			if name := strings.Trim(tt.path, "./\x00"); tt.err != nil && name != "" && !errors.Is(tt.err, pluginsdk.ErrInvalid) &&
				!strings.Contains(err.Error(), filepath.Base(tt.path)) {
				t.Errorf("%v does not name %s", err, tt.path)
			}
		})
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, rel := range []string{"x/data/f", "y/data/f", "y/data/deep/g"} {
		b.put(rel, rel)
	}
	at := func(rel string) string { return filepath.Join(b.dir, rel) }
	w := b.workspace("t", workspace.Grant{Path: at("x/data")}, workspace.Grant{Path: at("y/data")},
		workspace.Grant{Path: at("y/data/deep")}, workspace.Grant{Name: "named", Path: at("x")})
	s := b.step(w, "s")
	list, err := s.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	same(t, "top", []string{"data", "data-2", "deep", "named"}, names)
	for path, want := range map[string]string{
		at("x/data/f"): "data/f", at("y/data/f"): "data-2/f", at("y/data/deep/g"): "deep/g", at("x"): "named",
	} {
		got, err := w.Resolve(path, "/")
		if err != nil || got != want {
			t.Errorf("Resolve(%s) = %q, %v; want %q", path, got, err, want)
		}
		if w.HostPath(got) != path {
			t.Errorf("HostPath(%s) = %s", got, w.HostPath(got))
		}
	}
	if _, err := s.Open("other/f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown grant: %v", err)
	}
	for name, g := range map[string]workspace.Grant{
		"relative": {Path: "x"}, "missing": {Path: at("none")}, "file": {Path: at("x/data/f")}, "bad name": {Name: "a/b", Path: b.dir},
	} {
		if _, err := b.store.Workspace("t", []workspace.Grant{g}); pluginsdk.Code(err) == "internal" {
			t.Errorf("%s grant: %v", name, err)
		}
	}
}

func FuzzResolve(f *testing.F) {
	b := newBench(f)
	b.put("a/b.csv", "inside")
	outside := filepath.Dir(b.dir)
	link(f, outside, filepath.Join(b.dir, "up"))
	link(f, "../..", filepath.Join(b.dir, "a", "upup"))
	w := b.workspace("t")
	for _, seed := range []string{"a/b.csv", "../x", "up/x", "a/upup/etc", "/etc", "a//b.csv", "a/../../x", "\xff", "a\x00", ".", "..", "up/../a"} {
		f.Add(seed, b.dir)
	}
	f.Fuzz(func(t *testing.T, path, cwd string) {
		name, err := w.Resolve(path, cwd)
		if err != nil {
			return
		}
		if !fs.ValidPath(name) {
			t.Fatalf("Resolve(%q, %q) = %q, not a virtual name", path, cwd, name)
		}
		real, err := filepath.EvalSymlinks(w.HostPath(name))
		if err != nil {
			t.Fatalf("Resolve(%q, %q) = %q: %v", path, cwd, name, err)
		}
		if rel, err := filepath.Rel(b.dir, real); err != nil || !filepath.IsLocal(rel) {
			t.Fatalf("Resolve(%q, %q) = %q leads out to %s", path, cwd, name, real)
		}
	})
}
