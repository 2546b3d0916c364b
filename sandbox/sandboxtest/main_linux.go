package sandboxtest

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cowork-host/cowork/sandbox"
)

const (
	payloadArg = "sandboxtest-payload"
	hostArg    = "sandboxtest-host"
)

// Main runs the suite's own processes: what a sandbox runs, and a host that
// uses the backend and is killed. It returns only in the test process itself.
// A TestMain calls it first, after the backend's own re-execution.
func Main(b sandbox.Backend) {
	if len(os.Args) < 3 {
		return
	}
	switch os.Args[1] {
	case payloadArg:
		// Not os.Exit, which under the race detector waits a second.
		syscall.Exit(payload(os.Args[2], os.Args[3:]))
	case hostArg:
		if err := victim(b, os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// victim is a host that starts a process tree and waits to be killed. The
// folder holds the socket the tree connects to.
func victim(b sandbox.Backend, dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	box, err := b.Create(ctx, sandbox.Config{Name: "victim", Dir: dir})
	if err != nil {
		return err
	}
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer exe.Close()
	p, err := box.Start(ctx, &sandbox.Spec{
		Exe:    exe,
		Args:   []string{payloadArg, "spawn", dir + "/socket"},
		Mounts: []sandbox.Mount{{Source: dir, Target: dir, Writable: true}},
		Limits: sandbox.Limits{MemoryBytes: testMemory()},
	})
	if err != nil {
		return err
	}
	_, err = p.Wait(ctx)
	return err
}

// testMemory is the memory limit of processes that do not test it.
func testMemory() int64 {
	if raceDetector {
		return 1 << 47
	}
	return 0
}
