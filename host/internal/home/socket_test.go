//go:build unix

package home

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cowork-host/cowork/pluginsdk"
)

// shortTemp is a folder whose path leaves room for a socket.
func shortTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "cw") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func listen(t *testing.T, path string) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatalf("%s (%d bytes): %v", path, len(path), err)
	}
	l.Close()
}

func TestSocketPath(t *testing.T) {
	t.Parallel()
	base := shortTemp(t)
	room := maxSocket - len(base+"//run/host.sock")
	for name, n := range map[string]int{"short": 5, "as long as it may be": room, "one byte too long": room + 1, "long": 200} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(base, strings.Repeat("h", n))
			h, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := h.SocketPath()
			if err != nil {
				t.Fatal(err)
			}
			inside := got == filepath.Join(path, "run", "host.sock")
			if inside != (n <= room) || len(got) > maxSocket {
				t.Fatalf("socket is %s", got)
			}
			listen(t, got)
			if inside {
				return
			}
			dir := filepath.Dir(got)
			defer os.RemoveAll(dir)
			if want := fmt.Sprintf("cowork-%d-", os.Geteuid()); !strings.HasPrefix(filepath.Base(dir), want) {
				t.Errorf("folder is %s, want %s…", dir, want)
			}
			info, err := os.Lstat(dir)
			if err != nil || info.Mode() != fs.ModeDir|0o700 {
				t.Errorf("folder has mode %v, %v", info.Mode(), err)
			}
			// A second look, and one by another name, find the same.
			link := filepath.Join(base, "l"+fmt.Sprint(n))
			if err := os.Symlink(path, link); err != nil {
				t.Fatal(err)
			}
			for _, h := range []*Home{h, {path: link}} {
				if again, err := h.SocketPath(); again != got || err != nil {
					t.Errorf("second look at %s: %s, %v", h.path, again, err)
				}
			}
		})
	}
}

func TestFallbackSocketRefuses(t *testing.T) {
	t.Parallel()
	const home = "/the/home"
	cases := []struct {
		name string
		// make spoils the temporary folder or dir, the name to be taken in it.
		make func(t *testing.T, temp, dir string)
		says string
		root bool
	}{
		{"a file", func(t *testing.T, _, dir string) {
			must(t, os.WriteFile(dir, nil, 0o600))
		}, "not a folder", false},
		{"a link to a private folder", func(t *testing.T, temp, dir string) {
			must(t, os.Mkdir(filepath.Join(temp, "trap"), 0o700))
			must(t, os.Symlink(filepath.Join(temp, "trap"), dir))
		}, "not a folder", false},
		{"a link to nothing", func(t *testing.T, temp, dir string) {
			must(t, os.Symlink(filepath.Join(temp, "trap"), dir))
		}, "not a folder", false},
		{"others may read", func(t *testing.T, _, dir string) {
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.Chmod(dir, 0o755))
		}, "mode is 0755", false},
		{"others may write", func(t *testing.T, _, dir string) {
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.Chmod(dir, 0o722))
		}, "mode is 0722", false},
		{"another user was first", func(t *testing.T, _, dir string) {
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.Chown(dir, 12345, 12345))
		}, "belongs to user 12345", true},
		{"a temporary folder of another user", func(t *testing.T, temp, _ string) {
			must(t, os.Chown(temp, 12345, 12345))
		}, "belongs to user 12345", true},
		{"a temporary folder without the sticky bit", func(t *testing.T, temp, _ string) {
			must(t, os.Chmod(temp, 0o777))
		}, "rename", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.root && os.Geteuid() != 0 {
				t.Skip("needs root to give a folder to another user")
			}
			// Where the folder will be is learnt from a clean run.
			temp := shortTemp(t)
			good, err := fallbackSocket(temp, home)
			must(t, err)
			must(t, os.Remove(filepath.Dir(good)))
			c.make(t, temp, filepath.Dir(good))
			path, err := fallbackSocket(temp, home)
			if !errors.Is(err, pluginsdk.ErrDenied) || !strings.Contains(err.Error(), c.says) || path != "" {
				t.Errorf("%q, %v", path, err)
			}
		})
	}
	t.Run("a long temporary folder", func(t *testing.T) {
		t.Parallel()
		if _, err := fallbackSocket("/"+strings.Repeat("t", 90), home); !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("a sticky temporary folder", func(t *testing.T) {
		t.Parallel()
		temp := shortTemp(t)
		must(t, os.Chmod(temp, 0o777|fs.ModeSticky))
		one, err := fallbackSocket(temp, home)
		must(t, err)
		two, err := fallbackSocket(temp, home+"2")
		must(t, err)
		if one == two {
			t.Errorf("two homes share the socket %s", one)
		}
	})
}

func TestExplain(t *testing.T) {
	t.Parallel()
	cases := []struct {
		err  error
		kind error
		says string
	}{
		{syscall.ENOSPC, pluginsdk.ErrUnavailable, "no space"},
		{syscall.EDQUOT, pluginsdk.ErrUnavailable, "no space"},
		{syscall.EROFS, pluginsdk.ErrDenied, "read-only"},
		{syscall.EACCES, pluginsdk.ErrDenied, "permission"},
		{syscall.EPERM, pluginsdk.ErrDenied, "permission"},
		{syscall.ELOOP, pluginsdk.ErrInvalid, "circle"},
		{syscall.ENOTDIR, pluginsdk.ErrInvalid, "not a folder"},
		{syscall.ENAMETOOLONG, pluginsdk.ErrInvalid, "path"},
		{syscall.EIO, pluginsdk.ErrUnavailable, "input/output error"},
	}
	for _, c := range cases {
		wrapped := errors.Join(fmt.Errorf("write: %w", &fs.PathError{Op: "write", Path: "/h/.probe-1", Err: c.err}))
		var e *pluginsdk.Error
		if err := explain("/h", wrapped); !errors.As(err, &e) || !errors.Is(err, c.kind) ||
			!strings.Contains(e.Message, c.says) || !strings.Contains(e.Message, "/h") || e.Next == "" {
			t.Errorf("%v: %v", c.err, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
