package table

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
)

// separators says what a number's text proves about the decimal separator.
type separators uint8

const (
	sepNone       separators = iota // no separator at all
	sepPoint                        // only readable with a decimal point: 1,234.5 or 12.5
	sepComma                        // only readable with a decimal comma: 1.234,5 or 12,5
	sepMaybePoint                   // 1.234: a fraction, or a thousand with a decimal comma
	sepMaybeComma                   // 1,234: a thousand, or a fraction with a decimal comma
)

// NumberText is a number as it was written.
type NumberText struct {
	Num      Num
	Percent  bool
	Currency string // symbol or code, as written
	// Accounting says that parentheses, a trailing minus, a currency or
	// grouped thousands were used, as people write money.
	Accounting bool
	// LeadingZero says that it is written like a code: "00123".
	LeadingZero bool

	sep separators
}

// ParseNumber reads a number as people write it: "$1,234.50", "(500)", "500-",
// "1.234,50", "1 234,50", "1'234.50", "12%", "€ 5", "USD 5", "1e5". A text
// that proves its own decimal separator is read by it; otherwise
// decimalComma decides whether "1.234" is a thousand and more.
func ParseNumber(text string, decimalComma bool) (NumberText, bool) {
	if n, ok := parseSimple(text); ok {
		if n.scale != 3 || n.coef < 1000 && n.coef > -1000 || n.coef >= 1e6 || n.coef <= -1e6 {
			t := NumberText{Num: n}
			if n.scale > 0 {
				t.sep = sepPoint
			}
			t.LeadingZero = leadingZero(text)
			return t, true
		}
	}
	return parseNumber(text, decimalComma)
}

func leadingZero(s string) bool {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	return len(s) > 1 && s[0] == '0' && s[1] != '.'
}

// parseSimple reads -?[0-9]+(.[0-9]+)? of up to 18 digits, the bulk of all
// numbers.
func parseSimple(s string) (Num, bool) {
	i, neg := 0, false
	if len(s) > 0 && s[0] == '-' {
		neg, i = true, 1
	}
	if len(s)-i > 19 || i == len(s) {
		return Num{}, false
	}
	var coef int64
	point, digits := -1, 0
	for ; i < len(s); i++ {
		c := s[i]
		if c-'0' <= 9 {
			coef = coef*10 + int64(c-'0')
			digits++
			continue
		}
		if c != '.' || point >= 0 || digits == 0 {
			return Num{}, false
		}
		point = digits
	}
	if digits == 0 || digits > 18 || point == digits {
		return Num{}, false
	}
	if neg {
		coef = -coef
	}
	n := Num{coef: coef}
	if point >= 0 {
		n.scale = int16(digits - point)
	}
	return n, true
}

// parseNumber is the long way for everything parseSimple leaves.
func parseNumber(text string, decimalComma bool) (NumberText, bool) {
	var t NumberText
	s := trimBlanks(text)
	if s == "" || len(s) > 96 {
		return t, false
	}
	s = plainDigits(s)
	neg, s, ok := t.strip(s)
	if !ok {
		return t, false
	}
	mant, exp, ok := splitExponent(s)
	if !ok {
		return t, false
	}
	var d digitRun
	if !d.scan(mant) {
		return t, false
	}
	fraction, ok := t.separate(&d, decimalComma)
	if !ok {
		return t, false
	}
	scale := fraction - exp
	if scale > 400 || scale < -400 {
		return t, false
	}
	t.LeadingZero = d.n-fraction > 1 && d.digits[0] == '0'
	if d.groups() {
		t.Accounting = true
	}
	t.Num = makeNum(d.digits[:d.n], scale, neg)
	return t, true
}

// plainDigits returns s with the full-width and Arabic digits and signs, as
// input methods write them, in their plain form.
func plainDigits(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return plainDigit(r) != r }) {
		return s
	}
	return strings.Map(plainDigit, s)
}

func plainDigit(r rune) rune {
	switch {
	case r < 0x660:
		return r
	case r <= 0x669:
		return r - 0x660 + '0'
	case r >= 0x6F0 && r <= 0x6F9:
		return r - 0x6F0 + '0'
	case r == 0x66B: // Arabic decimal separator
		return '.'
	case r >= 0xFF05 && r <= 0xFF19: // ％ （ ） ＋ ， － ． and digits
		return r - 0xFF05 + '%'
	}
	return r
}

func makeNum(digits []byte, scale int, neg bool) Num {
	if len(digits) <= 18 && scale >= 0 && scale <= maxScale {
		var coef int64
		for _, c := range digits {
			coef = coef*10 + int64(c-'0')
		}
		if neg {
			coef = -coef
		}
		return Num{coef: coef, scale: int16(scale)}
	}
	d := new(apd.Decimal)
	if _, ok := d.Coeff.SetString(string(digits), 10); !ok {
		return Num{}
	}
	d.Exponent, d.Negative = int32(-scale), neg
	return numFromDecimal(d)
}

