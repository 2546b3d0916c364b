package web

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The bounds of what a page may grant, and of how far back is looked for
// folders of earlier tasks.
const (
	maxGrants    = 16
	earlierTasks = 60
)

// folders knows which folders the page may grant: those the person named in a
// terminal or granted before, and, by the rules of [folders.check], typed ones.
type folders struct {
	log  Log
	home string

	mu    sync.Mutex
	named []string // resolved, the first is offered first
}

func newFolders(log Log, home string) *folders { return &folders{log: log, home: home} }

// allow adds folders a person named outside the page.
func (f *folders) allow(cwd string, dirs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cwd != "" && !slices.Contains(dirs, cwd) && f.mayType(cwd) == nil {
		dirs = append(dirs, cwd)
	}
	for _, d := range dirs {
		if d = resolved(d); filepath.IsAbs(d) && !slices.Contains(f.named, d) {
			f.named = append(f.named, d)
		}
	}
}

// list returns the folders that may be granted as they are: the named ones,
// then those of earlier tasks that still exist.
func (f *folders) list(ctx context.Context) ([]string, error) {
	f.mu.Lock()
	out := slices.Clone(f.named)
	f.mu.Unlock()
	heads, err := f.log.Tasks(ctx, event.Query{Limit: earlierTasks})
	if err != nil {
		return nil, err
	}
	for _, h := range heads {
		created, err := createdOf(ctx, f.log, h.Task)
		if err != nil || h.Parent != "" {
			continue // a task that cannot be read offers nothing
		}
		for _, d := range created.Folders {
			if d = resolved(d); !slices.Contains(out, d) && isDir(d) == nil {
				out = append(out, d)
			}
		}
	}
	if out == nil {
		out = []string{}
	}
	return out, nil
}

// check returns the folders a task of the page may have, with links followed.
// A folder that was neither named nor granted before must exist, and must not
// be the home folder, above it, hidden, or a whole disk.
func (f *folders) check(ctx context.Context, dirs []string) ([]string, error) {
	if len(dirs) > maxGrants {
		return nil, pluginsdk.Invalid("grant the folder that holds them", "a task gets at most %d folders", maxGrants)
	}
	known, err := f.list(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(dirs))
	for _, d := range dirs {
		if !filepath.IsAbs(d) || strings.ContainsRune(d, 0) {
			return nil, pluginsdk.Invalid("type the whole path, from the root", "%.200q is not an absolute path", d)
		}
		if err := isDir(d); err != nil {
			return nil, err
		}
		real := resolved(d)
		if !slices.Contains(known, real) {
			if err := f.mayType(real); err != nil {
				return nil, err
			}
		}
		out = append(out, real)
	}
	return out, nil
}

// mayType refuses folders that are granted on the command line alone.
func (f *folders) mayType(real string) error {
	refuse := func(what string) error {
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrDenied, Message: what + " is not granted from the page",
			Next: "choose a folder inside it, or name it with `cowork serve --folder DIR`",
		}
	}
	if f.home == "" {
		return refuse("a folder that was not named before")
	}
	if real == filepath.VolumeName(real)+string(filepath.Separator) || within(resolved(f.home), real) {
		return refuse("the whole of " + real)
	}
	for part := range strings.SplitSeq(filepath.ToSlash(real), "/") {
		if strings.HasPrefix(part, ".") {
			return refuse("the hidden folder " + real)
		}
	}
	return nil
}

// within reports whether path is dir or inside it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

func isDir(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil
	}
	return &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no folder " + path, Next: "check the path"}
}

// resolved follows links as far as it can.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// createdOf returns a task's first event.
func createdOf(ctx context.Context, log Log, task string) (event.TaskCreated, error) {
	for e, err := range log.Read(ctx, task, 1) {
		if err != nil {
			return event.TaskCreated{}, err
		}
		return event.Decode[event.TaskCreated](e)
	}
	return event.TaskCreated{}, fmt.Errorf("task %s: %w", task, pluginsdk.ErrNotFound)
}
