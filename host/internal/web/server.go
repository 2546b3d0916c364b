package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Log is what the page reads of the event log. [event.Log] is one.
type Log interface {
	Tasks(ctx context.Context, q event.Query) ([]event.Head, error)
	Head(ctx context.Context, task string) (event.Head, error)
	Read(ctx context.Context, task string, from int64) iter.Seq2[event.Event, error]
	Subscribe(ctx context.Context, task string, from int64) iter.Seq2[event.Event, error]
}

// Options are what a Server needs; Now, Logger and StateFile may be left out.
type Options struct {
	// API answers under /v1 as the host's socket does.
	API http.Handler
	Log Log
	// UserHome is the person's home folder, which is never granted whole from
	// the page; "" refuses every folder typed there.
	UserHome string
	// StateFile gets the address and the token for scripts, readable by the
	// user alone; "" writes none.
	StateFile string
	// Count, if set, wraps the handler of every request that is let in: an open
	// page keeps the host from leaving.
	Count  func(http.Handler) http.Handler
	Now    func() time.Time
	Logger *slog.Logger
}

// Server is a web app on one loopback address. Create it with Listen and end
// it with Close; its methods may be called concurrently.
type Server struct {
	opts    Options
	hosts   []string // the values of Host that are ours
	auth    *auth
	hub     *hub
	asks    *asks
	folders *folders
	once    *replies
	http    *http.Server
	listen  net.Listener
	cancel  context.CancelFunc
	served  sync.WaitGroup
}

// Listen binds addr, which must be a loopback address and a port, and answers
// there until Close. ctx bounds only the start.
func Listen(ctx context.Context, addr string, opts Options) (*Server, error) {
	if err := CheckAddr(addr); err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: fmt.Sprintf("cannot listen on %s: %v", addr, err), Next: "use --addr 127.0.0.1:0, which takes a free port"}
	}
	s, err := newServer(l, opts)
	if err != nil {
		l.Close()
		return nil, err
	}
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.http.BaseContext = func(net.Listener) context.Context { return runCtx }
	s.served.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			opts.Logger.Error("the web page is no longer served", "error", err)
		}
	})
	s.served.Go(func() { s.hub.run(runCtx) })
	return s, nil
}

func newServer(l net.Listener, opts Options) (*Server, error) {
	port := l.Addr().(*net.TCPAddr).Port
	s := &Server{
		opts: opts, listen: l, auth: newAuth(port, opts.Now), asks: newAsks(opts.Log),
		hub: newHub(opts.Log, opts.Logger), once: newReplies(), folders: newFolders(opts.Log, opts.UserHome),
	}
	for _, h := range []string{"127.0.0.1", "::1", "localhost"} {
		s.hosts = append(s.hosts, net.JoinHostPort(h, strconv.Itoa(port)))
	}
	s.http = &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(opts.Logger.Handler(), slog.LevelWarn),
	}
	return s, s.writeState()
}

// CheckAddr refuses, as [pluginsdk.ErrInvalid], what is not a literal loopback
// address with a port. A name could mean another address tomorrow.
func CheckAddr(addr string) error {
	ap, err := netip.ParseAddrPort(addr)
	if err == nil && ap.Addr().IsLoopback() && ap.Addr().Zone() == "" {
		return nil
	}
	return pluginsdk.Invalid("use 127.0.0.1:PORT or [::1]:PORT; port 0 takes a free one",
		"the web page is served on a loopback address only, and %.100q is none", addr)
}

// URL is where the page is.
func (s *Server) URL() string { return "http://" + s.listen.Addr().String() + "/" }

// Addr is the address the server listens on.
func (s *Server) Addr() string { return s.listen.Addr().String() }

// LoginURL returns a link that opens the page in one browser, once.
func (s *Server) LoginURL() string { return s.URL() + "login?t=" + s.auth.oneTime() }

// Grant lets the page use folders, absolute, beside those it may use already;
// cwd is where relative paths start, and the first one offered.
func (s *Server) Grant(cwd string, dirs ...string) { s.folders.allow(cwd, dirs...) }

// Close ends the open streams and the listener and waits until nothing runs.
func (s *Server) Close(ctx context.Context) error {
	s.cancel()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	s.served.Wait()
	if s.opts.StateFile != "" {
		if rm := os.Remove(s.opts.StateFile); !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}
	return err
}

// writeState writes the file by which scripts of the same user find the page.
func (s *Server) writeState() error {
	if s.opts.StateFile == "" {
		return nil
	}
	data, err := json.Marshal(map[string]any{"url": s.URL(), "token": s.auth.bearer, "pid": os.Getpid()})
	if err != nil {
		return err
	}
	if err := os.Remove(s.opts.StateFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old %s: %w", s.opts.StateFile, err)
	}
	f, err := os.OpenFile(s.opts.StateFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write where the web page is: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}
