package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle/jsontree"
)

// Bundle is a loaded plugin. It is not changed after [Load] returned it.
type Bundle struct {
	Manifest   Manifest
	Skills     []Skill
	Commands   []Command
	Agents     []Agent
	Connectors []Connector
	Hooks      []Hook
	// Handlers says which Go function stands behind a contribution, by
	// "command:name" or "tool:name".
	Handlers map[string]string
	// Server is the path of the bundle's own plugin executable, or empty.
	Server string
	// Files are all files, sorted by path.
	Files []File
	// Digest is "sha256:" and the hash over all paths, executable bits and
	// contents.
	Digest   string
	Findings []Finding
}

// Skill is a skill: a folder with a SKILL.md.
type Skill struct {
	// ID is "plugin:name"; Name the name of the folder.
	ID, Name string
	// Alias is the frontmatter's name when it differs from Name.
	Alias         string
	Description   string
	ArgumentHint  string
	Arguments     []string // names for $name in the body
	AllowedTools  []string
	Model         string
	UserInvocable bool // can be called as a slash command
	// ModelInvocable: the model may use it on its own.
	ModelInvocable bool
	File           string
	Front          Frontmatter
	Body           string
}

// Command is a slash command from commands/ or from the manifest.
type Command struct {
	// ID is "plugin:name"; folders in the name are separated by colons.
	ID, Name      string
	Alias         string // as in [Skill]
	Description   string
	ArgumentHint  string
	Arguments     []string
	AllowedTools  []string
	Model         string
	UserInvocable bool
	// Shadowed says that a skill has the same id and is called instead.
	Shadowed bool
	File     string
	Front    Frontmatter
	Body     string
}

// Agent is a sub-agent definition; the body is its system prompt.
type Agent struct {
	ID, Name        string
	Description     string
	Tools           []string // empty: all
	DisallowedTools []string
	Model           string
	File            string
	Front           Frontmatter
	Body            string
}

// Options are for [Load].
type Options struct {
	// Name is the name of the plugin's folder, which names a plugin without a
	// manifest.
	Name   string
	Limits Limits
}

// Load reads the plugin in fsys, for a folder on disk the FS of an os.Root.
// Cancelling ctx ends it soon, with ctx's error.
//
// An error that is [pluginsdk.ErrInvalid] names the first fault that keeps the
// plugin out; the bundle is returned beside it, with every finding and whatever
// else was understood, to be shown and never to be run. With any other error
// the bundle is nil: the files could not be read, or changed meanwhile
// ([pluginsdk.ErrConflict]).
func Load(ctx context.Context, fsys fs.FS, opts Options) (*Bundle, error) {
	l := &loader{b: &Bundle{}, limits: opts.Limits.withDefaults(), folder: opts.Name}
	t, err := scan(ctx, fsys, l.limits, &l.report)
	var user *pluginsdk.Error
	if errors.As(err, &user) && errors.Is(err, pluginsdk.ErrInvalid) { // beyond the limits
		l.fail(Finding{Rule: "bundle-limits", Message: user.Message, Fix: user.Next})
		l.nameFromFolder()
		l.b.Findings = l.sorted()
		return l.b, err
	}
	if err != nil {
		return nil, err
	}
	l.tree = t
	l.b.Digest = t.digest
	for _, p := range t.sortedFiles() {
		l.b.Files = append(l.b.Files, *t.files[p])
	}
	for _, step := range []func(context.Context) error{l.manifest, l.skills, l.commands, l.agents, l.connectors, l.hooks, l.handlers} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	l.b.Findings = l.sorted()
	return l.b, l.err()
}

type loader struct {
	report
	b      *Bundle
	tree   *tree
	limits Limits
	folder string
	root   *jsontree.Node // the manifest, nil without one
	src    source         // positions in the manifest
}

const (
	manifestPath = ".claude-plugin/plugin.json"
	// maxEntries bounds the commands and servers one JSON map can define.
	maxEntries = 1000
)

// read returns a component's file. A file that cannot be used becomes a
// finding and ok is false; err is only for what ends the whole load.
func (l *loader) read(ctx context.Context, p string) (data []byte, ok bool, err error) {
	data, err = l.tree.read(ctx, p)
	switch {
	case err == nil:
		return data, true, nil
	case errors.Is(err, errTooLarge):
		l.add(Finding{File: p, Severity: Error, Rule: "file-size", Message: fmt.Sprintf("larger than %d bytes, or one of too many; it is not read", l.limits.FileBytes), Fix: "split the file"})
		return nil, false, nil
	case errors.Is(err, errOutside):
		return nil, false, nil // reported with the link
	case errors.Is(err, fs.ErrNotExist):
		l.add(Finding{File: p, Severity: Error, Rule: "file-missing", Message: "there is no such file"})
		return nil, false, nil
	case errors.Is(err, pluginsdk.ErrConflict) || ctx.Err() != nil:
		return nil, false, err
	}
	return nil, false, fmt.Errorf("read file %s of the plugin: %w", p, err)
}

// json parses a JSON file of a component. A fault in it becomes a finding.
func (l *loader) json(ctx context.Context, p string) (*jsontree.Node, source, error) {
	data, ok, err := l.read(ctx, p)
	if !ok || err != nil {
		return nil, source{}, err
	}
	src := source{file: p, lines: jsontree.NewLines(data)}
	n, err := jsontree.Parse(data)
	var se *jsontree.SyntaxError
	if errors.As(err, &se) {
		l.add(src.at(se.Offset, Error, "json-syntax", "make the file valid JSON", "%s", se.Message))
		return nil, src, nil
	}
	return n, src, err
}

// nameFault says what is wrong with a plugin's name, or "".
func nameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > 128:
		return "is longer than 128 bytes"
	case strings.Trim(name, ".") == "":
		return "consists of dots"
	}
	for i, r := range name {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
		case i > 0 && (r == '-' || r == '_' || r == '.' || unicode.IsMark(r)):
		case unicode.IsSpace(r):
			return "holds a space"
		default:
			return fmt.Sprintf("holds %q", r)
		}
	}
	return ""
}

// kebab makes a usable name of any text, "" when nothing is left.
func kebab(s string) string {
	parts := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	out := strings.Join(parts, "-")
	for len(out) > 64 {
		out = strings.TrimRight(out[:strings.LastIndexByte("-"+out[:64], '-')], "-")
		if out == "" {
			return ""
		}
	}
	return out
}

// stem returns the component's name for a Markdown file. Only the lower-case
// extension is cut, as the public format does.
func stem(p string) string { return strings.TrimSuffix(path.Base(p), ".md") }

func isMarkdown(p string) bool { return strings.EqualFold(path.Ext(p), ".md") }
