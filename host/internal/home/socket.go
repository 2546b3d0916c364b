package home

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cowork-host/cowork/pluginsdk"
)

// maxSocket is the longest path of a unix socket that every system takes:
// 104 bytes on macOS, 108 on Linux, with a zero at the end.
const maxSocket = 103

// SocketPath is where the host listens: host.sock in [Home.RunDir]. Where that
// path is too long for a unix socket it is in the folder cowork-UID-HASH of
// the system's temporary folder instead, with a hash of the home's path, so
// that every client of this user finds it (with the same temporary folder).
//
// Anyone may create that name first, so each call makes the folder or checks
// that it is this user's alone and no link; otherwise the error is a
// [pluginsdk.ErrDenied].
func (h *Home) SocketPath() (string, error) {
	// The same folder under two names is the same home and has one socket.
	home, err := filepath.EvalSymlinks(h.path)
	if err != nil {
		return "", explain(h.path, err)
	}
	path := filepath.Join((&Home{path: home}).RunDir(), "host.sock")
	if len(path) <= maxSocket {
		return path, nil
	}
	return fallbackSocket(os.TempDir(), home)
}

func fallbackSocket(temp, home string) (string, error) {
	sum := sha256.Sum256([]byte(home))
	dir := filepath.Join(temp, fmt.Sprintf("cowork-%d-%s", os.Geteuid(), hex.EncodeToString(sum[:8])))
	path := filepath.Join(dir, "host.sock")
	if len(path) > maxSocket {
		return "", pluginsdk.Invalid("use a COWORK_HOME with a shorter path",
			"the paths of %s and of the temporary folder %s are too long for a socket", home, temp)
	}
	if err := checkTemp(temp); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", explain(dir, err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", explain(dir, err)
	}
	if !info.IsDir() {
		return "", taken(dir, "it is not a folder")
	}
	if err := checkPrivate(dir, info); err != nil {
		return "", err
	}
	return path, nil
}

func taken(dir, why string) error {
	return &pluginsdk.Error{
		Kind:    pluginsdk.ErrDenied,
		Message: fmt.Sprintf("the folder for the socket %s is not safe: %s", dir, why),
		Next:    "remove it, or use a COWORK_HOME with a shorter path",
	}
}
