package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/pluginsdk"
)

// generalAgent is the sub-agent that follows its prompt alone.
const generalAgent = "general"

// agentDef is how a sub-agent works: what it is told beside its prompt, and
// the tools it may use.
type agentDef struct {
	id          string
	prompt      string
	model       string
	only, never []string // tools, by our names; only is nil for all
}

// allows reports whether the agent may use a tool. A sub-agent starts no
// sub-agents of its own.
func (a *agentDef) allows(tool string) bool {
	if a == nil {
		return true
	}
	if tool == "agent" || slices.Contains(a.never, tool) {
		return false
	}
	return a.only == nil || slices.Contains(a.only, tool)
}

// agentDef finds the definition of an agent by its id, its bare name, or
// "general".
func (e *Engine) agentDef(ctx context.Context, id string, dirs []string) (*agentDef, error) {
	if id == "" || id == generalAgent {
		return &agentDef{id: generalAgent}, nil
	}
	snap, err := e.opts.Plugins.Snapshot(ctx, dirs...)
	if err != nil {
		return nil, err
	}
	plugin, found, names := agentOf(snap, id)
	if found.ID == "" {
		return nil, &pluginsdk.Error{
			Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no agent %.80q", id),
			Next: "use one of: " + strings.Join(append(names, generalAgent), ", "),
		}
	}
	content, err := e.opts.Plugins.Content(ctx, plugin)
	if err != nil {
		return nil, err
	}
	defer content.Close() //nolint:errcheck // only read from
	for _, a := range content.Agents {
		if a.ID == found.ID {
			return &agentDef{id: a.ID, prompt: a.Body, model: concrete(a.Model), only: ours(a.Tools), never: ours(a.DisallowedTools)}, nil
		}
	}
	return nil, fmt.Errorf("agent %s is not in its bundle: %w", found.ID, pluginsdk.ErrNotFound)
}

func agentOf(snap *catalog.Snapshot, id string) (plugin catalog.Plugin, found catalog.Agent, names []string) {
	for _, p := range snap.Plugins() {
		if p.State != catalog.Enabled {
			continue
		}
		for _, a := range p.Agents {
			names = append(names, a.ID)
			if a.ID == id || found.ID == "" && a.Name == id {
				plugin, found = p, a
			}
		}
	}
	return plugin, found, names
}

// concrete is the model an agent asks for. The public format also names sizes
// of one vendor's models, which mean nothing to another: the task's own is used.
func concrete(model string) string {
	switch model {
	case "inherit", "opus", "sonnet", "haiku", "default":
		return ""
	}
	return model
}

// ours translates the tool names of the public plugin format. A tool this host
// does not have stays under its own name and is simply not there.
func ours(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	var out []string
	for _, n := range names {
		n, _, _ = strings.Cut(n, "(") // Bash(git:*): the tool, with a pattern
		switch n = strings.TrimSpace(n); n {
		case "*":
			return nil
		case "Read", "NotebookRead":
			out = append(out, "read", "output")
		case "Write":
			out = append(out, "write")
		case "Edit", "MultiEdit":
			out = append(out, "edit")
		case "LS":
			out = append(out, "list")
		case "Glob":
			out = append(out, "glob", "list")
		case "Grep":
			out = append(out, "grep")
		case "WebFetch":
			out = append(out, "web_fetch")
		case "WebSearch":
			out = append(out, "web_search")
		case "TodoWrite", "TaskCreate", "TaskUpdate":
			out = append(out, "plan")
		case "AskUserQuestion":
			out = append(out, "ask")
		case "Skill":
			out = append(out, "skill")
		default:
			out = append(out, n)
		}
	}
	return out
}
