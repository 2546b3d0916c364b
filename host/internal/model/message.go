package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Block is one block of a message's content, as far as the host looks into it.
type Block struct {
	Type string // "text", "thinking", "tool_use", or one the host does not know
	Text string // of a text or thinking block
	Call *ToolCall
	Raw  json.RawMessage
}

// ToolCall is a tool_use block: the model asks for a tool.
type ToolCall struct {
	ID    string
	Name  string
	Input json.RawMessage // as the model wrote it; numbers keep all digits
}

// ToolResult answers one [ToolCall].
type ToolResult struct {
	Call  string // the call's id
	Text  string
	Error bool
}

// Blocks returns a message's content. Content that is a plain string is one
// text block.
func (m Message) Blocks() ([]Block, error) {
	var body struct{ Content json.RawMessage }
	if err := json.Unmarshal(m.Raw, &body); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	if len(body.Content) > 0 && body.Content[0] == '"' {
		var text string
		if err := json.Unmarshal(body.Content, &text); err != nil {
			return nil, fmt.Errorf("read message: %w", err)
		}
		return []Block{{Type: "text", Text: text, Raw: body.Content}}, nil
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(body.Content, &raws); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	blocks := make([]Block, 0, len(raws))
	for _, raw := range raws {
		var b struct {
			Type, Text, Thinking, ID, Name string
			Input                          json.RawMessage
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, fmt.Errorf("read block of message: %w", err)
		}
		out := Block{Type: b.Type, Text: b.Text + b.Thinking, Raw: raw}
		if b.Type == "tool_use" {
			out.Call = &ToolCall{ID: b.ID, Name: b.Name, Input: b.Input}
		}
		blocks = append(blocks, out)
	}
	return blocks, nil
}

// Text is the message's text, its text blocks joined by blank lines.
func (m Message) Text() string {
	blocks, _ := m.Blocks() // a broken message has no text
	var parts []string
	for _, b := range blocks {
		if b.Type == "text" && strings.TrimSpace(b.Text) != "" {
			parts = append(parts, strings.TrimSpace(b.Text))
		}
	}
	return strings.Join(parts, "\n\n")
}

// Calls returns the tools a message asks for, in order.
func (m Message) Calls() []ToolCall {
	blocks, _ := m.Blocks()
	var calls []ToolCall
	for _, b := range blocks {
		if b.Call != nil {
			calls = append(calls, *b.Call)
		}
	}
	return calls
}

// UserMessage returns a message of the user: first the results of tool calls,
// then the texts. Blank texts are left out: providers refuse them, and would
// refuse every later request with them. The same arguments always give the
// same bytes.
func UserMessage(results []ToolResult, texts ...string) Message {
	var b bytes.Buffer
	b.WriteString(`{"role":"user","content":[`)
	sep := ""
	for _, r := range results {
		b.WriteString(sep + `{"type":"tool_result","tool_use_id":` + quote(r.Call) + `,"content":` + quote(r.Text))
		if r.Error {
			b.WriteString(`,"is_error":true`)
		}
		b.WriteByte('}')
		sep = ","
	}
	for _, t := range texts {
		if strings.TrimSpace(t) == "" {
			continue
		}
		b.WriteString(sep + `{"type":"text","text":` + quote(t) + `}`)
		sep = ","
	}
	b.WriteString(`]}`)
	return Message{Role: User, Raw: b.Bytes()}
}

// quote returns the JSON of a string. Bytes that are not UTF-8 become the
// replacement character.
func quote(s string) string {
	q, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(q)
}
