package report

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/profile"
	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

// bookWriter declares the workbook of a profile.
type bookWriter struct {
	p     *profile.Book
	b     *workbook.Book
	st    styles
	found *workbook.Sheet
	cols  *workbook.Sheet
}

type styles struct {
	head, title, sub, section, text, wrap, wrapIn, top, topWhole, name, whole, center, left, number, percent, day, moment, r, note workbook.StyleID
	calcWhole, calcNumber, calcPercent                                                                                             workbook.StyleID
}

// WriteBook writes the profile as an xlsx workbook. What can be derived from
// other cells is a live formula with its value beside it.
func WriteBook(ctx context.Context, w io.Writer, p *profile.Book) (workbook.Written, error) {
	b := workbook.New(workbook.Properties{Title: "Profile of " + p.File, Subject: "Data profile"})
	x := &bookWriter{p: p, b: b}
	x.st = styles{
		head: b.Style(workbook.Style{Role: workbook.Header}), title: b.Style(workbook.Style{Role: workbook.Title}),
		sub: b.Style(workbook.Style{Role: workbook.Subtitle}), section: b.Style(workbook.Style{Role: workbook.Section}),
		text: b.Style(workbook.Style{}), wrap: b.Style(workbook.Style{Wrap: true}),
		wrapIn:   b.Style(workbook.Style{Wrap: true, Indent: 1, Align: workbook.AlignLeft}),
		top:      b.Style(workbook.Style{Wrap: true, Bold: true, Align: workbook.AlignCenter}),
		topWhole: b.Style(workbook.Style{Wrap: true, Format: "#,##0"}),
		left:     b.Style(workbook.Style{Format: "#,##0.######", Align: workbook.AlignLeft}),
		center:   b.Style(workbook.Style{Align: workbook.AlignCenter}),
		name:     b.Style(workbook.Style{Bold: true}),
		whole:    b.Style(workbook.Style{Format: "#,##0"}), number: b.Style(workbook.Style{Format: "#,##0.######"}),
		percent: b.Style(workbook.Style{Format: "0.0%"}), day: b.Style(workbook.Style{Format: workbook.Day, Align: workbook.AlignRight}),
		moment: b.Style(workbook.Style{Format: workbook.DayTime, Align: workbook.AlignRight}),
		r:      b.Style(workbook.Style{Format: "0.000"}), note: b.Style(workbook.Style{Role: workbook.Note}),
		calcWhole:   b.Style(workbook.Style{Role: workbook.Calc, Format: "#,##0"}),
		calcNumber:  b.Style(workbook.Style{Role: workbook.Calc, Format: "#,##0.######"}),
		calcPercent: b.Style(workbook.Style{Role: workbook.Calc, Format: "0.0%"}),
	}
	x.cols, x.found = x.columns(), x.findings()
	b.Add(x.overview())
	b.Add(x.cols)
	b.Add(x.values())
	b.Add(x.outliers())
	b.Add(x.correlations())
	b.Add(x.dates())
	b.Add(x.found)
	return b.Write(ctx, w)
}

// grid is a sheet with a title, a header and prepared rows.
func (x *bookWriter) grid(name, title, sub string, header []string, widths []float64, rows []workbook.Row) *workbook.Sheet {
	s := &workbook.Sheet{
		Name: name, FreezeRows: 4, FreezeColumns: 2, Filter: len(rows) > 0,
		Head: []workbook.Row{
			workbook.Cells(workbook.Text(title).In(x.st.title)),
			workbook.Cells(workbook.Text(sub).In(x.st.sub)),
			{},
		},
		Len:   len(rows),
		Print: workbook.Print{Landscape: true, RepeatRows: 4},
	}
	var h workbook.Row
	for _, t := range header {
		h.Add(workbook.Text(t).In(x.st.head))
	}
	h.Height = 30
	s.Head = append(s.Head, h)
	for _, w := range widths {
		s.Columns = append(s.Columns, workbook.Column{Width: w})
	}
	s.Row = func(i int, row *workbook.Row) { *row = rows[i] }
	return s
}

// float is a number cell; what is not finite is left empty.
func float(f float64) workbook.Cell {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return workbook.Blank()
	}
	return workbook.Number(strconv.FormatFloat(f, 'g', -1, 64))
}

// wrapped is how many lines a text takes in a column of that width. Programs
// differ in measuring text, so it is on the safe side.
func wrapped(s string, width int) int {
	n, at := 1, 0
	for _, w := range strings.Fields(s) {
		l := utf8.RuneCountInString(w)
		if at > 0 && at+1+l > width {
			n, at = n+1, 0
		}
		at += l + 1
		n, at = n+at/(width+2), at%(width+2)
	}
	return min(n, 30)
}

