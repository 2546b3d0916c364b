package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/api"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestTaskRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path, body string
		call             string // "": it is refused
		answer           string // is in the body
	}{
		{"run", "", `{"input":"x","cwd":"/w","model":"m","light":true,"no_internet":true,"budget":"2.50","mode":"plan"}`, `start "x" model=m light=true offline=true budget=2.50 mode=plan`, `{"task":"new"}`},
		{"run with a budget of words", "", `{"input":"x","budget":"lots"}`, "", "no budget"},
		{"run with a negative budget", "", `{"input":"x","budget":"-1"}`, "", "no budget"},
		{"run with a budget of nothing", "", `{"input":"x","cwd":"/w","budget":"0"}`, `start "x" model= light=false offline=false budget=0 mode=`, `{"task":"new"}`},
		{"run with an endless budget", "", `{"input":"x","budget":"Infinity"}`, "", "no budget"},
		{"run with a huge exponent", "", `{"input":"x","budget":"1e99999"}`, "", "no budget"},
		{"run with a member that is not one", "", `{"input":"x","colour":"red"}`, "", "not understood"},
		{"stop", "/a/stop", ``, "stop a false", "{}"},
		{"stop after", "/a/stop", `{"after":true}`, "stop a true", "{}"},
		{"pause", "/a/pause", ``, "pause a api", "{}"},
		{"pause by", "/a/pause", `{"by":"terminal"}`, "pause a terminal", "{}"},
		{"pause by a stranger", "/a/pause", `{"by":"the model"}`, "", "no surface"},
		{"resume", "/a/resume", `{"interactive":true}`, "resume a true", `{"task":"a"}`},
		{"retry", "/a/retry", ``, "retry a", `{"task":"a"}`},
		{"message", "/a/messages", `{"text":"go on"}`, `send a "go on" now person`, `{"id":"m1"}`},
		{"message for later", "/a/messages", `{"text":"go on","when":"next"}`, `send a "go on" next person`, `{"id":"m1"}`},
		{"message of another", "/a/messages", `{"text":"go on","from":"parent"}`, "", "not understood"},
		{"message at no time", "/a/messages", `{"text":"go on","when":"never"}`, "", "no time of delivery"},
		{"empty message", "/a/messages", `{"text":" \n"}`, "", "is empty"},
		{"edit a message", "/a/messages/m7", `{"text":"x"}`, "change a {ID:m7 Text:x When: Before: Remove:false}", "{}"},
		{"move a message", "/a/messages/m7", `{"before":"end"}`, "change a {ID:m7 Text: When: Before:end Remove:false}", "{}"},
		{"remove a message", "/a/messages/m7", `{"remove":true}`, "change a {ID:m7 Text: When: Before: Remove:true}", "{}"},
		{"change nothing of a message", "/a/messages/m7", `{}`, "", "nothing of the message"},
		{"empty a message", "/a/messages/m7", `{"text":" "}`, "", "would be empty"},
		{"approve the only one", "/a/approvals", `{"allow":true}`, "approve a {ID: Allow:true Scope:once Reason: By:api}", "{}"},
		{"approve for the task", "/a/approvals", `{"id":"p","allow":true,"scope":"task","by":"web"}`, "approve a {ID:p Allow:true Scope:task Reason: By:web}", "{}"},
		{"approve in no scope", "/a/approvals", `{"id":"p","allow":true,"scope":"forever"}`, "", "no scope"},
		{"deny", "/a/approvals", `{"id":"p","reason":"not this one"}`, "approve a {ID:p Allow:false Scope: Reason:not this one By:api}", "{}"},
		{"deny with a scope", "/a/approvals", `{"id":"p","scope":"always"}`, "", "has no scope"},
		{"approve what was seen", "/root/approvals", `{"id":"p1","allow":true,"digest":"abc"}`, "approve root {ID:p1 Allow:true Scope:once Reason: By:api}", "{}"},
		{"approve a sub-agent's by the root", "/root/approvals", `{"id":"p2","allow":true,"digest":"def"}`, "approve root {ID:p2 Allow:true Scope:once Reason: By:api}", "{}"},
		{"approve what was not seen", "/root/approvals", `{"id":"p1","allow":true,"digest":"xyz"}`, "", "another call"},
		{"approve what is not there", "/root/approvals", `{"id":"p9","allow":true,"digest":"abc"}`, "", "no approval p9"},
		{"approve a digest alone", "/root/approvals", `{"allow":true,"digest":"abc"}`, "", "approval's id"},
		{"plan", "/a/plan", `{"ops":[{"op":"remove","id":"2"}]}`, "plan a [{Op:remove ID:2 Text: After: Status: Note:}]", "{}"},
		{"plan nothing", "/a/plan", `{"ops":[]}`, "", "nothing of the plan"},
		{"plan nonsense", "/a/plan", `{"ops":[{"op":"burn"}]}`, "", "no way to edit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.append("root", "", event.TaskCreated{}, event.ApprovalAsked{ID: "p1", Digest: "abc"}, event.ChildStarted{Child: "kid"})
			s.append("kid", "root", event.TaskCreated{}, event.ApprovalAsked{ID: "p2", Digest: "def"}, event.ChildStarted{Child: "root"})
			status, body := s.do(http.MethodPost, "/v1/tasks"+c.path, c.body)
			var want []string
			if c.call != "" {
				want = []string{c.call}
			}
			if d := cmp.Diff(want, s.tasks.calls); d != "" {
				t.Error(d)
			}
			if (status == http.StatusOK) != (c.call != "") || !strings.Contains(body, c.answer) {
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
}

// TestRefusalsReachTheClient lets the task room refuse each request.
func TestRefusalsReachTheClient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path, body string
	}{
		{"stop", "a/stop", ""},
		{"pause", "a/pause", ""},
		{"retry", "a/retry", ""},
		{"message", "a/messages", `{"text":"x"}`},
		{"change", "a/messages/m", `{"remove":true}`},
		{"approve", "a/approvals", `{"allow":true}`},
		{"plan", "a/plan", `{"ops":[{"op":"add","text":"x"}]}`},
		{"import", "import", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.tasks.err = &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: "somebody was faster", Next: "look"}
			status, body := s.do(http.MethodPost, "/v1/tasks/"+c.path, c.body)
			if status != http.StatusConflict || !strings.Contains(body, `{"error":{"code":"conflict","message":"somebody was faster","next":"look"}}`) {
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.append("a", "", event.TaskCreated{Input: "do it"}, event.TaskDone{Status: event.StatusDone})
	if status, body := s.do(http.MethodGet, "/v1/tasks/a", ""); status != http.StatusOK || !strings.Contains(body, "do it") {
		t.Errorf("status %d: %s", status, body)
	}
	if status, _ := s.do(http.MethodGet, "/v1/tasks/b", ""); status != http.StatusNotFound {
		t.Errorf("an unknown task: status %d", status)
	}
}

func TestTasksWithCost(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.append("a", "", event.TaskCreated{Title: "first"}, event.TaskDone{Status: event.StatusDone, Usage: event.Usage{Cost: "0.25"}}, event.TaskUndone{})
	s.append("b", "a", event.TaskCreated{Title: "second"})
	_, body := s.do(http.MethodGet, "/v1/tasks?cost=1", "")
	var got []api.TaskSummary
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	costs := map[string]string{}
	for _, g := range got {
		costs[g.Task+" of "+g.Parent] = g.Cost
	}
	if d := cmp.Diff(map[string]string{"a of ": "0.25", "b of a": ""}, costs); d != "" {
		t.Error(d)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	const one = `{"seq":1,"time":"2026-01-02T03:04:05Z","task":"abc","parent":"","kind":"task.created","title":"x"}` + "\n"
	for _, c := range []struct {
		name, body, call, answer string
	}{
		{"two events", one + "\n" + strings.Replace(one, `"seq":1`, `"seq":2`, 1), "import 2", `{"task":"abc"}`},
		{"no event", "", "import 0", `{"task":""}`},
		{"not JSON", one + "hello\n", "", "line 2 is no event"},
		{"JSON that is no event", one + `{"kind":7}` + "\n", "", "line 2 is no event"},
		{"a line without an end", strings.TrimSpace(one), "import 1", `{"task":"abc"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			_, body := s.do(http.MethodPost, "/v1/tasks/import", c.body)
			if !strings.Contains(body, c.answer) || strings.Join(s.tasks.calls, ",") != c.call {
				t.Errorf("%v: %s", s.tasks.calls, body)
			}
		})
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	s := serve(t)
	health := func() api.ModelStatus {
		t.Helper()
		var h api.Health
		_, body := s.do(http.MethodGet, "/v1/health", "")
		if err := json.Unmarshal([]byte(body), &h); err != nil {
			t.Fatal(err)
		}
		return h.Model
	}
	if h := health(); h.Set || h.Fingerprint != "" || h.Salt == "" {
		t.Errorf("nothing was set, and the host says %+v", h)
	}
	const key = "sk-very-secret"
	settings := api.ModelSettings{BaseURL: "https://example.com:8443/path?q=1", APIKey: key, Model: "m"}
	data, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	status, body := s.do(http.MethodPut, "/v1/model", string(data))
	if status != http.StatusOK || strings.Contains(body, key) {
		t.Errorf("status %d: %s", status, body)
	}
	if d := cmp.Diff([]api.ModelSettings{settings}, s.models.set); d != "" {
		t.Error(d)
	}
	h := health()
	want := api.ModelStatus{Set: true, Host: "example.com:8443", Model: "m", Fingerprint: settings.Fingerprint(h.Salt), Salt: h.Salt}
	if d := cmp.Diff(want, h); d != "" {
		t.Error(d)
	}
	other := settings
	other.APIKey = "sk-other"
	if other.Fingerprint(h.Salt) == h.Fingerprint || settings.Fingerprint("salt") == h.Fingerprint {
		t.Error("the fingerprint does not tell settings apart")
	}
}

// TestModelSecrets sends settings that are refused and prints those that are
// not; no secret may come back.
func TestModelSecrets(t *testing.T) {
	t.Parallel()
	const key = "sk-very-secret"
	for _, c := range []struct{ name, body, says string }{
		{"not a URL", `{"base_url":"example.com","api_key":"` + key + `"}`, "not an http or https address"},
		{"a file", `{"base_url":"file:///etc/passwd","api_key":"` + key + `"}`, "not an http or https address"},
		{"a password in the URL", `{"base_url":"https://me:` + key + `@example.com"}`, "user name or password"},
		{"a line end in the key", `{"api_key":"` + key + `\n"}`, "control character"},
		{"not JSON", `{"api_key":"` + key + `" oops`, "not understood"},
		{"an unknown member", `{"apikey":"` + key + `"}`, "not understood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			status, body := s.do(http.MethodPut, "/v1/model", c.body)
			if status == http.StatusOK || len(s.models.set) > 0 || !strings.Contains(body, c.says) || strings.Contains(body, "secret") {
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
	m := api.ModelSettings{BaseURL: "https://example.com", APIKey: key, AuthToken: key}
	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("set", "settings", m)
	fmt.Fprintf(&out, "%v %+v %#v %s", m, m, m, m)
	if strings.Contains(out.String(), key) || !strings.Contains(out.String(), "example.com") {
		t.Error(out.String())
	}
}

func TestTreeOfEndedTasks(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.append("root", "", event.TaskCreated{}, event.ChildStarted{Child: "kid"}, event.LogLine{Message: "between"})
	s.append("kid", "root", event.TaskCreated{}, event.ChildStarted{Child: "grandkid"}, event.TaskDone{Status: event.StatusDone})
	s.append("grandkid", "kid", event.TaskCreated{}, event.ChildStarted{Child: "root"}, event.TaskDone{Status: event.StatusDone})
	s.append("root", "", event.ChildDone{Child: "kid"}, event.TaskDone{Status: event.StatusParked}, event.TaskResumed{}, event.TaskDone{Status: event.StatusDone})
	for _, c := range []struct {
		name, query string
		want        []string
	}{
		{"alone", "?from=4", []string{"root 4 child.done", "root 5 task.done", "root 6 task.resumed", "root 7 task.done"}},
		{"tree", "?tree=1", []string{
			"root 1 task.created", "root 2 child.started", "root 3 log",
			"kid 1 task.created", "kid 2 child.started", "kid 3 task.done",
			"grandkid 1 task.created", "grandkid 2 child.started", "grandkid 3 task.done",
			"root 4 child.done", "root 5 task.done", "root 6 task.resumed", "root 7 task.done",
		}},
		{"from the middle", "?tree=1&from=5&from=kid:4&from=grandkid:9", []string{"root 5 task.done", "root 6 task.resumed", "root 7 task.done"}},
		{"from the middle of each", "?tree=1&from=7&from=kid:3&from=grandkid:2", []string{"kid 3 task.done", "grandkid 2 child.started", "grandkid 3 task.done", "root 7 task.done"}},
		{"of a sub-agent all", "?tree=1&from=7&from=kid:3", []string{
			"kid 3 task.done", "grandkid 1 task.created", "grandkid 2 child.started", "grandkid 3 task.done", "root 7 task.done",
		}},
		{"followed, and over", "?tree=1&follow=1&from=5&from=kid:3&from=grandkid:4", []string{"root 5 task.done", "root 6 task.resumed", "kid 3 task.done", "root 7 task.done"}},
		{"beyond the end", "?tree=1&follow=1&from=50&from=kid:50&from=grandkid:50", nil},
		{"with the root's own name", "?from=root:6", []string{"root 6 task.resumed", "root 7 task.done"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, body := s.do(http.MethodGet, "/v1/tasks/root/events"+c.query, "")
			got, want := lines(t, body), slices.Clone(c.want)
			if strings.Contains(c.query, "follow") && len(got) > 0 {
				// What is followed comes as it comes; the root's end is the last.
				if last := got[len(got)-1]; last != want[len(want)-1] {
					t.Errorf("the last line is %s", last)
				}
				slices.Sort(got)
				slices.Sort(want)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
	if status, _ := s.do(http.MethodGet, "/v1/tasks/nobody/events?tree=1", ""); status != http.StatusNotFound {
		t.Errorf("an unknown task: status %d", status)
	}
	for _, from := range []string{"x", "kid:", ":3", "kid:1:2", "9999999999999999999999"} {
		if status, body := s.do(http.MethodGet, "/v1/tasks/root/events?tree=1&from="+from, ""); status != http.StatusUnprocessableEntity || !strings.Contains(body, "from=TASK:SEQUENCE") {
			t.Errorf("from %q: status %d: %s", from, status, body)
		}
	}
}

// TestTreeTrustsNobodysWord has tasks that a log claims are its sub-agents, and
// clocks that went back.
func TestTreeTrustsNobodysWord(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.append("stranger", "", event.TaskCreated{}, event.LogLine{Message: "secret"})
	s.append("root", "", event.TaskCreated{}, event.ChildStarted{Child: "stranger"}, event.ChildStarted{Child: "kid"})
	s.append("kid", "root", event.TaskCreated{})
	early := mustEvent(t, event.LogLine{Message: "the clock went back"})
	early.Parent, early.Time = "root", time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := s.log.Append(t.Context(), "kid", -1, early); err != nil {
		t.Fatal(err)
	}
	s.append("root", "", event.TaskDone{Status: event.StatusDone})
	for query, want := range map[string][]string{
		"?tree=1":                            {"kid 1 task.created", "kid 2 log", "root 1 task.created", "root 2 child.started", "root 3 child.started", "root 4 task.done"},
		"?tree=1&follow=1&from=4&from=kid:2": {"kid 2 log", "root 4 task.done"},
	} {
		_, body := s.do(http.MethodGet, "/v1/tasks/root/events"+query, "")
		got := lines(t, body)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", query, d)
		}
	}
}

// TestTreeOfTasksAtWork follows two sub-agents at work; the root's end comes
// last though it is recorded before one of them has said its last word.
func TestTreeOfTasksAtWork(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.append("root", "", event.TaskCreated{})
	end := s.tasks.begin("root", "one", "two")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/tasks/root/events?tree=1&follow=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	next := func() string {
		t.Helper()
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return lines(t, line)[0]
	}
	expect := func(want ...string) {
		t.Helper()
		var got []string
		for range want {
			got = append(got, next())
		}
		slices.Sort(got)
		slices.Sort(want)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	}
	expect("root 1 task.created")
	s.append("one", "root", event.TaskCreated{})
	s.append("two", "root", event.TaskCreated{})
	s.append("root", "", event.ChildStarted{Child: "one"}, event.ChildStarted{Child: "two"})
	expect("root 2 child.started", "root 3 child.started", "one 1 task.created", "two 1 task.created")
	delta := mustEvent(t, event.ModelDelta{Text: "hm"})
	delta.Parent = "root"
	if err := s.log.Publish("one", delta); err != nil {
		t.Fatal(err)
	}
	expect("one 0 model.delta")
	s.append("one", "root", event.TaskDone{Status: event.StatusDone})
	expect("one 2 task.done")
	end("one")
	s.append("root", "", event.TaskDone{Status: event.StatusStopped})
	s.append("two", "root", event.TaskDone{Status: event.StatusStopped})
	end("root")
	end("two")
	if got := []string{next(), next()}; !slices.Equal(got, []string{"two 2 task.done", "root 4 task.done"}) {
		t.Errorf("the last lines are %v", got)
	}
	if _, err := in.ReadByte(); err == nil {
		t.Error("something follows the end")
	}
}

// TestTreeOfTasksThatBegin follows a sub-agent from before it is at work, and on
// after it was run again.
func TestTreeOfTasksThatBegin(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.append("root", "", event.TaskCreated{}, event.ChildStarted{Child: "kid"})
	end := s.tasks.begin("root") // the sub-agent is not at work yet
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/tasks/root/events?tree=1&follow=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(t, line)[0]; got != w {
				t.Fatalf("got %s, want %s", got, w)
			}
		}
	}
	expect("root 1 task.created", "root 2 child.started")
	s.append("kid", "root", event.TaskCreated{})
	expect("kid 1 task.created")
	s.append("kid", "root", event.ApprovalAsked{ID: "a"})
	expect("kid 2 approval.asked")
	s.append("kid", "root", event.TaskDone{Status: event.StatusFailed})
	s.append("kid", "root", event.TaskResumed{Reason: "retry"})
	expect("kid 3 task.done", "kid 4 task.resumed")
	s.append("root", "", event.TaskDone{Status: event.StatusDone})
	end("root")
	expect("root 3 task.done")
}

func mustEvent(t *testing.T, p event.Payload) event.Event {
	t.Helper()
	e, err := event.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
