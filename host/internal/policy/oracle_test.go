package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cowork-host/cowork/host/internal/policy"
)

// oracle says again, in other words, what policy decides about one target of a
// small world: the target is "open.example", "other.example" or "10.0.0.1" for
// the network and "a.txt" for files, and rules and grants are about it or about
// nothing.
type oracle struct {
	effect             policy.Effect
	mode               policy.Mode
	internet, planned  bool
	private            bool
	denied, asked      bool // by a rule of the person's
	allowed            bool
	forTask, forAlways bool // granted
}

func (o oracle) verdict() policy.Verdict {
	network := slices.Contains([]policy.Effect{policy.Fetch, policy.Send, policy.Spend}, o.effect)
	undoable := slices.Contains([]policy.Effect{policy.Read, policy.Write, policy.Spawn}, o.effect)
	granted := o.forTask || o.forAlways
	if o.mode == policy.Plan && !o.planned && o.effect != policy.Read {
		return policy.Deny
	}
	if network && !o.internet || o.denied || network && o.private && !granted {
		return policy.Deny
	}
	if o.asked {
		if !o.forTask {
			return policy.AskUser
		}
	}
	switch {
	case undoable:
		return policy.Allow
	case network && (granted || o.allowed):
		return policy.Allow
	case o.effect == policy.Delete && o.forTask:
		return policy.Allow
	}
	return policy.AskUser
}

// build makes the rules and the call the oracle is about.
func (o oracle) build() (policy.Rules, policy.Call) {
	target := "a.txt"
	switch o.effect {
	case policy.Fetch, policy.Send, policy.Spend:
		target = "open.example"
		if o.private {
			target = "10.0.0.1"
		}
	case policy.Spawn:
		target = "reviewer"
	}
	// What is about something else must not count.
	r := policy.Rules{Rules: []policy.Rule{
		{Verdict: policy.Deny, Tool: "other"},
		{Verdict: policy.Deny, Target: "other.example"},
		{Verdict: policy.AskUser, Target: "b.txt"},
		{Verdict: policy.Allow, Tool: "tool", Target: "other.example"},
	}, Grants: []policy.Grant{
		{ID: "x", Tool: "other", Target: target, Scope: policy.Task},
		{ID: "y", Tool: "tool", Target: "other.example", Scope: policy.Task},
		{ID: "z", Tool: "tool", Target: target, Scope: policy.Once},
	}}
	for _, v := range []struct {
		on      bool
		verdict policy.Verdict
	}{{o.allowed, policy.Allow}, {o.asked, policy.AskUser}, {o.denied, policy.Deny}} {
		if v.on {
			r.Rules = append(r.Rules, policy.Rule{Verdict: v.verdict, Tool: "tool", Target: target})
		}
	}
	for _, g := range []struct {
		on    bool
		scope policy.Scope
	}{{o.forTask, policy.Task}, {o.forAlways, policy.Always}} {
		if g.on {
			r.Grants = append(r.Grants, policy.Grant{ID: string(g.scope), Tool: "tool", Target: target, Scope: g.scope})
		}
	}
	return r, policy.Call{
		Tool: "tool", Effect: o.effect, Targets: []string{target}, Mode: o.mode, Internet: o.internet, Planned: o.planned,
	}
}

// TestEveryCombination compares policy with the oracle on all there is.
func TestEveryCombination(t *testing.T) {
	t.Parallel()
	count := map[policy.Verdict]int{}
	for _, effect := range []policy.Effect{policy.Read, policy.Write, policy.Spawn, policy.Delete, policy.Fetch, policy.Send, policy.Spend, "unknown"} {
		for _, mode := range []policy.Mode{policy.Ask, policy.Act, policy.Plan, ""} {
			for bits := range 1 << 8 {
				on := func(i int) bool { return bits&(1<<i) != 0 }
				o := oracle{effect, mode, on(0), on(1), on(2), on(3), on(4), on(5), on(6), on(7)}
				if effect == "unknown" {
					o.forTask, o.forAlways, o.allowed = false, false, false // nothing opens it
				}
				r, c := o.build()
				got, want := policy.Decide(r, c), o.verdict()
				if got.Verdict != want {
					t.Fatalf("%+v\nwant %s, got %+v", o, want, got)
				}
				count[want]++
			}
		}
	}
	if len(count) != 3 || count[policy.Allow] < 500 || count[policy.AskUser] < 500 {
		t.Errorf("decided %v", count)
	}
}

// TestTwoTargets compares a call with two targets to the two calls with one.
func TestTwoTargets(t *testing.T) {
	t.Parallel()
	targets := []string{"open.example", "granted.example", "asked.example", "denied.example", "new.example", "10.0.0.1", "127.0.0.1:80", "a@b@c", "mail@new.example"}
	r := with(
		rules("allow tool open.example", "ask tool asked.example", "deny tool denied.example"),
		"always tool granted.example", "task tool 127.0.0.1",
	)
	for _, effect := range []policy.Effect{policy.Fetch, policy.Send, policy.Spend, "unknown"} {
		for _, a := range targets {
			for _, b := range targets {
				one, other := policy.Decide(r, call("tool", effect, a)), policy.Decide(r, call("tool", effect, b))
				both, back := policy.Decide(r, call("tool", effect, a, b)), policy.Decide(r, call("tool", effect, b, a))
				if want := max(strict(one.Verdict), strict(other.Verdict)); strict(both.Verdict) != want || strict(back.Verdict) != want {
					t.Errorf("%s %s and %s: %s and %s make %s and %s", effect, a, b, one.Verdict, other.Verdict, both.Verdict, back.Verdict)
				}
				for _, s := range both.Scopes {
					for _, d := range []policy.Decision{one, other} {
						if d.Verdict == policy.AskUser && !slices.Contains(d.Scopes, s) {
							t.Errorf("%s %s and %s: scope %s is offered, which one of them has not", effect, a, b, s)
						}
					}
				}
			}
		}
	}
}

