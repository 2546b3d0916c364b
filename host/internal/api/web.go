package api

import (
	"context"
	"net/http"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// WebRequest asks for the web page.
type WebRequest struct {
	// Addr is a loopback address with a port; empty is 127.0.0.1:0.
	Addr string `json:"addr,omitempty"`
	// Folders may be granted from the page as they are; Cwd is offered if it is
	// not a whole home or disk. Both are absolute.
	Folders []string `json:"folders,omitempty"`
	Cwd     string   `json:"cwd,omitempty"`
}

// WebResponse says where the page is.
type WebResponse struct {
	// URL opens the page in one browser, once.
	URL string `json:"url"`
	// Page is its address for a browser that was let in already.
	Page string `json:"page"`
}

// Opener serves the web page.
type Opener interface {
	// OpenWeb serves the page if it is not served yet and returns a new link.
	OpenWeb(ctx context.Context, req WebRequest) (WebResponse, error)
}

// Handler answers as the server does on its socket, for another listener that
// checked who asks.
func (s *Server) Handler() http.Handler { return s.handler() }

// Counted returns h such that its requests keep the server from being idle.
func (s *Server) Counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		defer func() {
			s.last.Store(time.Now().UnixNano())
			s.requests.Add(-1)
		}()
		h.ServeHTTP(w, r)
	})
}

func (s *Server) web(w http.ResponseWriter, r *http.Request) {
	var req WebRequest
	if !decode(w, r, &req) || !absolute(w, req.Folders...) || req.Cwd != "" && !absolute(w, req.Cwd) {
		return
	}
	if s.opts.Web == nil {
		fail(w, &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: "this host serves no web page"})
		return
	}
	resp, err := s.opts.Web.OpenWeb(r.Context(), req)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, resp)
}
