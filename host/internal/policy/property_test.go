package policy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/policy"
)

// world makes calls and rules out of a few names, so that they meet often.
type world struct{ *rand.Rand }

func pick[T interface{ ~string }](w world, from ...T) T { return from[w.IntN(len(from))] }

func (w world) target() string {
	return pick(
		w, "example.com", "www.example.com", "evil-example.com", "example.com:8443", "https://EXAMPLE.com./x", "127.0.0.1", "localhost:3000", "[::1]:80",
		"a.txt", "docs/a.txt", "docs", "./docs//b", "../x", "/abs/docs/a.txt", "anna@example.com", "slack", "reviewer", "", "a@b@c", "a/../b", "x\ny",
	)
}

func (w world) tool() string { return pick(w, "read", "write", "web_fetch", "send", "plan", "") }

func (w world) call() policy.Call {
	c := policy.Call{
		Tool:     w.tool(),
		Effect:   pick(w, policy.Read, policy.Write, policy.Spawn, policy.Delete, policy.Fetch, policy.Send, policy.Spend, "x"),
		Mode:     pick(w, policy.Ask, policy.Act, policy.Plan, "", "odd"),
		Internet: w.IntN(4) > 0, Planned: w.IntN(2) > 0,
	}
	for range w.IntN(4) {
		c.Targets = append(c.Targets, w.target())
	}
	return c
}

func (w world) rule(v policy.Verdict) policy.Rule {
	return policy.Rule{
		Verdict: v, Tool: pick(w, "", "*", "read", "web_fetch", "send", "w*"),
		Target: pick(w, "", "*", "example.com", "*.example.com", "example.com:8443", "docs", "*.txt", "/abs/**", "slack", "*@example.com", "127.0.0.1"),
	}
}

func (w world) grant() policy.Grant {
	return policy.Grant{
		ID: "g", Tool: pick(w, "*", "read", "write", "web_fetch", "send"), Target: pick(w, "*", w.target()),
		Effect: pick(w, "", policy.Fetch, policy.Send, policy.Delete), Scope: pick(w, policy.Task, policy.Always, policy.Once),
	}
}

func (w world) rules() policy.Rules {
	var r policy.Rules
	for range w.IntN(4) {
		r.Rules = append(r.Rules, w.rule(pick(w, policy.Allow, policy.AskUser, policy.Deny)))
	}
	for range w.IntN(4) {
		r.Grants = append(r.Grants, w.grant())
	}
	return r
}

// add returns the rules with one more, at any place.
func (w world) add(r policy.Rules, one policy.Rule) policy.Rules {
	i := w.IntN(len(r.Rules) + 1)
	r.Rules = append(append(append([]policy.Rule{}, r.Rules[:i]...), one), r.Rules[i:]...)
	return r
}

func strict(v policy.Verdict) int {
	return map[policy.Verdict]int{policy.Allow: 1, policy.AskUser: 2, policy.Deny: 3}[v]
}

// always checks a property of many calls.
func always(t *testing.T, property func(w world, r policy.Rules, c policy.Call) string) {
	t.Helper()
	t.Parallel()
	seen := map[policy.Verdict]int{}
	for seed := range uint64(10_000) {
		w := world{rand.New(rand.NewPCG(seed, 7))}
		r, c := w.rules(), w.call()
		seen[policy.Decide(r, c).Verdict]++
		if wrong := property(w, r, c); wrong != "" {
			t.Fatalf("seed %d: %s\nrules %+v\ncall %+v\ndecision %+v", seed, wrong, r, c, policy.Decide(r, c))
		}
	}
	for _, v := range []policy.Verdict{policy.Allow, policy.AskUser, policy.Deny} {
		if seen[v] < 300 {
			t.Errorf("only %d of the calls were decided %s", seen[v], v)
		}
	}
}

func TestSameDecisionAgain(t *testing.T) {
	always(t, func(_ world, r policy.Rules, c policy.Call) string {
		return cmp.Diff(policy.Decide(r, c), policy.Decide(r, c))
	})
}

func TestDenyNeverLoosens(t *testing.T) {
	always(t, func(w world, r policy.Rules, c policy.Call) string {
		if strict(policy.Decide(w.add(r, w.rule(policy.Deny)), c).Verdict) < strict(policy.Decide(r, c).Verdict) {
			return "one more deny loosens"
		}
		return ""
	})
}

func TestAskNeverLoosens(t *testing.T) {
	always(t, func(w world, r policy.Rules, c policy.Call) string {
		if strict(policy.Decide(w.add(r, w.rule(policy.AskUser)), c).Verdict) < strict(policy.Decide(r, c).Verdict) {
			return "one more ask loosens"
		}
		return ""
	})
}

func TestAllowNeverTouchesDeny(t *testing.T) {
	always(t, func(w world, r policy.Rules, c policy.Call) string {
		before, after := policy.Decide(r, c), policy.Decide(w.add(r, w.rule(policy.Allow)), c)
		if (before.Verdict == policy.Deny) != (after.Verdict == policy.Deny) || strict(after.Verdict) > strict(before.Verdict) {
			return "one more allow changes a deny, or tightens"
		}
		return ""
	})
}

