package table_test

import (
	"testing"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

func TestParseNumber(t *testing.T) {
	t.Parallel()
	point := map[string]string{
		"0": "0", "42": "42", "-7": "-7", "007": "7", "1234.50": "1234.50", "1,234.50": "1234.50", "$1,234.50": "1234.50",
		"-$5": "-5", "$-5": "-5", "($5.00)": "-5.00", "(500)": "-500", "500-": "-500", "+3": "3", "−4": "-4",
		"1,234": "1234", "1,234,567": "1234567", "12,34,567": "1234567", "1 234,50": "1234.50", "1\u00a0234,50": "1234.50",
		"1\u202f234": "1234", "1'234.50": "1234.50", "1’234’567": "1234567", "12%": "12", "12.5 %": "12.5", "-3%": "-3", "€ 5": "5",
		"5 €": "5", "1.234,50 €": "1234.50", "USD 5": "5", "USD5": "5", "5 EUR": "5", "CHF 1'000.00": "1000.00", "R$ 1.234,56": "1234.56",
		"1e5": "100000", "1E-3": "0.001", "1.5e+2": "150", ".5": "0.5", "5.": "5", "0,123": "0.123", "0.123": "0.123",
		"1234,567": "1234.567", "1.234.567": "1234567", "12,5": "12.5", "1.234": "1.234", "123456789012345678901.5": "123456789012345678901.5",
		"0.1234567890123456789": "0.1234567890123456789", "  7\u00a0": "7", "1,000.": "1000", "kr 100": "100", "100 kr": "100",
	}
	for in, want := range point {
		n, ok := table.ParseNumber(in, false)
		if !ok || n.Num.Decimal().Text('f') != want {
			t.Errorf("ParseNumber(%q) = %s, %t, want %s", in, n.Num, ok, want)
		}
	}
	comma := map[string]string{
		"1.234": "1234", "1,234": "1.234", "-1.234": "-1234", "123.456": "123456", "12.5": "12.5", "1,234.50": "1234.50", "1.000.000": "1000000", "0.500": "0.500",
	}
	for in, want := range comma {
		n, ok := table.ParseNumber(in, true)
		if !ok || n.Num.Decimal().Text('f') != want {
			t.Errorf("ParseNumber(%q) with decimal comma = %s, %t, want %s", in, n.Num, ok, want)
		}
	}
	for _, in := range []string{
		"", " ", "-", "--5", "abc", "1.2.3", "31.01.2026", "2026-01-31", "1,2,3", "1,23,456,7", "1 2 3", "$", "%", "e5", "1e", "1e9999",
		"5 apples", "#5", "1/2", "(5", "5)", "()", "1,,000", "1..5", "0x10", "NaN", "Inf", "1 234 56", "1,234 567", "+-5", "5%%", "1.234.56",
	} {
		if n, ok := table.ParseNumber(in, false); ok {
			t.Errorf("ParseNumber(%q) = %s, want none", in, n.Num)
		}
	}
}

func TestParseNumberFlags(t *testing.T) {
	t.Parallel()
	n, _ := table.ParseNumber("USD 1,234", false)
	if n.Currency != "USD" || !n.Accounting || n.Percent {
		t.Errorf("USD 1,234: %+v", n)
	}
	if n, _ := table.ParseNumber("00123", false); !n.LeadingZero {
		t.Error("00123 has no leading zero")
	}
	if n, _ := table.ParseNumber("0.5", false); n.LeadingZero {
		t.Error("0.5 has a leading zero")
	}
	if n, _ := table.ParseNumber("12%", false); !n.Percent {
		t.Error("12% is no percent")
	}
}

func TestSumIsExact(t *testing.T) {
	t.Parallel()
	var s table.Sum
	for range 1000 {
		for _, text := range []string{"0.1", "-0.3", "1234567890123.45", "99999999999999999999.99", "-9000000000000000000"} {
			n, ok := table.ParseNumber(text, false)
			if !ok {
				t.Fatal(text)
			}
			s.Add(n.Num)
		}
	}
	// 1000 × (0.1 − 0.3 + 1234567890123.45 + 99999999999999999999.99 − 9e18)
	if got := s.Decimal().Text('f'); got != "91000001234567890123240.00" {
		t.Errorf("sum = %s", got)
	}
	if s.Count() != 5000 {
		t.Errorf("count = %d", s.Count())
	}
}

func TestNumFromFloat(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{
		1.1000000000000001: "1.1", 0.30000000000000004: "0.3", 1234.5599999999999: "1234.56", 1e15: "1000000000000000",
		-0.5: "-0.5", 0: "0", 1e-7: "0.0000001", 123456789.12345678: "123456789.123457",
	} {
		n, ok := table.NumFromFloat(f)
		if !ok || n.String() != want {
			t.Errorf("NumFromFloat(%v) = %s, want %s", f, n, want)
		}
	}
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"1,234.50", "(500)", "1.234,5 €", "1e5", "-", "12,34,567", "USD 5-"} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, comma bool) {
		n, ok := table.ParseNumber(s, comma)
		if !ok {
			return
		}
		again, ok := table.ParseNumber(n.Num.String(), false)
		if len(n.Num.String()) < 90 && (!ok || again.Num.Cmp(n.Num) != 0) {
			t.Fatalf("%q is %s, which reads as %s, %t", s, n.Num, again.Num, ok)
		}
	})
}
