package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/stat"
	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

// findings ranks what looks wrong: by severity, then by how much it touches.
func (s *scanner) findings() []Finding {
	var out []Finding
	add := func(f Finding) { out = append(out, f) }
	s.sheetFindings(add)
	for i, c := range s.cols {
		col := s.out.Columns[i]
		named := func(f Finding) {
			f.Column = col.Name
			add(f)
		}
		s.missingFindings(col, c, named)
		s.typeFindings(col, c, named)
		s.numberFindings(col, c, named)
		s.dateFindings(col, c, named)
		s.textFindings(col, c, named)
		s.identityFindings(col, c, named)
	}
	for _, r := range s.out.Correlations {
		if r.R > 0.98 || r.R < -0.98 {
			add(Finding{
				Severity: Info, Code: "redundant", Column: r.A, Count: r.N,
				Title:  fmt.Sprintf("moves with %q (r = %.3f)", r.B, r.R),
				Action: "keep one of the two in a model, or check that one is derived from the other",
			})
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(b.Count, a.Count))
	})
	return out
}

func percent(n, of int64) string {
	if of == 0 {
		return "0%"
	}
	p := 100 * float64(n) / float64(of)
	if p > 0 && p < 0.1 {
		return "under 0.1%"
	}
	return fmt.Sprintf("%.1f%%", p)
}

// many writes a count with the words for one or for more.
func many(n int64, one, more string) string { return fmt.Sprint(n) + " " + verb(n, one, more) }

