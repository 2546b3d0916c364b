package anthropic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host/internal/model"
)

// block is a block of content that grows. Strings grow in their JSON form: what
// the provider escaped stays as it is, and a character it cut in two is whole
// again.
type block struct {
	kind  string
	id    string
	tool  string // the name of a tool call
	start json.RawMessage
	// strs are the pieces of fields that are strings, by name; order is that in
	// which they came.
	strs  map[string]*bytes.Buffer
	order []string
	// input is the JSON text of a tool call's arguments.
	input     bytes.Buffer
	citations []json.RawMessage
	other     map[string]json.RawMessage // fields a delta sets as a whole
}

func newBlock(raw json.RawMessage) (*block, error) {
	var head struct {
		Type string `json:"type"`
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	if err := json.Unmarshal(raw, &head); err != nil || head.Type == "" {
		return nil, fmt.Errorf("%w: a block has no type", errMalformed)
	}
	b := &block{kind: head.Type, id: head.ID, start: raw}
	if strings.HasSuffix(head.Type, "tool_use") {
		b.tool = head.Name
	}
	return b, nil
}

// delta is a piece of a block, of any of the known kinds.
type delta struct {
	Type      string          `json:"type"`
	Text      json.RawMessage `json:"text"`
	Thinking  json.RawMessage `json:"thinking"`
	Signature json.RawMessage `json:"signature"`
	Partial   json.RawMessage `json:"partial_json"`
	Citation  json.RawMessage `json:"citation"`
}

// add takes a piece and returns what of it can be shown.
func (b *block) add(raw json.RawMessage) (model.DeltaKind, string, error) {
	var d delta
	if err := json.Unmarshal(raw, &d); err != nil {
		return "", "", fmt.Errorf("%w: a delta: %w", errMalformed, err)
	}
	switch d.Type {
	case "text_delta":
		return b.grow(model.DeltaText, "text", d.Text)
	case "thinking_delta":
		return b.grow(model.DeltaThinking, "thinking", d.Thinking)
	case "signature_delta":
		return b.grow("", "signature", d.Signature)
	case "input_json_delta":
		var text string
		if err := json.Unmarshal(d.Partial, &text); err != nil {
			return "", "", fmt.Errorf("%w: a piece of input: %w", errMalformed, err)
		}
		b.input.WriteString(text)
		return model.DeltaInput, text, nil
	case "citations_delta":
		if len(d.Citation) > 0 {
			b.citations = append(b.citations, d.Citation)
		}
		return "", "", nil
	}
	return "", "", b.unknown(raw)
}

// grow appends to a field that is a string.
func (b *block) grow(kind model.DeltaKind, field string, raw json.RawMessage) (model.DeltaKind, string, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", "", fmt.Errorf("%w: a piece of %s: %w", errMalformed, field, err)
	}
	if text == "" {
		return "", "", nil
	}
	b.field(field).Write(raw[1 : len(raw)-1])
	return kind, text, nil
}

// field returns the pieces of a field.
func (b *block) field(name string) *bytes.Buffer {
	if b.strs == nil {
		b.strs = map[string]*bytes.Buffer{}
	}
	if b.strs[name] == nil {
		b.strs[name] = &bytes.Buffer{}
		b.order = append(b.order, name)
	}
	return b.strs[name]
}

// unknown takes a piece of a kind nobody here knows: strings are appended, all
// else replaces what was there.
func (b *block) unknown(raw json.RawMessage) error {
	fields, err := parseObject(raw)
	if err != nil {
		return fmt.Errorf("%w: a delta: %w", errMalformed, err)
	}
	for _, f := range fields {
		switch {
		case f.key == "type":
		case f.value[0] == '"' && b.other[f.key] == nil:
			b.field(f.key).Write(f.value[1 : len(f.value)-1])
		case b.strs[f.key] == nil && string(f.value) != "null":
			if b.other == nil {
				b.other = map[string]json.RawMessage{}
			}
			if b.other[f.key] == nil {
				b.order = append(b.order, f.key)
			}
			b.other[f.key] = f.value
		}
	}
	return nil
}

