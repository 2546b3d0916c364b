package finance

import (
	"path"
	"regexp"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	"github.com/cowork-host/cowork/pluginsdk"
)

// threshold says which variances are flagged: those over the percentage of the
// budget, over the amount, or, when both are given, over both.
type threshold struct {
	percent *apd.Decimal // in percent points
	amount  *apd.Decimal
}

var percentPattern = regexp.MustCompile(`[0-9.]+ ?%|[0-9]+,[0-9]{1,2} ?%`)

// parseThreshold reads "5%", "10000", "$10,000" or "5%,10000".
func parseThreshold(s string) (threshold, error) {
	var t threshold
	if strings.TrimSpace(s) == "" {
		t.percent = apd.New(10, 0)
		return t, nil
	}
	bad := pluginsdk.Invalid("give a percentage such as 5%, an amount such as 10000, or both as 5%,10000",
		"--threshold %q is neither a percentage nor an amount", s)
	rest := s
	if at := percentPattern.FindStringIndex(s); at != nil {
		n, ok := table.ParseNumber(strings.TrimSpace(strings.TrimSuffix(s[at[0]:at[1]], "%")), false)
		if !ok || n.Num.Sign() < 0 {
			return t, bad
		}
		t.percent = n.Num.Decimal()
		rest = strings.Trim(s[:at[0]]+s[at[1]:], ",; +&")
	}
	if rest = strings.TrimSpace(rest); rest != "" || t.percent == nil {
		n, ok := table.ParseNumber(rest, false)
		if !ok || n.Percent || n.Num.Sign() < 0 {
			return t, bad
		}
		t.amount = n.Num.Decimal()
	}
	return t, nil
}

// String says the rule in words.
func (t threshold) String() string {
	var parts []string
	if t.percent != nil {
		parts = append(parts, plain(t.percent)+"% of budget")
	}
	if t.amount != nil {
		parts = append(parts, money(t.amount, digitsOf(t.amount)))
	}
	s := "over " + strings.Join(parts, " and over ")
	if t.percent != nil {
		s += " (any variance where the budget is zero)"
	}
	return s
}

// over tells whether a variance is over the threshold, to six digits as the
// workbook's formula does.
func (t threshold) over(variance, budget *apd.Decimal) bool {
	var v, limit apd.Decimal
	v.Abs(variance)
	if t.percent != nil {
		limit.Abs(budget)
		mul(&limit, &limit, t.percent)
		limit.Exponent -= 2
		if !exceeds(&v, &limit) {
			return false
		}
	}
	return t.amount == nil || exceeds(&v, t.amount)
}

func exceeds(v, limit *apd.Decimal) bool {
	var d apd.Decimal
	sub(&d, v, limit)
	round(&d, &d, 6)
	return d.Sign() > 0
}

// formula returns the same rule for a row of the workbook.
func (t threshold) formula(variance, budget string) string {
	var parts []string
	if t.percent != nil {
		parts = append(parts, "ROUND(ABS("+variance+")-threshold_pct*ABS("+budget+"),6)>0")
	}
	if t.amount != nil {
		parts = append(parts, "ROUND(ABS("+variance+")-threshold_amount,6)>0")
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "AND(" + strings.Join(parts, ",") + ")"
}

// outputName returns the workbook's name and whether the person chose it.
func outputName(out string) (name string, chosen bool, err error) {
	if out = strings.TrimSpace(out); out == "" {
		return "variance-analysis.xlsx", false, nil
	}
	switch ext := strings.ToLower(path.Ext(out)); ext {
	case ".xlsx":
	case ".md", ".csv", ".xls", ".xlsm", ".pdf", ".ods":
		return "", false, pluginsdk.Invalid("give a name that ends in .xlsx or has no ending", "--out %q is not a workbook", out)
	default:
		out += ".xlsx"
	}
	return out, true, nil
}
