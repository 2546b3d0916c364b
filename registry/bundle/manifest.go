package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"strings"

	"github.com/cowork-host/cowork/registry/bundle/jsontree"
	"github.com/cowork-host/cowork/registry/bundle/nearest"
)

// Manifest is .claude-plugin/plugin.json.
type Manifest struct {
	// Raw is the file as it stands, nil when there is none.
	Raw json.RawMessage

	Name             string
	DisplayName      string
	Version          string
	Description      string
	Author           Author
	Homepage         string
	Repository       string
	License          string
	Icon             string
	PrivacyPolicyURL string
	Keywords         []string
	DefaultEnabled   bool // true unless the manifest says false
	Dependencies     []Dependency
}

// Author is who wrote the plugin.
type Author struct{ Name, Email, URL string }

// Dependency is another plugin this one needs.
type Dependency struct{ Name, Version, Marketplace string }

// fault is the innermost value that has not the shape it should have.
type fault struct {
	node     *jsontree.Node
	path     string
	expected string
}

// shape checks a value and returns nil when it fits.
type shape func(path string, n *jsontree.Node) *fault

func kind(expected string, kinds ...jsontree.Kind) shape {
	return func(path string, n *jsontree.Node) *fault {
		for _, k := range kinds {
			if n.Kind == k {
				return nil
			}
		}
		return &fault{n, path, expected}
	}
}

// listOf checks a list. When n is no list the expected text is what says so.
func listOf(expected string, item shape) shape {
	return func(path string, n *jsontree.Node) *fault {
		if n.Kind != jsontree.Array {
			return &fault{n, path, expected}
		}
		for i, it := range n.Items {
			if f := item(path+index(i), it); f != nil {
				return f
			}
		}
		return nil
	}
}

// either takes the shape that belongs to the value's kind, so that a fault
// deep inside one form is reported and not the other forms.
func either(expected string, forms map[jsontree.Kind]shape) shape {
	return func(path string, n *jsontree.Node) *fault {
		if form, ok := forms[n.Kind]; ok {
			return form(path, n)
		}
		return &fault{n, path, expected}
	}
}

// record checks the members of an object; those not listed are free.
func record(expected string, required []string, members map[string]shape) shape {
	return func(path string, n *jsontree.Node) *fault {
		if n.Kind != jsontree.Object {
			return &fault{n, path, expected}
		}
		for _, name := range required {
			if n.Get(name) == nil {
				return &fault{n, path, expected}
			}
		}
		for _, m := range n.Members() {
			if s, ok := members[m.Key]; ok {
				if f := s(path+"."+m.Key, m); f != nil {
					return f
				}
			}
		}
		return nil
	}
}

func mapOf(expected string, item shape) shape {
	return func(path string, n *jsontree.Node) *fault {
		if n.Kind != jsontree.Object {
			return &fault{n, path, expected}
		}
		for _, m := range n.Members() {
			if f := item(path+"."+m.Key, m); f != nil {
				return f
			}
		}
		return nil
	}
}

func webAddress(path string, n *jsontree.Node) *fault {
	if n.Kind == jsontree.String {
		if u, err := url.Parse(n.Text); err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "") {
			return nil
		}
	}
	return &fault{n, path, "a URL"}
}

func named(path string, n *jsontree.Node) *fault {
	if n.Kind != jsontree.String {
		return &fault{n, path, "a string"}
	}
	if why := nameFault(n.Text); why != "" {
		return &fault{n, path, "a name of letters, digits and hyphens"}
	}
	return nil
}

