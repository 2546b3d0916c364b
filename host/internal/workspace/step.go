package workspace

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Step is the staging of one handler run. Reads see its own staged writes;
// the granted folders do not change before [Step.Apply]. End it with Apply or
// [Step.Discard]. Its methods may be called concurrently.
type Step struct {
	ws  *Workspace
	id  string
	dir string // where the staged bytes lie

	mu      sync.Mutex
	over    bool
	serial  int
	written atomic.Int64 // bytes, also those written over
	// entries is what the step put at a place.
	entries map[place]*entry
	// vacated are places whose file on disk the step moved or removed.
	vacated map[place]bool
	// trashed are the vacated places whose file goes to the trash.
	trashed map[place]bool
	handles map[*File]bool
	keys    []string // reservations
	listing map[place]map[string]bool
}

// entry is what a step put at a place: new bytes, a file moved here from its
// place on disk, or a folder.
type entry struct {
	bytes  *staged
	from   place // a moved file's place on disk
	folder bool
	create bool   // by Create: another name is fine
	source string // virtual name it was renamed from
	// implied folders are made only for what is in them.
	implied bool
}

// Step starts the staging for one handler run. A step that was applied is
// [pluginsdk.ErrConflict]: it must not run twice.
func (w *Workspace) Step(ctx context.Context, id string) (*Step, error) {
	if err := checkID("step", id); err != nil {
		return nil, err
	}
	state, _, err := w.store.Applied(ctx, w.task, id)
	if err != nil {
		return nil, err
	}
	if state != StateNone {
		return nil, conflict("", "step %s of task %s has been applied", id, w.task)
	}
	s := &Step{
		ws: w, id: id, dir: filepath.Join(w.store.stagingDir(), w.task, id),
		entries: map[place]*entry{}, vacated: map[place]bool{}, trashed: map[place]bool{}, handles: map[*File]bool{},
		listing: map[place]map[string]bool{},
	}
	if !w.store.start(w.task + "/" + id) {
		return nil, conflict("wait for it or stop it", "step %s of task %s is running", id, w.task)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		w.store.stop(w.task + "/" + id)
		return nil, diskError("clear", s.dir, err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		w.store.stop(w.task + "/" + id)
		return nil, diskError("make folder", s.dir, err)
	}
	return s, nil
}

func (s *Store) start(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[key] {
		return false
	}
	s.running[key] = true
	return true
}

func (s *Store) stop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, key)
}

// Discard drops what was staged. The granted folders are as they were. It may
// be called after Apply, when it does nothing.
func (s *Step) Discard() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end()
}

// end closes the step; s.mu is held.
func (s *Step) end() error {
	if s.over {
		return nil
	}
	s.over = true
	for f := range s.handles {
		f.shut()
	}
	s.ws.store.release(s.keys, s)
	s.ws.store.stop(s.ws.task + "/" + s.id)
	err := os.RemoveAll(s.dir)
	os.Remove(filepath.Dir(s.dir)) // the task's folder goes with its last step
	return diskError("clear", s.dir, err)
}

var errOver = &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: "the step is over"}

// locate finds the canonical place of a name. With follow a link in the last
// component is followed too.
func (s *Step) locate(name string, follow bool) (place, error) {
	if s.over {
		return place{}, errOver
	}
	p, err := s.ws.place(name)
	if err != nil || p.isTop() {
		return p, err
	}
	rel, err := p.grant.canon(p.rel, follow)
	if err != nil {
		return place{}, err
	}
	p = place{p.grant, rel}
	if s.ws.store.holds(p) {
		return place{}, denied("use another folder", "%s belongs to cowork itself", p.host())
	}
	return p, nil
}

// node is what a name stands for in the step's view.
type node struct {
	entry *entry
	disk  place // where on disk it lies, if it does
	info  fs.FileInfo
}

// look returns what is at a place, or fs.ErrNotExist.
func (s *Step) look(p place) (node, error) {
	if p.grant == nil {
		return node{info: folderInfo(".")}, nil
	}
	for up := p; ; up = up.dir() {
		if s.vacated[up] && (s.entries[up] == nil || up != p && !s.entries[up].folder) {
			return node{}, notFound("check the name", "%s does not exist", s.ws.virtual(p))
		}
		if up.rel == "." {
			break
		}
	}
	e := s.entries[p]
	switch {
	case e != nil && e.folder:
		return node{entry: e, info: folderInfo(p.base())}, nil
	case e != nil && e.bytes != nil:
		info, err := e.bytes.stat(p.base())
		return node{entry: e, info: info}, err
	case e != nil:
		return s.lookDisk(e.from, e)
	}
	return s.lookDisk(p, nil)
}

