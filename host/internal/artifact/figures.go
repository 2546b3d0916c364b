package artifact

import (
	"fmt"
	"strings"
)

// What looks like a number and makes no claim: addresses, dates, times,
// references, the numbers of lists and headings.
var (
	fence  = lazily("(?ms)^[ \t]*(```|~~~).*?(?:^[ \t]*(?:```|~~~)[ \t]*$|\\z)")
	masked = lazily(`(?i)https?://\S+|\bwww\.\S+|\S+@\S+\.\w+|\]\([^)]*\)` +
		`|\b\d{4}-\d{1,2}-\d{1,2}(?:T[\d:.]+Z?)?\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d{1,2}/\d{4}\b` +
		`|\b\d{1,2}[:.]\d{2}(?::\d{2})?\s?(?:am|pm|h|uhr|utc|gmt|cet|est|pst)\b|\b\d{1,2}:\d{2}(?::\d{2})?\b` +
		`|\b(?:section|chapter|version|figure|fig|table|step|page|pages|clause|article|item|appendix|paragraph|release|rule|row|rows|line|lines|column|cell|level|phase|part|python|excel|windows|iso|gpt|claude|sonnet|opus|haiku)s?\.?\s+#?\d+(?:[.,]\d+)*(?:\s?[-–]\s?\d+)?` +
		`|\b[A-Z]{2,6}-\d[\w./-]*|[§#]\s?\d+(?:\.\d+)*|\bno\.\s?\d+(?:[.,]\d+)*|\+\d[\d ()/-]{6,}`)
	listed = lazily(`^[\s#>*+|-]*(?:\d{1,2}(?:\.\d{1,2}){0,3}[.)]?|\d{1,3}[.)])\s+([\p{Lu}*_\x60"'(]|$)`)

	symbol   = lazily(`(?i)(?:[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|INR|CNY|HUF|BRL|MXN|ZAR|SGD|HKD|Rs\.?|kr\.?))\s?[-(]?$`)
	currency = lazily(`(?i)^\s?(?:[€£$¥₹]|(?:USD|EUR|GBP|CHF|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|INR|CNY|HUF|BRL|MXN|ZAR|SGD|HKD|dollars?|euros?|pounds?|francs?|yen|rupees|cents?)\b)`)
	percent  = lazily(`(?i)^[\s\x{00a0}\x{202f}-]?(?:%|percent\b|per cent\b|pct\b|percentage points?\b|pp\b|pts\b)`)
	rhetoric = lazily(`(?i)^\s*%?\s*(?:confidence|credible|percentile|significance)`)
	hedge    = lazily(`(?i)(?:\b(?:about|around|roughly|approximately|approx\.?|nearly|almost|over|more than|above|under|below|less than|fewer than|circa|ca\.|some|up to|at least|close to)|[~≈><≥≤])\s*[$€£]?\s*$`)
	sized    = lazily(`(?i)^\s?(?:bytes|[kmgt]i?b|seconds?|secs?|ms|minutes?|mins?)\b`)
	spaced   = lazily(`(?:^|[^\d.,])(\d{1,3}(?: \d{3})*) $`)
	grouped  = lazily(`^ \d{3}(?:\D|$)`)
	joined   = lazily(`\d[-:]$`) // the end of 12-345.6 or 1:2.5
	ratio    = lazily(`^:\d`)
	rangeTo  = lazily(`(?i)^\s?(?:-|–|—|to|and)\s?[$€£]?\d`)

	// hypothetical finds sentences that offer or ask, and claim nothing.
	hypothetical = lazily(`(?i)\b(?:for example|for instance|e\.g\.|would you|should i|shall i|do you want|let me know|if you|you could|you can|you may want|i can|i could|i'd be happy|happy to|feel free)\b|\?\s*["')]*\s*$`)
	inUnits      = lazily(`(?i)\b(?:in|all figures|amounts)\s+(?:[$€£]|USD|EUR|GBP)?\s?(thousands|millions|billions)\b|[$€£]\s?(?:in )?(thousands|millions|000s?|k|m)\b|\(\s?[$€£]?(k|m)\s?\)|['’](000)s?\b`)
)

func currencyBefore(s string) bool {
	return symbol().MatchString(s[max(0, len(s)-8):])
}

// figures returns the numbers of a text that nothing in the log holds.
func (w *work) figures(text string) []string {
	units := textUnits(text)
	said := map[string]bool{}
	var out []string
	for _, sentence := range sentences(text) {
		if hypothetical().MatchString(sentence) {
			continue
		}
		plain := hideFiles(masked().ReplaceAllString(sentence, "\x00"))
		if m := listed().FindStringSubmatchIndex(plain); m != nil {
			plain = plain[m[2]:]
		}
		numbers := scan(plain)
		for i, n := range numbers {
			c := figure{number: n, before: plain[:n.start], after: plain[n.end:]}
			if rangeTo().MatchString(c.after) && i+1 < len(numbers) {
				units = append(units[:len(units):len(units)], numbers[i+1].scale)
			}
			if !c.claims() || w.backed(c, units) {
				continue
			}
			if shown := c.String(); !said[shown] {
				said[shown] = true
				out = append(out, fmt.Sprintf("%s: no computed fact, tool result or message holds this number (in %q)", shown, snippet(sentence)))
			}
		}
	}
	return out
}

