package policy_test

import (
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/policy"
)

func TestPrecedence(t *testing.T) {
	t.Parallel()
	fetch := call("web_fetch", policy.Fetch, "example.com")
	write := call("write", policy.Write, "contracts/a.docx")
	run(t, []decision{
		{"allow", rules("allow web_fetch example.com"), fetch, policy.Allow, "rule 1 (allow web_fetch example.com)", nil},
		{"ask beats allow", rules("allow web_fetch example.com", "ask web_fetch example.com"), fetch, policy.AskUser, "rule 2 (ask web_fetch example.com)", onceTask},
		{"deny beats ask", rules("ask web_fetch example.com", "deny web_fetch example.com"), fetch, policy.Deny, "rule 2 (deny web_fetch example.com)", nil},
		{"deny beats allow, whatever the order", rules("deny web_fetch", "allow web_fetch example.com"), fetch, policy.Deny, "rule 1 (deny web_fetch)", nil},
		{"deny beats a grant", with(rules("deny * example.com"), "always web_fetch example.com", "task web_fetch example.com"), fetch, policy.Deny, "rule 1 (deny * example.com)", nil},
		{"ask beats a grant for always", with(rules("ask web_fetch"), "always web_fetch example.com"), fetch, policy.AskUser, "rule 1 (ask web_fetch)", onceTask},
		{"an answer for the task is remembered", with(rules("ask web_fetch"), "task web_fetch example.com"), fetch, policy.Allow, "grant 1", nil},
		{"a grant comes before an allow", with(rules("allow web_fetch"), "always web_fetch example.com"), fetch, policy.Allow, "grant 1", nil},
		{"the first of several denies is named", rules("deny * a.com", "deny * example.com", "deny web_fetch"), fetch, policy.Deny, "rule 2 (deny * example.com)", nil},
		{"ask about writing", rules("ask * contracts"), write, policy.AskUser, "rule 1 (ask * contracts)", onceTask},
		{"ask about writing, answered for the task", with(rules("ask * contracts"), "task write contracts/a.docx"), write, policy.Allow, policy.RuleReversible, nil},
		{"ask about writing, answered for its folder", with(rules("ask * contracts"), "task write contracts"), write, policy.Allow, policy.RuleReversible, nil},
		{"ask about writing, answered for another file", with(rules("ask * contracts"), "task write contracts/b.docx"), write, policy.AskUser, "rule 1 (ask * contracts)", onceTask},
		{"ask about writing, answered for a name that begins so", with(rules("ask * contracts"), "task write contracts/a"), write, policy.AskUser, "rule 1 (ask * contracts)", onceTask},
		{"ask about writing, answered for reading", with(rules("ask * contracts"), "task read contracts/a.docx"), write, policy.AskUser, "rule 1 (ask * contracts)", onceTask},
		{"deny reading", rules("deny read *.key"), call("read", policy.Read, "keys/id.key"), policy.Deny, "rule 1 (deny read *.key)", nil},
		{"deny one of several", rules("deny * b.txt"), call("read", policy.Read, "a.txt", "b.txt", "c.txt"), policy.Deny, "rule 1 (deny * b.txt)", nil},
		{"deny after ask", rules("ask * a.txt", "deny * b.txt"), call("read", policy.Read, "a.txt", "b.txt"), policy.Deny, "rule 2 (deny * b.txt)", nil},
		{"ask after allow", rules("allow * a.com"), call("web_fetch", policy.Fetch, "a.com", "b.com"), policy.AskUser, policy.RuleNewHost, onceTaskAlways},
		{"the narrower scopes hold", rules("ask * b.com"), call("web_fetch", policy.Fetch, "a.com", "b.com"), policy.AskUser, policy.RuleNewHost, onceTask},
		{"a tool of all targets", rules("deny agent"), call("agent", policy.Spawn, "x"), policy.Deny, "rule 1 (deny agent)", nil},
		{"a tool without targets", rules("deny plan"), call("plan", policy.Write), policy.Deny, "rule 1 (deny plan)", nil},
		{"a target is not for a call without one", rules("deny * example.com"), call("web_search", policy.Fetch), policy.AskUser, policy.RuleNewHost, once},
		{"allow all is not for deleting", rules("allow" + " *"), call("request_delete", policy.Delete, "a"), policy.AskUser, policy.RuleDeletion, onceTask},
		{"allow all is not for what is unknown", rules("allow *"), call("frob", "x", "a"), policy.AskUser, policy.RuleUnknown, once},
		{"allow all is for sending", rules("allow *"), call("send", policy.Send, "slack"), policy.Allow, "rule 1 (allow *)", nil},
		{"deny what is unknown", rules("deny frob"), call("frob", "x", "a"), policy.Deny, "rule 1 (deny frob)", nil},
		{"deny a host to an unknown effect", rules("deny * evil.org"), call("frob", "x", "https://evil.org/a"), policy.Deny, "rule 1 (deny * evil.org)", nil},
		{"deny a folder to an unknown effect", rules("deny * secret"), call("frob", "x", "a/secret/b"), policy.Deny, "rule 1 (deny * secret)", nil},
		{"tools that begin so", rules("deny mcp__mail__*"), call("mcp__mail__send", policy.Send, "x"), policy.Deny, "rule 1 (deny mcp__mail__*)", nil},
		{"tools that do not begin so", rules("allow mcp__mail__*"), call("mcp__mailer__send", policy.Send, "x"), policy.AskUser, policy.RuleSending, onceTaskAlways},
		{"a denied tool in capitals", rules("deny Web_Fetch"), fetch, policy.Deny, "rule 1 (deny Web_Fetch)", nil},
		{"an allowed tool in capitals", rules("allow Web_Fetch"), fetch, policy.AskUser, policy.RuleNewHost, onceTaskAlways},
	})
}

