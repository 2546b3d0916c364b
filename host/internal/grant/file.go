package grant

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

// version is the file's format.
const version = 1

// maxFile bounds the file, in bytes.
const maxFile = 16 << 20

// file is what is on the disk.
type file struct {
	Version int     `json:"version"`
	Next    int64   `json:"next"` // the next grant's id; ids are not used twice
	Grants  []Grant `json:"grants"`
}

// bound drops the oldest grants of tasks beyond what is kept, and refuses more
// for always than a person could look through.
func (f *file) bound() error {
	var always, task int
	for _, g := range f.Grants {
		if g.Scope == string(policy.Always) {
			always++
		} else {
			task++
		}
	}
	if always > maxAlways {
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrUnavailable, Message: fmt.Sprintf("there are %d grants already", maxAlways),
			Next: "take some back with `cowork grant rm ID`",
		}
	}
	drop := task - maxTask
	f.Grants = slices.DeleteFunc(f.Grants, func(g Grant) bool {
		if g.Task == "" || drop <= 0 {
			return false
		}
		drop--
		return true
	})
	return nil
}

func stat(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return nil, errOpen
	}
	return info, nil
}

// What is wrong with a file before it is read.
var (
	errNoFile = errors.New("it is not a file")
	errOpen   = errors.New("other users can write it")
)

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// read reads and checks a file as a whole: half of what was granted is not what
// was granted.
func read(path string) (file, error) {
	f, err := os.Open(path)
	if err != nil {
		return file{}, explain(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return file{}, explain(path, err)
	}
	if len(data) > maxFile {
		return file{}, damaged(path, fmt.Errorf("it is larger than %d bytes", maxFile))
	}
	out, err := parse(data)
	if errors.Is(err, pluginsdk.ErrUnsupported) {
		return file{}, &pluginsdk.Error{
			Kind: pluginsdk.ErrUnsupported, Message: fmt.Sprintf("the grants in %s were written by a newer cowork; none is in force, and the file is left as it is", path),
			Next: "upgrade cowork, or move the file away",
		}
	}
	if err != nil {
		return file{}, damaged(path, err)
	}
	return out, nil
}

// parse reads the bytes of a file.
func parse(data []byte) (file, error) {
	var head struct{ Version json.Number }
	if err := json.Unmarshal(data, &head); err == nil {
		if n, err := strconv.ParseUint(head.Version.String(), 10, 64); err == nil && n > version || errors.Is(err, strconv.ErrRange) {
			return file{}, pluginsdk.ErrUnsupported
		}
	}
	var f file
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return file{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return file{}, errors.New("something follows the end of it")
	}
	if f.Version != version {
		return file{}, fmt.Errorf("its version is %d, not %d", f.Version, version)
	}
	seen := make(map[string]bool, len(f.Grants))
	for i, g := range f.Grants {
		if err := plain("id", g.ID); err != nil || seen[g.ID] {
			return file{}, fmt.Errorf("grant %d has no id of its own", i+1)
		}
		seen[g.ID] = true
		checked, err := g.check()
		if err != nil {
			return file{}, fmt.Errorf("grant %s: %w", g.ID, err)
		}
		f.Grants[i] = checked
		if n, err := strconv.ParseInt(g.ID, 10, 64); err == nil && n < 1<<62 {
			f.Next = max(f.Next, n+1)
		}
	}
	if f.Next < 1 || f.Next > 1<<62 {
		f.Next = 1
	}
	return f, nil
}

// write puts a file in place whole or not at all, and durably.
func write(path string, f file, fail func(step string) error) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := fail("create"); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // for this user alone
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing to remove
	err = fail("write")
	if err == nil {
		_, err = tmp.Write(append(data, '\n'))
	} else {
		_, _ = tmp.Write(data[:len(data)/2]) // as a full disk does
	}
	if err == nil {
		err = errors.Join(fail("sync"), tmp.Sync())
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := fail("rename"); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	if err := fail("sync folder"); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func damaged(path string, err error) error {
	return pluginsdk.Invalid("correct the file, or move it away to begin without grants",
		"the grants in %s cannot be read (%v); none is in force, and the file is left as it is", path, err)
}

// explain turns an error of the disk into one for the person.
func explain(path string, err error) error {
	if e, ok := errors.AsType[*pluginsdk.Error](err); ok {
		return e
	}
	out := &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: fmt.Sprintf("the grants in %s cannot be used: %v", path, err), Next: "check the disk and try again"}
	switch {
	case errors.Is(err, errNoFile):
		out.Kind, out.Next = pluginsdk.ErrInvalid, "move it away"
	case errors.Is(err, errOpen):
		out.Kind, out.Next = pluginsdk.ErrDenied, "take their access away: chmod go-w "+strconv.Quote(path)
	case errors.Is(err, syscall.ENOSPC):
		out.Message, out.Next = fmt.Sprintf("there is no space left on the disk of %s; what was granted is as it was", path), "free some space and try again"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		out.Kind, out.Message, out.Next = pluginsdk.ErrDenied, fmt.Sprintf("%s cannot be written; what was granted is as it was", path), "make it and its folder writable"
	}
	return out
}
