package tool

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/pluginsdk"
)

// SearchName is the name of the tool by which a model finds deferred ones.
const SearchName = "search_tools"

var validName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// Set is the tools of a task, in a fixed order. It does not change, and may be
// used concurrently.
type Set struct {
	entries []entry
	byName  map[string]int
}

type entry struct {
	tool   Tool
	spec   Spec
	schema *schema // nil for a tool that checks by itself
}

// NewSet returns a set of tools. A name that a model could not call, a name
// twice, and a schema that is no object's are errors that name the tool.
func NewSet(tools ...Tool) (*Set, error) {
	s := &Set{byName: map[string]int{}}
	for _, t := range tools {
		e := entry{tool: t, spec: t.Spec()}
		if !validName.MatchString(e.spec.Name) {
			return nil, pluginsdk.Invalid("use letters, digits, _ and -", "%.80q is not a tool's name", e.spec.Name)
		}
		if _, taken := s.byName[e.spec.Name]; taken {
			return nil, &pluginsdk.Error{Kind: pluginsdk.ErrConflict, Message: "two tools have the name " + e.spec.Name}
		}
		if _, ok := t.(checked); !ok {
			var err error
			if e.schema, err = compile(e.spec.Schema); err != nil {
				return nil, fmt.Errorf("tool %s: %w", e.spec.Name, err)
			}
		}
		s.byName[e.spec.Name] = len(s.entries)
		s.entries = append(s.entries, e)
	}
	return s, nil
}

// Names returns the names in order.
func (s *Set) Names() []string {
	names := make([]string, len(s.entries))
	for i, e := range s.entries {
		names[i] = e.spec.Name
	}
	return names
}

// Lookup returns the tool with the name. An unknown name is a
// [pluginsdk.ErrNotFound] for the model that suggests the nearest.
func (s *Set) Lookup(name string) (Tool, error) {
	e, err := s.lookup(name)
	if err != nil {
		return nil, err
	}
	return e.tool, nil
}

func (s *Set) lookup(name string) (*entry, error) {
	if i, ok := s.byName[name]; ok {
		return &s.entries[i], nil
	}
	next := "use one of the tools you were given"
	if near := Nearest(name, s.Names()); near != "" {
		next = "did you mean " + near + "?"
	} else if _, ok := s.byName[SearchName]; ok {
		next += ", or look for one with " + SearchName
	}
	return nil, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no tool %.80q", name), Next: next}
}

// Offer returns the tools for a request, the same bytes for the same
// arguments. When all definitions together take more than budget bytes, and
// there is [SearchName], the deferred tools are left out but for those that
// were found, which come last, in the order in which they were found. A budget
// of 0 has room for everything.
func (s *Set) Offer(budget int, found []string) []model.Tool {
	all, size := make([]model.Tool, 0, len(s.entries)), 0
	for _, e := range s.entries {
		t := model.Tool{Name: e.spec.Name, Description: e.spec.Description, InputSchema: e.spec.Schema}
		size += len(t.Name) + len(t.Description) + len(t.InputSchema)
		all = append(all, t)
	}
	_, search := s.byName[SearchName]
	if budget <= 0 || size <= budget || !search || len(s.Deferred()) == 0 {
		return slices.DeleteFunc(all, func(t model.Tool) bool { return t.Name == SearchName })
	}
	offered := make([]model.Tool, 0, len(all))
	for i, e := range s.entries {
		if !e.spec.Deferred {
			offered = append(offered, all[i])
		}
	}
	for _, name := range found {
		i, ok := s.byName[name]
		if ok && s.entries[i].spec.Deferred && !slices.ContainsFunc(offered, func(t model.Tool) bool { return t.Name == name }) {
			offered = append(offered, all[i])
		}
	}
	return offered
}

// Deferred returns the descriptions of the tools that need not be offered.
func (s *Set) Deferred() []Spec {
	var specs []Spec
	for _, e := range s.entries {
		if e.spec.Deferred {
			specs = append(specs, e.spec)
		}
	}
	return specs
}

// check returns a call's input as its tool gets it.
func (e *entry) check(raw json.RawMessage) (json.RawMessage, error) {
	if t, ok := e.tool.(checked); ok {
		return t.check(e.spec.Name, raw)
	}
	return e.schema.check(e.spec.Name, raw)
}

// prepare prepares a call whose input was checked.
func (e *entry) prepare(ctx context.Context, call Call) (*Prepared, error) {
	if t, ok := e.tool.(checked); ok {
		return t.prepared(ctx, call)
	}
	return e.tool.Prepare(ctx, call)
}
