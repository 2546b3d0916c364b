package workbook_test

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

func TestWideSheetsPrintOverSeveralPages(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		print  workbook.Print
		fit    bool
		breaks int
		scale  uint
		titles string
	}{
		"one page wide": {print: workbook.Print{Landscape: true, RepeatRows: 1}, fit: true, titles: "Wide!$1:$1"},
		"three pages":   {print: workbook.Print{Landscape: true, RepeatRows: 4, RepeatColumns: 2, Breaks: []int{10, 20}}, breaks: 2, scale: 80, titles: "Wide!$A:$B,Wide!$1:$4"},
		"upright":       {print: workbook.Print{RepeatColumns: 1, Breaks: []int{15}}, breaks: 1, scale: 41, titles: "Wide!$A:$A"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := workbook.New(workbook.Properties{})
			s := b.Add(&workbook.Sheet{Name: "Wide", Print: tc.print, Head: []workbook.Row{workbook.Cells(workbook.Text("x"))}})
			for range 30 {
				s.Columns = append(s.Columns, workbook.Column{Width: 14})
			}
			var out bytes.Buffer
			if _, err := b.Write(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			f, err := excelize.OpenReader(&out)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			props, err := f.GetSheetProps("Wide")
			if err != nil || *props.FitToPage != tc.fit {
				t.Errorf("fit to page %v, %v", *props.FitToPage, err)
			}
			layout, err := f.GetPageLayout("Wide")
			if err != nil {
				t.Fatal(err)
			}
			if got := layout.AdjustTo; tc.scale > 0 && (got == nil || *got != tc.scale) {
				t.Errorf("scale %v, want %d", *got, tc.scale)
			}
			for _, n := range f.GetDefinedName() {
				if n.Name == "_xlnm.Print_Titles" && n.RefersTo != tc.titles {
					t.Errorf("titles %s, want %s", n.RefersTo, tc.titles)
				}
			}
			xml, _ := f.Pkg.Load("xl/worksheets/sheet1.xml")
			if n := len(regexp.MustCompile(`<brk `).FindAll(xml.([]byte), -1)); n != tc.breaks {
				t.Errorf("%d page breaks, want %d", n, tc.breaks)
			}
		})
	}
}
