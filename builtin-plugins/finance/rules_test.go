package finance_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/cowork-host/cowork/builtin-plugins/finance"
	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook/workbooktest"
	"github.com/cowork-host/cowork/pluginsdk"
)

// detail returns the Detail sheet's rows by line item, cells by header.
func detail(t *testing.T, h *fakeHost) map[string]map[string]string {
	t.Helper()
	for name, f := range h.out {
		if !strings.HasSuffix(name, ".xlsx") {
			continue
		}
		book := workbooktest.Open(t, f.Bytes())
		workbooktest.Check(t, book)
		rows := workbooktest.Raw(t, book, "Detail")
		out := map[string]map[string]string{}
		for _, row := range rows[4:] {
			cells := map[string]string{}
			for i, v := range row {
				cells[rows[3][i]] = v
			}
			key := row[1]
			for i := 2; rows[3][i] != "Account type"; i++ {
				key += " / " + row[i]
			}
			out[key] = cells
		}
		return out
	}
	t.Fatal("no workbook")
	return nil
}

func TestRules(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		budget, actuals string
		options         []string
		facts           map[string]string
		ratings         map[string]string // line → rating
		brief           []string          // in the one-page brief
	}{
		"codes with leading zeros": {
			budget:  "Account no,Budget\n0100,10\n0200,20\n",
			actuals: "GL code;Actual\n100;11\n200;19\n",
			facts:   map[string]string{"line_items": "2", "total_variance": "0", "line:0100.variance": "1", "line:0200.variance": "-1"},
		},
		"percent threshold is more than, zero budget counts": {
			budget:  "Account,Budget\nA one,100\nB two,100\nC three,0\nD four,0\n",
			actuals: "Account,Actual\nA one,110\nB two,110.01\nC three,0.01\nD four,0\n",
			options: []string{"threshold", "10%"},
			facts:   map[string]string{"lines_over_threshold": "2"},
		},
		"amount threshold": {
			budget:  "Account,Budget\nA one,10000\nB two,10000\n",
			actuals: "Account,Actual\nA one,15000\nB two,15000.01\n",
			options: []string{"threshold", "$5,000"},
			facts:   map[string]string{"lines_over_threshold": "1"},
		},
		"both thresholds must be passed": {
			budget:  "Account,Budget\nA one,100\nB two,1000000\nC three,1000\n",
			actuals: "Account,Actual\nA one,200\nB two,1002000\nC three,3000\n",
			options: []string{"threshold", "5%,1000"},
			facts:   map[string]string{"lines_over_threshold": "1"},
			brief:   []string{"over 5% of budget and over 1,000"},
		},
		"expenses stored negative": {
			budget:  "Account,Type,Budget\nSales,Revenue,1000\nRent,Expense,-300\nWages,Expense,-400\n",
			actuals: "Account,Type,Actual\nSales,Revenue,900\nRent,Expense,-350\nWages,Expense,-380\n",
			facts:   map[string]string{"total_budget": "300", "total_actual": "170", "total_variance": "-130", "total_variance_pct": "-43.3333"},
			ratings: map[string]string{"Sales": "Unfavourable", "Rent": "Unfavourable", "Wages": "Favourable"},
			brief:   []string{"expenses are stored negative"},
		},
		"revenue stored negative": {
			budget:  "Account,Type,Budget\nSales,Revenue,-1000\nRent,Expense,300\n",
			actuals: "Account,Type,Actual\nSales,Revenue,-1100\nRent,Expense,350\n",
			ratings: map[string]string{"Sales": "Favourable", "Rent": "Unfavourable"},
			brief:   []string{"revenue is stored negative"},
		},
		"signs that differ between the files are a warning": {
			budget:  "Account,Type,Budget\nRent,Expense,300\nWages,Expense,400\n",
			actuals: "Account,Type,Actual\nRent,Expense,-350\nWages,Expense,-380\n",
			facts:   map[string]string{"total_variance": "-1430"},
			brief:   []string{"Attention", "sign conventions"},
		},
		"account numbers tell the type": {
			budget:  "Account,Budget\n4100,100\n6100,100\n1200,100\n",
			actuals: "Account,Actual\n4100,110\n6100,110\n1200,110\n",
			ratings: map[string]string{"4100": "Favourable", "6100": "Unfavourable", "1200": "Not rated"},
			brief:   []string{"assumption: account type from the account number"},
		},
		"german words tell the type": {
			budget:  "Konto;Plan\nUmsatzerlöse;1.000,00\nPersonalkosten;500,00\nMiete;200,00\n",
			actuals: "Kontobezeichnung;Ist\nPERSONALKOSTEN;550,00\nUmsatzerloese;0,00\numsatzerlöse;1.200,00\nMiete;200,00\n",
			ratings: map[string]string{"Umsatzerlöse": "Favourable", "Personalkosten": "Unfavourable", "Miete": "On budget"},
		},
		"section labels tell the type": {
			budget:  "Account,Budget\nRevenue,\nConsulting,100\nWorkshops,50\nExpenses,\nConsulting bought,30\nPaper,20\n",
			actuals: "Account,Actual\nConsulting,90\nWorkshops,60\nConsulting bought,10\nPaper,30\n",
			ratings: map[string]string{"Workshops": "Favourable", "Paper": "Unfavourable"},
		},
		"wide budget, long actuals": {
			budget:  "Account,Jan 2026,Feb 2026,Mar 2026\nTravel,10,20,30\nRent,5,5,5\n",
			actuals: "Month,Account,Actual\n2026-01,Travel,11\n2026-02,Travel,19\n2026-03,Travel,30\n2026-01,Rent,5\n2026-02,Rent,5\n2026-03,Rent,6\n",
			facts: map[string]string{
				"line_items": "6", "total_budget": "75", "total_variance": "1", "line:Travel / 2026-01.variance": "1", "line:Rent / 2026-03.variance": "1",
			},
			brief: []string{"one line for each period"},
		},
		"wide budget, actuals without months": {
			budget:  "Account,Jan,Feb,Mar,Total\nTravel,10,20,30,60\nRent,5,5,5,15\n",
			actuals: "Account,Actual\nTravel,66\nRent,15\n",
			facts:   map[string]string{"line_items": "2", "total_budget": "75", "total_variance": "6"},
			brief:   []string{"added up to one amount per line"},
		},
		"both wide with names of months in two languages": {
			budget:  "Account,Januar,Februar\nTravel,10,20\nRent,5,5\n",
			actuals: "Account,Feb 2026,Jan 2026\nTravel,21,10\nRent,5,5\n",
			facts:   map[string]string{"line_items": "4", "total_variance": "1"},
		},
		"dates of bookings meet months": {
			budget:  "Month,Account,Budget\n2026-01,Travel,10\n2026-02,Travel,10\n",
			actuals: "Posting date,Account,Actual\n2026-01-03,Travel,4\n2026-01-20,Travel,5\n2026-02-11,Travel,12\n",
			facts:   map[string]string{"line_items": "2", "line:Travel / 2026-01.variance": "-1", "line:Travel / 2026-02.variance": "2"},
		},
		"one currency of several": {
			budget:  "Account,Currency,Budget\nTravel,USD,10\nTravel,EUR,7\nRent,USD,20\n",
			actuals: "Account,Currency,Actual\nTravel,USD,12\nRent,EUR,9\nRent,USD,20\n",
			options: []string{"currency", "USD"},
			facts:   map[string]string{"total_budget": "30", "total_actual": "32"},
		},
		"amount from units and price": {
			budget:  "Product,Units,Unit price\nTent,10,99.50\nBag,4,25\n",
			actuals: "Product,Actual,Units\nTent,1200,12\nBag,90,4\n",
			facts:   map[string]string{"total_budget": "1095", "total_actual": "1290"},
		},
		"text in an amount is a warning": {
			budget:  "Account,Budget\nTravel,100\nRent,200\nPaper,50\nInk,20\n",
			actuals: "Account,Actual\nTravel,100\nRent,tbd\nPaper,50\nInk,20\n",
			facts:   map[string]string{"total_variance": "-200"},
			brief:   []string{"Attention", "line 3"},
		},
		"summary by a column": {
			budget:  "Account,Region,Budget\nTravel,North,100\nTravel,South,50\nRent,North,30\n",
			actuals: "Account,Region,Actual\nTravel,NORTH,110\nTravel,south,50\nRent,North,20\n",
			options: []string{"by", "region"},
			facts:   map[string]string{"group:North.variance": "0", "group:South.variance": "0"},
			brief:   []string{"By Region"},
		},
		"exact decimals": {
			budget:  "Account,Budget\nTravel,0.1\nTravel,0.2\nRent,1000000000000.01\n",
			actuals: "Account,Actual\nTravel,0.3\nRent,1000000000000.02\n",
			facts:   map[string]string{"line:Travel.variance": "0", "total_variance": "0.01"},
			ratings: map[string]string{"Travel": "On budget"},
		},
		"budget of zero": {
			budget:  "Account,Budget\nTravel,0\nRent,0\n",
			actuals: "Account,Actual\nTravel,5\nRent,0\n",
			facts:   map[string]string{"total_variance_pct": "n/a"},
			brief:   []string{"n/a"},
		},
		"codes that agree beat names that differ": {
			budget:  "Account code,Account name,Budget\n6100,Travel and entertainment,10\n6200,Office rent,20\n6300,Phones,5\n",
			actuals: "Account code,Account name,Actual\n6100,T&E,12\n6200,Rent,20\n6300,Phones,5\n",
			facts:   map[string]string{"line_items": "3", "lines_matched": "3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, map[string]string{"budget.csv": tc.budget, "actuals.csv": tc.actuals})
			res := mustRun(t, h, tc.options...)
			got := facts(res)
			for k, v := range tc.facts {
				if got[k] != v {
					t.Errorf("%s = %q, want %q", k, got[k], v)
				}
			}
			rows := detail(t, h)
			for line, want := range tc.ratings {
				if rows[line]["Rating"] != want {
					t.Errorf("%s is %q, want %q (%v)", line, rows[line]["Rating"], want, rows[line])
				}
			}
			brief := h.out["variance-analysis.md"].String()
			for _, w := range tc.brief {
				if !strings.Contains(brief, w) {
					t.Errorf("the brief does not say %q", w)
				}
			}
			if t.Failed() {
				t.Log(got, "\n", brief, strings.Join(h.logs, "\n"))
			}
		})
	}
}

