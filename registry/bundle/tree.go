package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Limits bound a bundle. A zero field means the default beside it.
type Limits struct {
	FileBytes  int64 // one Markdown or JSON file that is parsed: 4 MiB
	Files      int   // files and links, and likewise folders: 10,000
	TotalBytes int64 // all files together: 256 MiB
}

func (l Limits) withDefaults() Limits {
	if l.FileBytes == 0 {
		l.FileBytes = 4 << 20
	}
	if l.Files == 0 {
		l.Files = 10_000
	}
	if l.TotalBytes == 0 {
		l.TotalBytes = 256 << 20
	}
	return l
}

// File is one file of a bundle.
type File struct {
	Path       string // slash-separated, relative to the bundle
	Size       int64
	Executable bool
	SHA256     [sha256.Size]byte
	// Link is the target when the file is a symbolic link; then Size and
	// SHA256 are zero.
	Link string
}

const (
	maxDepth = 64
	maxPath  = 1024
	maxHops  = 40
)

var (
	errOutside  = errors.New("leads out of the plugin")
	errTooLarge = errors.New("too large")
)

// tree is the bundle's files as they were found, so that every later question
// about a path has one answer and no symbolic link is followed by the system.
type tree struct {
	fsys   fs.FS
	limits Limits
	files  map[string]*File
	dirs   map[string][]string // names of the children, sorted
	digest string
	parsed int64 // bytes read to be parsed, so far
}

// scan walks and hashes the bundle.
func scan(ctx context.Context, fsys fs.FS, limits Limits, r *report) (*tree, error) {
	t := &tree{fsys: fsys, limits: limits, files: map[string]*File{}, dirs: map[string][]string{}}
	var total int64
	for queue := []string{"."}; len(queue) > 0; queue = queue[1:] {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		dir := queue[0]
		entries, err := t.list(dir)
		if err != nil {
			return nil, fmt.Errorf("read folder %s of the plugin: %w", dir, err)
		}
		for _, e := range entries {
			p := path.Join(dir, e.Name())
			if strings.Count(p, "/") >= maxDepth || len(p) > maxPath {
				return nil, pluginsdk.Invalid("flatten the folder", "%s: nested too deeply for a plugin", clip(p))
			}
			if e.IsDir() {
				queue = append(queue, p)
				t.dirs[dir] = append(t.dirs[dir], e.Name())
			} else {
				size, err := t.addFile(p, e, r)
				if err != nil {
					return nil, err
				}
				total += size
			}
			if len(t.files) > limits.Files || len(queue)+len(t.dirs) > limits.Files {
				return nil, pluginsdk.Invalid("remove what does not belong to the plugin", "the plugin has more than %d files or folders", limits.Files)
			}
			if total > limits.TotalBytes {
				return nil, pluginsdk.Invalid("remove what does not belong to the plugin", "the plugin is larger than %d MiB", limits.TotalBytes>>20)
			}
		}
		if _, ok := t.dirs[dir]; !ok {
			t.dirs[dir] = nil
		}
	}
	for _, names := range t.dirs {
		slices.Sort(names)
	}
	t.checkNames(r)
	return t, t.hash(ctx)
}

