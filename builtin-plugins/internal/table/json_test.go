package table_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, file, text, header string
		rows                     []string
	}{
		{
			"records", "x.json", `[{"a":1,"b":{"c":"x","d":[1,2]}},{"b":{"c":null},"a":2.50,"e":true}]`,
			"a:decimal, b.c:text, b.d:text, e:bool",
			[]string{"1 data: #1|x|[1,2]|∅", "2 data: #2.50|∅|∅|?true"},
		},
		{
			"lines", "x.jsonl", "{\"a\":1}\n\n{\"a\":\"N/A\",\"b\":\"2026-01-31\"}\n",
			"a:integer, b:date",
			[]string{"1 data: #1|∅", "3 data: ∅|@2026-01-31"},
		},
		{"lines by content", "x.txt", "{\"a\":1}\n{\"a\":2}\n", "a:integer", []string{"1 data: #1", "2 data: #2"}},
		{"lines of lists", "x.ndjson", "[\"a\",\"b\"]\n[1,2]\n", "a:integer, b:integer", []string{"2 data: #1|#2"}},
		{"one line", "x.jsonl", "{\"a\":1}", "a:integer", []string{"1 data: #1"}},
		{"columns", "x.json", `{"a":[1,2],"b":["x",null]}`, "a:integer, b:text", []string{"1 data: #1|x", "2 data: #2|∅"}},
		{"columns by row number", "x.json", `{"a":{"0":1,"1":2},"b":{"0":"x","1":"y"}}`, "a:integer, b:text", []string{"1 data: #1|x", "2 data: #2|y"}},
		{"split", "x.json", `{"columns":["a","b"],"index":[0,1],"data":[[1,"x"],[2,"y"]]}`, "a:integer, b:text", []string{"1 data: #1|x", "2 data: #2|y"}},
		{"wrapped", "x.json", `{"meta":{"n":2},"items":[{"a":1},{"a":2}]}`, "a:integer", []string{"1 data: #1", "2 data: #2"}},
		{"grid", "x.json", `[["a","b"],[1,"x"],[2,"y"]]`, "a:integer, b:text", []string{"2 data: #1|x", "3 data: #2|y"}},
		{"scalars", "x.json", `[1,2,3]`, "value:integer", []string{"1 data: #1", "2 data: #2", "3 data: #3"}},
		{"one object", "x.json", `{"a":1,"b":{"c":"x"}}`, "a:integer, b.c:text", []string{"1 data: #1|x"}},
		{"pretty", "x.json", "\xef\xbb\xbf{\n \"data\": [\n {\"a\": \"\\u00e9\\n\"}\n]}", "a:text", []string{"1 data: é"}},
		{"exact numbers", "x.json", `[{"a":12345678901234567890.123456789},{"a":1e3},{"a":-0.1}]`, "a:decimal", []string{"1 data: #12345678901234567890.123456789", "2 data: #1000", "3 data: #-0.1"}},
		{"totals are records", "x.json", `[{"k":"a","n":1},{"k":"b","n":2},{"k":"Total","n":3}]`, "k:text, n:integer", []string{"1 data: a|#1", "2 data: b|#2", "3 data: Total|#3"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, c.file, c.text).Sheets[0]
			if got := header(s); got != c.header {
				t.Errorf("header %s, want %s", got, c.header)
			}
			for range 2 {
				if diff := cmp.Diff(c.rows, rows(t, s)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestJSONWithSeveralLists(t *testing.T) {
	t.Parallel()
	b := open(t, "x.json", `{"orders":[{"id":1}],"note":"hi","items":[{"id":2},{"id":3}]}`)
	if len(b.Sheets) != 2 || b.Sheets[0].Name != "orders" || b.Sheets[1].Name != "items" {
		t.Fatalf("%d sheets", len(b.Sheets))
	}
	if got := rows(t, b.Sheets[1]); len(got) != 2 {
		t.Errorf("items: %v", got)
	}
}

// TestLateKeys puts a new name behind the records that are searched for names.
func TestLateKeys(t *testing.T) {
	t.Parallel()
	e := &endless{head: "", line: `{"a":1,"filler":"` + strings.Repeat("x", 4000) + "\"}\n", n: 20_050}
	late := e.line[:len(e.line)-2] + `,"late":1}` + "\n"
	src := table.Source{Name: "x.jsonl", R: &twoParts{e, late}, Size: e.size() + int64(len(late))}
	b, err := table.Open(t.Context(), src, table.Options{})
	must(t, err)
	n := 0
	for _, err := range b.Sheets[0].Rows(t.Context()) {
		must(t, err)
		n++
	}
	if note := noteCodes(b.Sheets[0].Notes())[table.NoteLateColumns]; n != 20_051 || note.Count != 1 || note.Lines[0] != 20_051 {
		t.Errorf("%d rows, note %+v", n, note)
	}
}

type twoParts struct {
	first *endless
	rest  string
}

func (p *twoParts) ReadAt(b []byte, off int64) (int, error) {
	size := p.first.size()
	if off < size {
		n, err := p.first.ReadAt(b[:min(int64(len(b)), size-off)], off)
		if n == len(b) || int64(n) < size-off {
			return n, err
		}
		m, err := strings.NewReader(p.rest).ReadAt(b[n:], 0)
		return n + m, err
	}
	return strings.NewReader(p.rest).ReadAt(b, off-size)
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`[{"a":1,"b":{"c":"x"}}]`, `{"a":[1,2]}`, `{"data":[[1]],"columns":["a"]}`, "{\"a\":1}\n{\"a\":2}", `[[1,2],[3]]`, `{"a":{"0":1}}`, `[{"":""}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, "f.json", data) })
}
