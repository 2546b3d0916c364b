package finance

import (
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// exact adds, subtracts and multiplies without rounding for all amounts that
// occur.
var exact = apd.Context{Precision: 1000, MaxExponent: 10000, MinExponent: -10000, Rounding: apd.RoundHalfEven}

// ratioContext is how precisely ratios are computed: more digits than a
// spreadsheet keeps.
var ratioContext = apd.Context{Precision: 20, MaxExponent: 10000, MinExponent: -10000, Rounding: apd.RoundHalfEven}

func add(d, x, y *apd.Decimal) { _, _ = exact.Add(d, x, y) }
func sub(d, x, y *apd.Decimal) { _, _ = exact.Sub(d, x, y) }
func mul(d, x, y *apd.Decimal) { _, _ = exact.Mul(d, x, y) }

// round keeps digits after the point, halves away from zero as people do.
func round(d, x *apd.Decimal, digits int32) {
	c := exact
	c.Rounding = apd.RoundHalfUp
	_, _ = c.Quantize(d, x, -digits)
}

// ratio returns x ÷ |y|, or nil when y is zero.
func ratio(x, y *apd.Decimal) *apd.Decimal {
	if y.IsZero() {
		return nil
	}
	var abs, d apd.Decimal
	abs.Abs(y)
	_, _ = ratioContext.Quo(&d, x, &abs)
	return &d
}

// percent returns the ratio in percent points with at most four digits after
// the point, or "n/a".
func percent(x, y *apd.Decimal) string {
	r := ratio(x, y)
	if r == nil {
		return "n/a"
	}
	r.Exponent += 2
	round(r, r, 4)
	return plain(r)
}

// text writes a decimal without exponent; small ones, the bulk, in one go.
func text(d *apd.Decimal) string {
	if d.Form != apd.Finite || d.Exponent > 0 || d.Exponent < -18 || !d.Coeff.IsInt64() || d.IsZero() {
		return d.Text('f')
	}
	var buf [48]byte
	out := buf[:0]
	if d.Negative {
		out = append(out, '-')
	}
	var digits [24]byte
	n := strconv.AppendInt(digits[:0], d.Coeff.Int64(), 10)
	whole := len(n) + int(d.Exponent)
	if whole <= 0 {
		out = append(out, '0')
	} else {
		out = append(out, n[:whole]...)
	}
	if d.Exponent < 0 {
		out = append(out, '.')
		for ; whole < 0; whole++ {
			out = append(out, '0')
		}
		out = append(out, n[whole:]...)
	}
	return string(out)
}

// plain writes a decimal without exponent and without zeros at the end.
func plain(d *apd.Decimal) string {
	s := text(d)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}

// digitsOf is how many digits after the point an amount is shown with.
func digitsOf(d *apd.Decimal) int32 {
	if strings.Contains(plain(d), ".") {
		return 2
	}
	return 0
}

// money writes an amount for people: thousands grouped, fixed digits.
func money(d *apd.Decimal, digits int32) string {
	var r apd.Decimal
	round(&r, d, digits)
	s := r.Text('f')
	s, negative := strings.CutPrefix(s, "-")
	sign := ""
	if negative && !r.IsZero() {
		sign = "-"
	}
	whole, frac, _ := strings.Cut(s, ".")
	var out strings.Builder
	out.WriteString(sign)
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(c)
	}
	if frac != "" {
		out.WriteString("." + frac)
	}
	return out.String()
}

// signed is money with a plus before gains.
func signed(d *apd.Decimal, digits int32) string {
	if d.Sign() > 0 {
		return "+" + money(d, digits)
	}
	return money(d, digits)
}
