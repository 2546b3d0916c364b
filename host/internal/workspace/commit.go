package workspace

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
)

// settle brings the targets about. It may run again after a crash anywhere in
// it. On an error it takes back what it did in this call.
func (w *worker) settle(ctx context.Context) error {
	dirs := map[loc]bool{}
	passes := []func(context.Context, *op, map[loc]bool) error{w.detach, w.attach, w.prune}
	for _, pass := range passes {
		for _, o := range w.t.Ops {
			if err := pass(ctx, o, dirs); err != nil {
				return w.rollBack(ctx, err)
			}
		}
	}
	if err := w.s.syncDirs(dirs); err != nil {
		return w.rollBack(ctx, err)
	}
	return nil
}

// rollBack undoes this process' part of a committed transaction. After a crash
// the parts of two processes are mixed, and the transaction stays open.
func (w *worker) rollBack(ctx context.Context, cause error) error {
	for _, undo := range slices.Backward(w.undo) {
		if err := undo(); err != nil {
			w.s.leaveOpen(w.t)
			return errors.Join(cause, err)
		}
	}
	w.undo = nil
	if w.again {
		return cause
	}
	if err := w.end(ctx, txnPrepared); err != nil {
		w.s.leaveOpen(w.t)
		return errors.Join(cause, err)
	}
	return errors.Join(cause, w.abandon(ctx))
}

// detach takes away what is moved or removed.
func (w *worker) detach(ctx context.Context, o *op, dirs map[loc]bool) error {
	if o.Kind != opMove && o.Kind != opRemove {
		return nil
	}
	name := o.Name
	if o.Kind == opMove {
		name = o.From
	}
	from, err := w.h.loc(o.Root, name)
	if err != nil {
		return err
	}
	tmp, err := w.temp(o)
	if err != nil {
		return err
	}
	if w.again {
		// The temporary name is ours alone: if it is there the rename is
		// done, and if neither is there somebody took the file away.
		if gone, err := tmp.missing(); err != nil || !gone {
			if err != nil || o.Kind == opMove || o.Keep && o.Change == 0 {
				return err
			}
			return w.checkDisplaced(ctx, o, tmp)
		}
		// What has the name now may be something else, put there later.
		if id, err := identify(from); err == nil && (id.Ino != o.ID.Ino || id.Born != o.ID.Born) {
			return nil
		}
	}
	err = w.s.rename(from, tmp)
	if errors.Is(err, fs.ErrNotExist) && w.again {
		return nil
	}
	if err != nil {
		return diskError("move", from.host(), err)
	}
	w.undo = append(w.undo, func() error { return w.s.rename(tmp, from) })
	dirs[from.dir()], dirs[tmp.dir()] = true, true
	if o.Kind == opRemove && (!o.Keep || o.Change != 0) {
		return w.checkDisplaced(ctx, o, tmp)
	}
	return nil
}

// attach puts what was prepared at its name.
func (w *worker) attach(ctx context.Context, o *op, dirs map[loc]bool) error {
	if o.Kind != opMkdir && o.Kind != opPut && o.Kind != opMove {
		return nil
	}
	target, err := w.target(o)
	if err != nil {
		return err
	}
	tmp, err := w.temp(o)
	if err != nil {
		return err
	}
	if w.again {
		gone, err := tmp.missing()
		if err != nil {
			return err
		}
		if gone && o.Kind == opPut {
			if gone, err = backOf(tmp).missing(); err != nil {
				return err
			}
		}
		if gone { // renamed before the crash
			dirs[target.dir()] = ifExists(target.dir())
			return nil
		}
	}
	switch {
	case o.Kind == opMkdir:
		err = w.attachDir(ctx, o, tmp, target)
	case o.Kind == opPut && o.Replace:
		err = w.attachOver(ctx, o, tmp, target)
	default:
		err = w.attachNew(ctx, o, tmp, target)
	}
	if err != nil {
		return diskError("write", target.host(), err)
	}
	dirs[loc{target.root, path.Dir(o.Name)}] = true
	dirs[tmp.dir()] = true
	return nil
}

func ifExists(l loc) bool {
	gone, err := l.missing()
	return err == nil && !gone
}

func (w *worker) attachDir(ctx context.Context, o *op, tmp, target loc) error {
	err := w.s.rename(tmp, target)
	if errors.Is(err, fs.ErrExist) {
		info, serr := target.root.Stat(target.path())
		if serr != nil || !info.IsDir() {
			return conflict("choose another name", "%s is taken by a file", target.host())
		}
		w.t.change(o).dropped = true // somebody made the folder meanwhile
		return w.record(ctx)
	}
	if err == nil {
		w.undo = append(w.undo, func() error { return w.s.rename(target, tmp) })
	}
	return err
}

