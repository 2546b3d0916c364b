package finance_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/xuri/excelize/v2"
)

// pairOf is a generated budget and actuals file with the answers, worked out
// in cents while generating and without any code under test.
type pairOf struct {
	budget, actuals         []byte
	budgetName, actualsName string
	lines                   map[string]*answer // by plain key
	hasDept                 bool
	describe                string
}

type answer struct {
	budget, actual       int64 // cents
	inBudget, inActual   bool
	units                [2]int64
	revenue, hasUnits    bool
	budgetRow, actualRow int // first source row, 0 when not followed
}

var accountNames = []struct {
	name    string
	revenue bool
}{
	{"Product sales", true},
	{"Service revenue", true},
	{"Licence income", true},
	{"Salaries and wages", false},
	{"Travel expenses", false},
	{"Office rent", false},
	{"Software licences cost", false},
	{"Marketing", false},
	{"Legal fees expense", false},
	{"Café supplies", false},
	{"Müllabfuhr Kosten", false},
	{"Training", false},
	{"Insurance premium", false},
	{"Telephone", false},
	{"Freight & shipping", false},
	{"Bank charges", false},
	{"Depreciation", false},
	{"Repairs - building", false},
	{"Energy costs", false},
	{"Security cost", false},
}

var departments = []string{"Sales", "Operations", "Finance", "Research & Development", "People"}

// style is how one file is written.
type style struct {
	delim             string
	bom, crlf, latin1 bool
	number            int // 0 plain, 1 $1,234.50, 2 1.234,50, 3 1,234.50
	parens            bool
	title, total      bool
	footer            bool
	blank, subtotal   bool
	twoHeaders        bool
	comment           bool
	jitter, wide      bool
	xlsx              bool
}

func newStyle(r *rand.Rand) style {
	s := style{
		delim: []string{",", ";", "\t"}[r.IntN(3)],
		bom:   r.IntN(4) == 0, crlf: r.IntN(3) == 0, latin1: r.IntN(5) == 0,
		number: r.IntN(4), parens: r.IntN(3) == 0,
		title: r.IntN(3) == 0, total: r.IntN(2) == 0, blank: r.IntN(3) == 0, subtotal: r.IntN(5) == 0,
		footer:     r.IntN(3) == 0,
		twoHeaders: r.IntN(8) == 0, comment: r.IntN(4) == 0, jitter: r.IntN(2) == 0, xlsx: r.IntN(5) == 0,
	}
	if s.delim == "," && s.number == 2 {
		s.number = 0
	}
	if s.latin1 {
		s.bom = false
	}
	return s
}

func (s style) format(cents int64) string {
	neg := cents < 0
	if neg {
		cents = -cents
	}
	whole, frac := strconv.FormatInt(cents/100, 10), fmt.Sprintf("%02d", cents%100)
	group := func(sep string) string {
		out := ""
		for i, c := range whole {
			if i > 0 && (len(whole)-i)%3 == 0 {
				out += sep
			}
			out += string(c)
		}
		return out
	}
	var v string
	switch s.number {
	case 1:
		v = "$" + group(",") + "." + frac
	case 2:
		v = group(".") + "," + frac
	case 3:
		v = group(",") + "." + frac
	default:
		v = whole + "." + frac
	}
	switch {
	case neg && s.parens:
		return "(" + v + ")"
	case neg:
		return "-" + v
	}
	return v
}

// mess changes case and spaces of a name, but not the name.
func mess(r *rand.Rand, name string) string {
	switch r.IntN(5) {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return " " + strings.ToLower(name) + "  "
	case 2:
		return strings.ReplaceAll(name, " ", "  ")
	case 3:
		return strings.Map(func(c rune) rune {
			if r.IntN(2) == 0 {
				return unicode.ToUpper(c)
			}
			return c
		}, name)
	}
	return name
}

var (
	accountHeads = []string{"Account", "Account name", "Line item", "GL account", "Konto", "Description"}
	deptHeads    = []string{"Department", "Dept", "Cost centre", "Kostenstelle", "Team"}
	typeHeads    = []string{"Type", "Account type"}
	budgetHeads  = []string{"Budget", "Plan", "Budget amount", "FY26 Budget", "Amount", "Betrag", "Forecast"}
	actualHeads  = []string{"Actual", "Actuals", "Ist", "Amount", "Actual USD", "Réel", "Value"}
	unitHeads    = []string{"Units", "Qty", "Quantity", "Menge"}
)

// titles and footers stand around a table; their punctuation is nobody's
// delimiter.
var (
	titles  = []string{"Acme GmbH & Co", "Report for 2026, all entities", "Smith, Jones; Partners", `The "big" plan; 2026, final`, "Budget 1,234 days | internal"}
	footers = []string{"Prepared by: Smith, John; Finance", "Note: 1,234.50 is a rate, not an amount", `Source: the "big" ledger; 2026`, "Confidential"}
)

