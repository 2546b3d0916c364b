package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Messages is a model for tests: an HTTP server that speaks the Messages API
// and answers from a script. It is as strict as the real one about the
// conversations it is sent: every tool call has exactly one result.
//
// Beside the calls of the script it answers count_tokens and the list of
// models, and it reports the usage a provider would report that caches by the
// exact bytes of the prefix. The same request gets the same ids every time.
type Messages struct {
	url    string
	over   func(format string, args ...any) // the script has no reply
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex
	script   Script
	handle   func(MessagesRequest) (Reply, bool)
	used     []int // per reply of the script
	requests []MessagesRequest
	gates    map[string]chan struct{}
	cache    map[string]bool // prefixes seen, see usage
}

// MessagesRequest is one call of a model as the server got it.
type MessagesRequest struct {
	N      int // counts the calls, from 1
	Path   string
	Header http.Header
	Body   []byte
}

// NewMessages starts a server that gives the replies in order, and stops it
// when the test ends. A call for which no reply is left fails the test.
func NewMessages(tb testing.TB, replies ...Reply) *Messages {
	tb.Helper()
	return NewMessagesScript(tb, Script{Replies: replies})
}

// NewMessagesScript starts a server from a whole script.
func NewMessagesScript(tb testing.TB, script Script) *Messages {
	tb.Helper()
	m := newMessages(script)
	m.over = tb.Errorf
	srv := httptest.NewServer(m)
	m.url = srv.URL
	tb.Cleanup(func() {
		m.stop()
		srv.Close()
	})
	return m
}

// ServeScript serves a script on l until ctx is done, for programs that are
// tested from outside. Such a test reads what was asked for from
// GET /script/requests, an array of bodies, and lets a reply that waits go on
// with POST /script/release?gate=NAME. It closes l.
func ServeScript(ctx context.Context, l net.Listener, script Script) error {
	m := newMessages(script)
	srv := &http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second}
	stopped := context.AfterFunc(ctx, func() {
		m.stop()
		srv.Close()
	})
	defer stopped()
	defer m.stop()
	if err := srv.Serve(l); ctx.Err() == nil {
		return fmt.Errorf("serve the scripted model: %w", err)
	}
	return nil
}

func newMessages(script Script) *Messages {
	return &Messages{
		over: func(string, ...any) {}, closed: make(chan struct{}),
		script: script.copied(), used: make([]int, len(script.Replies)),
		gates: map[string]chan struct{}{}, cache: map[string]bool{},
	}
}

func (m *Messages) stop() { m.once.Do(func() { close(m.closed) }) }

// URL is the base URL to give to a client.
func (m *Messages) URL() string { return m.url }

// Requests returns the calls so far, in the order in which they came. Counts
// and questions for models are not among them.
func (m *Messages) Requests() []MessagesRequest {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.requests)
}

// Add appends replies to the script.
func (m *Messages) Add(replies ...Reply) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.script.Replies = append(m.script.Replies, replies...)
	m.used = append(m.used, make([]int, len(replies))...)
}

// Handle sets a function that is asked before the script. It may be called
// concurrently; when it returns false the script answers.
func (m *Messages) Handle(fn func(MessagesRequest) (Reply, bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handle = fn
}

// Release opens the gate of that name: replies that wait for it go on, and
// later ones do not wait.
func (m *Messages) Release(gate string) {
	g := m.gate(gate)
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-g:
	default:
		close(g)
	}
}

func (m *Messages) gate(name string) chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gates[name] == nil {
		m.gates[name] = make(chan struct{})
	}
	return m.gates[name]
}

// Unused returns how many replies of the script were never given.
func (m *Messages) Unused() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for i := range m.used {
		if m.used[i] == 0 {
			n++
		}
	}
	return n
}

// maxRequest bounds a request's body, as the real API does.
const maxRequest = 32 << 20

