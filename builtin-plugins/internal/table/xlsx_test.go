package table_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	"github.com/cowork-host/cowork/pluginsdk"
)

// workbookOf writes a workbook with the library.
func workbookOf(t testing.TB, fill func(f *excelize.File)) string {
	t.Helper()
	f := excelize.NewFile()
	defer func() { _ = f.Close() }()
	fill(f)
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestWorkbook(t *testing.T) {
	t.Parallel()
	text := workbookOf(t, func(f *excelize.File) {
		day, pct, money := "dd.mm.yyyy", "0.0%", `[$€-407] #,##0.00`
		dayStyle, err1 := f.NewStyle(&excelize.Style{CustomNumFmt: &day})
		pctStyle, err2 := f.NewStyle(&excelize.Style{CustomNumFmt: &pct})
		moneyStyle, err3 := f.NewStyle(&excelize.Style{CustomNumFmt: &money})
		must(t, err1, err2, err3,
			f.SetSheetRow("Sheet1", "B2", &[]any{"Plan 2026"}),
			f.SetSheetRow("Sheet1", "B4", &[]any{"Account", "Amount", "Share", "Booked", "Open", "Text"}),
			f.SetSheetRow("Sheet1", "B5", &[]any{"Rent", 1234.56, 0.125, 46053, true, "00123"}),
			f.SetSheetRow("Sheet1", "B6", &[]any{"Food", 0.1 + 0.2, 0.07, 46053.75, false, "x"}),
			f.SetSheetRow("Sheet1", "B7", &[]any{"Total", nil, nil, nil, nil, nil}),
			f.SetCellFormula("Sheet1", "C7", "SUM(C5:C6)"),
			f.SetCellStyle("Sheet1", "C5", "C7", moneyStyle),
			f.SetCellStyle("Sheet1", "D5", "D6", pctStyle),
			f.SetCellStyle("Sheet1", "E5", "E6", dayStyle),
			f.SetRowVisible("Sheet1", 6, false),
		)
		_, err := f.NewSheet("Empty")
		must(t, err)
		_, err = f.NewSheet("Secret")
		must(t, err, f.SetSheetRow("Secret", "A1", &[]any{"k", "v"}), f.SetSheetRow("Secret", "A2", &[]any{"a", 1}), f.SetSheetVisible("Secret", false))
	})
	b := open(t, "plan.xlsx", text)
	if len(b.Sheets) != 2 || b.Format != table.XLSX {
		t.Fatalf("%d sheets, %s", len(b.Sheets), b.Format)
	}
	s := b.Sheets[0]
	if got, want := header(s), "Account:text, Amount:decimal, Share:decimal, Booked:datetime, Open:bool, Text:text"; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	if s.HeaderLine != 4 || s.Columns[1].Ref != "C" || !s.Columns[2].Percent {
		t.Errorf("header line %d, columns %+v", s.HeaderLine, s.Columns)
	}
	want := []string{
		"5 data: Rent|#1234.56|#12.5%|@2026-01-31|?true|00123",
		"6 data: Food|#0.3|#7%|@2026-01-31T18:00:00|?false|x",
		"7 total: Total|∅|∅|∅|∅|∅",
	}
	if diff := cmp.Diff(want, rows(t, s)); diff != "" {
		t.Error(diff)
	}
	notes := noteCodes(s.Notes())
	for _, code := range []table.NoteCode{table.NoteTitle, table.NoteHidden, table.NoteNotComputed, table.NoteTotal} {
		if _, ok := notes[code]; !ok {
			t.Errorf("no note %s", code)
		}
	}
	if !b.Sheets[1].Hidden || b.Sheets[1].Name != "Secret" {
		t.Errorf("second sheet %+v", b.Sheets[1])
	}
	if _, ok := noteCodes(b.Notes)[table.NoteSkippedSheet]; !ok {
		t.Error("the empty sheet is not noted")
	}
}

func TestMergedHeader(t *testing.T) {
	t.Parallel()
	text := workbookOf(t, func(f *excelize.File) {
		must(t, f.SetSheetRow("Sheet1", "A1", &[]any{"Account", "Region", "Plan", nil, "Actual"}),
			f.SetSheetRow("Sheet1", "A2", &[]any{nil, nil, "Q1", "Q2", "Q1", "Q2"}),
			f.SetSheetRow("Sheet1", "A3", &[]any{"Rent", "N", 1, 2, 3, 4}),
			f.SetSheetRow("Sheet1", "A4", &[]any{"Food", "S", 5, 6, 7, 8}),
			f.MergeCell("Sheet1", "C1", "D1"), f.MergeCell("Sheet1", "E1", "F1"), f.MergeCell("Sheet1", "A1", "A2"))
	})
	s := open(t, "m.xlsx", text).Sheets[0]
	if got, want := header(s), "Account:text, Region:text, Plan Q1:integer, Plan Q2:integer, Actual Q1:integer, Actual Q2:integer"; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
}

// rawWorkbook writes the parts of a workbook by hand.
func rawWorkbook(t testing.TB, workbook, sheet string) string {
	t.Helper()
	const rels = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`
	return zipOf(t, map[string]string{
		"_rels/.rels": rels + `<Relationship Id="a" Type="http://x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml": `<?xml version="1.0"?><x:workbook xmlns:x="m" xmlns:r="r">` + workbook +
			`<x:sheets><x:sheet name="S" sheetId="1" r:id="r1"/></x:sheets></x:workbook>`,
		"xl/_rels/workbook.xml.rels": rels + `<Relationship Id="r1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/styles.xml":              `<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="20"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet1.xml":   sheet,
	})
}

