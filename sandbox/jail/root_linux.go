//go:build linux && (amd64 || arm64)

package jail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// devices are the only ones there are; the host's are shown.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// libraries are shown to a dynamically linked program, as far as they exist.
var libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"}

// tree is a detached mount, ready to be put into the new root.
type tree struct {
	fd     int
	target string
	rights uint64 // for Landlock
	dir    bool
	// own is a target the jail chose itself.
	own bool
}

// readExe finds out whether the executable needs the system's libraries.
func (j *jailed) readExe() error {
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", exeFD))
	if err != nil {
		return err
	}
	defer f.Close()
	j.dynamic, err = isDynamic(f)
	return err
}

func privateMounts() error {
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// openTrees opens everything that will be visible, while the host's paths are.
func (j *jailed) openTrees() error {
	for _, d := range devices {
		if err := j.openTree(d, tree{target: d, rights: fileWrite, own: true}, 0); err != nil {
			return err
		}
	}
	if j.dynamic {
		for _, l := range libraries {
			err := j.openTree(l, tree{target: l, rights: dirRead, own: true}, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NODEV)
			if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ELOOP) {
				return err
			}
		}
	}
	for _, m := range j.Mounts {
		t := tree{fd: m.FD, target: m.Target, rights: dirRead}
		attr := uint64(unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY)
		if m.Writable {
			t.rights, attr = dirWrite, unix.MOUNT_ATTR_NODEV
		}
		if err := j.openTree(m.Source, t, attr); err != nil {
			return err
		}
	}
	return nil
}

// openTree clones the mounts below a path, unless the host has, and limits
// what can be done through the clone. A symbolic link is not followed.
func (j *jailed) openTree(path string, t tree, attr uint64) error {
	if t.fd == 0 {
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFLNK {
			return fmt.Errorf("open %s: %w", path, unix.ELOOP)
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|
			unix.AT_RECURSIVE|unix.AT_SYMLINK_NOFOLLOW)
		if err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
		t.fd = fd
	}
	var st unix.Stat_t
	if err := unix.Fstat(t.fd, &st); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return fmt.Errorf("open %s: %w", path, unix.ELOOP)
	}
	t.dir = st.Mode&unix.S_IFMT == unix.S_IFDIR
	err := unix.MountSetattr(t.fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE,
		&unix.MountAttr{Attr_set: attr | unix.MOUNT_ATTR_NOSUID})
	if err != nil {
		return fmt.Errorf("limit the mount of %s: %w", path, err)
	}
	j.trees = append(j.trees, t)
	return nil
}

// makeRoot mounts an empty file system over a folder that every system has.
func (j *jailed) makeRoot() error {
	for _, d := range []string{"/tmp", "/run", "/var", "/proc"} {
		if info, err := os.Stat(d); err == nil && info.IsDir() {
			j.base = d
			break
		}
	}
	options := fmt.Sprintf("mode=755,size=1m,nr_inodes=4k,uid=%d,gid=%d", insideID, insideID)
	if err := unix.Mount("jail", j.base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return err
	}
	for _, d := range []string{"/proc", "/tmp", "/dev", "/etc", "/usr"} {
		if err := os.Mkdir(j.base+d, 0o755); err != nil {
			return err
		}
	}
	for name, to := range map[string]string{"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"} {
		if err := os.Symlink("/proc/self/fd"+to, filepath.Join(j.base, "dev", name)); err != nil {
			return err
		}
	}
	if !j.dynamic {
		return nil
	}
	for _, l := range libraries { // "/lib" is a link to "usr/lib" on most systems
		to, err := os.Readlink(l)
		if err != nil {
			continue
		}
		if err := os.Symlink(to, j.base+l); err != nil {
			return err
		}
	}
	return nil
}

// mountProc shows the jail's own processes, to each its own, and nothing of
// the system.
func (j *jailed) mountProc() error {
	return unix.Mount("proc", j.base+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY,
		"hidepid=invisible,subset=pid")
}

func (j *jailed) mountTmp() error {
	options := fmt.Sprintf("mode=1777,size=%d,nr_inodes=64k,uid=%d,gid=%d", j.Limits.TempBytes, insideID, insideID)
	return unix.Mount("tmp", j.base+"/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options)
}

// mountTrees puts the trees in place. A target below another mount's target
// must exist there already: nothing is ever created in a host folder.
func (j *jailed) mountTrees() error {
	root, err := unix.Open(j.base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(root) //nolint:errcheck // a path descriptor
	for i, t := range j.trees {
		if !inside(t.target, j.trees[:i]) {
			if err := makeTarget(j.base+t.target, t.dir); err != nil {
				return fmt.Errorf("make %s: %w", t.target, err)
			}
		}
		at, err := unix.Openat2(root, strings.TrimPrefix(t.target, "/"), &unix.OpenHow{
			Flags: unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS,
		})
		if err != nil {
			return fmt.Errorf("find %s: %w", t.target, err)
		}
		err = unix.MoveMount(t.fd, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
		if err := errors.Join(err, unix.Close(at), unix.Close(t.fd)); err != nil {
			return fmt.Errorf("at %s: %w", t.target, err)
		}
	}
	return nil
}

func inside(target string, trees []tree) bool {
	for _, t := range trees {
		if strings.HasPrefix(target, t.target+"/") {
			return true
		}
	}
	return false
}

func makeTarget(path string, dir bool) error {
	if dir {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// enterRoot makes the new root the only one and read-only.
func (j *jailed) enterRoot() error {
	if err := unix.Chdir(j.base); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot: %w", err)
	}
	// The old root lies over the new one at the same place.
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if err != nil {
		return fmt.Errorf("make it read-only: %w", err)
	}
	j.devNull, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	return err
}

// prepareLandlock allows what the root shows, so that Landlock holds should
// the mounts not.
func (j *jailed) prepareLandlock() (err error) {
	if j.rules, err = newRuleset(); err != nil {
		return err
	}
	var errs []error
	errs = append(errs, j.rules.allow(exeFD, fileRead),
		j.rules.allowPath("/", unix.LANDLOCK_ACCESS_FS_READ_DIR),
		j.rules.allowPath("/proc", dirRead&^unix.LANDLOCK_ACCESS_FS_EXECUTE),
		j.rules.allowPath("/tmp", dirWrite))
	for _, t := range j.trees {
		errs = append(errs, j.rules.allowPath(t.target, t.rights))
	}
	return errors.Join(errs...)
}
