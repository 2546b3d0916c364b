package report

import (
	"fmt"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/profile"
	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
)

// overview has one row per sheet of the source, derived from the other sheets,
// and how the file was read.
func (x *bookWriter) overview() *workbook.Sheet {
	header := []string{
		"Sheet", "Rows", "Columns", "Values", "Missing", "Missing %", "Duplicate rows", "Duplicate %",
		"Total lines left out", "High", "Medium", "Low", "Info",
	}
	widths := []float64{24, 12, 10, 13, 13, 11, 12, 12, 12, 9, 9, 9, 9}
	var rows []workbook.Row
	column, finding := 0, 0
	for _, s := range x.p.Sheets {
		rows = append(rows, x.overviewRow(s, column, finding))
		column += len(s.Columns)
		finding += len(s.Findings)
	}
	sh := x.grid("Overview", "Profile of "+x.p.File,
		fmt.Sprintf("%s, %s. Rows are data rows: blank lines, titles, notes and recognised total lines are not counted.", x.p.Format, size(x.p.Size)),
		header, widths, rows)
	sh.FreezeColumns, sh.Filter = 1, false
	sh.Conditions = []workbook.Condition{
		{Range: fmt.Sprintf("J5:J%d", 4+len(rows)), When: "J5>0", Mark: workbook.Highlight{Color: "9C0006", Fill: "FFC7CE", Bold: true}},
	}
	sh.Tail = x.notes()
	if chart, ok := x.missingChart(len(rows) + len(sh.Tail)); ok {
		sh.Charts = append(sh.Charts, chart)
	}
	return sh
}

// overviewRow sums up the rows of s in the other sheets, where column and
// finding count what stands before them.
func (x *bookWriter) overviewRow(s *profile.Sheet, column, finding int) workbook.Row {
	st := x.st
	var missing int64
	for _, c := range s.Columns {
		missing += c.Missing
	}
	values := s.Rows * int64(len(s.Columns))
	first, last := columnsHeaderRows+column+1, columnsHeaderRows+column+len(s.Columns)
	row := workbook.Cells(
		workbook.Text(s.Name).In(st.name), whole(s.Rows).In(st.whole),
		workbook.Formula(fmt.Sprintf("ROWS(Columns!B%d:B%d)", first, last), workbook.Int(len(s.Columns))).In(st.calcWhole),
		workbook.Formula("B{r}*C{r}", whole(values)).In(st.calcWhole),
		workbook.Formula(fmt.Sprintf("SUM(Columns!F%d:F%d)", first, last), whole(missing)).In(st.calcWhole),
		workbook.Formula("IF(D{r}=0,0,E{r}/D{r})", float(ratio(missing, values))).In(st.calcPercent),
		whole(s.Duplicates).In(st.whole),
		workbook.Formula("IF(B{r}=0,0,G{r}/B{r})", float(ratio(s.Duplicates, s.Rows))).In(st.calcPercent),
		whole(s.Totals).In(st.whole),
	)
	counts := map[string]int{}
	for _, f := range s.Findings {
		counts[f.Severity.String()]++
	}
	for _, sev := range []profile.Severity{profile.High, profile.Medium, profile.Low, profile.Info} {
		if len(s.Findings) == 0 {
			row.Add(workbook.Int(0).In(st.whole))
			continue
		}
		from, to := 4+finding+1, 4+finding+len(s.Findings)
		row.Add(workbook.Formula(fmt.Sprintf(`COUNTIF(Findings!B%d:B%d,"%s")`, from, to, sev), workbook.Int(counts[sev.String()])).In(st.calcWhole))
	}
	return row
}

// notes says how the file was read.
func (x *bookWriter) notes() []workbook.Row {
	rows := []workbook.Row{{}, workbook.Cells(workbook.Text("How the file was read").In(x.st.section))}
	add := func(sheet, column, text string) {
		label := sheet
		if column != "" {
			if label != "" {
				label += " / "
			}
			label += column
		}
		rows = append(rows, workbook.Cells(workbook.Text(label).In(x.st.name), workbook.Text(text).In(x.st.text)))
	}
	for _, n := range x.p.Notes {
		add("", n.Column, n.Text)
	}
	for _, s := range x.p.Sheets {
		for i, n := range s.Notes {
			if i == 100 {
				add(s.Name, "", fmt.Sprintf("and %d more", len(s.Notes)-i))
				break
			}
			text := n.Text
			if len(n.Lines) > 0 {
				text += " (line " + lines(n.Lines) + ")"
			}
			add(s.Name, n.Column, text)
		}
	}
	if len(rows) == 2 {
		add("", "", "nothing unusual")
	}
	return rows
}

// missingChart shows the missing share of the first sheet's columns.
func (x *bookWriter) missingChart(rows int) (workbook.Chart, bool) {
	s := x.p.Sheets[0]
	n := min(len(s.Columns), 30)
	var any bool
	for _, c := range s.Columns[:n] {
		any = any || c.Missing > 0
	}
	if !any || s.Rows == 0 {
		return workbook.Chart{}, false
	}
	return workbook.Chart{
		Kind: workbook.Columns, Anchor: fmt.Sprintf("B%d", rows+7), Title: "Missing values by column: " + s.Name,
		Alt: "share of missing values in each column", Width: 860, Height: 300, ValueFormat: "0%",
		Series: []workbook.Series{{
			Name: "Columns!$G$4", Color: "F4B183",
			Categories: workbook.AbsoluteRange("Columns", 1, columnsHeaderRows+1, columnsHeaderRows+n),
			Values:     workbook.AbsoluteRange("Columns", 6, columnsHeaderRows+1, columnsHeaderRows+n),
		}},
	}, true
}
