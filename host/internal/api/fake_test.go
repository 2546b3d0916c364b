package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/host/internal/api"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

// fakeTasks notes what it is asked for, as "method argument…".
type fakeTasks struct {
	log *event.Memory
	err error // what every method that changes something returns

	mu     sync.Mutex
	calls  []string
	active map[string]chan struct{}
}

func (f *fakeTasks) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fakeTasks) Start(_ context.Context, s task.Spec) (string, error) {
	return "new", f.note("start %q model=%s light=%v offline=%v budget=%s mode=%s", s.Input, s.Model, s.Light, s.NoInternet, s.Budget, s.Mode)
}

func (f *fakeTasks) Resume(_ context.Context, id string, interactive bool) error {
	return f.note("resume %s %v", id, interactive)
}

func (f *fakeTasks) Retry(_ context.Context, id string) error { return f.note("retry %s", id) }

func (f *fakeTasks) Stop(_ context.Context, id string, after bool) error {
	return f.note("stop %s %v", id, after)
}

func (f *fakeTasks) Pause(_ context.Context, id, by string) error {
	return f.note("pause %s %s", id, by)
}

func (f *fakeTasks) Send(_ context.Context, id string, m event.MessageQueued) (string, error) {
	return "m1", f.note("send %s %q %s %s", id, m.Text, m.When, m.From)
}

func (f *fakeTasks) Change(_ context.Context, id string, c event.MessageChanged) error {
	return f.note("change %s %+v", id, c)
}

func (f *fakeTasks) EditPlan(_ context.Context, id string, ops []event.PlanOp) error {
	return f.note("plan %s %+v", id, ops)
}

func (f *fakeTasks) Answer(_ context.Context, id, question, value string) error {
	return f.note("answer %s %s %s", id, question, value)
}

func (f *fakeTasks) Approve(_ context.Context, id string, a event.ApprovalAnswered) error {
	return f.note("approve %s %+v", id, a)
}

func (f *fakeTasks) State(ctx context.Context, id string) (*task.State, error) {
	var s task.State
	for e, err := range f.log.Read(ctx, id, 1) {
		if err != nil {
			return nil, err
		}
		s.Fold(e)
	}
	if s.Last == 0 {
		return nil, pluginsdk.ErrNotFound
	}
	return &s, nil
}

func (f *fakeTasks) Note(context.Context, string, event.Payload) error { return nil }

func (f *fakeTasks) Done(id string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.active[id]; c != nil {
		return c
	}
	over := make(chan struct{})
	close(over)
	return over
}

func (f *fakeTasks) Active() int { return 0 }

func (f *fakeTasks) Import(_ context.Context, events iter.Seq2[event.Event, error]) (string, error) {
	n, id := 0, ""
	for e, err := range events {
		if err != nil {
			return "", err
		}
		n, id = n+1, e.Task
	}
	return id, f.note("import %d", n)
}

// begin makes tasks count as being at work; end ends that.
func (f *fakeTasks) begin(ids ...string) (end func(id string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = map[string]chan struct{}{}
	for _, id := range ids {
		f.active[id] = make(chan struct{})
	}
	return func(id string) { close(f.active[id]) }
}

// fakeModels keeps what it was given.
type fakeModels struct{ set []api.ModelSettings }

func (f *fakeModels) Set(s api.ModelSettings) { f.set = append(f.set, s) }

// server is an API over fakes.
type server struct {
	t      *testing.T
	url    string
	log    *event.Memory
	tasks  *fakeTasks
	models *fakeModels
	home   string
}

func serve(t *testing.T) *server {
	t.Helper()
	log := event.NewMemory()
	s := &server{t: t, log: log, tasks: &fakeTasks{log: log}, models: &fakeModels{}}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	srv := api.New(s.rooms(api.Options{Log: log, Tasks: s.tasks, Models: s.models}))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// do sends a request and returns the status and the body.
func (s *server) do(method, path, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// append records payloads of a task.
func (s *server) append(id, parent string, payloads ...event.Payload) {
	s.t.Helper()
	for _, p := range payloads {
		e, err := event.New(p)
		if err != nil {
			s.t.Fatal(err)
		}
		e.Parent = parent
		if _, err := s.log.Append(s.t.Context(), id, -1, e); err != nil {
			s.t.Fatal(err)
		}
	}
}

// lines decodes JSON lines as "task seq kind".
func lines(t *testing.T, body string) []string {
	t.Helper()
	var out []string
	dec := json.NewDecoder(bytes.NewReader([]byte(body)))
	for dec.More() {
		var e event.Event
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %d %s", e.Task, e.Seq, e.Kind))
	}
	return out
}
