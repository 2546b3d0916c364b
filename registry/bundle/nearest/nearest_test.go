package nearest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/registry/bundle/nearest"
)

func TestNames(t *testing.T) {
	t.Parallel()
	all := []string{"finance:variance-analysis", "finance:reconciliation", "data:profile", "data:analyze", "legal:review-contract", "sales:call-prep"}
	for _, tc := range []struct {
		word string
		want []string
	}{
		{"finance:varience-analysis", []string{"finance:variance-analysis"}},
		{"finance:variance", []string{"finance:variance-analysis"}},
		{"profile", []string{"data:profile"}},
		{"data:porfile", []string{"data:profile"}},
		{"sales:profile", []string{"data:profile"}},
		{"Legal:Review_Contract", []string{"legal:review-contract"}},
		{"finance:zzzzzz", []string{"finance:reconciliation", "finance:variance-analysis"}},
		{"zzzzzz", nil},
		{"", nil},
		{strings.Repeat("x", 10_000), nil},
	} {
		t.Run(tc.word, func(t *testing.T) {
			t.Parallel()
			got := nearest.Names(tc.word, all, 3)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("names near %q (-want +got):\n%s", tc.word, diff)
			}
		})
	}
	if got := nearest.Names("data:profile", append(all, all...), 1); len(got) != 1 {
		t.Errorf("got %v, want exactly one", got)
	}
}

func TestOne(t *testing.T) {
	t.Parallel()
	keys := []string{"name", "version", "description", "keywords", "commands", "mcpServers"}
	for word, want := range map[string]string{
		"desciption": "description", "nmae": "name", "keyword": "keywords", "Commands": "commands",
		"mcp_servers": "mcpServers", "descr": "description", "colour": "", "x": "", "na": "",
	} {
		if got := nearest.One(word, keys); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}
