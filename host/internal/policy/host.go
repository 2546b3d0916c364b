package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// maxTarget bounds a target, in bytes.
const maxTarget = 4096

// Host is a place on the network in its one spelling, so that two spellings of
// the same place compare equal.
type Host struct {
	// Name is in lower case, without a final dot, in its ASCII form; that of an
	// address is the address as [netip.Addr] writes it.
	Name string
	// Port is empty for the ports of the web, 80 and 443.
	Port string
	addr netip.Addr // valid when Name is one
}

// names maps an internationalised name as a browser does before it looks it up.
var names = idna.New(
	idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
	idna.StrictDomainName(false), idna.CheckHyphens(false),
)

// ParseHost reads a host with or without a port, or a web address, which it
// cuts down to its host. What could be read in two ways is an error: a user
// name before the host, a number that only some programs take for an address.
func ParseHost(text string) (Host, error) {
	if err := checkText(text); err != nil {
		return Host{}, err
	}
	authority := text
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		if s := strings.ToLower(scheme); s != "http" && s != "https" {
			return Host{}, fmt.Errorf("%q is not http or https", scheme)
		}
		authority = rest
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			authority = rest[:i]
		}
	}
	if i := strings.IndexAny(authority, "@/\\%?# "); i >= 0 {
		if authority[i] == '@' {
			return Host{}, errors.New("a name before the @ hides which host is meant")
		}
		return Host{}, fmt.Errorf("a host has no %q", authority[i])
	}
	name, port, err := splitPort(authority)
	if err != nil {
		return Host{}, err
	}
	return newHost(name, port)
}

// splitPort takes a port off and reads it. An IPv6 address stands in brackets
// when a port follows.
func splitPort(s string) (name, port string, err error) {
	switch {
	case strings.HasPrefix(s, "["):
		inner, rest, ok := strings.Cut(s[1:], "]")
		if _, err := netip.ParseAddr(inner); !ok || err != nil || !strings.Contains(inner, ":") {
			return "", "", errors.New("only an IPv6 address stands in brackets")
		}
		name = inner
		if rest != "" && rest[0] != ':' {
			return "", "", errors.New("after the brackets only a port may follow")
		}
		port = strings.TrimPrefix(rest, ":")
	case strings.Count(s, ":") > 1:
		return s, "", nil // an IPv6 address, or nothing
	default:
		name, port, _ = strings.Cut(s, ":")
	}
	if port == "" {
		if strings.HasSuffix(s, ":") {
			return "", "", errors.New("the port is missing")
		}
		return name, "", nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '+' {
		return "", "", fmt.Errorf("%q is not a port", port)
	}
	if n == 80 || n == 443 {
		return name, "", nil
	}
	return name, strconv.FormatUint(n, 10), nil
}

func newHost(name, port string) (Host, error) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return ofAddr(addr, port)
	}
	ascii, err := names.ToASCII(name)
	if err != nil {
		return Host{}, fmt.Errorf("%q is not a host name", name)
	}
	ascii = strings.TrimSuffix(strings.ToLower(ascii), ".") // after the mapping: there are other final dots
	if addr, err := netip.ParseAddr(ascii); err == nil {
		return ofAddr(addr, port) // in wide digits, or with a final dot
	}
	labels := strings.Split(ascii, ".")
	for _, l := range labels {
		if !isLabel(l) {
			return Host{}, fmt.Errorf("%q is not a host name", name)
		}
	}
	if last := labels[len(labels)-1]; isNumber(last) {
		return Host{}, fmt.Errorf("%q is neither a name nor an address written in full", name)
	}
	if len(ascii) > 253 {
		return Host{}, errors.New("the host name is too long")
	}
	return Host{Name: ascii, Port: port}, nil
}

func ofAddr(addr netip.Addr, port string) (Host, error) {
	if addr.Zone() != "" {
		return Host{}, errors.New("an address with a zone cannot be compared")
	}
	addr = addr.Unmap()
	return Host{Name: addr.String(), Port: port, addr: addr}, nil
}

func isLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(l, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// isNumber reports whether programs may read a name that ends so as an address:
// 127.1, 0x7f.1, 2130706433.
func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// String is the host as it stands in grants and targets.
func (h Host) String() string {
	switch {
	case h.Port == "":
		return h.Name
	case h.addr.Is6():
		return "[" + h.Name + "]:" + h.Port
	}
	return h.Name + ":" + h.Port
}

// Private reports whether the host is, or may well be, this machine or one on
// its own network.
func (h Host) Private() bool {
	if h.addr.IsValid() {
		return PrivateAddr(h.addr)
	}
	if !strings.Contains(h.Name, ".") {
		return true // localhost, a printer
	}
	for _, suffix := range [...]string{
		".localhost", ".local", ".localdomain", ".internal", ".intranet", ".lan", ".home", ".corp", ".private", ".home.arpa",
	} {
		if strings.HasSuffix(h.Name, suffix) {
			return true
		}
	}
	return false
}

// special are the networks that are not the public internet, beside those
// [netip.Addr] knows.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"),
}

// PrivateAddr reports whether an address is not one of the public internet:
// this machine's, its network's, or one that is kept for another use.
func PrivateAddr(a netip.Addr) bool {
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return true
	}
	for _, p := range special {
		if p.Contains(a) {
			return true
		}
	}
	if !a.Is6() {
		return false
	}
	b := a.As16() // an IPv4 address may be hidden in it
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a):
		return PrivateAddr(netip.AddrFrom4([4]byte(b[12:])))
	case netip.MustParsePrefix("2002::/16").Contains(a):
		return PrivateAddr(netip.AddrFrom4([4]byte(b[2:6])))
	}
	return false
}
