package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host"
)

// showDone says how a run ended and what it left.
func (v *view) showDone(d host.TaskDone, at time.Time) {
	took := ""
	if !v.started.IsZero() {
		took = " in " + fmt.Sprintf("%.1f s", at.Sub(v.started).Seconds())
	}
	took += v.spent(d)
	switch {
	case d.Status == host.StatusParked:
		v.say(bold, "‖ %s%s", parkedWord(d), took)
		v.showOpen(d)
		return
	case d.Status != host.StatusDone:
		v.say(red, "✗ %s%s", clean(string(d.Status)), took)
		return
	}
	if !v.chat {
		v.say(green, "✓ %s%s", clean(string(d.Status)), took)
	}
	v.showFiles(d)
	if v.brief != "" && v.threads[v.task].turn == 0 {
		v.line("")
		for l := range strings.Lines(v.brief) {
			v.line("  %s", clean(strings.TrimRight(l, "\n")))
		}
	}
	if len(d.Artifacts) > 0 || v.completion != nil && len(v.completion.Delivered) > 0 {
		if !v.screen.live {
			v.line("")
		} else {
			v.say(plain, "")
		}
		v.line("  what changed:  cowork task changes %s", v.task)
		v.line("  take it back:  cowork task undo %s", v.task)
	}
}

func parkedWord(d host.TaskDone) string {
	if d.Error != nil && d.Error.Code == "paused" {
		return "paused"
	}
	return "waiting for you"
}

// spent is what the run used, where it used a model.
func (v *view) spent(d host.TaskDone) string {
	out := ""
	if d.Usage.Cost != "" {
		out += " · $" + clean(d.Usage.Cost)
	}
	if n := d.Usage.InputTokens + d.Usage.OutputTokens; n > 0 {
		out += " · " + count(n) + " tokens"
	}
	return out
}

// showOpen says what a parked task waits for, the command that goes on last.
func (v *view) showOpen(d host.TaskDone) {
	if parkedWord(d) == "paused" || len(v.asks) == 0 {
		if d.Error != nil {
			v.line("  %s", clean(d.Error.Message))
		}
		v.line("  go on with: cowork task resume %s", v.task)
		return
	}
	answers := v.answers
	v.answers = false // nobody asks any more: each is shown with its command
	v.offerAll()
	v.answers = answers
	k := v.asks[0]
	if k.approval != nil {
		v.line("  deny it with:  cowork task deny %s %s --reason WHY", v.task, clean(k.id()))
		v.line("cowork task approve %s %s", v.task, clean(k.id()))
		return
	}
	v.line("cowork task answer %s %s VALUE", k.thread.id, clean(k.id()))
}

// showFiles says what was delivered, with its checks, and what nobody checked.
func (v *view) showFiles(d host.TaskDone) {
	listed := map[string]bool{}
	if len(d.Artifacts) > 0 {
		v.line("")
		v.line("  Files")
	}
	for _, art := range d.Artifacts {
		listed[art.Path] = true
		v.line("    %s%s", clean(display(art.Path)), sizeOf(art.Path))
		for _, c := range art.Checks {
			v.line("      %s %s  %s", mark(string(c.Status)), clean(c.Name), clean(c.Detail))
		}
	}
	c := v.completion
	if c == nil {
		return
	}
	if len(d.Artifacts) == 0 && len(c.Delivered) > 0 {
		v.line("")
		v.line("  Files")
	}
	for _, f := range c.Delivered {
		if listed[f.Path] {
			continue
		}
		version := ""
		if f.Version > 1 {
			version = fmt.Sprintf(", version %d", f.Version)
		}
		v.line("    %s  (%s%s)", clean(display(f.Path)), size(f.Size), version)
		for _, k := range c.Checks {
			if k.Path == f.Path {
				v.line("      %s %s  %s", mark(string(k.Status)), clean(k.Name), clean(k.Detail))
			}
		}
	}
	for _, k := range c.Checks {
		if k.Path == "" {
			v.line("    %s %s  %s", mark(string(k.Status)), clean(k.Name), clean(k.Detail))
		}
	}
	if c.PlanTotal > 0 {
		v.line("  plan: %d of %d done", c.PlanDone, c.PlanTotal)
	}
	for _, n := range c.NotVerified {
		v.line("  not verified: %s", clean(n))
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
	return "  (" + size(info.Size()) + ")"
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return plural(n, "byte")
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d kB", (n+1023)>>10)
}

// plural writes a count with its noun.
func plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
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

// warn prints a warning that cannot be overlooked.
func (a *app) warn(text string) {
	if isTerminal(a.stderr) && a.getenv("NO_COLOR") == "" {
		text = "\x1b[1;31m" + text + "\x1b[0m"
	}
	fmt.Fprintln(a.stderr, text)
}
