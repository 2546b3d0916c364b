package finance

import (
	"fmt"
	"strconv"

	"github.com/cowork-host/cowork/builtin-plugins/finance/internal/ledger"
	"github.com/cowork-host/cowork/pluginsdk"
)

const maxLineFacts = 2000

// factsOf names the computed values: the totals first, then the line items
// with the largest variances.
func factsOf(a *analysis) []pluginsdk.Fact {
	unit := a.Currency
	src := func(cell string) string { return summaryName + "!" + cell }
	out := []pluginsdk.Fact{
		{Name: "total_budget", Value: plain(&a.total.budget), Type: pluginsdk.FactDecimal, Unit: unit, Source: src("total_budget")},
		{Name: "total_actual", Value: plain(&a.total.actual), Type: pluginsdk.FactDecimal, Unit: unit, Source: src("total_actual")},
		{Name: "total_variance", Value: plain(&a.total.variance), Type: pluginsdk.FactDecimal, Unit: unit, Source: src("total_variance")},
		pctFact(a),
		{Name: "lines_over_threshold", Value: strconv.Itoa(a.total.over), Type: pluginsdk.FactInteger, Unit: "lines", Source: src("lines_over_threshold")},
		{Name: "line_items", Value: strconv.Itoa(len(a.Lines)), Type: pluginsdk.FactInteger, Unit: "lines", Source: src("line_items")},
		{Name: "lines_matched", Value: strconv.Itoa(a.Matched), Type: pluginsdk.FactInteger, Unit: "lines"},
		{Name: "lines_not_in_budget", Value: strconv.Itoa(a.onlyActual), Type: pluginsdk.FactInteger, Unit: "lines"},
		{Name: "lines_not_in_actuals", Value: strconv.Itoa(a.onlyBudget), Type: pluginsdk.FactInteger, Unit: "lines"},
	}
	if a.resultView {
		net := a.result()
		out = append(out, pluginsdk.Fact{Name: "result_variance", Value: plain(&net.variance), Type: pluginsdk.FactDecimal, Unit: unit})
	}
	for _, t := range a.types {
		if len(a.types) > 1 {
			out = append(out, pluginsdk.Fact{Name: "type:" + t.name + ".variance", Value: plain(&t.variance), Type: pluginsdk.FactDecimal, Unit: unit})
		}
	}
	for i := range a.groups[:min(len(a.groups), 100)] {
		g := &a.groups[i]
		out = append(out, pluginsdk.Fact{Name: "group:" + g.name + ".variance", Value: plain(&g.variance), Type: pluginsdk.FactDecimal, Unit: unit})
	}
	shown := min(len(a.ranked), maxLineFacts)
	if rest := len(a.ranked) - shown; rest > 0 {
		out = append(out, pluginsdk.Fact{Name: "line_facts_omitted", Value: strconv.Itoa(rest), Type: pluginsdk.FactInteger, Unit: "lines", Source: detailName})
	}
	for _, i := range a.ranked[:shown] {
		out = append(out, pluginsdk.Fact{
			Name: "line:" + a.Lines[i].Name() + ".variance", Value: plain(&a.results[i].variance),
			Type: pluginsdk.FactDecimal, Unit: unit, Source: a.lineSource(i),
		})
	}
	return out
}

func pctFact(a *analysis) pluginsdk.Fact {
	f := pluginsdk.Fact{Name: "total_variance_pct", Value: percent(&a.total.variance, &a.total.budget), Type: pluginsdk.FactPercent, Unit: "%", Source: summaryName + "!total_variance_pct"}
	if a.total.budget.IsZero() {
		f.Type, f.Unit = pluginsdk.FactText, ""
	}
	return f
}

// lineSource names the rows of both sides: "budget.csv:12 actuals.csv:9".
func (a *analysis) lineSource(i int) string {
	s := ""
	l := &a.Lines[i]
	for side, t := range []*ledger.Table{a.Budget, a.Actual} {
		if l.Count[side] == 0 {
			continue
		}
		if s != "" {
			s += " "
		}
		s += t.Source(&t.Records[l.First[side]])
		if n := l.Count[side]; n > 1 {
			s += fmt.Sprintf("(+%d)", n-1)
		}
	}
	return s
}
