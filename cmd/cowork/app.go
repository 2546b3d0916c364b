package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The exit codes; they are stable.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitParked      = 3
	exitNeedsModel  = 4
	exitNoSandbox   = 5
	exitInterrupted = 130
)

// app is one run of the program.
type app struct {
	environment
	ctx        context.Context
	interrupts *interrupts
	home       string
	client     *host.Client
	local      *localHost // the host in this process, with --foreground
	readOnly   error      // why the home cannot be written
}

func (a *app) close() {
	if a.client != nil {
		a.client.Close()
	}
	if a.local != nil {
		if err := a.local.close(); err != nil {
			a.printProblem(problemOf(err), "")
		}
	}
}

// exitError ends the program with a code; its text, if any, has been printed.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// exitCode prints err for the person and returns the code it stands for.
func (a *app) exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if e, ok := errors.AsType[exitError](err); ok {
		return e.code
	}
	if a.ctx.Err() != nil {
		fmt.Fprintln(a.stderr, "cowork: interrupted")
		return exitInterrupted
	}
	p := problemOf(err)
	a.printProblem(p, "")
	return codeOf(p)
}

// printProblem prints an error for the person: what went wrong, how the verb
// is used if that was it, and what to do next.
func (a *app) printProblem(p host.Problem, usage string) {
	fmt.Fprintf(a.stderr, "cowork: %s\n", indent(p.Message))
	if usage != "" {
		fmt.Fprintf(a.stderr, "  usage: %s\n", indent(usage))
	}
	if p.Next != "" {
		fmt.Fprintf(a.stderr, "  next: %s\n", indent(p.Next))
	}
}

// indent makes text clean and sets its second and further lines off.
func indent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n    ")
}

// problemOf returns the error as the host's JSON has it.
func problemOf(err error) host.Problem {
	if r, ok := errors.AsType[*host.RemoteError](err); ok {
		return r.Problem
	}
	p := host.Problem{Code: pluginsdk.Code(err), Message: err.Error()}
	if e, ok := errors.AsType[*pluginsdk.Error](err); ok {
		p.Message, p.Next = e.Message, e.Next
	}
	return p
}

// codeOf maps a problem's code to the program's exit code.
func codeOf(p host.Problem) int {
	switch p.Code {
	case "usage":
		return exitUsage
	case "needs_model":
		return exitNeedsModel
	case "sandbox_unavailable":
		return exitNoSandbox
	}
	return exitFailed
}

// interactive reports whether a person sits at both ends.
func (a *app) interactive() bool { return isTerminal(a.stdin) && isTerminal(a.stderr) }

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printJSON writes v as one line.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