// figure is a number in its sentence.
type figure struct {
	number
	before, after string
}

// tailed is what follows the number and its word of size.
func (f figure) tailed() string { return f.after[f.tail-f.end:] }

// claims reports whether the number says something that can be wrong: money,
// percent, a decimal, thousands. A plain count, a year, an ordinal does not.
func (f figure) claims() bool {
	if len(f.values) == 0 || f.values[0].value == 0 || f.cut() || len(f.text) <= 3 && grouped().MatchString(f.after) {
		return false // nothing, or the beginning of 1 234 567
	}
	isPercent := percent().MatchString(f.after)
	switch {
	case isPercent && f.values[0].value == 100, rhetoric().MatchString(f.after):
		return false
	case isPercent, currencyBefore(f.before), currency().MatchString(f.tailed()):
		return true
	case f.tailed() != "" && letterFirst(f.tailed()), sized().MatchString(f.after): // 3rd, 1.5x, 2.4 GB
		return false
	case strings.HasSuffix(f.before, "/") || strings.HasPrefix(f.after, "/"), joined().MatchString(f.before), ratio().MatchString(f.after):
		return false
	}
	return f.grouped || f.scale != 1 || f.values[0].decimals > 0
}

// cut reports whether the number is the rest of something that was masked.
func (f figure) cut() bool {
	return strings.HasSuffix(strings.TrimRight(f.before, ".,'"), "\x00") || strings.HasPrefix(strings.TrimLeft(f.after, ".,'"), "\x00")
}

func letterFirst(s string) bool {
	return s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z' || s[0] == '_'
}

// String is the number with its currency and unit, as it was written.
func (f figure) String() string {
	from := len(f.before)
	if m := symbol().FindStringIndex(f.before[max(0, from-8):]); m != nil {
		from = max(0, from-8) + m[0]
	}
	text := f.before[from:] + f.text + f.after[:f.tail-f.end]
	rest := f.tailed()
	if m := percent().FindString(rest); m != "" {
		text += m
	} else {
		text += currency().FindString(rest)
	}
	return strings.Join(strings.Fields(text), " ")
}

func (w *work) backed(f figure, units []float64) bool {
	slack := 0.5
	if hedge().MatchString(f.before[max(0, len(f.before)-24):]) {
		slack = 1
	}
	scales, isPercent := append([]float64{1, f.scale}, units...), percent().MatchString(f.after)
	if w.numbers.backs(f.number, scales, isPercent, slack) {
		return true
	}
	head := spaced().FindStringSubmatch(f.before)
	if head == nil || !threeDigits(f.text) {
		return false
	}
	long := number{text: strings.ReplaceAll(head[1], " ", "") + f.text}
	long.read()
	return w.numbers.backs(long, scales, isPercent, slack)
}

// textUnits returns the sizes a text says its numbers are in.
func textUnits(text string) []float64 {
	var out []float64
	for _, m := range inUnits().FindAllStringSubmatch(text, 20) {
		switch strings.ToLower(m[1] + m[2] + m[3] + m[4]) {
		case "thousands", "000", "000s", "k":
			out = append(out, 1e3)
		case "millions", "m":
			out = append(out, 1e6)
		case "billions":
			out = append(out, 1e9)
		}
	}
	return out
}

// sentences parts a text without its code into sentences, headings and cells.
func sentences(text string) []string {
	text = fence().ReplaceAllString(text, "\n")
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.NewReplacer("**", "", "__", "").Replace(line))
		if strings.HasPrefix(line, ">") { // a quotation
			continue
		}
		for line != "" {
			end := sentenceEnd(line)
			out = append(out, strings.TrimSpace(line[:end]))
			line = strings.TrimSpace(line[end:])
		}
	}
	return out
}

var abbreviation = lazily(`(?i)(?:^|[\s(])(?:e\.g|i\.e|approx|ca|no|vs|fig|inc|ltd|co|dr|mr|mrs|ms|st|etc|\d{1,2})\.$`)

// sentenceEnd returns where the first sentence of a line ends.
func sentenceEnd(line string) int {
	for i := 0; i+1 < len(line); i++ {
		if (line[i] == '.' || line[i] == '!' || line[i] == '?') && line[i+1] == ' ' && !abbreviation().MatchString(line[max(0, i-10):i+1]) {
			return i + 1
		}
	}
	return len(line)
}

func snippet(s string) string {
	const most = 160
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return string(r)
}