func whole(n int64) workbook.Cell { return workbook.Number(strconv.FormatInt(n, 10)) }

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// The columns of the sheet "Columns", by letter.
const columnsHeaderRows = 4

func (x *bookWriter) columns() *workbook.Sheet {
	header := []string{
		"Sheet", "Column", "Ref", "Type", "Rows", "Missing", "Missing %", "Filled", "Distinct", "Distinct %",
		"Min", "P5", "P25", "Median", "P75", "P95", "Max", "Mean", "Std dev", "Sum",
		"IQR", "Low fence", "High fence", "Outliers IQR", "Outliers %", "Outliers MAD", "Zeros", "Negatives", "Exact",
	}
	widths := []float64{
		16, 24, 6, 10, 10, 10, 11, 10, 10, 11,
		14, 12, 12, 12, 12, 12, 14, 14, 14, 16,
		12, 12, 12, 10, 10, 10, 9, 10, 8,
	}
	var rows []workbook.Row
	for _, s := range x.p.Sheets {
		for _, c := range s.Columns {
			rows = append(rows, x.columnRow(s, c))
		}
	}
	sh := x.grid("Columns", "Columns", "One row per column. Black figures on the right of inputs are formulas; quantiles are of type 7, the standard deviation is a sample's.", header, widths, rows)
	// On paper: what is missing and distinct, the quantiles, the outliers.
	sh.Print.Breaks, sh.Print.RepeatColumns = []int{10, 20}, 2
	last := columnsHeaderRows + max(1, len(rows))
	sh.Conditions = []workbook.Condition{
		{Range: fmt.Sprintf("G5:G%d", last), Bar: "F4B183"},
		{Range: fmt.Sprintf("Y5:Y%d", last), Bar: "9DC3E6"},
		{Range: fmt.Sprintf("AC5:AC%d", last), When: `AC5="no"`, Mark: workbook.Highlight{Color: "9C5700", Fill: "FFEB9C"}},
	}
	return sh
}

func (x *bookWriter) columnRow(s *profile.Sheet, c *profile.Column) workbook.Row {
	st := x.st
	filled := c.Filled(s.Rows)
	var r workbook.Row
	r.Add(
		workbook.Text(s.Name).In(st.text), workbook.Text(c.Name).In(st.name), workbook.Text(c.Ref).In(st.text),
		workbook.Text(string(c.Kind)).In(st.text), whole(s.Rows).In(st.whole), whole(c.Missing).In(st.whole),
		workbook.Formula("IF(E{r}=0,0,F{r}/E{r})", float(ratio(c.Missing, s.Rows))).In(st.calcPercent),
		workbook.Formula("E{r}-F{r}", whole(filled)).In(st.calcWhole), whole(c.Distinct).In(st.whole),
		workbook.Formula("IF(H{r}=0,0,I{r}/H{r})", float(ratio(c.Distinct, filled))).In(st.calcPercent),
	)
	exact := "yes"
	if !c.DistinctExact || c.Numbers != nil && !c.Numbers.Exact {
		exact = "no"
	}
	switch {
	case c.Numbers != nil:
		x.numberCells(&r, c.Numbers, filled)
	case c.Dates != nil:
		style := st.day
		if c.Dates.Clock {
			style = st.moment
		}
		r.Add(workbook.Date(c.Dates.Min).In(style))
		for range 5 {
			r.Add(workbook.Blank())
		}
		r.Add(workbook.Date(c.Dates.Max).In(style))
	}
	for len(r.Cells) < 28 {
		r.Add(workbook.Blank())
	}
	r.Add(workbook.Text(exact).In(st.center))
	return r
}

func (x *bookWriter) numberCells(r *workbook.Row, n *profile.Numbers, filled int64) {
	st := x.st
	q := n.Quantiles
	num := func(s string) workbook.Cell {
		if s == "" {
			return workbook.Blank()
		}
		return workbook.Number(s).In(st.number)
	}
	iqr := q[3] - q[1]
	r.Add(num(n.Min))
	for _, v := range q {
		r.Add(float(v).In(st.number))
	}
	r.Add(
		num(n.Max), num(n.Mean), num(n.Std), num(n.Sum),
		workbook.Formula("O{r}-M{r}", float(iqr)).In(st.calcNumber),
		workbook.Formula("M{r}-1.5*U{r}", float(q[1]-1.5*iqr)).In(st.calcNumber),
		workbook.Formula("O{r}+1.5*U{r}", float(q[3]+1.5*iqr)).In(st.calcNumber),
		whole(n.OutliersIQR()).In(st.whole),
		workbook.Formula("IF(H{r}=0,0,X{r}/H{r})", float(ratio(n.OutliersIQR(), filled))).In(st.calcPercent),
		whole(n.OutliersMAD()).In(st.whole), whole(n.Zeros).In(st.whole), whole(n.Negatives).In(st.whole),
	)
}