func verb(n int64, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func (s *scanner) sheetFindings(add func(Finding)) {
	o := s.out
	if o.Rows == 0 {
		add(Finding{
			Severity: High, Code: "no_rows", Title: "there are no data rows under the header",
			Action: "check that the right file and sheet were given",
		})
	}
	if o.Duplicates > 0 {
		sev := Medium
		if o.Duplicates*20 > o.Rows {
			sev = High
		}
		add(Finding{
			Severity: sev, Code: "duplicate_rows", Count: o.Duplicates, Lines: o.DuplicateLines,
			Title:  fmt.Sprintf("%s an earlier row in every column (%s)", many(o.Duplicates, "row repeats", "rows repeat"), percent(o.Duplicates, o.Rows)),
			Action: "find out whether the export ran twice; remove the copies before adding anything up",
		})
	}
	for _, n := range o.Notes {
		if f, ok := noteFinding(n); ok {
			add(f)
		}
	}
}

// noteFinding turns a note of the reader into a finding.
func noteFinding(n table.Note) (Finding, bool) {
	f := Finding{Column: n.Column, Count: int64(n.Count), Lines: n.Lines, Title: n.Text, Code: string(n.Code), Severity: Low}
	switch n.Code {
	case table.NoteTotal:
		f.Severity, f.Title = Medium, many(int64(n.Count), "subtotal or total line stands", "subtotal or total lines stand")+" among the data"
		f.Action = "they were left out of all counts here; leave them out of pivots and sums as well"
	case table.NoteTotalMismatch:
		f.Severity = High
		f.Action = "compare the total with the sum of its lines: rows may be missing, or the total typed in"
	case table.NoteTotalName:
		f.Severity = Info
		f.Action = "check that these are records and not totals"
	case table.NoteRagged:
		f.Severity = High
		f.Action = "look at these lines: an unquoted delimiter shifts all values behind it into the wrong columns"
	case table.NoteQuotes:
		f.Severity = Medium
		f.Action = "have the export double the quotes inside of quoted fields"
	case table.NoteEncoding:
		f.Severity = Medium
		f.Action = "save the file as UTF-8, so that everyone reads the same characters"
	case table.NoteDecimalComma, table.NoteDateOrder:
		if n.Code == table.NoteDecimalComma && !strings.Contains(n.Text, ":") {
			return f, false
		}
		f.Severity = Medium
		f.Action = "confirm this with whoever made the file: the other reading gives other values"
	case table.NoteDash:
		f.Severity = Info
		f.Action = "confirm that a dash means zero and not missing"
	case table.NoteNotComputed:
		f.Severity = High
		f.Action = "open the workbook in a spreadsheet program, let it calculate, and save it"
	case table.NoteLateColumns:
		f.Severity = Medium
		f.Action = "look at these lines: their values were not profiled"
	case table.NoteHeader:
		f.Severity = Info
		f.Action = "give every column one unique name in one header line"
	case table.NoteHidden:
		f.Severity = Info
		f.Action = "check whether hidden rows were meant to be left out"
	default:
		return f, false
	}
	return f, true
}

func (s *scanner) missingFindings(col *Column, c *columnScan, add func(Finding)) {
	rows := s.out.Rows
	if rows == 0 {
		return
	}
	share := float64(col.Missing) / float64(rows)
	title := fmt.Sprintf("%s of the values are missing", percent(col.Missing, rows))
	switch {
	case col.Missing == rows:
		add(Finding{
			Severity: Medium, Code: "empty_column", Count: rows, Title: "the column is empty",
			Action: "drop it, or find out why the export did not fill it",
		})
	case share > 0.5:
		add(Finding{
			Severity: High, Code: "missing", Count: col.Missing, Title: title,
			Action: "do not average or compare this column before knowing why most of it is missing",
		})
	case share > 0.2:
		add(Finding{
			Severity: Medium, Code: "missing", Count: col.Missing, Title: title,
			Action: "check whether they are missing for certain groups or periods only",
		})
	case share > 0.05:
		add(Finding{
			Severity: Low, Code: "missing", Count: col.Missing, Title: title,
			Action: "decide how to treat them and say so",
		})
	}
	if e := c.odd.errors; e.n > 0 {
		add(Finding{
			Severity: High, Code: "error_cells", Count: e.n, Lines: e.lines,
			Title:  many(e.n, "cell holds", "cells hold") + " an error such as " + clip(e.example),
			Action: "repair the formulas; the cells count as missing here",
		})
	}
}

func (s *scanner) typeFindings(col *Column, c *columnScan, add func(Finding)) {
	filled := col.Filled(s.out.Rows)
	switch {
	case col.Kind.Numeric() || col.Kind.Temporal() || col.Kind == table.KindBool:
		bad := c.odd.text
		what := "numbers"
		switch {
		case col.Kind.Temporal():
			what = "dates"
			if c.odd.number.n > bad.n {
				bad = c.odd.number
			}
		case col.Kind == table.KindBool:
			what = "yes/no values"
		case c.odd.date.n > bad.n:
			bad = c.odd.date
		}
		if bad.n > 0 {
			add(Finding{
				Severity: mixedSeverity(bad.n, filled), Code: "mixed_types", Count: bad.n, Lines: bad.lines,
				Title:  fmt.Sprintf("%d of %d values %s not %s, for instance %q", bad.n, filled, verb(bad.n, "is", "are"), what, clip(bad.example)),
				Action: "correct these lines or move the remarks to a column of their own; they are left out of the statistics",
			})
		}
	case c.odd.number.n > 0 && c.odd.number.n < filled && c.odd.number.n*20 > filled:
		add(Finding{
			Severity: Medium, Code: "mixed_types", Count: c.odd.number.n, Lines: c.odd.number.lines,
			Title:  fmt.Sprintf("%d of %d texts %s written as numbers, for instance %q", c.odd.number.n, filled, verb(c.odd.number.n, "is", "are"), clip(c.odd.number.example)),
			Action: "check whether two kinds of thing share this column",
		})
	}
}

func mixedSeverity(bad, filled int64) Severity {
	if bad*100 > filled {
		return High
	}
	return Medium
}

func clip(s string) string {
	r := []rune(s)
	if len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

func (s *scanner) numberFindings(col *Column, c *columnScan, add func(Finding)) {
	n := col.Numbers
	if n == nil {
		return
	}
	if n.Negatives > 0 && n.Negatives*20 <= n.Count && (n.Count-n.Negatives-n.Zeros)*10 >= n.Count*8 {
		add(Finding{
			Severity: Medium, Code: "negative", Count: n.Negatives, Lines: c.odd.negative.lines,
			Title:  fmt.Sprintf("%d of %d values %s negative where nearly all are positive", n.Negatives, n.Count, verb(n.Negatives, "is", "are")),
			Detail: fmt.Sprintf("smallest: %s", n.Min),
			Action: "check whether these are returns, corrections or wrong signs",
		})
	}
	if out := n.OutliersIQR(); out > 0 && n.Count >= 20 {
		sev := Info
		if n.OutliersMAD() > 0 && out*20 < n.Count {
			sev = Low
		}
		var lines []int
		for _, e := range outside(n) {
			lines = append(lines, e.Line)
		}
		add(Finding{
			Severity: sev, Code: "outliers", Count: out, Lines: lines[:min(len(lines), evidenceLines)],
			Title:  fmt.Sprintf("%s (%s) outside %s to %s", many(out, "value lies", "values lie"), percent(out, n.Count), Plain(n.LowFence, n.Scale), Plain(n.HighFence, n.Scale)),
			Detail: fmt.Sprintf("smallest %s, largest %s", n.Min, n.Max),
			Action: "look at the lines: a slipped decimal point, another unit, or a true extreme",
		})
	}
}

// outside returns the kept extremes beyond the fences, the farthest first.
func outside(n *Numbers) []Extreme {
	var out []Extreme
	for _, e := range n.Lowest {
		if e.Float < n.LowFence {
			out = append(out, e)
		}
	}
	for _, e := range n.Highest {
		if e.Float > n.HighFence {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Extreme) int {
		far := func(e Extreme) float64 { return max(n.LowFence-e.Float, e.Float-n.HighFence) }
		return cmp.Compare(far(b), far(a))
	})
	return out
}

// OutlierExamples returns the farthest outliers with their source lines.
func (n *Numbers) OutlierExamples() []Extreme { return outside(n) }

func (s *scanner) dateFindings(col *Column, c *columnScan, add func(Finding)) {
	d := col.Dates
	if d == nil {
		return
	}
	if e := c.odd.placeholder; e.n > 0 && (e.n*2 < d.Count) {
		add(Finding{
			Severity: High, Code: "placeholder_dates", Count: e.n, Lines: e.lines,
			Title:  many(e.n, "date is a placeholder", "dates are placeholders") + " such as " + clip(e.example),
			Action: "treat them as missing: they distort every duration and trend",
		})
	}
	if e := c.odd.ancient; e.n > 0 && e.n*20 < d.Count {
		add(Finding{
			Severity: High, Code: "ancient_dates", Count: e.n, Lines: e.lines,
			Title:  many(e.n, "date lies", "dates lie") + " before 1900, for instance " + clip(e.example),
			Action: "correct the year",
		})
	}
	if e := c.odd.future; e.n > 0 && e.n*20 < d.Count {
		add(Finding{
			Severity: Medium, Code: "future_dates", Count: e.n, Lines: e.lines,
			Title:  many(e.n, "date lies", "dates lie") + " in the future, for instance " + clip(e.example),
			Action: "check the year, or whether these are plans among records",
		})
	}
	if len(c.styles) > 1 {
		s.styleFinding(d, c, add)
	}
	if d.Missing > 0 {
		g := slices.MaxFunc(d.Gaps, func(a, b Gap) int { return cmp.Compare(a.Periods, b.Periods) })
		add(Finding{
			Severity: Medium, Code: "date_gaps", Count: d.Missing,
			Title:  fmt.Sprintf("the dates are %s, but %s missing", d.Cadence, many(d.Missing, "period is", "periods are")),
			Detail: fmt.Sprintf("longest gap: %s to %s", g.From.Format("2006-01-02"), g.To.Format("2006-01-02")),
			Action: "find out whether nothing happened then or the data were not delivered",
		})
	}
}

func (s *scanner) styleFinding(d *Dates, c *columnScan, add func(Finding)) {
	var styles []*evidence
	for _, e := range c.styles {
		styles = append(styles, e)
	}
	slices.SortFunc(styles, func(a, b *evidence) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.example, b.example))
	})
	var examples []string
	var others int64
	for i, e := range styles {
		if i < 4 {
			examples = append(examples, fmt.Sprintf("%s (%d)", clip(e.example), e.n))
		}
		if i > 0 {
			others += e.n
		}
	}
	add(Finding{
		Severity: Medium, Code: "date_styles", Count: others, Lines: styles[1].lines,
		Title:  fmt.Sprintf("dates are written in %d ways", len(styles)),
		Detail: strings.Join(examples, ", "),
		Action: "write all dates as 2026-01-31, so that none is read with day and month swapped",
	})
}

