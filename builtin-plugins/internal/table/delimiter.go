package table

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path"
	"strings"
)

// sniffRecords is how many records are cut to find the delimiter.
const sniffRecords = 400

// sniffDialect finds newline, delimiter and width from decoded text. whole
// says that text is all there is.
func (d *dialect) sniffDialect(name string, text []byte, whole bool) {
	d.newline = '\n'
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') >= 0 {
		d.newline = '\r'
	}
	if d.declared(text) {
		return
	}
	usual := byte(0)
	switch strings.ToLower(path.Ext(name)) {
	case ".csv":
		usual = ','
	case ".tsv", ".tab":
		usual = '\t'
	}
	d.delim, d.width = 0, 1 // no text holds it: one column
	best := measure(text, 0, d.newline, whole).score()
	for _, delim := range [...]byte{'\t', ';', '|', ','} {
		c := measure(text, delim, d.newline, whole)
		if c.tooWide {
			d.delim, d.width = delim, maxColumns
			return
		}
		score := c.score()
		if delim == usual {
			score *= 1.02 // only where the text itself is undecided
		}
		if c.width >= 2 && score > best {
			best, d.delim, d.width, d.spaced = score, delim, c.width, c.spaced()
		}
	}
}

// declared honours Excel's own first line "sep=;".
func (d *dialect) declared(text []byte) bool {
	if len(text) < 6 || !bytes.EqualFold(text[:4], []byte("sep=")) || text[5] != '\r' && text[5] != '\n' {
		return false
	}
	d.delim = text[4]
	d.width = max(1, measure(text[5:], d.delim, d.newline, true).width)
	return true
}

// cut is how a text looks when divided by one delimiter; 0 leaves its lines
// whole.
type cut struct {
	delim byte
	// width is the most frequent number of fields ≥ 2, or 1 for whole lines.
	width   int
	records []cutRecord
	tooWide bool // the first line has more columns than a table can have
}

// cutRecord is one record of a cut.
type cutRecord struct {
	width int
	sense float64 // how much its fields look like values: 0 to 1
	// spaced and marks count the separators that have a blank behind them, as
	// in a sentence, and a digit on both sides, as in a number.
	spaced, marks int
}

func measure(text []byte, delim, newline byte, whole bool) *cut {
	s := newSplitter(bytes.NewReader(text), delim, newline)
	s.buf = make([]byte, len(text)+1) // all of it at once
	s.wholeLines = delim == 0
	c := &cut{delim: delim, width: 1}
	counts := map[int]int{}
	for rec := 0; rec < sniffRecords; rec++ {
		if err := s.next(); err != nil {
			c.tooWide = rec == 0 && errors.Is(err, errManyColumns)
			break
		}
		if !whole && s.taken >= int64(len(text)) && rec > 0 {
			break
		}
		if s.wholeLines {
			s.fields = append(s.fields[:0], field{to: len(s.text)})
		}
		if s.blank() {
			continue
		}
		c.records = append(c.records, judge(s))
		n := len(s.fields)
		counts[n]++
		if n >= 2 && (c.width < 2 || counts[n] > counts[c.width] || counts[n] == counts[c.width] && n > c.width) {
			c.width = n
		}
	}
	return c
}

// judge looks at the splitter's current record.
func judge(s *splitter) cutRecord {
	r := cutRecord{width: len(s.fields)}
	for i, f := range s.fields {
		text := string(s.text[f.from:f.to])
		if f.quoted {
			r.sense++
		} else {
			r.sense += sense(text, s.delim)
		}
		if i == 0 || f.quoted || s.fields[i-1].quoted || text == "" {
			continue
		}
		before := byte(0)
		if left := s.fields[i-1]; left.to > left.from {
			before = s.text[left.to-1]
		}
		switch {
		case text[0] == ' ' && before != ' ':
			r.spaced++
		case text[0]-'0' <= 9 && before-'0' <= 9:
			r.marks++
		}
	}
	r.sense /= float64(len(s.fields))
	if s.lazy {
		r.sense /= 2 // a quote in mid-field, as after a cut in the wrong place
	}
	return r
}

