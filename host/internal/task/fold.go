package task

import (
	"github.com/cowork-host/cowork/host/internal/event"
)

// The bounds of what a state keeps. The newest stay.
const (
	maxLogs     = 1000
	maxCalls    = 300
	maxFindings = 200
	maxSettled  = 100 // approvals nobody asks for again
	maxList     = 1000
	maxText     = 256 << 10
	maxSummary  = 300
)

// Fold adds one event to the state. Kinds it does not know, and payloads that
// do not decode, change nothing but the sequence. Times are taken as they are:
// the order is the sequence's, whatever the clock did.
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
		s.StopAsked, s.Pausing = false, false
		s.Resumed++
		for i := range s.Steps { // why it failed is no longer why the task did
			s.Steps[i].Error = nil
		}
	case event.KindTaskStopping:
		s.Status, s.StopAsked = event.StatusStopping, true
	case event.KindTaskPaused:
		s.Pausing = true
	case event.KindTaskImported:
		p, _ := event.Decode[event.TaskImported](e)
		s.Imported = true
		if p.Status != "" {
			s.Status = p.Status
		}
	case event.KindSandboxReady:
		p, _ := event.Decode[event.SandboxReady](e)
		s.Sandbox = p.Sandbox
	case event.KindLog:
		p, _ := event.Decode[event.LogLine](e)
		s.Logs = last(append(s.Logs, p.Message), maxLogs)
	case event.KindPluginFailed:
		p, _ := event.Decode[event.PluginFailed](e)
		s.Failures = last(append(s.Failures, p), maxList)
	case event.KindTaskUndone:
		p, _ := event.Decode[event.TaskUndone](e)
		s.Undone = last(append(s.Undone, p.Reversals...), maxList)
	case event.KindTaskDone:
		p, _ := event.Decode[event.TaskDone](e)
		s.Artifacts, s.Facts, s.Error, s.Pausing = p.Artifacts, p.Facts, p.Error, false
		s.foldUsage(p.Usage)
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
		*st = Step{ID: p.Step, Plugin: p.Plugin, Command: p.Command, Values: p.Values, Model: p.Model, Status: StepRunning, Answers: answers}
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
	default:
		s.foldWork(e)
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

// last returns the end of a list, at most n of it. It moves the list only when
// it is a quarter too long.
func last[T any](list []T, n int) []T {
	if len(list) <= n+n/4 {
		return list
	}
	return append(list[:0:0], list[len(list)-n:]...)
}
