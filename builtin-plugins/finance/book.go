package finance

import (
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/builtin-plugins/finance/internal/ledger"
	wb "github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

// report builds the workbook. Its methods add one sheet each; cells that other
// sheets refer to have fixed places, worked out first.
type report struct {
	*analysis
	book   *wb.Book
	st     styles
	detail detailColumns
	exprs  detailFormulas
	data   dataColumns
	// dataSheet is asked where a record stands.
	dataSheet *wb.Sheet
	groupRows int // groups shown on the summary
	groupTop  int // the row of the first of them
	totalRow  int // of the summary's totals
	summary   []wb.Row
	currency  string
}

const (
	detailName  = "Detail"
	detailTop   = 5 // row of the first line item
	summaryName = "Summary"
	driversName = "Drivers"
	bridgeName  = "Bridge"
	dataName    = "Data"
	notesName   = "Notes"
	maxGroups   = 40
)

// styles are the ids of the styles in use.
type styles struct {
	title, subtitle, section, header, text, wrap, note, center wb.StyleID
	input, calc, link, total, totalText                        wb.StyleID
	pct, linkPct, totalPct, inputPct                           wb.StyleID
	count, totalCount, qty, linkQty, price                     wb.StyleID
	warn, totalCenter                                          wb.StyleID
}

func newReport(a *analysis, title string) *report {
	r := &report{analysis: a, currency: a.Currency}
	r.book = wb.New(wb.Properties{Title: title, Subject: "Budget against actuals", Author: "cowork"})
	money := wb.Whole
	if a.digits > 0 {
		money = wb.Money
	}
	s := func(role wb.Role, format string) wb.StyleID {
		style := wb.Style{Role: role, Format: format}
		if format != "" {
			style.Align = wb.AlignRight // "n/a" stands where the numbers do
		}
		return r.book.Style(style)
	}
	r.st = styles{
		title: s(wb.Title, ""), subtitle: s(wb.Subtitle, ""), section: s(wb.Section, ""), header: s(wb.Header, ""),
		text: s(wb.Plain, ""), wrap: r.book.Style(wb.Style{Wrap: true}), note: s(wb.Note, ""),
		center: r.book.Style(wb.Style{Align: wb.AlignCenter}),
		input:  s(wb.Input, money), calc: s(wb.Calc, money), link: s(wb.Link, money), total: s(wb.Total, money), totalText: s(wb.Total, ""),
		pct: s(wb.Calc, wb.Percent), linkPct: s(wb.Link, wb.Percent), totalPct: s(wb.Total, wb.Percent), inputPct: s(wb.Input, wb.Percent),
		count: s(wb.Calc, `#,##0_)`), totalCount: s(wb.Total, `#,##0_)`),
		qty: s(wb.Input, wb.Quantity), linkQty: s(wb.Link, wb.Quantity), price: s(wb.Calc, `#,##0.00##_);(#,##0.00##);"-"??_)`),
		totalCenter: r.book.Style(wb.Style{Role: wb.Total, Align: wb.AlignCenter}),
		warn:        r.book.Style(wb.Style{Wrap: true, Fill: "FFF2CC"}),
	}
	r.detail = newDetailColumns(a)
	r.exprs = r.newDetailFormulas()
	r.data = newDataColumns(a)
	return r
}

// build declares all sheets in the order they are shown.
func (r *report) build() *wb.Book {
	data := r.dataSheetOf()
	r.dataSheet = data
	summary := r.summarySheet()
	detail := r.detailSheet()
	drivers := r.driversSheet()
	bridge := r.bridgeSheet(summary)
	r.book.Sheets = []*wb.Sheet{summary, detail, drivers, bridge, data, r.notesSheet()}
	return r.book
}

func num(d *apd.Decimal) wb.Cell { return wb.Number(text(d)) }

// pctCell is a variance in percent of the budget: a formula over the two cells
// and the value it has.
func pctCell(variance, budget string, v, b *apd.Decimal) wb.Cell {
	return wb.Formula(pctFormula(variance, budget), pctValue(v, b))
}

func pctFormula(variance, budget string) string {
	return `IF(` + budget + `=0,"n/a",` + variance + `/ABS(` + budget + `))`
}

func pctValue(v, b *apd.Decimal) wb.Cell {
	if q := ratio(v, b); q != nil {
		return wb.Number(plain(q))
	}
	return wb.Text("n/a")
}

// ratingFormula rates a cell with an impact on the result.
func ratingFormula(impact string) string {
	return `IF(ROUND(` + impact + `,6)>0,"` + favourable + `",IF(ROUND(` + impact + `,6)<0,"` + unfavourable + `","` + onBudget + `"))`
}

var (
	good = wb.Highlight{Color: "006100", Fill: "C6EFCE"}
	bad  = wb.Highlight{Color: "9C0006", Fill: "FFC7CE"}
	flag = wb.Highlight{Color: "7F6000", Fill: "FFEB9C", Bold: true}
)

// rate marks a range of ratings whose first cell is at.
func rateConditions(rng, at string) []wb.Condition {
	return []wb.Condition{
		{Range: rng, When: at + `="` + favourable + `"`, Mark: good},
		{Range: rng, When: at + `="` + unfavourable + `"`, Mark: bad},
	}
}

// row makes a row whose cells all have the style.
func (r *report) headerRow(texts ...string) wb.Row {
	row := wb.Row{Height: 30}
	for _, t := range texts {
		row.Add(wb.Text(t).In(r.st.header))
	}
	return row
}

// detailColumns are the places of the Detail sheet's columns.
type detailColumns struct {
	key, typ, group, good, budget, actual, variance, pct, impact, rating, over, status, from, last int
}

func newDetailColumns(a *analysis) detailColumns {
	d := detailColumns{key: 1}
	next := 1 + a.keyColumns
	take := func() int { next++; return next - 1 }
	d.typ = take()
	switch i := slices.Index(a.KeyNames, a.GroupName); {
	case i >= 0:
		d.group = d.key + i
	case a.GroupName == "Account type":
		d.group = d.typ
	default:
		d.group = take()
	}
	d.good, d.budget, d.actual, d.variance, d.pct, d.impact = take(), take(), take(), take(), take(), take()
	d.rating, d.over, d.status, d.from = take(), take(), take(), take()
	d.last = take()
	return d
}

// col is the letters of a column.
func col(i int) string { return wb.ColumnName(i) }

// detailCell is a reference to a line item's cell from another sheet.
func (r *report) detailCell(column, line int) string {
	return detailName + "!" + wb.Address(column, detailTop+line)
}

// detailRange is an absolute reference to a column of all line items.
func (r *report) detailRange(column int) string {
	return wb.AbsoluteRange(detailName, column, detailTop, detailTop+len(r.Lines)-1)
}

// tables returns the inputs by side.
func (r *report) tables() [2]*ledger.Table { return [2]*ledger.Table{r.Budget, r.Actual} }
