package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

// decide asks policy about a call, with the task's switches.
func (r *run) decide(_ context.Context, call policy.Call) (policy.Decision, error) {
	call.Mode = policy.Mode(r.t.Spec.Mode)
	if call.Mode == "" {
		call.Mode = policy.Ask
	}
	call.Internet = !r.t.Spec.NoInternet
	call.Planned = r.planned() || r.agent != nil // a sub-agent is started by an approved plan only
	return policy.Decide(r.e.opts.Rules(r.root()), call), nil
}

// root is the task at the top of the tree.
func (r *run) root() string {
	if r.t.Spec.Root != "" {
		return r.t.Spec.Root
	}
	return r.t.ID
}

// approve puts a call to the person. What is allowed beyond the call becomes a
// grant before the call runs.
func (r *run) approve(ctx context.Context, asked event.ApprovalAsked, call policy.Call) (event.ApprovalAnswered, error) {
	if f := r.suspect(asked.Call, call.Tool, aim{call.Effect, call.Targets}); f != nil && !r.found(*f) {
		if err := r.t.Record(ctx, *f); err != nil {
			return event.ApprovalAnswered{}, err
		}
	}
	answer, err := r.t.Approval(ctx, asked)
	if err != nil || !answer.Allow || answer.Scope == "" || answer.Scope == string(policy.Once) {
		return answer, err
	}
	return answer, r.e.opts.Grant(r.root(), call, asked, answer)
}

// found reports whether the log has the finding already.
func (r *run) found(f event.Finding) bool {
	return slices.Contains(r.t.State().Findings, f)
}

// plan is the approval of the plan in mode "plan", as the log has it.
type planApproval struct {
	asked   int // how often
	open    string
	answer  *event.ApprovalAnswered
	planned bool
}

func (p *planApproval) fold(e *event.Opened) {
	switch e.Kind {
	case event.KindApprovalAsked:
		if a, _ := event.As[event.ApprovalAsked](e); a.Card.About == aboutPlan {
			p.asked++
			p.open, p.answer = a.ID, nil
		}
	case event.KindApprovalAnswered:
		if a, _ := event.As[event.ApprovalAnswered](e); p.open != "" && a.ID == p.open && p.answer == nil {
			p.answer, p.planned = &a, a.Allow
		}
	case event.KindMessageDelivered, event.KindTurnStarted:
		if p.answer != nil {
			p.open, p.answer = "", nil // the model was told
		}
	}
}

// What an approval can be about, beside a tool call.
const (
	aboutPlan  = "plan"
	aboutCap   = "cap"
	aboutGuard = "guard"
)

func (r *run) planned() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.past.plan.planned
}

// planTold reports whether the plan is approved and the model knows.
func (r *run) planTold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.past.plan.planned && r.past.plan.answer == nil
}

// ended is asked when the model has ended its turn. In mode "plan" the plan is
// then put to the person, who may have edited its steps; with the answer the
// turn goes on.
func (r *run) ended(ctx context.Context) (over bool, err error) {
	if r.t.Spec.Mode != string(policy.Plan) || r.agent != nil || r.planTold() {
		return true, nil
	}
	steps := r.t.State().Plan
	if len(steps) == 0 {
		return true, nil // it asked, or answered, without a plan
	}
	var details []string
	for i, s := range steps {
		details = append(details, fmt.Sprintf("%d. %s", i+1, s.Text))
	}
	answer, err := r.askPlan(ctx, "go ahead with this plan", details)
	if err != nil {
		return false, err
	}
	if !answer.Allow {
		text := "The person did not approve the plan."
		if answer.Reason != "" {
			text += " They say: " + answer.Reason
		}
		return false, r.tell(ctx, text+"\n\nChange the plan accordingly and end your turn again.")
	}
	var b strings.Builder
	b.WriteString("The person approved the plan. Its steps are now:\n")
	for _, s := range r.t.State().Plan {
		fmt.Fprintf(&b, "- %s (id %s)\n", s.Text, s.ID)
	}
	return false, r.tell(ctx, b.String()+"\nGo ahead.")
}

// askPlan puts a plan to the person, or takes up the question that is open.
func (r *run) askPlan(ctx context.Context, action string, details []string) (event.ApprovalAnswered, error) {
	r.mu.Lock()
	id := r.past.plan.open
	if id == "" {
		id = fmt.Sprintf("plan-%d", r.past.plan.asked+1)
	}
	r.mu.Unlock()
	return r.t.Approval(ctx, event.ApprovalAsked{ID: id, Card: event.Card{
		About: aboutPlan, Action: action, Details: details, Rule: "plan-mode", Scopes: []string{string(policy.Once)},
		Reason: "nothing is changed before you approve the plan",
	}})
}

// mayHandle asks, in mode "plan", before a handler runs: it writes its files by
// itself. Its plan is always the same.
func (r *run) mayHandle(ctx context.Context, j *job) error {
	if r.t.Spec.Mode != string(policy.Plan) || r.planned() {
		return nil
	}
	answer, err := r.askPlan(ctx, "run "+j.text, []string{
		"1. read the files it is given and compute, in the sandbox",
		"2. write its results as new files, which can be undone",
	})
	if err != nil || answer.Allow {
		return err
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrDenied, Message: strings.TrimSuffix("the plan was not approved: "+answer.Reason, ": "),
		Next: "start it in another way",
	}
}
