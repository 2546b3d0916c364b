package event

import (
	"encoding/json"
	"time"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The kinds of event of work with a model.
const (
	KindTurnStarted      Kind = "turn.started"
	KindModelCalled      Kind = "model.called"
	KindModelDelta       Kind = "model.delta" // transient
	KindModelRetry       Kind = "model.retry" // transient
	KindModelMessage     Kind = "model.message"
	KindGenerated        Kind = "generated"
	KindUsage            Kind = "usage"
	KindToolCall         Kind = "tool.call"
	KindToolResult       Kind = "tool.result"
	KindPlanEdited       Kind = "plan.edited"
	KindApprovalAsked    Kind = "approval.asked"
	KindApprovalAnswered Kind = "approval.answered"
	KindMessageQueued    Kind = "message.queued"
	KindMessageChanged   Kind = "message.changed"
	KindMessageDelivered Kind = "message.delivered"
	KindChildStarted     Kind = "child.started"
	KindChildDone        Kind = "child.done"
	KindCompacted        Kind = "context.compacted"
	KindFinding          Kind = "finding"
	KindTaskPaused       Kind = "task.paused"
	KindCompletion       Kind = "completion"
)

// TurnStarted begins a turn: what the model is given to start from.
type TurnStarted struct {
	Turn int `json:"turn"` // from 1
	// Text is the user message as the model gets it: the outcome, or a
	// command's body with the facts its handler computed.
	Text string `json:"text"`
	// Origin is "person", "command" or "parent".
	Origin string `json:"origin"`
}

// ModelCalled is logged before a model is called: from here on money may be
// spent.
type ModelCalled struct {
	Call  int    `json:"call"` // counts the task's model calls, from 1
	Model string `json:"model"`
	// Purpose is "turn" or "compaction", "title", "generate".
	Purpose string `json:"purpose"`
	// Context says what the input is made of, in tokens, estimated from the
	// last call's real usage: system, tools, skills, files, history, results.
	Context map[string]int64 `json:"context,omitempty"`
	// Window is the model's context window in tokens, 0 when not known.
	Window int64 `json:"window,omitempty"`
}

// ModelDelta is a piece of a message that is still growing. It is transient.
type ModelDelta struct {
	Call  int             `json:"call"`
	What  model.DeltaKind `json:"what"`
	Index int             `json:"index"`
	Tool  string          `json:"tool,omitempty"`
	Text  string          `json:"text"`
}

// ModelRetry says that a model call failed in a way that passes. It is
// transient.
type ModelRetry struct {
	Call    int    `json:"call"`
	Attempt int    `json:"attempt"`
	WaitMS  int64  `json:"wait_ms"`
	Reason  string `json:"reason"`
}

// ModelMessage is a finished message of the model.
type ModelMessage struct {
	Call       int              `json:"call"`
	Model      string           `json:"model"`
	StopReason model.StopReason `json:"stop_reason"`
	// Text is the message's text, for reading.
	Text string `json:"text,omitempty"`
	// Raw is the provider's JSON of the message, as text so that no byte of it
	// changes: it is sent back as it stands here.
	Raw        string `json:"raw"`
	DurationMS int64  `json:"duration_ms"`
}

// Generated is a text a handler asked the model for. A handler that is run
// again gets it by its id.
type Generated struct {
	Step  string `json:"step"`
	ID    string `json:"id"`
	Text  string `json:"text"`
	Model string `json:"model"`
}

// ModelUsage is what one model call used and cost.
type ModelUsage struct {
	Call int `json:"call"`
	// Purpose is the call's, or "retry" for an attempt at it that failed on the
	// way: what it used is paid for as well.
	Purpose string `json:"purpose"`
	// Step is the step whose handler asked, with the purpose "generate".
	Step  string `json:"step,omitempty"`
	Model string `json:"model"`
	model.Usage
	// Cost is in US dollars, a decimal; empty when the model has no price.
	Cost string `json:"cost,omitempty"`
	// Prices is the date of the price list.
	Prices string `json:"prices,omitempty"`
}

// ToolCall is logged before a tool runs: the call was checked, allowed, and
// may have effects from here on.
type ToolCall struct {
	// Step is the step's id, by which it can be undone; Call the model's id.
	Step  string          `json:"step"`
	Call  string          `json:"call"`
	Tool  string          `json:"tool"`
	Input json.RawMessage `json:"input,omitempty"`
	// Summary says in a few words what it does, made from the parsed input:
	// "read budget.csv". Effect and Targets are those policy saw.
	Summary string   `json:"summary"`
	Effect  string   `json:"effect"`
	Targets []string `json:"targets,omitempty"`
	// Rule is the policy rule that allowed it.
	Rule string `json:"rule,omitempty"`
}

// ResultStatus says how a tool call ended.
type ResultStatus string

// The ways a tool call ends. All but ResultOK are errors to the model.
const (
	ResultOK          ResultStatus = "ok"
	ResultError       ResultStatus = "error"       // the tool says what to try next
	ResultInvalid     ResultStatus = "invalid"     // the input does not fit, or there is no such tool
	ResultDenied      ResultStatus = "denied"      // by policy or the person
	ResultInterrupted ResultStatus = "interrupted" // cut off; it may have had effects
	ResultStopped     ResultStatus = "stopped"     // not begun, or ended, because the task was stopped
)

// ToolResult is the receipt of a tool call. A call that has one never runs
// again.
type ToolResult struct {
	Step string `json:"step,omitempty"` // empty when the call never began
	// Call is the model's id; a second call with the same id in one message
	// has it with "#" and its place, from 1.
	Call   string       `json:"call"`
	Tool   string       `json:"tool"`
	Status ResultStatus `json:"status"`
	// Text is the whole result; what the model sees of a long one is cut, with
	// a pointer to this.
	Text    string   `json:"text"`
	Changes []Change `json:"changes,omitempty"`
	// Seen are the files the call read or wrote, as they were afterwards.
	Seen []Seen `json:"seen,omitempty"`
	// Artifacts are the files the call marked as delivered.
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// Found are the tools a search found: they are offered from here on.
	Found      []string `json:"found,omitempty"`
	DurationMS int64    `json:"duration_ms,omitempty"`
}

// Seen is one version of a file.
type Seen struct {
	Path   string `json:"path"` // on disk, absolute
	SHA256 string `json:"sha256"`
}

// PlanStatus says where a step of the plan stands.
type PlanStatus string

// The statuses of a plan's steps.
const (
	PlanPending PlanStatus = "pending"
	PlanActive  PlanStatus = "active"
	PlanDone    PlanStatus = "done"
	PlanSkipped PlanStatus = "skipped"
)

// PlanOp is one small edit of the plan.
type PlanOp struct {
	// Op is "add", "edit", "status", "move" or "remove".
	Op string `json:"op"`
	// ID names the step; an added one without an id gets the next free number.
	ID   string `json:"id,omitempty"`
	Text string `json:"text,omitempty"`
	// After is the id an added or moved step goes behind; "start" is the top,
	// empty the end.
	After  string     `json:"after,omitempty"`
	Status PlanStatus `json:"status,omitempty"`
	Note   string     `json:"note,omitempty"` // why it was skipped, what came out
}

// PlanEdited changes the task's plan.
type PlanEdited struct {
	Ops []PlanOp `json:"ops"`
	By  string   `json:"by"` // "model" or "person"
}

// Card is what an approval asks, made by the host from the parsed call and
// never by the model.
type Card struct {
	// About is "tool" for a tool call, "plan", "cap" for a spending limit,
	// "guard" for a loop guard.
	About string `json:"about"`
	Tool  string `json:"tool,omitempty"`
	// Action, Target, Data and Risk say it in a line each: what is done, to
	// what, which data it takes, what cannot be taken back.
	Action string `json:"action"`
	Target string `json:"target,omitempty"`
	Data   string `json:"data,omitempty"`
	Risk   string `json:"risk,omitempty"`
	// Details are the rest, one line each: the files with their sizes.
	Details []string `json:"details,omitempty"`
	// Scopes are what it can be allowed for: "once", "task", "always".
	Scopes []string `json:"scopes"`
	// Rule is the policy rule that asks, Reason why in a sentence.
	Rule   string `json:"rule"`
	Reason string `json:"reason,omitempty"`
}

// ApprovalAsked parks a call until it is answered.
type ApprovalAsked struct {
	ID   string `json:"id"`
	Call string `json:"call,omitempty"`
	Card Card   `json:"card"`
	// Digest is the SHA-256 of the tool's name and input, hexadecimal: an
	// answer is for exactly this call.
	Digest string `json:"digest,omitempty"`
}

// ApprovalAnswered is the first answer to an approval.
type ApprovalAnswered struct {
	ID    string `json:"id"`
	Allow bool   `json:"allow"`
	Scope string `json:"scope,omitempty"`
	// Reason goes to the model when it is denied.
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"` // "terminal", "web", "api"
}

// MessageWhen says when a queued message is delivered.
type MessageWhen string

// The times of delivery.
const (
	// WhenNow is the next tool boundary; the turn goes on with it.
	WhenNow MessageWhen = "now"
	// WhenNext is after the turn's end: it begins the next turn.
	WhenNext MessageWhen = "next"
)

// MessageQueued is a message of the person to a task.
type MessageQueued struct {
	ID   string      `json:"id"`
	Text string      `json:"text"`
	When MessageWhen `json:"when"`
	From string      `json:"from,omitempty"` // "person" or "parent"
}

// MessageChanged edits a message that waits; only what is set changes.
type MessageChanged struct {
	ID     string      `json:"id"`
	Text   string      `json:"text,omitempty"`
	When   MessageWhen `json:"when,omitempty"`
	Before string      `json:"before,omitempty"` // moves it in front of this one; "end" is behind all
	Remove bool        `json:"remove,omitempty"`
}

// MessageDelivered says that the model has been given messages: at a tool
// boundary of a turn, or as the beginning of the next.
type MessageDelivered struct {
	IDs  []string `json:"ids"`
	Turn int      `json:"turn"`
	// Text is what the model gets, the messages joined.
	Text string `json:"text"`
}

// ChildStarted says that a task started a sub-agent; its own log is that of
// the task Child.
type ChildStarted struct {
	Child string `json:"child"`
	Call  string `json:"call"` // the agent tool's
	Agent string `json:"agent"`
	Title string `json:"title"`
}

// ChildDone says how a sub-agent's run ended.
type ChildDone struct {
	Child  string `json:"child"`
	Status Status `json:"status"`
	Usage  Usage  `json:"usage"`
	Error  *Error `json:"error,omitempty"`
}

// Compacted replaces what the model is shown of the conversation up to an
// event. The log keeps all of it.
type Compacted struct {
	// Upto is the sequence of the last event that is no longer shown.
	Upto int64 `json:"upto"`
	// Text is what is shown in its place: the ledger and a summary.
	Text   string `json:"text"`
	Before int64  `json:"before_tokens"`
	After  int64  `json:"after_tokens"` // estimated
}

// Finding is something the person should know: a loop, a refused instruction
// from a document, a claim without evidence.
type Finding struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"` // "info", "warning" or "error"
	Message  string `json:"message"`
	Call     string `json:"call,omitempty"`
}

