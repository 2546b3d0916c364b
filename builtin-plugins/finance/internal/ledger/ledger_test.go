package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	"github.com/cowork-host/cowork/pluginsdk"
)

func input(name, content string) Input {
	return Input{Path: name, Source: table.Source{Name: name, R: strings.NewReader(content), Size: int64(len(content))}}
}

func options(limit int) Options {
	return Options{
		Limit: limit,
		Ask: func(context.Context, pluginsdk.Question) (pluginsdk.Answer, error) {
			return pluginsdk.Answer{}, pluginsdk.ErrUnavailable
		},
		Progress: func(string, int64, int64) {},
	}
}

// bookings makes a ledger of many rows for few lines.
func bookings(n int) (budget, actuals string) {
	r := rand.New(rand.NewPCG(3, 4))
	var b, a strings.Builder
	b.WriteString("Account,Department,Budget,Units\n")
	a.WriteString("Dept,Account,Qty,Actual\n")
	for range n {
		fmt.Fprintf(&b, "Account %d,Dept %d,%d.%02d,%d\n", r.IntN(20), r.IntN(4), r.IntN(1000), r.IntN(100), 1+r.IntN(9))
		fmt.Fprintf(&a, "dept %d,ACCOUNT %d,%d,%d.%02d\n", r.IntN(4), r.IntN(20), 1+r.IntN(9), r.IntN(1000), r.IntN(100))
	}
	return b.String(), a.String()
}

// sum is what a line says, for comparison.
type sum struct{ Budget, Actual, Qty string }

func sumsOf(m *Match) map[string]sum {
	out := map[string]sum{}
	for i := range m.Lines {
		l := &m.Lines[i]
		text := func(d *apd.Decimal) string { return new(apd.Decimal).Set(d).Text('f') }
		out[strings.ToLower(l.Name())] = sum{text(&l.Budget), text(&l.Actual), text(&l.Qty[0]) + "/" + text(&l.Qty[1])}
	}
	return out
}

