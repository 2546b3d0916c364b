package tool

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
)

// authorise asks the policy, the hooks and, if they say so, the person. A call
// that is not allowed gets its receipt here. rule is what allowed it.
func (c *Caller) authorise(ctx context.Context, it *item, p *Prepared) (allowed bool, rule string, err error) {
	asked := policy.Call{Tool: it.call.Name, Effect: it.effect(p), Targets: slices.Clone(p.Targets)}
	d := c.decide(ctx, asked)
	for _, hook := range c.opts.Before {
		h, err := guarded(func() (policy.Decision, error) { return hook(ctx, it.call, p), nil })
		if err != nil {
			h = policy.Decision{Verdict: policy.Deny, Rule: "hook", Reason: "a hook failed: " + err.Error()}
		}
		d = tighter(d, h)
	}
	switch d.Verdict {
	case policy.Allow:
		return true, d.Rule, nil
	case policy.AskUser:
		return c.ask(ctx, it, p, asked, d)
	}
	text := fmt.Sprintf("Denied by the rule %q: %s\nDo not try to reach the same by other means. Go on without it, or tell the person what you need it for.", d.Rule, d.Reason)
	return false, "", c.receipt(ctx, it, event.ResultDenied, &Result{Text: text})
}

func (c *Caller) decide(ctx context.Context, call policy.Call) policy.Decision {
	d, err := guarded(func() (policy.Decision, error) { return c.opts.Decide(ctx, call) })
	if err != nil {
		return policy.Decision{Verdict: policy.Deny, Rule: "error", Reason: "the policy failed, and what it cannot decide is denied"}
	}
	return d
}

// tighter returns the stricter of two decisions, the first if they are equal.
func tighter(a, b policy.Decision) policy.Decision {
	if strictness(b.Verdict) > strictness(a.Verdict) {
		return b
	}
	return a
}

// strictness orders the verdicts; one that nobody knows is a deny.
func strictness(v policy.Verdict) int {
	switch v {
	case policy.Allow:
		return 0
	case policy.AskUser:
		return 1
	}
	return 2
}

func (c *Caller) ask(ctx context.Context, it *item, p *Prepared, call policy.Call, d policy.Decision) (bool, string, error) {
	if c.opts.Approve == nil {
		text := "This needs the person's approval, and nobody can be asked: " + d.Reason
		return false, "", c.receipt(ctx, it, event.ResultDenied, &Result{Text: text})
	}
	digest := Digest(it.call.Name, it.call.Input)
	asked := event.ApprovalAsked{
		ID:   approvalID(it, p, digest),
		Call: it.key, Card: card(it, p, call, d), Digest: digest,
	}
	answer, err := c.opts.Approve(ctx, asked, call)
	if err == nil && answer.ID != asked.ID {
		err = fmt.Errorf("approval %s got the answer to %q", asked.ID, answer.ID)
	}
	if err != nil {
		if ctx.Err() != nil {
			return false, "", c.ended(ctx, it, err)
		}
		return false, "", err
	}
	if answer.Allow {
		return true, d.Rule, nil
	}
	text := "The person did not allow this."
	if reason := strings.TrimSpace(answer.Reason); reason != "" {
		text = "The person did not allow this. Their reason: " + clip(reason, 4<<10)
	}
	text += "\nDo not try to reach the same by other means. Go on without it, or propose something else."
	return false, "", c.receipt(ctx, it, event.ResultDenied, &Result{Text: text})
}

// approvalID is the same for the same call of the same message in every run, as
// long as it would do the same: an answer to a card with three files is none to
// one with four. It is never that of another call, even if the model uses an id
// again.
func approvalID(it *item, p *Prepared, digest string) string {
	shown, err := json.Marshal([]any{it.message, it.place, it.key, digest, p.Effect, p.Targets, p.Summary, p.Card})
	if err != nil {
		panic(err) // all of it has a JSON form
	}
	sum := sha256.Sum256(shown)
	return "a" + hex.EncodeToString(sum[:6])
}

// Digest is the SHA-256 of a tool's name and its input, hexadecimal. Spaces
// between the input's tokens do not count.
func Digest(name string, input json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, input) != nil {
		b.Reset()
		b.Write(input)
	}
	sum := sha256.Sum256(append([]byte(name+"\x00"), b.Bytes()...))
	return hex.EncodeToString(sum[:])
}

// maxDetails is how many lines of details a card has.
const maxDetails = 50

// card completes what the tool says of the call. Nothing in it is a text of
// the model's that the person could take for the host's.
func card(it *item, p *Prepared, call policy.Call, d policy.Decision) event.Card {
	k := p.Card
	k.About, k.Tool, k.Rule, k.Reason = "tool", it.call.Name, d.Rule, line(d.Reason)
	if k.Action == "" {
		k.Action = p.Summary
	}
	if k.Target == "" {
		k.Target = strings.Join(call.Targets[:min(3, len(call.Targets))], ", ")
		if more := len(call.Targets) - 3; more > 0 {
			k.Target += fmt.Sprintf(" and %d more", more)
		}
	}
	if k.Risk == "" {
		k.Risk = risk(call.Effect)
	}
	k.Action, k.Target, k.Data, k.Risk = line(k.Action), line(k.Target), line(k.Data), line(k.Risk)
	details := k.Details
	k.Details = nil
	for i, text := range details {
		if i == maxDetails {
			k.Details = append(k.Details, fmt.Sprintf("and %d more", len(details)-i))
			break
		}
		k.Details = append(k.Details, line(text))
	}
	k.Scopes = nil
	for _, s := range d.Scopes {
		if s == policy.Always && call.Effect == policy.Delete {
			continue // deletion is never allowed for good
		}
		k.Scopes = append(k.Scopes, string(s))
	}
	if len(k.Scopes) == 0 {
		k.Scopes = []string{string(policy.Once)}
	}
	return k
}

func risk(e policy.Effect) string {
	switch e {
	case policy.Delete:
		return "removes what was there before this task"
	case policy.Fetch:
		return "the request itself leaves this computer"
	case policy.Send:
		return "what is sent cannot be taken back"
	case policy.Spend:
		return "money that is spent does not come back"
	}
	return ""
}

// maxLine bounds one line of a card in bytes.
const maxLine = 500

// line makes a text one line that shows every character for what it is: line
// breaks, control characters and those that turn the direction of writing
// become marks.
func line(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return clip(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return '\uFFFD'
		}
		return r
	}, s), maxLine)
}

var errTwice = errors.New("the call has no id, or one that another call of the same message has; call the tool again with an id of its own")