func (s *scanner) textFindings(col *Column, c *columnScan, add func(Finding)) {
	if e := c.odd.blanks; e.n > 0 {
		add(Finding{
			Severity: Low, Code: "blanks", Count: e.n, Lines: e.lines,
			Title:  many(e.n, "value has", "values have") + " blanks before or after " + verb(e.n, "it", "them"),
			Action: "trim them: joins and filters see two different values",
		})
	}
	if e := c.odd.mojibake; e.n > 0 {
		add(Finding{
			Severity: High, Code: "mojibake", Count: e.n, Lines: e.lines,
			Title:  fmt.Sprintf("%s decoded with the wrong encoding, for instance %q", many(e.n, "value was", "values were"), clip(e.example)),
			Action: "export again as UTF-8: the characters cannot be restored safely afterwards",
		})
	}
	if e := c.odd.ctl; e.n > 0 {
		add(Finding{
			Severity: Medium, Code: "control_characters", Count: e.n, Lines: e.lines,
			Title:  many(e.n, "value holds", "values hold") + " invisible control characters",
			Action: "remove them: they break joins and exports",
		})
	}
	if c.values != nil && col.Kind == table.KindText {
		spellings(c.values, add)
	}
}

// spellings finds values that differ only in case, blanks, accents or
// punctuation.
func spellings(v *stat.Values, add func(Finding)) {
	all := v.Top(-1)
	groups := map[string][]stat.Value{}
	var order []string
	for _, x := range all {
		k := foldKey(x.Text)
		if k == "" {
			continue
		}
		if len(groups[k]) == 0 {
			order = append(order, k)
		}
		groups[k] = append(groups[k], x)
	}
	var examples []string
	var lines []int
	var count int64
	found := 0
	for _, k := range order { // in order of the most frequent spelling
		g := groups[k]
		if len(g) < 2 {
			continue
		}
		found++
		var names []string
		for i, x := range g {
			if i < 4 {
				names = append(names, fmt.Sprintf("%q (%d)", clip(x.Text), x.Count))
			}
			if i > 0 {
				count += x.Count
				if len(lines) < evidenceLines {
					lines = append(lines, x.Line)
				}
			}
		}
		if len(examples) < 5 {
			examples = append(examples, strings.Join(names, " = "))
		}
	}
	if found == 0 {
		return
	}
	add(Finding{
		Severity: Medium, Code: "spellings", Count: count, Lines: lines,
		Title:  many(int64(found), "value is", "values are") + " spelled in more than one way",
		Detail: strings.Join(examples, "; "),
		Action: "agree on one spelling: groups and pivots are split otherwise",
	})
}

