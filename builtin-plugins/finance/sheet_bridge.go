package finance

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"

	wb "github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

const maxSteps = 8

// step is one column of the waterfall between budget and actual.
type step struct {
	label   string
	formula string
	change  apd.Decimal
	impact  string // formula: above zero helps the result
	helps   int
	total   bool
}

// bridgeSheet has the table behind the summary's waterfall, with live
// formulas, and gives the chart its references.
func (r *report) bridgeSheet(summary *wb.Sheet) *wb.Sheet {
	steps := r.steps()
	s := &wb.Sheet{
		Name: bridgeName, TabColor: "7F7F7F", Print: wb.Print{Landscape: true},
		Columns: []wb.Column{{Width: 34}, {Width: 15}, {Width: 15}, {Width: 13}, {Width: 13}, {Width: 13}, {Width: 13}, {Width: 13}, {Width: 13}, {Width: 13}, {Width: 13}},
		Head: []wb.Row{
			wb.Cells(wb.Text("Bridge").In(r.st.title)),
			wb.Cells(wb.Text("The figures behind the waterfall on Summary: " + r.bridgeAbout() + ".").In(r.st.subtitle)),
			{},
			r.headerRow("Step", "Change", "Level after", "Impact", "Base (not drawn)", "Total", "Helps", "Helps, below zero", "Hurts", "Hurts, below zero", "Neutral"),
		},
	}
	const top = 5
	var level apd.Decimal
	for i, st := range steps {
		s.Head = append(s.Head, r.bridgeRow(st, &level, top+i))
	}
	last := top + len(steps) - 1
	rng := func(c int) string { return wb.AbsoluteRange(bridgeName, c, top, last) }
	series := func(c int, color string) wb.Series {
		return wb.Series{Name: wb.Absolute(bridgeName, c, top-1), Categories: rng(0), Values: rng(c), Color: color, Hidden: color == ""}
	}
	summary.Charts[0] = wb.Chart{
		Kind: wb.StackedColumns, Anchor: summary.Charts[0].Anchor, Width: 1045, Height: 340, Gap: 40,
		Title: r.bridgeTitle(), Alt: "Waterfall from budget to actual; the figures are on the sheet Bridge",
		ValueFormat: "#,##0", ValueTitle: r.currency,
		Series: []wb.Series{
			series(4, ""), series(5, "1F3864"), series(6, "70AD47"), series(7, "70AD47"), series(8, "C00000"), series(9, "C00000"), series(10, "A6A6A6"),
		},
	}
	return s
}

func (r *report) bridgeAbout() string {
	if r.resultView {
		return "the result (revenue − expenses), each step with its impact on it"
	}
	return "the total of all line items, each step with its variance"
}

func (r *report) bridgeTitle() string {
	what := "Total"
	if r.resultView {
		what = "Result"
	}
	return what + " from budget to actual (green helps the result, red hurts)"
}

// steps are budget, the largest movements, the rest, actual.
func (r *report) steps() []step {
	d := r.detail
	first, last := r.total.budget, r.total.actual
	refs := [2]string{fmt.Sprintf("%s!B%d", summaryName, r.totalRow), fmt.Sprintf("%s!C%d", summaryName, r.totalRow)}
	if r.resultView {
		net := r.result()
		first, last = net.budget, net.actual
		refs = [2]string{fmt.Sprintf("%s!B%d", summaryName, r.totalRow+1), fmt.Sprintf("%s!C%d", summaryName, r.totalRow+1)}
	}
	out := []step{{label: "Budget", formula: refs[0], change: first, total: true}}
	add := func(label, change, impact string, c, i *apd.Decimal) {
		s := step{label: label, formula: change, change: *c, impact: impact, helps: i.Sign()}
		if r.resultView {
			s.formula, s.change = impact, *i
		}
		out = append(out, s)
	}
	if len(r.groups) >= 3 || len(r.groups) == len(r.Lines) {
		for i := range min(r.groupRows, maxSteps) {
			g := &r.groups[i]
			row := r.groupTop + i
			add(g.name, fmt.Sprintf("%s!D%d", summaryName, row), fmt.Sprintf("%s!F%d", summaryName, row), &g.variance, &g.impact)
		}
	} else {
		for _, i := range r.ranked[:min(len(r.ranked), maxSteps)] {
			if r.results[i].variance.IsZero() {
				break
			}
			add(r.Lines[i].Name(), r.detailCell(d.variance, i), r.detailCell(d.impact, i), &r.results[i].variance, &r.results[i].impact)
		}
	}
	r.addRest(&out, refs, &first, &last)
	return append(out, step{label: "Actual", formula: refs[1], change: last, total: true})
}

