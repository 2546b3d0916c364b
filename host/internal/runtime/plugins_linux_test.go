package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cowork-host/cowork"
	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/none"
)

// countingBoxes hands out sandboxes without isolation and counts them.
type countingBoxes struct {
	mu   sync.Mutex
	made int
	err  error
	gate chan struct{} // if set, Create waits for it
}

func (b *countingBoxes) Create(ctx context.Context, _, name string) (sandbox.Sandbox, error) {
	if b.gate != nil {
		<-b.gate
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made++
	if b.err != nil {
		return nil, b.err
	}
	return none.New().Create(ctx, sandbox.Config{Name: name})
}

func (b *countingBoxes) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.made
}

// shippedFS is the bundle of the shipped plugin "good".
func shippedFS() fs.FS {
	return fstest.MapFS{
		".claude-plugin/plugin.json": {Data: []byte(`{"name":"good","metadata":{"cowork":{"handlers":{"command:go":"Go"}}}}`)},
		"commands/go.md":             {Data: []byte("---\ndescription: goes\n---\nGo.\n")},
	}
}

func pluginsOptions(t *testing.T, boxes *countingBoxes) runtime.PluginsOptions {
	t.Helper()
	schema, err := runtime.NewSchema(cowork.PluginsCUE())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return runtime.PluginsOptions{
		Shipped: []runtime.Shipped{{Name: "good", FS: shippedFS()}}, Self: self(t), ServeArg: "plugin-under-test", Build: "b",
		InstallDir: filepath.Join(dir, "plugins"), CacheDir: filepath.Join(dir, "cache"), Schema: schema, Boxes: boxes,
		Process: runtime.Options{SocketDir: t.TempDir(), StartTimeout: 10 * time.Second},
	}
}

