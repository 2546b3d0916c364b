package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/policy"
)

// call makes a call in mode ask with the internet on.
func call(tool string, e policy.Effect, targets ...string) policy.Call {
	return policy.Call{Tool: tool, Effect: e, Targets: targets, Mode: policy.Ask, Internet: true}
}

func in(m policy.Mode, c policy.Call) policy.Call {
	c.Mode = m
	return c
}

func planned(c policy.Call) policy.Call {
	c.Mode, c.Planned = policy.Plan, true
	return c
}

func offline(c policy.Call) policy.Call {
	c.Internet = false
	return c
}

func rules(lines ...string) policy.Rules {
	var r policy.Rules
	for _, l := range lines {
		f := strings.Fields(l)
		rule := policy.Rule{Verdict: policy.Verdict(f[0]), Tool: f[1]}
		if len(f) > 2 {
			rule.Target = f[2]
		}
		r.Rules = append(r.Rules, rule)
	}
	return r
}

// with adds a grant, "always TOOL TARGET [EFFECT]".
func with(r policy.Rules, lines ...string) policy.Rules {
	for i, l := range lines {
		f := append(strings.Fields(l), "")
		r.Grants = append(r.Grants, policy.Grant{
			ID: string(rune('1' + i)), Scope: policy.Scope(f[0]), Tool: f[1], Target: f[2], Effect: policy.Effect(f[3]),
		})
	}
	return r
}

func grants(lines ...string) policy.Rules { return with(policy.Rules{}, lines...) }

var (
	onceTask       = []policy.Scope{policy.Once, policy.Task}
	onceTaskAlways = []policy.Scope{policy.Once, policy.Task, policy.Always}
	once           = []policy.Scope{policy.Once}
)

type decision struct {
	name   string
	rules  policy.Rules
	call   policy.Call
	want   policy.Verdict
	rule   string
	scopes []policy.Scope
}

func run(t *testing.T, cases []decision) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := policy.Decide(c.rules, c.call)
			if len(got.Reason) < 10 || !strings.ContainsAny(got.Reason[len(got.Reason)-1:], ".0123456789abcdefghijklmnopqrstuvwxyz\"") {
				t.Errorf("reason is no sentence: %q", got.Reason)
			}
			got.Reason = ""
			if d := cmp.Diff(policy.Decision{Verdict: c.want, Rule: c.rule, Scopes: c.scopes}, got); d != "" {
				t.Errorf("decision (-want +got):\n%s", d)
			}
		})
	}
}

