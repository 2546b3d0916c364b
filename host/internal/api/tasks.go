package api

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

func (s *Server) run(w http.ResponseWriter, r *http.Request) {
	var req RunRequest
	if !decode(w, r, &req) {
		return
	}
	if !absolute(w, append(req.Folders, req.PluginDirs...)...) || req.Cwd != "" && !absolute(w, req.Cwd) {
		return
	}
	id, err := s.opts.Tasks.Start(r.Context(), task.Spec{
		Input: req.Input, Folders: req.Folders, Cwd: req.Cwd, Sandbox: req.Sandbox, Mode: req.Mode,
		Interactive: req.Interactive, PluginDirs: req.PluginDirs,
	})
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, RunResponse{Task: id})
}

// absolute reports whether all paths are; it answers the request when not.
func absolute(w http.ResponseWriter, paths ...string) bool {
	for _, p := range paths {
		if !filepath.IsAbs(p) || strings.ContainsRune(p, 0) {
			fail(w, pluginsdk.Invalid("send absolute paths", "%.200q is not an absolute path", p))
			return false
		}
	}
	return true
}

func (s *Server) tasks(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit")) // 0, the default, when absent
	heads, err := s.opts.Log.Tasks(r.Context(), event.Query{Limit: limit, Before: r.URL.Query().Get("before")})
	if err != nil {
		fail(w, err)
		return
	}
	if heads == nil {
		heads = []event.Head{}
	}
	reply(w, heads)
}

// events streams a task's events as JSON lines, from the sequence ?from= on.
// With ?follow=1 it goes on for as long as the task is at work.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("task")
	if _, err := s.opts.Log.Head(r.Context(), id); err != nil {
		fail(w, notFound(id, err))
		return
	}
	from, _ := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	out := &eventStream{flush: http.NewResponseController(w), enc: json.NewEncoder(w), next: max(from, 1)}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if r.URL.Query().Get("follow") != "" {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		over := s.opts.Tasks.Done(id)
		go func() {
			select {
			case <-over:
			case <-ctx.Done():
			}
			cancel()
		}()
		if !out.send(s.opts.Log.Subscribe(ctx, id, out.next), true) && ctx.Err() == nil {
			return
		}
	}
	// What came before the task was over, and the subscription missed.
	out.send(s.opts.Log.Read(r.Context(), id, out.next), false)
}

// eventStream writes events to a client, each once.
type eventStream struct {
	flush *http.ResponseController
	enc   *json.Encoder
	next  int64
}

// send writes the events, live ones each at once, and reports whether they came
// to their end.
func (o *eventStream) send(events iter.Seq2[event.Event, error], live bool) bool {
	for e, err := range events {
		if err != nil || o.enc.Encode(e) != nil {
			return false // the client, or the host, is gone, or the task is over
		}
		if live && o.flush.Flush() != nil {
			return false
		}
		if e.Seq != 0 {
			o.next = e.Seq + 1
		}
	}
	return true
}

func notFound(id string, err error) error {
	if pluginsdk.Code(err) != "not_found" {
		return err
	}
	return &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no task %.100s", id), Next: "list them with `cowork task ls`"}
}

func (s *Server) stop(w http.ResponseWriter, r *http.Request) {
	if err := s.opts.Tasks.Stop(r.Context(), r.PathValue("task")); err != nil {
		fail(w, err)
		return
	}
	reply(w, struct{}{})
}

func (s *Server) resume(w http.ResponseWriter, r *http.Request) {
	var req ResumeRequest
	if !decode(w, r, &req) {
		return
	}
	if err := s.opts.Tasks.Resume(r.Context(), r.PathValue("task"), req.Interactive); err != nil {
		fail(w, err)
		return
	}
	reply(w, RunResponse{Task: r.PathValue("task")})
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	var req AnswerRequest
	if !decode(w, r, &req) {
		return
	}
	if err := s.opts.Tasks.Answer(r.Context(), r.PathValue("task"), req.ID, req.Value); err != nil {
		fail(w, err)
		return
	}
	reply(w, struct{}{})
}

func (s *Server) changes(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("task")
	if _, err := s.opts.Log.Head(r.Context(), id); err != nil {
		fail(w, notFound(id, err))
		return
	}
	found, err := s.opts.Workspace.Changes(r.Context(), id)
	if err != nil {
		fail(w, err)
		return
	}
	out := make([]Change, 0, len(found))
	for _, c := range found {
		out = append(out, Change{Path: c.HostPath, Change: string(c.Kind), From: c.From, Step: c.Step, Undoable: c.Undoable})
	}
	reply(w, out)
}

func (s *Server) undo(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("task")
	var req UndoRequest
	if !decode(w, r, &req) {
		return
	}
	if err := s.settled(r.Context(), id); err != nil {
		fail(w, err)
		return
	}
	path, err := s.changed(r.Context(), id, req.Path)
	if err != nil {
		fail(w, err)
		return
	}
	reversals, err := s.opts.Workspace.Undo(r.Context(), workspace.UndoRequest{Task: id, Step: req.Step, Path: path, DryRun: req.DryRun})
	if err != nil {
		fail(w, err)
		return
	}
	out := make([]Reversal, 0, len(reversals))
	note := event.TaskUndone{}
	for _, v := range reversals {
		out = append(out, Reversal{Path: v.HostPath, Action: string(v.Action), Detail: v.Detail})
		if v.Action != workspace.AlreadyUndone {
			note.Reversals = append(note.Reversals, event.Reversal{Path: v.HostPath, Outcome: string(v.Action), Detail: v.Detail})
		}
	}
	if !req.DryRun && len(note.Reversals) > 0 {
		if err := s.opts.Tasks.Note(r.Context(), id, note); err != nil {
			fail(w, err)
			return
		}
	}
	reply(w, out)
}

// settled refuses a task that is at work. One that has just ended may still be
// letting go; settled waits for it.
func (s *Server) settled(ctx context.Context, id string) error {
	over := s.opts.Tasks.Done(id)
	state, err := s.opts.Tasks.State(ctx, id)
	if err != nil {
		return err
	}
	if state.Over() {
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-over:
		return nil
	default:
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: "task " + id + " is at work",
			Next: "stop it first with `cowork task stop " + id + "`, or wait until it is done",
		}
	}
}

// changed returns the workspace's name of a file a task changed, given that
// name, the absolute path, or the end of it.
func (s *Server) changed(ctx context.Context, id, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	found, err := s.opts.Workspace.Changes(ctx, id)
	if err != nil {
		return "", err
	}
	end := string(filepath.Separator) + filepath.Clean(path)
	for _, c := range found {
		if c.Path == path || c.HostPath == path || strings.HasSuffix(c.HostPath, end) {
			return c.Path, nil
		}
	}
	return "", &pluginsdk.Error{
		Kind: pluginsdk.ErrNotFound, Message: "the task did not change " + path,
		Next: "see what it changed with `cowork task changes " + id + "`",
	}
}
