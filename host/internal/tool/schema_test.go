package tool_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

type deepInput struct {
	Path   string            `json:"path" jsonschema:"the file"`
	Mode   string            `json:"mode,omitempty" enum:"create,overwrite"`
	Count  int64             `json:"count,omitempty" min:"1" max:"10"`
	Big    int64             `json:"big,omitempty"`
	Amount json.Number       `json:"amount,omitempty"`
	Ratio  float64           `json:"ratio,omitempty"`
	Moves  []deepMove        `json:"moves,omitempty" min:"1" max:"3"`
	Labels map[string]string `json:"labels,omitempty"`
	Dry    *bool             `json:"dry,omitempty"`
}

type deepMove struct {
	From string `json:"from" maxlen:"5"`
	To   string `json:"to"`
}

// decoded runs an input through a tool and returns what it gets.
func decoded(t *testing.T, input string) (deepInput, error) {
	t.Helper()
	var got deepInput
	tl := tool.Define(tool.Spec{Name: "deep", Description: "d", Effect: policy.Read}, func(_ context.Context, _ tool.Call, in deepInput) (*tool.Prepared, error) {
		got = in
		return &tool.Prepared{}, nil
	})
	_, err := tl.Prepare(t.Context(), tool.Call{Name: "deep", Input: json.RawMessage(input)})
	return got, err
}

