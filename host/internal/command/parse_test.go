package command_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/command"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		want     command.Invocation
	}{
		{"plain", "/finance:variance-analysis budget.xlsx actuals.csv", command.Invocation{Plugin: "finance", Name: "variance-analysis", Raw: "budget.xlsx actuals.csv", Words: []string{"budget.xlsx", "actuals.csv"}}},
		{"no arguments", "  /data:profile \n", command.Invocation{Plugin: "data", Name: "profile"}},
		{"bare name", "/profile x", command.Invocation{Name: "profile", Raw: "x", Words: []string{"x"}}},
		{"folders", "/p:sub:deep:x", command.Invocation{Plugin: "p", Name: "sub:deep:x"}},
		{"single quotes", `/p:c 'a b' 'c\d"'`, command.Invocation{Plugin: "p", Name: "c", Raw: `'a b' 'c\d"'`, Words: []string{"a b", `c\d"`}}},
		{"double quotes", `/p:c "a b" "q\"\\\$\x"`, command.Invocation{Plugin: "p", Name: "c", Raw: `"a b" "q\"\\\$\x"`, Words: []string{"a b", `q"\$\x`}}},
		{"joined quotes", `/p:c a'b c'"d e"f`, command.Invocation{Plugin: "p", Name: "c", Raw: `a'b c'"d e"f`, Words: []string{"ab cd ef"}}},
		{"backslash", `/p:c a\ b \'x`, command.Invocation{Plugin: "p", Name: "c", Raw: `a\ b \'x`, Words: []string{"a b", "'x"}}},
		{"empty word", `/p:c "" ''`, command.Invocation{Plugin: "p", Name: "c", Raw: `"" ''`, Words: []string{"", ""}}},
		{"quoted line ends", "/p:c \"a\nb\" 'c\nd'", command.Invocation{Plugin: "p", Name: "c", Raw: "\"a\nb\" 'c\nd'", Words: []string{"a\nb", "c\nd"}}},
		{"joined lines", "/p:c a\\\nb \\\r\n c", command.Invocation{Plugin: "p", Name: "c", Raw: "a\\\nb \\\r\n c", Words: []string{"ab", "c"}}},
		{"newlines separate", "/p:c\na\r\nb", command.Invocation{Plugin: "p", Name: "c", Raw: "a\r\nb", Words: []string{"a", "b"}}},
		{"files", `/p:c @a.csv @"b c.csv" @'d e'`, command.Invocation{Plugin: "p", Name: "c", Raw: `@a.csv @"b c.csv" @'d e'`, Words: []string{"@a.csv", "@b c.csv", "@d e"}}},
		{"nothing is expanded", "/p:c $HOME *.csv ~ `id` #x ; a|b", command.Invocation{Plugin: "p", Name: "c", Raw: "$HOME *.csv ~ `id` #x ; a|b", Words: []string{"$HOME", "*.csv", "~", "`id`", "#x", ";", "a|b"}}},
		{"unicode", "/büro:übersicht\u00a0größe.csv", command.Invocation{Plugin: "büro", Name: "übersicht", Raw: "größe.csv", Words: []string{"größe.csv"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, ok, err := command.Parse(tc.in)
			if err != nil || !ok {
				t.Fatalf("got %v, %v", ok, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("invocation (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseOutcome(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", " ", "/", "/ x", "//x", "/-x", "summarise /data:profile", "/home/me/file.csv", "/etc/passwd is what?", "/x,y", "it's \"open"} {
		if _, ok, err := command.Parse(in); ok || err != nil {
			t.Errorf("%q is taken for a command (%v)", in, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"single quote", "/p:c it's", "the single quote is not closed at column 8"},
		{"double quote after other characters", " /p:c ä \"b", "the double quote is not closed at column 9"},
		{"quote inside a word", `/p:c a"b 'c`, "the double quote is not closed at column 7"},
		{"backslash", `/p:c a\`, "the backslash stands before nothing at column 7"},
		{"backslash before the closing quote", `/p:c "a\"`, "the double quote is not closed at column 6"},
		{"no command", "/p: x", "/p: has no command after the colon"},
		{"colon at the end", "/p:c: x", "no command after the colon"},
		{"NUL", "/p:c a\x00b", "NUL character at column 7"},
		{"not UTF-8", "/p:c \xff", "not UTF-8"},
		{"long", "/p:c " + strings.Repeat("x", 2<<20), "longer than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, ok, err := command.Parse(tc.in)
			var ue *command.UsageError
			var pe *pluginsdk.Error
			if !ok || !errors.As(err, &ue) || !errors.As(err, &pe) || !errors.Is(err, pluginsdk.ErrInvalid) {
				t.Fatalf("got %v, %v; want a usage error", ok, err)
			}
			if !strings.Contains(pe.Message, tc.want) || pe.Next == "" {
				t.Errorf("got %q, want %q and a next step", err, tc.want)
			}
		})
	}
}

// FuzzParse checks that no input panics, and that words written in quotes are
// read back as they were.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`/p:c a "b c" 'd' \e`, "/x", "/p:c \"a\nb", `/p:c @"x y" --by=z`, "/p:\u00a0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		inv, ok, err := command.Parse(in)
		if !ok && (err != nil || inv.Name != "") {
			t.Fatalf("no command, but %v and %+v", err, inv)
		}
		if ok && err == nil {
			again := "/p:c"
			for _, w := range inv.Words {
				again += " '" + strings.ReplaceAll(w, "'", `'\''`) + "'"
			}
			second, _, err := command.Parse(again)
			if len(again) <= 1<<20 && (err != nil || !cmp.Equal(inv.Words, second.Words)) {
				t.Fatalf("%q is read back as %q (%v)", inv.Words, second.Words, err)
			}
			if inv.Raw != strings.TrimFunc(inv.Raw, unicode.IsSpace) {
				t.Fatalf("raw %q is not trimmed", inv.Raw)
			}
		}
		if utf8.ValidString(in) && !strings.ContainsRune(in, 0) && len(in) < 1000 {
			got, ok, err := command.Parse("/p:c '" + strings.ReplaceAll(in, "'", `'\''`) + "'")
			if !ok || err != nil || len(got.Words) != 1 || got.Words[0] != in {
				t.Fatalf("%q is read as %q (%v)", in, got.Words, err)
			}
		}
	})
}
