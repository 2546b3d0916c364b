package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/web"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The tests of this file are the security checklist, one for each line.

func TestCheck01OnlyLoopbackIsBound(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{
		"0.0.0.0:0", "[::]:0", ":0", "localhost:0", "192.168.1.10:0", "10.0.0.1:8080", "example.com:80", "127.0.0.1", "127.0.0.1:", "", "[::1%lo]:0",
		"[::ffff:192.168.1.1]:0", "127.0.0.1:99999", "0:0", "2130706433:0",
	} {
		s, err := web.Listen(t.Context(), addr, web.Options{Log: event.NewMemory(), API: http.NotFoundHandler()})
		if !errors.Is(err, pluginsdk.ErrInvalid) {
			t.Errorf("listen on %q: %v", addr, err)
		}
		if err == nil {
			t.Error(s.Close(t.Context()))
		}
	}
	f := newFixture(t)
	if host, _, err := net.SplitHostPort(f.server.Addr()); err != nil || host != "127.0.0.1" {
		t.Errorf("bound %s", f.server.Addr())
	}
}

func TestCheck02TheLinkWorksOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	link, err := url.Parse(f.server.LoginURL())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(link.Query().Get("t")); n < 26 { // base 32: 130 bits
		t.Errorf("the token has %d characters", n)
	}
	anonymous := without("Authorization")
	first := f.request(t, http.MethodGet, link.RequestURI(), nil, anonymous)
	if first.StatusCode != http.StatusSeeOther || first.Header.Get("Location") != "/" || len(first.Cookies()) != 1 {
		t.Fatalf("first use: %s, to %q, cookies %v", first.Status, first.Header.Get("Location"), first.Cookies())
	}
	if second := f.request(t, http.MethodGet, link.RequestURI(), nil, anonymous); second.StatusCode != http.StatusUnauthorized || len(second.Cookies()) != 0 {
		t.Errorf("second use: %s", second.Status)
	}
	if strings.Contains(first.Cookies()[0].Value, link.Query().Get("t")) {
		t.Error("the cookie is the link's token")
	}
	info, err := os.Stat(f.state)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("server.json has mode %v", info.Mode())
	}
}

func TestCheck02TheLinkEnds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := newFixture(t, func(o *web.Options) { o.Now = func() time.Time { return now } })
	link := f.server.LoginURL()[len(f.server.URL()):]
	now = now.Add(16 * time.Minute)
	if got := f.status(t, http.MethodGet, link, nil, without("Authorization")); got != http.StatusUnauthorized {
		t.Errorf("an old link: %d", got)
	}
}

