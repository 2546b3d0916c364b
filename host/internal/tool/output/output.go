// Package output is the tool by which a model reads the rest of a long result
// that it was shown only in part.
package output

import (
	"context"
	_ "embed" // the description
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/window"
	"github.com/cowork-host/cowork/pluginsdk"
)

//go:embed output.md
var description string

// Name is the tool's name.
const Name = "output"

// How much of a result one call returns, in bytes.
const (
	defaultLimit = 20_000
	maxLimit     = 100_000
)

// Reader gives the whole text of an earlier call's result, by the call's id as
// the log has it. An unknown id is a [pluginsdk.ErrNotFound].
type Reader func(ctx context.Context, call string) (string, error)

type input struct {
	Call   string `json:"call" jsonschema:"the id in the note at the end of the part you have" maxlen:"300"`
	Offset int    `json:"offset,omitempty" jsonschema:"where to begin, in bytes from 0" min:"0"`
	Limit  int    `json:"limit,omitempty" jsonschema:"how many bytes to return, 20000 if left out" min:"1" max:"100000"`
}

// New returns the tool.
func New(read Reader) tool.Tool {
	spec := tool.Spec{Name: Name, Description: strings.TrimSpace(description), Effect: policy.Read}
	return tool.Define(spec, func(_ context.Context, _ tool.Call, in input) (*tool.Prepared, error) {
		return &tool.Prepared{
			Summary: "read more of an earlier result",
			Run: func(ctx context.Context) (*tool.Result, error) {
				text, err := read(ctx, in.Call)
				if err != nil {
					return nil, err
				}
				return part(text, in)
			},
		}, nil
	})
}

// part cuts a piece out of a text at the borders of characters.
func part(text string, in input) (*tool.Result, error) {
	limit := in.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	from := in.Offset
	if from > 0 && from >= len(text) {
		return nil, pluginsdk.Invalid("choose a smaller offset", "the result has %d bytes", len(text))
	}
	out, next := window.Page(text, from, limit)
	if next > 0 {
		out += fmt.Sprintf("\n[bytes %d to %d of %d; go on with offset %d]", from, next, len(text), next)
	}
	return &tool.Result{Text: out}, nil
}
