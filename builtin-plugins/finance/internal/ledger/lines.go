package ledger

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/pluginsdk"
)

// collect gives every record its line, and reads the files that were too large
// to keep once more, adding up.
func (m *matcher) collect(ctx context.Context) error {
	rows := max(len(m.Budget.Records), len(m.Actual.Records))
	m.items = make(map[keyOf]int32, rows)
	m.Lines = make([]Line, 0, rows+rows/8)
	for side, t := range m.tables() {
		if m.more[side] {
			if err := m.addUp(ctx, Side(side), t); err != nil {
				return err
			}
			continue
		}
		for i := range t.Records {
			if i&0xfff == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			t.Records[i].Item = m.item(Side(side), t, &t.Records[i])
		}
	}
	return m.countLines()
}

// countLines refuses files with more lines than can be told apart.
func (m *matcher) countLines() error {
	if len(m.items) > maxLines {
		return m.tooMany()
	}
	for i, p := range m.keys.pairs {
		for side, t := range m.tables() {
			if m.use&(1<<i) != 0 && t.dicts[p.dims[side]].full {
				return m.tooMany()
			}
		}
	}
	return nil
}

func (m *matcher) tooMany() error {
	return pluginsdk.Invalid("choose fewer columns with --key", "the files have more than %d different line items", maxLines)
}

func (m *matcher) item(side Side, t *Table, r *Record) int32 {
	key := m.keys.key(side, t, r, m.use)
	i, ok := m.items[key]
	if !ok {
		i = int32(len(m.items))
		m.items[key] = i
		m.Lines = append(m.Lines, Line{Key: m.display(side, t, r, key)})
	}
	return i
}

func (m *matcher) display(side Side, t *Table, r *Record, key keyOf) []string {
	var out []string
	for i, p := range m.keys.pairs {
		if m.use&(1<<i) != 0 {
			d := p.dims[side]
			text := oneLine(t.dicts[d].texts[r.dims[d]])
			if text == "" {
				text = "(blank)"
			}
			out = append(out, text)
		}
	}
	if m.Period {
		text := "(no period)"
		if k := key[maxDims]; k > 0 {
			text = m.keys.byID[k-1].String()
		}
		out = append(out, text)
	}
	return out
}

// oneLine returns s with single blanks only.
func oneLine(s string) string {
	last := byte(' ')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == ' ' && last == ' ' {
			return strings.Join(strings.Fields(s), " ")
		}
		last = s[i]
	}
	return strings.TrimSuffix(s, " ")
}

// addUp reads a large file again and keeps one record for each line.
func (m *matcher) addUp(ctx context.Context, side Side, t *Table) error {
	fresh := m.r[side].newTable()
	fresh.Summed = true
	s := &scan{r: m.r[side], t: t, seen: map[string]int{}}
	for d := range t.dicts {
		s.skip[d] = len(t.dicts[d].texts) > 10_000 && !m.needs(side, d)
	}
	*t = *fresh
	if side == Budget {
		m.Budget = t
	} else {
		m.Actual = t
	}
	m.keys.tables[side] = t
	for p := range m.keys.cache[side] {
		m.keys.cache[side][p] = nil
	}
	at := map[int32]int{}
	tooMany := false
	err := s.run(ctx, func(r *Record) bool {
		item := m.item(side, t, r)
		i, ok := at[item]
		if !ok {
			if tooMany = len(m.items) > maxLines; tooMany {
				return false
			}
			r.Item = item
			at[item] = len(t.Records)
			t.Records = append(t.Records, *r)
			return true
		}
		old := &t.Records[i]
		sum := old.Amount.Decimal()
		add(sum, r.Amount)
		old.Amount = numOf(sum)
		if old.HasQty = old.HasQty && r.HasQty; old.HasQty {
			sum = old.Qty.Decimal()
			add(sum, r.Qty)
			old.Qty = numOf(sum)
		}
		old.Count++
		old.Last, old.HasPrice, old.Text = r.Line, false, ""
		return true
	})
	if err != nil {
		return err
	}
	if tooMany {
		return m.tooMany()
	}
	t.Notes = append(t.Notes, fmt.Sprintf("%s has %d rows, too many to list: the Data sheet has one row for each line item with the sum of its rows", t.File, t.Rows))
	return s.finish()
}

// needs tells whether the texts of a column are part of the key or asked for.
func (m *matcher) needs(side Side, dim int) bool {
	for i, p := range m.keys.pairs {
		if m.use&(1<<i) != 0 && p.dims[side] == dim {
			return true
		}
	}
	return m.opts.By != "" && normal(m.r[side].shape.cols[m.r[side].shape.dims[dim]].Name) == normal(m.opts.By)
}

