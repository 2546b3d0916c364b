package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestParseRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in      string
		tool    string
		effect  policy.Effect
		targets []string
	}{
		{"fetch https://example.com/x", "web_fetch", policy.Fetch, []string{"example.com"}},
		{"Fetch HTTPS://Example.COM:443", "web_fetch", policy.Fetch, []string{"example.com"}},
		{"fetch the page from example.com", "web_fetch", policy.Fetch, []string{"example.com"}},
		{"get example.com:8443", "web_fetch", policy.Fetch, []string{"example.com:8443"}},
		{"download https://example.com/a.zip", "web_fetch", policy.Fetch, []string{"example.com"}},
		{"fetch https://example.com@evil.org/", "web_fetch", policy.Fetch, []string{"https://example.com@evil.org/"}},
		{"fetch a.com b.com", "web_fetch", policy.Fetch, []string{"a.com", "b.com"}},
		{"fetch a.com, b.com and c.com", "web_fetch", policy.Fetch, []string{"a.com", "b.com", "c.com"}},
		{"fetch example.com with browser", "browser", policy.Fetch, []string{"example.com"}},
		{"fetch example.com using mcp__web__get", "mcp__web__get", policy.Fetch, []string{"example.com"}},
		{"delete a/b.txt", "request_delete", policy.Delete, []string{"a/b.txt"}},
		{"  delete   the file  a/b.txt  ", "request_delete", policy.Delete, []string{"a/b.txt"}},
		{"rm a.txt b.txt", "request_delete", policy.Delete, []string{"a.txt", "b.txt"}},
		{`delete "the report.xlsx"`, "request_delete", policy.Delete, []string{"the report.xlsx"}},
		{`delete 'it is "old".txt' b`, "request_delete", policy.Delete, []string{`it is "old".txt`, "b"}},
		{`delete "with" "using"`, "request_delete", policy.Delete, []string{"with", "using"}},
		{"write report.xlsx", "write", policy.Write, []string{"report.xlsx"}},
		{"create ./out//report.xlsx", "write", policy.Write, []string{"out/report.xlsx"}},
		{"edit a.md", "edit", policy.Write, []string{"a.md"}},
		{"move a.txt to b/a.txt", "move", policy.Write, []string{"a.txt", "b/a.txt"}},
		{"read budget.xlsx", "read", policy.Read, []string{"budget.xlsx"}},
		{"list", "list", policy.Read, nil},
		{"search invoices in 2026", "grep", policy.Read, []string{"2026"}},
		{"send mail to x", "send", policy.Send, []string{"x"}},
		{"send mail to anna@example.com with gmail_send", "gmail_send", policy.Send, []string{"anna@example.com"}},
		{"send report.pdf to anna@example.com and bob@example.com", "send", policy.Send, []string{"anna@example.com", "bob@example.com"}},
		{"mail anna@example.com report.pdf", "send", policy.Send, []string{"anna@example.com"}},
		{"mail anna@example.com", "send", policy.Send, []string{"anna@example.com"}},
		{`send "how to win.pdf" to slack`, "send", policy.Send, []string{"slack"}},
		{"post notes to https://hooks.example.com/a", "post", policy.Send, []string{"hooks.example.com"}},
		{"pay 20 at shop.example.com", "pay", policy.Spend, []string{"shop.example.com"}},
		{"agent reviewer", "agent", policy.Spawn, []string{"reviewer"}},
		{"start agent-x", "agent", policy.Spawn, []string{"agent-x"}},
	} {
		t.Run(c.in, func(t *testing.T) {
			t.Parallel()
			got, err := policy.ParseRequest(c.in)
			want := policy.Call{Tool: c.tool, Effect: c.effect, Targets: c.targets, Mode: policy.Ask, Internet: true}
			if d := cmp.Diff(want, got); err != nil || d != "" {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
}

func TestParseRequestRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, says string }{
		{"", "empty"},
		{"   ", "empty"},
		{"frobnicate a.txt", `"frobnicate" is not something`},
		{"please delete a.txt", `"please" is not something`},
		{"delete a.txt \"x", "not closed"},
		{"delete", "does not say which file"},
		{"delete the file", "does not say which file"},
		{"fetch", "does not say from where"},
		{"send mail to", "does not say where it goes"},
		{"pay", "does not say where the money goes"},
		{"agent", "does not say which agent"},
		{"delete 'a.txt", "not closed"},
		{"read " + strings.Repeat("a", 20_000), "too long"},
	} {
		t.Run(c.in[:min(len(c.in), 30)], func(t *testing.T) {
			t.Parallel()
			_, err := policy.ParseRequest(c.in)
			var e *pluginsdk.Error
			if !errors.As(err, &e) || !errors.Is(err, pluginsdk.ErrInvalid) || !strings.Contains(e.Message, c.says) || e.Next == "" {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{"fetch https://example.com/x", `delete "a b" 'c'`, "send mail to x with y", "pay 1 at b", "move a to b to c", "rm \"", "get with"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := policy.ParseRequest(s)
		if err != nil {
			if !errors.Is(err, pluginsdk.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		d := policy.Decide(policy.Rules{}, c)
		if d.Verdict == policy.Allow && (c.Effect == policy.Delete || c.Effect == policy.Send || c.Effect == policy.Fetch || c.Effect == policy.Spend) {
			t.Fatalf("%q is allowed: %+v", s, c)
		}
	})
}
