package table

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// hints is what a format tells the inference.
type hints struct {
	commaLikely bool // the delimiter is the one of decimal-comma countries
	fields      int  // of a line of text
	readAll     bool // the file is small: look at every row
	spread      func(context.Context, func(*rawRow) bool) error
}

// maxSampleCells bounds the memory of a sample.
const maxSampleCells = 400_000

// leadRows are the rows the header is searched in.
const leadRows = 60

type sample struct {
	rows  []sampleRow
	width int
	cells int
	more  bool // the sheet has more rows
}

func (s *sample) add(r *rawRow) {
	cells := append([]Cell(nil), r.cells...)
	last := len(cells)
	for last > 0 && blankCell(&cells[last-1]) {
		last--
	}
	s.width = max(s.width, last)
	s.cells += len(cells)
	s.rows = append(s.rows, sampleRow{line: r.line, cells: cells})
}

func takeSample(ctx context.Context, raw rawReader, h hints, opts Options) (*sample, error) {
	s := &sample{}
	limit := opts.MaxSampleRows / 2
	if h.readAll {
		limit = 100_000
	}
	var scrap noteBook
	err := raw.read(ctx, &scrap, func(r *rawRow) bool {
		if len(s.rows) >= limit || s.cells > maxSampleCells && len(s.rows) >= leadRows {
			s.more = true
			return false
		}
		s.add(r)
		return true
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// merger is a rawReader that knows of merged cells.
type merger interface {
	merges(line int) []span
}

// newGridSheet finds header and columns of a grid of cells.
func newGridSheet(ctx context.Context, name string, raw rawReader, h hints, opts Options) (*Sheet, error) {
	smp, err := takeSample(ctx, raw, h, opts)
	if err != nil {
		return nil, err
	}
	lead := smp.rows[:min(len(smp.rows), leadRows)]
	if m, ok := raw.(merger); ok {
		for i := range lead {
			lead[i].merges = m.merges(lead[i].line)
		}
	}
	l := findLayout(lead, smp.width)
	sh := &Sheet{Name: name, raw: raw, skip: l.skip()}
	if l.headers > 0 {
		sh.HeaderLine = lead[l.titles+l.headers-1].line
	}
	data := smp.rows[min(l.skip(), len(smp.rows)):]
	if smp.more && h.spread != nil {
		rest := &sample{width: smp.width}
		if err := h.spread(ctx, func(r *rawRow) bool {
			rest.add(r)
			return rest.cells < maxSampleCells && len(rest.rows) < opts.MaxSampleRows/2
		}); err != nil {
			return nil, err
		}
		data = append(data, rest.rows...)
	}
	sh.layOut(&l, lead, data)
	sh.inferColumns(data, h)
	sh.fields = h.fields
	sh.loneLabels = judgeLoneLabels(data, len(sh.Columns))
	if l.headers == 1 {
		sh.rememberHeader(&lead[l.titles])
	}
	return sh, nil
}

// layOut makes the columns: every source column that has a name or a value.
func (s *Sheet) layOut(l *layout, lead, data []sampleRow) {
	width := len(l.names)
	used := usedColumns(l, data)
	taken := map[string]bool{}
	renamed := 0
	s.place = make([]int, width)
	for i := range width {
		if s.place[i] = -1; !used[i] {
			continue
		}
		s.place[i] = len(s.Columns)
		name, changed := uniqueName(l.names[i], i, taken)
		if changed && !l.generated {
			renamed++
		}
		c := Column{Name: name, Index: len(s.Columns), Ref: ref(i)}
		if l.unit != nil {
			c.Unit = strings.Trim(l.unit[i], "()[]")
		}
		s.Columns = append(s.Columns, c)
	}
	s.noteLayout(l, lead, renamed)
}

// usedColumns says which source columns are part of the table. A column
// without a name behind the last named one must have a value in a tenth of the
// rows: else it is what a stray delimiter pushed out.
func usedColumns(l *layout, data []sampleRow) []bool {
	width := len(l.names)
	used, filled := make([]bool, width), make([]int, width)
	last := -1
	for i, n := range l.names {
		if used[i] = n != ""; used[i] {
			last = i
		}
	}
	for i := range data {
		for j := range data[i].cells {
			if j < width && !blankCell(&data[i].cells[j]) {
				filled[j]++
			}
		}
	}
	for i, n := range filled {
		used[i] = used[i] || n > 0 && (i < last || l.generated || n*10 >= len(data))
	}
	return used
}

// rememberHeader keeps the header's texts by column.
func (s *Sheet) rememberHeader(r *sampleRow) {
	s.header = make([]string, len(s.Columns))
	for src, i := range s.place {
		if i >= 0 {
			s.header[i] = r.cell(src).Text
		}
	}
}

func (s *Sheet) noteLayout(l *layout, lead []sampleRow, renamed int) {
	for i := range l.titles {
		s.fixed.add(NoteTitle, "", lead[i].line, "%d line{|s} above the header {was|were} left out")
	}
	switch {
	case l.generated:
		s.fixed.add(NoteHeader, "", lead[0].line, "there is no header line; the columns are numbered")
	case l.headers == 2:
		s.fixed.add(NoteHeader, "", s.HeaderLine, "two header lines were joined")
	}
	if renamed > 0 {
		s.fixed.add(NoteHeader, "", s.HeaderLine, fmt.Sprintf("%d empty or repeated column names were made unique", renamed))
	}
	if l.units {
		s.fixed.add(NoteUnits, "", lead[l.skip()-1].line, "the line of units under the header was left out of the data")
	}
}

// uniqueName names the source column i.
func uniqueName(name string, i int, taken map[string]bool) (string, bool) {
	changed := name == ""
	if changed {
		name = columnName(i)
	}
	base := name
	for n := 2; taken[strings.ToLower(name)]; n++ {
		name, changed = fmt.Sprintf("%s (%d)", base, n), true
	}
	taken[strings.ToLower(name)] = true
	return name, changed
}

// evidence is what a sample says about one column.
type evidence struct {
	filled, numbers, dates, clocks, bools, dashes int
	seps                                          [5]int
	sepLine                                       [5]int
	fractions, codes, money, percents             int
	native                                        int
	dayFirst, monthFirst, swappable, compact      int
	dayLine, monthLine                            int
	currency                                      string
	currencies                                    int
	slash                                         bool
}

// inferColumns decides the kinds: first what each column shows by itself, then
// the ambiguous ones by the majority of the sheet.
func (s *Sheet) inferColumns(data []sampleRow, h hints) {
	ev := make([]evidence, len(s.Columns))
	for i := range data {
		r := &data[i]
		for src := range r.cells {
			if src < len(s.place) && s.place[src] >= 0 {
				ev[s.place[src]].see(&r.cells[src], r.line)
			}
		}
	}
	var comma, point, dayFirst, monthFirst int
	for i := range ev {
		comma += ev[i].seps[sepComma]
		point += ev[i].seps[sepPoint]
		dayFirst += ev[i].dayFirst
		monthFirst += ev[i].monthFirst
	}
	for i := range s.Columns {
		c, e := &s.Columns[i], &ev[i]
		s.decideSeparator(c, e, comma, point, h)
		c.decideKind(e)
		s.decideOrder(c, e, dayFirst, monthFirst)
	}
}

func (e *evidence) see(c *Cell, line int) {
	switch c.Type {
	case Null:
		return
	case Number:
		e.filled++
		e.numbers++
		e.native++
		if c.scale > 0 || c.big != nil && !(Num{big: c.big}).IsInteger() {
			e.fractions++
		}
		if c.flags&flagPercent != 0 {
			e.percents++
		}
		return
	case Date:
		e.filled++
		e.dates++
		e.native++
		if c.flags&flagClock != 0 {
			e.clocks++
		}
		return
	case Bool:
		e.filled++
		e.bools++
		e.native++
		return
	}
	e.seeText(trimBlanks(c.Text), line)
}

func (e *evidence) seeText(s string, line int) {
	if isDash(s) {
		e.dashes++
		return
	}
	if isNullWord(s) {
		return
	}
	e.filled++
	if !hasDigit(s) {
		if _, ok := parseBool(s); ok {
			e.bools++
		}
		return
	}
	if n, ok := ParseNumber(s, false); ok {
		e.number(n, line)
		if len(s) == 8 {
			if _, ok := parseCompact(s); ok && (s[:2] == "19" || s[:2] == "20") {
				e.compact++
			}
		}
		return
	}
	if d, ok := ParseDate(s, ""); ok {
		e.date(d, s, line)
		return
	}
	if _, ok := parseBool(s); ok {
		e.bools++
	}
}

// hasDigit reports whether s can be a number or a date: all have digits, of
// some script.
func hasDigit(s string) bool {
	for i := range len(s) {
		if s[i]-'0' <= 9 || s[i] >= utf8.RuneSelf {
			return true
		}
	}
	return false
}

func (e *evidence) number(n NumberText, line int) {
	e.numbers++
	if e.seps[n.sep]++; e.seps[n.sep] == 1 {
		e.sepLine[n.sep] = line
	}
	if n.Num.Scale() > 0 || n.Num.big != nil && !n.Num.IsInteger() {
		e.fractions++
	}
	if n.LeadingZero {
		e.codes++
	}
	if n.Accounting {
		e.money++
	}
	if n.Percent {
		e.percents++
	}
	if n.Currency != "" && n.Currency != e.currency {
		e.currency = n.Currency
		e.currencies++
	}
}

func (e *evidence) date(d DateText, s string, line int) {
	e.dates++
	if d.Clock {
		e.clocks++
	}
	switch {
	case d.Order == DayFirst:
		if e.dayFirst++; e.dayFirst == 1 {
			e.dayLine = line
		}
	case d.Order == MonthFirst:
		if e.monthFirst++; e.monthFirst == 1 {
			e.monthLine = line
		}
	case d.Ambiguous:
		e.swappable++
		e.slash = strings.Contains(s, "/")
	}
}

// decideSeparator settles how "1,234" and "1.234" are read.
func (s *Sheet) decideSeparator(c *Column, e *evidence, comma, point int, h hints) {
	own := e.seps[sepComma] - e.seps[sepPoint]
	unclear := e.seps[sepMaybeComma] + e.seps[sepMaybePoint]
	why := ""
	switch {
	case own != 0:
		c.DecimalComma = own > 0
		if e.seps[sepComma] > 0 && e.seps[sepPoint] > 0 {
			why = "both decimal commas and points appear"
		}
	case comma != point:
		c.DecimalComma = comma > point
		if unclear > 0 {
			why = "as in the other columns"
		}
	case h.commaLikely:
		c.DecimalComma = true
		if unclear > 0 {
			why = "as is usual where columns are separated by a semicolon"
		}
	case unclear > 0:
		why = "nothing in the file says otherwise"
	}
	if e.seps[sepMaybeComma] > 0 && e.seps[sepMaybePoint] > 0 && own == 0 {
		why = "both 1,234 and 1.234 appear, without proof of either"
	}
	if c.DecimalComma && why == "" && e.seps[sepComma] > 0 {
		s.fixed.add(NoteDecimalComma, c.Name, e.sepLine[sepComma], "numbers have a decimal comma")
		return
	}
	if why == "" || e.numbers*2 < e.filled {
		return
	}
	how := "\"1,234\" is read as a thousand and \"1.234\" as a fraction: "
	if c.DecimalComma {
		how = "\"1.234\" is read as a thousand and \"1,234\" as a fraction: "
	}
	s.fixed.add(NoteDecimalComma, c.Name, max(e.sepLine[sepMaybeComma], e.sepLine[sepMaybePoint]), how+why)
}

func (c *Column) decideKind(e *evidence) {
	c.Kind = KindText
	switch {
	case e.filled == 0 && e.dashes == 0:
		c.Kind = KindEmpty
	case e.filled == 0:
	case e.compact == e.filled && dateName(c.Name):
		c.Kind, c.compactDates = KindDate, true
	case e.numbers*2 > e.filled && !e.areCodes():
		c.Kind = KindInteger
		if e.hasFractions(c.DecimalComma) || e.percents > 0 {
			c.Kind = KindDecimal
		}
	case e.dates*2 > e.filled:
		c.Kind = KindDate
		if e.clocks > 0 {
			c.Kind = KindTime
		}
	case e.bools*10 >= e.filled*9:
		c.Kind = KindBool
	}
	if !c.Kind.Numeric() {
		return
	}
	c.Percent = e.percents*2 > e.numbers
	if e.currencies == 1 {
		c.Currency = e.currency
	}
	c.DashIsZero = e.money > 0
	if c.Currency == "" && c.Unit != "" && e.currencies == 0 {
		c.Currency = currencyIn(c.Unit)
	}
	if c.Currency == "" && e.currencies == 0 {
		c.Currency = currencyIn(c.Name)
	}
}

// areCodes recognises numbers that are names: zip codes, account numbers.
func (e *evidence) areCodes() bool {
	return e.codes > 0 && e.fractions == 0 && e.money == 0 && e.percents == 0 && e.native < e.numbers
}

func (e *evidence) hasFractions(decimalComma bool) bool {
	if decimalComma {
		return e.seps[sepComma]+e.seps[sepMaybeComma]+e.seps[sepPoint] > 0 || e.native > 0 && e.fractions > 0
	}
	// 1,234.50 proves a point and has a fraction; 1,234,567 proves it without.
	return e.fractions > 0
}

func dateName(name string) bool {
	n := strings.ToLower(name)
	for _, w := range [...]string{"date", "datum", "day", "fecha", "data", "dt", "giorno", "jour", "tag"} {
		if strings.Contains(n, w) {
			return true
		}
	}
	return false
}

// currencyIn finds a currency in a header such as "Amount (USD)".
func currencyIn(name string) string {
	for _, w := range strings.FieldsFunc(name, func(r rune) bool {
		return isBlank(r) || strings.ContainsRune("()[],;:/_-", r)
	}) {
		for _, c := range currencyWords {
			if w == c && len(c) == 3 && c[2] != '$' && c[2] != '.' {
				return w
			}
		}
		if strings.ContainsAny(w, currencySymbols) && len(w) <= 4 {
			return w
		}
	}
	return ""
}

// decideOrder settles how 01/02/2026 is read.
func (s *Sheet) decideOrder(c *Column, e *evidence, dayFirst, monthFirst int) {
	if !c.Kind.Temporal() || e.dayFirst+e.monthFirst+e.swappable == 0 {
		return
	}
	why, line := "", 0
	switch {
	case e.dayFirst != e.monthFirst:
		c.DateOrder, line = MonthFirst, e.monthLine
		if e.dayFirst > e.monthFirst {
			c.DateOrder, line = DayFirst, e.dayLine
		}
		if e.dayFirst > 0 && e.monthFirst > 0 {
			why = "most dates say so, but some are the other way round"
		}
	case dayFirst != monthFirst:
		c.DateOrder = MonthFirst
		if dayFirst > monthFirst {
			c.DateOrder = DayFirst
		}
		why = "as in the other columns"
	case s.anyDecimalComma():
		c.DateOrder, why = DayFirst, "as is usual where numbers have a decimal comma"
	case e.slash:
		c.DateOrder, why = MonthFirst, "nothing in the file says otherwise"
	default:
		c.DateOrder, why = DayFirst, "nothing in the file says otherwise"
	}
	if why != "" && e.swappable+min(e.dayFirst, e.monthFirst) > 0 {
		s.fixed.add(NoteDateOrder, c.Name, line, "dates are read as "+string(c.DateOrder)+": "+why)
	}
}

func (s *Sheet) anyDecimalComma() bool {
	for i := range s.Columns {
		if s.Columns[i].DecimalComma && s.Columns[i].Kind.Numeric() {
			return true
		}
	}
	return false
}
