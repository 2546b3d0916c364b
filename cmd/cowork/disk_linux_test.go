package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestHomeThatCannotBeWritten has a home with a task in it on a disk that is
// full or read-only, also as a host that was killed left it: all of it is
// still shown, what would change it says why it cannot, and nothing is lost.
func TestHomeThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	if err := jailError(t); err != nil {
		t.Skipf("no sandbox works on this machine: %v", err)
	}
	for _, c := range []struct {
		name   string
		killed bool
		spoil  func(t *testing.T, home string)
		mend   func(t *testing.T, home string)
		says   string
	}{
		{"full", false, func(t *testing.T, home string) { fillDisk(t, home, 0) }, removeFiller, "no space left"},
		{"full, killed", true, func(t *testing.T, home string) { fillDisk(t, home, 0) }, removeFiller, "no space left"},
		{"read-only", false, remount(unix.MS_RDONLY), remount(0), "read-only"},
		{"read-only, killed", true, remount(unix.MS_RDONLY), remount(0), "read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newInstallation(t)
			home := filepath.Join(p.dir, "home")
			mountSmall(t, home, "24M")
			p.write("work/budget.csv", "Account,Amount\nRent,100\n")
			p.write("work/actuals.csv", "Account,Amount\nRent,120\n")
			const work = "/finance:variance-analysis budget.csv actuals.csv"
			id := field(t, lastLine(p.run("run", "--json", work)), "task")
			verbs := [][]string{
				{"task", "ls", "--json"},
				{"task", "show", "--json", id},
				{"task", "show", id},
				{"task", "why", id},
				{"task", "changes", "--json", id},
				{"usage", "--json"},
				{"plugin", "ls", "--json"},
				{"grant", "ls"},
			}
			var before [][]byte
			for _, v := range verbs {
				before = append(before, p.run(v...))
			}
			if c.killed {
				if err := killHost(home); err != nil {
					t.Fatal(err)
				}
			} else {
				p.run("stop", "--force")
			}
			c.spoil(t, home)
			files := kept(t, home)
			for i, v := range verbs {
				stdout, stderr, code := p.all(v...)
				if code != exitDone || !bytes.Equal(stdout, before[i]) || !says(string(stderr), home, c.says, "nothing can be changed") {
					t.Errorf("%v: exit code %d; stderr:\n%s(-before +now):\n%s", v, code, stderr, cmp.Diff(string(before[i]), string(stdout)))
				}
			}
			if _, stderr, code := p.all("task", "export", "-o", filepath.Join(p.dir, "out.zip"), id); code != exitDone {
				t.Errorf("export: exit code %d: %s", code, stderr)
			}
			if stdout, _, code := p.all("doctor"); code != exitFailed || !says(string(stdout), home, c.says, "sandbox jail") {
				t.Errorf("doctor: exit code %d: %s", code, stdout)
			}
			for _, v := range [][]string{{"run", work}, {"task", "resume", id}, {"task", "undo", id}, {"grant", "add", "--host", "example.com"}} {
				if _, stderr, code := p.all(v...); code != exitFailed || !says(string(stderr), "cowork: ", home, c.says, "\n  next: ") {
					t.Errorf("%v: exit code %d: %s", v, code, stderr)
				}
			}
			if d := cmp.Diff(files, kept(t, home)); d != "" {
				t.Errorf("the home is another (-before +after):\n%s", d)
			}
			c.mend(t, home)
			p.run("task", "undo", id)
			if out := p.run("run", work); !says(string(out), "done") {
				t.Errorf("with space again: %s", out)
			}
			p.run("stop", "--force")
		})
	}
}

// kept are the names in a home but for those of the database's own two files,
// which reading makes as well.
func kept(t *testing.T, home string) []string {
	t.Helper()
	return slices.DeleteFunc(names(t, home), func(name string) bool {
		return strings.HasSuffix(name, "events.db-shm") || strings.HasSuffix(name, "events.db-wal")
	})
}

func removeFiller(t *testing.T, home string) {
	t.Helper()
	if err := os.Remove(filepath.Join(home, "filler")); err != nil {
		t.Fatal(err)
	}
}

func remount(flags uintptr) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		var err error
		for range 500 { // a process that is being ended, or begun, may hold a file open
			if err = unix.Mount("", dir, "", unix.MS_REMOUNT|flags, ""); !errors.Is(err, unix.EBUSY) {
				break
			}
			<-time.After(10 * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
