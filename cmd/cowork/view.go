package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host"
)

// view prints a task's events for a person. On a terminal, progress is one
// line that is written over; elsewhere it is a line now and then.
type view struct {
	a        *app
	client   *host.Client
	task     string
	live     bool
	colour   bool
	onLine   bool // the progress line stands on the screen
	progress time.Time
	started  time.Time
	brief    string
	prompt   prompt
	// leave is called when the person leaves a question open; nil: nobody asks.
	leave func(q host.Question)
	// seen is the last event that was there before the showing began, and open
	// has the questions of those that still wait.
	seen int64
	open map[string]bool
}

func newView(a *app, c *host.Client, id string) *view {
	live := isTerminal(a.stdout) && a.getenv("TERM") != "dumb"
	return &view{
		a: a, client: c, task: id, live: live, colour: live && a.getenv("NO_COLOR") == "",
		progress: time.Now(), prompt: prompt{app: a, client: c, task: id},
	}
}

// past tells the view what was known of the task before the showing began.
func (v *view) past(s *host.TaskState) {
	v.seen, v.open = s.Last, map[string]bool{}
	if s.Over() {
		return
	}
	for _, q := range s.Open() {
		v.open[questionKey(q)] = true
	}
}

// line prints one line above the progress line.
func (v *view) line(format string, args ...any) {
	if v.onLine {
		fmt.Fprint(v.a.stdout, "\r\x1b[K")
		v.onLine = false
	}
	v.prompt.breakLine()
	text := fmt.Sprintf(format, args...)
	if v.live {
		text = wrap(text, terminalWidth(v.a.stdout)-1)
	}
	fmt.Fprintln(v.a.stdout, text)
}

func (v *view) show(ctx context.Context, e host.Event) {
	switch e.Kind {
	case host.KindTaskCreated:
		v.started = e.Time
		v.line("%s", v.bold("▸ "+clean(host.DecodeEvent[host.TaskCreated](e).Title)))
		v.line("  task %s", v.task)
	case host.KindTaskResumed:
		v.line("  resumed")
	case host.KindSandboxReady:
		p := host.DecodeEvent[host.SandboxReady](e)
		v.line("  sandbox: %s", clean(p.Sandbox))
	case host.KindStepStarted:
		p := host.DecodeEvent[host.StepStarted](e)
		v.line("  step %s: /%s:%s", clean(p.Step), clean(p.Plugin), clean(p.Command))
	case host.KindPlan:
		for _, item := range host.DecodeEvent[host.Plan](e).Items {
			v.line("    · %s", clean(item))
		}
	case host.KindLog:
		v.line("  %s", clean(host.DecodeEvent[host.LogLine](e).Message))
	case host.KindProgress:
		v.showProgress(host.DecodeEvent[host.Progress](e))
	case host.KindQuestion:
		v.ask(ctx, e.Seq, host.DecodeEvent[host.Question](e))
	case host.KindAnswer:
		p := host.DecodeEvent[host.Answer](e)
		v.prompt.settle(p)
		v.line("  answered: %s", clean(p.Value))
	case host.KindPluginFailed:
		p := host.DecodeEvent[host.PluginFailed](e)
		v.line("  plugin %s was given up (%s)", clean(p.Plugin), clean(p.Reason))
		for l := range strings.Lines(p.Detail) {
			v.line("    | %s", clean(l))
		}
	case host.KindStepResult:
		v.brief = host.DecodeEvent[host.StepResult](e).Brief
	case host.KindTaskDone:
		v.showDone(host.DecodeEvent[host.TaskDone](e), e.Time)
	}
}

func (v *view) showProgress(p host.Progress) {
	every := 2 * time.Second
	if v.live {
		every = 50 * time.Millisecond
	}
	now := time.Now()
	last := v.live && p.Total > 0 && p.Done >= p.Total
	if !last && now.Sub(v.progress) < every {
		return
	}
	v.progress = now
	share := ""
	if p.Total > 0 {
		share = fmt.Sprintf(" %d%%", max(0, min(100, p.Done*100/p.Total)))
	}
	if !v.live {
		v.line("  %s%s", clean(p.Label), share)
		return
	}
	room := terminalWidth(v.a.stdout) - 1 - len("  … ") - len(share) + 2 // "…" is one column of three bytes
	v.prompt.breakLine()
	fmt.Fprintf(v.a.stdout, "\r\x1b[K  … %s%s", cut(clean(p.Label), room), share)
	v.onLine = true
}

// ask shows a question and, when a person is there, asks for the answer. The
// first answer, from here or anywhere else, stands.
func (v *view) ask(ctx context.Context, seq int64, q host.Question) {
	old := seq <= v.seen && !v.open[questionKey(q)]
	if !old && v.leave != nil && v.a.interactive() {
		if v.onLine {
			v.line("")
		}
		v.prompt.ask(ctx, q, v.leave)
		return
	}
	v.line("  %s", v.bold("? "+clean(q.Text)))
	for i, c := range q.Choices {
		v.line("    %d) %s  %s", i+1, clean(c.Label), clean(c.Detail))
	}
	if !old {
		v.line("  answer it with: cowork task answer %s %s VALUE", v.task, clean(q.ID))
	}
}

func (v *view) showDone(d host.TaskDone, at time.Time) {
	took := ""
	if !v.started.IsZero() {
		took = fmt.Sprintf(" in %.1f s", at.Sub(v.started).Seconds())
	}
	if d.Status != host.StatusDone {
		v.line("%s", v.red("✗ "+string(d.Status)+took))
		if d.Error != nil {
			v.a.printProblem(*d.Error, "")
		}
		return
	}
	v.line("%s", v.green("✓ "+string(d.Status)+took))
	if len(d.Artifacts) > 0 {
		v.line("\n  Files")
	}
	for _, art := range d.Artifacts {
		v.line("    %s%s", clean(display(art.Path)), sizeOf(art.Path))
		for _, c := range art.Checks {
			v.line("      %s %s  %s", mark(string(c.Status)), clean(c.Name), clean(c.Detail))
		}
	}
	if v.brief != "" {
		v.line("")
		for l := range strings.Lines(v.brief) {
			v.line("  %s", clean(strings.TrimRight(l, "\n")))
		}
	}
	if len(d.Artifacts) > 0 {
		v.line("\n  what changed:  cowork task changes %s", v.task)
		v.line("  take it back:  cowork task undo %s", v.task)
	}
}

func mark(status string) string {
	switch status {
	case "passed":
		return "✓"
	case "failed":
		return "✗"
	}
	return "?"
}

func sizeOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if n := info.Size(); n >= 1<<20 {
		return fmt.Sprintf("  (%.1f MB)", float64(n)/(1<<20))
	}
	return fmt.Sprintf("  (%d kB)", (info.Size()+1023)>>10)
}

// display shortens a path below the current folder.
func display(path string) string {
	cwd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(cwd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

func (v *view) bold(s string) string  { return v.paint("1", s) }
func (v *view) red(s string) string   { return v.paint("31", s) }
func (v *view) green(s string) string { return v.paint("32", s) }

func (v *view) paint(code, s string) string {
	if !v.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// warn prints a warning that cannot be overlooked.
func (a *app) warn(text string) {
	if isTerminal(a.stderr) && a.getenv("NO_COLOR") == "" {
		text = "\x1b[1;31m" + text + "\x1b[0m"
	}
	fmt.Fprintln(a.stderr, text)
}
