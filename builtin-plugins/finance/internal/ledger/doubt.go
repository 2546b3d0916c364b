package ledger

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	"github.com/cowork-host/cowork/pluginsdk"
)

// doubtTotals warns of a line left out as a total that is a line item of the
// other file.
func (m *matcher) doubtTotals() {
	for side, t := range m.tables() {
		other := m.tables()[1-side]
		left := map[string]*Excluded{}
		for i := range t.Excluded {
			e := &t.Excluded[i]
			if (e.Kind == table.RowTotal || e.Kind == table.RowSubtotal) && e.Amount != "" && e.Label != "" {
				left[normalKey(e.Label)] = e
			}
		}
		for d := range other.dicts {
			for _, n := range other.dicts[d].normal {
				e := left[n]
				if e == nil {
					continue
				}
				m.Warnings = append(m.Warnings, fmt.Sprintf(
					"%s (line %d of %s, %s) was left out as a total, but it is a line item of %s: rename one of them if both are the same account",
					quoted(e.Label), e.Line, t.File, e.Amount, other.File))
				delete(left, n)
			}
		}
	}
}

// scale is what one unit of a column's amounts stands for; 1 when the column
// does not say.
func scale(c *column) float64 {
	for _, w := range strings.Fields(normal(c.Name) + " " + normal(c.Unit)) {
		switch w {
		case "thousands", "thousand", "000", "000s", "k", "k€", "k$", "k£", "€k", "$k", "£k", "keur", "kusd", "kgbp", "kchf", "teur", "tusd", "tchf", "t€",
			"tsd", "tausend", "milliers", "miles", "migliaia", "duizend":
			return 1e3
		case "millions", "million", "mio", "mn", "m€", "m$", "m£", "€m", "$m", "£m", "meur", "musd", "mgbp", "millionen", "millones", "milioni", "miljoen":
			return 1e6
		}
	}
	return 1
}

// scaleWord names a scale for messages.
func scaleWord(s float64) string {
	switch s {
	case 1e3:
		return "in thousands"
	case 1e6:
		return "in millions"
	}
	return "in single units"
}

// checkScale refuses to compare thousands with single units, and warns where
// the amounts alone look like that.
func (m *matcher) checkScale() error {
	var scales [2]float64
	for side, r := range m.r {
		scales[side] = 1
		if len(r.shape.amounts) > 0 {
			scales[side] = scale(&r.shape.cols[r.shape.amounts[0]])
		}
	}
	ratio, n := m.usualRatio()
	if n == 0 {
		return nil
	}
	declared := scales[0] / scales[1] // how much larger the actuals then are
	size := func(x float64) float64 { return math.Abs(math.Log10(x)) }
	switch {
	case declared != 1 && size(ratio/declared) < size(ratio):
		return pluginsdk.Invalid("bring both files to the same unit first",
			"the amounts of %s are %s but those of %s are %s", m.Budget.File, scaleWord(scales[0]), m.Actual.File, scaleWord(scales[1]))
	case declared != 1:
		m.Warnings = append(m.Warnings, fmt.Sprintf("the headers say that %s is %s and %s %s, but the amounts are of the same size: they are compared as they stand",
			m.Budget.File, scaleWord(scales[0]), m.Actual.File, scaleWord(scales[1])))
	case n >= 2 && size(ratio) > 2.5:
		m.Warnings = append(m.Warnings, fmt.Sprintf("the amounts of %s are about %.0f times as large as those of %s: are they in the same unit?",
			[]string{m.Actual.File, m.Budget.File}[flag(ratio < 1)], math.Pow(10, size(ratio)), []string{m.Budget.File, m.Actual.File}[flag(ratio < 1)]))
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// usualRatio is the median of actual ÷ budget over the first lines that have
// both.
func (m *matcher) usualRatio() (ratio float64, n int) {
	const most = 2000
	var all []float64
	for i := range m.Lines {
		l := &m.Lines[i]
		if l.Budget.IsZero() || l.Actual.IsZero() {
			continue
		}
		b, err1 := l.Budget.Float64()
		a, err2 := l.Actual.Float64()
		if q := math.Abs(a / b); err1 == nil && err2 == nil && q > 0 && !math.IsInf(q, 0) {
			all = append(all, q)
		}
		if len(all) == most {
			break
		}
	}
	if len(all) == 0 {
		return 1, 0
	}
	slices.Sort(all)
	return all[len(all)/2], len(all)
}

// span names the first and last of some periods.
func span(periods []Period) string {
	var names []string
	for _, p := range periods {
		names = append(names, p.String())
	}
	first, last := slices.Min(names), slices.Max(names)
	if first == last {
		return first
	}
	return first + " to " + last
}
