// Package skill is the tool by which a model loads the instructions of a skill.
package skill

import (
	"context"
	_ "embed" // the description
	"strings"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

//go:embed skill.md
var description string

// Name is the tool's name.
const Name = "skill"

// Loader gives the body of a skill by its id. An unknown id is a
// [pluginsdk.ErrNotFound].
type Loader interface {
	// Load returns the instructions, or the text of a file beside them.
	Load(ctx context.Context, id, file string) (body string, err error)
	// IDs are the skills there are, for a suggestion.
	IDs() []string
}

type input struct {
	Skill string `json:"skill" jsonschema:"the skill's id, e.g. finance:reconciliation" maxlen:"200"`
	File  string `json:"file,omitempty" jsonschema:"a file the skill refers to, as it names it; left out: the skill itself" maxlen:"500"`
}

// New returns the tool.
func New(skills Loader) tool.Tool {
	spec := tool.Spec{Name: Name, Description: strings.TrimSpace(description), Effect: policy.Read}
	return tool.Define(spec, func(_ context.Context, _ tool.Call, in input) (*tool.Prepared, error) {
		id := strings.TrimPrefix(strings.TrimSpace(in.Skill), "/")
		return &tool.Prepared{
			Summary: "load skill " + id,
			Run: func(ctx context.Context) (*tool.Result, error) {
				body, err := skills.Load(ctx, id, in.File)
				if err != nil && in.File == "" {
					err = suggest(skills, id, err)
				}
				if err != nil {
					return nil, err
				}
				return &tool.Result{Text: body}, nil
			},
		}, nil
	})
}

// suggest adds the nearest skill to an error that says there is none.
func suggest(skills Loader, id string, err error) error {
	if pluginsdk.Code(err) != "not_found" {
		return err
	}
	near := tool.Nearest(id, skills.IDs())
	if near == "" {
		for _, known := range skills.IDs() {
			if _, name, ok := strings.Cut(known, ":"); ok && name == id {
				near = known
			}
		}
	}
	next := "use one of the skills listed at the beginning"
	if near != "" {
		next = "did you mean " + near + "?"
	}
	return &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no skill " + id, Next: next}
}
