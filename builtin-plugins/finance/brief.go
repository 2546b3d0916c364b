package finance

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/builtin-plugins/finance/internal/ledger"
)

// md escapes what Markdown would take for markup in text from the files.
func md(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "*", "\\*", "_", "\\_", "`", "\\`", "<", "&lt;", ">", "&gt;", "[", "\\[", "]", "\\]", "\n", " ", "\r", " ", "#", "\\#").Replace(s)
}

func (a *analysis) money(d *apd.Decimal) string { return money(d, a.digits) }

// pct is a variance in percent with one digit.
func (a *analysis) pct(v, b *apd.Decimal) string {
	r := ratio(v, b)
	if r == nil {
		return "n/a"
	}
	r.Exponent += 2
	return signed(r, 1) + "%"
}

// headline is the one sentence a reader takes away.
func (a *analysis) headline() string {
	s, what := &a.total, "Actuals are"
	if a.resultView {
		s, what = a.result(), "The result (revenue − expenses) is"
	}
	unit := ""
	if a.Currency != "" {
		unit = " " + md(a.Currency)
	}
	var abs apd.Decimal
	abs.Abs(&s.variance)
	size := a.money(&abs) + unit
	if !s.budget.IsZero() {
		size += " (" + strings.TrimLeft(a.pct(&s.variance, &s.budget), "+-") + ")"
	}
	where := "above budget"
	switch s.variance.Sign() {
	case -1:
		where = "below budget"
	case 0:
		return fmt.Sprintf("%s on budget at %s%s. %s", what, a.money(&s.actual), unit, a.overSentence())
	}
	return fmt.Sprintf("%s **%s %s**: %s against %s. %s", what, size, where, a.money(&s.actual), a.money(&s.budget), a.overSentence())
}

func (a *analysis) overSentence() string {
	verb := "are"
	if a.total.over == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %d line items %s %s.", a.total.over, len(a.Lines), verb, a.limit.String())
}

// row writes a table row of totals.
func (a *analysis) row(name string, s *sums) string {
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |\n", md(name), a.money(&s.budget), a.money(&s.actual), signed(&s.variance, a.digits), a.pct(&s.variance, &s.budget), signed(&s.impact, a.digits), ratingOf(&s.impact))
}

const sumHead = "| Budget | Actual | Variance | % | Impact on result | Rating |\n|---|---:|---:|---:|---:|---:|---|\n"

func (a *analysis) totals() string {
	var b strings.Builder
	b.WriteString("|  " + sumHead)
	if len(a.types) > 1 {
		for i := range a.types {
			b.WriteString(a.row(a.types[i].name, &a.types[i]))
		}
	}
	name := "Total"
	if a.resultView {
		name = "Total (plain sum)"
	}
	b.WriteString(a.row(name, &a.total))
	if a.resultView {
		net := a.result()
		net.impact.Set(&net.variance)
		b.WriteString(a.row("Result (revenue − expenses)", net))
	}
	return b.String()
}

// line describes a line item's variance in a sentence.
func (a *analysis) line(i int) string {
	l, r := &a.Lines[i], &a.results[i]
	s := fmt.Sprintf("**%s** %s (%s), %s", md(l.Name()), signed(&r.variance, a.digits), a.pct(&r.variance, &l.Budget), strings.ToLower(rating(l, r)))
	switch {
	case l.Count[0] == 0:
		s += ", not in the budget"
	case l.Count[1] == 0:
		s += ", not in the actuals"
	}
	return s
}

// fullBrief is the one-page document.
func fullBrief(a *analysis, workbook string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Variance analysis: %s against %s\n\n%s\n\n", md(a.Budget.File), md(a.Actual.File), a.headline())
	for _, w := range warningsOf(a) {
		fmt.Fprintf(&b, "> **Attention:** %s\n\n", md(w))
	}
	b.WriteString("## Totals\n\n" + a.totals() + "\n## What moved\n\n")
	for _, i := range a.ranked[:min(len(a.ranked), 5)] {
		if a.results[i].variance.IsZero() {
			break
		}
		b.WriteString("- " + a.line(i) + a.splitNote(i) + "\n")
	}
	a.writeGroups(&b)
	a.writeRatings(&b)
	a.writeOver(&b)
	b.WriteString("\n## Data and assumptions\n\n")
	ok, tie := a.tie()
	if ok {
		b.WriteString("- Totals tie to the source files: " + md(tie) + "\n")
	} else {
		b.WriteString("- **Totals do not tie to the source files**: " + md(tie) + "\n")
	}
	fmt.Fprintf(&b, "- %d line items in both files, %d not in the actuals, %d not in the budget\n", a.Matched, a.onlyBudget, a.onlyActual)
	for _, t := range []*ledger.Table{a.Budget, a.Actual} {
		if n := t.ExcludedCount; n > 0 {
			fmt.Fprintf(&b, "- left out of %s because they are totals, labels or notes: %d\n", md(t.File), n)
		}
	}
	notes := assumptionsOf(a)
	const most = 12
	for _, n := range notes[:min(len(notes), most)] {
		b.WriteString("- " + md(n) + "\n")
	}
	if len(notes) > most {
		b.WriteString("- more on the sheet Notes\n")
	}
	fmt.Fprintf(&b, "\nEvery number is computed from the files; no model wrote this page. The workbook %s has every line item with its source row, and all formulas.\n", md(workbook))
	return b.String()
}

