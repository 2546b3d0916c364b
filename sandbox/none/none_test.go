//go:build linux

package none_test

import (
	"os"
	"testing"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/none"
	"github.com/cowork-host/cowork/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	sandboxtest.Main(none.New())
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sandboxtest.Run(t, sandboxtest.Options{Backend: none.New()})
}

// TestForeignTarget: a folder cannot be shown where it is not, and the process
// must not run as if it were.
func TestForeignTarget(t *testing.T) {
	t.Parallel()
	box, err := none.New().Create(t.Context(), sandbox.Config{Name: "t", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close() //nolint:errcheck // nothing runs
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	_, err = box.Start(t.Context(), &sandbox.Spec{Exe: exe, Mounts: []sandbox.Mount{{Source: t.TempDir(), Target: "/work"}}})
	if err == nil {
		t.Error("it started")
	}
}