func TestCheck02TheStateFileGoes(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "server.json")
	if err := os.WriteFile(state, []byte("of a host that was killed"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := web.Listen(t.Context(), "127.0.0.1:0", web.Options{Log: event.NewMemory(), API: http.NotFoundHandler(), StateFile: state})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(state)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("while it is served: %v, %v", info, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(state); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestCheck03Cookie(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	login := f.request(t, http.MethodGet, f.server.LoginURL()[len(f.server.URL()):], nil, without("Authorization"))
	c := login.Cookies()[0]
	_, port, err := net.SplitHostPort(f.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || !strings.Contains(c.Name, port) {
		t.Errorf("cookie %s", login.Header.Get("Set-Cookie"))
	}
	cookie := func(v string) []func(*http.Request) {
		return []func(*http.Request){without("Authorization"), with("Cookie", v)}
	}
	for _, tc := range []struct {
		name, cookie string
		want         int
	}{
		{"right", c.Name + "=" + c.Value, http.StatusOK},
		{"wrong", c.Name + "=" + strings.Repeat("A", 26), http.StatusUnauthorized},
		{"empty", c.Name + "=", http.StatusUnauthorized},
		{"another name", "cowork-1=" + c.Value, http.StatusUnauthorized},
		{"two of a name", c.Name + "=" + c.Value + "; " + c.Name + "=planted", http.StatusUnauthorized},
		{"the script's token", c.Name + "=" + f.token, http.StatusUnauthorized},
	} {
		if got := f.status(t, http.MethodGet, "/api/tasks", nil, cookie(tc.cookie)...); got != tc.want {
			t.Errorf("%s: %d", tc.name, got)
		}
	}
	for _, tc := range []struct {
		name, header string
		want         int
	}{
		{"right", "Bearer " + f.token, http.StatusOK},
		{"wrong", "Bearer " + f.token + "A", http.StatusUnauthorized},
		{"empty", "Bearer ", http.StatusUnauthorized},
		{"another scheme", "Basic " + f.token, http.StatusUnauthorized},
		{"a session's", "Bearer " + c.Value, http.StatusUnauthorized},
	} {
		if got := f.status(t, http.MethodGet, "/api/tasks", nil, with("Authorization", tc.header)); got != tc.want {
			t.Errorf("token %s: %d", tc.name, got)
		}
	}
	if got := f.status(t, http.MethodGet, "/api/tasks?token="+f.token+"&t="+f.token, nil, without("Authorization")); got != http.StatusUnauthorized {
		t.Errorf("a token in the query: %d", got)
	}
}

func TestCheck03EverythingNeedsALogin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{"/", "/assets/main.js", "/api/tasks", "/api/events", "/api/plugins", "/artifacts/x/0/a", "/nothing", "/login"} {
		if got := f.status(t, http.MethodGet, path, nil, without("Authorization")); got != http.StatusUnauthorized {
			t.Errorf("GET %s without a login: %d", path, got)
		}
	}
	if got := f.status(t, http.MethodPost, "/api/tasks", map[string]any{}, without("Authorization")); got != http.StatusUnauthorized {
		t.Errorf("POST without a login: %d", got)
	}
	if got := f.status(t, http.MethodPost, "/login", map[string]any{}, without("Authorization")); got != http.StatusMethodNotAllowed {
		t.Errorf("POST /login: %d", got)
	}
}

func TestCheck04Host(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, port, err := net.SplitHostPort(f.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1:" + port: http.StatusOK, "localhost:" + port: http.StatusOK, "[::1]:" + port: http.StatusOK,
		"evil.example:" + port: 421, "evil.example": 421, "0.0.0.0:" + port: 421, "127.0.0.1:1": 421, "127.0.0.1": 421,
		"localhost.evil.example:" + port: 421, "127.0.0.2:" + port: 421, "LOCALHOST:" + port: 421, "localhost.:" + port: 421, "[::ffff:127.0.0.1]:" + port: 421,
	} {
		if got := f.status(t, http.MethodGet, "/api/tasks", nil, func(r *http.Request) { r.Host = host }); got != want {
			t.Errorf("Host %s: %d, not %d", host, got, want)
		}
	}
}

func TestCheck05Origin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	own := strings.TrimSuffix(f.server.URL(), "/")
	for _, tc := range []struct {
		name   string
		header map[string]string
		path   string
		want   int
	}{
		{"own origin", map[string]string{"Origin": own}, "/api/tasks", 200},
		{"evil origin", map[string]string{"Origin": "https://evil.example"}, "/api/tasks", 403},
		{"null origin", map[string]string{"Origin": "null"}, "/api/tasks", 403},
		{"empty origin", map[string]string{"Origin": ""}, "/api/tasks", 403},
		{"another port", map[string]string{"Origin": "http://127.0.0.1:1"}, "/api/tasks", 403},
		{"https of the same", map[string]string{"Origin": strings.Replace(own, "http:", "https:", 1)}, "/api/tasks", 403},
		{"another name of the same", map[string]string{"Origin": strings.Replace(own, "127.0.0.1", "localhost", 1)}, "/api/tasks", 403},
		{"same origin", map[string]string{"Sec-Fetch-Site": "same-origin"}, "/api/tasks", 200},
		{"typed", map[string]string{"Sec-Fetch-Site": "none"}, "/", 200},
		{"cross-site GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, "/api/tasks", 403},
		{"same-site GET", map[string]string{"Sec-Fetch-Site": "same-site"}, "/api/tasks", 403},
		{"unknown site", map[string]string{"Sec-Fetch-Site": "next-door"}, "/api/tasks", 403},
		{"cross-site script", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, "/assets/main.js", 403},
		{"link to the page", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, "/", 200},
		{"link to the API", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, "/api/tasks", 403},
		{"frame of the page", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, "/", 403},
	} {
		got := f.status(t, http.MethodGet, tc.path, nil, func(r *http.Request) {
			for k, v := range tc.header {
				r.Header[http.CanonicalHeaderKey(k)] = []string{v}
			}
		})
		if got != tc.want {
			t.Errorf("%s: %d, not %d", tc.name, got, tc.want)
		}
	}
}

func TestCheck06MutationsAreJSONPosts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json, text/plain", "application/jsonx"} {
		if got := f.status(t, http.MethodPost, "/api/tasks/x/stop", "{}", with("Content-Type", kind)); got != http.StatusUnsupportedMediaType {
			t.Errorf("content type %q: %d", kind, got)
		}
	}
	if got := f.status(t, http.MethodPost, "/api/tasks/x/stop", "{}", with("Content-Type", "application/json; charset=utf-8")); got != http.StatusOK {
		t.Errorf("JSON with a charset: %d", got)
	}
	for _, verb := range []string{"stop", "pause", "resume", "retry", "approvals", "answers", "messages", "plan", "undo"} {
		if got := f.status(t, http.MethodGet, "/api/tasks/x/"+verb, nil); got != http.StatusNotFound && got != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", verb, got)
		}
	}
	if calls := f.api.got("/v1/tasks/x/stop"); len(calls) != 1 {
		t.Errorf("the API got %v", calls)
	}
	for _, site := range []string{"cross-site", "same-site"} { // the standard library's check stands behind ours
		if got := f.status(t, http.MethodPost, "/api/tasks/x/stop", "{}", with("Sec-Fetch-Site", site)); got != http.StatusForbidden {
			t.Errorf("POST from %s: %d", site, got)
		}
	}
}

