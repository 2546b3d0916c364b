package table

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// DateText is a date as it was written.
type DateText struct {
	Time time.Time // in UTC
	// Clock says that there is a time of day.
	Clock bool
	// MonthOnly says that only month and year were given.
	MonthOnly bool
	// Ambiguous says that day and month could be swapped.
	Ambiguous bool
	// Order is what the text proves about the order of day and month.
	Order DateOrder
	// Style names the way it is written: "2026-01-31", "31/01/2026",
	// "31.01.2026", "31 Jan 2026", "Jan 31, 2026", "Jan 2026", "20260131".
	Style string
}

// ParseDate reads a date as people write it. When day and month could be
// swapped, order decides; the zero order takes the month first after a slash
// and the day first after a point or hyphen.
func ParseDate(text string, order DateOrder) (DateText, bool) {
	s := trimBlanks(text)
	if len(s) < 6 || len(s) > 48 {
		return DateText{}, false
	}
	if t, ok := parseISO(s); ok {
		return t, true
	}
	var p dateParts
	if !p.scan(s) {
		return DateText{}, false
	}
	return p.date(order)
}

// parseISO reads yyyy-mm-dd at the start, the bulk of all dates.
func parseISO(s string) (DateText, bool) {
	if len(s) < 10 || s[4] != '-' && s[4] != '/' && s[4] != '.' || s[7] != s[4] {
		return DateText{}, false
	}
	y, ok1 := digits(s[:4])
	m, ok2 := digits(s[5:7])
	d, ok3 := digits(s[8:10])
	if !ok1 || !ok2 || !ok3 {
		return DateText{}, false
	}
	t := DateText{Style: "2026-01-31"}
	if s[4] != '-' {
		t.Style = "2026" + s[4:5] + "01" + s[4:5] + "31"
	}
	rest := s[10:]
	if rest == "" {
		t.Time = time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
		return t, validDate(y, m, d)
	}
	if rest[0] != 'T' && rest[0] != 't' && rest[0] != ' ' {
		return DateText{}, false
	}
	ok := t.at(y, m, d, rest[1:])
	return t, ok
}

// at sets the time from a checked date and the text of a time of day.
func (t *DateText) at(y, m, d int, clock string) bool {
	if !validDate(y, m, d) {
		return false
	}
	c, ok := parseClock(clock)
	if !ok {
		return false
	}
	t.Time = time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Add(c)
	t.Clock = c != 0 || t.Clock
	return true
}

