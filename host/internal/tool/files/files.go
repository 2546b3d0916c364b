package files

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

//go:embed *.md
var texts embed.FS

// text is a tool's description for the model.
func text(name string) string {
	b, err := texts.ReadFile(name + ".md")
	if err != nil {
		panic(err) // every tool has one, which a test shows
	}
	return strings.TrimSpace(string(b))
}

// Options are what the file tools of one task work with. All of it is needed
// but Ancestors and Seen.
type Options struct {
	Store     *workspace.Store
	Workspace *workspace.Workspace
	Leases    *Leases
	Task      string
	// Ancestors are the tasks above it, the parent first.
	Ancestors []string
	// Seen are the file versions the task has seen, oldest first, as its log
	// has them.
	Seen []event.Seen
}

// Files is the file tools of one task.
type Files struct {
	opts Options

	mu   sync.Mutex
	seen map[string]string // host path to SHA-256
}

// New returns the file tools of a task. What the task wrote in earlier runs is
// leased to it again, unless another task took it meanwhile.
func New(ctx context.Context, opts Options) (*Files, error) {
	f := &Files{opts: opts, seen: map[string]string{}}
	for _, s := range opts.Seen {
		f.seen[s.Path] = s.SHA256
	}
	changes, err := opts.Store.Changes(ctx, opts.Task)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if !c.Folder {
			opts.Leases.Take(opts.Task, opts.Ancestors, c.HostPath)
		}
	}
	return f, nil
}

// Tools returns the tools, always in the same order.
func (f *Files) Tools() []tool.Tool {
	return []tool.Tool{
		f.read(), f.write(), f.edit(), f.list(), f.glob(), f.grep(), f.move(), f.requestDelete(), f.artifact(),
	}
}

// find returns the virtual name of something that exists. What is typed nearly
// right gets a suggestion.
func (f *Files) find(p string) (string, error) {
	if p == "" {
		p = "."
	}
	name, err := f.opts.Workspace.Resolve(p, "")
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return name, told(err)
	}
	dir, derr := f.opts.Workspace.Resolve(filepath.Dir(filepath.FromSlash(p)), "")
	if derr != nil {
		return "", told(err)
	}
	v := f.opts.Workspace.View()
	defer v.Close()
	list, derr := v.ReadDir(dir)
	if derr != nil {
		return "", told(err)
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	next := "see what there is with list or glob"
	if near := tool.Nearest(path.Base(filepath.ToSlash(p)), names); near != "" {
		next = "did you mean " + path.Join(dir, near) + "?"
	}
	return "", &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: p + " does not exist", Next: next}
}

// place is where a call writes.
type place struct{ name, host string }

// target finds the place for a name that need not exist yet.
func (f *Files) target(v *workspace.View, p string) (place, error) {
	name, err := f.virtual(p)
	if err != nil {
		return place{}, told(err)
	}
	virtual, host, err := v.Target(name)
	return place{virtual, host}, told(err)
}

// virtual turns a path of the model's into a virtual name: an absolute one by
// way of the deepest folder of it that exists.
func (f *Files) virtual(p string) (string, error) {
	if strings.ContainsRune(p, 0) {
		return "", pluginsdk.Invalid("choose another name", "the path holds a NUL byte")
	}
	if !filepath.IsAbs(p) {
		return f.relative(p)
	}
	rest, up := "", filepath.Clean(p)
	for {
		name, err := f.opts.Workspace.Resolve(up, "")
		if err == nil {
			return path.Join(name, filepath.ToSlash(rest)), nil
		}
		above := filepath.Dir(up)
		if !errors.Is(err, fs.ErrNotExist) || above == up {
			return "", err
		}
		rest, up = filepath.Join(filepath.Base(up), rest), above
	}
}

// relative turns a relative path of the model's into a virtual name. A folder
// named "~" is never made: who meets it in a shell deletes their home.
func (f *Files) relative(p string) (string, error) {
	name := path.Clean(filepath.ToSlash(p))
	_, err := f.opts.Workspace.Resolve(p, "")
	switch top, _, _ := strings.Cut(name, "/"); {
	case errors.Is(err, pluginsdk.ErrDenied) && !fs.ValidPath(name):
		return "", err
	case strings.HasPrefix(top, "~") && errors.Is(err, fs.ErrNotExist) && (top == "~" || top != name):
		return "", pluginsdk.Invalid("use a path in the granted folder", "%.200q means a home folder in other programs, and is not made as a folder here", p)
	}
	return name, nil
}

// lease takes files for writing. The result gives back those that were not
// held before; it is called when nothing came of the write.
func (f *Files) lease(places ...place) (giveBack func(), err error) {
	var fresh []string
	giveBack = func() {
		for _, p := range fresh {
			f.opts.Leases.Drop(f.opts.Task, p)
		}
	}
	for _, p := range places {
		holder, isFresh := f.opts.Leases.Take(f.opts.Task, f.opts.Ancestors, p.host)
		if holder != "" {
			giveBack()
			return nil, &pluginsdk.Error{
				Kind: pluginsdk.ErrConflict, Message: fmt.Sprintf("task %s is at work on %s", holder, p.name),
				Next: "write to another file, or leave this one until that task has ended",
			}
		}
		if isFresh {
			fresh = append(fresh, p.host)
		}
	}
	return giveBack, nil
}