func TestAddingUpWhileReadingGivesTheSameLines(t *testing.T) {
	t.Parallel()
	b, a := bookings(3000)
	whole, err := Load(t.Context(), input("budget.csv", b), input("actuals.csv", a), options(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{100, 2999} {
		summed, err := Load(t.Context(), input("budget.csv", b), input("actuals.csv", a), options(limit))
		if err != nil {
			t.Fatal(err)
		}
		if !summed.Budget.Summed || len(summed.Budget.Records) > 80 {
			t.Errorf("limit %d: %d records kept", limit, len(summed.Budget.Records))
		}
		if diff := cmp.Diff(sumsOf(whole), sumsOf(summed)); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
		if whole.Budget.Total.Cmp(&summed.Budget.Total) != 0 || whole.Budget.Rows != summed.Budget.Rows {
			t.Errorf("limit %d: total %s of %d rows, want %s of %d", limit, &summed.Budget.Total, summed.Budget.Rows, &whole.Budget.Total, whole.Budget.Rows)
		}
		if !strings.Contains(strings.Join(summed.Budget.Notes, " "), "too many to list") {
			t.Error("no note says so")
		}
	}
}

func TestLoadStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b, a := bookings(10)
	if _, err := Load(ctx, input("budget.csv", b), input("actuals.csv", a), options(0)); err == nil {
		t.Error("no error")
	}
}

func TestParsePeriod(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Jan": "M01", "January 2026": "2026-01", "Jan-26": "2026-01", "jan 26": "2026-01", "2026-01": "2026-01", "01/2026": "2026-01",
		"2026/1": "2026-01", "202603": "2026-03", "M03": "M03", "2026M03": "2026-03", "P12": "M12", "Period 4": "M04", "Q1": "Q1",
		"Q3 2026": "2026-Q3", "2026 Q3": "2026-Q3", "FY26 Q1": "2026-Q1", "1Q26": "2026-Q1", "2026": "2026", "FY2026": "2026", "März 2026": "2026-03",
		"déc. 2025": "2025-12", "mayo": "M05", "2026-03-15": "2026-03", "FY26 Oct 2025": "2025-10",
		"": "", "Total": "", "13/2026": "", "Q5": "", "Jan Feb": "", "7": "", "Budget": "", "2026-99": "", "1.5": "", "Account 3": "",
	} {
		p, ok := parsePeriod(in, false)
		if got := p.String(); ok && got != want || !ok && want != "" {
			t.Errorf("parsePeriod(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
	if p, ok := parsePeriod("7", true); !ok || p.String() != "M07" {
		t.Errorf("a lone number in a column of months: %v %v", p, ok)
	}
}

func TestNormal(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"  Travel &  Entertainment ": "travel and entertainment", "R&D": "r and d", "Büro-Miete": "buro miete", "CAFÉ": "cafe",
		"Straße": "strasse", "O'Neil": "oneil", "A/B": "a b", "": "", "---": "", "C++": "c++", "ＡＢＣ": "abc",
	} {
		if got := normal(in); got != want {
			t.Errorf("normal(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"0100": "100", "000": "0", "100": "100", "A-01": "a 01", "---": "---", "1.50": "1 50"} {
		if got := normalKey(in); got != want {
			t.Errorf("normalKey(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Class{
		"Account": ClassAccount, "GL Account No": ClassAccount, "account code": ClassCode, "Cost centre": ClassUnit, "Budget units": ClassQuantity,
		"Unit price": ClassPrice, "Account type": ClassType, "Kategorie": ClassCategory, "Posting date": ClassPeriod, "Währung": ClassCurrency,
		"Variance %": ClassVariance, "Prior year": ClassPrior, "Budget": ClassNone, "Actual amount": ClassNone, "Comment": ClassComment,
		"#": ClassNumber, "Invoice number": ClassRecordID, "Master data Team": ClassUnit, "Line item": ClassItem, "Region": ClassRegion, "": ClassNone,
	} {
		if got := classify(in); got != want {
			t.Errorf("classify(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTypeOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]AccountType{
		"Product sales": Revenue, "Cost of sales": Expense, "Sales commissions": Expense, "Interest income": Revenue, "Income tax": Expense,
		"Umsatzerlöse": Revenue, "Personalaufwand": Expense, "Chiffre d'affaires": Revenue, "Dépenses de voyage": Expense,
		"Ingresos por ventas": Revenue, "Gross profit": Result, "Accounts receivable": Balance, "Subscription revenue": Revenue, "Sales returns": Expense,
	} {
		if got, ok := typeOf(in, false); !ok || got != want {
			t.Errorf("typeOf(%q) = %v, %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "Zebra", "4000", "E"} {
		if got, ok := typeOf(in, false); ok {
			t.Errorf("typeOf(%q) = %v", in, got)
		}
	}
	if got, ok := typeOf("R", true); !ok || got != Revenue {
		t.Errorf("a type column's R is %v, %v", got, ok)
	}
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"$1,234.50": "$", "1.234,50 €": "EUR", "US$ 5": "USD", "EUR 5": "EUR", "Actual (GBP)": "GBP", "12": "", "Europe": "", "(CHF 3)": "CHF", "Budget": "",
	} {
		if got := currencyOf(in); got != want {
			t.Errorf("currencyOf(%q) = %q, want %q", in, got, want)
		}
	}
	for _, tc := range []struct {
		a, b string
		want bool
	}{{"$", "USD", true}, {"$", "CAD", true}, {"$", "EUR", false}, {"USD", "CAD", false}, {"", "EUR", true}, {"¥", "JPY", true}, {"eur", "EUR", true}} {
		if got := sameCurrency(tc.a, tc.b); got != tc.want {
			t.Errorf("sameCurrency(%q, %q) = %v", tc.a, tc.b, got)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	if got := nearest("Departmnt", []string{"Account", "Department", "Budget"}); got[0] != "Department" {
		t.Errorf("nearest = %v", got)
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{"Jan 2026", "Q1", "2026-01-31", "FY26 Q1", "13/2026"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := parsePeriod(s, true)
		if !ok {
			return
		}
		top := map[Grain]int{Month: 12, Quarter: 4}[p.Grain]
		if p.Grain == NoGrain || p.Grain == Year && (p.N != 0 || p.Year == 0) || p.Grain != Year && (p.N < 1 || p.N > top) {
			t.Errorf("parsePeriod(%q) = %+v", s, p)
		}
		if p.Year != 0 {
			if again, ok := parsePeriod(p.String(), false); !ok || again != p {
				t.Errorf("%q gives %v, which is read as %v", s, p, again)
			}
		}
	})
}

func FuzzNormal(f *testing.F) {
	f.Add("Travel & Entertainment")
	f.Fuzz(func(t *testing.T, s string) {
		if once := normal(s); normal(once) != once {
			t.Errorf("normal(%q) = %q, which becomes %q", s, once, normal(once))
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add("Account,Budget\nTravel,1\nRent,2\n", "Account,Actual\nTravel,1\nRent,3\n")
	f.Add("A;Jan;Feb\nx;1;2\ny;(3);4\n", "A\tQ1\nx\t$5\n")
	f.Fuzz(func(t *testing.T, b, a string) {
		m, err := Load(t.Context(), input("budget.csv", b), input("actuals.csv", a), options(0))
		if err != nil {
			return
		}
		var sums [2]apd.Decimal
		for i := range m.Lines {
			_, _ = exact.Add(&sums[0], &sums[0], &m.Lines[i].Budget)
			_, _ = exact.Add(&sums[1], &sums[1], &m.Lines[i].Actual)
		}
		if sums[0].Cmp(&m.Budget.Total) != 0 || sums[1].Cmp(&m.Actual.Total) != 0 {
			t.Errorf("lines add up to %s and %s, rows to %s and %s", &sums[0], &sums[1], &m.Budget.Total, &m.Actual.Total)
		}
	})
}
