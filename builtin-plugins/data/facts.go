package data

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/profile"
	"github.com/cowork-host/cowork/pluginsdk"
)

// maxFactColumns bounds the facts of a very wide table; the workbook has all.
const maxFactColumns = 1000

// columnsTop is the row of the sheet "Columns" above its first column.
const columnsTop = 4

// facts returns rows, columns, duplicate_rows and those of every column; with
// several sheets each name starts with the sheet's and an exclamation mark.
func facts(p *profile.Book, file, book string) []pluginsdk.Fact {
	var out []pluginsdk.Fact
	row := columnsTop
	for i, s := range p.Sheets {
		f := factWriter{file: file, book: book, format: p.Format, sheet: s}
		if len(p.Sheets) > 1 {
			f.prefix = s.Name + "!"
		}
		overview := func(col string) string { return fmt.Sprintf("%s!Overview!%s%d", book, col, 5+i) }
		f.integer("rows", s.Rows, overview("B"), true)
		f.integer("columns", int64(len(s.Columns)), overview("C"), true)
		f.integer("duplicate_rows", s.Duplicates, overview("G"), s.DuplicatesExact)
		for j, c := range s.Columns {
			if row++; j < maxFactColumns {
				f.column(c, row)
			}
		}
		out = append(out, f.facts...)
	}
	return out
}

type factWriter struct {
	file, book, format, prefix string
	sheet                      *profile.Sheet
	facts                      []pluginsdk.Fact
}

func (f *factWriter) add(name, value string, typ pluginsdk.FactType, source string, exact bool) *pluginsdk.Fact {
	f.facts = append(f.facts, pluginsdk.Fact{
		Name: f.prefix + name, Value: value, Type: typ, Source: source, Approximate: !exact,
	})
	return &f.facts[len(f.facts)-1]
}

func (f *factWriter) integer(name string, n int64, source string, exact bool) {
	f.add(name, strconv.FormatInt(n, 10), pluginsdk.FactInteger, source, exact)
}

// origin names the cell or line of the source that holds a value.
func (f *factWriter) origin(c *profile.Column, line int) string {
	if f.format == "xlsx" {
		return fmt.Sprintf("%s!%s!%s%d", f.file, f.sheet.Name, c.Ref, line)
	}
	return fmt.Sprintf("%s:%d", f.file, line)
}

func (f *factWriter) column(c *profile.Column, row int) {
	cell := func(col string) string { return fmt.Sprintf("%s!Columns!%s%d", f.book, col, row) }
	f.integer(c.Name+".missing", c.Missing, cell("F"), true)
	f.integer(c.Name+".distinct", c.Distinct, cell("I"), c.DistinctExact)
	if d := c.Dates; d != nil {
		f.add(c.Name+".min", dateValue(d.Min, d.Clock), pluginsdk.FactDate, f.origin(c, d.MinLine), true)
		f.add(c.Name+".max", dateValue(d.Max, d.Clock), pluginsdk.FactDate, f.origin(c, d.MaxLine), true)
	}
	n := c.Numbers
	if n == nil {
		return
	}
	unit := c.Unit
	switch {
	case c.Percent:
		unit = "%"
	case c.Currency != "":
		unit = c.Currency
	}
	number := func(name, value, source string) {
		if value != "" {
			f.add(c.Name+"."+name, value, pluginsdk.FactDecimal, source, true).Unit = unit
		}
	}
	number("min", n.Min, f.origin(c, n.MinLine))
	number("max", n.Max, f.origin(c, n.MaxLine))
	number("mean", n.Mean, cell("R"))
	number("std", n.Std, cell("S"))
	f.integer(c.Name+".outliers_iqr", n.OutliersIQR(), cell("X"), n.Exact)
}

func dateValue(t time.Time, clock bool) string {
	if clock {
		return t.Format(time.RFC3339)
	}
	return t.Format("2006-01-02")
}

// brief sums the profile up in Markdown, for a reader without a model.
func brief(p *profile.Book) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Profile of %s\n\n", inline(p.File))
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "- %s\n", inline(n.Text))
	}
	if len(p.Notes) > 0 {
		b.WriteString("\n")
	}
	for i, s := range p.Sheets {
		if i == 20 {
			fmt.Fprintf(&b, "\n%d more sheets are in the workbook.\n", len(p.Sheets)-i)
			break
		}
		if len(p.Sheets) > 1 {
			fmt.Fprintf(&b, "\n## %s\n\n", inline(s.Name))
		}
		briefSheet(&b, s)
	}
	b.WriteString("\nRows are data rows: blank lines, titles, notes and recognised total lines are not counted. " +
		"Quantiles interpolate linearly (type 7); the standard deviation is a sample's.\n")
	return b.String()
}

func briefSheet(b *strings.Builder, s *profile.Sheet) {
	about := ""
	if !s.DuplicatesExact {
		about = "about "
	}
	fmt.Fprintf(b, "%d rows, %d columns, %s%d duplicate rows", s.Rows, len(s.Columns), about, s.Duplicates)
	if s.Totals > 0 {
		fmt.Fprintf(b, "; %d total lines left out", s.Totals)
	}
	b.WriteString(".\n\n")
	if len(s.Findings) == 0 {
		b.WriteString("Nothing looks wrong.\n")
		return
	}
	for i, f := range s.Findings {
		if i == 10 {
			fmt.Fprintf(b, "- and %d more findings in the workbook\n", len(s.Findings)-i)
			break
		}
		where := ""
		if f.Column != "" {
			where = " " + inline(f.Column) + ":"
		}
		fmt.Fprintf(b, "- **%s**%s %s", f.Severity, where, inline(f.Title))
		if len(f.Lines) > 0 {
			fmt.Fprintf(b, " (line %s)", joinInts(f.Lines))
		}
		if f.Action != "" {
			fmt.Fprintf(b, " — %s", f.Action)
		}
		b.WriteString("\n")
	}
}

func joinInts(l []int) string {
	parts := make([]string, len(l))
	for i, n := range l {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ", ")
}

// inline keeps text from the data from being read as Markdown or HTML.
func inline(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ", "`", "'", "<", "&lt;", ">", "&gt;", "*", `\*`, "[", `\[`, "|", `\|`, "_", `\_`).Replace(s)
}
