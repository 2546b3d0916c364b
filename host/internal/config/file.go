package config

import (
	"errors"
	"io/fs"
	"os"
	"sync"
)

// File is a settings file that is read again when it changes, so that a rule
// the person adds holds for the next call of a task at work. Its methods may be
// called concurrently.
type File struct {
	path string

	mu       sync.Mutex
	read     bool
	info     fs.FileInfo // nil: there was no file
	settings Settings
	err      error
}

// Open returns the settings of a file. It reads nothing yet.
func Open(path string) *File { return &File{path: path} }

// Current returns the settings as they are now; see [Load].
func (f *File) Current() (Settings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		info = nil
	}
	if f.read && (err == nil || errors.Is(err, fs.ErrNotExist)) && same(f.info, info) {
		return f.settings, f.err
	}
	f.settings, f.err = Load(f.path)
	f.read, f.info = true, info
	return f.settings, f.err
}

func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}
