package table

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// sheetReader streams the rows of one worksheet.
type sheetReader struct {
	w      *workbook
	ws     worksheet
	file   *zip.File
	merged map[int][]span
}

// merges implements merger.
func (r *sheetReader) merges(line int) []span { return r.merged[line] }

// readMerges finds the merged cells of the first rows, which are written
// behind all cells.
func (r *sheetReader) readMerges(ctx context.Context) error {
	r.merged = map[int][]span{}
	n := 0
	return r.w.scan(r.file.Name, func(s *xmlScanner, tok xmlToken) (bool, error) {
		if n++; n%65536 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		if tok != xmlStart || string(s.name) != "mergeCell" {
			return true, nil
		}
		from, to, _ := bytes.Cut(s.attr("ref"), []byte{':'})
		c1, r1, ok1 := cellRef(from)
		c2, _, ok2 := cellRef(to)
		if ok1 && ok2 && c2 > c1 && len(r.merged) < 10_000 {
			r.merged[r1] = append(r.merged[r1], span{from: c1, to: c2})
		}
		return true, nil
	})
}

// cellRef reads "C7" as column 2 and row 7.
func cellRef(b []byte) (col, row int, ok bool) {
	i := 0
	for i < len(b) && (b[i] >= 'A' && b[i] <= 'Z' || b[i] >= 'a' && b[i] <= 'z' || b[i] == '$') {
		if b[i] != '$' {
			if col = col*26 + int(b[i]|0x20-'a') + 1; col > maxColumns {
				return 0, 0, false
			}
		}
		i++
	}
	for ; i < len(b); i++ {
		if b[i] == '$' {
			continue
		}
		if b[i]-'0' > 9 || row > 1<<24 {
			return 0, 0, false
		}
		row = row*10 + int(b[i]-'0')
	}
	return col - 1, row, col > 0
}

// read implements rawReader.
func (r *sheetReader) read(ctx context.Context, notes *noteBook, fn func(*rawRow) bool) error {
	p, err := r.w.arc.open(r.file)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	run := sheetRun{r: r, s: newXMLScanner(p), shared: map[string]bool{}}
	for n := 0; ; {
		tok, err := run.s.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return r.w.partError("sheet "+r.ws.name, err)
		case tok == xmlEnd && string(run.s.name) == "sheetData":
			return nil
		case tok != xmlStart || string(run.s.name) != "row":
			continue
		}
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := run.readRow(); err != nil {
			return r.w.partError("sheet "+r.ws.name, err)
		}
		if !run.anything {
			continue
		}
		if run.row.hidden {
			notes.add(NoteHidden, "", run.row.line, "%d hidden row{|s} {was|were} read like the others")
		}
		run.row.offset = p.offset()
		if !fn(&run.row) {
			return nil
		}
	}
}

// sheetRun is one pass over a worksheet.
type sheetRun struct {
	r        *sheetReader
	s        *xmlScanner
	row      rawRow
	anything bool
	shared   map[string]bool // shared formulas: is it a sum over cells above
	value    []byte
	formula  []byte
}

