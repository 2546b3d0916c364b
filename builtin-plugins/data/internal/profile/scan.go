package profile

import (
	"context"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/stat"
	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

// Options bound a scan. The zero value is right.
type Options struct {
	// Now is today, for dates that lie ahead; the zero time finds none.
	Now time.Time
	// Progress is told how many bytes of the source have been read.
	Progress func(offset int64)
	// KeptNumbers is how many numbers of a sheet are kept for exact
	// quantiles, over all columns; 0 is 6 million.
	KeptNumbers int
	// KeptValues is how many different texts and dates are counted exactly;
	// 0 is 1.5 million.
	KeptValues int
	// KeptRows is how many different rows are told apart exactly; 0 is 2
	// million.
	KeptRows int
}

const (
	maxCorrelated  = 16
	evidenceLines  = 5
	extremes       = 5
	maxDays        = 400_000
	progressEvery  = 4096
	minNumbersKept = 100_000
)

// scanner is the state of one pass over a sheet.
type scanner struct {
	sheet   *table.Sheet
	opts    Options
	cols    []*columnScan
	numeric []int
	corr    *stat.Correlations
	corrRow []float64
	out     *Sheet
	rows    *stat.Set
	seenDup []int
	budget  int
}

// Scan reads the sheet once. Cancelling ctx stops it within some thousand rows.
func Scan(ctx context.Context, sh *table.Sheet, opts Options) (*Sheet, error) {
	if opts.KeptNumbers <= 0 {
		opts.KeptNumbers = 6_000_000
	}
	if opts.KeptValues <= 0 {
		opts.KeptValues = 1_500_000
	}
	if opts.KeptRows <= 0 {
		opts.KeptRows = 2_000_000
	}
	s := newScanner(sh, opts)
	n := 0
	for row, err := range sh.Rows(ctx) {
		if err != nil {
			return nil, err
		}
		switch row.Kind {
		case table.RowData:
			s.row(row)
		case table.RowSubtotal, table.RowTotal:
			s.out.Totals++
		default:
			s.out.Labels++
		}
		if n++; n%progressEvery == 0 && opts.Progress != nil {
			opts.Progress(row.Offset)
		}
	}
	return s.finish(ctx)
}

func newScanner(sh *table.Sheet, opts Options) *scanner {
	s := &scanner{
		sheet: sh, opts: opts, budget: opts.KeptValues,
		rows: stat.NewSet(opts.KeptRows),
		out:  &Sheet{Name: sh.Name, HeaderLine: sh.HeaderLine},
	}
	numbers := 0
	for _, c := range sh.Columns {
		if c.Kind.Numeric() {
			numbers++
		}
	}
	each := max(minNumbersKept/max(1, numbers/64), opts.KeptNumbers/max(1, numbers))
	for _, c := range sh.Columns {
		scan := newColumnScan(c, each, &s.budget)
		if !opts.Now.IsZero() {
			scan.horizon = opts.Now.AddDate(0, 0, 1)
		}
		s.cols = append(s.cols, scan)
		if c.Kind.Numeric() {
			s.numeric = append(s.numeric, c.Index)
		}
	}
	s.out.CorrelationsLeftOut = max(0, len(s.numeric)-maxCorrelated)
	s.numeric = s.numeric[:min(len(s.numeric), maxCorrelated)]
	if len(s.numeric) > 1 {
		s.corr = stat.NewCorrelations(len(s.numeric))
		s.corrRow = make([]float64, len(s.numeric))
	}
	return s
}

func (s *scanner) row(row *table.Row) {
	s.out.Rows++
	var h stat.Hash
	for i, c := range s.cols {
		h = h.Uint64(c.add(&row.Cells[i], row.Line))
	}
	if !s.rows.Add(h.Sum()) && s.rows.Exact() {
		s.out.Duplicates++
		if len(s.seenDup) < evidenceLines {
			s.seenDup = append(s.seenDup, row.Line)
		}
	}
	if s.corr == nil {
		return
	}
	for i, c := range s.numeric {
		s.corrRow[i] = s.cols[c].last
	}
	s.corr.Add(s.corrRow)
}

// evidence counts something and keeps the first lines of it.
type evidence struct {
	n       int64
	lines   []int
	example string
}

func (e *evidence) add(line int, example string) {
	e.n++
	if len(e.lines) < evidenceLines {
		e.lines = append(e.lines, line)
		if e.example == "" {
			e.example = example
		}
	}
}

// columnScan collects one column.
type columnScan struct {
	col     table.Column
	horizon time.Time // dates after it lie ahead
	last    float64   // the latest row's number, or NaN
	missing int64

	numbers     *stat.Numbers
	sum         table.Sum
	min, max    table.Num
	minLine     int
	maxLine     int
	scale       int
	zeros       int64
	wide        bool
	low, high   []Extreme
	others      *stat.Set // texts among the numbers
	values      *stat.Values
	days        map[int32]uint32
	dates       Dates
	textBytes   int64
	short, long int
	texts       int64
	styles      map[string]*evidence
	shape       []byte
	odd         oddities
	numeric     int64
}

// oddities are what looks wrong in a column.
type oddities struct {
	text, number, date, blanks, mojibake, negative           evidence
	placeholder, future, ancient, errors, notCalculated, ctl evidence
}

func newColumnScan(c table.Column, keep int, budget *int) *columnScan {
	s := &columnScan{col: c, last: math.NaN()}
	if c.Kind.Numeric() {
		s.numbers = stat.NewNumbers(keep)
		s.others = stat.NewSet(10_000)
	} else {
		s.values = stat.NewValues(budget)
	}
	if c.Kind.Temporal() {
		s.days = map[int32]uint32{}
		s.styles = map[string]*evidence{}
	}
	return s
}

// add takes one cell and returns its hash.
func (s *columnScan) add(c *table.Cell, line int) uint64 {
	s.last = math.NaN()
	if c.Type == table.Null {
		s.missing++
		switch {
		case c.ErrorValue():
			s.odd.errors.add(line, c.Text)
		case c.NotCalculated():
			s.odd.notCalculated.add(line, "")
		}
		return 1
	}
	var h uint64
	text := c.Text
	switch c.Type {
	case table.Number:
		n, _ := c.Number()
		h = hashNumber(n)
		s.number(n, line)
	case table.Date:
		t, _ := c.Time()
		h = stat.Hash(3).Uint64(uint64(t.Unix())).Uint64(uint64(t.Nanosecond())).Sum()
		s.date(c, t, line)
	case table.Bool:
		v, _ := c.Bool()
		h = stat.Hash(4).Sum()
		if v {
			h = stat.Hash(5).Sum()
		}
	default:
		text = c.Value()
		h = stat.Hash(2).String(text).Sum()
		s.text(c, text, line)
	}
	switch {
	case s.values != nil:
		s.values.Add(h, text, line)
	case c.Type != table.Number:
		s.others.Add(h)
	}
	return h
}

func hashNumber(n table.Num) uint64 {
	if coef, scale, ok := n.Reduced(); ok {
		return stat.Hash(1).Uint64(uint64(coef)).Uint64(uint64(scale)).Sum()
	}
	d := n.Decimal()
	d.Reduce(d)
	return stat.Hash(6).String(d.String()).Sum()
}

func (s *columnScan) number(n table.Num, line int) {
	s.numeric++
	if s.numbers == nil {
		s.odd.number.add(line, n.String())
		return
	}
	f := n.Float()
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return
	}
	s.last = f
	if s.numbers.Count() == 0 || n.Cmp(s.min) < 0 {
		s.min, s.minLine = n, line
	}
	if s.numbers.Count() == 0 || n.Cmp(s.max) > 0 {
		s.max, s.maxLine = n, line
	}
	s.numbers.Add(f)
	s.sum.Add(n)
	s.scale = max(s.scale, n.Scale())
	switch n.Sign() {
	case 0:
		s.zeros++
	case -1:
		s.odd.negative.add(line, "")
	}
	s.wide = s.wide || math.Abs(f) >= 1<<53
	if len(s.low) < extremes || f < s.low[len(s.low)-1].Float {
		s.low = insertExtreme(s.low, n, f, line, 1)
	}
	if len(s.high) < extremes || f > s.high[len(s.high)-1].Float {
		s.high = insertExtreme(s.high, n, f, line, -1)
	}
}