// TestReasons holds the sentences a person and a model read.
func TestReasons(t *testing.T) {
	t.Parallel()
	fetch := call("web_fetch", policy.Fetch, "example.com")
	for _, c := range []struct {
		rules policy.Rules
		call  policy.Call
		want  string
	}{
		{policy.Rules{}, call("read", policy.Read, "a"), "Reading changes nothing."},
		{policy.Rules{}, call("write", policy.Write, "a"), "The change can be undone."},
		{policy.Rules{}, call("agent", policy.Spawn, "a"), "A sub-agent is held to the same policy."},
		{policy.Rules{}, call("request_delete", policy.Delete, "a"), "a was there before the task. Deleting it needs the person's approval, every time."},
		{policy.Rules{}, fetch, "The task has not been allowed to reach example.com. The request itself leaves this machine."},
		{policy.Rules{}, call("web_search", policy.Fetch), "The task has not been allowed to reach a place it does not name. The request itself leaves this machine."},
		{policy.Rules{}, call("send", policy.Send, "slack"), "It gives data to slack, which cannot be taken back."},
		{policy.Rules{}, call("pay", policy.Spend, "example.com"), "It spends money at example.com."},
		{policy.Rules{}, call("frob", "x", "a"), "What frob does is not known to be harmless."},
		{policy.Rules{}, offline(fetch), "Internet access is off for this task, so web_fetch cannot reach example.com. Work with what is in the granted folders, or ask the person to run the task with internet access."},
		{policy.Rules{}, offline(call("web_search", policy.Fetch)), "Internet access is off for this task, so web_search cannot reach the network. Work with what is in the granted folders, or ask the person to run the task with internet access."},
		{policy.Rules{}, in(policy.Plan, fetch), "The task is in plan mode, and only reading is allowed until the plan is approved. Propose the plan first; web_fetch can run after that."},
		{policy.Rules{}, call("web_fetch", policy.Fetch, "localhost"), "localhost is on this machine or its own network, and nothing there is open to tasks. If it is meant, the person can open exactly it: cowork grant add --host localhost"},
		{policy.Rules{}, call("web_fetch", policy.Fetch, "x@y"), `The target "x@y" of web_fetch is refused: a name before the @ hides which host is meant.`},
		{policy.Rules{}, call("web_fetch", policy.Fetch, "127.1"), `The target "127.1" of web_fetch is refused: "127.1" is neither a name nor an address written in full.`},
		{policy.Rules{}, call("write", policy.Write, "a/../b"), `The target "a/../b" of write is refused: the path goes up again with ".."; name the place itself.`},
		{policy.Rules{}, call("request_delete", policy.Delete), "The call does not say what it deletes. Name each file."},
		{rules("deny * example.com"), fetch, `The person's policy denies it: rule 1 is "deny * example.com". Do it without example.com, or ask the person to change the rule.`},
		{rules("deny plan"), call("plan", policy.Write), `The person's policy denies it: rule 1 is "deny plan". Do it without plan, or ask the person to change the rule.`},
		{rules("ask web_fetch"), fetch, `The person's policy asks before it: rule 1 is "ask web_fetch".`},
		{rules("allow web_fetch"), fetch, `The person's policy allows it: rule 1 is "allow web_fetch".`},
		{grants("always web_fetch example.com"), fetch, "The person allowed example.com (grant 1)."},
		{grants("task web_fetch example.com"), fetch, "The person allowed example.com for this task (grant 1)."},
		{grants("always web_fetch *"), fetch, "The person allowed web_fetch (grant 1)."},
		{rules("never *"), fetch, `Rule 1 of the policy cannot be read (verdict is "never", not allow, ask or deny), so nothing is allowed. Correct it in settings.json.`},
	} {
		if got := policy.Decide(c.rules, c.call).Reason; got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.call, got, c.want)
		}
	}
}

// TestHiddenCharacters tries one character at a time in each place a person
// reads.
func TestHiddenCharacters(t *testing.T) {
	t.Parallel()
	for _, r := range []rune{
		0x00, 0x07, 0x08, 0x09, 0x0A, 0x0D, 0x1B, 0x7F, 0x85, 0x9B, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E,
		0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0xFEFF,
	} {
		name := fmt.Sprintf("a%cb", r)
		for _, c := range []policy.Call{
			call("read", policy.Read, name), call("write", policy.Write, name), call("request_delete", policy.Delete, "x", name),
			call("web_fetch", policy.Fetch, name+".com"), call("send", policy.Send, name), call("pay", policy.Spend, name),
			call("agent", policy.Spawn, name), call("frob", "x", name), call(name, policy.Read, "x"),
		} {
			if d := policy.Decide(policy.Rules{}, c); d.Verdict != policy.Deny || d.Rule != policy.RuleMalformed {
				t.Errorf("U+%04X in %s: %+v", r, c.Effect, d)
			}
		}
	}
	for _, name := range []string{"Bücher.xlsx", "日本語.txt", "a b.txt", "emoji 🎉.md", "it's (1) [2].csv", "naïve—dash.txt", "עברית.txt", "50% off.txt"} {
		if d := policy.Decide(policy.Rules{}, call("write", policy.Write, name)); d.Verdict != policy.Allow {
			t.Errorf("%s: %+v", name, d)
		}
	}
}
