package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/web"
)

func TestARepeatedRequestIsDoneOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key := with("Idempotency-Key", "0123456789")
	in := map[string]any{"text": "more", "when": "now"}
	f.append(t, "x", "", event.TaskCreated{Title: "x"})
	var wg sync.WaitGroup
	answers := make([]string, 20)
	for i := range answers {
		wg.Go(func() { answers[i] = body(t, f.request(t, http.MethodPost, "/api/tasks/x/messages", in, key)) })
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.Contains(a, "m1") {
			t.Errorf("answers differ: %q and %q", a, answers[0])
		}
	}
	if n := len(f.api.got("/v1/tasks/x/messages")); n != 1 {
		t.Errorf("the API got it %d times", n)
	}
	for name, status := range map[string]int{
		"another body": f.status(t, http.MethodPost, "/api/tasks/x/messages", map[string]any{"text": "less", "when": "now"}, key),
		"another path": f.status(t, http.MethodPost, "/api/tasks/x/stop", in, key),
	} {
		if status != http.StatusUnprocessableEntity {
			t.Errorf("the key for %s: %d", name, status)
		}
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 129), "with space", "ümlaut-key"} {
		if got := f.status(t, http.MethodPost, "/api/tasks/x/stop", "{}", with("Idempotency-Key", bad)); got != http.StatusBadRequest {
			t.Errorf("key %q: %d", bad, got)
		}
	}
}

