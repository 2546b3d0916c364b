package anthropic_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

func header(r plugintest.Reply, pairs ...string) plugintest.Reply {
	r.Header = map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		r.Header[pairs[i]] = pairs[i+1]
	}
	return r
}

func TestRetries(t *testing.T) {
	t.Parallel()
	limit := plugintest.Refuse(429, "rate_limit_error", "too many", "")
	busy := plugintest.Refuse(529, "overloaded_error", "busy", "")
	for _, c := range []struct {
		name  string
		reply plugintest.Reply
		waits []time.Duration // nil: not tried again; below 0: of our own
	}{
		{"seconds", header(limit, "Retry-After", "7"), []time.Duration{7 * time.Second}},
		{"parts of a second", header(limit, "Retry-After", "0.25"), []time.Duration{250 * time.Millisecond}},
		{"milliseconds come first", header(limit, "Retry-After", "7", "Retry-After-Ms", "40"), []time.Duration{40 * time.Millisecond}},
		{"a date", header(limit, "Retry-After", now().Add(9*time.Second).Format(http.TimeFormat)), []time.Duration{9 * time.Second}},
		{"a date gone by", header(limit, "Retry-After", now().Add(-time.Hour).Format(http.TimeFormat)), []time.Duration{0}},
		{"reset of a limit", header(limit, "Anthropic-Ratelimit-Input-Tokens-Remaining", "0", "Anthropic-Ratelimit-Input-Tokens-Reset", now().Add(12*time.Second).Format(time.RFC3339),
			"Anthropic-Ratelimit-Requests-Remaining", "5", "Anthropic-Ratelimit-Requests-Reset", now().Add(50*time.Second).Format(time.RFC3339)), []time.Duration{12 * time.Second}},
		{"nonsense", header(limit, "Retry-After", "soon"), []time.Duration{-1}},
		{"below zero", header(limit, "Retry-After", "-5"), []time.Duration{-1}},
		{"overloaded", busy, []time.Duration{-1}},
		{"longer than the cap", header(limit, "Retry-After", "61"), nil},
		{"for ever", header(limit, "Retry-After", "1e300"), nil},
		{"the server says no", header(busy, "X-Should-Retry", "false"), nil},
		{"the server says yes", header(plugintest.Refuse(400, "invalid_request_error", "odd", ""), "X-Should-Retry", "true"), []time.Duration{-1}},
		{"refused", plugintest.Refuse(400, "invalid_request_error", "odd", ""), nil},
		{"bad gateway with a page", plugintest.Page(502, "<html>bad gateway"), []time.Duration{-1}},
		{"bad gateway with a word", plugintest.Reply{Status: 502, Body: "upstream error"}, []time.Duration{-1}},
		{"reset at once", plugintest.Reply{End: plugintest.EndReset}, []time.Duration{-1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var w waits
			srv := plugintest.NewMessages(t, c.reply, plugintest.SayText("at last"))
			o := generate(t, connect(t, srv, func(o *anthropic.Options) { o.Wait = w.wait }), t.Context(), hello())
			got := w.got()
			for i, d := range got {
				if i < len(c.waits) && c.waits[i] < 0 && d >= 375*time.Millisecond && d <= 500*time.Millisecond {
					got[i] = -1
				}
			}
			if diff := cmp.Diff(c.waits, got); diff != "" {
				t.Error(diff)
			}
			if (o.err == nil) != (c.waits != nil) || len(o.retries) != len(c.waits) {
				t.Errorf("error %v after %d retries", o.err, len(o.retries))
			}
			for i, r := range o.retries {
				if r.Attempt != i+1 || r.Wait != w.got()[i] || r.Reason == "" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	var w waits
	busy := plugintest.Refuse(529, "overloaded_error", "busy", "")
	busy.Times = -1
	srv := plugintest.NewMessages(t, busy)
	o := generate(t, connect(t, srv, func(o *anthropic.Options) { o.Wait, o.MaxRetries = w.wait, 7 }), t.Context(), hello())
	var e *model.Error
	if !errors.As(o.err, &e) || e.Kind != model.ErrorOverload || !strings.Contains(e.Message, "busy") {
		t.Errorf("error %v", o.err)
	}
	list := w.got()
	if len(list) != 7 || len(srv.Requests()) != 8 {
		t.Fatalf("%d waits, %d calls", len(list), len(srv.Requests()))
	}
	for i, most := range []time.Duration{500, 1000, 2000, 4000, 8000, 8000, 8000} {
		if d := list[i] / time.Millisecond; d > most || d < most*3/4 {
			t.Errorf("wait %d is %v", i, list[i])
		}
	}
	for i, r := range srv.Requests() {
		if string(r.Body) != string(srv.Requests()[0].Body) {
			t.Errorf("request %d differs", i)
		}
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	srv := plugintest.NewMessages(t, plugintest.Refuse(429, "rate_limit_error", "x", "50"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := connect(t, srv, func(o *anthropic.Options) { o.Wait = nil }) // the real one
	var err error
	for c, e := range m.Generate(ctx, hello()) {
		if c.Retry != nil {
			cancel()
		}
		err = e
	}
	if !errors.Is(err, context.Canceled) || len(srv.Requests()) != 1 {
		t.Errorf("%v after %d calls", err, len(srv.Requests()))
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		reply   plugintest.Reply
		kind    model.ErrorKind
		message []string
		next    string
		after   time.Duration
	}{
		{"wrong key", plugintest.Refuse(401, "authentication_error", "invalid x-api-key "+key, ""), model.ErrorAuth, []string{"refuses the credentials", "invalid x-api-key ***"}, "check the API key", 0},
		{"another key in the words", plugintest.Refuse(403, "permission_error", "sk-ant-api03-AbCdEf123 may not", ""), model.ErrorAuth, []string{"*** may not"}, "check the API key", 0},
		{"limit", plugintest.Refuse(429, "rate_limit_error", "5 per minute", "5400"), model.ErrorLimit, []string{"5 per minute", "resets at 13:30:00, in 1h30m0s"}, "try again at 13:30:00", 90 * time.Minute},
		{"limit of days", header(plugintest.Refuse(429, "rate_limit_error", "weekly", ""), "Anthropic-Ratelimit-Unified-Status", "rejected", "Anthropic-Ratelimit-Unified-Reset", "1795521600"), model.ErrorLimit, []string{"resets at 2026-11-24 12:00, in 48h0m0s"}, "", 48 * time.Hour},
		{"no credit", plugintest.Refuse(400, "invalid_request_error", "Your credit balance is too low", ""), model.ErrorLimit, []string{"credit balance"}, "add credit", 0},
		{"no money", plugintest.Refuse(402, "billing_error", "pay", ""), model.ErrorLimit, []string{"pay"}, "add credit", 0},
		{"too long", plugintest.Refuse(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum", ""), model.ErrorTooLong, []string{"250000 tokens"}, "", 0},
		{"too large", plugintest.Refuse(413, "request_too_large", "32 MB", ""), model.ErrorTooLong, []string{"32 MB"}, "", 0},
		{"unknown model", plugintest.Refuse(404, "not_found_error", "model: claude-test", ""), model.ErrorRequest, []string{"model: claude-test"}, "name of the model", 0},
		{"refused", plugintest.Refuse(400, "invalid_request_error", "messages.1: odd\nsecond line", ""), model.ErrorRequest, []string{"messages.1: odd second line"}, "", 0},
		{"page with 200", plugintest.Page(200, "<!DOCTYPE html><h1>Sign in to the WiFi</h1>"), model.ErrorNotModel, []string{"does not answer as a model", "web page"}, "base URL", 0},
		{"page called a stream", plugintest.Reply{Body: "\r\n <html>", Header: map[string]string{"Content-Type": "text/event-stream"}}, model.ErrorNotModel, []string{"web page"}, "proxies", 0},
		{"page with 404", plugintest.Page(404, "<html>"), model.ErrorNotModel, []string{"web page (status 404)"}, "base URL", 0},
		{"words with 200", plugintest.Reply{Body: "It works!"}, model.ErrorNotModel, []string{"not a message"}, "base URL", 0},
		{"words with 404", plugintest.Reply{Status: 404, Body: "404 page not found"}, model.ErrorNotModel, []string{"not JSON"}, "base URL", 0},
		{"other JSON", plugintest.Reply{Body: `{"ok":true}`}, model.ErrorNotModel, []string{"not a message"}, "base URL", 0},
		{"error with 200", plugintest.Reply{Body: `{"type":"error","error":{"type":"invalid_request_error","message":"hm"}}`}, model.ErrorRequest, []string{"hm"}, "", 0},
		{"redirect", plugintest.Reply{Status: 307, Body: "x", Header: map[string]string{"Location": "https://elsewhere.example/?token=secret"}}, model.ErrorNotModel, []string{"redirects to elsewhere.example"}, "base URL", 0},
		{"endless words", plugintest.Refuse(400, "invalid_request_error", strings.Repeat("é", 1<<20), ""), model.ErrorNotModel, nil, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := plugintest.NewMessages(t, c.reply)
			o := generate(t, connect(t, srv, func(o *anthropic.Options) { o.MaxRetries = -1 }), t.Context(), hello())
			var e *model.Error
			if !errors.As(o.err, &e) || e.Kind != c.kind {
				t.Fatalf("error %v, want kind %s", o.err, c.kind)
			}
			all := e.Message + e.Next
			if e.Err != nil {
				all += e.Err.Error()
			}
			if strings.Contains(all, key) || strings.Contains(all, "sk-ant") || strings.Contains(all, "token=secret") {
				t.Errorf("a secret is told: %s", all)
			}
			for _, part := range c.message {
				if !strings.Contains(e.Message, part) {
					t.Errorf("%q is not in %q", part, e.Message)
				}
			}
			if e.Next == "" || !strings.Contains(e.Next, c.next) || e.RetryAfter != c.after {
				t.Errorf("next %q, after %v", e.Next, e.RetryAfter)
			}
			if len(e.Message) > 1000 || strings.Contains(e.Message, "\n") {
				t.Errorf("not fit to be shown: %q", e.Message)
			}
		})
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for _, c := range []struct {
		name, url, want string
		retries         int
	}{
		{"nobody there", "http://" + addr, addr + " cannot be reached", 2},
		{"a certificate nobody knows", tlsServer.URL, "no safe connection", 0},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), "HTTP response to HTTPS client", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var w waits
			m, err := anthropic.New(anthropic.Options{BaseURL: c.url, Wait: w.wait, MaxRetries: 2})
			if err != nil {
				t.Fatal(err)
			}
			o := generate(t, m, t.Context(), hello())
			var e *model.Error
			if !errors.As(o.err, &e) || e.Kind != model.ErrorCut || !strings.Contains(e.Message, c.want) || e.Next == "" {
				t.Errorf("%+v", o.err)
			}
			if len(w.got()) != c.retries {
				t.Errorf("%d retries", len(w.got()))
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opts anthropic.Options
		want string
	}{
		{"nothing", anthropic.Options{Model: "x"}, "no model is set up"},
		{"key with a line break", anthropic.Options{APIKey: "sk-\nx"}, "characters that no key has"},
		{"no address", anthropic.Options{BaseURL: "localhost:80"}, "not a web address"},
		{"a file", anthropic.Options{BaseURL: "file:///etc/passwd"}, "not a web address"},
		{"unknown profile", anthropic.Options{Profile: "azure"}, `no profile "azure"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := anthropic.New(c.opts)
			var e *model.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, c.want) || e.Next == "" || strings.Contains(e.Message, "sk-") {
				t.Errorf("%v", err)
			}
		})
	}
}

// Addresses as people write them, and credentials in their headers alone.
func TestBaseURLAndCredentials(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{"", "/", "/v1", "/v1/"} {
		srv := plugintest.NewMessages(t, plugintest.Reply{})
		o := generate(t, connect(t, srv, func(o *anthropic.Options) { o.BaseURL += suffix }), t.Context(), hello())
		raw(t, o)
		r := srv.Requests()[0]
		if r.Header.Get("X-Api-Key") != key || r.Header.Get("Authorization") != "" || strings.Contains(string(r.Body), key) {
			t.Errorf("%q: %v", suffix, r.Header)
		}
	}
	srv := plugintest.NewMessages(t, plugintest.Reply{}, plugintest.Reply{})
	raw(t, generate(t, connect(t, srv, func(o *anthropic.Options) { o.APIKey, o.AuthToken = "", "tok" }), t.Context(), hello()))
	raw(t, generate(t, connect(t, srv, func(o *anthropic.Options) { o.APIKey = "" }), t.Context(), hello()))
	if h := srv.Requests()[0].Header; h.Get("Authorization") != "Bearer tok" || h.Get("X-Api-Key") != "" {
		t.Errorf("token: %v", h)
	}
	if h := srv.Requests()[1].Header; h.Get("Authorization") != "" || h.Get("X-Api-Key") != "" {
		t.Errorf("none: %v", h)
	}
}

// Nothing of the environment reaches a server.
func TestEnvironmentIsNotRead(t *testing.T) {
	t.Setenv("ANTHROPIC_API_KEY", "sk-from-the-environment")
	t.Setenv("ANTHROPIC_AUTH_TOKEN", "tok-from-the-environment")
	t.Setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
	t.Setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Odd: from-the-environment")
	srv := plugintest.NewMessages(t, plugintest.Reply{})
	raw(t, generate(t, connect(t, srv, func(o *anthropic.Options) { o.APIKey = "" }), t.Context(), hello()))
	for k, v := range srv.Requests()[0].Header {
		if strings.Contains(strings.Join(v, ""), "environment") {
			t.Errorf("%s: %v", k, v)
		}
	}
}
