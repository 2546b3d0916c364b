package bundle

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFrontmatter bounds the YAML of one file, in bytes.
const maxFrontmatter = 64 << 10

// Frontmatter is the YAML between the fences of a Markdown file. It keeps keys
// it does not know and the raw text, so that an edited file loses nothing. The
// zero value has no keys.
type Frontmatter struct {
	// Raw is the text between the fences, with its line ends.
	Raw string
	// Broken says that Raw is not YAML, even read leniently; then no key is
	// known.
	Broken bool
	keys   []string
	values map[string]*yaml.Node
}

// Keys returns the top-level keys in the order of their first occurrence.
func (f Frontmatter) Keys() []string { return f.keys }

// Has reports whether the key is there, whatever its value.
func (f Frontmatter) Has(key string) bool { return f.values[key] != nil }

// Text returns a scalar in its text form, trimmed. ok is false when the key is
// missing, null, or not a scalar.
func (f Frontmatter) Text(key string) (text string, ok bool) {
	n := f.values[key]
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return "", false
	}
	return strings.TrimSpace(n.Value), true
}

// Bool reads a boolean: true, false, yes, no, on, off, 1 or 0 in any case.
func (f Frontmatter) Bool(key string) (value, ok bool) {
	text, _ := f.Text(key)
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	}
	return false, false
}

// List reads a list of strings: a YAML list, or one string with the parts
// separated by commas or spaces outside of parentheses.
func (f Frontmatter) List(key string) []string {
	n := f.values[key]
	if n == nil {
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		var out []string
		for _, item := range n.Content {
			if item.Kind == yaml.ScalarNode && item.Tag != "!!null" && item.Value != "" {
				out = append(out, item.Value)
			}
		}
		return out
	}
	text, _ := f.Text(key)
	return splitList(text)
}

// source returns the value as its author wrote it when it stands on one line,
// for hints like [file] that YAML takes for a list.
func (f Frontmatter) source(key string) string {
	n := f.values[key]
	if n == nil {
		return ""
	}
	if text, ok := f.Text(key); ok {
		return text
	}
	lines := strings.Split(f.Raw, "\n")
	if n.Style&yaml.FlowStyle == 0 || n.Line < 1 || n.Line > len(lines) {
		return ""
	}
	line := strings.TrimSpace(lines[n.Line-1])
	if _, value, ok := strings.Cut(line, ":"); ok {
		return strings.TrimSpace(value)
	}
	return ""
}

func splitList(text string) []string {
	depth, start := 0, 0
	var out []string
	cut := func(end int) {
		if part := strings.TrimSpace(text[start:end]); part != "" {
			out = append(out, part)
		}
		start = end + 1
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0 && (c == ',' || c == ' ' || c == '\t' || c == '\n'):
			cut(i)
		}
	}
	if start < len(text) {
		cut(len(text))
	}
	return out
}

// ParseFrontmatter splits a Markdown file into its frontmatter and body. It
// never gives up: what cannot be read becomes a finding, and the file has no
// keys then. The body keeps its line ends.
func ParseFrontmatter(file string, data []byte) (Frontmatter, string, []Finding) {
	var found []Finding
	warn := func(line int, rule, fix, format string, args ...any) {
		found = append(found, Finding{File: file, Line: line, Column: 1, Severity: Warning, Rule: rule, Fix: fix, Message: fmt.Sprintf(format, args...)})
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		warn(1, "encoding", "save the file as UTF-8", "the file is not UTF-8; unknown bytes are replaced")
		data = bytes.ToValidUTF8(data, []byte("\ufffd"))
	}
	text := string(data)
	first, rest, _ := strings.Cut(text, "\n")
	if !isFence(first) {
		if trimmed := strings.TrimLeft(text, " \t\r\n"); trimmed != text && isFence(firstLine(trimmed)) {
			warn(1, "frontmatter-position", "start the file with ---", "the frontmatter does not start in the first line and is taken for text")
		}
		return Frontmatter{}, text, found
	}
	raw, body, closed := cutFence(rest)
	if !closed {
		warn(1, "frontmatter-unclosed", "close the frontmatter with a line of ---", "the frontmatter is not closed and is taken for text")
		return Frontmatter{}, text, found
	}
	f := Frontmatter{Raw: raw}
	if len(raw) > maxFrontmatter {
		f.Broken = true
		warn(1, "frontmatter-size", "move text into the body", "the frontmatter is longer than %d KiB and is not read", maxFrontmatter>>10)
		return f, body, found
	}
	node, err := parseYAML(raw)
	if err != nil {
		line := 1 + errorLine(err)
		if fixed := quoteValues(raw); fixed != raw {
			node, _ = parseYAML(fixed)
		}
		if node == nil {
			f.Broken = true
			warn(line, "frontmatter-yaml", "put values with colons, brackets or quotes in quotes", "the frontmatter is not YAML and is ignored: %s", strings.TrimPrefix(err.Error(), "yaml: "))
			return f, body, found
		}
		warn(line, "frontmatter-quoting", "put the value in quotes", "a value of the frontmatter needs quotes; it is read as plain text")
	}
	f.index(node)
	return f, body, found
}

