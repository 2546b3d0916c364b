package runtime

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	cuejson "cuelang.org/go/encoding/json"

	"github.com/cowork-host/cowork/registry/bundle"
	"github.com/cowork-host/cowork/registry/bundle/jsontree"
)

// maxDocument bounds what is validated, in bytes.
const maxDocument = 1 << 20

// Schema validates what plugins contribute against plugins.cue. It holds text
// and plain values only: a CUE context keeps everything it ever evaluated, so
// each validation has its own. It may be used concurrently.
type Schema struct {
	src     string
	shipped map[string]Grant
}

// Grant is what a plugin may use.
type Grant struct {
	// Files is "none", "read" or "read-write".
	Files   string
	Network bool
	// MemoryBytes is the most memory the plugin's process may have.
	MemoryBytes int64
}

// NewSchema compiles src, the text of plugins.cue, and reads the list of
// shipped plugins from it.
func NewSchema(src string) (*Schema, error) {
	s := &Schema{src: src, shipped: map[string]Grant{}}
	root, err := s.compile(cuecontext.New())
	if err != nil {
		return nil, err
	}
	list := root.LookupPath(cue.ParsePath("shipped"))
	if !list.Exists() {
		return s, nil
	}
	if err := list.Validate(cue.Concrete(true), cue.Final()); err != nil {
		return nil, fmt.Errorf("read shipped plugins of plugins.cue: %s", details(err))
	}
	var raw map[string]struct {
		Files   string `json:"files"`
		Network bool   `json:"network"`
		Memory  string `json:"memory"`
	}
	if err := list.Decode(&raw); err != nil {
		return nil, fmt.Errorf("read shipped plugins of plugins.cue: %s", details(err))
	}
	for name, g := range raw {
		bytes, err := parseSize(g.Memory)
		if err != nil {
			return nil, fmt.Errorf("read grant of %s in plugins.cue: %w", name, err)
		}
		s.shipped[name] = Grant{Files: g.Files, Network: g.Network, MemoryBytes: bytes}
	}
	return s, nil
}

// Shipped returns the plugins that ship with the host, each with its grant.
func (s *Schema) Shipped() map[string]Grant { return maps.Clone(s.shipped) }

func parseSize(text string) (int64, error) {
	unit := int64(1) << 20
	digits, ok := strings.CutSuffix(text, "MiB")
	if !ok {
		unit = 1 << 30
		if digits, ok = strings.CutSuffix(text, "GiB"); !ok {
			return 0, fmt.Errorf("expected a size like 400MiB, got %q", text)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("expected a size like 400MiB, got %q", text)
	}
	return n * unit, nil
}

func (s *Schema) compile(ctx *cue.Context) (cue.Value, error) {
	v := ctx.CompileString(s.src, cue.Filename("plugins.cue"))
	if err := v.Err(); err != nil {
		return v, fmt.Errorf("compile plugins.cue: %s", details(err))
	}
	return v, nil
}

func details(err error) string {
	return strings.Join(strings.Fields(cueerrors.Details(err, nil)), " ")
}

// Validate checks one JSON document against the definition of its kind
// ("plugin" is #Plugin, "command" is #Command, …) and returns what does not
// fit, in the order of the document; none means valid. The findings are errors
// whose positions are in data, and file is the name they carry. A field that
// is missing stands at the object that lacks it.
func (s *Schema) Validate(kind, file string, data []byte) []bundle.Finding {
	c := &check{file: file, lines: jsontree.NewLines(data), seen: map[string]bool{}}
	if len(data) > maxDocument {
		c.add(0, "schema-size", "say less", "larger than %d KiB", maxDocument>>10)
		return c.found
	}
	if at := invalidUTF8(data); at >= 0 {
		c.add(at, "encoding", "write UTF-8", "expected UTF-8, got the byte 0x%02x", data[at])
		return c.found
	}
	root, err := jsontree.Parse(data)
	if err != nil {
		se := &jsontree.SyntaxError{Message: err.Error()}
		errors.As(err, &se)
		c.add(se.Offset, "json-syntax", "write valid JSON", "%s", se.Message)
		return c.found
	}
	c.root = root
	c.duplicates(root)
	if err := s.unify(c, kind, file, data); err != nil {
		c.add(root.Offset, "schema", "", "cannot be checked: %v", err)
	}
	if kind == "plugin" && len(c.found) == 0 {
		c.commands(root.Get("commands"))
	}
	slices.SortStableFunc(c.found, func(a, b bundle.Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.found
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// unify lets CUE decide and turns each fault it finds into one finding.
func (s *Schema) unify(c *check, kind, file string, data []byte) error {
	ctx := cuecontext.New()
	schema, err := s.compile(ctx)
	if err != nil {
		return err
	}
	def := schema.LookupPath(cue.ParsePath(definition(kind)))
	if !def.Exists() {
		return fmt.Errorf("there is no definition %s", definition(kind))
	}
	expr, err := cuejson.Extract(file, data)
	if err != nil {
		return fmt.Errorf("%s", details(err))
	}
	value := ctx.BuildExpr(expr)
	if len(c.found) > 0 && value.Err() != nil {
		return nil // duplicate keys with different values, already reported
	}
	err = def.Unify(value).Validate(cue.Concrete(true), cue.Final())
	if err == nil {
		return nil
	}
	var paths [][]string
	for _, e := range cueerrors.Errors(err) {
		path := e.Path()
		if len(path) > 0 && path[0] == definition(kind) {
			path = path[1:]
		}
		paths = append(paths, path)
	}
	before := len(c.found)
	for _, p := range paths {
		// A fault inside explains the ones around it.
		if !slices.ContainsFunc(paths, func(q []string) bool { return len(q) > len(p) && slices.Equal(q[:len(p)], p) }) {
			c.explain(def, p)
		}
	}
	if len(c.found) == before && before == 0 {
		return fmt.Errorf("%s", details(err))
	}
	return nil
}

func definition(kind string) string {
	if kind == "" {
		return "#"
	}
	return "#" + strings.ToUpper(kind[:1]) + kind[1:]
}
