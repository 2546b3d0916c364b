package catalog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle"
)

func entries() []catalog.Plugin {
	return []catalog.Plugin{
		{
			Name: "finance", State: catalog.Enabled, Source: "shipped",
			Commands: []catalog.Command{{ID: "finance:variance-analysis", ArgumentHint: "BUDGET ACTUALS", Params: []pluginsdk.Param{{Name: "budget"}}}, {ID: "finance:profile", NeedsModel: true}},
			Skills:   []catalog.Skill{{ID: "finance:close", Name: "close", UserInvocable: true, Alias: "month-end"}, {ID: "finance:methods", Name: "methods"}, {ID: "finance:profile", UserInvocable: true}},
		},
		{
			Name: "data", State: catalog.Enabled, Source: "shipped",
			Commands: []catalog.Command{{ID: "data:profile"}, {ID: "data:close-files", Alias: "close"}, {ID: "data:sub:deep"}},
		},
		{Name: "off", State: catalog.Disabled, Commands: []catalog.Command{{ID: "off:thing"}}},
		{Name: "bad", State: catalog.Failed, Commands: []catalog.Command{{ID: "bad:thing"}}},
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	s := catalog.New(entries())
	for _, tc := range []struct {
		name, want string
		kind       error
		text       string
	}{
		{"finance:variance-analysis", "finance:variance-analysis", nil, ""},
		{"/finance:variance-analysis", "finance:variance-analysis", nil, ""},
		{"variance-analysis", "finance:variance-analysis", nil, ""},
		{"finance:close", "finance:close", nil, ""},
		{"finance:month-end", "finance:close", nil, ""},
		{"month-end", "finance:close", nil, ""},
		{"close", "finance:close", nil, ""}, // the name wins over the alias of another
		{"data:close", "data:close-files", nil, ""},
		{"sub:deep", "data:sub:deep", nil, ""},
		{"profile", "", pluginsdk.ErrInvalid, "/profile is the name of 2 commands; write /data:profile or /finance:profile"},
		{"finance:methods", "", pluginsdk.ErrNotFound, "there is no command /finance:methods"},
		{"finance:varience-analysis", "", pluginsdk.ErrNotFound, "did you mean /finance:variance-analysis?"},
		{"data:porfile", "", pluginsdk.ErrNotFound, "did you mean /data:profile"},
		{"variance", "", pluginsdk.ErrNotFound, "did you mean /finance:variance-analysis?"},
		{"qqqqqqqq", "", pluginsdk.ErrNotFound, "see what there is with cowork plugin ls"},
		{"off:thing", "", pluginsdk.ErrUnavailable, "the plugin off is disabled; run cowork plugin enable off"},
		{"thing", "", pluginsdk.ErrNotFound, "there is no command /thing"},
		{"bad:thing", "", pluginsdk.ErrUnavailable, "the plugin bad is failed"},
		{"", "", pluginsdk.ErrNotFound, "there is no command /"},
		{strings.Repeat("x", 100_000), "", pluginsdk.ErrNotFound, "there is no command /xxx"},
	} {
		t.Run(tc.name[:min(40, len(tc.name))], func(t *testing.T) {
			t.Parallel()
			c, err := s.Command(tc.name)
			if c.ID != tc.want || !errors.Is(err, tc.kind) {
				t.Fatalf("got %q, %v; want %q", c.ID, err, tc.want)
			}
			if err != nil && (!strings.Contains(err.Error(), tc.text) || len(err.Error()) > 500) {
				t.Errorf("got %q, want it to say %q", err, tc.text)
			}
		})
	}
}

func TestSnapshotIsImmutable(t *testing.T) {
	t.Parallel()
	in := entries()
	s := catalog.New(in)
	in[0].Commands[0].ID = "changed"
	in[0].Commands[0].Params[0].Name = "changed"
	s.Plugins()[0].Commands = nil
	s.Plugins()[2].Commands[0].ID = "changed"
	s.Commands()[0].ID = "changed"
	c, err := s.Command("finance:variance-analysis")
	if err != nil || c.Params[0].Name != "budget" {
		t.Fatalf("got %+v, %v", c, err)
	}
	c.Params[0].Name = "changed"
	again, _ := s.Command("finance:variance-analysis")
	if again.Params[0].Name != "budget" {
		t.Error("a caller can change a command")
	}
	var names, ids []string
	for _, p := range s.Plugins() {
		names = append(names, p.Name)
	}
	for _, c := range s.Commands() {
		ids = append(ids, c.ID)
	}
	if diff := cmp.Diff([]string{"bad", "data", "finance", "off"}, names); diff != "" {
		t.Errorf("plugins (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"data:close-files", "data:profile", "data:sub:deep", "finance:close", "finance:profile", "finance:variance-analysis"}, ids); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestPluginLookup(t *testing.T) {
	t.Parallel()
	s := catalog.New(append(entries(), catalog.Plugin{Name: "data", State: catalog.Enabled, Source: "/home/me/data", Commands: []catalog.Command{{ID: "data:other"}}}))
	if p, err := s.Plugin("data"); err != nil || p.Source != "shipped" {
		t.Errorf("got %v, %v; want the first of two", p.Source, err)
	}
	if _, err := s.Plugin("fiance"); !errors.Is(err, pluginsdk.ErrNotFound) || !strings.Contains(err.Error(), "did you mean finance?") {
		t.Errorf("got %v", err)
	}
	dup := s.Plugins()[2]
	if dup.State != catalog.Failed || len(dup.Findings) != 1 || !strings.Contains(dup.Findings[0].Message, "already there, from shipped") {
		t.Errorf("the second plugin of a name is %+v", dup)
	}
	if _, err := s.Command("data:other"); err == nil {
		t.Error("a command of the second plugin can be called")
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*catalog.Snapshot{"nil": nil, "zero": {}, "new": catalog.New(nil)} {
		if len(s.Plugins()) != 0 || len(s.Commands()) != 0 || s.Nearest("x", 3) != nil {
			t.Errorf("%s is not empty", name)
		}
		if _, err := s.Command("a:b"); !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Plugin("a"); !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if data, err := json.Marshal(s.Plugins()); err != nil || string(data) != "[]" {
			t.Errorf("%s: %s, %v", name, data, err)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(catalog.Plugin{Name: "x", State: catalog.Enabled})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"x","version":"","source":"","digest":"","state":"enabled","skills":[],"commands":[],"agents":[],"connectors":[],"hooks":[],"findings":[]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("empty (-want +got):\n%s", diff)
	}
	full := catalog.Plugin{
		Name: "x", Version: "1", Source: "s", Digest: "d", State: catalog.Failed,
		Skills:     []catalog.Skill{{ID: "x:a", Name: "a", Description: "A"}},
		Commands:   []catalog.Command{{ID: "x:c", NeedsModel: true}},
		Agents:     []catalog.Agent{{ID: "x:g", Name: "g"}},
		Connectors: []catalog.Connector{{Name: "m", Transport: "http", State: catalog.ToConnect}},
		Hooks:      []catalog.Hook{{Event: "Stop", Type: "command"}},
		Findings:   []bundle.Finding{{File: "f", Line: 1, Column: 2, Severity: bundle.Warning, Rule: "r", Message: "m"}},
	}
	got, err = json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	want = `{"name":"x","version":"1","source":"s","digest":"d","state":"failed",` +
		`"skills":[{"id":"x:a","name":"a","description":"A","user_invocable":false}],` +
		`"commands":[{"id":"x:c","argument_hint":"","needs_model":true}],` +
		`"agents":[{"id":"x:g","name":"g","description":""}],` +
		`"connectors":[{"name":"m","transport":"http","state":"to_connect"}],` +
		`"hooks":[{"event":"Stop","matcher":"","type":"command"}],` +
		`"findings":[{"file":"f","line":1,"column":2,"severity":"warning","rule":"r","message":"m","fix":""}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("full (-want +got):\n%s", diff)
	}
	var back catalog.Plugin
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestFromBundle(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{}
	for p, text := range map[string]string{
		".claude-plugin/plugin.json": `{"name": "finance", "version": "2"}`,
		"commands/variance.md":       "---\ndescription: Old\nargument-hint: A B\n---\n",
		"commands/prose.md":          "---\ndescription: Prose\n---\n",
		"commands/close.md":          "shadowed",
		"commands/hidden.md":         "---\nuser-invocable: false\n---\n",
		"skills/close/SKILL.md":      "---\nname: month-end\ndescription: Close\nargument-hint: '[month]'\n---\n",
		"skills/profile/SKILL.md":    "---\ndescription: Profile\nargument-hint: FILE\n---\n",
		"agents/reviewer.md":         "---\ndescription: R\n---\n",
		".mcp.json":                  `{"a": {"type": "http", "url": ""}, "b": {"command": "x"}}`,
		"hooks/hooks.json":           `{"hooks": {"Stop": [{"hooks": [{"type": "prompt", "prompt": "x"}]}]}}`,
	} {
		fsys[p] = &fstest.MapFile{Data: []byte(text)}
	}
	b, err := bundle.Load(t.Context(), fsys, bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	params := []pluginsdk.Param{{Name: "budget", Kind: pluginsdk.ParamFile, Required: true}}
	p := catalog.FromBundle(b, "shipped", []pluginsdk.Command{
		{Name: "variance", Summary: "New", ArgumentHint: "BUDGET", Params: params}, {Name: "profile"}, {Name: "extra", Summary: "Extra"},
	}, nil)
	want := catalog.Plugin{
		Name: "finance", Version: "2", Source: "shipped", Digest: b.Digest, State: catalog.Enabled,
		Skills: []catalog.Skill{
			{ID: "finance:close", Name: "close", Description: "Close", UserInvocable: true, ArgumentHint: "[month]", Alias: "month-end"},
			{ID: "finance:profile", Name: "profile", Description: "Profile", UserInvocable: true, ArgumentHint: "FILE"},
		},
		Commands: []catalog.Command{
			{ID: "finance:prose", Summary: "Prose", NeedsModel: true},
			{ID: "finance:variance", Summary: "New", ArgumentHint: "BUDGET", Params: params},
			{ID: "finance:profile", Summary: "Profile", ArgumentHint: "FILE"},
			{ID: "finance:extra", Summary: "Extra"},
		},
		Agents:     []catalog.Agent{{ID: "finance:reviewer", Name: "reviewer", Description: "R"}},
		Connectors: []catalog.Connector{{Name: "a", Transport: "http", State: catalog.ToConnect}, {Name: "b", Transport: "stdio", State: catalog.ToConnect}},
		Hooks:      []catalog.Hook{{Event: "Stop", Type: "prompt"}},
		Findings:   b.Findings,
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("plugin (-want +got):\n%s", diff)
	}
	if c, err := catalog.New([]catalog.Plugin{p}).Command("month-end"); err != nil || c.ID != "finance:close" || !c.NeedsModel {
		t.Errorf("the skill is %+v, %v", c, err)
	}

	fsys[".claude-plugin/plugin.json"].Data = []byte(`{"name": "finance", "version": 2}`)
	b, err = bundle.Load(t.Context(), fsys, bundle.Options{})
	p = catalog.FromBundle(b, "shipped", nil, err)
	if p.State != catalog.Failed || len(p.Commands) != 0 || len(p.Findings) == 0 || p.Name != "finance" {
		t.Errorf("a plugin that does not load is %+v", p)
	}
	p = catalog.FromBundle(nil, "/x", nil, errors.New("permission denied"))
	if p.State != catalog.Failed || p.Source != "/x" || len(p.Findings) != 1 || p.Findings[0].Message != "permission denied" {
		t.Errorf("a plugin that cannot be read is %+v", p)
	}
}

func BenchmarkCommand(b *testing.B) {
	for _, n := range []int{10, 100, 500} {
		var all []catalog.Plugin
		for i := range n {
			p := catalog.Plugin{Name: fmt.Sprint("p", i), State: catalog.Enabled}
			for j := range 8 {
				p.Commands = append(p.Commands, catalog.Command{ID: fmt.Sprintf("p%d:do-thing-%d", i, j)})
			}
			all = append(all, p)
		}
		s := catalog.New(all)
		b.Run(fmt.Sprint("new/", n), func(b *testing.B) {
			for b.Loop() {
				catalog.New(all)
			}
		})
		b.Run(fmt.Sprint("found/", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Command("p7:do-thing-3"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("unknown/", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Command("p7:do-think-3"); err == nil {
					b.Fatal("found")
				}
			}
		})
	}
}
