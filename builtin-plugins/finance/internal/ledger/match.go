package ledger

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"golang.org/x/sync/errgroup"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Line is a line item: what both inputs say about the same thing.
type Line struct {
	Key    []string // its values in the key columns
	Group  string   // what the summary groups it by
	Type   AccountType
	TypeBy Rule
	// GoodHigher says that actual above budget is favourable.
	GoodHigher     bool
	Budget, Actual apd.Decimal
	Qty            [2]apd.Decimal
	HasQty         [2]bool // units exist for every amount of the side
	// First and Count are its records, for each side, in Table.Records.
	First, Count [2]int
}

// Name returns the key as one text.
func (l *Line) Name() string { return strings.Join(l.Key, " / ") }

// Match is two inputs brought together.
type Match struct {
	Budget, Actual *Table
	Lines          []Line
	KeyNames       []string
	GroupName      string
	Currency       string
	Matched        int // lines in both inputs
	Period         bool
	SignRule       string
	// Notes say what was decided, Warnings what needs attention.
	Notes, Warnings []string

	keyDims [][2]int // of each key column, its place in the dims of the sides
}

// Load reads and matches the two inputs. Errors are for the person who gave
// them. Cancelling ctx stops it within some thousand rows.
func Load(ctx context.Context, budget, actual Input, opts Options) (*Match, error) {
	readers, err := openBoth(ctx, [2]Input{budget, actual}, &opts)
	if err != nil {
		return nil, err
	}
	defer closeAll(readers)
	a, b := readers[Budget], readers[Actual]
	for _, r := range []*reader{a, b} {
		if err := r.understand(ctx); err != nil {
			return nil, err
		}
	}
	if err := sameInput(a, b); err != nil {
		return nil, err
	}
	var tables [2]*Table
	var more [2]bool
	group, gctx := errgroup.WithContext(ctx)
	for i, r := range []*reader{a, b} {
		group.Go(func() (err error) {
			tables[i], more[i], err = r.load(gctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	m := &matcher{
		r: [2]*reader{a, b}, more: more, opts: &opts,
		Match: &Match{Budget: tables[0], Actual: tables[1]},
	}
	if err := m.run(ctx); err != nil {
		return nil, err
	}
	return m.Match, nil
}

func sameInput(a, b *reader) error {
	if path.Clean(a.Path) != path.Clean(b.Path) || a.sheet.Name != b.sheet.Name || !slices.Equal(a.shape.amounts, b.shape.amounts) {
		return nil
	}
	next := "give two files"
	switch {
	case len(a.book.Sheets) > 1:
		next = "choose two sheets with --budget-sheet and --actuals-sheet"
	case len(a.sheet.Columns) > 2:
		next = "give two files, or choose two columns of it with --budget-col and --actual-col"
	}
	return pluginsdk.Invalid(next, "budget and actuals are the same: %s", a.where())
}

type matcher struct {
	*Match
	r     [2]*reader
	more  [2]bool
	opts  *Options
	keys  *keyer
	use   uint
	items map[keyOf]int32
}

func (m *matcher) tables() [2]*Table { return [2]*Table{m.Budget, m.Actual} }

func (m *matcher) run(ctx context.Context) error {
	if !sameCurrency(m.Budget.Currency, m.Actual.Currency) {
		return pluginsdk.Invalid("convert one of the files first", "%s is in %s but %s is in %s",
			m.r[0].where(), m.Budget.Currency, m.r[1].where(), m.Actual.Currency)
	}
	m.Currency = m.Budget.Currency
	if len(m.Currency) < 3 && m.Actual.Currency != "" {
		m.Currency = m.Actual.Currency
	}
	if err := m.chooseKey(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.collect(ctx); err != nil {
		return err
	}
	m.nameKeys()
	m.sortRecords()
	if err := m.sum(ctx); err != nil {
		return err
	}
	if err := m.checkScale(); err != nil {
		return err
	}
	m.doubtTotals()
	m.findTypes()
	m.rate()
	return m.group()
}

// chooseKey decides which columns name a line.
func (m *matcher) chooseKey(ctx context.Context) error {
	m.keepZeros()
	pairs := m.splitCodes(pairUp(m.r[0], m.r[1], m.Budget, m.Actual))
	forced, pairs, err := m.forcedPairs(pairs)
	if err != nil {
		return err
	}
	if len(pairs) == 0 {
		return m.noCommon()
	}
	m.keys = newKeyer(pairs, m.Budget, m.Actual)
	m.keys.choosePeriod()
	main := mainPair(pairs)
	use, best := m.keys.choose(main, forced)
	if best.common == 0 && m.keys.grain != NoGrain {
		if f := m.keys.fit(use &^ usePeriod); f.common > 0 {
			m.keys.grain = NoGrain
			use, best = m.keys.choose(main, forced)
		}
	}
	if best.common == 0 {
		return m.noCommon()
	}
	m.use = use
	if len(m.opts.Keys) == 0 && (best.share() < 0.5 || m.mainUnpaired(pairs, main)) {
		if err := m.confirmKey(ctx, pairs, best); err != nil {
			return err
		}
	}
	m.Period = m.keys.grain != NoGrain && m.use&usePeriod != 0
	var used, unused []pair
	for i, p := range pairs {
		if m.use&(1<<i) != 0 {
			used = append(used, p)
		} else {
			unused = append(unused, p)
		}
	}
	m.Notes = append(m.Notes, "lines are matched by "+pairNames(used))
	if len(unused) > 0 {
		m.Notes = append(m.Notes, "not part of the match, because the values differ or add nothing: "+pairNames(unused))
	}
	m.notePeriods()
	return nil
}

// forcedPairs applies --key and --by.
func (m *matcher) forcedPairs(pairs []pair) (uint, []pair, error) {
	var forced uint
	find := func(name string) int {
		return slices.IndexFunc(pairs, func(p pair) bool {
			return normal(p.names[0]) == normal(name) || normal(p.names[1]) == normal(name)
		})
	}
	if m.opts.By != "" {
		if i := find(m.opts.By); i >= 0 && pairs[i].common > 0 {
			forced |= 1 << i
		}
	}
	if len(m.opts.Keys) == 0 {
		return forced, pairs, nil
	}
	var chosen []pair
	for _, name := range m.opts.Keys {
		i := find(name)
		if i < 0 {
			var have []string
			for _, p := range pairs {
				have = append(have, p.names[0])
			}
			if len(have) == 0 {
				return 0, nil, m.noCommon()
			}
			return 0, nil, pluginsdk.Invalid("choose from those with --key",
				"column %s is not in both files; the columns they share are %s", quoted(name), list(have))
		}
		if !slices.Contains(chosen, pairs[i]) {
			chosen = append(chosen, pairs[i])
		}
	}
	forced = 1<<len(chosen) - 1
	if i := find(m.opts.By); m.opts.By != "" && i >= 0 && pairs[i].common > 0 && !slices.Contains(chosen, pairs[i]) {
		chosen = append(chosen, pairs[i])
		forced = 1<<len(chosen) - 1
	}
	return forced, chosen, nil
}

// mainUnpaired tells whether both files have a column for accounts or items
// but not the same, and only something else, such as a department, is shared.
func (m *matcher) mainUnpaired(pairs []pair, main int) bool {
	if mainRank(pairs[main]) == 0 || pairs[main].byName == 0 && pairs[main].overlap >= 0.8 {
		return false
	}
	for side, r := range m.r {
		loose := false
		for d, col := range r.shape.dims {
			switch r.shape.cols[col].class {
			case ClassAccount, ClassCode, ClassItem:
				paired := slices.ContainsFunc(pairs, func(p pair) bool { return p.dims[side] == d })
				loose = loose || !paired
			}
		}
		if !loose {
			return false
		}
	}
	return true
}

// confirmKey asks whether to go on with an unsure match.
func (m *matcher) confirmKey(ctx context.Context, pairs []pair, best fit) error {
	var names []string
	for i, p := range pairs {
		if m.use&(1<<i) != 0 {
			names = append(names, p.names[0])
		}
	}
	current := strings.Join(names, ",")
	q := pluginsdk.Question{
		ID: "match.key",
		Text: fmt.Sprintf("Only %d of %d line items of %s and %s match by %s. Which columns name a line item?",
			best.common, min(best.distinct[0], best.distinct[1]), m.Budget.File, m.Actual.File, strings.Join(names, " and ")),
		Choices: []pluginsdk.Choice{{Value: current, Label: "Go on with " + strings.Join(names, " and "), Detail: "lines without a partner are kept as not in budget or not in actuals"}},
	}
	for i, p := range pairs {
		if p.common == 0 || p.names[0] == current {
			continue
		}
		f := m.keys.fit(1<<i | usePeriod)
		q.Choices = append(q.Choices, pluginsdk.Choice{
			Value: p.names[0], Label: "Match by " + p.names[0] + " alone",
			Detail: fmt.Sprintf("%d of %d match", f.common, min(f.distinct[0], f.distinct[1])),
		})
	}
	a, err := m.opts.Ask(ctx, q)
	if err != nil {
		if !errors.Is(err, pluginsdk.ErrUnavailable) {
			return err
		}
		var cands []string
		for _, c := range q.Choices {
			cands = append(cands, c.Value)
		}
		return pluginsdk.Invalid("say which columns to match by, for example --key "+quoted(cands[0])+m.examples(),
			"only %d of %d line items of %s and %s match; columns they share: %s",
			best.common, min(best.distinct[0], best.distinct[1]), m.Budget.File, m.Actual.File, pairNames(pairs))
	}
	m.use = usePeriod
	for _, name := range strings.Split(a.Value, ",") {
		i := slices.IndexFunc(pairs, func(p pair) bool { return normal(p.names[0]) == normal(name) || normal(p.names[1]) == normal(name) })
		if i < 0 {
			return pluginsdk.Invalid("choose from them with --key", "column %s is not in both files; the columns they share are %s", quoted(name), pairNames(pairs))
		}
		m.use |= 1 << i
	}
	return nil
}

// noCommon is the error for files that have nothing to do with each other.
func (m *matcher) noCommon() error {
	return pluginsdk.Invalid("check that both files list the same accounts or items, or rename the values in one of them"+m.examples(),
		"%s and %s have no common line items", m.r[0].where(), m.r[1].where())
}

// examples shows some lines of each side.
func (m *matcher) examples() string {
	var out []string
	for side, t := range m.tables() {
		best := -1
		for d, col := range m.r[side].shape.dims {
			if best < 0 || dimRank(m.r[side].shape.cols[col].class) < dimRank(m.r[side].shape.cols[m.r[side].shape.dims[best]].class) {
				best = d
			}
		}
		if best < 0 {
			continue
		}
		var texts []string
		for _, s := range t.dicts[best].texts {
			if s != "" && len(texts) < 3 {
				texts = append(texts, quoted(s))
			}
		}
		out = append(out, fmt.Sprintf("%s has %s in column %s", t.File, strings.Join(texts, ", "), quoted(m.r[side].shape.cols[m.r[side].shape.dims[best]].Name)))
	}
	return " (" + strings.Join(out, "; ") + ")"
}

func (m *matcher) notePeriods() {
	for side, t := range m.tables() {
		if m.r[side].shape.wide {
			what := "added up to one amount per line"
			if m.Period {
				what = "read as one line for each period"
			}
			m.Notes = append(m.Notes, fmt.Sprintf("the %d columns of periods in %s (%s to %s) were %s", len(m.r[side].shape.amounts), t.File,
				m.r[side].shape.cols[m.r[side].shape.amounts[0]].Name, t.Columns[m.r[side].shape.amounts[len(m.r[side].shape.amounts)-1]], what))
		}
	}
	if m.Period {
		return
	}
	if len(m.Budget.periods) > 0 && len(m.Actual.periods) > 0 {
		m.Warnings = append(m.Warnings, fmt.Sprintf("%s is about %s but %s about %s: amounts of different periods are compared",
			m.Budget.File, span(m.Budget.periods), m.Actual.File, span(m.Actual.periods)))
	}
	for side, t := range m.tables() {
		if len(t.periods) > 0 && !m.r[side].shape.wide {
			m.Notes = append(m.Notes, "the dates or periods of "+t.File+" are added up: the other file has none that match")
		}
	}
}
