package task

import (
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// State is what is known of a task: the fold of its events. Its JSON is what
// `cowork task show --json` summarises.
type State struct {
	ID        string
	Parent    string
	Created   event.TaskCreated
	Started   time.Time
	Updated   time.Time
	Last      int64 // sequence of the last event
	Status    event.Status
	Sandbox   string
	Steps     []Step
	Logs      []string
	Failures  []event.PluginFailed
	Artifacts []event.Artifact
	Facts     []pluginsdk.Fact
	Brief     string
	Error     *event.Error
	Usage     event.Usage
	Undone    []event.Reversal
	Resumed   int
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
	ID        string
	Plugin    string
	Command   string
	Values    map[string]string
	Status    StepStatus
	Plan      []string
	Changes   []event.Change
	Result    *event.StepResult // set when the handler returned
	Error     *event.Error
	Questions []event.Question
	Answers   map[string]string // by question id
}

// Fold adds one event to the state. Kinds it does not know, and payloads that
// do not decode, change nothing but the sequence.
func (s *State) Fold(e event.Event) {
	if e.Seq == 0 {
		return
	}
	s.Last, s.Updated = e.Seq, e.Time
	switch e.Kind {
	case event.KindTaskCreated:
		s.ID, s.Parent, s.Started, s.Status = e.Task, e.Parent, e.Time, event.StatusRunning
		s.Created, _ = event.Decode[event.TaskCreated](e)
	case event.KindTaskResumed:
		s.Status, s.Error, s.Brief, s.Artifacts, s.Facts = event.StatusRunning, nil, "", nil, nil
		s.Resumed++
		for i := range s.Steps { // why it failed is no longer why the task did
			s.Steps[i].Error = nil
		}
	case event.KindTaskStopping:
		s.Status = event.StatusStopping
	case event.KindSandboxReady:
		p, _ := event.Decode[event.SandboxReady](e)
		s.Sandbox = p.Sandbox
	case event.KindLog:
		p, _ := event.Decode[event.LogLine](e)
		s.Logs = append(s.Logs, p.Message)
	case event.KindPluginFailed:
		p, _ := event.Decode[event.PluginFailed](e)
		s.Failures = append(s.Failures, p)
	case event.KindTaskUndone:
		p, _ := event.Decode[event.TaskUndone](e)
		s.Undone = append(s.Undone, p.Reversals...)
	case event.KindTaskDone:
		p, _ := event.Decode[event.TaskDone](e)
		s.Artifacts, s.Facts, s.Error, s.Usage = p.Artifacts, p.Facts, p.Error, p.Usage
		if p.Status != "" {
			s.Status = p.Status
		}
	default:
		s.foldStep(e)
	}
}

func (s *State) foldStep(e event.Event) {
	switch e.Kind {
	case event.KindStepStarted:
		p, _ := event.Decode[event.StepStarted](e)
		st := s.step(p.Step)
		answers := st.Answers // given in an earlier run of the same step
		*st = Step{ID: p.Step, Plugin: p.Plugin, Command: p.Command, Values: p.Values, Status: StepRunning, Answers: answers}
	case event.KindPlan:
		p, _ := event.Decode[event.Plan](e)
		s.step(p.Step).Plan = p.Items
	case event.KindQuestion:
		p, _ := event.Decode[event.Question](e)
		st := s.step(p.Step)
		st.Questions = append(st.Questions, p)
	case event.KindAnswer:
		p, _ := event.Decode[event.Answer](e)
		st := s.step(p.Step)
		if st.Answers == nil {
			st.Answers = map[string]string{}
		}
		if _, first := st.Answers[p.ID]; !first {
			st.Answers[p.ID] = p.Value
		}
	case event.KindStepResult:
		p, _ := event.Decode[event.StepResult](e)
		s.step(p.Step).Result = &p
		s.Brief = p.Brief
	case event.KindStepApplied:
		p, _ := event.Decode[event.StepApplied](e)
		st := s.step(p.Step)
		st.Status, st.Changes = StepDone, p.Changes
	case event.KindStepFailed:
		p, _ := event.Decode[event.StepFailed](e)
		st := s.step(p.Step)
		st.Status, st.Error = StepFailed, p.Error
	}
}

// step returns the step with the id, which it adds when it is new.
func (s *State) step(id string) *Step {
	for i := range s.Steps {
		if s.Steps[i].ID == id {
			return &s.Steps[i]
		}
	}
	s.Steps = append(s.Steps, Step{ID: id, Status: StepRunning})
	return &s.Steps[len(s.Steps)-1]
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

// Over reports whether the task has come to an end that only resuming changes.
func (s *State) Over() bool {
	return s.Status != event.StatusRunning && s.Status != event.StatusStopping
}
