package finance_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook/workbooktest"
	"github.com/cowork-host/cowork/pluginsdk"
)

var (
	update   = flag.Bool("update", false, "write examples/finance again")
	pictures = flag.String("pictures", "", "folder for pictures of the example's workbook")
)

const exampleDir = "../../examples/finance"

// exampleLines are the example's line items; amounts in cents.
var exampleLines = []struct {
	code, name, dept, kind string
	units                  [2]int64
	budget, actual         int64
}{
	{"4000", "Tent sales", "Retail", "Revenue", [2]int64{1200, 1115}, 35880000, 34899500},
	{"4010", "Backpack sales", "Retail", "Revenue", [2]int64{2600, 2890}, 33540000, 36125000},
	{"4020", "Footwear sales", "Retail", "Revenue", [2]int64{1800, 1764}, 25020000, 25224300},
	{"4100", "Wholesale revenue", "Wholesale", "Revenue", [2]int64{5200, 4310}, 41600000, 35342000},
	{"4200", "Repair service", "Workshop", "Revenue", [2]int64{}, 2850000, 3311750},
	{"4900", "Returns and allowances", "Retail", "Revenue", [2]int64{}, -1200000, -1874025},
	{"5000", "Cost of goods sold", "Retail", "Expense", [2]int64{}, 47300000, 48112650},
	{"5010", "Cost of goods sold", "Wholesale", "Expense", [2]int64{}, 26500000, 22987400},
	{"5200", "Inbound freight", "Logistics", "Expense", [2]int64{}, 3900000, 5268075},
	{"6000", "Salaries and wages", "Retail", "Expense", [2]int64{}, 15750000, 15412090},
	{"6000", "Salaries and wages", "Wholesale", "Expense", [2]int64{}, 5800000, 5800000},
	{"6000", "Salaries and wages", "Head office", "Expense", [2]int64{}, 9400000, 8216550},
	{"6050", "Temporary staff", "Logistics", "Expense", [2]int64{}, 600000, 1985520},
	{"6100", "Store rent", "Retail", "Expense", [2]int64{}, 6900000, 6900000},
	{"6110", "Utilities", "Retail", "Expense", [2]int64{}, 870000, 1044385},
	{"6200", "Advertising", "Marketing", "Expense", [2]int64{}, 4200000, 2615000},
	{"6210", "Trade fairs", "Marketing", "Expense", [2]int64{}, 1500000, 0},
	{"6300", "Travel & entertainment", "Wholesale", "Expense", [2]int64{}, 480000, 611240},
	{"6400", "IT subscriptions", "Head office", "Expense", [2]int64{}, 1140000, 1236890},
	{"6410", "Web shop hosting", "Head office", "Expense", [2]int64{}, 360000, 358475},
	{"6500", "Legal and audit fees", "Head office", "Expense", [2]int64{}, 900000, 850000},
	{"6510", "Warehouse consulting", "Logistics", "Expense", [2]int64{}, 0, 1480000},
	{"6600", "Depreciation", "Head office", "Expense", [2]int64{}, 2100000, 2100000},
	{"6700", "Bank charges", "Head office", "Expense", [2]int64{}, 210000, 233815},
}

func exampleBudget(t *testing.T) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer func() { _ = f.Close() }()
	const sheet = "Budget Q1"
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(f.SetSheetName("Sheet1", sheet))
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	check(err)
	check(f.SetSheetRow(sheet, "A1", &[]any{"Fjell Outdoor Ltd"}))
	check(f.SetSheetRow(sheet, "A2", &[]any{"Approved budget, first quarter 2026, USD"}))
	check(f.MergeCell(sheet, "A1", "G1"))
	check(f.SetSheetRow(sheet, "A4", &[]any{"Account", "Account name", "Department", "Account type", "Units", "Unit price", "Budget"}))
	check(f.SetCellStyle(sheet, "A4", "G4", bold))
	row := 5
	total := func(label string) {
		cell := fmt.Sprintf("G%d", row)
		check(f.SetSheetRow(sheet, fmt.Sprintf("B%d", row), &[]any{label}))
		var sum int64
		for _, l := range exampleLines {
			if strings.HasSuffix(label, "revenue") == (l.kind == "Revenue") && inBudget(l.code) {
				sum += l.budget
			}
		}
		check(f.SetCellValue(sheet, cell, float64(sum)/100))
		check(f.SetCellStyle(sheet, fmt.Sprintf("A%d", row), cell, bold))
		row += 2
	}
	for i, l := range exampleLines {
		if i > 0 && exampleLines[i-1].kind != l.kind {
			total("Total revenue")
		}
		if !inBudget(l.code) {
			continue
		}
		values := []any{l.code, l.name, l.dept, l.kind, nil, nil, float64(l.budget) / 100}
		if l.units[0] > 0 {
			values[4], values[5] = l.units[0], float64(l.budget)/100/float64(l.units[0])
		}
		check(f.SetSheetRow(sheet, fmt.Sprintf("A%d", row), &values))
		row++
	}
	total("Total expenses")
	_, err = f.NewSheet("Assumptions")
	check(err)
	check(f.SetSheetRow("Assumptions", "A1", &[]any{"Approved by the board on 12 December 2025"}))
	check(f.SetSheetRow("Assumptions", "A2", &[]any{"Spring season starts in week 9; one trade fair in March"}))
	check(f.SetColWidth(sheet, "B", "B", 26))
	check(f.SetDocProps(&excelize.DocProperties{Created: "2026-01-05T09:00:00Z", Modified: "2026-01-05T09:00:00Z"}))
	buf, err := f.WriteToBuffer()
	check(err)
	return buf.Bytes()
}

