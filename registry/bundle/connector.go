package bundle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/registry/bundle/jsontree"
)

// Transport is how a connector's server is reached.
type Transport string

// The transports.
const (
	Stdio Transport = "stdio"
	HTTP  Transport = "http"
	SSE   Transport = "sse"
	WS    Transport = "ws"
)

// Connector is an MCP server the plugin brings. Variables like ${TOKEN} in its
// texts are not expanded.
type Connector struct {
	// ID is "plugin:name"; Name the server's key.
	ID, Name  string
	Transport Transport
	// Command, Args and Env are for stdio.
	Command string
	Args    []string
	Env     map[string]string
	// URL and Headers are for the others. An empty URL is a connector the user
	// still has to configure.
	URL     string
	Headers map[string]string
	File    string
	Line    int
	// Raw is the whole configuration, with the fields not named here.
	Raw []byte
}

// Configured reports whether the connector says where its server is.
func (c Connector) Configured() bool { return c.Command != "" || c.URL != "" }

// connectors merges .mcp.json with the manifest's mcpServers.
func (l *loader) connectors(ctx context.Context) error {
	if l.tree.file(".mcp.json") != nil {
		if err := l.serverFile(ctx, ".mcp.json"); err != nil {
			return err
		}
	}
	n := l.root.Get("mcpServers")
	if n == nil {
		return nil
	}
	items := []*jsontree.Node{n}
	if n.Kind == jsontree.Array {
		items = n.Items
	}
	files := map[string]bool{".mcp.json": true}
	for i, it := range items {
		what := "mcpServers"
		if n.Kind == jsontree.Array {
			what += index(i)
		}
		switch it.Kind {
		case jsontree.Object:
			l.serverMap(l.src, l.b.Manifest.Raw, it)
		case jsontree.String:
			if isMCPB(it.Text) {
				l.add(l.src.at(it.Offset, Info, "connector-mcpb", "add the server to .mcp.json", "%s: %q is an MCP bundle, which is not loaded", what, clip(it.Text)))
				continue
			}
			p, ok := l.componentPath(l.src, what, it)
			if !ok || files[p] {
				continue
			}
			files[p] = true
			if err := l.serverFile(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func isMCPB(p string) bool {
	p, _, _ = strings.Cut(strings.ToLower(p), "?")
	return strings.HasSuffix(p, ".mcpb") || strings.HasSuffix(p, ".dxt") || strings.HasPrefix(p, "https://")
}

func (l *loader) serverFile(ctx context.Context, p string) error {
	root, src, err := l.json(ctx, p)
	if root == nil || err != nil {
		return err
	}
	data, err := l.tree.read(ctx, p)
	if err != nil {
		return err
	}
	if root.Kind != jsontree.Object {
		l.add(src.at(root.Offset, Error, "connector-type", `write {"mcpServers": {…}}`, "expected an object of servers, got %s", describe(root)))
		return nil
	}
	servers := root.Get("mcpServers")
	if servers == nil {
		servers = root // the bare form
	}
	l.serverMap(src, data, servers)
	return nil
}

func (l *loader) serverMap(src source, data []byte, servers *jsontree.Node) {
	if servers.Kind != jsontree.Object {
		l.add(src.at(servers.Offset, Error, "connector-type", `write {"name": {…}}`, "expected an object of servers, got %s", describe(servers)))
		return
	}
	for _, d := range servers.Duplicates() {
		l.add(src.at(d[1].KeyOffset, Warning, "json-duplicate-key", "remove one of them", "the server %q is defined twice; the last one counts", clip(d[1].Key)))
	}
	for _, n := range servers.Members() {
		if n.Kind != jsontree.Object {
			if strings.HasPrefix(n.Key, "$") || strings.HasPrefix(n.Key, "_") || n.Kind != jsontree.String && n.Kind != jsontree.Null {
				continue // a side note beside the servers of the bare form
			}
			l.add(src.at(n.Offset, Error, "connector-type", "write an object", "server %q: expected an object, got %s", clip(n.Key), describe(n)))
			continue
		}
		if len(l.b.Connectors) >= maxEntries {
			l.add(src.at(n.KeyOffset, Error, "too-many-entries", "define fewer servers", "more than %d servers; the rest is not loaded", maxEntries))
			return
		}
		c, ok := l.server(src, n)
		if !ok {
			continue
		}
		c.Raw = slices.Clone(data[n.Offset:n.End])
		if i := slices.IndexFunc(l.b.Connectors, func(o Connector) bool { return o.Name == c.Name }); i >= 0 {
			l.add(src.at(n.KeyOffset, Warning, "connector-duplicate", "remove one of them", "the server %q is already defined in %s; this one counts", clip(c.Name), l.b.Connectors[i].File))
			l.b.Connectors[i] = c
			continue
		}
		l.b.Connectors = append(l.b.Connectors, c)
	}
}

// server reads one server's configuration.
func (l *loader) server(src source, n *jsontree.Node) (Connector, bool) {
	c := Connector{ID: l.id(n.Key), Name: n.Key, File: src.file}
	c.Line, _ = src.lines.Position(n.KeyOffset)
	refuse := func(at *jsontree.Node, fix, format string, args ...any) (Connector, bool) {
		l.add(src.at(at.Offset, Error, "connector-type", fix, "server %q: %s; it is not loaded", clip(n.Key), fmt.Sprintf(format, args...)))
		return c, false
	}
	if n.Key == "" || strings.ContainsFunc(n.Key, func(r rune) bool { return r < ' ' || r == 0x7f || invisible(r) }) {
		return refuse(n, "rename it", "the name is empty or holds a control character")
	}
	for _, key := range []string{"type", "command", "url"} {
		if v := n.Get(key); v != nil && v.Kind != jsontree.String {
			return refuse(v, "write a text", "%s: expected a string, got %s", key, describe(v))
		}
	}
	if v := n.Get("args"); v != nil {
		if f := listOf("a list of strings", kind("a string", jsontree.String))("args", v); f != nil {
			return refuse(f.node, "write "+f.expected, "%s: expected %s, got %s", f.path, f.expected, describe(f.node))
		}
		c.Args = texts(v)
	}
	for _, key := range []string{"env", "headers"} {
		v, field := n.Get(key), &c.Env
		if key == "headers" {
			field = &c.Headers
		}
		if v == nil {
			continue
		}
		if f := mapOf("an object of strings", kind("a string", jsontree.String, jsontree.Number, jsontree.Bool))(key, v); f != nil {
			return refuse(f.node, "write "+f.expected, "%s: expected %s, got %s", f.path, f.expected, describe(f.node))
		}
		*field = make(map[string]string, len(v.Items))
		for _, m := range v.Members() {
			(*field)[m.Key] = m.Text
		}
	}
	c.Command, c.URL = textOf(n.Get("command")), textOf(n.Get("url"))
	if !l.transport(src, n, &c) {
		return c, false
	}
	if c.Transport == Stdio && c.Command == "" {
		return refuse(n, `add "command"`, "a stdio server needs a command")
	}
	if c.Transport != Stdio && n.Get("url") == nil {
		return refuse(n, `add "url"; leave it empty when the user is to fill it in`, "a remote server needs a url")
	}
	for _, reserved := range []string{"workspace", "claude-in-chrome", "computer-use", "Claude Preview", "Claude Browser"} {
		if c.Name == reserved {
			l.add(src.at(n.KeyOffset, Warning, "connector-reserved", "rename it", "the server name %q is reserved by the public format", c.Name))
		}
	}
	return c, true
}

// transport reads the type, or infers it where the author left it out.
func (l *loader) transport(src source, n *jsontree.Node, c *Connector) bool {
	kind := n.Get("type")
	if kind == nil {
		c.Transport = Stdio
		if c.Command == "" && n.Get("url") != nil {
			c.Transport = HTTP
			l.add(src.at(n.KeyOffset, Warning, "connector-transport", `add "type": "http"`, "server %q has a url but no type; it is taken for http, while other hosts drop it", clip(n.Key)))
		}
		return true
	}
	switch kind.Text {
	case "stdio", "http", "sse", "ws":
		c.Transport = Transport(kind.Text)
	case "streamable-http":
		c.Transport = HTTP
	case "streamableHttp", "streamable_http", "websocket":
		c.Transport = HTTP
		if kind.Text == "websocket" {
			c.Transport = WS
		}
		l.add(src.at(kind.Offset, Warning, "connector-transport", `write "`+string(c.Transport)+`"`, "server %q: the type %q is taken for %s, while other hosts drop it", clip(n.Key), kind.Text, c.Transport))
	default:
		l.add(src.at(kind.Offset, Error, "connector-transport", `write "stdio", "http", "sse" or "ws"`, "server %q: unknown type %q; it is not loaded", clip(n.Key), clip(kind.Text)))
		return false
	}
	return true
}

func textOf(n *jsontree.Node) string {
	if n == nil || n.Kind != jsontree.String {
		return ""
	}
	return n.Text
}
