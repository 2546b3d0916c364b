package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle"
	"github.com/cowork-host/cowork/sandbox"
)

// Shipped is a plugin that is part of this program.
type Shipped struct {
	Name string
	FS   fs.FS
}

// Boxes makes sandboxes by the name of a backend, or "auto".
type Boxes interface {
	Create(ctx context.Context, backend, name string) (sandbox.Sandbox, error)
}

// PluginsOptions are what Plugins works with.
type PluginsOptions struct {
	Shipped []Shipped
	// Self is this program, which serves shipped plugins when it is run with
	// ServeArg and a plugin's name. Build changes with every build of it.
	Self, ServeArg, Build string
	// InstallDir holds installed bundles, CacheDir descriptors by digest.
	InstallDir, CacheDir string
	Schema               *Schema
	Boxes                Boxes
	Process              Options
}

// Plugins knows the plugins there are: it loads and describes each bundle
// once, keeps the outcome under the bundle's digest, and starts processes.
// Its methods may be called concurrently.
type Plugins struct {
	opts PluginsOptions

	mu      sync.Mutex
	known   map[string]*record     // shipped, by name
	flights map[string]*flight     // shipped that are being described
	cached  map[string]*record     // by key, for this process's life
	locks   map[string]*cachedLock // installed, by name
}

// flight is a description under way; the fields are set when done is closed.
type flight struct {
	done chan struct{}
	r    *record
	err  error
}

