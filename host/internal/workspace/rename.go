package workspace

import (
	"errors"
	"io/fs"
	"os"
)

// renameNewSlow is renameNew where the system cannot say "but do not replace".
// A link and an unlink are as good for files; folders, and disks without
// links, are left with a look before the rename.
func renameNewSlow(from, to loc) error {
	info, err := from.lstat()
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() && from.root == to.root {
		err := from.root.Link(from.path(), to.path())
		if err == nil {
			return from.root.Remove(from.path())
		}
		if errors.Is(err, fs.ErrExist) {
			// A crash between the link and the unlink left both.
			if there, serr := to.lstat(); serr == nil && os.SameFile(info, there) {
				return from.root.Remove(from.path())
			}
			return err
		}
	}
	gone, err := to.missing()
	if err != nil {
		return err
	}
	if !gone {
		return &os.LinkError{Op: "rename", Old: from.rel, New: to.rel, Err: fs.ErrExist}
	}
	if from.root == to.root {
		return from.root.Rename(from.path(), to.path())
	}
	return os.Rename(from.host(), to.host())
}

// backOf is where replace keeps the old file on a disk that cannot exchange
// two names.
func backOf(tmp loc) loc {
	return tmp.dir().in(tmp.base()[:len(tmp.base())-len(tempSuffix)] + ".old" + tempSuffix)
}

// replaceSlow puts the file tmp in the place of target, which ends up as tmp,
// on a disk that cannot exchange two names. It may be called again after a
// crash anywhere inside it.
func (s *Store) replaceSlow(tmp, target loc) error {
	back := backOf(tmp)
	gone, err := back.missing()
	if err != nil {
		return err
	}
	if gone {
		if err := s.rename(target, back); err != nil {
			return err
		}
	}
	if gone, err = tmp.missing(); err != nil {
		return err
	}
	if !gone {
		if err := s.rename(tmp, target); err != nil {
			return err
		}
	}
	return s.rename(back, tmp)
}

// undoReplaceSlow takes back what replaceSlow did before it met an error.
func (s *Store) undoReplaceSlow(tmp, target loc) error {
	back := backOf(tmp)
	gone, err := back.missing()
	if gone || err != nil {
		return err
	}
	if gone, err = tmp.missing(); err != nil {
		return err
	}
	if gone {
		if err := s.rename(target, tmp); err != nil {
			return err
		}
	}
	return s.rename(back, target)
}

// rename renames without ever replacing.
func (s *Store) rename(from, to loc) error {
	if err := s.at("rename", to.host()); err != nil {
		return err
	}
	return renameNew(from, to)
}
