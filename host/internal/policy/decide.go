package policy

import (
	"fmt"
	"slices"
	"strings"
)

// The names of the built-in rules, as they stand in [Decision.Rule].
const (
	RuleMalformed  = "malformed call"
	RuleBroken     = "broken rule"
	RulePlan       = "plan mode"
	RuleNoInternet = "no internet"
	RulePrivate    = "private host"
	RuleReversible = "reversible"
	RuleDeletion   = "deletion"
	RuleNewHost    = "new host"
	RuleSending    = "sending"
	RuleSpending   = "spending"
	RuleUnknown    = "unknown effect"
)

// Decide says what happens to a call. A call with several targets is allowed
// only if each of them is; the strictest decision is the call's.
func Decide(rules Rules, call Call) Decision {
	targets, d := check(rules, call)
	if d != nil {
		return *d
	}
	if d := deniedByMode(call); d != nil {
		return *d
	}
	c := decider{call: call, rules: rules.Rules, grants: relevant(rules.Grants, call)}
	if len(targets) == 0 {
		return c.decide(target{})
	}
	out := c.decide(targets[0])
	for _, t := range targets[1:] {
		out = stricter(out, c.decide(t))
	}
	return out
}

// decider decides for the targets of one call.
type decider struct {
	call   Call
	rules  []Rule
	grants []opened
}

// stricter joins the decisions for two targets of a call.
func stricter(a, b Decision) Decision {
	switch {
	case a.Verdict == b.Verdict && a.Verdict == AskUser:
		a.Scopes = slices.DeleteFunc(slices.Clone(a.Scopes), func(s Scope) bool { return !slices.Contains(b.Scopes, s) })
		return a
	case rank(b.Verdict) > rank(a.Verdict):
		return b
	}
	return a
}

func rank(v Verdict) int { return slices.Index([]Verdict{Allow, AskUser, Deny}, v) }

func deny(rule, format string, args ...any) *Decision {
	return &Decision{Verdict: Deny, Rule: rule, Reason: fmt.Sprintf(format, args...)}
}

func ask(rule string, scopes []Scope, format string, args ...any) Decision {
	return Decision{Verdict: AskUser, Rule: rule, Reason: fmt.Sprintf(format, args...), Scopes: scopes}
}

// maxTargets bounds the targets of one call: a card with more cannot be read.
const maxTargets = 10_000

