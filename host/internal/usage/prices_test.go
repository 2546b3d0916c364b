package usage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/pluginsdk"
)

const million = 1_000_000

func TestShippedPrices(t *testing.T) {
	t.Parallel()
	p := usage.Shipped()
	if d, err := time.Parse(time.DateOnly, p.AsOf); err != nil || d.Year() < 2026 || p.Source == "" {
		t.Errorf("as of %q from %q", p.AsOf, p.Source)
	}
	for _, c := range []struct {
		model string
		u     model.Usage
		want  string
	}{
		{"claude-opus-5-5", model.Usage{Input: million}, "4"},
		{"claude-opus-5-5", model.Usage{Output: million}, "20"},
		{"claude-opus-5-5", model.Usage{CacheRead: million}, "0.2"},
		{"claude-opus-5-5", model.Usage{CacheWrite5m: million}, "5"},
		{"claude-opus-5-5", model.Usage{CacheWrite1h: million}, "8"},
		{"claude-opus-5-5", model.Usage{WebSearches: 1}, "0.01"},
		{"claude-opus-5-5", model.Usage{WebFetches: 7}, "0"},
		{"claude-opus-5-5", model.Usage{Output: 10, Thinking: 9}, "0.0002"},
		{"claude-opus-5-5", model.Usage{}, "0"},
		{"claude-opus-5-5", model.Usage{Input: 1}, "0.000004"},
		{"claude-opus-5-5", model.Usage{Input: 1, CacheRead: 1, CacheWrite5m: 1, CacheWrite1h: 1, Output: 1, WebSearches: 1}, "0.0100372"},
		{"claude-opus-5-5", model.Usage{Input: 9_223_372_036_854_775_807}, "36893488147419.103228"},
		{"claude-opus-5-5", model.Usage{Input: -5, Output: million}, "20"},
		{"claude-opus-5", model.Usage{Input: million}, "5"},
		{"claude-sonnet-5-5", model.Usage{CacheRead: million}, "0.1"},
		{"claude-sonnet-5", model.Usage{CacheRead: million}, "0.2"},
		{"claude-sonnet-4-6", model.Usage{Input: million, Output: million}, "18"},
		{"claude-fable-5-1", model.Usage{CacheRead: million}, "0.25"},
		{"claude-haiku-4-5", model.Usage{CacheRead: 3}, "0.0000003"},
		// a long prompt costs more, all of it and the output
		{"claude-haiku-5-5", model.Usage{Input: 100_000, Output: 1000}, "0.0105"},
		{"claude-haiku-5-5", model.Usage{Input: 100_001, Output: 1000}, "0.0525005"},
		{"claude-haiku-5-5", model.Usage{Input: 1, CacheRead: 50_000, CacheWrite5m: 25_000, CacheWrite1h: 25_000}, "0.0431255"},
		// what providers put around a name
		{"claude-haiku-4-5-20251001", model.Usage{Input: million}, "1"},
		{"claude-opus-4-20250514", model.Usage{Input: million}, "15"},
		{"claude-opus-4-0", model.Usage{Input: million}, "15"},
		{"claude-sonnet-4-5@20250929", model.Usage{Input: million}, "3"},
		{"claude-opus-5-latest", model.Usage{Input: million}, "5"},
		{"claude-sonnet-4-6[1m]", model.Usage{Input: million}, "3"},
		{"anthropic.claude-opus-4-5-20251101-v1:0", model.Usage{Input: million}, "5"},
		{"us.anthropic.claude-opus-4-5-20251101-v1:0", model.Usage{Input: million}, "5"},
		{"arn:aws:bedrock:us-east-1:1:inference-profile/global.anthropic.claude-sonnet-4-6", model.Usage{Input: million}, "3"},
		{"anthropic/claude-sonnet-5", model.Usage{Input: million}, "2"},
		{" Claude-Sonnet-5 ", model.Usage{Input: million}, "2"},
		// no price
		{"", model.Usage{Input: million}, ""},
		{"claude", model.Usage{Input: million}, ""},
		{"claude-opus", model.Usage{Input: million}, ""},
		{"claude-opus-6", model.Usage{Input: million}, ""},
		{"claude-opus-5-9", model.Usage{Input: million}, ""},
		{"claude-opus-55", model.Usage{Input: million}, ""},
		{"my-claude-opus-5", model.Usage{Input: million}, ""},
		{"gpt-5", model.Usage{Input: million}, ""},
		{"qwen3:30b", model.Usage{Input: million}, ""},
		{"-latest", model.Usage{Input: million}, ""},
	} {
		if got := p.Cost(c.model, c.u); got != c.want {
			t.Errorf("%s %+v costs %q, want %q", c.model, c.u, got, c.want)
		}
		if p.Priced(c.model) != (c.want != "") {
			t.Errorf("Priced(%q) is %v", c.model, p.Priced(c.model))
		}
	}
}

