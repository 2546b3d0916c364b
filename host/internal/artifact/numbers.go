package artifact

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cowork-host/cowork/host/internal/model"
)

// number is one that stands in a text.
type number struct {
	text       string
	start, end int       // in the text, without sign, currency and unit
	values     []reading // what it can mean: 1,234 is 1234 or 1.234
	grouped    bool      // with thousands separators, or it could be
	scale      float64   // of a word or letter behind it: 1e6 for million; else 1
	tail       int       // where the scale's word ends
}

// reading is one way to read a number.
type reading struct {
	value    float64
	decimals int // digits behind the decimal mark
}

// scan finds the numbers of a text. Digits inside words are none: B12, 3rd.
func scan(s string) []number {
	var out []number
	for i := 0; i < len(s); {
		if !digit(s[i]) {
			i++
			continue
		}
		start := i
		i = endOfNumber(s, i)
		n := number{text: s[start:i], start: start, end: i, scale: 1, tail: i}
		if start > 0 && (letter(s[:start]) || s[start-1] == '_') && !currencyBefore(s[:start]) {
			continue
		}
		n.read()
		n.scale, n.tail = scaleAt(s, i)
		out = append(out, n)
	}
	return out
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// letter reports whether a text ends with a letter.
func letter(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0xC0 && r < 0x2000
}

// endOfNumber returns where the digits that begin at i end, with what can
// stand between them.
func endOfNumber(s string, i int) int {
	for i < len(s) {
		switch {
		case digit(s[i]):
			i++
			continue
		case i+1 < len(s) && (s[i] == '.' || s[i] == ',' || s[i] == '\'') && digit(s[i+1]):
			i++
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		if narrow(s[i:]) && threeDigits(s[i+size:]) {
			i += size
			continue
		}
		break
	}
	return i
}

// narrow reports whether a text begins with a mark that only ever stands
// between thousands: a no-break space, a thin one, a curly apostrophe.
func narrow(s string) bool {
	return strings.HasPrefix(s, "\u00a0") || strings.HasPrefix(s, "\u202f") || strings.HasPrefix(s, "\u2009") || strings.HasPrefix(s, "’")
}

func threeDigits(s string) bool {
	return len(s) >= 3 && digit(s[0]) && digit(s[1]) && digit(s[2]) && (len(s) == 3 || !digit(s[3]))
}

// read fills in what the digits can mean.
func (n *number) read() {
	s := strings.NewReplacer("'", "", "’", "", "\u00a0", "", "\u202f", "", "\u2009", "").Replace(n.text)
	n.grouped = s != n.text
	dots, commas := strings.Count(s, "."), strings.Count(s, ",")
	switch {
	case dots+commas == 0:
		n.add(s, 0)
	case dots > 0 && commas > 0:
		n.mixed(s)
	default:
		mark := "."
		if commas > 0 {
			mark = ","
		}
		n.single(s, mark)
	}
}

// mixed reads digits with both marks: the last one is the decimal mark.
func (n *number) mixed(s string) {
	last := strings.LastIndexAny(s, ".,")
	whole, frac := s[:last], s[last+1:]
	if strings.IndexByte(whole, s[last]) >= 0 {
		return // 1,234.567,890 is no number
	}
	n.grouped = true
	n.add(strings.NewReplacer(".", "", ",", "").Replace(whole)+"."+frac, len(frac))
}

// single reads digits with one kind of mark.
func (n *number) single(s, mark string) {
	parts := strings.Split(s, mark)
	groups := len(parts[0]) <= 3 && parts[0] != "0"
	for _, p := range parts[1:] {
		groups = groups && (len(p) == 3 || len(p) == 2)
	}
	groups = groups && len(parts[len(parts)-1]) == 3
	if groups {
		n.grouped = true
		n.add(strings.Join(parts, ""), 0)
	}
	if len(parts) == 2 {
		n.add(parts[0]+"."+parts[1], len(parts[1]))
	}
}

func (n *number) add(s string, decimals int) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) {
		return
	}
	n.values = append(n.values, reading{v, decimals})
}

// exponent is what a spreadsheet writes behind a large or small number.
var exponent = lazily(`^[eE][+-]?\d{1,3}\b`)

