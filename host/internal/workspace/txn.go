package workspace

import (
	"context"
	"errors"
	"slices"
)

// txnState is how far a transaction came.
type txnState string

const (
	txnPrepared   txnState = "prepared"  // temporary names may exist
	txnCommitted  txnState = "committed" // will be finished, whatever happens
	txnApplied    txnState = "applied"   // the targets are right; temporary names may exist
	txnDone       txnState = "done"
	txnRolledBack txnState = "rolled_back"
)

const (
	kindStep    = "step"
	kindUndo    = "undo"
	kindRestore = "restore"
)

// txn is a set of operations on granted folders that happen all or not at
// all.
type txn struct {
	ID         int64
	Task, Step string
	Kind       string
	State      txnState
	Time       int64 // nanoseconds since 1970
	Ops        []*op
	Changes    []*change

	// undoes maps changes that the transaction reverses to how.
	undoes map[int64]Action
}

type opKind string

const (
	// opMkdir makes a folder: prepared as Tmp, renamed to Name.
	opMkdir opKind = "mkdir"
	// opPut puts bytes from Src at Name: prepared as Tmp, renamed to Name or,
	// with Replace, exchanged with it.
	opPut opKind = "put"
	// opMove renames From to Tmp, then Tmp to Name.
	opMove opKind = "move"
	// opRemove renames Name to Tmp and unlinks that at the end, unless Keep.
	opRemove opKind = "remove"
	// opRmdir removes an empty folder.
	opRmdir opKind = "rmdir"
)

// op is one operation. Every one is a rename of something that was prepared,
// so that doing it and taking it back need no space on the disk.
type op struct {
	Kind opKind `json:"kind"`
	Root string `json:"root"`
	Name string `json:"name"`
	// Tmp lies in TmpRoot, by default Root.
	Tmp     string `json:"tmp,omitempty"`
	TmpRoot string `json:"tmp_root,omitempty"`
	From    string `json:"from,omitempty"`
	// Src is a path in SrcRoot or, if that is empty, a file of the store's.
	Src     string `json:"src,omitempty"`
	SrcRoot string `json:"src_root,omitempty"`
	Replace bool   `json:"replace,omitempty"`
	// Exact replaces what took the name meanwhile; otherwise the next
	// numbered name is taken.
	Exact bool `json:"exact,omitempty"`
	Keep  bool `json:"keep,omitempty"`
	// Copied: another operation of the transaction carries the bytes, so no
	// pre-image is needed.
	Copied bool `json:"copied,omitempty"`
	// Own makes the file one that the task created.
	Own    bool   `json:"own,omitempty"`
	ID     fileID `json:"id"`
	Pre    meta   `json:"pre"`
	PreIno uint64 `json:"pre_ino,omitempty"`
	// Post is what the file will be. Mode and MTime are set only if not 0.
	Post meta `json:"post"`
	// Change is the index in the transaction's changes plus one; 0 is none.
	Change int `json:"change,omitempty"`
	// Info is the trash's description of the file, beside TmpRoot.
	Info    *trashInfo `json:"info,omitempty"`
	TrashID int64      `json:"trash_id,omitempty"`
	// LeavesTrash: the file goes from the trash, and its description with it.
	LeavesTrash bool `json:"leaves_trash,omitempty"`
}

func (o *op) tmpRoot() string {
	if o.TmpRoot != "" {
		return o.TmpRoot
	}
	return o.Root
}

func (t *txn) change(o *op) *change {
	if o.Change == 0 || o.Change > len(t.Changes) {
		return &change{}
	}
	return t.Changes[o.Change-1]
}

func (t *txn) lockKeys() []string {
	var keys []string
	for _, o := range t.Ops {
		keys = append(keys, o.Root)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// run carries a transaction out. When it returns an error the folders are as
// they were, but for what the error says.
func (s *Store) run(ctx context.Context, t *txn, given rootSet) error {
	if err := s.settleOpen(ctx, t.lockKeys(), given); err != nil {
		return err
	}
	s.work.RLock()
	defer s.work.RUnlock()
	h := &rootHolder{given: given}
	defer h.close()
	t.Time = s.opt.Now().UnixNano()
	if err := s.at("journal", "begin"); err != nil {
		return diskError("write", "the file journal", err)
	}
	if err := s.journal.begin(ctx, t); err != nil {
		return err
	}
	w := &worker{s: s, h: h, t: t}
	if err := w.prepare(ctx); err != nil {
		return errors.Join(err, w.abandon(ctx))
	}
	defer s.locks.lock(t.lockKeys())()
	ctx = context.WithoutCancel(ctx) // from here on there is no way back
	err := s.at("journal", "commit")
	if err == nil {
		err = s.journal.commit(ctx, t)
	}
	if err != nil {
		return errors.Join(diskError("write", "the file journal", err), w.abandon(ctx))
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	w.finish(ctx)
	return nil
}

// resume finishes a committed transaction after a crash. The caller holds
// work, so that nobody is at it.
func (s *Store) resume(ctx context.Context, t *txn, given rootSet) error {
	h := &rootHolder{given: given}
	defer h.close()
	defer s.locks.lock(t.lockKeys())()
	w := &worker{s: s, h: h, t: t, again: true}
	if t.State == txnCommitted {
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
	w.finish(ctx)
	return nil
}

// worker carries out one transaction.
type worker struct {
	s     *Store
	h     *rootHolder
	t     *txn
	again bool // an earlier process may have done a part
	undo  []func() error
}

func (w *worker) target(o *op) (loc, error) { return w.h.loc(o.Root, o.Name) }
func (w *worker) temp(o *op) (loc, error)   { return w.h.loc(o.tmpRoot(), o.Tmp) }

// abandon removes what prepare made. What it cannot remove the next [Open]
// will.
func (w *worker) abandon(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := w.removeTemps(); err != nil {
		return err
	}
	if err := w.s.at("journal", "abandon"); err != nil {
		return err
	}
	return w.s.journal.end(ctx, w.t, txnRolledBack)
}

func (w *worker) removeTemps() error {
	var errs []error
	for _, o := range slices.Backward(w.t.Ops) {
		if o.Kind == opMkdir || o.Kind == opPut {
			errs = append(errs, w.unlink(o))
		}
		if o.Info != nil && !o.LeavesTrash {
			errs = append(errs, w.dropTrashInfo(o))
		}
	}
	return errors.Join(errs...)
}

// unlink removes the temporary name of an operation, if it is there.
func (w *worker) unlink(o *op) error {
	tmp, err := w.temp(o)
	if err != nil {
		return err
	}
	if gone, err := tmp.missing(); gone || err != nil {
		return err
	}
	if err := w.s.at("unlink", tmp.host()); err != nil {
		return diskError("remove", tmp.host(), err)
	}
	return diskError("remove", tmp.host(), tmp.root.Remove(tmp.path()))
}