func TestCheck07Headers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; " +
			"frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	}
	for _, tc := range []struct {
		path string
		opts []func(*http.Request)
	}{
		{"/", nil},
		{"/assets/main.js", nil},
		{"/api/tasks", nil},
		{"/nothing", nil},
		{"/", []func(*http.Request){without("Authorization")}},                         // 401
		{"/", []func(*http.Request){func(r *http.Request) { r.Host = "evil" }}},        // 421
		{"/", []func(*http.Request){with("Origin", "null")}},                           // 403
		{"/login?t=wrong", []func(*http.Request){without("Authorization")}},            // 401
		{"/api/events?after=x", []func(*http.Request){with("Sec-Fetch-Site", "evil")}}, // 403
	} {
		resp := f.request(t, http.MethodGet, tc.path, nil, tc.opts...)
		for k, v := range want {
			if got := resp.Header.Values(k); len(got) != 1 || got[0] != v {
				t.Errorf("%s (%d): %s is %q", tc.path, resp.StatusCode, k, got)
			}
		}
		if cc := resp.Header.Get("Cache-Control"); cc != "no-store" && !strings.HasPrefix(tc.path, "/assets/") {
			t.Errorf("%s: Cache-Control %q", tc.path, cc)
		}
	}
	page := body(t, f.request(t, http.MethodGet, "/", nil))
	for _, inline := range []string{"style=", "<style", "javascript:", "onclick", "<script>"} {
		if strings.Contains(page, inline) {
			t.Errorf("the page has %s inline", inline)
		}
	}
	if !strings.Contains(page, "/assets/main.js") {
		t.Errorf("the page does not load the app: %s", page)
	}
}

