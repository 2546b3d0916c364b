package task

import (
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
)

// said is the part of a model's message that a state keeps. Not to read the
// rest is half the time of a fold.
type said struct {
	Text string `json:"text"`
}

// EventKind returns [event.KindModelMessage].
func (said) EventKind() event.Kind { return event.KindModelMessage }

// receipt is the part of a tool's result that a state keeps.
type receipt struct {
	Step       string             `json:"step"`
	Call       string             `json:"call"`
	Tool       string             `json:"tool"`
	Status     event.ResultStatus `json:"status"`
	Changes    []struct{}         `json:"changes"`
	DurationMS int64              `json:"duration_ms"`
}

// EventKind returns [event.KindToolResult].
func (receipt) EventKind() event.Kind { return event.KindToolResult }

// foldWork folds the events of work with a model.
func (s *State) foldWork(e event.Event) {
	switch e.Kind {
	case event.KindTurnStarted:
		p, _ := event.Decode[event.TurnStarted](e)
		s.Turn, s.TurnOver, s.Completion = max(s.Turn, p.Turn), false, nil
	case event.KindModelCalled:
		p, _ := event.Decode[event.ModelCalled](e)
		if p.Purpose == "turn" {
			s.Context, s.Window = p.Context, p.Window
		}
	case event.KindModelMessage:
		p, _ := event.Decode[said](e)
		if p.Text != "" {
			s.Text = clip(p.Text, maxText)
		}
	case event.KindUsage:
		p, _ := event.Decode[event.ModelUsage](e)
		s.Own.ModelCalls++
		s.Own.InputTokens += p.InputTotal()
		s.Own.OutputTokens += p.Output
		s.Own.CacheReadTokens += p.CacheRead
		s.Own.Cost = event.AddCost(s.Own.Cost, p.Cost)
		s.total()
	case event.KindPlanEdited:
		p, _ := event.Decode[event.PlanEdited](e)
		s.Plan = plan.Fold(s.Plan, p.Ops)
	case event.KindFinding:
		p, _ := event.Decode[event.Finding](e)
		s.Findings = last(append(s.Findings, p), maxFindings)
	case event.KindCompletion:
		p, err := event.Decode[event.Completion](e)
		if err == nil {
			s.Completion, s.TurnOver = &p, true
		}
	case event.KindChildStarted, event.KindChildDone:
		s.foldChild(e)
	case event.KindMessageQueued, event.KindMessageChanged, event.KindMessageDelivered:
		s.foldMessage(e)
	case event.KindToolCall, event.KindToolResult:
		s.foldCall(e)
	case event.KindApprovalAsked, event.KindApprovalAnswered:
		s.foldApproval(e)
	}
}

// foldUsage takes what a run's end says of its usage. What its calls said
// themselves is more exact.
func (s *State) foldUsage(u event.Usage) {
	if s.Own.ModelCalls == 0 && len(s.Children) == 0 {
		s.Usage = u
		return
	}
	s.Usage.DurationMS = u.DurationMS
	s.total()
}

// total sums the task's own usage and its sub-agents'.
func (s *State) total() {
	ran := s.Usage.DurationMS
	s.Usage = s.Own
	s.Usage.DurationMS = ran
	for _, c := range s.Children {
		s.Usage.ModelCalls += c.Usage.ModelCalls
		s.Usage.InputTokens += c.Usage.InputTokens
		s.Usage.OutputTokens += c.Usage.OutputTokens
		s.Usage.CacheReadTokens += c.Usage.CacheReadTokens
		s.Usage.Cost = event.AddCost(s.Usage.Cost, c.Usage.Cost)
	}
}

func (s *State) foldChild(e event.Event) {
	if e.Kind == event.KindChildStarted {
		p, err := event.Decode[event.ChildStarted](e)
		if err == nil && s.child(p.Child) == nil {
			s.Children = append(s.Children, ChildState{
				Child: p.Child, Call: p.Call, Agent: p.Agent, Title: clip(p.Title, maxSummary), Status: event.StatusRunning,
			})
		}
		return
	}
	p, _ := event.Decode[event.ChildDone](e)
	if c := s.child(p.Child); c != nil {
		c.Status, c.Usage, c.Error = p.Status, p.Usage, p.Error
		s.total()
	}
}

func (s *State) child(id string) *ChildState {
	for i := len(s.Children) - 1; i >= 0; i-- {
		if s.Children[i].Child == id {
			return &s.Children[i]
		}
	}
	return nil
}