func TestBuiltIn(t *testing.T) {
	t.Parallel()
	run(t, []decision{
		{"read", policy.Rules{}, call("read", policy.Read, "a.txt"), policy.Allow, policy.RuleReversible, nil},
		{"read nothing", policy.Rules{}, call("list", policy.Read), policy.Allow, policy.RuleReversible, nil},
		{"write", policy.Rules{}, call("write", policy.Write, "a.txt"), policy.Allow, policy.RuleReversible, nil},
		{"write of its own state", policy.Rules{}, call("plan", policy.Write), policy.Allow, policy.RuleReversible, nil},
		{"spawn", policy.Rules{}, call("agent", policy.Spawn, "reviewer"), policy.Allow, policy.RuleReversible, nil},
		{"read in act", policy.Rules{}, in(policy.Act, call("read", policy.Read, "a.txt")), policy.Allow, policy.RuleReversible, nil},
		{"write in act", policy.Rules{}, in(policy.Act, call("write", policy.Write, "a.txt")), policy.Allow, policy.RuleReversible, nil},
		{"spawn in act", policy.Rules{}, in(policy.Act, call("agent", policy.Spawn, "x")), policy.Allow, policy.RuleReversible, nil},
		{"delete", policy.Rules{}, call("request_delete", policy.Delete, "a.txt"), policy.AskUser, policy.RuleDeletion, onceTask},
		{"delete in act", policy.Rules{}, in(policy.Act, call("request_delete", policy.Delete, "a.txt")), policy.AskUser, policy.RuleDeletion, onceTask},
		{"fetch", policy.Rules{}, call("web_fetch", policy.Fetch, "example.com"), policy.AskUser, policy.RuleNewHost, onceTaskAlways},
		{"fetch in act", policy.Rules{}, in(policy.Act, call("web_fetch", policy.Fetch, "example.com")), policy.AskUser, policy.RuleNewHost, onceTaskAlways},
		{"send", policy.Rules{}, call("send", policy.Send, "a@example.com"), policy.AskUser, policy.RuleSending, onceTaskAlways},
		{"send in act", policy.Rules{}, in(policy.Act, call("send", policy.Send, "a@example.com")), policy.AskUser, policy.RuleSending, onceTaskAlways},
		{"spend", policy.Rules{}, call("pay", policy.Spend, "example.com"), policy.AskUser, policy.RuleSpending, onceTaskAlways},
		{"no mode is ask", policy.Rules{}, in("", call("write", policy.Write, "a.txt")), policy.Allow, policy.RuleReversible, nil},
		{"unknown effect", policy.Rules{}, call("frob", "frobnicate", "a"), policy.AskUser, policy.RuleUnknown, once},
		{"no effect", policy.Rules{}, call("frob", "", "a"), policy.AskUser, policy.RuleUnknown, once},
		{"unknown effect without a target", policy.Rules{}, call("frob", "x"), policy.AskUser, policy.RuleUnknown, once},
		{"fetch without a target", policy.Rules{}, call("web_search", policy.Fetch), policy.AskUser, policy.RuleNewHost, once},
		{"send without a target", policy.Rules{}, call("send", policy.Send), policy.AskUser, policy.RuleSending, once},
	})
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	fetch := call("web_fetch", policy.Fetch, "example.com")
	open := grants("always web_fetch example.com", "always send slack", "always pay example.com")
	run(t, []decision{
		{"no internet: fetch", open, offline(fetch), policy.Deny, policy.RuleNoInternet, nil},
		{"no internet: fetch in act", open, offline(in(policy.Act, fetch)), policy.Deny, policy.RuleNoInternet, nil},
		{"no internet: send", open, offline(call("send", policy.Send, "slack")), policy.Deny, policy.RuleNoInternet, nil},
		{"no internet: spend", open, offline(call("pay", policy.Spend, "example.com")), policy.Deny, policy.RuleNoInternet, nil},
		{"no internet: fetch nothing", open, offline(call("web_search", policy.Fetch)), policy.Deny, policy.RuleNoInternet, nil},
		{"no internet: this machine", grants("always web_fetch 127.0.0.1:80"), offline(call("web_fetch", policy.Fetch, "127.0.0.1")), policy.Deny, policy.RuleNoInternet, nil},
		{"no internet: allowed by a rule", rules("allow * *"), offline(fetch), policy.Deny, policy.RuleNoInternet, nil},
		{"no internet: read", open, offline(call("read", policy.Read, "a")), policy.Allow, policy.RuleReversible, nil},
		{"no internet: write", open, offline(call("write", policy.Write, "a")), policy.Allow, policy.RuleReversible, nil},
		{"no internet: delete", open, offline(call("request_delete", policy.Delete, "a")), policy.AskUser, policy.RuleDeletion, onceTask},

		{"plan: read", open, in(policy.Plan, call("read", policy.Read, "a")), policy.Allow, policy.RuleReversible, nil},
		{"plan: the plan", open, in(policy.Plan, call("plan", policy.Write)), policy.Allow, policy.RuleReversible, nil},
		{"plan: a question", open, in(policy.Plan, call("ask", policy.Write)), policy.Allow, policy.RuleReversible, nil},
		{"plan: write", open, in(policy.Plan, call("write", policy.Write, "a")), policy.Deny, policy.RulePlan, nil},
		{"plan: a tool called plan that writes a file", open, in(policy.Plan, call("plan", policy.Write, "a")), policy.Deny, policy.RulePlan, nil},
		{"plan: a tool called plan that sends", open, in(policy.Plan, call("plan", policy.Send)), policy.Deny, policy.RulePlan, nil},
		{"plan: write of nothing", open, in(policy.Plan, call("write", policy.Write)), policy.Deny, policy.RulePlan, nil},
		{"plan: delete", open, in(policy.Plan, call("request_delete", policy.Delete, "a")), policy.Deny, policy.RulePlan, nil},
		{"plan: spawn", open, in(policy.Plan, call("agent", policy.Spawn, "a")), policy.Deny, policy.RulePlan, nil},
		{"plan: granted fetch", open, in(policy.Plan, fetch), policy.Deny, policy.RulePlan, nil},
		{"plan: send", open, in(policy.Plan, call("send", policy.Send, "slack")), policy.Deny, policy.RulePlan, nil},
		{"plan: spend", open, in(policy.Plan, call("pay", policy.Spend, "example.com")), policy.Deny, policy.RulePlan, nil},
		{"plan: unknown effect", open, in(policy.Plan, call("frob", "x", "a")), policy.Deny, policy.RulePlan, nil},
		{"plan: allowed by a rule", rules("allow * *"), in(policy.Plan, call("write", policy.Write, "a")), policy.Deny, policy.RulePlan, nil},
		{"approved plan: write", open, planned(call("write", policy.Write, "a")), policy.Allow, policy.RuleReversible, nil},
		{"approved plan: spawn", open, planned(call("agent", policy.Spawn, "a")), policy.Allow, policy.RuleReversible, nil},
		{"approved plan: delete", open, planned(call("request_delete", policy.Delete, "a")), policy.AskUser, policy.RuleDeletion, onceTask},
		{"approved plan: granted fetch", open, planned(fetch), policy.Allow, "grant 1", nil},
		{"approved plan: new host", open, planned(call("web_fetch", policy.Fetch, "other.com")), policy.AskUser, policy.RuleNewHost, onceTaskAlways},
		{"approved plan means nothing in ask", open, func() policy.Call {
			c := call("request_delete", policy.Delete, "a")
			c.Planned = true
			return c
		}(), policy.AskUser, policy.RuleDeletion, onceTask},
	})
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 5000)
	allowed := with(rules("allow * *"), "always web_fetch *", "task request_delete a")
	for _, c := range []struct {
		name string
		call policy.Call
	}{
		{"no tool", call("", policy.Read, "a")},
		{"blank tool", call("  ", policy.Read, "a")},
		{"tool with a line", call("read\nallow", policy.Read, "a")},
		{"tool written backwards", call("read\u202e", policy.Read, "a")},
		{"tool not UTF-8", call("read\xff", policy.Read, "a")},
		{"unknown mode", in("yolo", call("read", policy.Read, "a"))},
		{"mode in capitals", in("ACT", call("read", policy.Read, "a"))},
		{"delete without a target", call("request_delete", policy.Delete)},
		{"empty target", call("read", policy.Read, "")},
		{"blank target", call("write", policy.Write, " ")},
		{"one empty target of several", call("write", policy.Write, "a", "", "b")},
		{"target with NUL", call("write", policy.Write, "a\x00.txt")},
		{"target with a line", call("request_delete", policy.Delete, "a\nAllow this?")},
		{"target with an escape", call("request_delete", policy.Delete, "a\x1b[2K")},
		{"target written backwards", call("request_delete", policy.Delete, "a\u202etxt.exe")},
		{"target with a space of no width", call("send", policy.Send, "anna\u200b@example.com")},
		{"target not UTF-8", call("read", policy.Read, "a\xff")},
		{"target too long", call("read", policy.Read, long)},
		{"path that goes up in the middle", call("write", policy.Write, "reports/../../x")},
		{"absolute path that goes up", call("write", policy.Write, "/home/../etc/x")},
		{"delete by a path that goes up", call("request_delete", policy.Delete, "a/b/..")},
		{"fetch of a path", call("web_fetch", policy.Fetch, "/etc/passwd")},
		{"fetch of a file address", call("web_fetch", policy.Fetch, "file:///etc/passwd")},
		{"fetch of another scheme", call("web_fetch", policy.Fetch, "gopher://example.com")},
		{"fetch with a user", call("web_fetch", policy.Fetch, "https://example.com@evil.org/")},
		{"fetch with user and password", call("web_fetch", policy.Fetch, "https://example.com:443@evil.org/")},
		{"fetch with a user and no scheme", call("web_fetch", policy.Fetch, "example.com@evil.org")},
		{"fetch with a backslash", call("web_fetch", policy.Fetch, `https://evil.org\@example.com/`)},
		{"fetch of an escaped name", call("web_fetch", policy.Fetch, "https://%65xample.com/")},
		{"fetch of a short address", call("web_fetch", policy.Fetch, "http://127.1/")},
		{"fetch of a decimal address", call("web_fetch", policy.Fetch, "http://2130706433/")},
		{"fetch of a hexadecimal address", call("web_fetch", policy.Fetch, "http://0x7f000001/")},
		{"fetch of an octal address", call("web_fetch", policy.Fetch, "http://0177.0.0.1/")},
		{"fetch of an address with a zone", call("web_fetch", policy.Fetch, "http://[fe80::1%25eth0]/")},
		{"fetch from port 0", call("web_fetch", policy.Fetch, "example.com:0")},
		{"fetch from no port", call("web_fetch", policy.Fetch, "example.com:")},
		{"fetch from a high port", call("web_fetch", policy.Fetch, "example.com:65536")},
		{"fetch from a named port", call("web_fetch", policy.Fetch, "example.com:http")},
		{"fetch of an empty label", call("web_fetch", policy.Fetch, "example..com")},
		{"fetch of two dots at the end", call("web_fetch", policy.Fetch, "example.com..")},
		{"fetch of a leading dot", call("web_fetch", policy.Fetch, ".example.com")},
		{"fetch of a wildcard", call("web_fetch", policy.Fetch, "*.example.com")},
		{"fetch of a long label", call("web_fetch", policy.Fetch, strings.Repeat("a", 64)+".com")},
		{"fetch of a long name", call("web_fetch", policy.Fetch, strings.Repeat("abcdefg.", 40)+"com")},
		{"fetch of broken punycode", call("web_fetch", policy.Fetch, "xn--a\u00e4.com")},
		{"send to a file address", call("send", policy.Send, "file:///tmp/x")},
		{"too many targets", call("read", policy.Read, make([]string, 10_001)...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := policy.Decide(allowed, c.call)
			if got.Verdict != policy.Deny || got.Rule != policy.RuleMalformed || got.Scopes != nil {
				t.Errorf("decision: %+v", got)
			}
			if strings.ContainsAny(got.Reason, "\n\x1b\x00") || strings.Contains(got.Reason, "\u202e") || len(got.Reason) > 1000 {
				t.Errorf("reason cannot be shown: %q", got.Reason)
			}
		})
	}
}

