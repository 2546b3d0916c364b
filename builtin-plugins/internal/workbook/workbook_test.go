package workbook_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook/workbooktest"
)

// sample is a book that uses everything there is.
func sample(t *testing.T) *workbook.Book {
	t.Helper()
	b := workbook.New(workbook.Properties{Title: "Sample & Co", Author: "cowork", Subject: "Test"})
	head := b.Style(workbook.Style{Role: workbook.Header})
	input := b.Style(workbook.Style{Role: workbook.Input, Format: workbook.Money})
	calc := b.Style(workbook.Style{Role: workbook.Calc, Format: workbook.Money})
	link := b.Style(workbook.Style{Role: workbook.Link, Format: workbook.Money})
	total := b.Style(workbook.Style{Role: workbook.Total, Format: workbook.Money})
	day := b.Style(workbook.Style{Format: workbook.Day})
	title := b.Style(workbook.Style{Role: workbook.Title})

	data := &workbook.Sheet{
		Name:    "Data",
		Columns: []workbook.Column{{Width: 20}, {Width: 14}, {Width: 14}, {Width: 14}, {Width: 12}},
		Head: []workbook.Row{workbook.Cells(
			workbook.Text("Name").In(head), workbook.Text("Budget").In(head), workbook.Text("Actual").In(head),
			workbook.Text("Variance").In(head), workbook.Text("Day").In(head))},
		Len: 10,
		Row: func(i int, r *workbook.Row) {
			r.Add(workbook.Text("item "+strconv.Itoa(i)),
				workbook.Number(strconv.Itoa(i*100)+".10").In(input),
				workbook.Number(strconv.Itoa(i*90)+".20").In(input),
				workbook.Formula("C{r}-B{r}", workbook.Number(fmt.Sprintf("%d.%d", -i*10+boolInt(i > 0), []int{1, 9}[boolInt(i > 0)]))).In(calc),
				workbook.Date(time.Date(2026, 3, 1+i, 0, 0, 0, 0, time.UTC)).In(day))
		},
		Tail: []workbook.Row{workbook.Cells(workbook.Text("Total").In(total),
			workbook.Formula("SUM(B2:B11)", workbook.Number("4501")).In(total),
			workbook.Formula("SUM(C2:C11)", workbook.Number("4052")).In(total),
			workbook.Formula("C{r}-B{r}", workbook.Number("-449")).In(total))},
		FreezeRows: 1, FreezeColumns: 1, Filter: true, TabColor: "1F3864",
		Print: workbook.Print{Landscape: true, RepeatRows: 1},
		Conditions: []workbook.Condition{
			{Range: "D2:D11", When: "D2<0", Mark: workbook.Highlight{Color: "9C0006", Fill: "FFC7CE"}},
			{Range: "B2:B11", Bar: "638EC6"},
			{Range: "C2:C11", Scale: [3]string{"F8696B", "FFEB84", "63BE7B"}},
		},
	}
	summary := &workbook.Sheet{
		Name:    "Summary",
		Columns: []workbook.Column{{Width: 24}, {Width: 16}, {Width: 16}},
		Head: []workbook.Row{
			workbook.Cells(workbook.Text("Sample").In(title)),
			workbook.Cells(workbook.Text("Linked"), workbook.Formula("Data!B{a}+0*SUM(Data!B{a}:B{b})", workbook.Number("4501")).Rows(12, 12).In(link)),
			workbook.Cells(workbook.Text("Text result"), workbook.Formula(`IF(B2<0,"a<b & c","n/a")`, workbook.Text("n/a"))),
			workbook.Cells(workbook.Text("Empty result"), workbook.Formula(`IF(B2>0,"","x")`, workbook.Text(""))),
			workbook.Cells(workbook.Text("Truth"), workbook.Formula(`B2>0`, workbook.Bool(true)), workbook.Bool(false)),
			workbook.Cells(workbook.Text("Newer"), workbook.Formula(workbook.Modern(`MAXIFS(Data!B2:B11,Data!B2:B11,"<500")`), workbook.Number("400.1")).In(link)),
		},
		Merges: []string{"A1:C1"},
		Charts: []workbook.Chart{{
			Kind: workbook.StackedColumns, Anchor: "A9", Title: "Budget", Alt: "Columns of the budget", Width: 480, Height: 260, Legend: true,
			Series: []workbook.Series{
				{Name: workbook.Absolute("Data", 1, 1), Categories: workbook.AbsoluteRange("Data", 0, 2, 11), Values: workbook.AbsoluteRange("Data", 1, 2, 11), Hidden: true},
				{Name: workbook.Absolute("Data", 2, 1), Categories: workbook.AbsoluteRange("Data", 0, 2, 11), Values: workbook.AbsoluteRange("Data", 2, 2, 11), Color: "70AD47"},
			},
		}},
	}
	b.Add(summary)
	b.Add(data)
	b.Names = []workbook.Name{{Name: "total_budget", Ref: workbook.Absolute("Data", 1, 12), Note: "Sum of the budget"}}
	return b
}

