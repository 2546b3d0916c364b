package table

import (
	"context"
	"iter"
	"slices"
	"strings"
)

// Sheet is one table. Its rows can be read any number of times, but not by two
// goroutines at once.
type Sheet struct {
	// Name is the worksheet's name, the key of a json array, or the file's
	// name without its ending.
	Name string
	// Hidden is set for a hidden worksheet.
	Hidden  bool
	Columns []Column
	// HeaderLine is the line of the (lower) header row; 0 when there is none.
	HeaderLine int

	raw   rawReader
	skip  int   // raw rows before the data
	place []int // source column → index in Columns, -1 when left out
	// header has the texts of a single header row, to know it when it comes
	// again.
	header []string
	// fields is how many fields a line of text should have; 0: any number.
	fields int
	// records says that every row is a record by the format itself.
	records bool
	// loneLabels says that a row with a single text is no record.
	loneLabels bool
	fixed      noteBook // found on opening
	live       noteBook // found by the latest iteration
}

// Notes returns what was decided on opening and what the latest iteration of
// [Sheet.Rows] came across, as far as it got.
func (s *Sheet) Notes() []Note {
	return append(s.fixed.list(), s.live.list()...)
}

// Column returns the column of that name, in any case.
func (s *Sheet) Column(name string) (Column, bool) {
	i := slices.IndexFunc(s.Columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		return Column{}, false
	}
	return s.Columns[i], true
}

// Rows streams the rows under the header from the first on, blank ones left
// out. The row is reused: see [Row]. An error ends the iteration; cancelling
// ctx ends it with ctx's error.
func (s *Sheet) Rows(ctx context.Context) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		s.live = noteBook{}
		tail := newTail(s, yield)
		seen := 0
		err := s.raw.read(ctx, &s.live, func(r *rawRow) bool {
			if seen++; seen <= s.skip {
				return true
			}
			return tail.push(r)
		})
		if err == nil {
			tail.flush()
			return
		}
		if !tail.stopped {
			yield(nil, err)
		}
	}
}

// fill interprets a raw row in the light of the columns. It reports false for
// a row without any value in them.
func (s *Sheet) fill(row *Row, r *rawRow) bool {
	row.Line, row.Offset, row.Hidden = r.line, r.offset, r.hidden
	row.Kind, row.Confirmed, row.Label = RowData, false, ""
	if row.Cells == nil {
		row.Cells = make([]Cell, len(s.Columns))
	}
	if s.fields > 1 && len(r.cells) != s.fields {
		s.live.add(NoteRagged, "", r.line, "%d line{|s} {has|have} more or fewer cells than the others")
	}
	any, outside := false, false
	if len(r.cells) < len(s.place) {
		clear(row.Cells)
	}
	for i := range r.cells {
		c := &r.cells[i]
		if i >= len(s.place) || s.place[i] < 0 {
			outside = outside || c.Type != Null && strings.TrimSpace(c.Text) != ""
			continue
		}
		j := s.place[i]
		out := &row.Cells[j]
		*out = *c
		s.Columns[j].interpret(out)
		if out.Type != Null || out.flags&(flagError|flagNoValue) != 0 {
			any = true
		} else if c.Type != Null && trimBlanks(c.Text) != "" {
			any = true // a word for missing is not a blank row
		}
		if out.flags&(flagError|flagNoValue|flagDashZero) != 0 {
			s.noteCell(out, &s.Columns[j], r.line)
		}
	}
	if outside {
		s.live.add(NoteLateColumns, "", r.line, "%d line{|s} {has|have} values outside the table's columns; they were left out")
	}
	return any
}

func (s *Sheet) noteCell(c *Cell, col *Column, line int) {
	switch {
	case c.flags&flagError != 0:
		s.live.add(NoteErrorCells, col.Name, line, "%d cell{|s} {holds|hold} a spreadsheet error and {was|were} read as missing")
	case c.flags&flagNoValue != 0:
		s.live.add(NoteNotComputed, col.Name, line, "%d formula{|s} {has|have} no calculated value and {was|were} read as missing")
	case c.flags&flagDashZero != 0:
		s.live.add(NoteDash, col.Name, line, "%d dash{|es} {was|were} read as zero")
	}
}

// interpret gives a text cell the type its column suggests.
func (col *Column) interpret(c *Cell) {
	if c.Type != Text {
		return
	}
	if col.Kind.Numeric() {
		if n, ok := parseSimple(c.Text); ok && (n.scale != 3 || !col.DecimalComma) {
			c.setNumber(n)
			return
		}
	}
	text := trimBlanks(c.Text)
	if text == "" {
		c.Type = Null
		return
	}
	if isDash(text) && col.DashIsZero {
		c.setNumber(Num{})
		c.flags |= flagDashZero
		return
	}
	if isNullWord(text) {
		c.Type = Null
		if text[0] == '#' {
			c.flags |= flagError
		}
		return
	}
	switch col.Kind {
	case KindInteger, KindDecimal:
		if n, ok := ParseNumber(text, col.DecimalComma); ok {
			c.setNumber(n.Num)
			if n.Percent {
				c.flags |= flagPercent
			}
		}
	case KindDate, KindTime:
		if d, ok := parseColumnDate(text, col); ok {
			c.setDate(d)
		}
	case KindBool:
		if b, ok := parseBool(text); ok {
			c.Type, c.coef = Bool, 0
			if b {
				c.coef = 1
			}
		}
	}
}

func (c *Cell) setNumber(n Num) {
	c.Type, c.coef, c.scale, c.big = Number, n.coef, n.scale, n.big
}

func (c *Cell) setDate(d DateText) {
	c.Type, c.coef, c.nsec = Date, d.Time.Unix(), int32(d.Time.Nanosecond())
	if d.Clock {
		c.flags |= flagClock
	}
}

func parseColumnDate(text string, col *Column) (DateText, bool) {
	if col.compactDates {
		if d, ok := parseCompact(text); ok {
			return d, true
		}
	}
	return ParseDate(text, col.DateOrder)
}

// parseCompact reads 20260131.
func parseCompact(s string) (DateText, bool) {
	_, ok := digits(s)
	if !ok || len(s) != 8 {
		return DateText{}, false
	}
	return parseISO(s[:4] + "-" + s[4:6] + "-" + s[6:])
}

func isDash(s string) bool {
	switch s {
	case "-", "–", "—", "−", "--":
		return true
	}
	return false
}

// isNullWord reports whether s is a word that people and programs write for a
// missing value. s has no blanks around it.
func isNullWord(s string) bool {
	switch len(s) {
	case 0:
		return true
	case 1:
		return s == "-" || s == "?"
	}
	switch s[0] {
	case 'n', 'N', '#', '<', '-', '\\':
	default:
		return isDash(s)
	}
	if len(s) > 13 {
		return false
	}
	switch strings.ToLower(s) {
	case "na", "n/a", "n.a.", "n.a", "null", "none", "nil", "nan", "<na>", "<null>", "\\n", "--", "---", "-nan",
		"#n/a", "#na", "#null!", "#ref!", "#value!", "#div/0!", "#name?", "#num!", "#spill!", "#calc!", "#getting_data":
		return true
	}
	return false
}

func parseBool(s string) (value, ok bool) {
	if len(s) > 5 {
		return false, false
	}
	switch strings.ToLower(s) {
	case "true", "yes", "y", "t", "ja", "oui", "si", "sí", "wahr", "vrai":
		return true, true
	case "false", "no", "n", "f", "nein", "non", "faux":
		return false, true
	}
	return false, false
}
