//go:build unix

package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/cowork-host/cowork/pluginsdk"
)

// checkAccess refuses a folder of another user's, one that others can write
// and one nobody can. All of it holds for root, whom the system would let in.
func checkAccess(path string, info fs.FileInfo) error {
	uid, err := owner(info)
	if err != nil {
		return explain(path, err)
	}
	if me := os.Geteuid(); uid != me {
		return &pluginsdk.Error{
			Kind:    pluginsdk.ErrDenied,
			Message: fmt.Sprintf("%s belongs to user %s, not to %s", path, userName(uid), userName(me)),
			Next:    "run cowork as that user or " + otherHome,
		}
	}
	switch mode := info.Mode().Perm(); {
	case mode&0o022 != 0:
		return &pluginsdk.Error{
			Kind:    pluginsdk.ErrDenied,
			Message: fmt.Sprintf("%s can be written by other users (mode %04o)", path, mode),
			Next:    "take their access away: chmod go-w " + strconv.Quote(path),
		}
	case mode&0o200 == 0:
		return readOnly(path)
	}
	return nil
}

func owner(info fs.FileInfo) (int, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("the file system tells no owner")
	}
	return int(st.Uid), nil
}

func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username + " (" + id + ")"
	}
	return id
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// syncDir makes a new directory entry durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
