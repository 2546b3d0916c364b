package finance

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/builtin-plugins/finance/internal/ledger"
	wb "github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

const (
	topMovers = 25
	maxSplits = 100
)

// driversSheet ranks the line items that moved most and splits what has units
// into volume and price.
func (r *report) driversSheet() *wb.Sheet {
	s := &wb.Sheet{
		Name: driversName, TabColor: "70AD47", Print: wb.Print{Landscape: true},
		Columns: []wb.Column{{Width: 7}, {Width: 42}, {Width: 15}, {Width: 15}, {Width: 15}, {Width: 12}, {Width: 16}, {Width: 15}, {Width: 15}, {Width: 10}},
		Head: []wb.Row{
			wb.Cells(wb.Text("Drivers").In(r.st.title)),
			wb.Cells(wb.Text("The line items with the largest variances, ranked when the workbook was made. All figures are links to Detail and Data.").In(r.st.subtitle)),
			{},
			r.headerRow("Rank", "Line item", "Budget", "Actual", "Variance", "Variance %", "Impact on result", "Rating", "Share of all movement", "Status"),
		},
	}
	var gross apd.Decimal
	for i := range r.results {
		var abs apd.Decimal
		abs.Abs(&r.results[i].variance)
		add(&gross, &gross, &abs)
	}
	all := r.detailRange(r.detail.variance)
	s.Head[2] = wb.Cells(wb.Blank(), wb.Blank(), wb.Blank(), wb.Blank(), wb.Blank(), wb.Blank(), wb.Blank(),
		wb.Text("All movement").In(r.st.note), wb.Formula("SUMPRODUCT(ABS("+all+"))", num(&gross)).In(r.st.link))
	top := len(s.Head) + 1
	for rank, i := range r.ranked[:min(len(r.ranked), topMovers)] {
		s.Head = append(s.Head, r.moverRow(rank+1, i, &gross))
	}
	bottom := len(s.Head)
	s.Conditions = append(rateConditions(fmt.Sprintf("H%d:H%d", top, bottom), fmt.Sprintf("H%d", top)),
		wb.Condition{Range: fmt.Sprintf("I%d:I%d", top, bottom), Bar: "9DC3E6"})
	s.Head = append(s.Head, wb.Row{})
	r.splitTable(s)
	return s
}

// lineName links to the names of a line item in Detail.
func (r *report) lineName(i int) wb.Cell {
	var parts []string
	for k := range r.keyColumns {
		parts = append(parts, r.detailCell(r.detail.key+k, i))
	}
	return wb.Formula(strings.Join(parts, `&" / "&`), wb.Text(r.Lines[i].Name()))
}

func (r *report) moverRow(rank, i int, gross *apd.Decimal) wb.Row {
	d, l, res := r.detail, &r.Lines[i], &r.results[i]
	link := func(c int, v wb.Cell) wb.Cell { return wb.Formula(r.detailCell(c, i), v) }
	share := wb.Number("0")
	var abs apd.Decimal
	abs.Abs(&res.variance)
	if q := ratio(&abs, gross); q != nil {
		share = wb.Number(plain(q))
	}
	pct := wb.Text("n/a")
	if q := ratio(&res.variance, &l.Budget); q != nil {
		pct = wb.Number(plain(q))
	}
	return wb.Cells(
		wb.Int(rank).In(r.st.center), r.lineName(i).In(r.st.text),
		link(d.budget, num(&l.Budget)).In(r.st.link), link(d.actual, num(&l.Actual)).In(r.st.link), link(d.variance, num(&res.variance)).In(r.st.link),
		link(d.pct, pct).In(r.st.linkPct), link(d.impact, num(&res.impact)).In(r.st.link),
		link(d.rating, wb.Text(rating(l, res))).In(r.st.center),
		wb.Formula("IF($I$3=0,0,ABS(E{r})/$I$3)", share).In(r.st.pct),
		link(d.status, wb.Text(status(l))).In(r.st.text),
	)
}

