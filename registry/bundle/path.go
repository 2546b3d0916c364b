package bundle

import (
	"errors"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cowork-host/cowork/registry/bundle/jsontree"
)

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// place is a path in the manifest together with where it stands.
type place struct {
	path string
	node *jsontree.Node
}

// places returns the usable paths of a manifest key that holds a path or a
// list of them. Paths that break the rules are reported: those that leave the
// plugin or do not exist are left out, those that only lack "./" are taken.
func (l *loader) places(key string) []place {
	n := l.root.Get(key)
	if n == nil {
		return nil
	}
	nodes := []*jsontree.Node{n}
	if n.Kind == jsontree.Array {
		nodes = n.Items
	}
	var out []place
	seen := map[string]bool{}
	for i, v := range nodes {
		what := key
		if n.Kind == jsontree.Array {
			what += index(i)
		}
		if v.Kind != jsontree.String {
			continue
		}
		p, ok := l.componentPath(l.src, what, v)
		if !ok {
			continue
		}
		real, _ := l.tree.resolve(p)
		if seen[real] {
			l.add(l.src.at(v.Offset, Warning, "path-duplicate", "remove it", "%s: %q is listed twice", what, v.Text))
			continue
		}
		seen[real] = true
		out = append(out, place{p, v})
	}
	return out
}

// componentPath applies the path rules to one value and returns the clean path.
func (l *loader) componentPath(src source, what string, v *jsontree.Node) (string, bool) {
	p := v.Text
	refuse := func(rule, fix, why string) (string, bool) {
		l.add(src.at(v.Offset, Error, rule, fix, "%s: %q %s", what, clip(p), why))
		return "", false
	}
	if rest, ok := strings.CutPrefix(p, "${CLAUDE_PLUGIN_ROOT}"); ok {
		p = "." + rest
		l.add(src.at(v.Offset, Warning, "path-style", `write "`+clip(p)+`"`, "%s: %q should be relative to the plugin; it is read as %q", what, clip(v.Text), clip(p)))
	}
	switch {
	case p == "" || strings.ContainsRune(p, 0):
		return refuse("path-invalid", `write a path like "./name"`, "is not a path")
	case path.IsAbs(p) || filepath.IsAbs(p) || strings.HasPrefix(p, `\`) || len(p) > 1 && p[1] == ':' || strings.HasPrefix(p, "~"):
		return refuse("path-absolute", `write a path relative to the plugin, like "./name"`, "is an absolute path")
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(p, `\`, "/"), "/") {
		if part == ".." {
			return refuse("path-outside", "move the file into the plugin", `contains ".."`)
		}
	}
	if !strings.HasPrefix(p, "./") && p != "." {
		l.add(src.at(v.Offset, Warning, "path-style", `write "./`+clip(p)+`"`, `%s: %q should start with "./"`, what, clip(p)))
	}
	clean := path.Clean(p)
	switch _, err := l.tree.resolve(clean); {
	case errors.Is(err, errOutside):
		return refuse("path-outside", "copy the file into the plugin", "leads out of the plugin")
	case err != nil:
		return refuse("path-missing", "create it or correct the path", "does not exist")
	}
	return clean, true
}
