package table_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

func source(name, text string) table.Source {
	return table.Source{Name: name, R: bytes.NewReader([]byte(text)), Size: int64(len(text))}
}

func open(t testing.TB, name, text string) *table.Book {
	t.Helper()
	b, err := table.Open(t.Context(), source(name, text), table.Options{})
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// show writes a cell in a compact way: its value, with a mark for its type.
func show(c *table.Cell) string {
	switch c.Type {
	case table.Null:
		if c.ErrorValue() {
			return "∅" + c.Text
		}
		return "∅"
	case table.Number:
		d, _ := c.Decimal()
		s := d.Text('f')
		if c.Percent() {
			s += "%"
		}
		return "#" + s
	case table.Date:
		d, _ := c.Time()
		if c.HasClock() {
			return "@" + d.Format("2006-01-02T15:04:05")
		}
		return "@" + d.Format("2006-01-02")
	case table.Bool:
		v, _ := c.Bool()
		return fmt.Sprintf("?%t", v)
	}
	return c.Value()
}

// rows reads a sheet as lines like "3 data: Rent|#500".
func rows(t testing.TB, s *table.Sheet) []string {
	t.Helper()
	var out []string
	for r, err := range s.Rows(t.Context()) {
		if err != nil {
			t.Fatalf("rows of %s: %v", s.Name, err)
		}
		cells := make([]string, len(r.Cells))
		for i := range r.Cells {
			cells[i] = show(&r.Cells[i])
		}
		out = append(out, fmt.Sprintf("%d %s: %s", r.Line, r.Kind, strings.Join(cells, "|")))
	}
	return out
}

// header lists the columns like "Amount:decimal".
func header(s *table.Sheet) string {
	var out []string
	for _, c := range s.Columns {
		out = append(out, c.Name+":"+string(c.Kind))
	}
	return strings.Join(out, ", ")
}

func noteCodes(notes []table.Note) map[table.NoteCode]table.Note {
	out := map[table.NoteCode]table.Note{}
	for _, n := range notes {
		out[n.Code] = n
	}
	return out
}
