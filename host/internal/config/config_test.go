package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/config"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/usage"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       config.Settings
	}{
		{"nothing set", "{}", config.Settings{}},
		{"white space", " \n{ }\n", config.Settings{}},
		{"byte order mark", "\ufeff{}", config.Settings{}},
		{"caps", `{"caps": {"task": "2.50", "day": "20"}}`, config.Settings{Caps: usage.Caps{Task: "2.50", Day: "20"}}},
		{"one cap", `{"caps": {"day": "0"}}`, config.Settings{Caps: usage.Caps{Day: "0"}}},
		{"rules", `{"policy": [
			{"verdict": "deny", "tool": "web_fetch", "target": "*.example.com"},
			{"verdict": "ask", "target": "Contracts"},
			{"verdict": "allow", "tool": "web_search"}
		]}`, config.Settings{Policy: []policy.Rule{
			{Verdict: policy.Deny, Tool: "web_fetch", Target: "*.example.com"},
			{Verdict: policy.AskUser, Target: "Contracts"},
			{Verdict: policy.Allow, Tool: "web_search"},
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Parse([]byte(c.text))
			if d := cmp.Diff(c.want, got); err != nil || d != "" {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "line 1: "},
		{"cut off", `{"caps": {`, "line 1: "},
		{"a comment", "{\n// mine\n}", "line 2: "},
		{"a comma too many", "{\"caps\": {},\n}", "line 2: "},
		{"two documents", "{} {}", "line 1: "},
		{"a list", "[]", "line 1: the file is a list, not an object"},
		{"null", "null", "line 1: the file is null, not an object"},
		{"near the name", "{\n  \"polcy\": []\n}", `line 2: there is no setting "polcy"; did you mean "policy"?`},
		{"in capitals", `{"Policy": []}`, `did you mean "policy"?`},
		{"near the name, inside", `{"caps": {"dya": "1"}}`, `there is no setting "dya" in caps; did you mean "day"?`},
		{"near the name, in a rule", "{\"policy\": [\n{\"verdict\": \"deny\"},\n{\"verdict\": \"deny\", \"targt\": \"x\"}]}", `line 3: there is no setting "targt" in policy[2]; did you mean "target"?`},
		{"far from any name", `{"telemetry": true}`, `there is no setting "telemetry"; there are caps, policy`},
		{"twice", `{"caps": {}, "caps": {}}`, `"caps" is there twice`},
		{"twice by an escape", `{"caps": {}, "\u0063aps": {}}`, `"caps" is there twice`},
		{"a number for an amount", `{"caps": {"day": 5}}`, "caps.day is a number, not a string"},
		{"null for an object", `{"caps": null}`, "caps is null, not an object"},
		{"an object for a list", `{"policy": {}}`, "policy is an object, not a list"},
		{"text for a rule", `{"policy": ["deny all"]}`, "policy[1] is a string, not an object"},
		{"a sign", `{"caps": {"day": "-5"}}`, `the cap per day is refused: "-5" is not an amount`},
		{"a currency", `{"caps": {"task": "$5"}}`, "the cap per task is refused"},
		{"a comma", `{"caps": {"task": "2,50"}}`, "the cap per task is refused"},
		{"an exponent", `{"caps": {"task": "1e9"}}`, "the cap per task is refused"},
		{"not a number", `{"caps": {"task": "NaN"}}`, "the cap per task is refused"},
		{"infinity", `{"caps": {"task": "Infinity"}}`, "the cap per task is refused"},
		{"a rule without a verdict", `{"policy": [{"tool": "x"}]}`, `policy[1]: verdict is "", not allow, ask or deny`},
		{"a rule with another verdict", `{"policy": [{"verdict": "allow"}, {"verdict": "never"}]}`, `policy[2]: verdict is "never"`},
		{"a rule for a page", `{"policy": [{"verdict": "deny", "target": "https://example.com/x"}]}`, "policy[1]: target is"},
		{"not UTF-8", "{\"policy\": [{\"verdict\": \"deny\", \"tool\": \"\xff\"}]}", "not UTF-8"},
		{"deep", strings.Repeat("[", 100_000), "line 1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error: %v, want %q", err, c.says)
			}
			if d := cmp.Diff(config.Settings{}, got); d != "" {
				t.Errorf("half of it is used: %s", d)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "settings.json")
	if s, err := config.Load(path); err != nil || cmp.Diff(config.Settings{}, s) != "" {
		t.Errorf("no file: %+v, %v", s, err)
	}
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"fine":      {`{"caps": {"day": "5"}}`, true},
		"broken":    {`{"caps"`, false},
		"empty":     {``, false},
		"too large": {`{}` + strings.Repeat(" ", 2<<20), false},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := config.Load(path)
		if c.ok {
			if err != nil || s.Caps.Day != "5" {
				t.Errorf("%s: %+v, %v", name, s, err)
			}
			continue
		}
		var e *pluginsdk.Error
		if !errors.As(err, &e) || !errors.Is(err, pluginsdk.ErrInvalid) || !strings.Contains(e.Message, path) || e.Next == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := config.Load(dir); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := config.Load(filepath.Join(path, "x")); err == nil {
		t.Error("a file in a file: no error")
	}
}

// TestExampleInTheDocs reads the settings docs/permissions.md shows.
func TestExampleInTheDocs(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "```json\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("there is no example")
	}
	s, err := config.Parse([]byte(text))
	if err != nil || len(s.Policy) != 3 || s.Caps != (usage.Caps{Task: "2.00", Day: "20"}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"policy": [{"verdict": "deny", "tool": "web_fetch", "target": "*.example.com"}], "caps": {"task": "2.50"}}`))
	f.Add([]byte(`{"polcy": 1}`))
	f.Add([]byte("\ufeff{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := config.Parse(data)
		if err != nil {
			return
		}
		for _, r := range s.Policy {
			if r.Check() != nil {
				t.Fatalf("%q gives the broken rule %+v", data, r)
			}
		}
		if s.Caps.Check() != nil {
			t.Fatalf("%q gives the caps %+v", data, s.Caps)
		}
	})
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "settings.json")
	f := config.Open(path)
	for _, c := range []struct {
		name, text string // "-" is no file
		day        string
		ok         bool
	}{
		{"none", "-", "", true},
		{"written", `{"caps": {"day": "5"}}`, "5", true},
		{"the same", `{"caps": {"day": "5"}}`, "5", true},
		{"changed", `{"caps": {"day": "50"}}`, "50", true},
		{"broken", `{"caps": {"day": "50"}`, "", false},
		{"corrected", `{"caps": {"day": "6"}}`, "6", true},
		{"removed", "-", "", true},
	} {
		if c.text == "-" {
			os.Remove(path)
		} else if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s, err := f.Current()
			if (err == nil) != c.ok || s.Caps.Day != c.day {
				t.Errorf("%s: %+v, %v", c.name, s, err)
			}
		}
	}
}