func boolInt(v bool) int {
	if v {
		return 1
	}
	return 0
}

func write(t *testing.T, b *workbook.Book) ([]byte, workbook.Written) {
	t.Helper()
	var buf bytes.Buffer
	w, err := b.Write(t.Context(), &buf)
	if err != nil {
		t.Fatal(err)
	}
	if w.Bytes != int64(buf.Len()) {
		t.Errorf("Bytes = %d, wrote %d", w.Bytes, buf.Len())
	}
	return buf.Bytes(), w
}

func TestEverySheetFeatureSurvives(t *testing.T) {
	t.Parallel()
	data, w := write(t, sample(t))
	f := workbooktest.Open(t, data)
	if diff := cmp.Diff([]string{"Summary", "Data"}, f.GetSheetList()); diff != "" {
		t.Error(diff)
	}
	if n := workbooktest.Check(t, f); n != w.Formulas || n != 18 || w.Uncached != 0 {
		t.Errorf("found %d formulas, reported %+v", n, w)
	}
	wantRow := []string{"item 3", "300.1", "270.2", "-29.9", "46085"}
	if diff := cmp.Diff(wantRow, trim(workbooktest.Raw(t, f, "Data")[4])); diff != "" {
		t.Error(diff)
	}
	if formula, _ := f.GetCellFormula("Data", "D5"); formula != "C5-B5" {
		t.Errorf("D5 = %q", formula)
	}
	props, _ := f.GetDocProps()
	if props.Title != "Sample & Co" || props.Creator != "cowork" || props.Created != props.Modified {
		t.Errorf("properties %+v", props)
	}
	calc, _ := f.GetCalcProps()
	if calc.FullCalcOnLoad == nil || !*calc.FullCalcOnLoad {
		t.Error("the workbook does not ask for calculation on load")
	}
	panes, _ := f.GetPanes("Data")
	if !panes.Freeze || panes.YSplit != 1 || panes.XSplit != 1 {
		t.Errorf("panes %+v", panes)
	}
	conditions, _ := f.GetConditionalFormats("Data")
	if len(conditions) != 3 {
		t.Errorf("%d conditional formats", len(conditions))
	}
	names := map[string]string{}
	for _, n := range f.GetDefinedName() {
		names[n.Name+"@"+n.Scope] = n.RefersTo
	}
	if names["total_budget@Workbook"] != "Data!$B$12" || names["_xlnm.Print_Titles@Data"] != "Data!$1:$1" {
		t.Errorf("names %v", names)
	}
	merged, _ := f.GetMergeCells("Summary")
	if len(merged) != 1 {
		t.Errorf("merged %v", merged)
	}
}

// trim rounds away digits that are stored but not shown.
func trim(row []string) []string {
	out := make([]string, len(row))
	for i, v := range row {
		out[i] = v
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			out[i] = strconv.FormatFloat(f, 'g', 15, 64)
		}
	}
	return out
}