// artifacts is a task that was granted f.docs.
func artifacts(t *testing.T, f *fixture, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(f.docs, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f.append(t, "t1", "", event.TaskCreated{Title: "x", Folders: []string{f.docs}})
}

const hostilePage = `<!doctype html><script>fetch("http://127.0.0.1:1/steal")</script>`

func TestCheck08ArtifactsAreSandboxed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	artifacts(t, f, map[string]string{"evil.html": hostilePage, "evil.svg": `<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>`})
	for _, name := range []string{"evil.html", "evil.svg"} {
		framed := f.request(t, http.MethodGet, "/artifacts/t1/0/"+name, nil, with("Sec-Fetch-Dest", "iframe"), with("Sec-Fetch-Site", "same-origin"))
		csp := framed.Header.Get("Content-Security-Policy")
		want := "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; connect-src 'none'; form-action 'none'; frame-ancestors 'self'"
		if framed.StatusCode != http.StatusOK || csp != want {
			t.Errorf("%s in a frame: %s, %s", name, framed.Status, csp)
		}
		for _, never := range []string{"allow-same-origin", "allow-popups", "allow-top-navigation", "allow-forms"} {
			if strings.Contains(csp, never) {
				t.Errorf("%s has %s", name, never)
			}
		}
	}
}

func TestCheck09ArtifactsAreNeverTheTopPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	artifacts(t, f, map[string]string{"evil.html": hostilePage, "evil.svg": "<svg/>"})
	for _, dest := range []string{"document", "", "embed", "object"} {
		for _, name := range []string{"evil.html", "evil.svg"} {
			top := f.request(t, http.MethodGet, "/artifacts/t1/0/"+name, nil, with("Sec-Fetch-Dest", dest))
			if !strings.HasPrefix(top.Header.Get("Content-Disposition"), "attachment") || top.Header.Get("Content-Type") != "application/octet-stream" {
				t.Errorf("%s as %q: %v", name, dest, top.Header)
			}
		}
	}
	csp := f.request(t, http.MethodGet, "/", nil).Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "frame-src 'self'") {
		t.Errorf("the page's frames can navigate away: %s", csp)
	}
}

func TestCheck10FilesStayInTheirFolder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	secret := filepath.Join(f.home, "secret.txt")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	artifacts(t, f, map[string]string{"a.txt": "fine", "sub/b.csv": "1,2", "c.bin": "\x00", "d.xlsm": "PK"})
	for link, target := range map[string]string{"abs.txt": "/etc/passwd", "rel.txt": "../secret.txt", "dir": "..", "in.txt": "a.txt"} {
		if err := os.Symlink(target, filepath.Join(f.docs, link)); err != nil {
			t.Skip("no links here:", err)
		}
	}
	for path, want := range map[string]int{
		"/artifacts/t1/0/a.txt": 200, "/artifacts/t1/0/sub/b.csv": 200, "/artifacts/t1/0/in.txt": 200,
		"/artifacts/t1/0/abs.txt": 404, "/artifacts/t1/0/rel.txt": 404, "/artifacts/t1/0/dir/secret.txt": 404,
		"/artifacts/t1/0/..%2fsecret.txt": 404, "/artifacts/t1/0/%2e%2e%2fsecret.txt": 404, "/artifacts/t1/0/sub%2f..%2f..%2fsecret.txt": 404,
		"/artifacts/t1/0/%2fetc%2fpasswd": 404, "/artifacts/t1/0/": 404, "/artifacts/t1/0/sub": 404, "/artifacts/t1/1/a.txt": 404,
		"/artifacts/t1/-1/a.txt": 404, "/artifacts/none/0/a.txt": 404, "/artifacts/t1/0/a.txt%00": 404, "/artifacts/..%2ft1/0/a.txt": 404,
	} {
		resp := f.request(t, http.MethodGet, path, nil)
		if resp.StatusCode != want {
			t.Errorf("%s: %d, not %d", path, resp.StatusCode, want)
		}
		if text := body(t, resp); strings.Contains(text, "secret\n") || text == "secret" || strings.Contains(text, "root:") {
			t.Errorf("%s gave away what it must not", path)
		}
	}
	for name, kind := range map[string]string{
		"a.txt": "text/plain; charset=utf-8", "c.bin": "application/octet-stream", "d.xlsm": "application/octet-stream",
	} {
		resp := f.request(t, http.MethodGet, "/artifacts/t1/0/"+name, nil)
		attached := strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment")
		if resp.Header.Get("Content-Type") != kind || attached != (kind == "application/octet-stream") {
			t.Errorf("%s: %v", name, resp.Header)
		}
	}
}

