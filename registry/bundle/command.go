package bundle

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/registry/bundle/jsontree"
)

// commands loads commands/**/*.md or what the manifest names in its place.
func (l *loader) commands(ctx context.Context) error {
	if err := l.loadCommands(ctx); err != nil {
		return err
	}
	for i := range l.b.Commands {
		c := &l.b.Commands[i]
		for _, s := range l.b.Skills {
			if s.ID == c.ID {
				c.Shadowed = true
				l.add(Finding{File: c.File, Severity: Warning, Rule: "command-shadowed", Message: fmt.Sprintf("the skill in %s has the same id %s and is called in place of this command", s.File, c.ID), Fix: "remove or rename one of them"})
			}
		}
	}
	return nil
}

func (l *loader) loadCommands(ctx context.Context) error {
	declared := l.root.Get("commands")
	if declared != nil && declared.Kind == jsontree.Object {
		return l.mappedCommands(ctx, declared)
	}
	places := l.places("commands")
	if len(places) == 0 {
		places = []place{{path: "commands"}}
	}
	for _, pl := range places {
		if l.tree.file(pl.path) != nil {
			if !isMarkdown(pl.path) {
				l.add(l.src.at(pl.node.Offset, Error, "path-kind", "name a .md file", "commands: %q is not a Markdown file", clip(pl.node.Text)))
				continue
			}
			if err := l.command(ctx, pl.path, stem(pl.path)); err != nil {
				return err
			}
			continue
		}
		err := l.eachMarkdown(pl.path, func(file, prefix string) error {
			if path.Base(file) == "SKILL.md" && prefix != "" && !strings.HasSuffix(prefix, ":") {
				return l.command(ctx, file, prefix)
			}
			return l.command(ctx, file, prefix+stem(file))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// mappedCommands loads the map form, whose keys are the commands' names. It
// replaces the commands folder.
func (l *loader) mappedCommands(ctx context.Context, m *jsontree.Node) error {
	for _, d := range m.Duplicates() {
		line, _ := l.src.lines.Position(d[0].KeyOffset)
		l.fail(l.src.at(d[1].KeyOffset, Error, "command-duplicate", "rename one of them", "the command %s is already defined in %s line %d", l.id(d[1].Key), manifestPath, line))
	}
	for i, v := range m.Members() {
		if v.Kind != jsontree.Object {
			continue
		}
		if i >= maxEntries {
			l.add(l.src.at(v.KeyOffset, Error, "too-many-entries", "define fewer commands", "more than %d commands; the rest is not loaded", maxEntries))
			break
		}
		if why := commandNameFault(v.Key); why != "" {
			l.add(l.src.at(v.KeyOffset, Error, "command-name", "rename it in lower case with hyphens", "the command's name %q %s; it is not loaded", clip(v.Key), why))
			continue
		}
		src, content := v.Get("source"), v.Get("content")
		used := ""
		switch {
		case src != nil && src.Kind == jsontree.String:
			file, ok := l.componentPath(l.src, "commands."+v.Key+".source", src)
			if !ok {
				continue
			}
			used = file
			if err := l.command(ctx, file, v.Key); err != nil {
				return err
			}
		case content != nil && content.Kind == jsontree.String:
			l.addCommand(manifestPath, v.Key, markdown{body: content.Text})
		default:
			l.add(l.src.at(v.Offset, Error, "command-empty", `add "source" or "content"`, "commands.%s has neither source nor content; it is not loaded", v.Key))
			continue
		}
		l.override(v)
		for _, other := range []string{path.Join("commands", v.Key+".md"), path.Join("commands", v.Key, "SKILL.md")} {
			if l.tree.file(other) != nil && l.tree.file(other) != l.tree.file(used) {
				l.fail(l.src.at(v.KeyOffset, Error, "command-duplicate", "remove one of them", "the command %s is defined here and in %s", l.id(v.Key), other))
			}
		}
	}
	return nil
}

// override lets the fields of a mapped command win over its file's.
func (l *loader) override(v *jsontree.Node) {
	if len(l.b.Commands) == 0 {
		return
	}
	c := &l.b.Commands[len(l.b.Commands)-1]
	if c.Name != v.Key {
		return
	}
	for key, field := range map[string]*string{"description": &c.Description, "argumentHint": &c.ArgumentHint, "model": &c.Model} {
		if n := v.Get(key); n != nil && n.Kind == jsontree.String {
			*field = n.Text
		}
	}
	if tools := texts(v.Get("allowedTools")); tools != nil {
		c.AllowedTools = tools
	}
}

func (l *loader) command(ctx context.Context, file, name string) error {
	m, ok, err := l.markdown(ctx, file)
	if !ok || err != nil {
		return err
	}
	l.addCommand(file, name, m)
	return nil
}

func (l *loader) addCommand(file, name string, m markdown) {
	c := Command{
		ID: l.id(name), Name: name, File: file, Front: m.front, Body: m.body,
		Description: m.description(), ArgumentHint: m.front.source("argument-hint"),
		Arguments: m.front.List("arguments"), AllowedTools: m.front.List("allowed-tools"), UserInvocable: true,
	}
	if file != manifestPath {
		c.Alias = l.alias(m, file, name)
	}
	c.Model, _ = m.front.Text("model")
	if v, ok := l.flag(m, file, "user-invocable"); ok {
		c.UserInvocable = v
	}
	l.checkKeys(m, file, skillKeys())
	l.checkName(file, name)
	switch base := path.Base(file); {
	case strings.EqualFold(base, "README.md"), strings.EqualFold(base, "CLAUDE.md"):
		l.add(Finding{File: file, Severity: Info, Rule: "command-readme", Message: fmt.Sprintf("every Markdown file in the commands folder is a command; this one is %s", c.ID), Fix: "move the file out of the folder"})
	case isMarkdown(file) && path.Ext(file) != ".md":
		l.add(Finding{File: file, Severity: Warning, Rule: "command-case", Message: fmt.Sprintf("the extension is not in lower case and stays part of the name: %s", c.ID), Fix: "rename the file to .md"})
	}
	if i := slices.IndexFunc(l.b.Commands, func(o Command) bool { return o.ID == c.ID }); i >= 0 {
		l.fail(Finding{File: file, Rule: "command-duplicate", Message: fmt.Sprintf("the command %s is already defined in %s", c.ID, l.b.Commands[i].File), Fix: "rename or remove one of them"})
		return
	}
	l.b.Commands = append(l.b.Commands, c)
}

// commandNameFault says why a name of the map form cannot be a command's.
func commandNameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > 200:
		return "is too long"
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' || r == '\\' || invisible(r) }):
		return "holds a space, a slash or an invisible character"
	}
	return ""
}
