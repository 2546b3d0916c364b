package web

import (
	"mime"
	"net/http"
	"slices"
	"strings"
)

// policy is the page's Content-Security-Policy: nothing from elsewhere, no
// inline code, and text becomes HTML through one sanitiser only.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
	"connect-src 'self'; font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify"

// maxRequest bounds the body of any request.
const maxRequest = 1 << 20

// handler is the order in which a request is judged, and the only place where
// that is decided: the first below is asked last.
func (s *Server) handler() http.Handler {
	h := s.routes()
	if s.opts.Count != nil {
		h = s.opts.Count(h)
	}
	h = onlyJSON(h)                                // 415, 413: mutations are JSON and small
	h = http.NewCrossOriginProtection().Handler(h) // 403: the standard library's second opinion
	h = s.authenticated(h)                         // 401, 429: a cookie or a token; /login is here
	h = sameOrigin(h)                              // 403: another page's request
	h = s.knownHost(h)                             // 421: a name that only resolves to us
	h = headers(h)                                 // on every answer, also on refusals
	return s.logged(h)                             // method, path and status, never a token
}

// logged writes a line for each refusal. Queries stay out: they hold tokens.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		if rec.status >= http.StatusBadRequest {
			s.opts.Logger.Info("web request refused", "method", r.Method, "path", r.URL.Path, "status", rec.status)
		}
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader keeps the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (s *Server) knownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(s.hosts, r.Host) {
			http.Error(w, "this address is not served here", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses what another page started. Other ports of this machine
// count as the same site to a browser, so the cookie's SameSite does not stop
// them. A link to the page, followed from anywhere, is fine, and so is the
// frame of an artifact, which is cross-site to itself.
func sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin, sent := r.Header["Origin"]; sent && (len(origin) != 1 || origin[0] != "http://"+r.Host) {
			http.Error(w, "this request comes from another page", http.StatusForbidden)
			return
		}
		switch r.Header.Get("Sec-Fetch-Site") {
		case "", "none", "same-origin":
		default:
			if !topNavigation(r) {
				http.Error(w, "this request comes from another page", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func topNavigation(r *http.Request) bool {
	return r.Method == http.MethodGet && (r.URL.Path == "/" || r.URL.Path == "/login") &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// needLogin is the whole answer to whoever is not let in, whatever was wrong.
const needLogin = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>cowork</title>" +
	"<h1>This page needs its link</h1><p>Run <code>cowork serve</code> and open the link it prints. A link works once.</p></html>\n"

func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			s.login(w, r)
			return
		}
		if v := s.auth.check(r); v != granted {
			refuse(w, v)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// login changes a one-time token into a cookie.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	cookie, v := s.auth.login(r.URL.Query().Get("t"))
	if v != granted {
		refuse(w, v)
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func refuse(w http.ResponseWriter, v verdict) {
	if v == tooMany {
		w.Header().Set("Retry-After", "60")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(v.status())
	_, _ = w.Write([]byte(needLogin)) // the client may be gone
}

// onlyJSON keeps out what a form or a plain request can send across origins.
func onlyJSON(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
			if err != nil || !strings.EqualFold(kind, "application/json") {
				http.Error(w, "send application/json", http.StatusUnsupportedMediaType)
				return
			}
			if r.ContentLength > maxRequest {
				http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		}
		next.ServeHTTP(w, r)
	})
}
