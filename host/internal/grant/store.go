package grant

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The most grants a store keeps. The oldest of those for one task make room for
// new ones of this kind.
const (
	maxAlways = 2_000
	maxTask   = 5_000
)

// Store keeps grants in a file. Its methods may be called concurrently, within
// the one host of a home. A file the person edits is read again; one that
// cannot be read grants nothing, and every change is refused until it can.
//
// A grant that was once seen to have ended is gone: a clock that is set back
// does not bring it back, not after a restart either. What the store cannot
// know is a time at which no host ran.
type Store struct {
	path string

	mu   sync.Mutex
	info fs.FileInfo // the file as it was read; nil when it is to be read
	file file
	gone map[string]bool // ids seen ended that the file may still have
	// fail is called before each step of a write; tests make it fail.
	fail func(step string) error
}

// Open returns the store of a file, which need not exist. It reads nothing yet;
// [Store.Err] says whether the file can be read.
func Open(path string) *Store {
	return &Store{path: path, gone: map[string]bool{}, fail: func(string) error { return nil }}
}

// Err returns why no grant is in force, nil when the file can be read.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh()
}

// List returns the grants in force now, the oldest first: those for always and
// those of all tasks.
func (s *Store) List(now time.Time) ([]Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(); err != nil {
		return nil, err
	}
	s.end(now)
	return s.holding(now), nil
}

// Rules returns the grants in force for a task, none if the file cannot be
// read. The task is the root of its tree; sub-agents ask with their root's id.
func (s *Store) Rules(now time.Time, rootTask string) []policy.Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refresh() != nil {
		return nil
	}
	s.end(now)
	var out []policy.Grant
	for _, g := range s.holding(now) {
		if g.Scope == string(policy.Always) || rootTask != "" && g.Task == rootTask {
			out = append(out, g.policy())
		}
	}
	return out
}

// Add keeps a grant that was given now and returns it as it is kept, with its
// id. Where the same is open already, that grant is returned, lasting as long
// as the longer of the two. Nothing is in force before it is on the disk.
func (s *Store) Add(now time.Time, g Grant) (Grant, error) {
	out, err := s.add(now, []Grant{g})
	if err != nil {
		return Grant{}, err
	}
	return out[0], nil
}

// Approve keeps what an approval of the call opens beyond this once: a grant
// for the call's effect on each of its targets, for the root task or for
// always. Scope [policy.Once] opens nothing.
func (s *Store) Approve(now time.Time, call policy.Call, scope policy.Scope, rootTask, from string) ([]Grant, error) {
	if scope == policy.Once {
		return nil, nil
	}
	if len(call.Targets) == 0 || call.Effect == "" {
		return nil, pluginsdk.Invalid("allow it once", "the call of %s has nothing that later calls could be compared with", call.Tool)
	}
	list := make([]Grant, 0, len(call.Targets))
	for _, t := range call.Targets {
		g := Grant{Tool: call.Tool, Target: t, Effect: string(call.Effect), Scope: string(scope), From: from}
		if scope == policy.Task {
			g.Task = rootTask
		}
		list = append(list, g)
	}
	return s.add(now, list)
}

// Remove takes a grant back. One that is not there is a
// [pluginsdk.ErrNotFound].
func (s *Store) Remove(now time.Time, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(); err != nil {
		return err
	}
	i := slices.IndexFunc(s.holding(now), func(g Grant) bool { return g.ID == id })
	if i < 0 {
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no grant %.60q", id),
			Next: "see the ids with `cowork grant ls`",
		}
	}
	next := s.file
	next.Grants = slices.DeleteFunc(slices.Clone(next.Grants), func(g Grant) bool { return g.ID == id })
	return s.write(next)
}

func (s *Store) add(now time.Time, list []Grant) ([]Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(); err != nil {
		return nil, err
	}
	s.end(now)
	next := s.file
	next.Grants = slices.Clone(next.Grants)
	out := make([]Grant, 0, len(list))
	for _, g := range list {
		g.ID, g.Created, g.Expires = "", now.UTC().Round(0), g.Expires.UTC().Round(0)
		g, err := g.check()
		if err != nil {
			return nil, pluginsdk.Invalid("name one tool and one target, as in `cowork grant add --host example.com`", "the grant of %q is refused: %v", g.String(), err)
		}
		i := slices.IndexFunc(next.Grants, func(o Grant) bool { return o.same(g) && o.holds(now) && !s.gone[o.ID] })
		if i < 0 {
			g.ID = strconv.FormatInt(next.Next, 10)
			next.Next++
			next.Grants = append(next.Grants, g)
			out = append(out, g)
			continue
		}
		old := &next.Grants[i]
		if !old.Expires.IsZero() && (g.Expires.IsZero() || g.Expires.After(old.Expires)) {
			old.Expires = g.Expires
		}
		out = append(out, *old)
	}
	if err := next.bound(); err != nil {
		return nil, err
	}
	return out, s.write(next)
}

// holding returns the grants in force.
func (s *Store) holding(now time.Time) []Grant {
	out := make([]Grant, 0, len(s.file.Grants))
	for _, g := range s.file.Grants {
		if g.holds(now) && !s.gone[g.ID] {
			out = append(out, g)
		}
	}
	return out
}

// end takes out what has ended, for good. If the disk does not take it, it is
// kept in mind for as long as this host runs.
func (s *Store) end(now time.Time) {
	var ended []string
	for _, g := range s.file.Grants {
		if !g.Expires.IsZero() && !now.Before(g.Expires) && !s.gone[g.ID] {
			ended = append(ended, g.ID)
		}
	}
	if len(ended) == 0 {
		return
	}
	for _, id := range ended {
		s.gone[id] = true
	}
	next := s.file
	next.Grants = slices.DeleteFunc(slices.Clone(next.Grants), func(g Grant) bool { return s.gone[g.ID] })
	if s.write(next) == nil && s.refresh() == nil {
		clear(s.gone)
	}
}

// refresh reads the file unless it is still the one that was read.
func (s *Store) refresh() error {
	info, err := stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.info, s.file = nil, file{Version: version, Next: max(s.file.Next, 1)}
		return nil
	}
	if err != nil {
		return explain(s.path, err)
	}
	if s.info != nil && sameFile(s.info, info) {
		return nil
	}
	f, err := read(s.path)
	if err != nil {
		s.info, s.file = nil, file{Version: version, Next: s.file.Next}
		return err
	}
	f.Next = max(f.Next, s.file.Next)
	s.info, s.file = info, f
	maps.DeleteFunc(s.gone, func(id string, _ bool) bool {
		return !slices.ContainsFunc(f.Grants, func(g Grant) bool { return g.ID == id })
	})
	return nil
}

// write puts the file in place. Whatever comes of it, the disk says what holds.
func (s *Store) write(f file) error {
	for _, g := range s.file.Grants {
		if s.gone[g.ID] {
			f.Grants = slices.DeleteFunc(f.Grants, func(o Grant) bool { return o.ID == g.ID })
		}
	}
	s.info = nil
	if err := write(s.path, f, s.fail); err != nil {
		return explain(s.path, err)
	}
	s.file = f
	return nil
}