func (a *analysis) splitNote(i int) string {
	l := &a.Lines[i]
	if !l.HasQty[0] || !l.HasQty[1] || l.Qty[0].IsZero() || l.Qty[1].IsZero() {
		return ""
	}
	v, p := split(l, &a.results[i].variance)
	return fmt.Sprintf(" (volume %s, price %s)", signed(&v, a.digits), signed(&p, a.digits))
}

func (a *analysis) writeGroups(b *strings.Builder) {
	if len(a.groups) < 2 || a.GroupName == "Account type" {
		return
	}
	fmt.Fprintf(b, "\n## By %s\n\n| %s %s", md(a.GroupName), md(a.GroupName), sumHead)
	for i := range a.groups[:min(len(a.groups), 8)] {
		b.WriteString(a.row(a.groups[i].name, &a.groups[i]))
	}
	if n := len(a.groups) - 8; n > 0 {
		b.WriteString(a.row(fmt.Sprintf("%d others", n), restOf(a.groups[8:])))
	}
}

// writeRatings says what helps the result and what hurts it.
func (a *analysis) writeRatings(b *strings.Builder) {
	var helps, hurts []string
	for _, i := range a.ranked {
		r := &a.results[i]
		s := fmt.Sprintf("%s %s", md(a.Lines[i].Name()), signed(&r.variance, a.digits))
		switch {
		case r.impact.Sign() > 0 && len(helps) < 3:
			helps = append(helps, s)
		case r.impact.Sign() < 0 && len(hurts) < 3:
			hurts = append(hurts, s)
		}
		if len(helps) == 3 && len(hurts) == 3 {
			break
		}
	}
	b.WriteString("\n## Favourable and unfavourable\n\n")
	if len(helps) > 0 {
		b.WriteString("- Favourable, largest first: " + strings.Join(helps, "; ") + "\n")
	}
	if len(hurts) > 0 {
		b.WriteString("- Unfavourable, largest first: " + strings.Join(hurts, "; ") + "\n")
	}
	if len(helps)+len(hurts) == 0 {
		b.WriteString("- Nothing differs from budget.\n")
	}
}

func (a *analysis) writeOver(b *strings.Builder) {
	if a.total.over == 0 {
		return
	}
	fmt.Fprintf(b, "\n## Over the threshold\n\n| Line item | Budget | Actual | Variance | %% | Source |\n|---|---:|---:|---:|---:|---|\n")
	shown := 0
	for _, i := range a.ranked {
		if !a.results[i].over {
			continue
		}
		if shown++; shown > 10 {
			break
		}
		l, r := &a.Lines[i], &a.results[i]
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", md(l.Name()), a.money(&l.Budget), a.money(&l.Actual), signed(&r.variance, a.digits), a.pct(&r.variance, &l.Budget), md(a.lineSource(i)))
	}
	if n := a.total.over - 10; n > 0 {
		fmt.Fprintf(b, "\n%d more are marked on the sheet Detail.\n", n)
	}
}

// shortBrief is what the person reads in the conversation.
func shortBrief(a *analysis) string {
	var b strings.Builder
	b.WriteString(a.headline() + "\n")
	for _, w := range warningsOf(a) {
		fmt.Fprintf(&b, "\n> **Attention:** %s\n", md(w))
	}
	b.WriteString("\n")
	for _, i := range a.ranked[:min(len(a.ranked), 3)] {
		if !a.results[i].variance.IsZero() {
			b.WriteString("- " + a.line(i) + "\n")
		}
	}
	if len(a.Notes) > 0 {
		b.WriteString("- Checked how: " + md(a.Notes[0]) + "\n")
	}
	b.WriteString("\nNo model wrote this; every number is computed from the files.\n")
	return b.String()
}
