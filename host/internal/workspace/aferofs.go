package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/afero"

	"github.com/cowork-host/cowork/pluginsdk"
)

var (
	_ fs.ReadDirFile = (*File)(nil)
	_ afero.File     = (*File)(nil)
	_ pluginsdk.File = (*File)(nil)
	_ afero.Fs       = facade{}
)

// AferoFs returns the step as an [afero.Fs] for host tools. Its Create writes
// exactly the name it is given, as [Step.Write]; modes, owners and times
// cannot be set.
func (s *Step) AferoFs() afero.Fs { return facade{s} }

type facade struct{ s *Step }

// clean turns what afero's users pass into a virtual name.
func clean(name string) string {
	name = path.Clean("/" + filepath.ToSlash(name))
	if name == "/" {
		return "."
	}
	return strings.TrimPrefix(name, "/")
}

func (facade) Name() string { return "cowork" }

func (f facade) Create(name string) (afero.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

func (f facade) Open(name string) (afero.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

func (f facade) OpenFile(name string, flag int, _ os.FileMode) (afero.File, error) {
	file, err := f.s.openFile(clean(name), flag)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return file, nil
}

// openFile opens with the flags of [os.OpenFile].
func (s *Step) openFile(name string, flag int) (*File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return s.Open(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.locate(name, false)
	if err != nil {
		return nil, err
	}
	_, err = s.look(p)
	switch {
	case err == nil && flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, conflict("choose another name", "%s exists", name)
	case errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE == 0:
		return nil, err
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	f, err := s.write(name, flag&os.O_TRUNC == 0)
	if err != nil {
		return nil, err
	}
	f.appends = flag&os.O_APPEND != 0
	return f, nil
}

func (f facade) Mkdir(name string, _ os.FileMode) error {
	return pathError("mkdir", name, f.s.Mkdir(clean(name)))
}

func (f facade) MkdirAll(name string, _ os.FileMode) error {
	return pathError("mkdir", name, f.s.MkdirAll(clean(name)))
}

func (f facade) Remove(name string) error { return pathError("remove", name, f.s.Remove(clean(name))) }

func (f facade) RemoveAll(name string) error {
	return pathError("remove", name, f.s.removeAll(clean(name)))
}

func (s *Step) removeAll(name string) error {
	info, err := s.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		list, err := s.ReadDir(name)
		if err != nil {
			return err
		}
		for _, d := range list {
			if err := s.removeAll(path.Join(name, d.Name())); err != nil {
				return err
			}
		}
	}
	return s.Remove(name)
}

func (f facade) Rename(oldName, newName string) error {
	return pathError("rename", oldName, f.s.Rename(clean(oldName), clean(newName)))
}

func (f facade) Stat(name string) (os.FileInfo, error) {
	info, err := f.s.Stat(clean(name))
	return info, pathError("stat", name, err)
}

func (facade) Chmod(name string, _ os.FileMode) error { return unsupported("chmod", name) }

func (facade) Chown(name string, _, _ int) error { return unsupported("chown", name) }

func (facade) Chtimes(name string, _, _ time.Time) error { return unsupported("chtimes", name) }

func unsupported(op, name string) error {
	return pathError(op, name, userError(pluginsdk.ErrUnsupported, errors.ErrUnsupported, "",
		"modes, owners and times of files cannot be changed"))
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
