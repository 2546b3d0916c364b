package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type taskImportCmd struct {
	File string `arg:"" help:"The zip that task export wrote, or an events.jsonl." type:"path"`
	JSON bool   `help:"Print the tasks as JSON."`
}

// Help is shown by --help.
func (taskImportCmd) Help() string {
	return `The task comes back under its own id, with its sub-agents, to be read and
exported. It never runs here: its folders are another machine's. A task that is
here already is left as it is.`
}

// imported says what an import added.
type imported struct {
	Task   string   `json:"task"`
	Agents []string `json:"agents"`
}

func (t *taskImportCmd) Run(a *app, ctx context.Context) error {
	f, err := os.Open(t.File)
	if errors.Is(err, fs.ErrNotExist) {
		return &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no file " + t.File, Next: "name the zip that `cowork task export` wrote"}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	got, err := importFile(ctx, c, f)
	if err != nil {
		return err
	}
	if t.JSON {
		return a.printJSON(got)
	}
	fmt.Fprintf(a.stdout, "imported task %s", got.Task)
	switch n := len(got.Agents); n {
	case 0:
	case 1:
		fmt.Fprint(a.stdout, " with 1 sub-agent")
	default:
		fmt.Fprintf(a.stdout, " with %d sub-agents", n)
	}
	fmt.Fprintf(a.stdout, "; see it with: cowork task show %s\n", got.Task)
	return nil
}

// importFile adds the tasks of an export.
func importFile(ctx context.Context, c *host.Client, f *os.File) (imported, error) {
	head, err := bufio.NewReader(io.NewSectionReader(f, 0, 4)).Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return imported{}, err
	}
	got := imported{Agents: []string{}}
	if !bytes.Equal(head, []byte("PK\x03\x04")) {
		got.Task, err = c.Import(ctx, f)
		return got, err
	}
	info, err := f.Stat()
	if err != nil {
		return got, err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return got, pluginsdk.Invalid("export the task again", "%s cannot be read as a zip: %v", info.Name(), err)
	}
	log, agents, err := openLogs(z)
	if err != nil {
		return got, err
	}
	defer func() { _ = log.Close() }() // it is read, nothing is lost
	if got.Task, err = c.Import(ctx, log); err != nil {
		return got, err
	}
	got.Agents = append(got.Agents, agents...)
	return got, nil
}

// logs are several logs read as one.
type logs struct {
	io.Reader
	closers []io.Closer
}

// Close closes all of them.
func (l *logs) Close() error {
	var errs []error
	for _, c := range l.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// openLogs returns the logs in an export, the task's before those of its
// sub-agents: they are one import, all of it or nothing.
func openLogs(z *zip.Reader) (_ *logs, agents []string, err error) {
	names := []string{logEntry}
	for _, e := range z.File {
		id, isAgent := strings.CutPrefix(e.Name, agentDir)
		id, isLog := strings.CutSuffix(id, ".jsonl")
		if isAgent && isLog && !strings.Contains(e.Name, "..") {
			names, agents = append(names, e.Name), append(agents, id)
		}
	}
	slices.Sort(names[1:])
	slices.Sort(agents)
	l := &logs{}
	defer func() {
		if err != nil {
			_ = l.Close() // the first error counts
		}
	}()
	var readers []io.Reader
	for _, name := range names {
		r, err := z.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, pluginsdk.Invalid("name the zip that `cowork task export` wrote", "there is no %s in the zip", name)
		}
		if err != nil {
			return nil, nil, err
		}
		l.closers = append(l.closers, r)
		readers = append(readers, r, strings.NewReader("\n"))
	}
	l.Reader = io.MultiReader(readers...)
	return l, agents, nil
}