// attachNew gives a new file its name, or the next numbered one if the name
// was taken meanwhile.
func (w *worker) attachNew(ctx context.Context, o *op, tmp, target loc) error {
	base, n := path.Base(o.Name), 1
	for {
		err := w.s.rename(tmp, target)
		if err == nil {
			w.undo = append(w.undo, func() error { return w.s.rename(target, tmp) })
			return nil
		}
		if w.again && errors.Is(err, fs.ErrNotExist) {
			return w.attachAgain(tmp, target)
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		if o.Exact {
			return w.attachExact(ctx, o, tmp, target)
		}
		for gone := false; !gone; {
			n++
			target = loc{target.root, path.Join(path.Dir(o.Name), numbered(base, n))}
			if gone, err = target.missing(); err != nil {
				return err
			}
		}
		o.Name = target.rel
		w.t.change(o).rename(o.Name)
		if err := w.record(ctx); err != nil {
			return err
		}
	}
}

// attachAgain puts a file into a folder that was removed since the crash.
func (w *worker) attachAgain(tmp, target loc) error {
	if err := w.s.at("mkdir", target.dir().host()); err != nil {
		return err
	}
	if err := target.root.MkdirAll(target.dir().path(), 0o777); err != nil {
		return err
	}
	return w.s.rename(tmp, target)
}

// attachExact makes a new file that found its name taken a replacement.
func (w *worker) attachExact(ctx context.Context, o *op, tmp, target loc) error {
	if _, err := w.keepPreImage(ctx, o, target); err != nil {
		return err
	}
	c := w.t.change(o)
	c.Kind = Modified
	o.Replace = true
	if err := w.record(ctx); err != nil {
		return err
	}
	return w.attachOver(ctx, o, tmp, target)
}

// attachOver exchanges the new file with the old one, which stays under the
// temporary name until the end. Only now it is certain which bytes the change
// took away; if they are not those kept, they are kept now.
func (w *worker) attachOver(ctx context.Context, o *op, tmp, target loc) error {
	if w.again {
		if done, err := w.exchanged(ctx, o, tmp, target); err != nil || done {
			return err
		}
	}
	info, err := target.lstat()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if w.again && ifExists(backOf(tmp)) {
			break
		}
		// Somebody removed the old file; the change and its pre-image stand.
		if err := w.s.rename(tmp, target); err != nil {
			return err
		}
		w.undo = append(w.undo, func() error { return w.s.rename(target, tmp) })
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return irregular(target.host(), info.Mode())
	}
	swapped := false
	w.undo = append(w.undo, func() error {
		if swapped {
			return w.swap(tmp, target)
		}
		return w.s.undoReplaceSlow(tmp, target)
	})
	if err := w.swap(tmp, target); err != nil {
		return err
	}
	swapped = true
	return w.checkDisplaced(ctx, o, tmp)
}

func (w *worker) swap(tmp, target loc) error {
	if err := w.s.at("exchange", target.host()); err != nil {
		return err
	}
	err := errors.ErrUnsupported
	if !w.s.opt.plainRenames && !ifExists(backOf(tmp)) {
		err = exchange(tmp, target)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return w.s.replaceSlow(tmp, target)
	}
	return err
}

// exchanged tells, after a crash, whether the temporary name already holds the
// old file.
func (w *worker) exchanged(ctx context.Context, o *op, tmp, target loc) (bool, error) {
	if ifExists(backOf(tmp)) {
		return false, nil // in the middle; replace goes on
	}
	if id, err := identify(tmp); err == nil && o.ID.Ino != 0 && id == o.ID {
		return false, nil
	}
	digest, err := digestAt(ctx, tmp)
	if err != nil {
		return false, err
	}
	if digest == o.Post.Digest {
		at, err := digestAt(ctx, target)
		if err != nil || at != o.Post.Digest {
			return false, ignoreMissing(err)
		}
	}
	return true, w.checkDisplaced(ctx, o, tmp)
}

func (w *worker) checkDisplaced(ctx context.Context, o *op, tmp loc) error {
	info, err := tmp.lstat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return irregular(tmp.host(), info.Mode())
	}
	_, ino := dirKey(info)
	if !w.again && ino == o.PreIno && info.Size() == o.Pre.Size && info.ModTime().UnixNano() == o.Pre.MTime {
		return nil
	}
	if w.again {
		digest, err := digestAt(ctx, tmp)
		if err != nil || digest == o.Pre.Digest {
			return err
		}
	}
	if _, err := w.keepPreImage(ctx, o, tmp); err != nil {
		return err
	}
	return w.record(ctx)
}

// prune removes folders the task made and emptied.
func (w *worker) prune(ctx context.Context, o *op, dirs map[loc]bool) error {
	if o.Kind != opRmdir {
		return nil
	}
	target, err := w.target(o)
	if err != nil {
		return err
	}
	if err := w.s.at("rmdir", target.host()); err != nil {
		return diskError("remove folder", target.host(), err)
	}
	info, err := target.lstat()
	if err == nil && info.IsDir() {
		err = target.root.Remove(target.path())
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && isNotEmpty(err):
		w.t.change(o).dropped = true
		return w.record(ctx)
	case err != nil:
		return diskError("remove folder", target.host(), err)
	}
	w.undo = append(w.undo, func() error { return target.root.Mkdir(target.path(), info.Mode().Perm()) })
	dirs[target.dir()] = true
	return nil
}

func (w *worker) record(ctx context.Context) error {
	if err := w.s.at("journal", "update"); err != nil {
		return err
	}
	return w.s.journal.update(ctx, w.t)
}

// finish removes the temporary names that hold old files. The changes stand;
// what cannot be removed or recorded now is tried again later.
//
// That the targets are right is recorded before anything is removed, so that
// until then the temporary names tell how far it went.
func (w *worker) finish(ctx context.Context) {
	err := w.end(ctx, txnApplied)
	if err == nil {
		err = w.unlinkOld()
	}
	if err == nil {
		err = w.end(ctx, txnDone)
	}
	if err != nil {
		w.s.opt.Log.Warn("clean-up is left for later", "txn", w.t.ID, "error", err)
		w.s.leaveOpen(w.t)
	}
}

func (w *worker) end(ctx context.Context, state txnState) error {
	if err := w.s.at("journal", string(state)); err != nil {
		return err
	}
	return w.s.journal.end(ctx, w.t, state)
}

func (w *worker) unlinkOld() error {
	var errs []error
	for _, o := range w.t.Ops {
		if !o.Keep && o.Tmp != "" {
			errs = append(errs, w.unlink(o))
		}
		if o.LeavesTrash {
			errs = append(errs, w.dropTrashInfo(o))
		}
	}
	return errors.Join(errs...)
}
