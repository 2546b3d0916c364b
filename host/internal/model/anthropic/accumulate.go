package anthropic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host/internal/model"
)

var (
	// errCut says that a stream ended before its message did.
	errCut = errors.New("the stream broke off")
	// errMalformed says that a server does not keep to the protocol.
	errMalformed = errors.New("the stream is malformed")
)

// maxBlocks bounds the blocks of one message.
const maxBlocks = 10_000

// message is put together from a stream's events. Besides its
// bound the zero value is ready.
type message struct {
	id, model string
	blocks    []*block
	stop      model.StopReason
	usage     usage
	size      int64
	most      int64 // the size it may have
	started   bool
	done      bool
}

// envelope is what all events share. What a block holds stays raw.
type envelope struct {
	Type    string          `json:"type"`
	Index   int             `json:"index"`
	Message json.RawMessage `json:"message"`
	Block   json.RawMessage `json:"content_block"`
	Delta   json.RawMessage `json:"delta"`
	Usage   json.RawMessage `json:"usage"`
	Error   struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
	RequestID string `json:"request_id"`
}

// add takes the next event. It returns a delta to show, if there is one.
// Events it does not know are passed over.
func (m *message) add(name string, data []byte) (model.Delta, bool, error) {
	data = bytes.TrimSpace(bytes.ToValidUTF8(data, []byte("\uFFFD")))
	if len(data) == 0 || name == "ping" || string(data) == "[DONE]" {
		return model.Delta{}, false, nil
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return model.Delta{}, false, fmt.Errorf("%w: event %s is not complete JSON", errCut, clip(name))
	}
	if e.Type == "" {
		e.Type = name
	}
	if e.Type == "error" {
		return model.Delta{}, false, &eventError{kind: e.Error.Type, message: e.Error.Message, requestID: e.RequestID}
	}
	if !m.started && e.Type != "message_start" {
		switch e.Type {
		case "content_block_start", "content_block_delta", "message_delta", "message_stop":
			return model.Delta{}, false, fmt.Errorf("%w: it begins with %s", errMalformed, e.Type)
		}
		return model.Delta{}, false, nil
	}
	switch e.Type {
	case "message_start":
		return model.Delta{}, false, m.start(e.Message)
	case "content_block_start":
		return model.Delta{}, false, m.open(e.Index, e.Block)
	case "content_block_delta":
		return m.grow(e.Index, e.Delta)
	case "message_delta":
		return model.Delta{}, false, m.update(e)
	case "message_stop":
		m.done = true
	}
	return model.Delta{}, false, nil
}

func (m *message) start(raw json.RawMessage) error {
	if m.started {
		return fmt.Errorf("%w: it begins twice", errMalformed)
	}
	var head struct {
		ID    string          `json:"id"`
		Model string          `json:"model"`
		Usage json.RawMessage `json:"usage"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return fmt.Errorf("%w: message_start: %w", errMalformed, err)
	}
	m.started, m.id, m.model = true, head.ID, head.Model
	return m.usage.merge(head.Usage)
}

func (m *message) open(index int, raw json.RawMessage) error {
	if index != len(m.blocks) || index >= maxBlocks {
		return fmt.Errorf("%w: block %d follows %d blocks", errMalformed, index, len(m.blocks))
	}
	b, err := newBlock(raw)
	if err != nil {
		return err
	}
	m.blocks = append(m.blocks, b)
	return m.count(len(raw))
}

// count holds the message to its size.
func (m *message) count(n int) error {
	if m.size += int64(n); m.size > m.most {
		return errTooLarge
	}
	return nil
}

func (m *message) grow(index int, raw json.RawMessage) (model.Delta, bool, error) {
	if index < 0 || index >= len(m.blocks) {
		return model.Delta{}, false, fmt.Errorf("%w: block %d has not begun", errMalformed, index)
	}
	if err := m.count(len(raw)); err != nil {
		return model.Delta{}, false, err
	}
	b := m.blocks[index]
	kind, text, err := b.add(raw)
	if err != nil || kind == "" || text == "" {
		return model.Delta{}, false, err
	}
	return model.Delta{Kind: kind, Index: index, Tool: b.tool, Text: text}, true, nil
}

func (m *message) update(e envelope) error {
	var d struct {
		StopReason *model.StopReason `json:"stop_reason"`
	}
	if len(e.Delta) > 0 {
		if err := json.Unmarshal(e.Delta, &d); err != nil {
			return fmt.Errorf("%w: message_delta: %w", errMalformed, err)
		}
	}
	if d.StopReason != nil {
		m.stop = *d.StopReason
	}
	return m.usage.merge(e.Usage)
}

// whole takes a message that came in one piece.
func (m *message) whole(data []byte) error {
	var w struct {
		Type       string            `json:"type"`
		ID         string            `json:"id"`
		Model      string            `json:"model"`
		Content    []json.RawMessage `json:"content"`
		StopReason model.StopReason  `json:"stop_reason"`
		Usage      json.RawMessage   `json:"usage"`
		Error      struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"error"`
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("%w: the answer is not complete JSON", errCut)
	}
	if w.Type == "error" || w.Error.Type != "" {
		return &eventError{kind: w.Error.Type, message: w.Error.Message, requestID: w.RequestID}
	}
	if w.Type != "message" {
		return fmt.Errorf("%w: the answer is JSON, but not a message", errMalformed)
	}
	m.started, m.done = true, true
	m.id, m.model, m.stop = w.ID, w.Model, w.StopReason
	for i, raw := range w.Content {
		if err := m.open(i, raw); err != nil {
			return err
		}
	}
	return m.usage.merge(w.Usage)
}

// response finishes the message. Input of a tool call that is not complete is
// an error when the model wants the call run; otherwise it becomes an empty
// object, as the provider would have it.
func (m *message) response() (*model.Response, error) {
	var b bytes.Buffer
	b.Grow(int(m.size) + 64)
	b.WriteString(`{"role":"assistant","content":[`)
	calls := map[string]bool{}
	first := true
	for i, blk := range m.blocks {
		raw, err := blk.finish(m.stop == model.StopToolUse)
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", i, err)
		}
		if raw == nil {
			continue
		}
		if blk.kind == "tool_use" {
			if blk.id == "" || blk.tool == "" || calls[blk.id] {
				return nil, fmt.Errorf("%w: a tool call has no name, or no id of its own", errMalformed)
			}
			calls[blk.id] = true
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.Write(raw)
	}
	b.WriteString(`]}`)
	return &model.Response{
		ID: m.id, Model: m.model, StopReason: m.stop, Usage: m.usage.total(),
		Message: model.Message{Role: model.Assistant, Raw: b.Bytes()},
	}, nil
}

// clip shortens what a server calls its things.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
