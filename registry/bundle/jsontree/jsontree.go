// Package jsontree parses strict JSON into a tree that remembers where every
// value and key stands, so that a finding can name line and column.
//
// It is as strict as RFC 8259 with one exception: a byte order mark at the
// start is skipped. Duplicate keys are kept, in order. Input is bounded in
// depth and number of values, so a hostile document costs a fixed amount of
// memory.
package jsontree

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of a document. A value beyond them is a syntax error.
const (
	MaxDepth  = 128
	MaxValues = 200_000
)

// Kind is the JSON type of a value.
type Kind uint8

// The kinds of value.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String returns the kind with its article, for messages: "a string".
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "a boolean"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Array:
		return "a list"
	case Object:
		return "an object"
	}
	return "nothing"
}

// Node is one value. It is read-only after [Parse].
type Node struct {
	Kind Kind
	// Offset and End delimit the value in the source, in bytes.
	Offset, End int
	// Key is the member's name when the value stands in an object, and
	// KeyOffset where the name stands.
	Key       string
	KeyOffset int
	// Text is the decoded string, or the literal of a number or boolean.
	Text string
	// Items are the elements of a list or the members of an object, in order.
	Items []*Node
}

// Get returns the member called key, or nil. Of duplicates the last one wins,
// as in encoding/json. It may be called on a nil node.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Object {
		return nil
	}
	for i := len(n.Items) - 1; i >= 0; i-- {
		if n.Items[i].Key == key {
			return n.Items[i]
		}
	}
	return nil
}

// Members returns the members of an object without the duplicates that lose,
// in the order of their last occurrence.
func (n *Node) Members() []*Node {
	if n == nil || n.Kind != Object {
		return nil
	}
	last := make(map[string]int, len(n.Items))
	for i, m := range n.Items {
		last[m.Key] = i
	}
	out := make([]*Node, 0, len(last))
	for i, m := range n.Items {
		if last[m.Key] == i {
			out = append(out, m)
		}
	}
	return out
}

// Duplicates returns, for every member whose key was there before, the pair
// of the first member with that key and the later one.
func (n *Node) Duplicates() [][2]*Node {
	if n == nil || n.Kind != Object {
		return nil
	}
	first := make(map[string]*Node, len(n.Items))
	var out [][2]*Node
	for _, m := range n.Items {
		if f, ok := first[m.Key]; ok {
			out = append(out, [2]*Node{f, m})
			continue
		}
		first[m.Key] = m
	}
	return out
}

// SyntaxError says where a document stops being JSON.
type SyntaxError struct {
	Offset  int
	Message string
}

// Error returns the message with the byte offset.
func (e *SyntaxError) Error() string { return fmt.Sprintf("offset %d: %s", e.Offset, e.Message) }

// Parse parses one JSON document. The error is a [*SyntaxError].
func Parse(data []byte) (*Node, error) {
	p := &parser{src: data}
	if strings.HasPrefix(string(data[:min(3, len(data))]), "\ufeff") {
		p.pos = 3
	}
	n, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(p.src) {
		return nil, p.fail(p.pos, "expected the end of the file, got %s", p.got())
	}
	return n, nil
}

type parser struct {
	src    []byte
	pos    int
	values int
}

