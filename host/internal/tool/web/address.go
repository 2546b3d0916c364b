package web

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

// address is a URL that may be asked for.
type address struct {
	url    *url.URL // without user, fragment, and with the canonical host
	host   policy.Host
	port   string
	target string // the host as policy and grants spell it
}

const whole = "give a whole address such as https://example.com/page"

// parse reads a URL the way a browser names hosts, and refuses what could mean
// two things.
func parse(raw string) (address, error) {
	if strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }) {
		return address{}, pluginsdk.Invalid(whole, "the address contains a control character or a backslash")
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return address{}, pluginsdk.Invalid(whole, "%s is not an address", strconv.QuoteToGraphic(shown(raw, 200)))
	}
	u.Scheme = strings.ToLower(u.Scheme)
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "":
		return address{}, pluginsdk.Invalid("files in the granted folders are read with the read tool; "+whole,
			"web_fetch reads http and https addresses only, not %s", strconv.QuoteToGraphic(shown(raw, 200)))
	case u.User != nil:
		return address{}, pluginsdk.Invalid("leave out the part before @", "the address contains a user name or password")
	}
	host, err := policy.ParseHost(u.Host)
	if err != nil {
		return address{}, pluginsdk.Invalid(whole, "%s: %v", strconv.QuoteToGraphic(shown(u.Host, 200)), err)
	}
	a := address{url: u, host: host, port: defaultPort(u.Scheme)}
	u.Host = host.Name
	if strings.Contains(host.Name, ":") {
		u.Host = "[" + host.Name + "]"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil { // it was checked with the host
		a.port = strconv.FormatUint(n, 10)
	}
	if a.port != defaultPort(u.Scheme) {
		u.Host += ":" + a.port
	}
	a.target = host.String()
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return a, nil
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

func printable(r rune) bool { return unicode.IsPrint(r) }

// public reports whether an address is one of the open internet: not of this
// machine, its network, its provider's insides, or a way around to them.
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsValid() || !ip.IsGlobalUnicast() || policy.PrivateAddr(ip) || ip.Zone() != "" {
		return false
	}
	for _, s := range closed() {
		if s.Contains(ip) {
			return false
		}
	}
	return true
}

// never reports whether not even a granted name may lead to an address: those
// where clouds hand out credentials, and those that are not of one machine.
func never(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || ip == netip.IPv4Unspecified() {
		return true
	}
	return ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || metadata().Contains(ip)
}

// metadata is where some clouds answer over IPv6.
func metadata() netip.Prefix { return netip.MustParsePrefix("fd00:ec2::/32") }

// closed are the networks that are registered for something other than the
// open internet, beyond those that policy knows.
func closed() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.88.99.0/24"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("::ffff:0:0:0/96"),
		netip.MustParsePrefix("64:ff9b::/96"), // IPv4 inside IPv6, by translation
		netip.MustParsePrefix("100::/64"),
		netip.MustParsePrefix("2001::/23"), // with Teredo's tunnels
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("2002::/16"), // IPv4 inside IPv6, by tunnel
		netip.MustParsePrefix("3fff::/20"),
		netip.MustParsePrefix("5f00::/16"),
		netip.MustParsePrefix("168.63.129.16/32"), // a cloud's inside
	}
}
