package tool

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

// MaxText bounds the text of one result in bytes; the rest is left out, and the
// text says so.
const MaxText = 4 << 20

// receipt records how a call ended, with everything that goes with it, in one
// append.
func (c *Caller) receipt(ctx context.Context, it *item, status event.ResultStatus, res *Result, more ...event.Payload) error {
	if res == nil {
		res = &Result{}
	}
	r := event.ToolResult{
		Call: it.key, Tool: line(it.call.Name), Status: status, Text: bounded(res.Text),
		Changes: res.Changes, Seen: res.Seen, Artifacts: res.Artifacts, Found: res.Found,
		DurationMS: max(0, c.opts.Now().Sub(it.began).Milliseconds()),
	}
	if it.known.Started {
		r.Step = it.call.Step
	}
	if r.Text == "" {
		r.Text = "(no output)"
	}
	payloads := append([]event.Payload{r}, res.Events...)
	return c.opts.Record(ctx, append(payloads, more...)...)
}

// bounded is a result's text as the log can keep it.
func bounded(s string) string {
	total := len(s)
	if total > MaxText {
		s = clip(s, MaxText)
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if total > MaxText {
		s += fmt.Sprintf("\n[cut: the result has %d bytes, of which %d are kept; ask for less at a time]", total, MaxText)
	}
	return s
}

// said is an error in words for the model, with what to try next.
func said(err error) string {
	user, ok := errors.AsType[*pluginsdk.Error](err)
	if !ok {
		return err.Error()
	}
	if user.Next == "" {
		return user.Message
	}
	return user.Message + "\nNext: " + user.Next
}

// failed gives a call that returned an error its receipt, if the error is the
// tool's; a host error is returned.
func (c *Caller) failed(ctx context.Context, it *item, err error) error {
	if p, ok := errors.AsType[*panicError](err); ok {
		finding := event.Finding{
			Rule: "tool.panic", Severity: "error", Call: it.key,
			Message: fmt.Sprintf("the tool %s failed by a fault of its own: %s", it.call.Name, line(p.Error())),
		}
		text := fmt.Sprintf("the tool %s failed by a fault of its own\nNext: try another way; the same call is likely to fail again", it.call.Name)
		return c.receipt(ctx, it, event.ResultError, &Result{Text: text}, finding)
	}
	if ctx.Err() != nil {
		return c.ended(ctx, it, err)
	}
	if _, ok := errors.AsType[*pluginsdk.Error](err); ok {
		return c.receipt(ctx, it, event.ResultError, &Result{Text: said(err)})
	}
	return err
}

// ended is for a call whose context ended before the call did. Only a stop by
// the person is final; after anything else the call waits for the next run.
func (c *Caller) ended(ctx context.Context, it *item, err error) error {
	if !c.opts.Stopped(ctx) {
		if err == nil {
			err = context.Cause(ctx)
		}
		return err
	}
	text := "The task was stopped before this call began. Nothing of it happened."
	if it.known.Started {
		text = "The task was stopped while this call ran."
		if it.entry != nil && it.entry.spec.Effect != policy.Read {
			text += " It may have had effects: look before you do it again."
		}
	}
	return c.receipt(ctx, it, event.ResultStopped, &Result{Text: text})
}

// settle finds out what became of a call that was started by a host that died.
// done is false when it may simply run, as if it were new.
func (c *Caller) settle(ctx context.Context, it *item) (done bool, err error) {
	if it.refused != nil {
		return true, c.interrupted(ctx, it)
	}
	p, err := c.prepare(ctx, it)
	if err != nil {
		if ctx.Err() != nil {
			return true, c.ended(ctx, it, err)
		}
		if p == nil || p.Settle == nil {
			if it.entry.spec.Effect == policy.Read {
				return false, nil
			}
			return true, c.interrupted(ctx, it)
		}
	}
	if p.Settle == nil {
		if it.effect(p) == policy.Read {
			return false, nil
		}
		return true, c.interrupted(ctx, it)
	}
	res, err := guarded(func() (*Result, error) { return p.Settle(ctx) })
	switch {
	case err != nil:
		return true, c.failed(ctx, it, err)
	case res == nil:
		return false, nil
	}
	return true, c.receipt(ctx, it, event.ResultOK, res)
}

func (c *Caller) interrupted(ctx context.Context, it *item) error {
	text := "This call was cut off when the host ended, and nobody knows how far it came: it may have happened, in part or whole. " +
		"Look at the result before you decide to do it again."
	return c.receipt(ctx, it, event.ResultInterrupted, &Result{Text: text})
}
