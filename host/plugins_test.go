package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host"
)

// ownBundle writes the bundle of the plugin "own", whose executable is this
// test's.
func ownBundle(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "own")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.MkdirAll(filepath.Join(dir, ".claude-plugin"), 0o755), os.MkdirAll(filepath.Join(dir, "commands"), 0o755),
		os.MkdirAll(filepath.Join(dir, "bin"), 0o755),
		os.WriteFile(filepath.Join(dir, ".claude-plugin", "plugin.json"),
			[]byte(`{"name":"own","version":"1.0.0","metadata":{"cowork":{"handlers":{"command:go":"Go"},"server":"bin/own"}}}`), 0o644),
		os.WriteFile(filepath.Join(dir, "commands", "go.md"), []byte("---\ndescription: goes\n---\nGo.\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "bin", "own"), exe, 0o755),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (r *running) plugins(dirs ...string) map[string]host.Plugin {
	r.t.Helper()
	list, err := r.Plugins(r.t.Context(), dirs...)
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]host.Plugin{}
	for _, p := range list {
		out[p.Name] = p
	}
	return out
}

func TestPluginLife(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	dir := ownBundle(t)
	// Beside the installed ones, for one task.
	if p := r.plugins(dir); len(p) != 2 || p["own"].State != "enabled" {
		t.Errorf("with the folder: %+v", p)
	}
	id, err := r.Run(t.Context(), host.RunRequest{Input: "/own:go in.txt", Folders: []string{r.folder}, Cwd: r.folder, PluginDirs: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	r.until(id, "")
	if s := r.state(id); s.Status != host.StatusDone {
		t.Errorf("status %s, error %+v", s.Status, s.Error)
	}
	if _, err := r.Undo(t.Context(), id, host.UndoRequest{}); err != nil {
		t.Fatal(err)
	}
	if p := r.plugins(); len(p) != 1 || p["work"].Source != "shipped" {
		t.Errorf("without it: %+v", p)
	}
	_, err = r.Run(t.Context(), host.RunRequest{Input: "/own:go in.txt", Folders: []string{r.folder}})
	wantCode(t, err, "usage")

	installed, err := r.InstallPlugin(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(installed, r.plugins()["own"]); diff != "" {
		t.Errorf("listed otherwise than installed (-want +got):\n%s", diff)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	runOwn := func() *host.TaskState {
		id := r.start("/own:go in.txt")
		r.until(id, "")
		return r.state(id)
	}
	if s := runOwn(); s.Status != host.StatusDone {
		t.Errorf("installed: status %s, error %+v", s.Status, s.Error)
	}

	// A changed executable is refused until the person accepts it.
	before := files(t, r.folder)
	exe := filepath.Join(r.home, "plugins", "own", "bundle", "bin", "own")
	data, err := os.ReadFile(exe)
	if err := errors.Join(err, os.Remove(exe), os.WriteFile(exe, append(data, "tampered"...), 0o700)); err != nil {
		t.Fatal(err)
	}
	s := runOwn()
	if s.Status != "failed" || s.Error.Code != "plugin_failed" || !strings.Contains(s.Error.Message, "not the one that was described") || !strings.Contains(s.Error.Next, "plugin update own") {
		t.Errorf("tampered: status %s, error %+v", s.Status, s.Error)
	}
	if diff := cmp.Diff(before, files(t, r.folder)); diff != "" {
		t.Errorf("the refused plugin changed the folder:\n%s", diff)
	}
	if p, err := r.UpdatePlugin(t.Context(), "own"); err != nil || p.Digest == installed.Digest {
		t.Errorf("update: %+v, %v", p, err)
	}
	if s := runOwn(); s.Status != host.StatusDone {
		t.Errorf("updated: status %s, error %+v", s.Status, s.Error)
	}

	// It is there for the next host, and gone when it is removed.
	r.end()
	again := hostOf(t, r.home, r.folder, nil)
	if p := again.plugins()["own"]; p.State != "enabled" {
		t.Errorf("after a new start: %+v", p)
	}
	if err := again.RemovePlugin(t.Context(), "own"); err != nil {
		t.Fatal(err)
	}
	if p := again.plugins(); len(p) != 1 {
		t.Errorf("after the removal: %+v", p)
	}
	wantCode(t, again.RemovePlugin(t.Context(), "own"), "not_found")
	wantCode(t, again.RemovePlugin(t.Context(), "work"), "unsupported")
	_, err = again.UpdatePlugin(t.Context(), "work")
	wantCode(t, err, "unsupported")
	_, err = again.InstallPlugin(t.Context(), filepath.Join(t.TempDir(), "nosuch"))
	wantCode(t, err, "not_found")
}
