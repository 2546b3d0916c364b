package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Side is one of the two inputs.
type Side uint8

// The sides.
const (
	Budget Side = iota
	Actual
)

// String returns the word for messages.
func (s Side) String() string { return [...]string{"budget", "actuals"}[s] }

func (s Side) class() Class { return [...]Class{ClassBudget, ClassActual}[s] }

// column is one column of an input with what its name and content say.
type column struct {
	table.Column
	class  Class
	period Period // of a column that holds the amounts of one period
}

// shape is how an input's columns are used.
type shape struct {
	cols     []column
	amounts  []int // one, or one for each period of a wide sheet
	wide     bool
	quantity int // -1 when there is none
	price    int
	kind     int // the account type
	currency int
	period   int
	dims     []int // what can name a line
	notes    []string
}

// candidate is a column that may hold the amounts.
type candidate struct {
	col   int
	score int
}

// newShape decides how the columns are used. choose settles which of several
// equally plausible columns holds the amounts.
func newShape(ctx context.Context, sheet *table.Sheet, side Side, want string, choose func([]pluginsdk.Choice) (string, error)) (*shape, error) {
	sh := &shape{quantity: -1, price: -1, kind: -1, currency: -1, period: -1}
	for _, c := range sheet.Columns {
		sh.cols = append(sh.cols, column{Column: c, class: classify(c.Name)})
	}
	if err := sh.checkYears(ctx, sheet); err != nil {
		return nil, err
	}
	if err := sh.findAmounts(side, want, choose); err != nil {
		return nil, err
	}
	sh.findRoles(side)
	return sh, nil
}

// checkYears finds columns named like years, such as "FY26", that hold amounts.
func (sh *shape) checkYears(ctx context.Context, sheet *table.Sheet) error {
	named := func(c column) bool { return c.class == ClassYear && c.Kind.Numeric() }
	if !slices.ContainsFunc(sh.cols, named) {
		return nil
	}
	const most = 200
	n := 0
	for row, err := range sheet.Rows(ctx) {
		if err != nil {
			return err
		}
		for i := range sh.cols {
			v, ok := row.Cells[i].Number()
			if f := v.Float(); ok && named(sh.cols[i]) && row.Kind == table.RowData && (!v.IsInteger() || f < 1 || f > 99 && f < 1900 || f > 2199) {
				sh.cols[i].class = ClassNone
			}
		}
		if n++; n == most {
			break
		}
	}
	return nil
}

func (sh *shape) findAmounts(side Side, want string, choose func([]pluginsdk.Choice) (string, error)) error {
	if want != "" {
		i, err := sh.byName(want)
		if err != nil {
			return err
		}
		sh.amounts = []int{i}
		return nil
	}
	if sh.findWide(side) {
		return nil
	}
	cands := sh.candidates(side)
	if len(cands) == 0 {
		return nil // the caller looks for quantity and price, or complains
	}
	best := cands[:1]
	for len(best) < len(cands) && cands[len(best)].score == cands[0].score {
		best = cands[:len(best)+1]
	}
	if len(best) == 1 {
		sh.amounts = []int{best[0].col}
		if len(cands) > 1 {
			var rest []string
			for _, c := range cands[1:] {
				rest = append(rest, quoted(sh.cols[c.col].Name))
			}
			sh.notes = append(sh.notes, "amounts come from column "+quoted(sh.cols[best[0].col].Name)+", not from "+strings.Join(rest, ", "))
		}
		return nil
	}
	var choices []pluginsdk.Choice
	for _, c := range best {
		choices = append(choices, pluginsdk.Choice{Value: sh.cols[c.col].Name, Label: sh.cols[c.col].Name, Detail: "column " + sh.cols[c.col].Ref})
	}
	name, err := choose(choices)
	if err != nil {
		return err
	}
	i, err := sh.byName(name)
	if err != nil {
		return err
	}
	sh.amounts = []int{i}
	return nil
}

