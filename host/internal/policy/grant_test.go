package policy_test

import (
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/policy"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	fetch := func(target ...string) policy.Call { return call("web_fetch", policy.Fetch, target...) }
	send := func(target ...string) policy.Call { return call("send", policy.Send, target...) }
	ask := func(name string, r policy.Rules, c policy.Call) decision {
		rule := map[policy.Effect]string{policy.Fetch: policy.RuleNewHost, policy.Send: policy.RuleSending, policy.Spend: policy.RuleSpending, policy.Delete: policy.RuleDeletion}[c.Effect]
		scopes := onceTaskAlways
		if c.Effect == policy.Delete {
			scopes = onceTask
		}
		return decision{name, r, c, policy.AskUser, rule, scopes}
	}
	ok := func(name string, r policy.Rules, c policy.Call) decision {
		return decision{name, r, c, policy.Allow, "grant 1", nil}
	}
	run(t, []decision{
		ok("host for a tool", grants("always web_fetch example.com"), fetch("example.com")),
		ok("host for this task", grants("task web_fetch example.com"), fetch("example.com")),
		ok("host in another spelling", grants("always web_fetch EXAMPLE.com."), fetch("https://example.COM:443/x")),
		ok("host for the effect", grants("always web_fetch example.com fetch"), fetch("example.com")),
		ok("host as such", grants("always * example.com"), fetch("example.com")),
		ok("host with a port", grants("always web_fetch example.com:8443"), fetch("https://example.com:8443/")),
		ok("umlaut against punycode", grants("always web_fetch bücher.example"), fetch("xn--bcher-kva.example")),
		ok("all hosts for a tool", grants("always web_search *"), call("web_search", policy.Fetch, "example.com")),
		ok("a tool without a target", grants("always web_search *"), call("web_search", policy.Fetch)),
		ok("mail", grants("always send anna@example.com"), send("anna@example.com")),
		ok("connector", grants("always send slack"), send("slack")),
		ok("host to send to", grants("always send example.com"), send("https://example.com/hook")),
		ok("payment", grants("always pay example.com"), call("pay", policy.Spend, "example.com")),
		ok("several hosts", grants("always web_fetch a.com", "always web_fetch b.com"), fetch("a.com", "b.com")),

		ask("other host", grants("always web_fetch example.com"), fetch("example.org")),
		ask("host below", grants("always web_fetch example.com"), fetch("www.example.com")),
		ask("host above", grants("always web_fetch www.example.com"), fetch("example.com")),
		ask("host that begins so", grants("always web_fetch example.com"), fetch("example.com.evil.org")),
		ask("host that ends so", grants("always web_fetch example.com"), fetch("evil-example.com")),
		ask("other port", grants("always web_fetch example.com"), fetch("example.com:8443")),
		ask("port of the web with a grant for another", grants("always web_fetch example.com:8443"), fetch("example.com")),
		ask("cyrillic lookalike", grants("always web_fetch example.com"), fetch("ехample.com")),
		ask("other tool", grants("always web_fetch example.com"), call("browse", policy.Fetch, "example.com")),
		ask("tool that begins so", grants("always web example.com"), fetch("example.com")),
		ask("tool in capitals", grants("always WEB_FETCH example.com"), fetch("example.com")),
		ask("fetch does not stand for send", grants("always http example.com fetch"), call("http", policy.Send, "example.com")),
		ask("send does not stand for fetch", grants("always http example.com send"), call("http", policy.Fetch, "example.com")),
		ask("host as such is not for sending", grants("always * example.com"), send("example.com")),
		ask("host as such is not for spending", grants("always * example.com"), call("pay", policy.Spend, "example.com")),
		ask("everything for everything", grants("always * *"), fetch("example.com")),
		ask("scope once", grants("once web_fetch example.com"), fetch("example.com")),
		ask("no scope", policy.Rules{Grants: []policy.Grant{{ID: "1", Tool: "web_fetch", Target: "example.com"}}}, fetch("example.com")),
		ask("no target", policy.Rules{Grants: []policy.Grant{{ID: "1", Tool: "web_fetch", Scope: policy.Always}}}, fetch("example.com")),
		ask("no tool", policy.Rules{Grants: []policy.Grant{{ID: "1", Target: "example.com", Scope: policy.Always}}}, fetch("example.com")),
		ask("wildcard in a grant", grants("always web_fetch *.example.com"), fetch("www.example.com")),
		ask("broken host in a grant", grants("always web_fetch a@example.com"), fetch("example.com")),
		ask("one of two hosts", grants("always web_fetch a.com"), fetch("a.com", "b.com")),
		ask("the other of two hosts", grants("always web_fetch a.com"), fetch("b.com", "a.com")),
		ask("mail in other case", grants("always send anna@example.com"), send("Anna@example.com")),
		ask("two addresses in one", grants("always send anna@example.com"), send("anna@example.com,eve@evil.org")),
		ask("mail for a host", grants("always send example.com"), send("anna@example.com")),
		{"target for a call without one", grants("always web_search example.com"), call("web_search", policy.Fetch), policy.AskUser, policy.RuleNewHost, once},
		{"unknown effect", grants("always frob *", "task frob a", "always frob a x"), call("frob", "x", "a"), policy.AskUser, policy.RuleUnknown, once},

		ok("delete for this task", grants("task request_delete old/a.txt"), call("request_delete", policy.Delete, "old/a.txt")),
		ok("delete in another spelling", grants("task request_delete old//a.txt"), call("request_delete", policy.Delete, "./old/a.txt")),
		ask("delete for always", grants("always request_delete old/a.txt"), call("request_delete", policy.Delete, "old/a.txt")),
		ask("delete for always, for the effect", grants("always request_delete old/a.txt delete"), call("request_delete", policy.Delete, "old/a.txt")),
		ask("delete of all", grants("task request_delete *"), call("request_delete", policy.Delete, "old/a.txt")),
		ask("delete with any tool", grants("task * old/a.txt"), call("request_delete", policy.Delete, "old/a.txt")),
		ask("delete below what was allowed", grants("task request_delete old"), call("request_delete", policy.Delete, "old/a.txt")),
		ask("delete above what was allowed", grants("task request_delete old/a.txt"), call("request_delete", policy.Delete, "old")),
		ask("delete beside what was allowed", grants("task request_delete old/a.txt"), call("request_delete", policy.Delete, "old/a.txt.bak")),
		ask("delete in other case", grants("task request_delete old/a.txt"), call("request_delete", policy.Delete, "old/A.txt")),
		ask("delete of one more", grants("task request_delete old/a.txt"), call("request_delete", policy.Delete, "old/a.txt", "old/b.txt")),
		ask("delete allowed by a rule", rules("allow * *", "allow request_delete old/a.txt"), call("request_delete", policy.Delete, "old/a.txt")),
		ask("delete allowed by another effect's grant", grants("task request_delete a write"), call("request_delete", policy.Delete, "a")),
	})
}

