package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/task"
)

// TestAgentBomb pauses a task that starts more sub-agents than anybody asked
// for, before they have all run.
func TestAgentBomb(t *testing.T) {
	t.Parallel()
	var calls []string
	for i := range 100 {
		calls = append(calls, agentCall(fmt.Sprint("bomb ", i), "tick", ""))
	}
	m := family(map[string][]said{"tick": {{text: "Tock."}}}, said{calls: calls}, said{text: "Boom."})
	e := talking(t, m)
	s := e.ended(e.startWith(task.Spec{Input: "start"}))
	if s.Status != event.StatusParked || len(s.Findings) != 1 || s.Findings[0].Rule != "loop.agents" || len(s.Children) > 45 {
		t.Fatalf("%s %+v, %d sub-agents, findings %+v", s.Status, s.Error, len(s.Children), s.Findings)
	}
	if err := e.tasks.Approve(t.Context(), s.ID, event.ApprovalAnswered{Allow: true}); err != nil {
		t.Fatal(err)
	}
	if s = e.ended(s.ID); s.Status != event.StatusDone || s.Text != "Boom." {
		t.Errorf("%s %+v, text %q", s.Status, s.Error, s.Text)
	}
	if !strings.Contains(m.last(), "go round in circles") {
		t.Errorf("the model was told %s", m.last())
	}
}

// TestManyCalls runs two hundred calls of one message.
func TestManyCalls(t *testing.T) {
	t.Parallel()
	var calls []string
	for i := range 200 {
		calls = append(calls, fmt.Sprintf(`write {"path":"f%d.txt","content":"%d"}`, i, i))
	}
	m := script(said{calls: calls}, said{text: "Done."})
	e := talking(t, m)
	s := e.run("write")
	if s.Status != event.StatusDone || len(e.files()) != 201 {
		t.Errorf("%s %+v, %d files", s.Status, s.Error, len(e.files()))
	}
}

// TestEscapes reads, writes and moves through every kind of path that leads out
// of the folder. Nothing outside is told or changed, and nothing odd is made.
func TestEscapes(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("TOP-SECRET"), 0o600); err != nil {
		t.Fatal(err)
	}
	rel := ""
	m := &scripted{}
	m.answer = func(n int, _ *model.Request) said {
		if n > 0 {
			return said{text: "Done."}
		}
		var calls []string
		for _, p := range []string{secret, rel, "/etc/passwd", "../../../../../../etc/passwd", "~/.ssh/id_rsa", "link.txt", "linkdir/secret.txt", "linkdir/../linkdir/secret.txt", "file:///etc/passwd", "in.txt/../../../secret", "in\x00.txt", "//etc/passwd", "./../folder/../../secret.txt"} {
			q := fmt.Sprintf("%q", p)
			q = strings.ReplaceAll(q, `\x00`, `\u0000`)
			calls = append(calls, `read {"path":`+q+`}`, `grep {"pattern":"SECRET|root","path":`+q+`}`, `list {"path":`+q+`}`,
				`write {"path":`+q+`,"content":"owned","mode":"overwrite"}`, `edit {"path":`+q+`,"old_text":"TOP","new_text":"x"}`,
				`move {"moves":[{"from":`+q+`,"to":"got.txt"}]}`, `move {"moves":[{"from":"./in.txt","to":`+q+`}]}`, `glob {"pattern":`+q+`}`, `artifact {"path":`+q+`}`,
				`agent {"description":"x","prompt":"nothing","folders":[`+q+`]}`)
		}
		return said{calls: calls}
	}
	e := talking(t, m)
	rel, _ = filepath.Rel(e.folder, secret)
	if err := os.Symlink(secret, filepath.Join(e.folder, "link.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(secret), filepath.Join(e.folder, "linkdir")); err != nil {
		t.Fatal(err)
	}
	s := e.run("read everything")
	if s.Status != event.StatusDone || len(s.Children) != 0 {
		t.Errorf("%s %+v, sub-agents %+v", s.Status, s.Error, s.Children)
	}
	for _, r := range m.requests {
		for _, msg := range r.Messages {
			if strings.Contains(string(msg.Raw), "TOP-SECRET") || strings.Contains(string(msg.Raw), "root:x:0") {
				t.Errorf("leaked: %s", msg.Raw)
			}
		}
	}
	if b, _ := os.ReadFile(secret); string(b) != "TOP-SECRET" {
		t.Errorf("secret is %q", b)
	}
	list, err := os.ReadDir(e.folder)
	if err != nil || len(list) != 3 || list[0].Name() != "in.txt" {
		t.Errorf("the folder holds %v, %v", list, err)
	}
	for _, r := range results(e, s.ID) {
		if r.Status != event.ResultOK && (r.Status != event.ResultError || !strings.Contains(r.Text, "Next: ")) {
			t.Errorf("%s: %s %q", r.Tool, r.Status, r.Text)
		}
	}
}

// results are the receipts of a task's calls.
func results(e *env, id string) []event.ToolResult {
	e.t.Helper()
	var out []event.ToolResult
	for ev, err := range e.log.Read(e.t.Context(), id, 1) {
		if err != nil {
			e.t.Fatal(err)
		}
		if ev.Kind == event.KindToolResult {
			r, _ := event.Decode[event.ToolResult](ev)
			out = append(out, r)
		}
	}
	return out
}
