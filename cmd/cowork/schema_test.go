package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// TestJSON runs commands with --json and holds what they print to the published
// schemas, and its members to testdata/shapes.txt.
func TestJSON(t *testing.T) {
	t.Parallel()
	if err := jailError(t); err != nil {
		t.Skipf("no sandbox works on this machine: %v", err)
	}
	p := newInstallation(t)
	p.write("work/budget.csv", "Account,Amount\nRent,100\nSalaries,2000\n")
	p.write("work/actuals.csv", "Account,Amount\nRent,120\nSalaries,2000\n")
	p.write("odd/.claude-plugin/plugin.json", `{"name": "odd", "version": "1.0.0", "flavour": "salt"}`)
	p.write("odd/skills/count/SKILL.md", "---\nname: count\ndescription: Counts things\n---\nCount.\n")
	p.write("odd/agents/helper.md", "---\nname: helper\ndescription: Helps\n---\nHelp.\n")
	p.write("odd/.mcp.json", `{"mcpServers": {"web": {"type": "http", "url": "https://example.com/mcp"}}}`)
	const budget = "/finance:variance-analysis budget.csv actuals.csv"
	done := p.run("run", "--json", budget)
	id := field(t, lastLine(done), "task")
	shapes := map[string]map[string]bool{}
	newest := func() string {
		return field(t, bytes.SplitN(p.run("task", "ls", "--json"), []byte("\n"), 2)[0], "task")
	}
	connect := func() []byte { p.env = append(p.env, envBaseURL+"="+tidyModel(t).URL(), envAPIKey+"=k"); return nil }
	for _, c := range []struct {
		name, schema string
		out          []byte
	}{
		{"run", "event", done},
		{"run: the last line", "task-done", lastLine(done)},
		{"run of an unknown command", "event", p.run("run", "--json", "/finance:nothing")},
		{"run without a model", "event", p.run("run", "--json", "an outcome")},
		{"run of a missing file", "event", p.run("run", "--json", "/finance:variance-analysis no.csv actuals.csv")},
		{"task show", "event", p.run("task", "show", "--json", id)},
		{"task ls", "task", p.run("task", "ls", "--json")},
		{"task changes", "change", p.run("task", "changes", "--json", id)},
		{"task undo --dry-run", "undo", p.run("task", "undo", "--dry-run", "--json", id)},
		{"task undo", "undo", p.run("task", "undo", "--json", id)},
		{"task undo again", "undo", p.run("task", "undo", "--json", id)},
		{"task show of an undone task", "event", p.run("task", "show", "--json", id)},
		{"connect", "", connect()},
		{"run with a model", "event", p.run("run", "--json", "tidy up")},
		{"task why of a parked one", "why", p.run("task", "why", "--json", newest())},
		{"task plan", "plan", p.run("task", "plan", "--json", newest())},
		{"task message", "", p.run("task", "message", "--next", "--json", newest(), "later")},
		{"task queue", "message", p.run("task", "queue", "--json", newest())},
		{"task deny", "answer", p.run("task", "deny", "--json", newest(), "--reason", "no")},
		{"the rest of it", "event", p.run("task", "show", "--follow", "--json", newest())},
		{"task why of a done one", "why", p.run("task", "why", "--json", newest())},
		{"task ls with a cost", "task", p.run("task", "ls", "--json")},
		{"plugin show", "plugin", p.run("plugin", "show", "--json", "finance")},
		{"plugin show of an odd one", "plugin", p.run("plugin", "show", "--json", "--plugin-dir", "../odd", "odd")},
		{"plugin ls", "plugin", elements(t, p.run("plugin", "ls", "--json"))},
		{"doctor", "doctor", p.run("doctor", "--json")},
		{"grant add", "grant", p.run("grant", "add", "--json", "--host", "example.com", "--expires", "7d")},
		{"grant ls", "grant", p.run("grant", "ls", "--json")},
		{"policy try: allow", "policy-try", p.run("policy", "try", "--json", "fetch example.com")},
		{"policy try: ask", "policy-try", p.run("policy", "try", "--json", "delete a.txt")},
		{"policy try: deny", "policy-try", p.run("policy", "try", "--json", "fetch 127.0.0.1")},
		{"usage", "usage", p.run("usage", "--json")},
	} {
		if c.schema == "" {
			continue
		}
		schema := compile(t, c.schema)
		lines := bytes.Split(bytes.TrimSuffix(c.out, []byte("\n")), []byte("\n"))
		for _, line := range lines {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
			if err != nil {
				t.Errorf("%s: %v: %s", c.name, err, line)
				continue
			}
			if err := schema.Validate(v); err != nil {
				t.Errorf("%s: %v\n%s", c.name, err, line)
			}
			name := c.schema
			if m, ok := v.(map[string]any); ok && c.schema == "event" {
				name = fmt.Sprint(m["kind"])
			}
			if shapes[name] == nil {
				shapes[name] = map[string]bool{}
			}
			shape(shapes[name], "", v)
		}
	}
	compareShapes(t, shapes)
}

