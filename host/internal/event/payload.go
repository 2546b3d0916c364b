package event

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Kind says what an event is. The list grows and never changes: a reader
// ignores kinds it does not know.
type Kind string

// The kinds of event.
const (
	KindTaskCreated  Kind = "task.created"
	KindTaskResumed  Kind = "task.resumed"
	KindSandboxReady Kind = "sandbox.ready"
	KindStepStarted  Kind = "step.started"
	KindPlan         Kind = "plan"
	KindProgress     Kind = "progress" // transient
	KindLog          Kind = "log"
	KindFact         Kind = "fact"
	KindQuestion     Kind = "question"
	KindAnswer       Kind = "answer"
	KindStepResult   Kind = "step.result"
	KindStepApplied  Kind = "step.applied"
	KindStepFailed   Kind = "step.failed"
	KindPluginFailed Kind = "plugin.failed"
	KindTaskStopping Kind = "task.stopping"
	KindTaskUndone   Kind = "task.undone"
	KindTaskImported Kind = "task.imported"
	KindTaskDone     Kind = "task.done"
)

// Transient reports whether events of this kind are only for those who watch:
// they have sequence 0, are published and never stored.
func (k Kind) Transient() bool {
	return k == KindProgress || k == KindModelDelta || k == KindModelRetry
}

func (k Kind) valid() bool {
	if k == "" || len(k) > maxKind {
		return false
	}
	return !strings.ContainsFunc(string(k), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '_'
	})
}

// Payload is the data of one kind of event. Each is a struct below.
type Payload interface {
	// EventKind is the same for every value of the type, also the zero value.
	EventKind() Kind
}

// Status says where a task stands.
type Status string

// The statuses of a task. The last four stand in a [TaskDone].
const (
	StatusRunning  Status = "running"
	StatusStopping Status = "stopping"
	StatusDone     Status = "done"
	StatusFailed   Status = "failed"
	StatusParked   Status = "parked"
	StatusStopped  Status = "stopped"
)

// TaskCreated is the first event of a task: what the user asked for.
type TaskCreated struct {
	Title string `json:"title"`
	// Input is what the user typed. Command, Plugin and Args are its parts when
	// it is a slash command.
	Input            string   `json:"input"`
	Command          string   `json:"command,omitempty"`
	Plugin           string   `json:"plugin,omitempty"`
	Args             []string `json:"args,omitempty"`
	Folders          []string `json:"folders,omitempty"` // the granted folders, absolute
	SandboxRequested string   `json:"sandbox_requested,omitempty"`
	Mode             string   `json:"mode,omitempty"`
	// Model is the model asked for, empty for the connection's own. Light is a
	// conversation without tools and folders.
	Model string `json:"model,omitempty"`
	Light bool   `json:"light,omitempty"`
	// NoInternet keeps the task off the network.
	NoInternet bool `json:"no_internet,omitempty"`
	// Budget is the most the task and its sub-agents may cost, in US dollars;
	// empty: the setting's.
	Budget string `json:"budget,omitempty"`
	// ReadOnly refuses every change of the granted folders.
	ReadOnly bool `json:"read_only,omitempty"`
	// Agent is set for a sub-agent's task: its definition's id, or "general".
	Agent string `json:"agent,omitempty"`
	// Cwd is where the person stood, for relative paths in Input.
	Cwd         string   `json:"cwd,omitempty"`
	PluginDirs  []string `json:"plugin_dirs,omitempty"`
	Interactive bool     `json:"interactive,omitempty"`
}

// TaskResumed says that a host took the task up again.
type TaskResumed struct {
	Reason string `json:"reason,omitempty"`
}

// SandboxReady names the sandbox the task got.
type SandboxReady struct {
	Sandbox string `json:"sandbox"` // the badge: "jail", "vm·kvm"
	Detail  string `json:"detail,omitempty"`
}

// StepStarted is logged before a step's first side effect.
type StepStarted struct {
	Step    string            `json:"step"`
	Plugin  string            `json:"plugin,omitempty"`
	Command string            `json:"command,omitempty"`
	Values  map[string]string `json:"values,omitempty"` // the parsed arguments
	// Model is the model that goes on when the handler is done, empty where
	// there is none.
	Model string `json:"model,omitempty"`
}

// Plan replaces the list of what a step is going to do.
type Plan struct {
	Step  string   `json:"step"`
	Items []string `json:"items"`
}

