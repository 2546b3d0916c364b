package engine

import (
	"context"
	"fmt"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The bounds of a text a handler asks the model for.
const (
	maxPrompt        = 1 << 20
	defaultGenerated = 4_000  // tokens
	maxGenerated     = 16_000 // tokens
)

// Generate asks the model for a text. A handler that is run again gets the
// text it got before.
func (h *stepHost) Generate(ctx context.Context, req *pluginsdk.Prompt) (*pluginsdk.Text, error) {
	if !h.run.talks {
		return nil, &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: "there is no model", Next: "deliver the computed facts without prose"}
	}
	if req == nil || req.ID == "" || req.Text == "" || len(req.ID)+len(req.System)+len(req.Text) > maxPrompt {
		return nil, pluginsdk.Invalid("", "a prompt needs an id and a text, and has at most %d bytes", maxPrompt)
	}
	if known, ok := h.run.generated(h.step, req.ID); ok {
		return &pluginsdk.Text{Text: known.Text, Model: known.Model}, nil
	}
	tokens := int64(req.MaxTokens)
	if tokens <= 0 {
		tokens = defaultGenerated
	}
	ask := &model.Request{
		Model: h.run.conn.Name, MaxTokens: min(tokens, maxGenerated),
		Messages: []model.Message{model.UserMessage(nil, req.Text)},
	}
	if req.System != "" {
		ask.System = []string{req.System}
	}
	var text event.Generated
	c := h.run.caller()
	c.step = h.step
	_, err := c.call(ctx, forHandler, ask, event.ModelCalled{}, func(res *model.Response, used event.ModelUsage) event.Payload {
		text = event.Generated{Step: h.step, ID: req.ID, Text: res.Message.Text(), Model: used.Model}
		return text
	})
	if err != nil {
		return nil, fmt.Errorf("generate %s: %w", req.ID, err)
	}
	return &pluginsdk.Text{Text: text.Text, Model: text.Model}, nil
}
