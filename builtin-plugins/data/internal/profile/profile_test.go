package profile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/profile"
	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

func scan(t *testing.T, text string, opts profile.Options) *profile.Sheet {
	t.Helper()
	b, err := table.Open(t.Context(), table.Source{Name: "x.csv", R: strings.NewReader(text), Size: int64(len(text))}, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := profile.Scan(t.Context(), b.Sheets[0], opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCadence(t *testing.T) {
	t.Parallel()
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	daily := func(i int) time.Time { return start.AddDate(0, 0, i) }
	cases := map[string]struct {
		next    func(i int) (time.Time, bool)
		n       int
		missing int64
		gap     string
	}{
		"daily":         {func(i int) (time.Time, bool) { return daily(i), i != 7 && i != 8 }, 60, 2, "2025-01-08 2025-01-09"},
		"business days": {func(i int) (time.Time, bool) { d := daily(i); return d, d.Weekday()%6 != 0 && i != 13 }, 90, 1, "2025-01-14 2025-01-14"},
		"weekly":        {func(i int) (time.Time, bool) { return daily(7 * i), i != 3 }, 20, 1, "2025-01-22 2025-01-22"},
		"monthly":       {func(i int) (time.Time, bool) { return start.AddDate(0, i, 0), i != 4 }, 24, 1, "2025-05-01 2025-05-01"},
		"month ends":    {func(i int) (time.Time, bool) { return start.AddDate(0, i+1, -1), i != 1 }, 24, 1, "2025-02-28 2025-02-28"},
		"quarterly":     {func(i int) (time.Time, bool) { return start.AddDate(0, 3*i, 0), i != 2 }, 12, 1, "2025-07-01 2025-07-01"},
		"yearly":        {func(i int) (time.Time, bool) { return start.AddDate(i, 0, 0), i != 5 }, 12, 1, "2030-01-01 2030-01-01"},
		"irregular":     {func(i int) (time.Time, bool) { return daily(i * i), true }, 30, 0, ""},
	}
	for name, c := range cases {
		text := "when,n\n"
		for i := range c.n {
			if d, ok := c.next(i); ok {
				text += fmt.Sprintf("%s,%d\n", d.Format("2006-01-02"), i)
			}
		}
		d := scan(t, text, profile.Options{}).Columns[0].Dates
		want := map[string]string{"month ends": "monthly", "irregular": ""}
		w, ok := want[name]
		if !ok {
			w = name
		}
		if d.Cadence != w || d.Missing != c.missing {
			t.Errorf("%s: cadence %q, %d missing", name, d.Cadence, d.Missing)
		}
		if c.gap != "" && (len(d.Gaps) != 1 || d.Gaps[0].From.Format("2006-01-02")+" "+d.Gaps[0].To.Format("2006-01-02") != c.gap) {
			t.Errorf("%s: gaps %v", name, d.Gaps)
		}
	}
}

// TestOverBudget gives every collector less room than it needs.
func TestOverBudget(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("id,name,amount\n")
	const n = 300_000
	for i := range n {
		fmt.Fprintf(&b, "%d,user %d,%d.25\n", i, i%100_000, i%1000)
	}
	s := scan(t, b.String(), profile.Options{KeptNumbers: 200_000, KeptValues: 10_000, KeptRows: 50_000})
	near := func(got, want int64) bool { d := got - want; return d*25 <= want && -d*25 <= want }
	if s.DuplicatesExact || s.Rows != n || s.Duplicates > n/25 {
		t.Errorf("rows %d, duplicates %d exact %t", s.Rows, s.Duplicates, s.DuplicatesExact)
	}
	id, name, amount := s.Columns[0], s.Columns[1], s.Columns[2]
	if name.DistinctExact || !near(name.Distinct, 100_000) {
		t.Errorf("names %d, exact %t", name.Distinct, name.DistinctExact)
	}
	if id.DistinctExact || !near(id.Distinct, n) || id.Numbers.Exact {
		t.Errorf("ids %d, exact %t", id.Distinct, id.DistinctExact)
	}
	// What needs no room stays exact.
	if a := amount.Numbers; a.Mean != "499.75" || a.Min != "0.25" || a.Max != "999.25" || a.Sum != "149925000.00" {
		t.Errorf("mean %s, min %s, max %s, sum %s", a.Mean, a.Min, a.Max, a.Sum)
	}
	if q := amount.Numbers.Median; q < 489 || q > 511 {
		t.Errorf("median %v", q)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f     float64
		scale int
		want  string
	}{{0.1 + 0.2, 1, "0.3"}, {1.0 / 3, 0, "0.333333"}, {1e-9 / 3, 0, "0.000000000333333"}, {1e20, 0, "100000000000000000000"}, {-2.5, 0, "-2.5"}, {0, 3, "0"}} {
		if got := profile.Plain(c.f, c.scale); got != c.want {
			t.Errorf("Plain(%v, %d) = %s, want %s", c.f, c.scale, got, c.want)
		}
	}
}

func TestMeanIsExact(t *testing.T) {
	t.Parallel()
	s := scan(t, "a,b,c\n0.1,99999999999999999999.5,1e-9\n0.2,0,2e-9\n0.4,1,4e-9\n", profile.Options{})
	for i, want := range []string{"0.2333333", "33333333333333333333.5", "0.000000002333333"} {
		if got := s.Columns[i].Numbers.Mean; got != want {
			t.Errorf("mean %s, want %s", got, want)
		}
	}
}

func TestTotalsAreNotData(t *testing.T) {
	t.Parallel()
	s := scan(t, "Title,,\n,,\nk,n,m\nA,1,2\nB,3,4\nTotal,4,6\n\nNote: x,,\n", profile.Options{})
	if s.Rows != 2 || s.Totals != 1 || s.Labels != 1 || s.Columns[1].Numbers.Sum != "4" || s.Columns[0].Missing != 0 {
		t.Errorf("rows %d, totals %d, labels %d", s.Rows, s.Totals, s.Labels)
	}
}