// insertExtreme keeps the list sorted outside in.
func insertExtreme(list []Extreme, n table.Num, f float64, line int, sign float64) []Extreme {
	at := len(list)
	for at > 0 && sign*f < sign*list[at-1].Float {
		at--
	}
	list = slices.Insert(list, at, Extreme{Value: n.String(), Float: f, Line: line})
	return list[:min(len(list), extremes)]
}

func (s *columnScan) date(c *table.Cell, t time.Time, line int) {
	if s.days == nil {
		s.odd.date.add(line, c.Value())
		return
	}
	d := &s.dates
	if d.Count == 0 || t.Before(d.Min) {
		d.Min, s.minLine = t, line
	}
	if d.Count == 0 || t.After(d.Max) {
		d.Max, s.maxLine = t, line
	}
	d.Count++
	d.Clock = d.Clock || c.HasClock()
	if !c.Native() {
		s.style(c.Text, line)
	}
	day := int32(math.Floor(float64(t.Unix()) / 86400))
	switch year := t.Year(); {
	case day == -25567 || day == 0 || year >= 9999 || year == 1: // 1900-01-01, 1970-01-01
		s.odd.placeholder.add(line, c.Value())
		return
	case year < 1900:
		s.odd.ancient.add(line, c.Value())
		return
	case !s.horizon.IsZero() && t.After(s.horizon):
		s.odd.future.add(line, c.Value())
	}
	if len(s.days) < maxDays {
		s.days[day]++ // without the placeholders: they belong to no rhythm
	}
}

