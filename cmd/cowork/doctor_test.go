package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cowork-host/cowork/host"
)

func TestProbeModel(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/v1/models":
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("X-Api-Key") != "right":
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(srv.Close)
	for _, c := range []struct {
		name, path, key, want string
		ok                    bool
	}{
		{"as it is", "", "right", "it answers", true},
		{"with a slash", "/", "right", "it answers", true},
		{"with its version", "/v1", "right", "it answers", true},
		{"with its version and a slash", "/v1/", "right", "it answers", true},
		{"a wrong key", "/v1", "wrong", "it refuses the key (401)", false},
		{"elsewhere", "/other", "right", "it answers, and lists no models", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ok, got := probeModel(t.Context(), host.ModelSettings{BaseURL: srv.URL + c.path, APIKey: c.key})
			if ok != c.ok || got != c.want {
				t.Errorf("%v %q, want %v %q", ok, got, c.ok, c.want)
			}
		})
	}
}
