package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Create stages a new file. When the name is taken — on disk, in the step, or
// by another running step — the next free numbered name is used; [File.Name]
// tells which. Names that differ only in case or Unicode form count as the
// same. Missing folders are made when the step is applied.
func (s *Step) Create(name string) (*File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.locateNew(name)
	if err != nil {
		return nil, err
	}
	base := p.base()
	for n := 1; ; n++ {
		at := p.dir().join(numbered(base, n))
		taken, err := s.taken(at)
		if err != nil {
			return nil, err
		}
		if !taken && s.reserve(at, true) {
			return s.stage(at, &entry{create: true}, nil)
		}
	}
}

// Write stages the whole new content of exactly this name. The bytes from
// before, if there are any, are kept for undo.
func (s *Step) Write(name string) (*File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(name, false)
}

// write is Write; with old the staged file begins with the bytes from before.
func (s *Step) write(name string, old bool) (*File, error) {
	p, err := s.locateNew(name)
	if err != nil {
		return nil, err
	}
	n, err := s.look(p)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	e := &entry{}
	if err == nil {
		if !n.info.Mode().IsRegular() {
			return nil, irregular(p.host(), n.info.Mode())
		}
		if err := s.checkReplace(n); err != nil {
			return nil, err
		}
		if n.entry != nil && n.entry.bytes != nil {
			e.create = n.entry.create // its name is still free to change
			e.source = n.entry.source
		}
	}
	s.reserve(p, false)
	if !old || err != nil {
		return s.stage(p, e, nil)
	}
	return s.stage(p, e, &n)
}

// checkReplace refuses early what cannot or must not be replaced.
func (s *Step) checkReplace(n node) error {
	if n.disk.grant == nil {
		return nil
	}
	l := loc{n.disk.grant.root, n.disk.rel}
	f, info, err := l.openRegular()
	if err != nil {
		return diskError("read", l.host(), err)
	}
	defer f.Close()
	if err := unwritable(f); err != nil {
		return userError(pluginsdk.ErrDenied, err, "make it writable or choose another name",
			"%s is read-only", l.host())
	}
	limit := s.ws.store.opt.MaxPreImageBytes
	if limit > 0 && info.Size() > limit {
		return userError(pluginsdk.ErrUnavailable, errors.ErrUnsupported,
			"write to a new file instead, or raise the limit for kept file versions",
			"%s is not changed: keeping its %d bytes for undo would exceed the limit of %d bytes", l.host(), info.Size(), limit)
	}
	return nil
}

// stage makes the staged file for a place and opens it.
func (s *Step) stage(p place, e *entry, old *node) (*File, error) {
	if limit := s.ws.store.opt.MaxStagedFiles; s.serial >= limit {
		return nil, tooMuch("the step writes more than %d files", limit)
	}
	s.serial++
	e.bytes = &staged{path: filepath.Join(s.dir, strconv.Itoa(s.serial)), now: s.ws.store.opt.Now}
	if err := s.ws.store.at("stage", e.bytes.path); err != nil {
		return nil, diskError("stage a file in", s.dir, err)
	}
	dst, err := os.OpenFile(e.bytes.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, diskError("stage a file in", s.dir, err)
	}
	f := &File{step: s, name: s.ws.virtual(p), f: dst, bytes: e.bytes, writable: true, at: p, before: s.entries[p]}
	if err := s.hold(f); err != nil {
		return nil, errors.Join(err, os.Remove(e.bytes.path))
	}
	if old != nil {
		if err := s.copyUp(f, *old); err != nil {
			f.shut()
			return nil, err
		}
	}
	e.bytes.begin()
	s.put(p, e)
	return f, nil
}

// put enters something at a place, and the folders above it that do not exist.
func (s *Step) put(p place, e *entry) {
	for up := p.dir(); up.rel != "."; up = up.dir() {
		if _, err := s.look(up); err == nil {
			break
		}
		s.entries[up] = &entry{folder: true, implied: true}
	}
	s.entries[p] = e
}

// copyUp fills a staged file with what the step sees at a place now.
func (s *Step) copyUp(f *File, n node) error {
	var src *os.File
	var err error
	if n.entry != nil && n.entry.bytes != nil {
		src, err = os.Open(n.entry.bytes.path)
	} else {
		src, _, err = loc{n.disk.grant.root, n.disk.rel}.openRegular()
	}
	if err != nil {
		return diskError("read", f.name, err)
	}
	defer src.Close()
	_, _, err = s.ws.store.copyFile(context.Background(), f.f, src, f.bytes.path)
	f.bytes.dirty = true
	return diskError("stage a file in", s.dir, err)
}

