package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/grant"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// maxBody bounds a request's body.
const maxBody = 4 << 20

// Options are what a Server serves.
type Options struct {
	Health Health
	Log    event.Log
	Tasks  Tasks
	// Models is told which connection to a model to use; nil: none can be.
	Models    Models
	Workspace *workspace.Store
	Plugins   *runtime.Plugins
	Grants    *grant.Store
	// Policy returns the rules for a tree of tasks, by its root; "" is none.
	Policy func(root string) policy.Rules
	Usage  *usage.Reporter
	// Web serves the web page; nil: there is none.
	Web Opener
	// ReadOnly is why nothing can be changed, such as a full disk; nil: all can.
	ReadOnly error
	// IdleAfter is how long the server waits without a task or a request
	// before Serve returns; 0: for ever.
	IdleAfter time.Duration
	Logger    *slog.Logger
}

// Server answers clients. Create it with New.
type Server struct {
	opts     Options
	quit     chan struct{}
	quitOnce sync.Once
	requests atomic.Int64
	last     atomic.Int64 // Unix nanoseconds of the last request's end
	model    modelSlot
}

// New returns a server that is not yet listening.
func New(opts Options) *Server {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{opts: opts, quit: make(chan struct{}), model: modelSlot{salt: rand.Text()}}
}

// Serve answers on l until ctx ends, a client asks the host to quit, or the
// host has been idle long enough. It closes l. Only peers of this process's
// own user are let in.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.last.Store(time.Now().UnixNano())
	srv := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(&ownListener{Listener: l, log: s.opts.Logger}) }()
	idleCtx, stopIdle := context.WithCancel(ctx)
	defer stopIdle()
	stop := s.idle(idleCtx)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	case <-s.quit:
	case <-stop:
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return srv.Close() // streams that are still open end here
	}
	return nil
}

// idle returns a channel that is closed when nothing has happened for
// IdleAfter.
func (s *Server) idle(ctx context.Context) <-chan struct{} {
	stop := make(chan struct{})
	if s.opts.IdleAfter == 0 {
		return stop
	}
	go func() {
		tick := time.NewTicker(max(s.opts.IdleAfter/4, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				quiet := now.Sub(time.Unix(0, s.last.Load()))
				if s.requests.Load() == 0 && s.opts.Tasks.Active() == 0 && quiet >= s.opts.IdleAfter {
					close(stop)
					return
				}
			}
		}
	}()
	return stop
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/health", s.health)
	mux.HandleFunc("POST /v1/quit", s.quitNow)
	mux.HandleFunc("POST /v1/tasks", s.run)
	mux.HandleFunc("GET /v1/tasks", s.tasks)
	mux.HandleFunc("GET /v1/tasks/{task}/events", s.events)
	mux.HandleFunc("GET /v1/tasks/{task}/changes", s.changes)
	mux.HandleFunc("POST /v1/tasks/{task}/stop", s.stop)
	mux.HandleFunc("POST /v1/tasks/{task}/resume", s.resume)
	mux.HandleFunc("POST /v1/tasks/{task}/answers", s.answer)
	mux.HandleFunc("POST /v1/tasks/{task}/undo", s.undo)
	mux.HandleFunc("GET /v1/tasks/{task}", s.state)
	mux.HandleFunc("POST /v1/tasks/{task}/pause", s.pause)
	mux.HandleFunc("POST /v1/tasks/{task}/retry", s.retry)
	mux.HandleFunc("POST /v1/tasks/{task}/messages", s.message)
	mux.HandleFunc("POST /v1/tasks/{task}/messages/{message}", s.changeMessage)
	mux.HandleFunc("POST /v1/tasks/{task}/approvals", s.approve)
	mux.HandleFunc("POST /v1/tasks/{task}/plan", s.plan)
	mux.HandleFunc("POST /v1/tasks/import", s.importTask)
	mux.HandleFunc("PUT /v1/model", s.setModel)
	mux.HandleFunc("GET /v1/plugins", s.plugins)
	mux.HandleFunc("POST /v1/plugins/install", s.install)
	mux.HandleFunc("POST /v1/plugins/update", s.update)
	mux.HandleFunc("POST /v1/plugins/remove", s.remove)
	mux.HandleFunc("POST /v1/web", s.web)
	mux.HandleFunc("GET /v1/grants", s.grants)
	mux.HandleFunc("POST /v1/grants", s.addGrant)
	mux.HandleFunc("POST /v1/grants/{grant}/remove", s.removeGrant)
	mux.HandleFunc("POST /v1/policy/try", s.tryPolicy)
	mux.HandleFunc("GET /v1/usage", s.usage)
	mux.HandleFunc("GET /v1/trash", s.trash)
	mux.HandleFunc("POST /v1/trash/{item}/restore", s.restore)
	mux.HandleFunc("POST /v1/trash/empty", s.emptyTrash)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, &pluginsdk.Error{
			Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("this host does not answer %s %.200q", r.Method, r.URL.Path),
			Next: "use the client that belongs to it",
		})
	})
	return s.Counted(s.readOnly(mux))
}

// readOnly refuses what would change something that cannot be changed.
func (s *Server) readOnly(next http.Handler) http.Handler {
	if s.opts.ReadOnly == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet, r.URL.Path == "/v1/quit", r.URL.Path == "/v1/model", r.URL.Path == "/v1/policy/try":
			next.ServeHTTP(w, r)
		default:
			fail(w, s.opts.ReadOnly)
		}
	})
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	h := s.opts.Health
	h.Active = s.opts.Tasks.Active()
	h.Model = s.model.status()
	reply(w, h)
}

func (s *Server) quitNow(w http.ResponseWriter, r *http.Request) {
	if n := s.opts.Tasks.Active(); n > 0 && r.URL.Query().Get("force") == "" {
		fail(w, &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: "tasks are at work", Next: "stop them first, or use --force"})
		return
	}
	reply(w, struct{}{})
	s.quitOnce.Do(func() { close(s.quit) })
}

// decode reads a JSON body into v; it answers the request when it cannot.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, err = dec.Token(); err == nil {
			err = errors.New("something follows the JSON object")
		}
	}
	if !errors.Is(err, io.EOF) { // an empty body is an empty object
		fail(w, pluginsdk.Invalid("", "the request is not understood: %.300v", err))
		return false
	}
	return true
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

// fail answers with the error's code, message and next step.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, pluginsdk.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, pluginsdk.ErrInvalid), errors.Is(err, pluginsdk.ErrUnsupported):
		status = http.StatusUnprocessableEntity
	case errors.Is(err, pluginsdk.ErrDenied):
		status = http.StatusForbidden
	case errors.Is(err, pluginsdk.ErrConflict):
		status = http.StatusConflict
	case errors.Is(err, pluginsdk.ErrUnavailable):
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Problem{Error: engine.ErrorOf(err)}) // the client may be gone
}

// ownListener accepts only peers of this process's user.
type ownListener struct {
	net.Listener
	log *slog.Logger
}

func (l *ownListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := checkPeer(c); err != nil {
			l.log.Warn("connection refused", "error", err)
			c.Close()
			continue
		}
		return c, nil
	}
}
