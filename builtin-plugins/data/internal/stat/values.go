package stat

import (
	"cmp"
	"slices"
	"strings"
)

// Values counts how often each value of a column occurs: exactly while the
// budget lasts. Texts are kept for the first values and for those that prove
// to be frequent.
type Values struct {
	budget *int // entries left, shared between columns
	table  []entry
	n      int
	total  int64
	hll    *HLL
	texts  []text
}

type entry struct {
	hash  uint64
	count uint32
	text  uint32 // index in texts plus 1
}

type text struct {
	s    string
	line int
}

const (
	firstTexts = 20_000
	maxTexts   = 60_000
	frequent   = 8
	maxTextLen = 200
)

// NewValues returns a counter that takes its room from the shared budget.
func NewValues(budget *int) *Values {
	return &Values{budget: budget, table: make([]entry, 256)}
}

// Add counts a value. The text is copied if it is kept.
func (v *Values) Add(hash uint64, s string, line int) {
	v.total++
	if v.hll != nil {
		v.hll.Add(hash)
	} else if 2*(v.n+1) > len(v.table) {
		v.grow()
	}
	mask := uint64(len(v.table) - 1)
	for i := range uint64(maxProbes) {
		e := &v.table[(hash+i)&mask]
		if e.hash == hash {
			e.count++
			if e.text == 0 && e.count == frequent && len(v.texts) < maxTexts {
				v.keep(e, s, line)
			}
			return
		}
		if e.hash != 0 {
			continue
		}
		if v.hll != nil {
			return
		}
		*e = entry{hash: hash, count: 1}
		v.n++
		*v.budget--
		if len(v.texts) < firstTexts {
			v.keep(e, s, line)
		}
		if *v.budget < 0 {
			v.sketch()
		}
		return
	}
	if v.hll == nil {
		v.sketch()
		v.hll.Add(hash)
	}
}

func (v *Values) keep(e *entry, s string, line int) {
	if len(s) > maxTextLen {
		s = strings.ToValidUTF8(s[:maxTextLen], "") + "…"
	}
	v.texts = append(v.texts, text{strings.Clone(s), line})
	e.text = uint32(len(v.texts))
}

func (v *Values) grow() {
	old := v.table
	v.table = make([]entry, 2*len(old))
	mask := uint64(len(v.table) - 1)
	for _, e := range old {
		if e.hash == 0 {
			continue
		}
		for i := e.hash & mask; ; i = (i + 1) & mask {
			if v.table[i].hash == 0 {
				v.table[i] = e
				break
			}
		}
	}
}

// sketch stops taking new values into the table. Those in it are still
// counted; if they are mostly single ones they are dropped.
func (v *Values) sketch() {
	v.hll = NewHLL()
	for _, e := range v.table {
		if e.hash != 0 {
			v.hll.Add(e.hash)
		}
	}
	old := v.table
	kept := 0
	for _, e := range old {
		if e.text != 0 {
			kept++
		}
	}
	size := 256
	for size < 4*kept {
		size *= 2
	}
	if size < len(old) {
		*v.budget += v.n - kept
		v.table, v.n = make([]entry, size), kept
		mask := uint64(size - 1)
		for _, e := range old {
			if e.text == 0 {
				continue
			}
			i := e.hash & mask
			for v.table[i].hash != 0 {
				i = (i + 1) & mask
			}
			v.table[i] = e
		}
	}
}

// Distinct returns the number of different values.
func (v *Values) Distinct() int64 {
	if v.hll != nil {
		return v.hll.Count()
	}
	return int64(v.n)
}

// Exact reports whether the counts are exact.
func (v *Values) Exact() bool { return v.hll == nil }

// Value is a value, how often it occurs and where it does first (or, for one
// that proved to be frequent late, where it was noticed).
type Value struct {
	Text  string
	Count int64
	Line  int
}

// Top returns the n most frequent values whose text is known, in order of
// count and text. n < 0 returns all.
func (v *Values) Top(n int) []Value {
	var out []Value
	for _, e := range v.table {
		if e.hash != 0 && e.text != 0 {
			t := v.texts[e.text-1]
			out = append(out, Value{t.s, int64(e.count), t.line})
		}
	}
	slices.SortFunc(out, func(a, b Value) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Line, b.Line))
	})
	if n >= 0 && len(out) > n {
		out = out[:n]
	}
	return out
}