// tidyModel plans, asks to delete a file, and is done.
func tidyModel(t *testing.T) *plugintest.Messages {
	t.Helper()
	replies := plugintest.InOrder(plugintest.When{},
		plugintest.Say(plugintest.ToolBlock("", "plan", `{"ops":[{"op":"add","text":"Tidy up"}]}`)),
		plugintest.Say(plugintest.TextBlock("I tidy up."), plugintest.ToolBlock("", "request_delete", `{"paths":["budget.csv"]}`)),
	)
	last := plugintest.SayText("All tidy.")
	last.Times = -1
	return plugintest.NewMessages(t, append(replies, last)...)
}

// TestSchemasRefuse makes sure that the schemas can fail.
func TestSchemasRefuse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, schema, line string }{
		{"no kind", "event", `{"seq":1,"time":"2026-01-02T03:04:05Z","task":"","parent":""}`},
		{"no usage", "event", `{"seq":1,"time":"2026-01-02T03:04:05Z","task":"","parent":"","kind":"task.done","status":"done","sandbox":"","artifacts":[],"facts":[]}`},
		{"failed without error", "task-done", `{"seq":1,"time":"2026-01-02T03:04:05Z","task":"","parent":"","kind":"task.done","status":"failed","sandbox":"","artifacts":[],"facts":[],"usage":{"model_calls":0,"input_tokens":0,"output_tokens":0,"duration_ms":0}}`},
		{"number as value", "task-done", `{"seq":1,"time":"2026-01-02T03:04:05Z","task":"","parent":"","kind":"task.done","status":"done","sandbox":"","artifacts":[],"facts":[{"name":"x","value":1}],"usage":{"model_calls":0,"input_tokens":0,"output_tokens":0,"duration_ms":0}}`},
		{"unknown change", "change", `{"path":"/x","change":"burnt","step":"1","undoable":true}`},
		{"null list", "plugin", `{"name":"x","version":"","source":"","digest":"","state":"enabled","skills":null}`},
		{"grant for a task without it", "grant", `{"id":"1","tool":"*","target":"example.com","scope":"task","created":"2026-01-02T03:04:05Z"}`},
		{"ask without scopes", "policy-try", `{"verdict":"ask","rule":"x","reason":"y","call":{"tool":"a","effect":"read","targets":[],"mode":"ask","internet":true}}`},
		{"cost as a number", "usage", `{"by":"day","since":"","zone":"UTC","rows":[],"total":{"calls":1,"input_tokens":1,"output_tokens":1,"cost":0.5},"today":"","caps":{"task":"","day":""},"prices":"2026-10-24"}`},
		{"a tool result without status", "event", `{"seq":1,"time":"2026-01-02T03:04:05Z","task":"","parent":"","kind":"tool.result","call":"c","tool":"t","text":""}`},
		{"an approval without a card", "event", `{"seq":1,"time":"2026-01-02T03:04:05Z","task":"","parent":"","kind":"approval.asked","id":"p"}`},
		{"a message at no time", "message", `{"id":"m1","text":"x","when":"never"}`},
		{"a cost in words", "task", `{"task":"aaaaaaaaaaaa","status":"done","created":"2026-01-02T03:04:05Z","updated":"2026-01-02T03:04:05Z","last":1,"cost":"much"}`},
		{"a plan's step without status", "plan", `{"id":"1","text":"x"}`},
		{"why without a status", "why", `{"task":"aaaaaaaaaaaa"}`},
		{"empty detail", "doctor", `{"name":"x","ok":true,"detail":""}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(c.line))
			if err != nil {
				t.Fatal(err)
			}
			if compile(t, c.schema).Validate(v) == nil {
				t.Errorf("%s lets this pass: %s", c.schema, c.line)
			}
		})
	}
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "schema", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	const base = "https://github.com/cowork-host/cowork/docs/schema/"
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := c.AddResource(base+filepath.Base(file), doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	s, err := c.Compile(base + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shape adds the path and the type of every member.
func shape(into map[string]bool, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, m := range v {
			if path == "values" {
				name = "*" // the names are the command's
			}
			shape(into, strings.TrimPrefix(path+"."+name, "."), m)
		}
		return
	case []any:
		into[path+" list"] = true
		for _, e := range v {
			shape(into, path+"[]", e)
		}
		return
	case string:
		into[path+" text"] = true
	case bool:
		into[path+" boolean"] = true
	case nil:
		into[path+" null"] = true
	default:
		into[path+" number"] = true
	}
}

func compareShapes(t *testing.T, shapes map[string]map[string]bool) {
	t.Helper()
	var out strings.Builder
	names := make([]string, 0, len(shapes))
	for name := range shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&out, "%s\n", name)
		var lines []string
		for line := range shapes[name] {
			lines = append(lines, line)
		}
		slices.Sort(lines)
		for _, line := range lines {
			fmt.Fprintf(&out, "  %s\n", line)
		}
	}
	golden := filepath.Join("testdata", "shapes.txt")
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("what --json prints has changed (-was +is); members may be added, then run with -update:\n%s", d)
	}
}

// elements is a JSON array as one element a line.
func elements(t *testing.T, data []byte) []byte {
	t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	var out []byte
	for _, e := range list {
		out = append(append(out, e...), '\n')
	}
	return out
}

func lastLine(data []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return lines[len(lines)-1]
}

func field(t *testing.T, line []byte, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	s, ok := m[name].(string)
	if !ok {
		t.Fatalf("no %s in %s", name, line)
	}
	return s
}

// installation runs cowork with a home of its own.
type installation struct {
	t   *testing.T
	dir string
	env []string
	cwd string // below dir
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	p := &installation{t: t, dir: t.TempDir(), cwd: "work"}
	p.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(p.dir, "user"), "TMPDIR=" + filepath.Join(p.dir, "temp"),
		"XDG_DATA_HOME=" + filepath.Join(p.dir, "data"), "COWORK_HOME=" + filepath.Join(p.dir, "home"), "TERM=xterm",
	}
	for _, d := range []string{"user", "data", "work", "temp"} {
		if err := os.Mkdir(filepath.Join(p.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { p.run("stop", "--force") })
	return p
}

func (p *installation) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *installation) command(args ...string) *exec.Cmd {
	cmd := exec.Command("cowork", args...) //nolint:noctx // its callers bound it
	cmd.Dir, cmd.Env = filepath.Join(p.dir, p.cwd), p.env
	return cmd
}

// run returns what a command line prints to its output, whatever its code.
func (p *installation) run(args ...string) []byte {
	p.t.Helper()
	out, _, _ := p.all(args...)
	return out
}

func (p *installation) all(args ...string) (stdout, stderr []byte, code int) {
	p.t.Helper()
	cmd := p.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	return out.Bytes(), errs.Bytes(), exitCodeOf(err)
}