// scaleAt reads a word or letter of size behind a number.
func scaleAt(s string, i int) (float64, int) {
	if m := exponent().FindString(s[i:min(len(s), i+6)]); m != "" {
		n, _ := strconv.Atoi(m[1:]) // one to three digits
		return math.Pow10(n), i + len(m)
	}
	j := i
	for j < len(s) && j < i+2 && (s[j] == ' ' || s[j] == '-') {
		j++
	}
	if strings.HasPrefix(s[i:], "\u00a0") {
		j = i + len("\u00a0")
	}
	k := j
	for k < len(s) && (s[k] >= 'a' && s[k] <= 'z' || s[k] >= 'A' && s[k] <= 'Z') {
		k++
	}
	word := strings.ToLower(s[j:k])
	if len(word) <= 2 && j > i && s[i] != ' ' && !strings.HasPrefix(s[i:], "\u00a0") {
		return 1, i // 12-m
	}
	switch word {
	case "k", "thousand", "tsd", "thousands":
		return 1e3, k
	case "m", "mn", "mm", "mio", "million", "millions", "mln":
		return 1e6, k
	case "b", "bn", "mrd", "billion", "billions", "bln":
		return 1e9, k
	case "t", "tn", "trillion":
		return 1e12, k
	case "lakh":
		return 1e5, k
	case "crore":
		return 1e7, k
	}
	return 1, i
}

// evidence is every number that was computed, read or said by the person.
type evidence struct {
	values []float64 // positive, sorted unless there are new ones
	sorted bool
}

// addText adds all a text's numbers, in every way they can be read.
func (e *evidence) addText(s string) {
	for _, n := range scan(s) {
		for _, r := range n.values {
			e.add(r.value)
			if n.scale != 1 {
				e.add(r.value * n.scale)
			}
		}
		if strings.ContainsAny(n.text, ",'") { // a row of a table: 12,5,100
			for _, part := range strings.FieldsFunc(n.text, func(r rune) bool { return r == ',' || r == '\'' }) {
				if v, err := strconv.ParseFloat(part, 64); err == nil {
					e.add(v)
				}
			}
		}
	}
	e.addSpaced(s)
}

// addSpaced adds numbers whose thousands are parted by plain spaces.
func (e *evidence) addSpaced(s string) {
	for i := 0; i < len(s); i++ {
		if !digit(s[i]) || i > 0 && (digit(s[i-1]) || s[i-1] == '.' || s[i-1] == ',') {
			continue
		}
		j := i
		for j < len(s) && digit(s[j]) {
			j++
		}
		if j-i > 3 || j >= len(s) || s[j] != ' ' || !threeDigits(s[j+1:]) {
			continue
		}
		joined := s[i:j]
		for j < len(s) && s[j] == ' ' && threeDigits(s[j+1:]) {
			joined += s[j+1 : j+4]
			j += 4
			if v, err := strconv.ParseFloat(joined, 64); err == nil && !math.IsInf(v, 0) {
				e.add(v)
			}
			if len(joined) > 18 {
				break
			}
		}
		if j+1 < len(s) && (s[j] == ',' || s[j] == '.') && digit(s[j+1]) {
			k := j + 1
			for k < len(s) && digit(s[k]) {
				k++
			}
			if v, err := strconv.ParseFloat(joined+"."+s[j+1:k], 64); err == nil {
				e.add(v)
			}
		}
	}
}

func (e *evidence) add(v float64) {
	e.values, e.sorted = append(e.values, math.Abs(v)), false
}

// addSources adds what the provider's own tools found: the results inside a
// message of the model, and the passages it cites.
func (e *evidence) addSources(raw string) {
	if !strings.Contains(raw, "_tool_result") && !strings.Contains(raw, "cited_text") {
		return
	}
	blocks, err := (model.Message{Role: model.Assistant, Raw: json.RawMessage(raw)}).Blocks()
	if err != nil {
		return
	}
	for _, b := range blocks {
		if strings.HasSuffix(b.Type, "_tool_result") {
			e.addText(string(b.Raw))
			continue
		}
		var cites struct {
			Citations []struct {
				Text string `json:"cited_text"`
			} `json:"citations"`
		}
		if json.Unmarshal(b.Raw, &cites) != nil {
			continue
		}
		for _, c := range cites.Citations {
			e.addText(c.Text)
		}
	}
}

// near reports whether some evidence is within a distance of a value.
func (e *evidence) near(v, distance float64) bool {
	if !e.sorted {
		slices.Sort(e.values)
		e.values = slices.Compact(e.values)
		e.sorted = true
	}
	distance += v * 1e-12
	i, _ := slices.BinarySearch(e.values, v-distance)
	return i < len(e.values) && e.values[i] <= v+distance
}

// backs reports whether some evidence is the number, or rounds to it. The
// slack is how many units of its last digit it may be off: 0.5 for rounding.
func (e *evidence) backs(n number, scales []float64, percent bool, slack float64) bool {
	for _, r := range n.values {
		v, unit := r.value, math.Pow10(-r.decimals)
		if slack > 0.5 && r.decimals == 0 {
			for u := unit * 10; u <= v && math.Mod(v, u) == 0; u *= 10 {
				unit = min(u, v/4)
			}
		}
		for _, scale := range scales {
			if e.near(v*scale, unit*scale*slack) {
				return true
			}
		}
		if percent && e.near(v/100, unit*slack/100) {
			return true
		}
	}
	return false
}
