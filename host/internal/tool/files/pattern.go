package files

import (
	"path"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
)

// pattern is a glob over slash-separated names: as [path.Match], with "**" for
// any number of folders and {a,b} for either.
type pattern struct {
	// alternatives are patterns without braces, split at the slashes.
	alternatives [][]string
}

// maxAlternatives bounds what braces may stand for.
const maxAlternatives = 64

// parsePattern reads a glob. One without a slash matches at any depth.
func parsePattern(s string) (*pattern, error) {
	s = strings.TrimPrefix(strings.ReplaceAll(s, "\\", "/"), "./")
	if s == "" || len(s) > 1000 {
		return nil, pluginsdk.Invalid(`give one such as "*.csv" or "reports/**/*.md"`, "the pattern is empty or too long")
	}
	p := &pattern{}
	for _, alt := range braces(s) {
		if len(p.alternatives) == maxAlternatives {
			return nil, pluginsdk.Invalid("use several calls", "the pattern %q stands for too many", clip(s, 100))
		}
		if !strings.Contains(alt, "/") {
			alt = "**/" + alt
		}
		parts := strings.Split(strings.Trim(alt, "/"), "/")
		for _, part := range parts {
			if _, err := path.Match(part, ""); err != nil {
				return nil, pluginsdk.Invalid("check the brackets", "the pattern %q is not a glob", clip(s, 100))
			}
		}
		p.alternatives = append(p.alternatives, parts)
	}
	return p, nil
}

// braces expands the outermost {a,b}, and what is left of it, until there is
// none. Braces that do not match stand for themselves.
func braces(s string) []string {
	todo, out := []string{s}, []string(nil)
	for len(todo) > 0 && len(out)+len(todo) <= 2*maxAlternatives {
		s := todo[0]
		todo = todo[1:]
		open := strings.IndexByte(s, '{')
		shut := -1
		if open >= 0 {
			shut = strings.IndexByte(s[open:], '}')
		}
		if shut < 0 {
			out = append(out, s)
			continue
		}
		// The innermost pair around the first closing brace.
		shut += open
		open = strings.LastIndexByte(s[:shut], '{')
		for alt := range strings.SplitSeq(s[open+1:shut], ",") {
			todo = append(todo, s[:open]+alt+s[shut+1:])
		}
	}
	return append(out, todo...)
}

// match reports whether a name matches.
func (p *pattern) match(name string) bool {
	parts := strings.Split(name, "/")
	for _, alt := range p.alternatives {
		if matchParts(alt, parts) {
			return true
		}
	}
	return false
}

// matchParts works like the usual matcher for "*", one level up: only the last
// "**" is ever tried again, so that the time is at most the product of the
// lengths.
func matchParts(pat, name []string) bool {
	i, j := 0, 0
	back, resume := -1, 0
	for j < len(name) {
		switch {
		case i < len(pat) && pat[i] == "**":
			back, resume = i, j
			i++
		case i < len(pat) && matchPart(pat[i], name[j]):
			i++
			j++
		case back >= 0:
			resume++
			i, j = back+1, resume
		default:
			return false
		}
	}
	for i < len(pat) && pat[i] == "**" {
		i++
	}
	return i == len(pat)
}

func matchPart(pat, name string) bool {
	ok, err := path.Match(pat, name)
	return ok && err == nil
}