func zipOf(t testing.TB, parts map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range parts {
		f, err := w.Create(name)
		must(t, err)
		_, err = f.Write([]byte(text))
		must(t, err)
	}
	must(t, w.Close())
	return b.String()
}

func TestWorksheetDetails(t *testing.T) {
	t.Parallel()
	sheet := `<worksheet><sheetData>
	<row><c t="inlineStr"><is><t>a</t></is></c><c t="inlineStr"><is><r><t>b</t></r><r><t>c</t></r></is></c><c t="inlineStr"><is><t>d</t></is></c><c t="inlineStr"><is><t>e</t></is></c></row>
	<row r="3"><c r="A3"><v>1</v></c><c r="B3" s="1"><v>1</v></c><c r="C3" t="e"><v>#REF!</v></c><c r="D3" t="str"><f>X()</f><v>t&amp;x</v></c></row>
	<row r="4"><c r="A4"><f>1+1</f><v>2</v></c><c r="B4" s="1"><v>60</v></c><c r="D4" t="str"><f>X()</f><v>_x000A_&#x41;<![CDATA[<b>]]></v></c></row>
	<row r="5"><c r="D5" s="2"><v>0.5</v></c><c r="A5"><f>A4</f></c></row>
	</sheetData></worksheet>`
	s := open(t, "raw.xlsx", rawWorkbook(t, `<x:workbookPr date1904="1"/>`, sheet)).Sheets[0]
	want := []string{
		"3 data: #1|@1904-01-02|∅#REF!|t&x",
		"4 data: #2|@1904-03-01|∅|A<b>",
		"5 data: ∅|∅|∅|12:00:00",
	}
	got := rows(t, s)
	if diff := cmp.Diff(want, got); diff != "" {
		// With dates from 1904 half a day is noon of the first of January.
		want[2] = "5 data: ∅|∅|∅|@1904-01-01T12:00:00"
		if cmp.Diff(want, got) != "" {
			t.Error(diff)
		}
	}
	notes := noteCodes(s.Notes())
	if notes[table.NoteErrorCells].Count != 1 || notes[table.NoteNotComputed].Count != 1 {
		t.Errorf("notes %+v", notes)
	}
}

