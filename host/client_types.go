package host

import (
	"github.com/cowork-host/cowork/host/internal/api"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/host/internal/task"
)

// What clients and hosts exchange.
type (
	// Health says who answers.
	Health = api.Health
	// RunRequest asks for a task.
	RunRequest = api.RunRequest
	// ApprovalRequest answers an approval.
	ApprovalRequest = api.ApprovalRequest
	// MessageRequest is a message to a task.
	MessageRequest = api.MessageRequest
	// MessageChange edits a message that waits.
	MessageChange = api.MessageChange
	// ModelSettings are a connection to a model.
	ModelSettings = api.ModelSettings
	// ModelStatus is what a host tells of the connection it was given.
	ModelStatus = api.ModelStatus
	// UndoRequest selects what to undo of a task.
	UndoRequest = api.UndoRequest
	// Change is one file a task changed.
	Change = api.Change
	// Reversal is what an undo did about one change.
	Reversal = api.Reversal
	// WebRequest asks for the web page.
	WebRequest = api.WebRequest
	// WebResponse says where the page is.
	WebResponse = api.WebResponse
	// TrashItem is a file cowork moved to the trash.
	TrashItem = api.TrashItem
	// TaskSummary is a task in a list.
	TaskSummary = api.TaskSummary
	// Plugin is a plugin as it is listed.
	Plugin = api.Plugin
	// Event is one line of a task's log.
	Event = event.Event
	// EventKind says what an event is.
	EventKind = event.Kind
	// EventPayload is the data of one kind of event.
	EventPayload = event.Payload
	// TaskState is what is known of a task: the fold of its events.
	TaskState = task.State
	// Approval is one approval and its answer.
	Approval = task.Approval
	// PlanStep is one step of a task's plan.
	PlanStep = plan.Step
	// ChildState is what a task knows of a sub-agent.
	ChildState = task.ChildState
	// Problem is an error for the person.
	Problem = event.Error
)

// The payloads of events, by kind.
type (
	// TaskCreated is the first event of a task.
	TaskCreated = event.TaskCreated
	// TaskDone is the last event of a run.
	TaskDone = event.TaskDone
	// SandboxReady names the sandbox a task got.
	SandboxReady = event.SandboxReady
	// StepStarted begins a step.
	StepStarted = event.StepStarted
	// StepFailed ends a step that changed nothing.
	StepFailed = event.StepFailed
	// StepResult is what a step's handler returned.
	StepResult = event.StepResult
	// StepApplied says what a step changed.
	StepApplied = event.StepApplied
	// Plan lists what a step is going to do.
	Plan = event.Plan
	// Progress says how far a piece of work is.
	Progress = event.Progress
	// LogLine is a line for the person.
	LogLine = event.LogLine
	// Fact is a computed value.
	Fact = event.Fact
	// Artifact is a delivered file.
	Artifact = event.Artifact
	// Question asks the person something.
	Question = event.Question
	// Answer is the first answer to a question.
	Answer = event.Answer
	// PluginFailed says that a plugin was given up.
	PluginFailed = event.PluginFailed
)

// The kinds of event a client shows.
const (
	KindTaskCreated  = event.KindTaskCreated
	KindTaskResumed  = event.KindTaskResumed
	KindSandboxReady = event.KindSandboxReady
	KindStepStarted  = event.KindStepStarted
	KindStepFailed   = event.KindStepFailed
	KindStepResult   = event.KindStepResult
	KindStepApplied  = event.KindStepApplied
	KindPlan         = event.KindPlan
	KindProgress     = event.KindProgress
	KindLog          = event.KindLog
	KindFact         = event.KindFact
	KindQuestion     = event.KindQuestion
	KindAnswer       = event.KindAnswer
	KindPluginFailed = event.KindPluginFailed
	KindTaskDone     = event.KindTaskDone
)

