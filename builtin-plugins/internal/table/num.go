package table

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/cockroachdb/apd/v3"
)

// Num is an exact decimal number. Most fit in 64 bits and cost no allocation.
// Its zero value is zero.
type Num struct {
	coef  int64
	scale int16 // value = coef × 10^-scale, 0 ≤ scale ≤ maxScale
	big   *apd.Decimal
}

const maxScale = 18

// Decimal returns the number as a new decimal.
func (n Num) Decimal() *apd.Decimal {
	if n.big != nil {
		return new(apd.Decimal).Set(n.big)
	}
	return apd.New(n.coef, -int32(n.scale))
}

// Float returns the nearest float64, for statistics that are not exact.
func (n Num) Float() float64 {
	if n.big != nil {
		f, err := n.big.Float64()
		if err != nil && math.IsNaN(f) {
			return 0
		}
		return f
	}
	if n.scale == 0 {
		return float64(n.coef)
	}
	if n.coef <= 1<<53 && n.coef >= -1<<53 {
		return float64(n.coef) / pow10f[n.scale] // both exact: correctly rounded
	}
	f, _ := strconv.ParseFloat(n.String(), 64)
	return f
}

// Sign returns -1, 0 or 1.
func (n Num) Sign() int {
	switch {
	case n.big != nil:
		return n.big.Sign()
	case n.coef < 0:
		return -1
	case n.coef > 0:
		return 1
	}
	return 0
}

// Scale returns the number of digits after the point, as written.
func (n Num) Scale() int {
	if n.big != nil {
		return max(0, -int(n.big.Exponent))
	}
	return int(n.scale)
}

// IsInteger reports whether the number has no fraction.
func (n Num) IsInteger() bool {
	if n.big != nil {
		var integ, frac apd.Decimal
		n.big.Modf(&integ, &frac)
		return frac.IsZero()
	}
	return n.coef%pow10[n.scale] == 0
}

// Cmp compares exactly.
func (n Num) Cmp(m Num) int {
	if n.big == nil && m.big == nil && n.scale == m.scale {
		switch {
		case n.coef < m.coef:
			return -1
		case n.coef > m.coef:
			return 1
		}
		return 0
	}
	return n.Decimal().Cmp(m.Decimal())
}

// String returns the number as a plain decimal without exponent, with the
// digits it was written with.
func (n Num) String() string {
	if n.big == nil && n.scale == 0 {
		return strconv.FormatInt(n.coef, 10)
	}
	return n.Decimal().Text('f')
}

// NumFromFloat returns the decimal a spreadsheet shows for a float: at most 15
// significant digits, so that the noise of binary fractions is gone.
func NumFromFloat(f float64) (Num, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Num{}, false
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return Num{coef: int64(f)}, true
	}
	var buf [40]byte
	return plainNum(strconv.AppendFloat(buf[:0], f, 'e', 14, 64))
}

// NumFromDecimal returns d as a number; d stays the caller's. It reports false
// for what is no finite number.
func NumFromDecimal(d *apd.Decimal) (Num, bool) {
	if d.Form != apd.Finite {
		return Num{}, false
	}
	return numFromDecimal(new(apd.Decimal).Set(d)), true
}

// plainNum reads digits with an optional sign, point and exponent.
func plainNum(s []byte) (Num, bool) {
	d, _, err := apd.NewFromString(string(s))
	if err != nil || d.Form != apd.Finite || d.Exponent > 400 || d.Exponent < -400 {
		return Num{}, false
	}
	if d.Exponent < 0 {
		d.Reduce(d)
	}
	return numFromDecimal(d), true
}

// numFromDecimal takes d over.
func numFromDecimal(d *apd.Decimal) Num {
	if d.IsZero() {
		return Num{scale: int16(min(maxScale, max(0, -int(d.Exponent))))}
	}
	if d.Exponent <= 0 && d.Exponent >= -maxScale && d.Coeff.IsInt64() {
		c := d.Coeff.Int64()
		if d.Negative {
			c = -c
		}
		return Num{coef: c, scale: int16(-d.Exponent)}
	}
	if d.Exponent > 0 && d.Exponent <= maxScale && d.Coeff.IsInt64() {
		hi, lo := bits.Mul64(uint64(d.Coeff.Int64()), uint64(pow10[d.Exponent]))
		if hi == 0 && lo <= math.MaxInt64 {
			c := int64(lo)
			if d.Negative {
				c = -c
			}
			return Num{coef: c}
		}
	}
	return Num{big: d}
}

// Sum adds numbers exactly. Its zero value is an empty sum.
type Sum struct {
	parts [maxScale + 1]int128
	used  uint32 // bit i: parts[i] may be non-zero
	rest  *apd.Decimal
	n     int64
}

type int128 struct {
	hi int64
	lo uint64
}

// Add adds n.
func (s *Sum) Add(n Num) {
	s.n++
	if n.big != nil {
		if s.rest == nil {
			s.rest = new(apd.Decimal)
		}
		_, _ = sumContext.Add(s.rest, s.rest, n.big)
		return
	}
	p := &s.parts[n.scale]
	s.used |= 1 << n.scale
	var carry uint64
	p.lo, carry = bits.Add64(p.lo, uint64(n.coef), 0)
	p.hi += n.coef>>63 + int64(carry)
}

// Count returns how many numbers were added.
func (s *Sum) Count() int64 { return s.n }

// Reset empties the sum.
func (s *Sum) Reset() { *s = Sum{} }

// Decimal returns the exact sum.
func (s *Sum) Decimal() *apd.Decimal {
	total := new(apd.Decimal)
	for i, p := range s.parts {
		if s.used&(1<<i) == 0 {
			continue
		}
		d := decimal128(p)
		d.Exponent = -int32(i)
		_, _ = sumContext.Add(total, total, d)
	}
	if s.rest != nil {
		_, _ = sumContext.Add(total, total, s.rest)
	}
	return total
}

func decimal128(p int128) *apd.Decimal {
	neg := p.hi < 0
	if neg {
		var borrow uint64
		p.lo, borrow = bits.Sub64(0, p.lo, 0)
		p.hi = -p.hi - int64(borrow)
	}
	d := new(apd.Decimal)
	var lo apd.BigInt
	d.Coeff.SetInt64(p.hi)
	d.Coeff.Lsh(&d.Coeff, 64)
	lo.SetUint64(p.lo)
	d.Coeff.Add(&d.Coeff, &lo)
	d.Negative = neg
	return d
}

// sumContext has more digits than any sum of numbers within ±1e400 needs in
// practice; beyond it the least significant digits go first.
var sumContext = apd.Context{Precision: 1000, MaxExponent: 10000, MinExponent: -10000, Rounding: apd.RoundHalfEven}

var pow10 = [maxScale + 1]int64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

var pow10f = [maxScale + 1]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// Reduced returns the number without trailing zeros as coef × 10^-scale, so
// that equal numbers have equal parts. ok is false for numbers that do not fit.
func (n Num) Reduced() (coef int64, scale int, ok bool) {
	if n.big != nil {
		return 0, 0, false
	}
	coef, scale = n.coef, int(n.scale)
	for scale > 0 && coef%10 == 0 {
		coef, scale = coef/10, scale-1
	}
	return coef, scale, true
}