// TestPatterns tries each pattern as an allow and as a deny.
func TestPatterns(t *testing.T) {
	t.Parallel()
	host, path, name := policy.Fetch, policy.Read, policy.Send
	for _, c := range []struct {
		pattern        string
		effect         policy.Effect
		target         string
		allows, denies bool
	}{
		{"example.com", host, "example.com", true, true},
		{"example.com", host, "EXAMPLE.COM.", true, true},
		{"Example.COM", host, "https://example.com/x", true, true},
		{"example.com", host, "www.example.com", false, false},
		{"example.com", host, "evil-example.com", false, false},
		{"example.com", host, "example.com.evil.org", false, false},
		{"example.com", host, "example.com:8443", false, true},
		{"example.com:8443", host, "example.com:8443", true, true},
		{"example.com:8443", host, "example.com", false, false},
		{"example.com:443", host, "example.com", true, true},
		{"*.example.com", host, "www.example.com", true, true},
		{"*.example.com", host, "a.b.example.com", true, true},
		{"*.example.com", host, "WWW.EXAMPLE.com.", true, true},
		{"*.example.com", host, "example.com", false, false},
		{"*.example.com", host, "evil-example.com", false, false},
		{"*.example.com", host, "evilexample.com", false, false},
		{"*.example.com", host, "www.evil-example.com", false, false},
		{"*.example.com", host, "example.com.evil.org", false, false},
		{"*.example.com", host, "www.example.com.evil.org", false, false},
		{"*.example.com", host, "www.example.com:8443", false, true},
		{"*.example.com:8443", host, "www.example.com:8443", true, true},
		{"*.example.com", host, "www.example.comm", false, false},
		{"*.bücher.example", host, "www.xn--bcher-kva.example", true, true},
		{"*.192.0.2.1", host, "1.192.0.2.example", false, false},
		{"*example.com", host, "evil-example.com", false, true},
		{"*example.com", host, "example.com", false, true},
		{"ex*.com", host, "example.com", false, true},
		{"example.com/", host, "example.com", false, true},
		{"example.com/page", host, "example.com", false, true},
		{"*.example.com/*", host, "www.example.com", false, true},
		{"/example.com", host, "example.com", false, false},
		{"93.184.*", host, "93.184.216.34", false, true},
		{"93.184.216.34", host, "93.184.216.34", true, true},
		{"2606:4700::1111", host, "[2606:4700:0::1111]", true, true},
		{"*", host, "example.com", true, true},
		{"**", host, "example.com", true, true},
		{"", host, "example.com", true, true},
		{"reports", host, "example.com", false, false},

		{"anna@example.com", name, "anna@example.com", true, true},
		{"anna@example.com", name, "Anna@Example.com", false, true},
		{"*@example.com", name, "anna@example.com", false, true},
		{"example.com", name, "anna@example.com", false, true},
		{"*.example.com", name, "anna@mail.example.com", false, true},
		{"example.com", name, "anna@evil-example.com", false, false},
		{"slack", name, "slack", true, true},
		{"slack", name, "Slack", false, true},
		{"slack", name, "slacker", false, false},
		{"sl*", name, "slack", false, true},
		{"hooks.example.com", name, "https://hooks.example.com/x?y", true, true},

		{"secret", path, "secret", false, true},
		{"secret", path, "secret/a.txt", false, true},
		{"secret", path, "a/secret/b", false, true},
		{"secret", path, "SECRET/a.txt", false, true},
		{"secret", path, "secrets/a.txt", false, false},
		{"secret", path, "my-secret", false, false},
		{"secret/", path, "secret/a.txt", false, true},
		{"./secret", path, "secret/a.txt", false, true},
		{"a/secret", path, "a/secret/x", false, true},
		{"a/secret", path, "b/a/secret/x", false, true},
		{"a/secret", path, "a/b/secret/x", false, false},
		{"a/secret", path, "/home/u/a/secret/x", false, true},
		{"/home/u/secret", path, "/home/u/secret/x", false, true},
		{"/home/u/secret", path, "/home/u/secret2/x", false, false},
		{"/home/u/secret", path, "secret/x", false, false},
		{"*.key", path, "a.key", false, true},
		{"*.key", path, "deep/down/a.KEY", false, true},
		{"*.key", path, "a.key.txt", false, false},
		{"**/*.key", path, "deep/down/a.key", false, true},
		{"a/**/b", path, "a/b", false, true},
		{"a/**/b", path, "a/x/y/b", false, true},
		{"a/**/b", path, "a/x/y/bb", false, false},
		{"a/*/b", path, "a/x/b/c", false, true},
		{"a/*/b", path, "a/x/y/b", false, false},
		{"a/**", path, "a/x/y", false, true},
		{"[ab].txt", path, "b.txt", false, true},
		{"example.com", path, "example.com/a.txt", false, true},
	} {
		t.Run(c.pattern+" "+c.target, func(t *testing.T) {
			t.Parallel()
			for _, v := range []policy.Verdict{policy.Allow, policy.Deny} {
				r := policy.Rules{Rules: []policy.Rule{{Verdict: v, Tool: "x", Target: c.pattern}}}
				got := policy.Decide(r, call("x", c.effect, c.target))
				want := c.allows
				if v == policy.Deny {
					want = c.denies
				}
				if (got.Verdict == v && strings.HasPrefix(got.Rule, "rule 1")) != want {
					t.Errorf("%s %s on %s: %+v, want a match: %v", v, c.pattern, c.target, got, want)
				}
			}
		})
	}
}

