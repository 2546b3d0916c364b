// Package sandbox is where plugin processes and code run: the contract between
// the host and its backends. The host asks a [Backend] whether it works on
// this machine, creates one [Sandbox] per task and starts processes in it.
//
// Package sandboxtest holds the conformance suite every backend must pass.
package sandbox

import (
	"context"
	"errors"
	"io"
	"os"
)

// ErrUnavailable is wrapped by Probe and Create when the backend cannot work
// on this machine; the text says why and what would help.
var ErrUnavailable = errors.New("sandbox unavailable")

// Backend makes sandboxes of one kind. Its methods may be called concurrently.
type Backend interface {
	// Name is the word for it in settings and flags: "vm", "gvisor", "jail".
	Name() string
	// Probe runs something harmless inside, against a deadline, and says what
	// isolation holds here. An error means the backend is not usable.
	Probe(ctx context.Context) (*Report, error)
	// Create makes a sandbox for one task. Cancelling ctx abandons it.
	Create(ctx context.Context, cfg Config) (Sandbox, error)
}

// Report is what a probe found.
type Report struct {
	// Badge is shown to the user and stands in the log: "jail", "vm·kvm".
	Badge string
	// Holds and Missing list the layers that are in force and those this
	// machine does not offer, for doctor.
	Holds, Missing []string
}

// Config describes one sandbox.
type Config struct {
	// Name is unique among the host's sandboxes: the task id.
	Name string
	// Dir is an existing private folder of the host's for the sandbox's own
	// files; the caller removes it after Close.
	Dir string
}

// Sandbox is one task's isolated place. Every process in it is isolated from
// every other: they share neither process ids, nor memory, nor files.
type Sandbox interface {
	// Badge is the report's badge for this very sandbox.
	Badge() string
	// Start runs a process. Cancelling ctx abandons the start, not the process
	// once started.
	Start(ctx context.Context, spec *Spec) (Process, error)
	// Close kills what still runs, waits for it and removes what the sandbox
	// made. It may be called more than once.
	Close() error
}

// PathSharer is a [Sandbox] that may have no file tree of its own. When
// SharesPaths returns true, its processes see the host's own paths: a mount
// can only be where it is, with its Target equal to its Source.
type PathSharer interface {
	SharesPaths() bool
}

// Process is one process tree in a sandbox.
type Process interface {
	// PID is the process id as the host sees it, 0 where there is none.
	PID() int
	// Wait returns when the process has ended and its output is drained, or
	// when ctx ends. It may be called more than once and concurrently.
	Wait(ctx context.Context) (Exit, error)
	// Kill ends the whole tree at once. It may be called at any time.
	Kill() error
}

// Exit says how a process ended.
type Exit struct {
	Code int // 0 to 255; -1 when a signal ended it
	// Signal is the name of the signal that ended it, e.g. "killed".
	Signal string
	// Detail names a limit or rule that was hit, when the backend knows.
	Detail string
}

// Spec describes one process. The zero value of everything but Exe is usable.
type Spec struct {
	// Exe is the open executable. This very file is started, by descriptor:
	// replacing it on disk after it was opened (and hashed) has no effect. The
	// caller closes it after Start returned.
	Exe  *os.File
	Args []string // without the program's name
	// Env is the whole environment, as "KEY=value"; nothing is inherited.
	Env []string
	// Mounts are the only parts of the host's file system that the process
	// sees, beside what it needs to run.
	Mounts []Mount
	// Stdin, Stdout and Stderr; nil is an empty input and discarded output.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Limits         Limits
}

// Mount shows a host folder, file or socket inside the sandbox. What a process
// creates in a writable mount belongs to the source's owner or, where that
// cannot be, is at least readable and writable for the host.
type Mount struct {
	// Source is a clean absolute host path. A symbolic link is refused.
	Source string
	// Target is a clean absolute path inside. It is created, except below
	// another mount's target, where it must exist: nothing is ever created in a
	// host folder to mount upon. Folders the backend fills itself are refused.
	Target string
	// Writable allows writing; the default is read-only.
	Writable bool
}

// Limits bound a process tree. Zero means the backend's default, never
// "unlimited".
type Limits struct {
	// MemoryBytes bounds what a process may map for writing or, where the
	// backend can count it, what the whole tree uses.
	MemoryBytes int64
	Processes   int // processes and threads
	OpenFiles   int
	TempBytes   int64 // size of the private /tmp
	FileBytes   int64 // largest file it may write
}
