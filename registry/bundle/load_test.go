package bundle_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle"
)

// TestPublicPlugins loads every plugin folder of the public collections when
// they lie beside the project.
func TestPublicPlugins(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	count := map[string]*[5]int{}
	plugins := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || d.Name() != ".claude-plugin" {
			return err
		}
		folder := filepath.Dir(p)
		if _, err := os.Stat(filepath.Join(p, "plugin.json")); err != nil {
			return nil
		}
		root, err := os.OpenRoot(folder)
		if err != nil {
			return err
		}
		defer root.Close()
		b, err := bundle.Load(t.Context(), root.FS(), bundle.Options{Name: filepath.Base(folder)})
		if err != nil {
			t.Errorf("%s does not load: %v", folder, err)
			return nil
		}
		plugins++
		rel, _ := filepath.Rel(dir, folder)
		set, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		if count[set] == nil {
			count[set] = &[5]int{}
		}
		unset := 0
		for _, c := range b.Connectors {
			if !c.Configured() {
				unset++
			}
		}
		for i, n := range []int{len(b.Skills), len(b.Commands), len(b.Agents), len(b.Connectors), unset} {
			count[set][i] += n
		}
		for _, f := range b.Findings {
			if f.Severity == bundle.Error {
				t.Logf("%s: %v", rel, f)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *count["knowledge-work"], [5]int{185, 15, 5, 153, 32}; got != want {
		t.Errorf("skills, commands, agents, connectors and those to configure are %v, want %v", got, want)
	}
	if plugins < 60 {
		t.Errorf("only %d plugins were found", plugins)
	}
	t.Logf("%d plugins, %v", plugins, *count["official"])
}

// TestEveryFolder loads every folder of the collections as if it were a
// plugin: skills, scripts and pictures included.
func TestEveryFolder(t *testing.T) {
	t.Parallel()
	folders := 0
	err := filepath.WalkDir(dataDir(t), func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		folders++
		b, err := bundle.Load(t.Context(), os.DirFS(p), bundle.Options{Name: d.Name()})
		if b == nil || err != nil && !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("%s: %v", p, err)
		}
		return nil
	})
	if err != nil || folders < 500 {
		t.Errorf("%d folders, %v", folders, err)
	}
}

func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		p := filepath.Join(dir, "shared", "data", "plugins")
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			return p
		}
		if dir == filepath.Dir(dir) {
			t.Skip("the public plugin collections do not lie beside the project")
		}
	}
}
