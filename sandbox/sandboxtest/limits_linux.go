package sandboxtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/sandbox"
)

// limits checks that what a process may use is bounded, and that the bound is
// the one that was asked for.
func (h *harness) limits(t *testing.T) {
	t.Parallel()
	t.Run("memory", h.memory)
	t.Run("processes", h.processLimit)
	t.Run("open files", h.openFiles)
	t.Run("file size", h.fileSize)
	t.Run("/tmp", h.tmpSize)
	t.Run("defaults", h.defaults)
}

func (h *harness) memory(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("the race detector maps more than any limit")
	}
	box := h.create(t)
	limit := sandbox.Limits{MemoryBytes: 256 << 20}
	s := spec(t, "alloc", "32")
	s.Limits = limit
	if got := runIn(t, box, s); got.out != "allocated 32" {
		t.Errorf("32 of 256 MiB: %v", got.Exit)
	}
	s = spec(t, "alloc", "1024")
	s.Limits = limit
	if got := runIn(t, box, s); got.Exit == (sandbox.Exit{}) || strings.HasPrefix(got.out, "allocated") {
		t.Errorf("1024 of 256 MiB: %v %s", got.Exit, got.out)
	}
}

// number runs a payload that prints how much it got.
func (h *harness) number(t *testing.T, s *sandbox.Spec) int {
	t.Helper()
	got := h.run(t, s)
	n, err := strconv.Atoi(got.out)
	if err != nil {
		t.Fatalf("it prints no number: %+v", got)
	}
	return n
}

// processLimit: a fork bomb stops at the limit and goes with its sandbox.
func (h *harness) processLimit(t *testing.T) {
	t.Parallel()
	s := spec(t, "fork", "500")
	s.Limits.Processes = 64
	box := h.create(t)
	var out strings.Builder
	s.Stdout = &out
	exit := wait(t, start(t, box, s))
	if n, err := strconv.Atoi(strings.TrimSpace(out.String())); err == nil && n > 64 || exit == (sandbox.Exit{}) && err != nil {
		t.Errorf("it got %q processes of 64 (%+v)", out.String(), exit)
	}
}

func (h *harness) openFiles(t *testing.T) {
	t.Parallel()
	s := spec(t, "open", "500")
	s.Limits.OpenFiles = 64
	if n := h.number(t, s); n < 32 || n > 64 {
		t.Errorf("it opened %d of 64", n)
	}
}

func (h *harness) fileSize(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s := spec(t, "fill", "/work/big", "64")
	s.Mounts = []sandbox.Mount{{Source: dir, Target: "/work", Writable: true}}
	s.Limits.FileBytes = 8 << 20
	if n := h.number(t, s); n != 8 {
		t.Errorf("it wrote %d of 8 MiB", n)
	}
	if info, err := os.Stat(filepath.Join(dir, "big")); err != nil || info.Size() != 8<<20 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

func (h *harness) tmpSize(t *testing.T) {
	t.Parallel()
	s := spec(t, "fill", "/tmp/big", "64")
	s.Limits.TempBytes = 16 << 20
	if n := h.number(t, s); n < 14 || n > 16 {
		t.Errorf("it wrote %d of 16 MiB", n)
	}
}

// defaults: no limit means the backend's own, not none.
func (h *harness) defaults(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(h.run(t, spec(t, "read", "/proc/self/limits")).out) {
		for _, name := range []string{"Max core file size", "Max file size", "Max processes", "Max open files", "Max address space", "Max data size"} {
			if strings.HasPrefix(line, name) && strings.Contains(line, "unlimited") {
				t.Error(strings.TrimSpace(line))
			}
		}
	}
}
