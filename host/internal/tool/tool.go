// Package tool is the one door to tool calls: whatever a model asks for passes
// its schema, policy, the person where policy asks, and the log, in this
// order, before it runs. The host's own tools live in folders below it.
package tool

import (
	"context"
	"encoding/json"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
)

// Tool is one thing a model may call. Its methods may be called concurrently.
type Tool interface {
	// Spec describes the tool. It is the same on every call.
	Spec() Spec
	// Prepare reads the input, which has passed the schema, and says what the
	// call would do. It changes nothing. A [*pluginsdk.Error] goes to the model;
	// any other error is the host's. Beside an error it may return a Prepared
	// with nothing but Settle, for a call that may have run already.
	Prepare(ctx context.Context, call Call) (*Prepared, error)
}

// Spec describes a tool.
type Spec struct {
	Name string
	// Description is for the model: when to use it, what it returns, what it
	// does not do.
	Description string
	// Schema is the JSON Schema of the input, an object.
	Schema json.RawMessage
	// Effect is the worst a call can do. Calls that only read, and those that
	// spawn, run in parallel with their neighbours; all others in order.
	Effect policy.Effect
	// Deferred tools are not offered until the model searches for them, where
	// there are more tools than the request has room for.
	Deferred bool
}

// Call is one tool call of a model.
type Call struct {
	ID   string // the model's
	Step string // the step's, by which its changes can be undone
	Name string
	// Input is valid against the schema.
	Input json.RawMessage
}

// Prepared is a call that was read and not yet run.
type Prepared struct {
	// Summary says what it does in a few words: "read budget.csv".
	Summary string
	// Effect and Targets are what policy decides by; an empty Effect is the
	// tool's.
	Effect  policy.Effect
	Targets []string
	// Card is what the person is shown if policy asks. What is empty is filled
	// in from the fields above.
	Card event.Card
	// Run does it. A [*pluginsdk.Error] is an error of the tool and goes to the
	// model, with what to try next. Any other error is the host's: it ends the
	// run, and the model never sees it. Cancelling ctx ends it soon.
	Run func(ctx context.Context) (*Result, error)
	// Settle says what became of the call when the host died while it ran: its
	// result, or nil when nothing happened and it may simply run. A nil Settle
	// says that nobody knows; then a call that only reads is run again, and any
	// other is reported to the model as interrupted.
	Settle func(ctx context.Context) (*Result, error)
}

// Result is what a call returns.
type Result struct {
	// Text is for the model.
	Text      string
	Changes   []event.Change
	Seen      []event.Seen
	Artifacts []event.Artifact
	// Found are the names of deferred tools that are offered from now on.
	Found []string
	// Events are recorded together with the receipt, or not at all.
	Events []event.Payload
}
