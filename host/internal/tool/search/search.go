// Package search is the tool by which a model finds tools that are not offered
// to it from the start.
package search

import (
	"cmp"
	"context"
	_ "embed" // the description
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
)

//go:embed search.md
var description string

// How many tools one search finds.
const (
	defaultLimit = 5
	maxLimit     = 20
)

type input struct {
	Query string `json:"query" jsonschema:"what the tool shall do, in a few words, or its name" maxlen:"500"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many to return" min:"1" max:"20"`
}

// New returns the tool over the deferred tools. What it finds stands in the
// receipt, and is offered from then on.
func New(deferred []tool.Spec) tool.Tool {
	index := make([]item, 0, len(deferred))
	for _, s := range deferred {
		index = append(index, item{spec: s, name: words(s.Name), text: words(s.Description)})
	}
	text := strings.TrimSpace(description) + fmt.Sprintf("\nThere are %d more tools.", len(deferred))
	spec := tool.Spec{Name: tool.SearchName, Description: text, Effect: policy.Read}
	return tool.Define(spec, func(_ context.Context, _ tool.Call, in input) (*tool.Prepared, error) {
		return &tool.Prepared{
			Summary: "look for a tool: " + in.Query,
			Run: func(context.Context) (*tool.Result, error) {
				return found(index, in), nil
			},
		}, nil
	})
}

// item is one tool as the search sees it.
type item struct {
	spec tool.Spec
	name []string
	text []string
}

func found(index []item, in input) *tool.Result {
	if in.Limit == 0 {
		in.Limit = defaultLimit
	}
	limit := min(in.Limit, maxLimit)
	type hit struct {
		item
		score int
	}
	var hits []hit
	query := words(in.Query)
	for _, it := range index {
		if s := score(it, query, in.Query); s > 0 {
			hits = append(hits, hit{it, s})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.spec.Name, b.spec.Name))
	})
	if len(hits) == 0 {
		return &tool.Result{Text: "No tool fits. Try other words for what it shall do, or go on without one."}
	}
	res := &tool.Result{}
	var b strings.Builder
	b.WriteString("From the next message on you can call:")
	for _, h := range hits[:min(limit, len(hits))] {
		res.Found = append(res.Found, h.spec.Name)
		line, _, _ := strings.Cut(h.spec.Description, "\n")
		fmt.Fprintf(&b, "\n- %s: %s", h.spec.Name, line)
	}
	if more := len(hits) - limit; more > 0 {
		fmt.Fprintf(&b, "\n[%d more fit; say more exactly what you need]", more)
	}
	res.Text = b.String()
	return res
}

// score counts the words of the query a tool has: those of its name three
// times, beginnings of words less than whole ones.
func score(it item, query []string, raw string) int {
	if strings.EqualFold(strings.TrimSpace(raw), it.spec.Name) {
		return 1 << 20
	}
	total := 0
	for _, q := range query {
		total += max(6*best(q, it.name), 2*best(q, it.text))
	}
	return total
}

// best is 2 when a word is among others, 1 when it begins one or one begins it.
func best(q string, list []string) int {
	n := 0
	for _, w := range list {
		switch {
		case w == q:
			return 2
		case len(q) > 3 && strings.HasPrefix(w, q), len(w) > 3 && strings.HasPrefix(q, w):
			n = 1
		}
	}
	return n
}

// words are the words of a text in lower case, those of a name in camel case
// apart, without those that say nothing.
func words(s string) []string {
	var b strings.Builder
	last := ' '
	for _, r := range s {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte(' ')
		}
		last = r
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			r = ' '
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return slices.DeleteFunc(strings.Fields(b.String()), func(w string) bool {
		switch w {
		case "a", "an", "the", "of", "to", "in", "for", "and", "or", "with", "that", "is", "tool", "it", "on", "by", "from":
			return true
		}
		return false
	})
}
