package finance

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	wb "github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

// The columns of the summary's tables.
const (
	sumLabel = iota
	sumBudget
	sumActual
	sumVariance
	sumPct
	sumImpact
	sumRating
	sumLines
	sumOver
)

const chartRows = 18 // that the chart covers

// summarySheet is the page a reader sees first.
func (r *report) summarySheet() *wb.Sheet {
	s := &wb.Sheet{
		Name: summaryName, TabColor: "1F3864",
		Columns: []wb.Column{{Width: 34}, {Width: 16}, {Width: 16}, {Width: 16}, {Width: 11}, {Width: 16}, {Width: 14}, {Width: 9}, {Width: 10}},
		Print:   wb.Print{Landscape: true},
	}
	r.summary = nil
	r.put(wb.Text("Variance analysis").In(r.st.title))
	subtitle := r.Budget.File + " against " + r.Actual.File
	if r.currency != "" {
		subtitle += ", amounts in " + r.currency
	}
	r.put(wb.Text(subtitle + ". Variance = actual − budget.").In(r.st.subtitle))
	for _, w := range r.warnings() {
		r.put(wb.Text("Attention: " + w).In(r.st.note))
	}
	r.put()
	s.Conditions = append(s.Conditions, r.totalsTable()...)
	r.put()
	r.thresholdTable()
	r.put()
	r.put(wb.Text("From budget to actual").In(r.st.section))
	r.sectionLine()
	anchor := wb.Address(0, len(r.summary)+1)
	for range chartRows {
		r.put()
	}
	s.Conditions = append(s.Conditions, r.groupTable()...)
	s.Head = r.summary
	s.Print.OnePage = r.groupRows <= 16
	s.Charts = []wb.Chart{{Anchor: anchor}} // filled in by the bridge
	return s
}

func (r *report) put(cells ...wb.Cell) { r.summary = append(r.summary, wb.Cells(cells...)) }

// sectionLine draws the line under a section's title over all columns.
func (r *report) sectionLine() {
	row := &r.summary[len(r.summary)-1]
	for len(row.Cells) <= sumOver {
		row.Add(wb.Blank().In(r.st.section))
	}
}

func (r *report) nextRow() string { return strconv.Itoa(len(r.summary) + 1) }

// warnings are those of the match and of both inputs.
func (r *report) warnings() []string { return warningsOf(r.analysis) }

// sumRow is one row of totals over the line items that meet a condition.
type sumRow struct {
	label               string
	s                   *sums
	budget, actual, imp string // formulas
	lines, over         string
	total               bool
}

func (r *report) putSums(x sumRow) {
	n := r.nextRow()
	st := r.st
	money, pct, text, count, center := st.link, st.pct, st.text, st.count, st.center
	if x.total {
		money, pct, text, count, center = st.total, st.totalPct, st.totalText, st.totalCount, st.totalCenter
	}
	v, b := "D"+n, "B"+n
	r.put(
		wb.Text(x.label).In(text),
		wb.Formula(x.budget, num(&x.s.budget)).In(money),
		wb.Formula(x.actual, num(&x.s.actual)).In(money),
		wb.Formula("C"+n+"-B"+n, num(&x.s.variance)).In(calcOr(x.total, st)),
		pctCell(v, b, &x.s.variance, &x.s.budget).In(pct),
		wb.Formula(x.imp, num(&x.s.impact)).In(money),
		wb.Formula(ratingFormula("F"+n), wb.Text(ratingOf(&x.s.impact))).In(center),
		wb.Formula(x.lines, wb.Int(x.s.lines)).In(count),
		wb.Formula(x.over, wb.Int(x.s.over)).In(count),
	)
}

func calcOr(total bool, st styles) wb.StyleID {
	if total {
		return st.total
	}
	return st.calc
}

func (r *report) sumHeader(first string) {
	r.summary = append(r.summary, r.headerRow(first, "Budget", "Actual", "Variance", "Variance %", "Impact on result", "Rating", "Line items", "Over threshold"))
}

// where is a condition on a column of Detail that sums can be taken over.
func (r *report) where(column int, value, cell string) func(sum int) string {
	rng := r.detailRange(column)
	if !safeCriterion(value) {
		return func(sum int) string {
			return "SUMPRODUCT((" + rng + "=" + cell + ")*" + r.detailRange(sum) + ")"
		}
	}
	return func(sum int) string { return "SUMIF(" + rng + "," + cell + "," + r.detailRange(sum) + ")" }
}

