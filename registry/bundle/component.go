package bundle

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/registry/bundle/nearest"
)

// skills loads skills/<dir>/SKILL.md and what the manifest adds to it.
func (l *loader) skills(ctx context.Context) error {
	places := l.places("skills")
	_, standard := l.tree.children("skills")
	if standard {
		places = append([]place{{path: "skills"}}, places...)
	}
	if !standard && l.root.Get("skills") == nil && l.tree.file("SKILL.md") != nil {
		return l.skill(ctx, ".", l.b.Manifest.Name)
	}
	seen := map[string]bool{}
	once := func(dir, name string) error {
		real, err := l.tree.resolve(dir)
		if err != nil || seen[real] {
			return nil
		}
		seen[real] = true
		return l.skill(ctx, dir, name)
	}
	for _, pl := range places {
		names, ok := l.tree.children(pl.path)
		if !ok {
			l.add(l.src.at(pl.node.Offset, Error, "path-kind", "name the skill's folder", "skills: %q is a file, not a folder", clip(pl.node.Text)))
			continue
		}
		if l.tree.file(path.Join(pl.path, "SKILL.md")) != nil && pl.path != "skills" {
			name := path.Base(pl.path)
			if pl.path == "." {
				name = l.b.Manifest.Name
			}
			if err := once(pl.path, name); err != nil {
				return err
			}
			continue
		}
		for _, name := range names {
			dir := path.Join(pl.path, name)
			files, ok := l.tree.children(dir)
			if !ok {
				if isMarkdown(name) {
					l.add(Finding{File: dir, Severity: Info, Rule: "skill-flat", Message: "a Markdown file directly in the skills folder is not a skill", Fix: "move it to " + path.Join(pl.path, stem(name), "SKILL.md")})
				}
				continue
			}
			if l.tree.file(path.Join(dir, "SKILL.md")) == nil {
				for _, f := range files {
					if strings.EqualFold(f, "SKILL.md") {
						l.add(Finding{File: path.Join(dir, f), Severity: Warning, Rule: "skill-case", Message: "the file must be called SKILL.md in exactly this case; the skill is not loaded", Fix: "rename it to SKILL.md"})
					}
				}
				continue
			}
			if err := once(dir, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loader) skill(ctx context.Context, dir, name string) error {
	file := path.Join(dir, "SKILL.md")
	m, ok, err := l.markdown(ctx, file)
	if !ok || err != nil {
		return err
	}
	if strings.HasPrefix(name, ".") {
		name = "-" + strings.TrimLeft(name, ".")
	}
	s := Skill{
		ID: l.id(name), Name: name, File: file, Front: m.front, Body: m.body,
		Description: m.description(), ArgumentHint: m.front.source("argument-hint"),
		Arguments: m.front.List("arguments"), AllowedTools: m.front.List("allowed-tools"),
		UserInvocable: true, ModelInvocable: true,
	}
	s.Alias = l.alias(m, file, name)
	s.Model, _ = m.front.Text("model")
	if extra, ok := m.front.Text("when_to_use"); ok && extra != "" {
		s.Description = strings.TrimPrefix(s.Description+" - "+extra, " - ")
	}
	if v, ok := l.flag(m, file, "user-invocable"); ok {
		s.UserInvocable = v
	}
	if v, ok := l.flag(m, file, "disable-model-invocation"); ok {
		s.ModelInvocable = !v
	}
	l.checkKeys(m, file, skillKeys())
	l.checkName(file, name)
	if i := slices.IndexFunc(l.b.Skills, func(o Skill) bool { return o.ID == s.ID }); i >= 0 {
		l.add(Finding{File: file, Severity: Error, Rule: "skill-duplicate", Message: fmt.Sprintf("the skill %s is already defined in %s; this one is not loaded", s.ID, l.b.Skills[i].File), Fix: "rename one of the folders"})
		return nil
	}
	l.b.Skills = append(l.b.Skills, s)
	return nil
}

// agents loads agents/**/*.md or what the manifest names in its place.
func (l *loader) agents(ctx context.Context) error {
	places := l.places("agents")
	if len(places) == 0 {
		places = []place{{path: "agents"}}
	}
	for _, pl := range places {
		if l.tree.file(pl.path) != nil {
			if err := l.agent(ctx, pl.path, ""); err != nil {
				return err
			}
			continue
		}
		if pl.node != nil {
			l.add(l.src.at(pl.node.Offset, Warning, "path-kind", "list the agents' files", "agents: %q is a folder; other hosts take only files", clip(pl.node.Text)))
		}
		err := l.eachMarkdown(pl.path, func(file, prefix string) error { return l.agent(ctx, file, prefix) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) agent(ctx context.Context, file, prefix string) error {
	if !isMarkdown(file) {
		l.add(Finding{File: file, Severity: Error, Rule: "path-kind", Message: "an agent is a Markdown file; this one is not loaded", Fix: "rename it to .md"})
		return nil
	}
	m, ok, err := l.markdown(ctx, file)
	if !ok || err != nil {
		return err
	}
	a := Agent{
		Name: stem(file), File: file, Front: m.front, Body: m.body, Description: m.description(),
		Tools: m.front.List("tools"), DisallowedTools: m.front.List("disallowedTools"),
	}
	if name, ok := m.front.Text("name"); ok && name != "" && !strings.ContainsAny(name, ":/\\\x00") {
		a.Name = name
	}
	a.Name = prefix + a.Name
	a.ID = l.id(a.Name)
	a.Model, _ = m.front.Text("model")
	l.checkKeys(m, file, agentKeys())
	for _, key := range []string{"hooks", "mcpServers", "permissionMode"} {
		if m.front.Has(key) {
			l.add(Finding{File: file, Line: 1, Column: 1, Severity: Warning, Rule: "agent-ignored-key", Message: key + " of a plugin's agent is ignored for security", Fix: "remove the key"})
		}
	}
	if i := slices.IndexFunc(l.b.Agents, func(o Agent) bool { return o.ID == a.ID }); i >= 0 {
		l.add(Finding{File: file, Severity: Error, Rule: "agent-duplicate", Message: fmt.Sprintf("the agent %s is already defined in %s; this one is not loaded", a.ID, l.b.Agents[i].File), Fix: "give one of them another name"})
		return nil
	}
	l.b.Agents = append(l.b.Agents, a)
	return nil
}

func (l *loader) id(name string) string { return l.b.Manifest.Name + ":" + name }

// eachMarkdown visits the Markdown files under dir in order, following links
// inside the bundle once. prefix is the sub-folders with a colon after each.
func (l *loader) eachMarkdown(dir string, visit func(file, prefix string) error) error {
	seen := map[string]bool{}
	var walk func(dir, prefix string) error
	walk = func(dir, prefix string) error {
		real, err := l.tree.resolve(dir)
		if err != nil || seen[real] {
			return nil
		}
		seen[real] = true
		names, _ := l.tree.children(dir)
		for _, name := range names {
			p := path.Join(dir, name)
			switch {
			case l.tree.file(p) != nil:
				if isMarkdown(name) {
					if err := visit(p, prefix); err != nil {
						return err
					}
				}
			case l.tree.file(path.Join(p, "SKILL.md")) != nil:
				if err := visit(path.Join(p, "SKILL.md"), prefix+name); err != nil {
					return err
				}
			default:
				if err := walk(p, prefix+name+":"); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return walk(dir, "")
}

// markdown is a read component file.
type markdown struct {
	front Frontmatter
	body  string
}

func (l *loader) markdown(ctx context.Context, file string) (markdown, bool, error) {
	data, ok, err := l.read(ctx, file)
	if !ok || err != nil {
		return markdown{}, false, err
	}
	front, body, found := ParseFrontmatter(file, data)
	for _, f := range found {
		l.add(f)
	}
	for i, line := range strings.Split(body, "\n") {
		if at := strings.IndexFunc(line, invisible); at >= 0 {
			first := 1 + strings.Count(string(data[:max(0, len(data)-len(body))]), "\n")
			l.add(Finding{File: file, Line: first + i, Column: len([]rune(line[:at])) + 1, Severity: Warning, Rule: "invisible-characters", Message: "the text holds characters that cannot be seen, such as zero-width or bidirectional controls", Fix: "remove them"})
			break
		}
	}
	return markdown{front, body}, true, nil
}

// description is the frontmatter's, or else the first paragraph of the body.
func (m markdown) description() string {
	if text, ok := m.front.Text("description"); ok && text != "" {
		return text
	}
	var para []string
	for line := range strings.Lines(m.body) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			if len(para) > 0 {
				break
			}
			continue
		}
		if para = append(para, line); len(para) == 8 {
			break
		}
	}
	text := strings.Join(para, " ")
	if r := []rune(text); len(r) > 300 {
		text = string(r[:299]) + "…"
	}
	return text
}

// alias returns the frontmatter's name when it is another one and can be
// called.
func (l *loader) alias(m markdown, file, name string) string {
	alias, ok := m.front.Text("name")
	if !ok || alias == "" || alias == name {
		return ""
	}
	if strings.ContainsFunc(alias, func(r rune) bool { return r <= ' ' || invisible(r) || r == 0x7f }) {
		l.add(Finding{File: file, Line: 1, Column: 1, Severity: Info, Rule: "name-style", Message: fmt.Sprintf("the name %q holds a space and cannot be called; the plugin's user calls %s", clip(alias), l.id(name)), Fix: "write the name in lower case with hyphens"})
		return ""
	}
	return alias
}

func (l *loader) flag(m markdown, file, key string) (value, ok bool) {
	if value, ok = m.front.Bool(key); !ok && m.front.Has(key) {
		l.add(Finding{File: file, Line: 1, Column: 1, Severity: Warning, Rule: "frontmatter-type", Message: key + ": expected true or false; it is ignored", Fix: "write true or false"})
	}
	return value, ok
}

func (l *loader) checkName(file, name string) {
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || invisible(r) }) {
		l.add(Finding{File: file, Severity: Warning, Rule: "name-style", Message: fmt.Sprintf("the name %q holds a space or invisible character and cannot be called", clip(name)), Fix: "rename it in lower case with hyphens"})
	}
}

// checkKeys reports keys the format does not have and texts of a wrong type.
func (l *loader) checkKeys(m markdown, file string, known []string) {
	for _, key := range m.front.Keys() {
		if slices.Contains(known, key) {
			continue
		}
		f := Finding{File: file, Line: 1, Column: 1, Severity: Info, Rule: "frontmatter-unknown-key", Message: fmt.Sprintf("unknown key %q in the frontmatter; it is kept and ignored", clip(key))}
		if node := m.front.values[key]; node.Line > 0 {
			f.Line = node.Line + 1
		}
		near := nearest.One(key, known)
		switch {
		case key == "tools" && slices.Contains(known, "allowed-tools"):
			near = "allowed-tools"
		case key == "allowed-tools" && slices.Contains(known, "tools"):
			near = "tools"
		}
		if near != "" {
			f.Severity, f.Fix = Warning, `did you mean "`+near+`"?`
		}
		l.add(f)
	}
	for _, key := range []string{"name", "description"} {
		if _, ok := m.front.Text(key); !ok && m.front.Has(key) {
			l.add(Finding{File: file, Line: m.front.values[key].Line + 1, Column: 1, Severity: Warning, Rule: "frontmatter-type", Message: key + ": expected a text; it is ignored", Fix: "write one line of text"})
		}
	}
}

func skillKeys() []string {
	return []string{
		"name", "description", "when_to_use", "argument-hint", "arguments", "disable-model-invocation", "user-invocable",
		"allowed-tools", "disallowed-tools", "model", "effort", "context", "agent", "background", "hooks", "paths", "shell",
		"metadata", "license", "compatibility", "hide-from-slash-command-tool",
	}
}

func agentKeys() []string {
	return []string{
		"name", "description", "tools", "disallowedTools", "model", "effort", "maxTurns", "skills", "memory", "background",
		"isolation", "color", "initialPrompt", "hooks", "mcpServers", "permissionMode", "metadata", "license",
	}
}