// Progress says how far a piece of work is. It is transient.
type Progress struct {
	Step  string `json:"step"`
	Label string `json:"label"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // 0 when not known
}

// LogLine is a line the person may want to read afterwards.
type LogLine struct {
	Step    string `json:"step,omitempty"`
	Message string `json:"message"`
}

// Fact is a computed value, known before its step ends.
type Fact struct {
	Step string `json:"step"`
	pluginsdk.Fact
}

// Question asks the person something and parks the step until the [Answer].
type Question struct {
	Step string `json:"step"`
	pluginsdk.Question
}

// Answer is the first answer to the step's question with this id.
type Answer struct {
	Step  string `json:"step"`
	ID    string `json:"id"`
	Value string `json:"value"`
}

// StepResult is what a step's handler returned. It is durable before anything
// the step staged is applied.
type StepResult struct {
	Step      string           `json:"step"`
	Artifacts []Artifact       `json:"artifacts,omitempty"`
	Facts     []pluginsdk.Fact `json:"facts,omitempty"`
	Brief     string           `json:"brief,omitempty"`
}

// StepApplied says that all the step staged is in the granted folders.
type StepApplied struct {
	Step    string   `json:"step"`
	Changes []Change `json:"changes"`
}

// StepFailed says that the step ended without a result and that nothing it
// staged was applied.
type StepFailed struct {
	Step  string `json:"step"`
	Error *Error `json:"error"`
}

// PluginFailed says that a plugin was stopped and why.
type PluginFailed struct {
	Plugin string `json:"plugin"`
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

// TaskStopping says that the user asked the task to stop.
type TaskStopping struct {
	Reason string `json:"reason,omitempty"`
}

// TaskImported ends a log that was made elsewhere and read in here. Nothing in
// it is done again.
type TaskImported struct {
	// Status is the task's from here on: never one of a task at work.
	Status Status `json:"status"`
}

// TaskUndone lists what an undo did.
type TaskUndone struct {
	Reversals []Reversal `json:"reversals"`
}

// TaskDone is the last event of a run and the last line the command line
// prints. A parked, stopped or failed task may be resumed after it.
type TaskDone struct {
	Status    Status           `json:"status"`
	Sandbox   string           `json:"sandbox"`
	Artifacts []Artifact       `json:"artifacts"`
	Facts     []pluginsdk.Fact `json:"facts"`
	Usage     Usage            `json:"usage"`
	Error     *Error           `json:"error,omitempty"`
}

// MarshalJSON writes lists without entries as [], as scripts expect.
func (p TaskDone) MarshalJSON() ([]byte, error) {
	type plain TaskDone
	if p.Artifacts == nil {
		p.Artifacts = []Artifact{}
	}
	if p.Facts == nil {
		p.Facts = []pluginsdk.Fact{}
	}
	return json.Marshal(plain(p))
}

// Artifact is a delivered file.
type Artifact struct {
	Path      string            `json:"path"`
	MediaType string            `json:"media_type"`
	SHA256    string            `json:"sha256"` // hexadecimal
	Title     string            `json:"title,omitempty"`
	Checks    []pluginsdk.Check `json:"checks,omitempty"`
}

// Change is one mutation of a granted folder.
type Change struct {
	Path     string `json:"path"`
	Change   string `json:"change"` // created, modified, moved or deleted
	From     string `json:"from,omitempty"`
	Undoable bool   `json:"undoable"`
	// SHA256 is that of the content after the change, in hex; empty for a
	// folder, a deletion, and a move, which reads nothing.
	SHA256 string `json:"sha256,omitempty"`
}

// Reversal is what an undo did about one change.
type Reversal struct {
	Path    string `json:"path"`
	Outcome string `json:"outcome"` // restored, removed, beside, unchanged or failed
	Detail  string `json:"detail,omitempty"`
}

// Usage is what a run cost.
type Usage struct {
	ModelCalls   int64 `json:"model_calls"`
	InputTokens  int64 `json:"input_tokens"`
	OutputTokens int64 `json:"output_tokens"`
	// CacheReadTokens is the part of InputTokens that came from the cache.
	CacheReadTokens int64 `json:"cache_read_tokens,omitempty"`
	// Cost is in US dollars, a decimal, with that of sub-agents; empty when
	// nothing was priced.
	Cost       string `json:"cost,omitempty"`
	DurationMS int64  `json:"duration_ms"`
}

// Error is an error for the person, as JSON.
type Error struct {
	Code    string `json:"code"` // see [pluginsdk.Code]
	Message string `json:"message"`
	Next    string `json:"next,omitempty"`
}

// ErrorOf returns err as JSON has it, nil for nil.
func ErrorOf(err error) *Error {
	if err == nil {
		return nil
	}
	out := &Error{Code: pluginsdk.Code(err), Message: err.Error()}
	var e *pluginsdk.Error
	if errors.As(err, &e) {
		out.Message, out.Next = e.Message, e.Next
	}
	return out
}

var (
	_ Payload = TaskCreated{}
	_ Payload = TaskDone{}
)

// EventKind returns [KindTaskCreated].
func (TaskCreated) EventKind() Kind { return KindTaskCreated }

// EventKind returns [KindTaskResumed].
func (TaskResumed) EventKind() Kind { return KindTaskResumed }

// EventKind returns [KindSandboxReady].
func (SandboxReady) EventKind() Kind { return KindSandboxReady }

// EventKind returns [KindStepStarted].
func (StepStarted) EventKind() Kind { return KindStepStarted }

// EventKind returns [KindPlan].
func (Plan) EventKind() Kind { return KindPlan }

// EventKind returns [KindProgress].
func (Progress) EventKind() Kind { return KindProgress }

// EventKind returns [KindLog].
func (LogLine) EventKind() Kind { return KindLog }

// EventKind returns [KindFact].
func (Fact) EventKind() Kind { return KindFact }

// EventKind returns [KindQuestion].
func (Question) EventKind() Kind { return KindQuestion }

// EventKind returns [KindAnswer].
func (Answer) EventKind() Kind { return KindAnswer }

// EventKind returns [KindStepResult].
func (StepResult) EventKind() Kind { return KindStepResult }

// EventKind returns [KindStepApplied].
func (StepApplied) EventKind() Kind { return KindStepApplied }

// EventKind returns [KindStepFailed].
func (StepFailed) EventKind() Kind { return KindStepFailed }

// EventKind returns [KindPluginFailed].
func (PluginFailed) EventKind() Kind { return KindPluginFailed }

// EventKind returns [KindTaskStopping].
func (TaskStopping) EventKind() Kind { return KindTaskStopping }

// EventKind returns [KindTaskImported].
func (TaskImported) EventKind() Kind { return KindTaskImported }

// EventKind returns [KindTaskUndone].
func (TaskUndone) EventKind() Kind { return KindTaskUndone }

// EventKind returns [KindTaskDone].
func (TaskDone) EventKind() Kind { return KindTaskDone }
