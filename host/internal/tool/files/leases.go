package files

import (
	"slices"
	"sync"
)

// Leases say which task is at work on which file, so that two tasks never
// overwrite each other. There is one per host, in memory: a lease ends with its
// task. The zero value is ready. Its methods may be called concurrently.
type Leases struct {
	mu sync.Mutex
	// held has the claims on a path; the last one counts.
	held map[string][]claim
	// wrote is who wrote a path's last content, as far as this host saw.
	wrote map[string]written
}

// claim is a task's hold on a path, with the tasks above it.
type claim struct {
	task  string
	chain []string
}

type written struct{ task, sha256 string }

// Take leases a path, a host's absolute one, to a task whose ancestors are
// given. A task takes over what an ancestor holds until it ends itself, and may
// write what a descendant holds. fresh says that the task did not hold it; any
// other holder is returned and keeps it.
func (l *Leases) Take(task string, ancestors []string, path string) (holder string, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	claims := l.held[path]
	if len(claims) > 0 {
		top := claims[len(claims)-1]
		switch {
		case top.task == task, slices.Contains(top.chain, task):
			return "", false
		case !slices.Contains(ancestors, top.task):
			return top.task, false
		}
	}
	if l.held == nil {
		l.held = map[string][]claim{}
	}
	l.held[path] = append(claims, claim{task, slices.Clone(ancestors)})
	return "", true
}

// Drop gives back one lease, of a write that did not come about.
func (l *Leases) Drop(task, path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(task, path)
}

func (l *Leases) drop(task, path string) {
	left := slices.DeleteFunc(l.held[path], func(c claim) bool { return c.task == task })
	if len(left) == 0 {
		delete(l.held, path)
		return
	}
	l.held[path] = left
}

// Release ends all leases of a task. It is called when the task is over.
func (l *Leases) Release(task string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for path := range l.held {
		l.drop(task, path)
	}
}

// note remembers who wrote a path's content; an empty digest forgets it.
func (l *Leases) note(task, path, sha256 string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wrote == nil || len(l.wrote) > maxWritten {
		l.wrote = map[string]written{}
	}
	if sha256 == "" {
		delete(l.wrote, path)
		return
	}
	l.wrote[path] = written{task, sha256}
}

// author is the task that wrote the content a path has now, if it is known.
func (l *Leases) author(path, sha256 string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.wrote[path]; w.sha256 == sha256 {
		return w.task
	}
	return ""
}

// maxWritten bounds what is remembered for the sake of a better message.
const maxWritten = 100_000
