package sandboxtest

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/sandbox"
)

// mounts checks what a process can do with what it is given.
func (h *harness) mounts(t *testing.T) {
	t.Parallel()
	t.Run("read", h.readMount)
	t.Run("write", h.writeMount)
	t.Run("socket", h.socketMount)
	if !h.Isolated {
		return
	}
	t.Run("read-only", h.readOnlyMount)
	t.Run("a file", h.fileMount)
	t.Run("one inside another", h.nestedMount)
	t.Run("at its own path", h.ownPath)
	t.Run("bad targets", h.badTargets)
}

// private is a folder only the host's user may enter, with a file only it may
// read.
func private(t *testing.T, content string) string {
	t.Helper()
	dir := shortDir(t)
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (h *harness) readMount(t *testing.T) {
	t.Parallel()
	dir := private(t, "content")
	s := spec(t, "read", h.target(dir)+"/file")
	s.Mounts = []sandbox.Mount{{Source: dir, Target: h.target(dir)}}
	if got := h.run(t, s); got.out != "content" {
		t.Errorf("got %+v", got)
	}
}

// writeMount: what the process makes belongs to who owns the folder.
func (h *harness) writeMount(t *testing.T) {
	t.Parallel()
	dir := private(t, "before")
	box := h.create(t)
	for _, name := range []string{"file", "new"} {
		s := spec(t, "write", h.target(dir)+"/"+name, "after")
		s.Mounts = []sandbox.Mount{{Source: dir, Target: h.target(dir), Writable: true}}
		if got := runIn(t, box, s); got.out != "written" {
			t.Errorf("%s: got %+v", name, got)
		}
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != "after" {
			t.Errorf("%s: the host reads %q, %v", name, data, err)
		}
	}
}

// socketMount: the host and the process find each other through a folder.
func (h *harness) socketMount(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s := spec(t, "serve", h.target(dir)+"/plugin")
	s.Mounts = []sandbox.Mount{{Source: dir, Target: h.target(dir), Writable: true}}
	startSaying(t, h.create(t), s, "serving")
	conn, err := net.DialTimeout("unix", filepath.Join(dir, "plugin"), patience) //nolint:noctx // it has a timeout
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 5)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "hello" {
		t.Errorf("got %q, %v", answer, err)
	}
}

func (h *harness) readOnlyMount(t *testing.T) {
	t.Parallel()
	dir := private(t, "content")
	if err := os.Chmod(dir, 0o777); err != nil { // permissions are not what stops it
		t.Fatal(err)
	}
	box := h.create(t)
	for _, verb := range [][]string{{"write", "/work/file", "x"}, {"write", "/work/new", "x"}, {"remove", "/work/file"}} {
		s := spec(t, verb[0], verb[1:]...)
		s.Mounts = []sandbox.Mount{{Source: dir, Target: "/work"}}
		if got := runIn(t, box, s); got.Code != 1 {
			t.Errorf("%v: got %+v", verb, got)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(data) != "content" {
		t.Errorf("the file is now %q, %v", data, err)
	}
}

func (h *harness) fileMount(t *testing.T) {
	t.Parallel()
	dir := private(t, "one file")
	s := spec(t, "read", "/in/some/where")
	s.Mounts = []sandbox.Mount{{Source: filepath.Join(dir, "file"), Target: "/in/some/where"}}
	if got := h.run(t, s); got.out != "one file" {
		t.Errorf("got %+v", got)
	}
}

func (h *harness) nestedMount(t *testing.T) {
	t.Parallel()
	outer, inner := private(t, "outer"), private(t, "inner")
	if err := os.Mkdir(filepath.Join(outer, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	box := h.create(t)
	mounts := []sandbox.Mount{{Source: inner, Target: "/work/sub", Writable: true}, {Source: outer, Target: "/work"}}
	for _, c := range []struct{ verb, want string }{
		{"read /work/file", "outer"},
		{"read /work/sub/file", "inner"},
		{"write /work/sub/new x", "written"},
	} {
		f := strings.Fields(c.verb)
		s := spec(t, f[0], f[1:]...)
		s.Mounts = mounts
		if got := runIn(t, box, s); got.out != c.want {
			t.Errorf("%s: got %+v", c.verb, got)
		}
	}
	// Nothing is made in a host folder to mount upon.
	s := spec(t, "echo")
	s.Mounts = []sandbox.Mount{{Source: outer, Target: "/work", Writable: true}, {Source: inner, Target: "/work/absent"}}
	if _, err := box.Start(t.Context(), s); err == nil {
		t.Error("a mount upon a place that a host folder does not have")
	}
	if _, err := os.Stat(filepath.Join(outer, "absent")); err == nil {
		t.Error("the place was made in the host's folder")
	}
}

func (h *harness) ownPath(t *testing.T) {
	t.Parallel()
	dir := private(t, "content")
	s := spec(t, "read", dir+"/file")
	s.Mounts = []sandbox.Mount{{Source: dir, Target: dir}}
	if got := h.run(t, s); got.out != "content" {
		t.Errorf("got %+v", got)
	}
}

func (h *harness) badTargets(t *testing.T) {
	t.Parallel()
	dir := private(t, "content")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/etc", link); err != nil {
		t.Fatal(err)
	}
	box := h.create(t)
	for name, mounts := range map[string][]sandbox.Mount{
		"over the root":     {{Source: dir, Target: "/"}},
		"over /proc":        {{Source: dir, Target: "/proc"}},
		"below /proc":       {{Source: dir, Target: "/proc/self"}},
		"below /dev":        {{Source: dir, Target: "/dev/x"}},
		"relative target":   {{Source: dir, Target: "work"}},
		"relative source":   {{Source: "work", Target: "/work"}},
		"dots":              {{Source: dir, Target: "/work/../../x"}},
		"empty":             {{Source: dir}},
		"twice":             {{Source: dir, Target: "/work"}, {Source: dir, Target: "/work"}},
		"a symbolic link":   {{Source: link, Target: "/work"}},
		"a device":          {{Source: "/dev/null", Target: "/work"}},
		"a missing source":  {{Source: dir + "/absent", Target: "/work"}},
		"a zero byte":       {{Source: dir, Target: "/wo\x00rk"}},
		"through a link":    {{Source: filepath.Dir(link), Target: "/work"}, {Source: dir, Target: "/work/link/x"}},
		"a file as a place": {{Source: filepath.Join(dir, "file"), Target: "/f"}, {Source: dir, Target: "/f/x"}},
	} {
		s := spec(t, "echo")
		s.Mounts = mounts
		if p, err := box.Start(t.Context(), s); err == nil {
			t.Errorf("%s: it started: %+v", name, wait(t, p))
		}
	}
}
