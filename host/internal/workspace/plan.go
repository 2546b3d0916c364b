package workspace

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Apply makes everything the step staged visible in the granted folders, all
// or nothing, and returns what changed. After an error the folders are as they
// were. Either way the step is over. Cancelling ctx has no effect any more once
// the step is committed.
func (s *Step) Apply(ctx context.Context) ([]Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return nil, errOver
	}
	changes, err := s.apply(ctx)
	return changes, errors.Join(err, s.end())
}

func (s *Step) apply(ctx context.Context) ([]Change, error) {
	for f := range s.handles {
		if f.writable {
			return nil, userError(pluginsdk.ErrInvalid, fs.ErrInvalid, "close every file before the step ends",
				"%s was not closed; nothing was written", f.name)
		}
	}
	p := newPlan(s.ws, s.id, kindStep)
	if err := s.planStep(ctx, p); err != nil {
		return nil, err
	}
	if err := s.ws.store.run(ctx, p.t, s.ws.roots()); err != nil {
		return nil, err
	}
	return public(p.t.Changes), nil
}

// planStep turns the staged state into operations: new folders from the top
// down, moves, removals from the bottom up, and new bytes.
func (s *Step) planStep(ctx context.Context, p *plan) error {
	used := map[place]bool{}
	places := sortedPlaces(s.entries)
	// Undo goes through the changes backwards, so they stand in the order in
	// which they take effect.
	for _, at := range places {
		e := s.entries[at]
		if e.folder && (!e.implied || s.hasFiles(at)) && !s.onDisk(at) {
			p.mkdir(at)
		}
	}
	for _, at := range places {
		if e := s.entries[at]; !e.folder && e.bytes == nil {
			used[e.from] = true
			if err := s.planMove(p, at, e); err != nil {
				return err
			}
		}
	}
	gone := sortedPlaces(s.vacated)
	for _, at := range slices.Backward(gone) {
		if used[at] {
			continue
		}
		if err := s.planGone(ctx, p, at); err != nil {
			return err
		}
	}
	for _, at := range places {
		if e := s.entries[at]; e.bytes != nil {
			if err := s.planBytes(ctx, p, at, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Step) hasFiles(dir place) bool {
	for at, e := range s.entries {
		if at != dir && at.grant == dir.grant && hasPrefixPath(at.rel, dir.rel) && (!e.folder || !e.implied) {
			return true
		}
	}
	return false
}

func (s *Step) planBytes(ctx context.Context, p *plan, at place, e *entry) error {
	digest, err := e.bytes.digest(ctx)
	if err != nil {
		return diskError("read the staged content of "+at.base()+" from", e.bytes.path, err)
	}
	o := &op{Kind: opPut, Src: filepath.ToSlash(e.bytes.path), Post: meta{Digest: digest}, Exact: !e.create}
	kind := Created
	o.Own = true
	// A new file whose name was taken meanwhile gets another one.
	if s.onDisk(at) && !e.create {
		kind, o.Replace = Modified, true
		if o.Own, err = s.owns(ctx, at); err != nil {
			return err
		}
	}
	p.add(o, at, kind).From = e.source
	return nil
}

// planMove moves a file of the disk. Between disks, between grants and over an
// existing file it is a copy and a removal, both of them in the journal.
func (s *Step) planMove(p *plan, at place, e *entry) error {
	n, err := s.lookDisk(e.from, nil)
	if err != nil {
		return err
	}
	over := s.onDisk(at)
	near, dir := p.existing(at), e.from.dir()
	oneDisk := sameMount(loc{near.grant.root, near.rel}, loc{dir.grant.root, dir.rel})
	m := metaOf(n.info, "")
	if over || at.grant != e.from.grant || !oneDisk {
		kind := Moved
		if over {
			kind = Modified
		}
		own, err := s.owns(context.Background(), e.from)
		if err != nil {
			return err
		}
		o := &op{
			Kind: opPut, Src: e.from.rel, SrcRoot: e.from.grant.path, Replace: over, Own: own,
			Post: meta{Mode: m.Mode, MTime: m.MTime},
		}
		c := p.add(o, at, kind)
		c.From = s.ws.virtual(e.from)
		if kind == Moved {
			c.FromRoot, c.FromRel = e.from.grant.path, e.from.rel
		}
		rm := &op{Kind: opRemove, Tmp: p.tempIn(e.from.dir(), s.vacated), Copied: kind == Moved}
		if kind == Moved {
			p.place(rm, e.from)
			return p.identify(rm, e.from)
		}
		p.add(rm, e.from, Deleted)
		return p.identify(rm, e.from)
	}
	o := &op{Kind: opMove, From: e.from.rel, Tmp: p.tempIn(e.from.dir(), s.vacated), Post: m}
	c := p.add(o, at, Moved)
	c.From, c.FromRoot, c.FromRel = s.ws.virtual(e.from), e.from.grant.path, e.from.rel
	c.Pre, c.Post, c.Size = m, m, m.Size
	return p.identify(o, e.from)
}

// planGone removes what was taken away and is nowhere any more.
func (s *Step) planGone(ctx context.Context, p *plan, at place) error {
	n, err := s.lookDisk(at, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody was faster
	}
	if err != nil {
		return err
	}
	if n.info.IsDir() {
		c := p.add(&op{Kind: opRmdir}, at, Deleted)
		c.Folder = true
		c.Pre = metaOf(n.info, "")
		c.Pre.Size, c.Size = 0, 0
		return nil
	}
	if s.trashed[at] {
		return s.planTrashed(ctx, p, at, metaOf(n.info, ""))
	}
	o := &op{Kind: opRemove, Tmp: p.tempIn(at.dir(), s.vacated)}
	p.add(o, at, Deleted)
	return p.identify(o, at)
}

// planTrashed moves a file of the disk to the trash. Unlike in an undo the
// removal is a change of its own, with a pre-image.
func (s *Step) planTrashed(ctx context.Context, p *plan, at place, m meta) error {
	c := &change{
		Change: Change{Task: p.t.Task, Step: p.t.Step, Path: s.ws.virtual(at), Staged: s.ws.virtual(at), HostPath: at.host(), Kind: Deleted, Undoable: true, Time: p.now},
		Root:   at.grant.path, Rel: at.rel, Prefix: strings.TrimSuffix(s.ws.virtual(at), at.rel), Post: m,
	}
	h := &rootHolder{given: s.ws.roots()}
	defer h.close()
	if err := s.ws.store.planTrash(ctx, p.t, c, at.rel, h); err != nil {
		return err
	}
	c.Post = meta{}
	p.t.Changes = append(p.t.Changes, c)
	rm := p.t.Ops[len(p.t.Ops)-1] // the removal comes last
	rm.Copied, rm.Change = false, len(p.t.Changes)
	if !rm.Keep {
		rm.Tmp = p.tempIn(at.dir(), s.vacated)
	}
	return nil
}

func (s *Step) owns(ctx context.Context, at place) (bool, error) {
	id, err := identify(loc{at.grant.root, at.rel})
	if err != nil {
		return false, diskError("look at", at.host(), err)
	}
	return s.ws.store.journal.owns(ctx, s.ws.task, id)
}

// sortedPlaces orders places by grant and then so that a folder comes before
// what is in it.
func sortedPlaces[V any](m map[place]V) []place {
	return slices.SortedFunc(maps.Keys(m), func(a, b place) int {
		return cmp.Or(strings.Compare(a.grant.path, b.grant.path),
			slices.Compare(strings.Split(a.rel, "/"), strings.Split(b.rel, "/")))
	})
}

// plan collects the operations of a transaction.
type plan struct {
	ws  *Workspace
	t   *txn
	now time.Time
	// made are the folders that the transaction makes.
	made map[place]bool
}

func newPlan(w *Workspace, step, kind string) *plan {
	return &plan{
		ws: w, now: w.store.opt.Now(), made: map[place]bool{},
		t: &txn{Task: w.task, Step: step, Kind: kind},
	}
}

// place says where an operation acts, and under which temporary name.
func (p *plan) place(o *op, at place) {
	o.Root, o.Name = at.grant.path, at.rel
	if o.Tmp == "" && o.Kind != opRmdir {
		o.Tmp = p.tempIn(p.existing(at), nil)
	}
	p.t.Ops = append(p.t.Ops, o)
}

// add places an operation and records it as a change.
func (p *plan) add(o *op, at place, kind ChangeKind) *change {
	virtual := p.ws.virtual(at)
	c := &change{
		Change: Change{
			Task: p.t.Task, Step: p.t.Step, Path: virtual, Staged: virtual, HostPath: at.host(), Kind: kind, Undoable: true, Time: p.now,
		},
		Root: at.grant.path, Rel: at.rel, Prefix: strings.TrimSuffix(virtual, at.rel),
	}
	p.t.Changes = append(p.t.Changes, c)
	o.Change = len(p.t.Changes)
	p.place(o, at)
	return c
}

func (p *plan) identify(o *op, at place) (err error) {
	o.ID, err = identify(loc{at.grant.root, at.rel})
	return diskError("look at", at.host(), err)
}

func (p *plan) mkdir(at place) {
	c := p.add(&op{Kind: opMkdir, Own: true}, at, Created)
	c.Folder = true
	p.made[at] = true
}

// existing returns the deepest folder above a place that is on disk.
func (p *plan) existing(at place) place {
	for at = at.dir(); at.rel != "."; at = at.dir() {
		if p.made[at] {
			continue
		}
		if info, err := at.grant.root.Stat(filepath.FromSlash(at.rel)); err == nil && info.IsDir() {
			break
		}
	}
	return at
}

// tempIn picks a temporary name in a folder, or above it if the folder itself
// goes away.
func (p *plan) tempIn(dir place, going map[place]bool) string {
	for dir.rel != "." && going[dir] {
		dir = dir.dir()
	}
	return path.Join(dir.rel, tempName())
}
