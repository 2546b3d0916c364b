package api

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
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
	if err := checkBudget(req.Budget); err != nil {
		fail(w, err)
		return
	}
	if !absolute(w, append(req.Folders, req.PluginDirs...)...) || req.Cwd != "" && !absolute(w, req.Cwd) {
		return
	}
	id, err := s.opts.Tasks.Start(r.Context(), task.Spec{
		Input: req.Input, Folders: req.Folders, Cwd: req.Cwd, Sandbox: req.Sandbox, Mode: req.Mode,
		Interactive: req.Interactive, PluginDirs: req.PluginDirs,
		Model: req.Model, Light: req.Light, NoInternet: req.NoInternet, Budget: req.Budget,
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
	out := make([]TaskSummary, 0, len(heads))
	for _, h := range heads {
		sum := TaskSummary{Head: h}
		if r.URL.Query().Get("cost") != "" {
			if sum.Cost, err = s.cost(r.Context(), h); err != nil {
				fail(w, err)
				return
			}
		}
		out = append(out, sum)
	}
	reply(w, out)
}

// lastEvents is how far back the end of a run is looked for: it is the last
// event but for undos and what was said to the task since.
const lastEvents = 16

// cost returns what a task cost. Of one that is over it reads the end alone.
func (s *Server) cost(ctx context.Context, h event.Head) (string, error) {
	if h.Status != event.StatusRunning && h.Status != event.StatusStopping {
		cost, found := "", false
		for e, err := range s.opts.Log.Read(ctx, h.Task, max(1, h.Last-lastEvents)) {
			if err != nil {
				return "", err
			}
			if done, err := event.Decode[event.TaskDone](e); err == nil {
				cost, found = done.Usage.Cost, true
			}
		}
		if found {
			return cost, nil
		}
	}
	state, err := s.opts.Tasks.State(ctx, h.Task)
	if err != nil {
		return "", err
	}
	return state.Usage.Cost, nil
}

func notFound(id string, err error) error {
	if pluginsdk.Code(err) != "not_found" {
		return err
	}
	return &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no task %.100s", id), Next: "list them with `cowork task ls`"}
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
	found, err := s.changesOf(r.Context(), id)
	if err != nil {
		fail(w, err)
		return
	}
	out := make([]Change, 0, len(found))
	for _, c := range found {
		line := Change{Path: c.HostPath, Change: string(c.Kind), From: c.From, Step: c.Step, Undoable: c.Undoable}
		if c.Task != id {
			line.Task = c.Task
		}
		out = append(out, line)
	}
	reply(w, out)
}

// changesOf are the changes of a task and its sub-agents, oldest first.
func (s *Server) changesOf(ctx context.Context, id string) ([]workspace.Change, error) {
	state, err := s.opts.Tasks.State(ctx, id)
	if err != nil {
		return nil, err
	}
	found, err := s.opts.Workspace.Changes(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, c := range state.Children {
		more, err := s.changesOf(ctx, c.Child)
		if err != nil && pluginsdk.Code(err) != "not_found" { // one that never began
			return nil, err
		}
		found = append(found, more...)
	}
	slices.SortStableFunc(found, func(a, b workspace.Change) int { return a.Time.Compare(b.Time) })
	return found, nil
}

// below are the sub-agents an undo of a task takes back: all of them, or with a
// step the one that step started.
func (s *Server) below(ctx context.Context, id, step string) ([]string, error) {
	state, err := s.opts.Tasks.State(ctx, id)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, c := range state.Children {
		if step != "" && !slices.ContainsFunc(state.Calls, func(call task.Call) bool { return call.Call == c.Call && call.Step == step }) {
			continue
		}
		more, err := s.below(ctx, c.Child, "")
		if err != nil && pluginsdk.Code(err) != "not_found" {
			return nil, err
		}
		ids = append(append(ids, c.Child), more...)
	}
	return ids, nil
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
	also, err := s.below(r.Context(), id, req.Step)
	if err != nil {
		fail(w, err)
		return
	}
	reversals, err := s.opts.Workspace.Undo(r.Context(), workspace.UndoRequest{Task: id, Step: req.Step, Also: also, Path: path, DryRun: req.DryRun})
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

// changed returns the absolute path of a file a task or its sub-agents changed,
// given that, its name in the workspace, or the end of it.
func (s *Server) changed(ctx context.Context, id, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	found, err := s.changesOf(ctx, id)
	if err != nil {
		return "", err
	}
	end := string(filepath.Separator) + filepath.Clean(path)
	for _, c := range found {
		if c.Path == path || c.HostPath == path || strings.HasSuffix(c.HostPath, end) {
			return c.HostPath, nil
		}
	}
	return "", &pluginsdk.Error{
		Kind: pluginsdk.ErrNotFound, Message: "the task did not change " + path,
		Next: "see what it changed with `cowork task changes " + id + "`",
	}
}