func TestPriceAndVolumeAddUp(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"budget.csv":  "Product,Units,Budget\nTent,100,10000\nBag,50,1000\nFree,0,0\n",
		"actuals.csv": "Product,Qty,Actual\nTent,110,12100\nBag,40,900\nFree,3,0\n",
	})
	mustRun(t, h)
	f := workbooktest.Open(t, h.out["variance-analysis.xlsx"].Bytes())
	got := map[string][]string{}
	rows := workbooktest.Raw(t, f, "Drivers")
	from := 0
	for i, row := range rows {
		if len(row) > 0 && row[0] == "Price and volume" {
			from = i
		}
	}
	for _, row := range rows[from+3:] {
		if len(row) > 8 {
			got[row[1]] = row[6:10]
		}
	}
	// Tent: (110−100)×100 = 1000; (110−100)×110 = 1100. Bag: −10×20 = −200; 2.5×40 = 100.
	for product, want := range map[string][]string{"Tent": {"1000", "1100", "2100", "OK"}, "Bag": {"-200", "100", "-100", "OK"}} {
		for i := range want {
			if got[product] == nil || got[product][i] != want[i] && !sameNumber(got[product][i], want[i]) {
				t.Errorf("%s: %v, want %v", product, got[product], want)
				break
			}
		}
	}
	if got["Free"] != nil {
		t.Error("a line without budget units was split")
	}
}

