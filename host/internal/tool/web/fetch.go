package web

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/cowork-host/cowork/host/internal/window"
	"github.com/cowork-host/cowork/pluginsdk"
)

const (
	userAgent   = "cowork (web_fetch)"
	accept      = "text/html, application/xhtml+xml, text/plain, text/markdown, application/json, text/csv, application/xml;q=0.9, */*;q=0.1"
	maxHops     = 5
	dialTimeout = 10 * time.Second
)

// getter asks for pages.
type getter struct {
	opts    Options
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

func newGetter(opts Options) *getter {
	g := &getter{opts, opts.Resolve}
	if g.resolve == nil {
		g.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return g
}

// fetch asks for a page and returns what the model is told. It follows
// redirects on the same host only.
func (g *getter) fetch(ctx context.Context, a address) (string, error) {
	limited, cancel := context.WithTimeout(ctx, g.opts.Timeout)
	defer cancel()
	for range maxHops {
		text, next, err := g.once(limited, a)
		switch {
		case err != nil && ctx.Err() != nil:
			return "", context.Cause(ctx) // the task was stopped
		case err != nil:
			return "", g.explain(a, err)
		case next == nil:
			return text, nil
		}
		a = *next
	}
	return "", problem(pluginsdk.ErrUnavailable, "use another source", "%s redirects in a circle", a.target)
}

// once makes one request: a text for the model, or the address to go on with.
func (g *getter) once(ctx context.Context, a address) (string, *address, error) {
	if err := g.allowed(a); err != nil {
		return "", nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url.String(), nil)
	if err != nil {
		return "", nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", "gzip")
	transport, err := g.transport(a)
	if err != nil {
		return "", nil, err
	}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	if where := resp.Header.Get("Location"); where != "" && resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return redirected(a, where)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return "", nil, refused(a, resp)
	}
	body, cut, err := g.read(resp)
	if err != nil {
		return "", nil, err
	}
	return render(a, resp.Header.Get("Content-Type"), body, cut), nil, nil
}

// redirected says where a page went. On the same host it is followed, unless
// that would give up encryption.
func redirected(a address, where string) (string, *address, error) {
	u, err := a.url.Parse(where)
	if err != nil {
		return "", nil, problem(pluginsdk.ErrUnavailable, "use another source", "%s redirects to something that is not an address", a.target)
	}
	next, err := parse(u.String())
	if err != nil {
		return "", nil, problem(pluginsdk.ErrUnavailable, "use another source", "%s redirects to an address that web_fetch does not read", a.target)
	}
	if next.target == a.target && (next.url.Scheme == a.url.Scheme || next.url.Scheme == "https") {
		return "", &next, nil
	}
	return fmt.Sprintf("%s redirects to another place, which was not read. "+
		"If it is what you need, call web_fetch with the address below; it was chosen by %s, so look at it first.\n%s",
		shown(a.url.String(), 500), a.target, window.Frame(next.url.String(), "redirect of "+a.target)), nil, nil
}

// transport returns one that reaches this address's host alone and keeps
// nothing: no proxy of the environment, no cookies, no connection.
func (g *getter) transport(a address) (*http.Transport, error) {
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return g.dial(ctx, network, addr, a)
		},
		TLSClientConfig:        &tls.Config{RootCAs: g.opts.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		DisableKeepAlives:      true,
		DisableCompression:     true, // unpacked below, with a limit
		MaxResponseHeaderBytes: 64 << 10,
	}
	if g.opts.Proxy == nil {
		return t, nil
	}
	proxy, err := g.opts.Proxy(a.url)
	if err != nil {
		return nil, fmt.Errorf("choose the proxy: %w", err)
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
		t.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return t, nil
}

// allowed refuses what an address itself gives away: names of this machine and
// addresses that are not public, unless they were granted.
func (g *getter) allowed(a address) error {
	if g.opts.AllowHost(a.target) {
		return nil
	}
	ip, err := netip.ParseAddr(a.host.Name)
	if a.host.Private() || err == nil && !public(ip) {
		return private(a)
	}
	return nil
}

// dial finds the host's addresses, drops those it may not have, and connects
// to one of the rest by number, so that no second look-up can lead elsewhere.
func (g *getter) dial(ctx context.Context, network, addr string, a address) (net.Conn, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	granted := g.opts.AllowHost(a.target)
	literal, err := netip.ParseAddr(a.host.Name)
	ips := []netip.Addr{literal}
	if err != nil {
		if ips, err = g.resolve(ctx, a.host.Name); err != nil {
			return nil, err
		}
	} else if granted && !literal.IsUnspecified() && !literal.IsMulticast() {
		return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, netip.AddrPortFrom(literal, portNumber(port)).String())
	}
	err = private(a)
	for _, ip := range ips {
		ip = ip.Unmap()
		if !public(ip) && (!granted || never(ip)) {
			continue
		}
		var conn net.Conn
		conn, err = (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, netip.AddrPortFrom(ip, portNumber(port)).String())
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return nil, err
}

func portNumber(s string) uint16 {
	var n uint16
	_, _ = fmt.Sscanf(s, "%d", &n) // it was checked when the address was read
	return n
}

// read returns a response's body, unpacked and at most the limit, and whether
// there was more.
func (g *getter) read(resp *http.Response) (body []byte, cut bool, err error) {
	wire := &io.LimitedReader{R: resp.Body, N: g.opts.MaxBytes + 64<<10}
	var r io.Reader = wire
	switch enc := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(wire)
		if err != nil {
			return nil, false, fmt.Errorf("unpack: %w", err)
		}
		r = z
	default:
		return nil, false, problem(pluginsdk.ErrUnsupported, "use another source", "the page is packed as %s, which was not asked for", shown(enc, 40))
	}
	body, err = io.ReadAll(io.LimitReader(r, g.opts.MaxBytes+1))
	if int64(len(body)) > g.opts.MaxBytes {
		return body[:g.opts.MaxBytes], true, nil
	}
	if err != nil && wire.N <= 0 {
		return body, true, nil // packed data that unpacks to little
	}
	return body, false, err
}

func problem(kind error, next, format string, args ...any) error {
	return &pluginsdk.Error{Kind: kind, Message: fmt.Sprintf(format, args...), Next: next}
}

func private(a address) error {
	return problem(pluginsdk.ErrDenied, "use a public address; only the person can open this one, with: cowork grant add --host "+a.target,
		"%s is on this machine or in a private network, which web_fetch does not reach without a grant that names it", a.target)
}

func refused(a address, resp *http.Response) error {
	at := shown(a.url.String(), 300)
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusGone:
		return problem(pluginsdk.ErrNotFound, "check the address, or look for the page from the site's front page", "there is no page at %s (status %d)", at, code)
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusProxyAuthRequired:
		return problem(pluginsdk.ErrDenied, "use a public source, or ask the person to save the page into a granted folder", "%s does not let web_fetch read %s (status %d)", a.target, at, code)
	case code == http.StatusTooManyRequests:
		return problem(pluginsdk.ErrUnavailable, "do something else first, or use another source", "%s asks for fewer requests (status 429%s)", a.target, wait(resp))
	case code >= 500:
		return problem(pluginsdk.ErrUnavailable, "try once more later, or use another source", "%s has a problem of its own (status %d%s)", a.target, code, wait(resp))
	default:
		return problem(pluginsdk.ErrUnavailable, "check the address, or use another source", "%s did not give a page for %s (status %d)", a.target, at, code)
	}
}

