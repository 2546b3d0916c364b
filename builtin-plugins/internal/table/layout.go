package table

import (
	"slices"
	"strings"
	"unicode"
)

// layout is where a grid's header is and what it says.
type layout struct {
	titles  int // rows above the header
	headers int // 0, 1 or 2
	units   bool
	// group says that the upper of two headers has labels over several
	// columns.
	names []string // by source column, before they are made unique
	unit  []string
	// generated says that there is no header.
	generated bool
}

// skip is the number of rows before the data.
func (l *layout) skip() int {
	n := l.titles + l.headers
	if l.units {
		n++
	}
	return n
}

// sampleRow is a copied raw row.
type sampleRow struct {
	line   int
	cells  []Cell
	merges []span // horizontal merges in a worksheet
}

// span is a range of columns, the last included.
type span struct{ from, to int }

func (r *sampleRow) filled() int {
	n := 0
	for i := range r.cells {
		if !blankCell(&r.cells[i]) {
			n++
		}
	}
	return n
}

func (r *sampleRow) cell(i int) *Cell {
	if i < len(r.cells) {
		return &r.cells[i]
	}
	return &Cell{}
}

func blankCell(c *Cell) bool {
	return c.Type == Null || c.Type == Text && trimBlanks(c.Text) == ""
}

// look is what a single cell looks like on its own.
type look uint8

const (
	lookBlank  look = iota // nothing, or a word for missing
	lookLabel              // text
	lookPeriod             // 2026, Q1, Jan 2026: a label or a value
	lookValue              // a number, a date, a truth value
)

func cellLook(c *Cell) look {
	switch c.Type {
	case Null:
		return lookBlank
	case Number:
		if n, ok := c.Number(); ok && isYear(n) && c.flags&flagPercent == 0 {
			return lookPeriod
		}
		return lookValue
	case Date:
		return lookPeriod
	case Bool:
		return lookValue
	}
	s := trimBlanks(c.Text)
	if isNullWord(s) {
		return lookBlank
	}
	if isPeriod(s) {
		return lookPeriod
	}
	if _, ok := ParseNumber(s, false); ok {
		return lookValue
	}
	if _, ok := ParseDate(s, ""); ok {
		return lookPeriod
	}
	return lookLabel
}

func isYear(n Num) bool {
	return n.big == nil && n.scale == 0 && n.coef >= 1900 && n.coef <= 2100
}

// isPeriod recognises what stands over columns of a plan: 2026, FY26, Q1,
// Q1 2026, 2026 H2, Jan, Week 3.
func isPeriod(s string) bool {
	if len(s) > 20 {
		return false
	}
	if n, ok := parseSimple(s); ok {
		return isYear(n)
	}
	ok := false
	for _, w := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r == ' ' || r == '-' || r == '/' || r == '\'' || r == '.' || r == '_'
	}) {
		letters := strings.TrimRight(w, "0123456789")
		num := w[len(letters):]
		switch {
		case letters == "" && (len(num) == 4 || len(num) == 2):
			if len(num) == 4 && num[:2] != "19" && num[:2] != "20" {
				return false
			}
		case (letters == "q" || letters == "h" || letters == "kw" || letters == "w" || letters == "fy") && num != "":
			ok = true
		case num == "" && monthNumber(letters) > 0:
			ok = true
		default:
			return false
		}
	}
	return ok
}

// findLayout judges the first rows of a grid. rows are not blank.
func findLayout(rows []sampleRow, width int) layout {
	var l layout
	if len(rows) == 0 {
		return l
	}
	l.titles = countTitles(rows, width)
	body := rows[l.titles:]
	switch {
	case len(body) == 0:
		l.titles, body = 0, rows
	case !isHeader(body, width):
		// Perhaps a group header over the header.
		l.generated = true
	}
	if l.generated {
		l.names = make([]string, width)
		return l
	}
	l.headers = 1
	if isSecondHeader(body, width) {
		l.headers = 2
	}
	if n := l.headers; len(body) > n+1 && isUnits(&body[n], width) {
		l.units = true
		l.unit = texts(&body[n], width)
	}
	l.names = headerNames(body[:l.headers], width)
	return l
}

// countTitles returns how many rows lie above the header: they fill fewer
// columns than the table does.
func countTitles(rows []sampleRow, width int) int {
	if width < 2 {
		return 0
	}
	fills := make([]int, len(rows))
	for i := range rows {
		fills[i] = rows[i].filled()
	}
	typical := slices.Clone(fills)
	slices.Sort(typical)
	usual := typical[len(typical)*2/3]
	if usual < 2 {
		return 0
	}
	limit := min(len(rows)-1, 30)
	for i := range limit + 1 {
		if !isTitle(&rows[i], fills[i], usual) {
			if i > 0 && groupOver(&rows[i-1], &rows[i], fills[i-1], width) {
				return i - 1
			}
			return i
		}
	}
	return 0
}

