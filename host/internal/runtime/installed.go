package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/pluginsdk"
)

// lockFile says, beside an installed bundle, what was installed: the record of
// its description, whose digest the bundle must keep.
const lockFile = "installed.json"

// treeDir is the bundle itself, beside the lock file.
const treeDir = "bundle"

// lock is the content of a lock file.
type lock struct {
	Record record `json:"record"`
	Origin string `json:"origin"` // the folder it was installed from
}

// installed reads the lock files; bundles are not read again.
func (p *Plugins) installed() ([]*record, error) {
	entries, err := os.ReadDir(p.opts.InstallDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list installed plugins: %w", err)
	}
	var out []*record
	for _, e := range entries {
		if !e.IsDir() || e.Name()[0] == '.' {
			continue
		}
		l, err := p.readLock(e.Name())
		if err != nil {
			// One torn plugin must not keep the others out.
			p.opts.Process.Log.Error("read installed plugin", "plugin", e.Name(), "error", err)
			continue
		}
		out = append(out, &l.Record)
	}
	return out, nil
}

// cachedLock is a lock file as it was read.
type cachedLock struct {
	lock lock
	file fs.FileInfo
}

// readLock returns what is installed under the name. A file that is still the
// one that was read is not read again.
func (p *Plugins) readLock(name string) (*lock, error) {
	path := filepath.Join(p.opts.InstallDir, name, lockFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	c := p.locks[name]
	p.mu.Unlock()
	if c == nil || !os.SameFile(c.file, info) || !c.file.ModTime().Equal(info.ModTime()) || c.file.Size() != info.Size() {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		c = &cachedLock{file: info}
		if err := json.Unmarshal(data, &c.lock); err != nil {
			return nil, fmt.Errorf("%s: %w", lockFile, err)
		}
		if c.lock.Record.Plugin.Name != name {
			return nil, fmt.Errorf("%s: it is that of a plugin %q", lockFile, c.lock.Record.Plugin.Name)
		}
		c.lock.Record.Dir = filepath.Join(p.opts.InstallDir, name, treeDir)
		c.lock.Record.Plugin.Source = c.lock.Origin
		p.mu.Lock()
		p.locks[name] = c
		p.mu.Unlock()
	}
	clone := c.lock
	return &clone, nil
}

// forget drops what was read of an installed plugin; called with the lock held.
func (p *Plugins) forget(name string) { delete(p.locks, name) }

// Tidy finishes what a host that was killed in the middle of an installation
// left behind. It is called once, before anything else.
func (p *Plugins) Tidy() error {
	entries, err := os.ReadDir(p.opts.InstallDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		path := filepath.Join(p.opts.InstallDir, e.Name())
		if name, ok := strings.CutPrefix(e.Name(), oldPrefix); ok {
			// Where the new one had not arrived, the old one is still it.
			place := filepath.Join(p.opts.InstallDir, name)
			if _, err := os.Lstat(place); errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, os.Rename(path, place))
				continue
			}
			errs = append(errs, os.RemoveAll(path))
		}
		if strings.HasPrefix(e.Name(), newPrefix) {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

// The folders of an installation under way.
const (
	newPrefix = ".install-"
	oldPrefix = ".old-"
)

// Install copies the bundle in dir into the home, describes it there and keeps
// it. A bundle that fails is not installed; the error names its first fault.
// An installed plugin of the same name is replaced.
func (p *Plugins) Install(ctx context.Context, dir string) (catalog.Plugin, error) {
	var none catalog.Plugin
	if err := os.MkdirAll(p.opts.InstallDir, 0o700); err != nil {
		return none, fmt.Errorf("install plugin: %w", err)
	}
	tmp, err := os.MkdirTemp(p.opts.InstallDir, newPrefix)
	if err != nil {
		return none, fmt.Errorf("install plugin: %w", err)
	}
	defer os.RemoveAll(tmp)
	tree := filepath.Join(tmp, treeDir)
	if err := copyTree(ctx, dir, tree); err != nil {
		return none, err
	}
	l := lock{Origin: dir}
	if err := p.describeInto(ctx, tree, &l); err != nil {
		return none, err
	}
	if err := writeLock(tmp, &l); err != nil {
		return none, err
	}
	name := l.Record.Plugin.Name
	for _, s := range p.opts.Shipped {
		if s.Name == name {
			return none, &pluginsdk.Error{
				Kind: pluginsdk.ErrConflict, Message: "a plugin " + name + " ships with cowork; the one in " + dir + " cannot take its place",
				Next: "give it another name, or try it with --plugin-dir " + dir,
			}
		}
	}
	if err := p.replace(tmp, name); err != nil {
		return none, fmt.Errorf("install plugin %s: %w", name, err)
	}
	l.Record.Plugin.Source = dir
	return l.Record.Plugin, nil
}

// replace moves a complete installation into place; the one before is removed
// last.
func (p *Plugins) replace(tmp, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.forget(name)
	place, old := filepath.Join(p.opts.InstallDir, name), filepath.Join(p.opts.InstallDir, oldPrefix+name)
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(place, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(tmp, place); err != nil {
		return errors.Join(err, os.Rename(old, place))
	}
	return os.RemoveAll(old)
}

// describeInto describes the bundle in tree; a faulty one is an error.
func (p *Plugins) describeInto(ctx context.Context, tree string, l *lock) error {
	r, err := p.fromDir(ctx, tree, filepath.Base(l.Origin))
	if err != nil {
		return err
	}
	if r.Plugin.State == catalog.Failed {
		for _, f := range r.Plugin.Findings {
			if f.Severity == "error" {
				return pluginsdk.Invalid(f.Fix, "the plugin in %s cannot be used: %s", l.Origin, f)
			}
		}
		return pluginsdk.Invalid("", "the plugin in %s cannot be used", l.Origin)
	}
	l.Record = *r
	return nil
}

func writeLock(dir string, l *lock) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return writeFile(dir, lockFile, data)
}

// Update describes an installed plugin anew, from its own copy, and accepts
// what it is now. It is how a person says that a changed executable is theirs.
func (p *Plugins) Update(ctx context.Context, name string) (catalog.Plugin, error) {
	l, err := p.lockOf(name)
	if err != nil {
		return catalog.Plugin{}, err
	}
	if err := p.describeInto(ctx, l.Record.Dir, l); err != nil {
		return catalog.Plugin{}, err
	}
	if now := l.Record.Plugin.Name; now != name {
		return catalog.Plugin{}, pluginsdk.Invalid("install it under its new name and remove "+name, "plugin %s calls itself %s now", name, now)
	}
	if err := writeLock(filepath.Join(p.opts.InstallDir, name), l); err != nil {
		return catalog.Plugin{}, err
	}
	p.mu.Lock()
	p.forget(name)
	p.mu.Unlock()
	l.Record.Plugin.Source = l.Origin
	return l.Record.Plugin, nil
}

// Remove takes an installed plugin away.
func (p *Plugins) Remove(_ context.Context, name string) error {
	if _, err := p.lockOf(name); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.forget(name)
	if err := os.RemoveAll(filepath.Join(p.opts.InstallDir, name)); err != nil {
		return fmt.Errorf("remove plugin %s: %w", name, err)
	}
	return nil
}

func (p *Plugins) lockOf(name string) (*lock, error) {
	for _, s := range p.opts.Shipped {
		if s.Name == name {
			return nil, &pluginsdk.Error{Kind: pluginsdk.ErrUnsupported, Message: "plugin " + name + " ships with cowork and changes only with it"}
		}
	}
	l, err := (*lock)(nil), fs.ErrNotExist
	if filepath.IsLocal(name) && filepath.Base(name) == name && name[0] != '.' && len(name) <= maxName && !strings.ContainsRune(name, 0) {
		l, err = p.readLock(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "no plugin " + name + " is installed", Next: "list plugins with `cowork plugin ls`"}
	}
	return l, err
}

// maxName is longer than any plugin's name, and no longer than a folder's.
const maxName = 200

// What a bundle may hold at most when it is copied.
const (
	maxBundleBytes = 256 << 20
	maxBundleFiles = 10_000
)

// copyTree copies the regular files and folders of a bundle. Links are
// followed inside the bundle only; anything else is left out.
func copyTree(ctx context.Context, from, to string) error {
	src, err := os.OpenRoot(from)
	if err != nil {
		return &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no plugin folder at " + from, Next: "name the folder that holds .claude-plugin/plugin.json"}
	}
	defer src.Close()
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	dst, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	var files int
	var bytes int64
	return fs.WalkDir(src.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("copy plugin: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		case name == ".":
			return nil
		case d.Name() == ".git" && d.IsDir():
			return fs.SkipDir
		case d.IsDir():
			return dst.Mkdir(name, 0o700)
		}
		if files++; files > maxBundleFiles {
			return pluginsdk.Invalid("remove what does not belong to it", "the plugin holds more than %d files", maxBundleFiles)
		}
		n, err := copyFile(src, dst, name, maxBundleBytes-bytes)
		if bytes += n; bytes >= maxBundleBytes {
			return pluginsdk.Invalid("remove what does not belong to it", "the plugin is larger than %d MiB", maxBundleBytes>>20)
		}
		return err
	})
}

// copyFile copies one regular file; limit bounds its size.
func copyFile(src, dst *os.Root, name string, limit int64) (int64, error) {
	info, err := src.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return 0, nil // a link that leads out, a pipe, a device
	}
	in, err := src.Open(name)
	if err != nil {
		return 0, fmt.Errorf("copy plugin: %w", err)
	}
	defer in.Close()
	if info.Mode()&0o100 != 0 {
		// A child forked now would hold the copy open for writing for a moment,
		// and a file that is open for writing cannot be executed.
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	out, err := dst.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600|info.Mode().Perm()&0o100)
	if err != nil {
		return 0, fmt.Errorf("copy plugin: %w", err)
	}
	n, err := io.Copy(out, io.LimitReader(in, limit))
	if err := errors.Join(err, out.Close()); err != nil {
		return n, fmt.Errorf("copy plugin: %w", err)
	}
	return n, nil
}