// style counts the shapes in which dates are written: 31/01/2026 is 99/99/9999.
func (s *columnScan) style(text string, line int) {
	s.shape = s.shape[:0]
	for i := 0; i < len(text) && len(s.shape) < 32; i++ {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			if n := len(s.shape); n > 0 && s.shape[n-1] == '9' && !isFourDigits(text, i) {
				continue
			}
			c = '9'
		case c == ' ' && i > 0 && text[i-1] >= '0' && text[i-1] <= '9' && i+2 < len(text) && text[i+2] == ':',
			c == 'T' || c == ' ' && i+3 < len(text) && text[i+3] == ':':
			c = 'T'
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf:
			if n := len(s.shape); n > 0 && s.shape[n-1] == 'a' {
				continue
			}
			c = 'a'
		}
		if c == 'T' {
			break // the time of day does not make another style
		}
		s.shape = append(s.shape, c)
	}
	e := s.styles[string(s.shape)]
	if e == nil {
		if len(s.styles) >= 64 {
			return
		}
		e = &evidence{}
		s.styles[string(s.shape)] = e
	}
	e.add(line, text)
}

// isFourDigits keeps years apart from days: 9999 against 9.
func isFourDigits(text string, i int) bool {
	from, to := i, i
	for from > 0 && text[from-1] >= '0' && text[from-1] <= '9' {
		from--
	}
	for to < len(text) && text[to] >= '0' && text[to] <= '9' {
		to++
	}
	return to-from >= 4 && i-from < 4
}

func (s *columnScan) text(c *table.Cell, text string, line int) {
	if len(text) != len(c.Text) {
		s.odd.blanks.add(line, c.Text)
	}
	if s.values == nil || s.days != nil || s.col.Kind == table.KindBool {
		s.odd.text.add(line, text)
		return
	}
	n := len(text)
	s.texts++
	s.textBytes += int64(n)
	if s.texts == 1 || n < s.short {
		s.short = n
	}
	s.long = max(s.long, n)
	switch first := text[0]; {
	case first >= '0' && first <= '9' || first == '-' || first == '(' || first == '$' || first == '+':
		if _, ok := table.ParseNumber(text, s.col.DecimalComma); ok {
			s.numeric++
			s.odd.number.add(line, text)
		} else if _, ok := table.ParseDate(text, ""); ok {
			s.odd.date.add(line, text)
		}
	}
	s.lookForTrouble(text, line)
}

// lookForTrouble finds bytes that were decoded with the wrong encoding, and
// characters nobody can see.
func (s *columnScan) lookForTrouble(text string, line int) {
	for i, c := range text {
		switch {
		case c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7F:
			s.odd.ctl.add(line, "")
			return
		case c < utf8.RuneSelf:
		case mojibake(text[i:]):
			s.odd.mojibake.add(line, text)
			return
		}
	}
}

// mojibake recognises what UTF-8 read as windows-1252 looks like, and the
// replacement character.
func mojibake(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	next, _ := utf8.DecodeRuneInString(s[n:])
	switch r {
	case utf8.RuneError:
		return true
	case 'Ã':
		return next >= 0x80 && next <= 0xBF || next == '‰' || next == '¶' || next == '¼' || next == 'Ÿ' || next == '„' || next == '–' || next == 'œ'
	case 'Â':
		return next >= 0xA0 && next <= 0xBF
	case 'â':
		return next == '€' || next == 0x80 || next == '„'
	case 'ï':
		return next == '»' || next == '¿'
	}
	return false
}