func (m *matcher) nameKeys() {
	for i, p := range m.keys.pairs {
		if m.use&(1<<i) != 0 {
			m.KeyNames = append(m.KeyNames, p.names[Budget])
			m.keyDims = append(m.keyDims, p.dims)
		}
	}
	if m.Period {
		m.KeyNames = append(m.KeyNames, "Period")
	}
}

// sortRecords puts the records of a line one after the other.
func (m *matcher) sortRecords() {
	for side, t := range m.tables() {
		next := make([]int, len(m.Lines)+1)
		for i := range t.Records {
			next[t.Records[i].Item+1]++
		}
		for i := range m.Lines {
			m.Lines[i].First[side], m.Lines[i].Count[side] = next[i], next[i+1]
			next[i+1] += next[i]
		}
		if slices.IsSortedFunc(t.Records, func(a, b Record) int { return int(a.Item) - int(b.Item) }) {
			continue
		}
		sorted := make([]Record, len(t.Records))
		for i := range t.Records {
			at := &next[t.Records[i].Item]
			sorted[*at] = t.Records[i]
			*at++
		}
		t.Records = sorted
	}
}

func (m *matcher) sum(ctx context.Context) error {
	for i := range m.Lines {
		if i&0xfff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		l := &m.Lines[i]
		for side, t := range m.tables() {
			total := [2]*apd.Decimal{&l.Budget, &l.Actual}[side]
			l.HasQty[side] = l.Count[side] > 0
			for j := l.First[side]; j < l.First[side]+l.Count[side]; j++ {
				r := &t.Records[j]
				add(total, r.Amount)
				switch {
				case r.HasQty:
					add(&l.Qty[side], r.Qty)
				case !m.r[side].shape.wide || j == l.First[side]:
					l.HasQty[side] = l.HasQty[side] && r.Amount.Sign() == 0
				}
			}
		}
		if l.Count[0] > 0 && l.Count[1] > 0 {
			m.Matched++
		}
	}
	return nil
}

// findTypes finds the account type of every line.
func (m *matcher) findTypes() {
	known := map[string]int{} // text → type+1, or 0
	read := func(s string, strict bool) (AccountType, bool) {
		k := s
		if strict {
			k = "\x00" + s
		}
		v, ok := known[k]
		if !ok {
			if t, found := typeOf(s, strict); found {
				v = int(t) + 1
			}
			known[k] = v
		}
		return AccountType(max(0, v-1)), v > 0
	}
	var by [ByDefault + 1]int
	for i := range m.Lines {
		l := &m.Lines[i]
		l.Type, l.TypeBy = m.lineType(l, read)
		by[l.TypeBy]++
	}
	m.noteTypes(by)
}

func (m *matcher) lineType(l *Line, read func(string, bool) (AccountType, bool)) (AccountType, Rule) {
	for side, t := range m.tables() {
		if l.Count[side] > 0 {
			if r := &t.Records[l.First[side]]; r.typ >= 0 {
				if typ, ok := read(t.types.texts[r.typ], true); ok {
					return typ, ByColumn
				}
			}
		}
	}
	// Categories first, then names: "Revenue / Travel" is revenue.
	for _, pass := range [][]Class{{ClassType, ClassCategory}, {ClassAccount, ClassItem, ClassCode, ClassNone}} {
		for side, t := range m.tables() {
			if l.Count[side] == 0 {
				continue
			}
			r := &t.Records[l.First[side]]
			for d, col := range m.r[side].shape.dims {
				if slices.Contains(pass, m.r[side].shape.cols[col].class) {
					if typ, ok := read(t.dicts[d].texts[r.dims[d]], false); ok {
						return typ, ByName
					}
				}
			}
		}
	}
	for side, t := range m.tables() {
		if l.Count[side] == 0 {
			continue
		}
		r := &t.Records[l.First[side]]
		for d, col := range m.r[side].shape.dims {
			switch m.r[side].shape.cols[col].class {
			case ClassAccount, ClassCode, ClassItem:
				if typ, ok := typeByNumber(t.dicts[d].texts[r.dims[d]]); ok {
					return typ, ByNumber
				}
			}
		}
	}
	return Expense, ByDefault
}

func (m *matcher) noteTypes(by [ByDefault + 1]int) {
	if n := by[ByColumn]; n > 0 {
		m.Notes = append(m.Notes, "account type from a type column or section label: "+count(n, "line", "lines"))
	}
	if n := by[ByName]; n > 0 {
		m.Notes = append(m.Notes, "account type from words in the name or category: "+count(n, "line", "lines"))
	}
	if n := by[ByNumber]; n > 0 {
		m.Notes = append(m.Notes, "assumption: account type from the account number (4… revenue, 5… to 8… expense, 1… to 3… balance sheet, not rated): "+count(n, "line", "lines"))
	}
	if n := by[ByDefault]; n > 0 {
		m.Notes = append(m.Notes, "assumption: nothing says what these are, taken as expense: "+count(n, "line", "lines"))
	}
}