// locateNew finds the place for a write and refuses names and folders that
// cannot take one. With several grants a bare name lies in the first.
func (s *Step) locateNew(name string) (place, error) {
	if g := s.ws.grants; len(g) > 1 && !strings.Contains(name, "/") && !slices.Contains(s.ws.names(), name) {
		name = g[0].name + "/" + name
	}
	p, err := s.locate(name, false)
	if err != nil {
		return p, err
	}
	if p.isTop() {
		return p, invalid("name a file in it", "%q is a folder", name)
	}
	if p.grant.readOnly {
		return p, denied(chooseFolder, "%s was granted for reading only", p.grant.path)
	}
	return p, s.checkTarget(p)
}

// checkTarget walks down to the deepest folder that exists, which must be
// writable; from there on the names are new and must be good.
func (s *Step) checkTarget(p place) error {
	n, err := s.look(p)
	if err == nil && n.info.Mode()&fs.ModeSymlink != 0 {
		return denied("write to the file it points to, or choose another name", "%s is a symbolic link", p.host())
	}
	exists := err == nil
	for at := p; ; {
		if !exists {
			if err := checkName(at.base()); err != nil {
				return err
			}
		}
		at = at.dir()
		n, err := s.look(at)
		if errors.Is(err, fs.ErrNotExist) {
			exists = false
			continue
		}
		if err != nil {
			return err
		}
		if !n.info.IsDir() {
			return invalid("choose another folder", "%s is a file, not a folder", at.host())
		}
		if n.entry != nil {
			exists = true
			continue // made by this step; look further up
		}
		return writableDir(at)
	}
}

func writableDir(at place) error {
	l := loc{at.grant.root, at.rel}
	dir, err := l.openDir()
	if err != nil {
		return diskError("open folder", l.host(), err)
	}
	defer dir.Close()
	if err := unwritable(dir); err != nil {
		return userError(pluginsdk.ErrDenied, err, chooseFolder, "folder %s is not writable (%v)", l.host(), err)
	}
	return nil
}

// taken tells whether a new file cannot have the name. The folder is listed
// once per step; what appears later is met when the step is applied.
func (s *Step) taken(p place) (bool, error) {
	if _, err := s.look(p); err == nil {
		return true, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	key := fold(p.base())
	dir := p.dir()
	for at := range s.entries {
		if at.grant == p.grant && path.Dir(at.rel) == dir.rel && at.rel != "." && fold(at.base()) == key {
			return true, nil
		}
	}
	names, ok := s.listing[dir]
	if !ok {
		names = map[string]bool{}
		if n, err := s.look(dir); err == nil && n.entry == nil {
			list, err := s.readDisk(dir)
			if err != nil {
				return false, err
			}
			for _, d := range list {
				names[fold(d.Name())] = true
			}
		}
		s.listing[dir] = names
	}
	return names[key], nil
}

// reserve claims a name against other running steps. The key is the identity
// of the deepest existing folder, so that it holds across overlapping grants.
func (s *Step) reserve(p place, exclusive bool) bool {
	rest := fold(p.base())
	for at := p.dir(); ; at = at.dir() {
		info, err := at.grant.root.Stat(filepath.FromSlash(at.rel))
		if err != nil && at.rel != "." {
			rest = fold(at.base()) + "/" + rest
			continue
		}
		where := at.host()
		if err == nil {
			if dev, ino := dirKey(info); ino != 0 {
				where = fmt.Sprintf("%d:%d", dev, ino)
			}
		}
		key := where + "/" + rest
		if !s.ws.store.reserve(key, s, exclusive) {
			return false
		}
		s.keys = append(s.keys, key)
		return true
	}
}

// Mkdir stages a folder; its parent must exist or be staged. The mode is the
// default one.
func (s *Step) Mkdir(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.locateNew(name)
	if err != nil {
		return err
	}
	if _, err := s.look(p); err == nil {
		return conflict("choose another name", "%s exists", p.host())
	}
	if _, err := s.look(p.dir()); err != nil {
		return err
	}
	s.put(p, &entry{folder: true})
	return nil
}

// MkdirAll stages a folder and those above it. It is no error if they exist.
func (s *Step) MkdirAll(name string) error {
	if err := checkVirtual(name); err != nil {
		return err
	}
	if name == "." {
		return nil
	}
	info, err := s.Stat(name)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return conflict("choose another name", "%s is a file", name)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.MkdirAll(path.Dir(name)); err != nil {
		return err
	}
	err = s.Mkdir(name)
	if errors.Is(err, fs.ErrExist) {
		return nil // another goroutine was faster
	}
	return err
}
