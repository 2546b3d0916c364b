package policy_test

import (
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/policy"
)

func TestParseHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"plain", "example.com", "example.com"},
		{"capitals", "ExAmPlE.COM", "example.com"},
		{"final dot", "example.com.", "example.com"},
		{"web address", "https://example.com/a/b?c=d#e", "example.com"},
		{"web address without a path", "http://example.com", "example.com"},
		{"address with a query only", "https://example.com?x=@evil.org", "example.com"},
		{"address with a fragment only", "https://example.com#@evil.org", "example.com"},
		{"at in the path", "https://example.com/@user", "example.com"},
		{"scheme in capitals", "HTTPS://EXAMPLE.COM", "example.com"},
		{"port of https", "https://example.com:443/", "example.com"},
		{"port of http", "http://example.com:80/", "example.com"},
		{"port written long", "example.com:0443", "example.com"},
		{"other port", "example.com:8443", "example.com:8443"},
		{"other port with zeros", "example.com:08443", "example.com:8443"},
		{"final dot and port", "example.com.:8443", "example.com:8443"},
		{"umlaut", "bücher.example", "xn--bcher-kva.example"},
		{"umlaut in capitals", "BÜCHER.example", "xn--bcher-kva.example"},
		{"umlaut as two characters", "bu\u0308cher.example", "xn--bcher-kva.example"},
		{"punycode", "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"punycode in capitals", "XN--BCHER-KVA.example", "xn--bcher-kva.example"},
		{"sharp s is not ss", "straße.de", "xn--strae-oqa.de"},
		{"wide letters", "ｅｘａｍｐｌｅ．com", "example.com"},
		{"ideographic dot", "example。com", "example.com"},
		{"cyrillic lookalike stays apart", "ехample.com", "xn--ample-ywe6i.com"},
		{"hyphens in the third place", "r3---sn-x.googlevideo.com", "r3---sn-x.googlevideo.com"},
		{"underscore", "my_bucket.example.com", "my_bucket.example.com"},
		{"ideographic final dot", "example.com。", "example.com"},
		{"one label", "localhost", "localhost"},
		{"IPv4", "192.0.2.1", "192.0.2.1"},
		{"IPv4 and port", "192.0.2.1:8080", "192.0.2.1:8080"},
		{"IPv4 with a final dot", "192.0.2.1.", "192.0.2.1"},
		{"IPv4 in wide digits", "１９２.0.2.1", "192.0.2.1"},
		{"IPv6", "[2001:db8::1]", "2001:db8::1"},
		{"IPv6 without brackets", "2001:db8::1", "2001:db8::1"},
		{"IPv6 written long", "[2001:0db8:0:0:0:0:0:1]", "2001:db8::1"},
		{"IPv6 in capitals", "[2001:DB8::1]", "2001:db8::1"},
		{"IPv6 and port", "https://[2001:db8::1]:8443/x", "[2001:db8::1]:8443"},
		{"IPv6 and port of the web", "https://[2001:db8::1]:443/x", "2001:db8::1"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.1]", "192.0.2.1"},
		{"IPv4 in IPv6 in hexadecimal", "[::ffff:c000:0201]", "192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, err := policy.ParseHost(c.in)
			if err != nil || h.String() != c.want {
				t.Errorf("ParseHost(%q) = %q, %v, want %q", c.in, h, err, c.want)
			}
		})
	}
}

func TestParseHostRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", " ", "http://", "https:///path", "://example.com", "ftp://example.com", "javascript:alert(1)",
		"user@example.com", "https://user@example.com", "https://a:b@example.com", "https://example.com:80@evil.org",
		`https://example.com\.evil.org`, `example.com\evil`, "example.com/path", "example.com?x", "example.com#x", "exa mple.com",
		"exam%70le.com", "https://example.com:", "example.com:-1", "example.com:+80", "example.com:8o", "example.com:99999", "example.com: 80",
		"[::1", "::1]", "[::1]x", "[::1]:", "[example.com]", "[127.0.0.1]", "[::1%eth0]", "fe80::1%eth0", "1:2:3", "[1:2:3]", "[]",
		"127.1", "127.0.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "127.0.0.0x1", "256.1.1.1", "1.2.3.4.5", "example.1", "example.0x1", "0x",
		"a..b", ".a", "a.com..", "a.com.。", ".", "-a.com", "a-.com", "*.com", "*", "a,b.com", "a;b", "ex\u00adample.\u202ecom", "example.com\n", "\texample.com", "xn--\u00e4.com", "xn--zzzzzz99999.com",
		strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 130) + "com", "<script>.com", "a|b.com", "a^b.com", "日本\u200d語.jp",
	} {
		if h, err := policy.ParseHost(in); err == nil {
			t.Errorf("ParseHost(%q) = %q", in, h)
		}
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"localhost": true, "LOCALHOST.": true, "a.localhost": true, "localhost.localdomain": true, "printer": true, "nas.local": true, "db.internal": true,
		"metadata.google.internal": true, "router.lan": true, "x.home.arpa": true, "git.corp": true, "fritz.box": false,
		"127.0.0.1": true, "127.255.255.254": true, "127.0.0.1:8080": true, "0.0.0.0": true, "0.1.2.3": true, "10.0.0.1": true, "172.16.0.1": true, "172.32.0.1": false,
		"192.168.1.1": true, "169.254.169.254": true, "100.64.0.1": true, "100.128.0.1": false, "198.18.0.1": true, "224.0.0.1": true, "240.0.0.1": true, "255.255.255.255": true,
		"8.8.8.8": false, "example.com": false, "localhost.example.com": false, "local": true, "mylocal.com": false, "internal.example.com": false,
		"[::1]": true, "::": true, "[::ffff:127.0.0.1]": true, "[::ffff:7f00:1]": true, "[::ffff:8.8.8.8]": false, "::7f00:1": true, "fe80::1": true, "fc00::1": true, "fd12:3456::1": true, "ff02::1": true,
		"64:ff9b::7f00:1": true, "64:ff9b::808:808": false, "64:ff9b:1::1": true, "2002:7f00:1::": true, "2002:a00:1::1": true, "2002:808:808::1": false, "2001:0:1::1": true,
		"2606:4700:4700::1111": false, "fec0::1": true,
	} {
		h, err := policy.ParseHost(in)
		if err != nil || h.Private() != want {
			t.Errorf("ParseHost(%q).Private() = %v, %v, want %v", in, h.Private(), err, want)
		}
	}
}

func FuzzParseHost(f *testing.F) {
	for _, s := range []string{"example.com", "https://a@b/", "[::1]:80", "bücher.de:8443", "0x7f.1", "xn--a", "a。b", "１.2.3.4", "1:2::%x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := policy.ParseHost(s)
		if err != nil {
			return
		}
		again, err := policy.ParseHost(h.String())
		if err != nil || again != h {
			t.Fatalf("%q is %q, which is %q, %v", s, h, again, err)
		}
		if strings.ContainsAny(h.String(), "@/\\ %*?#") || h.Name != strings.ToLower(h.Name) || strings.HasSuffix(h.Name, ".") {
			t.Fatalf("%q is %q", s, h)
		}
		d := policy.Decide(policy.Rules{}, call("web_fetch", policy.Fetch, s))
		if d.Verdict == policy.Allow {
			t.Fatalf("%q is allowed without a grant", s)
		}
	})
}