func TestManyTargetsAndRules(t *testing.T) {
	t.Parallel()
	var r policy.Rules
	for range 100 {
		r.Rules = append(r.Rules, policy.Rule{Verdict: policy.Deny, Target: "**/a/**/a/**/a/**/b/**"})
	}
	for range 5000 {
		r.Grants = append(r.Grants, policy.Grant{ID: "x", Tool: "write", Target: "c/d", Scope: policy.Always})
	}
	c := call("read", policy.Read)
	for range 200 {
		c.Targets = append(c.Targets, strings.Repeat("a/", 100)+"x")
	}
	if d := policy.Decide(r, c); d.Verdict != policy.Allow {
		t.Errorf("decision: %+v", d)
	}
}

func BenchmarkDecide(b *testing.B) {
	r := rules("deny * *.example.com", "deny * *.key", "ask * Contracts", "deny send *@example.com", "allow web_fetch example.org")
	for range 50 {
		r.Grants = append(r.Grants, policy.Grant{ID: "1", Tool: "web_fetch", Target: "www.example.net", Effect: policy.Fetch, Scope: policy.Always})
	}
	for name, c := range map[string]policy.Call{
		"write": call("write", policy.Write, "/home/anna/Documents/Clients/2026/report.xlsx"),
		"fetch": call("web_fetch", policy.Fetch, "https://www.example.net/a/b"),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if d := policy.Decide(r, c); d.Verdict != policy.Allow {
					b.Fatal(d)
				}
			}
		})
	}
}
