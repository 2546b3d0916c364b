package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// socketName opens the socket base in dir without following links and returns
// a name for it that is short enough to dial.
func socketName(dir, base string) (socketPath, error) {
	fd, err := unix.Open(filepath.Join(dir, base), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return socketPath{}, fmt.Errorf("open the plugin's socket: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		_ = unix.Close(fd) // the error that counts is known
		return socketPath{}, fmt.Errorf("the plugin offers %.80q, which is not a socket", base)
	}
	return socketPath{path: "/proc/self/fd/" + strconv.Itoa(fd), file: os.NewFile(uintptr(fd), base)}, nil
}