func TestTwoSheetsOfOneWorkbook(t *testing.T) {
	t.Parallel()
	h := newHost(t, nil)
	f := excelize.NewFile()
	for i, sheet := range []string{"Notes", "Plan 2026", "Actuals 2026"} {
		if i == 0 {
			_ = f.SetSheetName("Sheet1", sheet)
			_ = f.SetCellValue(sheet, "A1", "Nothing here")
			continue
		}
		_, _ = f.NewSheet(sheet)
		_ = f.SetSheetRow(sheet, "A1", &[]any{"Account", "Amount"})
		_ = f.SetSheetRow(sheet, "A2", &[]any{"Travel", 100 * i})
		_ = f.SetSheetRow(sheet, "A3", &[]any{"Rent", 50.5})
	}
	if err := f.SaveAs(filepath.Join(h.dir, "book.xlsx")); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string][]string{
		"found by name": nil,
		"named":         {"budget-sheet", "plan 2026", "actuals-sheet", "Actuals 2026"},
	} {
		res, err := run(t.Context(), h, "book.xlsx", "book.xlsx", options...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := facts(res)["total_variance"]; got != "100" {
			t.Errorf("%s: total_variance = %s", name, got)
		}
	}
}

func TestSameInputSameOutput(t *testing.T) {
	t.Parallel()
	p := generate(5)
	var first *fakeHost
	for range 3 {
		h := hostFor(t, p)
		res, err := run(t.Context(), h, p.budgetName, p.actualsName)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = h
			continue
		}
		for name, f := range h.out {
			if !bytes.Equal(f.Bytes(), first.out[name].Bytes()) {
				t.Errorf("%s differs between runs", name)
			}
		}
		_ = res
	}
}

