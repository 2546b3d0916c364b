package ledger

import (
	"slices"
	"strings"
	"unicode"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

// keepZeros makes leading zeros count if one file has the same code with and
// without them: then they are different codes.
func (m *matcher) keepZeros() {
	for _, t := range m.tables() {
		for d := range t.dicts {
			if with, without := t.dicts[d].zeroTwins(); with != "" {
				m.Notes = append(m.Notes, "codes are compared with their leading zeros, because "+t.File+" has both "+quoted(with)+" and "+quoted(without))
				for _, both := range m.tables() {
					for d := range both.dicts {
						both.dicts[d].countZeros()
					}
				}
				return
			}
		}
	}
}

func hasZeros(s string) bool {
	s = strings.TrimSpace(s)
	return len(s) > 1 && s[0] == '0' && digits(s)
}

// zeroTwins finds two texts that differ in leading zeros only.
func (d *dict) zeroTwins() (with, without string) {
	padded := map[string]string{}
	for i, s := range d.texts {
		if hasZeros(s) {
			if other, ok := padded[d.normal[i]]; ok && normal(other) != normal(s) {
				return s, other
			}
			padded[d.normal[i]] = s
		}
	}
	if len(padded) == 0 {
		return "", ""
	}
	for i, s := range d.texts {
		if other, ok := padded[d.normal[i]]; ok && !hasZeros(s) {
			return other, s
		}
	}
	return "", ""
}

func (d *dict) countZeros() {
	for i, s := range d.texts {
		if hasZeros(s) {
			d.normal[i] = normal(s)
		}
	}
}

// splitCodes divides columns such as "4000 - Sales" into code and name where
// the other file has them apart: where the columns as they are name no common
// line. It returns the pairs to go on with.
func (m *matcher) splitCodes(pairs []pair) []pair {
	if m.more[0] || m.more[1] || slices.ContainsFunc(pairs, func(p pair) bool { return mainRank(p) <= 1 && p.common > 0 }) {
		return pairs
	}
	divided := false
	for side, t := range m.tables() {
		for d, col := range slices.Clone(m.r[side].shape.dims) {
			if len(t.dicts) > maxDims-2 || !t.dicts[d].coded() {
				continue
			}
			m.divide(t, m.r[side].shape, d, col)
			divided = true
		}
	}
	if !divided {
		return pairs
	}
	return pairUp(m.r[0], m.r[1], m.Budget, m.Actual)
}

// divide adds two dims made of dim d.
func (m *matcher) divide(t *Table, sh *shape, d, col int) {
	at := len(t.dicts)
	name := sh.cols[col].Name
	for _, part := range []struct {
		name  string
		class Class
	}{{"code", ClassCode}, {"name", ClassAccount}} {
		c := column{Column: table.Column{Name: name + " (" + part.name + ")", Kind: table.KindText}, class: part.class}
		sh.cols = append(sh.cols, c)
		sh.dims = append(sh.dims, len(sh.cols)-1)
		t.dicts = append(t.dicts, dict{})
	}
	ids := make([][2]int32, len(t.dicts[d].texts))
	for i, s := range t.dicts[d].texts {
		code, rest, ok := splitCode(s)
		if !ok {
			rest = s
		}
		ids[i] = [2]int32{t.dicts[at].id(code), t.dicts[at+1].id(rest)}
	}
	for i := range t.Records {
		r := &t.Records[i]
		r.dims[at], r.dims[at+1] = ids[r.dims[d]][0], ids[r.dims[d]][1]
	}
	m.Notes = append(m.Notes, "column "+quoted(name)+" of "+t.File+" was divided into code and name")
}

// coded reports whether nearly all texts are a code followed by a name.
func (d *dict) coded() bool {
	coded, all := 0, 0
	for _, s := range d.texts {
		if strings.TrimSpace(s) == "" {
			continue
		}
		all++
		if _, _, ok := splitCode(s); ok {
			coded++
		}
	}
	return coded > 0 && coded*10 >= all*8
}

// splitCode reads "4000 - Sales", "4000: Sales", "40-100 Sales".
func splitCode(s string) (code, name string, ok bool) {
	s = strings.TrimFunc(s, unicode.IsSpace)
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || n > 0 && (s[n] == '-' || s[n] == '.') && n+1 < len(s) && s[n+1] >= '0' && s[n+1] <= '9') {
		n++
	}
	name = strings.TrimLeftFunc(s[n:], func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("-–—:·.|/_", r) })
	if n < 2 || len(name) == len(s[n:]) || name == "" || !strings.ContainsFunc(name, unicode.IsLetter) {
		return "", "", false
	}
	return s[:n], name, true
}