func (x *sheetRun) readRow() error {
	line := x.row.line + 1
	if b := x.s.attr("r"); b != nil {
		n, err := strconv.Atoi(string(b))
		if err != nil || n < 1 || n > 1<<24 {
			return fmt.Errorf("row %q: %w", b, errXMLSyntax)
		}
		line = n
	}
	h := x.s.attr("hidden")
	x.row.hidden = string(h) == "1" || string(h) == "true"
	x.row.line, x.row.cells, x.anything = line, x.row.cells[:0], false
	for {
		tok, err := x.s.next()
		if err != nil {
			return unexpectedEnd(err)
		}
		switch {
		case tok == xmlEnd && string(x.s.name) == "row":
			return nil
		case tok == xmlStart && string(x.s.name) == "c":
			if err := x.readCell(); err != nil {
				return err
			}
		}
	}
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (x *sheetRun) readCell() error {
	col := len(x.row.cells)
	if b := x.s.attr("r"); b != nil {
		c, _, ok := cellRef(b)
		if !ok {
			return fmt.Errorf("cell %q: %w", b, errXMLSyntax)
		}
		col = c
	}
	if col >= maxColumns {
		return errManyColumns
	}
	typ := string(x.s.attr("t"))
	style := numberStyle{}
	if n, err := strconv.Atoi(string(x.s.attr("s"))); err == nil && n >= 0 && n < len(x.r.w.styles) {
		style = x.r.w.styles[n]
	}
	flags, hasValue, err := x.cellBody(col)
	if err != nil {
		return err
	}
	for len(x.row.cells) <= col {
		x.row.cells = append(x.row.cells, Cell{})
	}
	c := &x.row.cells[col]
	*c = Cell{flags: flags}
	if !hasValue {
		if flags&flagFormula != 0 {
			c.flags |= flagNoValue
			x.anything = true
		}
		return nil
	}
	x.setCell(c, typ, style)
	if c.Type != Null || c.flags&flagError != 0 {
		x.anything = true
	}
	return nil
}

// cellBody reads up to the cell's end: its value, formula and inline text.
func (x *sheetRun) cellBody(col int) (flags cellFlags, hasValue bool, err error) {
	x.value, x.formula = x.value[:0], x.formula[:0]
	in := byte(0)
	share, phonetic := "", 0
	for {
		tok, err := x.s.next()
		if err != nil {
			return 0, false, unexpectedEnd(err)
		}
		switch tok {
		case xmlStart:
			in = 0
			switch string(x.s.name) {
			case "v":
				in, hasValue = 'v', true
			case "t":
				if phonetic == 0 {
					in = 'v'
					hasValue = true
				}
			case "rPh":
				phonetic++
			case "f":
				in = 'f'
				flags |= flagFormula
				if string(x.s.attr("t")) == "shared" {
					share = string(x.s.attr("si"))
				}
			}
		case xmlText:
			switch in {
			case 'v':
				x.value = x.s.content(x.value)
			case 'f':
				x.formula = x.s.content(x.formula)
			}
		case xmlEnd:
			in = 0
			switch string(x.s.name) {
			case "rPh":
				phonetic--
			case "c":
				if flags&flagFormula != 0 && x.sumsColumn(col, share) {
					flags |= flagColumnSum
				}
				return flags, hasValue, nil
			}
		}
	}
}

// sumsColumn recognises =SUM(B2:B9) in column B.
func (x *sheetRun) sumsColumn(col int, share string) bool {
	if len(x.formula) == 0 {
		return share != "" && x.shared[share]
	}
	f := strings.ToUpper(string(x.formula))
	args, ok := strings.CutPrefix(f, "SUM(")
	if !ok {
		if args, ok = strings.CutPrefix(f, "SUBTOTAL("); ok {
			_, args, ok = strings.Cut(args, ",")
		}
	}
	sum := false
	if ok {
		from, rest, isRange := strings.Cut(args, ":")
		to := strings.TrimRight(rest, ") ")
		c1, _, ok1 := cellRef([]byte(from))
		c2, _, ok2 := cellRef([]byte(to))
		sum = isRange && ok1 && ok2 && c1 == col && c2 == col
	}
	if share != "" && len(x.shared) < 100_000 {
		x.shared[share] = sum
	}
	return sum
}

// setCell turns the text of a value into a cell.
func (x *sheetRun) setCell(c *Cell, typ string, style numberStyle) {
	v := x.value
	c.flags |= flagNative
	switch typ {
	case "s":
		i, err := strconv.Atoi(string(v))
		if err == nil && i >= 0 && i < len(x.r.w.strings) {
			c.setText(x.r.w.strings[i])
		}
	case "str", "inlineStr":
		c.setText(excelText(v))
	case "b":
		c.Type, c.Text = Bool, "FALSE"
		if string(v) == "1" || string(v) == "true" {
			c.coef, c.Text = 1, "TRUE"
		}
	case "e":
		c.Text = string(v)
		c.flags |= flagError
	case "d":
		c.setText(string(v))
		if d, ok := parseISO(c.Text); ok {
			c.setDate(d)
		}
	default:
		x.setNumber(c, v, style)
	}
}

// setText leaves the type to the column.
func (c *Cell) setText(s string) {
	c.flags &^= flagNative
	if c.Text = s; s != "" {
		c.Type = Text
	}
}

func (x *sheetRun) setNumber(c *Cell, v []byte, style numberStyle) {
	n, ok := parseSimple(string(v))
	if !ok || len(v) > 15 {
		f, err := strconv.ParseFloat(strings.TrimSpace(string(v)), 64)
		if err != nil {
			c.setText(string(v))
			return
		}
		if n, ok = NumFromFloat(f); !ok {
			c.setText(string(v))
			return
		}
	}
	switch style.kind {
	case styleDate, styleDateTime, styleClock:
		if x.setSerial(c, n.Float(), style.kind) {
			return
		}
	case stylePercent:
		n = n.timesHundred()
		c.flags |= flagPercent
	}
	c.setNumber(n)
	c.Text = n.String()
	if c.flags&flagPercent != 0 {
		c.Text += "%"
	}
}

// setSerial reads a day number; a number below one is a time of day.
func (x *sheetRun) setSerial(c *Cell, serial float64, kind styleKind) bool {
	t, ok := serialTime(serial, x.r.w.date1904)
	if !ok {
		return false
	}
	if serial < 1 && kind != styleDate && !x.r.w.date1904 {
		c.setText(t.Format("15:04:05"))
		return true
	}
	d := DateText{Time: t, Clock: t.Hour()|t.Minute()|t.Second()|t.Nanosecond() != 0}
	c.setDate(d)
	c.Text = dateString(t, d.Clock)
	return true
}

// dateString writes a date in ISO form.
func dateString(t time.Time, clock bool) string {
	if clock {
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02")
}

// timesHundred turns a fraction into percent points, without trailing zeros.
func (n Num) timesHundred() Num {
	d := n.Decimal()
	d.Exponent += 2
	if d.Exponent < 0 {
		d.Reduce(d)
	}
	return numFromDecimal(d)
}
