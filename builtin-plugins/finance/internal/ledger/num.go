package ledger

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

// product multiplies exactly.
func product(a, b table.Num) table.Num {
	d := new(apd.Decimal)
	_, _ = exact.Mul(d, a.Decimal(), b.Decimal())
	n, _ := table.NumFromDecimal(d)
	return n
}

// numOf returns a sum as a number again.
func numOf(d *apd.Decimal) table.Num {
	n, _ := table.NumFromDecimal(d)
	return n
}
