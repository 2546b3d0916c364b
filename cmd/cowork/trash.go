package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type trashCmd struct {
	Ls      trashLsCmd      `cmd:"" help:"List what cowork moved to the trash."`
	Restore trashRestoreCmd `cmd:"" help:"Put a file back."`
	Empty   trashEmptyCmd   `cmd:"" help:"Delete for good what cowork moved to the trash."`
}

// Help is shown by --help.
func (trashCmd) Help() string {
	return `Undo moves the files a task created to the desktop's trash, or to cowork's own
where there is none.

Examples:

  cowork trash ls
  cowork trash restore ID`
}

type trashLsCmd struct {
	JSON bool `help:"Print one file per line as JSON."`
}

func (t *trashLsCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	items, err := c.Trash(ctx)
	if err != nil {
		return err
	}
	return printTrash(a, items, t.JSON)
}

func printTrash(a *app, items []host.TrashItem, asJSON bool) error {
	if asJSON {
		for _, it := range items {
			if err := a.printJSON(it); err != nil {
				return err
			}
		}
		return nil
	}
	if len(items) == 0 {
		fmt.Fprintln(a.stdout, "The trash holds nothing of cowork's.")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tDELETED\tFILE")
	for _, it := range items {
		fmt.Fprintf(w, "%s\t%s\t%s\n", it.ID, it.Deleted.Local().Format("2006-01-02 15:04"), clean(it.Path))
	}
	return w.Flush()
}

type trashRestoreCmd struct {
	ID   string `arg:"" help:"The item's id, as \"cowork trash ls\" prints it."`
	JSON bool   `help:"Print where it is as JSON."`
}

func (t *trashRestoreCmd) Run(a *app, ctx context.Context) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	it, err := c.RestoreTrash(ctx, t.ID)
	if err != nil {
		return err
	}
	if t.JSON {
		return a.printJSON(it)
	}
	fmt.Fprintf(a.stdout, "restored: %s\n", clean(it.Path))
	return nil
}

type trashEmptyCmd struct {
	Yes  bool `help:"Do not ask." short:"y"`
	JSON bool `help:"Print what was deleted as JSON."`
}

func (t *trashEmptyCmd) Run(a *app, ctx context.Context) error {
	if !t.Yes {
		return pluginsdk.Invalid("look with `cowork trash ls`, then use `cowork trash empty --yes`", "emptying the trash cannot be taken back")
	}
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	n, err := c.EmptyTrash(ctx)
	if err != nil {
		return err
	}
	if t.JSON {
		return a.printJSON(map[string]int{"deleted": n})
	}
	fmt.Fprintf(a.stdout, "deleted for good: %d\n", n)
	return nil
}
