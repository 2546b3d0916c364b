package home_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cowork-host/cowork/host/internal/home"
	"github.com/cowork-host/cowork/pluginsdk"
)

// childEnv makes the test binary a host that holds the lock until it is killed
// or its standard input ends.
const childEnv = "COWORK_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		hold(path)
		return
	}
	os.Exit(m.Run())
}

func hold(path string) {
	h, err := home.Open(context.Background(), path)
	if err == nil {
		_, err = h.Lock()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func openHome(t *testing.T) *home.Home {
	t.Helper()
	h, err := home.Open(t.Context(), filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantHeld(t *testing.T, h *home.Home, pid int) {
	t.Helper()
	_, err := h.Lock()
	var e *pluginsdk.Error
	if !errors.As(err, &e) || !errors.Is(err, pluginsdk.ErrConflict) || e.Next == "" ||
		!strings.Contains(e.Message, fmt.Sprintf("(process %d)", pid)) || !strings.Contains(e.Message, h.Path()) {
		t.Errorf("a second lock: %v", err)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	l, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	wantHeld(t, h, os.Getpid())
	for range 2 {
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
	again, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil { // once more: must not free the new one
		t.Fatal(err)
	}
	wantHeld(t, h, os.Getpid())
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockOneWinner(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	var won atomic.Int32
	var wg sync.WaitGroup
	locks := make([]*home.Lock, 16)
	for i := range locks {
		wg.Go(func() {
			l, err := h.Lock()
			switch {
			case err == nil:
				won.Add(1)
				locks[i] = l
			case !errors.Is(err, pluginsdk.ErrConflict):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d hosts have the lock", won.Load())
	}
	for _, l := range locks {
		if l != nil {
			if err := l.Release(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestLockOfKilledHost(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+h.Path())
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "locked\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	wantHeld(t, h, cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	l, err := h.Lock()
	if err != nil {
		t.Fatalf("lock after the host was killed: %v", err)
	}
	wantHeld(t, h, os.Getpid())
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockFileFaults(t *testing.T) {
	t.Parallel()
	h := openHome(t)
	path := filepath.Join(h.RunDir(), "host.lock")
	put(t, path, "what is this, a very long text in place of a process id")
	l, err := h.Lock()
	if err != nil {
		t.Fatalf("a lock file with odd content: %v", err)
	}
	put(t, path, "garbage")
	if _, err := h.Lock(); !errors.Is(err, pluginsdk.ErrConflict) || !strings.Contains(err.Error(), "process unknown") {
		t.Errorf("a held lock file with odd content: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	mkdir(t, path, 0o700)
	var e *pluginsdk.Error
	if _, err := h.Lock(); !errors.As(err, &e) || !strings.Contains(e.Message, path) {
		t.Errorf("a folder in place of the lock file: %v", err)
	}
}
