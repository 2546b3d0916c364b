package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	"github.com/cowork-host/cowork/pluginsdk"
)

const (
	maxDims      = 8
	defaultLimit = 200_000
	maxExcluded  = 200
	maxLines     = 300_000
	maxTexts     = 400_000 // different texts kept of one column
)

// Record is one amount as loaded.
type Record struct {
	Line   int32 // of the source
	Count  int32 // source rows it stands for; more than 1 when added up
	Last   int32 // the last of those rows
	Column int16 // of the amount, as index in [Table.Columns]; -1: quantity × price
	Item   int32 // index of the line item
	period int16
	typ    int32
	dims   [maxDims]int32
	Amount table.Num
	Qty    table.Num
	Price  table.Num
	HasQty bool
	// HasPrice says that the source has a price beside the amount.
	HasPrice bool
	// Text is the amount as it is written, when that is not plain.
	Text string
}

// Excluded is a row that is not a line: a total, a label or a note.
type Excluded struct {
	Line   int
	Label  string
	Kind   table.RowKind
	Amount string
	// Confirmed says that the total was found to add up.
	Confirmed bool
}

// Table is one input as loaded.
type Table struct {
	Side     Side
	File     string // base name
	Path     string
	Sheet    string
	Many     bool // the file has several sheets
	Columns  []string
	Refs     []string // column letters
	Records  []Record
	Excluded []Excluded
	// ExcludedCount counts them all.
	ExcludedCount int
	Rows          int // rows read that are lines
	Summed        bool
	Total         apd.Decimal // of all amounts, added up while reading
	Currency      string
	Notes         []string
	// Warnings need attention before the numbers are used.
	Warnings []string

	dicts   []dict // one for each dim
	types   dict
	periods []Period
}

// Source returns where a record stands: "budget.csv:12".
func (t *Table) Source(r *Record) string {
	s := t.File
	if t.Many {
		s += "!" + t.Sheet
	}
	if len(t.Refs) > 0 && r.Column >= 0 && t.Many {
		return s + "!" + t.Refs[r.Column] + strconv.Itoa(int(r.Line))
	}
	if r.Count > 1 {
		return s + ":" + strconv.Itoa(int(r.Line)) + "-" + strconv.Itoa(int(r.Last))
	}
	return s + ":" + strconv.Itoa(int(r.Line))
}

// dict numbers the different texts of a column.
type dict struct {
	ids    map[string]int32
	texts  []string
	normal []string
	// full says that further texts were not kept and all have one id: the
	// column cannot tell lines apart.
	full bool
}

func (d *dict) id(s string) int32 {
	if id, ok := d.ids[s]; ok {
		return id
	}
	if d.ids == nil {
		d.ids = make(map[string]int32)
	}
	if len(d.texts) >= maxTexts {
		d.full = true
		return int32(len(d.texts) - 1)
	}
	s = strings.Clone(s)
	id := int32(len(d.texts))
	d.ids[s] = id
	d.texts = append(d.texts, s)
	d.normal = append(d.normal, normalKey(s))
	return id
}

// exact adds without rounding for any amounts that occur.
var exact = apd.Context{Precision: 1000, MaxExponent: 10000, MinExponent: -10000, Rounding: apd.RoundHalfEven}

func add(sum *apd.Decimal, n table.Num) {
	_, _ = exact.Add(sum, sum, n.Decimal())
}

// scan reads the sheet once and gives every record to emit, which returns
// false to stop.
type scan struct {
	r       *reader
	t       *Table
	total   table.Sum
	section string
	empty   []int // lines without an amount
	odd     []string
	nodim   int
	offset  int64
	skipped int // rows in another currency
	seen    map[string]int
	skip    [maxDims]bool // columns whose texts are not needed
}

func (s *scan) run(ctx context.Context, emit func(*Record) bool) error {
	sh := s.r.shape
	n := 0
	for row, err := range s.r.sheet.Rows(ctx) {
		if err != nil {
			return err
		}
		s.offset = row.Offset
		if n++; n&0xfff == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			s.r.opts.Progress("Reading "+s.t.File, row.Offset, s.r.Source.Size)
		}
		switch row.Kind {
		case table.RowData:
			if !s.row(sh, row, emit) {
				return nil
			}
		case table.RowSection:
			s.section = row.Label
			s.exclude(sh, row)
		default:
			s.exclude(sh, row)
		}
	}
	return nil
}

func (s *scan) exclude(sh *shape, row *table.Row) {
	s.t.ExcludedCount++
	if len(s.t.Excluded) >= maxExcluded {
		return
	}
	e := Excluded{Line: row.Line, Label: row.Label, Kind: row.Kind, Confirmed: row.Confirmed}
	sum, any := new(apd.Decimal), false
	for _, i := range sh.amounts {
		if v, ok := row.Cells[i].Number(); ok {
			add(sum, v)
			any = true
		}
	}
	if any {
		e.Amount = sum.Text('f')
	}
	if e.Label == "" {
		for _, i := range sh.dims {
			if e.Label = row.Cells[i].Value(); e.Label != "" {
				break
			}
		}
	}
	s.t.Excluded = append(s.t.Excluded, e)
}

