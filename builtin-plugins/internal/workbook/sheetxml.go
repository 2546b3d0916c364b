package workbook

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// sheetXML appends rows as the file format wants them.
type sheetXML struct {
	buf  []byte
	cols []string
	n    int // rows so far
	num  []byte
	stat Written
}

func newSheetXML(columns int) *sheetXML {
	x := &sheetXML{buf: make([]byte, 0, 1<<17), cols: make([]string, columns)}
	for i := range x.cols {
		x.cols[i] = ColumnName(i)
	}
	return x
}

func (x *sheetXML) row(r *Row) error {
	x.n++
	if len(r.Cells) == 0 && r.Height == 0 {
		return nil
	}
	for len(x.cols) < len(r.Cells) {
		x.cols = append(x.cols, ColumnName(len(x.cols)))
	}
	x.num = strconv.AppendInt(x.num[:0], int64(x.n), 10)
	x.buf = append(append(append(x.buf, `<row r="`...), x.num...), '"')
	if r.Height > 0 {
		x.buf = append(x.buf, ` ht="`...)
		x.buf = strconv.AppendFloat(x.buf, r.Height, 'f', -1, 64)
		x.buf = append(x.buf, `" customHeight="1"`...)
	}
	x.buf = append(x.buf, '>')
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.kind == blank && c.style == 0 && c.formula == "" {
			continue
		}
		if err := x.cell(x.cols[i], c); err != nil {
			return fmt.Errorf("cell %s%d: %w", x.cols[i], x.n, err)
		}
	}
	x.buf = append(x.buf, `</row>`...)
	return nil
}

func (x *sheetXML) cell(col string, c *Cell) error {
	x.buf = append(append(append(append(x.buf, `<c r="`...), col...), x.num...), '"')
	if c.style != 0 {
		x.buf = append(x.buf, ` s="`...)
		x.buf = strconv.AppendInt(x.buf, int64(c.style), 10)
		x.buf = append(x.buf, '"')
	}
	if c.kind != blank || c.formula != "" {
		x.stat.Cells++
	}
	if c.formula == "" {
		return x.value(c)
	}
	x.stat.Formulas++
	switch c.kind {
	case blank:
		x.stat.Uncached++
	case text:
		x.buf = append(x.buf, ` t="str"`...)
	case boolean:
		x.buf = append(x.buf, ` t="b"`...)
	case number:
	}
	x.buf = append(x.buf, `><f>`...)
	if len(c.formula) > maxFormula {
		return fmt.Errorf("formula of %d characters is longer than %d", len(c.formula), maxFormula)
	}
	x.formula(c)
	x.buf = append(x.buf, `</f>`...)
	switch c.kind {
	case blank:
	case text:
		x.buf = append(x.buf, `<v>`...)
		x.text(c.text)
		x.buf = append(x.buf, `</v>`...)
	case number, boolean:
		if !isNumber(c.text) {
			return fmt.Errorf("%q is not a number", c.text)
		}
		x.buf = append(append(append(x.buf, `<v>`...), c.text...), `</v>`...)
	}
	x.buf = append(x.buf, `</c>`...)
	return nil
}

func (x *sheetXML) value(c *Cell) error {
	switch c.kind {
	case blank:
		x.buf = append(x.buf, `/>`...)
	case text:
		if keepsBlanks(c.text) {
			x.buf = append(x.buf, ` t="inlineStr"><is><t xml:space="preserve">`...)
		} else {
			x.buf = append(x.buf, ` t="inlineStr"><is><t>`...)
		}
		x.text(c.text)
		x.buf = append(x.buf, `</t></is></c>`...)
	case number, boolean:
		if !isNumber(c.text) {
			return fmt.Errorf("%q is not a number", c.text)
		}
		if c.kind == boolean {
			x.buf = append(x.buf, ` t="b"`...)
		}
		x.buf = append(append(append(x.buf, `><v>`...), c.text...), `</v></c>`...)
	}
	return nil
}

// formula appends the expression with its row numbers filled in.
func (x *sheetXML) formula(c *Cell) {
	f := c.formula
	for i := 0; i < len(f); i++ {
		if n := strings.IndexAny(f[i:], "{&<>"); n != 0 {
			if n < 0 {
				n = len(f) - i
			}
			x.buf = append(x.buf, f[i:i+n]...)
			i += n - 1
			continue
		}
		if f[i] == '{' && i+2 < len(f) && f[i+2] == '}' {
			switch f[i+1] {
			case 'r':
				x.buf = append(x.buf, x.num...)
				i += 2
				continue
			case 'a':
				x.buf = strconv.AppendInt(x.buf, int64(c.a), 10)
				i += 2
				continue
			case 'b':
				x.buf = strconv.AppendInt(x.buf, int64(c.b), 10)
				i += 2
				continue
			}
		}
		x.byte(f[i])
	}
}

func (x *sheetXML) byte(c byte) {
	switch c {
	case '&':
		x.buf = append(x.buf, `&amp;`...)
	case '<':
		x.buf = append(x.buf, `&lt;`...)
	case '>':
		x.buf = append(x.buf, `&gt;`...)
	default:
		x.buf = append(x.buf, c)
	}
}

// text appends s escaped, cut to what a cell holds.
func (x *sheetXML) text(s string) {
	if len(s) > MaxText {
		if n := len(utf16.Encode([]rune(s))); n > MaxText {
			x.stat.Cut++
			mark := fmt.Sprintf(" … [cut: %d characters in all]", n)
			s = clip(s, MaxText-len(mark)) + mark
		}
	}
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\t' || c == '\n' || c >= ' ' && c < utf8.RuneSelf && c != '&' && c != '<' && c != '>' && c != '_' && c != 0x7f:
			i++
			continue
		case c == '_' && !escapeLike(s[i:]):
			i++
			continue
		case c < utf8.RuneSelf:
			x.buf = append(x.buf, s[from:i]...)
			switch {
			case c == '_':
				x.buf = append(x.buf, `_x005F_`...)
			case c < ' ' || c == 0x7f:
				x.buf = fmt.Appendf(x.buf, "_x%04X_", c)
			default:
				x.byte(c)
			}
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || size > 1) && r != 0xFFFE && r != 0xFFFF {
				i += size
				continue
			}
			x.buf = append(append(x.buf, s[from:i]...), "\uFFFD"...)
			i += size
		}
		from = i
	}
	x.buf = append(x.buf, s[from:]...)
}

// keepsBlanks tells whether a reader must be told not to tidy the blanks of s.
func keepsBlanks(s string) bool {
	last := byte(' ')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == ' ' && last == ' ' {
			return true
		}
		last = s[i]
	}
	return last == ' ' && s != ""
}

// escapeLike tells whether s starts with what readers take for an escaped
// character, such as _x000D_.
func escapeLike(s string) bool {
	if len(s) < 7 || s[1] != 'x' || s[6] != '_' {
		return false
	}
	for _, c := range []byte(s[2:6]) {
		if !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
			return false
		}
	}
	return true
}

// isNumber tells whether s is a number as XML Schema's double spells it,
// and no larger than a cell holds.
func isNumber(s string) bool {
	if len(s) > 300 {
		return false
	}
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	digits := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
		digits++
	}
	if i < len(s) && s[i] == '.' {
		for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			digits++
		}
	}
	if digits == 0 {
		return false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '-' || s[i] == '+') {
			i++
		}
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		if n, err := strconv.Atoi(s[from:i]); err != nil || n > 300-digits && s[from-1] != '-' {
			return false
		}
	}
	return i == len(s)
}
