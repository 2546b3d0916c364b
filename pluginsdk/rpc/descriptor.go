package rpc

import (
	"encoding/json"
	"fmt"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Descriptor is what a plugin process says of itself, before Start and without
// side effects. The host checks its JSON against plugins.cue and keeps it
// under the bundle's digest.
type Descriptor struct {
	pluginsdk.Manifest
	Commands []CommandDescriptor `json:"commands"`
	Tools    []ToolDescriptor    `json:"tools"`
}

// CommandDescriptor is a pluginsdk.Command without its handler.
type CommandDescriptor struct {
	Name         string            `json:"name"`
	Summary      string            `json:"summary"`
	ArgumentHint string            `json:"argument_hint"`
	Params       []pluginsdk.Param `json:"params"`
}

// ToolDescriptor is a pluginsdk.Tool without its function.
type ToolDescriptor struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema,omitempty"`
}

// Describe returns p's descriptor. A plugin that gives two commands or two
// tools the same name is invalid.
func Describe(p pluginsdk.Plugin) (*Descriptor, error) {
	m := p.Manifest()
	if m == nil {
		return nil, pluginsdk.Invalid("return a manifest with a name", "the plugin has no manifest")
	}
	d := &Descriptor{Manifest: *m, Commands: []CommandDescriptor{}, Tools: []ToolDescriptor{}}
	seen := map[string]bool{}
	if cp, ok := p.(pluginsdk.CommandProvider); ok {
		for _, c := range cp.Commands() {
			if seen[c.Name] {
				return nil, duplicate("command", c.Name)
			}
			seen[c.Name] = true
			params := append([]pluginsdk.Param{}, c.Params...)
			d.Commands = append(d.Commands, CommandDescriptor{c.Name, c.Summary, c.ArgumentHint, params})
		}
	}
	clear(seen)
	if tp, ok := p.(pluginsdk.ToolProvider); ok {
		for _, t := range tp.Tools() {
			if seen[t.Name] {
				return nil, duplicate("tool", t.Name)
			}
			seen[t.Name] = true
			d.Tools = append(d.Tools, ToolDescriptor{t.Name, t.Description, t.InputSchema})
		}
	}
	return d, nil
}

func duplicate(what, name string) error {
	return pluginsdk.Invalid(fmt.Sprintf("give each %s its own name", what), "the plugin offers the %s %q twice", what, name)
}