func TestPrivateHosts(t *testing.T) {
	t.Parallel()
	fetch := func(target string) policy.Call { return call("web_fetch", policy.Fetch, target) }
	no := func(name string, r policy.Rules, c policy.Call) decision {
		return decision{name, r, c, policy.Deny, policy.RulePrivate, nil}
	}
	ok := func(name string, r policy.Rules, c policy.Call) decision {
		return decision{name, r, c, policy.Allow, "grant 1", nil}
	}
	run(t, []decision{
		no("loopback", policy.Rules{}, fetch("127.0.0.1:8080")),
		no("localhost", policy.Rules{}, fetch("http://localhost:3000/")),
		no("the cloud's metadata", policy.Rules{}, fetch("http://169.254.169.254/latest/")),
		no("a printer", policy.Rules{}, fetch("printer")),
		no("in act", policy.Rules{}, in(policy.Act, fetch("127.0.0.1"))),
		no("IPv6 of IPv4", policy.Rules{}, fetch("[::ffff:127.0.0.1]:8080")),
		no("a rule that allows all", rules("allow * *"), fetch("127.0.0.1")),
		no("a rule that allows it", rules("allow web_fetch 127.0.0.1"), fetch("127.0.0.1")),
		no("all hosts for the tool", grants("always web_fetch *"), fetch("127.0.0.1")),
		no("granted without the port", grants("always web_fetch 127.0.0.1"), fetch("127.0.0.1:8080")),
		no("granted with another port", grants("always web_fetch 127.0.0.1:8081"), fetch("127.0.0.1:8080")),
		no("granted under another name", grants("always web_fetch localhost:8080"), fetch("127.0.0.1:8080")),
		no("granted to another tool", grants("always browse 127.0.0.1:8080"), fetch("127.0.0.1:8080")),
		no("one public and one private", grants("always web_fetch example.com"), call("web_fetch", policy.Fetch, "example.com", "10.0.0.1")),
		no("sending", policy.Rules{}, call("post", policy.Send, "http://192.168.1.1/")),
		no("sending with a host as such", grants("always * 192.168.1.1"), call("post", policy.Send, "http://192.168.1.1/")),
		ok("granted with its port", grants("always web_fetch 127.0.0.1:8080"), fetch("http://127.0.0.1:8080/x")),
		ok("granted as such", grants("always * localhost:3000"), fetch("http://localhost:3000/")),
		ok("granted for this task", grants("task web_fetch nas.local"), fetch("https://nas.local/")),
		ok("granted as IPv4, asked as IPv6", grants("always web_fetch 127.0.0.1:8080"), fetch("[::ffff:127.0.0.1]:8080")),
		ok("sending granted", grants("always post 192.168.1.1"), call("post", policy.Send, "http://192.168.1.1/")),
		{"all hosts and the one", grants("always web_fetch *", "always web_fetch localhost"), fetch("localhost"), policy.Allow, "grant 1", nil},
		{"a rule that denies beats the grant", with(rules("deny * localhost"), "always web_fetch localhost:3000"), fetch("localhost:3000"), policy.Deny, "rule 1 (deny * localhost)", nil},
		{"a connector is no host", policy.Rules{}, call("send", policy.Send, "linear"), policy.AskUser, policy.RuleSending, onceTaskAlways},
	})
}

