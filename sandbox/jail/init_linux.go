//go:build linux && (amd64 || arm64)

package jail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"

	"github.com/cowork-host/cowork/sandbox"
	"golang.org/x/sys/unix"
)

// Init is the jail's init. main calls it first when [IsInit] says so; it never
// returns. Started by hand it says that it is not meant to be and exits.
func Init() {
	if len(os.Args) > 2 && os.Args[2] == probeArg {
		exit(inspect(os.Stdout))
	}
	// Everything that is taken away is taken from this thread, and the process
	// is started by it.
	runtime.LockOSThread()
	if os.Getpid() != 1 || !isSocket(controlFD) {
		fmt.Fprintln(os.Stderr, InitArg+": this is the jail's first process; it is started by its host, not by hand")
		exit(2)
	}
	// What the host left open by mistake ends at the process's start too.
	if err := unix.CloseRange(controlFD, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fail("close descriptors", err)
	}
	var o order
	if err := json.NewDecoder(fdReader(controlFD)).Decode(&o); err != nil {
		fail("read the order", err)
	}
	j := &jailed{order: &o}
	for _, s := range j.steps() {
		if err := s.run(); err != nil {
			fail(s.name, err)
		}
	}
	j.reap()
}

// jailed is the process an init makes.
type jailed struct {
	*order
	dynamic bool   // it needs the system's libraries
	base    string // where the new root is built
	trees   []tree // what is mounted into it
	rules   *ruleset
	devNull int

	pid, pidfd int
}

// step is one layer of the jail; its name stands in the error when it fails.
type step struct {
	name string
	run  func() error
}

// steps are all of them, in order. Any failure ends the start.
func (j *jailed) steps() []step {
	return []step{
		{"read the executable", j.readExe},
		{"detach from the host's mounts", privateMounts},
		{"open the mounts", j.openTrees},
		{"make the root", j.makeRoot},
		{"mount /proc", j.mountProc},
		{"mount /tmp", j.mountTmp},
		{"mount", j.mountTrees},
		{"enter the root", j.enterRoot},
		{"set the host name", func() error { return unix.Sethostname([]byte("jail")) }},
		{"prepare landlock", j.prepareLandlock},
		{"set limits", func() error { return setLimits(j.Limits) }},
		{"drop capabilities", dropCapabilities},
		{"set no_new_privs", noNewPrivileges},
		{"enforce landlock", func() error { return j.rules.restrict() }},
		{"install seccomp", installSeccomp},
		{"execute", j.start},
	}
}

// start executes the very file the host opened. The path is a magic link that
// names the descriptor, not a place: the kernel opens the file behind it,
// whatever has happened to the file's name since.
func (j *jailed) start() error {
	// The process must not look into its init.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	pid, err := syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(exeFD), j.Args, &syscall.ProcAttr{
		Dir:   "/",
		Env:   j.Env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true, PidFD: &j.pidfd},
	})
	j.pid = pid
	return err
}

// reap waits for the process and whatever orphans it leaves, and reports how
// it ended. The init's own end kills the rest.
func (j *jailed) reap() {
	// The process alone holds its streams now: when it closes one, the host
	// sees the end of it.
	for fd := range 3 {
		if err := unix.Dup3(j.devNull, fd, 0); err != nil {
			fail("let go of the streams", err)
		}
	}
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2)
	send(report{Started: true}, unix.UnixRights(j.pidfd))
	for _, fd := range []int{j.pidfd, exeFD} {
		_ = unix.Close(fd) // the kernel has no more use for it
	}
	go func() {
		debug.FreeOSMemory() // an init does next to nothing from here on
		waitClosed(controlFD)
		exit(0)
	}()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) || err == nil && pid != j.pid {
			continue
		}
		if err != nil {
			fail("wait for the process", err)
		}
		send(report{Exit: exitOf(status)}, nil)
		exit(0)
	}
}

// waitClosed returns when the other end of the socket is closed: by the host,
// or because the host has died. What is still to read is the end of the order,
// of which the JSON decoder leaves a line break behind when its buffer was
// full before it.
func waitClosed(fd int) {
	buf := make([]byte, 512)
	for {
		n, err := unix.Read(fd, buf)
		if n <= 0 && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// exitOf translates a wait status.
func exitOf(status unix.WaitStatus) *sandbox.Exit {
	if !status.Signaled() {
		return &sandbox.Exit{Code: status.ExitStatus()}
	}
	e := &sandbox.Exit{Code: -1, Signal: status.Signal().String()}
	switch status.Signal() {
	case unix.SIGSYS:
		e.Detail = "blocked system call"
	case unix.SIGXFSZ:
		e.Detail = "file size limit"
	case unix.SIGXCPU:
		e.Detail = "processor time limit"
	case unix.SIGKILL:
		e.Detail = "killed by the system, most likely for want of memory"
	}
	return e
}

// fail reports a failed step and ends the init, and with it everything in the
// jail. It never returns.
func fail(step string, err error) {
	r := report{Step: step, Error: err.Error()}
	var errno unix.Errno
	if errors.As(err, &errno) {
		r.Errno = int(errno)
	}
	send(r, nil)
	exit(1)
}

// send writes one report. When the host is gone there is nobody to tell.
func send(r report, rights []byte) {
	line, err := json.Marshal(r)
	if err != nil {
		panic(err) // plain fields
	}
	_ = unix.Sendmsg(controlFD, append(line, '\n'), rights, nil, unix.MSG_NOSIGNAL)
}

// exit ends the init at once. os.Exit would run what a binary built for the
// race detector or for coverage does last, which takes a second.
func exit(code int) { syscall.Exit(code) }

func isSocket(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil
}

// fdReader reads from a bare descriptor.
type fdReader int

func (f fdReader) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(f), p)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n == 0 && err == nil {
			return 0, io.EOF
		}
		return max(n, 0), err
	}
}
