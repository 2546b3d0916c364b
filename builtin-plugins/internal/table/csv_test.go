package table_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

func TestDelimitedText(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, file, text, header string
		rows                     []string
		notes                    []table.NoteCode
	}{
		{
			name: "plain", text: "a,b\n1,x\n2,y\n", header: "a:integer, b:text",
			rows: []string{"2 data: #1|x", "3 data: #2|y"},
		},
		{
			name: "byte order mark, CRLF, quoted newline and doubled quotes",
			text: "\xef\xbb\xbfa,b\r\n1,\"x\r\ny\"\"z\"\"\"\r\n2,\"\"\r\n", header: "a:integer, b:text",
			rows: []string{"2 data: #1|x\r\ny\"z\"", "4 data: #2|∅"},
		},
		{name: "lone CR", text: "a,b\r1,x\r2,y", header: "a:integer, b:text", rows: []string{"2 data: #1|x", "3 data: #2|y"}},
		{
			name: "semicolons and decimal commas", text: "Konto;Betrag;Datum\nA;1.234,50;31.01.2026\nB;12,5;1.2.2026\nC;1.234;03.04.2026\n",
			header: "Konto:text, Betrag:decimal, Datum:date", notes: []table.NoteCode{table.NoteDelimiter, table.NoteDecimalComma},
			rows: []string{"2 data: A|#1234.50|@2026-01-31", "3 data: B|#12.5|@2026-02-01", "4 data: C|#1234|@2026-04-03"},
		},
		{name: "tabs", file: "x.tsv", text: "a\tb\n1\tx, y\n", header: "a:integer, b:text", rows: []string{"2 data: #1|x, y"}},
		{name: "vertical bars", text: "a|b|c\n1|x|2\n3|y|4\n", header: "a:integer, b:text, c:integer", rows: []string{"2 data: #1|x|#2", "3 data: #3|y|#4"}},
		{name: "declared delimiter", text: "sep=;\na;b\n1;2,5\n", header: "a:integer, b:decimal", rows: []string{"3 data: #1|#2.5"}},
		{
			name: "semicolons inside of a comma file", text: "id,tags,n\n1,a;b,5\n2,c;d,6\n3,e;f,7\n", header: "id:integer, tags:text, n:integer",
			rows: []string{"2 data: #1|a;b|#5", "3 data: #2|c;d|#6", "4 data: #3|e;f|#7"},
		},
		{
			name: "windows-1252", text: "Name,Preis\nCaf\xe9,\x80 5\n", header: "Name:text, Preis:integer",
			rows: []string{"2 data: Café|#5"}, notes: []table.NoteCode{table.NoteEncoding},
		},
		{
			name: "titles above, notes below", text: "Budget 2026,,\nAll in EUR,,\n,,\nAccount,Plan,Actual\nRent,100,90\nFood,200,210\n,,\nSource: ledger,,\n",
			header: "Account:text, Plan:integer, Actual:integer", notes: []table.NoteCode{table.NoteTitle, table.NoteFooter},
			rows: []string{"5 data: Rent|#100|#90", "6 data: Food|#200|#210", "8 note: Source: ledger|∅|∅"},
		},
		{
			name: "two header rows with carried groups", text: ",2025,,2026,\n,Q1,Q2,Q1,Q2\nRent,1,2,3,4\nFood,5,6,7,8\n",
			header: "Column 1:text, 2025 Q1:integer, 2025 Q2:integer, 2026 Q1:integer, 2026 Q2:integer",
			rows:   []string{"3 data: Rent|#1|#2|#3|#4", "4 data: Food|#5|#6|#7|#8"}, notes: []table.NoteCode{table.NoteHeader},
		},
		{
			name: "title over groups over names", text: "Plan report\n,,Q1,,Q2,\nAcc,Reg,Plan,Act,Plan,Act\nRent,N,1,2,3,4\nFood,S,5,6,7,8\nTotal,,6,8,10,12\n",
			header: "Acc:text, Reg:text, Q1 Plan:integer, Q1 Act:integer, Q2 Plan:integer, Q2 Act:integer",
			rows:   []string{"4 data: Rent|N|#1|#2|#3|#4", "5 data: Food|S|#5|#6|#7|#8", "6 total: Total|∅|#6|#8|#10|#12"},
			notes:  []table.NoteCode{table.NoteTitle, table.NoteHeader},
		},
		{
			name: "sections", text: "Department,Jan,Feb\nSales\n  Pay,100,100\n  Travel,10,20\nTotal Sales,110,120\nIT\n  Pay,50,50\n  Cloud,5,5\nTotal IT,55,55\nTotal,165,175\n",
			header: "Department:text, Jan:integer, Feb:integer", notes: []table.NoteCode{table.NoteFooter, table.NoteTotal},
			rows: []string{
				"2 section: Sales|∅|∅", "3 data: Pay|#100|#100", "4 data: Travel|#10|#20", "5 subtotal: Total Sales|#110|#120",
				"6 section: IT|∅|∅", "7 data: Pay|#50|#50", "8 data: Cloud|#5|#5", "9 subtotal: Total IT|#55|#55", "10 total: Total|#165|#175",
			},
		},
		{
			name: "units row", text: "Item,Weight,Price\n,kg,EUR\nA,1.5,2\nB,2.5,3\n", header: "Item:text, Weight:decimal, Price:integer",
			rows: []string{"3 data: A|#1.5|#2", "4 data: B|#2.5|#3"}, notes: []table.NoteCode{table.NoteUnits},
		},
		{
			name: "empty and repeated names", text: "a,,a,A\n1,2,3,4\n5,6,7,8\n", header: "a:integer, Column 2:integer, a (2):integer, A (3):integer",
			rows: []string{"2 data: #1|#2|#3|#4", "3 data: #5|#6|#7|#8"}, notes: []table.NoteCode{table.NoteHeader},
		},
		{
			name: "no header", text: "1,2.5\n3,4.5\n5,6.5\n", header: "Column 1:integer, Column 2:decimal",
			rows: []string{"1 data: #1|#2.5", "2 data: #3|#4.5", "3 data: #5|#6.5"}, notes: []table.NoteCode{table.NoteHeader},
		},
		{
			name: "month columns", text: "Account,Jan 2026,Feb 2026\nRent,1,2\nFood,3,4\n", header: "Account:text, Jan 2026:integer, Feb 2026:integer",
			rows: []string{"2 data: Rent|#1|#2", "3 data: Food|#3|#4"},
		},
		{
			name: "year columns", text: "Account,2025,2026\nRent,1,2\nFood,3,4\n", header: "Account:text, 2025:integer, 2026:integer",
			rows: []string{"2 data: Rent|#1|#2", "3 data: Food|#3|#4"},
		},
		{
			name: "words for missing", text: "a,b\nN/A,x\n1,null\n#N/A,None\n2,-\n3,nan\n", header: "a:integer, b:text",
			rows: []string{"2 data: ∅|x", "3 data: #1|∅", "4 data: ∅#N/A|∅", "5 data: #2|∅", "6 data: #3|∅"},
		},
		{
			name: "dashes are zero among money", text: "a,b\nx,\"$1,000\"\ny,-\nz,(5)\n", header: "a:text, b:integer",
			rows: []string{"2 data: x|#1000", "3 data: y|#0", "4 data: z|#-5"}, notes: []table.NoteCode{table.NoteDash},
		},
		{
			name: "codes stay text", text: "zip,n\n02134,1\n10001,2\n", header: "zip:text, n:integer",
			rows: []string{"2 data: 02134|#1", "3 data: 10001|#2"},
		},
		{
			name: "percent", text: "a,b\nx,12%\ny,7.5%\n", header: "a:text, b:decimal", rows: []string{"2 data: x|#12%", "3 data: y|#7.5%"},
		},
		{
			name: "day first is proven once", text: "d,e\n01/02/2026,03/04/2026\n13/02/2026,05/06/2026\n", header: "d:date, e:date",
			rows: []string{"2 data: @2026-02-01|@2026-04-03", "3 data: @2026-02-13|@2026-06-05"}, notes: []table.NoteCode{table.NoteDateOrder},
		},
		{
			name: "compact dates", text: "order_date,n\n20260131,1\n20260201,2\n", header: "order_date:date, n:integer",
			rows: []string{"2 data: @2026-01-31|#1", "3 data: @2026-02-01|#2"},
		},
		{
			name: "truth", text: "a,b\n1,yes\n2,no\n", header: "a:integer, b:bool", rows: []string{"2 data: #1|?true", "3 data: #2|?false"},
		},
		{
			name: "ragged", text: "a,b,c\n1,2\n3,4,5\n6,7,8,9\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n", header: "a:integer, b:integer, c:integer",
			rows:  append([]string{"2 data: #1|#2|∅", "3 data: #3|#4|#5", "4 data: #6|#7|#8"}, repeat("%d data: #1|#2|#3", 5, 9)...),
			notes: []table.NoteCode{table.NoteRagged, table.NoteLateColumns},
		},
		{
			name: "a quote that is never closed costs one line", text: "a,b\n1,\"x\n2,y\n3,z\n", header: "a:integer, b:text",
			rows: []string{"2 data: #1|\"x", "3 data: #2|y", "4 data: #3|z"}, notes: []table.NoteCode{table.NoteQuotes},
		},
		{
			name: "a stray quote does not swallow the next line", text: "a,b\n\"x,1\n\"y\",2\n\"z\",3\n", header: "a:text, b:integer",
			rows: []string{"2 data: \"x|#1", "3 data: y|#2", "4 data: z|#3"}, notes: []table.NoteCode{table.NoteQuotes},
		},
		{
			name: "quotes inside of a field", text: "a,b\n5\" pipe,1\n6\" pipe,2\n", header: "a:text, b:integer",
			rows: []string{"2 data: 5\" pipe|#1", "3 data: 6\" pipe|#2"}, notes: []table.NoteCode{table.NoteQuotes},
		},
		{
			name: "header again", text: "a,b\nx,1\na,b\ny,2\n", header: "a:text, b:integer",
			rows: []string{"2 data: x|#1", "3 note: a|b", "4 data: y|#2"}, notes: []table.NoteCode{table.NoteHeader},
		},
		{name: "one column", text: "name\nx\ny\n", header: "name:text", rows: []string{"2 data: x", "3 data: y"}},
		{name: "header only", text: "a,b,c\n", header: "a:empty, b:empty, c:empty"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := c.file
			if file == "" {
				file = "x.csv"
			}
			b := open(t, file, c.text)
			s := b.Sheets[0]
			if got := header(s); got != c.header {
				t.Errorf("header = %s, want %s", got, c.header)
			}
			if diff := cmp.Diff(c.rows, rows(t, s)); diff != "" {
				t.Error(diff)
			}
			got := noteCodes(append(s.Notes(), b.Notes...))
			for _, n := range c.notes {
				if _, ok := got[n]; !ok {
					t.Errorf("no note %s in %v", n, got)
				}
			}
			if diff := cmp.Diff(c.rows, rows(t, s)); diff != "" {
				t.Error("second reading:", diff)
			}
		})
	}
}