// step carries out a writing call as one step with its id, all or nothing.
func (f *Files) step(ctx context.Context, call tool.Call, places []place, do func(*workspace.Step) error) (_ []workspace.Change, err error) {
	giveBack, err := f.lease(places...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			giveBack()
			err = told(err)
		}
	}()
	s, err := f.opts.Workspace.Step(ctx, call.Step)
	if err != nil {
		return nil, err
	}
	if err := do(s); err != nil {
		return nil, errors.Join(err, s.Discard())
	}
	if err := context.Cause(ctx); err != nil {
		return nil, errors.Join(err, s.Discard())
	}
	return s.Apply(ctx)
}

// result says what a step changed, and remembers it.
func (f *Files) result(text string, changes []workspace.Change) *tool.Result {
	res := &tool.Result{Text: text}
	for _, c := range changes {
		digest := strings.TrimPrefix(c.PostDigest, "sha256:")
		res.Changes = append(res.Changes, event.Change{
			Path: c.HostPath, Change: string(c.Kind), From: c.From, Undoable: c.Undoable, SHA256: digest,
		})
		if c.Folder {
			continue
		}
		f.mu.Lock()
		if from := f.opts.Workspace.HostPath(c.From); c.Kind == workspace.Moved && from != "" {
			if digest == "" {
				digest = f.seen[from] // a plain move reads nothing
			}
			delete(f.seen, from)
		}
		if digest == "" {
			delete(f.seen, c.HostPath)
		} else {
			f.seen[c.HostPath] = digest
			res.Seen = append(res.Seen, event.Seen{Path: c.HostPath, SHA256: digest})
		}
		f.mu.Unlock()
		f.opts.Leases.note(f.opts.Task, c.HostPath, digest)
	}
	return res
}

// settle says what became of a writing call that a crash cut off.
func (f *Files) settle(call tool.Call) func(context.Context) (*tool.Result, error) {
	return func(ctx context.Context) (*tool.Result, error) {
		state, changes, err := f.opts.Store.Applied(ctx, f.opts.Task, call.Step)
		switch {
		case err != nil || state == workspace.StateNone:
			return nil, err
		case state == workspace.StatePending:
			return nil, &pluginsdk.Error{
				Kind: pluginsdk.ErrUnavailable, Message: "the change is on its way and will be finished when its folder can be reached again",
				Next: "do not do it again; go on with something else",
			}
		}
		var b strings.Builder
		b.WriteString("The host ended during this call. It had been carried out in full:")
		for _, c := range changes {
			fmt.Fprintf(&b, "\n%s %s", c.Kind, c.Path)
			if c.From != "" {
				b.WriteString(" from " + c.From)
			}
		}
		return f.result(b.String(), changes), nil
	}
}

// sight notes that the task has seen a version of a file.
func (f *Files) sight(host, digest string) event.Seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[host] = digest
	return event.Seen{Path: host, SHA256: digest}
}

// current refuses a change of a file whose present content the task has not
// seen.
func (f *Files) current(p place, digest string) error {
	f.mu.Lock()
	known, ok := f.seen[p.host]
	f.mu.Unlock()
	if known == digest {
		return nil
	}
	message := p.name + " exists and has not been read in this task"
	if ok {
		message = p.name + " has changed since it was read"
		if who := f.opts.Leases.author(p.host, digest); who != "" && who != f.opts.Task {
			message += ", by task " + who
		} else if who == "" {
			message += ", by somebody outside this host"
		}
	}
	return &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: message, Next: "read it, then decide again what to change"}
}

// digestOf reads a file to its end.
func digestOf(ctx context.Context, r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, &ctxReader{ctx, r})
	return hex.EncodeToString(h.Sum(nil)), err
}

// shut closes a file that was only read, which loses nothing.
func shut(c io.Closer) { c.Close() }

// ctxReader stops reading when its context ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// told makes an error of the file system one for the model: a bad name or a
// bad disk is no fault of the host's.
func told(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*pluginsdk.Error](err); ok {
		return err
	}
	_, isPath := errors.AsType[*fs.PathError](err)
	_, isLink := errors.AsType[*os.LinkError](err)
	_, isErrno := errors.AsType[syscall.Errno](err)
	if isPath || isLink || isErrno {
		return &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: err.Error(), Next: "check the path, or go on without this file"}
	}
	return err
}

// size writes a number of bytes as people do.
func size(n int64) string {
	switch {
	case n == 1:
		return "1 byte"
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1000_000)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1000_000_000)
}

// count is "1 file" or "3 files".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// clip cuts a text to at most n bytes at the border of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
