package workspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
)

// UndoRequest says what to reverse: everything of a task, or only one step of
// it, or only what happened to one path (a folder includes what is in it).
type UndoRequest struct {
	Task string
	Step string // of Task; empty: all steps
	// Also are tasks whose changes are reversed together with Task's: its
	// sub-agents. All are taken back in one order, the newest first.
	Also []string
	// Path is a virtual name, or with an absolute host path the same in all
	// the tasks; empty: all paths.
	Path string
	// DryRun returns what would happen and touches nothing.
	DryRun bool
}

// Action is what undo did, or would do, with one change.
type Action string

// The actions.
const (
	// Restored: the bytes, mode and time from before are back.
	Restored Action = "restored"
	// Removed: a file the task created is in the trash, or a folder it created
	// is gone.
	Removed Action = "removed"
	// MovedBack: the file has its old name again.
	MovedBack Action = "moved_back"
	// RestoredBeside: somebody changed the file since, so the bytes from before
	// are in a file beside it, named in Detail.
	RestoredBeside Action = "restored_beside"
	// Kept: left as it is, for the reason in Detail. Undo may be tried again.
	Kept Action = "kept"
	// AlreadyUndone: an earlier undo did it.
	AlreadyUndone Action = "already_undone"
)

// Reversal is what undo did with one change.
type Reversal struct {
	Path     string `json:"path"`
	HostPath string `json:"host_path"`
	Action   Action `json:"action"`
	Detail   string `json:"detail,omitempty"`
}

// Undo reverses changes, the newest first. A file that is no longer what the
// task left there is not touched: the bytes from before are restored beside
// it. Undo interrupted by a crash is finished by [Open]; undo of what is undone
// says so and does nothing.
func (s *Store) Undo(ctx context.Context, req UndoRequest) ([]Reversal, error) {
	for _, task := range append([]string{req.Task}, req.Also...) {
		if err := checkID("task", task); err != nil {
			return nil, err
		}
	}
	if req.Path != "" && !filepath.IsAbs(req.Path) {
		if err := checkVirtual(req.Path); err != nil {
			return nil, err
		}
	}
	s.undoing.Lock()
	defer s.undoing.Unlock()
	recs, err := s.selectChanges(ctx, req)
	if err != nil {
		return nil, err
	}
	if len(recs) == 0 {
		return nil, notFound("see cowork task changes "+req.Task, "task %s has no such changes", req.Task)
	}
	if req.DryRun {
		return s.reverse(ctx, recs, true)
	}
	if err := s.at("journal", "undo"); err != nil {
		return nil, diskError("write", "the file journal", err)
	}
	id, err := s.journal.beginUndo(ctx, req)
	if err != nil {
		return nil, err
	}
	return s.finishUndo(ctx, id, recs)
}

// finishUndo carries out an undo request. Only a crash leaves it open: after
// an error the person decides.
func (s *Store) finishUndo(ctx context.Context, id int64, recs []*change) ([]Reversal, error) {
	done, err := s.reverse(ctx, recs, false)
	if jerr := s.at("journal", "undone"); jerr != nil {
		return done, errors.Join(err, jerr)
	}
	return done, errors.Join(err, s.journal.endUndo(context.WithoutCancel(ctx), id))
}

func (s *Store) resumeUndos(ctx context.Context) error {
	reqs, order, err := s.journal.openUndos(ctx)
	if err != nil {
		return fmt.Errorf("read file journal: %w", err)
	}
	for _, id := range order {
		recs, err := s.selectChanges(ctx, reqs[id])
		if err != nil {
			return err
		}
		if _, err := s.finishUndo(ctx, id, recs); err != nil {
			s.opt.Log.Warn("interrupted undo could not go on", "task", reqs[id].Task, "error", err)
		}
	}
	return nil
}

// selectChanges returns what a request covers, newest first. A path is
// followed back through the names it had.
func (s *Store) selectChanges(ctx context.Context, req UndoRequest) ([]*change, error) {
	recs, err := s.journal.changes(ctx, req.Task, req.Step)
	if err != nil {
		return nil, err
	}
	for _, task := range req.Also {
		more, err := s.journal.changes(ctx, task, "")
		if err != nil {
			return nil, err
		}
		recs = append(recs, more...)
	}
	slices.SortFunc(recs, func(a, b *change) int { return cmp.Compare(b.id, a.id) })
	if req.Path == "" {
		return recs, nil
	}
	now, before := (*change).names, hasPrefixPath
	if filepath.IsAbs(req.Path) {
		now, before = (*change).hostNames, within
	}
	names := []string{req.Path}
	return slices.DeleteFunc(recs, func(c *change) bool {
		at, from := now(c)
		for _, name := range names {
			if before(at, name) || from != "" && before(from, name) {
				if from != "" {
					names = append(names, from)
				}
				return false
			}
		}
		return true
	}), nil
}

// names are the virtual names a file had after the change and before it, the
// second empty where it is the same.
func (c *change) names() (at, from string) { return c.Path, c.From }

// hostNames are names, on disk.
func (c *change) hostNames() (at, from string) {
	if c.FromRoot != "" && c.FromRel != "" {
		from = hostPath(c.FromRoot, c.FromRel)
	}
	return c.HostPath, from
}

// within tells whether a host path is a folder or lies in it.
func within(name, folder string) bool {
	rel, err := filepath.Rel(folder, name)
	return err == nil && filepath.IsLocal(rel)
}

