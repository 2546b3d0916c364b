package stat

import "math"

// Correlations collects the co-moments of pairs of columns over the rows in
// which both have a value.
type Correlations struct {
	n     int
	shift []float64
	seen  []bool
	pairs []pair
}

type pair struct {
	n                float64
	x, y, xx, yy, xy float64
}

// NewCorrelations returns a collector for n columns.
func NewCorrelations(n int) *Correlations {
	return &Correlations{n: n, shift: make([]float64, n), seen: make([]bool, n), pairs: make([]pair, n*(n-1)/2)}
}

// Add adds a row; NaN stands for a missing value.
func (c *Correlations) Add(row []float64) {
	for i, v := range row {
		if v == v && !c.seen[i] {
			// Taking a typical value away keeps digits that matter.
			c.seen[i], c.shift[i] = true, v
		}
		row[i] = v - c.shift[i]
	}
	k := 0
	for i, x := range row {
		if x != x {
			k += c.n - i - 1
			continue
		}
		for _, y := range row[i+1:] {
			if y == y {
				p := &c.pairs[k]
				p.n++
				p.x += x
				p.y += y
				p.xx += x * x
				p.yy += y * y
				p.xy += x * y
			}
			k++
		}
	}
}

// Pair is the correlation of two columns.
type Pair struct {
	I, J int
	R    float64
	N    int64
}

// Pairs returns Pearson's r for every pair for which it is defined: at least
// three rows and neither column constant in them.
func (c *Correlations) Pairs() []Pair {
	var out []Pair
	k := 0
	for i := range c.n {
		for j := i + 1; j < c.n; j++ {
			p := c.pairs[k]
			k++
			if p.n < 3 {
				continue
			}
			vx, vy := p.xx-p.x*p.x/p.n, p.yy-p.y*p.y/p.n
			cov := p.xy - p.x*p.y/p.n
			if vx <= 1e-12*p.xx || vy <= 1e-12*p.yy {
				continue
			}
			r := cov / math.Sqrt(vx) / math.Sqrt(vy)
			if math.IsNaN(r) {
				continue
			}
			out = append(out, Pair{I: i, J: j, R: min(1, max(-1, r)), N: int64(p.n)})
		}
	}
	return out
}
