package table

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// numberStyle is what a number format says about the numbers it shows.
type numberStyle struct {
	kind     styleKind
	currency string
}

type styleKind uint8

const (
	styleNumber styleKind = iota
	stylePercent
	styleDate
	styleDateTime
	styleClock
)

// readStyles loads the number formats that cells refer to.
func (w *workbook) readStyles(name string) error {
	formats := map[int]string{}
	inCells := false
	return w.scan(name, func(s *xmlScanner, tok xmlToken) (bool, error) {
		switch {
		case tok == xmlStart && string(s.name) == "numFmt":
			if id, err := strconv.Atoi(s.attrText("numFmtId")); err == nil && len(formats) < 100_000 {
				formats[id] = s.attrText("formatCode")
			}
		case string(s.name) == "cellXfs":
			inCells = tok == xmlStart
		case tok == xmlStart && inCells && string(s.name) == "xf":
			id, _ := strconv.Atoi(s.attrText("numFmtId"))
			w.styles = append(w.styles, styleOf(id, formats[id]))
		}
		return len(w.styles) < 1<<20, nil
	})
}

func styleOf(id int, code string) numberStyle {
	if code == "" {
		switch {
		case id == 9 || id == 10:
			return numberStyle{kind: stylePercent}
		case id == 22:
			return numberStyle{kind: styleDateTime}
		case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
			return numberStyle{kind: styleDate}
		case id >= 18 && id <= 21, id == 45, id == 47, id >= 32 && id <= 35, id == 55, id == 56:
			return numberStyle{kind: styleClock}
		}
		return numberStyle{}
	}
	return styleOfCode(code)
}

// styleOfCode reads the first section of a format such as "dd.mm.yyyy".
func styleOfCode(code string) numberStyle {
	var st numberStyle
	var date, month, clock, number, elapsed bool
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case ';':
			i = len(code)
		case '\\', '_', '*':
			i++
		case '"':
			j := strings.IndexByte(code[i+1:], '"')
			if j < 0 {
				j = len(code) - i - 1
			}
			st.currency += currencyIn(code[i+1 : i+1+j])
			i += j + 1
		case '[':
			j := strings.IndexByte(code[i:], ']')
			if j < 0 {
				j = len(code) - i - 1
			}
			in := code[i+1 : max(i+1, i+j)]
			switch {
			case strings.HasPrefix(in, "$"):
				sym, _, _ := strings.Cut(in[1:], "-")
				st.currency = sym
			case in != "" && strings.Trim(strings.ToLower(in), "h") == "", in != "" && strings.Trim(strings.ToLower(in), "m") == "":
				elapsed = true
			}
			i += j
		case 'y', 'Y', 'd', 'D':
			date = true
		case 'm', 'M':
			month = true
		case 'h', 'H', 's', 'S':
			clock = true
		case '0', '#', '?':
			number = number || !clock
		case '%':
			st.kind = stylePercent
		case 'G', 'g':
			if strings.HasPrefix(strings.ToLower(code[i:]), "general") {
				i += len("general") - 1
				number = true
			}
		case 'E', 'e':
			if i+1 < len(code) && (code[i+1] == '+' || code[i+1] == '-') {
				i++
			}
		}
	}
	if i := strings.IndexAny(code, currencySymbols); i >= 0 && st.currency == "" {
		r := []rune(code[i:])[0]
		st.currency = string(r)
	}
	switch {
	case elapsed || number && !date || st.kind == stylePercent:
	case date && clock:
		st.kind = styleDateTime
	case date || month && !clock:
		st.kind = styleDate
	case clock:
		st.kind = styleClock
	}
	return st
}

// serialTime turns a day number into a time. ok is false outside of the years
// spreadsheets know.
func serialTime(serial float64, date1904 bool) (time.Time, bool) {
	if math.IsNaN(serial) || serial < 0 || serial >= 2958466 {
		return time.Time{}, false
	}
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case date1904:
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case serial < 60:
		serial++ // 1900 is a leap year to spreadsheets
	}
	days := math.Floor(serial)
	ms := math.Round((serial - days) * 86400000)
	return epoch.AddDate(0, 0, int(days)).Add(time.Duration(ms) * time.Millisecond), true
}
