//go:build unix

package home

import (
	"fmt"
	"io/fs"
	"os"
)

// checkTemp refuses a temporary folder in which others could replace ours.
func checkTemp(temp string) error {
	info, err := os.Stat(temp)
	if err != nil {
		return explain(temp, err)
	}
	uid, err := owner(info)
	if err != nil {
		return explain(temp, err)
	}
	if uid != 0 && uid != os.Geteuid() {
		return taken(temp, "it belongs to user "+userName(uid))
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return taken(temp, "other users can rename what is in it")
	}
	return nil
}

// checkPrivate refuses a folder that is not this user's alone.
func checkPrivate(dir string, info fs.FileInfo) error {
	uid, err := owner(info)
	if err != nil {
		return explain(dir, err)
	}
	if uid != os.Geteuid() {
		return taken(dir, "it belongs to user "+userName(uid))
	}
	if mode := info.Mode().Perm(); mode != 0o700 {
		return taken(dir, fmt.Sprintf("its mode is %04o, not 0700", mode))
	}
	return nil
}
