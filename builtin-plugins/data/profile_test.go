package data_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"

	"github.com/cowork-host/cowork/builtin-plugins/data"
	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook/workbooktest"
	"github.com/cowork-host/cowork/pluginsdk"
)

// truth is a generated table and what an independent, naive computation says
// about it.
type truth struct {
	header []string
	rows   [][]string // canonical values; "" is missing
	want   map[string]float64
}

func generate(seed uint64, n int) truth {
	r := rand.New(rand.NewPCG(seed, 7))
	t := truth{header: []string{"order", "region", "amount", "qty"}, want: map[string]float64{}}
	regions := []string{"North", "South", "East", "West", "Žižkov, Prague"}
	for i := range n {
		amount := ""
		if r.IntN(12) > 0 {
			cents := int64(math.Exp(r.NormFloat64()+6) * 10)
			if r.IntN(40) == 0 {
				cents = -cents * 30
			}
			amount = fmt.Sprintf("%d.%02d", cents/100, max(cents, -cents)%100)
			if cents < 0 && cents/100 == 0 {
				amount = "-" + amount
			}
		}
		region := regions[r.IntN(len(regions))]
		if r.IntN(20) == 0 {
			region = ""
		}
		row := []string{fmt.Sprintf("ORD-%d", 1000+i), region, amount, strconv.Itoa(1 + r.IntN(9))}
		if i > 0 && r.IntN(25) == 0 {
			row = t.rows[r.IntN(i)]
		}
		t.rows = append(t.rows, row)
	}
	t.compute()
	return t
}

// compute is deliberately naive.
func (t *truth) compute() {
	t.want["rows"], t.want["columns"] = float64(len(t.rows)), float64(len(t.header))
	seen := map[string]bool{}
	for _, row := range t.rows {
		k := strings.Join(row, "\x00")
		if seen[k] {
			t.want["duplicate_rows"]++
		}
		seen[k] = true
	}
	for i, name := range t.header {
		values := map[string]bool{}
		var nums []float64
		for _, row := range t.rows {
			if row[i] == "" {
				t.want[name+".missing"]++
				continue
			}
			values[row[i]] = true
			if f, err := strconv.ParseFloat(row[i], 64); err == nil {
				nums = append(nums, f)
			}
		}
		t.want[name+".missing"] += 0
		t.want[name+".distinct"] = float64(len(values))
		if len(nums) == 0 {
			continue
		}
		slices.Sort(nums)
		sum := 0.0
		for _, f := range nums {
			sum += f
		}
		mean := sum / float64(len(nums))
		squares := 0.0
		for _, f := range nums {
			squares += (f - mean) * (f - mean)
		}
		at := func(q float64) float64 {
			h := q * float64(len(nums)-1)
			lo := nums[int(h)]
			return lo + (h-math.Floor(h))*(nums[min(int(h)+1, len(nums)-1)]-lo)
		}
		iqr := at(0.75) - at(0.25)
		out := 0.0
		for _, f := range nums {
			if f < at(0.25)-1.5*iqr || f > at(0.75)+1.5*iqr {
				out++
			}
		}
		t.want[name+".min"], t.want[name+".max"], t.want[name+".mean"] = nums[0], nums[len(nums)-1], mean
		t.want[name+".std"], t.want[name+".outliers_iqr"] = math.Sqrt(squares/float64(len(nums)-1)), out
	}
}