// writeBundle writes a bundle whose own executable behaves as named; how ""
// makes one without code. files are added.
func writeBundle(t *testing.T, dir, how string, files map[string]string) {
	t.Helper()
	all := map[string]string{"commands/go.md": "---\ndescription: goes\n---\nGo.\n"}
	if how != "" {
		all["how"] = how
		all[".claude-plugin/plugin.json"] = `{"name":"good","version":"1.0.0","metadata":{"cowork":{"handlers":{"command:go":"Go"},"server":"bin/good"}}}`
	}
	for name, data := range files {
		all[name] = data
	}
	for name, data := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(data), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if how == "" {
		return
	}
	exe := filepath.Join(dir, "bin", "good")
	if err := os.MkdirAll(filepath.Dir(exe), 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Link(self(t), exe) == nil {
		return
	}
	data, err := os.ReadFile(self(t))
	if err := errors.Join(err, os.WriteFile(exe, data, 0o700)); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T, p *runtime.Plugins, dirs ...string) *catalog.Snapshot {
	t.Helper()
	snap, err := p.Snapshot(t.Context(), dirs...)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func one(t *testing.T, snap *catalog.Snapshot, name string) catalog.Plugin {
	t.Helper()
	p, err := snap.Plugin(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// call starts a plugin of a snapshot and asks it what it is.
func call(t *testing.T, p *runtime.Plugins, cp catalog.Plugin) error {
	t.Helper()
	proc, err := p.Start(t.Context(), newBox(t, none.New()), cp)
	if err != nil {
		return err
	}
	defer func() {
		if err := proc.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
		<-proc.Gone()
	}()
	_, err = proc.Describe(t.Context())
	return err
}

func TestShippedIsDescribedOnce(t *testing.T) {
	t.Parallel()
	boxes := &countingBoxes{gate: make(chan struct{})}
	opts := pluginsOptions(t, boxes)
	p := runtime.NewPlugins(opts)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Snapshot(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that is gone got %v", err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			snap, err := p.Snapshot(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if c, err := snap.Command("good:go"); err != nil || c.NeedsModel {
				t.Errorf("command %+v, %v", c, err)
			}
		})
	}
	close(boxes.gate)
	wg.Wait()
	if n := boxes.count(); n != 1 {
		t.Errorf("described %d times by 9 callers", n)
	}
	// The next host reads it from the cache and starts nothing.
	again := &countingBoxes{err: errors.New("no process must be started")}
	opts.Boxes = again
	if pl := one(t, snapshot(t, runtime.NewPlugins(opts)), "good"); pl.State != catalog.Enabled || again.count() != 0 {
		t.Errorf("after a new start: %+v, %d processes", pl, again.count())
	}
	// Another build of the program describes again.
	boxes = &countingBoxes{}
	opts.Boxes, opts.Build = boxes, "c"
	snapshot(t, runtime.NewPlugins(opts))
	if boxes.count() != 1 {
		t.Errorf("another build started %d processes, want 1", boxes.count())
	}
}

func TestShippedThatFails(t *testing.T) {
	t.Parallel()
	boxes := &countingBoxes{err: fmt.Errorf("%w: no namespaces", sandbox.ErrUnavailable)}
	opts := pluginsOptions(t, boxes)
	opts.Shipped = append(opts.Shipped, runtime.Shipped{Name: "exit at start", FS: fstest.MapFS{
		".claude-plugin/plugin.json": {Data: []byte(`{"name":"exits"}`)},
	}})
	p := runtime.NewPlugins(opts)
	if pl := one(t, snapshot(t, p), "good"); pl.State != catalog.Failed || pl.Findings[0].Rule != runtime.RuleNoSandbox {
		t.Errorf("without a sandbox: %+v", pl)
	}
	boxes.mu.Lock()
	boxes.err = nil
	boxes.mu.Unlock()
	snap := snapshot(t, p)
	if pl := one(t, snap, "good"); pl.State != catalog.Enabled {
		t.Errorf("with a sandbox again: %+v", pl)
	}
	if pl := one(t, snap, "exits"); pl.State != catalog.Failed || !strings.Contains(pl.Findings[0].Message, "exits") {
		t.Errorf("a plugin whose process ends: %+v", pl)
	}
}

func TestCacheThatCannotBeKept(t *testing.T) {
	t.Parallel()
	opts := pluginsOptions(t, &countingBoxes{})
	if err := os.WriteFile(opts.CacheDir, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	if pl := one(t, snapshot(t, runtime.NewPlugins(opts)), "good"); pl.State != catalog.Enabled {
		t.Errorf("got %+v", pl)
	}
}

func TestTornCacheIsDescribedAgain(t *testing.T) {
	t.Parallel()
	boxes := &countingBoxes{}
	opts := pluginsOptions(t, boxes)
	snapshot(t, runtime.NewPlugins(opts))
	for _, torn := range []string{"", "{", `{"plugin":{}}`, "\x00\xff", `[]`} {
		files, err := filepath.Glob(filepath.Join(opts.CacheDir, "*.json"))
		if err != nil || len(files) != 1 {
			t.Fatalf("cache files %v, %v", files, err)
		}
		if err := os.WriteFile(files[0], []byte(torn), 0o600); err != nil {
			t.Fatal(err)
		}
		before := boxes.count()
		if pl := one(t, snapshot(t, runtime.NewPlugins(opts)), "good"); pl.State != catalog.Enabled || boxes.count() != before+1 {
			t.Errorf("%q: %+v after %d processes", torn, pl, boxes.count()-before)
		}
	}
}

// TestBundlesThatFail loads bundles beside the shipped one. Each is listed as
// failed with a finding that says why, and the other one still works.
func TestBundlesThatFail(t *testing.T) {
	t.Parallel()
	manifest := func(s string) map[string]string { return map[string]string{".claude-plugin/plugin.json": s} }
	for _, c := range []struct {
		name  string
		how   string
		files map[string]string
		text  string
	}{
		{"a wrong type", "", manifest(`{"name": 7}`), "name"},
		{"no JSON", "", manifest(`{"name": `), ""},
		{"handlers of a wrong type", "", manifest(`{"name":"x","metadata":{"cowork":{"handlers":["a"]}}}`), "handlers"},
		{"a command bound twice", "", manifest(`{"name":"x","metadata":{"cowork":{"handlers":{"command:go":"A","command:go":"B"}}}}`), "already bound"},
		{"no executable", "", manifest(`{"name":"x","metadata":{"cowork":{"server":"bin/x"}}}`), "bin/x"},
		{"an executable outside", "", manifest(`{"name":"x","metadata":{"cowork":{"server":"../../../bin/sh"}}}`), "server"},
		{"a text as executable", "", map[string]string{
			".claude-plugin/plugin.json": `{"name":"x","metadata":{"cowork":{"server":"run.txt"}}}`, "run.txt": "hello",
		}, "could not be started"},
		{"another name", "other name", nil, `got "bad"`},
		{"another version", "other version", nil, "another version"},
		{"a lie about the version", "lies about the version", nil, "version 99"},
		{"garbage", "garbage", nil, "describe"},
		{"no plugin at all", "not a plugin", nil, "not a cowork plugin"},
		{"exit", "exit at start", nil, "exit code 7"},
		{"an odd command", "odd command name", nil, "Go Fast!"},
		{"one command twice", "command twice", nil, `"go" twice`},
		{"a binding to nothing", "good", manifest(`{"name":"good","metadata":{"cowork":{"handlers":{"command:fly":"Fly"},"server":"bin/good"}}}`), `no command "fly"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opts := pluginsOptions(t, &countingBoxes{})
			opts.Shipped[0].FS = fstest.MapFS{".claude-plugin/plugin.json": {Data: []byte(`{"name":"ships"}`)}}
			opts.Self = "/nosuch" // it has no process, and fails; it stays in the list
			dir := filepath.Join(t.TempDir(), "folder")
			writeBundle(t, dir, c.how, c.files)
			p := runtime.NewPlugins(opts)
			list := snapshot(t, p, dir).Plugins()
			if len(list) != 2 {
				t.Fatalf("list %+v, want both", list)
			}
			var got catalog.Plugin
			for _, pl := range list {
				if pl.Source == dir {
					got = pl
				}
			}
			if got.State != catalog.Failed || got.Name == "" {
				t.Fatalf("got %+v, want it failed", got)
			}
			said := false
			for _, f := range got.Findings {
				said = said || f.Severity == "error" && strings.Contains(f.String(), c.text)
			}
			if !said {
				t.Errorf("findings %+v do not say %q", got.Findings, c.text)
			}
			if _, err := p.Install(t.Context(), dir); !errors.Is(err, pluginsdk.ErrInvalid) {
				t.Errorf("install: %v, want it refused", err)
			}
			left, err := os.ReadDir(opts.InstallDir)
			if err != nil || len(left) > 0 {
				t.Errorf("the refused installation left %v, %v", left, err)
			}
		})
	}
}

func TestUnknownFieldsAreOnlyAFinding(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "folder")
	writeBundle(t, dir, "good", map[string]string{
		".claude-plugin/plugin.json": `{"name":"good","colour":"red","metadata":{"cowork":{"handlers":{"command:go":"Go"},"server":"bin/good","speed":9}}}`,
	})
	opts := pluginsOptions(t, &countingBoxes{})
	opts.Shipped = nil
	pl := one(t, snapshot(t, runtime.NewPlugins(opts), dir), "good")
	if pl.State != catalog.Enabled || len(pl.Findings) < 2 || len(pl.Commands) != 1 || pl.Commands[0].NeedsModel {
		t.Errorf("got %+v", pl)
	}
}

func TestPluginThatDoesNotCloseIsStillDescribed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "folder")
	writeBundle(t, dir, "close fails", nil)
	opts := pluginsOptions(t, &countingBoxes{})
	opts.Shipped = nil
	if pl := one(t, snapshot(t, runtime.NewPlugins(opts), dir), "good"); pl.State != catalog.Enabled {
		t.Errorf("got %+v", pl)
	}
}

func TestInstalledRunsItsOwnCopy(t *testing.T) {
	t.Parallel()
	opts := pluginsOptions(t, &countingBoxes{})
	opts.Shipped = nil
	p := runtime.NewPlugins(opts)
	origin := filepath.Join(t.TempDir(), "origin")
	writeBundle(t, origin, "good", nil)
	installed, err := p.Install(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	if got := one(t, snapshot(t, p), "good"); got.Source != origin || got.Digest != installed.Digest {
		t.Errorf("listed as %+v", got)
	}
	if err := os.WriteFile(filepath.Join(origin, "how"), []byte("exit at start"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := call(t, p, installed); err != nil {
		t.Errorf("after the origin changed: %v", err)
	}
	if err := os.RemoveAll(origin); err != nil {
		t.Fatal(err)
	}
	if err := call(t, p, installed); err != nil {
		t.Errorf("after the origin was removed: %v", err)
	}
	// The copy is what counts: a changed executable is not started …
	exe := filepath.Join(opts.InstallDir, "good", "bundle", "bin", "good")
	f, err := os.OpenFile(exe, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("tampered")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	err = call(t, p, installed)
	if fail, ok := errors.AsType[*runtime.Failure](err); !ok || fail.Reason != runtime.Changed || !strings.Contains(fail.Message, "not the one that was described") {
		t.Errorf("tampered: %v", err)
	}
	// … until the person accepts it.
	updated, err := p.Update(t.Context(), "good")
	if err != nil {
		t.Fatal(err)
	}
	if err := call(t, p, updated); err != nil {
		t.Errorf("after the update: %v", err)
	}
	if fail, ok := errors.AsType[*runtime.Failure](call(t, p, installed)); !ok || fail.Reason != runtime.Changed {
		t.Errorf("what was listed before the update still starts")
	}
	if err := p.Remove(t.Context(), "good"); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot(t, p).Plugin("good"); err == nil {
		t.Error("a removed plugin is listed")
	}
	for _, f := range []func() error{
		func() error { return p.Remove(t.Context(), "good") },
		func() error { _, err := p.Update(t.Context(), "good"); return err },
	} {
		if err := f(); !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Errorf("of a removed plugin: %v", err)
		}
	}
}

func TestInstallNames(t *testing.T) {
	t.Parallel()
	opts := pluginsOptions(t, &countingBoxes{})
	p := runtime.NewPlugins(opts)
	dir := filepath.Join(t.TempDir(), "my-notes")
	writeBundle(t, dir, "", nil)
	if pl, err := p.Install(t.Context(), dir); err != nil || pl.Name != "my-notes" {
		t.Errorf("a bundle without a manifest is installed as %q, %v; want the name of its folder", pl.Name, err)
	}
	writeBundle(t, dir, "", map[string]string{".claude-plugin/plugin.json": `{"name":"good"}`})
	if _, err := p.Install(t.Context(), dir); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("a bundle with the name of a shipped one: %v", err)
	}
	for _, name := range []string{"good", "", ".", "..", "../my-notes", "my-notes/../my-notes", "a/b", "\x00", strings.Repeat("x", 5000)} {
		if err := p.Remove(t.Context(), name); !errors.Is(err, pluginsdk.ErrNotFound) && !errors.Is(err, pluginsdk.ErrUnsupported) {
			t.Errorf("remove %.20q: %v", name, err)
		}
	}
	// A plugin that changes its name on the disk does not take another's place.
	moved := filepath.Join(opts.InstallDir, "my-notes", "bundle", ".claude-plugin", "plugin.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(moved), 0o700), os.WriteFile(moved, []byte(`{"name":"other"}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Update(t.Context(), "my-notes"); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("update of a plugin with another name: %v", err)
	}
	one(t, snapshot(t, p), "my-notes")
}

func TestTidyAfterAKilledInstallation(t *testing.T) {
	t.Parallel()
	opts := pluginsOptions(t, &countingBoxes{})
	opts.Shipped = nil
	p := runtime.NewPlugins(opts)
	for _, name := range []string{"one", "two"} {
		dir := filepath.Join(t.TempDir(), name)
		writeBundle(t, dir, "", nil)
		if _, err := p.Install(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(opts.InstallDir, name) }
	err := errors.Join(
		os.Rename(at("one"), at(".old-one")), // killed before the new one was there
		os.Mkdir(at(".old-two"), 0o700),      // killed after
		os.MkdirAll(filepath.Join(at(".install-123"), "bundle"), 0o700),
		os.Mkdir(at("torn"), 0o700),
		os.WriteFile(at("README"), nil, 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	p = runtime.NewPlugins(opts)
	if err := p.Tidy(); err != nil {
		t.Fatal(err)
	}
	if got := snapshot(t, p).Plugins(); len(got) != 2 || got[0].Name != "one" || got[1].Name != "two" {
		t.Errorf("plugins %+v", got)
	}
	for _, name := range []string{".old-one", ".old-two", ".install-123"} {
		if _, err := os.Lstat(at(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there", name)
		}
	}
	if _, err := os.Lstat(at("README")); err != nil {
		t.Error("somebody else's file is gone")
	}
}

// TestManyInstalled lists two hundred plugins without reading their bundles,
// and, the second time, without reading their lock files.
func TestManyInstalled(t *testing.T) {
	t.Parallel()
	opts := pluginsOptions(t, &countingBoxes{})
	opts.Shipped = nil
	p := manyInstalled(t, opts, 200)
	first := snapshot(t, p).Plugins()
	if len(first) != 200 {
		t.Fatalf("%d plugins", len(first))
	}
	if err := os.RemoveAll(filepath.Join(opts.InstallDir, "p-7", "bundle")); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(opts.InstallDir, "p-8", "installed.json")
	info, err := os.Stat(lock)
	if err != nil {
		t.Fatal(err)
	}
	garbage := []byte(strings.Repeat("#", int(info.Size())))
	if err := errors.Join(os.WriteFile(lock, garbage, 0o600), os.Chtimes(lock, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
	if got := snapshot(t, p).Plugins(); len(got) != 200 {
		t.Errorf("%d plugins: bundles or unchanged lock files were read", len(got))
	}
	// A new host reads the lock files, and leaves out the torn one alone.
	if got := snapshot(t, runtime.NewPlugins(opts)).Plugins(); len(got) != 199 {
		t.Errorf("%d plugins", len(got))
	}
}

// manyInstalled installs one plugin and copies its lock file under other names.
func manyInstalled(t testing.TB, opts runtime.PluginsOptions, n int) *runtime.Plugins {
	t.Helper()
	p := runtime.NewPlugins(opts)
	dir := filepath.Join(t.TempDir(), "p-0")
	for name, data := range map[string]string{
		".claude-plugin/plugin.json": `{"name":"p-0","version":"1.0.0","description":"` + strings.Repeat("x", 200) + `"}`,
		"commands/a.md":              "---\ndescription: a\n---\nA\n", "commands/b.md": "B\n",
		"skills/c/SKILL.md": "---\nname: c\ndescription: " + strings.Repeat("y", 300) + "\n---\nC\n",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(data), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Install(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(opts.InstallDir, "p-0", "installed.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < n; i++ {
		name := fmt.Sprintf("p-%d", i)
		place := filepath.Join(opts.InstallDir, name)
		lock := strings.NewReplacer(`"p-0"`, `"`+name+`"`, `"p-0:`, `"`+name+`:`).Replace(string(data))
		if err := errors.Join(os.MkdirAll(filepath.Join(place, "bundle"), 0o700), os.WriteFile(filepath.Join(place, "installed.json"), []byte(lock), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// BenchmarkSnapshot is what every start of a task pays for plugins that are
// installed.
func BenchmarkSnapshot(b *testing.B) {
	for _, n := range []int{50, 500} {
		b.Run(fmt.Sprintf("installed=%d", n), func(b *testing.B) {
			schema, err := runtime.NewSchema(cowork.PluginsCUE())
			if err != nil {
				b.Fatal(err)
			}
			p := manyInstalled(b, runtime.PluginsOptions{
				InstallDir: filepath.Join(b.TempDir(), "plugins"), CacheDir: b.TempDir(), Schema: schema, Boxes: &countingBoxes{},
			}, n)
			for b.Loop() {
				if _, err := p.Snapshot(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
