package bundle_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle"
)

const manifest = ".claude-plugin/plugin.json"

// files makes a bundle of path and content pairs.
func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1]), Mode: 0o644}
	}
	return m
}

func load(t *testing.T, fsys fs.FS) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Load(t.Context(), fsys, bundle.Options{Name: "folder"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// show is what a finding says, without the fix.
func show(fs []bundle.Finding) []string {
	out := []string{}
	for _, f := range fs {
		out = append(out, fmt.Sprintf("%s %s %s", f.Severity, f.Rule, f))
	}
	return out
}

func TestLoadWhole(t *testing.T) {
	t.Parallel()
	fsys := files(
		manifest, "\ufeff{\r\n \"name\": \"finance\", \"version\": \"1.2.0\", \"description\": \"D\", \"author\": {\"name\": \"A\"},\r\n"+
			` "keywords": ["a"], "homepage": "https://example.com/x", "defaultEnabled": false, "dependencies": ["a@m", {"name": "b", "version": "^1"}],`+
			` "metadata": {"other": 1, "cowork": {"handlers": {"command:variance-analysis": "Variance", "tool:sum": "Sum"}, "server": "bin/finance"}}}`,
		"commands/variance-analysis.md", "---\r\ndescription: Compare budget: and actuals\r\nargument-hint: [budget] [actuals]\r\nallowed-tools: Bash(git add:*), Read\r\n---\r\nBody $0\r\n",
		"commands/sub/deep/x.md", "# Title\n\nFirst paragraph\nof text.\n\nSecond.\n",
		"commands/y/SKILL.md", "---\nuser-invocable: no\n---\nY\n",
		"skills/close/SKILL.md", "---\nname: month-end\ndescription: Close\nwhen_to_use: at the end\nargument-hint: [month]\ndisable-model-invocation: On\narguments: month year\n---\nClose it",
		"skills/close/nested/SKILL.md", "not a skill",
		"skills/.hidden/SKILL.md", "",
		"skills/stray.md", "x", "skills/empty/readme.txt", "x", "skills/low/skill.md", "x",
		"agents/sub/reviewer.md", "---\nname: rev\nmodel: opus\ntools: Read, Grep\npermissionMode: x\n---\nYou review.",
		".mcp.json", `{"mcpServers": {"mail": {"type": "http", "url": ""}, "google calendar": {"url": "https://x.example/mcp", "headers": {"A": "${T:-}"}}, "db": {"command": "db", "args": ["-x"], "env": {"N": 1}}}}`,
		"hooks/hooks.json", `{"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "x.sh", "timeout": 5}]}], "PreTooluse": []}}`,
		"bin/finance", "\x7fELF",
	)
	fsys["bin/finance"].Mode = 0o755
	b := load(t, fsys)

	want := bundle.Manifest{
		Raw: b.Manifest.Raw, Name: "finance", Version: "1.2.0", Description: "D", Author: bundle.Author{Name: "A"}, Keywords: []string{"a"},
		Homepage: "https://example.com/x", Dependencies: []bundle.Dependency{{Name: "a", Marketplace: "m"}, {Name: "b", Version: "^1"}},
	}
	if diff := cmp.Diff(want, b.Manifest); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if len(b.Manifest.Raw) != len(fsys[manifest].Data) {
		t.Error("the raw manifest is not kept as it stands")
	}
	type row struct {
		ID, Alias, Description, Hint, Body string
		Lists                              []string
		User, Model                        bool
	}
	var rows []row
	for _, c := range b.Commands {
		rows = append(rows, row{c.ID, c.Alias, c.Description, c.ArgumentHint, c.Body, append(c.AllowedTools, c.Arguments...), c.UserInvocable, false})
	}
	for _, s := range b.Skills {
		rows = append(rows, row{s.ID, s.Alias, s.Description, s.ArgumentHint, s.Body, append(s.AllowedTools, s.Arguments...), s.UserInvocable, s.ModelInvocable})
	}
	for _, a := range b.Agents {
		rows = append(rows, row{a.ID, "", a.Description, "", a.Body, a.Tools, false, false})
	}
	wantRows := []row{
		{"finance:sub:deep:x", "", "First paragraph of text.", "", "# Title\n\nFirst paragraph\nof text.\n\nSecond.\n", nil, true, false},
		{"finance:variance-analysis", "", "Compare budget: and actuals", "[budget] [actuals]", "Body $0\r\n", []string{"Bash(git add:*)", "Read"}, true, false},
		{"finance:y", "", "Y", "", "Y\n", nil, false, false},
		{"finance:-hidden", "", "", "", "", nil, true, true},
		{"finance:close", "month-end", "Close - at the end", "[month]", "Close it", []string{"month", "year"}, true, false},
		{"finance:sub:rev", "", "You review.", "", "You review.", []string{"Read", "Grep"}, false, false},
	}
	if diff := cmp.Diff(wantRows, rows); diff != "" {
		t.Errorf("contributions (-want +got):\n%s", diff)
	}
	wantServers := []bundle.Connector{
		{ID: "finance:mail", Name: "mail", Transport: bundle.HTTP, File: ".mcp.json", Line: 1, Raw: []byte(`{"type": "http", "url": ""}`)},
		{ID: "finance:google calendar", Name: "google calendar", Transport: bundle.HTTP, URL: "https://x.example/mcp", Headers: map[string]string{"A": "${T:-}"}, File: ".mcp.json", Line: 1, Raw: []byte(`{"url": "https://x.example/mcp", "headers": {"A": "${T:-}"}}`)},
		{ID: "finance:db", Name: "db", Transport: bundle.Stdio, Command: "db", Args: []string{"-x"}, Env: map[string]string{"N": "1"}, File: ".mcp.json", Line: 1, Raw: []byte(`{"command": "db", "args": ["-x"], "env": {"N": 1}}`)},
	}
	if diff := cmp.Diff(wantServers, b.Connectors); diff != "" {
		t.Errorf("connectors (-want +got):\n%s", diff)
	}
	wantHooks := []bundle.Hook{{Event: "PreToolUse", Matcher: "Bash", Type: "command", Target: "x.sh", Timeout: 5, File: "hooks/hooks.json", Line: 1, Raw: []byte(`{"type": "command", "command": "x.sh", "timeout": 5}`)}}
	if diff := cmp.Diff(wantHooks, b.Hooks); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"command:variance-analysis": "Variance", "tool:sum": "Sum"}, b.Handlers); diff != "" || b.Server != "bin/finance" {
		t.Errorf("handlers (-want +got):\n%s, server %q", diff, b.Server)
	}
	var rules []string
	for _, f := range b.Findings {
		rules = append(rules, string(f.Severity)+" "+f.Rule+" "+f.File)
	}
	wantRules := []string{
		"warning connector-transport .mcp.json", "warning agent-ignored-key agents/sub/reviewer.md",
		"warning frontmatter-quoting commands/variance-analysis.md", "warning hook-unknown-event hooks/hooks.json",
		"warning skill-case skills/low/skill.md", "info skill-flat skills/stray.md",
	}
	if diff := cmp.Diff(wantRules, rules); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestManifestFaults are the faults that keep a plugin out.
func TestManifestFaults(t *testing.T) {
	t.Parallel()
	body := func(s string) string { return "{\n  \"name\": \"p\",\n  " + s + "\n}" }
	for _, tc := range []struct{ name, manifest, want string }{
		{"version number", body(`"version": 1.2`), "plugin.json:3:14: version: expected a string, got the number 1.2"},
		{"author string", body(`"author": "Jane"`), `3:13: author: expected an object with a name, like {"name": "…"}, got the string "Jane"`},
		{"author without name", body(`"author": {"email": "x"}`), "3:13: author: expected an object with a name"},
		{"author name number", body(`"author": {"name": 5}`), "3:22: author.name: expected a string, got the number 5"},
		{"keywords string", body(`"keywords": "a"`), "keywords: expected a list of strings"},
		{"keyword number", body(`"keywords": ["a", 2]`), "3:21: keywords[1]: expected a string, got the number 2"},
		{"repository object", body(`"repository": {}`), "repository: expected a string, got an object"},
		{"homepage", body(`"homepage": "nowhere"`), "homepage: expected a URL"},
		{"defaultEnabled", body(`"defaultEnabled": "yes"`), "expected true or false"},
		{"null", body(`"description": null`), "description: expected a string, got null"},
		{"commands number", body(`"commands": 5`), "commands: expected a path, a list of paths, or an object of commands, got the number 5"},
		{"command not an object", body(`"commands": {"x": "./x.md"}`), "3:21: commands.x: expected an object with source or content"},
		{"command field", body(`"commands": {"x": {"content": 1}}`), "commands.x.content: expected a string"},
		{"agents object", body(`"agents": {}`), "agents: expected a path or a list of paths, got an object"},
		{"hooks number", body(`"hooks": [1]`), "hooks[0]: expected a path or an object"},
		{"dependencies map", body(`"dependencies": {"a": "1"}`), "dependencies: expected a list of plugin names"},
		{"cowork", body(`"metadata": {"cowork": []}`), "metadata.cowork: expected an object"},
		{"handlers", body(`"metadata": {"cowork": {"handlers": {"command:x": 1}}}`), "metadata.cowork.handlers.command:x: expected a string"},
		{"handler key", body(`"metadata": {"cowork": {"handlers": {"x": "X"}}}`), `expected "command:name" or "tool:name", got "x"`},
		{"handler name", body(`"metadata": {"cowork": {"handlers": {"command:x": "os.Exit(1)"}}}`), "expected an exported Go name"},
		{"server missing", body(`"metadata": {"cowork": {"server": "bin/x"}}`), `metadata.cowork.server: "./bin/x" does not exist`},
		{"server outside", body(`"metadata": {"cowork": {"server": "../x"}}`), `contains ".."`},
		{"server absolute", body(`"metadata": {"cowork": {"server": "/bin/sh"}}`), "is an absolute path"},
		{"server folder", body(`"metadata": {"cowork": {"server": "commands"}}`), "is a folder"},
		{"name missing", `{"version": "1"}`, "plugin.json:1:1: name: expected a string, got nothing"},
		{"name empty", `{"name": ""}`, "1:10: name: expected a name"},
		{"name with space", `{"name": "my plugin"}`, `got the string "my plugin"`},
		{"name that is a path", `{"name": "../../etc"}`, "name: expected a name"},
		{"name with colon", `{"name": "a:b"}`, "name: expected a name"},
		{"name with NUL", `{"name": "a\u0000b"}`, "name: expected a name"},
		{"name number", `{"name": 5}`, "name: expected a string, got the number 5"},
		{"list", `[]`, "1:1: expected an object, got a list"},
		{"comment", "{\n  // c\n}", "2:3: expected a key in double quotes, got a comment"},
		{"trailing comma", "{\"name\": \"p\",\n}", "2:1: expected a key"},
		{"empty file", "", "1:1: expected a value, got the end of the file"},
		{"deep", strings.Repeat(`{"a":`, 100_000), "nested deeper"},
		{"NUL file", "\x00\x00\x00\x00", "expected a value"},
		{"two faults", body(`"version": 1, "license": 2`), "(and 1 more)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b, err := bundle.Load(t.Context(), files(manifest, tc.manifest, "commands/c.md", "x"), bundle.Options{Name: "p"})
			if !errors.Is(err, pluginsdk.ErrInvalid) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want an invalid error with %q", err, tc.want)
			}
			var user *pluginsdk.Error
			if !errors.As(err, &user) || user.Next == "" {
				t.Errorf("%v does not say what to do next", err)
			}
			if b == nil || len(b.Findings) == 0 || b.Digest == "" || len(b.Commands) != 1 && !strings.Contains(tc.manifest, "commands\": {") {
				t.Errorf("the broken plugin cannot be shown: %+v", b)
			}
		})
	}
}