// group gives every line its group for the summary.
func (m *matcher) group() error {
	if normal(m.opts.By) == "period" || normal(m.opts.By) == "month" {
		if m.Period {
			return m.groupByPeriod()
		}
	}
	var at [2]int
	at[0], at[1] = -1, -1
	if m.opts.By != "" {
		n := normal(m.opts.By)
		for side, r := range m.r {
			for d, col := range r.shape.dims {
				if normal(r.shape.cols[col].Name) == n {
					at[side], m.GroupName = d, r.shape.cols[col].Name
				}
			}
			if i := r.shape.period; i >= 0 && normal(r.shape.cols[i].Name) == n && m.Period {
				return m.groupByPeriod()
			}
		}
		if at[0] < 0 && at[1] < 0 {
			all := append(m.r[0].shape.names(), m.r[1].shape.names()...)
			return pluginsdk.Invalid("choose one with --by", "neither file has a column %s to group by; the nearest are %s", quoted(m.opts.By), list(nearest(m.opts.By, all)))
		}
		m.pairGroup(&at)
	} else if !m.defaultGroup(&at) {
		m.GroupName = "Account type"
		for i := range m.Lines {
			m.Lines[i].Group = m.Lines[i].Type.String()
		}
		return nil
	}
	m.fillGroups(at)
	return nil
}

func (m *matcher) groupByPeriod() error {
	m.GroupName = "Period"
	for i := range m.Lines {
		m.Lines[i].Group = m.Lines[i].Key[len(m.Lines[i].Key)-1]
	}
	return nil
}

// pairGroup adds the partner of a column found on one side only.
func (m *matcher) pairGroup(at *[2]int) {
	for _, p := range m.keys.pairs {
		for side := range at {
			if at[side] == p.dims[side] && at[1-side] < 0 {
				at[1-side] = p.dims[1-side]
			}
		}
	}
}

// defaultGroup finds the column that makes the best summary.
func (m *matcher) defaultGroup(at *[2]int) bool {
	best := math.MaxInt
	order := []Class{ClassCategory, ClassType, ClassUnit, ClassProject, ClassRegion, ClassEntity}
	for side, r := range m.r {
		t := m.tables()[side]
		for d, col := range r.shape.dims {
			rank := slices.Index(order, r.shape.cols[col].class)
			n := len(t.dicts[d].texts)
			if rank < 0 || n < 2 || n > 60 || n*3 > 2*len(m.Lines) && len(m.Lines) > 3 {
				continue
			}
			// Prefer columns both files have.
			if !slices.ContainsFunc(m.keys.pairs, func(p pair) bool { return p.dims[side] == d && p.common > 0 }) {
				rank += len(order)
			}
			if rank < best {
				best = rank
				at[0], at[1] = -1, -1
				at[side], m.GroupName = d, r.shape.cols[col].Name
			}
		}
	}
	if best == math.MaxInt {
		return false
	}
	m.pairGroup(at)
	return true
}

func (m *matcher) fillGroups(at [2]int) {
	spelled := map[string]string{}
	several := 0
	for i := range m.Lines {
		l := &m.Lines[i]
		first := ""
		mixed := false
		for side, t := range m.tables() {
			if at[side] < 0 {
				continue
			}
			d := &t.dicts[at[side]]
			for j := l.First[side]; j < l.First[side]+l.Count[side]; j++ {
				id := t.Records[j].dims[at[side]]
				n := d.normal[id]
				if n == "" {
					continue
				}
				if _, ok := spelled[n]; !ok {
					spelled[n] = strings.Join(strings.Fields(d.texts[id]), " ")
				}
				mixed = mixed || first != "" && n != first
				if first == "" {
					first = n
				}
			}
		}
		switch {
		case mixed:
			l.Group = "(several)"
			several++
		case first == "":
			l.Group = "(none)"
		default:
			l.Group = spelled[first]
		}
	}
	if several > 0 {
		m.Notes = append(m.Notes, count(several, "line item has", "line items have")+" several values of "+m.GroupName+" and stand under (several) in the summary")
	}
}

// Spelled returns a record's own value in key column k, as its file spells it.
func (m *Match) Spelled(side Side, r *Record, k int) string {
	t := m.Budget
	if side == Actual {
		t = m.Actual
	}
	if k < len(m.keyDims) {
		d := m.keyDims[k][side]
		return t.dicts[d].texts[r.dims[d]]
	}
	if r.period >= 0 {
		return t.periods[r.period].String()
	}
	return ""
}