// isTitle judges one row above a possible table.
func isTitle(r *sampleRow, fill, usual int) bool {
	switch {
	case fill == 1:
		return true
	case usual <= 3:
		return false
	}
	return fill*2 < usual || fill == 2 && usual >= 4 && isPair(r)
}

// isPair recognises "Company: | ACME" and "As of | 2026-01-31".
func isPair(r *sampleRow) bool {
	first := slices.IndexFunc(r.cells, func(c Cell) bool { return !blankCell(&c) })
	return first >= 0 && strings.HasSuffix(trimBlanks(r.cells[first].Text), ":")
}

// groupOver reports whether upper holds labels over groups of lower's columns.
func groupOver(upper, lower *sampleRow, fill, width int) bool {
	for _, m := range upper.merges {
		if m.to > m.from && m.to-m.from+1 < width {
			return allLabels(upper) && allLabels(lower)
		}
	}
	if !allLabels(upper) || !allLabels(lower) {
		return false
	}
	first := slices.IndexFunc(upper.cells, func(c Cell) bool { return !blankCell(&c) })
	return first > 0 && (fill >= 2 || repeats(lower) || first < len(lower.cells) && isPeriod(trimBlanks(upper.cells[first].Text)))
}

// allLabels reports whether the row has labels and periods only.
func allLabels(r *sampleRow) bool {
	for i := range r.cells {
		if cellLook(&r.cells[i]) == lookValue {
			return false
		}
	}
	return true
}

// repeats reports whether a label comes twice.
func repeats(r *sampleRow) bool {
	seen := map[string]bool{}
	for i := range r.cells {
		if s := normal(r.cells[i].Text); s != "" {
			if seen[s] {
				return true
			}
			seen[s] = true
		}
	}
	return false
}

func normal(s string) string {
	return strings.ToLower(strings.Join(strings.FieldsFunc(s, isBlank), " "))
}

// isHeader reports whether the first of rows names the columns of the others.
func isHeader(rows []sampleRow, width int) bool {
	labels, periods, values := 0, 0, 0
	for i := range width {
		switch cellLook(rows[0].cell(i)) {
		case lookLabel:
			labels++
		case lookPeriod:
			periods++
		case lookValue:
			values++
		}
	}
	if values > 0 {
		// A stray number among the names is possible ("Account, 1, 2, 3"),
		// but only over a column that has other numbers or none.
		return labels > 0 && periods == 0 && values*3 <= labels && !continues(rows, width)
	}
	if labels == 0 {
		return periods > 0 && !continues(rows, width)
	}
	return periods == 0 || !datesContinue(rows, width)
}

// continues reports whether a value of the first row has the look of those
// under it.
func continues(rows []sampleRow, width int) bool {
	for i := range width {
		l := cellLook(rows[0].cell(i))
		if l != lookValue && l != lookPeriod {
			continue
		}
		same, other := 0, 0
		for j := 1; j < len(rows); j++ {
			switch cellLook(rows[j].cell(i)) {
			case l:
				same++
			case lookBlank:
			default:
				other++
			}
		}
		if same > other {
			return true
		}
	}
	return false
}

// datesContinue is continues for rows that have labels as well: only a column
// of dates or years all the way down speaks against a header.
func datesContinue(rows []sampleRow, width int) bool {
	for i := range width {
		if cellLook(rows[0].cell(i)) != lookPeriod {
			continue
		}
		same, other := 0, 0
		for j := 1; j < len(rows); j++ {
			switch cellLook(rows[j].cell(i)) {
			case lookPeriod:
				same++
			case lookBlank:
			default:
				other++
			}
		}
		if same > 0 && other == 0 {
			return true
		}
	}
	return false
}

// isSecondHeader reports whether the second row belongs to the header too: it
// has labels over every column of numbers, and the two rows complete each
// other.
func isSecondHeader(rows []sampleRow, width int) bool {
	if len(rows) < 3 || !allLabels(&rows[1]) || isUnits(&rows[1], width) {
		return false
	}
	filled, over, bare, gaps := 0, 0, 0, 0
	for i := range width {
		label := cellLook(rows[1].cell(i)) != lookBlank
		if label {
			filled++
			if blankCell(rows[0].cell(i)) {
				gaps++
			}
		}
		switch numeric := mostlyValues(rows[2:], i); {
		case numeric && label:
			over++
		case numeric:
			bare++
		}
	}
	if filled < 2 || bare > 0 {
		return false
	}
	merged := slices.ContainsFunc(rows[0].merges, func(m span) bool { return m.to > m.from })
	stub := blankCell(rows[1].cell(0)) && !blankCell(rows[0].cell(0)) && !blankCell(rows[2].cell(0))
	if over == 0 {
		return merged && gaps > 0
	}
	if !merged && datesContinue(rows[1:], width) {
		return false
	}
	if filled <= 3 && namesColumns(&rows[1]) && !namesColumns(&rows[0]) {
		return true
	}
	return merged || gaps > 0 || stub || repeats(&rows[0]) || repeats(&rows[1]) || over > 2
}

