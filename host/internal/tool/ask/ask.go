// Package ask is the tool by which a model asks the person a question.
package ask

import (
	"context"
	_ "embed" // the description
	"strings"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

//go:embed ask.md
var description string

// Name is the tool's name.
const Name = "ask"

// Asker puts a question of a step to the person and waits for the answer. A
// question that was answered before has the same answer at once. That nobody
// is there is a [pluginsdk.ErrUnavailable]; any other error ends the run.
type Asker func(ctx context.Context, step string, q pluginsdk.Question) (string, error)

type input struct {
	Question string   `json:"question" jsonschema:"one question, which stands on its own" maxlen:"4000"`
	Options  []option `json:"options,omitempty" jsonschema:"what can be answered; left out: any text" max:"8"`
}

type option struct {
	Label  string `json:"label" jsonschema:"the answer in a few words" maxlen:"200"`
	Detail string `json:"detail,omitempty" jsonschema:"what it means" maxlen:"1000"`
}

// New returns the tool.
func New(ask Asker) tool.Tool {
	spec := tool.Spec{Name: Name, Description: strings.TrimSpace(description), Effect: policy.Read}
	return tool.Define(spec, func(_ context.Context, call tool.Call, in input) (*tool.Prepared, error) {
		if strings.TrimSpace(in.Question) == "" {
			return nil, pluginsdk.Invalid("write the question", "the question is empty")
		}
		// The step makes the id one that no other question of the task has.
		q := pluginsdk.Question{ID: "q" + call.Step, Text: in.Question}
		seen := map[string]bool{}
		for _, o := range in.Options {
			if strings.TrimSpace(o.Label) == "" || seen[o.Label] {
				return nil, pluginsdk.Invalid("give every option a label of its own", "an option has no label, or the label %.80q is there twice", o.Label)
			}
			seen[o.Label] = true
			q.Choices = append(q.Choices, pluginsdk.Choice{Value: o.Label, Label: o.Label, Detail: o.Detail})
		}
		return &tool.Prepared{
			Summary: "ask: " + in.Question,
			Run: func(ctx context.Context) (*tool.Result, error) {
				answer, err := ask(ctx, call.Step, q)
				if err != nil {
					return nil, err
				}
				if strings.TrimSpace(answer) == "" {
					return &tool.Result{Text: "The person gave no answer."}, nil
				}
				return &tool.Result{Text: "The person answered: " + answer}, nil
			},
		}, nil
	})
}
