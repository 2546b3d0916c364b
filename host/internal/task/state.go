package task

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/pluginsdk"
)

// State is what is known of a task: the fold of its events. What grows with
// the task is kept up to a limit; the log has all of it.
type State struct {
	ID        string               `json:"id"`
	Parent    string               `json:"parent,omitempty"`
	Created   event.TaskCreated    `json:"created"`
	Started   time.Time            `json:"started"`
	Updated   time.Time            `json:"updated"`
	Last      int64                `json:"last"` // sequence of the last event
	Status    event.Status         `json:"status"`
	Sandbox   string               `json:"sandbox,omitempty"`
	Steps     []Step               `json:"steps,omitempty"`
	Logs      []string             `json:"logs,omitempty"`
	Failures  []event.PluginFailed `json:"failures,omitempty"`
	Artifacts []event.Artifact     `json:"artifacts,omitempty"`
	Facts     []pluginsdk.Fact     `json:"facts,omitempty"`
	Brief     string               `json:"brief,omitempty"`
	Error     *event.Error         `json:"error,omitempty"`
	// Usage is what the task has used so far, with its sub-agents; the
	// duration is the last run's.
	Usage   event.Usage      `json:"usage"`
	Undone  []event.Reversal `json:"undone,omitempty"`
	Resumed int              `json:"resumed,omitempty"`

	// Imported says that the log came from elsewhere: it is for reading, and
	// the task never runs here.
	Imported bool `json:"imported,omitempty"`
	// StopAsked and Pausing say what the person asked of this run.
	StopAsked bool `json:"stop_asked,omitempty"`
	Pausing   bool `json:"pausing,omitempty"`

	Work
}

// Work is what is known of a task's work with a model.
type Work struct {
	Turn int `json:"turn,omitempty"`
	// TurnOver says that the last turn came to its end.
	TurnOver bool        `json:"turn_over,omitempty"`
	Plan     []plan.Step `json:"plan,omitempty"`
	// Approvals are those of this task: all that are open or whose call is not
	// over, and the last of the others.
	Approvals []Approval `json:"approvals,omitempty"`
	// Waiting are the open approvals of the task and its sub-agents. It is
	// filled in by [Manager.State], not by the fold.
	Waiting []Approval `json:"waiting,omitempty"`
	// Below is the sequence of the last event of every task below this one, by
	// its id: with Last it says up to where a tree is known. It is filled in by
	// [Manager.State], not by the fold.
	Below map[string]int64 `json:"below,omitempty"`
	// Queue are the messages that wait, in the order they are delivered in;
	// Messages counts all there ever were.
	Queue    []event.MessageQueued `json:"queue,omitempty"`
	Messages int                   `json:"messages,omitempty"`
	Children []ChildState          `json:"children,omitempty"`
	// Findings are the last ones; Completion is the last turn's.
	Findings   []event.Finding   `json:"findings,omitempty"`
	Completion *event.Completion `json:"completion,omitempty"`
	// Calls are the last tool calls and all that run; CallCount counts all.
	Calls     []Call `json:"calls,omitempty"`
	CallCount int    `json:"call_count,omitempty"`
	// Text is the model's last text.
	Text string `json:"text,omitempty"`
	// Context is what the last model call's input was made of, in tokens, and
	// Window the model's context window.
	Context map[string]int64 `json:"context,omitempty"`
	Window  int64            `json:"window,omitempty"`
	// Own is the part of Usage that is not the sub-agents'.
	Own event.Usage `json:"own_usage"`
}

// StepStatus says where a step stands.
type StepStatus string

// The statuses of a step.
const (
	StepRunning StepStatus = "running"
	StepDone    StepStatus = "done"
	StepFailed  StepStatus = "failed"
)