// namesColumns reports whether most labels of the row have a word that heads
// columns and hardly ever is a record.
func namesColumns(r *sampleRow) bool {
	named, labels, periods := 0, 0, 0
	for i := range r.cells {
		switch cellLook(&r.cells[i]) {
		case lookPeriod:
			periods++
		case lookLabel:
			labels++
			if slices.ContainsFunc(strings.FieldsFunc(normal(r.cells[i].Text), func(c rune) bool { return !unicode.IsLetter(c) }), headsColumns) {
				named++
			}
		}
	}
	return named*2 > labels && named+periods > 1
}

func headsColumns(word string) bool {
	switch word {
	case "account", "acct", "name", "code", "item", "description", "category", "department", "dept", "date", "month", "period",
		"amount", "value", "budget", "plan", "planned", "forecast", "actual", "actuals", "variance", "total", "qty", "quantity", "units",
		"price", "id", "type", "product", "customer", "region", "country", "cost", "centre", "center",
		"konto", "bezeichnung", "betrag", "wert", "ist", "soll", "menge", "preis", "datum", "monat", "abteilung", "kostenstelle", "artikel",
		"compte", "libellé", "montant", "réel", "réalisé", "prévu", "quantité", "prix", "mois",
		"cuenta", "importe", "monto", "presupuesto", "cantidad", "precio", "conto", "importo", "conta", "valor", "valore":
		return true
	}
	return false
}

// mostlyValues reports whether most rows have a value in column i.
func mostlyValues(rows []sampleRow, i int) bool {
	n := 0
	for j := range rows {
		if cellLook(rows[j].cell(i)) == lookValue {
			n++
		}
	}
	return n*2 > len(rows)
}

// isUnits recognises a row of units: "USD", "(kg)", "%", "in thousands".
func isUnits(r *sampleRow, width int) bool {
	units := 0
	for i := range width {
		c := r.cell(i)
		if blankCell(c) {
			continue
		}
		if c.Type != Text || !isUnit(normal(c.Text)) {
			return false
		}
		units++
	}
	return units > 0
}

func isUnit(s string) bool {
	if len(s) > 2 && (s[0] == '(' && s[len(s)-1] == ')' || s[0] == '[' && s[len(s)-1] == ']') {
		return len(s) <= 24
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "in "), "x ")
	switch s {
	case "%", "$", "€", "£", "¥", "'000", "000s", "k$", "k€", "$k", "€k", "$m", "€m", "k", "m", "mn", "mio", "mio.", "tsd", "tsd.",
		"thousands", "millions", "thousand", "million", "percent", "pct", "pcs", "pieces", "stk", "stück", "units", "unit", "each", "ea",
		"kg", "g", "mg", "t", "lb", "lbs", "oz", "km", "cm", "mm", "mi", "ft", "l", "ml", "kwh", "mwh", "h", "hrs", "hours", "min", "s", "sec",
		"ms", "days", "fte", "text", "date", "#", "no.", "count", "-":
		return true
	}
	for _, w := range currencyWords {
		if len(w) == 3 && strings.EqualFold(s, w) || strings.EqualFold(s, w+" k") || strings.EqualFold(s, "k"+w) || strings.EqualFold(s, "t"+w) {
			return true
		}
	}
	return false
}

func texts(r *sampleRow, width int) []string {
	out := make([]string, width)
	for i := range width {
		out[i] = headerText(r.cell(i))
	}
	return out
}

// headerText is a header cell's text on one line.
func headerText(c *Cell) string {
	if c.Type == Null {
		return ""
	}
	return strings.Join(strings.FieldsFunc(c.Text, func(r rune) bool {
		return isBlank(r) || unicode.IsControl(r)
	}), " ")
}

// headerNames joins one or two header rows.
func headerNames(rows []sampleRow, width int) []string {
	if len(rows) == 1 {
		return texts(&rows[0], width)
	}
	upper, lower := texts(&rows[0], width), texts(&rows[1], width)
	carry(upper, lower, rows[0].merges)
	for i := range upper {
		switch {
		case upper[i] == "" || strings.EqualFold(upper[i], lower[i]):
			upper[i] = lower[i]
		case lower[i] != "":
			upper[i] += " " + lower[i]
		}
	}
	return upper
}

// carry spreads the labels of groups over their columns: as merged in a
// worksheet, or up to the next label when there are no merges.
func carry(upper, lower []string, merges []span) {
	if len(merges) > 0 {
		for _, m := range merges {
			for i := m.from + 1; i <= m.to && i < len(upper); i++ {
				upper[i] = upper[m.from]
			}
		}
		return
	}
	label := ""
	for i := range upper {
		switch {
		case upper[i] != "":
			label = ""
			if lower[i] != "" {
				label = upper[i]
			}
		case lower[i] == "":
			label = ""
		default:
			upper[i] = label
		}
	}
}