func TestSameBookSameBytes(t *testing.T) {
	t.Parallel()
	first, _ := write(t, sample(t))
	for range 5 {
		if again, _ := write(t, sample(t)); !bytes.Equal(first, again) {
			t.Fatal("the same book gave other bytes")
		}
	}
	zr, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	if zr.File[0].Name != "[Content_Types].xml" {
		t.Errorf("first part is %s", zr.File[0].Name)
	}
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func TestLibreOfficeAgrees(t *testing.T) {
	t.Parallel()
	data, _ := write(t, sample(t))
	workbooktest.Recalculate(t, data)
}

func one(cells ...workbook.Cell) *workbook.Book {
	b := workbook.New(workbook.Properties{})
	b.Add(&workbook.Sheet{Name: "Sheet", Columns: make([]workbook.Column, len(cells)), Head: []workbook.Row{workbook.Cells(cells...)}})
	return b
}

func TestTextIsNeverAFormula(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"http://x\")", "\t=1", "\r=1", "=cmd|'/c calc'!A0",
		"007", "1e5", "TRUE", "#REF!", " lead and trail ", "a\nb", "x\x00y\x1f", "_x0041_", "_x00", "__x000D__",
		"a<b>&\"c'", "]]>", "émoji 😀", "",
	} {
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			data, _ := write(t, one(workbook.Text(s)))
			f := workbooktest.Open(t, data)
			if formula, _ := f.GetCellFormula("Sheet", "A1"); formula != "" {
				t.Errorf("formula %q", formula)
			}
			got, err := f.GetCellValue("Sheet", "A1")
			if err != nil || got != s {
				t.Errorf("got %q, want %q (%v)", got, s, err)
			}
		})
	}
}

func TestBadTextIsMended(t *testing.T) {
	t.Parallel()
	data, _ := write(t, one(workbook.Text("a\xffb\uFFFFc")))
	got, _ := workbooktest.Open(t, data).GetCellValue("Sheet", "A1")
	if want := "a\uFFFDb\uFFFDc"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLongTextIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"ascii":      strings.Repeat("a", workbook.MaxText+1),
		"surrogates": strings.Repeat("😀", workbook.MaxText/2+1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, w := write(t, one(workbook.Text(s), workbook.Text(strings.Repeat("b", workbook.MaxText))))
			if w.Cut != 1 {
				t.Errorf("Cut = %d", w.Cut)
			}
			f := workbooktest.Open(t, data)
			got, _ := f.GetCellValue("Sheet", "A1")
			if n := len(utf16.Encode([]rune(got))); n > workbook.MaxText || !strings.Contains(got, "[cut: ") {
				t.Errorf("%d units ending %q", n, got[len(got)-40:])
			}
			whole, _ := f.GetCellValue("Sheet", "B1")
			if len(whole) != workbook.MaxText {
				t.Errorf("a text of exactly the limit became %d", len(whole))
			}
		})
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0.1", "-1234.50", "12345678901234.56", "1e-7", "0.10", "-0.005", "1E5"} {
		data, _ := write(t, one(workbook.Number(s), workbook.Formula("A1", workbook.Number(s))))
		if n := bytes.Count(unzip(t, data, "xl/worksheets/sheet1.xml"), []byte("<v>"+s+"</v>")); n != 2 {
			t.Errorf("%s is stored %d times as it is, want 2", s, n)
		}
	}
	for _, s := range []string{"", "abc", "1,5", "NaN", "Inf", "0x10", "1e400", "1e999999999", "--1", "1e", ".", "1 ", strings.Repeat("9", 400)} {
		for _, c := range []workbook.Cell{workbook.Number(s), workbook.Formula("B1", workbook.Number(s))} {
			if _, err := one(c).Write(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "A1") {
				t.Errorf("Number(%q): %v, want an error naming the cell", s, err)
			}
		}
	}
}

func unzip(t *testing.T, data []byte, name string) []byte {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := zr.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDates(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("", 3600)
	for _, tc := range []struct {
		t    time.Time
		want string
	}{
		{time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), "46085"},
		{time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), "46085.5"},
		{time.Date(2026, 3, 4, 23, 59, 59, 0, berlin), "46085.9999884259"},
		{time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC), "61"},
		{time.Date(1900, 2, 28, 0, 0, 0, 0, time.UTC), "1900-02-28"},
		{time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC), "1850-01-01"},
	} {
		data, _ := write(t, one(workbook.Date(tc.t)))
		got, _ := workbooktest.Open(t, data).GetCellValue("Sheet", "A1", excelize.Options{RawCellValue: true})
		if strings.TrimRight(got, "0") != strings.TrimRight(tc.want, "0") {
			t.Errorf("%s is %s, want %s", tc.t, got, tc.want)
		}
	}
}

