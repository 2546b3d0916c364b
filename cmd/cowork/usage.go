package main

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/cowork-host/cowork/host"
)

type usageCmd struct {
	Since string `help:"The first day: 2026-11-01, 7d for the last seven days, today, or all." default:"30d" placeholder:"DAY"`
	By    string `help:"What to add up: day, task or model." enum:"day,task,model" default:"day"`
	JSON  bool   `help:"Print the report as JSON."`
}

// Help is shown by --help.
func (usageCmd) Help() string {
	return `Costs are in US dollars, from the list prices of models. Put prices of your own
in prices.json in COWORK_HOME, and limits at which a task pauses and asks in
settings.json:

  {"caps": {"task": "2.00", "day": "20"}}

By task, a task's line has its sub-agents in it; their own lines follow.

Examples:

  cowork usage
  cowork usage --since 7d --by task
  cowork usage --since all --by model --json`
}

func (u *usageCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	r, err := c.Usage(ctx, u.Since, u.By)
	if err != nil {
		return err
	}
	if u.JSON {
		return a.printJSON(r)
	}
	return printUsage(a, r)
}

func printUsage(a *app, r host.UsageReport) error {
	if r.Total.Calls == 0 {
		fmt.Fprintf(a.stdout, "No model was called%s.\n", since(r))
		return nil
	}
	fmt.Fprintf(a.stdout, usageColumns, left(strings.ToUpper(string(r.By))), "CALLS", "INPUT", "CACHED", "OUTPUT", "COST")
	for _, row := range r.Rows {
		name := clean(row.Key)
		switch {
		case row.Parent != "":
			name = "  └ " + orText(clean(row.Title), name)
		case row.Title != "":
			name += " " + clean(row.Title)
		}
		usageLine(a.stdout, name, row.Calls, row.InputTotal(), row.CacheRead, row.Output, row.Cost, row.Unpriced)
	}
	t := r.Total
	usageLine(a.stdout, "total"+since(r), t.Calls, t.InputTotal(), t.CacheRead, t.Output, t.Cost, t.Unpriced)
	fmt.Fprintln(a.stdout)
	if r.Caps.Day != "" {
		fmt.Fprintf(a.stdout, "Today %s of %s a day; it resets at midnight (%s).\n", dollars(r.Today), dollars(r.Caps.Day), clean(r.Zone))
	}
	if r.Caps.Task != "" {
		fmt.Fprintf(a.stdout, "A task pauses and asks at %s.\n", dollars(r.Caps.Task))
	}
	if len(r.Unpriced) > 0 {
		text := fmt.Sprintf("+ without the calls (%d) of models that have no price: %s", t.Unpriced, clean(strings.Join(r.Unpriced, ", ")))
		fmt.Fprintln(a.stdout, wrap(text, terminalWidth(a.stdout)-1))
	}
	fmt.Fprintf(a.stdout, "Prices as of %s.\n", clean(r.Prices))
	return nil
}

// nameColumns is the room for the first column, so that all fit in 80.
const nameColumns = 36

// left fills a first column up, so that it is aligned to the left.
func left(s string) string {
	s = cut(s, nameColumns)
	width := 0
	for _, r := range s {
		width += columnsOf(r)
	}
	return s + strings.Repeat(" ", nameColumns-width)
}

// usageColumns is a line of the table, 78 columns wide.
const usageColumns = "%s %6s %7s %7s %7s %10s\n"

func usageLine(w io.Writer, name string, calls, input, cached, output int64, cost string, unpriced int64) {
	share := "0%"
	if input > 0 {
		share = fmt.Sprintf("%d%%", int64(float64(cached)/float64(input)*100))
	}
	money := dollars(cost)
	if unpriced > 0 {
		money += "+"
	}
	fmt.Fprintf(w, usageColumns, left(name), short(calls), short(input), share, short(output), money)
}

func since(r host.UsageReport) string {
	if r.Since == "" {
		return ""
	}
	return " since " + r.Since
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// short writes a number of tokens in a few characters.
func short(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprint(n)
	case n < 999_950:
		return fmt.Sprintf("%.1fk", float64(n)/1e3)
	case n < 999_950_000:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1fG", float64(n)/1e9)
}

// dollars writes an amount for reading, to the cent.
func dollars(s string) string {
	if s == "" {
		return "$0"
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return "$" + clean(s)
	}
	if r.Sign() > 0 && r.Cmp(big.NewRat(1, 100)) < 0 {
		return "<$0.01"
	}
	return "$" + r.FloatString(2)
}
