package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line, name string
		values     map[string]float64
	}{
		{"BenchmarkTurn/messages=500-2 \t 3\t 0.17 bytes/sdk\t -6.7 overhead-ms", "Turn/messages=500", map[string]float64{"bytes/sdk": 0.17, "overhead-ms": -6.7}},
		{"BenchmarkStart 10 120 ns/op", "Start", map[string]float64{"ns/op": 120}},
		{"BenchmarkStart-a-2 10 120 ns/op", "Start-a", map[string]float64{"ns/op": 120}},
		{"BenchmarkStart-2", "", nil},
		{"BenchmarkStart is said in a log line", "", nil},
		{"BenchmarkStart 10 x ns/op", "", nil},
		{"ok  \tpkg\t1.2s", "", nil},
	} {
		name, values := parse(c.line)
		if diff := cmp.Diff(c.values, values); name != c.name || diff != "" {
			t.Errorf("%q: name %q, -want +got:\n%s", c.line, name, diff)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	in := "pkg: m/a\nBenchmarkX-2 1 5000000 ns/op 95 cached-%\npkg: m/b\nBenchmarkX-2 1 9 ns/op\n"
	below := goal{what: "w", pkg: "a", bench: "X", unit: "ns/op", limit: 6, scale: 1e6}
	for _, c := range []struct {
		name   string
		change func(g *goal)
		missed int
		says   string
	}{
		{"below", func(*goal) {}, 0, "ok"},
		{"not below", func(g *goal) { g.limit = 4 }, 1, "MISSED"},
		{"at the limit", func(g *goal) { g.limit = 5 }, 1, "MISSED"},
		{"above", func(g *goal) { g.unit, g.above, g.limit, g.scale = "cached-%", true, 90, 0 }, 0, "ok"},
		{"not above", func(g *goal) { g.unit, g.above, g.limit, g.scale = "cached-%", true, 95, 0 }, 1, "MISSED"},
		{"of another package", func(g *goal) { g.pkg, g.scale, g.limit = "b", 0, 10 }, 0, "ok"},
		{"not there", func(g *goal) { g.bench = "Y" }, 1, "MISSED"},
		{"not there and optional", func(g *goal) { g.bench, g.optional = "Y", true }, 0, "not measured here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := below
			c.change(&g)
			var out strings.Builder
			missed, err := report(strings.NewReader(in), &out, []goal{g})
			if err != nil || missed != c.missed || !strings.HasPrefix(out.String(), in) || !strings.HasSuffix(strings.TrimSpace(out.String()), c.says) {
				t.Errorf("%d missed, %v:\n%s", missed, err, out.String())
			}
		})
	}
}