// splitTable says how much of a variance is volume and how much is price.
func (r *report) splitTable(s *wb.Sheet) {
	s.Head = append(s.Head, wb.Cells(wb.Text("Price and volume").In(r.st.section), wb.Blank().In(r.st.section)))
	if len(r.units) == 0 || r.data.qty < 0 {
		s.Head = append(s.Head, wb.Cells(wb.Text("No line item has units in both files, so variances cannot be split into price and volume.").In(r.st.note)))
		return
	}
	about := "Volume = (actual units − budget units) × budget price. Price = (actual price − budget price) × actual units. Price is amount ÷ units."
	if n := len(r.units); n > maxSplits {
		about += fmt.Sprintf(" The %d largest of %d line items with units.", maxSplits, n)
	}
	s.Head = append(s.Head, wb.Cells(wb.Text(about).In(r.st.note)),
		r.headerRow("Rank", "Line item", "Budget units", "Actual units", "Budget price", "Actual price", "Volume effect", "Price effect", "Variance", "Check"))
	top := len(s.Head) + 1
	var volume, price, total apd.Decimal
	for rank, i := range r.units[:min(len(r.units), maxSplits)] {
		v, p := split(&r.Lines[i], &r.results[i].variance)
		add(&volume, &volume, &v)
		add(&price, &price, &p)
		add(&total, &total, &r.results[i].variance)
		s.Head = append(s.Head, r.splitRow(rank+1, i, &v, &p))
	}
	bottom := len(s.Head)
	sum := func(c string, v *apd.Decimal) wb.Cell {
		return wb.Formula(fmt.Sprintf("SUM(%s%d:%s%d)", c, top, c, bottom), num(v)).In(r.st.total)
	}
	row := wb.Cells(wb.Text("").In(r.st.totalText), wb.Text("Total of these line items").In(r.st.totalText))
	for range 4 {
		row.Add(wb.Blank().In(r.st.totalText))
	}
	row.Add(sum("G", &volume), sum("H", &price), sum("I", &total), wb.Blank().In(r.st.totalText))
	s.Head = append(s.Head, row)
	s.Conditions = append(s.Conditions,
		wb.Condition{Range: fmt.Sprintf("J%d:J%d", top, bottom), When: fmt.Sprintf(`J%d<>"OK"`, top), Mark: bad},
		wb.Condition{Range: fmt.Sprintf("G%d:H%d", top, bottom), When: fmt.Sprintf("G%d<0", top), Mark: wb.Highlight{Color: "9C0006"}},
	)
}

func (r *report) splitRow(rank, i int, volume, price *apd.Decimal) wb.Row {
	d, l, res := r.detail, &r.Lines[i], &r.results[i]
	unit := func(amount, qty *apd.Decimal) wb.Cell {
		var p apd.Decimal
		_, _ = ratioContext.Quo(&p, amount, qty)
		return wb.Number(plain(&p))
	}
	return wb.Cells(
		wb.Int(rank).In(r.st.center), r.lineName(i).In(r.st.text),
		r.dataSum(r.data.qty, i, ledger.Budget, num(&l.Qty[0])).In(r.st.linkQty),
		r.dataSum(r.data.qty, i, ledger.Actual, num(&l.Qty[1])).In(r.st.linkQty),
		wb.Formula("IF(C{r}=0,0,"+r.detailCell(d.budget, i)+"/C{r})", unit(&l.Budget, &l.Qty[0])).In(r.st.price),
		wb.Formula("IF(D{r}=0,0,"+r.detailCell(d.actual, i)+"/D{r})", unit(&l.Actual, &l.Qty[1])).In(r.st.price),
		wb.Formula("(D{r}-C{r})*E{r}", num(volume)).In(r.st.calc),
		wb.Formula("(F{r}-E{r})*D{r}", num(price)).In(r.st.calc),
		wb.Formula("G{r}+H{r}", num(&res.variance)).In(r.st.calc),
		wb.Formula("IF(ABS(I{r}-"+r.detailCell(d.variance, i)+")<0.005,\"OK\",\"differs\")", wb.Text("OK")).In(r.st.center),
	)
}
