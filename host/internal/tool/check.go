package tool

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
)

// maxProblems is how many faults of one input are told at once.
const maxProblems = 5

// checker walks an input beside its schema and collects what does not fit, in
// words for the model.
type checker struct {
	root     *jsonschema.Schema
	problems []string
	changed  bool
}

func (c *checker) problem(at, format string, args ...any) {
	if len(c.problems) == maxProblems {
		return
	}
	if at != "" {
		at += ": "
	}
	c.problems = append(c.problems, at+fmt.Sprintf(format, args...))
}

// value checks one value and returns it, or what it plainly stands for: 3 for
// 3.0 where an integer is asked for.
func (c *checker) value(at string, s *jsonschema.Schema, v any) any {
	if s = c.follow(s); s == nil {
		return v
	}
	if types := c.types(s); len(types) > 0 && !fits(types, v) {
		c.problem(at, "expected %s, got %s", describe(s, types), shown(v))
		return v
	}
	if len(s.Enum) > 0 && !slices.ContainsFunc(s.Enum, func(e any) bool { return equal(e, v) }) {
		c.problem(at, "%s is not one of %s%s", shown(v), options(s.Enum), suggest(v, s.Enum))
		return v
	}
	switch v := v.(type) {
	case json.Number:
		return c.number(at, s, v)
	case string:
		n := utf8.RuneCountInString(v)
		if s.MaxLength != nil && n > *s.MaxLength {
			c.problem(at, "has %d characters, more than %d", n, *s.MaxLength)
		}
		if s.MinLength != nil && n < *s.MinLength {
			c.problem(at, "has %d characters, fewer than %d", n, *s.MinLength)
		}
	case []any:
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			c.problem(at, "has %d items, more than %d", len(v), *s.MaxItems)
		}
		if s.MinItems != nil && len(v) < *s.MinItems {
			c.problem(at, "has %d items, fewer than %d", len(v), *s.MinItems)
		}
		if s.Items != nil {
			for i := range v {
				v[i] = c.value(at+"["+strconv.Itoa(i)+"]", s.Items, v[i])
			}
		}
	case map[string]any:
		c.object(at, s, v)
	}
	return v
}

// types are the types a value may have: a schema's own or, if it has none,
// those of the alternatives, if each of them says.
func (c *checker) types(s *jsonschema.Schema) []string {
	if own := typesOf(s); own != nil {
		return own
	}
	var types []string
	for _, alt := range append(s.AnyOf[:len(s.AnyOf):len(s.AnyOf)], s.OneOf...) {
		alt = c.follow(alt)
		if alt == nil || typesOf(alt) == nil {
			return nil
		}
		types = append(types, typesOf(alt)...)
	}
	return types
}

func (c *checker) number(at string, s *jsonschema.Schema, n json.Number) any {
	f, _ := n.Float64() // too large is infinite
	if s.Minimum != nil && f < *s.Minimum || s.ExclusiveMinimum != nil && f <= *s.ExclusiveMinimum {
		c.problem(at, "%s is too small: expected %s", shown(n), describe(s, typesOf(s)))
	}
	if s.Maximum != nil && f > *s.Maximum || s.ExclusiveMaximum != nil && f >= *s.ExclusiveMaximum {
		c.problem(at, "%s is too large: expected %s", shown(n), describe(s, typesOf(s)))
	}
	if types := typesOf(s); slices.Contains(types, "integer") && !slices.Contains(types, "number") && !isDigits(n) && math.Abs(f) < 1<<53 {
		c.changed = true
		return json.Number(strconv.FormatInt(int64(f), 10))
	}
	return n
}

func (c *checker) object(at string, s *jsonschema.Schema, v map[string]any) {
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			what := ""
			if p := c.follow(s.Properties[name]); p != nil {
				what = ": " + describe(p, c.types(p))
				if p.Description != "" {
					what += ", " + clip(p.Description, 120)
				}
			}
			c.problem(at, "the field %q is missing%s", name, what)
		}
	}
	var strange []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		below := name
		if at != "" {
			below = at + "." + name
		}
		p, known := s.Properties[name]
		switch {
		case known && v[name] == nil && !slices.Contains(s.Required, name) && !fits(typesOf(p), nil):
			delete(v, name) // null for a field that may be left out
			c.changed = true
		case known:
			v[name] = c.value(below, p, v[name])
		case len(s.PatternProperties) > 0 || s.AdditionalProperties == nil:
		case isFalse(s.AdditionalProperties):
			names := fieldNames(s)
			if near := Nearest(name, names); near != "" {
				c.problem(at, "there is no field %.80q; did you mean %q?", name, near)
				continue
			}
			strange = append(strange, strconv.Quote(clip(name, 80)))
		default:
			v[name] = c.value(below, s.AdditionalProperties, v[name])
		}
	}
	if n := len(strange); n > 0 {
		c.problem(at, "there is no field %s; the fields are: %s", strings.Join(strange[:min(n, maxProblems)], " or "), strings.Join(fieldNames(s), ", "))
	}
}

