// Package policy decides what happens to a tool call: allow, ask, or deny. It
// is pure: the same rules and the same call always give the same decision, and
// it reads nothing and logs nothing. Deny beats ask beats allow; a call no rule
// knows is asked about; an error is a deny.
package policy

// Effect is the worst a call can do.
type Effect string

// The effects, from harmless to final.
const (
	// Read looks at files or state.
	Read Effect = "read"
	// Write changes files in the workspace in a way that can be undone, or the
	// task's own state.
	Write Effect = "write"
	// Spawn starts sub-agents, which pass this same policy.
	Spawn Effect = "spawn"
	// Delete removes what existed before the task.
	Delete Effect = "delete"
	// Fetch reads from the network: the request itself leaves the machine.
	Fetch Effect = "fetch"
	// Send gives data away, or changes something outside: send, publish, post.
	Send Effect = "send"
	// Spend costs money.
	Spend Effect = "spend"
)

// outward reports whether data leaves the machine.
func (e Effect) outward() bool { return e == Fetch || e == Send || e == Spend }

// known reports whether the effect is one of the above.
func (e Effect) known() bool {
	return e == Read || e == Write || e == Spawn || e == Delete || e.outward()
}

// Mode is how much a task asks.
type Mode string

// The modes.
const (
	// Ask is the default: what is reversible goes ahead, all else is asked.
	Ask Mode = "ask"
	// Act is for work nobody watches: policy decides as in Ask, and a new host
	// is still asked about; the host's tools ask no questions of their own.
	Act Mode = "act"
	// Plan allows reading only, until the person approves the plan.
	Plan Mode = "plan"
)

// Call is a tool call as policy sees it, made from the parsed input.
type Call struct {
	Tool   string
	Effect Effect
	// Targets are what it acts on: workspace paths as the person knows them,
	// hosts as "example.com" or "127.0.0.1:8080", agents' names.
	Targets []string
	// Mode and Internet are the task's switches.
	Mode     Mode
	Internet bool
	// Planned says that the plan was approved, in mode Plan.
	Planned bool
}

// Verdict is what happens to a call.
type Verdict string

// The verdicts.
const (
	Allow   Verdict = "allow"
	AskUser Verdict = "ask"
	Deny    Verdict = "deny"
)

// Scope is how far an approval reaches.
type Scope string

// The scopes.
const (
	Once   Scope = "once"   // this call
	Task   Scope = "task"   // this tool on this target, in this task and its sub-agents
	Always Scope = "always" // this tool on this target, in every task, until revoked
)

// Decision is the outcome for one call.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	// Rule names the rule that decided: "reversible", "deletion", "grant 3".
	Rule string `json:"rule"`
	// Reason says it in a sentence for the person and for the model.
	Reason string `json:"reason"`
	// Scopes are what an approval may be given for; empty unless it is asked.
	Scopes []Scope `json:"scopes,omitempty"`
}
