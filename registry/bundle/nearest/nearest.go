// Package nearest finds the names a person most likely meant.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// maxRunes bounds what is compared; longer words have no near names.
const maxRunes = 128

// Names returns up to n of the candidates that are near the word, the nearest
// first and equally near ones in alphabetical order. Near is: a few typing
// errors, a name the word starts or that starts the word, or a shared part
// between hyphens, colons and the like. Case and the kind of separator do not
// count. It returns nil when nothing is near.
func Names(word string, candidates []string, n int) []string {
	w := fold(word)
	if len(w) == 0 || len(w) > maxRunes || n <= 0 {
		return nil
	}
	type hit struct {
		name string
		cost int
	}
	var hits []hit
	seen := make(map[string]bool, len(candidates))
	m := newMatcher(w)
	for _, c := range candidates {
		if seen[c] {
			continue
		}
		seen[c] = true
		if cost, ok := m.cost(fold(c)); ok {
			hits = append(hits, hit{c, cost})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.name, b.name))
	})
	var out []string
	for _, h := range hits[:min(n, len(hits))] {
		if h.cost > hits[0].cost+9 {
			break // beside a much nearer name it would only distract
		}
		out = append(out, h.name)
	}
	return out
}

// One returns the nearest candidate, or "". It is for typing errors: a shared
// part alone is not enough.
func One(word string, candidates []string) string {
	w := fold(word)
	best, bestCost := "", allowed(len(w))+1
	m := newMatcher(w)
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		f := fold(c)
		if len(w) == 0 || len(w) > maxRunes || len(f) > maxRunes {
			continue
		}
		d := m.distance(w, f)
		if len(w) >= 4 && len(f) > len(w) && hasPrefix(f, w) {
			d = min(d, 1)
		}
		if d < bestCost {
			best, bestCost = c, d
		}
	}
	return best
}

// allowed is how many typing errors a word of that length may have.
func allowed(length int) int {
	switch {
	case length <= 2:
		return 0
	case length <= 5:
		return 1
	case length <= 8:
		return 2
	}
	return 3
}

// matcher compares one word with many candidates.
type matcher struct {
	word  []rune
	tail  []rune
	parts [][]rune
	rows  [3][]int
}

func newMatcher(word []rune) *matcher {
	return &matcher{word: word, tail: tail(word), parts: split(word)}
}

// cost is the distance in tenths of a typing error, lower is nearer.
func (m *matcher) cost(c []rune) (int, bool) {
	if len(c) == 0 || len(c) > maxRunes {
		return 0, false
	}
	best, ok := 0, false
	take := func(cost int) {
		if !ok || cost < best {
			best, ok = cost, true
		}
	}
	if d, near := m.within(m.word, c); near {
		take(d * 10)
	}
	// The part after the plugin's name, typed alone or under another plugin.
	if t := tail(c); len(t) != len(c) || len(m.tail) != len(m.word) {
		if d, near := m.within(m.tail, t); near {
			take(d*10 + 5)
		}
	}
	if len(m.word) >= 2 && hasPrefix(c, m.word) || len(c) >= 3 && hasPrefix(m.word, c) {
		take(25)
	}
	if shared := m.shared(c); shared > 0 {
		take(40 - 5*min(shared, 3))
	}
	return best, ok
}

// shared counts the parts of c that the word has too, up to typing errors.
func (m *matcher) shared(c []rune) int {
	n := 0
	for _, p := range split(c) {
		for _, q := range m.parts {
			if len(p) < 3 || len(q) < 3 {
				continue
			}
			if _, near := m.within(q, p); near || hasPrefix(p, q) {
				n++
				break
			}
		}
	}
	return n
}

// within returns the distance when it is no more than a word of a's length is
// allowed.
func (m *matcher) within(a, b []rune) (int, bool) {
	limit := allowed(len(a))
	if max(len(a), len(b))-min(len(a), len(b)) > limit {
		return 0, false
	}
	d := m.distance(a, b)
	return d, d <= limit
}

func tail(r []rune) []rune {
	for i := len(r) - 1; i >= 0; i-- {
		if r[i] == ':' {
			return r[i+1:]
		}
	}
	return r
}

func hasPrefix(r, prefix []rune) bool {
	return len(r) >= len(prefix) && slices.Equal(r[:len(prefix)], prefix)
}

func split(r []rune) [][]rune {
	var out [][]rune
	start := 0
	for i := 0; i <= len(r); i++ {
		if i == len(r) || r[i] == '-' || r[i] == ':' || r[i] == '.' || r[i] == '/' {
			if i > start {
				out = append(out, r[start:i])
			}
			start = i + 1
		}
	}
	return out
}

// fold lower-cases and makes every separator a hyphen.
func fold(s string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if r == '_' || r == ' ' {
			return '-'
		}
		return r
	}, strings.ToLower(s)))
}

// distance counts insertions, deletions, replacements and swaps of neighbours.
func (m *matcher) distance(a, b []rune) int {
	for i := range m.rows {
		if len(m.rows[i]) <= len(b) {
			m.rows[i] = make([]int, 2*len(b)+1)
		}
	}
	older, prev, cur := m.rows[0][:len(b)+1], m.rows[1][:len(b)+1], m.rows[2][:len(b)+1]
	for j := range prev {
		prev[j] = j
	}
	for i, ra := range a {
		cur[0] = i + 1
		for j, rb := range b {
			replace := prev[j]
			if ra != rb {
				replace++
			}
			cur[j+1] = min(replace, prev[j+1]+1, cur[j]+1)
			if i > 0 && j > 0 && ra == b[j-1] && a[i-1] == rb {
				cur[j+1] = min(cur[j+1], older[j-1]+1)
			}
		}
		older, prev, cur = prev, cur, older
	}
	return prev[len(b)]
}
