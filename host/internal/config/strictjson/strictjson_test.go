package strictjson_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/config/strictjson"
)

type inner struct {
	Name string `json:"name,omitempty"`
	On   bool   `json:"on"`
}

type outer struct {
	Count int64   `json:"count"`
	List  []inner `json:"list"`
	One   *inner  `json:"one"`
	_     string
	Skip  string `json:"-"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var got outer
	err := strictjson.Decode([]byte("\ufeff{\"count\": 9007199254740993, \"list\": [{\"name\": \"a\", \"on\": true}, {}], \"one\": {\"on\": false}}\n"), &got)
	want := outer{Count: 9007199254740993, List: []inner{{"a", true}, {}}, One: &inner{}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(outer{})); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, says string }{
		{`{"count": 1.5}`, "line 1: count is 1.5, not a whole number"},
		{`{"count": 1e3}`, "count is 1e3, not a whole number"},
		{`{"count": 99999999999999999999}`, "not a whole number"},
		{`{"count": "1"}`, "count is a string, not a number"},
		{"{\"list\": [\n{},\n{\"on\": 1}]}", "line 3: list[2].on is a number, not a boolean"},
		{`{"one": []}`, "one is a list, not an object"},
		{`{"one": {"nmae": "x"}}`, `there is no setting "nmae" in one; did you mean "name"?`},
		{`{"hidden": "x"}`, `there is no setting "hidden"`},
		{`{"Skip": "x"}`, `there is no setting "Skip"`},
		{`{"-": "x"}`, `there is no setting "-"`},
		{`{"": "x"}`, `there is no setting ""`},
		{`{"count": 1, "count": 2}`, `"count" is there twice`},
		{`{"list": [{"on": true, "on": false}]}`, `"on" is there twice`},
		{"\xff", "not UTF-8"},
		{`{"count": 1} x`, "line 1: "},
	} {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			var got outer
			err := strictjson.Decode([]byte(c.text), &got)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error: %v, want %q", err, c.says)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"count": 1, "list": [{"name": "a", "on": true}], "one": {}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var a, b outer
		if strictjson.Decode(data, &a) != nil {
			return
		}
		if err := strictjson.Decode(data, &b); err != nil || cmp.Diff(a, b, cmp.AllowUnexported(outer{})) != "" {
			t.Fatalf("%q is read in two ways", data)
		}
	})
}
