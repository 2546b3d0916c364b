package bundle

import (
	"context"
	"slices"
	"strconv"

	"github.com/cowork-host/cowork/registry/bundle/jsontree"
	"github.com/cowork-host/cowork/registry/bundle/nearest"
)

// Hook is one handler the plugin wants called around an event. It is data:
// nothing is run by loading it.
type Hook struct {
	Event string
	// Matcher chooses among the event's occasions; empty or "*" is all.
	Matcher string
	Type    string // command, http, mcp_tool, prompt or agent
	// Target is the command line, URL, tool or prompt, by type.
	Target string
	// Timeout is in seconds, 0 the event's default.
	Timeout float64
	File    string
	Line    int
	// Raw is the handler's whole configuration.
	Raw []byte
}

// hooks merges hooks/hooks.json with the manifest's hooks.
func (l *loader) hooks(ctx context.Context) error {
	files := map[string]bool{}
	load := func(p string) error {
		if real, _ := l.tree.resolve(p); files[real] {
			return nil
		} else {
			files[real] = true
		}
		root, src, err := l.json(ctx, p)
		if root == nil || err != nil {
			return err
		}
		data, err := l.tree.read(ctx, p)
		if err != nil {
			return err
		}
		l.hookMap(src, data, root)
		return nil
	}
	if l.tree.file("hooks/hooks.json") != nil {
		if err := load("hooks/hooks.json"); err != nil {
			return err
		}
	}
	n := l.root.Get("hooks")
	if n == nil {
		return nil
	}
	items := []*jsontree.Node{n}
	if n.Kind == jsontree.Array {
		items = n.Items
	}
	for _, it := range items {
		switch it.Kind {
		case jsontree.Object:
			l.hookMap(l.src, l.b.Manifest.Raw, it)
		case jsontree.String:
			if p, ok := l.componentPath(l.src, "hooks", it); ok {
				if err := load(p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// hookMap reads {"hooks": {Event: […]}} or the same without the outer key.
func (l *loader) hookMap(src source, data []byte, root *jsontree.Node) {
	events := root
	if inner := root.Get("hooks"); inner != nil {
		events = inner
	} else if root.Kind == jsontree.Object && len(root.Items) > 0 && src.file != manifestPath {
		l.add(src.at(root.Offset, Info, "hook-unwrapped", `wrap the events in {"hooks": {…}}`, `the events stand without the outer "hooks" key; other hosts may refuse them`))
	}
	if events.Kind == jsontree.Array && len(events.Items) == 0 {
		return
	}
	if events.Kind != jsontree.Object {
		l.add(src.at(events.Offset, Error, "hook-type", `write {"hooks": {"Event": […]}}`, "expected an object of events, got %s; no hook of it is loaded", describe(events)))
		return
	}
	known := hookEvents()
	for _, ev := range events.Members() {
		if !slices.Contains(known, ev.Key) {
			if events == root && (ev.Key == "description" || ev.Key == "modules" || ev.Key == "$schema" || ev.Key == "version") {
				continue
			}
			fix := "remove it"
			if near := nearest.One(ev.Key, known); near != "" {
				fix = `did you mean "` + near + `"?`
			}
			l.add(src.at(ev.KeyOffset, Warning, "hook-unknown-event", fix, "unknown event %q; its hooks are ignored", clip(ev.Key)))
			continue
		}
		if ev.Kind != jsontree.Array {
			l.add(src.at(ev.Offset, Error, "hook-type", "write a list", "%s: expected a list, got %s", ev.Key, describe(ev)))
			continue
		}
		for _, group := range ev.Items {
			l.hookGroup(src, data, ev.Key, group)
		}
	}
}

func (l *loader) hookGroup(src source, data []byte, event string, group *jsontree.Node) {
	if group.Kind != jsontree.Object {
		l.add(src.at(group.Offset, Error, "hook-type", `write {"hooks": […]}`, "%s: expected an object, got %s", event, describe(group)))
		return
	}
	matcher := group.Get("matcher")
	if matcher != nil && matcher.Kind != jsontree.String {
		l.add(src.at(matcher.Offset, Error, "hook-type", "write a text", "%s: matcher: expected a string, got %s; the hooks are not loaded", event, describe(matcher)))
		return
	}
	handlers := group.Get("hooks")
	if handlers == nil || handlers.Kind != jsontree.Array {
		l.add(src.at(group.Offset, Error, "hook-type", `add "hooks": […]`, "%s: expected a list of hooks, got %s", event, describe(handlers)))
		return
	}
	targets := map[string]string{"command": "command", "http": "url", "mcp_tool": "tool", "prompt": "prompt", "agent": "prompt"}
	for _, n := range handlers.Items {
		kind := textOf(n.Get("type"))
		field, ok := targets[kind]
		if !ok {
			l.add(src.at(n.Offset, Error, "hook-type", "write one of command, http, mcp_tool, prompt, agent", "%s: unknown hook type %q; it is not loaded", event, clip(kind)))
			continue
		}
		target := n.Get(field)
		if textOf(target) == "" {
			l.add(src.at(n.Offset, Error, "hook-type", `add "`+field+`"`, "%s: a %s hook needs %s, got %s; it is not loaded", event, kind, field, describe(target)))
			continue
		}
		h := Hook{Event: event, Matcher: textOf(matcher), Type: kind, Target: target.Text, File: src.file, Raw: slices.Clone(data[n.Offset:n.End])}
		h.Line, _ = src.lines.Position(n.Offset)
		if v := n.Get("timeout"); v != nil {
			seconds, err := strconv.ParseFloat(v.Text, 64)
			if v.Kind != jsontree.Number || err != nil || seconds <= 0 {
				l.add(src.at(v.Offset, Warning, "hook-type", "write seconds as a number", "%s: timeout: expected a number of seconds, got %s; the default is used", event, describe(v)))
				seconds = 0
			}
			h.Timeout = seconds
		}
		l.b.Hooks = append(l.b.Hooks, h)
	}
}

func hookEvents() []string {
	return []string{
		"SessionStart", "Setup", "UserPromptSubmit", "UserPromptExpansion", "PreToolUse", "PermissionRequest", "PermissionDenied",
		"PostToolUse", "PostToolUseFailure", "PostToolBatch", "Notification", "MessageDisplay", "SubagentStart", "SubagentStop",
		"TaskCreated", "TaskCompleted", "Stop", "StopFailure", "TeammateIdle", "InstructionsLoaded", "ConfigChange", "CwdChanged",
		"DirectoryAdded", "FileChanged", "WorktreeCreate", "WorktreeRemove", "PreCompact", "PostCompact", "Elicitation",
		"ElicitationResult", "SessionEnd",
	}
}