// index takes the top-level pairs; of duplicates the last wins.
func (f *Frontmatter) index(mapping *yaml.Node) {
	f.values = make(map[string]*yaml.Node, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		k, v := mapping.Content[i], mapping.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			continue
		}
		if v.Kind == yaml.AliasNode {
			// One step only, and only to a scalar: never an expansion.
			if v = v.Alias; v == nil || v.Kind != yaml.ScalarNode {
				continue
			}
		}
		if f.values[k.Value] == nil {
			f.keys = append(f.keys, k.Value)
		}
		f.values[k.Value] = v
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func isFence(line string) bool {
	return strings.HasPrefix(line, "---") && strings.Trim(line[3:], " \t\r") == ""
}

// cutFence splits at the first line that is a closing fence.
func cutFence(s string) (raw, body string, ok bool) {
	for off := 0; off < len(s); {
		end := strings.IndexByte(s[off:], '\n')
		if end < 0 {
			if isFence(s[off:]) {
				return s[:off], "", true
			}
			return "", "", false
		}
		if isFence(s[off : off+end]) {
			return s[:off], s[off+end+1:], true
		}
		off += end + 1
	}
	return "", "", false
}

// parseYAML parses a mapping. It works on the node tree, where an alias is a
// pointer, so that aliases cannot multiply.
func parseYAML(raw string) (mapping *yaml.Node, err error) {
	// The parser is third-party code and the text is hostile: a panic in it is
	// a broken file, not the end of the host.
	defer func() {
		if p := recover(); p != nil {
			mapping, err = nil, fmt.Errorf("unreadable: %v", p)
		}
	}()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(raw, "\r\n", "\n")), &doc); err != nil {
		return nil, err
	}
	if doc.Kind == 0 {
		return &yaml.Node{Kind: yaml.MappingNode}, nil
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		if len(doc.Content) == 1 && doc.Content[0].Tag == "!!null" {
			return &yaml.Node{Kind: yaml.MappingNode}, nil
		}
		return nil, fmt.Errorf("expected lines of the form key: value")
	}
	return doc.Content[0], nil
}

var (
	yamlLine = regexp.MustCompile(`line (\d+)`)
	pairLine = regexp.MustCompile(`^([A-Za-z_$][A-Za-z0-9_$.-]*):[ \t]+(\S.*)$`)
)

// errorLine is the line in the YAML an error speaks of, 1 when it does not say.
func errorLine(err error) int {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 && n < maxFrontmatter {
			return n
		}
	}
	return 1
}

// quoteValues puts the one-line values that are not YAML by themselves in
// quotes, as authors mean them: "Use when: …", "[a] [b]", "@file". It leaves
// alone what the format's own loader refuses: half-quoted values, values that
// start a list, and a colon at the end.
func quoteValues(raw string) string {
	lines := strings.Split(raw, "\n")
	for i, line := range lines {
		m := pairLine.FindStringSubmatch(strings.TrimRight(line, " \t\r"))
		if m == nil || i+1 < len(lines) && strings.TrimLeft(lines[i+1], " \t") != lines[i+1] && strings.TrimSpace(lines[i+1]) != "" {
			continue
		}
		key, value := m[1], m[2]
		if value[0] == '"' || value[0] == '\'' || strings.HasPrefix(value, "- ") || strings.HasPrefix(value, "? ") || strings.HasSuffix(value, ":") {
			continue
		}
		if _, err := parseYAML(key + ": " + value); err == nil {
			continue
		}
		lines[i] = key + ": '" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	return strings.Join(lines, "\n")
}
