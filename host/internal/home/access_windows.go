package home

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

// checkAccess refuses a folder with the read-only attribute. Who may enter a
// folder is the business of its access list, which a new folder inherits from
// the user's profile.
func checkAccess(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o200 == 0 {
		return readOnly(path)
	}
	return nil
}

func noSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// syncDir does nothing: a folder cannot be synced on Windows.
func syncDir(string) error { return nil }