// strip takes sign, currency, percent and parentheses off s.
func (t *NumberText) strip(s string) (neg bool, core string, ok bool) {
	signs := 0
	for s != "" {
		before := len(s)
		c, size := utf8.DecodeRuneInString(s)
		last, lastSize := utf8.DecodeLastRuneInString(s)
		switch {
		case c == '(' && last == ')' && len(s) > 2:
			s, neg, t.Accounting = s[1:len(s)-1], true, true
			signs++
		case c == '-' || c == '−' || c == '–':
			s, neg = s[size:], true
			signs++
		case c == '+':
			s = s[size:]
			signs++
		case last == '-' || last == '−':
			s, neg, t.Accounting = s[:len(s)-lastSize], true, true
			signs++
		case last == '%' && !t.Percent:
			s, t.Percent = s[:len(s)-1], true
		default:
			s = t.stripCurrency(s)
		}
		s = trimBlanks(s)
		if len(s) == before {
			break
		}
	}
	return neg, s, s != "" && signs <= 1
}

// stripCurrency takes one currency off either end, if there is one.
func (t *NumberText) stripCurrency(s string) string {
	if t.Currency != "" || t.Percent {
		return s
	}
	c := s[0]
	if c >= utf8.RuneSelf || c >= 'A' && c <= 'z' || c == '$' {
		if n := currencyPrefix(s); n > 0 {
			t.Currency, t.Accounting = s[:n], true
			return s[n:]
		}
	}
	c = s[len(s)-1]
	if c >= utf8.RuneSelf || c >= 'A' && c <= 'z' || c == '$' || c == '.' {
		if n := currencySuffix(s); n > 0 {
			t.Currency, t.Accounting = s[len(s)-n:], true
			return s[:len(s)-n]
		}
	}
	return s
}

const currencySymbols = "$€£¥₹₩₽₺₪฿₫₦₴₱₲₡₵₸₼₾₿¢"

// currencyWords are what stands beside amounts instead of a symbol. Longer
// ones come first.
var currencyWords = [...]string{
	"HK$", "NZ$", "US$", "AU$", "CA$", "NT$", "A$", "C$", "R$", "S$",
	"USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "CNY", "RMB", "INR",
	"BRL", "MXN", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "BGN", "TRY",
	"RUB", "UAH", "ZAR", "SGD", "HKD", "KRW", "THB", "IDR", "MYR", "PHP", "ILS",
	"AED", "SAR", "EGP", "ARS", "CLP", "COP", "PEN", "TWD", "VND", "NGN", "KES",
	"Fr.", "kr.", "Rs.", "kr", "zł", "Kč", "Ft", "Rs", "Euro", "euro",
}

func currencyPrefix(s string) int {
	for _, w := range currencyWords {
		if strings.HasPrefix(s, w) && len(s) > len(w) && startsNumber(s[len(w):]) {
			return len(w)
		}
	}
	r, n := utf8.DecodeRuneInString(s)
	if r != utf8.RuneError && strings.ContainsRune(currencySymbols, r) {
		return n
	}
	return 0
}

// startsNumber keeps "RUB1" from being read as R + UB1 and a code such as
// "PHP7" from being money: after a word comes a blank, a sign or a digit that
// is part of an amount.
func startsNumber(s string) bool {
	c := s[0]
	return c >= '0' && c <= '9' || c == '-' || c == '(' || c == ' ' || c == '.' || c >= utf8.RuneSelf
}

func currencySuffix(s string) int {
	for _, w := range currencyWords {
		if strings.HasSuffix(s, w) && len(s) > len(w) {
			c := s[len(s)-len(w)-1]
			if c >= '0' && c <= '9' || c == ' ' || c == ')' || c == '-' || c >= utf8.RuneSelf {
				return len(w)
			}
		}
	}
	r, n := utf8.DecodeLastRuneInString(s)
	if r != utf8.RuneError && strings.ContainsRune(currencySymbols, r) {
		return n
	}
	return 0
}

func splitExponent(s string) (mant string, exp int, ok bool) {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return s, 0, true
	}
	if i == 0 {
		return "", 0, false
	}
	e := s[i+1:]
	neg := false
	if e != "" && (e[0] == '+' || e[0] == '-') {
		neg, e = e[0] == '-', e[1:]
	}
	if e == "" || len(e) > 3 {
		return "", 0, false
	}
	for j := range len(e) {
		if e[j]-'0' > 9 {
			return "", 0, false
		}
		exp = exp*10 + int(e[j]-'0')
	}
	if neg {
		exp = -exp
	}
	return s[:i], exp, true
}

