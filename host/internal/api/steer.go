package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

func (s *Server) state(w http.ResponseWriter, r *http.Request) {
	state, err := s.opts.Tasks.State(r.Context(), r.PathValue("task"))
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, state)
}

func (s *Server) stop(w http.ResponseWriter, r *http.Request) {
	var req StopRequest
	if !decode(w, r, &req) {
		return
	}
	s.did(w, s.opts.Tasks.Stop(r.Context(), r.PathValue("task"), req.After))
}

func (s *Server) pause(w http.ResponseWriter, r *http.Request) {
	var req PauseRequest
	if !decode(w, r, &req) {
		return
	}
	by, err := from(req.By)
	if err == nil {
		err = s.opts.Tasks.Pause(r.Context(), r.PathValue("task"), by)
	}
	s.did(w, err)
}

func (s *Server) retry(w http.ResponseWriter, r *http.Request) {
	if err := s.opts.Tasks.Retry(r.Context(), r.PathValue("task")); err != nil {
		fail(w, err)
		return
	}
	reply(w, RunResponse{Task: r.PathValue("task")})
}

func (s *Server) message(w http.ResponseWriter, r *http.Request) {
	var req MessageRequest
	if !decode(w, r, &req) {
		return
	}
	msg := event.MessageQueued{Text: req.Text, When: req.When, From: "person"}
	if msg.When == "" {
		msg.When = event.WhenNow
	}
	err := checkWhen(msg.When)
	if err == nil && strings.TrimSpace(msg.Text) == "" {
		err = pluginsdk.Invalid("write what the task should know", "the message is empty")
	}
	if err != nil {
		fail(w, err)
		return
	}
	id, err := s.opts.Tasks.Send(r.Context(), r.PathValue("task"), msg)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, MessageResponse{ID: id})
}

func (s *Server) changeMessage(w http.ResponseWriter, r *http.Request) {
	var req MessageChange
	if !decode(w, r, &req) {
		return
	}
	err := checkWhen(req.When)
	switch {
	case err != nil:
	case req == (MessageChange{}):
		err = pluginsdk.Invalid("send text, when, before or remove", "nothing of the message would change")
	case req.Text != "" && strings.TrimSpace(req.Text) == "":
		err = pluginsdk.Invalid("remove the message instead", "the message would be empty")
	default:
		err = s.opts.Tasks.Change(r.Context(), r.PathValue("task"), event.MessageChanged{
			ID: r.PathValue("message"), Text: req.Text, When: req.When, Before: req.Before, Remove: req.Remove,
		})
	}
	s.did(w, err)
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	var req ApprovalRequest
	if !decode(w, r, &req) {
		return
	}
	id := r.PathValue("task")
	by, err := from(req.By)
	if err == nil {
		err = s.checkApproval(r.Context(), id, &req)
	}
	if err == nil {
		err = s.opts.Tasks.Approve(r.Context(), id, event.ApprovalAnswered{
			ID: req.ID, Allow: req.Allow, Scope: req.Scope, Reason: req.Reason, By: by,
		})
	}
	s.did(w, err)
}

// checkApproval refuses an answer that is not one, or not to the card that was
// seen, and fills in the scope.
func (s *Server) checkApproval(ctx context.Context, id string, req *ApprovalRequest) error {
	switch {
	case !req.Allow && req.Scope != "":
		return pluginsdk.Invalid("leave the scope out", "a denial has no scope: it is for this call")
	case req.Allow && req.Scope == "":
		req.Scope = string(policy.Once)
	}
	if req.Allow {
		switch policy.Scope(req.Scope) {
		case policy.Once, policy.Task, policy.Always:
		default:
			return pluginsdk.Invalid("use once, task or always", "%.40q is no scope", req.Scope)
		}
	}
	if req.Digest == "" {
		return nil
	}
	if req.ID == "" {
		return pluginsdk.Invalid("send the approval's id too", "a digest says nothing without the approval's id")
	}
	asked, err := s.asked(ctx, id, req.ID, map[string]bool{})
	if err != nil {
		return err
	}
	if asked.Digest != req.Digest {
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: "the answer is for another call than the one that waits",
			Next: "look at the card again with `cowork task show " + id + "`",
		}
	}
	return nil
}

// asked finds an approval in the logs of a task and its sub-agents.
func (s *Server) asked(ctx context.Context, id, approval string, seen map[string]bool) (event.ApprovalAsked, error) {
	seen[id] = true
	var children []string
	for e, err := range s.opts.Log.Read(ctx, id, 1) {
		if err != nil {
			return event.ApprovalAsked{}, err
		}
		switch e.Kind {
		case event.KindApprovalAsked:
			if p, err := event.Decode[event.ApprovalAsked](e); err == nil && p.ID == approval {
				return p, nil
			}
		case event.KindChildStarted:
			if p, err := event.Decode[event.ChildStarted](e); err == nil && !seen[p.Child] {
				children = append(children, p.Child)
			}
		}
	}
	for _, c := range children {
		p, err := s.asked(ctx, c, approval, seen)
		if err == nil || pluginsdk.Code(err) != "not_found" {
			return p, err
		}
	}
	return event.ApprovalAsked{}, &pluginsdk.Error{
		Kind: pluginsdk.ErrNotFound, Message: "the task asks for no approval " + approval,
		Next: "see what it asks with `cowork task show " + id + "`",
	}
}

func (s *Server) plan(w http.ResponseWriter, r *http.Request) {
	var req PlanRequest
	if !decode(w, r, &req) {
		return
	}
	if len(req.Ops) == 0 {
		fail(w, pluginsdk.Invalid("send at least one operation", "nothing of the plan would change"))
		return
	}
	for _, op := range req.Ops {
		switch op.Op {
		case "add", "edit", "status", "move", "remove":
		default:
			fail(w, pluginsdk.Invalid("use add, edit, status, move or remove", "%.40q is no way to edit a plan", op.Op))
			return
		}
	}
	s.did(w, s.opts.Tasks.EditPlan(r.Context(), r.PathValue("task"), req.Ops))
}

// did answers a request that has no more to tell than whether it worked.
func (s *Server) did(w http.ResponseWriter, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, struct{}{})
}

// from names the surface a request comes from.
func from(by string) (string, error) {
	switch by {
	case "":
		return "api", nil
	case "terminal", "web", "api":
		return by, nil
	}
	return "", pluginsdk.Invalid("use terminal, web or api", "%.40q is no surface of cowork", by)
}

func checkWhen(when event.MessageWhen) error {
	switch when {
	case "", event.WhenNow, event.WhenNext:
		return nil
	}
	return pluginsdk.Invalid("use now or next", "%.40q is no time of delivery", when)
}

// money is an amount of US dollars.
var money = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)

// checkBudget refuses what is not an amount of money. Nothing is one: then the
// task asks before anything is spent, as with a cap of "0".
func checkBudget(budget string) error {
	if budget == "" || money.MatchString(budget) {
		return nil
	}
	return pluginsdk.Invalid("write it in US dollars, as in 2.50", "%.40q is no budget", budget)
}
