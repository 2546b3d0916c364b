package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// routes are all the page can ask for. What is not here does not exist for it,
// whatever the API behind can do.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, h http.HandlerFunc) { mux.Handle("GET "+path, named(h)) }
	post := func(path string, h http.HandlerFunc) { mux.Handle("POST "+path, named(s.once.handler(h))) }

	get("/{$}", page)
	get("/assets/{name}", asset)
	get("/artifacts/{task}/{folder}/{path...}", s.artifact)

	get("/api/events", s.stream)
	get("/api/folders", s.listFolders)
	get("/api/tasks", s.tasks)
	get("/api/tasks/{task}", s.pass)
	get("/api/tasks/{task}/events", s.events)
	get("/api/tasks/{task}/changes", s.pass)
	get("/api/plugins", s.plugins)
	get("/api/usage", s.usage)

	post("/api/tasks", s.start)
	post("/api/tasks/{task}/resume", s.resume)
	post("/api/tasks/{task}/pause", s.pause)
	post("/api/tasks/{task}/approvals", s.approve)
	post("/api/tasks/{task}/undo", s.undo)
	for _, verb := range []string{"stop", "retry", "answers", "messages", "messages/{message}", "plan"} {
		post("/api/tasks/{task}/"+verb, s.pass)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, &pluginsdk.Error{
			Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("this page does not answer %s %.200q", r.Method, r.URL.Path),
			Next: "reload it",
		})
	})
	return mux
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// isID reports whether a text looks like the id of a task or a message.
func isID(s string) bool {
	return s != "" && len(s) <= 128 && strings.Trim(s, alphanumeric+"_.-") == "" && strings.Trim(s[:1], alphanumeric) == ""
}

// named refuses ids that could be read as anything else in a path.
func named(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"task", "message"} {
			if v := r.PathValue(name); v != "" && !isID(v) {
				fail(w, http.StatusNotFound, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("%.150q is not the id of a %s", v, name)})
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// pass hands a request to the API as it is.
func (s *Server) pass(w http.ResponseWriter, r *http.Request) { s.forward(w, r, nil, nil) }

// forward hands a request to the API with another body and query; a nil body
// is the request's own. Cookies and tokens stay here.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, body any, query url.Values) {
	in := r.Body
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			fail(w, http.StatusInternalServerError, err)
			return
		}
		in = io.NopCloser(bytes.NewReader(data))
	}
	if t := r.PathValue("task"); t != "" {
		s.hub.touch(t)
	}
	path := "/v1" + strings.TrimPrefix(r.URL.Path, "/api")
	req := &http.Request{
		Method: r.Method, URL: &url.URL{Path: path, RawQuery: query.Encode()}, Proto: r.Proto, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: in, ContentLength: -1, Host: "cowork",
	}
	s.opts.API.ServeHTTP(w, req.WithContext(r.Context()))
	if r.Method != http.MethodGet {
		s.hub.kick()
	}
}

// answer is an answer of the API, kept to be looked at.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}, status: http.StatusOK} }

// Header is the answer's header.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the status.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write keeps the body.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// send writes the answer out.
func (a *answer) send(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the client may be gone
}

// decode reads a request's body into v; false: an error has been answered.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, err = dec.Token(); err == nil {
			err = errors.New("something follows the JSON object")
		}
	}
	if errors.Is(err, io.EOF) { // an empty body is an empty object
		return true
	}
	status := http.StatusUnprocessableEntity
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status = http.StatusRequestEntityTooLarge
	}
	fail(w, status, pluginsdk.Invalid("", "the request is not understood: %.300v", err))
	return false
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

// fail answers with an error in the API's shape.
func fail(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": event.ErrorOf(err)}) // the client may be gone
}

// denied answers that the page may not do something.
func denied(w http.ResponseWriter, message, next string) {
	fail(w, http.StatusForbidden, &pluginsdk.Error{Kind: pluginsdk.ErrDenied, Message: message, Next: next})
}

