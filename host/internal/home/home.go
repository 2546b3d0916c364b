package home

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cowork-host/cowork/pluginsdk"
)

// format is the layout this version reads and writes.
const format = 1

const otherHome = "use another COWORK_HOME"

// Home is an open COWORK_HOME. It holds nothing open; its methods may be
// called concurrently.
type Home struct {
	path string
}

// Open checks the folder at path and creates what is missing: the folder
// itself, its parents and its tree, for this user alone. Clients and hosts may
// open the same home at the same time; only a host takes [Home.Lock].
//
// The error is a [*pluginsdk.Error] that names the folder and the next step:
// [pluginsdk.ErrDenied] when the folder cannot be written or belongs to or is
// open to others, [pluginsdk.ErrUnsupported] when it is from a newer version,
// [pluginsdk.ErrInvalid] when it is no home, [pluginsdk.ErrUnavailable] when
// there is no space.
func Open(ctx context.Context, path string) (*Home, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if path == "" {
		return nil, pluginsdk.Invalid("set COWORK_HOME to a folder", "the COWORK_HOME folder has no name")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, explain(path, err)
	}
	h := &Home{path: abs}
	if err := ensureDir(abs); err != nil {
		return nil, err
	}
	found, err := h.checkVersion()
	if err != nil {
		return nil, err
	}
	if err := h.probe(); err != nil {
		return nil, err
	}
	for _, dir := range []string{h.WorkspaceDir(), h.CacheDir(), h.RunDir()} {
		if err := ensureDir(dir); err != nil {
			return nil, err
		}
	}
	if found {
		return h, nil
	}
	// Last, so that a home cut off while it was made is made again.
	if err := writeFile(h.versionFile(), []byte(strconv.Itoa(format)+"\n")); err != nil {
		return nil, explain(h.versionFile(), err)
	}
	return h, nil
}

// OpenReadOnly opens a home that is there, and changes nothing of it: for one
// on a disk that is full or cannot be written. One that is not there, or has
// no version, is a [pluginsdk.ErrNotFound].
func OpenReadOnly(ctx context.Context, path string) (*Home, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, explain(path, err)
	}
	h := &Home{path: abs}
	found, err := h.checkVersion()
	if err == nil && !found {
		err = &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no COWORK_HOME at " + abs, Next: otherHome}
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Path is the folder, absolute.
func (h *Home) Path() string { return h.path }

// EventsDB is the file of the event log.
func (h *Home) EventsDB() string { return filepath.Join(h.path, "events.db") }

// WorkspaceDir holds journals, pre-images and the trash.
func (h *Home) WorkspaceDir() string { return filepath.Join(h.path, "workspace") }

// CacheDir holds what can be made again; it may be emptied while no host runs.
func (h *Home) CacheDir() string { return filepath.Join(h.path, "cache") }

// RunDir holds what belongs to the running host.
func (h *Home) RunDir() string { return filepath.Join(h.path, "run") }

func (h *Home) versionFile() string { return filepath.Join(h.path, "version") }

// checkVersion reports whether the home has a version file, and refuses one
// that is not of this format.
func (h *Home) checkVersion() (found bool, err error) {
	path := h.versionFile()
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, explain(path, err)
	}
	if !info.Mode().IsRegular() {
		return false, pluginsdk.Invalid("move it away", "%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return false, explain(path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return false, explain(path, err)
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange) || err == nil && n == 0:
		return false, pluginsdk.Invalid("restore it from a backup or "+otherHome,
			"%s is damaged: it holds %.20q, not the number of a format", path, text)
	case n != format:
		return false, &pluginsdk.Error{
			Kind:    pluginsdk.ErrUnsupported,
			Message: fmt.Sprintf("%s was written by a newer cowork (format %s, this one knows %d)", h.path, bytes.TrimSpace(text), format),
			Next:    "upgrade cowork or " + otherHome,
		}
	}
	return true, nil
}

// probe really writes: mode bits say nothing about a read-only or full disk.
func (h *Home) probe() error {
	f, err := os.CreateTemp(h.path, ".probe-*")
	if err != nil {
		return explain(h.path, err)
	}
	_, err = f.Write(make([]byte, 4096))
	if err == nil {
		err = f.Sync() // some file systems find out only here
	}
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return explain(h.path, err)
	}
	return nil
}

// ensureDir makes a private folder, or checks the one that is there.
func ensureDir(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if link, lerr := os.Lstat(path); lerr == nil && link.Mode()&fs.ModeSymlink != 0 {
			return pluginsdk.Invalid("remove the link or "+otherHome, "%s is a symbolic link to nothing", path)
		}
		if err := os.MkdirAll(path, 0o700); err != nil {
			return explain(path, err)
		}
		info, err = os.Stat(path)
	}
	if err != nil {
		return explain(path, err)
	}
	if !info.IsDir() {
		return pluginsdk.Invalid("move the file away or "+otherHome, "%s is a file, not a folder", path)
	}
	return checkAccess(path, info)
}

// writeFile puts a file in place whole or not at all, and durably.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing to remove
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}
