package workspace

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// Resolve turns what a person typed into a virtual name of something that
// exists. The path may be absolute, relative to cwd (the folder they typed it
// in), or a virtual name; "~" means nothing special. A path that leaves the
// granted folders, by "..", as an absolute path or by a symbolic link, is
// [pluginsdk.ErrDenied]; a missing one [pluginsdk.ErrNotFound].
func (w *Workspace) Resolve(userPath, cwd string) (string, error) {
	if userPath == "" {
		return "", invalid("name a file in "+w.where(), "the path is empty")
	}
	if strings.ContainsRune(userPath, 0) {
		return "", invalid("choose another file name", "path %q holds a NUL byte", userPath)
	}
	if err := checkDepth(userPath); err != nil {
		return "", err
	}
	if filepath.IsAbs(userPath) {
		return w.resolveHost(userPath, filepath.Clean(userPath))
	}
	var missing error
	if filepath.IsAbs(cwd) {
		name, err := w.resolveHost(userPath, filepath.Join(cwd, filepath.FromSlash(userPath)))
		if err == nil {
			return name, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			missing = err
		}
	}
	name := path.Clean(filepath.ToSlash(userPath))
	if !fs.ValidPath(name) {
		if missing != nil {
			return "", missing
		}
		return "", w.outside(userPath)
	}
	p, err := w.place(name)
	if err == nil {
		name, err = w.exists(userPath, p)
	}
	if err != nil && missing != nil && errors.Is(err, fs.ErrNotExist) {
		return "", missing
	}
	return name, err
}

// resolveHost finds the grant an absolute host path lies in; the innermost if
// grants are nested.
func (w *Workspace) resolveHost(userPath, abs string) (string, error) {
	p, ok := w.within(abs)
	if !ok {
		// The folder may have been reached by another spelling, through a
		// link above the grant.
		if real, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
			p, ok = w.within(filepath.Join(real, filepath.Base(abs)))
		}
	}
	if !ok {
		return "", w.outside(userPath)
	}
	return w.exists(userPath, p)
}

func (w *Workspace) within(abs string) (place, bool) {
	var best place
	for _, g := range w.grants {
		for _, base := range []string{g.path, g.asked} {
			rel, err := filepath.Rel(base, abs)
			if err != nil || !filepath.IsLocal(rel) {
				continue
			}
			if best.grant == nil || len(g.path) > len(best.grant.path) {
				best = place{g, filepath.ToSlash(rel)}
			}
			break
		}
	}
	return best, best.grant != nil
}

func (w *Workspace) exists(userPath string, p place) (string, error) {
	if p.grant == nil {
		return ".", nil
	}
	if !fs.ValidPath(p.rel) {
		return "", invalid("rename the file", "the name of %s is not valid UTF-8", p.host())
	}
	_, err := p.grant.root.Stat(filepath.FromSlash(p.rel))
	switch {
	case err == nil:
		return w.virtual(p), nil
	case isEscape(err):
		// A link out of this folder may lead into a granted one.
		real, rerr := filepath.EvalSymlinks(p.host())
		if rerr != nil {
			return "", w.outside(userPath)
		}
		q, ok := w.within(real)
		if !ok {
			return "", denied("copy the file into the folder, or grant its folder too with --folder DIR",
				"%s leads out of the granted folders by a symbolic link", p.host())
		}
		if _, err := q.grant.root.Stat(filepath.FromSlash(q.rel)); err != nil {
			return "", w.outside(userPath)
		}
		return w.virtual(q), nil
	case errors.Is(err, fs.ErrNotExist), isNotDir(err):
		return "", notFound("check the name, or grant the file's folder with --folder DIR",
			"%s was not found in %s", userPath, w.where())
	}
	return "", diskError("look at", p.host(), err)
}

func (w *Workspace) outside(userPath string) error {
	next := "use a file in " + w.where() + ", or grant its folder with --folder DIR"
	return denied(next, "%s is outside the granted folders", userPath)
}

// where names the granted folders for a message.
func (w *Workspace) where() string {
	var paths []string
	for _, g := range w.grants {
		paths = append(paths, g.asked)
	}
	return strings.Join(paths, ", ")
}