// ServeHTTP answers one request. It makes a Messages usable in a server of
// one's own.
func (m *Messages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "plugintest")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		writeError(w, http.StatusRequestEntityTooLarge, "request_too_large", err.Error())
		return
	}
	if r.URL.Path == "/script/requests" || r.URL.Path == "/script/release" {
		m.control(w, r)
		return
	}
	if !m.authorized(r) {
		writeError(w, http.StatusUnauthorized, "authentication_error", "invalid x-api-key")
		return
	}
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/v1/messages":
		m.message(w, r, body)
	case r.Method == http.MethodPost && r.URL.Path == "/v1/messages/count_tokens":
		m.count(w, body)
	case r.Method == http.MethodGet && r.URL.Path == "/v1/models" && !m.script.NoModels:
		writeJSON(w, http.StatusOK, map[string]any{
			"data": []any{m.info(listedModel)}, "has_more": false, "first_id": listedModel, "last_id": listedModel,
		})
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/models/") && !m.script.NoModels:
		writeJSON(w, http.StatusOK, m.info(strings.TrimPrefix(r.URL.Path, "/v1/models/")))
	default:
		writeError(w, http.StatusNotFound, "not_found_error", "Not found")
	}
}

func (m *Messages) authorized(r *http.Request) bool {
	return m.script.Key == "" || r.Header.Get("X-Api-Key") == m.script.Key ||
		r.Header.Get("Authorization") == "Bearer "+m.script.Key
}

func (m *Messages) control(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/script/release" {
		m.Release(r.URL.Query().Get("gate"))
		return
	}
	bodies := []json.RawMessage{}
	for _, req := range m.Requests() {
		bodies = append(bodies, req.Body)
	}
	writeJSON(w, http.StatusOK, bodies)
}

// message answers one call of the model.
func (m *Messages) message(w http.ResponseWriter, r *http.Request, body []byte) {
	req, err := parseRequest(body)
	if err == nil && !m.script.Lax {
		err = req.check()
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return
	}
	m.mu.Lock()
	got := MessagesRequest{N: len(m.requests) + 1, Path: r.URL.Path, Header: r.Header.Clone(), Body: body}
	m.requests = append(m.requests, got)
	handle := m.handle
	m.mu.Unlock()

	var reply Reply
	found := false
	if handle != nil {
		reply, found = handle(got)
	}
	use := 1
	if !found {
		reply, use, found = m.next(req)
	}
	if !found {
		m.over("the script of the model has no reply for call %d: %s", got.N, clip(body))
		writeError(w, http.StatusBadRequest, "invalid_request_error",
			fmt.Sprintf("the script of the model has no reply for call %d", got.N))
		return
	}
	a := &answer{m: m, w: w, r: r, req: req, reply: reply.filled(use)}
	a.id = fmt.Sprintf("%016x", digest(body))
	a.write()
}

// next takes the first reply of the script that is meant for the request and
// not used up. It also returns how often it has been used.
func (m *Messages) next(req *request) (Reply, int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, reply := range m.script.Replies {
		if m.used[i] > 0 && reply.Times >= 0 && m.used[i] >= max(reply.Times, 1) || !reply.When.holds(req) {
			continue
		}
		m.used[i]++
		return reply, m.used[i], true
	}
	return Reply{}, 0, false
}

func (m *Messages) count(w http.ResponseWriter, body []byte) {
	req, err := parseRequest(body)
	if err != nil {
		writeError(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return
	}
	writeJSON(w, http.StatusOK, map[string]int64{"input_tokens": req.tokens()})
}

// listedModel is the one model in the list; the server answers for any.
const listedModel = "scripted"

// info describes a model.
func (m *Messages) info(id string) map[string]any {
	window, output := m.script.Window, m.script.MaxOutput
	if window == 0 {
		window = 200_000
	}
	if output == 0 {
		output = 64_000
	}
	return map[string]any{
		"type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z",
		"max_input_tokens": window, "max_tokens": output,
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may have left
}

func writeError(w http.ResponseWriter, status int, kind, message string) {
	writeJSON(w, status, errorBody(kind, message))
}

func errorBody(kind, message string) map[string]any {
	return map[string]any{"type": "error", "error": map[string]string{"type": kind, "message": message}}
}

// clip shortens what is shown in a test's log.
func clip(body []byte) string {
	const most = 500
	if len(body) > most {
		body = append(bytes.Clone(body[:most]), "…"...)
	}
	return string(body)
}