// reverse decides for each change what to do, and does it unless dry.
func (s *Store) reverse(ctx context.Context, recs []*change, dry bool) ([]Reversal, error) {
	h := &rootHolder{}
	defer h.close()
	v := &view{h: h, dry: dry, seen: map[spot]*sight{}, digest: func(l loc) (string, error) { return digestAt(ctx, l) }}
	list := make([]Reversal, 0, len(recs))
	for _, c := range recs {
		r := Reversal{Path: c.Path, HostPath: c.HostPath, Action: AlreadyUndone}
		if c.undone != "" {
			list = append(list, r)
			continue
		}
		d, err := v.decide(c)
		var gone *unreachable
		if errors.As(err, &gone) {
			d, err = decision{action: Kept, detail: gone.Error()}, nil
		}
		if err == nil && !dry {
			err = s.carryOut(ctx, c, d, h)
		}
		if err != nil {
			return list, fmt.Errorf("undo %s: %w", c.Path, err)
		}
		v.pretend(c, d)
		r.Action, r.Detail = d.action, d.detail
		list = append(list, r)
	}
	return list, nil
}

// decision is how to reverse one change.
type decision struct {
	action Action
	detail string
	// put is where bytes from before go; take is what is moved there or
	// removed. Empty means neither.
	put  string
	take string
	over bool // put replaces what is there
}

func (v *view) decide(c *change) (decision, error) {
	switch {
	case c.Folder && c.Kind == Created:
		return v.decideFolder(c)
	case c.Folder:
		return v.decideRemovedFolder(c)
	case c.Kind == Created:
		return v.decideCreated(c)
	case c.Kind == Moved:
		return v.decideMoved(c)
	}
	return v.decideContent(c)
}

func (v *view) decideFolder(c *change) (decision, error) {
	at, err := v.at(c.Root, c.Rel)
	if err != nil {
		return decision{}, err
	}
	if !at.exists || !at.dir {
		return decision{action: Removed, detail: "the folder was already gone"}, nil
	}
	empty, err := v.empty(c.Root, c.Rel)
	if err != nil {
		return decision{}, err
	}
	if !empty {
		return decision{action: Kept, detail: "the folder holds other files"}, nil
	}
	return decision{action: Removed, take: c.Rel}, nil
}

func (v *view) decideRemovedFolder(c *change) (decision, error) {
	at, err := v.at(c.Root, c.Rel)
	if err != nil || at.exists {
		return decision{action: Restored, detail: "the folder is already there"}, err
	}
	return decision{action: Restored, put: c.Rel}, nil
}

func (v *view) decideCreated(c *change) (decision, error) {
	at, err := v.at(c.Root, c.Rel)
	if err != nil {
		return decision{}, err
	}
	if !at.exists {
		return decision{action: Removed, detail: "the file was already gone"}, nil
	}
	same, err := v.holds(at, c.PostDigest)
	if err != nil {
		return decision{}, err
	}
	if !same {
		return decision{action: Kept, detail: "it was changed since the task created it"}, nil
	}
	return decision{action: Removed, detail: "moved to the trash", take: c.Rel}, nil
}

// decideContent brings the bytes from before back, for a modified and for a
// deleted file.
func (v *view) decideContent(c *change) (decision, error) {
	at, err := v.at(c.Root, c.Rel)
	if err != nil {
		return decision{}, err
	}
	if !at.exists {
		return decision{action: Restored, put: c.Rel}, nil
	}
	if c.Kind == Modified {
		same, err := v.holds(at, c.PostDigest)
		if err != nil {
			return decision{}, err
		}
		if same {
			return decision{action: Restored, put: c.Rel, over: true}, nil
		}
	}
	if same, err := v.holds(at, c.PreDigest); err != nil || same {
		return decision{action: Restored, detail: "it already has the content from before"}, err
	}
	name, err := v.beside(c.Root, c.Rel, c.Task)
	return decision{
		action: RestoredBeside, put: name,
		detail: "it was changed since; the content from before is in " + path.Base(name),
	}, err
}

func (v *view) decideMoved(c *change) (decision, error) {
	at, err := v.at(c.Root, c.Rel)
	if err != nil {
		return decision{}, err
	}
	if !at.exists {
		return decision{action: Kept, detail: "it is no longer at " + c.Path}, nil
	}
	if !v.unmoved(at, c) {
		return decision{action: Kept, detail: "it was changed since it was moved"}, nil
	}
	back, err := v.at(c.FromRoot, c.FromRel)
	if err != nil {
		return decision{}, err
	}
	if !back.exists {
		return decision{action: MovedBack, put: c.FromRel, take: c.Rel, detail: "moved back to " + c.From}, nil
	}
	name, err := v.beside(c.FromRoot, c.FromRel, c.Task)
	return decision{
		action: RestoredBeside, put: name, take: c.Rel,
		detail: c.From + " is taken; moved back as " + path.Base(name),
	}, err
}

// beside picks a free name for bytes that cannot have theirs.
func (v *view) beside(root, rel, task string) (string, error) {
	base := suffixed(path.Base(rel), " (before "+clip(task, 60)+")")
	for n := 1; ; n++ {
		name := path.Join(path.Dir(rel), numbered(base, n))
		at, err := v.at(root, name)
		if err != nil || !at.exists {
			return name, err
		}
	}
}

// unreachable is the error for a granted folder that is not there now.
type unreachable struct{ root string }

func (u *unreachable) Error() string {
	return "folder " + u.root + " cannot be reached now; connect it and undo again"
}

// isGone tells whether a folder is not there or not to be entered.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || isNotDir(err)
}
