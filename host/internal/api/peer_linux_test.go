package api_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cowork-host/cowork/host/internal/api"
)

// TestOtherUsersAreRefused connects as another user to a socket whose
// permissions would let everybody in.
func TestOtherUsersAreRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can be another user")
	}
	dir, err := os.MkdirTemp("/tmp", "peer-") //nolint:usetesting // the folders above must be open to everybody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", path)
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	srv := api.New(api.Options{Tasks: &fakeTasks{}})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	if answer, err := ask(path, 0); err != nil || len(answer) < 12 || answer[9:12] != "200" {
		t.Fatalf("its own user: %q, %v", answer, err)
	}
	if answer, err := ask(path, 65534); answer != "" {
		t.Errorf("another user got %q, %v", answer, err)
	}
}

// ask sends a request as the user and returns the answer, "" when the
// connection was closed. The user is that of one thread, which ends with it.
func ask(path string, uid int) (answer string, err error) {
	type outcome struct {
		answer string
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		answer, err := askHere(path, uid)
		done <- outcome{answer, err}
	}()
	select {
	case o := <-done:
		return o.answer, o.err
	case <-time.After(10 * time.Second):
		return "", errors.New("no answer at all")
	}
}

func askHere(path string, uid int) (string, error) {
	if uid != 0 {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			return "", errno
		}
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return "", err
	}
	if _, err := io.WriteString(f, http.MethodGet+" /v1/health HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	data, err := io.ReadAll(f)
	return string(data), err
}
