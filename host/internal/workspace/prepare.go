package workspace

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// prepare lays everything ready: new bytes under temporary names, bytes from
// before in the store, all of it durable.
func (w *worker) prepare(ctx context.Context) error {
	dirs := map[loc]bool{}
	for _, o := range w.t.Ops {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		switch o.Kind {
		case opMkdir:
			err = w.prepareMkdir(o)
		case opPut:
			err = w.preparePut(ctx, o)
		case opRemove:
			err = w.prepareRemove(ctx, o)
		case opMove, opRmdir:
		}
		if err != nil {
			return err
		}
		if o.Kind == opMkdir || o.Kind == opPut {
			tmp, err := w.temp(o)
			if err != nil {
				return err
			}
			dirs[tmp.dir()] = true
		}
	}
	return w.s.syncDirs(dirs)
}

func (w *worker) prepareMkdir(o *op) error {
	tmp, err := w.temp(o)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o777)
	if o.Post.Mode != 0 {
		mode = fs.FileMode(o.Post.Mode).Perm()
	}
	if err := w.s.at("mkdir", tmp.host()); err != nil {
		return diskError("make a folder in", tmp.dir().host(), err)
	}
	if err := tmp.root.Mkdir(tmp.path(), mode); err != nil {
		return diskError("make a folder in", tmp.dir().host(), err)
	}
	if o.Post.Mode != 0 { // whatever the umask took away
		if err := tmp.root.Chmod(tmp.path(), mode); err != nil {
			return diskError("make a folder in", tmp.dir().host(), err)
		}
	}
	o.ID, err = identify(tmp)
	return diskError("look at", tmp.host(), err)
}

func (w *worker) preparePut(ctx context.Context, o *op) error {
	var old fs.FileInfo
	if o.Replace {
		target, err := w.target(o)
		if err != nil {
			return err
		}
		if old, err = w.keepPreImage(ctx, o, target); err != nil {
			return err
		}
	}
	if o.Info != nil {
		if err := w.putTrashInfo(o); err != nil {
			return err
		}
	}
	src, err := w.openSource(o)
	if err != nil {
		return err
	}
	defer src.Close()
	tmp, err := w.temp(o)
	if err != nil {
		return err
	}
	if err := w.fill(ctx, o, tmp, src, old); err != nil {
		return diskError("write to", tmp.dir().host(), err)
	}
	o.ID, err = identify(tmp)
	if o.Change != 0 {
		c := w.t.change(o)
		c.Post, c.PostDigest, c.Size = o.Post, o.Post.Digest, o.Post.Size
	}
	return diskError("look at", tmp.host(), err)
}

// fill makes the temporary file with the bytes of src and the mode and owner
// of the file it will replace.
func (w *worker) fill(ctx context.Context, o *op, tmp loc, src *os.File, old fs.FileInfo) (err error) {
	if err := w.s.at("create", tmp.host()); err != nil {
		return err
	}
	dst, err := tmp.root.OpenFile(tmp.path(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := dst.Close(); err == nil {
			err = cerr
		}
	}()
	digest, size, err := w.s.copyFile(ctx, dst, src, tmp.host())
	if err != nil {
		return err
	}
	if o.Post.Digest != "" && o.Post.Digest != digest {
		return conflict("run it again", "the bytes for %s changed while they were copied", o.Name)
	}
	o.Post.Digest, o.Post.Size = digest, size
	if old != nil {
		keepOwner(dst, old)
	}
	if err := w.dress(o, dst, tmp, old); err != nil {
		return err
	}
	if err := w.s.at("fsync", tmp.host()); err != nil {
		return err
	}
	if err := dst.Sync(); err != nil {
		return err
	}
	info, err := dst.Stat()
	if err == nil {
		o.Post.Mode, o.Post.MTime = uint32(info.Mode().Perm()), info.ModTime().UnixNano()
	}
	return err
}

// dress gives the temporary file the mode and time it shall have.
func (w *worker) dress(o *op, dst *os.File, tmp loc, old fs.FileInfo) error {
	mode := fs.FileMode(o.Post.Mode).Perm()
	if o.Post.Mode == 0 && old != nil {
		mode = old.Mode().Perm()
	}
	if mode != 0 {
		if err := w.s.at("chmod", tmp.host()); err != nil {
			return err
		}
		if err := dst.Chmod(mode); err != nil {
			return err
		}
	}
	if o.Post.MTime == 0 {
		return nil
	}
	if err := w.s.at("chtimes", tmp.host()); err != nil {
		return err
	}
	when := time.Unix(0, o.Post.MTime)
	return tmp.root.Chtimes(tmp.path(), when, when)
}

func (w *worker) prepareRemove(ctx context.Context, o *op) error {
	target, err := w.target(o)
	if err != nil {
		return err
	}
	if o.Info != nil && !o.LeavesTrash {
		if err := w.putTrashInfo(o); err != nil {
			return err
		}
	}
	if o.Keep && o.Change == 0 {
		return nil // an undo keeps the bytes in the trash alone
	}
	if o.Copied {
		info, err := target.lstat()
		if err != nil {
			return diskError("look at", target.host(), err)
		}
		o.Pre = metaOf(info, "")
		_, o.PreIno = dirKey(info)
		return nil
	}
	_, err = w.keepPreImage(ctx, o, target)
	return err
}

// keepPreImage stores the bytes that o is about to take away.
func (w *worker) keepPreImage(ctx context.Context, o *op, target loc) (fs.FileInfo, error) {
	pre, info, err := w.s.savePreImage(ctx, target)
	if err != nil {
		return nil, diskError("keep the old content of", target.host(), err)
	}
	o.Pre = pre
	_, o.PreIno = dirKey(info)
	if o.Change != 0 {
		c := w.t.change(o)
		c.Pre, c.PreDigest = pre, pre.Digest
		if c.Kind == Deleted {
			c.Size = pre.Size
		}
	}
	return info, nil
}

func (w *worker) openSource(o *op) (*os.File, error) {
	if o.SrcRoot == "" {
		f, err := os.Open(filepath.FromSlash(o.Src))
		return f, diskError("read the staged content of "+o.Name+" from", o.Src, err)
	}
	src, err := w.h.loc(o.SrcRoot, o.Src)
	if err != nil {
		return nil, err
	}
	f, _, err := src.openRegular()
	return f, diskError("read", src.host(), err)
}

// syncDirs makes the names in the folders durable.
func (s *Store) syncDirs(dirs map[loc]bool) error {
	for l := range dirs {
		if err := s.at("fsync", l.host()); err != nil {
			return diskError("write to", l.host(), err)
		}
		dir, err := l.openDir()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since, by us or by somebody
		}
		if err != nil {
			return diskError("write to", l.host(), err)
		}
		err = syncDir(dir)
		dir.Close()
		if err != nil {
			return diskError("write to", l.host(), err)
		}
	}
	return nil
}