func repeat(format string, from, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, from+i)
	}
	return out
}

func TestTotals(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, want string }{
		{"total", "a,n\nx,1\ny,2\nTotal,3\n", "DDT"},
		{"wrong total", "a,n\nx,1\ny,2\nTotal,4\n", "DDT"},
		{"german", "a;n\nx;1,5\ny;2,5\nGesamtsumme;4,0\n", "DDT"},
		{"french", "a;n\nx;1,5\ny;2,5\nSous-total;4,0\nz;1,0\nw;2,0\nTotal général;7,0\n", "DDSDDT"},
		{"an account named like a total", "a,n\nSalaries,100\nTotal Rewards,50\nRent,70\nTotal,220\n", "DDDT"},
		{"phrases that add up", "a,n\nx,1\ny,2\nTotal travel,3\nz,4\nw,5\nTotal office,9\nGrand total,12\n", "DDSDDST"},
		{"group name behind", "a,b,n\nTravel,air,1\nTravel,rail,2\nTravel Total,,3\nFood,in,4\nFood,out,5\nFood Total,,9\n", "DDSDDS"},
		{"no label", "a,b,n,m\nx,p,10,20\ny,q,30,40\nz,r,5,5\n,,45,65\n", "DDDT"},
		{"rounded total", "a,n\nx,1.40\ny,2.40\nTotal,4\n", "DDT"},
		{"percent columns do not add up", "a,n,p\nx,1,50%\ny,1,50%\nTotal,2,50%\n", "DDT"},
		{"totals in text only", "name,city\nTotal Systems,Rome\nSum Ting,Oslo\nAcme,Bern\n", "DDD"},
		{"money", "a,n\nx,\"$1,000.10\"\ny,\"(500.05)\"\nTotal,$500.05\n", "DDT"},
		{"single item", "a,n\nTotal Energies,5\nShell,7\n", "DD"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			for r, err := range open(t, "t.csv", c.text).Sheets[0].Rows(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				got += map[table.RowKind]string{table.RowData: "D", table.RowSubtotal: "S", table.RowTotal: "T", table.RowSection: "L", table.RowNote: "N"}[r.Kind]
			}
			// A first total may be a total or a subtotal: nobody can know yet.
			if norm(got) != norm(c.want) {
				t.Errorf("kinds %s, want %s", got, c.want)
			}
		})
	}
}

