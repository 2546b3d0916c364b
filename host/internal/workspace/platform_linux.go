package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFlags keep an open from following a link, from waiting for a pipe's
// other end and from taking a terminal.
const openFlags = unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_NOCTTY

const errNotDir = syscall.ENOTDIR

func isNotDir(err error) bool   { return errors.Is(err, syscall.ENOTDIR) }
func isNotEmpty(err error) bool { return errors.Is(err, syscall.ENOTEMPTY) }

// isUnsupported tells that the disk does not know an operation.
func isUnsupported(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}

// fileID is what a file is, whatever its name: its inode, its disk and, where
// the file system knows, its birth.
type fileID struct {
	Ino  uint64 `json:"ino,omitempty"`
	Dev  uint64 `json:"dev,omitempty"`
	Born int64  `json:"born,omitempty"` // nanoseconds since 1970, 0 unknown
}

// withParent opens the folder above l for a call that takes a descriptor.
func withParent(l loc, do func(dir int, base string) error) error {
	dir, err := l.root.OpenFile(l.dir().path(), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return do(int(dir.Fd()), l.base())
}

// identify reads the identity of what has the name, not following a link.
func identify(l loc) (fileID, error) {
	var id fileID
	err := withParent(l, func(dir int, base string) error {
		var st unix.Statx_t
		if err := unix.Statx(dir, base, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
			return &fs.PathError{Op: "statx", Path: l.rel, Err: err}
		}
		id = fileID{Ino: st.Ino, Dev: unix.Mkdev(st.Dev_major, st.Dev_minor)}
		if st.Mask&unix.STATX_BTIME != 0 {
			id.Born = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
		}
		return nil
	})
	return id, err
}

// renameNew renames without ever replacing: the error is fs.ErrExist when the
// new name is taken.
func renameNew(from, to loc) error {
	err := renameat2(from, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		return renameNewSlow(from, to)
	}
	return err
}

// exchange swaps two names in one go.
func exchange(a, b loc) error {
	err := renameat2(a, b, unix.RENAME_EXCHANGE)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		return errors.ErrUnsupported
	}
	return err
}

func renameat2(from, to loc, flags uint) error {
	return withParent(from, func(fromDir int, fromBase string) error {
		return withParent(to, func(toDir int, toBase string) error {
			if err := unix.Renameat2(fromDir, fromBase, toDir, toBase, flags); err != nil {
				return &os.LinkError{Op: "rename", Old: from.rel, New: to.rel, Err: err}
			}
			return nil
		})
	})
}

// clone makes dst share the blocks of src where the disk can.
func clone(dst, src *os.File) error {
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
}

// unwritable says why nothing can be made or changed in the open folder (or,
// for a file, why it should not be replaced); nil if it can. Mode bits count
// for the superuser too: a folder nobody may write in is a statement.
func unwritable(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o222 == 0 {
		return syscall.EACCES
	}
	fd := int(f.Fd())
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &st); err == nil &&
		st.Attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0 {
		return syscall.EPERM
	}
	var fsys unix.Statfs_t
	if err := unix.Fstatfs(fd, &fsys); err == nil && fsys.Flags&unix.ST_RDONLY != 0 {
		return syscall.EROFS
	}
	if !info.IsDir() {
		return nil
	}
	if err := unix.Faccessat(fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return err
	}
	return nil
}

// sameMount tells whether a rename between two folders can work: a disk
// mounted twice is two.
func sameMount(a, b loc) bool {
	var ids [2]unix.Statx_t
	for n, l := range []loc{a, b} {
		dir, err := l.root.OpenFile(l.path(), unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return false
		}
		err = unix.Statx(int(dir.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &ids[n])
		dir.Close()
		if err != nil {
			return false
		}
	}
	return ids[0].Dev_major == ids[1].Dev_major && ids[0].Dev_minor == ids[1].Dev_minor && ids[0].Mnt_id == ids[1].Mnt_id
}

// device returns the number of the disk a file lies on.
func device(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Dev
	}
	return 0
}

// dirKey names a folder whatever path led to it.
func dirKey(info fs.FileInfo) (dev, ino uint64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Dev, st.Ino
	}
	return 0, 0
}

// keepOwner gives f the owner of the file it will replace, as far as allowed.
func keepOwner(f *os.File, old fs.FileInfo) {
	want, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	info, err := f.Stat()
	if err != nil {
		return
	}
	if have, ok := info.Sys().(*syscall.Stat_t); ok && (have.Uid != want.Uid || have.Gid != want.Gid) {
		if f.Chown(int(want.Uid), int(want.Gid)) != nil {
			_ = f.Chown(-1, int(want.Gid)) // the group alone is often allowed
		}
	}
}

// topDir returns the folder where the disk that holds the path is mounted.
func topDir(hostPath string) (string, error) {
	info, err := os.Stat(hostPath)
	if err != nil {
		return "", err
	}
	dev := device(info)
	for hostPath != "/" {
		up := filepath.Dir(hostPath)
		info, err := os.Stat(up)
		if err != nil {
			return "", err
		}
		if device(info) != dev {
			break
		}
		hostPath = up
	}
	return hostPath, nil
}

const desktopTrash = true
