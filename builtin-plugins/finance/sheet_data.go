package finance

import (
	"sort"
	"strconv"

	"github.com/cowork-host/cowork/builtin-plugins/finance/internal/ledger"
	wb "github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

// dataColumns are the places of the Data sheet's columns; -1 is not there.
type dataColumns struct {
	line, side, file, sheet, source, column, key, qty, price, amount, text, rows, last int
}

func newDataColumns(a *analysis) dataColumns {
	d := dataColumns{line: 0, side: 1, file: 2, sheet: 3, source: 4, column: 5, key: 6, qty: -1, price: -1, text: -1, rows: -1}
	next := d.key + a.keyColumns
	take := func(at *int, want bool) {
		if want {
			*at = next
			next++
		}
	}
	var qty, price, text, rows bool
	for _, t := range []*ledger.Table{a.Budget, a.Actual} {
		rows = rows || t.Summed
		for i := range t.Records {
			rec := &t.Records[i]
			qty, price = qty || rec.HasQty, price || rec.HasPrice
			text = text || rec.Text != ""
		}
	}
	take(&d.qty, qty)
	take(&d.price, price)
	take(&d.amount, true)
	take(&d.text, text)
	take(&d.rows, rows)
	d.last = next - 1
	return d
}

// dataSheetOf lists every amount as loaded, the rows of a line item together:
// first those of the budget, then those of the actuals.
func (r *report) dataSheetOf() *wb.Sheet {
	d := r.data
	s := &wb.Sheet{
		Name: dataName, Len: len(r.Budget.Records) + len(r.Actual.Records), Row: r.dataRow,
		FreezeRows: 4, FreezeColumns: 2, Filter: true, TabColor: "7F7F7F",
		Print: wb.Print{Landscape: true, RepeatRows: 4},
	}
	header := r.headerRow("Line item", "Side", "Source file", "Sheet", "Source row", "Source column")
	widths := []float64{9, 9, 22, 14, 9, 18}
	for i, k := range r.KeyNames {
		header.Add(wb.Text(k + " (as loaded)").In(r.st.header))
		widths = append(widths, max(18, r.keyWidth(i)+3))
	}
	add := func(at int, title string, width float64) {
		if at >= 0 {
			header.Add(wb.Text(title).In(r.st.header))
			widths = append(widths, width)
		}
	}
	add(d.qty, "Units", 12)
	add(d.price, "Price", 12)
	add(d.amount, "Amount", 16)
	add(d.text, "Amount as written", 16)
	add(d.rows, "Source rows", 10)
	for _, w := range widths {
		s.Columns = append(s.Columns, wb.Column{Width: w})
	}
	s.Head = []wb.Row{
		wb.Cells(wb.Text("Data as loaded").In(r.st.title)),
		wb.Cells(wb.Text("Every amount with the file and row it comes from, grouped by line item (the number is the one in Detail). Blue cells are inputs.").In(r.st.subtitle)),
		{},
		header,
	}
	return s
}

// record finds the record at a place of the Data sheet.
func (r *report) record(i int) (side ledger.Side, rec *ledger.Record, line int) {
	line = sort.Search(len(r.Lines), func(l int) bool {
		return r.Lines[l].First[0]+r.Lines[l].First[1] > i
	}) - 1
	l := &r.Lines[line]
	at := i - l.First[0] - l.First[1]
	if at < l.Count[0] {
		return ledger.Budget, &r.Budget.Records[l.First[0]+at], line
	}
	return ledger.Actual, &r.Actual.Records[l.First[1]+at-l.Count[0]], line
}

func (r *report) dataRow(i int, row *wb.Row) {
	side, rec, line := r.record(i)
	t, d := r.tables()[side], r.data
	name := "Budget"
	if side == ledger.Actual {
		name = "Actual"
	}
	column := "units × price"
	if rec.Column >= 0 {
		column = t.Columns[rec.Column]
	}
	row.Add(wb.Int(line+1).In(r.st.center), wb.Text(name), wb.Text(t.File), wb.Text(t.Sheet), wb.Int(int(rec.Line)).In(r.st.center), wb.Text(column))
	for k := range r.keyColumns {
		row.Add(wb.Text(r.asLoaded(side, rec, k)))
	}
	if d.qty >= 0 {
		row.Add(optional(rec.HasQty, rec.Qty.String()).In(r.st.qty))
	}
	if d.price >= 0 {
		row.Add(optional(rec.HasPrice, rec.Price.String()).In(r.st.qty))
	}
	if rec.Column < 0 && rec.Count == 1 && rec.HasQty && rec.HasPrice {
		row.Add(wb.Formula(col(d.qty)+"{r}*"+col(d.price)+"{r}", wb.Number(rec.Amount.String())).In(r.st.calc))
	} else {
		row.Add(wb.Number(rec.Amount.String()).In(r.st.input))
	}
	if d.text >= 0 {
		row.Add(optionalText(rec.Text))
	}
	if d.rows >= 0 {
		row.Add(wb.Int(int(rec.Count)))
	}
}

func optional(has bool, number string) wb.Cell {
	if !has {
		return wb.Blank()
	}
	return wb.Number(number)
}

func optionalText(s string) wb.Cell {
	if s == "" {
		return wb.Blank()
	}
	return wb.Text(s)
}

// asLoaded returns a record's own value in a key column, as it was spelled.
func (r *report) asLoaded(side ledger.Side, rec *ledger.Record, k int) string {
	return r.Spelled(side, rec, k)
}

// dataSum is the sum of a column over a line item's records of one side.
func (r *report) dataSum(column, line int, side ledger.Side, value wb.Cell) wb.Cell {
	l := &r.Lines[line]
	n := l.Count[side]
	if n == 0 {
		return wb.Number("0")
	}
	first := l.First[0] + l.First[1]
	if side == ledger.Actual {
		first += l.Count[0]
	}
	c := col(column)
	from, a := r.dataSheet.Place(first)
	to, b := r.dataSheet.Place(first + n - 1)
	switch {
	case n == 1 && from == dataName:
		return wb.Formula(dataName+"!"+c+"{a}", value).Rows(a, 0)
	case from == to && from == dataName:
		return wb.Formula("SUM("+dataName+"!"+c+"{a}:"+c+"{b})", value).Rows(a, b)
	case from == to:
		return wb.Formula("SUM("+wb.Quote(from)+"!"+c+"{a}:"+c+"{b})", value).Rows(a, b)
	}
	// The rows go on over one or more further sheets.
	expr := ""
	for i := first; i < first+n; {
		sheet, row := r.dataSheet.Place(i)
		last := i
		for last+1 < first+n {
			next, _ := r.dataSheet.Place(last + 1)
			if next != sheet {
				break
			}
			last++
		}
		if expr != "" {
			expr += ","
		}
		expr += wb.Quote(sheet) + "!" + c + strconv.Itoa(row) + ":" + c + strconv.Itoa(row+last-i)
		i = last + 1
	}
	return wb.Formula("SUM("+expr+")", value)
}
