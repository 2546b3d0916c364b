package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/api"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/grant"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/usage"
)

// rooms adds what keeps permissions and sums up costs.
func (s *server) rooms(o api.Options) api.Options {
	s.home = s.t.TempDir()
	o.Grants = grant.Open(filepath.Join(s.home, "grants.json"))
	o.Policy = func(root string) policy.Rules {
		return policy.Rules{
			Rules:  []policy.Rule{{Verdict: policy.Deny, Target: "/secret"}, {Verdict: policy.Allow, Tool: "web_fetch", Target: "example.org"}},
			Grants: o.Grants.Rules(time.Now(), root),
		}
	}
	o.Usage = &usage.Reporter{
		Events: s.log, Heads: s.log, Prices: usage.Shipped(), Now: time.Now,
		Caps: func() (usage.Caps, error) {
			if _, err := os.Stat(filepath.Join(s.home, "broken")); err == nil {
				return usage.Caps{}, errors.New("the settings are broken")
			}
			return usage.Caps{Day: "5"}, nil
		},
	}
	return o
}

// problem decodes an answer that is not a success.
func problem(t *testing.T, body string) event.Error {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Error == nil {
		t.Fatalf("no problem: %s", body)
	}
	return *p.Error
}

func TestGrantRequests(t *testing.T) {
	t.Parallel()
	s := serve(t)
	if code, body := s.do(http.MethodGet, "/v1/grants", ""); code != http.StatusOK || body != "[]\n" {
		t.Errorf("none: %d %s", code, body)
	}
	for _, c := range []struct {
		name, body string
		usage      bool   // it is a wrong use
		answer     string // is in the body
	}{
		{"host", `{"target":"https://Example.com/x"}`, false, `"id":"1","tool":"*","target":"example.com","effect":"fetch","scope":"always"`},
		{"host for a tool", `{"tool":"web_fetch","target":"localhost:3000"}`, false, `"id":"2","tool":"web_fetch","target":"localhost:3000"`},
		{"for a day", `{"target":"a.com","expires":"24h"}`, false, `"expires":"`},
		{"for days", `{"target":"b.com","expires":"7d"}`, false, `"expires":"`},
		{"to a time", `{"target":"c.com","expires":"2999-12-31T18:00:00+01:00"}`, false, `"expires":"2999-12-31T17:00:00Z"`},
		{"nothing", `{}`, true, "is refused"},
		{"everything", `{"target":"*"}`, true, "is refused"},
		{"a wildcard", `{"target":"*.example.com"}`, true, "is refused"},
		{"a user name", `{"target":"https://example.com@evil.org"}`, true, "hides which host"},
		{"no time", `{"target":"d.com","expires":"soon"}`, true, "does not say when"},
		{"no days", `{"target":"d.com","expires":"0d"}`, true, ""},
		{"days before", `{"target":"d.com","expires":"-7d"}`, true, ""},
		{"too many days", `{"target":"d.com","expires":"99999999d"}`, true, "does not say when"},
		{"a time before", `{"target":"d.com","expires":"2001-01-01T00:00:00Z"}`, true, "ends before it begins"},
		{"a negative time", `{"target":"d.com","expires":"-24h"}`, true, "does not say when"},
		{"a member that is not one", `{"host":"d.com"}`, false, "not understood"},
		{"a task's grant", `{"target":"d.com","scope":"task","task":"x"}`, false, "not understood"},
	} {
		code, body := s.do(http.MethodPost, "/v1/grants", c.body)
		if !strings.Contains(body, c.answer) {
			t.Errorf("%s: %d %s", c.name, code, body)
		}
		if c.usage && (code != http.StatusUnprocessableEntity || problem(t, body).Code != "usage") {
			t.Errorf("%s: %d %s", c.name, code, body)
		}
	}
	_, body := s.do(http.MethodGet, "/v1/grants", "")
	var list []grant.Grant
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != 5 {
		t.Fatalf("%d grants, %v: %s", len(list), err, body)
	}
	if d := time.Until(list[2].Expires); d < 23*time.Hour || d > 25*time.Hour {
		t.Errorf("24h is %v", d)
	}
	if d := time.Until(list[3].Expires); d < 6*24*time.Hour || d > 8*24*time.Hour {
		t.Errorf("7d is %v", d)
	}
	if code, body := s.do(http.MethodPost, "/v1/grants/1/remove", ""); code != http.StatusOK {
		t.Errorf("remove: %d %s", code, body)
	}
	if code, body := s.do(http.MethodPost, "/v1/grants/1/remove", ""); code != http.StatusNotFound {
		t.Errorf("remove again: %d %s", code, body)
	}
	// A damaged file is no wrong use, and stays.
	path := filepath.Join(s.home, "grants.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range [][3]string{
		{http.MethodGet, "/v1/grants", ""},
		{http.MethodPost, "/v1/grants", `{"target":"e.com"}`},
		{http.MethodPost, "/v1/grants/2/remove", ""},
		{http.MethodPost, "/v1/policy/try", `{"request":"read a"}`},
	} {
		code, body := s.do(r[0], r[1], r[2])
		if p := problem(t, body); code != http.StatusUnprocessableEntity || p.Code != "invalid" || !strings.Contains(p.Message, "left as it is") {
			t.Errorf("%s %s of a damaged file: %d %+v", r[0], r[1], code, p)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "{" {
		t.Errorf("the damaged file is now %q, %v", data, err)
	}
}

func TestTryPolicy(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, c := range []struct{ name, body, answer string }{
		{"allowed", `{"request":"write report.xlsx"}`, `{"verdict":"allow","rule":"reversible","reason":"The change can be undone.","call":{"tool":"write","effect":"write","targets":["report.xlsx"],"mode":"ask","internet":true}}`},
		{"asked", `{"request":"delete a/b.txt"}`, `"scopes":["once","task"],"call":{"tool":"request_delete"`},
		{"without targets", `{"request":"list"}`, `"targets":[]`},
		{"by a rule", `{"request":"fetch example.org"}`, `"rule":"rule 2 (allow web_fetch example.org)"`},
		{"denied by a rule from where one stands", `{"request":"read secret/a.txt","cwd":"/"}`, `"rule":"rule 1 (deny * /secret)"`},
		{"not denied from elsewhere", `{"request":"read secret/a.txt","cwd":"/home"}`, `"rule":"reversible"`},
		{"in plan mode", `{"request":"write a","mode":"plan"}`, `"rule":"plan mode"`},
		{"without internet", `{"request":"fetch example.org","no_internet":true}`, `"rule":"no internet"`},
		{"in a mode that is none", `{"request":"read a","mode":"yolo"}`, `"rule":"malformed call"`},
		{"unknown words", `{"request":"frobnicate"}`, `"code":"usage"`},
		{"no words", `{}`, `"code":"usage"`},
		{"from nowhere", `{"request":"read a","cwd":"x"}`, "not an absolute path"},
	} {
		if code, body := s.do(http.MethodPost, "/v1/policy/try", c.body); !strings.Contains(body, c.answer) {
			t.Errorf("%s: %d %s", c.name, code, body)
		}
	}
	s.do(http.MethodPost, "/v1/grants", `{"target":"example.com"}`)
	if _, body := s.do(http.MethodPost, "/v1/policy/try", `{"request":"fetch example.com"}`); !strings.Contains(body, `"rule":"grant 1"`) {
		t.Errorf("after a grant: %s", body)
	}
}

func TestUsageRequests(t *testing.T) {
	t.Parallel()
	s := serve(t)
	use := func(m, cost string) event.ModelUsage {
		return event.ModelUsage{Call: 1, Model: m, Usage: model.Usage{Input: 1000, CacheRead: 9000, Output: 50}, Cost: cost}
	}
	s.append("a", "", event.TaskCreated{Title: "the report"}, use("opus", "1.25"))
	s.append("a1", "a", event.TaskCreated{Title: "look it up"}, use("haiku", "0.0105"), use("local", ""))
	for _, c := range []struct{ query, answer string }{
		{"", `"by":"day"`},
		{"", `"total":{"calls":3,"input_tokens":3000,"cache_read_tokens":27000,"output_tokens":150,"cost":"1.2605","unpriced":1}`},
		{"", `"today":"1.2605","caps":{"task":"","day":"5"}`},
		{"?by=task&since=today", `"rows":[{"key":"a","title":"the report","calls":3,`},
		{"?by=task&since=today", `{"key":"a1","parent":"a","title":"look it up","calls":2,`},
		{"?by=model&since=all", `"rows":[{"key":"opus","calls":1,`},
		{"?by=model&since=2999-01-01", `"rows":[]`},
		{"?by=week", `"code":"usage"`},
		{"?since=yesterday", `"code":"usage"`},
	} {
		if code, body := s.do(http.MethodGet, "/v1/usage"+c.query, ""); !strings.Contains(body, c.answer) {
			t.Errorf("%s: %d %s", c.query, code, body)
		}
	}
	if err := os.WriteFile(filepath.Join(s.home, "broken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, body := s.do(http.MethodGet, "/v1/usage", ""); code != http.StatusInternalServerError || !strings.Contains(body, "the settings are broken") {
		t.Errorf("broken settings: %d %s", code, body)
	}
}
