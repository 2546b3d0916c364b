package ledger

import (
	"maps"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	"github.com/cowork-host/cowork/pluginsdk"
)

// symbols are the currency signs and the code they stand for. "$" stands for
// any dollar.
var symbols = []struct{ sign, code string }{
	{"US$", "USD"},
	{"A$", "AUD"},
	{"C$", "CAD"},
	{"HK$", "HKD"},
	{"R$", "BRL"},
	{"$", "$"},
	{"€", "EUR"},
	{"£", "GBP"},
	{"¥", "¥"},
	{"₹", "INR"},
	{"₩", "KRW"},
	{"₽", "RUB"},
	{"zł", "PLN"},
}

const codes = " USD EUR GBP CHF JPY CNY INR AUD CAD NZD SEK NOK DKK PLN CZK HUF BRL MXN ZAR SGD HKD KRW TRY RUB ILS AED SAR THB IDR RON "

// currencyOf returns the code of the currency that stands in a text, or "".
func currencyOf(s string) string {
	for _, c := range symbols {
		if strings.Contains(s, c.sign) {
			return c.code
		}
	}
	for w := range strings.FieldsFuncSeq(strings.ToUpper(s), func(r rune) bool { return r < 'A' || r > 'Z' }) {
		if len(w) == 3 && strings.Contains(codes, " "+w+" ") {
			return w
		}
	}
	return ""
}

// sameCurrency tells whether two codes can be the same money.
func sameCurrency(a, b string) bool {
	a, b = strings.ToUpper(a), strings.ToUpper(b)
	if a == b || a == "" || b == "" {
		return true
	}
	dollar := func(x string) bool {
		return x == "$" || strings.HasSuffix(x, "D") && strings.Contains(" USD AUD CAD NZD SGD HKD ", " "+x+" ")
	}
	yen := func(x string) bool { return x == "¥" || x == "JPY" || x == "CNY" }
	return (a == "$" || b == "$") && dollar(a) && dollar(b) || (a == "¥" || b == "¥") && yen(a) && yen(b)
}

// inCurrency notes the row's currency and tells whether the row is wanted.
func (s *scan) inCurrency(sh *shape, row *table.Row) bool {
	code := ""
	if sh.currency >= 0 {
		code = row.Cells[sh.currency].Value()
		if c := currencyOf(code); c != "" {
			code = c
		}
	}
	if code == "" {
		for _, i := range sh.amounts {
			if c := &row.Cells[i]; !c.Native() && !plain(c.Text) {
				if code = currencyOf(c.Text); code != "" {
					break
				}
			}
		}
	}
	if code == "" {
		return true
	}
	if want := s.r.opts.Currency; want != "" {
		if c := currencyOf(want); c != "" {
			want = c
		}
		if !sameCurrency(code, want) {
			return false
		}
	}
	s.seen[code]++
	return true
}

// oneCurrency settles the table's currency or refuses to add up several.
func (s *scan) oneCurrency() error {
	found := slices.Sorted(maps.Keys(s.seen))
	for i := range found {
		for j := range i {
			if !sameCurrency(found[i], found[j]) {
				return pluginsdk.Invalid("take one currency with --currency "+found[0]+", or convert the file first",
					"%s mixes the currencies %s, which cannot be added up", s.r.where(), strings.Join(found, ", "))
			}
		}
	}
	switch {
	case len(found) > 0:
		s.t.Currency = found[len(found)-1]
	case s.r.opts.Currency != "":
		s.t.Currency = s.r.opts.Currency
	}
	for _, i := range s.r.shape.amounts {
		if len(s.t.Currency) == 3 {
			break
		}
		c := s.r.shape.cols[i]
		for _, text := range []string{c.Currency, c.Name} {
			// A code says more than a sign that several currencies share.
			if code := currencyOf(text); code != "" && sameCurrency(code, s.t.Currency) && len(code) > len(s.t.Currency) {
				s.t.Currency = code
			}
		}
	}
	return nil
}