func norm(s string) string { return strings.ReplaceAll(s, "S", "T") }

func TestTotalMismatchIsNoted(t *testing.T) {
	t.Parallel()
	s := open(t, "t.csv", "a,n\nx,1\ny,2\nTotal,4\n").Sheets[0]
	rows(t, s)
	if n, ok := noteCodes(s.Notes())[table.NoteTotalMismatch]; !ok || len(n.Lines) != 1 || n.Lines[0] != 4 {
		t.Errorf("notes %+v", s.Notes())
	}
}

func TestUTF16(t *testing.T) {
	t.Parallel()
	text := "Name;Straße\nÄnne;1,5\n日本;2,5\n"
	for _, c := range []struct {
		name     string
		big, bom bool
	}{{"little endian", false, true}, {"big endian", true, true}} {
		var b []byte
		units := utf16.Encode([]rune(text))
		if c.bom {
			units = append([]uint16{0xFEFF}, units...)
		}
		for _, u := range units {
			if c.big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		got := rows(t, open(t, "x.csv", string(b)).Sheets[0])
		if diff := cmp.Diff([]string{"2 data: Änne|#1.5", "3 data: 日本|#2.5"}, got); diff != "" {
			t.Error(c.name, diff)
		}
	}
}

// endless gives n copies of a line without holding them.
type endless struct {
	head, line string
	n          int64
	reads      int
	largest    int
}

func (e *endless) size() int64 { return int64(len(e.head)) + e.n*int64(len(e.line)) }

func (e *endless) ReadAt(p []byte, off int64) (int, error) {
	e.reads++
	e.largest = max(e.largest, len(p))
	n := 0
	for n < len(p) && off < e.size() {
		var from string
		if off < int64(len(e.head)) {
			from = e.head[off:]
		} else {
			from = e.line[(off-int64(len(e.head)))%int64(len(e.line)):]
		}
		k := copy(p[n:], from)
		n, off = n+k, off+int64(k)
	}
	if off >= e.size() {
		return n, io.EOF
	}
	return n, nil
}

func TestLargeFileStreams(t *testing.T) {
	t.Parallel()
	e := &endless{head: "id,name,amount\n", line: "1,some name or other,12.50\n", n: 2_000_000}
	b, err := table.Open(t.Context(), table.Source{Name: "big.csv", R: e, Size: e.size()}, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var sum table.Sum
	n := int64(0)
	for r, err := range b.Sheets[0].Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		v, _ := r.Cells[2].Number()
		sum.Add(v)
		n++
	}
	if n != e.n || sum.Decimal().Text('f') != "25000000.00" {
		t.Errorf("%d rows, sum %s", n, sum.Decimal())
	}
	// The buffer must stay at its first size and reads must be large.
	if e.largest > 1<<20 || e.reads > int(e.size()>>20)+40 {
		t.Errorf("%d reads, the largest of %d bytes, for %d bytes", e.reads, e.largest, e.size())
	}
}

func TestCancelStopsReading(t *testing.T) {
	t.Parallel()
	e := &endless{head: "a,b\n", line: "1,2\n", n: 1 << 40}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b, err := table.Open(ctx, table.Source{Name: "big.csv", R: e, Size: e.size()}, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range b.Sheets[0].Rows(ctx) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			return
		}
		if n++; n == 1000 {
			cancel()
		}
		if n > 2000 {
			t.Fatal("goes on after the cancel")
		}
	}
	t.Fatal("ended without an error")
}

