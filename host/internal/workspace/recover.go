package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cowork-host/cowork/pluginsdk"
)

// recover finishes what an earlier process left: prepared transactions leave
// no trace, committed ones are finished, undo requests go on. Staged bytes of
// steps that were never applied are dropped.
func (s *Store) recover(ctx context.Context) error {
	txns, err := s.journal.openTxns(ctx)
	if err != nil {
		return fmt.Errorf("read file journal: %w", err)
	}
	for _, t := range txns {
		if err := s.recoverTxn(ctx, t, nil); err != nil {
			// A disk that is not plugged in must not keep the host from
			// starting; the transaction stays open.
			s.opt.Log.Warn("interrupted change waits for its folder", "txn", t.ID, "task", t.Task, "error", err)
			if t.State != txnPrepared {
				s.leaveOpen(t)
			}
		}
	}
	if err := s.resumeUndos(ctx); err != nil {
		return err
	}
	return s.sweep(ctx)
}

func (s *Store) recoverTxn(ctx context.Context, t *txn, given rootSet) error {
	if t.State != txnPrepared {
		return s.resume(ctx, t, given)
	}
	h := &rootHolder{given: given}
	defer h.close()
	return (&worker{s: s, h: h, t: t}).abandon(ctx)
}

// leaveOpen remembers a transaction to be finished before the next one that
// touches one of its folders.
func (s *Store) leaveOpen(t *txn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.open, t) {
		s.open = append(s.open, t)
	}
}

func (s *Store) isOpen(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.open, func(t *txn) bool { return t.ID == id })
}

// settleOpen finishes the open transactions on some folders.
func (s *Store) settleOpen(ctx context.Context, roots []string, given rootSet) error {
	s.mu.Lock()
	none := len(s.open) == 0
	s.mu.Unlock()
	if none {
		return nil
	}
	s.work.Lock()
	defer s.work.Unlock()
	s.mu.Lock()
	open := slices.Clone(s.open)
	s.open = nil
	s.mu.Unlock()
	var errs []error
	for _, t := range open {
		if !slices.ContainsFunc(t.lockKeys(), func(key string) bool { return slices.Contains(roots, key) }) {
			s.leaveOpen(t)
			continue
		}
		if err := s.recoverTxn(ctx, t, given); err != nil {
			s.leaveOpen(t)
			errs = append(errs, err)
		}
		if s.isOpen(t.ID) && t.State == txnCommitted {
			errs = append(errs, userError(pluginsdk.ErrUnavailable, errors.ErrUnsupported, "check the disk and try again",
				"an earlier change of %s is not finished", t.Ops[0].Root))
		}
	}
	return errors.Join(errs...)
}

// sweep drops staged bytes and half-made pre-images.
func (s *Store) sweep(ctx context.Context) error {
	if err := os.RemoveAll(s.stagingDir()); err != nil {
		return diskError("clear", s.stagingDir(), err)
	}
	if err := os.MkdirAll(s.stagingDir(), 0o700); err != nil {
		return diskError("make folder", s.stagingDir(), err)
	}
	halves, err := filepath.Glob(filepath.Join(s.preImageDir(), "new-*"))
	if err != nil {
		return err
	}
	for _, half := range halves {
		if err := os.Remove(half); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return diskError("clear", half, err)
		}
	}
	return ctx.Err()
}
