package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// maxMoved bounds the files of one call, those in folders included.
const maxMoved = 2000

type moveInput struct {
	Moves []movePair `json:"moves" jsonschema:"what to move, in order; all of it or nothing" min:"1" max:"500"`
}

type movePair struct {
	From string `json:"from" jsonschema:"a file or folder"`
	To   string `json:"to" jsonschema:"the new name, or an existing folder to put it in; it must not exist as a file"`
}

func (f *Files) move() tool.Tool {
	spec := tool.Spec{Name: "move", Description: text("move"), Effect: policy.Write}
	return tool.Define(spec, func(_ context.Context, call tool.Call, in moveInput) (*tool.Prepared, error) {
		prepared := &tool.Prepared{Settle: f.settle(call)}
		prepared.Summary = fmt.Sprintf("move %s to %s", in.Moves[0].From, in.Moves[0].To)
		if n := len(in.Moves); n > 1 {
			prepared.Summary = fmt.Sprintf("move %d files or folders", n)
		}
		for _, m := range in.Moves {
			for _, p := range []string{m.From, m.To} {
				name, err := f.virtual(p)
				if err != nil {
					return prepared, told(err)
				}
				prepared.Targets = append(prepared.Targets, f.opts.Workspace.HostPath(name))
			}
		}
		prepared.Run = func(ctx context.Context) (*tool.Result, error) { return f.moveFiles(ctx, call, in.Moves) }
		return prepared, nil
	})
}

// mover is one call of move at work.
type mover struct {
	f      *Files
	ctx    context.Context
	view   *workspace.View
	step   *workspace.Step
	moved  int
	places []place
}

func (f *Files) moveFiles(ctx context.Context, call tool.Call, moves []movePair) (*tool.Result, error) {
	var held []func()
	giveBack := func() {
		for _, back := range held {
			back()
		}
	}
	m := &mover{f: f, ctx: ctx, view: f.opts.Workspace.View()}
	defer m.view.Close()
	var text strings.Builder
	changes, err := f.step(ctx, call, nil, func(s *workspace.Step) error {
		m.step = s
		for _, pair := range moves {
			m.places = m.places[:0]
			to, err := m.one(pair)
			if err != nil {
				return err
			}
			back, err := f.lease(m.places...)
			if err != nil {
				return err
			}
			held = append(held, back)
			fmt.Fprintf(&text, "moved %s to %s\n", pair.From, to)
		}
		return nil
	})
	if err != nil {
		giveBack()
		return nil, err
	}
	return f.result(strings.TrimSuffix(text.String(), "\n"), changes), nil
}

// one stages one move and returns where it goes.
func (m *mover) one(pair movePair) (string, error) {
	from, err := m.name(pair.From)
	if err != nil {
		return "", err
	}
	info, err := m.step.Stat(from)
	if err != nil {
		return "", m.missing(pair.From, err)
	}
	to, err := m.name(pair.To)
	if err != nil {
		return "", err
	}
	switch there, err := m.step.Stat(to); {
	case err == nil && there.IsDir():
		to = path.Join(to, path.Base(from))
		if _, err := m.step.Stat(to); err == nil {
			return "", inTheWay(to)
		}
	case err == nil:
		return "", inTheWay(to)
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	case strings.HasSuffix(pair.To, "/"):
		to = path.Join(to, path.Base(from))
	}
	if !info.IsDir() {
		return to, m.file(from, to)
	}
	if to == from || strings.HasPrefix(to, from+"/") || from == "." {
		return "", pluginsdk.Invalid("choose a place outside it", "%s cannot be moved into itself", from)
	}
	return to, m.folder(from, to)
}

// name is a path of the model's as the step knows it; it need not exist.
func (m *mover) name(p string) (string, error) { return m.f.virtual(p) }

func (m *mover) missing(p string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, ferr := m.f.find(p); ferr != nil {
		return ferr // has a suggestion
	}
	return err
}

func inTheWay(name string) error {
	return &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: name + " exists; nothing was moved", Next: "choose another name"}
}

func (m *mover) file(from, to string) error {
	if m.moved++; m.moved > maxMoved {
		return pluginsdk.Invalid("move fewer at a time", "more than %d files would be moved", maxMoved)
	}
	if err := m.ctx.Err(); err != nil {
		return err
	}
	for _, name := range []string{from, to} {
		if virtual, host, err := m.view.Target(name); err == nil {
			m.places = append(m.places, place{virtual, host})
		}
	}
	return m.step.Rename(from, to)
}

// folder moves what is in a folder and takes the empty one away.
func (m *mover) folder(from, to string) error {
	if err := m.step.MkdirAll(to); err != nil {
		return err
	}
	list, err := m.step.ReadDir(from)
	if err != nil {
		return err
	}
	for _, d := range list {
		name, target := path.Join(from, d.Name()), path.Join(to, d.Name())
		if d.IsDir() {
			err = m.folder(name, target)
		} else {
			err = m.file(name, target)
		}
		if err != nil {
			return err
		}
	}
	return m.step.Trash(from)
}