func TestPrivateHostSaysHowToOpenIt(t *testing.T) {
	t.Parallel()
	d := policy.Decide(policy.Rules{}, call("web_fetch", policy.Fetch, "http://[::1]:8080/x"))
	if want := "cowork grant add --host [::1]:8080"; !strings.HasSuffix(d.Reason, want) {
		t.Errorf("reason: %q", d.Reason)
	}
	d = policy.Decide(policy.Rules{}, call("post", policy.Send, "localhost:8080"))
	if want := "cowork grant add --tool post --host localhost:8080"; !strings.HasSuffix(d.Reason, want) {
		t.Errorf("reason: %q", d.Reason)
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		effect   policy.Effect
		in, want string
	}{
		{"host", policy.Fetch, "https://Example.com:443/x", "example.com"},
		{"host with a port", policy.Fetch, "Example.com:8443", "example.com:8443"},
		{"path", policy.Delete, "./a//b/", "a/b"},
		{"path from above", policy.Write, "../other/a.txt", "../other/a.txt"},
		{"absolute path", policy.Read, "/home//x/", "/home/x"},
		{"the folder itself", policy.Read, ".", "."},
		{"mail", policy.Send, "Anna@Example.com", "Anna@Example.com"},
		{"host to send to", policy.Send, "HTTPS://Example.com/hook", "example.com"},
		{"connector", policy.Send, "Slack", "Slack"},
		{"connector with spaces", policy.Send, "Team Drive 2.0", "Team Drive 2.0"},
		{"agent", policy.Spawn, "finance:reviewer", "finance:reviewer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := policy.Canonical(c.effect, c.in)
			if err != nil || got != c.want {
				t.Errorf("Canonical(%s, %q) = %q, %v, want %q", c.effect, c.in, got, err, c.want)
			}
			again, err := policy.Canonical(c.effect, got)
			if err != nil || again != got {
				t.Errorf("again: %q, %v", again, err)
			}
		})
	}
	if _, err := policy.Canonical(policy.Fetch, "a@b"); err == nil {
		t.Error("a user name before a host passes")
	}
}
