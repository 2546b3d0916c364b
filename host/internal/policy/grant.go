package policy

import (
	"fmt"
	"strings"
)

// Grant is what the person opened, as policy sees it.
type Grant struct {
	ID string
	// Tool is a tool's name, or "*" for a host as such: then it is for
	// fetching, never for sending.
	Tool string
	// Target is a host, a path or a name in the spelling of [Canonical]; "*" is
	// all targets of a named tool.
	Target string
	// Effect is what it was given for; empty for all a named tool does.
	Effect Effect
	// Scope is Task or Always.
	Scope Scope
}

// opened is a grant that fits a call's tool and effect, with its target read.
type opened struct {
	Grant
	own target // the zero value: all targets
}

// relevant returns the grants that may cover targets of the call. One that is
// odd in any way covers nothing.
func relevant(grants []Grant, call Call) []opened {
	var out []opened
	for _, g := range grants {
		switch {
		case g.Scope != Task && g.Scope != Always:
		case g.Effect != "" && g.Effect != call.Effect:
		case g.Tool == "*" && (call.Effect != Fetch || g.Target == "*"):
		case g.Tool != "*" && g.Tool != call.Tool:
		case call.Effect == Delete && (g.Scope != Task || g.Target == "*"):
			// Only what the person saw on the card, and never beyond the task.
		case g.Target == "*":
			out = append(out, opened{Grant: g})
		default:
			if own, err := parseTarget(call.Effect, g.Target); err == nil {
				out = append(out, opened{g, own})
			}
		}
	}
	return out
}

func (g opened) named() bool   { return !g.own.none() }
func (g opened) forTask() bool { return g.Scope == Task }

// covers reports whether the grant is for this target of the call.
func (g opened) covers(call Call, t target) bool {
	switch {
	case !call.Effect.known():
		return false
	case !g.named():
		return true
	case t.none():
		return false
	case t.host != nil:
		return g.own.host != nil && *g.own.host == *t.host
	case t.path && call.Effect != Delete:
		return g.own.text == t.text || strings.HasPrefix(t.text, strings.TrimSuffix(g.own.text, "/")+"/")
	}
	return g.own.host == nil && g.own.text == t.text
}

func (g opened) reason(call Call) string {
	what := g.Target
	if !g.named() {
		what = call.Tool
	}
	if g.forTask() {
		return fmt.Sprintf("The person allowed %s for this task (grant %s).", what, g.ID)
	}
	return fmt.Sprintf("The person allowed %s (grant %s).", what, g.ID)
}