// digitRun is a number's digits and the separators between them.
type digitRun struct {
	digits [80]byte
	n      int
	seps   [32]struct {
		kind byte // '.', ',', or ' ' for blanks and apostrophes
		at   int  // digits before it
	}
	nsep int
}

func (d *digitRun) groups() bool {
	for _, s := range d.seps[:d.nsep] {
		if s.kind == 'g' {
			return true
		}
	}
	return false
}

func (d *digitRun) scan(s string) bool {
	for i, r := range s {
		kind := byte(0)
		switch {
		case r >= '0' && r <= '9':
			if d.n == len(d.digits) {
				return false
			}
			d.digits[d.n] = byte(r)
			d.n++
			continue
		case r == '.' || r == ',':
			kind = byte(r)
		case r == '\'' || r == '’' || r == '٬' || isBlank(r):
			kind = ' '
			if i == 0 {
				return false
			}
		default:
			return false
		}
		if d.nsep == len(d.seps) || d.nsep > 0 && d.seps[d.nsep-1].at == d.n {
			return false
		}
		d.seps[d.nsep].kind, d.seps[d.nsep].at = kind, d.n
		d.nsep++
	}
	return d.n > 0
}

// separate decides which separator is the decimal one and checks the groups.
// It returns the number of fraction digits.
func (t *NumberText) separate(d *digitRun, decimalComma bool) (fraction int, ok bool) {
	points, commas := 0, 0
	for _, s := range d.seps[:d.nsep] {
		switch s.kind {
		case '.':
			points++
		case ',':
			commas++
		}
	}
	if points+commas == 0 {
		return 0, d.group(d.nsep)
	}
	last := d.seps[d.nsep-1]
	if last.kind == ' ' {
		return 0, false // a blank after a separator: a list, not a number
	}
	decimal := true
	switch {
	case points > 0 && commas > 0:
		if last.kind == '.' && points > 1 || last.kind == ',' && commas > 1 {
			return 0, false
		}
		t.prove(last.kind)
	case points+commas > 1:
		decimal = false
		t.prove(other(last.kind))
	default:
		decimal = t.lone(d, last.kind, last.at, decimalComma)
	}
	if !decimal {
		return 0, d.group(d.nsep)
	}
	return d.n - last.at, d.group(d.nsep - 1)
}

// lone judges a single point or comma.
func (t *NumberText) lone(d *digitRun, kind byte, at int, decimalComma bool) bool {
	grouped := d.nsep > 1 // blanks before it group the thousands
	if d.n-at != 3 || at == 0 || at > 3 || d.digits[0] == '0' || grouped {
		t.prove(kind)
		return true
	}
	if kind == '.' {
		t.sep = sepMaybePoint
		return !decimalComma
	}
	t.sep = sepMaybeComma
	return decimalComma
}

func (t *NumberText) prove(decimal byte) {
	t.sep = sepPoint
	if decimal == ',' {
		t.sep = sepComma
	}
}

func other(kind byte) byte {
	if kind == '.' {
		return ','
	}
	return '.'
}

// group checks that the first n separators divide thousands: one kind, groups
// of three, or of two before the last three as in India.
func (d *digitRun) group(n int) bool {
	if n == 0 {
		return true
	}
	end := d.n
	if n < d.nsep {
		end = d.seps[n].at
	}
	kind := d.seps[0].kind
	size := math.MaxInt
	for i := n - 1; i >= 0; i-- {
		s := &d.seps[i]
		g := end - s.at
		if s.kind != kind {
			return false
		}
		if i == n-1 && g != 3 || g != 3 && (g != 2 || kind != ',') || i < n-1 && size == 2 && g == 3 {
			return false
		}
		if i < n-1 {
			size = g
		}
		end = s.at
	}
	if end < 1 || end > 3 || size == 2 && end > 2 {
		return false
	}
	for i := range d.seps[:n] {
		d.seps[i].kind = 'g'
	}
	return true
}

// isBlank reports whether r is a space, of any width, that people put between
// or around values.
func isBlank(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r', '\v', '\f', 0xA0, 0x202F, 0x2009, 0x2007, 0x2008, 0x3000, 0x200B, 0xFEFF:
		return true
	}
	return r >= 0x2000 && r <= 0x200A
}

func trimBlanks(s string) string {
	if s == "" || s[0] > ' ' && s[0] < utf8.RuneSelf && s[len(s)-1] > ' ' && s[len(s)-1] < utf8.RuneSelf {
		return s
	}
	return strings.TrimFunc(s, isBlank)
}