// manifestShapes is the public format: every recognised key and its type.
func manifestShapes() map[string]shape {
	str := kind("a string", jsontree.String)
	strs := listOf("a list of strings", str)
	paths := func(expected string) shape {
		return either(expected, map[jsontree.Kind]shape{jsontree.String: str, jsontree.Array: listOf(expected, kind("a path", jsontree.String))})
	}
	object := kind("an object", jsontree.Object)
	anyValue := func(string, *jsontree.Node) *fault { return nil }
	command := record("an object with source or content", nil, map[string]shape{
		"source": str, "content": str, "description": str, "argumentHint": str, "model": str, "allowedTools": strs,
	})
	const mixed = "a path, an object, or a list of these"
	inline := either(mixed, map[jsontree.Kind]shape{
		jsontree.String: str, jsontree.Object: object,
		jsontree.Array: listOf(mixed, kind("a path or an object", jsontree.String, jsontree.Object)),
	})
	const commands = "a path, a list of paths, or an object of commands"
	return map[string]shape{
		"$schema": anyValue, "name": named, "displayName": str, "version": str, "description": str,
		"author":   record(`an object with a name, like {"name": "…"}`, []string{"name"}, map[string]shape{"name": str, "email": str, "url": str}),
		"homepage": webAddress, "repository": str, "license": str, "keywords": strs, "defaultEnabled": kind("true or false", jsontree.Bool),
		"icon": str, "privacyPolicyUrl": webAddress, "metadata": anyValue, "experimental": anyValue, "settings": object,
		"commands": either(commands, map[jsontree.Kind]shape{
			jsontree.String: str, jsontree.Array: listOf(commands, kind("a path", jsontree.String)), jsontree.Object: mapOf(commands, command),
		}),
		"agents": paths("a path or a list of paths"), "skills": paths("a path or a list of paths"),
		"outputStyles": paths("a path or a list of paths"), "workflows": paths("a path or a list of paths"),
		"hooks": inline, "mcpServers": inline, "lspServers": inline, "themes": inline, "monitors": inline,
		"userConfig":   mapOf("an object of options", object),
		"channels":     listOf("a list of channels", record(`an object with a server`, []string{"server"}, map[string]shape{"server": str, "displayName": str})),
		"dependencies": listOf("a list of plugin names", either(`a name or an object with a name`, map[jsontree.Kind]shape{jsontree.String: str, jsontree.Object: record("an object with a name", []string{"name"}, map[string]shape{"name": str, "version": str, "marketplace": str})})),
	}
}

func (l *loader) manifest(ctx context.Context) error {
	l.b.Manifest.DefaultEnabled = true
	l.src = source{file: manifestPath}
	if l.tree.file(manifestPath) == nil {
		if _, err := l.tree.resolve(manifestPath); !errors.Is(err, fs.ErrNotExist) {
			l.fail(Finding{File: manifestPath, Rule: "manifest-unreadable", Message: "the manifest is not a regular file inside the plugin", Fix: "replace it with a file"})
		}
		l.nameFromFolder()
		return nil
	}
	data, err := l.tree.read(ctx, manifestPath)
	if errors.Is(err, errTooLarge) {
		l.fail(Finding{File: manifestPath, Rule: "file-size", Message: "the manifest is too large to be read", Fix: "keep only the fields of the format"})
		l.nameFromFolder()
		return nil
	}
	if err != nil {
		return err
	}
	l.b.Manifest.Raw = data
	l.src.lines = jsontree.NewLines(data)
	root, err := jsontree.Parse(data)
	var se *jsontree.SyntaxError
	if errors.As(err, &se) {
		l.fail(l.src.at(se.Offset, Error, "json-syntax", "make the manifest valid JSON", "%s", se.Message))
		l.nameFromFolder()
		return nil
	}
	if root.Kind != jsontree.Object {
		l.fail(l.src.at(root.Offset, Error, "manifest-type", "write the manifest as { … }", "expected an object, got %s", describe(root)))
		l.nameFromFolder()
		return nil
	}
	l.root = root
	l.checkManifest(root)
	l.fill(root)
	return nil
}

func (l *loader) nameFromFolder() {
	name := l.folder
	if why := nameFault(name); why != "" {
		if name = kebab(l.folder); name == "" {
			l.fail(Finding{File: manifestPath, Rule: "manifest-missing", Message: "the plugin has no manifest and its folder no usable name", Fix: `add .claude-plugin/plugin.json with {"name": "…"}`})
			name = "unnamed"
		}
	}
	l.b.Manifest.Name = name
	if len(l.fatal) == 0 {
		l.add(Finding{File: manifestPath, Severity: Info, Rule: "manifest-missing", Message: "the plugin has no manifest; it is named after its folder: " + name, Fix: `add .claude-plugin/plugin.json with {"name": "` + name + `"}`})
	}
}

