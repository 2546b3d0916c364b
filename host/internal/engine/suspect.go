package engine

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
)

// ruleContent is the finding about a call whose target the person never named:
// it stands in a file or page the model has read. That may be an honest link;
// it is also what an instruction hidden in a document looks like.
const ruleContent = "instruction-in-content"

// aim is what a call that is being decided acts on.
type aim struct {
	effect  policy.Effect
	targets []string
}

// note remembers what a call aims at. It is a hook that changes no decision.
func (r *run) note(_ context.Context, call tool.Call, p *tool.Prepared) policy.Decision {
	effect := p.Effect
	if effect == "" {
		return policy.Decision{Verdict: policy.Allow}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.aims == nil {
		r.aims = map[string]aim{}
	}
	r.aims[call.ID] = aim{effect, p.Targets}
	return policy.Decision{Verdict: policy.Allow}
}

// recordCall is the log as tool calls write it: beside the receipt of a denied
// call stands where its target came from.
func (r *run) recordCall(ctx context.Context, payloads ...event.Payload) error {
	for _, p := range payloads {
		res, ok := p.(event.ToolResult)
		if !ok {
			continue
		}
		r.mu.Lock()
		a := r.aims[res.Call]
		delete(r.aims, res.Call)
		r.mu.Unlock()
		if res.Status == event.ResultDenied {
			if f := r.suspect(res.Call, res.Tool, a); f != nil && !r.found(*f) {
				payloads = append(payloads, *f)
			}
		}
	}
	return r.t.Record(ctx, payloads...)
}

// suspect returns a finding when a call that is irreversible or outward aims at
// something that stands in what the model has read and not in what the person
// said.
func (r *run) suspect(call, name string, a aim) *event.Finding {
	switch a.effect {
	case policy.Delete, policy.Fetch, policy.Send, policy.Spend:
	default:
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, target := range a.targets {
		word := target
		if a.effect == policy.Delete {
			word = path.Base(filepath.ToSlash(target)) // a text rarely has the whole path
		}
		if len(word) < 3 || mentions(r.past.words, word) {
			continue
		}
		if from := r.conv.source(word); from != "" {
			return &event.Finding{
				Rule: ruleContent, Severity: "warning", Call: call,
				Message: fmt.Sprintf("%s was called on %.200s, which you did not name; it stands in what the model read with %s", name, target, from),
			}
		}
	}
	return nil
}

func mentions(texts []string, target string) bool {
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), strings.ToLower(target)) {
			return true
		}
	}
	return false
}

// source names the tool in whose result a text stands, the latest one. That a
// folder holds a file of that name says nothing.
func (c *conversation) source(text string) string {
	for i := len(c.items) - 1; i >= 0; i-- {
		for _, res := range c.items[i].results {
			if res.Tool != "list" && res.Tool != "glob" && strings.Contains(strings.ToLower(res.Text), strings.ToLower(text)) {
				return res.Tool
			}
		}
	}
	return ""
}
