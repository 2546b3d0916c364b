package report

import (
	"crypto/sha256"
	_ "embed" // for the style sheet and the page's template
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/profile"
	"github.com/cowork-host/cowork/builtin-plugins/data/internal/stat"
)

//go:embed page.css
var pageStyle string

//go:embed page.tmpl
var pageTemplate string

const (
	maxTableColumns  = 500 // rows of a sheet's column table
	maxDetailColumns = 100 // columns drawn in full
	maxPageSheets    = 50
	maxPageFindings  = 200
	topShown         = 8
	matrixShown      = 12
)

// page is what the template sees.
type page struct {
	*profile.Book
	CSP        template.HTMLAttr
	CSS        template.CSS
	Shown      []*sheetView
	HiddenMore int
	SizeText   string
}

type sheetView struct {
	*profile.Sheet
	ID             string
	Cells, Missing int64
	Worst          map[string]int
	Table          []*columnView
	Detail         []*columnView
	MoreTable      int
	MoreDetail     int
	Found          []profile.Finding
	MoreFound      int
	Matrix         template.HTML
}

type columnView struct {
	*profile.Column
	Rows    int64
	Spark   template.HTML
	Chart   template.HTML
	Caption string
	Bars    []bar
}

type bar struct {
	Label string
	Count int64
	Width template.HTMLAttr
}

// WritePage writes the profile as one HTML file: no scripts, nothing loaded
// from elsewhere, everything from the data escaped.
func WritePage(w io.Writer, b *profile.Book) error {
	sum := sha256.Sum256([]byte(pageStyle))
	p := page{
		Book: b, CSS: template.CSS(pageStyle), SizeText: size(b.Size),
		CSP: template.HTMLAttr(`content="default-src 'none'; style-src 'sha256-` + base64.StdEncoding.EncodeToString(sum[:]) +
			`'; base-uri 'none'; form-action 'none'"`),
	}
	for i, s := range b.Sheets {
		if i == maxPageSheets {
			p.HiddenMore = len(b.Sheets) - i
			break
		}
		p.Shown = append(p.Shown, viewSheet(s, i))
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"count": count, "percent": share, "num": func(f float64) string { return profile.Plain(round(f), 0) },
		"lines": lines, "day": func(t time.Time) string { return t.Format("2006-01-02") },
		"levels": func() []string { return []string{"p5", "p25", "median", "p75", "p95"} },
		"plain":  func(f float64, scale int) string { return profile.Plain(f, scale) },
		"moment": moment, "approx": approx, "percentWidth": func(n, of int64) string { return fmt.Sprintf("%.1f", 100*float64(n)/float64(of)) },
	}).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("parse page template: %w", err)
	}
	return t.Execute(w, p)
}

func viewSheet(s *profile.Sheet, i int) *sheetView {
	v := &sheetView{Sheet: s, ID: fmt.Sprintf("s%d", i+1), Worst: map[string]int{}}
	for _, c := range s.Columns {
		v.Cells += s.Rows
		v.Missing += c.Missing
	}
	for _, f := range s.Findings {
		v.Worst[f.Severity.String()]++
	}
	v.Found = s.Findings[:min(len(s.Findings), maxPageFindings)]
	v.MoreFound = len(s.Findings) - len(v.Found)
	for j, c := range s.Columns {
		if j == maxTableColumns {
			v.MoreTable = len(s.Columns) - j
			break
		}
		cv := viewColumn(c, s.Rows)
		v.Table = append(v.Table, cv)
		if j < maxDetailColumns {
			v.Detail = append(v.Detail, cv)
		}
	}
	v.MoreDetail = len(s.Columns) - len(v.Detail)
	v.Matrix = matrix(s)
	return v
}

func viewColumn(c *profile.Column, rows int64) *columnView {
	v := &columnView{Column: c, Rows: rows}
	switch {
	case c.Numbers != nil && len(c.Numbers.Histogram) > 1:
		v.Spark = histogram(c.Numbers.Histogram, 120, 28, nil)
		v.Chart = histogram(c.Numbers.Histogram, 520, 170, c.Numbers)
		if n := c.Numbers.HistogramOutside; n > 0 {
			v.Caption = count(n) + " values lie outside the range drawn"
		}
	case c.Dates != nil && len(c.Dates.Months) > 1:
		bins := make([]stat.Bin, len(c.Dates.Months))
		for i, m := range c.Dates.Months {
			bins[i] = stat.Bin{Count: m.Count}
		}
		v.Spark = histogram(bins, 120, 28, nil)
		v.Chart = monthChart(c.Dates.Months)
		v.Caption = "dates per month"
	}
	if c.Dates == nil && (c.Numbers == nil || 2*c.Distinct < c.Filled(rows)) {
		v.Bars = topBars(c)
	}
	return v
}

func topBars(c *profile.Column) []bar {
	top := c.Top[:min(len(c.Top), topShown)]
	if len(top) == 0 || top[0].Count == 1 {
		top = top[:min(len(top), 3)]
	}
	var out []bar
	for _, t := range top {
		label := t.Text
		if r := []rune(label); len(r) > 60 {
			label = string(r[:60]) + "…"
		}
		w := max(1, int(100*t.Count/max(1, top[0].Count)))
		out = append(out, bar{Label: label, Count: t.Count, Width: template.HTMLAttr(fmt.Sprintf(`width="%d%%"`, w))})
	}
	return out
}

// count groups thousands: 1,234,567.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func share(n, of int64) string {
	if of == 0 {
		return "–"
	}
	p := 100 * float64(n) / float64(of)
	switch {
	case n == 0:
		return "0%"
	case p < 0.1:
		return "<0.1%"
	case n < of && p > 99.9:
		return ">99.9%"
	}
	return fmt.Sprintf("%.1f%%", p)
}

func approx(exact bool) string {
	if exact {
		return ""
	}
	return "≈ "
}

func lines(l []int) string {
	parts := make([]string, len(l))
	for i, n := range l {
		parts[i] = fmt.Sprint(n)
	}
	return strings.Join(parts, ", ")
}

func moment(t time.Time, clock bool) string {
	if clock {
		return t.Format("2006-01-02 15:04")
	}
	return t.Format("2006-01-02")
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	case n == 1:
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