// check reads the call and the rules. What cannot be read is denied.
func check(rules Rules, call Call) ([]target, *Decision) {
	if rules.Broken != "" {
		return nil, deny(RuleBroken, "The person's policy cannot be read, so nothing is allowed: %s.", rules.Broken)
	}
	for i, r := range rules.Rules {
		if err := r.Check(); err != nil {
			return nil, deny(RuleBroken, "Rule %d of the policy cannot be read (%v), so nothing is allowed. Correct it in settings.json.", i+1, err)
		}
	}
	if err := checkText(call.Tool); err != nil {
		return nil, deny(RuleMalformed, "The call does not name its tool in a way that can be shown: %v.", err)
	}
	if call.Mode != "" && call.Mode != Ask && call.Mode != Act && call.Mode != Plan {
		return nil, deny(RuleMalformed, "The task's mode is %q, not ask, act or plan.", call.Mode)
	}
	if len(call.Targets) > maxTargets {
		return nil, deny(RuleMalformed, "One call has %d targets. Split it into calls of at most %d.", len(call.Targets), maxTargets)
	}
	if call.Effect == Delete && len(call.Targets) == 0 {
		return nil, deny(RuleMalformed, "The call does not say what it deletes. Name each file.")
	}
	targets := make([]target, 0, len(call.Targets))
	for _, text := range call.Targets {
		t, err := parseTarget(call.Effect, text)
		if err != nil {
			return nil, deny(RuleMalformed, "The target %.100q of %s is refused: %v.", text, call.Tool, err)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// deniedByMode holds a call against the task's switches.
func deniedByMode(call Call) *Decision {
	if call.Mode == Plan && !call.Planned && !planning(call) {
		return deny(RulePlan, "The task is in plan mode, and only reading is allowed until the plan is approved. Propose the plan first; %s can run after that.", call.Tool)
	}
	if !call.Internet && call.Effect.outward() {
		return deny(RuleNoInternet, "Internet access is off for this task, so %s cannot reach %s. Work with what is in the granted folders, or ask the person to run the task with internet access.",
			call.Tool, place(call))
	}
	return nil
}

// planning reports what may run before a plan is approved: reading, and the
// tools by which a plan is made.
func planning(call Call) bool {
	return call.Effect == Read || call.Effect == Write && len(call.Targets) == 0 && (call.Tool == "plan" || call.Tool == "ask")
}

func place(call Call) string {
	if len(call.Targets) == 0 {
		return "the network"
	}
	return strings.Join(call.Targets[:min(3, len(call.Targets))], ", ")
}

// rule returns the first of the person's rules with a verdict that is about the
// target, and its number.
func (d decider) rule(v Verdict, t target) (Rule, int) {
	for i, r := range d.rules {
		if r.Verdict == v && r.matchTool(d.call.Tool) && r.match(t) {
			return r, i + 1
		}
	}
	return Rule{}, 0
}

// decide decides for one target, the zero value if the call has none.
func (d decider) decide(t target) Decision {
	if r, n := d.rule(Deny, t); n > 0 {
		return *deny(ruleName(r, n), "The person's policy denies it: rule %d is %q. Do it without %s, or ask the person to change the rule.", n, r, orTool(t, d.call))
	}
	grants := slices.DeleteFunc(slices.Clone(d.grants), func(g opened) bool { return !g.covers(d.call, t) })
	if t.host != nil && t.host.Private() && !slices.ContainsFunc(grants, opened.named) {
		return *deny(RulePrivate, "%s is on this machine or its own network, and nothing there is open to tasks. If it is meant, the person can open exactly it: %s", t, howToOpen(t, d.call))
	}
	if r, n := d.rule(AskUser, t); n > 0 && !slices.ContainsFunc(grants, opened.forTask) {
		return ask(ruleName(r, n), []Scope{Once, Task}, "The person's policy asks before it: rule %d is %q.", n, r)
	}
	if e := d.call.Effect; e == Read || e == Write || e == Spawn {
		return Decision{Verdict: Allow, Rule: RuleReversible, Reason: reversible(e)}
	}
	if len(grants) > 0 {
		return Decision{Verdict: Allow, Rule: "grant " + grants[0].ID, Reason: grants[0].reason(d.call)}
	}
	if d.call.Effect.outward() {
		if r, n := d.rule(Allow, t); n > 0 {
			return Decision{Verdict: Allow, Rule: ruleName(r, n), Reason: fmt.Sprintf("The person's policy allows it: rule %d is %q.", n, r)}
		}
	}
	return askFor(d.call, t)
}

func ruleName(r Rule, n int) string { return fmt.Sprintf("rule %d (%s)", n, r) }

func howToOpen(t target, call Call) string {
	if call.Effect == Fetch {
		return "cowork grant add --host " + t.String()
	}
	return "cowork grant add --tool " + call.Tool + " --host " + t.String()
}

func orTool(t target, call Call) string {
	if s := t.String(); s != "" {
		return s
	}
	return call.Tool
}

func reversible(e Effect) string {
	switch e {
	case Read:
		return "Reading changes nothing."
	case Spawn:
		return "A sub-agent is held to the same policy."
	}
	return "The change can be undone."
}

// askFor is the question about what is irreversible or leaves the machine.
func askFor(call Call, t target) Decision {
	scopes := []Scope{Once, Task, Always}
	to := t.String()
	if t.none() {
		// There is nothing that a later call could be compared with.
		scopes, to = []Scope{Once}, "a place it does not name"
	}
	switch call.Effect {
	case Delete:
		return ask(RuleDeletion, []Scope{Once, Task}, "%s was there before the task. Deleting it needs the person's approval, every time.", to)
	case Fetch:
		return ask(RuleNewHost, scopes, "The task has not been allowed to reach %s. The request itself leaves this machine.", to)
	case Send:
		return ask(RuleSending, scopes, "It gives data to %s, which cannot be taken back.", to)
	case Spend:
		return ask(RuleSpending, scopes, "It spends money at %s.", to)
	}
	return ask(RuleUnknown, []Scope{Once}, "What %s does is not known to be harmless.", call.Tool)
}
