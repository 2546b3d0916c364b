package finance_test

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook/workbooktest"
	"github.com/cowork-host/cowork/pluginsdk"
)

// plainKey is how the test compares names, written anew: letters and digits in
// lower case.
func plainKey(s string) string {
	s = strings.NewReplacer("é", "e", "É", "e", "ü", "u", "Ü", "u", "&", "and").Replace(s)
	return regexp.MustCompile(`[^a-z0-9/]+`).ReplaceAllString(strings.ToLower(s), "")
}

// keySet makes keys independent of the order of their parts.
func keySet(s string) string {
	parts := strings.Split(s, " / ")
	for i := range parts {
		parts[i] = plainKey(parts[i])
	}
	if len(parts) == 2 && parts[0] > parts[1] {
		parts[0], parts[1] = parts[1], parts[0]
	}
	return strings.Join(parts, "/")
}

func cents(n int64) string {
	s := new(big.Rat).SetFrac64(n, 100).FloatString(2)
	if s = strings.TrimRight(strings.TrimRight(s, "0"), "."); s == "-0" || s == "" {
		return "0"
	}
	return s
}

func seeds(t testing.TB) int {
	if testing.Short() {
		return 40
	}
	return 400
}

func TestGeneratedPairs(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds(t)) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			p := generate(seed)
			checkPair(t, p, seed%8 == 0)
		})
	}
}