// row turns a data row into records.
func (s *scan) row(sh *shape, row *table.Row, emit func(*Record) bool) bool {
	if label := sectionLabel(sh, row); label != "" {
		s.section = label
		row.Kind, row.Label = table.RowSection, label
		s.exclude(sh, row)
		return true
	}
	if s.t.Rows == 0 && secondHeader(sh, row) {
		row.Kind, row.Label = table.RowNote, "second header row"
		s.exclude(sh, row)
		return true
	}
	rec := Record{Line: int32(row.Line), Last: int32(row.Line), Count: 1, period: -1, typ: -1}
	named := false
	for k, i := range sh.dims {
		if s.skip[k] {
			named = named || !row.Cells[i].IsNull()
			rec.dims[k] = s.t.dicts[k].id("")
			continue
		}
		v := row.Cells[i].Value()
		if n, ok := row.Cells[i].Number(); ok && sh.cols[i].Kind == table.KindInteger {
			v = n.String()
		}
		named = named || v != ""
		rec.dims[k] = s.t.dicts[k].id(v)
	}
	if !named && !s.anyAmount(sh, row) {
		return true // a record of nulls
	}
	if !s.inCurrency(sh, row) {
		s.skipped++
		return true
	}
	kind := s.section
	if sh.kind >= 0 && row.Cells[sh.kind].Value() != "" {
		kind = row.Cells[sh.kind].Value()
	}
	if kind != "" {
		rec.typ = s.t.types.id(kind)
	}
	if sh.quantity >= 0 {
		rec.Qty, rec.HasQty = row.Cells[sh.quantity].Number()
	}
	if sh.price >= 0 {
		rec.Price, rec.HasPrice = row.Cells[sh.price].Number()
	}
	if !named {
		s.nodim++
	}
	s.t.Rows++
	if sh.wide {
		return s.wideRow(sh, row, rec, emit)
	}
	if sh.period >= 0 {
		rec.period = s.periodID(&row.Cells[sh.period])
	}
	if len(sh.amounts) == 0 {
		rec.Column = -1
		rec.Amount = product(rec.Qty, rec.Price)
	} else {
		rec.Column = int16(sh.amounts[0])
		s.amount(&rec, &row.Cells[sh.amounts[0]], sh, row.Line)
	}
	s.total.Add(rec.Amount)
	return emit(&rec)
}

// anyAmount tells whether the row has an amount, or units or a price.
func (s *scan) anyAmount(sh *shape, row *table.Row) bool {
	for _, i := range append([]int{sh.quantity, sh.price}, sh.amounts...) {
		if i >= 0 && (!row.Cells[i].IsNull() || row.Cells[i].NotCalculated() || row.Cells[i].ErrorValue()) {
			return true
		}
	}
	return false
}

// wideRow makes one record for each period with an amount.
func (s *scan) wideRow(sh *shape, row *table.Row, rec Record, emit func(*Record) bool) bool {
	first := true
	for _, i := range sh.amounts {
		cell := &row.Cells[i]
		if cell.IsNull() {
			continue
		}
		one := rec
		one.Column = int16(i)
		one.period = s.periodOf(sh.cols[i].period)
		if !first { // units stand once per row
			one.HasQty, one.HasPrice = false, false
		}
		first = false
		s.amount(&one, cell, sh, row.Line)
		s.total.Add(one.Amount)
		if !emit(&one) {
			return false
		}
	}
	if first {
		rec.Column = int16(sh.amounts[0])
		rec.period = s.periodOf(sh.cols[sh.amounts[0]].period)
		s.empty = append(s.empty, row.Line)
		return emit(&rec)
	}
	return true
}

// secondHeader tells whether a first row only names the columns once more, as
// under a header of groups.
func secondHeader(sh *shape, row *table.Row) bool {
	if len(sh.amounts) == 0 {
		return false
	}
	for _, i := range sh.amounts {
		c := &row.Cells[i]
		name := c.Value()
		_, period := parsePeriod(name, false)
		if c.Type != table.Text || !period && !hasClass(name, ClassBudget) && !hasClass(name, ClassActual) && !hasClass(name, ClassAmount) {
			return false
		}
	}
	return true
}

func (s *scan) amount(rec *Record, cell *table.Cell, sh *shape, line int) {
	n, ok := cell.Number()
	switch {
	case ok:
		rec.Amount = n
		if !cell.Native() && !plain(cell.Text) {
			rec.Text = strings.Clone(cell.Value())
		}
	case cell.NotCalculated():
		if len(s.odd) < 1000 {
			s.odd = append(s.odd, fmt.Sprintf("line %d: a formula without a calculated value", line))
		}
	case cell.IsNull() && cell.Value() == "" && strings.TrimSpace(cell.Text) == "":
		if len(s.empty) < 1000 {
			s.empty = append(s.empty, line)
		}
	default:
		if len(s.odd) < 1000 {
			s.odd = append(s.odd, fmt.Sprintf("line %d: %s", line, quoted(strings.TrimSpace(cell.Text))))
		}
		rec.Text = strings.Clone(strings.TrimSpace(cell.Text))
	}
}

