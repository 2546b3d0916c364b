package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

// connectTimeout bounds how long a host may take to come up, or to answer.
const connectTimeout = 20 * time.Second

// connect returns a client of this home's host and starts the host if none
// runs. A host of another build is replaced when it is not at work.
func (a *app) connect(ctx context.Context) (*host.Client, error) {
	if a.client != nil {
		return a.client, nil
	}
	home, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	socket, err := host.Prepare(ctx, home)
	if host.CannotWrite(err) {
		return a.connectReadOnly(ctx, home, err)
	}
	if err != nil {
		return nil, err
	}
	c := host.Dial(socket)
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := a.reach(ctx, c, home); err != nil {
		c.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, hung(home, connectTimeout)
		}
		return nil, err
	}
	a.client = c
	return c, nil
}

// connectReadOnly returns a client of the host of a home that cannot be written
// for the reason why: of the one that runs, or else of one in this process that
// only shows what is there. Where there is nothing to show the error is why.
func (a *app) connectReadOnly(ctx context.Context, home string, why error) (*host.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if socket, err := host.SocketOf(ctx, home); err == nil {
		c := host.Dial(socket)
		if _, err := c.Health(ctx); err == nil {
			a.client = c
			return c, nil
		}
		c.Close()
	}
	a.readOnly = why
	c, err := a.serveHere(ctx)
	if err != nil {
		return nil, why
	}
	p := problemOf(why)
	fmt.Fprintf(a.stderr, "cowork: %s; nothing can be changed, this is what is there\n", indent(p.Message))
	return c, nil
}

// hung says that a host does not answer, and how to end it.
func hung(home string, after time.Duration) error {
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrUnavailable, Message: fmt.Sprintf("the host does not answer within %s", after),
		Next: "see why in " + host.LogPath(home) + ", end the process whose number is in " + filepath.Join(home, "run", "host.lock") + ", and try again",
	}
}

// reach returns when a host answers that can be used. Several clients may do
// this at once: one of the hosts they start gets the home, and all use it.
func (a *app) reach(ctx context.Context, c *host.Client, home string) error {
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	var started <-chan error // yields how the host that was started here ended
	var child *os.Process
	for {
		h, err := c.Health(ctx)
		switch {
		case err == nil && h.Build == buildID():
			if started != nil && h.PID != child.Pid {
				// Another client was faster. This one would end by itself, unless
				// the other has ended when it comes to look.
				_ = child.Kill() // it may have ended
			}
			return nil
		case err == nil:
			if replaced, err := a.replace(ctx, c, home, h); err != nil || !replaced {
				return err
			}
			continue
		case !errors.Is(err, host.ErrNoHost) && !isCut(err):
			return err
		case started == nil:
			if started, child, err = startHost(home); err != nil {
				return err
			}
		}
		select {
		case err := <-started:
			if err != nil && !errors.Is(err, errTaken) {
				return err
			}
			// Another host has the home: it comes up, or it is ending.
			started = nil
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-retry.C:
		}
	}
}

// isCut reports whether a host ended while it was asked.
func isCut(err error) bool {
	_, refused := errors.AsType[*host.RemoteError](err)
	return !refused && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// replace ends an idle host of another build. One with tasks at work is used
// as it is.
func (a *app) replace(ctx context.Context, c *host.Client, home string, h host.Health) (bool, error) {
	err := c.Quit(ctx, false)
	if _, refused := errors.AsType[*host.RemoteError](err); refused {
		fmt.Fprintf(a.stderr, "cowork: a host of another build (version %s) is at work; using it as it is\n", clean(h.Version))
		return false, nil
	}
	return true, host.Ended(ctx, home)
}

// homeDir is COWORK_HOME, made absolute, or the platform's data directory.
func (a *app) homeDir() (string, error) {
	if a.home != "" {
		return filepath.Abs(a.home)
	}
	dir, err := dataDir(a.getenv)
	if err != nil {
		return "", &pluginsdk.Error{Kind: pluginsdk.ErrInvalid, Message: "there is no place for cowork's data: " + err.Error(), Next: "set COWORK_HOME to a folder"}
	}
	return filepath.Join(dir, "cowork"), nil
}

// errTaken says that another host has the home.
var errTaken = errors.New("another host has the home")

// startHost runs this program as a background host. The channel yields once,
// when that host has ended.
func startHost(home string) (<-chan error, *os.Process, error) {
	exe, err := executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	logPath := host.LogPath(home)
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the host's log: %w", err)
	}
	defer logFile.Close()
	//nolint:noctx // the host outlives this program on purpose
	cmd := exec.Command(exe, "--home", home, "host")
	said := &bytes.Buffer{} // why it could not start, if it could not
	cmd.Stdout, cmd.Stderr = said, logFile
	cmd.WaitDelay = time.Second
	cmd.Dir, cmd.Env = home, hostEnviron()
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the host: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- startError(logPath, cmd.Wait(), said.Bytes()) }()
	return ended, cmd.Process, nil
}

// startError returns why a host ended before it answered.
func startError(logPath string, err error, said []byte) error {
	var last struct{ Problem *host.Problem }
	if json.Unmarshal(said, &last) == nil && last.Problem != nil {
		if last.Problem.Code == codeTaken {
			return errTaken
		}
		return &host.RemoteError{Problem: *last.Problem}
	}
	how := "by itself"
	if err != nil {
		how = "with " + strings.TrimSpace(err.Error())
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrUnavailable, Message: "the host ended as soon as it was started, " + how,
		Next: "see why in " + logPath,
	}
}
