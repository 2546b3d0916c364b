package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/cowork-host/cowork/sandbox"
)

const (
	// socketTarget is where a plugin process sees the folder for its socket.
	socketTarget = "/run/plugin"
	// treeTarget is where it sees its own bundle.
	treeTarget = "/plugin"
)

// sandboxRunner is go-plugin's runner in a sandbox. go-plugin's own checksum
// (SecureConfig) cannot be combined with a runner, so it hashes the opened
// executable itself and starts that very descriptor.
type sandboxRunner struct {
	box   sandbox.Sandbox
	src   Source
	env   []string // set by go-plugin before Start, like dir
	dir   string   // the host's side of socketTarget
	out   *output
	line  *io.PipeReader
	errs  *io.PipeReader
	errsW *io.PipeWriter

	mu      sync.Mutex
	process sandbox.Process
	killed  bool // before or after it was started
	exit    sandbox.Exit
	socket  *os.File // keeps the plugin's socket reachable under a short name
}

var _ runner.Runner = (*sandboxRunner)(nil)

func newRunner(box sandbox.Sandbox, src Source, onFlood func()) *sandboxRunner {
	line, lineW := io.Pipe()
	errs, errsW := io.Pipe()
	return &sandboxRunner{
		box: box, src: src,
		out: &output{handshake: lineW, onFlood: onFlood}, line: line, errs: errs, errsW: errsW,
	}
}

// Start hashes the executable and runs it. A file that is not the one that was
// described is a [Failure].
func (r *sandboxRunner) Start(ctx context.Context) error {
	exe, err := os.Open(r.src.Exe)
	if err != nil {
		return &Failure{
			Plugin: r.src.Name, Reason: NotStarted, Message: "has no executable at " + r.src.Exe,
			Next: "install it again",
		}
	}
	defer exe.Close()
	if r.src.SHA256 != "" {
		sum, err := hashFile(exe)
		if err != nil {
			return fmt.Errorf("hash %s: %w", r.src.Exe, err)
		}
		if sum != r.src.SHA256 {
			return changed(r.src, sum)
		}
	}
	sock := r.target(r.dir, socketTarget)
	spec := &sandbox.Spec{
		Exe: exe, Args: r.src.Args, Env: r.environ(sock),
		Mounts: []sandbox.Mount{{Source: r.dir, Target: sock, Writable: true}},
		Stdout: r.out.stdout(), Stderr: r.out.stderr(),
		Limits: r.src.Limits,
	}
	if r.src.Tree != "" {
		target := r.target(r.src.Tree, treeTarget)
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: r.src.Tree, Target: target})
		spec.Env = append(spec.Env, "CLAUDE_PLUGIN_ROOT="+target)
	}
	p, err := r.box.Start(ctx, spec)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = p
	if r.killed {
		return p.Kill()
	}
	return nil
}

// target is where the process sees the host folder source: at want, or, in a
// sandbox without a tree of its own, where it is.
func (r *sandboxRunner) target(source, want string) string {
	box := r.box
	for {
		if s, ok := box.(sandbox.PathSharer); ok && s.SharesPaths() {
			return source
		}
		u, ok := box.(interface{ Unwrap() sandbox.Sandbox })
		if !ok {
			return want
		}
		box = u.Unwrap()
	}
}

func changed(src Source, sum string) *Failure {
	return &Failure{
		Plugin: src.Name, Reason: Changed,
		Message: fmt.Sprintf("was not started: its executable %s is not the one that was described (sha256 %.12s…, now %.12s…)",
			src.Exe, src.SHA256, sum),
		Next: "if you changed it yourself, run `cowork plugin update " + src.Name + "`; if not, remove it and install it again",
	}
}

// environ is the whole environment of the process: go-plugin's hand-shake, the
// socket folder as the process sees it, and a few fixed words.
func (r *sandboxRunner) environ(socketDir string) []string {
	env := []string{"PATH=/usr/bin:/bin", "HOME=/tmp", "TMPDIR=/tmp", "LANG=C.UTF-8", "TZ=UTC"}
	for _, kv := range r.env {
		if !strings.HasPrefix(kv, "PLUGIN_UNIX_SOCKET_DIR=") {
			env = append(env, kv)
		}
	}
	if m := r.src.Limits.MemoryBytes; m > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(m*3/4, 10))
	}
	return append(env, "PLUGIN_UNIX_SOCKET_DIR="+socketDir)
}

// Wait returns when the process has ended; its exit is kept for exitText.
func (r *sandboxRunner) Wait(ctx context.Context) error {
	r.mu.Lock()
	p := r.process
	r.mu.Unlock()
	if p == nil {
		return errors.New("the plugin process was not started")
	}
	exit, err := p.Wait(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.exit = exit
	if r.socket != nil {
		r.socket.Close()
		r.socket = nil
	}
	r.mu.Unlock()
	if exit.Code != 0 {
		return errors.New(exitText(exit))
	}
	return nil
}

func exitText(e sandbox.Exit) string {
	s := fmt.Sprintf("ended with exit code %d", e.Code)
	if e.Signal != "" {
		s = "was ended by the signal " + e.Signal
	}
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}

// Kill ends the process; one that is only being started ends when it has been.
func (r *sandboxRunner) Kill(context.Context) error {
	r.mu.Lock()
	r.killed = true
	p := r.process
	r.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.Kill()
}

// watch closes the pipes go-plugin reads when the process has ended.
func (r *sandboxRunner) watch(ctx context.Context) (sandbox.Exit, error) {
	r.mu.Lock()
	p := r.process
	r.mu.Unlock()
	if p == nil {
		return sandbox.Exit{}, errors.New("the plugin process was not started")
	}
	exit, err := p.Wait(ctx)
	_ = r.out.handshake.Close()
	_ = r.errsW.Close()
	return exit, err
}

func (r *sandboxRunner) Stdout() io.ReadCloser { return r.line }
func (r *sandboxRunner) Stderr() io.ReadCloser { return r.errs }
func (r *sandboxRunner) Name() string          { return r.src.Name }

func (r *sandboxRunner) ID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return r.src.Name
	}
	return strconv.Itoa(r.process.PID())
}

func (r *sandboxRunner) Diagnose(context.Context) string { return r.out.text() }

// PluginToHost takes the address a plugin printed. The plugin may print
// anything: only a socket that lies in its own folder is dialled, and by a
// descriptor, so that it cannot be swapped for a link to another one.
func (r *sandboxRunner) PluginToHost(network, addr string) (string, string, error) {
	if network != "unix" || filepath.Base(addr) == "" {
		return "", "", fmt.Errorf("the plugin offers an address that is not a socket of its own: %.80q %.80q", network, addr)
	}
	name, err := socketName(r.dir, filepath.Base(addr))
	if err != nil {
		return "", "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.socket != nil {
		r.socket.Close()
	}
	r.socket = name.file
	return "unix", name.path, nil
}

func (r *sandboxRunner) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

func hashFile(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// socketPath is a dialable name of a socket and what keeps it valid.
type socketPath struct {
	path string
	file *os.File
}
