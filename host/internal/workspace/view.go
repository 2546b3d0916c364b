package workspace

import (
	"errors"
	"io/fs"
	"path"
)

// view is the disk as an undo sees it. In a dry run it also remembers what
// would have been done, so that the answers are those of the real run.
type view struct {
	h      *rootHolder
	digest func(loc) (string, error)
	dry    bool
	seen   map[spot]*sight
}

// spot is a name in a granted folder.
type spot struct{ root, rel string }

// sight is what is at a spot.
type sight struct {
	at     spot
	exists bool
	dir    bool
	link   bool // or a device: nothing that has bytes of ours
	m      meta
}

func (v *view) at(root, rel string) (*sight, error) {
	if s := v.seen[spot{root, rel}]; s != nil {
		return s, nil
	}
	l, err := v.h.loc(root, rel)
	if err != nil {
		if isGone(err) {
			return nil, &unreachable{root}
		}
		return nil, err
	}
	info, err := l.lstat()
	if errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
		return &sight{at: spot{root, rel}}, nil
	}
	if err != nil {
		return nil, diskError("look at", l.host(), err)
	}
	return &sight{
		at: spot{root, rel}, exists: true, dir: info.IsDir(), link: !info.IsDir() && !info.Mode().IsRegular(),
		m: metaOf(info, ""),
	}, nil
}

// holds tells whether the spot has exactly these bytes.
func (v *view) holds(s *sight, digest string) (bool, error) {
	if !s.exists || s.dir || s.link || digest == "" {
		return false, nil
	}
	if s.m.Digest == "" {
		l, err := v.h.loc(s.at.root, s.at.rel)
		if err != nil {
			return false, err
		}
		if s.m.Digest, err = v.digest(l); err != nil {
			return false, diskError("read", l.host(), err)
		}
	}
	return s.m.Digest == digest, nil
}

// unmoved tells whether a moved file is as the move left it. A plain move read
// no bytes, so size and time decide.
func (v *view) unmoved(s *sight, c *change) bool {
	if s.dir || s.link || s.m.Size != c.Post.Size {
		return false
	}
	if c.PostDigest != "" {
		same, err := v.holds(s, c.PostDigest)
		return err == nil && same
	}
	return s.m.MTime == c.Post.MTime
}

// empty tells whether nothing is left in a folder.
func (v *view) empty(root, rel string) (bool, error) {
	l, err := v.h.loc(root, rel)
	if err != nil {
		return false, err
	}
	dir, err := l.openDir()
	if err != nil {
		return false, diskError("list", l.host(), err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return false, diskError("list", l.host(), err)
	}
	for _, name := range names {
		if s := v.seen[spot{root, path.Join(rel, name)}]; s == nil || s.exists {
			return false, nil
		}
	}
	for at, s := range v.seen {
		if s.exists && at.root == root && path.Dir(at.rel) == rel {
			return false, nil
		}
	}
	return true, nil
}

// pretend remembers, in a dry run, what the decision would have done.
func (v *view) pretend(c *change, d decision) {
	if !v.dry {
		return
	}
	m, root := c.Pre, c.Root
	if d.take != "" && d.put != "" {
		from := spot{c.Root, d.take}
		if s, err := v.at(from.root, from.rel); err == nil {
			m = s.m
		}
		root = c.FromRoot
	}
	if d.take != "" {
		at := spot{c.Root, d.take}
		v.seen[at] = &sight{at: at}
	}
	if d.put != "" {
		at := spot{root, d.put}
		v.seen[at] = &sight{at: at, exists: true, dir: c.Folder, m: m}
	}
}
