package host

import (
	"context"
	"net/http"
	"path/filepath"
	"sync"

	"github.com/cowork-host/cowork/host/internal/api"
	"github.com/cowork-host/cowork/host/internal/web"
	"github.com/cowork-host/cowork/pluginsdk"
)

// webPage is the host's web page: not served until somebody asks for it, and
// then until the host ends.
type webPage struct {
	opts web.Options

	mu      sync.Mutex
	handler func() http.Handler // the API's; set when there is one
	server  *web.Server
}

// OpenWeb serves the page if it is not served yet and returns a new link.
func (p *webPage) OpenWeb(ctx context.Context, req api.WebRequest) (api.WebResponse, error) {
	const free = "127.0.0.1:0"
	if req.Addr == "" {
		req.Addr = free
	}
	if err := web.CheckAddr(req.Addr); err != nil {
		return api.WebResponse{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil && req.Addr != free && req.Addr != p.server.Addr() {
		return api.WebResponse{}, &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: "the page is served on " + p.server.Addr() + " already",
			Next: "leave --addr out, or end the host first with `cowork stop`",
		}
	}
	if p.server == nil {
		opts := p.opts
		opts.API = p.handler()
		s, err := web.Listen(ctx, req.Addr, opts)
		if err != nil {
			return api.WebResponse{}, err
		}
		p.server = s
	}
	p.server.Grant(req.Cwd, req.Folders...)
	return api.WebResponse{URL: p.server.LoginURL(), Page: p.server.URL()}, nil
}

// close ends the page if it is served.
func (p *webPage) close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil
	}
	return p.server.Close(ctx)
}

// newWeb returns the host's page, which is not served yet.
func (h *Host) newWeb() *webPage {
	return &webPage{
		handler: func() http.Handler { return h.server.Handler() },
		opts: web.Options{
			Log: h.log, UserHome: h.opts.UserHome, Logger: h.opts.Logger,
			StateFile: filepath.Join(h.home.RunDir(), "server.json"),
			Count:     func(next http.Handler) http.Handler { return h.server.Counted(next) },
		},
	}
}
