package stat

import (
	"cmp"
	"math"
	"slices"
)

// kllSize is the capacity of the sketch's top level. Ranks are then wrong by
// less than [KLLError] with near certainty.
const kllSize = 2048

// KLLError is the greatest error of a sketched rank, as a share of all values.
const KLLError = 0.005

// KLL is a quantile sketch after Karnin, Lang and Liberty. Which half of a full
// level is kept alternates instead of being drawn, so that the same values in
// the same order give the same sketch.
type KLL struct {
	levels [][]float64
	caps   []int // of the levels
	flip   uint64
	n      uint64
	ranked []weighted
}

type weighted struct {
	value float64
	upTo  float64 // share of the values that are ≤ value
}

// NewKLL returns an empty sketch.
func NewKLL() *KLL { return &KLL{levels: make([][]float64, 1), caps: []int{kllSize}} }

// Add adds a finite value.
func (k *KLL) Add(v float64) {
	k.n++
	k.ranked = nil
	k.levels[0] = append(k.levels[0], v)
	for i := 0; len(k.levels[i]) >= k.caps[i]; i++ {
		k.compact(i)
		if i+1 == len(k.levels) {
			break
		}
	}
}

// grow adds a level on top. The lower ones get smaller.
func (k *KLL) grow() {
	k.levels = append(k.levels, nil)
	k.caps = append(k.caps, 0)
	for i := range k.caps {
		k.caps[i] = max(64, int(kllSize*math.Pow(2.0/3, float64(len(k.caps)-1-i))))
	}
}

// compact moves every second value of a level one up, where it weighs double.
func (k *KLL) compact(i int) {
	if i+1 == len(k.levels) {
		k.grow()
	}
	l := k.levels[i]
	slices.Sort(l)
	from := int(mix(k.flip) & 1)
	k.flip++
	keep := len(l) % 2 // an odd one stays
	for j := keep + from; j < len(l); j += 2 {
		k.levels[i+1] = append(k.levels[i+1], l[j])
	}
	k.levels[i] = l[:keep]
}

func (k *KLL) rank() []weighted {
	if k.ranked != nil || k.n == 0 {
		return k.ranked
	}
	var all []weighted
	total := 0.0
	for i, l := range k.levels {
		w := math.Pow(2, float64(i))
		for _, v := range l {
			all = append(all, weighted{v, w})
			total += w
		}
	}
	slices.SortFunc(all, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	sum := 0.0
	for i := range all {
		sum += all[i].upTo
		all[i].upTo = sum / total
	}
	k.ranked = all
	return all
}

// Rank returns the share of the values that are ≤ v.
func (k *KLL) Rank(v float64) float64 {
	r := k.rank()
	i, _ := slices.BinarySearchFunc(r, v, func(w weighted, v float64) int {
		if w.value <= v {
			return -1
		}
		return 1
	})
	if i == 0 {
		return 0
	}
	return r[i-1].upTo
}

// Quantile returns a value of about rank q.
func (k *KLL) Quantile(q float64) float64 {
	r := k.rank()
	if len(r) == 0 {
		return math.NaN()
	}
	i, _ := slices.BinarySearchFunc(r, q, func(w weighted, q float64) int { return cmp.Compare(w.upTo, q) })
	return r[min(i, len(r)-1)].value
}
