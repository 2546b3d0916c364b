//go:build !linux

package workspace

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

const openFlags = 0

const errNotDir = syscall.ENOTDIR

func isNotDir(err error) bool   { return errors.Is(err, syscall.ENOTDIR) }
func isNotEmpty(err error) bool { return errors.Is(err, syscall.ENOTEMPTY) }

func isUnsupported(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}

// fileID is what a file is, whatever its name. It is not known here: a task
// then owns nothing, and removing needs an approval.
type fileID struct {
	Ino  uint64 `json:"ino,omitempty"`
	Dev  uint64 `json:"dev,omitempty"`
	Born int64  `json:"born,omitempty"`
}

func identify(l loc) (fileID, error) {
	_, err := l.lstat()
	return fileID{}, err
}

func renameNew(from, to loc) error { return renameNewSlow(from, to) }

func exchange(_, _ loc) error { return errors.ErrUnsupported }

func clone(_, _ *os.File) error { return errors.ErrUnsupported }

func unwritable(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o222 == 0 {
		return syscall.EACCES
	}
	return nil
}

// sameMount tells whether a rename between two folders can work. It is not
// known here, so files are copied.
func sameMount(_, _ loc) bool { return false }

func device(fs.FileInfo) uint64 { return 0 }

func dirKey(fs.FileInfo) (dev, ino uint64) { return 0, 0 }

func keepOwner(*os.File, fs.FileInfo) {}

func topDir(string) (string, error) { return "", errors.ErrUnsupported }

const desktopTrash = false
