package search_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/search"
	"github.com/cowork-host/cowork/host/internal/tool/tooltest"
)

func specs() []tool.Spec {
	return []tool.Spec{
		{Name: "calendar_createEvent", Description: "Creates an event in a calendar.\nMore."},
		{Name: "calendar_list_events", Description: "Lists the events of a day."},
		{Name: "mail_send", Description: "Sends a message."},
		{Name: "crm_search", Description: "Finds customers and their invoices."},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	tooltest.Run(t, tooltest.Case{
		Valid: `{"query":"send a mail"}`,
		New:   func(*testing.T) (tool.Tool, func() string) { return search.New(specs()), nil },
	})
}

func find(t *testing.T, tl tool.Tool, in map[string]any) *tool.Result {
	t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tl.Prepare(t.Context(), tool.Call{Input: raw})
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestSearch(t *testing.T) {
	t.Parallel()
	tl := search.New(specs())
	for _, c := range []struct{ query, want string }{
		{"create a calendar event", "calendar_createEvent calendar_list_events"},
		{"mail_send", "mail_send"},
		{"MAIL_SEND", "mail_send"},
		{"customer", "crm_search"},
		{"send messages", "mail_send"},
		{"the of a", ""},
		{"weather", ""},
		{"日本", ""},
	} {
		res := find(t, tl, map[string]any{"query": c.query})
		if got := strings.Join(res.Found, " "); got != c.want {
			t.Errorf("%q finds %q, want %q", c.query, got, c.want)
		}
		for _, name := range res.Found {
			if !strings.Contains(res.Text, "\n- "+name+": ") {
				t.Errorf("the text has no %s: %s", name, res.Text)
			}
		}
	}
	if res := find(t, tl, map[string]any{"query": "calendar", "limit": 1}); len(res.Found) != 1 || !strings.Contains(res.Text, "[1 more fit") {
		t.Errorf("%+v", res)
	}
	if strings.Contains(find(t, tl, map[string]any{"query": "create event"}).Text, "More.") {
		t.Error("more than the first line of a description")
	}
}

func TestSearchAmongMany(t *testing.T) {
	t.Parallel()
	var many []tool.Spec
	for i := range 2000 {
		many = append(many, tool.Spec{Name: fmt.Sprintf("tool_%d", i), Description: "Does thing number " + fmt.Sprint(i)})
	}
	res := find(t, search.New(many), map[string]any{"query": "thing 1234", "limit": 20})
	if len(res.Found) != 20 || res.Found[0] != "tool_1234" {
		t.Errorf("found %v", res.Found)
	}
}

// TestFoundToolsAreOffered goes the whole way: hidden, found, offered.
func TestFoundToolsAreOffered(t *testing.T) {
	t.Parallel()
	hidden := tool.Define(tool.Spec{Name: "mail_send", Description: "Sends a mail.", Deferred: true}, tooltest.Nothing)
	set, err := tool.NewSet(hidden)
	if err != nil {
		t.Fatal(err)
	}
	finder := search.New(set.Deferred())
	if set, err = tool.NewSet(hidden, finder); err != nil {
		t.Fatal(err)
	}
	if got := set.Offer(1, nil); len(got) != 1 || got[0].Name != tool.SearchName {
		t.Errorf("offered %v", got)
	}
	found := find(t, finder, map[string]any{"query": "mail"}).Found
	if got := set.Offer(1, found); len(got) != 2 || got[1].Name != "mail_send" {
		t.Errorf("offered %v", got)
	}
}