// sense says how much a field cut off by delim looks like one value.
func sense(text string, delim byte) float64 {
	v := trimBlanks(text)
	if v == "" || isNullWord(v) {
		return 1
	}
	if _, ok := ParseNumber(v, false); ok {
		return 1
	}
	for i := range len(v) {
		switch c := v[i]; {
		case c == delim:
		case c == '\t' || c == '|':
			return 0.25
		case c != ';' && c != ',' || i+1 == len(v) || v[i+1] == ' ':
		case c == ',' && i > 0 && v[i-1]-'0' <= 9 && v[i+1]-'0' <= 9:
			// "1,5 kg" is a value, whatever the delimiter.
		default:
			return 0.25 // something was left uncut
		}
	}
	return 1
}

// score tells how good a cut is. It judges the body: the records from the
// first to the last that have the usual width. What lies around it, titles
// and notes, may have any separators.
func (c *cut) score() float64 {
	first, last, usual := -1, -1, 0
	var fit, sense, spaced, marks, seps float64
	for i := range c.records {
		if c.records[i].width != c.width {
			continue
		}
		if first < 0 {
			first = i
		}
		last = i
		usual++
	}
	if usual == 0 {
		return 0
	}
	for i := first; i <= last; i++ {
		r := &c.records[i]
		switch {
		case r.width == c.width:
			fit++
			sense += r.sense
			spaced += float64(r.spaced)
			marks += float64(r.marks)
			seps += float64(r.width - 1)
		case r.width > 1 && r.width < c.width:
			fit += 0.5 // cells may be missing at the end
		}
	}
	sense /= float64(usual)
	inside := fit / float64(last-first+1)
	cover := float64(usual) / float64(len(c.records))
	score := sense * inside * math.Sqrt(cover) * (1 - 1/(2*float64(c.width)))
	if c.width < 2 || usual == len(c.records) {
		return score
	}
	// Not every line has the separators: they may be those of sentences or
	// numbers.
	if marks == seps {
		score /= 2
	}
	return score * (1 - spaced/seps*0.7)
}

// spaced reports whether the file puts blanks behind its separators.
func (c *cut) spaced() bool {
	blanks, seps := 0, 0
	for i := range c.records {
		if r := &c.records[i]; r.width == c.width {
			blanks += r.spaced
			seps += r.width - 1
		}
	}
	return blanks*5 > seps
}

// isSentence recognises a line that is too short for the table because it is
// not one of its records: a title or note as somebody typed it, whose commas
// have a blank behind them or stand in numbers.
func (d *dialect) isSentence(s *splitter) bool {
	if d.spaced || len(s.fields) < 2 || len(s.fields) >= d.width || s.lazy && s.fields[0].quoted {
		return false
	}
	for i, f := range s.fields {
		if f.quoted || f.to == f.from {
			return false
		}
		if i == 0 {
			continue
		}
		before := s.text[s.fields[i-1].to-1]
		if c := s.text[f.from]; c != ' ' && (c-'0' > 9 || before-'0' > 9) {
			return false
		}
	}
	// Numbers alone are not a sentence.
	return bytes.IndexByte(s.text, ' ') >= 0
}

// whole undoes the cutting of the current record.
func (s *splitter) whole() {
	var text []byte
	for i, f := range s.fields {
		if i > 0 {
			text = append(text, s.delim)
		}
		text = append(text, s.text[f.from:f.to]...)
	}
	s.text = text
	s.fields = append(s.fields[:0], field{to: len(text)})
}

func delimName(d byte) string {
	switch d {
	case '\t':
		return "tab"
	case ';':
		return "semicolon"
	case '|':
		return "vertical bar"
	case ',':
		return "comma"
	}
	return fmt.Sprintf("%q", d)
}
