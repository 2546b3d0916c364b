package bundle_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/registry/bundle"
)

// TestFrontmatterLeniency is the measured table of the public format.
func TestFrontmatterLeniency(t *testing.T) {
	t.Parallel()
	const broken = "<broken>"
	for _, tc := range []struct{ name, yaml, want string }{
		{"plain", "description: text\n", "text"},
		{"block scalar", "description: |\n  a\n  b\n", "a\nb"},
		{"tab after colon", "description:\ttext\n", "text"},
		{"duplicate key", "description: a\ndescription: b\n", "b"},
		{"unquoted colon", "description: Use when: x\n", "Use when: x"},
		{"leading bracket", "description: [a] [b]\n", "[a] [b]"},
		{"leading brace", "description: {a} b\n", "{a} b"},
		{"leading star", "description: *star\n", "*star"},
		{"leading at", "description: @file x\n", "@file x"},
		{"leading backtick", "description: `x` y\n", "`x` y"},
		{"leading percent", "description: %x\n", "%x"},
		{"inline pipe", "description: | x\n", "| x"},
		{"inline greater", "description: > x\n", "> x"},
		{"quotes inside", "description: it's: fine\n", "it's: fine"},
		{"boolean", "description: yes\n", "yes"},
		{"number", "description: 42\n", "42"},
		{"date", "description: 2026-01-01\n", "2026-01-01"},
		{"anchor", "description: &x text\n", "text"},
		{"tag", "description: !tag text\n", "text"},
		{"comment", "description: Uses # of\n", "Uses"},
		{"escape", `description: a\nb` + "\n", `a\nb`},
		{"fence inside a value", "description: has --- inside\n", "has --- inside"},
		{"only the broken line is quoted", "description: Uses # of\nargument-hint: [a] [b]\n", "Uses"},
		{"list", "description: [a, b]\n", ""},
		{"null", "description:\n", ""},
		{"alias to a text", "name: &n x\ndescription: *n\n", "x"},
		{"capitalised", "Description: x\n", ""},
		{"half quoted", "description: \"quoted\" then more\n", broken},
		{"half single-quoted", "description: 'quoted' then more\n", broken},
		{"open quote", "description: \"open\n", broken},
		{"dash", "description: - x\n", broken},
		{"no space after colon", "description:value\n", broken},
		{"colon at the end", "description: see:\n", broken},
		{"unindented continuation", "description: Use this\n\n<example>\nuser: \"x\"\n</example>\nmodel: opus\n", broken},
		{"tab-indented block", "metadata:\n\tx: 1\n", broken},
		{"not a mapping", "- a\n- b\n", broken},
		{"empty", "", ""},
		{"only a comment", "# x\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, nl := range []string{"\n", "\r\n"} {
				text := strings.ReplaceAll("\ufeff--- \n"+tc.yaml+"---\t\nbody\n", "\n", nl)
				f, body, found := bundle.ParseFrontmatter("f.md", []byte(text))
				got, _ := f.Text("description")
				if f.Broken {
					got = broken
				}
				if got != tc.want || body != "body"+nl {
					t.Errorf("got %q and body %q, want %q", got, body, tc.want)
				}
				if f.Broken && (len(found) != 1 || found[0].Line < 2 || len(f.Keys()) != 0 || f.Raw == "") {
					t.Errorf("broken frontmatter: %v, keys %v", found, f.Keys())
				}
			}
		})
	}
}

func TestFrontmatterFences(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text, body, rule string
		keys                   int
	}{
		{"none", "# Title\n", "# Title\n", "", 0},
		{"empty file", "", "", "", 0},
		{"closing at the end", "---\na: 1\n---", "", "", 1},
		{"closed at once", "---\n---\nx", "x", "", 0},
		{"blank line before", "\n---\na: 1\n---\nx", "\n---\na: 1\n---\nx", "frontmatter-position", 0},
		{"dots do not close", "---\na: 1\n...\nx", "---\na: 1\n...\nx", "frontmatter-unclosed", 0},
		{"unclosed", "---\na: 1", "---\na: 1", "frontmatter-unclosed", 0},
		{"four hyphens", "----\na: 1\n---\n", "----\na: 1\n---\n", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, body, found := bundle.ParseFrontmatter("f.md", []byte(tc.text))
			rule := ""
			if len(found) > 0 {
				rule = found[0].Rule
			}
			if body != tc.body || rule != tc.rule || len(f.Keys()) != tc.keys {
				t.Errorf("got body %q, rule %q, keys %v", body, rule, f.Keys())
			}
		})
	}
}

func TestFrontmatterValues(t *testing.T) {
	t.Parallel()
	f, _, _ := bundle.ParseFrontmatter("f.md", []byte(`---
comma: Read, Write,Bash(git add:*, x)
space: Read Write
list: [Read, "Bash(a, b)", null, {x: 1}]
block:
  - a
  - b
none: null
star: "*"
on: "TRUE"
off: No
one: 1
odd: maybe
`+"---\n"))
	for key, want := range map[string][]string{
		"comma": {"Read", "Write", "Bash(git add:*, x)"}, "space": {"Read", "Write"}, "list": {"Read", "Bash(a, b)"},
		"block": {"a", "b"}, "none": nil, "star": {"*"}, "missing": nil,
	} {
		if diff := cmp.Diff(want, f.List(key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	for key, want := range map[string][2]bool{"on": {true, true}, "off": {false, true}, "one": {true, true}, "odd": {false, false}, "missing": {false, false}} {
		if v, ok := f.Bool(key); v != want[0] || ok != want[1] {
			t.Errorf("%s is %v, %v", key, v, ok)
		}
	}
}

func FuzzFrontmatter(f *testing.F) {
	for _, s := range []string{"---\na: b\n---\nbody", "---\r\na: [x] [y]\r\n---\r\n", "---\na: &a [*a]\nb: *a\n---", "---\n? x\n: y\n---\n", "---\n'a: b\n---\n", "---\n<<: *x\n---\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		front, body, found := bundle.ParseFrontmatter("f.md", data)
		if !strings.HasSuffix(strings.ToValidUTF8(string(data), "\ufffd"), body) {
			t.Fatalf("the body %q is not the end of %q", body, data)
		}
		for _, k := range front.Keys() {
			front.Text(k)
			front.List(k)
			front.Bool(k)
		}
		for _, fi := range found {
			if fi.Line < 1 || fi.Message == "" {
				t.Fatalf("bad finding %v", fi)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	for _, s := range []string{
		`{"name":"p","commands":{"x":{"content":"y"}}}`, `{"name":"p","mcpServers":[{"a":{"url":""}},"./x"],"hooks":{"Stop":[{"hooks":[{"type":"command","command":"x"}]}]}}`,
		`{"name":"p","metadata":{"cowork":{"handlers":{"command:c":"C"},"server":"commands/c.md"}}}`, `{"name":5,"skills":[".","./commands"],"agents":"./commands"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := bundle.Load(t.Context(), files(manifest, string(data), "commands/c.md", "x", "SKILL.md", "y"), bundle.Options{Name: "p"})
		if b == nil {
			t.Fatalf("no bundle to show: %v", err)
		}
		errs := 0
		for _, fi := range b.Findings {
			if fi.Severity == bundle.Error {
				errs++
			}
		}
		if err != nil && errs == 0 {
			t.Fatalf("%v without a finding", err)
		}
		if b.Manifest.Name == "" || strings.ContainsAny(b.Manifest.Name, "/:\x00 ") {
			t.Fatalf("bad name %q", b.Manifest.Name)
		}
	})
}