func choose(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

// rowOf is one row to be written, before its columns are shuffled.
type rowOf struct {
	key     string
	account string
	dept    string
	revenue bool
	cents   int64
	units   int64
	follow  bool // the first row of its line: its place is an answer
}

// generate makes the pair for a seed.
func generate(seed uint64) *pairOf {
	r := rand.New(rand.NewPCG(seed, 7))
	p := &pairOf{lines: map[string]*answer{}, hasDept: r.IntN(2) == 0, budgetName: "budget.csv", actualsName: "actuals.csv"}
	hasType, hasUnits := r.IntN(2) == 0, r.IntN(3) == 0
	accounts := slices.Clone(accountNames)
	r.Shuffle(len(accounts), func(i, j int) { accounts[i], accounts[j] = accounts[j], accounts[i] })
	accounts = accounts[:5+r.IntN(len(accounts)-5)]
	depts := []string{""}
	if p.hasDept {
		depts = departments[:2+r.IntN(3)]
	}
	var rows [2][]rowOf
	total := 0
	for _, a := range accounts {
		for _, d := range depts {
			total++
			line := &answer{revenue: a.revenue, inBudget: true, inActual: true}
			switch r.IntN(12) {
			case 0:
				line.inBudget = false
			case 1:
				line.inActual = false
			}
			if total <= 3 {
				line.inBudget, line.inActual = true, true
			}
			key := a.name
			if d != "" {
				key += " / " + d
			}
			p.lines[key] = line
			base := 10000 + r.Int64N(5_000_000)
			line.hasUnits = hasUnits && a.revenue
			for side, in := range []bool{line.inBudget, line.inActual} {
				if !in {
					continue
				}
				n := 1
				if r.IntN(6) == 0 {
					n = 2 + r.IntN(2)
				}
				for k := range n {
					cents := base/int64(n) + r.Int64N(base)/3
					if r.IntN(15) == 0 {
						cents = -cents / 4
					}
					if side == 0 && r.IntN(25) == 0 {
						cents = 0
					}
					row := rowOf{key: key, account: a.name, dept: d, revenue: a.revenue, cents: cents, follow: k == 0}
					if line.hasUnits {
						row.units = 1 + r.Int64N(900)
						line.units[side] += row.units
					}
					rows[side] = append(rows[side], row)
					if side == 0 {
						line.budget += cents
					} else {
						line.actual += cents
					}
				}
			}
		}
	}
	styles := [2]style{newStyle(r), newStyle(r)}
	styles[0].wide = r.IntN(5) == 0 && !hasUnits
	p.describe = fmt.Sprintf("budget %+v\nactuals %+v", styles[0], styles[1])
	for side := range rows {
		s := styles[side]
		if side == 1 || s.subtotal {
			r.Shuffle(len(rows[side]), func(i, j int) { rows[side][i], rows[side][j] = rows[side][j], rows[side][i] })
		}
		if s.subtotal && p.hasDept {
			slices.SortStableFunc(rows[side], func(a, b rowOf) int { return strings.Compare(a.dept, b.dept) })
		}
		// After a shuffle the first row of a line is another one.
		seen := map[string]bool{}
		for i := range rows[side] {
			rows[side][i].follow = !seen[rows[side][i].key]
			seen[rows[side][i].key] = true
		}
		grid := layOut(r, s, side, rows[side], p, hasType, hasUnits)
		data := encode(r, s, grid)
		if side == 0 {
			p.budget = data
			if s.xlsx {
				p.budgetName = "budget.xlsx"
			}
		} else {
			p.actuals = data
			if s.xlsx {
				p.actualsName = "actuals.xlsx"
			}
		}
	}
	return p
}

var months = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun"}

// layOut turns rows into a grid of texts in the file's style and notes where
// each line stands.
func layOut(r *rand.Rand, s style, side int, rows []rowOf, p *pairOf, hasType, hasUnits bool) [][]string {
	type column struct {
		head string
		cell func(row *rowOf) string
		sum  bool
		at   int // of a month
	}
	name := func(v string) string {
		if s.jitter {
			return mess(r, v)
		}
		return v
	}
	columns := []column{{head: choose(r, accountHeads), cell: func(x *rowOf) string { return name(x.account) }}}
	if p.hasDept {
		columns = append(columns, column{head: choose(r, deptHeads), cell: func(x *rowOf) string { return name(x.dept) }})
	}
	if hasType {
		columns = append(columns, column{head: choose(r, typeHeads), cell: func(x *rowOf) string {
			if x.revenue {
				return "Revenue"
			}
			return "Expense"
		}})
	}
	if hasUnits {
		columns = append(columns, column{head: choose(r, unitHeads), cell: func(x *rowOf) string {
			if x.units == 0 {
				return ""
			}
			return strconv.FormatInt(x.units, 10)
		}})
	}
	if s.comment {
		columns = append(columns, column{head: "Comment", cell: func(x *rowOf) string {
			return choose(r, []string{"", "see note", "line one\nline two", "=1+1", `says "hello"`})
		}})
	}
	r.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	if s.wide {
		for i, m := range months {
			columns = append(columns, column{head: m + " 2026", sum: true, at: i})
		}
	} else {
		head := choose(r, [][]string{budgetHeads, actualHeads}[side])
		at := r.IntN(len(columns) + 1)
		columns = slices.Insert(columns, at, column{head: head, sum: true})
	}
	share := func(c column, cents int64) int64 {
		if !s.wide {
			return cents
		}
		if c.at == len(months)-1 {
			return cents - cents/int64(len(months))*int64(len(months)-1)
		}
		return cents / int64(len(months))
	}
	var grid [][]string
	if s.title {
		grid = append(grid, []string{choose(r, titles)}, []string{choose(r, titles)}, nil)
	}
	if s.twoHeaders {
		group := make([]string, len(columns))
		for i, c := range columns {
			if c.sum {
				group[i] = "FY26"
			} else {
				group[i] = "Master data"
			}
		}
		grid = append(grid, group)
	}
	var head []string
	for _, c := range columns {
		head = append(head, c.head)
	}
	grid = append(grid, head)
	label := func(text string, sum func(c column) int64) []string {
		out := make([]string, len(columns))
		done := false
		for i, c := range columns {
			switch {
			case c.sum:
				out[i] = s.format(sum(c))
			case !done && slices.Contains(accountHeads, c.head):
				out[i], done = text, true
			}
		}
		return out
	}
	dept, deptSum := "", make([]int64, len(months))
	flush := func() {
		if s.subtotal && p.hasDept && dept != "" {
			grid = append(grid, label("Subtotal "+dept, func(c column) int64 { return deptSum[c.at] }))
		}
		clear(deptSum)
	}
	total := make([]int64, len(months))
	for i := range rows {
		x := &rows[i]
		if s.subtotal && x.dept != dept {
			flush()
			dept = x.dept
		}
		if s.blank && r.IntN(8) == 0 {
			grid = append(grid, nil)
		}
		var out []string
		for _, c := range columns {
			if c.sum {
				v := share(c, x.cents)
				total[c.at] += v
				deptSum[c.at] += v
				out = append(out, s.format(v))
				continue
			}
			out = append(out, c.cell(x))
		}
		grid = append(grid, out)
		if x.follow && !s.comment { // quoted newlines move lines: not followed
			a := p.lines[x.key]
			if side == 0 {
				a.budgetRow = len(grid)
			} else {
				a.actualRow = len(grid)
			}
		}
	}
	flush()
	if s.total {
		grid = append(grid, label("Total", func(c column) int64 { return total[c.at] }))
	}
	if s.footer {
		grid = append(grid, nil, []string{choose(r, footers)}, []string{choose(r, footers)})
	}
	return grid
}

func encode(r *rand.Rand, s style, grid [][]string) []byte {
	if s.xlsx {
		return encodeXLSX(s, grid)
	}
	var b strings.Builder
	end := "\n"
	if s.crlf {
		end = "\r\n"
	}
	for _, row := range grid {
		for i, v := range row {
			if i > 0 {
				b.WriteString(s.delim)
			}
			if strings.ContainsAny(v, "\"\n\r"+s.delim) || r.IntN(20) == 0 {
				v = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
			}
			b.WriteString(v)
		}
		b.WriteString(end)
	}
	out := []byte(b.String())
	if s.latin1 {
		out = out[:0]
		for _, c := range b.String() {
			out = append(out, byte(c))
		}
	}
	if s.bom {
		out = append([]byte("\xEF\xBB\xBF"), out...)
	}
	return out
}

// encodeXLSX writes plain numbers as numbers and the rest as text.
func encodeXLSX(s style, grid [][]string) []byte {
	f := excelize.NewFile()
	defer func() { _ = f.Close() }()
	for i, row := range grid {
		for j, v := range row {
			cell, _ := excelize.CoordinatesToCellName(j+1, i+1)
			if n, err := strconv.ParseFloat(v, 64); err == nil && s.number == 0 {
				_ = f.SetCellValue("Sheet1", cell, n)
				continue
			}
			if v != "" {
				_ = f.SetCellStr("Sheet1", cell, v)
			}
		}
	}
	buf, err := f.WriteToBuffer()
	if err != nil {
		panic(err)
	}
	return buf.Bytes()
}