func TestCheck11PDF(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	artifacts(t, f, map[string]string{"real.pdf": "%PDF-1.7\n", "fake.pdf": hostilePage, "empty.pdf": ""})
	real := f.request(t, http.MethodGet, "/artifacts/t1/0/real.pdf", nil)
	if real.Header.Get("Content-Type") != "application/pdf" || !strings.Contains(real.Header.Get("Content-Security-Policy"), "default-src 'none'") ||
		real.Header.Get("X-Content-Type-Options") != "nosniff" || body(t, real) != "%PDF-1.7\n" {
		t.Errorf("a PDF: %v", real.Header)
	}
	for _, name := range []string{"fake.pdf", "empty.pdf"} {
		fake := f.request(t, http.MethodGet, "/artifacts/t1/0/"+name, nil)
		if fake.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(fake.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %v", name, fake.Header)
		}
	}
}

// Line 12, Markdown, needs a browser: TestCheck12HostileText in e2e_test.go.

func TestCheck13NothingIsUploaded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	big := `{"text":"` + strings.Repeat("x", 1<<20) + `"}`
	if got := f.status(t, http.MethodPost, "/api/tasks/x/messages", big); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", got)
	}
	stream := func(r *http.Request) { r.ContentLength = -1 } // of unknown length
	if got := f.status(t, http.MethodPost, "/api/tasks/x/messages", big, stream); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body of unknown length: %d", got)
	}
	for _, path := range []string{"/api/plugins", "/api/plugins/install", "/api/upload", "/api/trash/empty", "/api/quit", "/api/model", "/api/web", "/v1/quit", "/api/policy/try", "/api/grants"} {
		if got := f.status(t, http.MethodPost, path, "{}"); got != http.StatusNotFound && got != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, got)
		}
	}
	if n := len(f.api.calls); n != 0 {
		t.Errorf("the API got %d requests", n)
	}
}

func TestCheck14FailedTokensAreLimited(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := newFixture(t, func(o *web.Options) { o.Now = func() time.Time { return now } })
	login := f.server.LoginURL()[len(f.server.URL()):]
	anonymous := without("Authorization")
	bodies := map[string]bool{}
	for i := range 10 {
		resp := f.request(t, http.MethodGet, fmt.Sprintf("/login?t=guess%d", i), nil, anonymous)
		if resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("guess %d: %s", i, resp.Status)
		}
		bodies[body(t, resp)] = true
	}
	limited := f.request(t, http.MethodGet, login, nil, anonymous) // even a right one
	bodies[body(t, limited)] = true
	if limited.StatusCode != http.StatusTooManyRequests || limited.Header.Get("Retry-After") == "" {
		t.Errorf("after ten guesses: %s", limited.Status)
	}
	bodies[body(t, f.request(t, http.MethodGet, "/api/tasks", nil, anonymous))] = true
	if len(bodies) != 1 {
		t.Errorf("the answers tell guesses apart: %v", bodies)
	}
	if got := f.status(t, http.MethodGet, "/api/tasks", nil); got != http.StatusOK {
		t.Errorf("who is let in already: %d", got)
	}
	now = now.Add(2 * time.Minute)
	if got := f.status(t, http.MethodGet, login, nil, anonymous); got != http.StatusSeeOther {
		t.Errorf("later: %d", got)
	}
	for range 12 {
		f.status(t, http.MethodGet, "/api/tasks", nil, with("Authorization", "Bearer wrong"))
	}
	if got := f.status(t, http.MethodGet, "/api/tasks", nil, with("Authorization", "Bearer wrong")); got != http.StatusTooManyRequests {
		t.Errorf("wrong tokens of scripts: %d", got)
	}
	for range 12 {
		f.status(t, http.MethodGet, "/api/tasks", nil, anonymous, with("Cookie", "cowork-1=x"))
	}
	f.browser(t) // a wrong cookie keeps nobody from logging in
}

