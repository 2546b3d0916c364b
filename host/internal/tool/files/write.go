package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

type writeInput struct {
	Path    string `json:"path" jsonschema:"the file; missing folders are made"`
	Content string `json:"content" jsonschema:"the whole content"`
	Mode    string `json:"mode,omitempty" jsonschema:"create (the default) refuses a name that exists; overwrite replaces a file you have read" enum:"create,overwrite"`
}

func (f *Files) write() tool.Tool {
	spec := tool.Spec{Name: "write", Description: text("write"), Effect: policy.Write}
	return tool.Define(spec, func(_ context.Context, call tool.Call, in writeInput) (*tool.Prepared, error) {
		settle := &tool.Prepared{Settle: f.settle(call)}
		v := f.opts.Workspace.View()
		defer v.Close()
		at, err := f.target(v, in.Path)
		if err != nil {
			return settle, err
		}
		what := "write "
		if in.Mode == "overwrite" {
			what = "overwrite "
		}
		return &tool.Prepared{
			Summary: what + at.name, Targets: []string{at.host}, Settle: settle.Settle,
			Run: func(ctx context.Context) (*tool.Result, error) { return f.writeFile(ctx, call, at, in) },
		}, nil
	})
}

func (f *Files) writeFile(ctx context.Context, call tool.Call, at place, in writeInput) (*tool.Result, error) {
	changes, err := f.step(ctx, call, []place{at}, func(s *workspace.Step) error {
		open := s.Create
		if _, err := s.Stat(at.name); err == nil {
			if in.Mode != "overwrite" {
				return exists(at.name)
			}
			digest, err := f.digest(ctx, s, at.name)
			if err == nil {
				err = f.current(at, digest)
			}
			if err != nil {
				return err
			}
			open = s.Write
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		file, err := open(at.name)
		if err != nil {
			return err
		}
		if file.Name() != at.name {
			return errors.Join(taken(at.name), file.Close())
		}
		return put(file, in.Content)
	})
	if err != nil {
		return nil, err
	}
	name, kind := at.name, "created"
	for _, c := range changes {
		if !c.Folder {
			name, kind = c.Path, string(c.Kind)
		}
	}
	return f.result(fmt.Sprintf("%s %s: %s, %s", kind, name, count(lines(in.Content), "line"), size(int64(len(in.Content)))), changes), nil
}

// put fills a staged file.
func put(file *workspace.File, content string) error {
	_, err := io.WriteString(file, content)
	return errors.Join(err, file.Close())
}

// digest is that of a file as the step sees it.
func (f *Files) digest(ctx context.Context, s *workspace.Step, name string) (string, error) {
	file, err := s.Open(name)
	if err != nil {
		return "", err
	}
	defer shut(file)
	return digestOf(ctx, file)
}

func exists(name string) error {
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrConflict, Message: name + " exists",
		Next: `choose another name, or read it and write it with mode "overwrite" if it is to be replaced`,
	}
}

// taken is the error for a name that differs from an existing one only in case
// or Unicode form, or that another step is about to take.
func taken(name string) error {
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrConflict, Message: "there is a file whose name is the same as " + name + " but for upper and lower case, or another task is making it now",
		Next: "choose another name",
	}
}

func lines(s string) int {
	n := strings.Count(s, "\n")
	if s != "" && !strings.HasSuffix(s, "\n") {
		n++
	}
	return n
}
