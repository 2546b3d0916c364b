package usage

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// maxDigits bounds an amount a person or a file may state.
const maxDigits = 30

// exact computes without rounding: amounts here have far fewer digits.
func exact() *apd.Context {
	c := apd.BaseContext.WithPrecision(200)
	c.Traps |= apd.Inexact
	return c
}

// parseAmount reads an amount of money: digits with at most one point. It has
// no sign, no exponent and no name for infinity. Empty is zero.
func parseAmount(s string) (*apd.Decimal, error) {
	if s == "" {
		return new(apd.Decimal), nil
	}
	whole, frac, point := strings.Cut(s, ".")
	if whole == "" || point && frac == "" || len(s) > maxDigits || strings.Trim(whole+frac, "0123456789") != "" {
		return nil, fmt.Errorf("%.40q is not an amount such as 2.50", s)
	}
	d, _, err := apd.NewFromString(s)
	return d, err
}

// format writes an amount without an exponent and without zeros at the end of
// its fraction.
func format(d *apd.Decimal) string {
	var out apd.Decimal
	out.Reduce(d)
	if out.Exponent > 0 || out.IsZero() {
		return strings.TrimSuffix(fmt.Sprintf("%f", &out), ".")
	}
	return out.Text('f')
}

// Add returns the sum of two amounts, exactly. Empty is nothing.
func Add(a, b string) (string, error) {
	x, err := parseAmount(a)
	if err != nil {
		return "", err
	}
	y, err := parseAmount(b)
	if err != nil {
		return "", err
	}
	if a == "" && b == "" {
		return "", nil
	}
	var sum apd.Decimal
	if _, err := exact().Add(&sum, x, y); err != nil {
		return "", fmt.Errorf("add %s and %s: %w", a, b, err)
	}
	return format(&sum), nil
}