func (s *Step) lookDisk(p place, e *entry) (node, error) {
	info, err := p.grant.root.Lstat(filepath.FromSlash(p.rel))
	if isNotDir(err) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return node{}, diskError("look at", p.host(), err)
	}
	return node{entry: e, disk: p, info: info}, nil
}

// Open opens a file or folder for reading.
func (s *Step) Open(name string) (*File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.locate(name, true)
	if err != nil {
		return nil, err
	}
	n, err := s.look(p)
	if err != nil {
		return nil, err
	}
	f := &File{step: s, name: name, dir: n.info.IsDir(), info: n.info, at: p}
	switch {
	case f.dir:
	case n.entry != nil && n.entry.bytes != nil:
		if f.f, err = os.Open(n.entry.bytes.path); err != nil {
			return nil, diskError("read", n.entry.bytes.path, err)
		}
		f.bytes = n.entry.bytes
	default:
		l := loc{n.disk.grant.root, n.disk.rel}
		if f.f, _, err = l.openRegular(); err != nil {
			return nil, diskError("read", n.disk.host(), err)
		}
	}
	return f, s.hold(f)
}

// hold counts an open file against the step's limit.
func (s *Step) hold(f *File) error {
	if limit := s.ws.store.opt.MaxOpenFiles; len(s.handles) >= limit {
		if f.f != nil {
			f.f.Close()
		}
		return userError(pluginsdk.ErrUnavailable, errors.ErrUnsupported, "close files that are no longer needed",
			"open %s: the step has %d files open", f.name, limit)
	}
	s.handles[f] = true
	return nil
}

// Stat describes what has the name, following links inside the grant.
func (s *Step) Stat(name string) (fs.FileInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.locate(name, true)
	if err != nil {
		return nil, err
	}
	n, err := s.look(p)
	if err != nil {
		return nil, err
	}
	return named{n.info, path.Base(name)}, nil
}

// ReadDir lists a folder as the step sees it, sorted by name.
func (s *Step) ReadDir(name string) ([]fs.DirEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.locate(name, true)
	if err != nil {
		return nil, err
	}
	return s.readDir(p)
}

func (s *Step) readDir(p place) ([]fs.DirEntry, error) {
	if p.grant == nil {
		var list []fs.DirEntry
		for _, g := range s.ws.grants {
			list = append(list, fs.FileInfoToDirEntry(folderInfo(g.name)))
		}
		sortEntries(list)
		return list, nil
	}
	n, err := s.look(p)
	if err != nil {
		return nil, err
	}
	if !n.info.IsDir() {
		return nil, invalid("name a folder", "%s is not a folder", s.ws.virtual(p))
	}
	var list []fs.DirEntry
	if n.entry == nil {
		if list, err = s.readDisk(p); err != nil {
			return nil, err
		}
	}
	for at := range s.entries {
		if at.grant == p.grant && at.rel != "." && path.Dir(at.rel) == p.rel {
			child, err := s.look(at)
			if err != nil {
				return nil, err
			}
			list = append(list, fs.FileInfoToDirEntry(named{child.info, at.base()}))
		}
	}
	sortEntries(list)
	return list, nil
}

// readDisk lists a folder on disk without what the step changed in it and
// without temporary files.
func (s *Step) readDisk(p place) ([]fs.DirEntry, error) {
	dir, err := loc{p.grant.root, p.rel}.openDir()
	if err != nil {
		return nil, diskError("list", p.host(), err)
	}
	defer dir.Close()
	list, err := dir.ReadDir(-1)
	if err != nil {
		return nil, diskError("list", p.host(), err)
	}
	return slices.DeleteFunc(list, func(d fs.DirEntry) bool {
		at := p.join(d.Name())
		return s.vacated[at] || s.entries[at] != nil || isTempName(d.Name()) || s.ws.store.holds(at)
	}), nil
}

func sortEntries(list []fs.DirEntry) {
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
}