func load(t *testing.T, text string) (*usage.Prices, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prices.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := usage.LoadPrices(path)
	return p, path, err
}

func TestOwnPrices(t *testing.T) {
	t.Parallel()
	if p, err := usage.LoadPrices(filepath.Join(t.TempDir(), "none")); err != nil || p.AsOf != usage.Shipped().AsOf {
		t.Errorf("no file: %v", err)
	}
	p, _, err := load(t, `{"as_of": "2026-11-01", "source": "our contract", "web_search_per_1000": "8", "models": [
		{"model": "claude-opus-5-5", "input": "3.2", "output": "16"},
		{"model": "Qwen/Qwen3-30B", "input": "0", "output": "0"},
		{"model": "long", "input": "1", "output": "1", "long": {"above": 10, "input": "2", "output": "3", "cache_read": "0"}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if p.AsOf != usage.Shipped().AsOf+", own 2026-11-01" || !strings.HasSuffix(p.Source, "; our contract") {
		t.Errorf("as of %q from %q", p.AsOf, p.Source)
	}
	for _, c := range []struct {
		model string
		u     model.Usage
		want  string
	}{
		{"claude-opus-5-5-20260901", model.Usage{Input: million}, "3.2"},
		{"claude-opus-5-5", model.Usage{CacheRead: million, CacheWrite5m: million, CacheWrite1h: million}, "9.6"},
		{"claude-sonnet-5", model.Usage{Input: million, WebSearches: 100}, "2.8"},
		{"qwen/qwen3-30b", model.Usage{Input: million}, "0"},
		{"qwen3-30b", model.Usage{Output: million}, "0"},
		{"long", model.Usage{Input: 10, Output: million}, "1.00001"},
		{"long", model.Usage{Input: 10, CacheRead: 1, Output: million}, "3.00002"},
		{"other", model.Usage{Input: 1}, ""},
	} {
		if got := p.Cost(c.model, c.u); got != c.want {
			t.Errorf("%s %+v costs %q, want %q", c.model, c.u, got, c.want)
		}
	}
	if usage.Shipped().Cost("claude-opus-5-5", model.Usage{Input: million}) != "4" {
		t.Error("own prices changed the shipped ones")
	}
}

func TestBadPrices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "line 1"},
		{"no date", `{"models": []}`, "as_of"},
		{"no such date", `{"as_of": "2026-02-30"}`, "as_of"},
		{"no input", `{"as_of": "2026-01-01", "models": [{"model": "a", "output": "1"}]}`, "a: input has no price"},
		{"no output", `{"as_of": "2026-01-01", "models": [{"model": "a", "input": "1"}]}`, "a: output has no price"},
		{"no model", `{"as_of": "2026-01-01", "models": [{"input": "1", "output": "1"}]}`, "models[1] has no model"},
		{"a number", `{"as_of": "2026-01-01", "models": [{"model": "a", "input": 1, "output": "1"}]}`, "models[1].input is a number"},
		{"a sign", `{"as_of": "2026-01-01", "models": [{"model": "a", "input": "-1", "output": "1"}]}`, "a: input"},
		{"an exponent", `{"as_of": "2026-01-01", "models": [{"model": "a", "input": "1", "output": "1e6"}]}`, "a: output"},
		{"a comma", `{"as_of": "2026-01-01", "models": [{"model": "a", "input": "1,5", "output": "1"}]}`, "a: input"},
		{"a point alone", `{"as_of": "2026-01-01", "models": [{"model": "a", "input": "1.", "output": "1"}]}`, "a: input"},
		{"long digits", `{"as_of": "2026-01-01", "web_search_per_1000": "` + strings.Repeat("9", 40) + `"}`, "web_search_per_1000"},
		{"long without a number", `{"as_of": "2026-01-01", "models": [{"model": "a", "input": "1", "output": "1", "long": {"input": "1", "output": "1"}}]}`, "long.above"},
		{"long without a price", `{"as_of": "2026-01-01", "models": [{"model": "a", "input": "1", "output": "1", "long": {"above": 5, "input": "1"}}]}`, "long: output has no price"},
		{"twice", `{"as_of": "2026-01-01", "models": [{"model": "a", "input": "1", "output": "1"}, {"model": "A-latest", "input": "1", "output": "1"}]}`, "A-latest is there twice"},
		{"a typing error", `{"as_of": "2026-01-01", "models": [{"model": "a", "inptu": "1"}]}`, `did you mean "input"?`},
		{"too large", "{}" + strings.Repeat(" ", 2<<20), "not a price list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, path, err := load(t, c.text)
			var e *pluginsdk.Error
			if p != nil || !errors.As(err, &e) || !errors.Is(err, pluginsdk.ErrInvalid) || !strings.Contains(e.Message, c.says) || !strings.Contains(e.Message, path) || e.Next == "" {
				t.Errorf("error: %v", err)
			}
		})
	}
	if _, err := usage.LoadPrices(t.TempDir()); err == nil {
		t.Error("a folder passes for a price list")
	}
}

func TestSearchWithoutAPrice(t *testing.T) {
	t.Parallel()
	p, _, err := load(t, `{"as_of": "2026-11-01", "web_search_per_1000": "", "models": [{"model": "a", "input": "1", "output": "1"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Cost("a", model.Usage{WebSearches: 1}); got != "0.01" {
		t.Errorf("the shipped price of a search is lost: %q", got)
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"", "", ""},
		{"", "1.50", "1.5"},
		{"0", "", "0"},
		{"0.1", "0.2", "0.3"},
		{"100", "200", "300"},
		{"0.000001", "1000000", "1000000.000001"},
		{"99999999999999.999999", "0.000001", "100000000000000"},
		{"000.50", "0.5", "1"},
	} {
		if got, err := usage.Add(c[0], c[1]); err != nil || got != c[2] {
			t.Errorf("%q + %q = %q, %v, want %q", c[0], c[1], got, err, c[2])
		}
	}
	for _, bad := range []string{"-1", "+1", "1e3", "NaN", "Infinity", "1.", ".5", "1.2.3", "1,5", " 1", "$1", "0x1", "１", strings.Repeat("1", 31)} {
		if got, err := usage.Add(bad, "1"); err == nil {
			t.Errorf("%q + 1 = %q", bad, got)
		}
		if got, err := usage.Add("1", bad); err == nil {
			t.Errorf("1 + %q = %q", bad, got)
		}
	}
}

func FuzzAdd(f *testing.F) {
	f.Add("0.1", "0.2")
	f.Add("1e9", "NaN")
	f.Add("", "00.00")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, err := usage.Add(a, b)
		y, other := usage.Add(b, a)
		if (err == nil) != (other == nil) || x != y {
			t.Fatalf("%q + %q is %q, %v; the other way %q, %v", a, b, x, err, y, other)
		}
		if err == nil && len(x) < 30 {
			if z, err := usage.Add(x, ""); err != nil || z != x {
				t.Fatalf("%q is %q, %v when it is read again", x, z, err)
			}
		}
	})
}
