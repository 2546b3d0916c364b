package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/api"
	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/home"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/web"
	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/sandbox"
)

// Shipped is a plugin that is part of the program.
type Shipped struct {
	Name string
	FS   fs.FS // its bundle
}

// Options describe one host. All paths are absolute.
type Options struct {
	// Home is COWORK_HOME; Cache holds what can be made again; DataHome is the
	// user's data folder, where the desktop's trash is ("": cowork's own).
	Home, Cache, DataHome string
	// UserHome is the person's home folder, which the web page never grants
	// whole.
	UserHome string
	// Self is this program, which serves shipped plugins when it is run with
	// ServeArg and a plugin's name.
	Self, ServeArg string
	Shipped        []Shipped
	PluginsCUE     string
	// Backends are the sandboxes in the order "auto" tries them.
	Backends []sandbox.Backend
	// Model is the connection to a model that the host begins with; a client may
	// bring another one.
	Model ModelSettings
	// Proxy says by which proxy a task fetches an address; where it is nil, or
	// returns nil, the task connects itself.
	Proxy func(address *url.URL) (*url.URL, error)
	// ReadOnly is why the home cannot be written, as [Prepare] said: the host
	// then only shows what is there. It may work beside another host.
	ReadOnly error
	// Version and Build are told to clients.
	Version, Build string
	IdleAfter      time.Duration
	Logger         *slog.Logger
}

// Host is the one host of a home. Create it with New, then Serve, then Close.
type Host struct {
	opts    Options
	home    *home.Home
	run     string // the folder for what belongs to this host
	socket  string
	log     event.Log
	store   *workspace.Store
	tasks   *task.Manager
	engine  *engine.Engine
	server  *api.Server
	closers []func(context.Context) error // called last to first
}

// New opens the home, which no other host may have open, settles what an
// earlier host left unfinished, and is then ready to serve. On an error
// nothing stays open.
func New(ctx context.Context, opts Options) (_ *Host, err error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Host{opts: opts}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close(context.WithoutCancel(ctx)))
		}
	}()
	if opts.ReadOnly != nil {
		return h, h.openReadOnly(ctx)
	}
	if h.home, err = home.Open(ctx, opts.Home); err != nil {
		return nil, err
	}
	h.run = h.home.RunDir()
	lock, err := h.home.Lock()
	if err != nil {
		return nil, err
	}
	h.onClose(func(context.Context) error { return lock.Release() })
	if h.socket, err = h.home.SocketPath(); err != nil {
		return nil, err
	}
	if dir := filepath.Dir(h.socket); dir != h.home.RunDir() {
		// A folder for temporary files, made because the home's path is too
		// long for a socket. It is not removed while somebody's socket is in it.
		h.onClose(func(context.Context) error {
			os.Remove(dir)
			return nil
		})
	}
	if h.log, err = event.OpenSQLite(ctx, h.home.EventsDB(), event.Options{Log: opts.Logger}); err != nil {
		return nil, err
	}
	h.onClose(func(context.Context) error { return h.log.Close() })
	h.store, err = workspace.Open(ctx, workspace.Options{Dir: h.home.WorkspaceDir(), DataHome: opts.DataHome, Log: opts.Logger})
	if err != nil {
		return nil, err
	}
	h.onClose(func(context.Context) error { return h.store.Close() })
	return h, h.wire(ctx)
}

