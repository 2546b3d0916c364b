package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/web"
)

// fixture is a page in front of a fake API and a real log in memory.
type fixture struct {
	t      *testing.T
	log    event.Log
	api    *fakeAPI
	server *web.Server
	home   string // the person's home folder
	docs   string // a folder in it that was named
	state  string
	token  string
}

func newFixture(t testing.TB, alter ...func(*web.Options)) *fixture {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{log: event.NewMemory(), home: filepath.Join(dir, "home"), state: filepath.Join(dir, "server.json")}
	f.t, _ = t.(*testing.T)
	f.docs = filepath.Join(f.home, "docs")
	if err := os.MkdirAll(f.docs, 0o755); err != nil {
		t.Fatal(err)
	}
	f.api = newFakeAPI(f.log)
	opts := web.Options{API: f.api, Log: f.log, UserHome: f.home, StateFile: f.state}
	for _, a := range alter {
		a(&opts)
	}
	if f.server, err = web.Listen(t.Context(), "127.0.0.1:0", opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.server.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := f.log.Close(); err != nil {
			t.Errorf("close the log: %v", err)
		}
	})
	f.server.Grant("", f.docs)
	data, err := os.ReadFile(f.state)
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ Token string }
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	f.token = state.Token
	return f
}

// append adds events to a task's log.
func (f *fixture) append(t testing.TB, task, parent string, payloads ...event.Payload) {
	t.Helper()
	events := make([]event.Event, 0, len(payloads))
	for _, p := range payloads {
		e, err := event.New(p)
		if err != nil {
			t.Fatal(err)
		}
		e.Parent = parent
		events = append(events, e)
	}
	if _, err := f.log.Append(t.Context(), task, -1, events...); err != nil {
		t.Fatal(err)
	}
}

// request is one request with a script's token; opts change it.
func (f *fixture) request(t testing.TB, method, path string, body any, opts ...func(*http.Request)) response {
	t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, f.server.URL()+strings.TrimPrefix(path, "/"), in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.token)
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", "key-"+strconv.Itoa(int(keys.next())))
	}
	for _, o := range opts {
		o(req)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Status, resp.Header, resp.Cookies(), string(text)}
}

// response is an answer that was read to its end.
type response struct {
	StatusCode int
	Status     string
	Header     http.Header
	cookies    []*http.Cookie
	text       string
}

// Cookies are those the answer sets.
func (r response) Cookies() []*http.Cookie { return r.cookies }

func body(_ testing.TB, r response) string { return r.text }

// status is the status of such a request.
func (f *fixture) status(t testing.TB, method, path string, body any, opts ...func(*http.Request)) int {
	t.Helper()
	return f.request(t, method, path, body, opts...).StatusCode
}

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func without(name string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Del(name) }
}

// browser is a client that logged in with a link.
func (f *fixture) browser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.LoginURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	u, err := url.Parse(f.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || len(jar.Cookies(u)) != 1 {
		t.Fatalf("login: %s, cookies %v", resp.Status, jar.Cookies(u))
	}
	return c
}

// counter gives every request another key.
type counter struct {
	mu sync.Mutex
	n  int64
}

func (c *counter) next() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n + 10_000_000
}

var keys = &counter{}

// apiCall is one request the fake API got.
type apiCall struct {
	Path   string
	Body   map[string]any
	Header http.Header
}

// fakeAPI answers under /v1 like the host's socket: it records requests, and
// turns commands into the events a host would log.
type fakeAPI struct {
	log event.Log
	mux *http.ServeMux

	mu    sync.Mutex
	calls []apiCall
	files map[string][]map[string]any // changes by task
}

