package finance_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// large makes a pair of files with n lines each, nine in ten in both.
func large(n int) map[string]string {
	r := rand.New(rand.NewPCG(1, 2))
	var b, a strings.Builder
	b.WriteString("Account,Account name,Department,Type,Budget\n")
	a.WriteString("Department;Account no;Name;Actual\n")
	for i := range n {
		code, dept := 400000+i/5, departments[i%5]
		fmt.Fprintf(&b, "%d,Account %d,%s,%s,%d.%02d\n", code, i/5, dept, []string{"Revenue", "Expense"}[i%2], r.IntN(1_000_000), r.IntN(100))
		if i%10 == 0 {
			code += 500000
		}
		fmt.Fprintf(&a, "%s;%d;ACCOUNT %d;%d.%02d\n", dept, code, i/5, r.IntN(1_000_000), r.IntN(100))
	}
	return map[string]string{"budget.csv": b.String(), "actuals.csv": a.String()}
}

func BenchmarkVariance(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := newHost(b, large(n))
			runtime.GC()
			for b.Loop() {
				h.out = nil
				mustRun(b, h)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
		})
	}
}
