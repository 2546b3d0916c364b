package ask_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/ask"
	"github.com/cowork-host/cowork/host/internal/tool/tooltest"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	tooltest.Run(t, tooltest.Case{
		Valid: `{"question":"Which year?","options":[{"label":"2025"}]}`,
		New: func(*testing.T) (tool.Tool, func() string) {
			return ask.New(func(ctx context.Context, _ string, _ pluginsdk.Question) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			}), nil
		},
	})
}

func TestAsk(t *testing.T) {
	t.Parallel()
	errParked := errors.New("parked")
	for _, c := range []struct {
		name, in, answer string
		fails            error
		want             pluginsdk.Question
		says             string
	}{
		{"free text", `{"question":"Which year?"}`, "2025", nil, pluginsdk.Question{ID: "q7", Text: "Which year?"}, "The person answered: 2025"},
		{
			"options", `{"question":"Which?","options":[{"label":"a","detail":"the first"},{"label":"b"}]}`, "b", nil,
			pluginsdk.Question{ID: "q7", Text: "Which?", Choices: []pluginsdk.Choice{{Value: "a", Label: "a", Detail: "the first"}, {Value: "b", Label: "b"}}},
			"answered: b",
		},
		{"no answer", `{"question":"Which?"}`, " ", nil, pluginsdk.Question{ID: "q7", Text: "Which?"}, "no answer"},
		{"parked", `{"question":"Which?"}`, "", errParked, pluginsdk.Question{ID: "q7", Text: "Which?"}, ""},
		{"an empty question", `{"question":" "}`, "", pluginsdk.ErrInvalid, pluginsdk.Question{}, ""},
		{"a label twice", `{"question":"Which?","options":[{"label":"a"},{"label":"a"}]}`, "", pluginsdk.ErrInvalid, pluginsdk.Question{}, ""},
		{"no label", `{"question":"Which?","options":[{"label":""}]}`, "", pluginsdk.ErrInvalid, pluginsdk.Question{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var asked pluginsdk.Question
			tl := ask.New(func(_ context.Context, step string, q pluginsdk.Question) (string, error) {
				if asked = q; step != "7" {
					t.Errorf("step %s", step)
				}
				return c.answer, c.fails
			})
			p, err := tl.Prepare(t.Context(), tool.Call{Step: "7", Input: json.RawMessage(c.in)})
			var res *tool.Result
			if err == nil {
				res, err = p.Run(t.Context())
			}
			if !errors.Is(err, c.fails) || err == nil && !strings.Contains(res.Text, c.says) {
				t.Errorf("got %+v, %v", res, err)
			}
			if diff := cmp.Diff(c.want, asked); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