func TestSerialDates(t *testing.T) {
	t.Parallel()
	sheet := `<worksheet><sheetData><row r="1"><c r="A1" t="str"><v>day</v></c><c r="B1" t="str"><v>n</v></c></row>` +
		`<row r="2"><c r="A2" s="1"><v>1</v></c><c r="B2"><v>1E-3</v></c></row><row r="3"><c r="A3" s="1"><v>61</v></c><c r="B3"><v>1.1000000000000001</v></c></row>` +
		`<row r="4"><c r="A4" s="1"><v>46053.999994</v></c><c r="B4"><v>-12345678.9</v></c></row></sheetData></worksheet>`
	want := []string{"2 data: @1900-01-01|#0.001", "3 data: @1900-03-01|#1.1", "4 data: @2026-01-31T23:59:59|#-12345678.9"}
	if diff := cmp.Diff(want, rows(t, open(t, "d.xlsx", rawWorkbook(t, "", sheet)).Sheets[0])); diff != "" {
		t.Error(diff)
	}
}

// TestBadFiles opens what is not a table. Every error must be for people: it
// names the file and says what to do.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	good := workbookOf(t, func(f *excelize.File) {
		must(t, f.SetSheetRow("Sheet1", "A1", &[]any{"a", "b"}), f.SetSheetRow("Sheet1", "A2", &[]any{1, 2}))
	})
	cfb := "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 600)
	wide := func(s string) string {
		var b strings.Builder
		for _, c := range s {
			b.WriteString(string(c) + "\x00")
		}
		return b.String()
	}
	many := map[string]string{}
	for i := range 10_001 {
		many[fmt.Sprintf("x/%05d", i)] = ""
	}
	sheet := func(body string) string { return rawWorkbook(t, "", body) }
	cases := []struct{ name, file, text, says string }{
		{"empty", "e.csv", "", "empty"},
		{"blank lines", "e.csv", "\n \r\n\t\n", "empty"},
		{"only delimiters", "e.csv", ",,,\n,,,\n", "empty"},
		{"binary", "b.csv", "\x7fELF\x02\x01\x00\x00\x00\x00\x01\x02\x03", "format"},
		{"png", "b.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "format"},
		{"gzip", "b.csv.gz", "\x1f\x8b\x08\x00", "packed"},
		{"pdf", "b.pdf", "%PDF-1.7\n", "PDF"},
		{"renamed zip", "z.xlsx", zipOf(t, map[string]string{"hello.txt": "hi"}), "without a workbook"},
		{"word", "z.xlsx", zipOf(t, map[string]string{"word/document.xml": "<a/>"}), "Word"},
		{"opendocument", "z.xlsx", zipOf(t, map[string]string{"content.xml": "<a/>", "mimetype": "x"}), "OpenDocument"},
		{"binary workbook", "z.xlsb", zipOf(t, map[string]string{"xl/workbook.bin": "x"}), "xlsb"},
		{"truncated", "t.xlsx", good[:len(good)/2], "whole"},
		{"password", "p.xlsx", cfb + wide("EncryptedPackage"), "password"},
		{"old excel", "o.xls", cfb + wide("Workbook"), "old Excel"},
		{"other compound file", "o.doc", cfb, "old Office"},
		{"many entries", "m.xlsx", zipOf(t, many), "too large"},
		{"bomb by size", "b.xlsx", sheet("<worksheet><sheetData>" + strings.Repeat(" ", 5<<20) + "</sheetData></worksheet>"), "too large"},
		{"document type", "d.xlsx", sheet(`<!DOCTYPE a [<!ENTITY b "c">]><worksheet/>`), "document type"},
		{"deep xml", "d.xlsx", sheet(strings.Repeat("<a>", 100)), "nested"},
		{"cut xml", "d.xlsx", sheet("<worksheet><sheetData><row><c><v>1"), "whole"},
		{"far column", "d.xlsx", sheet(`<worksheet><sheetData><row><c r="ZZZZ1"><v>1</v></c></row></sheetData></worksheet>`), "whole"},
		{"empty workbook", "d.xlsx", sheet("<worksheet/>"), "no sheet"},
		{"json", "j.json", `[{"a":1},{"a":`, "whole"},
		{"json empty list", "j.json", `[]`, "empty"},
		{"json too deep", "j.json", `[{"a":` + strings.Repeat(`{"b":`, 80) + "1" + strings.Repeat("}", 81) + "]", "64 levels"},
		{"json bad line", "j.jsonl", "{\"a\":1}\n{\"a\":2}\n{\"a\"\n", "line 3"},
		{"parquet", "p.parquet", "PAR1 nothing here PAR1", "parquet"},
		{"parquet cut", "p.parquet", "PAR1\x00\x00", "parquet"},
		{"too many columns", "w.csv", strings.Repeat("a,", 17_000) + "a\n", "16,384 columns"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, err := table.Open(t.Context(), source(c.file, c.text), table.Options{MaxUnzippedBytes: 4 << 20})
			if err == nil {
				for _, s := range b.Sheets {
					for _, rowErr := range s.Rows(t.Context()) {
						err = errors.Join(err, rowErr)
					}
				}
			}
			var own *pluginsdk.Error
			if !errors.As(err, &own) {
				t.Fatalf("error %v is not for people", err)
			}
			if !strings.Contains(own.Message, c.file) || !strings.Contains(own.Message, c.says) || own.Next == "" || own.Kind == nil {
				t.Errorf("message %q, next %q; want it to name %q and say %q", own.Message, own.Next, c.file, c.says)
			}
		})
	}
}

