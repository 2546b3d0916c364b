package tool_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

func calls(name, input string) []model.ToolCall {
	return []model.ToolCall{{ID: "c1", Name: name, Input: json.RawMessage(input)}}
}

// hidden is a tool that may be left out of a request.
type hidden struct{ tool.Tool }

func (h hidden) Spec() tool.Spec {
	s := h.Tool.Spec()
	s.Deferred = true
	return s
}

func names(tools []model.Tool) string {
	var out []string
	for _, t := range tools {
		out = append(out, t.Name)
	}
	return strings.Join(out, " ")
}

func TestNewSetRefuses(t *testing.T) {
	t.Parallel()
	for name, tools := range map[string][]tool.Tool{
		"a name twice":        {echo("a", policy.Read), echo("a", policy.Write)},
		"no name":             {echo("", policy.Read)},
		"a name with a space": {echo("a b", policy.Read)},
		"a name too long":     {echo(strings.Repeat("a", 65), policy.Read)},
		"no schema":           {foreign{``}},
		"schema of a list":    {foreign{`{"type":"array"}`}},
		"schema not JSON":     {foreign{`{`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := tool.NewSet(tools...); err == nil {
				t.Error("it is taken")
			}
		})
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	set, err := tool.NewSet(echo("read", policy.Read), echo("request_delete", policy.Delete), echo("web_fetch", policy.Fetch))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := set.Lookup("read"); err != nil || got.Spec().Name != "read" {
		t.Errorf("got %v, %v", got, err)
	}
	for name, want := range map[string]string{
		"Read": "read", "read_file": "read", "requestDelete": "request_delete", "webfetch": "web_fetch", "web-fetch": "web_fetch", "rad": "read", "delete": "request_delete",
		"bash": "", "": "", strings.Repeat("read", 100): "",
	} {
		_, err := set.Lookup(name)
		if !errors.Is(err, pluginsdk.ErrNotFound) || len(err.Error()) > 300 {
			t.Errorf("%.20q: %v", name, err)
		}
		if got := strings.Contains(err.Error(), "did you mean "+want+"?"); got != (want != "") {
			t.Errorf("%.20q: %v, want %q", name, err, want)
		}
	}
}

func TestOffer(t *testing.T) {
	t.Parallel()
	search := echo(tool.SearchName, policy.Read)
	a, b, x, y := echo("a", policy.Read), echo("b", policy.Read), hidden{echo("x", policy.Read)}, hidden{echo("y", policy.Read)}
	for _, c := range []struct {
		name   string
		tools  []tool.Tool
		budget int
		found  []string
		want   string
	}{
		{"no limit", []tool.Tool{a, x, search, b}, 0, nil, "a x b"},
		{"room for all", []tool.Tool{a, x, search, b}, 1 << 20, nil, "a x b"},
		{"no room", []tool.Tool{a, x, search, b, y}, 10, nil, "a search_tools b"},
		{"found ones come last, in their order", []tool.Tool{x, a, search, b, y}, 10, []string{"y", "x"}, "a search_tools b y x"},
		{"found twice, unknown, and never hidden", []tool.Tool{x, a, search}, 10, []string{"x", "gone", "x", "a"}, "a search_tools x"},
		{"no room and no search", []tool.Tool{a, x, b}, 10, nil, "a x b"},
		{"nothing to find", []tool.Tool{a, search, b}, 10, nil, "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set, err := tool.NewSet(c.tools...)
			if err != nil {
				t.Fatal(err)
			}
			got := set.Offer(c.budget, c.found)
			if diff := cmp.Diff(c.want, names(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(got, set.Offer(c.budget, c.found)); diff != "" {
				t.Errorf("the second time:\n%s", diff)
			}
			for _, o := range got {
				if len(o.InputSchema) == 0 || o.Description == "" {
					t.Errorf("%s has no schema or no description", o.Name)
				}
			}
		})
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"path", "content", "old_text", "new_text", "replace_all"}
	for in, want := range map[string]string{
		"file_path": "path", "PATH": "path", "pth": "path", "contents": "content", "oldText": "old_text", "new": "new_text", "replaceall": "replace_all",
		"recursive": "", "x": "", "": "", "日本": "",
	} {
		if got := tool.Nearest(in, names); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := tool.Nearest("a", nil); got != "" {
		t.Errorf("among none: %q", got)
	}
}