func newFakeAPI(log event.Log) *fakeAPI {
	a := &fakeAPI{log: log, mux: http.NewServeMux(), files: map[string][]map[string]any{}}
	a.handle("POST /v1/tasks", func(r *http.Request, in map[string]any) (any, error) {
		input, _ := in["input"].(string)
		created := event.TaskCreated{Title: input, Input: input}
		dirs, _ := in["folders"].([]any)
		for _, d := range dirs {
			created.Folders = append(created.Folders, fmt.Sprint(d))
		}
		return map[string]string{"task": "made"}, a.append(r.Context(), "made", created)
	})
	a.handle("GET /v1/tasks/{task}", func(r *http.Request, _ map[string]any) (any, error) {
		return map[string]string{"id": r.PathValue("task")}, nil
	})
	a.handle("GET /v1/tasks/{task}/changes", func(r *http.Request, _ map[string]any) (any, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		return append([]map[string]any{}, a.files[r.PathValue("task")]...), nil
	})
	a.handle("POST /v1/tasks/{task}/undo", a.undo)
	a.handle("POST /v1/tasks/{task}/approvals", func(r *http.Request, in map[string]any) (any, error) {
		id, _ := in["id"].(string)
		allow, _ := in["allow"].(bool)
		scope, _ := in["scope"].(string)
		reason, _ := in["reason"].(string)
		return map[string]any{}, a.append(r.Context(), r.PathValue("task"), event.ApprovalAnswered{ID: id, Allow: allow, Scope: scope, Reason: reason, By: "web"})
	})
	a.handle("POST /v1/tasks/{task}/messages", func(r *http.Request, in map[string]any) (any, error) {
		text, _ := in["text"].(string)
		when, _ := in["when"].(string)
		return map[string]string{"id": "m1"}, a.append(r.Context(), r.PathValue("task"), event.MessageQueued{ID: "m" + strconv.Itoa(int(keys.next())), Text: text, When: event.MessageWhen(when)})
	})
	for _, route := range []string{
		"POST /v1/tasks/{task}/stop", "POST /v1/tasks/{task}/pause", "POST /v1/tasks/{task}/resume", "POST /v1/tasks/{task}/retry",
		"POST /v1/tasks/{task}/answers", "POST /v1/tasks/{task}/messages/{message}", "POST /v1/tasks/{task}/plan", "GET /v1/usage",
	} {
		a.handle(route, func(*http.Request, map[string]any) (any, error) { return map[string]any{}, nil })
	}
	a.handle("GET /v1/plugins", func(*http.Request, map[string]any) (any, error) { return plugins, nil })
	return a
}

// plugins are what the fake host has installed.
var plugins = []map[string]any{{
	"name": "finance", "state": "enabled",
	"commands": []map[string]any{
		{"id": "finance:variance-analysis", "argument_hint": "BUDGET ACTUALS [--by COLUMN]", "summary": "Budget against actuals, explained", "needs_model": false},
		{"id": "finance:cash-forecast", "argument_hint": "LEDGER", "summary": "Thirteen weeks of cash", "needs_model": true},
	},
	"skills": []map[string]any{},
}, {
	"name": "data", "state": "enabled",
	"commands": []map[string]any{{"id": "data:profile", "argument_hint": "FILE", "summary": "What is in a table, and what is wrong with it", "needs_model": false}},
	"skills":   []map[string]any{},
}, {
	"name": "broken", "state": "failed", "commands": []map[string]any{{"id": "broken:x"}}, "skills": []map[string]any{},
}}

func (a *fakeAPI) handle(pattern string, answer func(*http.Request, map[string]any) (any, error)) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in map[string]any
		if r.Body != nil && r.Method != http.MethodGet {
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil && !errors.Is(err, io.EOF) {
				http.Error(w, err.Error(), http.StatusUnprocessableEntity)
				return
			}
		}
		a.mu.Lock()
		a.calls = append(a.calls, apiCall{r.URL.RequestURI(), in, r.Header.Clone()})
		a.mu.Unlock()
		out, err := answer(r, in)
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusConflict)
			out = map[string]any{"error": event.ErrorOf(err)}
		}
		_ = json.NewEncoder(w).Encode(out)
	})
}

// ServeHTTP answers as the host's API does.
func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

func (a *fakeAPI) append(ctx context.Context, task string, p event.Payload) error {
	e, err := event.New(p)
	if err != nil {
		return err
	}
	_, err = a.log.Append(ctx, task, -1, e)
	return err
}

// undo takes back the changes of a task, or shows what it would do.
func (a *fakeAPI) undo(r *http.Request, in map[string]any) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	task := r.PathValue("task")
	only, _ := in["path"].(string)
	out := []map[string]any{}
	note := event.TaskUndone{}
	for _, c := range a.files[task] {
		if path, _ := c["path"].(string); (only == "" || only == path) && c["undoable"] == true {
			out = append(out, map[string]any{"path": path, "action": "removed"})
			note.Reversals = append(note.Reversals, event.Reversal{Path: path, Outcome: "removed"})
		}
	}
	if in["dry_run"] == true {
		return out, nil
	}
	for _, c := range a.files[task] {
		if only == "" || only == c["path"] {
			c["undoable"] = false
		}
	}
	return out, a.append(r.Context(), task, note)
}

// changed says that a task changed a file.
func (a *fakeAPI) changed(task, path, change string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files[task] = append(a.files[task], map[string]any{"path": path, "change": change, "step": "1", "undoable": true})
}

// got returns the requests to a path, oldest first.
func (a *fakeAPI) got(path string) []apiCall {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []apiCall
	for _, c := range a.calls {
		if c.Path == path {
			out = append(out, c)
		}
	}
	return out
}