// The payloads of events of work with a model, by kind.
type (
	// TurnStarted begins a turn.
	TurnStarted = event.TurnStarted
	// ModelCalled is logged before a model is called.
	ModelCalled = event.ModelCalled
	// ModelDelta is a piece of a message that is still growing.
	ModelDelta = event.ModelDelta
	// ModelRetry says that a model call is tried again.
	ModelRetry = event.ModelRetry
	// ModelMessage is a finished message of the model.
	ModelMessage = event.ModelMessage
	// ModelUsage is what one model call used and cost.
	ModelUsage = event.ModelUsage
	// ToolCall is logged before a tool runs.
	ToolCall = event.ToolCall
	// ToolResult is the receipt of a tool call.
	ToolResult = event.ToolResult
	// ResultStatus says how a tool call ended.
	ResultStatus = event.ResultStatus
	// PlanStatus says where a step of the plan stands.
	PlanStatus = event.PlanStatus
	// Status says where a task stands.
	Status = event.Status
	// PlanOp is one small edit of a plan.
	PlanOp = event.PlanOp
	// PlanEdited changes a task's plan.
	PlanEdited = event.PlanEdited
	// Card is what an approval asks.
	Card = event.Card
	// ApprovalAsked parks a call until it is answered.
	ApprovalAsked = event.ApprovalAsked
	// ApprovalAnswered is the first answer to an approval.
	ApprovalAnswered = event.ApprovalAnswered
	// MessageWhen says when a message is delivered.
	MessageWhen = event.MessageWhen
	// MessageQueued is a message of the person to a task.
	MessageQueued = event.MessageQueued
	// MessageChanged edits a message that waits.
	MessageChanged = event.MessageChanged
	// MessageDelivered says that the model has been given messages.
	MessageDelivered = event.MessageDelivered
	// ChildStarted says that a task started a sub-agent.
	ChildStarted = event.ChildStarted
	// ChildDone says how a sub-agent's run ended.
	ChildDone = event.ChildDone
	// Compacted replaces what the model is shown of the conversation.
	Compacted = event.Compacted
	// Finding is something the person should know.
	Finding = event.Finding
	// TaskPaused says that the task waits until it is resumed.
	TaskPaused = event.TaskPaused
	// TaskResumed says that a host took a task up again.
	TaskResumed = event.TaskResumed
	// TaskStopping says that the person asked the task to stop.
	TaskStopping = event.TaskStopping
	// Completion is the record of what a turn delivered.
	Completion = event.Completion
	// Delivered is a file in a completion record.
	Delivered = event.Delivered
	// CheckRun is a check that ran.
	CheckRun = event.CheckRun
	// Usage is what a run cost.
	Usage = event.Usage
)

// The kinds of event of work with a model.
const (
	KindTurnStarted      = event.KindTurnStarted
	KindModelCalled      = event.KindModelCalled
	KindModelDelta       = event.KindModelDelta
	KindModelRetry       = event.KindModelRetry
	KindModelMessage     = event.KindModelMessage
	KindUsage            = event.KindUsage
	KindToolCall         = event.KindToolCall
	KindToolResult       = event.KindToolResult
	KindPlanEdited       = event.KindPlanEdited
	KindTaskImported     = event.KindTaskImported
	KindApprovalAsked    = event.KindApprovalAsked
	KindApprovalAnswered = event.KindApprovalAnswered
	KindMessageQueued    = event.KindMessageQueued
	KindMessageChanged   = event.KindMessageChanged
	KindMessageDelivered = event.KindMessageDelivered
	KindChildStarted     = event.KindChildStarted
	KindChildDone        = event.KindChildDone
	KindCompacted        = event.KindCompacted
	KindFinding          = event.KindFinding
	KindTaskPaused       = event.KindTaskPaused
	KindTaskStopping     = event.KindTaskStopping
	KindCompletion       = event.KindCompletion
)

// The kinds of what a model's message grows by.
const (
	DeltaText     = model.DeltaText
	DeltaThinking = model.DeltaThinking
	DeltaInput    = model.DeltaInput
)

// The ways a tool call ends.
const (
	ResultOK          = event.ResultOK
	ResultError       = event.ResultError
	ResultInvalid     = event.ResultInvalid
	ResultDenied      = event.ResultDenied
	ResultInterrupted = event.ResultInterrupted
	ResultStopped     = event.ResultStopped
)

// The statuses of a plan's steps.
const (
	PlanPending = event.PlanPending
	PlanActive  = event.PlanActive
	PlanDone    = event.PlanDone
	PlanSkipped = event.PlanSkipped
)

// The times at which a message is delivered.
const (
	WhenNow  = event.WhenNow
	WhenNext = event.WhenNext
)

// The statuses of a task.
const (
	StatusRunning = event.StatusRunning
	StatusDone    = event.StatusDone
	StatusFailed  = event.StatusFailed
	StatusParked  = event.StatusParked
	StatusStopped = event.StatusStopped
	// StatusStopping is that of a task that was asked to stop.
	StatusStopping = event.StatusStopping
)

// EditPlan returns a plan after the edits, as a task's own state has it: an
// edit that cannot be changes nothing.
func EditPlan(steps []PlanStep, ops []PlanOp) []PlanStep {
	return plan.Fold(steps, ops)
}

// CountPlan says how many of a plan's steps are over.
func CountPlan(steps []PlanStep) (done, total int) { return plan.Count(steps) }
