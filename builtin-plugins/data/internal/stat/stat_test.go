package stat_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/stat"
)

// values are n numbers of a kind, in a fixed order.
func values(kind string, n int) []float64 {
	r := rand.New(rand.NewPCG(uint64(n), 3))
	out := make([]float64, n)
	for i := range out {
		switch kind {
		case "normal":
			out[i] = r.NormFloat64()
		case "skewed":
			out[i] = math.Exp(3 * r.NormFloat64())
		case "ties":
			out[i] = float64(r.IntN(7))
		case "sorted":
			out[i] = float64(i)
		case "constant":
			out[i] = 5
		}
	}
	return out
}

func collect(v []float64, limit int) *stat.Numbers {
	s := stat.NewNumbers(limit)
	for _, x := range v {
		s.Add(x)
	}
	return s
}

func median(v []float64) float64 {
	s := slices.Clone(v)
	sort.Float64s(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func TestExactNumbers(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"normal", "skewed", "ties", "sorted", "constant"} {
		for _, n := range []int{1, 2, 3, 4, 5, 10, 101, 1000} {
			v := values(kind, n)
			s := collect(v, n)
			name := fmt.Sprint(kind, n)
			if got := s.Quantile(0.5); math.Abs(got-median(v)) > 1e-12*math.Abs(median(v)) {
				t.Errorf("%s: median %v, want %v", name, got, median(v))
			}
			dist := make([]float64, n)
			for i, x := range v {
				dist[i] = math.Abs(x - median(v))
			}
			if got, want := s.MAD(), median(dist); math.Abs(got-want) > 1e-12*max(1, want) {
				t.Errorf("%s: MAD %v, want %v", name, got, want)
			}
			distinct := map[float64]bool{}
			below, above := int64(0), int64(0)
			for _, x := range v {
				distinct[x] = true
				if x < -0.5 {
					below++
				}
				if x > 2 {
					above++
				}
			}
			if got := s.Distinct(); got != int64(len(distinct)) {
				t.Errorf("%s: %d distinct, want %d", name, got, len(distinct))
			}
			if b, a := s.Outside(-0.5, 2); b != below || a != above {
				t.Errorf("%s: outside %d and %d, want %d and %d", name, b, a, below, above)
			}
			lo, hi := s.Range()
			total := int64(0)
			for _, bin := range s.Histogram(lo, hi, 10) {
				total += bin.Count
			}
			if hi > lo && total != int64(n) {
				t.Errorf("%s: histogram holds %d", name, total)
			}
		}
	}
}

// TestQuantilesAreTypeSeven holds against numpy's documented examples.
func TestQuantilesAreTypeSeven(t *testing.T) {
	t.Parallel()
	s := collect([]float64{1, 2, 3, 4}, 10)
	for q, want := range map[float64]float64{0: 1, 0.25: 1.75, 0.5: 2.5, 0.75: 3.25, 0.95: 3.85, 1: 4} {
		if got := s.Quantile(q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
	if got, want := s.Std(), math.Sqrt(5.0/3); math.Abs(got-want) > 1e-12 {
		t.Errorf("std = %v, want %v", got, want)
	}
	if !math.IsNaN(collect([]float64{1}, 1).Std()) {
		t.Error("one value has a standard deviation")
	}
}

func TestStdKeepsDigits(t *testing.T) {
	t.Parallel()
	s := stat.NewNumbers(10)
	for i := range 1000 {
		s.Add(1e9 + float64(i%2))
	}
	if got, want := s.Std(), 0.5*math.Sqrt(1000.0/999); math.Abs(got-want) > 1e-6 {
		t.Errorf("std = %v, want %v", got, want)
	}
}

func TestSketchWithinItsError(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"normal", "skewed", "sorted", "ties"} {
		v := values(kind, 500_000)
		s := collect(v, 1000)
		if s.Exact() {
			t.Fatal("still exact")
		}
		sorted := slices.Clone(v)
		slices.Sort(sorted)
		for _, q := range []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99} {
			got := s.Quantile(q)
			lo, _ := slices.BinarySearch(sorted, got)
			hi, _ := slices.BinarySearch(sorted, math.Nextafter(got, math.Inf(1)))
			n := float64(len(v))
			if float64(lo)/n > q+stat.KLLError || float64(hi)/n < q-stat.KLLError {
				t.Errorf("%s: quantile %v has rank %v to %v", kind, q, float64(lo)/n, float64(hi)/n)
			}
		}
		exact := collect(v, len(v))
		if got, want := float64(s.Distinct()), float64(exact.Distinct()); math.Abs(got-want) > 4*stat.HLLError*want {
			t.Errorf("%s: %v distinct, want %v", kind, got, want)
		}
		b, a := s.Outside(-2, 2)
		wb, wa := exact.Outside(-2, 2)
		if d := math.Abs(float64(b+a-wb-wa)) / float64(len(v)); d > 2*stat.KLLError {
			t.Errorf("%s: outside is off by %v of all", kind, d)
		}
	}
}

func TestSketchIsDeterministic(t *testing.T) {
	t.Parallel()
	v := values("normal", 100_000)
	if a, b := collect(v, 10), collect(v, 10); a.Quantile(0.3) != b.Quantile(0.3) || a.Distinct() != b.Distinct() {
		t.Error("the same values give another sketch")
	}
}

func TestTop(t *testing.T) {
	t.Parallel()
	got := collect([]float64{3, 1, 2, 3, 2, 3, 9}, 10).Top(3)
	want := []stat.Run{{Value: 3, Count: 3}, {Value: 2, Count: 2}, {Value: 1, Count: 1}}
	if !slices.Equal(got, want) {
		t.Errorf("top %v, want %v", got, want)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	s := stat.NewSet(50_000)
	for i := range 100_000 {
		if fresh := s.Add(stat.Hash(0).Uint64(uint64(i % 50_000)).Sum()); fresh != (i < 50_000) {
			t.Fatalf("value %d new: %t", i, fresh)
		}
	}
	if !s.Exact() || s.Count() != 50_000 {
		t.Fatalf("%d, exact %t", s.Count(), s.Exact())
	}
	for i := range 400_000 {
		s.Add(stat.Hash(0).Uint64(uint64(i)).Sum())
	}
	if got := float64(s.Count()); s.Exact() || math.Abs(got-400_000) > 4*stat.HLLError*400_000 {
		t.Errorf("%v, exact %t", got, s.Exact())
	}
}

// TestSetUnderAttack adds hashes that all fall into the same place.
func TestSetUnderAttack(t *testing.T) {
	t.Parallel()
	s := stat.NewSet(1 << 30)
	for i := range uint64(5000) {
		s.Add(1 + i<<40)
	}
	if s.Exact() {
		t.Error("no bound on probing")
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	budget := 1000
	v := stat.NewValues(&budget)
	add := func(s string, line int) { v.Add(stat.Hash(0).String(s).Sum(), s, line) }
	for i := range 900 {
		add(fmt.Sprint("v", i), i)
	}
	for range 5 {
		add("v7", 2000)
	}
	if top := v.Top(1); !v.Exact() || v.Distinct() != 900 || top[0] != (stat.Value{Text: "v7", Count: 6, Line: 7}) {
		t.Fatalf("%v, %d", top, v.Distinct())
	}
	for i := range 50_000 {
		add(fmt.Sprint("w", i), i)
		add("v8", i)
	}
	if got := float64(v.Distinct()); v.Exact() || math.Abs(got-50_900) > 4*stat.HLLError*50_900 {
		t.Errorf("%v distinct, exact %t", got, v.Exact())
	}
	if top := v.Top(2); top[0].Text != "v8" || top[0].Count != 50_001 {
		t.Errorf("top %v", top)
	}
}

func TestCorrelations(t *testing.T) {
	t.Parallel()
	c := stat.NewCorrelations(4)
	r := rand.New(rand.NewPCG(1, 1))
	var xs, ys []float64
	for i := range 2000 {
		x := 1e9 + r.NormFloat64()
		y := 3*(x-1e9) + 4*r.NormFloat64()
		row := []float64{x, y, 7, -x}
		if i%5 == 0 {
			row[1] = math.NaN()
		} else {
			xs, ys = append(xs, x-1e9), append(ys, y)
		}
		c.Add(row)
	}
	var mx, my, sxy, sxx, syy float64
	for i := range xs {
		mx += xs[i] / float64(len(xs))
		my += ys[i] / float64(len(xs))
	}
	for i := range xs {
		sxy += (xs[i] - mx) * (ys[i] - my)
		sxx += (xs[i] - mx) * (xs[i] - mx)
		syy += (ys[i] - my) * (ys[i] - my)
	}
	want := sxy / math.Sqrt(sxx*syy)
	found := map[[2]int]stat.Pair{}
	for _, p := range c.Pairs() {
		found[[2]int{p.I, p.J}] = p
	}
	if p := found[[2]int{0, 1}]; math.Abs(p.R-want) > 1e-5 || p.N != 1600 {
		t.Errorf("r = %v over %d, want %v", p.R, p.N, want)
	}
	if p := found[[2]int{0, 3}]; math.Abs(p.R+1) > 1e-9 {
		t.Errorf("r = %v, want -1", p.R)
	}
	if _, ok := found[[2]int{0, 2}]; ok {
		t.Error("a constant column is correlated")
	}
}
