// Package usage says what work cost: prices of models, sums over the log, and
// the caps at which a task pauses and asks.
//
// Amounts are decimals in text, in US dollars, and are computed exactly.
package usage

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/host/internal/config/strictjson"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/pluginsdk"
)

//go:embed prices.json
var shipped []byte

// maxPrices bounds a price file, in bytes.
const maxPrices = 1 << 20

// Prices is a dated price list. It is read-only.
type Prices struct {
	// AsOf is the date of the list, "2026-10-24". With prices of the person's
	// own it is followed by theirs: "2026-10-24, own 2026-11-01".
	AsOf string
	// Source says where the prices are from.
	Source string

	models map[string]price
	search *apd.Decimal // one web search
}

// price is what one kind of token costs, each.
type price struct {
	input, write5m, write1h, read, output *apd.Decimal
	// above is the length of input from which on long holds for the whole call.
	above int64
	long  *price
}

// priceFile is a price list as it is written. Prices are for a million tokens.
type priceFile struct {
	AsOf      string      `json:"as_of"`
	Source    string      `json:"source"`
	WebSearch string      `json:"web_search_per_1000"`
	Models    []priceLine `json:"models"`
}

type priceLine struct {
	Model   string    `json:"model"`
	Input   string    `json:"input"`
	Write5m string    `json:"cache_write_5m"`
	Write1h string    `json:"cache_write_1h"`
	Read    string    `json:"cache_read"`
	Output  string    `json:"output"`
	Long    *longLine `json:"long"`
}

type longLine struct {
	Above   int64  `json:"above"`
	Input   string `json:"input"`
	Write5m string `json:"cache_write_5m"`
	Write1h string `json:"cache_write_1h"`
	Read    string `json:"cache_read"`
	Output  string `json:"output"`
}

// Shipped returns the price list that is part of the program.
func Shipped() *Prices {
	p, err := parsePrices(shipped)
	if err != nil {
		panic(err) // a mistake in prices.json, which a test reads
	}
	return p
}

// LoadPrices returns the shipped price list with what the file at path sets in
// place of it. A file that is not there changes nothing; one that cannot be
// read is an error, because with wrong prices a cap holds nothing.
func LoadPrices(path string) (*Prices, error) {
	p := Shipped()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	const next = "correct it, or remove it to use the prices cowork ships with"
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxPrices) {
		err = errors.New("it is not a price list")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	var own *Prices
	if err == nil {
		own, err = parsePrices(data)
	}
	if err != nil {
		return nil, pluginsdk.Invalid(next, "the prices in %s cannot be read: %v", path, err)
	}
	for name, m := range own.models {
		p.models[name] = m
	}
	if own.search != nil {
		p.search = own.search
	}
	p.AsOf += ", own " + own.AsOf
	if own.Source != "" {
		p.Source += "; " + own.Source
	}
	return p, nil
}

func parsePrices(data []byte) (*Prices, error) {
	var f priceFile
	if err := strictjson.Decode(data, &f); err != nil {
		return nil, err
	}
	if _, err := time.Parse(time.DateOnly, f.AsOf); err != nil {
		return nil, fmt.Errorf("as_of is %.40q, not a date such as 2026-10-24", f.AsOf)
	}
	p := &Prices{AsOf: f.AsOf, Source: f.Source, models: make(map[string]price, len(f.Models))}
	if f.WebSearch != "" {
		each, err := perUnit(f.WebSearch, -3)
		if err != nil {
			return nil, fmt.Errorf("web_search_per_1000: %w", err)
		}
		p.search = each
	}
	for i, l := range f.Models {
		if strings.TrimSpace(l.Model) == "" {
			return nil, fmt.Errorf("models[%d] has no model", i+1)
		}
		name := family(l.Model)
		if _, twice := p.models[name]; twice {
			return nil, fmt.Errorf("%s is there twice", l.Model)
		}
		m, err := l.price()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Model, err)
		}
		p.models[name] = m
	}
	return p, nil
}

func (l priceLine) price() (price, error) {
	p, err := newPrice(l.Input, l.Write5m, l.Write1h, l.Read, l.Output)
	if err != nil || l.Long == nil {
		return p, err
	}
	if l.Long.Above <= 0 {
		return p, fmt.Errorf("long.above is %d, not a number of tokens", l.Long.Above)
	}
	long, err := newPrice(l.Long.Input, l.Long.Write5m, l.Long.Write1h, l.Long.Read, l.Long.Output)
	if err != nil {
		return p, fmt.Errorf("long: %w", err)
	}
	p.above, p.long = l.Long.Above, &long
	return p, nil
}

// newPrice reads the five prices. Input and output must be stated; what is left
// out of the cache's costs as much as input.
func newPrice(input, write5m, write1h, read, output string) (price, error) {
	var p price
	for _, f := range []struct {
		name, text string
		to         **apd.Decimal
	}{
		{"input", input, &p.input},
		{"output", output, &p.output},
		{"cache_write_5m", orElse(write5m, input), &p.write5m},
		{"cache_write_1h", orElse(write1h, input), &p.write1h},
		{"cache_read", orElse(read, input), &p.read},
	} {
		if f.text == "" {
			return p, fmt.Errorf("%s has no price", f.name)
		}
		d, err := perUnit(f.text, -6)
		if err != nil {
			return p, fmt.Errorf("%s: %w", f.name, err)
		}
		*f.to = d
	}
	return p, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// perUnit is a price for 10^-exponent units as that of one.
func perUnit(s string, exponent int32) (*apd.Decimal, error) {
	d, err := parseAmount(s)
	if err != nil {
		return nil, err
	}
	d.Exponent += exponent
	return d, nil
}

// suffixes are what providers put around a model's name: where it runs, the
// date of a snapshot, a revision, the size of the window.
var suffixes = regexp.MustCompile(`(-latest|-0|[-@]20\d{6}|@latest|@default|-v\d+(:\d+)?|\[1m\])$`)

// family is a model's name without what does not change its price.
func family(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	name = name[strings.LastIndexByte(name, '/')+1:] // an ARN, "anthropic/…"
	if i := strings.Index(name, "anthropic."); i >= 0 {
		name = name[i+len("anthropic."):]
	}
	for {
		short := suffixes.ReplaceAllString(name, "")
		if short == name || short == "" {
			return name
		}
		name = short
	}
}

// Cost is what a call of the model costs. It is empty when the list has no
// price for the model, or none for something that was used: a part of a cost
// would pass for the whole.
func (p *Prices) Cost(name string, u model.Usage) string {
	m, ok := p.models[family(name)]
	if !ok || u.WebSearches > 0 && p.search == nil {
		return ""
	}
	if m.long != nil && u.InputTotal() > m.above {
		m = *m.long
	}
	sum := new(apd.Decimal)
	for _, part := range []struct {
		count int64
		each  *apd.Decimal
	}{
		{u.Input, m.input},
		{u.CacheWrite5m, m.write5m},
		{u.CacheWrite1h, m.write1h},
		{u.CacheRead, m.read},
		{u.Output, m.output},
		{u.WebSearches, p.search},
	} {
		if part.count <= 0 {
			continue // less than nothing must not lower a cost
		}
		var cost apd.Decimal
		_, err := exact().Mul(&cost, apd.New(part.count, 0), part.each)
		if err == nil {
			_, err = exact().Add(sum, sum, &cost)
		}
		if err != nil {
			return ""
		}
	}
	return format(sum)
}

// Priced reports whether the list has a price for the model.
func (p *Prices) Priced(name string) bool {
	_, ok := p.models[family(name)]
	return ok
}
