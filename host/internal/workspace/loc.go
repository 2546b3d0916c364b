package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// loc is a name in an opened folder. Nothing reached through it leaves that
// folder, whatever happens to the names on the way.
type loc struct {
	root *os.Root
	rel  string
}

func (l loc) path() string       { return filepath.FromSlash(l.rel) }
func (l loc) host() string       { return hostPath(l.root.Name(), l.rel) }
func (l loc) dir() loc           { return loc{l.root, path.Dir(l.rel)} }
func (l loc) base() string       { return path.Base(l.rel) }
func (l loc) in(name string) loc { return loc{l.root, path.Join(l.rel, name)} }

// lstat describes the file without following a link.
func (l loc) lstat() (fs.FileInfo, error) { return l.root.Lstat(l.path()) }

// missing tells whether nothing has the name. An error other than that is
// returned.
func (l loc) missing() (bool, error) {
	_, err := l.lstat()
	if err == nil {
		return false, nil
	}
	if errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
		return true, nil
	}
	return false, err
}

// openDir opens the folder the name is.
func (l loc) openDir() (*os.File, error) {
	dir, err := l.root.OpenFile(l.path(), os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := dir.Stat()
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: l.rel, Err: errNotDir}
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// openRegular opens a regular file for reading without following a link in
// the last component and without waiting for whoever is behind a pipe.
func (l loc) openRegular() (*os.File, fs.FileInfo, error) {
	before, err := l.lstat()
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, irregular(l.host(), before.Mode())
	}
	f, err := l.root.OpenFile(l.path(), os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(before, info) {
		err = conflict("try again", "%s was replaced while it was being opened", l.host())
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// irregular is the error for what cannot be read or written as a file.
func irregular(hostPath string, mode fs.FileMode) error {
	switch {
	case mode.IsDir():
		return invalid("name a file in it", "%s is a folder", hostPath)
	case mode&fs.ModeSymlink != 0:
		return denied("use the file it points to", "%s is a symbolic link", hostPath)
	}
	return denied("use a regular file", "%s is not a regular file", hostPath)
}

// rootSet maps host paths of folders to their opened handles.
type rootSet map[string]*os.Root

// rootHolder opens folders on demand and closes those it opened.
type rootHolder struct {
	given  rootSet
	opened rootSet
}

func (h *rootHolder) root(hostPath string) (*os.Root, error) {
	if r := h.given[hostPath]; r != nil {
		return r, nil
	}
	if r := h.opened[hostPath]; r != nil {
		return r, nil
	}
	r, err := os.OpenRoot(hostPath)
	if err != nil {
		return nil, diskError("open folder", hostPath, err)
	}
	if h.opened == nil {
		h.opened = rootSet{}
	}
	h.opened[hostPath] = r
	return r, nil
}

func (h *rootHolder) loc(root, rel string) (loc, error) {
	r, err := h.root(root)
	return loc{r, rel}, err
}

func (h *rootHolder) close() {
	for _, r := range h.opened {
		r.Close()
	}
	h.opened = nil
}
