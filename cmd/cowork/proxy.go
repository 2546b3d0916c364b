package main

import (
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// proxyVariables name the proxy for what tasks fetch; the first that is set
// counts.
func proxyVariables() []string {
	return []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"}
}

// proxy returns what decides by which proxy an address is fetched, nil where
// the environment names none. A value that is no proxy's address is warned of,
// without the password it may hold, and there is no proxy then.
func (a *app) proxy(log *slog.Logger) func(*url.URL) (*url.URL, error) {
	for _, name := range proxyVariables() {
		value := strings.TrimSpace(a.getenv(name))
		if value == "" {
			continue
		}
		address, err := proxyAddress(value)
		if err != nil {
			log.Warn("the environment names no usable proxy: tasks fetch without one", "variable", name, "error", err)
			return nil
		}
		not := a.getenv("NO_PROXY")
		if not == "" {
			not = a.getenv("no_proxy")
		}
		c := httpproxy.Config{HTTPProxy: address.String(), HTTPSProxy: address.String(), NoProxy: not}
		return c.ProxyFunc()
	}
	return nil
}

// proxyAddress reads the address of a proxy; without a scheme it is http. Its
// errors do not repeat the address.
func proxyAddress(value string) (*url.URL, error) {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil {
		return nil, errors.New("it is no address such as http://proxy.example:3128")
	}
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, errors.New("a proxy is reached by http, https, socks5 or socks5h")
	}
	port, err := strconv.Atoi(u.Port())
	switch {
	case u.Hostname() == "":
		return nil, errors.New("it names no host")
	case u.Port() != "" && (err != nil || port < 1 || port > 65535):
		return nil, errors.New("its port is not from 1 to 65535")
	}
	return u, nil
}