func (x *bookWriter) values() *workbook.Sheet {
	var rows []workbook.Row
	for _, s := range x.p.Sheets {
		for _, c := range s.Columns {
			if len(c.Top) > 0 && c.Top[0].Count == 1 && c.Filled(s.Rows) > 3 {
				continue // every value is different
			}
			for _, v := range c.Top {
				value := workbook.Text(v.Text).In(x.st.text)
				if c.Numbers != nil {
					value = workbook.Number(v.Text).In(x.st.left)
				}
				line := workbook.Blank()
				if v.Line > 0 {
					line = workbook.Int(v.Line).In(x.st.whole)
				}
				rows = append(rows, workbook.Cells(
					workbook.Text(s.Name).In(x.st.text), workbook.Text(c.Name).In(x.st.name), value,
					whole(v.Count).In(x.st.whole), whole(c.Filled(s.Rows)).In(x.st.whole),
					workbook.Formula("IF(E{r}=0,0,D{r}/E{r})", float(ratio(v.Count, c.Filled(s.Rows)))).In(x.st.calcPercent),
					line,
				))
			}
		}
	}
	sh := x.grid("Values", "Most frequent values", "Up to 20 per column; columns in which every value is different are left out.",
		[]string{"Sheet", "Column", "Value", "Count", "Filled", "Share", "First line"}, []float64{16, 24, 40, 11, 11, 10, 11}, rows)
	sh.Conditions = []workbook.Condition{{Range: fmt.Sprintf("F5:F%d", 4+max(1, len(rows))), Bar: "9DC3E6"}}
	return sh
}

func (x *bookWriter) outliers() *workbook.Sheet {
	var rows []workbook.Row
	for _, s := range x.p.Sheets {
		for _, c := range s.Columns {
			if c.Numbers == nil {
				continue
			}
			n := c.Numbers
			for _, e := range n.OutlierExamples() {
				side := "high"
				if e.Float < n.LowFence {
					side = "low"
				}
				mad := "no"
				if n.MAD > 0 && (e.Float < n.MADLow || e.Float > n.MADHigh) {
					mad = "yes"
				}
				z := workbook.Blank()
				if n.MAD > 0 {
					z = workbook.Formula("0.6745*(C{r}-F{r})/G{r}", float(0.6745*(e.Float-n.Median)/n.MAD)).In(x.st.r)
				}
				rows = append(rows, workbook.Cells(
					workbook.Text(s.Name).In(x.st.text), workbook.Text(c.Name).In(x.st.name), workbook.Number(e.Value).In(x.st.number),
					workbook.Int(e.Line).In(x.st.whole), workbook.Text(side).In(x.st.text), float(n.Median).In(x.st.number),
					float(n.MAD).In(x.st.number), z, float(n.LowFence).In(x.st.number), float(n.HighFence).In(x.st.number),
					workbook.Text(mad).In(x.st.text), whole(n.OutliersIQR()).In(x.st.whole),
				))
			}
		}
	}
	return x.grid("Outliers", "Outliers", "The farthest values outside 1.5 interquartile ranges, with their source lines. The score is 0.6745 × (value − median) / MAD; beyond ±3.5 it counts as an outlier by MAD.",
		[]string{"Sheet", "Column", "Value", "Line", "Side", "Median", "MAD", "Score", "Low fence", "High fence", "By MAD", "All by IQR"},
		[]float64{16, 24, 16, 10, 8, 14, 14, 10, 14, 14, 9, 11}, rows)
}

func (x *bookWriter) correlations() *workbook.Sheet {
	var rows []workbook.Row
	for _, s := range x.p.Sheets {
		for _, c := range s.Correlations {
			rows = append(rows, workbook.Cells(
				workbook.Text(s.Name).In(x.st.text), workbook.Text(c.A).In(x.st.name), workbook.Text(c.B).In(x.st.name),
				float(c.R).In(x.st.r), workbook.Formula("D{r}^2", float(c.R*c.R)).In(x.st.r), whole(c.N).In(x.st.whole),
			))
		}
	}
	sub := "Pearson's r over the rows in which both columns have a number."
	for _, s := range x.p.Sheets {
		if s.CorrelationsLeftOut > 0 {
			sub += fmt.Sprintf(" Only the first 16 numeric columns of %s were compared.", s.Name)
			break
		}
	}
	sh := x.grid("Correlations", "Correlations", sub,
		[]string{"Sheet", "Column", "With", "r", "r²", "Rows"}, []float64{16, 24, 24, 10, 10, 12}, rows)
	sh.Conditions = []workbook.Condition{{Range: fmt.Sprintf("D5:D%d", 4+max(1, len(rows))), Scale: [3]string{"F4B183", "FFFFFF", "9DC3E6"}}}
	return sh
}

