package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Connection is the model a host is connected to.
type Connection struct {
	Model model.Model
	// Name is the model asked for when a task names none.
	Name string
}

// The purposes of a model call.
const (
	forTurn       = "turn"
	forCompaction = "compaction"
	forHandler    = "generate"
	forRetry      = "retry" // only of what an attempt used that failed
)

// caller calls the model for one task and records what it used.
type caller struct {
	task  *task.Task
	conn  Connection
	step  string // whose handler asks, if one does
	price func(model string, u model.Usage) (cost, asOf string)
	// calls counts the task's model calls; record keeps events of the run.
	next   func() int
	record func(ctx context.Context, payloads ...event.Payload) error
	used   func(event.ModelUsage)
}

// call runs one request. It is durable that money may be spent before the
// request leaves; what came back, with what keep makes of it, is durable before
// anything is done with it.
func (c *caller) call(ctx context.Context, purpose string, req *model.Request, about event.ModelCalled, keep func(*model.Response, event.ModelUsage) event.Payload) (*model.Response, error) {
	about.Call, about.Purpose = c.next(), purpose
	if about.Model = req.Model; about.Model == "" {
		about.Model = c.conn.Name
	}
	if err := c.record(ctx, about); err != nil {
		return nil, err
	}
	res, err := c.stream(ctx, about, req)
	if err != nil {
		return nil, err
	}
	if res.Model != "" {
		about.Model = res.Model
	}
	used := c.usage(about, res.Usage)
	payloads := []event.Payload{used}
	if p := keep(res, used); p != nil {
		payloads = append(payloads, p)
	}
	c.used(used)
	// What was paid for is kept, also when the task is being stopped.
	return res, c.record(context.WithoutCancel(ctx), payloads...)
}

// usage is what a call used, at its price.
func (c *caller) usage(about event.ModelCalled, u model.Usage) event.ModelUsage {
	used := event.ModelUsage{Call: about.Call, Purpose: about.Purpose, Step: c.step, Model: about.Model, Usage: u}
	used.Cost, used.Prices = c.price(used.Model, u)
	return used
}

// failed keeps what an attempt used that came to nothing: it is paid for all
// the same.
func (c *caller) failed(ctx context.Context, about event.ModelCalled, u model.Usage) error {
	if u == (model.Usage{}) {
		return nil
	}
	about.Purpose = forRetry
	used := c.usage(about, u)
	c.used(used)
	return c.record(context.WithoutCancel(ctx), used)
}

// stream shows what comes in and returns the finished message.
func (c *caller) stream(ctx context.Context, about event.ModelCalled, req *model.Request) (*model.Response, error) {
	for chunk, err := range c.conn.Model.Generate(ctx, req) {
		switch {
		case err != nil:
			return nil, c.broken(ctx, about, err)
		case chunk.Response != nil:
			return chunk.Response, nil
		case chunk.Retry != nil:
			r := chunk.Retry
			c.task.Show(event.ModelRetry{Call: about.Call, Attempt: r.Attempt, WaitMS: r.Wait.Milliseconds(), Reason: r.Reason})
			if err := c.failed(ctx, about, r.Usage); err != nil {
				return nil, err
			}
		case chunk.Delta != nil && about.Purpose == forTurn:
			d := chunk.Delta
			c.task.Show(event.ModelDelta{Call: about.Call, What: d.Kind, Index: d.Index, Tool: d.Tool, Text: d.Text})
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, errors.New("the model's answer ended without a message")
}

// broken is the error of a call that came to nothing.
func (c *caller) broken(ctx context.Context, about event.ModelCalled, err error) error {
	var kept error
	if e, ok := errors.AsType[*model.Error](err); ok {
		kept = c.failed(ctx, about, e.Usage)
	}
	switch {
	case kept != nil:
		return kept
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return modelError(err)
}

// modelError makes a failed call an error for the person.
func modelError(err error) error {
	e, ok := errors.AsType[*model.Error](err)
	if !ok {
		return fmt.Errorf("call the model: %w", err)
	}
	kind := pluginsdk.ErrUnavailable
	switch e.Kind {
	case model.ErrorAuth:
		kind = pluginsdk.ErrDenied
	case model.ErrorRequest, model.ErrorTooLong:
		kind = pluginsdk.ErrInvalid
	}
	return errors.Join(errModel, err, &pluginsdk.Error{Kind: kind, Message: e.Message, Next: e.Next})
}

// errModel marks a failure of the model or the way to it.
var errModel = errors.New("the model failed")