func TestUserTextNeverBecomesAFormula(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"budget.csv":  "Account,Department,Budget\n=1+1,@SUM(A1),100\n+cmd|' /C calc'!A0,-x,200\n\"=HYPERLINK(\"\"http://x\"\")\",*?~,5\n",
		"actuals.csv": "Account,Department,Actual\n=1+1,@SUM(A1),110\n+cmd|' /C calc'!A0,-x,210\n\"=HYPERLINK(\"\"http://x\"\")\",*?~,7\n",
	})
	mustRun(t, h, "by", "Department")
	data := h.out["variance-analysis.xlsx"].Bytes()
	f := workbooktest.Open(t, data)
	for _, sheet := range f.GetSheetList() {
		for r, row := range workbooktest.Raw(t, f, sheet) {
			for c := range row {
				cell, _ := excelize.CoordinatesToCellName(c+1, r+1)
				formula, _ := f.GetCellFormula(sheet, cell)
				for _, bad := range []string{"cmd|", "HYPERLINK", "@SUM", "=1+1"} {
					if strings.Contains(formula, bad) {
						t.Errorf("%s!%s has the formula %s", sheet, cell, formula)
					}
				}
			}
		}
	}
	workbooktest.Recalculate(t, data)
}

func TestLineFactsAreCapped(t *testing.T) {
	t.Parallel()
	h := newHost(t, large(2600))
	res := mustRun(t, h)
	n := 0
	for _, f := range res.Facts {
		if strings.HasPrefix(f.Name, "line:") {
			n++
		}
	}
	got := facts(res)
	if n != 2000 || got["line_facts_omitted"] != fmt.Sprint(len(detail(t, h))-1-2000) {
		t.Errorf("%d line facts, omitted %s", n, got["line_facts_omitted"])
	}
}

func TestPluginLifeAndManifest(t *testing.T) {
	t.Parallel()
	p := finance.New()
	data, err := os.ReadFile(".claude-plugin/plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	m := p.Manifest()
	for _, w := range []string{`"name": "` + m.Name + `"`, `"version": "` + m.Version + `"`, `"command:variance-analysis"`} {
		if !strings.Contains(string(data), w) {
			t.Errorf("the manifest does not say %s", w)
		}
	}
	if err := p.Start(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	commands := p.(pluginsdk.CommandProvider).Commands()
	if len(commands) != 1 || commands[0].Name != "variance-analysis" {
		t.Errorf("commands %+v", commands)
	}
	again := p.(pluginsdk.CommandProvider).Commands()
	if diff := cmp.Diff(commands[0].Params, again[0].Params); diff != "" {
		t.Error(diff)
	}
}
