package event

import (
	"math"
	"strconv"
	"strings"
)

// costDigits is how exact costs are added: a millionth of a millionth dollar.
const costDigits = 12

// AddCost adds two costs as events have them: decimals in US dollars, empty
// where nothing was priced. What is no such decimal counts as nothing; a sum
// too large to count stays at the largest.
func AddCost(a, b string) string {
	x, okA := parseCost(a)
	y, okB := parseCost(b)
	switch {
	case !okA && !okB:
		return ""
	case x > math.MaxInt64-y:
		x, y = math.MaxInt64, 0
	}
	return formatCost(x + y)
}

func parseCost(s string) (int64, bool) {
	whole, frac, _ := strings.Cut(s, ".")
	if whole == "" || len(whole) > 7 {
		return 0, false
	}
	if len(frac) > costDigits {
		if strings.Trim(frac[costDigits:], "0123456789") != "" {
			return 0, false
		}
		frac = frac[:costDigits]
	}
	digits := whole + frac + strings.Repeat("0", costDigits-len(frac))
	n, err := strconv.ParseUint(digits, 10, 63)
	return int64(n), err == nil
}

func formatCost(n int64) string {
	digits := strconv.FormatInt(n, 10)
	if len(digits) <= costDigits {
		digits = strings.Repeat("0", costDigits+1-len(digits)) + digits
	}
	whole, frac := digits[:len(digits)-costDigits], strings.TrimRight(digits[len(digits)-costDigits:], "0")
	if frac == "" {
		return whole
	}
	return whole + "." + frac
}