// countWhere counts the lines that meet the condition, and those of them that
// are over the threshold.
func (r *report) countWhere(column int, value, cell string) (lines, over string) {
	rng, flags := r.detailRange(column), r.detailRange(r.detail.over)
	if !safeCriterion(value) {
		return "SUMPRODUCT((" + rng + "=" + cell + ")*1)", "SUMPRODUCT((" + rng + "=" + cell + ")*(" + flags + "=\"Over\"))"
	}
	return "COUNTIF(" + rng + "," + cell + ")", "COUNTIFS(" + rng + "," + cell + "," + flags + `,"Over")`
}

// safeCriterion tells whether SUMIF takes the text as it is: no wildcard, no
// comparison, nothing that reads as a number, date or truth value.
func safeCriterion(s string) bool {
	if len(s) > 200 || s == "" || strings.ContainsAny(s, `*?~<>="`) {
		return false
	}
	isLetter := func(c rune) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }
	letter := false
	for i, c := range s {
		if i == 0 && !isLetter(c) || c >= '0' && c <= '9' {
			return false // "Jan 26" would be a date
		}
		letter = letter || isLetter(c)
	}
	return letter && !strings.EqualFold(s, "true") && !strings.EqualFold(s, "false")
}

func (r *report) totalsTable() []wb.Condition {
	d := r.detail
	r.put(wb.Text("Totals").In(r.st.section))
	r.sectionLine()
	r.sumHeader("")
	top := len(r.summary) + 1
	if len(r.types) > 1 {
		for i := range r.types {
			t := &r.types[i]
			sum := r.where(d.typ, t.name, "$A"+r.nextRow())
			lines, over := r.countWhere(d.typ, t.name, "$A"+r.nextRow())
			r.putSums(sumRow{label: t.name, s: t, budget: sum(d.budget), actual: sum(d.actual), imp: sum(d.impact), lines: lines, over: over})
		}
	}
	label := "Total of all line items"
	if len(r.types) > 1 {
		label = "Total of all line items (plain sum)"
	}
	r.totalRow = len(r.summary) + 1
	all := func(c int) string { return "SUM(" + r.detailRange(c) + ")" }
	r.putSums(sumRow{
		label: label, s: &r.total, total: true, budget: all(d.budget), actual: all(d.actual), imp: all(d.impact),
		lines: "COUNT(" + r.detailRange(0) + ")", over: "COUNTIF(" + r.detailRange(d.over) + `,"Over")`,
	})
	bottom := len(r.summary)
	if r.resultView {
		net := r.result()
		n := r.nextRow()
		r.put(
			wb.Text("Result (revenue − expenses)").In(r.st.totalText),
			wb.Formula(fmt.Sprintf("B%d-B%d", top, top+1), num(&net.budget)).In(r.st.total),
			wb.Formula(fmt.Sprintf("C%d-C%d", top, top+1), num(&net.actual)).In(r.st.total),
			wb.Formula("C"+n+"-B"+n, num(&net.variance)).In(r.st.total),
			pctCell("D"+n, "B"+n, &net.variance, &net.budget).In(r.st.totalPct),
			wb.Formula("D"+n, num(&net.variance)).In(r.st.total),
			wb.Formula(ratingFormula("F"+n), wb.Text(ratingOf(&net.variance))).In(r.st.totalCenter),
			wb.Blank().In(r.st.totalText), wb.Blank().In(r.st.totalText),
		)
		bottom++
	}
	at := func(c int) string { return wb.Absolute(summaryName, c, r.totalRow) }
	r.book.Names = append(r.book.Names,
		wb.Name{Name: "total_budget", Ref: at(sumBudget)}, wb.Name{Name: "total_actual", Ref: at(sumActual)},
		wb.Name{Name: "total_variance", Ref: at(sumVariance)}, wb.Name{Name: "total_variance_pct", Ref: at(sumPct)},
		wb.Name{Name: "line_items", Ref: at(sumLines)}, wb.Name{Name: "lines_over_threshold", Ref: at(sumOver)},
	)
	return rateConditions(fmt.Sprintf("G%d:G%d", top, bottom), fmt.Sprintf("G%d", top))
}

// result is revenue less expenses.
func (a *analysis) result() *sums {
	var net sums
	sub(&net.budget, &a.types[0].budget, &a.types[1].budget)
	sub(&net.actual, &a.types[0].actual, &a.types[1].actual)
	sub(&net.variance, &net.actual, &net.budget)
	return &net
}