// Step is one call of a handler.
type Step struct {
	ID        string            `json:"id"`
	Plugin    string            `json:"plugin,omitempty"`
	Command   string            `json:"command,omitempty"`
	Values    map[string]string `json:"values,omitempty"`
	Model     string            `json:"model,omitempty"` // the one that goes on after it
	Status    StepStatus        `json:"status"`
	Plan      []string          `json:"plan,omitempty"`
	Changes   []event.Change    `json:"changes,omitempty"`
	Result    *event.StepResult `json:"result,omitempty"` // set when the handler returned
	Error     *event.Error      `json:"error,omitempty"`
	Questions []event.Question  `json:"questions,omitempty"`
	Answers   map[string]string `json:"answers,omitempty"` // by question id
}

// Approval is one approval and its answer.
type Approval struct {
	event.ApprovalAsked
	// Task is the task that asked.
	Task   string                  `json:"task"`
	Answer *event.ApprovalAnswered `json:"answer,omitempty"`
	// Settled says that its call is over: nobody asks for the answer again.
	Settled bool `json:"settled,omitempty"`
}

// ChildState is what a task knows of a sub-agent.
type ChildState struct {
	Child  string       `json:"child"`
	Call   string       `json:"call,omitempty"`
	Agent  string       `json:"agent,omitempty"`
	Title  string       `json:"title,omitempty"`
	Status event.Status `json:"status"`
	Usage  event.Usage  `json:"usage"`
	Error  *event.Error `json:"error,omitempty"`
}

// CallRunning is the status of a tool call without a result.
const CallRunning event.ResultStatus = "running"

// Call is a tool call in a few words.
type Call struct {
	Step       string             `json:"step,omitempty"`
	Call       string             `json:"call"`
	Tool       string             `json:"tool"`
	Summary    string             `json:"summary,omitempty"`
	Effect     string             `json:"effect,omitempty"`
	Rule       string             `json:"rule,omitempty"`
	Status     event.ResultStatus `json:"status"`
	Changes    int                `json:"changes,omitempty"` // how many files it changed
	DurationMS int64              `json:"duration_ms,omitempty"`
}

// Open returns the questions that wait for an answer.
func (s *State) Open() []event.Question {
	var open []event.Question
	for _, st := range s.Steps {
		if st.Status != StepRunning {
			continue
		}
		for _, q := range st.Questions {
			if _, ok := st.Answers[q.ID]; !ok {
				open = append(open, q)
			}
		}
	}
	return open
}

// OpenApprovals returns the approvals that wait for an answer. A task that
// came to another end than parking waits for none.
func (s *State) OpenApprovals() []Approval {
	if s.Over() && s.Status != event.StatusParked {
		return nil
	}
	var open []Approval
	for _, a := range s.Approvals {
		if a.Answer == nil {
			open = append(open, a)
		}
	}
	return open
}

// Over reports whether the task has come to an end that only resuming changes.
func (s *State) Over() bool {
	return s.Status != event.StatusRunning && s.Status != event.StatusStopping
}

// NextStep is the id of the step that comes next: steps are counted over
// handlers and tool calls.
func (s *State) NextStep() string {
	highest := 0
	count := func(id string) {
		if n, err := strconv.Atoi(id); err == nil {
			highest = max(highest, n)
		}
	}
	for _, st := range s.Steps {
		count(st.ID)
	}
	for _, c := range s.Calls {
		count(c.Step)
	}
	return strconv.Itoa(highest + 1)
}

// clone returns a copy that a later fold does not reach.
func (s *State) clone() State {
	out := *s
	out.Steps = slices.Clone(s.Steps)
	for i := range out.Steps {
		out.Steps[i].Answers = maps.Clone(out.Steps[i].Answers)
	}
	out.Logs = slices.Clone(s.Logs)
	out.Approvals = slices.Clone(s.Approvals)
	out.Queue = slices.Clone(s.Queue)
	out.Children = slices.Clone(s.Children)
	out.Findings = slices.Clone(s.Findings)
	out.Calls = slices.Clone(s.Calls)
	out.Plan = slices.Clone(s.Plan)
	out.Context = maps.Clone(s.Context)
	return out
}
