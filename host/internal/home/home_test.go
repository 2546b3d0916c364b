package home_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/home"
	"github.com/cowork-host/cowork/pluginsdk"
)

func unixOnly(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs mode bits, which Windows does not have")
	}
}

// tree lists a folder with modes and the content of files.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += " " + string(data)
		}
		rel, err := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = line
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOpen(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	want := map[string]string{
		".":         "drwx------",
		"version":   "-rw------- 1\n",
		"workspace": "drwx------",
		"cache":     "drwx------",
		"run":       "drwx------",
	}
	cases := []struct {
		name string
		make func(t *testing.T, path string)
	}{
		{"absent", func(*testing.T, string) {}},
		{"empty", func(t *testing.T, path string) { mkdir(t, path, 0o700) }},
		{"open already", func(t *testing.T, path string) {
			if _, err := home.Open(t.Context(), path); err != nil {
				t.Fatal(err)
			}
		}},
		{"cut off while it was made", func(t *testing.T, path string) {
			mkdir(t, path, 0o700)
			mkdir(t, filepath.Join(path, "workspace"), 0o700)
		}},
		{"all but the version lost", func(t *testing.T, path string) {
			mkdir(t, path, 0o700)
			put(t, filepath.Join(path, "version"), "1\n")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "data", "cowork")
			mkdir(t, filepath.Dir(path), 0o700)
			c.make(t, path)
			h, err := home.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, tree(t, path)); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
			got := []string{h.Path(), h.EventsDB(), h.WorkspaceDir(), h.CacheDir(), h.RunDir()}
			paths := []string{path, path + "/events.db", path + "/workspace", path + "/cache", path + "/run"}
			if diff := cmp.Diff(paths, got); diff != "" {
				t.Errorf("paths (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOpenTakesOthersFiles(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	real := t.TempDir()
	if err := os.Chmod(real, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(real, "mine.txt"), "kept")
	link := filepath.Join(t.TempDir(), "link")
	symlink(t, real, link)
	h, err := home.Open(t.Context(), link)
	if err != nil {
		t.Fatalf("a home behind a link: %v", err)
	}
	if h.Path() != link {
		t.Errorf("path is %s, want %s", h.Path(), link)
	}
	got := tree(t, real)
	if got["mine.txt"] != "-rw------- kept" || got["."] != "drwxr-xr-x" || got["version"] == "" {
		t.Errorf("tree is %v", got)
	}
}

func TestOpenRelative(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	h, err := home.Open(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	// The path stays good when the working directory changes.
	if !filepath.IsAbs(h.Path()) || filepath.Base(h.Path()) != "home" {
		t.Errorf("path is %s", h.Path())
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	opened := func(t *testing.T, path string) {
		t.Helper()
		if _, err := home.Open(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	version := func(text string) func(t *testing.T, path string) string {
		return func(t *testing.T, path string) string {
			opened(t, path)
			put(t, filepath.Join(path, "version"), text)
			return path
		}
	}
	mode := func(sub string, mode fs.FileMode) func(t *testing.T, path string) string {
		return func(t *testing.T, path string) string {
			opened(t, path)
			chmod(t, filepath.Join(path, sub), mode)
			return path
		}
	}
	cases := []struct {
		name string
		// make sets the scene and returns the path to open.
		make func(t *testing.T, path string) string
		kind error
		says string
	}{
		{"no name", func(*testing.T, string) string { return "" }, pluginsdk.ErrInvalid, "no name"},
		{"a newer version", version("2\n"), pluginsdk.ErrUnsupported, "newer cowork (format 2"},
		{"a version beyond numbers", version("99999999999999999999999\n"), pluginsdk.ErrUnsupported, "newer cowork"},
		{"an empty version", version(""), pluginsdk.ErrInvalid, "damaged"},
		{"a version that is text", version("one"), pluginsdk.ErrInvalid, "damaged"},
		{"version zero", version("0"), pluginsdk.ErrInvalid, "damaged"},
		{"a negative version", version("-1"), pluginsdk.ErrInvalid, "damaged"},
		{"an endless version", version(strings.Repeat("x", 1<<20)), pluginsdk.ErrInvalid, "damaged"},
		{"a version that is a folder", func(t *testing.T, path string) string {
			mkdir(t, path, 0o700)
			mkdir(t, filepath.Join(path, "version"), 0o700)
			return path
		}, pluginsdk.ErrInvalid, "not a file"},
		{"a version that is a link", func(t *testing.T, path string) string {
			mkdir(t, path, 0o700)
			symlink(t, "/dev/zero", filepath.Join(path, "version"))
			return path
		}, pluginsdk.ErrInvalid, "not a file"},
		{"a file", func(t *testing.T, path string) string {
			put(t, path, "x")
			return path
		}, pluginsdk.ErrInvalid, "is a file"},
		{"a file on the way", func(t *testing.T, path string) string {
			put(t, path, "x")
			return filepath.Join(path, "cowork")
		}, pluginsdk.ErrInvalid, "is a file"},
		{"a link to itself", func(t *testing.T, path string) string {
			symlink(t, path, path)
			return path
		}, pluginsdk.ErrInvalid, "circle"},
		{"a loop on the way", func(t *testing.T, path string) string {
			symlink(t, path+"2", path)
			symlink(t, path, path+"2")
			return filepath.Join(path, "cowork")
		}, pluginsdk.ErrInvalid, "circle"},
		{"a link to nothing", func(t *testing.T, path string) string {
			symlink(t, path+"-gone", path)
			return path
		}, pluginsdk.ErrInvalid, "link to nothing"},
		{"a name too long", func(_ *testing.T, path string) string {
			return path + strings.Repeat("x", 300)
		}, pluginsdk.ErrInvalid, "path"},
		{"a name with a zero", func(_ *testing.T, path string) string {
			return path + "\x00"
		}, pluginsdk.ErrInvalid, "path"},
		{"writable by the group", mode("", 0o770), pluginsdk.ErrDenied, "other users (mode 0770)"},
		{"writable by all", mode("", 0o702), pluginsdk.ErrDenied, "other users (mode 0702)"},
		{"without a write bit", mode("", 0o500), pluginsdk.ErrDenied, "read-only"},
		{"without any bit", mode("", 0), pluginsdk.ErrDenied, "read-only"},
		{"a tree writable by all", mode("workspace", 0o777), pluginsdk.ErrDenied, "other users"},
		{"a tree without a write bit", mode("run", 0o555), pluginsdk.ErrDenied, "read-only"},
		{"a file in the tree", func(t *testing.T, path string) string {
			mkdir(t, path, 0o700)
			put(t, filepath.Join(path, "cache"), "x")
			return path
		}, pluginsdk.ErrInvalid, "is a file"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "home")
			target := c.make(t, path)
			var before map[string]string
			if os.Geteuid() == 0 {
				before = tree(t, dir)
			}
			t.Cleanup(func() { _ = os.Chmod(path, 0o700) }) // so that it can be removed
			_, err := home.Open(t.Context(), target)
			var e *pluginsdk.Error
			if !errors.As(err, &e) || !errors.Is(err, c.kind) || !strings.Contains(e.Message, c.says) || e.Next == "" {
				t.Fatalf("error is %#v: %v", e, err)
			}
			if target != "" && !strings.Contains(e.Message, path) {
				t.Errorf("%q does not name %s", e.Message, path)
			}
			// What is refused for itself is left as it was; only a fault inside
			// the tree shows after its neighbours were made.
			if before != nil && !strings.Contains(c.name, "tree") {
				if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
					t.Errorf("it was changed (-before +after):\n%s", diff)
				}
			}
		})
	}
}

func TestOpenRefusesOtherOwner(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a folder to another user")
	}
	for _, sub := range []string{"", "run"} {
		path := filepath.Join(t.TempDir(), "home")
		if _, err := home.Open(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(path, sub), 12345, 12345); err != nil {
			t.Fatal(err)
		}
		_, err := home.Open(t.Context(), path)
		if !errors.Is(err, pluginsdk.ErrDenied) || !strings.Contains(err.Error(), "belongs to user 12345") ||
			!strings.Contains(err.Error(), filepath.Join(path, sub)) {
			t.Errorf("%q of another user: %v", sub, err)
		}
	}
}

func TestOpenRefusesSystemFolder(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	if os.Geteuid() == 0 {
		t.Skip("needs a user for whom / is another user's")
	}
	if _, err := home.Open(t.Context(), "/"); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("/: %v, want denied", err)
	}
	if _, err := home.Open(t.Context(), "/cowork-home"); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("/cowork-home: %v, want denied", err)
	}
}

func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "home")
	if _, err := home.Open(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a cancelled Open left %s: %v", path, err)
	}
}

func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b", "home")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := home.Open(t.Context(), path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(tree(t, path)); got != 5 {
		t.Errorf("%d entries, want 5: %v", got, tree(t, path))
	}
}

func mkdir(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Mkdir(path, mode); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	if _, err := home.OpenReadOnly(t.Context(), dir); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("a home there is not: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
	if _, err := home.Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if h, err := home.OpenReadOnly(t.Context(), dir); err != nil || h.Path() != dir {
		t.Errorf("a home that is there: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := home.OpenReadOnly(t.Context(), dir); !errors.Is(err, pluginsdk.ErrUnsupported) {
		t.Errorf("a newer home: %v", err)
	}
}