func (t *truth) csv(delim string, comma bool) string {
	var b strings.Builder
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, c := range row {
			if i > 0 {
				b.WriteString(delim)
			}
			if comma && i == 2 {
				c = strings.ReplaceAll(c, ".", ",")
			}
			if strings.ContainsAny(c, delim+`"`) {
				c = `"` + c + `"`
			}
			b.WriteString(c)
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

func (t *truth) json(lines bool) string {
	var out []string
	for _, row := range t.rows {
		m := []string{}
		for i, c := range row {
			switch {
			case c == "":
				m = append(m, fmt.Sprintf("%q:null", t.header[i]))
			case i >= 2:
				m = append(m, fmt.Sprintf("%q:%s", t.header[i], c))
			default:
				text, _ := json.Marshal(c)
				m = append(m, fmt.Sprintf("%q:%s", t.header[i], text))
			}
		}
		out = append(out, "{"+strings.Join(m, ",")+"}")
	}
	if lines {
		return strings.Join(out, "\n") + "\n"
	}
	return "[" + strings.Join(out, ",\n") + "]"
}

func (t *truth) fill(tb testing.TB, f *excelize.File, sheet string) {
	tb.Helper()
	for i, row := range append([][]string{t.header}, t.rows...) {
		cells := make([]any, len(row))
		for j, c := range row {
			if n, err := strconv.ParseFloat(c, 64); err == nil && i > 0 && j >= 2 {
				cells[j] = n
			} else if c != "" {
				cells[j] = c
			}
		}
		if err := f.SetSheetRow(sheet, fmt.Sprintf("A%d", i+1), &cells); err != nil {
			tb.Fatal(err)
		}
	}
}

func (t *truth) parquet(tb testing.TB) string {
	tb.Helper()
	type rec struct {
		Order  string   `parquet:"order"`
		Region *string  `parquet:"region,optional"`
		Amount *float64 `parquet:"amount,optional"`
		Qty    int32    `parquet:"qty"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[rec](&b)
	for _, row := range t.rows {
		r := rec{Order: row[0]}
		if row[1] != "" {
			r.Region = &row[1]
		}
		if f, err := strconv.ParseFloat(row[2], 64); err == nil {
			r.Amount = &f
		}
		q, _ := strconv.Atoi(row[3])
		r.Qty = int32(q)
		if _, err := w.Write([]rec{r}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func compare(t *testing.T, want map[string]float64, prefix string, facts map[string]pluginsdk.Fact) {
	t.Helper()
	for name, w := range want {
		f, ok := facts[prefix+name]
		if !ok {
			t.Errorf("no fact %s%s", prefix, name)
			continue
		}
		got, err := strconv.ParseFloat(f.Value, 64)
		if err != nil || math.Abs(got-w) > 1e-6*max(1, math.Abs(w)) {
			t.Errorf("%s%s = %s, want %v", prefix, name, f.Value, w)
		}
		if f.Approximate || f.Source == "" {
			t.Errorf("%s%s: %+v", prefix, name, f)
		}
	}
}

func TestProfileOfEveryFormat(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		tr := generate(seed, 300)
		xlsx := func() string {
			f := excelize.NewFile()
			defer func() { _ = f.Close() }()
			tr.fill(t, f, "Sheet1")
			var b bytes.Buffer
			if err := f.Write(&b); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		for name, text := range map[string]string{
			"x.csv": tr.csv(",", false), "x.tsv": tr.csv("\t", false), "semi.csv": tr.csv(";", true),
			"x.json": tr.json(false), "x.jsonl": tr.json(true), "x.xlsx": xlsx(), "x.parquet": tr.parquet(t),
		} {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				t.Parallel()
				facts, res, h := profileText(t, name, text)
				compare(t, tr.want, "", facts)
				checkDeliverables(t, res, h)
			})
		}
	}
}

func TestProfileOfSeveralSheets(t *testing.T) {
	t.Parallel()
	a, b := generate(10, 80), generate(11, 120)
	f := excelize.NewFile()
	defer func() { _ = f.Close() }()
	if _, err := f.NewSheet("Año 2"); err != nil {
		t.Fatal(err)
	}
	a.fill(t, f, "Sheet1")
	b.fill(t, f, "Año 2")
	var buf bytes.Buffer
	if err := f.Write(&buf); err != nil {
		t.Fatal(err)
	}
	facts, res, h := profileText(t, "two.xlsx", buf.String())
	compare(t, a.want, "Sheet1!", facts)
	compare(t, b.want, "Año 2!", facts)
	if _, ok := facts["rows"]; ok {
		t.Error("a fact without a sheet's name")
	}
	checkDeliverables(t, res, h)

	one, err := run(t.Context(), h, map[string]string{"file": "two.xlsx", "sheet": "año 2", "out": "second.xlsx"})
	if err != nil {
		t.Fatal(err)
	}
	if one.Facts[0].Name != "rows" || one.Artifacts[0].Path != "second.xlsx" || one.Artifacts[1].Path != "second.html" {
		t.Errorf("%+v %+v", one.Facts[0], one.Artifacts)
	}
	_, err = run(t.Context(), h, map[string]string{"file": "two.xlsx", "sheet": "Nope"})
	if !errors.Is(err, pluginsdk.ErrNotFound) || !strings.Contains(err.Error(), `"Sheet1"`) {
		t.Errorf("error %v", err)
	}
}

// checkDeliverables opens both files as their readers would.
func checkDeliverables(t *testing.T, res *pluginsdk.Result, h *fakeHost) {
	t.Helper()
	for _, a := range res.Artifacts {
		if h.closed[a.Path] != 1 {
			t.Errorf("%s closed %d times", a.Path, h.closed[a.Path])
		}
		for _, c := range a.Checks {
			if c.Status != pluginsdk.Passed {
				t.Errorf("%s: %+v", a.Path, c)
			}
		}
	}
	book := h.created[res.Artifacts[0].Path].Bytes()
	f := workbooktest.Open(t, book)
	if got, want := strings.Join(f.GetSheetList(), " "), "Overview Columns Values Outliers Correlations Dates Findings"; got != want {
		t.Errorf("sheets %s", got)
	}
	if n := workbooktest.Check(t, f); n == 0 {
		t.Error("no live formula")
	}
	checkPage(t, h.created[res.Artifacts[1].Path].String())
	if !strings.Contains(res.Brief, "rows") {
		t.Errorf("brief %q", res.Brief)
	}
}

// checkPage fails for anything a page from data must not have.
func checkPage(t *testing.T, page string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	csp := ""
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "iframe", "object", "embed", "link", "img", "form", "base", "foreignobject":
			t.Errorf("element <%s> on the page", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("attribute %s=%q on the page", a.Key, a.Val)
			}
			if a.Key == "content" && strings.Contains(a.Val, "default-src 'none'") {
				csp = a.Val
			}
		}
	}
	if csp == "" || strings.Contains(csp, "unsafe") {
		t.Errorf("content security policy %q", csp)
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}

func TestHostileTextsAreEscaped(t *testing.T) {
	t.Parallel()
	evil := `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	text := "\"" + strings.ReplaceAll(evil, `"`, `""`) + "\",n,=1+1\n"
	for i := range 30 {
		text += fmt.Sprintf("\"%s\",%d,=cmd|' /C calc'!A0\n", strings.ReplaceAll(evil, `"`, `""`), i)
	}
	_, res, h := profileText(t, "evil.csv", text)
	page := h.created["profile.html"].String()
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
		t.Error("markup from the data is live")
	}
	if strings.Contains(res.Brief, "<script") {
		t.Error("the brief holds markup")
	}
	checkDeliverables(t, res, h)
}

func TestWorkbookRecalculates(t *testing.T) {
	t.Parallel()
	tr := generate(5, 200)
	_, _, h := profileText(t, "x.csv", tr.csv(",", false))
	workbooktest.Recalculate(t, h.created["profile.xlsx"].Bytes())
}

func TestFindings(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("id,when,city,amount,status,note,blank\n")
	for i := range 200 {
		id, when, city, amount, note := fmt.Sprint(i), fmt.Sprintf("2025-%02d-%02d", 1+i/28, 1+i%28), "Berlin", fmt.Sprintf("%d.50", 100+i%7), ""
		switch i {
		case 5:
			id = "4"
		case 10:
			when = "1900-01-01"
		case 20:
			when = "21.01.2025"
		case 30:
			city = "berlin"
		case 31:
			city = " Berlin "
		case 32:
			city = "BÃ¼rlin"
		case 40:
			amount = "unknown"
		case 50:
			amount = "-5"
		case 60:
			amount = "99999"
		}
		if i%10 == 0 {
			note = "x"
		}
		fmt.Fprintf(&b, "%s,%s,%s,%s,open,%s,\n", id, when, city, amount, note)
	}
	b.WriteString("Total,,,120000,,,\n")
	_, res, h := profileText(t, "f.csv", b.String())
	page := h.created["profile.html"].String() + res.Brief
	for _, want := range []string{
		"again, for instance", "placeholder", "written in 2 ways", "more than one way", "blanks before or after", "wrong encoding",
		"not numbers", "negative where nearly all", "same value", "are missing", "column is empty", "total line",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no finding says %q", want)
		}
	}
	for _, line := range []string{"12", "42", "52", "62"} {
		if !strings.Contains(page, line) {
			t.Errorf("line %s is not named", line)
		}
	}
}

func TestHandlerErrors(t *testing.T) {
	t.Parallel()
	h := newHost(map[string]string{"dir/x.csv": "a,b\n1,2\n", "empty.csv": "", "x.csv": "a,b\n1,2\n"})
	for name, c := range map[string]struct {
		values map[string]string
		kind   error
	}{
		"missing":  {map[string]string{"file": "no.csv"}, pluginsdk.ErrNotFound},
		"folder":   {map[string]string{"file": "dir"}, pluginsdk.ErrInvalid},
		"empty":    {map[string]string{"file": "empty.csv"}, pluginsdk.ErrInvalid},
		"bad name": {map[string]string{"file": "x.csv", "out": "sub/"}, pluginsdk.ErrInvalid},
	} {
		if _, err := run(t.Context(), h, c.values); !errors.Is(err, c.kind) {
			t.Errorf("%s: error %v, want %v", name, err, c.kind)
		}
	}
	denied := newHost(map[string]string{"x.csv": "a,b\n1,2\n"})
	denied.refuse = pluginsdk.ErrDenied
	if _, err := run(t.Context(), denied, map[string]string{"file": "x.csv"}); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("read-only folder: %v", err)
	}
	full := newHost(map[string]string{"x.csv": "a,b\n1,2\n"})
	full.writeErr = errors.New("no space left on device")
	if _, err := run(t.Context(), full, map[string]string{"file": "x.csv"}); !errors.Is(err, full.writeErr) {
		t.Errorf("full disk: %v", err)
	}
	for name, n := range full.closed {
		if n != 1 {
			t.Errorf("%s closed %d times", name, n)
		}
	}
}

