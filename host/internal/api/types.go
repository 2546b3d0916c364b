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
	// Model says which connection to a model the host was given.
	Model ModelStatus `json:"model"`
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
	// Model is the model to use; empty: the connection's own.
	Model string `json:"model,omitempty"`
	// Light is a conversation without tools and folders.
	Light bool `json:"light,omitempty"`
	// NoInternet keeps the task off the network.
	NoInternet bool `json:"no_internet,omitempty"`
	// Budget is the most the task may cost, in US dollars, a decimal.
	Budget string `json:"budget,omitempty"`
}

// RunResponse names the task that was made.
type RunResponse struct {
	Task string `json:"task"`
}

// StopRequest stops a task: at once, or when the running step is over.
type StopRequest struct {
	After bool `json:"after,omitempty"`
}

// PauseRequest says who pauses a task; empty: a client of this API.
type PauseRequest struct {
	By string `json:"by,omitempty"`
}

// MessageRequest is a message to a task. When is "now", the default, or
// "next".
type MessageRequest struct {
	Text string            `json:"text"`
	When event.MessageWhen `json:"when,omitempty"`
}

// MessageResponse names the message that was queued.
type MessageResponse struct {
	ID string `json:"id"`
}

// MessageChange edits a message that waits; only what is set changes.
type MessageChange struct {
	Text   string            `json:"text,omitempty"`
	When   event.MessageWhen `json:"when,omitempty"`
	Before string            `json:"before,omitempty"` // moves it in front of this one; "end" is behind all
	Remove bool              `json:"remove,omitempty"`
}

// ApprovalRequest answers an approval; an empty ID is the only open one of the
// task and its sub-agents.
type ApprovalRequest struct {
	ID     string `json:"id,omitempty"`
	Allow  bool   `json:"allow"`
	Scope  string `json:"scope,omitempty"` // "once", the default, "task" or "always"
	Reason string `json:"reason,omitempty"`
	// Digest is that of the card the person saw; where it is given, the answer
	// counts for that very call alone.
	Digest string `json:"digest,omitempty"`
	// By is "terminal", "web" or, when empty, "api".
	By string `json:"by,omitempty"`
}

// PlanRequest edits a task's plan.
type PlanRequest struct {
	Ops []event.PlanOp `json:"ops"`
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
	Path   string `json:"path"`
	Change string `json:"change"`
	From   string `json:"from,omitempty"`
	Step   string `json:"step"`
	// Task is the sub-agent that did it, empty for the task itself.
	Task     string `json:"task,omitempty"`
	Undoable bool   `json:"undoable"`
}

// Reversal is what an undo did, or would do, about one change.
type Reversal struct {
	Path   string `json:"path"`
	Action string `json:"action"`
	Detail string `json:"detail,omitempty"`
}

// TaskSummary is a task in a list.
type TaskSummary struct {
	event.Head
	// Cost is what the task and its sub-agents cost so far, in US dollars;
	// empty when nothing was priced.
	Cost string `json:"cost,omitempty"`
}

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