func hostFor(t testing.TB, p *pairOf) *fakeHost {
	t.Helper()
	h := newHost(t, nil)
	for name, data := range map[string][]byte{p.budgetName: p.budget, p.actualsName: p.actuals} {
		if err := os.WriteFile(filepath.Join(h.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func checkPair(t *testing.T, p *pairOf, workbook bool) {
	t.Helper()
	h := hostFor(t, p)
	res, err := run(t.Context(), h, p.budgetName, p.actualsName, "threshold", "10%")
	if err != nil {
		t.Fatalf("%v\n%s\n%s\n---\n%s", err, p.describe, head(p.budget), head(p.actuals))
	}
	var budget, actual int64
	over, items := 0, 0
	want := map[string]*answer{}
	for key, a := range p.lines {
		if !a.inBudget && !a.inActual {
			continue
		}
		items++
		want[keySet(key)] = a
		budget += a.budget
		actual += a.actual
		if v := a.actual - a.budget; v != 0 && 10*abs(v) > abs(a.budget) {
			over++
		}
	}
	got := facts(res)
	for name, value := range map[string]string{
		"total_budget": cents(budget), "total_actual": cents(actual), "total_variance": cents(actual - budget),
		"line_items": strconv.Itoa(items), "lines_over_threshold": strconv.Itoa(over),
		"total_variance_pct": percentOf(actual-budget, budget),
	} {
		if got[name] != value {
			t.Errorf("%s = %s, want %s", name, got[name], value)
		}
	}
	found := 0
	for _, f := range res.Facts {
		key, ok := strings.CutPrefix(f.Name, "line:")
		if !ok {
			continue
		}
		key, _ = strings.CutSuffix(key, ".variance")
		a := want[keySet(key)]
		if a == nil {
			t.Errorf("unexpected line %q", key)
			continue
		}
		found++
		if f.Value != cents(a.actual-a.budget) {
			t.Errorf("%s = %s, want %s", f.Name, f.Value, cents(a.actual-a.budget))
		}
		checkSource(t, p, f, a)
	}
	if found != items {
		t.Errorf("%d lines in facts, want %d", found, items)
	}
	for _, c := range res.Artifacts[0].Checks {
		if c.Status == pluginsdk.Failed {
			t.Errorf("check %q failed: %s", c.Name, c.Detail)
		}
	}
	if workbook {
		checkDetail(t, h.out["variance-analysis.xlsx"].Bytes(), want)
	}
	if t.Failed() {
		t.Logf("%s\n%s\n---\n%s\nlogs: %s", p.describe, head(p.budget), head(p.actuals), strings.Join(h.logs, "\n"))
	}
}

// checkSource compares the source rows of a fact with where the rows were put.
func checkSource(t *testing.T, p *pairOf, f pluginsdk.Fact, a *answer) {
	t.Helper()
	for _, side := range []struct {
		file string
		row  int
	}{{p.budgetName, a.budgetRow}, {p.actualsName, a.actualRow}} {
		if side.row == 0 {
			continue
		}
		pattern := regexp.QuoteMeta(side.file) + `(:|![^!]+![A-Z]+)` + strconv.Itoa(side.row) + `(\D|$)`
		if !regexp.MustCompile(pattern).MatchString(f.Source) {
			t.Errorf("%s comes from %q, want %s row %d", f.Name, f.Source, side.file, side.row)
		}
	}
}

// percentOf works the percentage out with rationals, to four digits.
func percentOf(v, b int64) string {
	if b == 0 {
		return "n/a"
	}
	s := new(big.Rat).Mul(big.NewRat(v, abs(b)), big.NewRat(100, 1)).FloatString(4)
	if s = strings.TrimRight(strings.TrimRight(s, "0"), "."); s == "-0" {
		return "0"
	}
	return s
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

func head(b []byte) string {
	if strings.HasPrefix(string(b), "PK") {
		return "(xlsx)"
	}
	return string(b[:min(len(b), 1500)])
}

// checkDetail reads the workbook back: values, formulas, ratings.
func checkDetail(t *testing.T, data []byte, want map[string]*answer) {
	t.Helper()
	f := workbooktest.Open(t, data)
	if n := workbooktest.Check(t, f); n == 0 {
		t.Error("no formulas")
	}
	rows := workbooktest.Raw(t, f, "Detail")
	at := map[string]int{}
	for i, h := range rows[3] {
		at[h] = i
	}
	keys := at["Account type"] - 1
	seen := 0
	for i, row := range rows[4:] {
		if row[0] == "Total" {
			break
		}
		a := want[keySet(strings.Join(row[1:1+keys], " / "))]
		if a == nil {
			t.Errorf("unexpected row %v", row)
			continue
		}
		seen++
		for name, value := range map[string]int64{"Budget": a.budget, "Actual": a.actual, "Variance": a.actual - a.budget} {
			if row[at[name]] != cents(value) && !sameNumber(row[at[name]], cents(value)) {
				t.Errorf("row %d %s = %s, want %s", i+5, name, row[at[name]], cents(value))
			}
		}
		rating := "On budget"
		if v := a.actual - a.budget; v != 0 {
			rating = "Unfavourable"
			if (v > 0) == a.revenue {
				rating = "Favourable"
			}
		}
		if row[at["Rating"]] != rating {
			t.Errorf("row %d %v is %s, want %s", i+5, row[:1+keys], row[at["Rating"]], rating)
		}
		evaluate(t, f, i+5, at)
	}
	if seen != len(want) {
		t.Errorf("%d rows in Detail, want %d", seen, len(want))
	}
}

func sameNumber(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && x == y
}

// evaluate has another program's calculator compute the cells of a row from
// their formulas.
func evaluate(t *testing.T, f *excelize.File, row int, at map[string]int) {
	t.Helper()
	for _, name := range []string{"Budget", "Actual", "Variance", "Rating"} {
		cell, _ := excelize.CoordinatesToCellName(at[name]+1, row)
		cached, _ := f.GetCellValue("Detail", cell, excelize.Options{RawCellValue: true})
		if formula, _ := f.GetCellFormula("Detail", cell); formula == "" {
			if cached != "0" {
				t.Errorf("%s %s is %q without a formula", name, cell, cached)
			}
			continue
		}
		got, err := f.CalcCellValue("Detail", cell, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Errorf("%s: %v", cell, err)
			continue
		}
		x, err1 := strconv.ParseFloat(got, 64)
		y, err2 := strconv.ParseFloat(cached, 64)
		if got != cached && (err1 != nil || err2 != nil || x-y > 1e-6 || y-x > 1e-6) {
			t.Errorf("%s %s: cached %q, calculated %q", name, cell, cached, got)
		}
	}
}

func TestLibreOfficeAgreesOnGeneratedPairs(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{3, 11, 29} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := generate(seed)
			h := hostFor(t, p)
			if _, err := run(t.Context(), h, p.budgetName, p.actualsName); err != nil {
				t.Fatal(err)
			}
			workbooktest.Recalculate(t, h.out["variance-analysis.xlsx"].Bytes())
		})
	}
}