// TaskPaused says that the task waits until it is resumed.
type TaskPaused struct {
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`
}

// Completion is the record of what a turn delivered, from the log and the disk
// alone: no word of it is the model's.
type Completion struct {
	Asked       []string    `json:"asked"`
	Delivered   []Delivered `json:"delivered"`
	Checks      []CheckRun  `json:"checks"`
	NotVerified []string    `json:"not_verified"`
	PlanDone    int         `json:"plan_done"`
	PlanTotal   int         `json:"plan_total"`
}

// MarshalJSON writes lists without entries as [], as scripts expect.
func (p Completion) MarshalJSON() ([]byte, error) {
	type plain Completion
	p.Asked, p.NotVerified = append([]string{}, p.Asked...), append([]string{}, p.NotVerified...)
	p.Delivered, p.Checks = append([]Delivered{}, p.Delivered...), append([]CheckRun{}, p.Checks...)
	return json.Marshal(plain(p))
}

// Delivered is a file in a completion record.
type Delivered struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	Version int    `json:"version"` // counts the task's writes of the file
}

// CheckRun is a check that ran, with its result.
type CheckRun struct {
	Path string `json:"path,omitempty"`
	pluginsdk.Check
	At time.Time `json:"at"`
}

// EventKind returns [KindTurnStarted].
func (TurnStarted) EventKind() Kind { return KindTurnStarted }

// EventKind returns [KindModelCalled].
func (ModelCalled) EventKind() Kind { return KindModelCalled }

// EventKind returns [KindModelDelta].
func (ModelDelta) EventKind() Kind { return KindModelDelta }

// EventKind returns [KindModelRetry].
func (ModelRetry) EventKind() Kind { return KindModelRetry }

// EventKind returns [KindModelMessage].
func (ModelMessage) EventKind() Kind { return KindModelMessage }

// EventKind returns [KindGenerated].
func (Generated) EventKind() Kind { return KindGenerated }

// EventKind returns [KindUsage].
func (ModelUsage) EventKind() Kind { return KindUsage }

// EventKind returns [KindToolCall].
func (ToolCall) EventKind() Kind { return KindToolCall }

// EventKind returns [KindToolResult].
func (ToolResult) EventKind() Kind { return KindToolResult }

// EventKind returns [KindPlanEdited].
func (PlanEdited) EventKind() Kind { return KindPlanEdited }

// EventKind returns [KindApprovalAsked].
func (ApprovalAsked) EventKind() Kind { return KindApprovalAsked }

// EventKind returns [KindApprovalAnswered].
func (ApprovalAnswered) EventKind() Kind { return KindApprovalAnswered }

// EventKind returns [KindMessageQueued].
func (MessageQueued) EventKind() Kind { return KindMessageQueued }

// EventKind returns [KindMessageChanged].
func (MessageChanged) EventKind() Kind { return KindMessageChanged }

// EventKind returns [KindMessageDelivered].
func (MessageDelivered) EventKind() Kind { return KindMessageDelivered }

// EventKind returns [KindChildStarted].
func (ChildStarted) EventKind() Kind { return KindChildStarted }

// EventKind returns [KindChildDone].
func (ChildDone) EventKind() Kind { return KindChildDone }

// EventKind returns [KindCompacted].
func (Compacted) EventKind() Kind { return KindCompacted }

// EventKind returns [KindFinding].
func (Finding) EventKind() Kind { return KindFinding }

// EventKind returns [KindTaskPaused].
func (TaskPaused) EventKind() Kind { return KindTaskPaused }

// EventKind returns [KindCompletion].
func (Completion) EventKind() Kind { return KindCompletion }