// wire makes the rooms above the stores.
func (h *Host) wire(ctx context.Context) error {
	schema, err := runtime.NewSchema(h.opts.PluginsCUE)
	if err != nil {
		return err
	}
	boxes := &boxes{backends: h.opts.Backends, dir: h.run}
	shipped := make([]runtime.Shipped, 0, len(h.opts.Shipped))
	for _, s := range h.opts.Shipped {
		shipped = append(shipped, runtime.Shipped{Name: s.Name, FS: s.FS})
	}
	plugins := runtime.NewPlugins(runtime.PluginsOptions{
		Shipped: shipped, Self: h.opts.Self, ServeArg: h.opts.ServeArg, Build: h.opts.Build,
		InstallDir: filepath.Join(h.home.Path(), "plugins"), CacheDir: filepath.Join(h.opts.Cache, "plugins"),
		Schema: schema, Boxes: boxes, Process: runtime.Options{SocketDir: h.run, Log: h.opts.Logger},
	})
	if h.opts.ReadOnly == nil {
		h.tidy(plugins)
	}
	spent, err := usage.NewMeter(ctx, h.log, time.Now)
	if err != nil {
		return err
	}
	models := &models{log: h.opts.Logger}
	models.Set(h.opts.Model)
	rules, err := openRules(h.home.Path())
	if err != nil {
		return err
	}
	h.engine = engine.New(engine.Options{
		Workspace: h.store, Plugins: starter{plugins}, Boxes: boxes, Logger: h.opts.Logger,
		Connection: models.Connection,
		Tools:      []tool.Tool{web.New(web.Options{Proxy: h.opts.Proxy, AllowHost: rules.named})},
		Price:      rules.price, Caps: rules.caps, Used: spent.Add, Today: func() string { return spent.Today().Cost },
		Rules: rules.forTree, Grant: rules.approved,
	})
	h.tasks = task.New(task.Options{Log: h.log, Worker: h.engine, Logger: h.opts.Logger})
	if err := h.recover(ctx); err != nil {
		return err
	}
	h.onClose(h.tasks.Close)
	page := h.newWeb()
	h.onClose(page.close)
	h.server = api.New(api.Options{
		Health: api.Health{Version: h.opts.Version, Build: h.opts.Build, PID: os.Getpid()},
		Log:    h.log, Tasks: h.tasks, Workspace: h.store, Plugins: plugins, Web: page, Models: models,
		Grants: rules.grants, Policy: rules.forTree, Usage: rules.reporter(h.log),
		ReadOnly:  h.opts.ReadOnly,
		IdleAfter: h.opts.IdleAfter, Logger: h.opts.Logger,
	})
	return nil
}

// recover settles what an earlier host left unfinished.
func (h *Host) recover(ctx context.Context) error {
	if h.opts.ReadOnly != nil {
		return nil
	}
	err := h.tasks.Recover(ctx)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("settle the tasks of the last run: %w", err)
	}
	if err != nil { // one task that cannot be settled must not keep the host from starting
		h.opts.Logger.Error("settle the tasks of the last run", "error", err)
	}
	return nil
}

// boxPrefix begins the folders of sandboxes; pluginPrefix those go-plugin makes
// for sockets.
const (
	boxPrefix    = "box-"
	pluginPrefix = "plugin-dir"
)

// tidy removes what a host that was killed left behind. The home is locked, so
// nobody uses it any more.
func (h *Host) tidy(plugins *runtime.Plugins) {
	errs := []error{plugins.Tidy()}
	entries, err := os.ReadDir(h.home.RunDir())
	errs = append(errs, err)
	for _, e := range entries {
		if e.IsDir() && (strings.HasPrefix(e.Name(), boxPrefix) || strings.HasPrefix(e.Name(), pluginPrefix)) {
			errs = append(errs, os.RemoveAll(filepath.Join(h.home.RunDir(), e.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		h.opts.Logger.Warn("remove what an earlier host left behind", "error", err)
	}
}

// starter is the runtime's plugins as the engine knows them.
type starter struct{ *runtime.Plugins }

// Start runs a plugin.
func (s starter) Start(ctx context.Context, box sandbox.Sandbox, p catalog.Plugin) (engine.Process, error) {
	proc, err := s.Plugins.Start(ctx, box, p)
	if err != nil {
		return nil, err
	}
	return proc, nil
}

func (h *Host) onClose(f func(context.Context) error) { h.closers = append(h.closers, f) }

// Socket is where clients reach the host.
func (h *Host) Socket() string { return h.socket }

// listen binds the socket. The one of an earlier host is removed: the home is
// locked, so nobody else can be using it.
func (h *Host) listen(ctx context.Context) (net.Listener, error) {
	path := h.Socket()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the old socket: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for clients: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("protect the socket: %w", err)
	}
	return l, nil
}

// Serve answers clients until ctx ends, one of them asks the host to quit, or
// the host has been idle for long enough.
func (h *Host) Serve(ctx context.Context) error {
	l, err := h.listen(ctx)
	if err != nil {
		return err
	}
	return h.server.Serve(ctx, l)
}

// Close stops the tasks at work, which can be resumed, and closes everything.
func (h *Host) Close(ctx context.Context) error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i](ctx))
	}
	h.closers = nil
	return errors.Join(errs...)
}

// Prepare checks that the home is usable, makes it if it is not there, and
// returns where its host listens.
func Prepare(ctx context.Context, dir string) (socket string, err error) {
	h, err := home.Open(ctx, dir)
	if err != nil {
		return "", err
	}
	return h.SocketPath()
}

// LogPath is the file a background host writes its own log to.
func LogPath(dir string) string { return filepath.Join(dir, "host.log") }

// NewEvent returns an event of a payload that no task recorded.
func NewEvent(p EventPayload) (Event, error) { return event.New(p) }