// TestBombThatLies declares a small size for a part that unpacks to a lot.
func TestBombThatLies(t *testing.T) {
	t.Parallel()
	text := []byte(rawWorkbook(t, "", "<worksheet><sheetData>"+strings.Repeat(" ", 8<<20)+"</sheetData></worksheet>"))
	// In the directory every size above 64 KiB becomes 100 bytes.
	for i := 0; i+46 < len(text); i++ {
		if bytes.Equal(text[i:i+4], []byte("PK\x01\x02")) && text[i+26] > 0 {
			copy(text[i+24:], []byte{100, 0, 0, 0})
		}
	}
	b, err := table.Open(t.Context(), source("liar.xlsx", string(text)), table.Options{MaxUnzippedBytes: 4 << 20})
	if err == nil {
		for _, s := range b.Sheets {
			for _, rowErr := range s.Rows(t.Context()) {
				err = errors.Join(err, rowErr)
			}
		}
	}
	if !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Fatalf("error %v", err)
	}
}

func TestLargeWorkbookIsReadInLargePieces(t *testing.T) {
	t.Parallel()
	var sb strings.Builder
	sb.WriteString("<worksheet><sheetData><row><c t=\"str\"><v>n</v></c><c t=\"str\"><v>m</v></c></row>")
	for i := range 50_000 {
		fmt.Fprintf(&sb, "<row><c><v>%d</v></c><c><v>%d.5</v></c></row>", i, i*7919%100_003)
	}
	sb.WriteString("</sheetData></worksheet>")
	text := rawWorkbook(t, "", sb.String())
	r := &countingReader{r: bytes.NewReader([]byte(text))}
	start := time.Now()
	b, err := table.Open(t.Context(), table.Source{Name: "l.xlsx", R: r, Size: int64(len(text))}, table.Options{})
	must(t, err)
	n := len(rows(t, b.Sheets[0]))
	if n != 50_000 || r.n > 200 {
		t.Errorf("%d rows with %d reads of %d bytes in %s", n, r.n, len(text), time.Since(start))
	}
}

type countingReader struct {
	r *bytes.Reader
	n int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.n++
	return c.r.ReadAt(p, off)
}

func FuzzXLSX(f *testing.F) {
	f.Add([]byte(`<worksheet><sheetData><row r="1"><c t="str"><v>a</v></c></row><row><c r="A2"><f>SUM(A1:A1)</f><v>2</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B1"/></mergeCells></worksheet>`))
	f.Add([]byte("<worksheet><sheetData><row><c><v>1</v></c></row>"))
	f.Fuzz(func(t *testing.T, sheet []byte) {
		readAll(t, "f.xlsx", []byte(rawWorkbook(t, "", string(sheet))))
	})
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte(zipOf(f, map[string]string{"xl/workbook.xml": "<workbook/>"})))
	f.Add([]byte("PAR1\x00\x00\x00\x00\x04\x00\x00\x00PAR1"))
	f.Add([]byte("\xff\xfea\x00,\x00b\x00"))
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, "f.bin", data) })
}