func (p *parser) fail(off int, format string, args ...any) error {
	return &SyntaxError{Offset: off, Message: fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// got names what stands at the current position.
func (p *parser) got() string {
	rest := p.src[p.pos:]
	if len(rest) == 0 {
		return "the end of the file"
	}
	if rest[0] == '/' && len(rest) > 1 && (rest[1] == '/' || rest[1] == '*') || rest[0] == '#' {
		return "a comment, which JSON does not have"
	}
	r, _ := utf8.DecodeRune(rest)
	if r == utf8.RuneError {
		return fmt.Sprintf("the byte 0x%02x", rest[0])
	}
	return fmt.Sprintf("%q", r)
}

func (p *parser) value(depth int) (*Node, error) {
	p.space()
	if depth > MaxDepth {
		return nil, p.fail(p.pos, "nested deeper than %d levels", MaxDepth)
	}
	if p.values++; p.values > MaxValues {
		return nil, p.fail(p.pos, "more than %d values", MaxValues)
	}
	if p.pos == len(p.src) {
		return nil, p.fail(p.pos, "expected a value, got the end of the file")
	}
	n := &Node{Offset: p.pos}
	var err error
	switch c := p.src[p.pos]; {
	case c == '{':
		n.Kind = Object
		err = p.object(n, depth)
	case c == '[':
		n.Kind = Array
		err = p.array(n, depth)
	case c == '"':
		n.Kind = String
		n.Text, err = p.str()
	case c == '-' || c >= '0' && c <= '9':
		n.Kind = Number
		err = p.number()
		n.Text = string(p.src[n.Offset:p.pos])
	default:
		err = p.word(n)
	}
	if err != nil {
		return nil, err
	}
	n.End = p.pos
	return n, nil
}

func (p *parser) word(n *Node) error {
	for _, w := range []struct {
		text string
		kind Kind
	}{{"true", Bool}, {"false", Bool}, {"null", Null}} {
		if strings.HasPrefix(string(p.src[p.pos:min(len(p.src), p.pos+len(w.text))]), w.text) {
			n.Kind, n.Text = w.kind, w.text
			p.pos += len(w.text)
			return nil
		}
	}
	return p.fail(p.pos, "expected a value, got %s", p.got())
}

func (p *parser) object(n *Node, depth int) error {
	p.pos++
	for {
		p.space()
		if p.at('}') && len(n.Items) == 0 {
			p.pos++
			return nil
		}
		if !p.at('"') {
			if p.at('}') {
				return p.fail(p.pos, "expected a key in double quotes after the comma, got %s; JSON has no trailing comma", p.got())
			}
			return p.fail(p.pos, "expected a key in double quotes, got %s", p.got())
		}
		keyOffset := p.pos
		key, err := p.str()
		if err != nil {
			return err
		}
		p.space()
		if !p.at(':') {
			return p.fail(p.pos, "expected ':' after the key %q, got %s", clip(key), p.got())
		}
		p.pos++
		m, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		m.Key, m.KeyOffset = key, keyOffset
		n.Items = append(n.Items, m)
		if more, err := p.next('}'); !more || err != nil {
			return err
		}
	}
}

func (p *parser) array(n *Node, depth int) error {
	p.pos++
	for {
		p.space()
		if p.at(']') {
			if len(n.Items) > 0 {
				return p.fail(p.pos, "expected a value after the comma, got %s; JSON has no trailing comma", p.got())
			}
			p.pos++
			return nil
		}
		m, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, m)
		if more, err := p.next(']'); !more || err != nil {
			return err
		}
	}
}

// next consumes a comma (more follows) or the closing bracket.
func (p *parser) next(closing byte) (bool, error) {
	p.space()
	switch {
	case p.at(','):
		p.pos++
		return true, nil
	case p.at(closing):
		p.pos++
		return false, nil
	}
	return false, p.fail(p.pos, "expected ',' or %q, got %s", closing, p.got())
}

func (p *parser) at(c byte) bool { return p.pos < len(p.src) && p.src[p.pos] == c }

func (p *parser) str() (string, error) {
	start := p.pos
	plain := true
	for p.pos++; p.pos < len(p.src); p.pos++ {
		switch c := p.src[p.pos]; {
		case c == '"':
			p.pos++
			raw := p.src[start:p.pos]
			if plain && utf8.Valid(raw) {
				return string(raw[1 : len(raw)-1]), nil
			}
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return "", p.fail(start, "the string has an escape JSON does not know")
			}
			return s, nil
		case c == '\\':
			plain = false
			p.pos++
		case c < 0x20:
			return "", p.fail(p.pos, "the string holds the control character 0x%02x; write it as an escape", c)
		}
	}
	return "", p.fail(start, "the string is not closed")
}

func (p *parser) number() error {
	start := p.pos
	if p.at('-') {
		p.pos++
	}
	switch {
	case p.at('0'):
		p.pos++
	case !p.digits():
		return p.fail(start, "the number has no digits")
	}
	if p.at('.') {
		p.pos++
		if !p.digits() {
			return p.fail(start, "the number has no digits after the point")
		}
	}
	if p.at('e') || p.at('E') {
		p.pos++
		if p.at('+') || p.at('-') {
			p.pos++
		}
		if !p.digits() {
			return p.fail(start, "the number has no digits in its exponent")
		}
	}
	return nil
}

func (p *parser) digits() bool {
	start := p.pos
	for p.pos < len(p.src) && p.src[p.pos] >= '0' && p.src[p.pos] <= '9' {
		p.pos++
	}
	return p.pos > start
}

func clip(s string) string {
	if len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(s[:57], "") + "…"
}
