package runtime_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork"
	"github.com/cowork-host/cowork/host/internal/runtime"
)

const validPlugin = `{
  "name": "finance",
  "version": "1.0.0",
  "description": "Numbers",
  "commands": [
    {"name": "variance-analysis", "summary": "Compare", "argument_hint": "BUDGET ACTUALS", "params": [
      {"name": "budget", "kind": "file", "required": true},
      {"name": "actuals", "kind": "file", "required": true},
      {"name": "by", "kind": "text", "option": true, "placeholder": "COL"},
      {"name": "quiet", "kind": "flag", "option": true}
    ]}
  ],
  "tools": [{"name": "sum_up", "input_schema": {"type": "object", "anything": [1]}}]
}
`

func schema(t *testing.T) *runtime.Schema {
	t.Helper()
	s, err := runtime.NewSchema(cowork.PluginsCUE())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestValidatePlugin(t *testing.T) {
	t.Parallel()
	s := schema(t)
	for _, tc := range []struct {
		name     string
		old, new string
		want     []string
	}{
		{"valid", "", "", nil},
		{"missing name", `  "name": "finance",` + "\n", "", []string{`1:1: name: expected a name of letters, digits, dots and hyphens, got nothing; it is required | add it`}},
		{"name number", `"finance"`, "5", []string{"2:11: name: expected a name of letters, digits, dots and hyphens, got the number 5"}},
		{"name pattern", `"finance"`, `"a/b"`, []string{`2:11: name: expected a name of letters, digits, dots and hyphens, got the string "a/b"`}},
		{"version number", `"1.0.0"`, `1.0`, []string{"3:14: version: expected one line of text, up to 500 characters, got the number 1.0"}},
		{"unknown field", `"version"`, `"verison"`, []string{`3:3: verison: expected one of name, version, description, commands, tools, got the unknown field "verison" | did you mean "version"?`}},
		{"unknown nested field", `"summary"`, `"sumary"`, []string{`6:35: commands[0].sumary: expected one of name, summary, argument_hint, params, got the unknown field "sumary" | did you mean "summary"?`}},
		{"missing nested name", `"name": "budget", `, "", []string{"7:7: commands[0].params[0].name: expected a name in lower case with single hyphens, up to 64 characters, got nothing; it is required"}},
		{"choice", `"kind": "text"`, `"kind": "txt"`, []string{`9:30: commands[0].params[2].kind: expected "text", "file" or "flag", got the string "txt" | did you mean "text"?`}},
		{"choice of a wrong type", `"kind": "text"`, `"kind": 7`, []string{`9:30: commands[0].params[2].kind: expected "text", "file" or "flag", got the number 7`}},
		{"boolean", `"kind": "file", "required": true},` + "\n      {\"name\": \"actuals\"", `"kind": "file", "required": "yes"},` + "\n      {\"name\": \"actuals\"", []string{`7:54: commands[0].params[0].required: expected true or false, got the string "yes"`}},
		{"list", `"tools": [{"name": "sum_up", "input_schema": {"type": "object", "anything": [1]}}]`, `"tools": {}`, []string{"13:12: tools: expected a list, got an object"}},
		{"element", `"tools": [{`, `"tools": [3, {`, []string{"13:13: tools[0]: expected an object, got the number 3"}},
		{"open object", `{"type": "object", "anything": [1]}`, `[]`, []string{"13:48: tools[0].input_schema: expected a JSON Schema object, got a list"}},
		{"line break in a summary", `"Compare"`, `"a\nb"`, []string{"6:46: commands[0].summary: expected one line of text, up to 500 characters"}},
		{"long summary", `"Compare"`, `"` + strings.Repeat("x", 501) + `"`, []string{"6:46: commands[0].summary: expected one line of text"}},
		{"upper-case command", `"variance-analysis"`, `"Variance"`, []string{"6:14: commands[0].name: expected a name in lower case with single hyphens"}},
		{"two faults", `"1.0.0",` + "\n" + `  "description": "Numbers"`, "1,\n  \"description\": 2", []string{"3:14: version: ", "4:18: description: expected a text of up to 20,000 characters, got the number 2"}},
		{"duplicate key", `"version": "1.0.0",`, `"version": "1.0.0", "version": "1.0.0",`, []string{"3:23: version: expected one value, got a second one beside line 3"}},
		{"duplicate command", `"commands": [`, `"commands": [{"name": "variance-analysis"},`, []string{`6:14: command "variance-analysis": expected a name of its own, got the one of line 5 column 25`}},
		{"duplicate parameter", `"name": "actuals"`, `"name": "budget"`, []string{`8:16: parameter "budget": expected a name of its own`}},
		{"positional after option", `"option": true, "placeholder": "COL"},`, `"option": true}, {"name": "x", "kind": "text"},`, []string{`9:55: parameter "x": expected positional parameters before the options`}},
		{"required after optional", `"kind": "file", "required": true},` + "\n      {\"name\": \"actuals\"", `"kind": "file"},` + "\n      {\"name\": \"actuals\"", []string{`8:7: parameter "actuals": expected required parameters first, got one after the optional "budget"`}},
		{"syntax", `"Numbers",`, `"Numbers"`, []string{"5:3: expected ',' or '}', got '\"'"}},
		{"not an object", validPlugin, "[]", []string{"1:1: the document: expected an object, got a list"}},
		{"null", validPlugin, "null", []string{"1:1: the document: expected an object, got null"}},
		{"not UTF-8", "Numbers", "caf\xe9", []string{"4:22: expected UTF-8, got the byte 0xe9"}},
		{"deep", validPlugin, strings.Repeat("[", 5000), []string{"nested deeper"}},
		{"large", validPlugin, `"` + strings.Repeat("x", 2<<20) + `"`, []string{"1:1: larger than 1024 KiB"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			doc := strings.Replace(validPlugin, tc.old, tc.new, 1)
			if tc.old != "" && doc == validPlugin {
				t.Fatal("the case changes nothing")
			}
			found := s.Validate("plugin", "d.json", []byte(doc))
			if len(found) != len(tc.want) {
				t.Fatalf("got %d findings %v, want %d", len(found), found, len(tc.want))
			}
			for i, f := range found {
				if text := f.String() + " | " + f.Fix; !strings.Contains(text, tc.want[i]) {
					t.Errorf("got %q, want %q", text, tc.want[i])
				}
			}
		})
	}
}

func TestValidateKinds(t *testing.T) {
	t.Parallel()
	s := schema(t)
	for _, tc := range []struct{ kind, good, bad, want string }{
		{"command", `{"name": "x"}`, `{"name": ""}`, "name: expected a name"},
		{"skill", `{"id": "a:b", "name": "b"}`, `{"id": "a b", "name": "b"}`, "id: expected an id"},
		{"agent", `{"id": "a:b", "name": "b", "tools": ["x"]}`, `{"id": "a:b", "name": "b", "tools": "x"}`, "tools: expected a list"},
		{"connector", `{"name": "x", "transport": "http", "url": ""}`, `{"name": "x", "transport": "htp"}`, `expected "stdio", "http", "sse" or "ws"`},
		{"hook", `{"event": "Stop", "type": "prompt", "timeout": 1.5}`, `{"event": "Stop", "type": "prompt", "timeout": -1}`, "timeout: expected a number of seconds, got the number -1"},
		{"grant", `{"files": "read"}`, `{"files": "write"}`, `files: expected "none", "read" or "read-write"`},
		{"grant", `{}`, `{"memory": "lots"}`, "memory: expected a size like 400MiB"},
	} {
		if found := s.Validate(tc.kind, "f", []byte(tc.good)); len(found) != 0 {
			t.Errorf("%s: %s is not valid: %v", tc.kind, tc.good, found)
		}
		found := s.Validate(tc.kind, "f", []byte(tc.bad))
		if len(found) != 1 || !strings.Contains(found[0].String(), tc.want) {
			t.Errorf("%s: %s gives %v, want %q", tc.kind, tc.bad, found, tc.want)
		}
	}
	if found := s.Validate("nonsense", "f", []byte(`{}`)); len(found) != 1 {
		t.Errorf("an unknown kind is accepted: %v", found)
	}
}

func TestShipped(t *testing.T) {
	t.Parallel()
	want := map[string]runtime.Grant{
		"finance": {Files: "read-write", MemoryBytes: 400 << 20},
		"data":    {Files: "read-write", MemoryBytes: 400 << 20},
	}
	s := schema(t)
	if diff := cmp.Diff(want, s.Shipped()); diff != "" {
		t.Errorf("shipped (-want +got):\n%s", diff)
	}
	clear(s.Shipped())
	if len(s.Shipped()) != 2 {
		t.Error("a caller can change the schema")
	}
	other, err := runtime.NewSchema(strings.Replace(cowork.PluginsCUE(), "shipped: data: {", "shipped: mail: network: true\nshipped: data: {", 1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(runtime.Grant{Files: "none", Network: true, MemoryBytes: 256 << 20}, other.Shipped()["mail"]); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestNewSchemaErrors(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"syntax":     {"#Plugin: {", "#Plugin: {{"},
		"reference":  {"#Line\n", "#Nowhere\n"},
		"bad grant":  {`memory:  "400MiB"`, `memory:  "much"`},
		"bad field":  {`memory:  "400MiB"`, `memroy:  "400MiB"`},
		"bad choice": {`files:   "read-write"`, `files:   "all"`},
	} {
		src := strings.Replace(cowork.PluginsCUE(), change[0], change[1], 1)
		if src == cowork.PluginsCUE() {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := runtime.NewSchema(src); err == nil || !strings.Contains(err.Error(), "plugins.cue") {
			t.Errorf("%s: got %v, want an error about plugins.cue", name, err)
		}
	}
}

func TestValidateConcurrently(t *testing.T) {
	t.Parallel()
	s := schema(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 5 {
				doc := strings.Replace(validPlugin, "finance", fmt.Sprint("p", i), 1)
				if found := s.Validate("plugin", "d.json", []byte(doc)); len(found) != 0 {
					t.Errorf("got %v", found)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkValidate(b *testing.B) {
	s, err := runtime.NewSchema(cowork.PluginsCUE())
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 10, 100} {
		commands := make([]string, n)
		for i := range commands {
			commands[i] = fmt.Sprintf(`{"name": "c%d", "summary": "Does it", "params": [{"name": "file", "kind": "file", "required": true}]}`, i)
		}
		doc := []byte(`{"name": "p", "commands": [` + strings.Join(commands, ",") + `]}`)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if found := s.Validate("plugin", "d.json", doc); len(found) != 0 {
					b.Fatal(found)
				}
			}
		})
	}
}

func FuzzValidate(f *testing.F) {
	s, err := runtime.NewSchema(cowork.PluginsCUE())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(validPlugin))
	f.Add([]byte(`{"name": "p", "commands": [{"name": 1}], "tools": [{"name": "x", "input_schema": {"a": 1e999}}]}`))
	f.Add([]byte(`{"#Plugin": 1, "_x": {"$": null}, "": 0, "a\u0000b": []}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, fi := range s.Validate("plugin", "d.json", data) {
			if fi.Line < 1 || fi.Column < 1 || fi.Message == "" || strings.Contains(fi.Message, "empty disjunction") {
				t.Fatalf("bad finding %+v", fi)
			}
		}
	})
}
