package main

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entries are the files in a zip, by name.
func entries(t *testing.T, path string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(data)
	}
	return out
}

// TestTreeRoundTrip imports a task with a sub-agent and exports it again, twice,
// each time in a home that does not know it.
func TestTreeRoundTrip(t *testing.T) {
	t.Parallel()
	const at = `"time":"2026-01-02T03:04:05Z"`
	dir := t.TempDir()
	logs := map[string]string{
		"events.jsonl": `{"seq":1,` + at + `,"task":"rt","parent":"","kind":"task.created","input":"x","title":"x"}
{"seq":2,` + at + `,"task":"rt","parent":"","kind":"child.started","child":"kd","call":"c","agent":"a","title":"k"}
{"seq":3,` + at + `,"task":"rt","parent":"","kind":"task.done","status":"done","novel":[1.50,"<é>"]}
`,
		"agents/kd.jsonl": `{"seq":1,` + at + `,"task":"kd","parent":"rt","kind":"task.created","input":"k","title":"k"}
{"seq":2,` + at + `,"task":"kd","parent":"rt","kind":"task.done","status":"done"}
`,
	}
	from := filepath.Join(dir, "0.zip")
	f, err := os.Create(from)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, text := range logs {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1.zip", "2.zip"} {
		p := newInstallation(t)
		p.run("task", "import", from)
		to := filepath.Join(dir, name)
		p.run("task", "export", "-o", to, "rt")
		got := entries(t, to)
		delete(got, "task.md")
		if d := cmp.Diff(logs, got); d != "" {
			t.Errorf("%s (-imported +exported):\n%s", name, d)
		}
		p.run("stop", "--force")
		from = to
	}
}
