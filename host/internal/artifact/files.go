package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// file is one the task changed.
type file struct {
	version int
	sha256  string // of the last receipt, empty where there is none
	at      time.Time
	gone    bool // the task deleted it, or moved it away
}

// change notes changes and, of the same receipt, the versions of files.
func (w *work) change(at time.Time, changes []event.Change, seen []event.Seen) {
	for _, c := range changes {
		f := w.file(c.Path)
		w.names[base(c.Path)] = true
		last := !at.Before(f.at) // the log of a sub-agent comes after what its parent did later
		switch c.Change {
		case "deleted":
			f.gone = f.gone || last
			w.deleted[base(c.Path)] = true
		case "moved":
			w.names[base(c.From)] = true
			if from := w.files[movedFrom(c)]; from != nil && from != f && last {
				from.gone = true
				f.version, f.sha256 = from.version, from.sha256
			}
			f.gone = f.gone && !last
			f.version = max(f.version, 1)
		default:
			f.version++
			if last {
				f.gone, f.sha256 = false, strings.TrimPrefix(c.SHA256, "sha256:")
			}
		}
		f.at = later(f.at, at)
	}
	for _, s := range seen {
		w.digest(at, s.Path, s.SHA256)
	}
}

// digest notes what a file's content was, if the task changed it before then.
func (w *work) digest(at time.Time, path, sum string) {
	f := w.files[path]
	if f == nil || sum == "" || at.Before(f.at) {
		return
	}
	f.sha256 = strings.TrimPrefix(sum, "sha256:")
}

func (w *work) file(path string) *file {
	if w.files[path] == nil {
		w.files[path] = &file{}
		w.order = append(w.order, path)
	}
	return w.files[path]
}

func movedFrom(c event.Change) string {
	if filepath.IsAbs(c.From) {
		return c.From
	}
	return filepath.Join(filepath.Dir(c.Path), filepath.Base(c.From))
}

func base(path string) string { return strings.ToLower(filepath.Base(filepath.FromSlash(path))) }

// The checks the host makes of every delivered file.
const (
	checkExists  = "the file is there"
	checkContent = "it is not empty"
	checkReceipt = "it is as the task wrote it"
)

// look compares what was delivered with the disk.
func (w *work) look(ctx context.Context, disk Disk, now time.Time, out *event.Completion) error {
	done := map[string]bool{}
	for _, path := range w.order {
		f := w.files[path]
		if f == nil || f.gone || done[path] {
			continue
		}
		done[path] = true
		sum, size, err := read(ctx, disk, path)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errFolder):
			continue
		case errors.Is(err, fs.ErrNotExist):
			w.check(ran(path, checkExists, pluginsdk.Failed, "", now))
			out.NotVerified = append(out.NotVerified, fmt.Sprintf("%s: the task wrote it, and it is no longer there", path))
			continue
		case err != nil:
			w.check(ran(path, checkExists, pluginsdk.NotVerified, err.Error(), now))
			out.NotVerified = append(out.NotVerified, fmt.Sprintf("%s: it could not be read: %v", path, err))
			continue
		}
		out.Delivered = append(out.Delivered, event.Delivered{Path: path, SHA256: sum, Size: size, Version: f.version})
		w.check(ran(path, checkExists, pluginsdk.Passed, "", now))
		if size == 0 {
			w.check(ran(path, checkContent, pluginsdk.Failed, "it has 0 bytes", now))
			out.NotVerified = append(out.NotVerified, fmt.Sprintf("%s: it is empty", path))
		} else {
			w.check(ran(path, checkContent, pluginsdk.Passed, "", now))
		}
		switch f.sha256 {
		case "":
			w.check(ran(path, checkReceipt, pluginsdk.NotVerified, "the log has no digest of it", now))
		case sum:
			w.check(ran(path, checkReceipt, pluginsdk.Passed, "", now))
		default:
			w.check(ran(path, checkReceipt, pluginsdk.Failed, "its digest is another", now))
			out.NotVerified = append(out.NotVerified, fmt.Sprintf("%s: it was changed after the task wrote it", path))
		}
	}
	for _, c := range w.checks {
		c.Path = w.renamed(c.Path)
		out.Checks = append(out.Checks, c)
		if c.Status == pluginsdk.NotVerified && c.Name != checkExists && c.Name != checkReceipt {
			text := c.Path + ": not checked: " + c.Name
			if c.Detail != "" {
				text += " (" + c.Detail + ")"
			}
			out.NotVerified = append(out.NotVerified, text)
		}
	}
	return nil
}

func ran(path, name string, status pluginsdk.CheckStatus, detail string, at time.Time) event.CheckRun {
	return event.CheckRun{Path: path, Check: pluginsdk.Check{Name: name, Status: status, Detail: detail}, At: at}
}

// numbered finds the number a name got because it was taken.
var numbered = lazily(`^(.*?)(?: \(\d+\)|[-_ ]\d+)?(\.[^.]*)?$`)

// renamed returns the path a file ended up with that was checked before it was
// applied: the same, or a numbered one in the same folder.
func (w *work) renamed(path string) string {
	if w.files[path] != nil || path == "" {
		return path
	}
	for _, p := range w.order {
		if m := numbered().FindStringSubmatch(p); w.files[p] != nil && filepath.Dir(p) == filepath.Dir(path) && m != nil && m[1]+m[2] == path {
			return p
		}
	}
	return path
}

// errFolder says that a path is a folder.
var errFolder = errors.New("it is a folder")

func read(ctx context.Context, disk Disk, path string) (sum string, size int64, err error) {
	r, err := disk.Open(ctx, path)
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	if s, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		info, err := s.Stat()
		if err != nil {
			return "", 0, err
		}
		if info.IsDir() {
			return "", 0, errFolder
		}
	}
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", 0, err
		}
		n, err := io.CopyN(h, r, 4<<20)
		size += n
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), size, nil
		}
		if err != nil {
			return "", 0, err
		}
	}
}
