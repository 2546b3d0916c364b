package policy_test

import (
	"math/rand/v2"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/policy"
)

// sameHost fails if policy takes a web address for another host than the
// program that will fetch it, which reads addresses by net/url.
func sameHost(t *testing.T, text string) (accepted bool) {
	t.Helper()
	h, err := policy.ParseHost(text)
	if err != nil || !strings.Contains(text, "://") {
		return false
	}
	u, err := url.Parse(text)
	if err != nil {
		return false // it is never fetched
	}
	if u.User != nil {
		t.Fatalf("%q has a user and is read as %s", text, h)
	}
	other, err := policy.ParseHost(u.Host)
	if err != nil || other != h {
		t.Fatalf("%q is %s to policy and %s (%v) to the fetcher", text, h, other, err)
	}
	return true
}

func TestAddressesAreReadAsTheFetcherReadsThem(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"http://", "https://", "HTTPS://", "example.com", "evil.org", "@", ":", "443", "8080", "/", "\\", "?", "#", "%40", "%2f", ".", "..", "[", "]", "::1",
		"127.0.0.1", "a", "-", "_", "é", "。", " ", ";", "&", "=", "//", "user", "xn--bcher-kva", "*",
	}
	accepted := 0
	for seed := range uint64(60_000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		text := pieces[rng.IntN(3)]
		for range 1 + rng.IntN(5) {
			text += pieces[3+rng.IntN(len(pieces)-3)]
		}
		if sameHost(t, text) {
			accepted++
		}
	}
	if accepted < 2000 {
		t.Errorf("only %d addresses were read at all", accepted)
	}
}

func FuzzAddressesAreReadAsTheFetcherReadsThem(f *testing.F) {
	for _, s := range []string{"https://example.com/x", "http://a@b/", "http://[::1]:80/", `http://a\b`, "http://a#@b", "http://a?@b", "http://a:80:90"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { sameHost(t, s) })
}

// TestGrantsCoverOnlyWhatIsBelow makes paths and grants of a few names. A grant
// that answers a question covers a path only if it is the path or a folder
// above it.
func TestGrantsCoverOnlyWhatIsBelow(t *testing.T) {
	t.Parallel()
	names := []string{"a", "ab", "b", "A", "a.txt", "."}
	covered := 0
	for seed := range uint64(40_000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		some := func() string {
			parts := make([]string, 1+rng.IntN(4))
			for i := range parts {
				parts[i] = names[rng.IntN(len(names))]
			}
			p := strings.Join(parts, []string{"/", "//", "/./"}[rng.IntN(3)])
			return []string{"", "/", "../", "./"}[rng.IntN(4)] + p
		}
		granted, target := some(), some()
		r := policy.Rules{
			Rules:  []policy.Rule{{Verdict: policy.AskUser, Tool: "write"}},
			Grants: []policy.Grant{{ID: "1", Tool: "write", Target: granted, Scope: policy.Task}},
		}
		got := policy.Decide(r, call("write", policy.Write, target)).Verdict == policy.Allow
		g, p := path.Clean(granted), path.Clean(target)
		want := p == g || strings.HasPrefix(p, strings.TrimSuffix(g, "/")+"/")
		if got != want {
			t.Fatalf("a grant of %q covers %q: %v", granted, target, got)
		}
		if got {
			covered++
		}
	}
	if covered < 500 {
		t.Errorf("only %d paths were covered", covered)
	}
}

// TestHostsBelow makes hosts of a few labels and holds "*.HOST" to whole labels.
func TestHostsBelow(t *testing.T) {
	t.Parallel()
	labels := []string{"example", "com", "evil", "evil-example", "www", "examplecom", "org"}
	matched := 0
	for seed := range uint64(40_000) {
		rng := rand.New(rand.NewPCG(seed, 9))
		some := func() []string {
			out := make([]string, 2+rng.IntN(3))
			for i := range out {
				out[i] = labels[rng.IntN(len(labels))]
			}
			return out
		}
		pattern, host := some(), some()
		r := policy.Rules{Rules: []policy.Rule{{Verdict: policy.Allow, Tool: "web_fetch", Target: "*." + strings.Join(pattern, ".")}}}
		got := policy.Decide(r, call("web_fetch", policy.Fetch, strings.Join(host, "."))).Verdict == policy.Allow
		want := len(host) > len(pattern)
		for i := range pattern {
			want = want && host[len(host)-1-i] == pattern[len(pattern)-1-i]
		}
		if got != want {
			t.Fatalf("*.%v allows %v: %v", pattern, host, got)
		}
		if got {
			matched++
		}
	}
	if matched < 100 {
		t.Errorf("only %d hosts matched", matched)
	}
}