// inBudget leaves out what nobody planned.
func inBudget(code string) bool { return code != "6510" }

// exampleActuals is a ledger export: other columns in another order, money as
// people write it, several bookings of one line, totals at the end.
func exampleActuals() []byte {
	var b bytes.Buffer
	money := style{number: 1, parens: true}
	line := func(cells ...string) {
		for i, c := range cells {
			if i > 0 {
				b.WriteByte(',')
			}
			if strings.ContainsAny(c, ",\"\n") {
				c = `"` + c + `"`
			}
			b.WriteString(c)
		}
		b.WriteString("\r\n")
	}
	b.WriteString("\xEF\xBB\xBF")
	line("Ledger export", "", "", "", "", "")
	line("Period: Jan 2026 to Mar 2026", "", "", "", "", "")
	line("", "", "", "", "", "")
	line("Cost centre", "GL account", "Description", "Qty", "Actual (USD)", "Remark")
	var sum int64
	for i, l := range exampleLines {
		if l.code == "6210" { // nothing was booked
			continue
		}
		sum += l.actual
		name := []string{l.name, strings.ToUpper(l.name), l.name + " ", strings.ToLower(l.name)}[i%4]
		dept := []string{l.dept, strings.ToUpper(l.dept), " " + l.dept}[i%3]
		units := [2]string{}
		parts := []int64{l.actual}
		if l.actual > 20000000 {
			parts = []int64{l.actual / 3, l.actual - l.actual/3}
		}
		if l.units[1] > 0 {
			units[0] = fmt.Sprint(l.units[1])
			if len(parts) == 2 {
				units[0], units[1] = fmt.Sprint(l.units[1]/3), fmt.Sprint(l.units[1]-l.units[1]/3)
			}
		}
		for k, amount := range parts {
			remark := ""
			if l.code == "6510" {
				remark = "not planned,\nsee contract"
			}
			line(dept, "00"+l.code, name, units[k], money.format(amount), remark)
		}
	}
	line("", "", "", "", "", "")
	line("Grand total", "", "", "", money.format(sum), "")
	return b.Bytes()
}

func TestExample(t *testing.T) {
	budget, actuals := exampleDir+"/budget.xlsx", exampleDir+"/actuals.csv"
	if *update {
		if err := os.WriteFile(budget, exampleBudget(t), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(actuals, exampleActuals(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h := &fakeHost{dir: exampleDir}
	res, err := run(t.Context(), h, filepath.Base(budget), filepath.Base(actuals))
	if err != nil {
		t.Fatal(err)
	}
	var b, a int64
	for _, l := range exampleLines {
		b += l.budget
		a += l.actual
	}
	got := facts(res)
	for name, want := range map[string]string{
		"total_budget": cents(b), "total_actual": cents(a), "total_variance": cents(a - b),
		"line_items": fmt.Sprint(len(exampleLines)), "lines_not_in_budget": "1", "lines_not_in_actuals": "1",
	} {
		if got[name] != want {
			t.Errorf("%s = %s, want %s", name, got[name], want)
		}
	}
	if res.Facts[0].Unit != "USD" {
		t.Errorf("unit %q", res.Facts[0].Unit)
	}
	for _, c := range res.Artifacts[0].Checks {
		if c.Status == pluginsdk.Failed {
			t.Errorf("check %q failed: %s", c.Name, c.Detail)
		}
	}
	data := h.out["variance-analysis.xlsx"].Bytes()
	workbooktest.Check(t, workbooktest.Open(t, data))
	if *pictures != "" {
		workbooktest.Pages(t, data, *pictures)
		t.Log(h.out["variance-analysis.md"].String())
		t.Log(res.Brief)
	}
	if t.Failed() {
		t.Log(strings.Join(h.logs, "\n"))
	}
	workbooktest.Recalculate(t, data)
}
