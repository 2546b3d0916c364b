package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Grant is a folder the user opened to a task.
type Grant struct {
	// Name is the folder's name among several grants; empty: the folder's own,
	// numbered when two are the same.
	Name string
	// Path is an existing folder, absolute. A symbolic link is resolved once,
	// when the workspace is made.
	Path string
	// ReadOnly refuses every change.
	ReadOnly bool
}

// Workspace is one task's granted folders as one tree of virtual names: paths
// as of [fs.ValidPath], relative to the grant when there is one, and with the
// grant's name as the first component when there are several. Its methods may
// be called concurrently.
type Workspace struct {
	store  *Store
	task   string
	grants []*grant
	closed sync.Once
}

// grant is one opened folder. Everything on its disk goes through root.
type grant struct {
	name     string
	path     string // absolute, symbolic links resolved
	asked    string // as the user gave it, cleaned
	readOnly bool
	root     *os.Root
}

// place is where a virtual name lies. The zero place is the folder above
// several grants, which exists only in the virtual tree.
type place struct {
	grant *grant
	rel   string
}

func (p place) join(name string) place { return place{p.grant, path.Join(p.rel, name)} }
func (p place) dir() place             { return place{p.grant, path.Dir(p.rel)} }
func (p place) base() string           { return path.Base(p.rel) }
func (p place) isTop() bool            { return p.grant == nil || p.rel == "." }

// Workspace opens the granted folders for a task. Close it when the task
// rests; its steps must be over by then.
func (s *Store) Workspace(task string, grants []Grant) (*Workspace, error) {
	if err := checkID("task", task); err != nil {
		return nil, err
	}
	if len(grants) == 0 {
		return nil, invalid("grant a folder with --folder DIR", "the task has no granted folder")
	}
	w := &Workspace{store: s, task: task}
	taken := map[string]bool{}
	for _, g := range grants {
		opened, err := openGrant(g, taken)
		if err == nil && s.holds(place{opened, "."}) {
			err = errors.Join(denied("choose another folder with --folder DIR", "%s belongs to cowork itself", g.Path), opened.root.Close())
		}
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		w.grants = append(w.grants, opened)
	}
	if err := s.settleOpen(context.Background(), slices.Sorted(maps.Keys(w.roots())), w.roots()); err != nil {
		s.opt.Log.Warn("interrupted change cannot be finished yet", "task", task, "error", err)
	}
	return w, nil
}

// Close closes the granted folders. It may be called more than once.
func (w *Workspace) Close() error {
	var errs []error
	w.closed.Do(func() {
		for _, g := range w.grants {
			errs = append(errs, g.root.Close())
		}
	})
	return errors.Join(errs...)
}

func openGrant(g Grant, taken map[string]bool) (*grant, error) {
	const next = "choose an existing folder with --folder DIR"
	if !filepath.IsAbs(g.Path) || strings.ContainsRune(g.Path, 0) {
		return nil, invalid(next, "granted folder %q is not an absolute path", g.Path)
	}
	real, err := filepath.EvalSymlinks(g.Path)
	if err != nil {
		return nil, diskError("open granted folder", g.Path, err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil, diskError("open granted folder", g.Path, err)
	}
	if !info.IsDir() {
		return nil, invalid(next, "%s is a file, not a folder", g.Path)
	}
	name, err := grantName(g, real, taken)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, diskError("open granted folder", g.Path, err)
	}
	return &grant{name: name, path: real, asked: filepath.Clean(g.Path), readOnly: g.ReadOnly, root: root}, nil
}

func grantName(g Grant, real string, taken map[string]bool) (string, error) {
	name := g.Name
	if name == "" {
		name = filepath.Base(g.Path)
		if name == string(filepath.Separator) || name == "." || !fs.ValidPath(name) {
			name = "root"
		}
		for n, base := 2, name; taken[fold(name)]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
	}
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "/\x00") {
		return "", invalid("choose another name", "grant name %q for %s is not a folder name", name, real)
	}
	if taken[fold(name)] {
		return "", invalid("choose another name", "two granted folders have the name %q", name)
	}
	taken[fold(name)] = true
	return name, nil
}

// place finds where a virtual name lies.
func (w *Workspace) place(name string) (place, error) {
	if err := checkVirtual(name); err != nil {
		return place{}, err
	}
	if len(w.grants) == 1 {
		return place{w.grants[0], name}, nil
	}
	if name == "." {
		return place{}, nil
	}
	first, rest, _ := strings.Cut(name, "/")
	for _, g := range w.grants {
		if g.name == first {
			return place{g, path.Clean(rest)}, nil
		}
	}
	return place{}, notFound("start the path with one of: "+strings.Join(w.names(), ", "),
		"%s is not in a granted folder", name)
}

// virtual is the inverse of place.
func (w *Workspace) virtual(p place) string {
	switch {
	case p.grant == nil:
		return "."
	case len(w.grants) == 1:
		return p.rel
	}
	return path.Join(p.grant.name, p.rel)
}

func (w *Workspace) names() []string {
	var names []string
	for _, g := range w.grants {
		names = append(names, g.name)
	}
	return names
}

// roots maps the host path of each grant to its opened folder.
func (w *Workspace) roots() rootSet {
	set := rootSet{}
	for _, g := range w.grants {
		set[g.path] = g.root
	}
	return set
}

// Names are the virtual names of the granted folders: "." when there is one.
func (w *Workspace) Names() []string {
	if len(w.grants) == 1 {
		return []string{"."}
	}
	return w.names()
}

// HostPath returns the absolute host path of a virtual name, for display. It
// is empty for a name that is in no grant.
func (w *Workspace) HostPath(name string) string {
	p, err := w.place(name)
	if err != nil || p.grant == nil {
		return ""
	}
	return p.host()
}

func (p place) host() string {
	if p.grant == nil {
		return "."
	}
	return hostPath(p.grant.path, p.rel)
}

// holds tells whether a place lies in the store's own folder, where a task has
// no business even if a grant includes it.
func (s *Store) holds(p place) bool {
	rel, err := filepath.Rel(s.opt.Dir, p.host())
	return err == nil && filepath.IsLocal(rel)
}

func hostPath(root, rel string) string { return filepath.Join(root, filepath.FromSlash(rel)) }

// maxLinks bounds how many symbolic links one name may pass, as the kernel.
const maxLinks = 40

// canon follows the symbolic links in a name, so that one file has one name;
// the last component only if followLast. What does not exist is kept as is.
// It decides nothing about safety: every use goes through os.Root again.
func (g *grant) canon(rel string, followLast bool) (string, error) {
	todo := strings.Split(rel, "/")
	done := "."
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if done == "." {
				return "", g.escapes(rel)
			}
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, part)
		if len(todo) == 0 && !followLast {
			return next, nil
		}
		info, err := g.root.Lstat(next)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		target, err := g.root.Readlink(next)
		if err != nil {
			return "", diskError("read link", hostPath(g.path, next), err)
		}
		if links++; links > maxLinks {
			return "", invalid("", "%s: too many symbolic links", hostPath(g.path, rel))
		}
		if filepath.IsAbs(target) {
			return "", g.escapes(rel)
		}
		todo = append(strings.Split(filepath.ToSlash(target), "/"), todo...)
	}
	return done, nil
}

func (g *grant) escapes(rel string) error {
	return denied("use a file inside the granted folder", "%s leads out of the granted folder %s by a symbolic link",
		hostPath(g.path, rel), g.path)
}