// plain tells whether a number is written in digits, a sign and a point only.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

func (s *scan) periodID(c *table.Cell) int16 {
	if t, ok := c.Time(); ok {
		return s.periodOf(monthOf(t))
	}
	v := c.Value()
	if v == "" {
		return -1
	}
	if p, ok := parsePeriod(v, true); ok {
		return s.periodOf(p)
	}
	return -1
}

func (s *scan) periodOf(p Period) int16 {
	if i := slices.Index(s.t.periods, p); i >= 0 {
		return int16(i)
	}
	if len(s.t.periods) >= 4096 {
		return -1
	}
	s.t.periods = append(s.t.periods, p)
	return int16(len(s.t.periods) - 1)
}

// load reads the records that are to be kept. more reports that there are
// others, which then have to be added up by a second reading.
func (r *reader) load(ctx context.Context) (t *Table, more bool, err error) {
	t = r.newTable()
	s := &scan{r: r, t: t, seen: map[string]int{}}
	limit := r.opts.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	err = s.run(ctx, func(rec *Record) bool {
		if len(t.Records) >= limit {
			more = true
			return false
		}
		if len(t.Records) == 1000 && s.offset > 0 { // make room once
			guess := int64(1100) * r.Source.Size / s.offset
			t.Records = slices.Grow(t.Records, int(min(guess, int64(limit))))
		}
		t.Records = append(t.Records, *rec)
		return true
	})
	if err != nil {
		return nil, false, err
	}
	if !more {
		if err := s.finish(); err != nil {
			return nil, false, err
		}
	}
	return t, more, nil
}

func (r *reader) newTable() *Table {
	t := &Table{
		Side: r.side, File: fileName(r.Path), Path: r.Path, Sheet: r.sheet.Name, Many: len(r.book.Sheets) > 1 || r.book.Format == table.XLSX,
		dicts: make([]dict, len(r.shape.dims)),
	}
	for _, c := range r.shape.cols {
		t.Columns = append(t.Columns, c.Name)
		t.Refs = append(t.Refs, c.Ref)
	}
	return t
}

func fileName(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

// finish turns what was met on the way into notes, and checks the currency.
func (s *scan) finish() error {
	t := s.t
	t.Total.Set(s.total.Decimal())
	if n := len(s.empty); n > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%s no amount and count as zero (%s)", count(n, "line has", "lines have"), lines(s.empty)))
	}
	if n := len(s.odd); n > 0 {
		t.Warnings = append(t.Warnings, fmt.Sprintf("%s of %s without a number where the amount should be; counted as zero (%s)",
			count(n, "line", "lines"), t.File, list(s.odd)))
	}
	if s.nodim > 0 {
		t.Warnings = append(t.Warnings, fmt.Sprintf("%s of %s with an amount but no name", count(s.nodim, "line", "lines"), t.File))
	}
	if s.skipped > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%s in other currencies than %s left out", count(s.skipped, "line", "lines"), s.r.opts.Currency))
	}
	t.Notes = append(t.Notes, s.r.shape.notes...)
	for _, list := range [][]table.Note{s.r.book.Notes, s.r.sheet.Notes()} {
		for _, n := range list {
			note := n.Text
			if n.Column != "" {
				note = "column " + quoted(n.Column) + ": " + note
			}
			if len(n.Lines) > 0 {
				note += " (" + lines(n.Lines) + ")"
			}
			t.Notes = append(t.Notes, note)
		}
	}
	if t.Rows == 0 {
		return s.nothing()
	}
	return s.oneCurrency()
}

func (s *scan) nothing() error {
	switch {
	case s.skipped > 0:
		return pluginsdk.Invalid("check --currency", "%s has no line in currency %s", s.r.where(), s.r.opts.Currency)
	case s.t.ExcludedCount > 0:
		return pluginsdk.Invalid("give the file with the single lines", "%s holds only totals and notes, no line items (%s)", s.r.where(),
			quoted(s.t.Excluded[0].Label))
	}
	return pluginsdk.Invalid("check that the right file and sheet were given", "%s has a header but no rows", s.r.where())
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// lines names source lines, at most six.
func lines(at []int) string {
	var out []string
	for _, l := range at[:min(6, len(at))] {
		out = append(out, fmt.Sprint(l))
	}
	word := "line "
	if len(at) > 1 {
		word = "lines "
	}
	if len(at) > 6 {
		out = append(out, "…")
	}
	return word + strings.Join(out, ", ")
}
