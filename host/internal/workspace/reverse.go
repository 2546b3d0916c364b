package workspace

import (
	"context"
	"path"
	"path/filepath"
)

// carryOut reverses one change in one transaction, together with the note that
// it was reversed.
func (s *Store) carryOut(ctx context.Context, c *change, d decision, h *rootHolder) error {
	if d.action == Kept {
		return nil
	}
	if d.put == "" && d.take == "" {
		if err := s.at("journal", "undone"); err != nil {
			return err
		}
		return s.journal.markUndone(context.WithoutCancel(ctx), c.id, d.action)
	}
	t := &txn{Task: c.Task, Step: c.Step, Kind: kindUndo, undoes: map[int64]Action{c.id: d.action}}
	var err error
	switch {
	case c.Folder && d.take != "":
		t.Ops = append(t.Ops, &op{Kind: opRmdir, Root: c.Root, Name: d.take})
	case c.Folder:
		err = s.planFolder(t, c.Root, d.put, c.Pre.Mode, h)
	case d.put != "" && d.take != "":
		err = s.planBack(t, c, d, h)
	case d.take != "":
		err = s.planTrash(ctx, t, c, d.take, h)
	default:
		err = s.planRestore(t, c, d, h)
	}
	if err != nil {
		return err
	}
	return s.run(ctx, t, h.given)
}

// planFolder adds what is needed for a folder to exist.
func (s *Store) planFolder(t *txn, root, rel string, mode uint32, h *rootHolder) error {
	var missing []string
	near := rel
	for ; near != "."; near = path.Dir(near) {
		l, err := h.loc(root, near)
		if err != nil {
			return err
		}
		gone, err := l.missing()
		if err != nil {
			return diskError("look at", l.host(), err)
		}
		if !gone {
			break
		}
		missing = append(missing, near)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		o := &op{Kind: opMkdir, Root: root, Name: missing[i], Tmp: path.Join(near, tempName())}
		if i == 0 {
			o.Post.Mode = mode
		}
		t.Ops = append(t.Ops, o)
	}
	return nil
}

// tempBeside adds the folders above rel and returns a temporary name in the
// deepest that exists.
func (s *Store) tempBeside(t *txn, root, rel string, h *rootHolder) (string, error) {
	dir := path.Dir(rel)
	n := len(t.Ops)
	if dir != "." {
		if err := s.planFolder(t, root, dir, 0, h); err != nil {
			return "", err
		}
	}
	if len(t.Ops) > n {
		dir = path.Dir(t.Ops[n].Tmp)
	}
	return path.Join(dir, tempName()), nil
}

func (s *Store) planRestore(t *txn, c *change, d decision, h *rootHolder) error {
	tmp, err := s.tempBeside(t, c.Root, d.put, h)
	if err != nil {
		return err
	}
	own, err := s.wasOwn(c)
	if err != nil {
		return err
	}
	t.Ops = append(t.Ops, &op{
		Kind: opPut, Root: c.Root, Name: d.put, Tmp: tmp, Replace: d.over, Own: own,
		Src: filepath.ToSlash(s.preImagePath(c.PreDigest)), Post: c.Pre,
	})
	return nil
}

// wasOwn tells whether the file a change took bytes from was the task's own.
// Only its own could be deleted without an approval; for a modified one an
// earlier change of the task says that it created it.
func (s *Store) wasOwn(c *change) (bool, error) {
	recs, err := s.journal.changes(context.Background(), c.Task, "")
	if err != nil {
		return false, err
	}
	for _, r := range recs {
		if r.id < c.id && r.Kind == Created && !r.Folder && r.Root == c.Root && r.Rel == c.Rel && r.undone == "" {
			return true, nil
		}
	}
	return false, nil
}

// planBack moves a file back to where it was.
func (s *Store) planBack(t *txn, c *change, d decision, h *rootHolder) error {
	from, err := h.loc(c.Root, d.take)
	if err != nil {
		return err
	}
	id, err := identify(from)
	if err != nil {
		return diskError("look at", from.host(), err)
	}
	tmp, err := s.tempBeside(t, c.FromRoot, d.put, h)
	if err != nil {
		return err
	}
	if c.PostDigest == "" && c.Root == c.FromRoot {
		t.Ops = append(t.Ops, &op{
			Kind: opMove, Root: c.Root, Name: d.put, From: d.take, ID: id,
			Tmp: path.Join(path.Dir(d.take), tempName()),
		})
		return nil
	}
	t.Ops = append(t.Ops,
		&op{
			Kind: opPut, Root: c.FromRoot, Name: d.put, Tmp: tmp, Src: d.take, SrcRoot: c.Root,
			Post: meta{Mode: c.Post.Mode, MTime: c.Post.MTime, Digest: c.PostDigest},
		},
		&op{Kind: opRemove, Root: c.Root, Name: d.take, ID: id, Tmp: path.Join(path.Dir(d.take), tempName())})
	return nil
}
