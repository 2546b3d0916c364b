package host_test

import (
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host"
)

// answering is a client of something on a socket that answers as h does.
func answering(t *testing.T, h http.HandlerFunc) *host.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = srv.Close() })
	c := host.Dial(path)
	t.Cleanup(c.Close)
	return c
}

func TestClientOfSomethingElse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		text   string
	}{
		{"a page", 200, "<html>", "read the answer"},
		{"nothing", 200, "", "read the answer"},
		{"an error that is none", 500, "oops", "500"},
		{"an empty error", 404, `{}`, "404"},
		{"an error", 409, `{"error":{"code":"conflict","message":"no","next":"wait"}}`, "no; wait"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body)) // the client may be gone
			})
			_, err := client.Health(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.text) || errors.Is(err, host.ErrNoHost) {
				t.Errorf("error %v, want one that says %q", err, c.text)
			}
		})
	}
}

func TestEventsThatAreCutOff(t *testing.T) {
	t.Parallel()
	line := `{"seq":1,"time":"2026-01-01T00:00:00Z","task":"t","parent":"","kind":"log","message":"m"}`
	for _, c := range []struct {
		name, body string
		events     int
		ends       bool // without an error
	}{
		{"whole lines", line + "\n" + line + "\n", 2, true},
		{"nothing", "", 0, true},
		{"half a line", line + "\n" + line[:20], 1, false},
		{"garbage", line + "\nhello\n" + line + "\n", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.body)) }) // the client may be gone
			n, failed := 0, false
			for _, err := range client.Events(t.Context(), "t", 1, true) {
				if err != nil {
					failed = true
					continue
				}
				n++
			}
			if n != c.events || failed == c.ends {
				t.Errorf("%d events, failed %t", n, failed)
			}
		})
	}
}