func TestGrantNeverTightensAndLiftsOnlyAPrivateHost(t *testing.T) {
	always(t, func(w world, r policy.Rules, c policy.Call) string {
		before := policy.Decide(r, c)
		r.Grants = append(r.Grants, w.grant())
		after := policy.Decide(r, c)
		if strict(after.Verdict) > strict(before.Verdict) {
			return "one more grant tightens"
		}
		if before.Verdict == policy.Deny && after.Verdict != policy.Deny && before.Rule != policy.RulePrivate {
			return "one more grant lifts a deny"
		}
		return ""
	})
}

func TestMoreTargetsNeverLoosen(t *testing.T) {
	always(t, func(w world, r policy.Rules, c policy.Call) string {
		if len(c.Targets) == 0 {
			return "" // no target at all is its own question
		}
		more := c
		more.Targets = append(append([]string{}, c.Targets...), w.target())
		if strict(policy.Decide(r, more).Verdict) < strict(policy.Decide(r, c).Verdict) {
			return "one more target loosens"
		}
		return ""
	})
}

func TestSwitchesNeverLoosen(t *testing.T) {
	always(t, func(_ world, r policy.Rules, c policy.Call) string {
		d := policy.Decide(r, c)
		off := c
		off.Internet = false
		if strict(policy.Decide(r, off).Verdict) < strict(d.Verdict) {
			return "no internet loosens"
		}
		if c.Mode == policy.Ask || c.Mode == policy.Act {
			plan := c
			plan.Mode, plan.Planned = policy.Plan, false
			if strict(policy.Decide(r, plan).Verdict) < strict(d.Verdict) {
				return "plan mode loosens"
			}
			act := c
			act.Mode = policy.Act
			if diff := cmp.Diff(d, policy.Decide(r, act)); diff != "" {
				return "act is not as ask: " + diff
			}
		}
		return ""
	})
}

func TestDeletionIsNeverForAlways(t *testing.T) {
	always(t, func(_ world, r policy.Rules, c policy.Call) string {
		c.Effect = policy.Delete
		d := policy.Decide(r, c)
		for _, s := range d.Scopes {
			if s == policy.Always {
				return "always is offered"
			}
		}
		task := false
		for _, g := range r.Grants {
			task = task || g.Scope == policy.Task
		}
		if d.Verdict == policy.Allow && !task {
			return "it is allowed without an approval in this task"
		}
		return ""
	})
}

func TestScopesBelongToAsk(t *testing.T) {
	always(t, func(_ world, r policy.Rules, c policy.Call) string {
		d := policy.Decide(r, c)
		if (d.Verdict == policy.AskUser) != (len(d.Scopes) > 0) || d.Rule == "" || d.Reason == "" {
			return "a decision is not complete"
		}
		if d.Verdict == policy.AskUser && d.Scopes[0] != policy.Once {
			return "it cannot be allowed once"
		}
		return ""
	})
}

func FuzzDecide(f *testing.F) {
	f.Add("web_fetch", "fetch", "https://example.com/x", "deny", "*", "*.example.com", "always", "ask", true)
	f.Add("request_delete", "delete", "a/b", "allow", "", "**", "task", "plan", false)
	f.Add("send", "send", "a@b.c", "ask", "se*", "[", "once", "", true)
	f.Fuzz(func(t *testing.T, tool, effect, target, verdict, rtool, rtarget, scope, mode string, internet bool) {
		c := policy.Call{Tool: tool, Effect: policy.Effect(effect), Targets: []string{target}, Mode: policy.Mode(mode), Internet: internet}
		one := policy.Rule{Verdict: policy.Verdict(verdict), Tool: rtool, Target: rtarget}
		g := policy.Grant{ID: "1", Tool: rtool, Target: rtarget, Scope: policy.Scope(scope)}
		plain := policy.Decide(policy.Rules{}, c)
		d := policy.Decide(policy.Rules{Rules: []policy.Rule{one}}, c)
		switch {
		case strict(d.Verdict) == 0 || strict(plain.Verdict) == 0:
			t.Fatalf("no verdict: %+v, %+v", d, plain)
		case one.Check() != nil && d.Verdict != policy.Deny:
			t.Fatalf("a broken rule and %+v", d)
		case verdict != "allow" && strict(d.Verdict) < strict(plain.Verdict):
			t.Fatalf("%s loosens %+v to %+v", verdict, plain, d)
		case plain.Verdict == policy.Deny && d.Verdict != policy.Deny:
			t.Fatalf("a rule lifts %+v", plain)
		}
		if d := policy.Decide(policy.Rules{Grants: []policy.Grant{g}}, c); d.Verdict == policy.Allow && effect == "delete" && scope != "task" {
			t.Fatalf("a grant lets delete: %+v", d)
		}
	})
}
