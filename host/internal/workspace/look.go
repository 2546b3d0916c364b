package workspace

import (
	"context"
	"errors"
	"io/fs"
)

// View is the granted folders as they are on disk, for reading only: a look
// outside every step, which costs nothing and leaves nothing. Its methods may
// be called concurrently. Close it to close the files it opened.
type View struct{ s *Step }

// View returns a view of the workspace.
func (w *Workspace) View() *View {
	return &View{&Step{
		ws: w, entries: map[place]*entry{}, vacated: map[place]bool{}, handles: map[*File]bool{},
		listing: map[place]map[string]bool{},
	}}
}

// Close closes every file the view opened. It may be called more than once.
func (v *View) Close() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.s.over = true
	for f := range v.s.handles {
		f.shut()
	}
}

// Open opens a file or folder for reading, as [Step.Open].
func (v *View) Open(name string) (*File, error) { return v.s.Open(name) }

// Stat describes what has the name, as [Step.Stat].
func (v *View) Stat(name string) (fs.FileInfo, error) { return v.s.Stat(name) }

// ReadDir lists a folder, as [Step.ReadDir].
func (v *View) ReadDir(name string) ([]fs.DirEntry, error) { return v.s.ReadDir(name) }

// HostPath returns where on the host a name leads, following every symbolic
// link in it, so that one file has one path.
func (v *View) HostPath(name string) (string, error) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	p, err := v.s.locate(name, true)
	if err != nil {
		return "", err
	}
	return p.host(), nil
}

// Target returns the virtual name and the host path that [Step.Write] would
// write for a name, and refuses what it would refuse. It makes nothing.
func (v *View) Target(name string) (virtual, hostPath string, err error) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	p, err := v.s.locateNew(name)
	if err != nil {
		return "", "", err
	}
	n, err := v.s.look(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", "", err
	case !n.info.Mode().IsRegular():
		return "", "", irregular(p.host(), n.info.Mode())
	default:
		if err := v.s.checkReplace(n); err != nil {
			return "", "", err
		}
	}
	return v.s.ws.virtual(p), p.host(), nil
}

// Owns reports whether the task made the file or folder that has the name.
func (v *View) Owns(ctx context.Context, name string) (bool, error) {
	v.s.mu.Lock()
	p, err := v.s.locate(name, false)
	v.s.mu.Unlock()
	if err != nil || p.isTop() {
		return false, err
	}
	id, err := identify(loc{p.grant.root, p.rel})
	if err != nil {
		return false, diskError("look at", p.host(), err)
	}
	return v.s.ws.store.journal.owns(ctx, v.s.ws.task, id)
}
