package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
)

const root = "../.."

// TestDistIsFresh holds the committed files to the sources.
func TestDistIsFresh(t *testing.T) {
	t.Parallel()
	files, err := build(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "host", "internal", "web", "dist")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what web/ gives (%v); run `make web` and commit", name, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if files[e.Name()] == nil {
			t.Errorf("%s is not built from anything", e.Name())
		}
	}
}

// TestBuildIsRepeatable holds the build to equal bytes, without which the test
// above would mean nothing.
func TestBuildIsRepeatable(t *testing.T) {
	t.Parallel()
	a, err := build(root)
	if err != nil {
		t.Fatal(err)
	}
	b, err := build(root)
	if err != nil {
		t.Fatal(err)
	}
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs between two builds", name)
		}
	}
}

// TestSize holds the script to its budget.
func TestSize(t *testing.T) {
	t.Parallel()
	files, err := build(root)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(files["main.js"]); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 80<<10 || len(files["main.js"]) < 10<<10 {
		t.Errorf("main.js has %d bytes, %d compressed; the budget is 80 kB", len(files["main.js"]), b.Len())
	}
}

// TestLicences holds every vendored package to its licence.
func TestLicences(t *testing.T) {
	t.Parallel()
	notices, err := os.ReadFile(filepath.Join(root, "THIRD_PARTY.md"))
	if err != nil {
		t.Fatal(err)
	}
	for pkg, file := range vendored {
		dir := filepath.Dir(file)
		if _, err := os.Stat(filepath.Join(root, "web", "vendor", dir, "LICENSE")); err != nil {
			t.Errorf("%s: %v", pkg, err)
		}
		if !bytes.Contains(notices, []byte(dir)) {
			t.Errorf("THIRD_PARTY.md does not name %s", dir)
		}
	}
}
