package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc"
	"github.com/cowork-host/cowork/sandbox"
)

// Source says how to start a plugin.
type Source struct {
	// Name is the plugin's name, as in its manifest.
	Name string
	// Exe is the executable that serves it, with Args: the bundle's own, or
	// this program as a plugin server.
	Exe  string
	Args []string
	// SHA256 is the digest Exe must have, in hex; empty: not checked, because
	// it is this program itself.
	SHA256 string
	// Tree is the bundle's folder, shown read-only to the process; empty: none.
	Tree   string
	Limits sandbox.Limits
}

// Options bound a process. The zero value has the defaults.
type Options struct {
	// SocketDir is a private folder for the sockets; empty: the system's
	// folder for temporary files.
	SocketDir string
	// StartTimeout bounds the time from start to hand-shake. Default 20 s.
	StartTimeout time.Duration
	// CloseTimeout bounds what a plugin may do in its Close. Default 1 s.
	CloseTimeout time.Duration
	// CallTimeout bounds one call of a handler. Default 1 h.
	CallTimeout time.Duration
	// PingEvery is how often a busy process is asked whether it lives, and how
	// long it has to answer. Default 10 s.
	PingEvery time.Duration
	Log       *slog.Logger
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.StartTimeout, 20*time.Second)
	set(&o.CloseTimeout, time.Second)
	set(&o.CallTimeout, time.Hour)
	set(&o.PingEvery, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Process is a running plugin. Its methods may be called concurrently.
type Process struct {
	src    Source
	opts   Options
	client *plugin.Client
	conn   *rpc.Client
	proto  plugin.ClientProtocol
	run    *sandboxRunner
	gone   chan struct{} // closed when the process has ended

	mu     sync.Mutex
	exit   sandbox.Exit
	reason *Failure // set by whoever kills it
	closed bool
}

// Start runs the plugin in the sandbox and shakes hands. The error is a
// [Failure], or says that ctx ended or the sandbox could not start it.
func Start(ctx context.Context, box sandbox.Sandbox, src Source, opts Options) (*Process, error) {
	opts = opts.withDefaults()
	p := &Process{src: src, opts: opts, gone: make(chan struct{})}
	p.run = newRunner(box, src, p.flooded)
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:     rpc.Handshake(),
		VersionedPlugins:    rpc.Versions(),
		AllowedProtocols:    []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:            true,
		GRPCBrokerMultiplex: true,
		SkipHostEnv:         true,
		StartTimeout:        opts.StartTimeout,
		GRPCDialOptions:     rpc.DialOptions(),
		UnixSocketConfig:    &plugin.UnixSocketConfig{TempDir: opts.SocketDir},
		Logger:              hclog.NewNullLogger(),
		SyncStdout:          writerFunc(p.keepOutput),
		SyncStderr:          writerFunc(p.keepOutput),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, dir string) (runner.Runner, error) {
			p.run.env, p.run.dir = cmd.Env, dir
			return &watchedRunner{sandboxRunner: p.run, started: p.watch}, nil
		},
	})
	type outcome struct {
		proto plugin.ClientProtocol
		err   error
	}
	result := make(chan outcome, 1)
	go func() {
		proto, err := p.client.Client()
		result <- outcome{proto, err}
	}()
	var got outcome
	select {
	case got = <-result:
	case <-ctx.Done():
		p.kill(nil)
		<-result
		p.client.Kill()
		return nil, ctx.Err()
	}
	if got.err != nil {
		err := p.startFailure(got.err)
		p.client.Kill()
		return nil, err
	}
	p.proto = got.proto
	conn, err := rpc.Dispense(got.proto)
	if err != nil {
		p.client.Kill()
		return nil, p.startFailure(err)
	}
	p.conn = conn
	return p, nil
}

// watchedRunner tells the process when go-plugin has started it.
type watchedRunner struct {
	*sandboxRunner
	started func()
}

func (w *watchedRunner) Start(ctx context.Context) error {
	if err := w.sandboxRunner.Start(ctx); err != nil {
		w.out.handshake.Close()
		w.errsW.Close()
		return err
	}
	w.started()
	return nil
}

// watch notes the end of the process, however it comes.
func (p *Process) watch() {
	go func() {
		exit, err := p.run.watch(context.Background())
		if err != nil {
			p.opts.Log.Warn("wait for plugin process", "plugin", p.src.Name, "error", err)
		}
		p.mu.Lock()
		p.exit = exit
		p.mu.Unlock()
		close(p.gone)
	}()
}

func (p *Process) keepOutput(b []byte) (int, error) {
	return p.run.out.keep(b)
}

func (p *Process) flooded() {
	p.kill(&Failure{Reason: Flooded, Message: fmt.Sprintf("was stopped: it floods its output (at most %d MiB are allowed)", maxOutput>>20)})
}

// kill ends the process for the given reason; the first reason stands.
func (p *Process) kill(why *Failure) {
	p.mu.Lock()
	if p.reason == nil && why != nil {
		why.Plugin = p.src.Name
		p.reason = why
	}
	p.mu.Unlock()
	if err := p.run.Kill(context.Background()); err != nil {
		p.opts.Log.Warn("kill plugin process", "plugin", p.src.Name, "error", err)
	}
}

