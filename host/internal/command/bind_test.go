package command_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/command"
	"github.com/cowork-host/cowork/pluginsdk"
)

func variance() command.Signature {
	return command.Signature{ID: "finance:variance-analysis", Params: []pluginsdk.Param{
		{Name: "budget", Kind: pluginsdk.ParamFile, Required: true},
		{Name: "actuals", Kind: pluginsdk.ParamFile, Required: true},
		{Name: "note", Kind: pluginsdk.ParamText},
		{Name: "by", Kind: pluginsdk.ParamText, Option: true, Placeholder: "COL"},
		{Name: "threshold", Kind: pluginsdk.ParamText, Option: true, Placeholder: "PCT|AMOUNT"},
		{Name: "verbose", Kind: pluginsdk.ParamFlag, Option: true},
	}}
}

const varianceUsage = "/finance:variance-analysis BUDGET ACTUALS [NOTE] [--by COL] [--threshold PCT|AMOUNT] [--verbose]"

func TestBind(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		values   map[string]string
		args     []string
	}{
		{"positional", "b.csv a.csv", map[string]string{"budget": "b.csv", "actuals": "a.csv"}, []string{"b.csv", "a.csv"}},
		{"files with @", `@b.csv @"a b.csv"`, map[string]string{"budget": "b.csv", "actuals": "a b.csv"}, []string{"b.csv", "a b.csv"}},
		{"a text keeps its @", "b a @me", map[string]string{"budget": "b", "actuals": "a", "note": "@me"}, []string{"b", "a", "@me"}},
		{"options anywhere", "--by Dept b --threshold=5% a --verbose", map[string]string{"budget": "b", "actuals": "a", "by": "Dept", "threshold": "5%", "verbose": "true"}, []string{"b", "a"}},
		{"negative numbers", "b a -5 --threshold -1,234.50", map[string]string{"budget": "b", "actuals": "a", "note": "-5", "threshold": "-1,234.50"}, []string{"b", "a", "-5"}},
		{"negative money", "b a -$1.5", map[string]string{"budget": "b", "actuals": "a", "note": "-$1.5"}, []string{"b", "a", "-$1.5"}},
		{"point first", "b a -.5", map[string]string{"budget": "b", "actuals": "a", "note": "-.5"}, []string{"b", "a", "-.5"}},
		{"lone hyphen", "b a -", map[string]string{"budget": "b", "actuals": "a", "note": "-"}, []string{"b", "a", "-"}},
		{"after two hyphens", "--verbose -- --b -a --", map[string]string{"budget": "--b", "actuals": "-a", "note": "--", "verbose": "true"}, []string{"--b", "-a", "--"}},
		{"equals in a value", "b a --by=x=y", map[string]string{"budget": "b", "actuals": "a", "by": "x=y"}, []string{"b", "a"}},
		{"empty option", "b a --by=", map[string]string{"budget": "b", "actuals": "a", "by": ""}, []string{"b", "a"}},
		{"value with two hyphens", "b a --by=--x", map[string]string{"budget": "b", "actuals": "a", "by": "--x"}, []string{"b", "a"}},
		{"flag switched off", "b a --verbose=false", map[string]string{"budget": "b", "actuals": "a"}, []string{"b", "a"}},
		{"empty text", `b a ""`, map[string]string{"budget": "b", "actuals": "a", "note": ""}, []string{"b", "a", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inv, _, err := command.Parse("/finance:variance-analysis " + tc.in)
			if err != nil {
				t.Fatal(err)
			}
			values, args, err := command.Bind(variance(), inv.Words)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.values, values); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.args, args); diff != "" {
				t.Errorf("args (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBindErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want, next string }{
		{"nothing", "", "BUDGET, ACTUALS is missing", "give BUDGET and ACTUALS"},
		{"one missing", "b", "ACTUALS is missing", "give ACTUALS"},
		{"too many", "b a n x", `unexpected argument "x" after 3`, "quotes"},
		{"unknown option", "b a --treshold 5", `unknown option "--treshold"`, "did you mean --threshold?"},
		{"unknown option with a value", "b a --bye=1", `unknown option "--bye"`, "did you mean --by?"},
		{"no near option", "b a --zzzzzz", `unknown option "--zzzzzz"`, "put it after -- if it is a value"},
		{"one hyphen", "b a -by Dept", `unknown option "-by"`, "did you mean --by?"},
		{"dash of an editor", "b a —by Dept", `unknown option "—by"`, "did you mean --by?"},
		{"no value", "b a --by", "--by needs a value", "write --by COL"},
		{"option for a value", "b a --by --verbose", "--by needs a value", "write --by COL"},
		{"twice", "b a --by x --by y", "--by is given twice", "give it once"},
		{"flag with a value", "b a --verbose=7", `--verbose takes no value, got "7"`, "write --verbose alone"},
		{"empty file", `"" a`, "BUDGET is empty", "name a file"},
		{"only @", `@ a`, "BUDGET is empty", "name a file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inv, _, err := command.Parse("/x:y " + tc.in)
			if err != nil {
				t.Fatal(err)
			}
			values, args, err := command.Bind(variance(), inv.Words)
			var ue *command.UsageError
			if !errors.As(err, &ue) || !errors.Is(err, pluginsdk.ErrInvalid) || values != nil || args != nil {
				t.Fatalf("got %v, want a usage error", err)
			}
			if ue.Usage != varianceUsage || ue.Err.Message != tc.want || !strings.Contains(ue.Err.Next, tc.next) {
				t.Errorf("got %q, next %q, usage %q", ue.Err.Message, ue.Err.Next, ue.Usage)
			}
		})
	}
}

func TestBindOtherSignatures(t *testing.T) {
	t.Parallel()
	free := command.Signature{ID: "p:c", ArgumentHint: "[topic]"}
	values, args, err := command.Bind(free, []string{"--what", "-x", "@f"})
	if err != nil || len(values) != 0 || !cmp.Equal(args, []string{"--what", "-x", "@f"}) {
		t.Errorf("without parameters: %v, %v, %v", values, args, err)
	}
	if got := command.Usage(free); got != "/p:c [topic]" {
		t.Errorf("usage %q", got)
	}
	options := command.Signature{ID: "p:c", Params: []pluginsdk.Param{{Name: "in", Kind: pluginsdk.ParamFile, Option: true, Required: true}, {Name: "dry", Kind: pluginsdk.ParamFlag}}}
	if got := command.Usage(options); got != "/p:c --in IN [--dry]" {
		t.Errorf("usage %q", got)
	}
	if values, _, err := command.Bind(options, []string{"--in", "@x", "--dry"}); err != nil || values["in"] != "x" || values["dry"] != "true" {
		t.Errorf("options: %v, %v", values, err)
	}
	if _, _, err := command.Bind(options, []string{"--dry"}); err == nil || !strings.Contains(err.Error(), "--in is missing") {
		t.Errorf("required option: %v", err)
	}
	if _, _, err := command.Bind(options, []string{"x"}); err == nil || !strings.Contains(err.Error(), "takes only options") {
		t.Errorf("positional: %v", err)
	}
}
