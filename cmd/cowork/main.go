// Command cowork is the open host for knowledge work: it runs role plugins'
// commands on the folders you grant and leaves finished files there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/sandbox/jail"
)

// version is the next release's.
const version = "0.1.0-dev"

func main() { os.Exit(program()) }

// program is all of main, so that the tests' own binary can be this program.
func program() int {
	if jail.IsInit(os.Args) {
		jail.Init()
	}
	if len(os.Args) > 2 && os.Args[1] == pluginServerVerb {
		return servePlugin(os.Args[2])
	}
	return Main(os.Args[1:], environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
	})
}

// environment is what a verb knows of the world outside its arguments.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

// cli is the command line: one field per verb.
type cli struct {
	Home string `help:"Where tasks, settings and the log are kept." env:"COWORK_HOME" placeholder:"DIR"`

	Run     runCmd     `cmd:"" help:"Do something: an outcome or a slash command."`
	Chat    chatCmd    `cmd:"" help:"Talk to a task, line by line."`
	Serve   serveCmd   `cmd:"" help:"Open the web page."`
	Task    taskCmd    `cmd:"" help:"See, stop, undo and export tasks."`
	Plugin  pluginCmd  `cmd:"" help:"See and install plugins."`
	Grant   grantCmd   `cmd:"" help:"See and change what tasks may do without asking."`
	Policy  policyCmd  `cmd:"" help:"Try what policy decides."`
	Usage   usageCmd   `cmd:"" help:"Say what models used and cost."`
	Trash   trashCmd   `cmd:"" help:"See, restore and empty the trash."`
	Stop    stopCmd    `cmd:"" help:"End the background host."`
	Doctor  doctorCmd  `cmd:"" help:"Say what works on this machine and what does not."`
	Version versionCmd `cmd:"" help:"Print the version."`
	Host    hostCmd    `cmd:"" hidden:"" help:"Serve clients in the background."`
}

// Main runs one command line and returns its exit code.
func Main(args []string, env environment) int {
	ctx, in, stop := newInterrupts()
	defer stop()
	a := &app{environment: env, ctx: ctx, interrupts: in}
	defer a.close()
	var c cli
	code := -1
	parser, err := kong.New(
		&c, kong.Name("cowork"), kong.Description(description),
		kong.Writers(env.stdout, env.stderr),
		kong.Exit(func(n int) { code = n; panic(exit{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // a mistake in the struct tags above
	}
	k, err := parse(parser, args)
	if code >= 0 {
		return code // --help
	}
	if err != nil {
		a.usageError(err)
		return exitUsage
	}
	a.home = c.Home
	k.BindTo(ctx, (*context.Context)(nil))
	return a.exitCode(k.Run(a))
}

const description = `Delegate office work: say the outcome you want and a model works for it on the
folders you grant, or run a command of a plugin, which computes without a model.
Plugins run in a sandbox, finished files are left in the folders, and what a
task changed can be undone.

Examples:

  cowork run --folder ~/Receipts "turn these receipts into an expense report"
  cowork run "/finance:variance-analysis budget.xlsx actuals.csv"
  cowork serve
  cowork task ls

An outcome needs a model: see "cowork run --help".`

type exit struct{}

// parse runs the parser; kong calls Exit after it printed help, which unwinds
// to here.
func parse(p *kong.Kong, args []string) (k *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exit); !ok {
				panic(r)
			}
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	return p.Parse(args)
}

// usageError says what is wrong with a command line and how the verb is used.
func (a *app) usageError(err error) {
	p := host.Problem{Code: "usage", Message: err.Error(), Next: "see cowork --help"}
	usage := "cowork <command> [flags]"
	if rest, ok := strings.CutPrefix(p.Message, "expected "); ok {
		p.Message = "this is missing: " + rest
	}
	if pe, ok := errors.AsType[*kong.ParseError](err); ok && pe.Context != nil {
		if n := pe.Context.Selected(); n != nil {
			usage = "cowork " + strings.TrimPrefix(n.Summary(), "cowork ")
			p.Next = "see cowork " + strings.TrimPrefix(n.Path(), "cowork ") + " --help"
			if n.Name == "run" && strings.Contains(p.Message, "unknown flag") {
				p.Next = `write the options of a slash command inside its quotes, as in cowork run "/plugin:name FILE --option VALUE"; ` + p.Next
			}
		}
	}
	a.printProblem(p, usage)
}

type versionCmd struct {
	JSON bool `help:"Print it as JSON."`
}

func (v versionCmd) Run(a *app) error {
	if v.JSON {
		return a.printJSON(map[string]string{"version": version, "build": buildID()})
	}
	fmt.Fprintln(a.stdout, "cowork", version)
	return nil
}
