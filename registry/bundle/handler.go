package bundle

import (
	"context"
	"go/token"
	"maps"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/registry/bundle/jsontree"
	"github.com/cowork-host/cowork/registry/bundle/nearest"
)

// handlers reads metadata.cowork, our own part of the manifest: which Go
// function stands behind which contribution, and the bundle's executable. A
// fault in it keeps the plugin out, because what would run is not clear.
func (l *loader) handlers(context.Context) error {
	own := l.root.Get("metadata").Get("cowork")
	if own == nil {
		return nil
	}
	str := kind("a string", jsontree.String)
	check := record(`an object like {"handlers": {…}}`, nil, map[string]shape{
		"handlers": mapOf(`an object like {"command:name": "Function"}`, str), "server": str,
	})
	if f := check("metadata.cowork", own); f != nil {
		l.wrongType(f)
		return nil
	}
	for _, m := range own.Members() {
		if m.Key != "handlers" && m.Key != "server" {
			fix := "remove the field"
			if near := nearest.One(m.Key, []string{"handlers", "server"}); near != "" {
				fix = `did you mean "` + near + `"?`
			}
			l.add(l.src.at(m.KeyOffset, Warning, "manifest-unknown-field", fix, "metadata.cowork: unknown field %q; it is ignored", clip(m.Key)))
		}
	}
	if handlers := own.Get("handlers"); handlers != nil {
		l.bind(handlers)
	}
	if server := own.Get("server"); server != nil {
		l.executable(server)
	}
	return nil
}

func (l *loader) bind(handlers *jsontree.Node) {
	for _, d := range handlers.Duplicates() {
		line, _ := l.src.lines.Position(d[0].KeyOffset)
		l.fail(l.src.at(d[1].KeyOffset, Error, "command-duplicate", "remove one of them", "metadata.cowork.handlers: %q is already bound in line %d", clip(d[1].Key), line))
	}
	names := l.callable()
	l.b.Handlers = map[string]string{}
	for _, m := range handlers.Members() {
		kind, name, _ := strings.Cut(m.Key, ":")
		switch {
		case kind != "command" && kind != "tool" || commandNameFault(name) != "":
			l.fail(l.src.at(m.KeyOffset, Error, "handler-key", `write "command:name" or "tool:name"`, `metadata.cowork.handlers: expected "command:name" or "tool:name", got %q`, clip(m.Key)))
			continue
		case !token.IsIdentifier(m.Text) || !token.IsExported(m.Text):
			l.fail(l.src.at(m.Offset, Error, "handler-name", "write the name of an exported Go function", "metadata.cowork.handlers: expected an exported Go name, got %s", describe(m)))
			continue
		case kind == "command" && !slices.Contains(names, name):
			fix := "add commands/" + strings.ReplaceAll(name, ":", "/") + ".md"
			if near := nearest.One(name, names); near != "" {
				fix = `did you mean "command:` + near + `"?`
			}
			l.add(l.src.at(m.KeyOffset, Warning, "handler-unbound", fix, "the handler %s is for the command %s, which has no file; it exists only in hosts that know handlers", m.Text, l.id(name)))
		}
		l.b.Handlers[m.Key] = m.Text
	}
}

// callable returns the names of what can be called with a slash.
func (l *loader) callable() []string {
	names := map[string]bool{}
	for _, c := range l.b.Commands {
		names[c.Name] = true
	}
	for _, s := range l.b.Skills {
		names[s.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func (l *loader) executable(n *jsontree.Node) {
	before := len(l.findings)
	v := *n
	if !strings.HasPrefix(v.Text, "./") && !strings.HasPrefix(v.Text, "/") && v.Text != "" {
		v.Text = "./" + v.Text
	}
	p, ok := l.componentPath(l.src, "metadata.cowork.server", &v)
	if !ok {
		if len(l.findings) > before { // the plugin cannot run without it
			l.fatal = append(l.fatal, l.findings[len(l.findings)-1])
		} else {
			l.fail(l.src.at(n.Offset, Error, "path-invalid", "correct the path", "metadata.cowork.server: %q cannot be used", clip(n.Text)))
		}
		return
	}
	f := l.tree.file(p)
	if f == nil {
		l.fail(l.src.at(n.Offset, Error, "path-kind", "name the executable", "metadata.cowork.server: %q is a folder, not a file", clip(n.Text)))
		return
	}
	if !f.Executable {
		l.add(l.src.at(n.Offset, Warning, "server-mode", "chmod +x "+p, "metadata.cowork.server: %q is not marked executable", clip(n.Text)))
	}
	l.b.Server = f.Path
}