// list reads a folder but gives up soon after the limit, so that a folder of a
// million entries is never held in memory.
func (t *tree) list(dir string) ([]fs.DirEntry, error) {
	f, err := t.fsys.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: dir, Err: errors.New("not a folder")}
	}
	var all []fs.DirEntry
	for len(all) <= 2*t.limits.Files {
		batch, err := d.ReadDir(512)
		all = append(all, batch...)
		if errors.Is(err, io.EOF) || err == nil && len(batch) == 0 {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// addFile takes note of everything that is not a folder.
func (t *tree) addFile(p string, e fs.DirEntry, r *report) (int64, error) {
	f := &File{Path: p}
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		target, err := fs.ReadLink(t.fsys, p)
		if err != nil {
			r.add(Finding{File: p, Severity: Error, Rule: "symlink", Message: "the symbolic link cannot be read and is ignored", Fix: "replace the link with the file"})
			return 0, nil
		}
		f.Link = filepath.ToSlash(target)
	case e.Type().IsRegular():
		info, err := e.Info()
		if err != nil {
			return 0, fmt.Errorf("read file %s of the plugin: %w", p, err)
		}
		f.Size, f.Executable = info.Size(), info.Mode()&0o111 != 0
	default:
		r.add(Finding{File: p, Severity: Error, Rule: "irregular-file", Message: "not a regular file; it is ignored", Fix: "remove it from the plugin"})
		return 0, nil
	}
	t.files[p] = f
	t.dirs[path.Dir(p)] = append(t.dirs[path.Dir(p)], path.Base(p))
	return f.Size, nil
}

// checkNames reports names and links that will not work everywhere.
func (t *tree) checkNames(r *report) {
	folded := map[string]string{}
	for _, p := range t.sortedFiles() {
		if !utf8.ValidString(p) || strings.ContainsFunc(p, func(c rune) bool { return c < 0x20 || c == '\\' || invisible(c) }) {
			r.add(Finding{File: printable(strings.ToValidUTF8(p, "\ufffd")), Severity: Warning, Rule: "file-name", Message: "the name holds a control or invisible character, a backslash, or is not UTF-8", Fix: "rename the file"})
		}
		low := strings.ToLower(p)
		if other, ok := folded[low]; ok {
			r.add(Finding{File: p, Severity: Warning, Rule: "case-collision", Message: fmt.Sprintf("differs from %s only in upper and lower case; only one of them exists on macOS and Windows", other), Fix: "rename one of them"})
		}
		folded[low] = p
		if t.files[p].Link == "" {
			continue
		}
		switch _, err := t.resolve(p); {
		case errors.Is(err, errOutside):
			r.add(Finding{File: p, Severity: Error, Rule: "symlink-outside", Message: fmt.Sprintf("the symbolic link to %s leads out of the plugin and is refused", t.files[p].Link), Fix: "copy the file into the plugin"})
		case err != nil:
			r.add(Finding{File: p, Severity: Warning, Rule: "symlink-broken", Message: fmt.Sprintf("the symbolic link to %s leads nowhere", t.files[p].Link), Fix: "remove the link"})
		}
	}
}

// hash computes the digest: SHA-256 over, for every file in the order of the
// paths, its kind, path, size and the SHA-256 of its contents (for a link: its
// target), each with its length before it.
func (t *tree) hash(ctx context.Context) error {
	h := sha256.New()
	field := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	for _, p := range t.sortedFiles() {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := t.files[p]
		kind := "file"
		switch {
		case f.Link != "":
			kind = "link"
		case f.Executable:
			kind = "exec"
		}
		field([]byte(kind))
		field([]byte(p))
		if f.Link != "" {
			field([]byte(f.Link))
			continue
		}
		sum, err := t.hashFile(f)
		if err != nil {
			return err
		}
		f.SHA256 = sum
		field(binary.BigEndian.AppendUint64(nil, uint64(f.Size)))
		field(sum[:])
	}
	t.digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	return nil
}

func (t *tree) hashFile(f *File) (sum [sha256.Size]byte, err error) {
	in, err := t.fsys.Open(f.Path)
	if err != nil {
		return sum, fmt.Errorf("read file %s of the plugin: %w", f.Path, err)
	}
	defer func() { _ = in.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(in, f.Size+1))
	if err != nil {
		return sum, fmt.Errorf("read file %s of the plugin: %w", f.Path, err)
	}
	if n != f.Size {
		return sum, changed(f.Path)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func changed(p string) error {
	return &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: p + " changed while the plugin was read", Next: "try again when nothing writes to the plugin's folder"}
}

func (t *tree) sortedFiles() []string {
	out := make([]string, 0, len(t.files))
	for p := range t.files {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// resolve follows symbolic links inside the bundle and returns the real path
// of a file or folder. It returns errOutside when a link or ".." leads out.
func (t *tree) resolve(p string) (string, error) {
	if path.IsAbs(p) {
		return "", errOutside
	}
	cur, hops := ".", 0
	for parts := strings.Split(p, "/"); len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if cur == "." {
				return "", errOutside
			}
			cur = path.Dir(cur)
			continue
		}
		next := path.Join(cur, part)
		if _, ok := t.dirs[next]; ok {
			cur = next
			continue
		}
		f := t.files[next]
		if f == nil {
			return "", fs.ErrNotExist
		}
		if f.Link == "" {
			cur = next
			if len(parts) > 0 && strings.Trim(strings.Join(parts, ""), "./") != "" {
				return "", fs.ErrNotExist
			}
			continue
		}
		if hops++; hops > maxHops {
			return "", fs.ErrNotExist
		}
		if path.IsAbs(f.Link) || filepath.IsAbs(filepath.FromSlash(f.Link)) || filepath.VolumeName(filepath.FromSlash(f.Link)) != "" {
			return "", errOutside
		}
		parts = append(strings.Split(f.Link, "/"), parts...)
	}
	return cur, nil
}

// file returns the regular file at p, following links, or nil.
func (t *tree) file(p string) *File {
	real, err := t.resolve(p)
	if err != nil {
		return nil
	}
	return t.files[real]
}

// children returns the names in the folder at p, following links; ok is false
// when it is not a folder.
func (t *tree) children(p string) (names []string, ok bool) {
	real, err := t.resolve(p)
	if err != nil {
		return nil, false
	}
	names, ok = t.dirs[real]
	return names, ok
}

// read returns the contents of a file that is to be parsed. They are the very
// bytes the digest covers.
func (t *tree) read(ctx context.Context, p string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	real, err := t.resolve(p)
	if err != nil {
		return nil, err
	}
	f := t.files[real]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	// One file can be named many times: what is parsed is bounded as a whole.
	if t.parsed += f.Size; f.Size > t.limits.FileBytes || t.parsed > t.limits.TotalBytes {
		return nil, errTooLarge
	}
	in, err := t.fsys.Open(real)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	data, err := io.ReadAll(io.LimitReader(in, f.Size+1))
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(data) != f.SHA256 {
		return nil, changed(p)
	}
	return data, nil
}
