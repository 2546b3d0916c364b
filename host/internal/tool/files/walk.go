package files

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/workspace"
)

// What one search looks at and returns at most.
const (
	maxVisited = 200_000
	maxListed  = 1000
	maxDepth   = 64
	walkTime   = 20 * time.Second
)

// walk visits what is below a folder, in the order of the names, without
// following links. It returns why it did not visit everything.
type walk struct {
	view    *workspace.View
	visited int
	partial string
	// unread are folders that could not be listed.
	unread int
}

// each calls visit until that returns false, the time is over, or all is seen.
func (w *walk) each(ctx context.Context, dir string, visit func(name string, d fs.DirEntry) bool) error {
	limited, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	_, err := w.below(limited, dir, 0, visit)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		w.partial = fmt.Sprintf("stopped after %s", walkTime)
		return nil
	}
	return err
}

func (w *walk) below(ctx context.Context, dir string, depth int, visit func(string, fs.DirEntry) bool) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	list, err := w.view.ReadDir(dir)
	if err != nil {
		if depth == 0 {
			return false, told(err)
		}
		w.unread++
		return true, nil
	}
	for _, d := range list {
		if w.visited++; w.visited > maxVisited {
			w.partial = fmt.Sprintf("stopped after %d files", maxVisited)
			return false, nil
		}
		name := path.Join(dir, d.Name())
		if !visit(name, d) {
			return false, nil
		}
		if d.IsDir() && depth < maxDepth {
			if more, err := w.below(ctx, name, depth+1, visit); !more || err != nil {
				return more, err
			}
		}
	}
	return true, nil
}

// notes are what must be known of a search beside its results.
func (w *walk) notes() string {
	var notes []string
	if w.partial != "" {
		notes = append(notes, w.partial+": search in a smaller folder for the rest")
	}
	if w.unread > 0 {
		notes = append(notes, count(w.unread, "folder")+" could not be read")
	}
	if len(notes) == 0 {
		return ""
	}
	return "[" + strings.Join(notes, "; ") + "]"
}

type listInput struct {
	Path string `json:"path,omitempty" jsonschema:"the folder; left out: the top of the workspace"`
}

func (f *Files) list() tool.Tool {
	spec := tool.Spec{Name: "list", Description: text("list"), Effect: policy.Read}
	return tool.Define(spec, func(_ context.Context, _ tool.Call, in listInput) (*tool.Prepared, error) {
		name, err := f.find(in.Path)
		if err != nil {
			return nil, err
		}
		return &tool.Prepared{
			Summary: "list " + display(name), Targets: []string{f.opts.Workspace.HostPath(name)},
			Run: func(ctx context.Context) (*tool.Result, error) { return f.listFolder(ctx, name) },
		}, nil
	})
}

// display names the top of the workspace in words.
func display(name string) string {
	if name == "." {
		return "the top folder"
	}
	return name
}

func (f *Files) listFolder(ctx context.Context, name string) (*tool.Result, error) {
	v := f.opts.Workspace.View()
	defer v.Close()
	list, err := v.ReadDir(name)
	if err != nil {
		return nil, told(err)
	}
	slices.SortStableFunc(list, func(a, b fs.DirEntry) int { // folders first
		return cmp.Compare(rank(a), rank(b))
	})
	var b strings.Builder
	for i, d := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if i == maxListed {
			fmt.Fprintf(&b, "[%d more; use glob to find the right ones]\n", len(list)-i)
			break
		}
		b.WriteString(entryLine(d) + "\n")
	}
	if len(list) == 0 {
		b.WriteString("(the folder is empty)\n")
	}
	return &tool.Result{Text: strings.TrimSuffix(b.String(), "\n")}, nil
}

func rank(d fs.DirEntry) int {
	if d.IsDir() {
		return 0
	}
	return 1
}

func entryLine(d fs.DirEntry) string {
	name := oneLine(d.Name())
	info, err := d.Info()
	switch {
	case d.IsDir():
		return name + "/"
	case err != nil:
		return name
	case d.Type()&fs.ModeSymlink != 0:
		return name + "\ta link"
	case !d.Type().IsRegular():
		return name + "\tnot a regular file"
	}
	return fmt.Sprintf("%s\t%s\t%s", name, size(info.Size()), info.ModTime().UTC().Format("2006-01-02 15:04"))
}

// oneLine writes a file's name so that it cannot be taken for several lines.
func oneLine(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
}

type globInput struct {
	Pattern string `json:"pattern" jsonschema:"e.g. *.csv (at any depth), reports/**/*.md, {budget,actuals}*.xlsx"`
	Path    string `json:"path,omitempty" jsonschema:"the folder to search in; left out: everything"`
}

func (f *Files) glob() tool.Tool {
	spec := tool.Spec{Name: "glob", Description: text("glob"), Effect: policy.Read}
	return tool.Define(spec, func(_ context.Context, _ tool.Call, in globInput) (*tool.Prepared, error) {
		p, err := parsePattern(in.Pattern)
		if err != nil {
			return nil, err
		}
		dir, err := f.find(in.Path)
		if err != nil {
			return nil, err
		}
		return &tool.Prepared{
			Summary: "find " + in.Pattern + " in " + display(dir), Targets: []string{f.opts.Workspace.HostPath(dir)},
			Run: func(ctx context.Context) (*tool.Result, error) { return f.globFiles(ctx, dir, p) },
		}, nil
	})
}

func (f *Files) globFiles(ctx context.Context, dir string, p *pattern) (*tool.Result, error) {
	v := f.opts.Workspace.View()
	defer v.Close()
	w := &walk{view: v}
	var found []string
	err := w.each(ctx, dir, func(name string, d fs.DirEntry) bool {
		if d.IsDir() || !p.match(within(dir, name)) {
			return true
		}
		found = append(found, oneLine(name))
		if len(found) == maxListed {
			w.partial = fmt.Sprintf("stopped at %d names", maxListed)
			return false
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		found = []string{"no file matches"}
	}
	if n := w.notes(); n != "" {
		found = append(found, n)
	}
	return &tool.Result{Text: strings.Join(found, "\n")}, nil
}

// within is a name as seen from a folder above it.
func within(dir, name string) string {
	if dir == "." {
		return name
	}
	return strings.TrimPrefix(name, dir+"/")
}