// startFailure says in the person's words why go-plugin could not connect.
func (p *Process) startFailure(err error) error {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if errors.Is(err, sandbox.ErrUnavailable) {
		return err
	}
	f := &Failure{Plugin: p.src.Name, Reason: NotStarted, Next: "see the detail, or run `cowork plugin show " + p.src.Name + "`"}
	f.Detail = p.run.out.text()
	p.mu.Lock()
	known := p.reason
	p.mu.Unlock()
	text := err.Error()
	switch {
	case known != nil:
		known.Detail = f.Detail
		return known
	case strings.Contains(text, "API version"):
		f.Reason = Version
		f.Message = fmt.Sprintf("speaks another version of the plugin contract than this cowork (%d): %s", rpc.ProtocolVersion, firstLine(text))
		f.Next = "build it again with the SDK of this cowork, or upgrade cowork"
	case strings.Contains(text, "timeout while waiting"):
		f.Reason = Hung
		f.Message = fmt.Sprintf("did not come up within %s", p.opts.StartTimeout)
	case strings.Contains(text, "exited before") || strings.Contains(text, "Failed to read any lines"):
		f.Message = "ended before it was ready"
		if exit, ok := p.exited(); ok {
			f.Message = "did not come up: it " + exitText(exit)
		}
	case strings.Contains(text, "Unrecognized remote plugin message"):
		f.Reason = Garbage
		f.Message = "is not a cowork plugin: it printed something else than the hand-shake"
		f.Next = "its main function must call rpc.Serve and print nothing before"
	default:
		f.Message = "could not be started: " + firstLine(text)
	}
	return f
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// exited returns how the process ended, waiting a moment for a death that has
// been noticed elsewhere first.
func (p *Process) exited() (sandbox.Exit, bool) {
	select {
	case <-p.gone:
	case <-time.After(500 * time.Millisecond):
		return sandbox.Exit{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit, true
}

// PID is the process id as the host sees it.
func (p *Process) PID() int {
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	if p.run.process == nil {
		return 0
	}
	return p.run.process.PID()
}

// Gone is closed when the process has ended.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Describe asks the process what it is.
func (p *Process) Describe(ctx context.Context) (*rpc.Descriptor, error) {
	var d *rpc.Descriptor
	err := p.call(ctx, p.opts.StartTimeout, func(ctx context.Context) (err error) {
		d, err = p.conn.Describe(ctx)
		return err
	})
	return d, err
}

// Attach starts the plugin with its host for the time between calls.
func (p *Process) Attach(ctx context.Context, host pluginsdk.Host) error {
	return p.call(ctx, p.opts.StartTimeout, func(ctx context.Context) error { return p.conn.Start(ctx, host) })
}

// Run runs a command's handler. A handler that does not return within a second
// after ctx was cancelled takes its process with it.
func (p *Process) Run(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
	var res *pluginsdk.Result
	err := p.call(ctx, p.opts.CallTimeout, func(ctx context.Context) (err error) {
		res, err = p.conn.RunCommand(ctx, inv)
		return err
	})
	return res, err
}

// call runs f against the process and turns its death, silence or slowness
// into a Failure.
func (p *Process) call(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	callCtx, cancel := context.WithTimeoutCause(ctx, limit, errCallTimeout)
	defer cancel()
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = f(callCtx)
	}()
	ping := time.NewTicker(p.opts.PingEvery)
	defer ping.Stop()
	for {
		select {
		case <-ended:
			return p.callError(ctx, callCtx, err)
		case <-p.gone:
			cancel()
			<-ended
			return p.callError(ctx, callCtx, errors.Join(rpc.ErrGone, err))
		case <-ping.C:
			go p.ping()
		}
	}
}

var errCallTimeout = errors.New("the call took too long")

// ping kills a process that does not answer: stopped, swapped out for good or
// stuck below its Go runtime.
func (p *Process) ping() {
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_ = p.proto.Ping() // any answer is a sign of life
	}()
	select {
	case <-answered:
	case <-p.gone:
	case <-time.After(p.opts.PingEvery):
		p.kill(&Failure{Reason: Hung, Message: fmt.Sprintf("was stopped: it gave no sign of life for %s", p.opts.PingEvery)})
	}
}

// callError decides what a call's error means.
func (p *Process) callError(ctx, callCtx context.Context, err error) error {
	if err == nil {
		return nil
	}
	timedOut := errors.Is(context.Cause(callCtx), errCallTimeout)
	switch {
	case ctx.Err() != nil:
		if errors.Is(err, rpc.ErrStuck) {
			p.kill(&Failure{Reason: Hung, Message: "was stopped: its handler did not end when told to"})
		}
		return context.Cause(ctx)
	case timedOut:
		p.kill(&Failure{Reason: Hung, Message: fmt.Sprintf("was stopped: one call took longer than %s", p.opts.CallTimeout)})
	case errors.Is(err, rpc.ErrGarbage):
		p.kill(&Failure{Reason: Garbage, Message: "was stopped: " + err.Error(), Next: "report it to the plugin's author"})
	case errors.Is(err, rpc.ErrVersion):
		p.kill(&Failure{Reason: Version, Message: "was stopped: " + err.Error(), Next: "build it again with the SDK of this cowork"})
	case !errors.Is(err, rpc.ErrGone):
		return err
	}
	exit, ended := p.exited()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == nil {
		f := &Failure{Plugin: p.src.Name, Reason: Crashed, Message: "ended in the middle of its work"}
		if ended {
			f.Message = "crashed: it " + exitText(exit)
		}
		f.Next = "run the command again; if it happens again, report it to the plugin's author"
		p.reason = f
	}
	p.reason.Detail = p.run.out.text()
	return p.reason
}

// Close tells the plugin to let go, then ends the process. It may be called
// more than once.
func (p *Process) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	var err error
	select {
	case <-p.gone:
		p.conn.Abandon()
	default:
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.opts.CloseTimeout)
		err = p.conn.Close(ctx)
		cancel()
		p.kill(nil)
	}
	p.client.Kill()
	return err
}