func wait(resp *http.Response) string {
	after := resp.Header.Get("Retry-After")
	if after == "" {
		return ""
	}
	return ", again after " + shown(after, 40)
}

// explain makes the error of a request one for the model, in words of ours: a
// server does not get to write them.
func (g *getter) explain(a address, err error) error {
	var user *pluginsdk.Error
	if errors.As(err, &user) {
		return user
	}
	var (
		dns       *net.DNSError
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
		timeout   interface{ Timeout() bool }
		escape    url.EscapeError
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return problem(pluginsdk.ErrNotFound, "check the spelling of the address", "there is no host named %s", a.host.Name)
	case errors.As(err, &dns):
		return problem(pluginsdk.ErrUnavailable, "try again later; this machine may be offline", "the address of %s could not be looked up", a.host.Name)
	case errors.As(err, &invalid), errors.As(err, &name), errors.As(err, &authority):
		return problem(pluginsdk.ErrDenied, "tell the person; do not try it without encryption", "%s cannot prove that it is %s: its certificate is not valid", a.target, a.host.Name)
	case errors.As(err, &record):
		return problem(pluginsdk.ErrUnavailable, "check the address and its port", "%s does not answer in https", a.target)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return problem(pluginsdk.ErrUnavailable, "try once more later, or use another source", "%s did not answer within %s", a.target, g.opts.Timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return problem(pluginsdk.ErrUnavailable, "check the address and its port", "%s does not accept connections", a.target)
	case errors.As(err, &escape):
		return problem(pluginsdk.ErrInvalid, whole, "%s is not an address", shown(a.url.String(), 200))
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF):
		return problem(pluginsdk.ErrUnavailable, "try once more, or use another source", "the answer of %s was cut off or damaged", a.target)
	default:
		return problem(pluginsdk.ErrUnavailable, "try once more, or use another source", "the connection to %s failed", a.target)
	}
}