// checkManifest reports unknown keys, duplicates and wrong types.
func (l *loader) checkManifest(root *jsontree.Node) {
	shapes := manifestShapes()
	known := make([]string, 0, len(shapes))
	for k := range shapes {
		known = append(known, k)
	}
	for _, d := range root.Duplicates() {
		line, _ := l.src.lines.Position(d[0].KeyOffset)
		l.add(l.src.at(d[1].KeyOffset, Warning, "json-duplicate-key", "remove one of them", "%q is already in line %d; the last one counts", d[1].Key, line))
	}
	for _, m := range root.Members() {
		check, ok := shapes[m.Key]
		if !ok {
			l.unknown(m, known)
			continue
		}
		if (m.Key == "metadata" || m.Key == "experimental") && m.Kind != jsontree.Object {
			l.add(l.src.at(m.Offset, Warning, "manifest-type", "write an object or remove the field", "%s: expected an object, got %s; it is ignored", m.Key, describe(m)))
			continue
		}
		if f := check(m.Key, m); f != nil {
			l.wrongType(f)
		}
	}
	if root.Get("name") == nil {
		l.fail(l.src.at(root.Offset, Error, "manifest-required", `add "name": "…"`, "name: expected a string, got nothing; the name is required"))
	}
}

func (l *loader) unknown(m *jsontree.Node, known []string) {
	fix := "remove the field"
	if len(l.findings) >= maxFindings {
		l.dropped++
		return
	}
	if near := nearest.One(m.Key, known); near != "" {
		fix = `did you mean "` + near + `"?`
	}
	l.add(l.src.at(m.KeyOffset, Warning, "manifest-unknown-field", fix, "unknown field %q; it is ignored", clip(m.Key)))
}

func (l *loader) wrongType(f *fault) {
	l.fail(l.src.at(f.node.Offset, Error, "manifest-type", "write "+f.expected, "%s: expected %s, got %s", f.path, f.expected, describe(f.node)))
}

// fill takes the typed fields. What has the wrong type was reported and stays
// empty.
func (l *loader) fill(root *jsontree.Node) {
	text := func(n *jsontree.Node, key string) string {
		if v := n.Get(key); v != nil && v.Kind == jsontree.String {
			return v.Text
		}
		return ""
	}
	m := &l.b.Manifest
	m.Name, m.DisplayName, m.Version, m.Description = text(root, "name"), text(root, "displayName"), text(root, "version"), text(root, "description")
	m.Homepage, m.Repository, m.License = text(root, "homepage"), text(root, "repository"), text(root, "license")
	m.Icon, m.PrivacyPolicyURL = text(root, "icon"), text(root, "privacyPolicyUrl")
	author := root.Get("author")
	m.Author = Author{text(author, "name"), text(author, "email"), text(author, "url")}
	if v := root.Get("defaultEnabled"); v != nil && v.Kind == jsontree.Bool {
		m.DefaultEnabled = v.Text == "true"
	}
	m.Keywords = texts(root.Get("keywords"))
	if deps := root.Get("dependencies"); deps != nil && deps.Kind == jsontree.Array {
		for _, d := range deps.Items {
			dep := Dependency{Name: text(d, "name"), Version: text(d, "version"), Marketplace: text(d, "marketplace")}
			if d.Kind == jsontree.String {
				dep.Name, dep.Marketplace, _ = strings.Cut(d.Text, "@")
			}
			m.Dependencies = append(m.Dependencies, dep)
		}
	}
	if why := nameFault(m.Name); why != "" { // reported; the ids still need something
		if m.Name = kebab(m.Name); m.Name == "" {
			m.Name = "unnamed"
		}
		return
	}
	l.adviseName(root.Get("name"))
}

// adviseName warns about names that other hosts refuse.
func (l *loader) adviseName(n *jsontree.Node) {
	name := n.Text
	if kebab(name) != name {
		l.add(l.src.at(n.Offset, Warning, "name-style", `use "`+kebab(name)+`"`, "the name %q is not in lower case with hyphens; other hosts may refuse it", name))
	}
	for _, prefix := range []string{"claude-", "anthropic-", "anthropics-", "cc-plugin-"} {
		if strings.HasPrefix(name, prefix) || name == strings.TrimSuffix(prefix, "-") {
			l.add(l.src.at(n.Offset, Warning, "name-reserved", "choose another name", "the name %q is reserved by the public format", name))
			return
		}
	}
}

// texts returns the strings of a list.
func texts(n *jsontree.Node) []string {
	if n == nil || n.Kind != jsontree.Array {
		return nil
	}
	var out []string
	for _, it := range n.Items {
		if it.Kind == jsontree.String {
			out = append(out, it.Text)
		}
	}
	return out
}