func TestCheck14NothingIsToldOfTheServer(t *testing.T) {
	t.Parallel()
	var logged strings.Builder
	f := newFixture(t, func(o *web.Options) { o.Logger = newTextLogger(&logged) })
	resp := f.request(t, http.MethodGet, "/login?t=hunter2hunter2", nil, with("Authorization", "Bearer hunter2"))
	if resp.Header.Get("Server") != "" || resp.Header.Get("X-Powered-By") != "" {
		t.Errorf("headers %v", resp.Header)
	}
	f.status(t, http.MethodGet, "/api/tasks", nil, with("Authorization", "Bearer hunter2"))
	f.status(t, http.MethodGet, f.server.LoginURL()[len(f.server.URL()):]+"x", nil)
	if text := logged.String(); strings.Contains(text, "hunter2") || strings.Contains(text, f.token) || !strings.Contains(text, "/login") || !strings.Contains(text, "401") {
		t.Errorf("the log has %s", text)
	}
}

func TestCheck15ApprovalsAreBound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ask := func(id, digest string) event.ApprovalAsked {
		return event.ApprovalAsked{ID: id, Digest: digest, Card: event.Card{About: "tool", Action: "Delete 14 files", Scopes: []string{"once"}}}
	}
	f.append(t, "t1", "", event.TaskCreated{Title: "one"}, ask("a1", "d1"), ask("a2", "d2"))
	f.append(t, "t2", "", event.TaskCreated{Title: "two"}, ask("a3", "d3"))
	answer := func(id, digest string) map[string]any {
		return map[string]any{"id": id, "allow": true, "scope": "once", "digest": digest}
	}
	for _, tc := range []struct {
		name, task string
		body       map[string]any
		want       int
	}{
		{"another call's digest", "t1", answer("a1", "d2"), 403},
		{"no digest", "t1", answer("a1", ""), 403},
		{"no id", "t1", answer("", "d1"), 403},
		{"another task's", "t1", answer("a3", "d3"), 403},
		{"unknown task", "none", answer("a1", "d1"), 403},
		{"right", "t1", answer("a1", "d1"), 200},
		{"again", "t1", answer("a1", "d1"), 403},
		{"a deny after it", "t1", map[string]any{"id": "a1", "allow": false, "digest": "d1"}, 403},
		{"the other", "t1", answer("a2", "d2"), 200},
		{"with words of its own", "t2", map[string]any{"id": "a3", "allow": true, "digest": "d3", "action": "Read a file"}, 422},
	} {
		if got := f.status(t, http.MethodPost, "/api/tasks/"+tc.task+"/approvals", tc.body); got != tc.want {
			t.Errorf("%s: %d, not %d", tc.name, got, tc.want)
		}
	}
	calls := f.api.got("/v1/tasks/t1/approvals")
	if len(calls) != 2 || len(f.api.got("/v1/tasks/t2/approvals")) != 0 {
		t.Fatalf("the API got %v", calls)
	}
	if got, _ := json.Marshal(calls[0].Body); string(got) != `{"allow":true,"by":"web","digest":"d1","id":"a1","scope":"once"}` {
		t.Errorf("the API got %s", got)
	}
}
