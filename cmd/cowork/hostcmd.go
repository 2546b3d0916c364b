package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/cowork-host/cowork"
	builtin "github.com/cowork-host/cowork/builtin-plugins"
	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk/rpc"
	"github.com/cowork-host/cowork/sandbox/all"
)

// pluginServerVerb makes this program serve one of the plugins it ships with,
// inside the sandbox.
const pluginServerVerb = "plugin-server"

func servePlugin(name string) int {
	for _, p := range builtin.Plugins() {
		if p.Name == name {
			rpc.Serve(p.New())
			return exitDone
		}
	}
	fmt.Fprintf(os.Stderr, "cowork: no plugin %q is shipped\n", name)
	return exitFailed
}

// buildID changes with every build of this program.
func buildID() string {
	exe, err := executable()
	if err != nil {
		return version
	}
	info, err := os.Stat(exe)
	if err != nil {
		return version
	}
	id := version + "-" + strconv.FormatInt(info.Size(), 36) + "-" + strconv.FormatInt(info.ModTime().UnixNano(), 36)
	if bi, ok := debug.ReadBuildInfo(); ok {
		id += "-" + bi.GoVersion
	}
	return id
}

// codeTaken is the code of a host that could not start because another has the
// home.
const codeTaken = "conflict"

type hostCmd struct {
	Idle time.Duration `help:"Leave after this long without work; 0: never." default:"10m"`
}

func (h *hostCmd) Run(a *app, ctx context.Context) error {
	log := slog.New(slog.NewJSONHandler(a.stderr, nil))
	hst, err := a.newHost(ctx, log, h.Idle)
	if err != nil {
		// The client that started this process reads this line.
		p := problemOf(err)
		log.Error("the host could not start", "error", err)
		if err := a.printJSON(map[string]any{"problem": p}); err != nil {
			return err
		}
		return exitError{codeOf(p)}
	}
	err = hst.Serve(ctx)
	closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, hst.Close(closeCtx))
}

func (a *app) newHost(ctx context.Context, log *slog.Logger, idle time.Duration) (*host.Host, error) {
	home, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	exe, err := executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cache := a.getenv("COWORK_CACHE")
	if cache == "" {
		cache = filepath.Join(home, "cache")
	}
	data, err := dataDir(a.getenv)
	if err != nil {
		data = "" // no desktop trash: cowork keeps its own
	}
	userDir, err := userHome(a.getenv)
	if err != nil {
		userDir = "" // then the page grants no folder that is typed there
	}
	shipped := make([]host.Shipped, 0, len(builtin.Plugins()))
	for _, p := range builtin.Plugins() {
		shipped = append(shipped, host.Shipped{Name: p.Name, FS: p.Bundle})
	}
	return host.New(ctx, host.Options{
		Home: home, Cache: cache, DataHome: data, UserHome: userDir,
		Self: exe, ServeArg: pluginServerVerb, Shipped: shipped,
		PluginsCUE: cowork.PluginsCUE(), ReadOnly: a.readOnly,
		Backends: all.Backends(all.Options{Unsafe: a.getenv("COWORK_UNSAFE") == "1"}),
		Version:  version, Build: buildID(), IdleAfter: idle, Logger: log,
		Proxy: a.proxy(log),
	})
}

// localHost is a host in this process.
type localHost struct {
	host   *host.Host
	cancel context.CancelFunc
	served chan error
}

// serveHere starts a host in this process and returns its client.
func (a *app) serveHere(ctx context.Context) (*host.Client, error) {
	hst, err := a.newHost(ctx, slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), 0)
	if err != nil {
		return nil, err
	}
	serveCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &localHost{host: hst, cancel: cancel, served: make(chan error, 1)}
	go func() { l.served <- hst.Serve(serveCtx) }()
	a.local, a.client = l, host.Dial(hst.Socket())
	retry := time.NewTicker(time.Millisecond)
	defer retry.Stop()
	for {
		if _, err := a.client.Health(ctx); err == nil {
			return a.client, a.giveModel(ctx, a.client)
		}
		select {
		case err := <-l.served:
			l.served <- err // for close
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-retry.C:
		}
	}
}

func (l *localHost) close() error {
	l.cancel()
	err := <-l.served
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, l.host.Close(ctx))
}
