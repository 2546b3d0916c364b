package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxJSONDepth is how deep a record may be nested.
const maxJSONDepth = 64

var errJSONDepth = errors.New("nested more than 64 levels deep")

// jsonMember is a member of an object or, with an empty key, an element of an
// array. Its value is valid JSON without blanks around it.
type jsonMember struct {
	key   string
	value []byte
}

// jsonMembers cuts a valid object or array into its members, in order.
func jsonMembers(raw []byte) []jsonMember {
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '{' && raw[0] != '[' {
		return nil
	}
	object := raw[0] == '{'
	var out []jsonMember
	for at := 1; at < len(raw); {
		at = skipBlank(raw, at)
		if at >= len(raw) || raw[at] == '}' || raw[at] == ']' {
			break
		}
		var m jsonMember
		if object {
			end := valueEnd(raw, at)
			m.key = jsonString(raw[at:end])
			at = skipBlank(raw, end) + 1 // the colon
			at = skipBlank(raw, at)
		}
		end := valueEnd(raw, at)
		m.value = raw[at:end]
		out = append(out, m)
		at = skipBlank(raw, end)
		if at < len(raw) && raw[at] == ',' {
			at++
		}
	}
	return out
}

func skipBlank(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\n' || b[at] == '\t' || b[at] == '\r') {
		at++
	}
	return at
}

// valueEnd returns where the valid value that starts at at ends.
func valueEnd(b []byte, at int) int {
	depth := 0
	for at < len(b) {
		switch b[at] {
		case '"':
			for at++; at < len(b) && b[at] != '"'; at++ {
				if b[at] == '\\' {
					at++
				}
			}
			at++
		case '{', '[':
			depth++
			at++
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
			at++
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			for at < len(b) && !strings.ContainsRune(",:]} \n\t\r", rune(b[at])) {
				at++
			}
		}
		if depth == 0 {
			return min(at, len(b))
		}
	}
	return len(b)
}

func jsonString(b []byte) string {
	if len(b) >= 2 && bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b) {
		return string(b[1 : len(b)-1])
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return string(b)
	}
	return s
}

// jsonCell reads a scalar; an array or object becomes its compact text.
func jsonCell(b []byte) Cell {
	if len(b) == 0 {
		return Cell{}
	}
	switch b[0] {
	case '"':
		s := jsonString(b)
		if s == "" {
			return Cell{}
		}
		return Cell{Text: s, Type: Text}
	case 'n':
		return Cell{}
	case 't':
		return Cell{Text: "true", Type: Bool, coef: 1, flags: flagNative}
	case 'f':
		return Cell{Text: "false", Type: Bool, flags: flagNative}
	case '{', '[':
		var buf bytes.Buffer
		if len(b) == 2 || json.Compact(&buf, b) != nil {
			return Cell{}
		}
		return Cell{Text: buf.String(), Type: Text}
	}
	c := Cell{Text: string(b), Type: Text}
	n, ok := parseSimple(c.Text)
	if !ok {
		n, ok = plainNum(b)
	}
	if ok {
		c.setNumber(n)
		c.flags |= flagNative
	}
	return c
}

// flatten calls fn for every scalar of an object, nested names joined by dots.
func flatten(raw []byte, prefix string, depth int, fn func(key string, value []byte) error) error {
	if depth > maxJSONDepth {
		return errJSONDepth
	}
	for _, m := range jsonMembers(raw) {
		key := m.key
		if prefix != "" {
			key = prefix + "." + key
		}
		if len(m.value) > 2 && m.value[0] == '{' {
			if err := flatten(m.value, key, depth+1, fn); err != nil {
				return err
			}
			continue
		}
		if len(m.value) > 2 && m.value[0] == '[' && jsonDepth(m.value)+depth > maxJSONDepth {
			return errJSONDepth
		}
		if err := fn(key, m.value); err != nil {
			return err
		}
	}
	return nil
}

// jsonDepth returns how deep a valid value is nested.
func jsonDepth(b []byte) int {
	depth, most := 0, 0
	for at := 0; at < len(b); at++ {
		switch b[at] {
		case '"':
			at = valueEnd(b, at) - 1
		case '{', '[':
			depth++
			most = max(most, depth)
		case '}', ']':
			depth--
		}
	}
	return most
}
