package ledger

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

// Grain is how long a period is.
type Grain uint8

// The grains, from fine to coarse.
const (
	NoGrain Grain = iota
	Month
	Quarter
	Year
)

// Period is a month, a quarter or a year. Year is 0 when the source does not
// say which. The zero value is no period.
type Period struct {
	Grain Grain
	Year  int
	N     int // month or quarter, from 1
}

// String returns the period in a form that sorts: 2026-03, 2026-Q1, 2026, or
// without the year M03 and Q1.
func (p Period) String() string {
	switch {
	case p.Grain == Month && p.Year == 0:
		return fmt.Sprintf("M%02d", p.N)
	case p.Grain == Month:
		return fmt.Sprintf("%04d-%02d", p.Year, p.N)
	case p.Grain == Quarter && p.Year == 0:
		return fmt.Sprintf("Q%d", p.N)
	case p.Grain == Quarter:
		return fmt.Sprintf("%04d-Q%d", p.Year, p.N)
	case p.Grain == Year:
		return fmt.Sprintf("%04d", p.Year)
	}
	return ""
}

// coarsen returns the period of grain g that p lies in.
func (p Period) coarsen(g Grain) Period {
	switch {
	case g <= p.Grain || p.Grain == NoGrain:
		return p
	case g == Year:
		return Period{Grain: Year, Year: p.Year, N: 0}
	}
	return Period{Grain: Quarter, Year: p.Year, N: (p.N + 2) / 3}
}

func monthOf(t time.Time) Period { return Period{Grain: Month, Year: t.Year(), N: int(t.Month())} }

// monthNames lists, for each month, its names in the normal form.
var monthNames = [12]string{
	"january|jan|januar|janner|janvier|janv|enero|ene|gennaio|gen|janeiro|januari",
	"february|feb|februar|fevrier|fevr|fev|febrero|febbraio|fevereiro|februari|febr",
	"march|mar|marz|mrz|mars|marzo|marco|maart|mrt",
	"april|apr|avril|avr|abril|abr|aprile",
	"may|mai|mayo|maggio|mag|maio|mei",
	"june|jun|juni|juin|junio|giugno|giu|junho",
	"july|jul|juli|juillet|juil|julio|luglio|lug|julho",
	"august|aug|aout|agosto|ago|augustus",
	"september|sep|sept|septembre|septiembre|settembre|set|setembro",
	"october|oct|oktober|okt|octobre|octubre|ottobre|ott|outubro|out",
	"november|nov|novembre|noviembre|novembro",
	"december|dec|dezember|dez|decembre|diciembre|dic|dicembre|dezembro",
}

func monthByName(w string) int {
	for i, names := range monthNames {
		for n := range strings.SplitSeq(names, "|") {
			if n == w {
				return i + 1
			}
		}
	}
	return 0
}

// parsePeriod reads a period such as "Jan 2026", "2026-01", "Q1 FY26", "M03"
// or "2026". bare allows a lone number from 1 to 12, as a column of months may
// hold.
func parsePeriod(s string, bare bool) (Period, bool) {
	if p, ok := parseNamed(s, bare); ok {
		return p, true
	}
	if d, ok := table.ParseDate(s, ""); ok && !d.Ambiguous {
		return monthOf(d.Time), true
	}
	return Period{}, false
}

func parseNamed(s string, bare bool) (Period, bool) {
	if t, ok := isoDate(s); ok {
		return monthOf(t), true
	}
	var p Period
	var nums []int
	for _, w := range strings.Fields(splitDigits(normal(s))) {
		if m := monthByName(w); m > 0 {
			if p.Grain != NoGrain {
				return Period{}, false
			}
			p.Grain, p.N = Month, m
			continue
		}
		switch w {
		case "period", "periode", "month", "monat", "mois":
			bare = true
			continue
		case "fy", "year", "cy", "of", "de", "the":
			continue
		case "q", "quarter", "qtr", "quartal", "trimestre":
			if p.Grain != NoGrain {
				return Period{}, false
			}
			p.Grain = Quarter
			continue
		case "m", "p":
			if p.Grain != NoGrain {
				return Period{}, false
			}
			p.Grain = Month
			continue
		}
		n, err := strconv.Atoi(w)
		if err != nil {
			return Period{}, false
		}
		nums = append(nums, n)
		if len(w) == 6 && n/100 >= 1900 && n/100 <= 2199 {
			nums = append(nums[:len(nums)-1], n/100, n%100)
		}
	}
	return p.with(nums, bare)
}

// with fits the numbers found beside the words into the period.
func (p Period) with(nums []int, bare bool) (Period, bool) {
	short, named := false, p.Grain != NoGrain
	for _, n := range nums {
		switch {
		case n >= 1900 && n <= 2199 && (p.Year == 0 || short):
			p.Year, short = n, false
		case p.Grain == Quarter && p.N == 0 && n >= 1 && n <= 4, p.Grain == Month && p.N == 0 && n >= 1 && n <= 12:
			p.N = n
		case p.Grain == NoGrain && n >= 1 && n <= 12 && (len(nums) == 2 || bare && len(nums) == 1):
			p.Grain, p.N = Month, n
		case p.Year == 0 && n >= 0 && n <= 99 && (p.N > 0 || n > 12) && named:
			p.Year, short = 2000+n, true
		case p.Year > 0 && n >= 0 && n <= 99 && p.N > 0:
			// "FY26 Oct 2025": the month's own year counts.
		default:
			return Period{}, false
		}
	}
	switch {
	case p.Grain == NoGrain && p.Year > 0:
		p.Grain = Year
		return p, true
	case p.Grain == NoGrain || p.N == 0:
		return Period{}, false
	case len(nums) == 2 && p.Year == 0:
		return Period{}, false
	}
	return p, true
}

func isoDate(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 10 {
		return time.Time{}, false
	}
	t, err := time.Parse("2006-01-02", s[:10])
	return t, err == nil
}

// splitDigits puts spaces between letters and digits: "2026m01", "fy26".
func splitDigits(s string) string {
	var out strings.Builder
	var last byte
	for i := range len(s) {
		c := s[i]
		if i > 0 && c != ' ' && last != ' ' && (c >= '0' && c <= '9') != (last >= '0' && last <= '9') {
			out.WriteByte(' ')
		}
		out.WriteByte(c)
		last = c
	}
	return out.String()
}
