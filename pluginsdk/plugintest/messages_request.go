package plugintest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// request is a call's body, taken apart but not changed.
type request struct {
	Model        string            `json:"model"`
	MaxTokens    *int64            `json:"max_tokens"`
	Stream       bool              `json:"stream"`
	System       json.RawMessage   `json:"system"`
	Tools        []json.RawMessage `json:"tools"`
	Messages     []requestMessage  `json:"messages"`
	Thinking     json.RawMessage   `json:"thinking"`
	ToolChoice   json.RawMessage   `json:"tool_choice"`
	CacheControl *cacheControl     `json:"cache_control"`

	raw []byte
}

type requestMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

type cacheControl struct {
	Type string `json:"type"`
	TTL  string `json:"ttl"`
}

func parseRequest(body []byte) (*request, error) {
	req := &request{raw: body}
	if err := json.Unmarshal(body, req); err != nil {
		return nil, fmt.Errorf("the request is not valid JSON: %w", err)
	}
	return req, nil
}

// blocks returns the blocks of a content, which may be a plain string.
func blocks(content json.RawMessage) []json.RawMessage {
	content = bytes.TrimSpace(content)
	var list []json.RawMessage
	if len(content) > 0 && content[0] == '[' && json.Unmarshal(content, &list) == nil {
		return list
	}
	if len(content) == 0 {
		return nil
	}
	return []json.RawMessage{content}
}

// check refuses what the real API refuses.
func (r *request) check() error {
	switch {
	case r.Model == "":
		return errors.New("model: Field required")
	case r.MaxTokens == nil:
		return errors.New("max_tokens: Field required")
	case len(r.Messages) == 0:
		return errors.New("messages: at least one message is required")
	case r.Messages[0].Role != "user":
		return errors.New("messages: first message must use the \"user\" role")
	}
	if err := r.checkTools(); err != nil {
		return err
	}
	if n := bytes.Count(r.raw, []byte(`"cache_control"`)); n > 4 {
		return fmt.Errorf("a maximum of 4 blocks with cache_control may be provided, found %d", n)
	}
	var open []string // calls that have no result yet
	for i, m := range r.Messages {
		var err error
		if open, err = m.check(open); err != nil {
			return fmt.Errorf("messages.%d: %w", i, err)
		}
	}
	if len(open) > 0 && r.Messages[len(r.Messages)-1].Role == "assistant" {
		return fmt.Errorf("messages: tool_use ids were found without tool_result blocks: %s", strings.Join(open, ", "))
	}
	return nil
}

func (r *request) checkTools() error {
	seen := map[string]bool{}
	for i, raw := range r.Tools {
		var t struct {
			Type, Name  string
			InputSchema json.RawMessage `json:"input_schema"`
		}
		if err := json.Unmarshal(raw, &t); err != nil {
			return fmt.Errorf("tools.%d: %w", i, err)
		}
		if t.Type == "" || t.Type == "custom" {
			if len(t.InputSchema) == 0 {
				return fmt.Errorf("tools.%d.custom.input_schema: Field required", i)
			}
			if bad := strings.Trim(t.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"); t.Name == "" || bad != "" || len(t.Name) > 128 {
				return fmt.Errorf("tools.%d.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", i)
			}
		}
		if seen[t.Name] {
			return fmt.Errorf("tools: Tool names must be unique: %s", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

// check holds one message against the calls that wait for results, and returns
// those that wait after it.
func (m requestMessage) check(open []string) ([]string, error) {
	if m.Role != "user" && m.Role != "assistant" && m.Role != "system" {
		return nil, fmt.Errorf("role: %q is not a role", m.Role)
	}
	waiting := map[string]bool{}
	for _, id := range open {
		waiting[id] = true
	}
	var calls []string
	list := blocks(m.Content)
	if len(list) == 0 {
		return nil, errors.New("content: at least one block is required")
	}
	for i, raw := range list {
		if raw[0] == '"' {
			continue
		}
		var b struct {
			Type, Text, ID string
			Call           string `json:"tool_use_id"`
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, fmt.Errorf("content.%d: %w", i, err)
		}
		switch {
		case b.Type == "text" && strings.TrimSpace(b.Text) == "":
			return nil, fmt.Errorf("content.%d: text content blocks must contain non-whitespace text", i)
		case b.Type == "tool_use":
			calls = append(calls, b.ID)
		case b.Type == "tool_result" && !waiting[b.Call]:
			return nil, fmt.Errorf("content.%d: unexpected tool_use_id found in tool_result blocks: %s", i, b.Call)
		case b.Type == "tool_result":
			delete(waiting, b.Call)
		}
	}
	for id := range waiting {
		return nil, fmt.Errorf("tool_use ids were found without tool_result blocks immediately after: %s", id)
	}
	return calls, nil
}

// holds reports whether the reply is for the request.
func (w When) holds(r *request) bool {
	if w == (When{}) {
		return true
	}
	if w.Call != 0 {
		call := 1
		for _, m := range r.Messages {
			if m.Role == "assistant" {
				call++
			}
		}
		if call != w.Call {
			return false
		}
	}
	var first, last json.RawMessage
	if n := len(r.Messages); n > 0 {
		first, last = r.Messages[0].Content, r.Messages[n-1].Content
	}
	return contains(r.System, w.System) && contains(first, w.First) && contains(last, w.Last) && contains(r.raw, w.Anywhere)
}

// contains looks for a text in the strings of some JSON.
func contains(raw []byte, text string) bool {
	if text == "" || bytes.Contains(raw, []byte(text)) {
		return true
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	for {
		tok, err := dec.Token()
		if err != nil {
			return false
		}
		if s, ok := tok.(string); ok && strings.Contains(s, text) {
			return true
		}
	}
}

func digest(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}