// startRequest is a task as the page may ask for it. Sandboxes and plugins'
// folders are not the page's to choose.
type startRequest struct {
	Input      string   `json:"input"`
	Folders    []string `json:"folders,omitempty"`
	Mode       string   `json:"mode,omitempty"`
	Model      string   `json:"model,omitempty"`
	Light      bool     `json:"light,omitempty"`
	NoInternet bool     `json:"no_internet,omitempty"`
	Budget     string   `json:"budget,omitempty"`
}

// start makes a task on folders the page may grant.
func (s *Server) start(w http.ResponseWriter, r *http.Request) {
	var req startRequest
	if !decode(w, r, &req) {
		return
	}
	dirs, err := s.folders.check(r.Context(), req.Folders)
	if err != nil {
		fail(w, http.StatusForbidden, err)
		return
	}
	req.Folders = dirs
	cwd := ""
	if len(dirs) > 0 {
		cwd = dirs[0]
	}
	s.forward(w, r, struct {
		startRequest
		Cwd         string `json:"cwd"`
		Sandbox     string `json:"sandbox"`
		Interactive bool   `json:"interactive"`
	}{req, cwd, "auto", true}, nil)
}

// resume runs a task again, with a person there to answer.
func (s *Server) resume(w http.ResponseWriter, r *http.Request) {
	var req struct{}
	if decode(w, r, &req) {
		s.forward(w, r, map[string]bool{"interactive": true}, nil)
	}
}

// by is who the log says it was.
const by = "web"

// pause makes a task wait at its next boundary.
func (s *Server) pause(w http.ResponseWriter, r *http.Request) {
	var req struct{}
	if decode(w, r, &req) {
		s.forward(w, r, map[string]string{"by": by}, nil)
	}
}

// plugins lists what is installed, for the palette. Bundles in other folders
// are not read for a page.
func (s *Server) plugins(w http.ResponseWriter, r *http.Request) { s.forward(w, r, nil, nil) }

func (s *Server) usage(w http.ResponseWriter, r *http.Request) {
	q := url.Values{}
	for _, k := range []string{"since", "by"} {
		if v := r.URL.Query().Get(k); v != "" {
			q.Set(k, v)
		}
	}
	s.forward(w, r, nil, q)
}

// listFolders says which folders the page may grant without typing them.
func (s *Server) listFolders(w http.ResponseWriter, r *http.Request) {
	dirs, err := s.folders.list(r.Context())
	if err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	reply(w, map[string][]string{"folders": dirs})
}

// listed is a task in the page's list.
type listed struct {
	event.Head
	// Waiting counts the approvals and questions that wait for the person.
	Waiting int `json:"waiting"`
}

// tasks lists the person's own tasks, without sub-agents, the newest first.
func (s *Server) tasks(w http.ResponseWriter, r *http.Request) {
	heads, err := s.opts.Log.Tasks(r.Context(), event.Query{Limit: 400, Before: r.URL.Query().Get("before")})
	if err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	out := []listed{}
	for _, h := range heads {
		if h.Parent == "" {
			out = append(out, listed{Head: h})
		}
	}
	for i := range out {
		out[i].Waiting = s.waiting(r.Context(), out[i].Head, heads)
	}
	next := ""
	if len(heads) == 400 {
		next = heads[len(heads)-1].Task
	}
	reply(w, map[string]any{"tasks": out, "next": next})
}

// waiting counts what waits for the person in a task and its sub-agents. A
// task that cannot be read waits for nothing.
func (s *Server) waiting(ctx context.Context, h event.Head, all []event.Head) int {
	if h.Status != event.StatusRunning && h.Status != event.StatusParked {
		return 0
	}
	n := 0
	if a, err := s.asks.of(ctx, h.Task); err == nil {
		n = a.open()
	}
	for _, c := range all {
		if c.Parent == h.Task {
			n += s.waiting(ctx, c, all)
		}
	}
	return n
}
