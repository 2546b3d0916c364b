package stat

import (
	"math"
	"slices"
)

// Numbers collects the values of one numeric column: all of them up to a
// limit, then a sketch. Its zero value has no room; use [NewNumbers].
type Numbers struct {
	limit  int
	values []float64
	sorted bool
	kll    *KLL
	hll    *HLL

	n        int64
	mean, m2 float64
	min, max float64
}

// NewNumbers returns a collector that keeps up to limit values exactly.
func NewNumbers(limit int) *Numbers { return &Numbers{limit: limit} }

// Add adds a finite value.
func (s *Numbers) Add(v float64) {
	s.n++
	if s.n == 1 {
		s.min, s.max = v, v
	}
	s.min, s.max = min(s.min, v), max(s.max, v)
	d := v - s.mean
	s.mean += d / float64(s.n)
	s.m2 += d * (v - s.mean)
	if s.kll != nil {
		s.kll.Add(v)
		s.hll.Add(mix(math.Float64bits(v)))
		return
	}
	s.values = append(s.values, v)
	if len(s.values) > s.limit {
		s.overflow()
	}
}

// overflow hands what was kept to the sketches.
func (s *Numbers) overflow() {
	s.kll, s.hll = NewKLL(), NewHLL()
	for _, v := range s.values {
		s.kll.Add(v)
		s.hll.Add(mix(math.Float64bits(v)))
	}
	s.values = nil
}

// Shrink lowers the limit, for when other columns need the room.
func (s *Numbers) Shrink(limit int) {
	if s.limit = min(s.limit, limit); len(s.values) > s.limit {
		s.overflow()
	}
}

// Exact reports whether quantiles and counts are exact.
func (s *Numbers) Exact() bool { return s.kll == nil }

// Count returns how many values there are.
func (s *Numbers) Count() int64 { return s.n }

// Std returns the sample standard deviation; NaN for fewer than two values.
func (s *Numbers) Std() float64 {
	if s.n < 2 {
		return math.NaN()
	}
	return math.Sqrt(s.m2 / float64(s.n-1))
}

// Mean returns the mean as a float.
func (s *Numbers) Mean() float64 { return s.mean }

// Range returns the smallest and the largest value.
func (s *Numbers) Range() (lo, hi float64) { return s.min, s.max }

func (s *Numbers) sort() {
	if !s.sorted {
		slices.Sort(s.values)
		s.sorted = true
	}
}

// Distinct returns the number of different values.
func (s *Numbers) Distinct() int64 {
	if !s.Exact() {
		return s.hll.Count()
	}
	s.sort()
	var n int64
	for i, v := range s.values {
		if i == 0 || v != s.values[i-1] {
			n++
		}
	}
	return n
}

// Quantile returns the q-quantile, 0 ≤ q ≤ 1; NaN when there is no value.
func (s *Numbers) Quantile(q float64) float64 {
	if s.n == 0 {
		return math.NaN()
	}
	if !s.Exact() {
		return min(max(s.kll.Quantile(q), s.min), s.max)
	}
	s.sort()
	return quantile(s.values, q)
}

// quantile is type 7 on sorted values.
func quantile(sorted []float64, q float64) float64 {
	h := q * float64(len(sorted)-1)
	i := int(math.Floor(h))
	if i >= len(sorted)-1 {
		return sorted[len(sorted)-1]
	}
	lo, hi := sorted[i], sorted[i+1]
	if lo == hi {
		return lo
	}
	return lo + (h-float64(i))*(hi-lo)
}

// MAD returns the median of the distances from the median.
func (s *Numbers) MAD() float64 {
	if s.n == 0 {
		return math.NaN()
	}
	med := s.Quantile(0.5)
	if !s.Exact() {
		return s.sketchMAD(med)
	}
	// Distances grow in both directions from the median: merge the two sides.
	v := s.values
	hi, _ := slices.BinarySearch(v, med)
	lo := hi - 1
	want := (len(v) - 1) / 2
	var prev, cur float64
	for i := 0; i <= len(v)/2; i++ {
		prev = cur
		switch {
		case lo < 0:
			cur, hi = v[hi]-med, hi+1
		case hi >= len(v) || med-v[lo] < v[hi]-med:
			cur, lo = med-v[lo], lo-1
		default:
			cur, hi = v[hi]-med, hi+1
		}
		if i == want && len(v)%2 == 1 {
			return cur
		}
	}
	return (prev + cur) / 2
}

// sketchMAD finds the distance that half of the values lie within.
func (s *Numbers) sketchMAD(med float64) float64 {
	lo, hi := 0.0, max(s.max-med, med-s.min)
	for range 100 {
		mid := lo + (hi-lo)/2
		if s.kll.Rank(med+mid)-s.kll.Rank(math.Nextafter(med-mid, math.Inf(-1))) < 0.5 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// Outside returns how many values are below lo and above hi.
func (s *Numbers) Outside(lo, hi float64) (below, above int64) {
	if !s.Exact() {
		n := float64(s.n)
		below = int64(math.Round(s.kll.Rank(math.Nextafter(lo, math.Inf(-1))) * n))
		above = int64(math.Round((1 - s.kll.Rank(hi)) * n))
		return max(below, 0), max(above, 0)
	}
	s.sort()
	i, _ := slices.BinarySearch(s.values, lo)
	j, _ := slices.BinarySearch(s.values, math.Nextafter(hi, math.Inf(1)))
	return int64(i), int64(len(s.values) - j)
}

// Bin is one bar of a histogram: values from Lo up to, but for the last one
// not including, Hi.
type Bin struct {
	Lo, Hi float64
	Count  int64
}

// Histogram cuts the range from lo to hi into n equal bins. Values outside are
// left out.
func (s *Numbers) Histogram(lo, hi float64, n int) []Bin {
	if s.n == 0 || !(hi > lo) || math.IsInf(hi-lo, 0) {
		return nil
	}
	bins := make([]Bin, n)
	width := (hi - lo) / float64(n)
	rank := func(v float64) float64 {
		if !s.Exact() {
			return s.kll.Rank(v) * float64(s.n)
		}
		s.sort()
		i, _ := slices.BinarySearch(s.values, v)
		return float64(i)
	}
	from := rank(lo)
	for i := range bins {
		b := &bins[i]
		b.Lo, b.Hi = lo+float64(i)*width, lo+float64(i+1)*width
		end := b.Hi
		if i == n-1 {
			b.Hi, end = hi, math.Nextafter(hi, math.Inf(1))
		}
		to := rank(end)
		b.Count = int64(math.Round(to - from))
		from = to
	}
	return bins
}

// Run is a value and how often it occurs.
type Run struct {
	Value float64
	Count int64
}

// Top returns the most frequent values, the smaller first among equals; nil
// when the values are not kept.
func (s *Numbers) Top(n int) []Run {
	if !s.Exact() {
		return nil
	}
	s.sort()
	var top []Run
	for i := 0; i < len(s.values); {
		j := i + 1
		for j < len(s.values) && s.values[j] == s.values[i] {
			j++
		}
		if r := (Run{s.values[i], int64(j - i)}); len(top) < n || r.Count > top[len(top)-1].Count {
			at := len(top)
			for at > 0 && top[at-1].Count < r.Count {
				at--
			}
			top = slices.Insert(top, at, r)
			top = top[:min(len(top), n)]
		}
		i = j
	}
	return top
}
