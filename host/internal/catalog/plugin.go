package catalog

import (
	"encoding/json"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle"
)

// State says whether a plugin can be used.
type State string

// The states of a plugin. Failed is one that does not load; its findings say
// why.
const (
	Enabled  State = "enabled"
	Disabled State = "disabled"
	Failed   State = "failed"
)

// Plugin is one plugin and what it offers. Its JSON is the stable shape of
// "plugin ls" and "plugin show"; lists are never null.
type Plugin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Source says where it came from: "shipped", a folder, a marketplace.
	Source     string           `json:"source"`
	Digest     string           `json:"digest"`
	State      State            `json:"state"`
	Skills     []Skill          `json:"skills"`
	Commands   []Command        `json:"commands"`
	Agents     []Agent          `json:"agents"`
	Connectors []Connector      `json:"connectors"`
	Hooks      []Hook           `json:"hooks"`
	Findings   []bundle.Finding `json:"findings"`
}

// Skill is a skill of a plugin.
type Skill struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Description   string `json:"description"`
	UserInvocable bool   `json:"user_invocable"`
	ArgumentHint  string `json:"argument_hint,omitempty"`
	// Alias is another name it can be called by.
	Alias string `json:"alias,omitempty"`
}

// Command is a slash command. In a [Snapshot] it may also stand for a skill
// that can be called as one.
type Command struct {
	ID           string `json:"id"` // "plugin:name"
	ArgumentHint string `json:"argument_hint"`
	// NeedsModel says that no handler stands behind it.
	NeedsModel bool              `json:"needs_model"`
	Summary    string            `json:"summary,omitempty"`
	Params     []pluginsdk.Param `json:"params,omitempty"`
	Alias      string            `json:"alias,omitempty"` // as in [Skill]
}

// Agent is a sub-agent definition.
type Agent struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// ConnectorState says whether a connector can be used.
type ConnectorState string

// The states of a connector.
const (
	Ready             ConnectorState = "ready"
	ToConnect         ConnectorState = "to_connect"
	ConnectorDisabled ConnectorState = "disabled"
	ConnectorFailed   ConnectorState = "failed"
)

// Connector is an MCP server of a plugin.
type Connector struct {
	Name      string         `json:"name"`
	Transport string         `json:"transport"`
	State     ConnectorState `json:"state"`
}

// Hook is a callback of a plugin around an event.
type Hook struct {
	Event   string `json:"event"`
	Matcher string `json:"matcher"`
	Type    string `json:"type"`
}

// MarshalJSON writes empty lists in place of missing ones.
func (p Plugin) MarshalJSON() ([]byte, error) {
	type plain Plugin
	return json.Marshal(plain(p.normal()))
}

// normal returns a copy of p that shares no list with it and has no nil one.
func (p Plugin) normal() Plugin {
	p.Skills = list(p.Skills)
	p.Commands = list(p.Commands)
	for i, c := range p.Commands {
		p.Commands[i].Params = append([]pluginsdk.Param(nil), c.Params...)
	}
	p.Agents = list(p.Agents)
	p.Connectors = list(p.Connectors)
	p.Hooks = list(p.Hooks)
	p.Findings = list(p.Findings)
	return p
}

func list[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }

// FromBundle describes a loaded bundle. described are the commands its plugin
// process says it has a handler for, or nil; loadErr is what [bundle.Load]
// returned beside the bundle, which may be nil then. Connectors that name a server are to be
// connected: only the user makes one ready.
func FromBundle(b *bundle.Bundle, source string, described []pluginsdk.Command, loadErr error) Plugin {
	if b == nil {
		b = &bundle.Bundle{}
		if loadErr != nil {
			b.Findings = []bundle.Finding{{Severity: bundle.Error, Rule: "bundle-unreadable", Message: loadErr.Error()}}
		}
	}
	p := Plugin{Name: b.Manifest.Name, Version: b.Manifest.Version, Source: source, Digest: b.Digest, State: Enabled, Findings: b.Findings}
	if loadErr != nil {
		p.State = Failed
		return p.normal()
	}
	skills := map[string]bundle.Skill{}
	for _, s := range b.Skills {
		p.Skills = append(p.Skills, Skill{ID: s.ID, Name: s.Name, Description: s.Description, UserInvocable: s.UserInvocable, ArgumentHint: s.ArgumentHint, Alias: s.Alias})
		skills[s.ID] = s
	}
	at := map[string]int{}
	put := func(c Command) {
		at[c.ID] = len(p.Commands)
		p.Commands = append(p.Commands, c)
	}
	for _, c := range b.Commands {
		if c.UserInvocable && !c.Shadowed {
			put(Command{ID: c.ID, ArgumentHint: c.ArgumentHint, Summary: c.Description, Alias: c.Alias, NeedsModel: true})
		}
	}
	for _, d := range described {
		id := p.Name + ":" + d.Name
		if _, ok := at[id]; !ok {
			put(Command{ID: id, ArgumentHint: skills[id].ArgumentHint, Summary: skills[id].Description, Alias: skills[id].Alias})
		}
		c := &p.Commands[at[id]]
		c.NeedsModel = false
		c.Params = d.Params
		if d.ArgumentHint != "" {
			c.ArgumentHint = d.ArgumentHint
		}
		if d.Summary != "" {
			c.Summary = d.Summary
		}
	}
	for _, a := range b.Agents {
		p.Agents = append(p.Agents, Agent{ID: a.ID, Name: a.Name, Description: a.Description})
	}
	for _, c := range b.Connectors {
		p.Connectors = append(p.Connectors, Connector{Name: c.Name, Transport: string(c.Transport), State: ToConnect})
	}
	for _, h := range b.Hooks {
		p.Hooks = append(p.Hooks, Hook{Event: h.Event, Matcher: h.Matcher, Type: h.Type})
	}
	return p.normal()
}