func (r *report) thresholdTable() {
	r.put(wb.Text("Threshold and coverage").In(r.st.section))
	r.sectionLine()
	main := ""
	if p := r.limit.percent; p != nil {
		var share apd.Decimal
		share.Set(p)
		share.Exponent -= 2
		main = wb.Absolute(summaryName, 1, len(r.summary)+1)
		r.book.Names = append(r.book.Names, wb.Name{Name: "threshold_pct", Ref: main})
		r.put(wb.Text("Threshold, % of budget"), num(&share).In(r.st.inputPct), wb.Text("flagged when the variance is over it; change it and the workbook follows").In(r.st.note))
	}
	if a := r.limit.amount; a != nil {
		at := wb.Absolute(summaryName, 1, len(r.summary)+1)
		if main == "" {
			main = at
		}
		r.book.Names = append(r.book.Names, wb.Name{Name: "threshold_amount", Ref: at})
		note := "flagged when the variance is over it; change it and the workbook follows"
		if r.limit.percent != nil {
			note = "and over this amount"
		}
		r.put(wb.Text("Threshold, amount"), num(a).In(r.st.input), wb.Text(note).In(r.st.note))
	}
	r.book.Names = append(r.book.Names, wb.Name{Name: "threshold", Ref: main})
	rng := r.detailRange(r.detail.status)
	for _, x := range []struct {
		label, status string
		n             int
	}{
		{"Line items in both files", "Matched", r.Matched},
		{"Line items not in actuals", "Not in actuals", r.onlyBudget},
		{"Line items not in budget", "Not in budget", r.onlyActual},
	} {
		r.put(wb.Text(x.label), wb.Formula("COUNTIF("+rng+`,"`+x.status+`")`, wb.Int(x.n)).In(r.st.count))
	}
}

// groupTable sums by the chosen column, the largest variances first.
func (r *report) groupTable() []wb.Condition {
	d := r.detail
	r.put(wb.Text("By " + r.GroupName).In(r.st.section))
	r.sectionLine()
	r.sumHeader(r.GroupName)
	r.groupTop = len(r.summary) + 1
	r.groupRows = len(r.groups)
	if r.groupRows > maxGroups {
		r.groupRows = maxGroups - 1
	}
	for i := range r.groupRows {
		g := &r.groups[i]
		sum := r.where(d.group, g.name, "$A"+r.nextRow())
		lines, over := r.countWhere(d.group, g.name, "$A"+r.nextRow())
		r.putSums(sumRow{label: g.name, s: g, budget: sum(d.budget), actual: sum(d.actual), imp: sum(d.impact), lines: lines, over: over})
	}
	if rest := r.groups[r.groupRows:]; len(rest) > 0 {
		other := restOf(rest)
		diff := func(c string) string {
			return fmt.Sprintf("%s%d-SUM(%s%d:%s%d)", c, r.totalRow, c, r.groupTop, c, len(r.summary))
		}
		r.putSums(sumRow{
			label: fmt.Sprintf("All others (%d)", len(rest)), s: other,
			budget: diff("B"), actual: diff("C"), imp: diff("F"), lines: diff("H"), over: diff("I"),
		})
	}
	bottom := len(r.summary)
	sum := func(c string) string { return fmt.Sprintf("SUM(%s%d:%s%d)", c, r.groupTop, c, bottom) }
	r.putSums(sumRow{label: "Total", s: &r.total, total: true, budget: sum("B"), actual: sum("C"), imp: sum("F"), lines: sum("H"), over: sum("I")})
	return append(rateConditions(fmt.Sprintf("G%d:G%d", r.groupTop, bottom), fmt.Sprintf("G%d", r.groupTop)),
		wb.Condition{Range: fmt.Sprintf("I%d:I%d", r.groupTop, bottom), When: fmt.Sprintf("I%d>0", r.groupTop), Mark: flag},
	)
}

func restOf(rest []sums) *sums {
	var other sums
	for i := range rest {
		add(&other.budget, &other.budget, &rest[i].budget)
		add(&other.actual, &other.actual, &rest[i].actual)
		add(&other.variance, &other.variance, &rest[i].variance)
		add(&other.impact, &other.impact, &rest[i].impact)
		other.lines += rest[i].lines
		other.over += rest[i].over
	}
	return &other
}