func digits(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

func validDate(y, m, d int) bool {
	if y < 1 || y > 9999 || m < 1 || m > 12 || d < 1 {
		return false
	}
	if d <= 28 {
		return true
	}
	return d <= time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// parseClock reads hh:mm[:ss[.fff]] [AM|PM] [Z|±hh[:mm]|UTC] as an offset from
// midnight UTC.
func parseClock(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	var f [3]int
	n := 0
	for n < 3 {
		i := 0
		for i < len(s) && i < 2 && s[i]-'0' <= 9 {
			f[n] = f[n]*10 + int(s[i]-'0')
			i++
		}
		if i == 0 {
			return 0, false
		}
		s = s[i:]
		n++
		if s == "" || s[0] != ':' {
			break
		}
		s = s[1:]
	}
	var nanos time.Duration
	if n == 3 && s != "" && (s[0] == '.' || s[0] == ',') {
		unit := 100 * time.Millisecond
		for s = s[1:]; s != "" && s[0]-'0' <= 9; s = s[1:] {
			nanos += time.Duration(s[0]-'0') * unit
			unit /= 10
		}
	}
	s = strings.ToUpper(strings.TrimSpace(s))
	pm := false
	if n == 1 && !strings.HasPrefix(s, "AM") && !strings.HasPrefix(s, "PM") {
		return 0, false
	}
	if strings.HasPrefix(s, "AM") || strings.HasPrefix(s, "PM") {
		if f[0] < 1 || f[0] > 12 {
			return 0, false
		}
		pm = s[0] == 'P'
		f[0] %= 12
		s = strings.TrimSpace(s[2:])
	}
	if pm {
		f[0] += 12
	}
	if f[0] > 23 || f[1] > 59 || f[2] > 60 {
		return 0, false
	}
	zone, ok := parseZone(s)
	return time.Duration(f[0])*time.Hour + time.Duration(f[1])*time.Minute +
		time.Duration(f[2])*time.Second + nanos - zone, ok
}

func parseZone(s string) (time.Duration, bool) {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "UTC"), "GMT")
	if s == "" || s == "Z" {
		return 0, true
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h := strings.Replace(s[1:], ":", "", 1)
	if len(h) == 2 {
		h += "00"
	}
	n, ok := digits(h)
	if !ok || len(h) != 4 || n/100 > 15 || n%100 > 59 {
		return 0, false
	}
	d := time.Duration(n/100)*time.Hour + time.Duration(n%100)*time.Minute
	if s[0] == '-' {
		d = -d
	}
	return d, true
}

// dateParts are the numbers and the month name of a written date.
type dateParts struct {
	num   [3]int
	width [3]int
	n     int
	month int // from a name
	// monthAt is how many numbers stood before the month's name.
	monthAt int
	weekday bool
	sep     byte
	clock   string
}

func (p *dateParts) scan(s string) bool {
	for s != "" {
		c := s[0]
		switch {
		case c-'0' <= 9:
			i := 1
			for i < len(s) && s[i]-'0' <= 9 {
				i++
			}
			if i < len(s) && s[i] == ':' && p.count() >= 2 {
				p.clock = s
				return true
			}
			if p.n == 3 || i > 8 {
				return false
			}
			p.num[p.n], _ = digits(s[:i])
			p.width[p.n] = i
			p.n++
			s = trimOrdinal(s[i:])
		case c == '/' || c == '-' || c == '.' || c == ',' || c == ' ' || c == '\'':
			if p.n == 0 && p.month == 0 && !p.weekday {
				return false
			}
			if p.n == 0 && p.month == 0 {
				s = s[1:] // between the weekday and the date
				continue
			}
			if p.sep == 0 || c == '/' {
				p.sep = c
			}
			s = s[1:]
			if c != ' ' && s != "" && s[0] == c {
				return false
			}
		default:
			rest, ok := p.word(s)
			if !ok {
				return false
			}
			s = rest
		}
	}
	return p.count() >= 2
}

func (p *dateParts) count() int {
	if p.month > 0 {
		return p.n + 1
	}
	return p.n
}

func trimOrdinal(s string) string {
	if len(s) >= 2 && (len(s) == 2 || s[2] == ' ' || s[2] == ',') {
		switch strings.ToLower(s[:2]) {
		case "st", "nd", "rd", "th":
			return s[2:]
		}
	}
	return s
}

// word takes a month's or weekday's name, or the T before a time.
func (p *dateParts) word(s string) (rest string, ok bool) {
	i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	if i < 0 {
		i = len(s)
	}
	w := strings.ToLower(s[:i])
	if i == 0 {
		_, n := utf8.DecodeRuneInString(s)
		return s[n:], isBlank([]rune(s[:n])[0])
	}
	rest = s[i:]
	if m := monthNumber(w); m > 0 && p.month == 0 {
		p.month, p.monthAt = m, p.n
		return rest, true
	}
	if w == "t" && p.n == 3 && rest != "" {
		p.clock = rest
		return "", true
	}
	if (w == "de" || w == "of") && p.n > 0 {
		return rest, true
	}
	p.weekday = weekday(w)
	return rest, p.n == 0 && p.month == 0 && p.weekday
}

func (p *dateParts) date(order DateOrder) (DateText, bool) {
	var t DateText
	var y, m, d int
	switch {
	case p.month > 0 && p.n == 2:
		m, d, y = p.month, p.num[0], p.num[1]
		yw := p.width[1]
		t.Style = "31 Jan 2026"
		if p.monthAt == 0 {
			t.Style = "Jan 31, 2026"
		}
		if p.width[0] == 4 {
			y, d, yw = p.num[0], p.num[1], 4
			t.Style = "2026 Jan 31"
		}
		y = fullYear(y, yw)
	case p.month > 0 && p.n == 1:
		m, d, y = p.month, 1, fullYear(p.num[0], p.width[0])
		t.MonthOnly, t.Style = true, "Jan 2026"
		if p.width[0] == 1 || p.width[0] == 2 && p.sep == ' ' {
			return t, false // "May 5" has no year
		}
	case p.month == 0 && p.n == 3 && p.sep != ' ' && p.sep != ',':
		var ok bool
		if y, m, d, ok = p.numeric(order, &t); !ok {
			return t, false
		}
	case p.month == 0 && p.n == 2 && p.width[0] == 4 && p.width[1] == 2 && p.sep == '-':
		y, m, d = p.num[0], p.num[1], 1
		t.MonthOnly, t.Style = true, "2026-01"
	default:
		return t, false
	}
	if p.clock == "" {
		t.Time = time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
		return t, validDate(y, m, d)
	}
	return t, t.at(y, m, d, p.clock)
}

// numeric orders three numbers.
func (p *dateParts) numeric(order DateOrder, t *DateText) (y, m, d int, ok bool) {
	sep := string(p.sep)
	if p.width[0] == 4 {
		t.Style = "2026" + sep + "01" + sep + "31"
		return p.num[0], p.num[1], p.num[2], p.width[1] <= 2 && p.width[2] <= 2
	}
	a, b := p.num[0], p.num[1]
	if p.width[0] > 2 || p.width[1] > 2 || p.width[2] != 2 && p.width[2] != 4 {
		return 0, 0, 0, false
	}
	y = fullYear(p.num[2], p.width[2])
	switch {
	case a > 12 && b <= 12:
		t.Order, order = DayFirst, DayFirst
	case b > 12 && a <= 12:
		t.Order, order = MonthFirst, MonthFirst
	case p.sep == '.':
		t.Order, order = DayFirst, DayFirst // nobody writes 01.31.2026
	default:
		t.Ambiguous = a != b
	}
	if order == "" {
		order = DayFirst
		if p.sep == '/' {
			order = MonthFirst
		}
	}
	if order == MonthFirst {
		t.Style = "01" + sep + "31" + sep + "2026"
		return y, a, b, true
	}
	t.Style = "31" + sep + "01" + sep + "2026"
	return y, b, a, true
}

func fullYear(y, width int) int {
	if width > 2 {
		return y
	}
	if y < 70 {
		return 2000 + y
	}
	return 1900 + y
}

// monthNumber knows the months' names and abbreviations in English, German,
// French, Spanish, Italian, Portuguese and Dutch. w is in lower case.
func monthNumber(w string) int {
	if len(w) < 3 || len(w) > 12 {
		return 0
	}
	return monthNumbers[w]
}

var monthNumbers = map[string]int{
	"jan": 1, "january": 1, "januar": 1, "jänner": 1, "janv": 1, "janvier": 1, "ene": 1, "enero": 1, "gen": 1, "gennaio": 1, "janeiro": 1, "januari": 1,
	"feb": 2, "february": 2, "februar": 2, "févr": 2, "fév": 2, "février": 2, "fevrier": 2, "febrero": 2, "febbraio": 2, "fev": 2, "fevereiro": 2, "februari": 2,
	"mar": 3, "march": 3, "mär": 3, "märz": 3, "maerz": 3, "mrz": 3, "mars": 3, "marzo": 3, "março": 3, "marco": 3, "maart": 3, "mrt": 3,
	"apr": 4, "april": 4, "avr": 4, "avril": 4, "abr": 4, "abril": 4, "aprile": 4,
	"may": 5, "mai": 5, "mayo": 5, "mag": 5, "maggio": 5, "maio": 5, "mei": 5,
	"jun": 6, "june": 6, "juni": 6, "juin": 6, "junio": 6, "giu": 6, "giugno": 6, "junho": 6,
	"jul": 7, "july": 7, "juli": 7, "juil": 7, "juillet": 7, "julio": 7, "lug": 7, "luglio": 7, "julho": 7,
	"aug": 8, "august": 8, "août": 8, "aout": 8, "ago": 8, "agosto": 8, "augustus": 8,
	"sep": 9, "sept": 9, "september": 9, "septembre": 9, "septiembre": 9, "set": 9, "settembre": 9, "setembro": 9,
	"oct": 10, "october": 10, "okt": 10, "oktober": 10, "octobre": 10, "octubre": 10, "ott": 10, "ottobre": 10, "out": 10, "outubro": 10,
	"nov": 11, "november": 11, "novembre": 11, "noviembre": 11, "novembro": 11,
	"dec": 12, "december": 12, "dez": 12, "dezember": 12, "déc": 12, "décembre": 12, "decembre": 12, "dic": 12, "diciembre": 12, "dicembre": 12, "dezembro": 12,
}

func weekday(w string) bool {
	switch w {
	case "mon", "monday", "tue", "tues", "tuesday", "wed", "wednesday", "thu", "thur", "thurs", "thursday",
		"fri", "friday", "sat", "saturday", "sun", "sunday",
		"mo", "di", "mi", "do", "fr", "sa", "so", "montag", "dienstag", "mittwoch", "donnerstag", "freitag",
		"samstag", "sonntag", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche":
		return true
	}
	return false
}