func TestLongBodyIsSplitOverSheets(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("writes more than a million rows")
	}
	b := workbook.New(workbook.Properties{})
	s := b.Add(&workbook.Sheet{
		Name: "Data", Columns: make([]workbook.Column, 2),
		Head: []workbook.Row{workbook.Cells(workbook.Text("n"), workbook.Text("twice"))},
		Len:  workbook.MaxRows + 5,
		Row: func(i int, r *workbook.Row) {
			r.Add(workbook.Int(i), workbook.Formula("A{r}*2", workbook.Int(i*2)))
		},
		Tail:   []workbook.Row{workbook.Cells(workbook.Text("end"))},
		Filter: true,
	})
	if diff := cmp.Diff([]string{"Data", "Data (2)"}, s.Parts()); diff != "" {
		t.Fatal(diff)
	}
	sheet, row := s.Place(workbook.MaxRows + 4)
	if sheet != "Data (2)" || row != 8 {
		t.Errorf("last row is at %s!%d", sheet, row)
	}
	data, _ := write(t, b)
	second := unzip(t, data, "xl/worksheets/sheet2.xml")
	if !bytes.Contains(second, []byte(`<c r="A8"><v>1048580</v></c><c r="B8"><f>A8*2</f><v>2097160</v></c>`)) {
		t.Errorf("second part is %s", second)
	}
	if !bytes.Contains(second, []byte(">end<")) || !bytes.Contains(second, []byte(">twice<")) {
		t.Error("second part lacks header or end")
	}
	first := unzip(t, data, "xl/worksheets/sheet1.xml")
	if bytes.Contains(first, []byte(">end<")) || bytes.Count(first, []byte("<row ")) != workbook.MaxRows-1 {
		t.Errorf("first part has %d rows", bytes.Count(first, []byte("<row ")))
	}
}

func TestWriteStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := workbook.New(workbook.Properties{})
	last := 0
	b.Add(&workbook.Sheet{Name: "Data", Len: 1_000_000, Row: func(i int, r *workbook.Row) {
		if i == 1000 {
			cancel()
		}
		last = i
		r.Add(workbook.Int(i))
	}})
	if _, err := b.Write(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if last > 20_000 {
		t.Errorf("went on to row %d", last)
	}
}

// full is a writer that has room for a few bytes.
type full struct{ room int }