func (s *State) foldMessage(e event.Event) {
	switch e.Kind {
	case event.KindMessageQueued:
		p, err := event.Decode[event.MessageQueued](e)
		if err == nil && s.message(p.ID) < 0 {
			s.Queue = append(s.Queue, p)
			s.Messages++
		}
	case event.KindMessageDelivered:
		p, _ := event.Decode[event.MessageDelivered](e)
		for _, id := range p.IDs {
			if at := s.message(id); at >= 0 {
				s.Queue = slices.Delete(s.Queue, at, at+1)
			}
		}
	case event.KindMessageChanged:
		p, _ := event.Decode[event.MessageChanged](e)
		s.changeMessage(p)
	}
}

func (s *State) changeMessage(p event.MessageChanged) {
	at := s.message(p.ID)
	if at < 0 {
		return
	}
	msg := s.Queue[at]
	if p.Remove {
		s.Queue = slices.Delete(s.Queue, at, at+1)
		return
	}
	if p.Text != "" {
		msg.Text = p.Text
	}
	if p.When != "" {
		msg.When = p.When
	}
	s.Queue[at] = msg
	if p.Before == "" || p.Before == p.ID {
		return
	}
	to := len(s.Queue)
	if p.Before != "end" {
		if to = s.message(p.Before); to < 0 {
			return
		}
	}
	if to > at {
		to--
	}
	s.Queue = slices.Insert(slices.Delete(s.Queue, at, at+1), to, msg)
}

// message is the place in the queue of a message that waits, or -1.
func (s *State) message(id string) int {
	return slices.IndexFunc(s.Queue, func(m event.MessageQueued) bool { return m.ID == id })
}

func (s *State) foldCall(e event.Event) {
	if e.Kind == event.KindToolCall {
		p, _ := event.Decode[event.ToolCall](e)
		c := Call{
			Step: p.Step, Call: p.Call, Tool: p.Tool, Summary: clip(p.Summary, maxSummary),
			Effect: p.Effect, Rule: clip(p.Rule, maxSummary), Status: CallRunning,
		}
		if old := s.call(p.Call); old != nil { // it runs again after a crash
			*old = c
			return
		}
		s.addCall(c)
		return
	}
	p, err := event.Decode[receipt](e)
	if err != nil {
		return
	}
	c := s.call(p.Call)
	if c == nil { // it never began: an unknown tool, a denial
		s.addCall(Call{Step: p.Step, Call: p.Call, Tool: p.Tool})
		c = &s.Calls[len(s.Calls)-1]
	}
	c.Status, c.Changes, c.DurationMS = p.Status, len(p.Changes), p.DurationMS
	for i := range s.Approvals {
		if a := &s.Approvals[i]; a.Call != "" && a.Call == p.Call {
			a.Settled, a.Card.Details = true, nil
		}
	}
	s.trimApprovals()
}

// addCall adds a call and lets go of the oldest that are over.
func (s *State) addCall(c Call) {
	s.Calls = append(s.Calls, c)
	s.CallCount++
	if len(s.Calls) <= maxCalls+maxCalls/4 {
		return
	}
	excess := len(s.Calls) - maxCalls
	s.Calls = slices.DeleteFunc(s.Calls, func(c Call) bool {
		if excess == 0 || c.Status == CallRunning {
			return false
		}
		excess--
		return true
	})
}

// call returns the newest call with the model's id.
func (s *State) call(id string) *Call {
	for i := len(s.Calls) - 1; i >= 0; i-- {
		if s.Calls[i].Call == id {
			return &s.Calls[i]
		}
	}
	return nil
}

func (s *State) foldApproval(e event.Event) {
	if e.Kind == event.KindApprovalAsked {
		p, err := event.Decode[event.ApprovalAsked](e)
		if err == nil && s.approval(p.ID) == nil {
			s.Approvals = append(s.Approvals, Approval{ApprovalAsked: p, Task: e.Task})
			s.trimApprovals()
		}
		return
	}
	p, _ := event.Decode[event.ApprovalAnswered](e)
	if a := s.approval(p.ID); a != nil && a.Answer == nil { // the first one stands
		a.Answer = &p
	}
}

func (s *State) approval(id string) *Approval {
	for i := len(s.Approvals) - 1; i >= 0; i-- {
		if s.Approvals[i].ID == id {
			return &s.Approvals[i]
		}
	}
	return nil
}

// trimApprovals lets go of the oldest approvals whose calls are over.
func (s *State) trimApprovals() {
	settled := 0
	for _, a := range s.Approvals {
		if a.Settled {
			settled++
		}
	}
	if settled <= maxSettled+maxSettled/4 {
		return
	}
	s.Approvals = slices.DeleteFunc(s.Approvals, func(a Approval) bool {
		if !a.Settled || settled <= maxSettled {
			return false
		}
		settled--
		return true
	})
}

// clip cuts a text to at most n bytes, between characters.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n-3], "") + "…"
}
