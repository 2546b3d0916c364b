package workspace_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestFullDisk(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	for _, where := range []string{"granted folder", "store"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			small := mountTmpfs(t, "3m")
			b := benchIn(t, t.TempDir(), t.TempDir())
			if where == "store" {
				b.opt.Dir = filepath.Join(small, "store")
			} else {
				b.dir = filepath.Join(small, "docs")
			}
			if err := os.MkdirAll(b.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			b.put("old.bin", big[:1<<19])
			before := tree(t, b.dir)
			s := b.step(b.workspace("t"), "s")
			err := func() error {
				for _, name := range []string{"a.bin", "b.bin", "old.bin", "sub/c.bin"} {
					f, err := s.Write(name)
					if err != nil {
						return err
					}
					if _, err = io.WriteString(f, big); err != nil {
						return errors.Join(err, f.Close())
					}
					if err := f.Close(); err != nil {
						return err
					}
				}
				_, err := s.Apply(t.Context())
				return err
			}()
			if !errors.Is(err, pluginsdk.ErrUnavailable) || !strings.Contains(err.Error(), "disk is full") || !strings.Contains(err.Error(), small) {
				t.Errorf("got %v", err)
			}
			same(t, "folder", before, tree(t, b.dir))
			// After making room it works.
			if where == "granted folder" {
				s = b.step(b.workspace("t"), "again")
				write(t, s, "a.bin", big)
				b.apply(s)
			}
		})
	}
}

func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := mountTmpfs(t, "1m")
	b := benchIn(t, t.TempDir(), dir)
	b.put("a.txt", "a")
	if err := unix.Mount("none", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skip("cannot remount:", err)
	}
	s := b.step(b.workspace("t"), "s")
	for _, open := range []func(string) (*workspace.File, error){s.Create, s.Write} {
		if _, err := open("a.txt"); !errors.Is(err, pluginsdk.ErrDenied) || !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v", err)
		}
	}
}

func TestImmutableFolder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("fixed/a.txt", "a")
	dir, err := os.Open(filepath.Join(b.dir, "fixed"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	const immutable = 0x10 // FS_IMMUTABLE_FL
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), unix.FS_IOC_SETFLAGS, immutable); err != nil {
		t.Skip("cannot make a folder immutable here:", err)
	}
	t.Cleanup(func() { _ = unix.IoctlSetPointerInt(int(dir.Fd()), unix.FS_IOC_SETFLAGS, 0) })
	s := b.step(b.workspace("t"), "s")
	if _, err := s.Create("fixed/new.txt"); !errors.Is(err, pluginsdk.ErrDenied) || !strings.Contains(err.Error(), "fixed") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyRegularFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := unix.Mkfifo(filepath.Join(b.dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	link(t, "pipe", filepath.Join(b.dir, "to-pipe"))
	s := b.step(b.workspace("t"), "s")
	for _, name := range []string{"pipe", "to-pipe"} {
		if _, err := s.Open(name); !errors.Is(err, pluginsdk.ErrDenied) {
			t.Errorf("open %s: %v", name, err)
		}
		if _, err := s.Write(name); !errors.Is(err, pluginsdk.ErrDenied) {
			t.Errorf("write %s: %v", name, err)
		}
	}
}

// TestSwappedFolder swaps a folder with a link that leads out while files in
// it are read and replaced.
func TestSwappedFolder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("dir/f.txt", "inside")
	b.put("dir.other/f.txt", "inside")
	outside := t.TempDir()
	secret := filepath.Join(outside, "f.txt")
	if err := os.WriteFile(secret, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(rel string) string { return filepath.Join(b.dir, rel) }
	link(t, outside, at("link"))
	w := b.workspace("t")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				for range 30 { // rest a little
					_, _ = os.Stat(secret)
				}
				_ = unix.Renameat2(unix.AT_FDCWD, at("dir"), unix.AT_FDCWD, at("link"), unix.RENAME_EXCHANGE)
			}
		}
	})
	applied := 0
	for n := range 300 {
		s, err := w.Step(t.Context(), "s"+string(rune('a'+n%26))+strings.Repeat("x", n/26))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			f, err := s.Open("dir/f.txt")
			if err != nil {
				continue
			}
			data, err := io.ReadAll(f)
			if err == nil && string(data) == "outside" {
				t.Fatal("read a file outside")
			}
			_ = f.Close()
		}
		if f, err := s.Write("dir/f.txt"); err == nil {
			_, _ = f.WriteString("inside")
			_ = f.Close()
			if _, err := s.Apply(t.Context()); err == nil {
				applied++
			}
		}
		if err := s.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	if data, err := os.ReadFile(secret); err != nil || string(data) != "outside" {
		t.Errorf("outside file: %q, %v", data, err)
	}
	if list, _ := os.ReadDir(outside); len(list) != 1 {
		t.Errorf("left outside: %v", list)
	}
	t.Logf("%d of 300 writes met the folder", applied)
}
