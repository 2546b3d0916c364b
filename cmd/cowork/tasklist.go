package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/cowork-host/cowork/host"
)

type taskLsCmd struct {
	Limit int  `help:"How many." default:"20" placeholder:"N"`
	All   bool `help:"All of them."`
	JSON  bool `help:"Print one task per line as JSON."`
}

func (t *taskLsCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	limit := t.Limit
	if t.All {
		limit = -1
	}
	tasks, err := c.TasksWithCost(ctx, limit)
	if err != nil {
		return err
	}
	if t.JSON {
		for _, s := range tasks {
			if err := a.printJSON(s); err != nil {
				return err
			}
		}
		return nil
	}
	if len(tasks) == 0 {
		fmt.Fprintln(a.stdout, "No tasks yet. See what there is to run: cowork plugin ls")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	priced := false
	for _, s := range tasks {
		priced = priced || s.Cost != ""
	}
	cost := func(s string) string {
		if !priced {
			return ""
		}
		return s + "\t"
	}
	room := 0 // columns for the title; 0: any number
	if isTerminal(a.stdout) {
		room = max(20, terminalWidth(a.stdout)-46)
	}
	fmt.Fprintf(w, "TASK\tSTARTED\tSTATUS\t%sWHAT\n", cost("COST"))
	for _, n := range forest(tasks) {
		title := clean(n.Title)
		if room > 0 {
			title = cut(title, room-2*n.depth)
		}
		amount := ""
		if n.Cost != "" {
			amount = "$" + clean(n.Cost)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s%s%s\n", n.Task, n.Created.Local().Format("2006-01-02 15:04"), n.Status,
			cost(amount), branch(n.depth), title)
	}
	return w.Flush()
}

// node is a task in a list, with how far below a task of the list it is.
type node struct {
	host.TaskSummary
	depth int
}

func branch(depth int) string {
	if depth == 0 {
		return ""
	}
	return strings.Repeat("  ", depth-1) + "└ "
}

// forest puts sub-agents behind the task that started them, the oldest first,
// where the list has that task; all others stay where they are.
func forest(tasks []host.TaskSummary) []node {
	listed := map[string]bool{}
	for _, t := range tasks {
		listed[t.Task] = true
	}
	below := map[string][]host.TaskSummary{}
	for _, t := range tasks {
		if listed[t.Parent] {
			below[t.Parent] = append([]host.TaskSummary{t}, below[t.Parent]...)
		}
	}
	var out []node
	done := map[string]bool{}
	var add func(t host.TaskSummary, depth int)
	add = func(t host.TaskSummary, depth int) {
		if done[t.Task] {
			return
		}
		done[t.Task] = true
		out = append(out, node{t, depth})
		for _, c := range below[t.Task] {
			add(c, depth+1)
		}
	}
	for _, t := range tasks {
		if !listed[t.Parent] {
			add(t, 0)
		}
	}
	for _, t := range tasks {
		add(t, 0) // one of a circle
	}
	return out
}
