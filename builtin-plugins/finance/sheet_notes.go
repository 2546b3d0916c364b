package finance

import (
	"fmt"

	"github.com/cowork-host/cowork/builtin-plugins/finance/internal/ledger"
	wb "github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

// warningsOf lists what needs attention before the numbers are used.
func warningsOf(a *analysis) []string {
	out := append([]string{}, a.Warnings...)
	out = append(out, a.Budget.Warnings...)
	out = append(out, a.Actual.Warnings...)
	for _, t := range a.types {
		if t.name == ledger.Result.String() {
			out = append(out, fmt.Sprintf("%d lines look like margins or profits; if they sum up other lines, the totals count those twice", t.lines))
		}
	}
	return out
}

// assumptionsOf lists what was decided on the way.
func assumptionsOf(a *analysis) []string {
	out := append([]string{}, a.Notes...)
	if a.SignRule != "" {
		out = append(out, a.SignRule)
	}
	return append(out, "flagged are variances "+a.limit.String())
}

// notesSheet says where the numbers come from and what was assumed.
func (r *report) notesSheet() *wb.Sheet {
	s := &wb.Sheet{
		Name: notesName, TabColor: "FFC000", Columns: []wb.Column{{Width: 26}, {Width: 110}, {Width: 16}},
		Print: wb.Print{Landscape: true},
	}
	put := func(label, text string, style wb.StyleID) {
		row := wb.Cells(wb.Text(label).In(r.st.wrap), wb.Text(text).In(style))
		if n := len([]rune(text)); n > 115 { // programs do not size rows they did not type
			row.Height = float64(13 * (n/115 + 1))
		}
		s.Head = append(s.Head, row)
	}
	section := func(name string) {
		s.Head = append(s.Head, wb.Row{}, wb.Cells(wb.Text(name).In(r.st.section), wb.Blank().In(r.st.section), wb.Blank().In(r.st.section)))
	}
	s.Head = append(s.Head, wb.Cells(wb.Text("Notes").In(r.st.title)),
		wb.Cells(wb.Text("Numbers are computed from the files; no model wrote or changed any of them.").In(r.st.subtitle)))
	if w := r.warnings(); len(w) > 0 {
		section("Attention")
		for _, text := range w {
			put("", text, r.st.warn)
		}
	}
	section("Sources")
	for _, t := range r.tables() {
		text := fmt.Sprintf("%s: %d rows, %d amounts, total %s", t.Path, t.Rows, len(t.Records), money(&t.Total, r.digits))
		if t.Many {
			text = fmt.Sprintf("%s, sheet %s: %d rows, %d amounts, total %s", t.Path, t.Sheet, t.Rows, len(t.Records), money(&t.Total, r.digits))
		}
		put(title(t.Side.String()), text, r.st.wrap)
	}
	section("How lines were matched, and assumptions")
	for _, text := range assumptionsOf(r.analysis) {
		put("", text, r.st.wrap)
	}
	section("How the files were read")
	for _, t := range r.tables() {
		for _, text := range t.Notes {
			put(t.File, text, r.st.wrap)
		}
	}
	section("Checks")
	ok, detail := r.tie()
	word := "passed"
	if !ok {
		word = "FAILED"
	}
	put("Totals tie to source", word+": "+detail, r.st.wrap)
	r.excluded(s, section)
	return s
}

// excluded lists the rows that are not line items.
func (r *report) excluded(s *wb.Sheet, section func(string)) {
	if r.Budget.ExcludedCount+r.Actual.ExcludedCount == 0 {
		return
	}
	section("Rows left out because they are totals, labels or notes")
	for _, t := range r.tables() {
		for _, e := range t.Excluded {
			text := fmt.Sprintf("%s: %s", e.Kind, e.Label)
			if e.Confirmed {
				text += " (adds up)"
			}
			row := wb.Cells(wb.Text(fmt.Sprintf("%s:%d", t.File, e.Line)), wb.Text(text))
			if e.Amount != "" {
				row.Add(wb.Number(e.Amount).In(r.st.input))
			}
			s.Head = append(s.Head, row)
		}
		if n := t.ExcludedCount - len(t.Excluded); n > 0 {
			s.Head = append(s.Head, wb.Cells(wb.Text(t.File), wb.Text(fmt.Sprintf("and %d more", n))))
		}
	}
}

func title(s string) string {
	if s == "" {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}
