package api

import (
	"context"
	"iter"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
)

// Tasks is the room that owns the tasks. Its methods may be called
// concurrently; each names what it refuses with a [pluginsdk.Error].
type Tasks interface {
	Runner
	Steerer
	Asker
	Keeper
}

// Runner begins and ends the work of tasks.
type Runner interface {
	// Start makes a task and returns its id when it is durable.
	Start(ctx context.Context, spec task.Spec) (id string, err error)
	// Resume runs an ended task again.
	Resume(ctx context.Context, id string, interactive bool) error
	// Retry runs a failed or stopped sub-agent again.
	Retry(ctx context.Context, id string) error
	// Stop ends a task and its sub-agents, with after when the running step is
	// over.
	Stop(ctx context.Context, id string, after bool) error
	// Pause ends the run at the next boundary.
	Pause(ctx context.Context, id, by string) error
}

// Steerer changes what a task is doing.
type Steerer interface {
	// Send queues a message and returns its id; a task that is over is resumed.
	Send(ctx context.Context, id string, msg event.MessageQueued) (messageID string, err error)
	// Change edits a message that waits.
	Change(ctx context.Context, id string, c event.MessageChanged) error
	// EditPlan edits the plan for the person.
	EditPlan(ctx context.Context, id string, ops []event.PlanOp) error
}

// Asker takes the person's answers.
type Asker interface {
	// Answer answers a question.
	Answer(ctx context.Context, id, question, value string) error
	// Approve answers an approval; the first answer stands.
	Approve(ctx context.Context, id string, a event.ApprovalAnswered) error
}

// Keeper knows the tasks there are.
type Keeper interface {
	// State is what is known of a task.
	State(ctx context.Context, id string) (*task.State, error)
	// Note records something that happened to a task that is not at work.
	Note(ctx context.Context, id string, p event.Payload) error
	// Done is closed when the task is not, or no longer, at work.
	Done(id string) <-chan struct{}
	// Active is the number of tasks at work.
	Active() int
	// Import adds a task from its exported log.
	Import(ctx context.Context, events iter.Seq2[event.Event, error]) (id string, err error)
}

// Models takes the connection to a model. Set is called whenever a client
// brings another one; what it keeps, it keeps in memory only.
type Models interface {
	Set(settings ModelSettings)
}