func TestAFailedRequestMayBeRepeated(t *testing.T) {
	t.Parallel()
	tries := 0
	f := newFixture(t, func(o *web.Options) {
		o.API = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tries++; tries == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
	})
	key := with("Idempotency-Key", "0123456789")
	if got := f.status(t, http.MethodPost, "/api/tasks/x/stop", "{}", key); got != http.StatusInternalServerError {
		t.Errorf("first: %d", got)
	}
	if got := f.status(t, http.MethodPost, "/api/tasks/x/stop", "{}", key); got != http.StatusOK || tries != 2 {
		t.Errorf("second: %d after %d tries", got, tries)
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mk := func(parts ...string) string {
		t.Helper()
		dir := filepath.Join(append([]string{f.home}, parts...)...)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	pictures, hidden, ssh, earlier := mk("pictures"), mk("docs", ".git"), mk(".ssh"), mk(".cache", "granted")
	file := filepath.Join(f.docs, "file.txt")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.append(t, "old", "", event.TaskCreated{Title: "old", Folders: []string{earlier, filepath.Join(f.home, "gone")}})
	f.append(t, "child", "old", event.TaskCreated{Title: "child", Folders: []string{ssh}})
	cases := map[string]int{
		f.docs: 200, pictures: 200, earlier: 200, pictures + "/": 200, filepath.Join(f.docs, "..", "pictures"): 200,
		f.home: 403, filepath.Dir(f.home): 403, "/": 403, "//": 403, f.home + "/": 403, filepath.Join(f.docs, ".."): 403,
		hidden: 403, ssh: 403, filepath.Join(f.home, "gone"): 403, file: 403, "docs": 403, "~": 403, "~/docs": 403, "": 403, "/\x00": 403,
	}
	if err := os.Symlink(f.home, filepath.Join(f.docs, "home")); err == nil {
		cases[filepath.Join(f.docs, "home")] = 403
	}
	if err := os.Symlink(ssh, filepath.Join(f.docs, "keys")); err == nil {
		cases[filepath.Join(f.docs, "keys")] = 403
	}
	for dir, want := range cases {
		resp := f.request(t, http.MethodPost, "/api/tasks", map[string]any{"input": "x", "folders": []string{dir}})
		text := body(t, resp)
		if resp.StatusCode != want {
			t.Errorf("folder %q: %d, not %d: %s", dir, resp.StatusCode, want, text)
		}
		var p struct{ Error event.Error }
		if want != http.StatusOK && (json.Unmarshal([]byte(text), &p) != nil || p.Error.Message == "" || p.Error.Next == "") {
			t.Errorf("folder %q: the answer is %s", dir, text)
		}
	}
	many := slices.Repeat([]string{f.docs}, 17)
	if got := f.status(t, http.MethodPost, "/api/tasks", map[string]any{"input": "x", "folders": many}); got != http.StatusForbidden {
		t.Errorf("17 folders: %d", got)
	}
	var listed struct{ Folders []string }
	if err := json.Unmarshal([]byte(body(t, f.request(t, http.MethodGet, "/api/folders", nil))), &listed); err != nil {
		t.Fatal(err)
	}
	// "made" are the tasks started above.
	if len(listed.Folders) < 2 || listed.Folders[0] != f.docs || slices.Contains(listed.Folders, ssh) || !slices.Contains(listed.Folders, earlier) {
		t.Errorf("offered are %v", listed.Folders)
	}
	f.server.Grant("", f.home) // by hand, in a terminal
	if got := f.status(t, http.MethodPost, "/api/tasks", map[string]any{"input": "x", "folders": []string{f.home}}); got != http.StatusOK {
		t.Errorf("a home that was named: %d", got)
	}
	f.server.Grant("/") // a working folder is only offered
	if got := f.status(t, http.MethodPost, "/api/tasks", map[string]any{"input": "x", "folders": []string{"/"}}); got != http.StatusForbidden {
		t.Errorf("a whole disk where the person stood: %d", got)
	}
}

func TestWhatAPageMayAskFor(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	resp := f.request(t, http.MethodPost, "/api/tasks", map[string]any{"input": "do it", "folders": []string{f.docs}, "mode": "plan", "no_internet": true})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", resp.Status, body(t, resp))
	}
	got := f.api.got("/v1/tasks")[0]
	want := map[string]any{
		"input": "do it", "folders": []any{f.docs}, "cwd": f.docs, "mode": "plan", "no_internet": true, "sandbox": "auto", "interactive": true,
	}
	if d := cmp.Diff(want, got.Body); d != "" {
		t.Errorf("the API got (-want +got):\n%s", d)
	}
	if len(got.Header) != 1 {
		t.Errorf("the API got headers %v", got.Header)
	}
	for _, field := range []string{"sandbox", "plugin_dirs", "cwd", "interactive", "parent", "agent"} {
		if got := f.status(t, http.MethodPost, "/api/tasks", map[string]any{"input": "x", field: "none"}); got != http.StatusUnprocessableEntity {
			t.Errorf("%s from a page: %d", field, got)
		}
	}
	for _, bad := range []string{"", "[]", `{"input":"x"} {}`, `{"input":`, "\xff"} {
		if got := f.status(t, http.MethodPost, "/api/tasks", bad); got != http.StatusUnprocessableEntity && bad != "" {
			t.Errorf("body %q: %d", bad, got)
		}
	}
	f.status(t, http.MethodPost, "/api/tasks/x/resume", map[string]any{})
	f.status(t, http.MethodPost, "/api/tasks/x/pause", map[string]any{})
	f.status(t, http.MethodGet, "/api/plugins?dir=/etc", nil)
	f.status(t, http.MethodGet, "/api/usage?since=2026-01-01&by=day&x=1", nil)
	for path, body := range map[string]map[string]any{
		"/v1/tasks/x/resume": {"interactive": true}, "/v1/tasks/x/pause": {"by": "web"}, "/v1/plugins": nil, "/v1/usage?by=day&since=2026-01-01": nil,
	} {
		calls := f.api.got(path)
		if len(calls) != 1 || cmp.Diff(body, calls[0].Body) != "" {
			t.Errorf("%s: %v", path, calls)
		}
	}
	for _, bad := range []string{"..", "%2e%2e", "a%2fb", "a%00", strings.Repeat("x", 200), "%20", "-x"} {
		if got := f.status(t, http.MethodPost, "/api/tasks/"+bad+"/stop", "{}"); got != http.StatusNotFound && got != http.StatusTemporaryRedirect && got != http.StatusMethodNotAllowed {
			t.Errorf("task %q: %d", bad, got)
		}
	}
}

func TestUndoDoesWhatWasShown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.append(t, "x", "", event.TaskCreated{Title: "x"})
	f.api.changed("x", "/d/a", "created")
	f.api.changed("x", "/d/b", "created")
	type answer struct {
		Reversals []map[string]any
		Preview   string
		Error     *event.Error
	}
	undo := func(in map[string]any) (int, answer) {
		t.Helper()
		resp := f.request(t, http.MethodPost, "/api/tasks/x/undo", in)
		var a answer
		if err := json.Unmarshal([]byte(body(t, resp)), &a); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, a
	}
	status, shown := undo(map[string]any{"path": "/d/a"})
	if status != http.StatusOK || len(shown.Reversals) != 1 || shown.Preview == "" {
		t.Fatalf("%d %+v", status, shown)
	}
	if status, _ := undo(map[string]any{"preview": shown.Preview}); status != http.StatusConflict { // of one file only
		t.Errorf("everything, when one file was shown: %d", status)
	}
	if status, _ := undo(map[string]any{"dry_run": false}); status != http.StatusUnprocessableEntity {
		t.Errorf("past the preview: %d", status)
	}
	status, all := undo(map[string]any{})
	f.api.changed("x", "/d/c", "created") // the task's files change in between
	if s, a := undo(map[string]any{"preview": all.Preview}); status != http.StatusOK || s != http.StatusConflict || a.Error == nil {
		t.Errorf("after a change: %d %+v", s, a)
	}
	for _, c := range f.api.got("/v1/tasks/x/undo") {
		if c.Body["dry_run"] != true {
			t.Fatalf("done without being shown: %v", c)
		}
	}
	if status, done := undo(map[string]any{"path": "/d/a", "preview": shown.Preview}); status != http.StatusOK || len(done.Reversals) != 1 {
		t.Errorf("as shown: %d %+v", status, done)
	}
	if status, _ := undo(map[string]any{"path": "/d/a", "preview": shown.Preview}); status != http.StatusConflict {
		t.Errorf("twice: %d", status)
	}
}

