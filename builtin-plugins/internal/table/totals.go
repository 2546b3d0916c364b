package table

import (
	"strings"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
)

// totalName is how much a label sounds like a total.
type totalName uint8

const (
	notTotal    totalName = iota
	totalPhrase           // "Total Rewards", "Travel total": needs proof
	totalWord             // "Total", "Summe"
	subWord               // "Subtotal"
	grandWord             // "Grand total"
)

var totalWords = map[string]totalName{
	"total": totalWord, "totals": totalWord, "sum": totalWord, "sums": totalWord, "summe": totalWord,
	"gesamt": totalWord, "somme": totalWord, "totale": totalWord, "totaal": totalWord, "suma": totalWord,
	"summa": totalWord, "totalt": totalWord, "razem": totalWord, "celkem": totalWord, "toplam": totalWord,
	"yhteensä": totalWord, "итого": totalWord, "всего": totalWord, "合计": totalWord, "合計": totalWord,
	"totales": totalWord, "totaux": totalWord, "ogółem": totalWord, "i alt": totalWord,
	"subtotal": subWord, "subtotals": subWord, "sub-total": subWord, "sub total": subWord,
	"zwischensumme": subWord, "sous-total": subWord, "sous total": subWord, "subtotale": subWord,
	"sub-totale": subWord, "subtotaal": subWord, "小计": subWord, "小計": subWord, "teilsumme": subWord,
	"grand total": grandWord, "grand totals": grandWord, "gesamtsumme": grandWord, "endsumme": grandWord,
	"insgesamt": grandWord, "total général": grandWord, "total general": grandWord, "total geral": grandWord,
	"totale generale": grandWord, "eindtotaal": grandWord, "总计": grandWord, "総計": grandWord,
	"overall total": grandWord, "total overall": grandWord, "gesamtbetrag": grandWord, "suma total": grandWord,
}

// nameOfTotal judges a label. rest is what a phrase is the total of.
func nameOfTotal(label string) (name totalName, rest string) {
	if len(label) < 3 || len(label) > 80 || !maybeTotal(label) {
		return notTotal, ""
	}
	s := normal(strings.Trim(label, " :=*.-–—()\u00a0"))
	if n, ok := totalWords[s]; ok {
		return n, ""
	}
	if i := strings.IndexAny(s, " :"); i > 0 {
		if _, ok := totalWords[s[:i]]; ok {
			return totalPhrase, strings.Trim(strings.TrimPrefix(strings.TrimLeft(s[i:], " :"), "of "), " :-")
		}
	}
	if i := strings.LastIndexAny(s, " -:"); i > 0 {
		if _, ok := totalWords[s[i+1:]]; ok {
			return totalPhrase, strings.Trim(s[:i], " :-")
		}
	}
	return notTotal, ""
}

// maybeTotal is a cheap test that lets almost no other label through.
func maybeTotal(s string) bool {
	for i := 0; i+2 < len(s); i++ {
		switch s[i] | 0x20 {
		case 't':
			if s[i+1]|0x20 == 'o' && (s[i+2]|0x20 == 't' || s[i+2]|0x20 == 'p') {
				return true
			}
		case 's':
			if s[i+1]|0x20 == 'u' && s[i+2]|0x20 == 'm' || s[i+1]|0x20 == 'o' && s[i+2]|0x20 == 'm' {
				return true
			}
		case 'g':
			if s[i+1]|0x20 == 'e' && s[i+2]|0x20 == 's' || s[i+1]|0x20 == 'r' && s[i+2]|0x20 == 'a' {
				return true
			}
		case 'r', 'c', 'i', 'y', 'o':
			if i == 0 && len(s) <= 12 {
				return true
			}
		}
	}
	return s[0] >= utf8.RuneSelf
}

// runningSums are the sums a total could be the total of, for one iteration.
type runningSums struct {
	cols                         []int // numeric columns
	segment, all, subs           []Sum
	segmentRows, allRows, nested int
	section                      string
	texts                        []string // of the last data row
}

func newRunningSums(columns []Column) runningSums {
	var r runningSums
	for i := range columns {
		if columns[i].Kind.Numeric() {
			r.cols = append(r.cols, i)
		}
	}
	n := len(r.cols)
	r.segment, r.all, r.subs = make([]Sum, n), make([]Sum, n), make([]Sum, n)
	return r
}

func (r *runningSums) add(row *Row) {
	r.segmentRows++
	r.allRows++
	for i, c := range r.cols {
		if n, ok := row.Cells[c].Number(); ok {
			r.segment[i].Add(n)
			r.all[i].Add(n)
		}
	}
	r.texts = r.texts[:0]
	for i := range row.Cells {
		if c := &row.Cells[i]; c.Type == Text && len(r.texts) < 4 {
			r.texts = append(r.texts, c.Text)
		}
	}
}

// take remembers a subtotal and starts a new segment.
func (r *runningSums) take(row *Row) {
	for i, c := range r.cols {
		if n, ok := row.Cells[c].Number(); ok && row.Kind == RowSubtotal {
			r.subs[i].Add(n)
		}
		r.segment[i].Reset()
		if row.Kind == RowTotal {
			r.subs[i].Reset()
		}
	}
	r.segmentRows = 0
	r.nested++
	if row.Kind == RowTotal {
		r.nested = 0
	}
}

