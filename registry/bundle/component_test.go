package bundle_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/registry/bundle"
)

// ids lists what a bundle contributes, as "kind id file".
func ids(b *bundle.Bundle) []string {
	out := []string{}
	for _, s := range b.Skills {
		out = append(out, "skill "+s.ID+" "+s.File)
	}
	for _, c := range b.Commands {
		out = append(out, "command "+c.ID+" "+c.File)
	}
	for _, a := range b.Agents {
		out = append(out, "agent "+a.ID+" "+a.File)
	}
	for _, c := range b.Connectors {
		out = append(out, "connector "+c.ID+" "+c.File)
	}
	for _, h := range b.Hooks {
		out = append(out, "hook "+h.Event+" "+h.File)
	}
	return out
}

// TestWhereComponentsStand is which files count, by manifest.
func TestWhereComponentsStand(t *testing.T) {
	t.Parallel()
	with := func(rest string, more ...string) fstest.MapFS {
		return files(append([]string{manifest, `{"name": "p"` + rest + `}`}, more...)...)
	}
	for _, tc := range []struct {
		name  string
		fsys  fstest.MapFS
		want  []string
		rules string
	}{
		{
			"commands of the manifest replace the folder", with(`, "commands": "./cmds"`, "cmds/a.md", "", "commands/b.md", ""),
			[]string{"command p:a cmds/a.md"},
			"",
		},
		{
			"one file", with(`, "commands": ["./x/a.md", "./x/a.md", "./x/note.txt"]`, "x/a.md", "", "x/note.txt", ""),
			[]string{"command p:a x/a.md"},
			"path-duplicate path-kind",
		},
		{
			"no usable path falls back to the folder", with(`, "commands": "./none"`, "commands/b.md", ""),
			[]string{"command p:b commands/b.md"},
			"path-missing",
		},
		{
			"root variable", with(`, "commands": "${CLAUDE_PLUGIN_ROOT}/c"`, "c/a.md", ""),
			[]string{"command p:a c/a.md"},
			"path-style",
		},
		{
			"skills of the manifest add to the folder", with(`, "skills": ["./more", "./single", "./skills"]`, "skills/a/SKILL.md", "", "more/b/SKILL.md", "", "single/SKILL.md", ""),
			[]string{"skill p:a skills/a/SKILL.md", "skill p:b more/b/SKILL.md", "skill p:single single/SKILL.md"},
			"",
		},
		{
			"two skills with one id", with(`, "skills": "./more"`, "skills/a/SKILL.md", "", "more/a/SKILL.md", ""),
			[]string{"skill p:a skills/a/SKILL.md"},
			"skill-duplicate",
		},
		{"one skill at the root", with("", "SKILL.md", ""), []string{"skill p:p SKILL.md"}, ""},
		{"a root skill beside a folder does not count", with("", "SKILL.md", "", "skills/a/SKILL.md", ""), []string{"skill p:a skills/a/SKILL.md"}, ""},
		{"skills at the root", with(`, "skills": "."`, "SKILL.md", ""), []string{"skill p:p SKILL.md"}, ""},
		{"skills is a file", with(`, "skills": "./x.md"`, "x.md", ""), []string{}, "path-kind"},
		{"nested skills are references", with("", "skills/a/SKILL.md", "", "skills/a/b/SKILL.md", "", "skills/c/d/SKILL.md", ""), []string{"skill p:a skills/a/SKILL.md"}, ""},
		{
			"agents", with("", "agents/a.md", "---\nname: one\n---\n", "agents/sub/b.md", "x", "agents/bad.md", "---\n\"x\n---\n", "agents/colon.md", "---\nname: a:b\n---\n"),
			[]string{"agent p:one agents/a.md", "agent p:bad agents/bad.md", "agent p:colon agents/colon.md", "agent p:sub:b agents/sub/b.md"},
			"frontmatter-yaml",
		},
		{
			"agents of the manifest", with(`, "agents": ["./x/a.md", "./y", "./z.txt"]`, "agents/no.md", "", "x/a.md", "", "y/b.md", "", "z.txt", ""),
			[]string{"agent p:a x/a.md", "agent p:b y/b.md"},
			"path-kind path-kind",
		},
		{"two agents with one name", with("", "agents/a.md", "---\nname: n\n---\n", "agents/b.md", "---\nname: n\n---\n"), []string{"agent p:n agents/a.md"}, "agent-duplicate"},
		{
			"servers are merged", with(`, "mcpServers": ["./more.json", {"c": {"command": "x"}}, "./x.mcpb", "https://x.example/y", "./.mcp.json"]`,
				".mcp.json", `{"a": {"url": "u", "type": "sse"}, "$schema": "x", "_docs": {"type": "none"}}`, "more.json", `{"mcpServers": {"a": {"url": "v", "type": "streamable-http"}}}`, "x.mcpb", ""),
			[]string{"connector p:a more.json", "connector p:c " + manifest},
			"connector-mcpb connector-mcpb connector-transport connector-duplicate",
		},
		{"servers of a wrong type", with("", ".mcp.json", `{"mcpServers": []}`), []string{}, "connector-type"},
		{"server list", with("", ".mcp.json", `[]`), []string{}, "connector-type"},
		{"empty server file", with("", ".mcp.json", ``), []string{}, "json-syntax"},
		{"plain mcp.json", with("", "mcp.json", `{"a": {"command": "x"}}`), []string{}, ""},
		{"server without url", with("", ".mcp.json", `{"a": {"type": "http"}, "b": {"type": "ws", "url": ""}, "workspace": {"command": "x"}}`), []string{"connector p:b .mcp.json", "connector p:workspace .mcp.json"}, "connector-type connector-reserved"},
		{
			"hooks are merged once", with(`, "hooks": ["./hooks/hooks.json", "./h.json", {"Stop": [{"hooks": [{"type": "command", "command": "x"}]}]}]`,
				"hooks/hooks.json", `{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "x"}]}]}}`, "h.json", `{"description": "d", "hooks": {"SessionEnd": [{"matcher": "*", "hooks": [{"type": "http", "url": "x"}]}]}}`),
			[]string{"hook PreToolUse hooks/hooks.json", "hook SessionEnd h.json", "hook Stop " + manifest},
			"",
		},
		{"hooks of wrong types", with("", "hooks/hooks.json", `{"hooks": {"Stop": {}, "PreToolUse": [5, {"matcher": 5}, {"hooks": {}}], "SessionEnd": [{"hooks": [{"type": "command", "command": "x", "timeout": "soon"}]}]}}`), []string{"hook SessionEnd hooks/hooks.json"}, "hook-type hook-type hook-type hook-type hook-type"},
		{"hooks as a list", with("", "hooks/hooks.json", `[{}]`), []string{}, "hook-type"},
		{"components inside .claude-plugin", with("", ".claude-plugin/commands/a.md", "", ".claude-plugin/skills/b/SKILL.md", ""), []string{}, ""},
		{"map of commands", with(`, "commands": {"a": {"source": "./x.md"}, "b": {"content": "B"}, "c": {}, "d e": {"content": ""}, "f": {"source": "../x"}}`, "x.md", "", "commands/old.md", ""), []string{"command p:a x.md", "command p:b " + manifest}, "command-empty command-name path-outside"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := load(t, tc.fsys)
			if diff := cmp.Diff(tc.want, ids(b)); diff != "" {
				t.Errorf("contributions (-want +got):\n%s", diff)
			}
			var rules []string
			for _, f := range b.Findings {
				rules = append(rules, f.Rule)
			}
			want := strings.Fields(tc.rules)
			if diff := cmp.Diff(sortedCopy(want), sortedCopy(rules)); diff != "" {
				t.Errorf("rules (-want +got):\n%s\n%v", diff, show(b.Findings))
			}
		})
	}
}

func sortedCopy(s []string) []string {
	out := append([]string{}, s...)
	slices.Sort(out)
	return out
}

// TestFolderNames is how a plugin without a manifest is named.
func TestFolderNames(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{
		"finance": "finance", "My Plugin (2)": "my-plugin-2", "a.b_c": "a.b_c", "1.2.0": "1.2.0", "büro": "büro", strings.Repeat("ab-", 60): strings.TrimSuffix(strings.Repeat("ab-", 21), "-"),
	} {
		b, err := bundle.Load(t.Context(), files("commands/c.md", ""), bundle.Options{Name: folder})
		if err != nil || b.Manifest.Name != want || b.Commands[0].ID != want+":c" {
			t.Errorf("%q: got %q, %v; want %q", folder, b.Manifest.Name, err, want)
		}
	}
	for _, folder := range []string{"", "..", ".", "/", "???"} {
		if b, err := bundle.Load(t.Context(), files("commands/c.md", ""), bundle.Options{Name: folder}); err == nil || b.Manifest.Name != "unnamed" {
			t.Errorf("%q is taken for a name: %v", folder, err)
		}
	}
}
