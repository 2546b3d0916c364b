package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host"
)

// health asks who serves the installation.
func (p *installation) health() host.Health {
	p.t.Helper()
	ctx, cancel := testContext()
	defer cancel()
	socket, err := host.Prepare(ctx, filepath.Join(p.dir, "home"))
	if err != nil {
		p.t.Fatal(err)
	}
	c := host.Dial(socket)
	defer c.Close()
	h, err := c.Health(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	return h
}

// writeProgram writes a file that is going to be executed. No child may be
// forked meanwhile: it would hold the file open for writing for a moment.
func writeProgram(path string, data []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, data, 0o755)
}

// anotherBuild is a copy of the program that counts as another build.
func (p *installation) anotherBuild() string {
	p.t.Helper()
	exe, err := exec.LookPath("cowork")
	if err != nil {
		p.t.Fatal(err)
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		p.t.Fatal(err)
	}
	dir := filepath.Join(p.dir, "other")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	other := filepath.Join(dir, "cowork")
	if err := writeProgram(other, data); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chtimes(other, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		p.t.Fatal(err)
	}
	return other
}

func TestAnotherBuildReplacesAnIdleHost(t *testing.T) {
	t.Parallel()
	p := newInstallation(t)
	p.run("task", "ls")
	before := p.health()
	other := p.anotherBuild()
	for range 3 {
		cmd := p.command("task", "ls")
		cmd.Path = other
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "No tasks yet") {
			t.Fatalf("%v: %s", err, out)
		}
		after := p.health()
		if after.PID == before.PID || after.Build == before.Build {
			t.Fatalf("the host of the other build is still there: %+v, then %+v", before, after)
		}
		p.run("task", "ls")
		before = p.health()
	}
}

func TestAnotherBuildUsesABusyHost(t *testing.T) {
	t.Parallel()
	if err := jailError(t); err != nil {
		t.Skipf("no sandbox works on this machine: %v", err)
	}
	p := newInstallation(t)
	p.write("work/budget.csv", string(ledger(60000, 1)))
	p.write("work/actuals.csv", string(ledger(60000, 2)))
	run := p.command("run", "--json", "/finance:variance-analysis budget.csv actuals.csv")
	out := newMatcher(`"kind":"plan"`)
	run.Stdout = out
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	<-out.matched
	cmd := p.command("task", "ls", "--json")
	cmd.Path = p.anotherBuild()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	list, err := cmd.Output()
	if err != nil || !json.Valid(bytes.TrimSpace(list)) {
		t.Errorf("%v: %s%s", err, list, &stderr)
	}
	if s := stderr.String(); s != "" && !strings.Contains(s, "is at work; using it as it is") {
		t.Errorf("unexpected: %s", s)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("the task did not survive: %v\n%s", err, out)
	}
}

func TestClientsStartOneHost(t *testing.T) {
	t.Parallel()
	p := newInstallation(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if out, err := p.command("task", "ls").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "No tasks yet") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	// And while a host is ending.
	for range 3 {
		wg.Go(func() { p.run("stop") })
		for range 3 {
			wg.Go(func() {
				if out, err := p.command("plugin", "ls", "--json").CombinedOutput(); err != nil {
					// It may have been served by the host that ended.
					if !strings.Contains(string(out), "cowork: ") {
						t.Errorf("%v: %s", err, out)
					}
				}
			})
		}
		wg.Wait()
	}
	if out, err := p.command("task", "ls").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
