//go:build linux && (amd64 || arm64)

package jail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/internal/stdio"
	"golang.org/x/sys/unix"
)

// launch is one start under way.
type launch struct {
	init  []string
	ids   *idMap
	spec  *sandbox.Spec
	order *order
}

const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// start returns once the process runs, or with nothing left of it.
func (l *launch) start(ctx context.Context) (p *process, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	streams, err := stdio.Open(l.spec.Stdin, l.spec.Stdout, l.spec.Stderr)
	if err != nil {
		return nil, err
	}
	init, control, err := l.spawn(streams)
	if err != nil {
		streams.Abort()
		return nil, err
	}
	p = &process{init: init, control: newControl(control), streams: streams, done: make(chan struct{})}
	streams.Started()
	if err := p.handshake(ctx, l.order); err != nil {
		_ = p.init.Kill() // it may have ended by itself
		_, _ = p.init.Wait()
		_ = p.control.conn.Close() // nothing was left to say
		streams.Drain()
		return nil, err
	}
	return p, nil
}

// spawn starts the init in its namespaces, with nothing of the host's but the
// control socket, the executable and the mounts.
func (l *launch) spawn(streams *stdio.Streams) (*os.Process, *net.UnixConn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, nil, err
	}
	defer theirs.Close()
	files := append(streams.Child[:], theirs)
	opened, err := l.openFiles()
	defer closeAll(opened)
	if err != nil {
		_ = ours.Close() // the error that counts is known
		return nil, nil, err
	}
	// The init, too, is started by descriptor: its process may not be able to
	// walk the folders above it, such as a root host's own.
	program, err := l.openInit()
	if err != nil {
		_ = ours.Close() // the error that counts is known
		return nil, nil, err
	}
	defer program.Close()
	files = append(append(files, opened...), program)
	attr := &os.ProcAttr{Dir: "/", Env: []string{}, Files: files, Sys: l.ids.sysProcAttr()}
	init, err := os.StartProcess(fmt.Sprintf("/proc/self/fd/%d", len(files)-1), l.init, attr)
	if err != nil {
		_ = ours.Close() // the error that counts is known
		return nil, nil, explainStart(err)
	}
	return init, ours, nil
}

// openFiles are the executable and what the init could not open itself.
func (l *launch) openFiles() ([]*os.File, error) {
	exe, err := l.ids.executable(l.spec.Exe)
	if err != nil {
		return nil, fmt.Errorf("open the executable: %w", err)
	}
	opened := []*os.File{exe}
	if !l.ids.root {
		return opened, nil
	}
	for i := range l.order.Mounts {
		m := &l.order.Mounts[i]
		tree, err := l.ids.mount(m.Source, m.Writable)
		if err != nil {
			return opened, fmt.Errorf("open %s: %w", m.Source, err)
		}
		m.FD = exeFD + len(opened)
		opened = append(opened, tree)
	}
	return opened, nil
}

// openInit opens the program the init runs in.
func (l *launch) openInit() (*os.File, error) {
	f, err := os.Open(l.init[0])
	if err != nil {
		return nil, fmt.Errorf("open the jail's init: %w", err)
	}
	defer f.Close()
	program, err := l.ids.executable(f)
	if err != nil {
		return nil, fmt.Errorf("open the jail's init: %w", err)
	}
	return program, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// socketPair returns the two ends of the control socket. Only the host's end
// holds the jail's life: it closes with the host, however the host ends.
func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make the control socket: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "control")
	f := os.NewFile(uintptr(fds[0]), "control")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("make the control socket: %w", err)
	}
	return conn.(*net.UnixConn), theirs, nil
}

// handshake gives the order and waits until the process runs. When ctx ends
// first the init is killed.
func (p *process) handshake(ctx context.Context, o *order) error {
	stop := context.AfterFunc(ctx, func() { _ = p.init.Kill() })
	defer stop()
	err := p.order(o)
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	return err
}

func (p *process) order(o *order) error {
	// A failed write is explained by what the init reported before it ended.
	writeErr := json.NewEncoder(p.control.conn).Encode(o)
	r, err := p.control.next()
	switch {
	case err != nil:
		return fmt.Errorf("the jail's init ended before the process started: %w", errors.Join(writeErr, err))
	case r.Step != "":
		return explainStep(r)
	case !r.Started:
		return errors.New("the jail's init reported something else than the start")
	}
	p.pid = p.control.peerPID()
	return nil
}

// control is the host's end of the control socket.
type control struct {
	conn   *net.UnixConn
	buf    []byte
	pidfds []int
}

func newControl(conn *net.UnixConn) *control { return &control{conn: conn} }

// next reads one report.
func (c *control) next() (*report, error) {
	for {
		if line, rest, ok := bytes.Cut(c.buf, []byte("\n")); ok {
			var r report
			err := json.Unmarshal(line, &r)
			c.buf = rest
			return &r, err
		}
		data, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
		n, oobn, _, _, err := c.conn.ReadMsgUnix(data, oob)
		if err != nil {
			return nil, err
		}
		c.buf = append(c.buf, data[:n]...)
		c.keepRights(oob[:oobn])
		if n == 0 {
			return nil, errors.New("it said nothing more")
		}
		if len(c.buf) > 64<<10 {
			return nil, errors.New("it sent an endless report")
		}
	}
}

func (c *control) keepRights(oob []byte) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			c.pidfds = append(c.pidfds, fds...)
		}
	}
}

// peerPID turns the pidfd that came with the start into the process id the
// host knows; 0 when the process has ended already.
func (c *control) peerPID() int {
	pid := 0
	for _, fd := range c.pidfds {
		if info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd)); err == nil {
			if _, after, ok := bytes.Cut(info, []byte("\nPid:")); ok {
				_, _ = fmt.Sscan(string(after), &pid)
			}
		}
		_ = unix.Close(fd)
	}
	c.pidfds = nil
	return max(pid, 0)
}

// explainStart says what stands behind a refused clone.
func explainStart(err error) error {
	if why := userNamespaceHint(); why != "" && isRefusal(err) {
		return fmt.Errorf("%w: make namespaces: %w; %s", sandbox.ErrUnavailable, err, why)
	}
	return fmt.Errorf("start the jail's init: %w", err)
}

// stepError is a step of the init that failed.
type stepError struct {
	step, text string
	errno      syscall.Errno
}

func (e *stepError) Error() string { return e.step + ": " + e.text }

// Unwrap is the system's error behind it, for errors.Is.
func (e *stepError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// explainStep turns a failed step into the error of Start.
func explainStep(r *report) error {
	return &stepError{r.Step, r.Error, syscall.Errno(r.Errno)}
}
