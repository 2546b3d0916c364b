package workspace

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options say where a store keeps its things. Dir is needed; the zero value
// of everything else is usable.
type Options struct {
	// Dir is a private folder of the host's: the journal, the pre-images and
	// the staged bytes. It is made if it is missing.
	Dir string
	// TrashDir is the home trash. Empty: DataHome/Trash, as the freedesktop.org
	// trash specification says; if that is empty too, Dir/trash.
	TrashDir string
	// DataHome is $XDG_DATA_HOME or its default.
	DataHome string
	// MaxPreImageBytes is how many bytes from before are kept at most. A write
	// that needs more is refused. 0 is no limit.
	MaxPreImageBytes int64
	// MaxOpenFiles is how many files one step may hold open; 0 is 1024.
	MaxOpenFiles int
	// MaxStagedBytes and MaxStagedFiles bound what one step may write, so that
	// a plugin cannot fill the disk the home is on; 0 is 16 GiB and 100,000.
	MaxStagedBytes int64
	MaxStagedFiles int
	// ReadOnly opens a store that is there to look at its changes only. Nothing
	// a crash left half done is finished, and nothing is written.
	ReadOnly bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log gets what a person need not see; nil discards it.
	Log *slog.Logger

	// failpoint is called before every system call and journal write that
	// changes something. Tests return an error or end the process in it.
	failpoint func(op, path string) error
	// plainRenames makes every disk one that cannot exchange two names.
	plainRenames bool
}

// Store is the host's side of the door to files: one per host. Its methods may
// be called concurrently.
type Store struct {
	opt     Options
	journal *journal
	locks   lockSet
	saving  sync.Mutex // one pre-image at a time enters the store
	undoing sync.Mutex // one undo at a time
	// work is held for reading while a transaction runs, and for writing by
	// who finishes what another process began.
	work sync.RWMutex

	mu       sync.Mutex
	reserved map[string]map[*Step]bool
	running  map[string]bool // "task/step"
	// open are the committed transactions that are not finished: an error or a
	// crash came in between.
	open []*txn
}

// Open opens the store and finishes what a crash left half done: a step with a
// commit record is rolled forward, any other leaves no trace. A folder that
// cannot be reached now is tried again when a workspace opens it. Another
// process that has the store open is [pluginsdk.ErrConflict].
func Open(ctx context.Context, opt Options) (*Store, error) {
	if !filepath.IsAbs(opt.Dir) {
		return nil, invalid("", "workspace store folder %q is not absolute", opt.Dir)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.MaxOpenFiles <= 0 {
		opt.MaxOpenFiles = 1024
	}
	if opt.MaxStagedBytes <= 0 {
		opt.MaxStagedBytes = 16 << 30
	}
	if opt.MaxStagedFiles <= 0 {
		opt.MaxStagedFiles = 100_000
	}
	s := &Store{opt: opt, reserved: map[string]map[*Step]bool{}, running: map[string]bool{}}
	if opt.ReadOnly {
		var err error
		s.journal, err = openJournalReadOnly(ctx, filepath.Join(opt.Dir, "journal.db"))
		return s, err
	}
	for _, dir := range []string{opt.Dir, s.stagingDir(), s.preImageDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, diskError("make folder", dir, err)
		}
	}
	var err error
	if s.opt.Dir, err = filepath.EvalSymlinks(opt.Dir); err != nil {
		return nil, diskError("open folder", opt.Dir, err)
	}
	if s.journal, err = openJournal(ctx, filepath.Join(opt.Dir, "journal.db")); err != nil {
		return nil, err
	}
	if err := s.recover(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the journal. No step may be running.
func (s *Store) Close() error {
	if s.journal == nil {
		return nil
	}
	return s.journal.db.Close()
}

// Usage returns how many bytes the pre-images take, counted as whole files.
func (s *Store) Usage(ctx context.Context) (int64, error) {
	return s.journal.preImageBytes(ctx)
}

// Changes returns what a task changed, oldest first.
func (s *Store) Changes(ctx context.Context, task string) ([]Change, error) {
	recs, err := s.journal.changes(ctx, task, "")
	if err != nil {
		return nil, err
	}
	return public(recs), nil
}

// State says how far a step came.
type State string

// The states of a step.
const (
	// StateNone: nothing of the step is in the folder, nor will be.
	StateNone State = "none"
	// StateApplied: the changes are in the folder.
	StateApplied State = "applied"
	// StatePending: the step is committed but its folder could not be reached
	// to finish; that happens when the folder is next opened.
	StatePending State = "pending"
)

// Applied says whether a step's changes were applied, and which. After a crash
// the task layer learns from it whether the handler must run again.
func (s *Store) Applied(ctx context.Context, task, step string) (State, []Change, error) {
	t, err := s.journal.stepTxn(ctx, task, step)
	if errors.Is(err, sql.ErrNoRows) {
		return StateNone, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	state := StateApplied
	if t.State == txnCommitted {
		state = StatePending
		if err := s.settleOpen(ctx, t.lockKeys(), nil); err == nil && !s.isOpen(t.ID) {
			state = StateApplied
		}
	}
	recs, err := s.journal.changes(ctx, task, step)
	return state, public(recs), err
}

func (s *Store) stagingDir() string  { return filepath.Join(s.opt.Dir, "staging") }
func (s *Store) preImageDir() string { return filepath.Join(s.opt.Dir, "pre-images") }

// at is passed before everything that changes a disk or the journal.
func (s *Store) at(op, path string) error {
	if s.opt.failpoint == nil {
		return nil
	}
	return s.opt.failpoint(op, path)
}

// reserve keeps a name in a folder from being picked by another step. It
// returns false if exclusive and another step has it.
func (s *Store) reserve(key string, by *Step, exclusive bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	holders := s.reserved[key]
	if exclusive && (len(holders) > 1 || len(holders) == 1 && !holders[by]) {
		return false
	}
	if holders == nil {
		holders = map[*Step]bool{}
		s.reserved[key] = holders
	}
	holders[by] = true
	return true
}

func (s *Store) release(keys []string, by *Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		delete(s.reserved[key], by)
		if len(s.reserved[key]) == 0 {
			delete(s.reserved, key)
		}
	}
}

// lockSet is one lock per granted folder, so that the renames of two steps do
// not interleave.
type lockSet struct {
	mu    sync.Mutex
	locks map[string]*sync.Mutex
}

// lock takes the locks of the sorted keys and returns what frees them.
func (l *lockSet) lock(keys []string) func() {
	var held []*sync.Mutex
	for _, key := range keys {
		l.mu.Lock()
		if l.locks == nil {
			l.locks = map[string]*sync.Mutex{}
		}
		m := l.locks[key]
		if m == nil {
			m = &sync.Mutex{}
			l.locks[key] = m
		}
		l.mu.Unlock()
		m.Lock()
		held = append(held, m)
	}
	return func() {
		for _, m := range held {
			m.Unlock()
		}
	}
}
