package jsontree_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cowork-host/cowork/registry/bundle/jsontree"
)

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, at, want string }{
		{"empty", "", "1:1", "expected a value, got the end of the file"},
		{"trailing comma in object", "{\n \"a\": 1,\n}", "3:1", "no trailing comma"},
		{"trailing comma in list", "[1,\n2,]", "2:3", "no trailing comma"},
		{"line comment", "{\n  // x\n}", "2:3", "a comment, which JSON does not have"},
		{"block comment", "{\"a\": /* x */ 1}", "1:7", "a comment"},
		{"hash comment", "# x\n{}", "1:1", "a comment"},
		{"unquoted key", "{a: 1}", "1:2", "key in double quotes, got 'a'"},
		{"missing colon", `{"a" 1}`, "1:6", "expected ':'"},
		{"missing comma", "{\"a\": 1\n\"b\": 2}", "2:1", "expected ',' or '}'"},
		{"single quotes", `['a']`, "1:2", "expected a value"},
		{"open string", `{"a": "x`, "1:7", "not closed"},
		{"newline in string", "[\"a\nb\"]", "1:4", "control character 0x0a"},
		{"NUL", "{\x00}", "1:2", "got '\\x00'"},
		{"bad escape", `["\x"]`, "1:2", "escape"},
		{"leading zero", `[01]`, "1:3", "expected ','"},
		{"bare minus", `[-]`, "1:2", "no digits"},
		{"second document", "{} {}", "1:4", "end of the file"},
		{"NaN", "NaN", "1:1", "expected a value"},
		{"column counts characters, not the mark", "\ufeff{\"ä\": x}", "1:7", "expected a value"},
		{"deep", strings.Repeat("[", 100_000), "1:130", "nested deeper"},
		{"wide", "[" + strings.Repeat("0,", 300_000) + "0]", "1:400000", "more than 200000 values"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := jsontree.Parse([]byte(tc.in))
			var se *jsontree.SyntaxError
			if !errors.As(err, &se) {
				t.Fatalf("got error %v, want a syntax error", err)
			}
			line, col := jsontree.NewLines([]byte(tc.in)).Position(se.Offset)
			if got := strconv.Itoa(line) + ":" + strconv.Itoa(col); got != tc.at {
				t.Errorf("at %s, want %s (%s)", got, tc.at, se.Message)
			}
			if !strings.Contains(se.Message, tc.want) {
				t.Errorf("got %q, want it to say %q", se.Message, tc.want)
			}
		})
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	n, err := jsontree.Parse([]byte("\ufeff{\"a\": 1, \"b\": 2, \"a\": [3], \"a\": 4}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Get("a").Text; got != "4" {
		t.Errorf("the last duplicate should win, got %s", got)
	}
	if got := len(n.Members()); got != 2 {
		t.Errorf("got %d members, want 2", got)
	}
	d := n.Duplicates()
	if len(d) != 2 || d[0][0].Offset != d[1][0].Offset || d[0][1].Kind != jsontree.Array {
		t.Errorf("duplicates are not paired with the first: %v", d)
	}
	var none *jsontree.Node
	if none.Get("a") != nil || none.Members() != nil || none.Duplicates() != nil {
		t.Error("a nil node should be empty")
	}
}

// FuzzParse holds the parser against encoding/json: the same documents are
// valid, and they mean the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,"x\u00e4\n",null,true,false,{}]}`, `[1,]`, `{"a":1,"a":2}`, `"\ud800"`, `-0.0`, `1e5`, "\ufeff{}", `[tru]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := jsontree.Parse(data)
		body := data
		if utf8.Valid(data) {
			body = []byte(strings.TrimPrefix(string(data), "\ufeff"))
		}
		if err != nil {
			var se *jsontree.SyntaxError
			if !errors.As(err, &se) || se.Offset < 0 || se.Offset > len(data) {
				t.Fatalf("bad error %v", err)
			}
			if json.Valid(body) && !strings.Contains(se.Message, "nested deeper") && !strings.Contains(se.Message, "more than") {
				t.Fatalf("refused valid JSON %q: %v", data, err)
			}
			return
		}
		if !json.Valid(body) && utf8.Valid(data) {
			t.Fatalf("accepted invalid JSON %q", data)
		}
		check(t, data, n)
	})
}

func check(t *testing.T, data []byte, n *jsontree.Node) {
	t.Helper()
	if n.Offset >= n.End || n.End > len(data) {
		t.Fatalf("span %d-%d outside of %d bytes", n.Offset, n.End, len(data))
	}
	if n.Kind == jsontree.String {
		var want string
		if err := json.Unmarshal(data[n.Offset:n.End], &want); err != nil || want != n.Text {
			t.Fatalf("string %q, want %q (%v)", n.Text, want, err)
		}
	}
	for _, m := range n.Items {
		check(t, data, m)
	}
}
