// Package grant keeps what the person allowed beyond one call: a tool on a
// target, or a host, for one task or for always, each perhaps until a time.
//
// Grants are a plain file, so that a person can read what is open, and
// permissions are not forgotten: one for a task stays for as long as the task
// can be resumed. What cannot be read grants nothing and is never written over.
package grant

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/policy"
)

// Grant is one thing the person opened.
type Grant struct {
	ID string `json:"id"`
	// Tool is the tool's name, or "*" for a host or folder as such.
	Tool string `json:"tool"`
	// Target is what it may act on: a host, a folder, a path, an agent.
	Target string `json:"target"`
	// Effect is what it was given for: "fetch", "send"; empty: all a named tool
	// does.
	Effect string `json:"effect,omitempty"`
	// Task is set where the grant ends with one task (scope "task"): the root
	// task's id. Its sub-agents have the grant too.
	Task    string    `json:"task,omitempty"`
	Scope   string    `json:"scope"` // "task" or "always"
	Created time.Time `json:"created"`
	// Expires is when it ends; zero: when it is revoked.
	Expires time.Time `json:"expires,omitzero"`
	// From says where it was given: "approval of task x", "cowork grant add".
	From string `json:"from,omitempty"`
}

// slack is how far the clock may be behind the one a grant was made by.
const slack = 5 * time.Minute

// holds reports whether the grant is in force. One that ends is in force from
// when it was made to when it ends, so that a clock set back cannot lengthen
// it.
func (g Grant) holds(now time.Time) bool {
	if g.Expires.IsZero() {
		return true
	}
	return now.Before(g.Expires) && !now.Before(g.Created.Add(-slack))
}

// same reports whether two grants open the same.
func (g Grant) same(o Grant) bool {
	return g.Tool == o.Tool && g.Target == o.Target && g.Effect == o.Effect && g.Scope == o.Scope && g.Task == o.Task
}

// policy is the grant as policy sees it.
func (g Grant) policy() policy.Grant {
	return policy.Grant{ID: g.ID, Tool: g.Tool, Target: g.Target, Effect: policy.Effect(g.Effect), Scope: policy.Scope(g.Scope)}
}

// String is the grant in a few words: "web_fetch on example.com".
func (g Grant) String() string {
	if g.Tool == "*" {
		return g.Target
	}
	if g.Target == "*" {
		return g.Tool
	}
	return g.Tool + " on " + g.Target
}

// deleting is the host's tool that deletes. Policy takes no grant for always
// for it, whatever its name, so that none must be shown as given.
const deleting = "request_delete"

// check returns the grant in its one spelling, or what is wrong with it.
func (g Grant) check() (Grant, error) {
	if err := plain("tool", g.Tool); err != nil {
		return g, err
	}
	if err := plain("target", g.Target); err != nil {
		return g, err
	}
	effect := policy.Effect(g.Effect)
	switch effect {
	case "", policy.Read, policy.Write, policy.Spawn, policy.Delete, policy.Fetch, policy.Send, policy.Spend:
	default:
		return g, fmt.Errorf("effect is %q", g.Effect)
	}
	switch {
	case g.Scope != string(policy.Task) && g.Scope != string(policy.Always):
		return g, fmt.Errorf("scope is %q, not task or always", g.Scope)
	case (g.Scope == string(policy.Task)) != (g.Task != ""):
		return g, errors.New("a grant for a task names the task, one for always does not")
	case (effect == policy.Delete || g.Tool == deleting) && g.Scope != string(policy.Task):
		return g, errors.New("deleting is never allowed for always")
	case g.Tool != "*" && strings.Contains(g.Tool, "*"):
		return g, errors.New("the tool is named in full")
	case g.Target == "*" && (g.Tool == "*" || effect == policy.Delete):
		return g, errors.New("the target is named")
	case !g.Expires.IsZero() && !g.Expires.After(g.Created):
		return g, errors.New("it ends before it begins")
	}
	if g.Target == "*" {
		return g, nil
	}
	if g.Tool == "*" {
		effect, g.Effect = policy.Fetch, string(policy.Fetch)
	}
	target, err := policy.Canonical(effect, g.Target)
	if effect == "" {
		// A host as a host and a name as a name; a path may look like neither.
		if target, err = policy.Canonical(policy.Send, g.Target); err != nil && !strings.Contains(g.Target, "://") {
			return g, nil
		}
	}
	if err != nil {
		return g, fmt.Errorf("the target is refused: %w", err)
	}
	g.Target = target
	return g, nil
}

func plain(what, s string) error {
	if _, err := policy.Canonical(policy.Spawn, s); err != nil {
		return fmt.Errorf("the %s: %w", what, err)
	}
	return nil
}
