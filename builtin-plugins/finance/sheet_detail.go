package finance

import (
	"strconv"

	"github.com/cowork-host/cowork/builtin-plugins/finance/internal/ledger"
	wb "github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

// detailSheet has one row for each line item.
func (r *report) detailSheet() *wb.Sheet {
	d := r.detail
	s := &wb.Sheet{
		Name: detailName, Len: len(r.Lines), Row: r.detailRow,
		FreezeRows: detailTop - 1, FreezeColumns: 1 + r.keyColumns, Filter: true, TabColor: "2E75B6",
		Print: wb.Print{Landscape: true, RepeatRows: detailTop - 1},
	}
	header := r.headerRow("Line item")
	s.Columns = []wb.Column{{Width: 8}}
	add := func(title string, width float64) {
		header.Add(wb.Text(title).In(r.st.header))
		s.Columns = append(s.Columns, wb.Column{Width: width})
	}
	for k, name := range r.KeyNames {
		add(name, r.keyWidth(k))
	}
	add("Account type", 13)
	if d.group > d.typ {
		add(r.GroupName, 18)
	}
	add("Good when", 10)
	for _, t := range []string{"Budget", "Actual", "Variance"} {
		add(t, 15)
	}
	add("Variance %", 11)
	add("Impact on result", 15)
	add("Rating", 14)
	add("Over threshold", 10)
	add("Status", 15)
	add("Budget source", 26)
	add("Actual source", 26)
	s.Head = []wb.Row{
		wb.Cells(wb.Text("Detail").In(r.st.title)),
		wb.Cells(wb.Text("Variance = actual − budget. Impact on result: positive helps, negative hurts. Flagged: " + r.limit.String() + ".").In(r.st.subtitle)),
		{},
		header,
	}
	first, last := strconv.Itoa(detailTop), strconv.Itoa(detailTop+len(r.Lines)-1)
	rng := func(c int) string { return col(c) + first + ":" + col(c) + last }
	s.Conditions = append(rateConditions(rng(d.rating), "$"+col(d.rating)+first),
		wb.Condition{Range: rng(d.over), When: "$" + col(d.over) + first + `="Over"`, Mark: flag},
		wb.Condition{Range: rng(d.status), When: "LEFT($" + col(d.status) + first + `,3)="Not"`, Mark: wb.Highlight{Color: "7F6000"}},
	)
	s.Tail = []wb.Row{r.detailTotal()}
	return s
}

func (r *report) keyWidth(k int) float64 {
	longest := len(r.KeyNames[k])
	for i := range min(len(r.Lines), 500) {
		longest = max(longest, len(r.Lines[i].Key[k]))
	}
	return float64(min(max(longest+3, 12), 40))
}

func (r *report) detailRow(i int, row *wb.Row) {
	d, l, res := r.detail, &r.Lines[i], &r.results[i]
	row.Add(wb.Int(i + 1).In(r.st.center))
	for _, k := range l.Key {
		row.Add(wb.Text(k))
	}
	row.Add(wb.Text(l.Type.String()))
	if d.group > d.typ {
		row.Add(wb.Text(l.Group))
	}
	row.Add(wb.Text(goodWhen(l)).In(r.st.center))
	row.Add(
		r.dataSum(r.data.amount, i, ledger.Budget, num(&l.Budget)).In(r.st.link),
		r.dataSum(r.data.amount, i, ledger.Actual, num(&l.Actual)).In(r.st.link),
		wb.Formula(r.exprs.variance, num(&res.variance)).In(r.st.calc),
		wb.Formula(r.exprs.pct, pctValue(&res.variance, &l.Budget)).In(r.st.pct),
		wb.Formula(r.exprs.impact, num(&res.impact)).In(r.st.calc),
		wb.Formula(r.exprs.rating, wb.Text(rating(l, res))).In(r.st.center),
		wb.Formula(r.exprs.over, wb.Text(overText(res.over))).In(r.st.center),
		wb.Text(status(l)),
		optionalText(r.sources(l, ledger.Budget)),
		optionalText(r.sources(l, ledger.Actual)),
	)
}

// detailFormulas are the formulas of a line item's row.
type detailFormulas struct {
	variance, pct, impact, rating, over string
}

func (r *report) newDetailFormulas() detailFormulas {
	d := r.detail
	v, b, good := col(d.variance)+"{r}", col(d.budget)+"{r}", col(d.good)+"{r}"
	return detailFormulas{
		variance: col(d.actual) + "{r}-" + b,
		pct:      pctFormula(v, b),
		impact:   `IF(` + good + `="higher",` + v + `,IF(` + good + `="lower",-` + v + `,0))`,
		rating:   `IF(` + good + `="n/a","Not rated",` + ratingFormula(col(d.impact)+"{r}") + `)`,
		over:     `IF(` + r.limit.formula(v, b) + `,"Over","")`,
	}
}

func overText(over bool) string {
	if over {
		return "Over"
	}
	return ""
}

func goodWhen(l *ledger.Line) string {
	switch {
	case l.Type == ledger.Balance:
		return "n/a"
	case l.GoodHigher:
		return "higher"
	}
	return "lower"
}

func status(l *ledger.Line) string {
	switch {
	case l.Count[0] == 0:
		return "Not in budget"
	case l.Count[1] == 0:
		return "Not in actuals"
	}
	return "Matched"
}

// sources names the rows a line item's amount comes from.
func (r *report) sources(l *ledger.Line, side ledger.Side) string {
	if l.Count[side] == 0 {
		return ""
	}
	t := r.tables()[side]
	s := t.Source(&t.Records[l.First[side]])
	if n := l.Count[side]; n > 1 {
		s += " +" + strconv.Itoa(n-1) + " more"
	}
	return s
}

func (r *report) detailTotal() wb.Row {
	d := r.detail
	first, last := strconv.Itoa(detailTop), strconv.Itoa(detailTop+len(r.Lines)-1)
	row := wb.Row{}
	row.Add(wb.Text("Total").In(r.st.totalText))
	for i := 1; i < d.budget; i++ {
		row.Add(wb.Blank().In(r.st.totalText))
	}
	sum := func(c int, v wb.Cell) wb.Cell {
		return wb.Formula("SUM("+col(c)+first+":"+col(c)+last+")", v).In(r.st.total)
	}
	row.Add(
		sum(d.budget, num(&r.total.budget)),
		sum(d.actual, num(&r.total.actual)),
		wb.Formula(col(d.actual)+"{r}-"+col(d.budget)+"{r}", num(&r.total.variance)).In(r.st.total),
		pctCell(col(d.variance)+"{r}", col(d.budget)+"{r}", &r.total.variance, &r.total.budget).In(r.st.totalPct),
		sum(d.impact, num(&r.total.impact)),
		wb.Formula(ratingFormula(col(d.impact)+"{r}"), wb.Text(ratingOf(&r.total.impact))).In(r.st.totalCenter),
		wb.Formula(`COUNTIF(`+col(d.over)+first+":"+col(d.over)+last+`,"Over")`, wb.Int(r.total.over)).In(r.st.totalCenter),
	)
	for range d.last - d.over {
		row.Add(wb.Blank().In(r.st.totalText))
	}
	return row
}