// addRest adds what the steps leave open, if anything.
func (r *report) addRest(out *[]step, refs [2]string, first, last *apd.Decimal) {
	var rest apd.Decimal
	sub(&rest, last, first)
	for i := range *out {
		if !(*out)[i].total {
			sub(&rest, &rest, &(*out)[i].change)
		}
	}
	if rest.IsZero() {
		return
	}
	formula := fmt.Sprintf("%s-%s", refs[1], refs[0])
	if n := len(*out); n > 1 {
		formula += fmt.Sprintf("-SUM(B6:B%d)", 4+n)
	}
	impact, helps := "B{r}", rest.Sign()
	if !r.resultView && r.total.impact.Sign()*r.total.variance.Sign() < 0 {
		impact, helps = "-B{r}", -rest.Sign()
	}
	*out = append(*out, step{label: "All others", formula: formula, change: rest, impact: impact, helps: helps})
}

// bridgeRow draws a step between two levels: the part above zero and the part
// below it are columns of their own, on a base that is not drawn.
func (r *report) bridgeRow(st step, level *apd.Decimal, row int) wb.Row {
	zero := wb.Number("0")
	var before apd.Decimal
	before.Set(level)
	if st.total {
		level.Set(&st.change)
		return wb.Cells(
			wb.Text(st.label), wb.Formula(st.formula, num(&st.change)).In(r.st.link),
			wb.Formula("B{r}", num(level)).In(r.st.calc), wb.Blank(), zero.In(r.st.calc),
			wb.Formula("B{r}", num(level)).In(r.st.calc), zero.In(r.st.calc), zero.In(r.st.calc), zero.In(r.st.calc), zero.In(r.st.calc), zero.In(r.st.calc),
		)
	}
	add(level, level, &st.change)
	lo, hi := &before, level
	if hi.Cmp(lo) < 0 {
		lo, hi = hi, lo
	}
	zeroD := new(apd.Decimal)
	var base, up, down apd.Decimal
	switch {
	case lo.Sign() >= 0:
		base.Set(lo)
		sub(&up, hi, lo)
	case hi.Sign() <= 0:
		base.Set(hi)
		sub(&down, lo, hi)
	default:
		up.Set(hi)
		down.Set(lo)
	}
	start := fmt.Sprintf("C%d", row-1)
	lowest, highest := "MIN("+start+",C{r})", "MAX("+start+",C{r})"
	above := "MAX(" + highest + ",0)-MAX(" + lowest + ",0)"
	below := "MIN(" + lowest + ",0)-MIN(" + highest + ",0)"
	impact := new(apd.Decimal).SetInt64(int64(st.helps))
	pick := func(want bool, v *apd.Decimal) *apd.Decimal {
		if want {
			return v
		}
		return zeroD
	}
	return wb.Cells(
		wb.Text(st.label), wb.Formula(st.formula, num(&st.change)).In(r.st.link),
		wb.Formula(start+"+B{r}", num(level)).In(r.st.calc),
		wb.Formula("SIGN(ROUND("+st.impact+",6))", num(impact)).In(r.st.count),
		wb.Formula("MAX("+lowest+",0)+MIN("+highest+",0)", num(&base)).In(r.st.calc),
		zero.In(r.st.calc),
		wb.Formula("IF(D{r}>0,"+above+",0)", num(pick(st.helps > 0, &up))).In(r.st.calc),
		wb.Formula("IF(D{r}>0,"+below+",0)", num(pick(st.helps > 0, &down))).In(r.st.calc),
		wb.Formula("IF(D{r}<0,"+above+",0)", num(pick(st.helps < 0, &up))).In(r.st.calc),
		wb.Formula("IF(D{r}<0,"+below+",0)", num(pick(st.helps < 0, &down))).In(r.st.calc),
		wb.Formula("IF(D{r}=0,"+above+"+"+below+",0)", num(pick(st.helps == 0, sumOf(&up, &down)))).In(r.st.calc),
	)
}

func sumOf(x, y *apd.Decimal) *apd.Decimal {
	var d apd.Decimal
	add(&d, x, y)
	return &d
}
