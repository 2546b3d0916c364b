package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type runCmd struct {
	Folder     []string `help:"Folder the task may read and write; repeatable. Default: the current one." placeholder:"DIR" sep:"none"`
	Mode       string   `help:"How much to ask: ask, act or plan. plan shows a plan and changes nothing before you approve it." enum:"ask,act,plan" default:"ask"`
	Model      string   `help:"The model to use. Default: COWORK_MODEL, else the connection's own." placeholder:"NAME"`
	Budget     string   `help:"The most the task may cost, in US dollars; it asks before it goes on. 0 asks before anything is spent." placeholder:"USD"`
	Sandbox    string   `help:"Where plugins run: auto or jail." default:"auto" placeholder:"NAME"`
	PluginDir  []string `help:"Offer the bundle in this folder too; repeatable." placeholder:"DIR" sep:"none"`
	Foreground bool     `help:"Run the host inside this process, for scripts and debugging."`
	NoInternet bool     `help:"Keep the task off the internet; the model itself is still called."`
	JSON       bool     `help:"Print one event per line as JSON; the last line is the result."`

	Input []string `arg:"" name:"outcome" help:"An outcome, or a slash command with its arguments."`

	noFolder bool // grant none
}

// Help is shown by --help.
func (runCmd) Help() string {
	return `Examples:
  cowork run "turn these receipts into an expense report"
  cowork run "/data:profile sales.csv"
  cowork run "/finance:variance-analysis budget.xlsx actuals.csv --by Department"
  cowork run --folder ~/Reports "/data:profile sales.xlsx"
  cowork run --mode plan "turn these receipts into an expense report"

A slash command is /plugin:name and its arguments, quoted as in a shell; paths
are relative to where you stand or to the granted folder. When a slash
command's arguments come as words of their own, each stays one word.

The connection to a model comes from the environment:

  ANTHROPIC_API_KEY     a key, or
  ANTHROPIC_AUTH_TOKEN  a token
  ANTHROPIC_BASE_URL    a compatible server instead of the provider's own
  COWORK_MODEL          the model's name; --model goes before it
  COWORK_MODEL_PROFILE  bedrock:REGION or vertex:REGION:PROJECT instead of a key

Tasks fetch pages by the proxy in HTTPS_PROXY, else HTTP_PROXY, as it was set
where the host was started; not for the hosts in NO_PROXY.

While a model works on a terminal, a line you type steers it at its next step,
and what it may not do alone is asked with one letter to answer. Ctrl-C once
stops after the step, twice at once; nothing is left half. Ctrl-D or "detach"
leaves the task at work.

Exit codes: 0 done, 1 failed, 2 usage, 3 waiting for you, 4 needs a model,
5 no sandbox, 130 interrupted.`
}

func (r *runCmd) Run(a *app, ctx context.Context) error {
	req, err := r.request(a)
	if err != nil {
		return r.refuse(a, err)
	}
	var c *host.Client
	if r.Foreground {
		c, err = a.serveHere(ctx)
	} else {
		c, err = a.connectModel(ctx)
	}
	if err != nil {
		return r.refuse(a, err)
	}
	if err := r.planNeedsModel(ctx, c); err != nil {
		return r.refuse(a, err)
	}
	id, err := submit(a, c, req)
	if err != nil {
		return r.refuse(a, err)
	}
	return follow(a, c, id, nil, r.JSON)
}

// planNeedsModel refuses mode plan where nobody can make a plan.
func (r *runCmd) planNeedsModel(ctx context.Context, c *host.Client) error {
	if r.Mode != "plan" {
		return nil
	}
	h, err := c.Health(ctx)
	if err != nil || h.Model.Set {
		return err
	}
	return &host.RemoteError{Problem: host.Problem{
		Code: "needs_model", Message: "--mode plan, which shows a plan and changes nothing before you approve it, needs a model, and none is connected",
		Next: "set " + envAPIKey + ", or " + envBaseURL + " for a compatible server; or leave --mode out: everything a task does can be taken back with `cowork task undo`",
	}}
}

