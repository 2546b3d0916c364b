package table

import (
	"slices"
	"strings"
)

// maxHeld bounds the rows held back as possible footnotes.
const maxHeld = 64

// tail marks the rows of one iteration and hands them on. It holds back rows
// with a single text until it is known whether data follow: under the data
// they are footnotes, between them section labels.
type tail struct {
	s       *Sheet
	yield   func(*Row, error) bool
	row     Row
	sums    runningSums
	held    []Row
	stopped bool
	line    int  // of the row before
	total   bool // the row before was a total
}

func newTail(s *Sheet, yield func(*Row, error) bool) *tail {
	return &tail{s: s, yield: yield, sums: newRunningSums(s.Columns)}
}

// push takes one raw row and reports whether more are wanted.
func (t *tail) push(r *rawRow) bool {
	s := t.s
	filled := s.fill(&t.row, r)
	if s.records {
		return t.hand(&t.row) // a record of nulls is one too
	}
	if !filled {
		return true
	}
	if s.isHeaderAgain(&t.row) {
		t.row.Kind = RowNote
		s.live.add(NoteHeader, "", r.line, "%d line{|s} {repeats|repeat} the header and {was|were} left out of the data")
		return t.release(RowSection) && t.hand(&t.row)
	}
	gap := r.line > t.line+1 || len(t.held) > 0 || t.total
	t.line = r.line
	if label, lone := loneText(&t.row); lone && (s.loneLabels || isFootnote(label) && (gap || len(r.cells) < s.fields)) {
		t.sums.classify(&t.row, s)
		if t.row.Kind == RowData {
			return t.hold(label)
		}
	}
	if !t.release(RowSection) {
		return false
	}
	t.sums.classify(&t.row, s)
	t.total = t.row.Kind == RowTotal
	if t.row.Kind == RowData {
		t.sums.add(&t.row)
	} else {
		t.sums.take(&t.row)
	}
	return t.hand(&t.row)
}

func (t *tail) hand(row *Row) bool {
	if !t.yield(row, nil) {
		t.stopped = true
		return false
	}
	return true
}

// hold keeps a copy of the row for later.
func (t *tail) hold(label string) bool {
	if len(t.held) == maxHeld && !t.release(RowSection) {
		return false
	}
	row := t.row
	row.Label = label
	row.Cells = slices.Clone(row.Cells)
	t.held = append(t.held, row)
	return true
}

// release hands on what was held back, as kind.
func (t *tail) release(kind RowKind) bool {
	for i := range t.held {
		row := &t.held[i]
		if row.Kind = kind; isFootnote(row.Label) {
			row.Kind = RowNote
		}
		if row.Kind == RowSection {
			t.sums.section = row.Label
		}
		t.s.live.add(NoteFooter, "", row.Line, "%d line{|s} {is a label or note|are labels or notes} between or under the data and {was|were} left out of it")
		if !t.hand(row) {
			return false
		}
	}
	t.held = t.held[:0]
	return true
}

func (t *tail) flush() { t.release(RowNote) }

// loneText returns the only value of the row, when it is a text in the first
// column.
func loneText(row *Row) (string, bool) {
	if len(row.Cells) < 2 || row.Cells[0].Type != Text {
		return "", false
	}
	for i := 1; i < len(row.Cells); i++ {
		if c := &row.Cells[i]; c.Type != Null || c.Text != "" {
			return "", false
		}
	}
	return row.Cells[0].Value(), true
}

func isFootnote(s string) bool {
	s = strings.ToLower(s)
	if len(s) > 60 || strings.HasPrefix(s, "*") {
		return true
	}
	for _, w := range [...]string{
		"note:", "note ", "notes:", "source", "quelle", "fuente", "generated", "prepared", "printed", "exported", "report ",
		"confidential", "page ", "seite ", "as of", "stand:", "disclaimer", "copyright", "©", "footnote", "end of ",
	} {
		if strings.HasPrefix(s, w) {
			return true
		}
	}
	return false
}

// isHeaderAgain reports whether the row repeats the header's texts.
func (s *Sheet) isHeaderAgain(row *Row) bool {
	if len(s.header) < 2 || len(row.Cells) == 0 || row.Cells[0].Text != s.header[0] {
		return false
	}
	for i := range row.Cells {
		if row.Cells[i].Text != s.header[i] {
			return false
		}
	}
	return true
}

// judgeLoneLabels decides from a sample whether a row with a single text can
// be a label: only in a table whose records are mostly full.
func judgeLoneLabels(data []sampleRow, columns int) bool {
	if columns < 3 {
		return false
	}
	lone := 0
	var fills []int
	for i := range data {
		if n := data[i].filled(); n > 1 {
			fills = append(fills, n)
		} else if n == 1 {
			lone++
		}
	}
	if len(fills) == 0 || lone > len(fills) {
		return false
	}
	slices.Sort(fills)
	return fills[len(fills)/20]*5 >= columns*2 && fills[len(fills)/20] >= 2
}