// follow returns what a reference inside the schema points to. What it cannot
// follow is left to the tool.
func (c *checker) follow(s *jsonschema.Schema) *jsonschema.Schema {
	for hops := 0; s != nil && s.Ref != ""; hops++ {
		name, here := strings.CutPrefix(s.Ref, "#/$defs/")
		old, draft7 := strings.CutPrefix(s.Ref, "#/definitions/")
		switch {
		case hops == maxHops:
			return nil
		case s.Ref == "#":
			s = c.root
		case here:
			s = c.root.Defs[name]
		case draft7:
			s = c.root.Definitions[old]
		default:
			return nil
		}
	}
	return s
}

// maxHops bounds a chain of references, which may be a ring.
const maxHops = 100

func typesOf(s *jsonschema.Schema) []string {
	if s.Type != "" {
		return []string{s.Type}
	}
	return s.Types
}

func fits(types []string, v any) bool {
	if len(types) == 0 {
		return true
	}
	switch v := v.(type) {
	case nil:
		return slices.Contains(types, "null")
	case bool:
		return slices.Contains(types, "boolean")
	case string:
		return slices.Contains(types, "string")
	case []any:
		return slices.Contains(types, "array")
	case map[string]any:
		return slices.Contains(types, "object")
	case json.Number:
		if slices.Contains(types, "number") {
			return true
		}
		f, err := v.Float64()
		return slices.Contains(types, "integer") && (isDigits(v) || err == nil && f == math.Trunc(f))
	}
	return false
}

func isDigits(n json.Number) bool { return !strings.ContainsAny(string(n), ".eE") }

func isFalse(s *jsonschema.Schema) bool {
	return s != nil && s.Not != nil && typesOf(s) == nil && s.Properties == nil && s.Not.Type == "" && s.Not.Properties == nil
}

func fieldNames(s *jsonschema.Schema) []string {
	if len(s.PropertyOrder) > 0 {
		return s.PropertyOrder
	}
	return slices.Sorted(maps.Keys(s.Properties))
}

// describe says what a schema asks for: "an integer from 1 to 100".
func describe(s *jsonschema.Schema, types []string) string {
	var parts []string
	for _, t := range types {
		article := "a "
		if t == "integer" || t == "array" || t == "object" {
			article = "an "
		}
		if t == "null" {
			article = ""
		}
		parts = append(parts, article+t)
	}
	text := strings.Join(parts, " or ")
	if text == "" {
		text = "a value"
	}
	switch {
	case len(s.Enum) > 0:
		text += ", one of " + options(s.Enum)
	case s.Minimum != nil && s.Maximum != nil:
		text += fmt.Sprintf(" from %v to %v", *s.Minimum, *s.Maximum)
	case s.Minimum != nil:
		text += fmt.Sprintf(" of at least %v", *s.Minimum)
	case s.Maximum != nil:
		text += fmt.Sprintf(" of at most %v", *s.Maximum)
	}
	if s.Items != nil && len(typesOf(s.Items)) > 0 {
		text += " of " + strings.Join(typesOf(s.Items), "/") + " values"
	}
	return text
}

// shown is a value in a message: its kind, and as much of it as helps.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return clip(string(v), 40)
	case string:
		return "the text " + strconv.Quote(clip(v, 40))
	case []any:
		return "an array"
	}
	return "an object"
}

func options(enum []any) string {
	var list []string
	for i, e := range enum {
		if i == 20 {
			list = append(list, "…")
			break
		}
		text, _ := json.Marshal(e)
		list = append(list, clip(string(text), 60))
	}
	return strings.Join(list, ", ")
}

func suggest(v any, enum []any) string {
	text, ok := v.(string)
	if !ok {
		return ""
	}
	var names []string
	for _, e := range enum {
		if s, ok := e.(string); ok {
			names = append(names, s)
		}
	}
	if near := Nearest(text, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func equal(want, got any) bool {
	n, ok := got.(json.Number)
	if !ok {
		switch want.(type) {
		case nil, bool, string:
			return want == got
		}
		return true // lists and objects are left to the tool
	}
	w, ok := want.(float64)
	f, err := n.Float64()
	return ok && err == nil && w == f
}

// clip cuts a text to at most n bytes, at the border of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
