package table_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

// mixed is a generated text file with the columns it was made of.
type mixed struct {
	name, text string
	columns    []string
	delim      byte
	rows       [][]string
}

// cellMaker writes one cell of a column of some kind.
type cellMaker struct {
	head string
	cell func(r *rand.Rand, delim byte) string
}

func grouped(r *rand.Rand, comma, point string) string {
	n := r.IntN([]int{900, 90_000, 9_000_000}[r.IntN(3)])
	s := fmt.Sprint(n % 1000)
	if n >= 1000 {
		s = fmt.Sprintf("%d%s%03d", n/1000%1000, comma, n%1000)
	}
	if n >= 1_000_000 {
		s = fmt.Sprintf("%d%s%03d%s%03d", n/1_000_000, comma, n/1000%1000, comma, n%1000)
	}
	return s + point + fmt.Sprintf("%02d", r.IntN(100))
}

func makers() []cellMaker {
	words := func(list ...string) func(*rand.Rand, byte) string {
		return func(r *rand.Rand, _ byte) string { return list[r.IntN(len(list))] }
	}
	return []cellMaker{
		{"Account", words("Rent", "Travel", "Smith, John", "Fees; legal", "Oil | gas", `Screws 3"`, "Müll", "Tab\there", "A,B")},
		{"City", words("Paris", "Berlin, Mitte", "São Paulo", "")},
		{"Code", func(r *rand.Rand, _ byte) string { return fmt.Sprintf("%04d", r.IntN(9999)) }},
		{"Amount", func(r *rand.Rand, _ byte) string { return grouped(r, ",", ".") }},
		{"Betrag", func(r *rand.Rand, _ byte) string { return grouped(r, ".", ",") }},
		{"Kurs", func(r *rand.Rand, _ byte) string { return fmt.Sprintf("%d,%d", r.IntN(9), r.IntN(9)) }},
		{"Units", func(r *rand.Rand, _ byte) string { return fmt.Sprint(r.IntN(500)) }},
		{"Date", func(r *rand.Rand, _ byte) string { return fmt.Sprintf("2026-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28)) }},
	}
}

var strays = []string{
	"Report for 2026, all entities", "Prepared by: Smith, John; Finance", `The "big" one, final`, "Acme GmbH & Co. KG",
	"As of 1,234 days; see note | page 1", "Confidential, do not forward, ever",
}

// footers are the strays that a table of two columns can be told from.
var footers = []string{"Prepared by: Smith, John; Finance", "Note: 1,234 days; see page 1", "Confidential, do not forward, ever"}

// mix makes a file of seed.
func mix(seed uint64) *mixed {
	r := rand.New(rand.NewPCG(seed, 3))
	m := &mixed{name: []string{"a.csv", "a.txt", "a.tsv"}[r.IntN(3)], delim: []byte{',', ';', '\t', '|'}[r.IntN(4)]}
	all := makers()
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	columns := all[:1+r.IntN(5)]
	var out strings.Builder
	end := []string{"\n", "\r\n", "\r"}[r.IntN(3)]
	line := func(cells ...string) {
		for i, c := range cells {
			if i > 0 {
				out.WriteByte(m.delim)
			}
			if strings.ContainsAny(c, "\"\n"+string(m.delim)) || r.IntN(30) == 0 && c != "" {
				c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			}
			out.WriteString(c)
		}
		out.WriteString(end)
	}
	if r.IntN(8) == 0 && len(columns) > 1 {
		out.WriteString("sep=" + string(m.delim) + end)
	}
	// Around a single column any other text would be a row of it.
	around := len(columns) > 1
	raw := r.IntN(3) == 0 // titles as typed, not quoted
	stray := func() {
		s := strays[r.IntN(len(strays))]
		if len(columns) == 2 {
			s = footers[r.IntN(len(footers))]
		}
		if raw && (len(columns) > 3 || strings.IndexByte(s, m.delim) < 0) {
			out.WriteString(s + end)
			return
		}
		line(s)
	}
	if around {
		for range r.IntN(4) {
			stray()
		}
	}
	for _, c := range columns {
		m.columns = append(m.columns, c.head)
	}
	line(m.columns...)
	for range 4 + r.IntN(60) {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = c.cell(r, m.delim)
		}
		line(cells...)
		m.rows = append(m.rows, cells)
	}
	if around {
		for range r.IntN(4) {
			stray()
		}
	}
	m.text = out.String()
	return m
}

func TestDelimiterOfMixedFiles(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		m := mix(seed)
		if err := m.check(t); err != nil {
			t.Errorf("seed %d (%q, %q): %v\n%.600s", seed, m.delim, m.columns, err, m.text)
		}
	}
}

// check compares names and the first and last cells of the rows.
func (m *mixed) check(t *testing.T) error {
	t.Helper()
	b, err := table.Open(t.Context(), source(m.name, m.text), table.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }()
	s := b.Sheets[0]
	var names []string
	for _, c := range s.Columns {
		names = append(names, c.Name)
	}
	if fmt.Sprint(names) != fmt.Sprint(m.columns) {
		return fmt.Errorf("columns %q", names)
	}
	n := 0
	for row, err := range s.Rows(t.Context()) {
		if err != nil {
			return err
		}
		if row.Kind != table.RowData {
			continue
		}
		for n < len(m.rows) && strings.Join(m.rows[n], "") == "" {
			n++ // a blank line
		}
		if n == len(m.rows) {
			return fmt.Errorf("line %d is too many", row.Line)
		}
		for i := range row.Cells {
			if got := strings.TrimSpace(row.Cells[i].Text); got != strings.TrimSpace(m.rows[n][i]) {
				return fmt.Errorf("line %d has %q, want %q", row.Line, got, m.rows[n][i])
			}
		}
		n++
	}
	return nil
}

func TestDelimiterByHand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, text string
		want             []string
	}{
		{"decimal commas in two columns", "a.csv", "Name;Wert\na;1,5\nb;2,5\nc;3,25\n", []string{"Name", "Wert"}},
		{"decimal commas without header", "a.csv", "a;1,5\nb;2,5\nc;3,25\n", []string{"Column 1", "Column 2"}},
		{"lists in a comma file", "a.csv", "id,tags\n1,a;b\n2,c;d\n3,e;f\n", []string{"id", "tags"}},
		{"names in one column", "a.csv", "Name\nSmith, John\nDoe, Jane\nMiller, Ann\n", []string{"Name"}},
		{"sentences in one column", "a.csv", "Comment\nGood, but late\nFine\nLate, cold, wet\nNo\n", []string{"Comment"}},
		{"thousands in one column", "a.csv", "Amount\n1,234\n5,678.90\n12,000\n", []string{"Amount"}},
		{"decimal commas in one column", "a.csv", "Wert\n1,5\n2,5\n", []string{"Wert"}},
		{"two columns of digits", "a.csv", "x,y\n1,2\n3,4\n", []string{"x", "y"}},
		{"blanks after commas", "a.csv", "Name, City, Units\nAnn, Paris, 4\nBob, Rome, 5\n", []string{"Name", "City", "Units"}},
		{"semicolons and thousands", "a.csv", "Acme, Inc.\nReport for 2026, all entities\nAccount;Budget\nRent;52,693.19\nFuel;1,200.00\nTax;11,000.00\n", []string{"Account", "Budget"}},
		{"declared", "a.csv", "sep=;\na,b;c\n1,5;2\n", []string{"a,b", "c"}},
		{"declared bar in capitals", "a.csv", "SEP=|\r\na,b|c\r\n1,5|2\r\n", []string{"a,b", "c"}},
		{"long notes", "a.csv", "Acct;Amt;Note\nRent;5;x\nFuel;6;y\n\nNote: this, is text\nAlso, this\nAnd, that\nPlus, this\nOr, not\n", []string{"Acct", "Amt", "Note"}},
		{"quoted names with commas", "a.csv", "Name;Units\n\"Smith, John\";5\n\"Doe, Jane\";6\n", []string{"Name", "Units"}},
		{"header only", "a.csv", "Account;Budget, total;Units\n", []string{"Account", "Budget, total", "Units"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, c := range open(t, tt.file, tt.text).Sheets[0].Columns {
				got = append(got, c.Name)
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
				t.Errorf("columns %q, want %q", got, tt.want)
			}
		})
	}
}