// foldKey is the same for spellings that differ in case, accents, blanks and
// punctuation only. Where there are digits, punctuation and blanks count: 1-01
// and 10-1 are different things.
func foldKey(s string) string {
	digits := strings.ContainsFunc(s, unicode.IsDigit)
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.Join(strings.Fields(s), " ")) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(unicode.ToLower(r))
		case unicode.Is(unicode.Mn, r):
		case digits || strings.ContainsRune("+#%&/@<>=!", r):
			b.WriteRune(r) // C, C++ and C# are different things
		}
	}
	return b.String()
}

func (s *scanner) identityFindings(col *Column, c *columnScan, add func(Finding)) {
	rows, filled := s.out.Rows, col.Filled(s.out.Rows)
	if rows < 10 || filled == 0 {
		return
	}
	name := strings.ToLower(col.Name)
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
	named := slices.ContainsFunc(words, func(w string) bool {
		return w == "id" || w == "key" || w == "uuid" || w == "guid" || w == "nr" || w == "no" || w == "number" || w == "code" || w == "sku"
	}) || strings.HasSuffix(col.Name, "Id") || strings.HasSuffix(col.Name, "ID")
	switch {
	case col.Distinct == 1 && col.DistinctExact && filled == rows:
		add(Finding{
			Severity: Low, Code: "constant", Count: rows, Title: "every row has the same value",
			Action: "drop the column or move it to the title: it tells rows apart in nothing",
		})
	case col.DistinctExact && col.Distinct == filled && filled == rows && (named || col.Kind == table.KindText) && col.Dates == nil && col.Kind != table.KindDecimal:
		add(Finding{
			Severity: Info, Code: "identifier", Count: rows, Title: "every value is different: it identifies the row",
			Action: "use it to join, not to add up or average",
		})
	case col.DistinctExact && named && col.Distinct < filled && col.Distinct*100 >= filled*95 && col.Kind != table.KindDecimal:
		var lines []int
		example := ""
		for _, v := range col.Top {
			if v.Count > 1 && example == "" {
				example = v.Text
				if v.Line > 0 {
					lines = append(lines, v.Line)
				}
			}
		}
		add(Finding{
			Severity: High, Code: "repeated_identifier", Count: filled - col.Distinct, Lines: lines,
			Title:  fmt.Sprintf("it looks like an identifier, but %s again, for instance %q", many(filled-col.Distinct, "value comes", "values come"), clip(example)),
			Action: "find the rows that share a value: joins on it multiply rows",
		})
	}
}