func TestTheListOfTasks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	q := event.Question{Step: "1"}
	q.ID = "q"
	f.append(t, "a", "", event.TaskCreated{Title: "A"}, event.ApprovalAsked{ID: "1"}, event.ApprovalAsked{ID: "2"}, event.ApprovalAnswered{ID: "1"}, q)
	f.append(t, "a1", "a", event.TaskCreated{Title: "child"}, event.ApprovalAsked{ID: "3"})
	f.append(t, "b", "", event.TaskCreated{Title: "B"}, q, event.StepFailed{Step: "1"})
	f.append(t, "c", "", event.TaskCreated{Title: "C"}, event.ApprovalAsked{ID: "1"}, event.TaskDone{Status: event.StatusStopped})
	f.append(t, "d", "", event.TaskCreated{Title: "D"}, q, event.TaskDone{Status: event.StatusParked})
	list := func() string {
		var page struct {
			Tasks []struct {
				Task    string
				Waiting int
			}
		}
		if err := json.Unmarshal([]byte(body(t, f.request(t, http.MethodGet, "/api/tasks", nil))), &page); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(page.Tasks)
	}
	if got, want := list(), "[{d 1} {c 0} {b 0} {a 3}]"; got != want {
		t.Errorf("the list is %s, not %s", got, want)
	}
	f.append(t, "a", "", event.ApprovalAnswered{ID: "2"}, event.Answer{Step: "1", ID: "q"})
	if got, want := list(), "[{d 1} {c 0} {b 0} {a 1}]"; got != want {
		t.Errorf("after two answers it is %s, not %s", got, want)
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, kind := range map[string]string{
		"main.js": "text/javascript; charset=utf-8", "app.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml", "main.js.LEGAL.txt": "text/plain; charset=utf-8",
	} {
		resp := f.request(t, http.MethodGet, "/assets/"+name, nil)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != kind || len(body(t, resp)) == 0 {
			t.Errorf("%s: %s, %v", name, resp.Status, resp.Header)
		}
		if got := f.status(t, http.MethodGet, "/assets/"+name, nil, with("If-None-Match", resp.Header.Get("ETag"))); got != http.StatusNotModified {
			t.Errorf("%s again: %d", name, got)
		}
	}
	for _, name := range []string{"", "nothing.js", "..%2fassets.go", "%2e%2e", "main.js/x"} {
		if got := f.status(t, http.MethodGet, "/assets/"+name, nil); got != http.StatusNotFound && got != http.StatusTemporaryRedirect {
			t.Errorf("/assets/%s: %d", name, got)
		}
	}
}
