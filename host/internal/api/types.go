package api

import (
	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/host/internal/event"
)

// Health says who answers.
type Health struct {
	// Version is the program's version; Build changes with every build, so
	// that a client notices a host of another one.
	Version string `json:"version"`
	Build   string `json:"build"`
	PID     int    `json:"pid"`
	Active  int    `json:"active"` // tasks at work
}

// RunRequest asks for a task.
type RunRequest struct {
	Input       string   `json:"input"`
	Folders     []string `json:"folders"` // absolute
	Cwd         string   `json:"cwd"`
	Sandbox     string   `json:"sandbox"`
	Mode        string   `json:"mode,omitempty"`
	Interactive bool     `json:"interactive"`
	PluginDirs  []string `json:"plugin_dirs,omitempty"` // absolute
}

// RunResponse names the task that was made.
type RunResponse struct {
	Task string `json:"task"`
}

// ResumeRequest runs an ended task again.
type ResumeRequest struct {
	Interactive bool `json:"interactive"`
}

// AnswerRequest answers an open question.
type AnswerRequest struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// UndoRequest selects what to undo of a task; Step and Path narrow it down.
type UndoRequest struct {
	Step   string `json:"step,omitempty"`
	Path   string `json:"path,omitempty"` // relative to the grant, or absolute
	DryRun bool   `json:"dry_run,omitempty"`
}

// Change is one line of a task's changes.
type Change struct {
	Path     string `json:"path"`
	Change   string `json:"change"`
	From     string `json:"from,omitempty"`
	Step     string `json:"step"`
	Undoable bool   `json:"undoable"`
}

// Reversal is what an undo did, or would do, about one change.
type Reversal struct {
	Path   string `json:"path"`
	Action string `json:"action"`
	Detail string `json:"detail,omitempty"`
}

// TaskSummary is a task in a list.
type TaskSummary = event.Head

// Plugin is a plugin as `plugin ls` and `plugin show` print it.
type Plugin = catalog.Plugin

// PluginRequest names a bundle's folder or a plugin.
type PluginRequest struct {
	Dir  string `json:"dir,omitempty"` // absolute
	Name string `json:"name,omitempty"`
}

// Problem is the body of every answer that is not a success.
type Problem struct {
	Error *event.Error `json:"error"`
}
