package engine

import (
	"context"
	"errors"
	"io"
	"iter"
	"mime"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host/internal/artifact"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/workspace"
)

// Work does what is left of a task and says how it ended.
func (e *Engine) Work(ctx context.Context, t *task.Task) event.TaskDone {
	r, err := e.open(ctx, t)
	if r == nil {
		why := whyEnded(ctx, t.ID, err, true)
		return event.TaskDone{Status: statusOf(why), Error: why}
	}
	defer r.close()
	if err == nil {
		err = r.do(ctx)
	}
	return r.done(ctx, err)
}

// done is the end of a run: what is known, also beside an error.
func (r *run) done(ctx context.Context, err error) event.TaskDone {
	done := event.TaskDone{Status: event.StatusDone, Sandbox: r.badge()}
	if recordErr := r.complete(context.WithoutCancel(ctx), &done, err == nil); err == nil {
		err = recordErr
	}
	if err == nil {
		return done
	}
	done.Error = whyEnded(ctx, r.t.ID, err, r.unchanged())
	done.Status = statusOf(done.Error)
	return done
}

// statusOf is the status of a task that ended with an error.
func statusOf(why *event.Error) event.Status {
	switch why.Code {
	case codeStopped:
		return event.StatusStopped
	case codeParked, codePaused:
		return event.StatusParked
	}
	return event.StatusFailed
}

func (r *run) badge() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.past.sandbox
}

// unchanged reports whether the task has changed nothing so far.
func (r *run) unchanged() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.past.changed
}

// whyEnded says why a task or its step did not come to its end.
func whyEnded(ctx context.Context, id string, err error, unchanged bool) *event.Error {
	resume := "`cowork task resume " + id + "`"
	what := "; nothing was changed"
	if !unchanged {
		what = "; what was finished before stays, see `cowork task changes " + id + "`"
	}
	lost, unrecorded := errors.AsType[*unrecordedError](err)
	switch {
	case unrecorded:
		return &event.Error{
			Code: ErrorOf(err).Code, Message: "the files are in the folder, but the log could not keep that: " + lost.err.Error(),
			Next: "finish it with " + resume,
		}
	case task.Stopped(ctx) || errors.Is(err, task.ErrStopAfter):
		return &event.Error{Code: codeStopped, Message: "the task was stopped" + what}
	case task.Paused(err):
		return &event.Error{Code: codePaused, Message: "the task is paused" + what, Next: "go on with " + resume}
	case errors.Is(err, task.ErrParked):
		return &event.Error{Code: codeParked, Message: "the task waits for you", Next: "see what it asks with `cowork task why " + id + "`"}
	case ctx.Err() != nil:
		return &event.Error{
			Code: codeInterrupted, Message: "the host was ended in the middle of the task" + what,
			Next: "run it again with " + resume,
		}
	}
	out := ErrorOf(err)
	if errors.Is(err, errModel) {
		if !unchanged {
			out.Message += what
		}
		out.Next = andResume(out.Next, resume)
	}
	return out
}

// andResume adds to what is to be done about a model how the task goes on then.
func andResume(next, resume string) string {
	switch {
	case next == "":
		return "go on with " + resume
	case strings.HasPrefix(next, "begin a new task"):
		return next // it would fail in the same way
	case strings.HasPrefix(next, "try again"):
		return next + ": " + resume
	}
	return next + "; then go on with " + resume
}

// complete fills in what was delivered. With record it also keeps the
// completion record, made from the log and the disk alone.
func (r *run) complete(ctx context.Context, done *event.TaskDone, record bool) error {
	r.mu.Lock()
	results, seen := slices.Clone(r.past.results), slices.Clone(r.past.seen)
	r.mu.Unlock()
	for _, res := range results {
		state, changes, err := r.e.opts.Workspace.Applied(ctx, r.t.ID, res.Step)
		if err != nil {
			return err
		}
		if state == workspace.StateNone {
			continue
		}
		done.Artifacts = append(done.Artifacts, delivered(res.Artifacts, changes)...)
		done.Facts = append(done.Facts, res.Facts...)
	}
	for i, a := range done.Artifacts { // the model may have written into them since
		for _, s := range seen {
			if s.Path == a.Path {
				done.Artifacts[i].SHA256 = s.SHA256
			}
		}
	}
	if !record || r.ws == nil {
		return nil
	}
	rec, err := artifact.Record(ctx, r.family(ctx), granted{r.ws}, r.e.opts.Now())
	if err != nil {
		return err
	}
	r.mu.Lock()
	marked := slices.Clone(r.past.marked)
	r.mu.Unlock()
	done.Artifacts = withFiles(done.Artifacts, marked, rec.Delivered)
	return r.t.Record(ctx, rec)
}

// family is the task's log and those of its sub-agents behind it.
func (r *run) family(ctx context.Context) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		logs := []iter.Seq2[event.Event, error]{r.t.Events(ctx)}
		for _, c := range r.t.State().Children {
			logs = append(logs, r.t.EventsOf(ctx, c.Child))
		}
		for _, log := range logs {
			for e, err := range log {
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// granted reads the files of a log through the one door.
type granted struct{ ws *workspace.Workspace }

// Open opens a file by its absolute path.
func (g granted) Open(_ context.Context, path string) (io.ReadCloser, error) {
	name, err := g.ws.Resolve(path, "")
	if err != nil {
		return nil, err
	}
	v := g.ws.View()
	f, err := v.Open(name)
	if err != nil {
		v.Close()
		return nil, err
	}
	return viewed{f, v}, nil
}

type viewed struct {
	*workspace.File
	view *workspace.View
}

func (v viewed) Close() error {
	err := v.File.Close()
	v.view.Close()
	return err
}

// withFiles adds to the artifacts of handlers what the model marked as
// delivered or, where nobody named anything, every file the task wrote.
func withFiles(artifacts, marked []event.Artifact, written []event.Delivered) []event.Artifact {
	named := len(artifacts)+len(marked) > 0
	add := func(a event.Artifact) {
		if !slices.ContainsFunc(artifacts, func(o event.Artifact) bool { return o.Path == a.Path }) {
			artifacts = append(artifacts, a)
		}
	}
	for _, d := range written {
		a := event.Artifact{Path: d.Path, MediaType: mediaType(d.Path), SHA256: d.SHA256}
		for _, m := range marked {
			if m.Path == d.Path {
				a.Title = m.Title
			}
		}
		if !named || slices.ContainsFunc(marked, func(m event.Artifact) bool { return m.Path == d.Path }) {
			add(a)
		}
	}
	for _, m := range marked {
		add(m)
	}
	return artifacts
}

// mediaType tells a file's type by its name; what is inside is nobody's promise.
func mediaType(path string) string {
	const office = "application/vnd.openxmlformats-officedocument."
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".xlsx":
		return office + "spreadsheetml.sheet"
	case ".docx":
		return office + "wordprocessingml.document"
	case ".pptx":
		return office + "presentationml.presentation"
	case ".md":
		return "text/markdown"
	case ".csv":
		return "text/csv"
	case ".txt":
		return "text/plain"
	default:
		if t, _, _ := strings.Cut(mime.TypeByExtension(ext), ";"); t != "" {
			return t
		}
	}
	return "application/octet-stream"
}