// TestOddities are what a plugin may have and still load.
func TestOddities(t *testing.T) {
	t.Parallel()
	name := func(rest string) string { return `{"name": "p"` + rest + `}` }
	for _, tc := range []struct {
		name string
		fsys fstest.MapFS
		want []string
	}{
		{"no manifest", files("commands/c.md", "x"), []string{"info manifest-missing " + manifest + ": the plugin has no manifest; it is named after its folder: folder"}},
		{"unknown field", files(manifest, name(",\n \"desciption\": 1, \"zzz\": {}")), []string{
			`warning manifest-unknown-field ` + manifest + `:2:2: unknown field "desciption"; it is ignored`,
			`warning manifest-unknown-field ` + manifest + `:2:19: unknown field "zzz"; it is ignored`,
		}},
		{"duplicate key", files(manifest, name(`, "name": "p"`)), []string{`warning json-duplicate-key ` + manifest + `:1:15: "name" is already in line 1; the last one counts`}},
		{"metadata of a wrong type", files(manifest, name(`, "metadata": 5`)), []string{"warning manifest-type " + manifest + ":1:27: metadata: expected an object, got the number 5; it is ignored"}},
		{"path without dot", files(manifest, name(`, "skills": "extra"`), "extra/a/SKILL.md", ""), []string{`warning path-style ` + manifest + `:1:25: skills: "extra" should start with "./"`}},
		{"paths refused", files(manifest, name(`, "agents": ["./a/../../x.md", "/etc/x.md", "./none.md"]`)), []string{
			`error path-outside ` + manifest + `:1:26: agents[0]: "./a/../../x.md" contains ".."`,
			`error path-absolute ` + manifest + `:1:44: agents[1]: "/etc/x.md" is an absolute path`,
			`error path-missing ` + manifest + `:1:57: agents[2]: "./none.md" does not exist`,
		}},
		{"command and skill", files(manifest, name(""), "commands/x.md", "a", "skills/x/SKILL.md", "b"), []string{
			"warning command-shadowed commands/x.md: the skill in skills/x/SKILL.md has the same id p:x and is called in place of this command",
		}},
		{"readme", files(manifest, name(""), "commands/README.md", "a"), []string{"info command-readme commands/README.md: every Markdown file in the commands folder is a command; this one is p:README"}},
		{"upper-case extension", files(manifest, name(""), "commands/A.MD", "a"), []string{"warning command-case commands/A.MD: the extension is not in lower case and stays part of the name: p:A.MD"}},
		{"case collision", files(manifest, name(""), "docs/A", "a", "docs/a", "a"), []string{"warning case-collision docs/a: differs from docs/A only in upper and lower case; only one of them exists on macOS and Windows"}},
		{"broken connectors", files(manifest, name(""), ".mcp.json", "{,}"), []string{"error json-syntax .mcp.json:1:2: expected a key in double quotes, got ','"}},
		{"connector types", files(manifest, name(""), ".mcp.json", `{"a": {"type": "tcp"}, "b": {}, "c": "x", "d": {"command": "x", "args": "y"}}`), []string{
			`error connector-transport .mcp.json:1:16: server "a": unknown type "tcp"; it is not loaded`,
			`error connector-type .mcp.json:1:29: server "b": a stdio server needs a command; it is not loaded`,
			`error connector-type .mcp.json:1:38: server "c": expected an object, got the string "x"`,
			`error connector-type .mcp.json:1:73: server "d": args: expected a list of strings, got the string "y"; it is not loaded`,
		}},
		{"hooks", files(manifest, name(""), "hooks/hooks.json", `{"Stop": [{"hooks": [{"type": "comand"}, {"type": "prompt"}]}]}`), []string{
			`info hook-unwrapped hooks/hooks.json:1:1: the events stand without the outer "hooks" key; other hosts may refuse them`,
			`error hook-type hooks/hooks.json:1:22: Stop: unknown hook type "comand"; it is not loaded`,
			`error hook-type hooks/hooks.json:1:42: Stop: a prompt hook needs prompt, got nothing; it is not loaded`,
		}},
		{"empty hooks", files(manifest, name(""), "hooks/hooks.json", `[]`), []string{}},
		{"reserved name", files(manifest, `{"name": "claude-x"}`), []string{`warning name-reserved ` + manifest + `:1:10: the name "claude-x" is reserved by the public format`}},
		{"handler without a file", files(manifest, name(`, "metadata": {"cowork": {"handlers": {"command:profle": "P"}}}`), "commands/profile.md", ""), []string{
			"warning handler-unbound " + manifest + ":1:52: the handler P is for the command p:profle, which has no file; it exists only in hosts that know handlers",
		}},
		{"latin-1", files(manifest, name(""), "commands/c.md", "---\ndescription: caf\xe9\n---\n"), []string{"warning encoding commands/c.md:1:1: the file is not UTF-8; unknown bytes are replaced"}},
		{"bidi", files(manifest, name(""), "commands/c.md", "---\nmodel: x\n---\nok\nab\u202ecd"), []string{"warning invisible-characters commands/c.md:5:3: the text holds characters that cannot be seen, such as zero-width or bidirectional controls"}},
		{"tools of a skill", files(manifest, name(""), "skills/c/SKILL.md", "---\ntools: Read\n---\n"), []string{
			`warning frontmatter-unknown-key skills/c/SKILL.md:2:1: unknown key "tools" in the frontmatter; it is kept and ignored`,
		}},
		{"typo in frontmatter", files(manifest, name(""), "commands/c.md", "---\nargument_hint: x\nowner: y\n---\n"), []string{
			`warning frontmatter-unknown-key commands/c.md:2:1: unknown key "argument_hint" in the frontmatter; it is kept and ignored`,
			`info frontmatter-unknown-key commands/c.md:3:1: unknown key "owner" in the frontmatter; it is kept and ignored`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, show(load(t, tc.fsys).Findings)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDuplicateCommands(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		fsys fstest.MapFS
		want []string // all named
	}{
		{"file and folder", files("commands/x.md", "", "commands/x/SKILL.md", ""), []string{"p:x", "commands/x.md", "commands/x/SKILL.md"}},
		{"two listed folders", files(manifest, `{"name": "p", "commands": ["./a", "./b"]}`, "a/x.md", "", "b/x.md", ""), []string{"p:x", "a/x.md", "b/x.md"}},
		{"two JSON keys", files(manifest, "{\"name\": \"p\", \"commands\": {\"x\": {\"content\": \"a\"},\n\"x\": {\"content\": \"b\"}}}"), []string{"p:x", manifest + ":2:1", "line 1"}},
		{"map and file", files(manifest, `{"name": "p", "commands": {"x": {"content": "a"}}}`, "commands/x.md", "b"), []string{"p:x", manifest, "commands/x.md"}},
		{"handler bound twice", files(manifest, "{\"name\": \"p\", \"metadata\": {\"cowork\": {\"handlers\": {\"command:x\": \"A\",\n\"command:x\": \"B\"}}}}", "commands/x.md", ""), []string{"command:x", ":2:1", "line 1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := bundle.Load(t.Context(), tc.fsys, bundle.Options{Name: "p"})
			if !errors.Is(err, pluginsdk.ErrInvalid) {
				t.Fatalf("got %v, want an invalid error", err)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not name %s", err, w)
				}
			}
		})
	}
	t.Run("map that uses the file", func(t *testing.T) {
		t.Parallel()
		b := load(t, files(manifest, `{"name": "p", "commands": {"x": {"source": "./commands/x.md", "description": "D", "allowedTools": ["R"]}}}`, "commands/x.md", "b", "commands/y.md", ""))
		if len(b.Commands) != 1 || b.Commands[0].Description != "D" || b.Commands[0].Body != "b" || len(b.Findings) != 0 {
			t.Errorf("got %+v, %v", b.Commands, show(b.Findings))
		}
	})
}

func TestLinks(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	outer := t.TempDir()
	dir := filepath.Join(outer, "p")
	write := func(p, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(outer, p)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(outer, p), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, p string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, p)); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.md", "---\ndescription: SECRET\n---\n")
	write("p/real/SKILL.md", "---\ndescription: inside\n---\n")
	write("p/commands/a.md", "A")
	write("p/skills/z/SKILL.md", "Z")
	link("../real", "skills/kept")
	link("../..", "skills/up")
	link("../../secret.md", "commands/leak.md")
	link(filepath.Join(outer, "secret.md"), "commands/abs.md")
	link("../step", "commands/chain.md")
	link("commands/../../secret.md", "step")
	link(".", "commands/loop")
	link("self", "commands/self")
	for name, fsys := range map[string]fs.FS{"dir": os.DirFS(dir), "root": openRoot(t, dir)} {
		b := load(t, fsys)
		var ids, refused []string
		for _, s := range b.Skills {
			ids = append(ids, s.ID)
		}
		for _, c := range b.Commands {
			ids = append(ids, c.ID)
		}
		for _, f := range b.Findings {
			if f.Rule == "symlink-outside" || f.Rule == "symlink-broken" {
				refused = append(refused, f.File)
			}
		}
		slices.Sort(refused)
		if diff := cmp.Diff([]string{"folder:kept", "folder:z", "folder:a"}, ids); diff != "" {
			t.Errorf("%s: contributions (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{"commands/abs.md", "commands/chain.md", "commands/leak.md", "commands/self", "skills/up", "step"}, refused); diff != "" {
			t.Errorf("%s: refused links (-want +got):\n%s", name, diff)
		}
	}
}

func openRoot(t *testing.T, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root.FS()
}

func TestDigest(t *testing.T) {
	t.Parallel()
	base := func() fstest.MapFS { return files("a", "one", "b", "two", "commands/c.md", "x") }
	digest := func(m fstest.MapFS) string { return load(t, m).Digest }
	want := digest(base())
	if want != digest(base()) || !strings.HasPrefix(want, "sha256:") || len(want) != 71 {
		t.Fatalf("digest %q is not stable", want)
	}
	seen := map[string]string{want: "the bundle itself"}
	for name, change := range map[string]func(fstest.MapFS){
		"content":             func(m fstest.MapFS) { m["a"].Data = []byte("One") },
		"name":                func(m fstest.MapFS) { m["A"] = m["a"]; delete(m, "a") },
		"executable bit":      func(m fstest.MapFS) { m["a"].Mode = 0o755 },
		"one more":            func(m fstest.MapFS) { m["c"] = &fstest.MapFile{} },
		"one less":            func(m fstest.MapFS) { delete(m, "b") },
		"a byte moved over":   func(m fstest.MapFS) { m["a"].Data, m["b"].Data = []byte("onet"), []byte("wo") },
		"link for a file":     func(m fstest.MapFS) { m["b"] = &fstest.MapFile{Data: []byte("a"), Mode: fs.ModeSymlink} },
		"link to another":     func(m fstest.MapFS) { m["b"] = &fstest.MapFile{Data: []byte("c"), Mode: fs.ModeSymlink} },
		"contents exchanged":  func(m fstest.MapFS) { m["a"].Data, m["b"].Data = m["b"].Data, m["a"].Data },
		"name takes contents": func(m fstest.MapFS) { m["aone"] = &fstest.MapFile{}; delete(m, "a") },
	} {
		m := base()
		change(m)
		got := digest(m)
		if other, ok := seen[got]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[got] = name
	}
	m := base()
	m["a"].Mode = 0o600
	if digest(m) != want {
		t.Error("a mode without an executable bit changes the digest")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limits := bundle.Limits{FileBytes: 100, Files: 5, TotalBytes: 1000}
	many, deep := fstest.MapFS{}, fstest.MapFS{}
	for i := range 7 {
		many[fmt.Sprint("f", i)] = &fstest.MapFile{}
	}
	folders := fstest.MapFS{}
	for i := range 7 {
		folders[fmt.Sprintf("d%d", i)] = &fstest.MapFile{Mode: fs.ModeDir}
	}
	deep[strings.Repeat("d/", 80)+"f"] = &fstest.MapFile{}
	for _, tc := range []struct {
		name   string
		fsys   fs.FS
		limits bundle.Limits
		want   string
	}{
		{"files", many, limits, "more than 5 files"},
		{"folders", folders, limits, "more than 5 files or folders"},
		{"bytes", files("a", strings.Repeat("x", 1001)), limits, "larger than"},
		{"depth", deep, bundle.Limits{}, "nested too deeply"},
		{"manifest", files(manifest, `{"name": "p"}`+strings.Repeat(" ", 100)), limits, "the manifest is too large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b, err := bundle.Load(t.Context(), tc.fsys, bundle.Options{Name: "p", Limits: tc.limits})
			if !errors.Is(err, pluginsdk.ErrInvalid) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want an invalid error with %q", err, tc.want)
			}
			if b == nil || b.Manifest.Name != "p" || len(b.Findings) == 0 || b.Findings[0].Severity != bundle.Error {
				t.Errorf("the plugin cannot be shown: %+v", b)
			}
		})
	}
	t.Run("component", func(t *testing.T) {
		t.Parallel()
		b, err := bundle.Load(t.Context(), files(manifest, `{"name": "p"}`, "commands/big.md", strings.Repeat("x", 101), "commands/ok.md", ""), bundle.Options{Limits: limits})
		if err != nil || len(b.Commands) != 1 || b.Findings[0].Rule != "file-size" {
			t.Errorf("got %v, %+v", err, b)
		}
	})
}

func TestHostile(t *testing.T) {
	t.Parallel()
	var keys strings.Builder
	for i := range 150_000 {
		fmt.Fprintf(&keys, `,"k%d":0`, i)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	b := load(t, files(
		manifest, `{"name":"p"`+keys.String()+"}",
		"commands/bomb.md", "---\n"+bomb+"description: *z\n---\nbody",
		"commands/deep.md", "---\nx: "+strings.Repeat("[", 30_000)+"\n---\nbody",
		"commands/long.md", "---\nx: "+strings.Repeat("a", 100_000)+"\n---\nbody",
		"commands/nul.md", "---\nx: \x00\n---\n\x00",
		"commands/open.md", "---\nx: 1\n",
		"commands/esc\x1b[31m.md", "x",
		".mcp.json", strings.Repeat("[", 1_000_000),
	))
	if len(b.Commands) != 6 || len(b.Findings) > 1001 {
		t.Errorf("got %d commands and %d findings", len(b.Commands), len(b.Findings))
	}
	keys.Reset()
	for i := range 20_000 {
		fmt.Fprintf(&keys, `,"k%d":{"source":"./big.md","url":"x"}`, i)
	}
	wide := load(t, files(
		manifest, `{"name":"p","commands":{"a":{"content":""}`+keys.String()+`},"mcpServers":{"a":{}`+keys.String()+`}}`,
		"big.md", strings.Repeat("x", 1<<20),
	))
	if len(wide.Commands) > 1000 || len(wide.Connectors) > 1000 {
		t.Errorf("got %d commands and %d servers", len(wide.Commands), len(wide.Connectors))
	}
	for _, f := range append(b.Findings, wide.Findings...) {
		if strings.ContainsAny(f.String(), "\x00\x1b\n") || len(f.Message) > 600 {
			t.Errorf("a finding cannot be shown: %q", f)
		}
	}
}

// faulty fails on one file, or gives other bytes the second time.
type faulty struct {
	fstest.MapFS
	fail, change string
	opened       map[string]int
}

func (f *faulty) Open(name string) (fs.File, error) {
	if name == f.fail {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	if f.opened[name]++; name == f.change && f.opened[name] == 2 {
		f.MapFS[name].Data[0]++
	}
	return f.MapFS.Open(name)
}

func TestReadFaults(t *testing.T) {
	t.Parallel()
	tree := func() fstest.MapFS { return files("commands/c.md", "text", "data/x", "y") }
	if _, err := bundle.Load(t.Context(), &faulty{MapFS: tree(), fail: "data/x", opened: map[string]int{}}, bundle.Options{Name: "p"}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "data/x") {
		t.Errorf("unreadable file: got %v", err)
	}
	if _, err := bundle.Load(t.Context(), &faulty{MapFS: tree(), change: "commands/c.md", opened: map[string]int{}}, bundle.Options{Name: "p"}); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("changed file: got %v", err)
	}
	if _, err := bundle.Load(t.Context(), os.DirFS(filepath.Join(t.TempDir(), "none")), bundle.Options{Name: "p"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bundle.Load(ctx, tree(), bundle.Options{Name: "p"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// BenchmarkLoad shows that the cost grows with the number of files alone.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		fsys := files(manifest, `{"name": "p"}`)
		for i := range n {
			fsys[fmt.Sprintf("skills/s%d/SKILL.md", i)] = &fstest.MapFile{Data: []byte("---\nname: x\ndescription: Does something\nargument-hint: [a] [b]\n---\n" + strings.Repeat("Some text of the skill.\n", 100))}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := bundle.Load(b.Context(), fsys, bundle.Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/skill")
		})
	}
}
