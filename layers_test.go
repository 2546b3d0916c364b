package cowork_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/cowork-host/cowork"

// layers says which rooms of ours a room may import, itself aside. What the
// compiler cannot forbid stands here, with the reason.
var layers = []struct {
	room    string
	imports []string
	why     string
}{
	{"pluginsdk", nil, "a plugin author must not pull in the host"},
	{"sandbox", nil, "backends are used by the host and know nothing of it"},
	{"registry", []string{"pluginsdk"}, "bundles are read before anything of them runs"},
	{"builtin-plugins", []string{"pluginsdk"}, "a shipped plugin has no more than any other"},
	{"host", []string{"pluginsdk", "registry", "sandbox"}, "the host learns of shipped plugins from its caller"},
	{"bench", []string{"host"}, "benchmarks drive the built program as its clients do"},
	{"cmd", []string{"", "pluginsdk", "registry", "sandbox", "builtin-plugins", "host"}, "the program joins everything"},
}

// sdkOnly are packages that import nothing but the standard library.
var sdkOnly = map[string]string{
	"pluginsdk": "an author's build must stay small and free of our dependencies",
}

func TestLayers(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (name != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "testdata" || d.Name() == "examples") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		files++
		checkFile(t, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("looked at %d files only: the walk misses some", files)
	}
}

func checkFile(t *testing.T, name string) {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	dir := path.Dir(name)
	room, _, _ := strings.Cut(dir, "/")
	test := strings.HasSuffix(name, "_test.go")
	for _, spec := range f.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		if why, ok := sdkOnly[dir]; ok && !test && strings.Contains(imp, ".") {
			t.Errorf("%s imports %s: %s may import the standard library only: %s", name, imp, dir, why)
		}
		ours, ok := strings.CutPrefix(imp, module)
		if !ok {
			continue
		}
		target, _, _ := strings.Cut(strings.TrimPrefix(ours, "/"), "/")
		if target == room || test && (room == "." || target == "") {
			continue
		}
		if why, ok := forbidden(room, target); ok {
			t.Errorf("%s imports %s: %s", name, imp, why)
		}
	}
}

// forbidden reports whether room may not import target, and why.
func forbidden(room, target string) (string, bool) {
	for _, l := range layers {
		if l.room != room {
			continue
		}
		for _, ok := range l.imports {
			if ok == target {
				return "", false
			}
		}
		return l.why, true
	}
	return "a room that layers_test.go does not know: say what it may import", true
}

func TestForbidden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		room, target string
		want         bool
	}{
		{"pluginsdk", "host", true},
		{"sandbox", "pluginsdk", true},
		{"registry", "host", true},
		{"host", "builtin-plugins", true},
		{"host", "sandbox", false},
		{"cmd", "builtin-plugins", false},
		{"bench", "pluginsdk", true},
		{"newroom", "host", true},
	} {
		if _, got := forbidden(c.room, c.target); got != c.want {
			t.Errorf("forbidden(%s, %s) = %v, want %v", c.room, c.target, got, c.want)
		}
	}
}
