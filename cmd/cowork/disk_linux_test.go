package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// mountSmall mounts an empty disk of so many bytes, or skips the test.
func mountSmall(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("cowork-test", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		t.Skipf("a small disk cannot be mounted here, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		out = append(out, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFullFolder(t *testing.T) {
	t.Parallel()
	if err := jailError(t); err != nil {
		t.Skipf("no sandbox works on this machine: %v", err)
	}
	for _, fill := range []int{0, 16 << 10} {
		p := newInstallation(t)
		folder := filepath.Join(p.dir, "small")
		mountSmall(t, folder, "1M")
		p.cwd = "small"
		p.write("small/budget.csv", string(ledger(6000, 1)))
		p.write("small/actuals.csv", string(ledger(6000, 2)))
		fillDisk(t, folder, fill)
		before := names(t, folder)
		stdout, stderr, code := p.all("run", "/finance:variance-analysis budget.csv actuals.csv")
		if code != exitFailed {
			t.Errorf("%d bytes free: exit code %d, want %d; stdout:\n%s\nstderr:\n%s", fill, code, exitFailed, stdout, stderr)
		}
		first, _, _ := strings.Cut(string(stderr), "\n")
		if !says(first, "cowork: ", folder) || !says(first, "full") && !says(first, "no space") {
			t.Errorf("%d bytes free: the message does not say that the disk of %s is full: %s", fill, folder, stderr)
		}
		if !strings.Contains(string(stderr), "\n  next: ") {
			t.Errorf("%d bytes free: no next step: %s", fill, stderr)
		}
		if d := cmp.Diff(before, names(t, folder)); d != "" {
			t.Errorf("%d bytes free: something was left (-before +after):\n%s", fill, d)
		}
		if out := p.run("task", "ls"); !strings.Contains(string(out), " failed ") {
			t.Errorf("the task is not shown as failed:\n%s", out)
		}
		p.run("stop", "--force")
	}
}

func TestFullHome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		free int
	}{{"nothing free", 0}, {"a little free", 24 << 10}} {
		p := newInstallation(t)
		home := filepath.Join(p.dir, "home")
		mountSmall(t, home, "1M")
		fillDisk(t, home, c.free)
		_, stderr, code := p.all("task", "ls")
		if code != exitFailed {
			t.Errorf("%s: exit code %d, want %d: %s", c.name, code, exitFailed, stderr)
		}
		if s := string(stderr); !says(s, "cowork: ", home, "\n  next: ") || !says(s, "full") && !says(s, "no space") {
			t.Errorf("%s: the message does not say that the disk of %s is full and what to do: %s", c.name, home, s)
		}
		p.run("stop", "--force")
	}
}

// fillDisk leaves so many bytes free.
func fillDisk(t *testing.T, dir string, free int) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	n := int(st.Bavail)*int(st.Bsize) - free
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, max(n, 0)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func says(text string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}
