package finance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/unicode"

	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook/workbooktest"
)

// nasty is a pair of files written by hand with what must come of them.
type nasty struct {
	name            string
	budget, actuals string
	files           map[string]string // names other than budget.csv and actuals.csv
	options         []string
	facts           map[string]string
	fails           string   // in the error
	says            []string // in the log
}

func utf16le(s string) string {
	out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return out
}

// sheetFile makes a workbook of one sheet; more changes it.
func sheetFile(grid [][]any, more func(f *excelize.File)) string {
	f := excelize.NewFile()
	defer func() { _ = f.Close() }()
	for i := range grid {
		cell, _ := excelize.CoordinatesToCellName(1, i+1)
		_ = f.SetSheetRow("Sheet1", cell, &grid[i])
	}
	if more != nil {
		more(f)
	}
	buf, err := f.WriteToBuffer()
	if err != nil {
		panic(err)
	}
	return buf.String()
}

func nastyCases() []nasty {
	plainActuals := "Account,Actual\nRent,110\nTravel,55\nSalaries,1000\n"
	return []nasty{
		{name: "totals in the middle and at the end", budget: "Account,Dept,Budget\nRent,A,100\nTravel,A,50\nTotal A,,150\nRent,B,10\nTravel,B,5\nTotal B,,15\nGrand total,,165\n", actuals: "Account,Dept,Actual\nRent,A,110\nTravel,A,50\nRent,B,10\nTravel,B,6\n", facts: map[string]string{"total_budget": "165", "total_actual": "176", "line_items": "4"}},
		{name: "total rewards is an account", budget: "Account,Budget\nTotal Rewards,100\nSum Insured,40\nTravel,50\nTotal,190\n", actuals: "Account,Actual\nTotal Rewards,110\nSum Insured,44\nTravel,55\n", facts: map[string]string{"total_budget": "190", "total_actual": "209", "line_items": "3"}},
		{name: "total rewards equals the sum above", budget: "Account,Budget\nTravel,50\nRent,50\nTotal Rewards,100\nFuel,7\n", actuals: "Account,Actual\nTravel,50\nRent,60\nTotal Rewards,100\nFuel,8\n", facts: map[string]string{"total_budget": "107"}, says: []string{"attention: \"Total Rewards\" (line 4 of budget.csv, 100) was left out as a total, but it is a line item of actuals.csv"}},
		{name: "total at the top", budget: "Account,Budget\nTotal,150\nRent,100\nTravel,50\n", actuals: "Account,Actual\nRent,100\nTravel,60\n", facts: map[string]string{"total_budget": "150"}},
		{name: "negative revenue", budget: "Account,Type,Budget\nSales,Revenue,-1000\nRent,Expense,100\n", actuals: "Account,Type,Actual\nSales,Revenue,-1100\nRent,Expense,120\n", facts: map[string]string{"total_budget": "-900"}, says: []string{"revenue is stored negative"}},
		{name: "expenses negative in one file only", budget: "Account,Type,Budget\nSales,Revenue,1000\nRent,Expense,-100\nFuel,Expense,-50\n", actuals: "Account,Type,Actual\nSales,Revenue,1100\nRent,Expense,120\nFuel,Expense,60\n", says: []string{"mix two sign conventions"}},
		{name: "german against english numbers", budget: "Konto;Budget\nMiete;1.234,50\nReise;2.000,00\n", actuals: "Konto,Actual\nMiete,\"1,234.50\"\nReise,\"2,100.00\"\n", facts: map[string]string{"total_variance": "100"}},
		{name: "ambiguous thousands", budget: "Konto;Budget\nMiete;1.234\nReise;2.000\n", actuals: "Konto,Actual\nMiete,1234\nReise,2100\n", facts: map[string]string{"total_budget": "3234"}, says: []string{"is read as a thousand"}},
		{name: "parentheses and trailing minus", budget: "Account,Budget\nRent,(100.50)\nTravel,50-\n", actuals: "Account,Actual\nRent,-100.50\nTravel,-60\n", facts: map[string]string{"total_variance": "-10"}},
		{name: "percent next to amounts", budget: "Account,Share,Budget,Growth %\nRent,10%,100,5\nTravel,90%,900,6\n", actuals: "Account,Actual,% of total\nRent,110,11\nTravel,890,89\n", facts: map[string]string{"total_budget": "1000", "total_actual": "1000"}},
		{name: "wide budget, long actuals", budget: "Account,Jan 2026,Feb 2026,Total\nRent,100,110,210\nTravel,50,60,110\n", actuals: "Account,Month,Amount\nRent,2026-01,105\nRent,2026-02,110\nTravel,Feb-26,66\nTravel,01/2026,50\n", facts: map[string]string{"total_budget": "320", "total_actual": "331", "line_items": "4", "line:Rent / 2026-01.variance": "5"}},
		{name: "wide budget with year column", budget: "Account,FY 2026,Jan-26,Feb-26\nRent,210,100,110\n", actuals: "Account,Period,Actual\nRent,01/2026,105\nRent,02/2026,110\n", facts: map[string]string{"total_budget": "210", "total_actual": "215"}},
		{name: "leading zeros", budget: "Code,Budget\n0010,100\n0020,50\n", actuals: "Code,Actual\n10,110\n20,50\n", facts: map[string]string{"line_items": "2"}},
		{name: "both 0010 and 10 in one file", budget: "Code,Budget\n0010,100\n10,50\n", actuals: "Code,Actual\n0010,110\n10,50\n", facts: map[string]string{"line_items": "2", "line:0010.variance": "10", "line:10.variance": "0"}, says: []string{"leading zeros"}},
		{name: "code and name in one column", budget: "Account,Budget\n4000 - Sales,1000\n5000 - Rent,100\n6000 - Travel,10\n", actuals: "Account no,Account name,Actual\n4000,Sales,1100\n5000,Rent,120\n6000,Travel,11\n", facts: map[string]string{"line_items": "3", "total_variance": "121"}},
		{name: "code and name in one column against names", budget: "Account,Budget\n4000 Sales,1000\n5000 Rent,100\n6000 Travel,10\n", actuals: "Account,Actual\nSales,1100\nRent,120\nTravel,11\n", facts: map[string]string{"line_items": "3"}},
		{name: "duplicate keys", budget: "Account,Budget\nRent,100\nRent,50\nTravel,10\n", actuals: "Account,Actual\nRent,160\nTravel,10\n", facts: map[string]string{"line_items": "2", "total_variance": "10"}},
		{name: "case space accents punctuation nbsp", budget: "Account,Budget\nCafé  Costs,1\nR&D,2\nOffice-Rent,3\nTravel\u00a0Cost,4\nＲＥＮＴ,5\n", actuals: "Account,Actual\ncafe costs,1\nR and D,2\nOffice Rent,3\nTRAVEL COST,4\nrent,5\n", facts: map[string]string{"line_items": "5", "total_variance": "0"}},
		{name: "dotless i", budget: "Account,Budget\nISITMA GİDERİ,100\nKIRA,50\n", actuals: "Account,Actual\nısıtma gideri,110\nkıra,50\n", facts: map[string]string{"line_items": "2"}},
		{name: "full-width digits", budget: "Account,Budget\nRent,１２３\nTravel,５０\nFuel,１\n", actuals: "Account,Actual\nRent,123\nTravel,50\nFuel,2\n", facts: map[string]string{"total_budget": "174"}},
		{name: "plan ist soll", budget: "Konto;Soll;Ist\nMiete;100;110\nReise;50;60\n", actuals: "Konto;Soll;Ist\nMiete;100;115\nReise;50;66\n", facts: map[string]string{"total_budget": "150", "total_actual": "181"}},
		{name: "budget 2026 and ytd", budget: "Account,Budget 2025,Budget 2026\nRent,90,100\nTravel,40,50\n", actuals: "Account,Actual YTD\nRent,110\nTravel,60\n", fails: "it could be Budget 2025, Budget 2026"},
		{name: "quarter and full year", budget: "Account,Q1,FY\nRent,25,100\nTravel,10,50\n", actuals: "Account,Actual\nRent,110\nTravel,60\n", fails: "it could be Q1, FY"},
		{name: "quantity and price", budget: "Product,Qty,Price\nA,10,2.5\nB,4,10\n", actuals: "Product,Qty,Price\nA,12,2.5\nB,4,11\n", facts: map[string]string{"total_budget": "65", "total_actual": "74"}},
		{name: "empty against zero", budget: "Account,Budget\nRent,100\nTravel,\nFuel,0\n", actuals: "Account,Actual\nRent,100\nTravel,5\nFuel,\n", facts: map[string]string{"line_items": "3", "total_variance": "5"}, says: []string{"no amount"}},
		{name: "header only", budget: "Account,Budget\n", actuals: plainActuals, fails: "no rows"},
		{name: "one row only", budget: "Account,Budget\nRent,100\n", actuals: plainActuals, facts: map[string]string{"total_budget": "100", "lines_not_in_budget": "2"}},
		{name: "currency symbols and header", budget: "Account,Amount (EUR)\nRent,€ 100\nTravel,50 €\n", actuals: "Account,Actual EUR\nRent,110\nTravel,50\n", facts: map[string]string{"total_variance": "10"}},
		{name: "mixed currencies", budget: "Account,Budget\nRent,€100\nTravel,$50\n", actuals: plainActuals, fails: "mixes the currencies"},
		{name: "different currencies", budget: "Account,Budget (EUR)\nRent,100\nTravel,50\n", actuals: "Account,Actual (USD)\nRent,100\nTravel,50\n", fails: "EUR"},
		{name: "dates as columns", budget: "Account,2026-01-31,2026-02-28\nRent,100,110\nTravel,50,60\n", actuals: "Account,31/01/2026,28/02/2026\nRent,105,110\nTravel,50,66\n", facts: map[string]string{"total_budget": "320", "total_actual": "331"}},
		{name: "utf-16 with cr", files: map[string]string{"budget.csv": utf16le("Account\tBudget\rRent\t100\rTravel\t50\r"), "actuals.csv": plainActuals}, facts: map[string]string{"total_budget": "150"}},
		{name: "very long cell", budget: "Account,Budget,Note\nRent,100," + strings.Repeat("x", 40000) + "\nTravel,50,\n", actuals: plainActuals, facts: map[string]string{"total_budget": "150"}},
		{name: "formula as text", budget: "Account,Budget\n=cmd|'/c calc'!A0,100\nTravel,50\n+1+1,3\n@SUM(A1),4\n", actuals: "Account,Actual\n=cmd|'/c calc'!A0,110\nTravel,50\n+1+1,3\n@SUM(A1),4\n", facts: map[string]string{"line:=cmd|'/c calc'!A0.variance": "10"}},
		{name: "same header twice", budget: "Account,Budget,Budget\nRent,100,1\nTravel,50,2\n", actuals: plainActuals, fails: "it could be Budget, Budget (2)"},
		{name: "no header", budget: "Rent,100\nTravel,50\nSalaries,900\n", actuals: plainActuals, facts: map[string]string{"total_budget": "1050"}, says: []string{"no header line"}},
		{name: "trailing notes", budget: "Account,Dept,Budget\nRent,A,100\nTravel,A,50\n\nNote: all figures in EUR, unaudited\n* preliminary\n", actuals: plainActuals, facts: map[string]string{"total_budget": "150"}},
		{name: "thousands unit in one header", budget: "Account,Budget (in thousands)\nRent,100\nTravel,50\n", actuals: "Account,Actual\nRent,110000\nTravel,55000\n", fails: "in thousands"},
		{name: "thousands row of units", budget: "Account,Budget\n,kEUR\nRent,100\nTravel,50\n", actuals: "Account,Actual\n,EUR\nRent,110000\nTravel,55000\n", fails: "in thousands"},
		{name: "text where an amount should be", budget: "Account,Budget\nRent,100\nTravel,tbd\nFuel,5\nTax,6\n", actuals: plainActuals, says: []string{"1 line of budget.csv without a number where the amount should be", "tbd"}},
		{name: "debit and credit columns", budget: "Account,Debit,Credit\nSales,,1000\nRent,100,\n", actuals: "Account,Debit,Credit\nSales,,1100\nRent,120,\n", fails: "it could be Debit, Credit"},
		{name: "hidden rows and error cells", files: map[string]string{"budget.xlsx": sheetFile([][]any{{"Account", "Budget"}, {"Rent", 100}, {"Travel", 50}, {"Secret", 7}}, func(f *excelize.File) {
			_ = f.SetRowVisible("Sheet1", 4, false)
		}), "actuals.csv": plainActuals}, says: []string{"hidden"}, facts: map[string]string{"total_budget": "157"}},
		{name: "formula without value", files: map[string]string{"budget.xlsx": sheetFile([][]any{{"Account", "Budget"}, {"Rent", 100}, {"Travel", 50}}, func(f *excelize.File) {
			_ = f.SetCellFormula("Sheet1", "B4", "25+25")
			_ = f.SetCellStr("Sheet1", "A4", "Fuel")
			_ = f.SetCellStr("Sheet1", "A5", "Tax")
			_ = f.SetCellStr("Sheet1", "B5", "#REF!")
		}), "actuals.csv": plainActuals}, facts: map[string]string{"total_budget": "150"}, says: []string{"attention: 2 lines of budget.xlsx without a number", "spreadsheet error"}},
		{name: "hidden sheet and empty first sheet", files: map[string]string{"budget.xlsx": sheetFile(nil, func(f *excelize.File) {
			_, _ = f.NewSheet("Plan")
			_, _ = f.NewSheet("Old")
			for i, s := range []string{"Plan", "Old"} {
				for j, row := range [][]any{{"Account", "Budget"}, {"Rent", 100 + i}, {"Travel", 50}} {
					_ = f.SetSheetRow(s, fmt.Sprintf("A%d", j+1), &row)
				}
			}
			_ = f.SetSheetVisible("Old", false)
		}), "actuals.csv": plainActuals}, facts: map[string]string{"total_budget": "150"}},
		{name: "two sheets alike", files: map[string]string{"budget.xlsx": sheetFile([][]any{{"Account", "Budget"}, {"Rent", 1}}, func(f *excelize.File) {
			_, _ = f.NewSheet("Sheet2")
			for j, row := range [][]any{{"Account", "Budget"}, {"Rent", 100}, {"Travel", 50}} {
				_ = f.SetSheetRow("Sheet2", fmt.Sprintf("A%d", j+1), &row)
			}
		}), "actuals.csv": plainActuals}, fails: "it could be Sheet1, Sheet2"},
		{name: "titles and merged header", files: map[string]string{"budget.xlsx": sheetFile([][]any{{"Acme"}, {"Plan 2026"}, {}, {"Account", "2026"}, {"", "Budget", "Forecast"}, {"Rent", 100, 90}, {"Travel", 50, 55}, {}, {"Prepared by the team"}}, func(f *excelize.File) {
			_ = f.MergeCell("Sheet1", "A1", "C1")
			_ = f.MergeCell("Sheet1", "B4", "C4")
			_ = f.MergeCell("Sheet1", "A4", "A5")
		}), "actuals.csv": plainActuals}, facts: map[string]string{"total_budget": "150"}, says: []string{"2026 Forecast"}},
		{name: "json", files: map[string]string{"budget.json": `[{"account":"Rent","budget":100},{"account":"Travel","budget":"50"},{"account":"Fuel"}]`, "actuals.csv": plainActuals}, facts: map[string]string{"total_budget": "150", "lines_not_in_actuals": "1"}},
		{name: "json with a record of nulls", files: map[string]string{"budget.json": `[{"account":"Rent","budget":100},{},{"account":null,"budget":null},{"account":"Travel","budget":50}]`, "actuals.csv": plainActuals}, facts: map[string]string{"total_budget": "150", "line_items": "3"}},
		{name: "json nested", files: map[string]string{"budget.json": `{"meta":{"v":1},"rows":[{"account":{"name":"Rent"},"budget":100},{"account":{"name":"Travel"},"budget":50.25}]}`, "actuals.csv": plainActuals}, facts: map[string]string{"total_budget": "150.25"}},
		{name: "nothing in common", budget: "Account,Budget\nA1,5\nB1,6\n", actuals: "Account,Actual\nX9,5\nY9,6\n", fails: "no common"},
		{name: "typo in a name", budget: "Account,Budget\nRent,100\nTravel,50\nSalaries,900\n", actuals: "Account,Actual\nRent,110\nTravle,55\nSalaries,1000\n", facts: map[string]string{"line_items": "4"}},
		{name: "huge numbers", budget: "Account,Budget\nRent,123456789012345678901234567890.12\nTravel,0.000001\n", actuals: "Account,Actual\nRent,123456789012345678901234567891.12\nTravel,0.000001\n", facts: map[string]string{"total_variance": "1"}},
		{name: "scientific", budget: "Account,Budget\nRent,1E+05\nTravel,2.5e3\n", actuals: "Account,Actual\nRent,100000\nTravel,2500\n", facts: map[string]string{"total_variance": "0"}},
		{name: "total column beside months in actuals", budget: "Account,Budget\nRent,300\nTravel,90\n", actuals: "Account,Jan,Feb,Mar,Total\nRent,100,100,101,301\nTravel,30,30,30,90\n", facts: map[string]string{"total_actual": "391"}},
		{name: "thousands in both", budget: "Account,Budget kEUR\nRent,100\nTravel,50\n", actuals: "Account,Actual TEUR\nRent,110\nTravel,55\n", facts: map[string]string{"total_variance": "15"}},
		{name: "thousands said by one, meant by both", budget: "Account,Budget (in thousands)\nRent,100\nTravel,50\n", actuals: "Account,Actual\nRent,110\nTravel,55\n", facts: map[string]string{"total_variance": "15"}, says: []string{"of the same size"}},
		{name: "thousands said by nobody", budget: "Account,Budget\nRent,100\nTravel,50\n", actuals: "Account,Actual\nRent,110000\nTravel,55000\n", says: []string{"attention: the amounts of actuals.csv are about 1100 times as large"}},
		{name: "fiscal year as amount column", budget: "Account,FY26\nRent,100\nTravel,50\n", actuals: "Account,Year,Actual\nRent,2026,110\nTravel,2026,55\n", facts: map[string]string{"total_variance": "15"}},
		{name: "declared delimiter", budget: "sep=;\nAccount;Budget\nRent;1,5\nTravel;2,5\n", actuals: "Account,Actual\nRent,2\nTravel,2.5\n", facts: map[string]string{"total_variance": "0.5"}},
		{name: "titles with commas, footers", budget: "Acme, Inc.\nBudget for 2026, all entities, final\n\nAccount;Dept;Budget\nRent;A;52,693.19\nTravel;A;1,000.00\nFuel;A;20.00\n\nNote: rates, see page 2\nPrepared by: Smith, John; Finance\n", actuals: "Account,Actual\nRent,52693.19\nTravel,1000\nFuel,21\n", facts: map[string]string{"total_budget": "53713.19", "total_variance": "1", "line_items": "3"}},
		{name: "months by name against dates", budget: "Account,Month,Budget\nRent,January 2026,100\nRent,Feb 26,100\n", actuals: "Account,Date,Actual\nRent,15.01.2026,90\nRent,28.02.2026,105\n", facts: map[string]string{"line_items": "2", "line:Rent / 2026-01.variance": "-10"}},
		{name: "code, colon and another name", budget: "Account,Budget\n4000: Product sales,1000\n5000: Rent,100\n", actuals: "Account,Actual\n4000 Sales of products,1100\n5000 Office rent,120\n", facts: map[string]string{"line_items": "2", "total_variance": "120"}, says: []string{"divided into code and name"}},
		{name: "amounts with unit text", budget: "Account,Budget\nRent,100 EUR\nTravel,EUR 50\n", actuals: "Account,Actual\nRent,\"EUR 1,100.00\"\nTravel,50.00 EUR\n", facts: map[string]string{"total_actual": "1150"}},
		{name: "indian grouping and blanks", budget: "Account,Budget\nRent,\"12,34,567.50\"\nTravel,1 234.50\n", actuals: "Account,Actual\nRent,1'234'567.50\nTravel,1234.5\n", facts: map[string]string{"total_variance": "0"}},
		{name: "minus of all kinds", budget: "Account,Budget\nRent,−5\nTravel,–6\nFuel,(7)\nTax,8-\nFees,- 9\n", actuals: "Account,Actual\nRent,-5\nTravel,-6\nFuel,-7\nTax,-8\nFees,-9\n", facts: map[string]string{"total_budget": "-35", "total_variance": "0"}},
		{name: "one column", budget: "Amount\n1,234\n5,678.90\n", actuals: plainActuals, fails: "no column that says what they are for"},
		{name: "1904 dates", files: map[string]string{"budget.xlsx": sheetFile([][]any{{"Account", "Month", "Budget"}, {"Rent", 44561, 100}, {"Rent", 44592, 100}}, func(f *excelize.File) {
			yes, format := true, "yyyy-mm-dd"
			_ = f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &yes})
			style, _ := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
			_ = f.SetCellStyle("Sheet1", "B2", "B3", style)
		}), "actuals.csv": "Account,Month,Actual\nRent,2026-01,90\nRent,2026-02,95\n"}, facts: map[string]string{"line:Rent / 2026-01.variance": "-10"}},
		{name: "ytd of different periods", budget: "Account,Month,Budget\nRent,2026-01,100\nRent,2026-02,100\n", actuals: "Account,Month,Actual\nRent,2025-01,90\nRent,2025-02,95\n", says: []string{"attention: budget.csv is about 2026-01 to 2026-02 but actuals.csv about 2025-01 to 2025-02"}},
	}
}

func TestNastyFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range nastyCases() {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t, nil)
			files := map[string]string{"budget.csv": tt.budget, "actuals.csv": tt.actuals}
			if tt.files != nil {
				files = tt.files
			}
			names := map[string]string{}
			for name, text := range files {
				side, _, _ := strings.Cut(name, ".")
				names[side] = name
				if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			res, err := run(t.Context(), h, names["budget"], names["actuals"], tt.options...)
			switch {
			case tt.fails != "":
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("error %v, want %q", err, tt.fails)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			got := facts(res)
			for k, v := range tt.facts {
				if got[k] != v {
					t.Errorf("%s = %q, want %q", k, got[k], v)
				}
			}
			log := strings.Join(h.logs, "\n")
			for _, row := range workbooktest.Raw(t, workbooktest.Open(t, h.out["variance-analysis.xlsx"].Bytes()), "Notes") {
				log += "\n" + strings.Join(row, " ")
			}
			for _, s := range tt.says {
				if !strings.Contains(log, s) {
					t.Errorf("nothing says %q in:\n%s", s, log)
				}
			}
		})
	}
}
