package main

import (
	"bytes"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

func TestProxy(t *testing.T) {
	t.Parallel()
	const page = "https://example.com/x"
	for _, c := range []struct {
		name   string
		env    map[string]string
		url    string
		want   string // of the proxy
		warned string
	}{
		{"none", nil, page, "", ""},
		{"https", map[string]string{"HTTPS_PROXY": "http://p:1"}, page, "http://p:1", ""},
		{"lower case", map[string]string{"https_proxy": "http://p:1"}, page, "http://p:1", ""},
		{"https goes before http", map[string]string{"HTTP_PROXY": "http://q:1", "HTTPS_PROXY": "http://p:1"}, page, "http://p:1", ""},
		{"http alone is for all", map[string]string{"HTTP_PROXY": "http://q:1"}, page, "http://q:1", ""},
		{"pages without encryption too", map[string]string{"HTTPS_PROXY": "http://p:1"}, "http://example.com/", "http://p:1", ""},
		{"without a scheme", map[string]string{"HTTPS_PROXY": " p.example:3128 "}, page, "http://p.example:3128", ""},
		{"socks", map[string]string{"HTTPS_PROXY": "socks5://p:1"}, page, "socks5://p:1", ""},
		{"with a password", map[string]string{"HTTPS_PROXY": "http://anna:secret@p:1"}, page, "http://anna:secret@p:1", ""},
		{"empty", map[string]string{"HTTPS_PROXY": " "}, page, "", ""},
		{"not for this host", map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com"}, page, "", ""},
		{"not for this host, lower case", map[string]string{"HTTPS_PROXY": "http://p:1", "no_proxy": ".org, example.com"}, page, "", ""},
		{"not for another", map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.org"}, page, "http://p:1", ""},
		{"for none", map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, page, "", ""},
		{"not for this machine", map[string]string{"HTTPS_PROXY": "http://p:1"}, "http://127.0.0.1:8080/", "", ""},
		{"another scheme", map[string]string{"HTTPS_PROXY": "ftp://anna:secret@p"}, page, "", "HTTPS_PROXY"},
		{"no host", map[string]string{"HTTPS_PROXY": "http://:80"}, page, "", "names no host"},
		{"a bad port", map[string]string{"HTTPS_PROXY": "http://p:99999"}, page, "", "port"},
		{"no address", map[string]string{"HTTPS_PROXY": "http://anna:secret@p:%zz"}, page, "", "no address"},
		{"a bad one is not passed over", map[string]string{"HTTPS_PROXY": "ftp://p", "HTTP_PROXY": "http://q:1"}, page, "", "HTTPS_PROXY"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			a := &app{environment: environment{getenv: func(name string) string { return c.env[name] }}}
			proxy, got := a.proxy(slog.New(slog.NewTextHandler(&log, nil))), ""
			if proxy != nil {
				page, err := url.Parse(c.url)
				if err != nil {
					t.Fatal(err)
				}
				u, err := proxy(page)
				if err != nil {
					t.Fatal(err)
				}
				if u != nil {
					got = u.String()
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if (log.Len() > 0) != (c.warned != "") || !strings.Contains(log.String(), c.warned) || strings.Contains(log.String(), "secret") {
				t.Errorf("the log says %q, want %q in it", log.String(), c.warned)
			}
		})
	}
}

func FuzzProxyAddress(f *testing.F) {
	f.Add("http://anna:secret@p:1")
	f.Add("p:%zz")
	f.Fuzz(func(t *testing.T, value string) {
		u, err := proxyAddress(value)
		if err == nil && u.Hostname() == "" {
			t.Errorf("%q is taken as %q", value, u)
		}
	})
}