func TestBrokenRule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rule policy.Rule
	}{
		{"no verdict", policy.Rule{}},
		{"unknown verdict", policy.Rule{Verdict: "Deny"}},
		{"star inside a tool", policy.Rule{Verdict: policy.Allow, Tool: "mcp__*__send"}},
		{"two stars in a tool", policy.Rule{Verdict: policy.Allow, Tool: "**"}},
		{"tool with a line", policy.Rule{Verdict: policy.Deny, Tool: "a\nb"}},
		{"open bracket", policy.Rule{Verdict: policy.Deny, Target: "a[b"}},
		{"target with a line", policy.Rule{Verdict: policy.Deny, Target: "a\nb"}},
		{"blank target", policy.Rule{Verdict: policy.Deny, Target: "  "}},
		{"web address", policy.Rule{Verdict: policy.Deny, Target: "https://example.com"}},
		{"page", policy.Rule{Verdict: policy.Deny, Target: "https://example.com/x"}},
		{"too long", policy.Rule{Verdict: policy.Deny, Target: strings.Repeat("x", 5000)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.rule.Check() == nil {
				t.Error("the rule passes its check")
			}
			r := policy.Rules{Rules: []policy.Rule{{Verdict: policy.Allow}, c.rule}}
			got := policy.Decide(r, call("read", policy.Read, "a.txt"))
			if got.Verdict != policy.Deny || got.Rule != policy.RuleBroken || !strings.Contains(got.Reason, "Rule 2") {
				t.Errorf("decision: %+v", got)
			}
		})
	}
}

func TestUnreadableRules(t *testing.T) {
	t.Parallel()
	r := with(rules("allow *"), "always web_fetch example.com")
	r.Broken = "line 3: there is no setting \"polcy\""
	for _, c := range []policy.Call{call("read", policy.Read, "a"), call("web_fetch", policy.Fetch, "example.com"), call("plan", policy.Write)} {
		if d := policy.Decide(r, c); d.Verdict != policy.Deny || d.Rule != policy.RuleBroken || !strings.Contains(d.Reason, "line 3") {
			t.Errorf("%+v: %+v", c, d)
		}
	}
}