// record is what is kept of a described bundle.
type record struct {
	Plugin catalog.Plugin `json:"plugin"`
	// Server says who serves it: "shipped", "own" or "" for nobody.
	Server string `json:"server"`
	// Exe is the bundle's own executable, relative to its folder, and SHA256
	// its digest when it was described.
	Exe    string `json:"exe,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Dir is the bundle's folder; it is not part of what a digest names.
	Dir string `json:"-"`
}

// NewPlugins returns the plugins of a host.
func NewPlugins(opts PluginsOptions) *Plugins {
	opts.Process = opts.Process.withDefaults()
	return &Plugins{
		opts: opts, known: map[string]*record{}, flights: map[string]*flight{},
		cached: map[string]*record{}, locks: map[string]*cachedLock{},
	}
}

// Snapshot returns what all plugins offer: the shipped ones, the installed
// ones, and the bundles in dirs, which take the place of others of their name.
// A bundle that cannot be used is in it as failed, with findings.
func (p *Plugins) Snapshot(ctx context.Context, dirs ...string) (*catalog.Snapshot, error) {
	records, err := p.records(ctx, dirs)
	if err != nil {
		return nil, err
	}
	plugins := make([]catalog.Plugin, 0, len(records))
	for _, r := range records {
		plugins = append(plugins, r.Plugin)
	}
	return catalog.New(plugins), nil
}

// records returns one record per plugin name; a later source wins.
func (p *Plugins) records(ctx context.Context, dirs []string) ([]*record, error) {
	shipped, err := p.shipped(ctx)
	if err != nil {
		return nil, err
	}
	installed, err := p.installed()
	if err != nil {
		return nil, err
	}
	all := append(shipped, installed...)
	for _, dir := range dirs {
		r, err := p.fromDir(ctx, dir, filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	byName := map[string]int{}
	var out []*record
	for _, r := range all {
		if i, dup := byName[r.Plugin.Name]; dup {
			out[i] = r
			continue
		}
		byName[r.Plugin.Name] = len(out)
		out = append(out, r)
	}
	return out, nil
}

// shipped describes the plugins of this program, each once per process. One
// that cannot be described is failed and tried again the next time.
func (p *Plugins) shipped(ctx context.Context) ([]*record, error) {
	var flights []*flight
	for _, s := range p.opts.Shipped {
		flights = append(flights, p.describing(ctx, s))
	}
	var out []*record
	for i, f := range flights {
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if f.err != nil {
			return nil, fmt.Errorf("describe the shipped plugin %s: %w", p.opts.Shipped[i].Name, f.err)
		}
		out = append(out, f.r)
	}
	return out, nil
}

// describing returns the description of a shipped plugin, which may be under
// way. It goes on when whoever asked first does not wait for it.
func (p *Plugins) describing(ctx context.Context, s Shipped) *flight {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.flights[s.Name]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{})}
	if f.r = p.known[s.Name]; f.r != nil {
		close(f.done)
		return f
	}
	p.flights[s.Name] = f
	go func() {
		r, kept, err := p.describeShipped(context.WithoutCancel(ctx), s)
		p.mu.Lock()
		defer p.mu.Unlock()
		if f.r, f.err = r, err; kept {
			p.known[s.Name] = r
		}
		delete(p.flights, s.Name)
		close(f.done)
	}()
	return f
}

// describeShipped says with kept whether its outcome stands.
func (p *Plugins) describeShipped(ctx context.Context, s Shipped) (r *record, kept bool, err error) {
	b, err := bundle.Load(ctx, s.FS, bundle.Options{Name: s.Name})
	if err != nil {
		return nil, false, err
	}
	key := p.cacheKey(b)
	if r := p.load(key); r != nil {
		return r, true, nil
	}
	r = &record{Server: "shipped"}
	kept, err = p.describe(ctx, r, b, "shipped")
	return r, kept, p.outcome(key, r, kept, err)
}

// outcome keeps a description that stands. A process that failed makes the
// plugin failed, and is not kept: it may have been the machine.
func (p *Plugins) outcome(key string, r *record, kept bool, err error) error {
	if f, ok := errors.AsType[*Failure](err); ok {
		r.fail(bundle.Finding{File: r.Exe, Rule: "plugin-" + string(f.Reason), Message: f.Error(), Fix: f.Next})
		return nil
	}
	if err != nil || !kept {
		return err
	}
	if err := p.save(key, r); err != nil {
		// It is described again the next time.
		p.opts.Process.Log.Warn("keep the description of a plugin", "plugin", r.Plugin.Name, "error", err)
	}
	return nil
}

// fromDir loads and describes the bundle in a folder; name is what it is called
// without a manifest. An error is for what
// keeps the folder from being read; a faulty bundle is a failed record.
func (p *Plugins) fromDir(ctx context.Context, dir, name string) (*record, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, &pluginsdk.Error{
			Kind: pluginsdk.ErrNotFound, Message: "there is no plugin folder at " + dir, Next: "name the folder that holds .claude-plugin/plugin.json",
		}
	}
	defer root.Close()
	b, loadErr := bundle.Load(ctx, root.FS(), bundle.Options{Name: name})
	if b == nil || ctx.Err() != nil {
		return nil, fmt.Errorf("load plugin %s: %w", dir, loadErr)
	}
	if loadErr != nil {
		r := &record{Plugin: catalog.FromBundle(b, dir, nil, loadErr), Dir: dir}
		if r.Plugin.Name == "" {
			r.Plugin.Name = name
		}
		return r, nil
	}
	key := p.cacheKey(b)
	if r := p.load(key); r != nil {
		r.Dir, r.Plugin.Source = dir, dir
		return r, nil
	}
	r := &record{Plugin: catalog.FromBundle(b, dir, nil, nil), Dir: dir}
	if b.Server != "" {
		r.Server, r.Exe = "own", b.Server
		f, err := root.Open(filepath.FromSlash(b.Server))
		if err != nil {
			return nil, fmt.Errorf("open the executable of plugin %s: %w", r.Plugin.Name, err)
		}
		r.SHA256, err = hashFile(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("hash the executable of plugin %s: %w", r.Plugin.Name, err)
		}
	}
	kept, err := p.describe(ctx, r, b, dir)
	if err := p.outcome(key, r, kept, err); err != nil {
		return nil, err
	}
	return r, nil
}

// Start runs the process of a plugin of a snapshot. A plugin whose files have
// changed since is a [Failure].
func (p *Plugins) Start(ctx context.Context, box sandbox.Sandbox, cp catalog.Plugin) (*Process, error) {
	r, err := p.find(ctx, cp)
	if err != nil {
		return nil, err
	}
	src, err := p.source(r)
	if err != nil {
		return nil, err
	}
	return Start(ctx, box, src, p.opts.Process)
}

// find returns the record behind a plugin of a snapshot. One that was installed
// from a folder has that folder as its source and runs from its own copy all
// the same, whatever became of the folder.
func (p *Plugins) find(ctx context.Context, cp catalog.Plugin) (*record, error) {
	records, err := p.records(ctx, nil)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(records, func(r *record) bool { return is(r, cp) }); i >= 0 {
		return records[i], nil
	}
	// An installed plugin names the folder it came from as its source. Only
	// what is not installed runs from there.
	if filepath.IsAbs(cp.Source) {
		r, err := p.fromDir(ctx, cp.Source, filepath.Base(cp.Source))
		if err != nil && !errors.Is(err, pluginsdk.ErrNotFound) {
			return nil, err
		}
		if err == nil && is(r, cp) {
			return r, nil
		}
	}
	return nil, &Failure{
		Plugin: cp.Name, Reason: Changed, Message: "was not started: its files changed a moment ago", Next: "run the command again",
	}
}

// is reports whether the record is that of a snapshot's plugin.
func is(r *record, cp catalog.Plugin) bool {
	return r.Plugin.Name == cp.Name && r.Plugin.Source == cp.Source && r.Plugin.Digest == cp.Digest
}

// source says how to start a record's process.
func (p *Plugins) source(r *record) (Source, error) {
	grant, ok := p.opts.Schema.Shipped()[r.Plugin.Name]
	memory := int64(defaultMemory)
	if ok && r.Server == "shipped" {
		memory = grant.MemoryBytes
	}
	src := Source{Name: r.Plugin.Name, Limits: sandbox.Limits{MemoryBytes: memory}}
	switch r.Server {
	case "shipped":
		src.Exe, src.Args = p.opts.Self, []string{p.opts.ServeArg, r.Plugin.Name}
	case "own":
		src.Exe, src.SHA256, src.Tree = filepath.Join(r.Dir, filepath.FromSlash(r.Exe)), r.SHA256, r.Dir
	default:
		return src, fmt.Errorf("plugin %s has no handlers: %w", r.Plugin.Name, pluginsdk.ErrUnsupported)
	}
	return src, nil
}

// defaultMemory is what a plugin that does not ship may use.
const defaultMemory = 512 << 20

// cacheKey names a description: the bundle's bytes, its name, which may be that
// of its folder, and this build, which may describe it in another way.
func (p *Plugins) cacheKey(b *bundle.Bundle) string {
	sum := sha256.Sum256([]byte(b.Digest + "\x00" + b.Manifest.Name + "\x00" + p.opts.Build))
	return hex.EncodeToString(sum[:])
}

// load returns a kept description, nil if there is none that can be used.
func (p *Plugins) load(key string) *record {
	p.mu.Lock()
	r := p.cached[key]
	p.mu.Unlock()
	if r == nil {
		data, err := os.ReadFile(filepath.Join(p.opts.CacheDir, key+".json"))
		if err != nil {
			return nil
		}
		r = &record{}
		if json.Unmarshal(data, r) != nil || r.Plugin.Name == "" {
			return nil // a torn or foreign file: describe again
		}
		p.mu.Lock()
		p.cached[key] = r
		p.mu.Unlock()
	}
	clone := *r
	return &clone
}

// save keeps a description.
func (p *Plugins) save(key string, r *record) error {
	p.mu.Lock()
	kept := *r
	p.cached[key] = &kept
	p.mu.Unlock()
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeFile(p.opts.CacheDir, key+".json", data)
}

// writeFile puts a file into dir, whole or not at all.
func writeFile(dir, name string, data []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}
