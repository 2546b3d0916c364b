package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/pluginsdk"
)

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		columns  int
		want     string
	}{
		{"fits", "Reading", 7, "Reading"},
		{"one too long", "Reading", 6, "Readi…"},
		{"wide characters", "売上を読む", 10, "売上を読む"},
		{"wide characters cut", "売上を読む", 9, "売上を読…"},
		{"wide characters, odd", "売上を読む", 8, "売上を…"},
		{"combining", "e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"combining cut", "e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"one column", "Reading", 1, "…"},
		{"none", "Reading", 0, ""},
		{"negative", "Reading", -3, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := cut(c.in, c.columns); got != c.want {
				t.Errorf("cut(%q, %d) = %q, want %q", c.in, c.columns, got, c.want)
			}
		})
	}
}

func FuzzCut(f *testing.F) {
	f.Add("売上を読む e\u0301", 4)
	f.Fuzz(func(t *testing.T, s string, columns int) {
		if !utf8.ValidString(s) {
			t.Skip("text on a terminal is cleaned before it is cut")
		}
		used := 0
		for _, r := range cut(s, columns) {
			used += columnsOf(r)
		}
		if used > max(columns, 0) {
			t.Errorf("cut(%q, %d) takes %d columns", s, columns, used)
		}
	})
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"short", "  one line", "  one line"},
		{"long", "  lines are matched by Account and Department", "  lines are matched by\n    Account and\n    Department"},
		{"a word too long", "a /very/long/path/that/does/not/fit b", "a\n  /very/long/path/that/does/not/fit\n  b"},
		{"spaces inside stay", "a  b", "a  b"},
		{"empty", "", ""},
		{"no room", strings.Repeat(" ", 20) + "x y", strings.Repeat(" ", 20) + "x y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(c.want, wrap(c.in, 24)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Umsätze 2026 – 売上", "Umsätze 2026 – 売上"},
		{"escape", "a\x1b[31mb", "a[31mb"},
		{"bell, return, delete", "a\a\rb\x7f", "ab"},
		{"C1", "a\u009b31mb", "a31mb"},
		{"right to left override", "a\u202ecod.exe", "acod.exe"},
		{"tab", "a\tb", "a b"},
		{"line end", "a\nb", "ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := clean(c.in); got != c.want {
				t.Errorf("clean(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
	if got, want := indent("a\x1b\nb\n"), "a\n    b"; got != want {
		t.Errorf("indent: %q, want %q", got, want)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	choices := []pluginsdk.Choice{{Value: "B", Label: "Plan A"}, {Value: "C", Label: "Plan B"}, {Value: "D", Label: "plan b"}, {Value: "2", Label: "Two"}}
	for _, c := range []struct {
		name    string
		choices []pluginsdk.Choice
		typed   string
		want    string
		ok      bool
	}{
		{"number", choices, " 1\n", "B", true},
		{"value", choices, "C", "C", true},
		{"value in another case", choices, "b", "B", true},
		{"label", choices, "plan a", "B", true},
		{"ambiguous label", choices, "Plan B", "", false},
		{"a number goes before a value", choices, "2", "C", true},
		{"too large", choices, "9", "", false},
		{"nonsense", choices, "x", "", false},
		{"empty", choices, "\n", "", false},
		{"free text", nil, " next week \n", "next week", true},
		{"no text", nil, " \n", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, problem := choose(c.choices, c.typed)
			if got != c.want || (problem == "") != c.ok {
				t.Errorf("choose(%q) = %q, %q", c.typed, got, problem)
			}
		})
	}
}

func TestJoinWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		words []string
		want  string
	}{
		{"one", []string{`/a:b "x y"`}, `/a:b "x y"`},
		{"split by the shell", []string{"/a:b", "x y", "it's", `b\c`, "", "plain"}, `/a:b 'x y' 'it'\''s' 'b\c' '' plain`},
		{"prose", []string{"it's", "an outcome"}, "it's an outcome"},
		{"none", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := joinWords(c.words); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestFreeEntry(t *testing.T) {
	t.Parallel()
	taken := map[string]bool{}
	var got []string
	for _, path := range []string{"/a/report.xlsx", "/b/report.xlsx", "/c/REPORT.xlsx", "/d/report (2).xlsx", "/e/noext", "/f/noext", "/g/x\x1b\\..\\y"} {
		got = append(got, freeEntry(taken, path))
	}
	want := []string{
		"files/report.xlsx", "files/report (2).xlsx", "files/REPORT (3).xlsx", "files/report (2) (2).xlsx",
		"files/noext", "files/noext (2)", "files/x_.._y",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