var errFull = errors.New("disk full")

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteReportsAFullDisk(t *testing.T) {
	t.Parallel()
	whole, _ := write(t, sample(t))
	for room := 0; room < len(whole); room += len(whole)/20 + 1 {
		if _, err := sample(t).Write(t.Context(), &full{room: room}); !errors.Is(err, errFull) {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
	}
}

func TestDeclarationMistakesAreReported(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(b *workbook.Book){
		"no sheet":       func(b *workbook.Book) { b.Sheets = nil },
		"same name":      func(b *workbook.Book) { b.Add(&workbook.Sheet{Name: "DATA"}) },
		"bad name":       func(b *workbook.Book) { b.Sheets[0].Name = "a/b" },
		"long name":      func(b *workbook.Book) { b.Sheets[0].Name = strings.Repeat("x", 32) },
		"bad range name": func(b *workbook.Book) { b.Names[0].Name = "1 2" },
		"bad chart":      func(b *workbook.Book) { b.Sheets[0].Charts[0].Anchor = "??" },
		"bad condition":  func(b *workbook.Book) { b.Sheets[1].Conditions[0].Range = "D2:" },
		"bad merge":      func(b *workbook.Book) { b.Sheets[0].Merges = []string{"zzz"} },
		"long formula": func(b *workbook.Book) {
			b.Sheets[0].Head[0].Add(workbook.Formula(strings.Repeat("1+", 5000)+"1", workbook.Int(5001)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := sample(t)
			change(b)
			if _, err := b.Write(t.Context(), io.Discard); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestSheetName(t *testing.T) {
	t.Parallel()
	taken := map[string]bool{}
	for _, tc := range []struct{ in, want string }{
		{"Data", "Data"},
		{"data", "data (2)"},
		{"a/b:c*d?[e]\\", "a b c d e"},
		{"", "Sheet"},
		{"''", "’’"},
		{"History", "Sheet History"},
		{strings.Repeat("x", 40), strings.Repeat("x", 31)},
		{strings.Repeat("x", 40), strings.Repeat("x", 27) + " (2)"},
		{"  O'Neil  ", "O’Neil"},
		{"Ünï 😀", "Ünï 😀"},
	} {
		got, changed := workbook.SheetName(tc.in, taken)
		if got != tc.want || changed != (tc.in != tc.want) {
			t.Errorf("SheetName(%q) = %q, %v, want %q", tc.in, got, changed, tc.want)
		}
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Data": "Data", "Data (2)": "'Data (2)'", "Q1": "'Q1'", "O'Neil": "'O''Neil'", "2026": "'2026'", "A": "'A'",
	} {
		if got := workbook.Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
	for n, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 701: "ZZ", 702: "AAA", 16383: "XFD"} {
		if got := workbook.ColumnName(n); got != want {
			t.Errorf("ColumnName(%d) = %s, want %s", n, got, want)
		}
	}
	for in, want := range map[string]string{
		"SUMIFS(A1,B1,1)":              "SUMIFS(A1,B1,1)",
		"IFS(A1,1)+SUMIFS(A1,B1,1)":    "_xlfn.IFS(A1,1)+SUMIFS(A1,B1,1)",
		"STDEV.S(A1:A9)":               "_xlfn.STDEV.S(A1:A9)",
		"sum(filter(A1:A9,B1:B9))":     "sum(_xlfn._xlws.filter(A1:A9,B1:B9))",
		`IF(A1,"IFS(x)",'IFS(1)'!A1)`:  `IF(A1,"IFS(x)",'IFS(1)'!A1)`,
		"_xlfn.CONCAT(A1)":             "_xlfn.CONCAT(A1)",
		"CONCAT(IFNA(A1,0),MAXIFS(B))": "_xlfn.CONCAT(_xlfn.IFNA(A1,0),_xlfn.MAXIFS(B))",
	} {
		if got := workbook.Modern(in); got != want {
			t.Errorf("Modern(%s) = %s, want %s", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("=1+1")
	f.Add("a\x00\xff_x000D_😀")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1000 {
			return
		}
		var buf bytes.Buffer
		if _, err := one(workbook.Text(s), workbook.Formula("A1", workbook.Text(s))).Write(t.Context(), &buf); err != nil {
			t.Fatal(err)
		}
		g, err := excelize.OpenReader(bytes.NewReader(buf.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = g.Close() }()
		if formula, _ := g.GetCellFormula("Sheet", "A1"); formula != "" {
			t.Errorf("text became the formula %q", formula)
		}
	})
}

func FuzzNumber(f *testing.F) {
	f.Add("1.5e3")
	f.Fuzz(func(t *testing.T, s string) {
		_, err := one(workbook.Number(s)).Write(t.Context(), io.Discard)
		v, perr := strconv.ParseFloat(s, 64)
		if err == nil && (perr != nil || v != v || v > 1e308 || v < -1e308) {
			t.Errorf("Number(%q) was written", s)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				book := workbook.New(workbook.Properties{})
				for _, name := range []string{"One", "Two"} {
					book.Add(&workbook.Sheet{Name: name, Columns: make([]workbook.Column, 10), Len: n, Row: func(i int, r *workbook.Row) {
						r.Add(workbook.Text("some account name"), workbook.Int(i))
						for range 8 {
							r.Add(workbook.Formula("Data!B{a}-C{r}", workbook.Number("1234.56")).Rows(i, 0))
						}
					}})
				}
				if _, err := book.Write(b.Context(), io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
