package engine

import (
	"context"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The bounds of one turn.
const (
	// maxCalls is how often the model is called in one turn. A loop guard
	// notices what goes round in circles long before.
	maxCalls = 500
	// maxOutput is how long a message may be, in tokens.
	maxOutput = 32_000
)

// converse is the loop of a turn: ask the model, run the tools it calls, give
// it the results and what the person said meanwhile, until it ends its turn.
func (r *run) converse(ctx context.Context) error {
	for range maxCalls {
		// A call of the model is a step, and so are the calls of tools: the
		// person can have the task stop behind either.
		if err := r.t.Halt(); err != nil {
			return err
		}
		if err := r.callTools(ctx); err != nil {
			return err
		}
		if err := r.t.Halt(); err != nil {
			return err
		}
		if err := r.unlooped(ctx); err != nil {
			return err
		}
		over, err := r.boundary(ctx)
		if err != nil || over {
			return err
		}
		if _, err := r.ask(ctx); err != nil {
			return err
		}
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrUnavailable, Message: "the turn has called the model very often without coming to an end",
		Next: "see what it did with `cowork task show " + r.t.ID + "`, and go on with `cowork task resume " + r.t.ID + "`",
	}
}

// tell adds a word of the host to the conversation.
func (r *run) tell(ctx context.Context, text string) error {
	return r.t.Record(ctx, event.MessageDelivered{IDs: []string{}, Turn: r.turnNumber(), Text: text})
}

// boundary is between the results of tools and the next call of the model, and
// at the end of the turn: messages that wait for it are delivered. over says
// that the model has ended its turn and nothing was said since.
func (r *run) boundary(ctx context.Context) (over bool, err error) {
	text, err := r.t.Deliver(ctx, r.turnNumber(), true)
	if err != nil || text != "" {
		return false, err
	}
	if over, err = r.mend(ctx); err != nil {
		return false, err
	}
	if !over {
		return false, r.compact(ctx, false)
	}
	return r.ended(ctx)
}