// candidates ranks the columns that may hold the amounts, best first.
func (sh *shape) candidates(side Side) []candidate {
	other := Actual.class()
	if side == Actual {
		other = Budget.class()
	}
	var out []candidate
	for i, c := range sh.cols {
		if !c.Kind.Numeric() || c.Percent {
			continue
		}
		own, their, amount := hasClass(c.Name, side.class()), hasClass(c.Name, other), hasClass(c.Name, ClassAmount)
		score := 0
		switch c.class {
		case ClassVariance, ClassPrior, ClassQuantity, ClassPrice, ClassNumber, ClassRecordID, ClassCode, ClassYear:
			continue
		case ClassPeriod, ClassUnit, ClassRegion, ClassEntity, ClassProject, ClassAccount, ClassType, ClassCurrency:
			if !own && !amount {
				continue
			}
		case ClassNone:
			score = 2
		default:
			score = 1
		}
		switch {
		case own && !their:
			score = 20
			score += sh.plainness(i, side)
		case own:
			score = 12
		case their && side == Budget:
			score = 0 // an actuals column is no budget
		case their:
			score = 1
		case amount:
			score = 10
		}
		if c.Currency != "" && score > 0 && score < 10 {
			score += 3
		}
		if score > 0 {
			out = append(out, candidate{i, score})
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	return out
}

// plainness prefers, of two columns for the same side, the one that is called
// so outright: "Budget" over "Budget after cuts", that over "Forecast".
func (sh *shape) plainness(i int, side Side) int {
	name := sh.cols[i].Name
	if at := strings.LastIndex(name, " ("); at > 0 && slices.ContainsFunc(sh.cols, func(c column) bool { return c.Name == name[:at] }) {
		name = name[:at] // the second column of the same name
	}
	n := normal(name)
	switch word := string(side.class()); {
	case n == word || n == side.String():
		return 2
	case hasPhrase(n, word) || hasPhrase(n, side.String()):
		return 1
	}
	return 0
}

// findWide looks for amounts spread over columns of months or quarters.
func (sh *shape) findWide(side Side) bool {
	other := Actual.class()
	if side == Actual {
		other = Budget.class()
	}
	byGrain := map[Grain][]int{}
	own := false
	for i := range sh.cols {
		c := &sh.cols[i]
		if !c.Kind.Numeric() && c.Kind != table.KindEmpty || c.Percent {
			continue
		}
		if hasClass(c.Name, other) || hasClass(c.Name, ClassVariance) || hasClass(c.Name, ClassPrior) ||
			hasClass(c.Name, ClassQuantity) || hasClass(c.Name, ClassPrice) {
			continue
		}
		p, ok := parsePeriod(c.Name, false)
		if !ok {
			p, ok = parsePeriod(without(c.Name, side.class(), ClassAmount), false)
		}
		if !ok {
			continue
		}
		own = own || hasClass(c.Name, side.class())
		c.period = p
		byGrain[p.Grain] = append(byGrain[p.Grain], i)
	}
	for _, g := range []Grain{Month, Quarter} {
		cols := byGrain[g]
		if own { // "Jan", "Jan Budget": only the marked ones count
			cols = slices.DeleteFunc(slices.Clone(cols), func(i int) bool { return !hasClass(sh.cols[i].Name, side.class()) })
		}
		numeric := slices.ContainsFunc(cols, func(i int) bool { return sh.cols[i].Kind.Numeric() })
		if len(cols) >= 2 && numeric && sh.distinctPeriods(cols) {
			sh.amounts, sh.wide = cols, true
			return true
		}
	}
	for i := range sh.cols {
		sh.cols[i].period = Period{}
	}
	return false
}

func (sh *shape) distinctPeriods(cols []int) bool {
	seen := map[Period]bool{}
	for _, i := range cols {
		if seen[sh.cols[i].period] {
			return false
		}
		seen[sh.cols[i].period] = true
	}
	return true
}

// findRoles gives the other columns their use.
func (sh *shape) findRoles(side Side) {
	take := func(at *int, i int) bool {
		if *at < 0 {
			*at = i
			return true
		}
		return false
	}
	for i, c := range sh.cols {
		if slices.Contains(sh.amounts, i) || c.Kind == table.KindEmpty {
			continue
		}
		switch c.class {
		case ClassQuantity:
			if c.Kind.Numeric() {
				sh.better(&sh.quantity, i, side)
			}
			continue
		case ClassPrice:
			if c.Kind.Numeric() {
				sh.better(&sh.price, i, side)
			}
			continue
		case ClassCurrency:
			if !c.Kind.Numeric() && take(&sh.currency, i) {
				continue
			}
		case ClassType:
			if !c.Kind.Numeric() {
				take(&sh.kind, i)
			}
		case ClassPeriod:
			if take(&sh.period, i) {
				continue
			}
		case ClassVariance, ClassPrior, ClassNumber, ClassRecordID, ClassComment, ClassYear:
			continue
		}
		switch {
		case c.Kind.Temporal():
			take(&sh.period, i)
		case c.Kind == table.KindText, c.Kind == table.KindBool:
			sh.dims = append(sh.dims, i)
		case c.Kind == table.KindInteger && about(c.class, c.class) && !hasClass(c.Name, side.class()) && !hasClass(c.Name, ClassAmount):
			sh.dims = append(sh.dims, i) // codes
		}
	}
}

// better takes column i if nothing was taken yet or if it bears the side's own
// word.
func (sh *shape) better(at *int, i int, side Side) {
	if *at < 0 || hasClass(sh.cols[i].Name, side.class()) && !hasClass(sh.cols[*at].Name, side.class()) {
		*at = i
	}
}

// byName finds a column by its name or letter, or says which ones come close.
func (sh *shape) byName(want string) (int, error) {
	n := normal(want)
	for i, c := range sh.cols {
		if strings.EqualFold(c.Name, want) {
			return i, nil
		}
	}
	for i, c := range sh.cols {
		if normal(c.Name) == n && n != "" {
			return i, nil
		}
	}
	return 0, &unknownColumn{want: want, near: nearest(want, sh.names())}
}

func (sh *shape) names() []string {
	out := make([]string, len(sh.cols))
	for i, c := range sh.cols {
		out[i] = c.Name
	}
	return out
}

// unknownColumn is turned into a message by the caller, who knows the file.
type unknownColumn struct {
	want string
	near []string
}

func (e *unknownColumn) Error() string { return "no column " + quoted(e.want) }

// nearest orders names by how close they are to want, at most six.
func nearest(want string, names []string) []string {
	out := slices.Clone(names)
	w := normal(want)
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(distance(w, normal(a)), distance(w, normal(b))) })
	return slices.Compact(out[:min(6, len(out))])
}

// distance counts the edits between two words.
func distance(a, b string) int {
	if strings.Contains(b, a) && a != "" {
		return 0
	}
	ra, rb := []rune(clipRunes(a, 64)), []rune(clipRunes(b, 64))
	row := make([]int, len(rb)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range ra {
		last := i
		row[0] = i + 1
		for j, y := range rb {
			d := last
			if x != y {
				d++
			}
			last = row[j+1]
			row[j+1] = min(d, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(rb)]
}

func clipRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func quoted(s string) string { return `"` + clipRunes(s, 60) + `"` }
