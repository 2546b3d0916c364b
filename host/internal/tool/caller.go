package tool

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
)

// Options are what a [Caller] works with. Tools, Record, NextStep and Decide
// are needed.
type Options struct {
	Tools *Set
	// Record appends events to the task's log; they are durable when it
	// returns. It must work with a context that is cancelled.
	Record func(ctx context.Context, payloads ...event.Payload) error
	// NextStep returns an id for a step that no step of the task ever had. It
	// is called in the order of the calls; not every id it gives is used.
	NextStep func() string
	// Decide is the policy with the task's switches. It is given the tool, the
	// effect and the targets. An error or a panic denies.
	Decide func(ctx context.Context, call policy.Call) (policy.Decision, error)
	// Before are asked after the policy, in order. They may tighten what it
	// decided and never loosen it; a panic denies.
	Before []Hook
	// Approve puts a card to the person and waits. For an id that was answered
	// before it returns that answer at once. An error ends the run without a
	// receipt; nil denies everything that is asked about.
	Approve func(ctx context.Context, asked event.ApprovalAsked, call policy.Call) (event.ApprovalAnswered, error)
	// Stopped says that ctx ended because the person stopped the task: only
	// then calls get the receipt "stopped". After any other end they are left
	// for the next run. Nil takes every end for a stop.
	Stopped func(ctx context.Context) bool
	// Parallel is how many calls run at once; 0 is 8.
	Parallel int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Hook looks at a call before it runs.
type Hook func(ctx context.Context, call Call, prepared *Prepared) policy.Decision

const defaultParallel = 8

// Caller is the one door to tool calls. It may be used concurrently.
type Caller struct{ opts Options }

// NewCaller returns a caller.
func NewCaller(opts Options) *Caller {
	if opts.Parallel <= 0 {
		opts.Parallel = defaultParallel
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Stopped == nil {
		opts.Stopped = func(ctx context.Context) bool { return ctx.Err() != nil }
	}
	return &Caller{opts: opts}
}

// Known is what the log has of a call from an earlier run.
type Known struct {
	// Step is the call's, if it was started.
	Step string
	// Started says that there is a tool.call: it may have had effects.
	Started bool
	// Finished says that there is a receipt.
	Finished bool
}

// Remember folds an event into what is known of a message's calls. The caller
// starts with an empty map at every message of the model.
func Remember(known map[string]Known, p event.Payload) {
	switch p := p.(type) {
	case event.ToolCall:
		k := known[p.Call]
		k.Step, k.Started = p.Step, true
		known[p.Call] = k
	case event.ToolResult:
		k := known[p.Call]
		k.Finished = true
		known[p.Call] = k
	}
}

// Keys returns the id under which the log has each call of one message: the
// model's, and for one that is empty or was used before in the same message,
// that with "#" and its place.
func Keys(calls []model.ToolCall) []string {
	keys := make([]string, len(calls))
	taken := map[string]bool{"": true}
	for _, c := range calls {
		if c.ID != "" {
			taken[c.ID] = true
		}
	}
	used := map[string]bool{"": true}
	for i, c := range calls {
		key := c.ID
		for n := i + 1; used[key] || key != c.ID && taken[key]; n++ {
			key = c.ID + "#" + strconv.Itoa(n)
		}
		used[key] = true
		keys[i] = key
	}
	return keys
}

// item is one call of a batch.
type item struct {
	call    Call
	key     string // the call's id in the log
	message int
	place   int
	known   Known
	entry   *entry
	refused error // why it cannot be called at all
	began   time.Time
}

// together reports whether the call may run beside its neighbours.
func (it *item) together() bool {
	return it.refused != nil || it.entry.spec.Effect == policy.Read || it.entry.spec.Effect == policy.Spawn
}

// Do runs the calls of one message of the model and records a receipt for each
// that has none. Neighbours that only read or spawn run in parallel, all others
// alone and in order; receipts may be recorded in another order than the calls
// have. message is the number of the model call the message came from, which
// makes approvals of different messages different. known is what the log has of
// these calls, by [Keys]: a finished call is not run again.
//
// An error is the host's, or that of a wait that ended without an answer: calls
// beside the one it came from finish and have their receipts, that one and
// those behind it have none. When ctx ends the error is its cause.
func (c *Caller) Do(ctx context.Context, message int, calls []model.ToolCall, known map[string]Known) error {
	items := c.items(message, calls, known)
	for len(items) > 0 {
		n := 1
		if items[0].together() {
			for n < len(items) && items[n].together() {
				n++
			}
		}
		if err := c.group(ctx, items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// items are the calls that have no receipt yet.
func (c *Caller) items(message int, calls []model.ToolCall, known map[string]Known) []*item {
	keys := Keys(calls)
	var items []*item
	for i, call := range calls {
		it := &item{
			key: keys[i], message: message, place: i, known: known[keys[i]],
			call: Call{ID: keys[i], Name: call.Name, Input: call.Input},
		}
		if it.known.Finished {
			continue
		}
		if keys[i] != call.ID {
			it.refused = errTwice
		} else if it.entry, it.refused = c.opts.Tools.lookup(call.Name); it.refused == nil {
			it.call.Input, it.refused = it.entry.check(call.Input)
		}
		if it.call.Step = it.known.Step; it.call.Step == "" && it.refused == nil {
			it.call.Step = c.opts.NextStep()
		}
		items = append(items, it)
	}
	return items
}

// group runs calls in parallel and waits for all of them.
func (c *Caller) group(ctx context.Context, items []*item) error {
	if len(items) == 1 {
		return c.one(ctx, items[0])
	}
	errs := make([]error, len(items))
	slots := make(chan struct{}, c.opts.Parallel)
	var wait sync.WaitGroup
	for i, it := range items {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			errs[i] = c.one(ctx, it)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// one brings a call to its receipt. An error is not the tool's.
func (c *Caller) one(ctx context.Context, it *item) error {
	it.began = c.opts.Now()
	if ctx.Err() != nil {
		return c.ended(ctx, it, nil)
	}
	if it.known.Started {
		if done, err := c.settle(ctx, it); done || err != nil {
			return err
		}
	}
	if it.refused != nil {
		return c.receipt(ctx, it, event.ResultInvalid, &Result{Text: said(it.refused)})
	}
	prepared, err := c.prepare(ctx, it)
	if err != nil {
		return c.failed(ctx, it, err)
	}
	allowed, rule, err := c.authorise(ctx, it, prepared)
	if err != nil || !allowed {
		return err
	}
	if !it.known.Started {
		started := event.ToolCall{
			Step: it.call.Step, Call: it.key, Tool: it.call.Name, Input: it.call.Input,
			Summary: line(prepared.Summary), Effect: string(it.effect(prepared)), Targets: prepared.Targets, Rule: rule,
		}
		if err := c.opts.Record(ctx, started); err != nil {
			return err
		}
		it.known.Started = true
	}
	if ctx.Err() != nil {
		return c.ended(ctx, it, nil)
	}
	it.began = c.opts.Now()
	res, err := guarded(func() (*Result, error) { return prepared.Run(ctx) })
	if err != nil {
		return c.failed(ctx, it, err)
	}
	return c.receipt(ctx, it, event.ResultOK, res)
}

// prepare reads the call. What it returns without an error can run and has a
// summary.
func (c *Caller) prepare(ctx context.Context, it *item) (*Prepared, error) {
	p, err := guarded(func() (*Prepared, error) { return it.entry.prepare(ctx, it.call) })
	if err != nil {
		return p, err
	}
	if p == nil || p.Run == nil {
		return nil, &panicError{value: "the tool prepared nothing to run"}
	}
	if it.together() && p.Effect != "" && p.Effect != policy.Read && p.Effect != it.entry.spec.Effect {
		return nil, &panicError{value: fmt.Sprintf("the tool says its calls %s, but this one would %s", it.entry.spec.Effect, p.Effect)}
	}
	if p.Summary == "" {
		p.Summary = it.call.Name
	}
	return p, nil
}

func (it *item) effect(p *Prepared) policy.Effect {
	if p != nil && p.Effect != "" {
		return p.Effect
	}
	return it.entry.spec.Effect
}

// panicError is a panic in a tool.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("%.500v", e.value) }

// guarded calls f and turns a panic into an error.
func guarded[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p}
		}
	}()
	return f()
}
