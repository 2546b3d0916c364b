// Package strictjson reads JSON that a person wrote into plain structs, and
// says in which line what is wrong: a member that does not exist, with the one
// that was likely meant, a value of another type, one that is there twice.
package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cowork-host/cowork/registry/bundle/jsontree"
	"github.com/cowork-host/cowork/registry/bundle/nearest"
)

// Decode reads one JSON document into a pointer to a struct of structs, slices,
// strings, integers and booleans whose fields have json tags. The error names
// the line. On an error the value is not to be used.
func Decode(data []byte, into any) error {
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8 text")
	}
	c := checker{lines: jsontree.NewLines(data)}
	root, err := jsontree.Parse(data)
	if s, ok := errors.AsType[*jsontree.SyntaxError](err); ok {
		return c.fail(s.Offset, "%s", s.Message)
	}
	if err != nil {
		return err
	}
	if err := c.value(root, reflect.TypeOf(into).Elem(), ""); err != nil {
		return err
	}
	return json.Unmarshal(data[root.Offset:root.End], into)
}

type checker struct{ lines *jsontree.Lines }

func (c checker) fail(offset int, format string, args ...any) error {
	line, _ := c.lines.Position(offset)
	return fmt.Errorf("line %d: "+format, append([]any{line}, args...)...)
}

// value holds a value and all below it against a type. The path is how a person
// would name it: "caps.day", "policy[2].tool".
func (c checker) value(n *jsontree.Node, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if want := kind(t); n.Kind != want {
		if path == "" {
			path = "the file"
		}
		return c.fail(n.Offset, "%s is %s, not %s", path, n.Kind, want)
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.object(n, t, path)
	case reflect.Slice:
		for i, e := range n.Items {
			if err := c.value(e, t.Elem(), path+"["+strconv.Itoa(i+1)+"]"); err != nil {
				return err
			}
		}
	case reflect.Int, reflect.Int64:
		if _, err := strconv.ParseInt(n.Text, 10, 64); err != nil {
			return c.fail(n.Offset, "%s is %s, not a whole number", path, n.Text)
		}
	}
	return nil
}

func (c checker) object(n *jsontree.Node, t reflect.Type, path string) error {
	fields := map[string]reflect.Type{}
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = t.Field(i).Type
			names = append(names, name)
		}
	}
	if d := n.Duplicates(); len(d) > 0 {
		return c.fail(d[0][1].KeyOffset, "%q is there twice", d[0][1].Key)
	}
	for _, m := range n.Items {
		ft, ok := fields[m.Key]
		if !ok {
			return c.unknown(m, names, path)
		}
		if err := c.value(m, ft, strings.TrimPrefix(path+"."+m.Key, ".")); err != nil {
			return err
		}
	}
	return nil
}

func (c checker) unknown(m *jsontree.Node, names []string, path string) error {
	where := ""
	if path != "" {
		where = " in " + path
	}
	if near := nearest.One(m.Key, names); near != "" {
		return c.fail(m.KeyOffset, "there is no setting %.60q%s; did you mean %q?", m.Key, where, near)
	}
	slices.Sort(names)
	return c.fail(m.KeyOffset, "there is no setting %.60q%s; there are %s", m.Key, where, strings.Join(names, ", "))
}

func kind(t reflect.Type) jsontree.Kind {
	switch t.Kind() {
	case reflect.Struct:
		return jsontree.Object
	case reflect.Slice:
		return jsontree.Array
	case reflect.String:
		return jsontree.String
	case reflect.Bool:
		return jsontree.Bool
	case reflect.Int, reflect.Int64:
		return jsontree.Number
	}
	panic("strictjson: a field of type " + t.String()) // a mistake in the struct
}