// about reports whether rest names the section or a text of the last row.
func (r *runningSums) about(rest string) bool {
	if rest == "" {
		return false
	}
	for _, t := range append(r.texts, r.section) {
		if normal(t) == rest {
			return true
		}
	}
	return false
}

// fit is how well a row's numbers agree with some sums.
type fit struct{ same, differ int }

func (f fit) ok() bool { return f.same > 0 && f.same >= f.differ }

func (r *runningSums) fit(row *Row, columns []Column, sums []Sum) fit {
	var f fit
	for i, c := range r.cols {
		n, ok := row.Cells[c].Number()
		if !ok || columns[c].Percent || row.Cells[c].Percent() {
			continue
		}
		sum := sums[i].Decimal()
		switch {
		case n.Sign() == 0 && sum.Sign() == 0:
		case near(n, sum):
			f.same++
		default:
			f.differ++
		}
	}
	return f
}

// near reports whether a total, rounded as it may be, is the sum.
func near(n Num, sum *apd.Decimal) bool {
	var diff, bound apd.Decimal
	if _, err := sumContext.Sub(&diff, n.Decimal(), sum); err != nil {
		return false
	}
	diff.Abs(&diff)
	bound.Abs(sum)
	bound.Exponent -= 10 // one part in ten thousand million: binary fractions
	if diff.Cmp(&bound) <= 0 {
		return true
	}
	if n.IsInteger() && n.Scale() == 0 && sum.Exponent < 0 {
		return diff.Cmp(apd.New(5, -1)) <= 0 // shown without cents
	}
	return diff.IsZero()
}

// classify marks the row if it is a total.
func (r *runningSums) classify(row *Row, s *Sheet) {
	if len(r.cols) == 0 {
		return
	}
	name, rest, first := r.label(row)
	if name == notTotal {
		r.unlabelled(row, s)
		return
	}
	formula := columnSums(row)
	segment, all, subs := r.fit(row, s.Columns, r.segment), r.fit(row, s.Columns, r.all), r.fit(row, s.Columns, r.subs)
	proof := segment.ok() && r.segmentRows > 0 || all.ok() && r.allRows > 0 || subs.ok() && r.nested > 0
	if name == totalPhrase {
		about := r.about(rest)
		alone := r.segmentRows < 2 && (!all.ok() || r.allRows < 2) && (!subs.ok() || r.nested < 2)
		if !formula && !about && (!proof || alone) {
			s.live.add(NoteTotalName, "", row.Line, "%d line{|s} {is|are} named like a total but {does|do} not add up the lines above; kept as data")
			return
		}
	} else if !proof && !formula && !first {
		return
	}
	row.Kind, row.Confirmed = RowTotal, proof || formula
	if name == subWord || name == totalPhrase && (!all.ok() || r.nested == 0) ||
		name == totalWord && !all.ok() && segment.ok() {
		row.Kind = RowSubtotal
	}
	s.live.add(NoteTotal, "", row.Line, "%d subtotal or total line{|s} {was|were} told apart from the data")
	if f := segment; !row.Confirmed && r.allRows > 0 && f.differ > 0 {
		s.live.add(NoteTotalMismatch, "", row.Line, "%d total{|s} {differs|differ} from the sum of the lines above")
	}
}

// label finds the first of the row's texts that sounds like a total. first
// says that no other value stands before it.
func (r *runningSums) label(row *Row) (name totalName, rest string, first bool) {
	texts := 0
	for i := range row.Cells {
		c := &row.Cells[i]
		if c.Type != Text {
			continue
		}
		if name, rest = nameOfTotal(c.Text); name != notTotal {
			row.Label = trimBlanks(c.Text)
			return name, rest, texts == 0
		}
		if texts++; texts == 3 {
			break
		}
	}
	return notTotal, "", false
}

// unlabelled recognises a total without a name: every other column is empty
// and the numbers add up the lines above.
func (r *runningSums) unlabelled(row *Row, s *Sheet) {
	numbers, others := 0, 0
	for i := range row.Cells {
		if s.Columns[i].Kind.Numeric() {
			if row.Cells[i].Type == Number {
				numbers++
			}
			continue
		}
		if row.Cells[i].Type != Null {
			return
		}
		others++
	}
	if others == 0 || numbers == 0 || len(r.texts) == 0 {
		return
	}
	formula := columnSums(row)
	if r.segmentRows < 2 && !formula {
		return
	}
	segment, all := r.fit(row, s.Columns, r.segment), r.fit(row, s.Columns, r.all)
	exact := func(f fit) bool { return f.same > 0 && f.differ == 0 && (f.same > 1 || r.segmentRows > 2 || formula) }
	switch {
	case exact(all):
		row.Kind = RowTotal
	case exact(segment) || formula:
		row.Kind = RowSubtotal
	default:
		return
	}
	row.Confirmed = true
	s.live.add(NoteTotal, "", row.Line, "%d subtotal or total line{|s} {was|were} told apart from the data")
}

// columnSums reports whether the row's numbers are formulas over the cells
// above them.
func columnSums(row *Row) bool {
	sums := 0
	for i := range row.Cells {
		c := &row.Cells[i]
		if c.flags&flagColumnSum != 0 {
			sums++
		} else if c.Type == Number && c.flags&flagFormula == 0 {
			return false
		}
	}
	return sums > 0
}
