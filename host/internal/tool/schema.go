package tool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/cowork-host/cowork/pluginsdk"
)

// maxInput bounds the JSON of one call's input in bytes.
const maxInput = 8 << 20

// schema is the JSON Schema of a tool's input, ready to check one.
type schema struct{ root *jsonschema.Schema }

// compile reads a tool's schema. What [checker] does not know of it, such as
// patterns, is left to the tool: a validator of everything that the standard
// allows recurses without end on schemas that strangers can write.
func compile(raw json.RawMessage) (*schema, error) {
	var root jsonschema.Schema
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	if root.Type != "object" {
		return nil, errors.New(`read schema: its type must be "object"`)
	}
	return &schema{root: &root}, nil
}

// infer makes the schema of a type's JSON and its bytes, which are the same in
// every process. Beside the json and jsonschema tags, a field may have enum
// (values separated by commas), min, max (of numbers and of list lengths) and
// maxlen (of texts, in characters).
func infer(t reflect.Type) (*schema, json.RawMessage, error) {
	root, err := jsonschema.ForType(t, nil)
	if err != nil {
		return nil, nil, err
	}
	if root.Type != "object" || t.Kind() != reflect.Struct {
		return nil, nil, fmt.Errorf("%s is not a struct", t)
	}
	if err := decorate(t, root); err != nil {
		return nil, nil, err
	}
	if root.Properties == nil {
		root.Properties = map[string]*jsonschema.Schema{}
	}
	raw, err := json.Marshal(root)
	return &schema{root: root}, raw, err
}

// decorate adds what our tags say. Null is nowhere asked for: it stands for a
// field that is left out.
func decorate(t reflect.Type, s *jsonschema.Schema) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if len(s.Types) == 2 && s.Types[0] == "null" {
		s.Type, s.Types = s.Types[1], nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return decorate(t.Elem(), s.Items)
	case reflect.Map:
		return decorate(t.Elem(), s.AdditionalProperties)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				name = f.Name
			}
			p := s.Properties[name]
			if p == nil || f.Anonymous {
				continue
			}
			if err := decorate(f.Type, p); err != nil {
				return err
			}
			if err := bounds(f, p); err != nil {
				return fmt.Errorf("field %s: %w", f.Name, err)
			}
		}
	}
	return nil
}

func bounds(f reflect.StructField, p *jsonschema.Schema) error {
	if v, ok := f.Tag.Lookup("enum"); ok {
		for e := range strings.SplitSeq(v, ",") {
			p.Enum = append(p.Enum, e)
		}
	}
	for _, key := range []string{"min", "max", "maxlen"} {
		v, ok := f.Tag.Lookup(key)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil {
			return err
		}
		number := float64(n)
		switch list := p.Type == "array"; {
		case key == "maxlen":
			p.MaxLength = &n
		case key == "min" && list:
			p.MinItems = &n
		case key == "max" && list:
			p.MaxItems = &n
		case key == "min":
			p.Minimum = &number
		default:
			p.Maximum = &number
		}
	}
	return nil
}

// check returns the input as it is to be decoded, or an error that tells the
// model which field is wrong and what is expected there. An input without
// bytes is an empty object.
func (s *schema) check(name string, raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	if len(raw) > maxInput {
		return nil, pluginsdk.Invalid("make several smaller calls", "the input of %s has %d bytes, more than %d", name, len(raw), maxInput)
	}
	raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	value, err := decode(raw)
	if err != nil {
		return nil, pluginsdk.Invalid("send the input again as one complete JSON object", "the input of %s is not valid JSON: %v", name, err)
	}
	c := &checker{root: s.root}
	value = c.value("", s.root, value)
	if len(c.problems) > 0 {
		return nil, pluginsdk.Invalid("correct that and call "+name+" again", "the input of %s does not fit: %s", name, strings.Join(c.problems, "; "))
	}
	if !c.changed {
		return raw, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("write the input of %s: %w", name, err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// decode reads one JSON value whose numbers keep all digits.
func decode(raw json.RawMessage) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return v, nil
}