func TestSchemaIsAsWritten(t *testing.T) {
	t.Parallel()
	type small struct {
		Path  string   `json:"path" jsonschema:"the file" maxlen:"9"`
		Mode  string   `json:"mode,omitempty" enum:"a,b"`
		Limit int      `json:"limit,omitempty" min:"1" max:"5"`
		List  []string `json:"list,omitempty" min:"1" max:"2"`
		Flag  *bool    `json:"flag,omitempty"`
	}
	want := `{"type":"object","properties":{"path":{"type":"string","description":"the file","maxLength":9},"mode":{"type":"string","enum":["a","b"]},` +
		`"limit":{"type":"integer","minimum":1,"maximum":5},"list":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2},"flag":{"type":"boolean"}},` +
		`"required":["path"],"additionalProperties":false}`
	for range 20 { // the order of a map would show
		tl := tool.Define(tool.Spec{Name: "s"}, func(context.Context, tool.Call, small) (*tool.Prepared, error) { return nil, nil })
		if diff := cmp.Diff(want, string(tl.Spec().Schema)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func TestInputsThatFit(t *testing.T) {
	t.Parallel()
	yes := true
	for name, c := range map[string]struct {
		in   string
		want deepInput
	}{
		"the least":       {`{"path":"a"}`, deepInput{Path: "a"}},
		"large integers":  {`{"path":"a","big":9007199254740993}`, deepInput{Path: "a", Big: 9007199254740993}},
		"exact decimals":  {`{"path":"a","amount":"0.1000000000000000055"}`, deepInput{Path: "a", Amount: "0.1000000000000000055"}},
		"integral floats": {`{"path":"a","count":2.0,"big":1e3}`, deepInput{Path: "a", Count: 2, Big: 1000}},
		"nulls":           {`{"path":"a","mode":null,"moves":null,"dry":null,"labels":null}`, deepInput{Path: "a"}},
		"all": {
			`{"path":"ä","mode":"create","count":10,"ratio":1,"moves":[{"from":"a","to":"b"}],"labels":{"x":"y"},"dry":true}`,
			deepInput{Path: "ä", Mode: "create", Count: 10, Ratio: 1, Moves: []deepMove{{"a", "b"}}, Labels: map[string]string{"x": "y"}, Dry: &yes},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decoded(t, c.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestInputsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		says []string
	}{
		"missing":              {`{}`, []string{`the field "path" is missing: a string, the file`}},
		"a near name":          {`{"file_path":"a"}`, []string{`no field "file_path"; did you mean "path"?`, `"path" is missing`}},
		"another case":         {`{"Path":"a"}`, []string{`did you mean "path"?`}},
		"a far name":           {`{"path":"a","zzzzzz":1}`, []string{"the fields are: path, mode, count"}},
		"below":                {`{"path":"a","moves":[{"from":"a","to":"b"},{"from":1,"too":"b"}]}`, []string{`moves[1].from: expected a string, got 1`, `moves[1]: there is no field "too"; did you mean "to"?`, `moves[1]: the field "to" is missing`}},
		"a long text below":    {`{"path":"a","moves":[{"from":"abcdef","to":""}]}`, []string{"moves[0].from: has 6 characters, more than 5"}},
		"too few":              {`{"path":"a","moves":[]}`, []string{"moves: has 0 items, fewer than 1"}},
		"too many":             {`{"path":"a","moves":[{},{},{},{}]}`, []string{"moves: has 4 items, more than 3"}},
		"an enum":              {`{"path":"a","mode":"overwritten"}`, []string{`mode: the text "overwritten" is not one of "create", "overwrite"; did you mean "overwrite"?`}},
		"a fraction":           {`{"path":"a","count":1.5}`, []string{"count: expected an integer from 1 to 10, got 1.5"}},
		"out of range":         {`{"path":"a","count":0}`, []string{"count: 0 is too small"}},
		"larger than 64 bits":  {`{"path":"a","big":99999999999999999999}`, []string{"big"}},
		"beyond all floats":    {`{"path":"a","big":1e999999999}`, []string{"big"}},
		"a ratio as text":      {`{"path":"a","ratio":"half"}`, []string{`ratio: expected a number, got the text "half"`}},
		"a map of wrong kinds": {`{"path":"a","labels":{"x":1}}`, []string{"labels.x: expected a string, got 1"}},
		"null where needed":    {`{"path":null}`, []string{"path: expected a string, got null"}},
		"two values":           {`{"path":"a"} {"path":"b"}`, []string{"not valid JSON"}},
		"very deep":            {`{"path":` + strings.Repeat("[", 100_000), []string{"not valid JSON"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decoded(t, c.in)
			if !errors.Is(err, pluginsdk.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
			if user, ok := errors.AsType[*pluginsdk.Error](err); !ok || user.Next == "" || len(err.Error()) > 3000 {
				t.Errorf("no next step, or endless: %v", err)
			}
		})
	}
}

func TestManyProblemsAreAFew(t *testing.T) {
	t.Parallel()
	_, err := decoded(t, `{"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,"a7":1,"a8":1}`)
	if err == nil || strings.Count(err.Error(), "; ") > 6 {
		t.Errorf("got %v", err)
	}
}

func TestDefinePanicsOnWhatHasNoSchema(t *testing.T) {
	t.Parallel()
	for name, define := range map[string]func(){
		"no struct": func() {
			tool.Define(tool.Spec{Name: "x"}, func(context.Context, tool.Call, string) (*tool.Prepared, error) { return nil, nil })
		},
		"a function": func() {
			tool.Define(tool.Spec{Name: "x"}, func(context.Context, tool.Call, struct{ F func() }) (*tool.Prepared, error) { return nil, nil })
		},
		"a bad bound": func() {
			tool.Define(tool.Spec{Name: "x"}, func(context.Context, tool.Call, struct {
				N int `json:"n" max:"many"`
			},
			) (*tool.Prepared, error) {
				return nil, nil
			})
		},
		"a bad schema": func() {
			tool.Define(tool.Spec{Name: "x", Schema: json.RawMessage(`[]`)}, func(context.Context, tool.Call, struct{}) (*tool.Prepared, error) { return nil, nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("it does not panic")
				}
			}()
			define()
		})
	}
}

// foreign is a tool whose schema comes from elsewhere.
type foreign struct{ schema string }

func (f foreign) Spec() tool.Spec {
	return tool.Spec{Name: "foreign", Description: "d", Effect: policy.Read, Schema: json.RawMessage(f.schema)}
}

func (f foreign) Prepare(_ context.Context, c tool.Call) (*tool.Prepared, error) {
	return &tool.Prepared{Run: func(context.Context) (*tool.Result, error) { return &tool.Result{Text: string(c.Input)}, nil }}, nil
}

func TestForeignSchemas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, schema, in string
		fits             bool
		says             string
	}{
		{"open object", `{"type":"object"}`, `{"anything":[1,{"a":2.50}]}`, true, `{"anything":[1,{"a":2.50}]}`},
		{"any of", `{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"integer"}]}}}`, `{"a":1}`, true, ""},
		{"none of any of", `{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"$ref":"#/$defs/n"}]}},"$defs":{"n":{"type":"integer"}}}`, `{"a":[]}`, false, "a: expected a string or an integer, got an array"},
		{"a reference", `{"type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer"}}}`, `{"a":"x"}`, false, `a: expected an integer, got the text "x"`},
		{"a reference to itself", `{"type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"$ref":"#/$defs/n"}}}`, `{"a":"x"}`, true, ""},
		{"a choice of itself", `{"type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"anyOf":[{"$ref":"#/$defs/n"}]}}}`, `{"a":"x"}`, true, ""},
		{"a doubling", `{"type":"object","allOf":[{"$ref":"#"},{"$ref":"#"}],"properties":{"a":{"$ref":"#"}}}`, `{"a":{"a":{"a":{}}}}`, true, ""},
		{"a tree", `{"type":"object","properties":{"a":{"$ref":"#"}},"additionalProperties":false}`, `{"a":{"a":{"b":1}}}`, false, `a.a: there is no field "b"; the fields are: a`},
		{"draft 7", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"a":{"$ref":"#/definitions/n"}},"definitions":{"n":{"type":"integer"}}}`, `{"a":1}`, true, ""},
		{"a pattern, which is left to the tool", `{"type":"object","properties":{"a":{"type":"string","pattern":"^x"}}}`, `{"a":"y"}`, true, ""},
		{"a pattern of another dialect", `{"type":"object","properties":{"a":{"type":"string","pattern":"(?!x)"}}}`, `{"a":"y"}`, true, ""},
		{"a remote reference", `{"type":"object","properties":{"a":{"$ref":"https://example.com/x"}}}`, `{"a":"y"}`, true, ""},
		{"null allowed", `{"type":"object","properties":{"a":{"type":["string","null"]}},"required":["a"]}`, `{"a":null}`, true, `{"a":null}`},
		{"null allowed and kept", `{"type":"object","properties":{"a":{"type":["string","null"]}}}`, `{"a":null}`, true, `{"a":null}`},
		{"additional values", `{"type":"object","additionalProperties":{"type":"integer"}}`, `{"a":"x"}`, false, "a: expected an integer"},
		{"numbers in an enum", `{"type":"object","properties":{"a":{"enum":[1,2]}}}`, `{"a":3}`, false, "3 is not one of 1, 2"},
		{"huge numbers", `{"type":"object","properties":{"a":{"type":"number","maximum":5}}}`, `{"a":1e999999}`, false, "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			if err := h.caller(foreign{c.schema}).Do(t.Context(), 1, calls("foreign", c.in), nil); err != nil {
				t.Fatal(err)
			}
			r := h.receipts()["c1"]
			if (r.Status == "ok") != c.fits || !strings.Contains(r.Text, c.says) {
				t.Errorf("receipt %+v", r)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"path":"a"}`, `{"path":"a","moves":[{"from":"a","to":"b"}]}`, `{"count":1e400}`, `{"amount":1.0}`, `nul`, `{"path":"\ud800","labels":{"":null}}`, "{\"path\":\"\xff\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := decoded(t, in)
		if err != nil {
			if _, ok := errors.AsType[*pluginsdk.Error](err); !ok {
				t.Fatalf("an error that is not for the model: %v", err)
			}
			return
		}
		// What was taken fits when it is written again.
		out, err := json.Marshal(got)
		if err != nil {
			return // a json.Number may hold any text that was in quotes
		}
		again, err := decoded(t, string(out))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%q gives %+v, then %s gives %+v, %v", in, got, out, again, err)
		}
	})
}