// submitGrace is how long an interrupt waits for the host to say whether there
// is a task: one that was just made must be stopped, not left to itself.
const submitGrace = 3 * time.Second

// submit asks the host for the task.
func submit(a *app, c *host.Client, req host.RunRequest) (string, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(a.ctx))
	defer cancel()
	defer context.AfterFunc(a.ctx, func() { time.AfterFunc(submitGrace, cancel) })()
	return c.Run(ctx, req)
}

// refuse ends a run that never became a task; with --json the last line is
// the same as that of any run.
func (r *runCmd) refuse(a *app, err error) error {
	if !r.JSON {
		return err
	}
	p := problemOf(err)
	code, status := codeOf(p), host.StatusFailed
	if a.ctx.Err() != nil {
		code, status = exitInterrupted, host.StatusStopped
	}
	if err := printDone(a, "", host.TaskDone{Status: status, Error: &p}); err != nil {
		return err
	}
	return exitError{code}
}

func (r *runCmd) request(a *app) (host.RunRequest, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return host.RunRequest{}, fmt.Errorf("find the current folder: %w", err)
	}
	if r.Sandbox == "none" && a.getenv("COWORK_UNSAFE") != "1" {
		return host.RunRequest{}, pluginsdk.Invalid(
			"leave --sandbox out, or set COWORK_UNSAFE=1 if you trust every plugin you run",
			"--sandbox none runs plugins without any isolation and is not allowed")
	}
	if r.Sandbox == "none" {
		a.warn("NO SANDBOX: plugins run with all your rights (--sandbox none)")
	}
	folders := r.Folder
	if len(folders) == 0 && !r.noFolder {
		if err := refuseWhole(cwd, a.getenv); err != nil {
			return host.RunRequest{}, err
		}
		folders = []string{cwd}
	}
	req := host.RunRequest{
		Input: joinWords(r.Input), Cwd: cwd, Sandbox: r.Sandbox, Mode: r.Mode,
		Interactive: !r.JSON && a.interactive(), Model: r.Model, Budget: strings.TrimPrefix(r.Budget, "$"),
		NoInternet: r.NoInternet,
	}
	if req.Folders, err = absolute(folders); err != nil {
		return req, err
	}
	req.PluginDirs, err = absolute(r.PluginDir)
	return req, err
}

// joinWords makes one input of the words the shell passed. The first is what
// the person typed; the arguments of a slash command that the shell has already
// split are quoted, so that each stays one word.
func joinWords(words []string) string {
	if len(words) == 0 || !strings.HasPrefix(words[0], "/") {
		return strings.Join(words, " ")
	}
	out := []string{words[0]}
	for _, w := range words[1:] {
		if w == "" || strings.ContainsAny(w, " \t\r\n\"'\\") || strings.ContainsFunc(w, unicode.IsSpace) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

// refuseWhole refuses to grant a home folder, what holds it, or a whole disk
// unasked.
func refuseWhole(dir string, getenv func(string) string) error {
	real := resolved(dir)
	whole := real == filepath.VolumeName(real)+string(filepath.Separator)
	if home, err := userHome(getenv); err == nil {
		rel, err := filepath.Rel(real, resolved(home))
		whole = whole || err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
	}
	if !whole {
		return nil
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrDenied, Message: "the whole of " + dir + " is not granted just because you stand in it",
		Next: "go to the folder with your files, or name it with --folder DIR",
	}
}

// resolved follows links as far as it can.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

func absolute(dirs []string) ([]string, error) {
	out := make([]string, 0, len(dirs))
	for _, d := range dirs {
		abs, err := filepath.Abs(d)
		if err != nil {
			return nil, err
		}
		out = append(out, abs)
	}
	return out, nil
}
