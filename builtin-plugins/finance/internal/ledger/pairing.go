package ledger

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// pair is a column of the budget and the one of the actuals that says the same
// thing, as positions in the dims of the two.
type pair struct {
	dims    [2]int
	names   [2]string
	class   Class
	byName  int     // 3: same name, 2: same meaning, 0: by content only
	overlap float64 // share of the smaller set of values found in the other
	common  int
}

// pairUp finds out which columns of the two inputs belong together.
func pairUp(a, b *reader, ta, tb *Table) []pair {
	var all []pair
	sets := [2][]map[string]bool{valueSets(ta), valueSets(tb)}
	for i, ca := range a.shape.dims {
		for j, cb := range b.shape.dims {
			x, y := a.shape.cols[ca], b.shape.cols[cb]
			p := pair{dims: [2]int{i, j}, names: [2]string{x.Name, y.Name}, class: x.class}
			if dimRank(y.class) < dimRank(x.class) {
				p.class = y.class
			}
			switch {
			case without(x.Name, ClassBudget, ClassActual) == without(y.Name, ClassBudget, ClassActual):
				p.byName = 3
			case x.class == y.class && x.class != ClassNone:
				p.byName = 2
			case about(x.class, y.class):
				p.byName = 1
			}
			p.overlap, p.common = overlap(sets[0][i], sets[1][j])
			if p.byName >= 2 || p.overlap >= 0.5 || p.byName == 1 && p.overlap > 0 {
				all = append(all, p)
			}
		}
	}
	slices.SortStableFunc(all, func(x, y pair) int { return cmp.Compare(y.score(), x.score()) })
	var used [2]map[int]bool
	used[0], used[1] = map[int]bool{}, map[int]bool{}
	var out []pair
	for _, p := range all {
		if !used[0][p.dims[0]] && !used[1][p.dims[1]] {
			used[0][p.dims[0]], used[1][p.dims[1]] = true, true
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(x, y pair) int {
		return cmp.Or(cmp.Compare(dimRank(x.class), dimRank(y.class)), cmp.Compare(x.dims[0], y.dims[0]))
	})
	return out
}

func (p pair) score() float64 { return float64(p.byName) + 4*p.overlap }

// String says which columns were taken together and why.
func (p pair) String() string {
	why := fmt.Sprintf("%d%% of the values are the same", int(p.overlap*100))
	if p.byName >= 2 {
		why = "by name, " + why
	}
	if p.names[0] == p.names[1] {
		return fmt.Sprintf("%s (%s)", p.names[0], why)
	}
	return fmt.Sprintf("%s = %s (%s)", p.names[0], p.names[1], why)
}

func valueSets(t *Table) []map[string]bool {
	out := make([]map[string]bool, len(t.dicts))
	for i := range t.dicts {
		set := make(map[string]bool, len(t.dicts[i].normal))
		for _, v := range t.dicts[i].normal {
			if v != "" {
				set[v] = true
			}
		}
		out[i] = set
	}
	return out
}

func overlap(a, b map[string]bool) (share float64, common int) {
	if len(b) < len(a) {
		a, b = b, a
	}
	for v := range a {
		if b[v] {
			common++
		}
	}
	if len(a) == 0 {
		return 0, 0
	}
	return float64(common) / float64(len(a)), common
}

// keyOf names a line: the ids of its values in each paired column and the id
// of its period, 0 where the column does not count.
type keyOf [maxDims + 1]int32

// keyer makes keys that are the same for the same line of both inputs.
type keyer struct {
	pairs   []pair
	ids     []map[string]int32 // for each pair, normal value → id
	cache   [2][][]int32       // side, pair, dict id → id
	tables  [2]*Table
	grain   Grain
	years   bool
	periods map[Period]int32
	byID    []Period
}

func newKeyer(pairs []pair, a, b *Table) *keyer {
	k := &keyer{pairs: pairs, tables: [2]*Table{a, b}, periods: map[Period]int32{}}
	for range pairs {
		k.ids = append(k.ids, map[string]int32{})
		k.cache[0] = append(k.cache[0], nil)
		k.cache[1] = append(k.cache[1], nil)
	}
	return k
}

func (k *keyer) value(side Side, p int, dict *dict, id int32) int32 {
	cache := &k.cache[side][p]
	for int(id) >= len(*cache) {
		*cache = append(*cache, -1)
	}
	if v := (*cache)[id]; v >= 0 {
		return v
	}
	n := dict.normal[id]
	v, ok := k.ids[p][n]
	if !ok {
		v = int32(len(k.ids[p])) + 1
		k.ids[p][n] = v
	}
	(*cache)[id] = v
	return v
}

// period returns the period as it counts in keys.
func (k *keyer) period(p Period) int32 {
	p = p.coarsen(k.grain)
	if !k.years && p.Grain != Year {
		p.Year = 0
	}
	v, ok := k.periods[p]
	if !ok {
		k.byID = append(k.byID, p)
		v = int32(len(k.byID))
		k.periods[p] = v
	}
	return v
}

// key returns the key of a record over the pairs in use.
func (k *keyer) key(side Side, t *Table, r *Record, use uint) keyOf {
	var out keyOf
	for i, p := range k.pairs {
		if use&(1<<i) != 0 {
			d := p.dims[side]
			out[i] = k.value(side, i, &t.dicts[d], r.dims[d])
		}
	}
	if k.grain != NoGrain && r.period >= 0 && use&usePeriod != 0 {
		out[maxDims] = k.period(t.periods[r.period])
	}
	return out
}

// usePeriod marks in a set of pairs that the period counts.
const usePeriod = 1 << maxDims

// fit is how well the lines of the inputs meet under a key.
type fit struct {
	distinct [2]int
	common   int
}

func (f fit) share() float64 {
	n := min(f.distinct[0], f.distinct[1])
	if n == 0 {
		return 0
	}
	return float64(f.common) / float64(n)
}

func (k *keyer) fit(use uint) fit {
	if radix, ok := k.radix(use); ok {
		return countFit(k, use, func(key keyOf) uint64 {
			n := uint64(0)
			for i, id := range key {
				n = n*radix[i] + uint64(id)
			}
			return n
		})
	}
	return countFit(k, use, func(key keyOf) keyOf { return key })
}

// radix tells how to write a key as one number: how many ids each place has.
// It reports false when the number would not fit.
func (k *keyer) radix(use uint) (radix [maxDims + 1]uint64, ok bool) {
	all := uint64(1)
	for i := range radix {
		radix[i] = 1
		switch {
		case i == maxDims:
			radix[i] = uint64(len(k.tables[0].periods)+len(k.tables[1].periods)) + 2
		case i < len(k.pairs) && use&(1<<i) != 0:
			d := k.pairs[i].dims
			radix[i] = uint64(len(k.tables[0].dicts[d[0]].texts)+len(k.tables[1].dicts[d[1]].texts)) + 2
		}
		hi, lo := bits.Mul64(all, radix[i])
		if hi != 0 {
			return radix, false
		}
		all = lo
	}
	return radix, true
}

// countFit counts keys, each in the form that short gives it.
func countFit[K comparable](k *keyer, use uint, short func(keyOf) K) fit {
	const inA, inB = 1, 2
	seen := make(map[K]uint8, max(len(k.tables[0].Records), len(k.tables[1].Records)))
	for side, t := range k.tables {
		for i := range t.Records {
			seen[short(k.key(Side(side), t, &t.Records[i], use))] |= uint8(inA << side)
		}
	}
	var f fit
	for _, v := range seen {
		if v&inA != 0 {
			f.distinct[0]++
		}
		if v&inB != 0 {
			f.distinct[1]++
		}
		if v == inA|inB {
			f.common++
		}
	}
	return f
}

// choosePeriod decides whether and at what grain periods are part of the key.
func (k *keyer) choosePeriod() {
	var grains [2]Grain
	var years [2]map[int]bool
	for side, t := range k.tables {
		years[side] = map[int]bool{}
		for _, p := range t.periods {
			grains[side] = max(grains[side], p.Grain)
			years[side][p.Year] = true
		}
	}
	if grains[0] == NoGrain || grains[1] == NoGrain {
		return
	}
	k.grain = max(grains[0], grains[1])
	// The year counts unless one side does not say it.
	k.years = !years[0][0] && !years[1][0]
	common := 0
	inA := map[Period]bool{}
	for _, p := range k.tables[0].periods {
		inA[k.reduced(p)] = true
	}
	for _, p := range k.tables[1].periods {
		if inA[k.reduced(p)] {
			common++
		}
	}
	if common == 0 {
		k.grain = NoGrain
	}
}

func (k *keyer) reduced(p Period) Period {
	p = p.coarsen(k.grain)
	if !k.years && p.Grain != Year {
		p.Year = 0
	}
	return p
}

// choose drops pairs that keep the same lines apart: descriptions that are
// spelled differently, details one side does not have. The main pair stays.
func (k *keyer) choose(main int, forced uint) (use uint, best fit) {
	use = usePeriod
	for i := range k.pairs {
		if k.pairs[i].common > 0 || i == main || forced&(1<<i) != 0 {
			use |= 1 << i
		}
	}
	best = k.fit(use)
	for i, p := range k.pairs {
		// A type or category that follows from the rest is no part of the name.
		if (p.class == ClassType || p.class == ClassCategory) && use&(1<<i) != 0 && i != main && forced&(1<<i) == 0 {
			if f := k.fit(use &^ (1 << i)); f == best || f.distinct == best.distinct && f.common > best.common {
				use, best = use&^(1<<i), f
			}
		}
	}
	for best.share() < 1 {
		next, nextFit, found := use, best, false
		for i := range k.pairs {
			if use&(1<<i) == 0 || i == main || forced&(1<<i) != 0 {
				continue
			}
			f := k.fit(use &^ (1 << i))
			redundant := f.distinct == best.distinct && f.common > best.common
			helps := best.share() < 0.5 && f.share() > best.share()
			if (redundant || helps) && (!found || f.share() > nextFit.share()) {
				next, nextFit, found = use&^(1<<i), f, true
			}
		}
		if !found {
			return use, best
		}
		use, best = next, nextFit
	}
	return use, best
}

// mainPair is the column that names a line best.
func mainPair(pairs []pair) int {
	best := -1
	for i, p := range pairs {
		if best < 0 || mainRank(p) < mainRank(pairs[best]) ||
			mainRank(p) == mainRank(pairs[best]) && p.overlap > pairs[best].overlap {
			best = i
		}
	}
	return best
}

func mainRank(p pair) int {
	switch p.class {
	case ClassAccount, ClassCode, ClassItem:
		return 0
	case ClassNone:
		return 1
	case ClassProject:
		return 2
	default:
		return 3
	}
}

func pairNames(pairs []pair) string {
	var out []string
	for _, p := range pairs {
		out = append(out, p.String())
	}
	return strings.Join(out, "; ")
}