func TestReadErrorSurvives(t *testing.T) {
	t.Parallel()
	b, err := table.Open(t.Context(), table.Source{Name: "x.csv", R: failing{}, Size: 10}, table.Options{})
	if !errors.Is(err, errDisk) || b != nil {
		t.Fatalf("%v, %v", b, err)
	}
}

var errDisk = errors.New("disk on fire")

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

// TestGeneratedMess writes the same table in random dialects and expects the
// same values back.
func TestGeneratedMess(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		text, want := mess(r)
		s := open(t, "mess.csv", text).Sheets[0]
		var got []string
		for row, err := range s.Rows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Kind != table.RowData {
				continue
			}
			line := ""
			for _, name := range []string{"Account", "Amount", "Date", "Note"} {
				c, ok := s.Column(name)
				if !ok {
					t.Fatalf("seed %d: no column %s in %s\n%s", seed, name, header(s), text)
				}
				line += "|" + show(&row.Cells[c.Index])
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: %s\n%s", seed, diff, text)
		}
	}
}

func mess(r *rand.Rand) (text string, want []string) {
	delim := []string{",", ";", "\t", "|"}[r.IntN(4)]
	nl := []string{"\n", "\r\n", "\r"}[r.IntN(3)]
	comma := r.IntN(2) == 0
	style := r.IntN(5)
	order := r.Perm(4)
	var b bytes.Buffer
	put := func(cells []string) {
		for i, o := range order {
			if i > 0 {
				b.WriteString(delim)
			}
			c := cells[o]
			if strings.ContainsAny(c, delim+"\"\r\n") || r.IntN(10) == 0 && c != "" {
				c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			}
			b.WriteString(c)
		}
		b.WriteString(nl)
	}
	if r.IntN(3) == 0 {
		b.WriteString("\xef\xbb\xbf")
	}
	if r.IntN(2) == 0 {
		b.WriteString("Ledger export" + strings.Repeat(delim, 3) + nl)
		b.WriteString(strings.Repeat(delim, 3) + nl)
	}
	put([]string{"Account", "Amount", "Date", "Note"})
	total := int64(0)
	n := 20 + r.IntN(40)
	for i := range n {
		cents := r.Int64N(20_000_000) - 5_000_000
		if i < 3 {
			cents = 123_456_789 + int64(i) // proves the separators
		}
		total += cents
		day := []int{13 + r.IntN(15), 1 + r.IntN(28)}[min(1, i/3)]
		month, year := 1+r.IntN(12), 2000+r.IntN(40)
		note := []string{"", "ok", "a, b; c|d", "he said \"no\"", "zwei\tTabs", "N/A"}[r.IntN(6)]
		put([]string{fmt.Sprintf("Acct %03d", i), money(r, cents, comma), dateText(style, year, month, day), note})
		shown := note
		if note == "" || note == "N/A" {
			shown = "∅"
		}
		sign := ""
		abs := cents
		if cents < 0 {
			sign, abs = "-", -cents
		}
		want = append(want, fmt.Sprintf("|Acct %03d|#%s%d.%02d|@%04d-%02d-%02d|%s", i, sign, abs/100, abs%100, year, month, day, shown))
		if r.IntN(15) == 0 {
			b.WriteString(nl)
		}
	}
	if r.IntN(2) == 0 {
		put([]string{"Total", money(r, total, comma), "", ""})
	}
	return b.String(), want
}

