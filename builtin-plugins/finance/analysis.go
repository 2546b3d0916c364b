package finance

import (
	"cmp"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/builtin-plugins/finance/internal/ledger"
)

// result is what is computed for one line item.
type result struct {
	variance apd.Decimal // actual − budget
	impact   apd.Decimal // the variance with the sign it has for the result
	over     bool
}

// sums are totals over some lines.
type sums struct {
	name                             string
	budget, actual, variance, impact apd.Decimal
	lines, over                      int
}

func (s *sums) add(l *ledger.Line, r *result) {
	add(&s.budget, &s.budget, &l.Budget)
	add(&s.actual, &s.actual, &l.Actual)
	add(&s.variance, &s.variance, &r.variance)
	add(&s.impact, &s.impact, &r.impact)
	s.lines++
	if r.over {
		s.over++
	}
}

// analysis is everything computed from the matched inputs.
type analysis struct {
	*ledger.Match
	limit   threshold
	results []result
	total   sums
	types   []sums // by account type, only those that occur
	groups  []sums // by the summary's column, largest variance first
	ranked  []int  // lines, largest variance first
	units   []int  // ranked lines with units on both sides
	digits  int32  // shown after the point
	// resultView says that the file holds revenue and expenses both stored
	// positive, so that the bridge is about the result and not the plain sum.
	resultView bool
	keyColumns int
	onlyBudget int
	onlyActual int
}

func analyse(m *ledger.Match, limit threshold) *analysis {
	a := &analysis{Match: m, limit: limit, results: make([]result, len(m.Lines)), keyColumns: len(m.KeyNames)}
	byType := map[ledger.AccountType]*sums{}
	byGroup := map[string]*sums{}
	var order []string
	for i := range m.Lines {
		l, r := &m.Lines[i], &a.results[i]
		sub(&r.variance, &l.Actual, &l.Budget)
		switch {
		case l.Type == ledger.Balance:
		case l.GoodHigher:
			r.impact.Set(&r.variance)
		default:
			r.impact.Neg(&r.variance)
		}
		r.over = limit.over(&r.variance, &l.Budget)
		a.total.add(l, r)
		if byType[l.Type] == nil {
			byType[l.Type] = &sums{name: l.Type.String()}
		}
		byType[l.Type].add(l, r)
		g := byGroup[l.Group]
		if g == nil {
			g = &sums{name: l.Group}
			byGroup[l.Group] = g
			order = append(order, l.Group)
		}
		g.add(l, r)
		a.digits = max(a.digits, digitsOf(&l.Budget), digitsOf(&l.Actual))
		switch {
		case l.Count[1] == 0:
			a.onlyBudget++
		case l.Count[0] == 0:
			a.onlyActual++
		}
	}
	for _, t := range []ledger.AccountType{ledger.Revenue, ledger.Expense, ledger.Result, ledger.Balance} {
		if s := byType[t]; s != nil {
			a.types = append(a.types, *s)
		}
	}
	for _, name := range order {
		a.groups = append(a.groups, *byGroup[name])
	}
	a.resultView = a.mixed(byType)
	a.sortGroups()
	a.rank()
	return a
}

// mixed tells whether the plain total adds revenue and expenses up.
func (a *analysis) mixed(byType map[ledger.AccountType]*sums) bool {
	if byType[ledger.Revenue] == nil || byType[ledger.Expense] == nil || byType[ledger.Result] != nil || byType[ledger.Balance] != nil {
		return false
	}
	var up, down bool
	for i := range a.Lines {
		switch a.Lines[i].Type {
		case ledger.Revenue:
			up = a.Lines[i].GoodHigher
		case ledger.Expense:
			down = !a.Lines[i].GoodHigher
		}
	}
	return up && down
}

func (a *analysis) sortGroups() {
	if a.GroupName == "Period" {
		slices.SortFunc(a.groups, func(x, y sums) int { return cmp.Compare(x.name, y.name) })
		return
	}
	slices.SortStableFunc(a.groups, func(x, y sums) int {
		if a.resultView {
			return compareAbs(&y.impact, &x.impact)
		}
		return compareAbs(&y.variance, &x.variance)
	})
}

func (a *analysis) rank() {
	a.ranked = make([]int, len(a.Lines))
	for i := range a.ranked {
		a.ranked[i] = i
	}
	slices.SortFunc(a.ranked, func(x, y int) int { // lines of the same variance keep their order
		return cmp.Or(compareAbs(&a.results[y].variance, &a.results[x].variance), cmp.Compare(x, y))
	})
	for _, i := range a.ranked {
		l := &a.Lines[i]
		if l.HasQty[0] && l.HasQty[1] && !l.Qty[0].IsZero() && !l.Qty[1].IsZero() {
			a.units = append(a.units, i)
		}
	}
}

func compareAbs(x, y *apd.Decimal) int {
	if x.Negative == y.Negative {
		if x.Negative {
			return y.Cmp(x)
		}
		return x.Cmp(y)
	}
	var ax, ay apd.Decimal
	ax.Abs(x)
	ay.Abs(y)
	return ax.Cmp(&ay)
}

// split divides a line's variance into the part that comes from volume, at
// budget price, and the part that comes from price, at actual volume.
func split(l *ledger.Line, variance *apd.Decimal) (volume, price apd.Decimal) {
	var dq apd.Decimal
	sub(&dq, &l.Qty[1], &l.Qty[0])
	mul(&dq, &dq, &l.Budget)
	_, _ = ratioContext.Quo(&volume, &dq, &l.Qty[0])
	sub(&price, variance, &volume)
	return volume, price
}

// rating says what a variance means.
func rating(l *ledger.Line, r *result) string {
	switch {
	case l.Type == ledger.Balance:
		return "Not rated"
	case r.impact.Sign() > 0:
		return favourable
	case r.impact.Sign() < 0:
		return unfavourable
	}
	return onBudget
}

const (
	favourable   = "Favourable"
	unfavourable = "Unfavourable"
	onBudget     = "On budget"
)

func ratingOf(impact *apd.Decimal) string {
	switch impact.Sign() {
	case 1:
		return favourable
	case -1:
		return unfavourable
	}
	return onBudget
}

// independentTotals adds the inputs' amounts up once more, record by record
// as they were read, and compares them with the sum over the lines.
func (a *analysis) tie() (ok bool, detail string) {
	var diff [2]apd.Decimal
	sub(&diff[0], &a.Budget.Total, &a.total.budget)
	sub(&diff[1], &a.Actual.Total, &a.total.actual)
	var v apd.Decimal
	sub(&v, &a.Actual.Total, &a.Budget.Total)
	sub(&v, &v, &a.total.variance)
	if diff[0].IsZero() && diff[1].IsZero() && v.IsZero() {
		return true, "sum of all source rows = sum of all line items: budget " + plain(&a.Budget.Total) + ", actual " + plain(&a.Actual.Total)
	}
	return false, "source rows and line items differ by " + plain(&diff[0]) + " in budget and " + plain(&diff[1]) + " in actuals"
}