func (x *bookWriter) dates() *workbook.Sheet {
	var rows, gaps []workbook.Row
	for _, s := range x.p.Sheets {
		for _, c := range s.Columns {
			d := c.Dates
			if d == nil {
				continue
			}
			style := x.st.day
			if d.Clock {
				style = x.st.moment
			}
			rhythm := d.Cadence
			if rhythm == "" {
				rhythm = "irregular"
			}
			first, last := workbook.Date(d.Min).In(style), workbook.Date(d.Max).In(style)
			span := workbook.Blank()
			if d.Min.Year() >= 1901 {
				days := math.Floor(float64(d.Max.Unix())/86400) - math.Floor(float64(d.Min.Unix())/86400)
				span = workbook.Formula("INT(D{r})-INT(C{r})+1", float(days+1)).In(x.st.calcWhole)
			}
			rows = append(rows, workbook.Cells(
				workbook.Text(s.Name).In(x.st.text), workbook.Text(c.Name).In(x.st.name), first, last, span,
				whole(d.Count).In(x.st.whole), whole(c.Distinct).In(x.st.whole), workbook.Text(rhythm).In(x.st.text), whole(d.Missing).In(x.st.whole),
			))
			for _, g := range d.Gaps {
				gaps = append(gaps, workbook.Cells(
					workbook.Text(s.Name).In(x.st.text), workbook.Text(c.Name).In(x.st.name),
					workbook.Date(g.From).In(x.st.day), workbook.Date(g.To).In(x.st.day), workbook.Blank(),
					workbook.Blank(), workbook.Blank(), workbook.Text("missing").In(x.st.text), whole(g.Periods).In(x.st.whole),
				))
			}
		}
	}
	sh := x.grid("Dates", "Dates", "The rhythm is inferred from the days that occur; periods missing in it are listed below.",
		[]string{"Sheet", "Column", "First", "Last", "Days", "Count", "Distinct", "Rhythm", "Missing periods"},
		[]float64{16, 24, 17, 17, 10, 11, 11, 15, 11}, rows)
	if len(gaps) > 0 {
		sh.Tail = append([]workbook.Row{{}, workbook.Cells(workbook.Text("Gaps").In(x.st.section))}, gaps...)
	}
	return sh
}

func (x *bookWriter) findings() *workbook.Sheet {
	var rows []workbook.Row
	for _, s := range x.p.Sheets {
		for _, f := range s.Findings {
			what := f.Title
			if f.Detail != "" {
				what += " — " + f.Detail
			}
			col := f.Column
			if col == "" {
				col = "(whole table)"
			}
			row := workbook.Cells(
				workbook.Text(s.Name).In(x.st.wrap), workbook.Text(f.Severity.String()).In(x.st.top), workbook.Text(col).In(x.st.wrap),
				workbook.Text(what).In(x.st.wrap), whole(f.Count).In(x.st.topWhole), workbook.Text(lines(f.Lines)).In(x.st.wrapIn),
				workbook.Text(f.Action).In(x.st.wrap),
			)
			row.Height = 4 + 13*float64(max(wrapped(s.Name, 16), wrapped(col, 22), wrapped(what, 58), wrapped(lines(f.Lines), 18), wrapped(f.Action, 48)))
			rows = append(rows, row)
		}
	}
	sh := x.grid("Findings", "Findings", "What looks wrong, the gravest first, with the first source lines as evidence.",
		[]string{"Sheet", "Severity", "Column", "What", "Count", "Lines", "What to do"}, []float64{16, 10, 22, 58, 10, 20, 48}, rows)
	last := 4 + max(1, len(rows))
	rng := fmt.Sprintf("B5:B%d", last)
	sh.Conditions = []workbook.Condition{
		{Range: rng, When: `B5="high"`, Mark: workbook.Highlight{Color: "9C0006", Fill: "FFC7CE"}},
		{Range: rng, When: `B5="medium"`, Mark: workbook.Highlight{Color: "9C5700", Fill: "FFEB9C"}},
	}
	return sh
}
