//go:build !linux

package runtime

import (
	"fmt"
	"os"
	"path/filepath"
)

// socketName checks that base in dir is a socket and not a link.
func socketName(dir, base string) (socketPath, error) {
	path := filepath.Join(dir, base)
	info, err := os.Lstat(path)
	if err != nil {
		return socketPath{}, fmt.Errorf("open the plugin's socket: %w", err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		return socketPath{}, fmt.Errorf("the plugin offers %.80q, which is not a socket", base)
	}
	return socketPath{path: path}, nil
}
