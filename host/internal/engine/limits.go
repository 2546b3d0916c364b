package engine

import (
	"context"
	"fmt"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

// question puts to the person whether a task that came to a limit goes on. The
// id is the same for the same occasion, so that a resumed task does not ask
// again what was answered.
func (r *run) question(ctx context.Context, id, about, action, reason, risk string) (bool, error) {
	answer, err := r.t.Approval(ctx, event.ApprovalAsked{ID: id, Card: event.Card{
		About: about, Action: action, Reason: reason, Risk: risk, Rule: about, Scopes: []string{string(policy.Once)},
	}})
	return answer.Allow, err
}

// asked are the questions about limits that the log has: a resumed task puts
// the same one again, and gets the answer that was given meanwhile.
type asked struct {
	open   string // the one the model was not told the outcome of
	reason string // why it is asked
	denied bool
	count  int
}

func (a *asked) fold(e *event.Opened, about string) {
	switch e.Kind {
	case event.KindApprovalAsked:
		if p, _ := event.As[event.ApprovalAsked](e); p.Card.About == about {
			a.count++
			a.open, a.reason, a.denied = p.ID, p.Card.Reason, false
		}
	case event.KindApprovalAnswered:
		if p, _ := event.As[event.ApprovalAnswered](e); p.ID == a.open {
			a.denied = !p.Allow
		}
	case event.KindMessageDelivered:
		a.open = ""
	case event.KindTaskDone:
		if d, _ := event.As[event.TaskDone](e); d.Status != event.StatusParked {
			a.open = ""
		}
	}
}

// unlooped pauses a task that goes round in circles: it is shown, and the
// person says whether it goes on.
func (r *run) unlooped(ctx context.Context) error {
	r.mu.Lock()
	trip, asked := r.trip, r.past.guard
	r.trip = nil
	r.mu.Unlock()
	id, message := asked.open, asked.reason
	switch {
	case trip == nil && id == "":
		return nil
	case trip != nil:
		message = trip.Message
	case asked.denied:
		// The person said no to going on as before, and now what to do instead.
		text, err := r.t.Deliver(ctx, r.turnNumber(), false)
		if err != nil || text != "" {
			return err
		}
	}
	if id == "" {
		id = fmt.Sprintf("guard-%d", asked.count+1)
		if err := r.t.Record(ctx, event.Finding{Rule: string(trip.Rule), Severity: "warning", Message: message}); err != nil {
			return err
		}
	}
	on, err := r.question(ctx, id, aboutGuard, "let the task go on", message, "it may go on without coming to an end, and costs money")
	if err != nil {
		return err
	}
	if !on {
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrDenied, Message: "the task was ended because it went round in circles: " + message,
			Next: "say what it should do instead with `cowork task message " + r.t.ID + " TEXT`",
		}
	}
	return r.tell(ctx, "The host noticed that you go round in circles: "+message+". The person lets you go on. Do it in another way, or say what keeps you from it.")
}
