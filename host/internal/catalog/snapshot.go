package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle"
	"github.com/cowork-host/cowork/registry/bundle/nearest"
)

// Snapshot is an immutable view of all plugins. Its methods may be called
// concurrently; what they return is the caller's own. The zero value and a nil
// one are empty.
type Snapshot struct {
	plugins  []Plugin
	commands []Command
	byID     map[string]int
	byAlias  map[string][]int // "plugin:alias"
	byName   map[string][]int // the half after the colon, of ids and aliases
	ids      []string
}

// New makes a snapshot of the plugins, sorted by name. It copies the entries.
// Of two plugins with one name the first counts, and the other one is listed
// as failed.
func New(entries []Plugin) *Snapshot {
	s := &Snapshot{byID: map[string]int{}, byAlias: map[string][]int{}, byName: map[string][]int{}}
	for _, p := range entries {
		s.plugins = append(s.plugins, p.normal())
	}
	slices.SortStableFunc(s.plugins, func(a, b Plugin) int { return cmp.Compare(a.Name, b.Name) })
	for i := range s.plugins {
		p := &s.plugins[i]
		if i > 0 && s.plugins[i-1].Name == p.Name {
			p.State = Failed
			p.Findings = append(p.Findings, bundle.Finding{
				Severity: bundle.Error, Rule: "plugin-duplicate", Fix: "remove one of them",
				Message: fmt.Sprintf("a plugin %s is already there, from %s", p.Name, s.first(p.Name).Source),
			})
		}
		if p.State == Enabled {
			s.index(p)
		}
	}
	slices.Sort(s.ids)
	return s
}

func (s *Snapshot) first(name string) Plugin {
	i, _ := slices.BinarySearchFunc(s.plugins, name, func(p Plugin, n string) int { return cmp.Compare(p.Name, n) })
	return s.plugins[i]
}

// index takes the commands of a plugin, and its skills that can be called.
func (s *Snapshot) index(p *Plugin) {
	for _, c := range p.Commands {
		s.put(c)
	}
	for _, sk := range p.Skills {
		if _, ok := s.byID[sk.ID]; sk.UserInvocable && !ok {
			s.put(Command{ID: sk.ID, ArgumentHint: sk.ArgumentHint, NeedsModel: true, Summary: sk.Description, Alias: sk.Alias})
		}
	}
}

func (s *Snapshot) put(c Command) {
	if _, ok := s.byID[c.ID]; ok {
		return
	}
	at := len(s.commands)
	s.commands = append(s.commands, c)
	s.ids = append(s.ids, c.ID)
	s.byID[c.ID] = at
	plugin, name, _ := strings.Cut(c.ID, ":")
	s.byName[name] = append(s.byName[name], at)
	if c.Alias != "" && c.Alias != name {
		s.byAlias[plugin+":"+c.Alias] = append(s.byAlias[plugin+":"+c.Alias], at)
		s.byName[c.Alias] = append(s.byName[c.Alias], at)
	}
}

// Plugins returns all plugins, sorted by name.
func (s *Snapshot) Plugins() []Plugin {
	if s == nil {
		return []Plugin{}
	}
	out := make([]Plugin, 0, len(s.plugins))
	for _, p := range s.plugins {
		out = append(out, p.normal())
	}
	return out
}

// Plugin returns the plugin of that name. The error is
// [pluginsdk.ErrNotFound] and offers the nearest names.
func (s *Snapshot) Plugin(name string) (Plugin, error) {
	var names []string
	if s != nil {
		for _, p := range s.plugins {
			if p.Name == name {
				return p.normal(), nil
			}
			names = append(names, p.Name)
		}
	}
	return Plugin{}, notFound("plugin", name, nearest.Names(name, names, 3), "cowork plugin ls")
}

// Commands returns everything that can be called with a slash, sorted by id.
func (s *Snapshot) Commands() []Command {
	if s == nil {
		return []Command{}
	}
	out := make([]Command, 0, len(s.commands))
	for _, id := range s.ids {
		out = append(out, s.command(s.byID[id]))
	}
	return out
}

func (s *Snapshot) command(i int) Command {
	c := s.commands[i]
	c.Params = append([]pluginsdk.Param(nil), c.Params...)
	return c
}

// Command finds what "/name" calls: an id, "plugin:alias", or a bare name or
// alias when only one command has it; an id is preferred over an alias. A
// slash before the name is dropped. The error is [pluginsdk.ErrNotFound] with
// the nearest names, or [pluginsdk.ErrInvalid] with the candidates when a bare
// name is ambiguous.
func (s *Snapshot) Command(name string) (Command, error) {
	name = strings.TrimPrefix(name, "/")
	if s == nil {
		return Command{}, notFound("command", "/"+name, nil, "cowork plugin ls")
	}
	if i, ok := s.byID[name]; ok {
		return s.command(i), nil
	}
	hits := s.byAlias[name]
	if len(hits) == 0 {
		hits = s.byName[name]
	}
	if exact := slices.DeleteFunc(slices.Clone(hits), func(i int) bool {
		_, last, _ := strings.Cut(s.commands[i].ID, ":")
		return last != name
	}); len(exact) > 0 {
		hits = exact
	}
	switch len(hits) {
	case 0:
		return Command{}, s.unknown(name)
	case 1:
		return s.command(hits[0]), nil
	}
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = "/" + s.commands[h].ID
	}
	slices.Sort(ids)
	return Command{}, pluginsdk.Invalid("write "+either(ids), "/%s is the name of %d commands", clip(name), len(ids))
}

// unknown says so, or why a command that exists cannot be called.
func (s *Snapshot) unknown(name string) error {
	if plugin, _, ok := strings.Cut(name, ":"); ok {
		for _, p := range s.plugins {
			if p.Name == plugin && p.State != Enabled {
				next := "run cowork plugin enable " + plugin
				if p.State == Failed {
					next = "run cowork plugin show " + plugin + " to see why"
				}
				return &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: fmt.Sprintf("the plugin %s is %s", plugin, p.State), Next: next}
			}
		}
	}
	return notFound("command", "/"+name, slash(s.Nearest(name, 3)), "cowork plugin ls")
}

// Nearest returns up to n ids of commands near the name, the nearest first.
func (s *Snapshot) Nearest(name string, n int) []string {
	if s == nil {
		return nil
	}
	return nearest.Names(strings.TrimPrefix(name, "/"), s.ids, n)
}

func notFound(what, name string, near []string, list string) error {
	next := "see what there is with " + list
	if len(near) > 0 {
		next = "did you mean " + either(near) + "?"
	}
	return &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no %s %s", what, clip(name)), Next: next}
}

func slash(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = "/" + id
	}
	return out
}

func either(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func clip(s string) string {
	if len(s) <= 100 {
		return s
	}
	return strings.ToValidUTF8(s[:97], "") + "…"
}