func TestCancelDuringRead(t *testing.T) {
	t.Parallel()
	h := newHost(map[string]string{"big.csv": "a,b\n" + strings.Repeat("1,some text\n", 200_000)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.onRead = cancel
	if _, err := run(ctx, h, map[string]string{"file": "big.csv"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if len(h.progress) > 2 {
		t.Errorf("went on for %d reports", len(h.progress))
	}
}

func TestSameInputSameFacts(t *testing.T) {
	t.Parallel()
	tr := generate(3, 500)
	one, _, h1 := profileText(t, "x.csv", tr.csv(",", false))
	two, _, h2 := profileText(t, "x.csv", tr.csv(",", false))
	for name, f := range one {
		if two[name] != f {
			t.Errorf("%s: %+v, then %+v", name, f, two[name])
		}
	}
	for name, b := range h1.created {
		if !bytes.Equal(b.Bytes(), h2.created[name].Bytes()) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestBundleAgreesWithPlugin(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(".claude-plugin/plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Name, Version, Description string
		Metadata                   struct {
			Cowork struct{ Handlers map[string]string }
		}
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	p := data.New()
	got := p.Manifest()
	if got.Name != m.Name || got.Version != m.Version || got.Description != m.Description {
		t.Errorf("%+v, %+v", got, m)
	}
	for _, c := range p.(pluginsdk.CommandProvider).Commands() {
		if m.Metadata.Cowork.Handlers["command:"+c.Name] == "" {
			t.Errorf("no handler for %s in the manifest", c.Name)
		}
		text, err := os.ReadFile("commands/" + c.Name + ".md")
		if err != nil || !strings.Contains(string(text), "argument-hint: "+c.ArgumentHint+"\n") {
			t.Errorf("commands/%s.md: %v, or another argument hint", c.Name, err)
		}
	}
}

func BenchmarkProfile(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	text.WriteString("id,date,region,product,amount,qty\n")
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "%d,2025-%02d-%02d,%s,Product %d,%.2f,%d\n", i, 1+r.IntN(12), 1+r.IntN(28), []string{"North", "South"}[r.IntN(2)], r.IntN(50), 1000+300*r.NormFloat64(), r.IntN(20))
	}
	h := newHost(map[string]string{"big.csv": text.String()})
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := run(b.Context(), h, map[string]string{"file": "big.csv"}); err != nil {
			b.Fatal(err)
		}
	}
}
