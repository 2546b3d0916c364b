package runtime

import (
	"fmt"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"github.com/cowork-host/cowork/registry/bundle"
	"github.com/cowork-host/cowork/registry/bundle/jsontree"
	"github.com/cowork-host/cowork/registry/bundle/nearest"
)

// check collects the findings of one document.
type check struct {
	file  string
	lines *jsontree.Lines
	root  *jsontree.Node
	seen  map[string]bool
	found []bundle.Finding
}

// maxFaults bounds the findings of one document.
const maxFaults = 100

func (c *check) add(offset int, rule, fix, format string, args ...any) {
	if len(c.found) >= maxFaults {
		return
	}
	line, column := c.lines.Position(offset)
	c.found = append(c.found, bundle.Finding{
		File: c.file, Line: line, Column: column, Severity: bundle.Error, Rule: rule, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// explain says what was expected at a path of the document and what is there.
func (c *check) explain(def cue.Value, path []string) {
	node, schema := c.root, def
	var parents string
	for i, step := range path {
		next, known := child(schema, node, step)
		what := join(parents, node, step)
		if c.seen[what] {
			return
		}
		if !known {
			c.seen[what] = true
			c.unknown(schema, node, what, step)
			return
		}
		value := member(node, step)
		if value == nil {
			c.seen[what] = true
			c.add(node.Offset, "schema-required", "add it", "%s: expected %s, got nothing; it is required", what, expected(next))
			return
		}
		node, schema, parents = value, next, what
		if i == len(path)-1 {
			c.seen[what] = true
		}
	}
	if parents == "" {
		parents = "the document"
	}
	want := expected(schema)
	fix := "write " + want
	if node.Kind == jsontree.String {
		if near := nearest.One(node.Text, choices(schema)); near != "" {
			fix = fmt.Sprintf("did you mean %q?", near)
		}
	}
	c.add(node.Offset, "schema-type", fix, "%s: expected %s, got %s", parents, want, got(node))
}

func (c *check) unknown(schema cue.Value, node *jsontree.Node, what, step string) {
	offset := node.Offset
	if m := node.Get(step); m != nil {
		offset = m.KeyOffset
	}
	fields := fieldNames(schema)
	fix := "remove it"
	if near := nearest.One(step, fields); near != "" {
		fix = fmt.Sprintf("did you mean %q?", near)
	}
	want := "no such field"
	if len(fields) > 0 {
		want = "one of " + strings.Join(fields, ", ")
	}
	c.add(offset, "schema-unknown-field", fix, "%s: expected %s, got the unknown field %q", what, want, step)
}

// duplicates reports keys that stand twice in one object.
func (c *check) duplicates(n *jsontree.Node) {
	for _, d := range n.Duplicates() {
		line, _ := c.lines.Position(d[0].KeyOffset)
		c.add(d[1].KeyOffset, "json-duplicate-key", "remove one of them", "%s: expected one value, got a second one beside line %d", d[1].Key, line)
	}
	for _, m := range n.Items {
		c.duplicates(m)
	}
}

// commands checks what a type cannot say: names are unique, and positional
// arguments come before options and required ones before those that are not.
func (c *check) commands(list *jsontree.Node) {
	if list == nil || list.Kind != jsontree.Array {
		return
	}
	c.unique(list, "command")
	for _, cmd := range list.Items {
		params := cmd.Get("params")
		if params == nil || params.Kind != jsontree.Array {
			continue
		}
		c.unique(params, "parameter")
		options, optional := false, ""
		for _, p := range params.Items {
			name, option := text(p.Get("name")), text(p.Get("option")) == "true" || text(p.Get("kind")) == "flag"
			switch required := text(p.Get("required")) == "true"; {
			case option:
				options = true
			case options:
				c.add(p.Offset, "command-params", "move it before the options", "parameter %q: expected positional parameters before the options, got one after them", name)
			case required && optional != "":
				c.add(p.Offset, "command-params", "move it forward", "parameter %q: expected required parameters first, got one after the optional %q", name, optional)
			case !required:
				optional = name
			}
		}
	}
}

func (c *check) unique(list *jsontree.Node, what string) {
	first := map[string]*jsontree.Node{}
	for _, it := range list.Items {
		n := it.Get("name")
		if n == nil || n.Kind != jsontree.String {
			continue
		}
		if f, ok := first[n.Text]; ok {
			line, column := c.lines.Position(f.Offset)
			c.add(n.Offset, what+"-duplicate", "rename one of them", "%s %q: expected a name of its own, got the one of line %d column %d", what, n.Text, line, column)
			continue
		}
		first[n.Text] = n
	}
}

// text is the literal of a scalar, "" for nothing.
func text(n *jsontree.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

func member(n *jsontree.Node, step string) *jsontree.Node {
	if n.Kind != jsontree.Array {
		return n.Get(step)
	}
	if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Items) {
		return n.Items[i]
	}
	return nil
}

func join(parents string, node *jsontree.Node, step string) string {
	switch {
	case node.Kind == jsontree.Array:
		return parents + "[" + step + "]"
	case parents == "":
		return step
	}
	return parents + "." + step
}

// child finds the schema of a field or element.
func child(schema cue.Value, node *jsontree.Node, step string) (cue.Value, bool) {
	if node.Kind == jsontree.Array {
		v := schema.LookupPath(cue.MakePath(cue.AnyIndex))
		return v, v.Exists()
	}
	fields, err := schema.Fields(cue.Optional(true))
	if err == nil {
		for fields.Next() {
			if name(fields.Selector()) == step {
				return fields.Value(), true
			}
		}
	}
	v := schema.LookupPath(cue.MakePath(cue.AnyString))
	return v, v.Exists()
}

func name(sel cue.Selector) string {
	if sel.LabelType() == cue.StringLabel {
		return sel.Unquoted()
	}
	return sel.String()
}

func fieldNames(schema cue.Value) []string {
	var out []string
	fields, err := schema.Fields(cue.Optional(true))
	if err != nil {
		return nil
	}
	for fields.Next() {
		out = append(out, name(fields.Selector()))
	}
	return out
}

// expected names what a schema wants: its @expect text, its choices, or its
// type.
func expected(v cue.Value) string {
	if text := attribute(v); text != "" {
		return text
	}
	if all := choices(v); len(all) > 0 {
		quoted := make([]string, len(all))
		for i, c := range all {
			quoted[i] = strconv.Quote(c)
		}
		if len(quoted) == 1 {
			return quoted[0]
		}
		return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
	}
	switch v.IncompleteKind() {
	case cue.StringKind:
		return "a string"
	case cue.BoolKind:
		return "true or false"
	case cue.IntKind:
		return "a whole number"
	case cue.NumberKind, cue.FloatKind:
		return "a number"
	case cue.ListKind:
		return "a list"
	case cue.StructKind:
		return "an object"
	case cue.NullKind:
		return "null"
	}
	return v.IncompleteKind().String()
}

// attribute looks for @expect on the field and on what it refers to.
func attribute(v cue.Value) string {
	for range 4 {
		if a := v.Attribute("expect"); a.Err() == nil {
			if text, err := a.String(0); err == nil {
				return text
			}
		}
		root, path := v.ReferencePath()
		if len(path.Selectors()) == 0 {
			return ""
		}
		v = root.LookupPath(path)
	}
	return ""
}

// choices returns the strings a disjunction allows, nil when it is none.
func choices(v cue.Value) []string {
	op, args := v.Expr()
	if op != cue.OrOp {
		return nil
	}
	var out []string
	for _, a := range args {
		s, err := a.String()
		if err != nil {
			return nil
		}
		out = append(out, s)
	}
	return out
}

func got(n *jsontree.Node) string {
	switch n.Kind {
	case jsontree.String:
		text := n.Text
		if len(text) > 60 {
			text = strings.ToValidUTF8(text[:57], "") + "…"
		}
		return fmt.Sprintf("the string %q", text)
	case jsontree.Number:
		return "the number " + n.Text[:min(len(n.Text), 40)]
	case jsontree.Bool:
		return n.Text
	}
	return n.Kind.String()
}