func money(r *rand.Rand, cents int64, comma bool) string {
	neg := cents < 0
	if neg {
		cents = -cents
	}
	whole := fmt.Sprint(cents / 100)
	group, point := ",", "."
	if comma {
		group, point = ".", ","
	}
	if r.IntN(4) > 0 {
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + group + whole[i:]
		}
	}
	s := fmt.Sprintf("%s%s%02d", whole, point, cents%100)
	if r.IntN(3) == 0 {
		s = []string{"$" + s, s + " €", "EUR " + s}[r.IntN(3)]
	}
	if !neg {
		return s
	}
	return []string{"-" + s, "(" + s + ")", s + "-"}[r.IntN(3)]
}

func dateText(style, y, m, d int) string {
	switch style {
	case 0:
		return fmt.Sprintf("%04d-%02d-%02d", y, m, d)
	case 1:
		return fmt.Sprintf("%02d.%02d.%04d", d, m, y)
	case 2:
		return fmt.Sprintf("%02d/%02d/%04d", d, m, y)
	case 3:
		return fmt.Sprintf("%d/%d/%04d", m, d, y)
	}
	return fmt.Sprintf("%d %s %04d", d, [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}[m-1], y)
}

func FuzzCSV(f *testing.F) {
	for seed := range uint64(5) {
		text, _ := mess(rand.New(rand.NewPCG(seed, 1)))
		f.Add([]byte(text))
	}
	f.Add([]byte("a,\"b\nc\"d,\n\"\"\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		readAll(t, "f.csv", data)
	})
}

// readAll reads whatever data are: it may fail, but not crash or yield rows of
// another width than the header.
func readAll(t *testing.T, name string, data []byte) {
	t.Helper()
	b, err := table.Open(t.Context(), source(name, string(data)), table.Options{MaxUnzippedBytes: 1 << 20})
	if err != nil {
		return
	}
	defer func() { _ = b.Close() }()
	for _, s := range b.Sheets {
		for r, err := range s.Rows(t.Context()) {
			if err != nil {
				return
			}
			if len(r.Cells) != len(s.Columns) {
				t.Fatalf("%d cells, %d columns", len(r.Cells), len(s.Columns))
			}
			for i := range r.Cells {
				show(&r.Cells[i])
			}
		}
		s.Notes()
	}
}

func BenchmarkCSV(b *testing.B) {
	e := &endless{head: "id,date,region,product,amount,qty\n", line: "123456,2025-07-14,North,Product 17,1043.57,12\n", n: 1_000_000}
	b.SetBytes(e.size())
	for b.Loop() {
		bk, err := table.Open(b.Context(), table.Source{Name: "b.csv", R: e, Size: e.size()}, table.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range bk.Sheets[0].Rows(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