// finish returns the block's JSON. A block that did not grow is as it came. It
// returns nil for a text without text, which the provider does not take back.
// With whole, arguments that are not complete are an error.
func (b *block) finish(whole bool) (json.RawMessage, error) {
	grown := len(b.order) > 0 || len(b.citations) > 0
	call := strings.HasSuffix(b.kind, "tool_use")
	if !grown && !call && b.kind != "text" {
		return b.start, nil
	}
	fields, err := parseObject(b.start)
	if err != nil {
		return nil, fmt.Errorf("%w: a block: %w", errMalformed, err)
	}
	for _, name := range b.order {
		value := b.other[name]
		if pieces := b.strs[name]; pieces != nil {
			value = joined(fields.get(name), pieces.Bytes())
		}
		fields = fields.set(name, value)
	}
	if len(b.citations) > 0 {
		fields = fields.set("citations", appended(fields.get("citations"), b.citations))
	}
	if call {
		input, err := b.arguments(fields.get("input"), whole)
		if err != nil {
			return nil, err
		}
		if b.input.Len() == 0 && bytes.Equal(input, fields.get("input")) && !grown {
			return b.start, nil
		}
		fields = fields.set("input", input)
	}
	if b.kind == "text" {
		var text string
		if json.Unmarshal(fields.get("text"), &text) != nil || strings.TrimSpace(text) == "" && len(b.citations) == 0 {
			return nil, nil
		}
		if !grown {
			return b.start, nil
		}
	}
	return fields.json(), nil
}

// arguments returns the input of a tool call: what the pieces add up to, or
// what came with the block's start.
func (b *block) arguments(start json.RawMessage, whole bool) (json.RawMessage, error) {
	input := bytes.TrimSpace(b.input.Bytes())
	if len(input) == 0 {
		input = bytes.TrimSpace(start)
	}
	if len(input) > 0 && input[0] == '{' && json.Valid(input) {
		return input, nil
	}
	if whole && (len(b.input.Bytes()) > 0 || len(input) > 0) {
		return nil, fmt.Errorf("%w: the input of the tool call %s is not complete", errCut, clip(b.tool))
	}
	return json.RawMessage(`{}`), nil
}

// joined appends pieces of a JSON string to one that may be missing.
func joined(start json.RawMessage, pieces []byte) json.RawMessage {
	out := make([]byte, 0, len(start)+len(pieces)+2)
	out = append(out, '"')
	if len(start) >= 2 && start[0] == '"' {
		out = append(out, start[1:len(start)-1]...)
	}
	out = append(append(out, pieces...), '"')
	if !bytes.Contains(out, []byte(`\ud`)) && !bytes.Contains(out, []byte(`\uD`)) {
		return out
	}
	// Halves of a character that belong together have met; those that do not
	// would be refused.
	var text string
	if json.Unmarshal(out, &text) != nil {
		return out
	}
	return json.RawMessage(quote(text))
}

// appended adds elements to a JSON array that may be missing.
func appended(list json.RawMessage, more []json.RawMessage) json.RawMessage {
	var all []json.RawMessage
	if json.Unmarshal(list, &all) != nil {
		all = nil
	}
	all = append(all, more...)
	return append(append(json.RawMessage{'['}, bytes.Join(asBytes(all), []byte{','})...), ']')
}

func asBytes(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
}

// object is a JSON object whose fields keep their order.
type object []field

type field struct {
	key   string
	value json.RawMessage
}

func parseObject(raw json.RawMessage) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, fmt.Errorf("it is not an object")
	}
	var o object
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := tok.(string)
		if !ok {
			return nil, fmt.Errorf("it is not an object")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		o = append(o, field{key, value})
	}
	return o, nil
}

// get returns a field's value, the last one of that name.
func (o object) get(key string) json.RawMessage {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].key == key {
			return o[i].value
		}
	}
	return nil
}

// set replaces a field where it stands, or adds it at the end.
func (o object) set(key string, value json.RawMessage) object {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].key == key {
			o[i].value = value
			return o
		}
	}
	return append(o, field{key, value})
}

func (o object) json() json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(f.key))
		b.WriteByte(':')
		b.Write(f.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}
