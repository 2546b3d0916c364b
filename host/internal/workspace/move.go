package workspace

import (
	"context"
	"errors"
	"io/fs"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Rename gives a file another name, in the same granted folder or another. A
// file that has the new name is replaced; its bytes are kept for undo.
// Folders cannot be renamed, except those the step made itself.
func (s *Step) Rename(oldName, newName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, err := s.locateNew(oldName)
	if err != nil {
		return err
	}
	to, err := s.locateNew(newName)
	if err != nil {
		return err
	}
	n, err := s.look(from)
	if err != nil {
		return err
	}
	if from == to {
		return nil
	}
	if n.info.IsDir() {
		return s.renameFolder(from, to, n)
	}
	if !n.info.Mode().IsRegular() {
		return irregular(from.host(), n.info.Mode())
	}
	if err := s.checkReplace(n); err != nil {
		return err
	}
	there, err := s.look(to)
	switch {
	case err == nil && !there.info.Mode().IsRegular():
		return irregular(to.host(), there.info.Mode())
	case err == nil:
		if err := s.checkReplace(there); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	s.reserve(to, false)
	e := s.entries[from]
	if e == nil {
		e = &entry{from: from}
	}
	e.create = false
	if s.onDisk(from) {
		s.vacated[from] = true
		e.source = s.ws.virtual(from)
	}
	delete(s.entries, from)
	s.put(to, e)
	return nil
}

// onDisk tells whether the place has something on disk that the step has not
// taken away.
func (s *Step) onDisk(p place) bool {
	if s.vacated[p] {
		return false
	}
	_, err := s.lookDisk(p, nil)
	return err == nil
}

// renameFolder renames a folder that exists only in the step.
func (s *Step) renameFolder(from, to place, n node) error {
	if n.entry == nil {
		return userError(pluginsdk.ErrUnsupported, errors.ErrUnsupported, "make the new folder and rename the files one by one",
			"%s is a folder; only files can be renamed", from.host())
	}
	if _, err := s.look(to); err == nil {
		return conflict("choose another name", "%s exists", to.host())
	}
	if from.grant == to.grant && hasPrefixPath(to.rel, from.rel) {
		return invalid("choose another name", "%s lies inside %s", to.host(), from.host())
	}
	moved := map[place]*entry{}
	for at, e := range s.entries {
		if at.grant == from.grant && hasPrefixPath(at.rel, from.rel) {
			moved[at] = e
		}
	}
	for at, e := range moved {
		delete(s.entries, at)
		s.entries[to.join("."+at.rel[len(from.rel):])] = e
	}
	return nil
}

// Remove removes a file or an empty folder that the task itself made. Removing
// what existed before needs an approval and is [pluginsdk.ErrDenied].
func (s *Step) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, n, err := s.removable(name)
	if err != nil {
		return err
	}
	// What lies on disk under the name, or was moved here from elsewhere, must
	// be the task's own.
	var onDisk []place
	if n.disk.grant != nil {
		onDisk = append(onDisk, n.disk)
	}
	if s.onDisk(p) && n.disk != p {
		onDisk = append(onDisk, p)
	}
	for _, at := range onDisk {
		if err := s.checkOwn(at); err != nil {
			return err
		}
	}
	delete(s.entries, p)
	if s.onDisk(p) {
		s.vacated[p] = true
	}
	return nil
}

// Trash removes a file, or an empty folder, whoever made it: when the step is
// applied a file goes to the trash, and its bytes are kept for undo beside
// that. The caller holds the person's approval for exactly this name.
func (s *Step) Trash(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, n, err := s.removable(name)
	if err != nil {
		return err
	}
	if !n.info.IsDir() && n.disk.grant == nil {
		return conflict("leave it out of the step", "%s was written by the same step", p.host())
	}
	if !n.info.IsDir() && !n.info.Mode().IsRegular() {
		return irregular(p.host(), n.info.Mode())
	}
	if n.disk.grant != nil && n.disk != p {
		return conflict("move and delete it in separate steps", "%s was moved here by the same step", p.host())
	}
	if !n.info.IsDir() {
		if err := s.checkReplace(n); err != nil {
			return err
		}
	}
	delete(s.entries, p)
	s.vacated[p], s.trashed[p] = true, true
	return nil
}

// removable finds what has a name and could be removed.
func (s *Step) removable(name string) (place, node, error) {
	p, err := s.locateNew(name)
	if err != nil {
		return p, node{}, err
	}
	n, err := s.look(p)
	if err != nil {
		return p, n, err
	}
	if n.info.IsDir() {
		list, err := s.readDir(p)
		if err != nil {
			return p, n, err
		}
		if len(list) > 0 {
			return p, n, invalid("remove the files in it first", "folder %s is not empty", p.host())
		}
	}
	return p, n, nil
}

func (s *Step) checkOwn(at place) error {
	id, err := identify(loc{at.grant.root, at.rel})
	if err != nil {
		return diskError("look at", at.host(), err)
	}
	own, err := s.ws.store.journal.owns(context.Background(), s.ws.task, id)
	if err != nil {
		return err
	}
	if !own {
		return denied("leave it, or move it aside with a rename",
			"%s existed before this task; deleting it needs your approval", at.host())
	}
	return nil
}
