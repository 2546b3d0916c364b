package command_test

import (
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/command"
)

// TestExpandBody is the measured table of the public format.
func TestExpandBody(t *testing.T) {
	t.Parallel()
	const two = `alpha "beta gamma"`
	const appended = "\n\nARGUMENTS: " + two
	for _, tc := range []struct{ name, args, body, want string }{
		{"all", two, "x $ARGUMENTS y", "x " + two + " y"},
		{"all without arguments", "", "x $ARGUMENTS y", "x  y"},
		{"by number", two, "$0|$1", "alpha|beta gamma"},
		{"by index", two, "$ARGUMENTS[0]|$ARGUMENTS[1]", "alpha|beta gamma"},
		{"missing number", two, "$0 $2 @$9", "alpha $2 @$9"},
		{"missing index", two, "$0 $ARGUMENTS[7]", "alpha $ARGUMENTS[7]"},
		{"legacy first argument", "a.csv", "Read @$1", "Read @$1\n\nARGUMENTS: a.csv"},
		{"nothing substituted", two, "text", "text" + appended},
		{"nothing substituted, no arguments", "", "text $0", "text $0"},
		{"empty body", two, "", appended},
		{"named", two, "$issue and $year.", "alpha and beta gamma."},
		{"named missing", two, "$issue<$third>", "alpha<>"},
		{"only a missing name", two, "<$third>", "<>"},
		{"longer name", two, "$issues $issue-x", "$issues alpha-x"},
		{"hyphenated name", two, "$issue-id $issue", "<> alpha"},
		{"escaped", two, `\$1 $0`, "$1 alpha"},
		{"escaped all", two, `\$ARGUMENTS`, "$ARGUMENTS" + appended},
		{"two backslashes", two, `\\$1`, `\\beta gamma`},
		{"three backslashes", two, `\\\$1`, `\\\beta gamma`},
		{"price", two, "$1.00", "beta gamma.00"},
		{"number and letter", two, "$100 $10k $1k", "$100 $10k $1k" + appended},
		{"huge number", two, "$99999999999999999999", "$99999999999999999999" + appended},
		{"known variable", two, "${CLAUDE_PLUGIN_ROOT}/x", "/plugin/x" + appended},
		{"unknown variable", two, "${HOME} $FOO {baseDir} ${CLAUDE_SKILL_DIR} $0", "${HOME} $FOO {baseDir} ${CLAUDE_SKILL_DIR} alpha"},
		{"unbraced variable", two, "$CLAUDE_PLUGIN_ROOT $0", "$CLAUDE_PLUGIN_ROOT alpha"},
		{"open brace", two, "${CLAUDE_PLUGIN_ROOT $0", "${CLAUDE_PLUGIN_ROOT alpha"},
		{"arguments are not expanded again", `'$ARGUMENTS' '${CLAUDE_PLUGIN_ROOT}'`, "$0 $1", "$ARGUMENTS ${CLAUDE_PLUGIN_ROOT}"},
		{"dollar at the end", two, "$0 5$", "alpha 5$"},
		{"mustache and shell", two, "{{x}} !`cmd` $0 $(id) $$", "{{x}} !`cmd` alpha $(id) $$"},
		{"CRLF", two, "a\r\n$0\r\n", "a\r\nalpha\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inv, _, err := command.Parse("/p:c " + tc.args)
			if err != nil {
				t.Fatal(err)
			}
			names := []string{"issue", "year", "third"}
			if strings.Contains(tc.name, "hyphenated") {
				names = []string{"issue", "year", "issue-id"}
				tc.want = " alpha"
			}
			got := command.ExpandBody(tc.body, command.Arguments{
				Raw: inv.Raw, Words: inv.Words, Names: names, Vars: map[string]string{"CLAUDE_PLUGIN_ROOT": "/plugin"},
			})
			if got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func FuzzExpandBody(f *testing.F) {
	f.Add("$0 \\$1 $ARGUMENTS[2] ${X} $n", "a b")
	f.Fuzz(func(t *testing.T, body, raw string) {
		words := strings.Fields(raw)
		got := command.ExpandBody(body, command.Arguments{Raw: raw, Words: words, Names: []string{"n"}, Vars: map[string]string{"X": "v"}})
		if !strings.Contains(body, "$") {
			want := body
			if raw != "" {
				want += "\n\nARGUMENTS: " + raw
			}
			if got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	})
}
