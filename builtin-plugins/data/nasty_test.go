package data_test

import (
	"fmt"
	"sort"
	"strings"
	"testing"
)

// TestNastyFiles profiles small files written by hand; every answer is worked
// out by reasoning.
func TestNastyFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, file, text string
		want             map[string]string
	}{
		{name: "total at the end", text: "item,qty\na,10\nb,20\nc,30\nTotal,60\n", want: map[string]string{"rows": "3", "qty.max": "30"}},
		{name: "total rewards is a row", text: "item,qty\na,10\nTotal Rewards,25\nc,30\n", want: map[string]string{"rows": "3", "qty.max": "30"}},
		{name: "title with commas over semicolons", text: "Report for 2026, all entities\nname;amount\nx;52,693.19\ny;1,000.50\nz;11,000.00\n", want: map[string]string{"columns": "2", "rows": "3", "amount.max": "52693.19"}},
		{name: "one column of names", text: "name\nSmith, John\nDoe, Jane\nRoe, Ann\n", want: map[string]string{"columns": "1", "rows": "3", "name.distinct": "3"}},
		{name: "decimal commas", text: "a;b\nx;1,5\ny;2,5\nz;3,25\n", want: map[string]string{"b.max": "3.25", "b.min": "1.5"}},
		{name: "full-width and arabic digits", text: "a,b\nx,１２\ny,٣\nz,5\n", want: map[string]string{"b.max": "12", "b.min": "3"}},
		{name: "codes keep their zeros", text: "zip,n\n01234,1\n00999,2\n12345,3\n", want: map[string]string{"zip.distinct": "3", "n.max": "3"}},
		{name: "missing words", text: "a,b\nx,N/A\ny,\nz,null\nw,#REF!\nv,4\n", want: map[string]string{"b.missing": "4", "b.distinct": "1"}},
		{name: "zero is not missing", text: "a,b\nx,0\ny,\nz,0\n", want: map[string]string{"b.missing": "1", "b.distinct": "1"}},
		{name: "text among numbers", text: "a,b\nx,1\ny,2\nz,tbd\nw,4\nv,5\n", want: map[string]string{"b.missing": "0", "b.max": "5"}},
		{name: "negatives of all kinds", text: "a,b\nx,(5)\ny,6-\nz,−7\nw,-8\n", want: map[string]string{"b.min": "-8", "b.max": "-5"}},
		{name: "ambiguous dates", text: "d,n\n01/02/2026,1\n02/03/2026,2\n13/04/2026,3\n", want: map[string]string{"d.min": "2026-02-01", "d.max": "2026-04-13"}},
		{name: "header only", text: "a,b,c\n", want: map[string]string{"rows": "0", "columns": "3"}},
		{name: "one row", text: "a,b\nx,1\n", want: map[string]string{"rows": "1", "b.max": "1"}},
		{name: "no header", text: "1,2,3\n4,5,6\n7,8,9\n", want: map[string]string{"rows": "3", "columns": "3", "Column 1.max": "7"}},
		{name: "duplicate names", text: "a,a,a\n1,2,3\n4,5,6\n", want: map[string]string{"columns": "3", "a (2).max": "5"}},
		{name: "quotes and line breaks", text: "a,b\n\"one\ntwo\",1\n\"say \"\"hi\"\"\",2\n", want: map[string]string{"rows": "2", "b.max": "2"}},
		{name: "lone carriage returns", text: "a,b\rx,1\ry,2\r", want: map[string]string{"rows": "2", "b.max": "2"}},
		{name: "byte order mark", text: "\ufeffa,b\nx,1\ny,2\n", want: map[string]string{"a.distinct": "2"}},
		{name: "declared delimiter", text: "sep=;\na;b\nx;1,5\ny;2,5\n", want: map[string]string{"columns": "2", "b.max": "2.5"}},
		{name: "ragged lines", text: "a,b,c\n1,2,3\n4,5\n6,7,8,9\n", want: map[string]string{"rows": "3", "c.missing": "1"}},
		{name: "duplicate rows", text: "a,b\nx,1\nx,1\ny,2\nx,1\n", want: map[string]string{"duplicate_rows": "2"}},
		{name: "spaces are another value", text: "a,b\nx,1\n x,2\nX,3\n", want: map[string]string{"rows": "3"}},
		{name: "huge and tiny numbers", text: "a,b\nx,123456789012345678901234567890\ny,0.000000001\nz,1e3\n", want: map[string]string{"b.max": "123456789012345678901234567890", "b.min": "0.000000001"}},
		{name: "percent and money", text: "a,b,c\nx,10%,\"$1,000.50\"\ny,20%,$2\n", want: map[string]string{"b.max": "20", "c.max": "1000.50"}},
		{name: "pipes with commas in text", text: "a|b\nSmith, John|1\nDoe, Jane|2\n", want: map[string]string{"columns": "2", "b.max": "2"}},
		{name: "nested json", file: "x.json", text: `{"data":[{"a":{"b":1}},{"a":{"b":null}},{"a":{"b":3}}]}`, want: map[string]string{"rows": "3", "a.b.max": "3", "a.b.missing": "1"}},
		{name: "json lines of different shape", file: "x.jsonl", text: "{\"a\":1}\n{\"b\":\"x\"}\n{\"a\":\"2\"}\n", want: map[string]string{"rows": "3", "columns": "2", "a.missing": "1"}},
		{name: "group header of two columns", text: "Master data,FY26\nAccount,Budget\nRent,5\nFuel,6\nTax,7\n", want: map[string]string{"rows": "3", "FY26 Budget.max": "7"}},
		{name: "notes under the table", text: "a,b,c\nx,1,2\ny,3,4\nz,5,6\n\nNote: rounded, unaudited\nSource: ledger\n", want: map[string]string{"rows": "3", "c.max": "6"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name := tt.file
			if name == "" {
				name = "x.csv"
			}
			facts, res, h := profileText(t, name, tt.text)
			var all []string
			for k, f := range facts {
				all = append(all, fmt.Sprintf("%s=%s", k, f.Value))
			}
			sort.Strings(all)
			for k, v := range tt.want {
				if facts[k].Value != v {
					t.Errorf("%s = %q, want %q in %s", k, facts[k].Value, v, strings.Join(all, "; "))
				}
			}
			checkDeliverables(t, res, h)
		})
	}
}
