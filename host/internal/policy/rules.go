package policy

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
)

// Rules are what decides beside the rules that are built in. The zero value
// has none.
type Rules struct {
	// Rules are the person's, in any order: a deny beats an ask, an ask an
	// allow.
	Rules []Rule
	// Grants are those in force for the call: not expired, not of another task.
	Grants []Grant
	// Broken says why the person's rules cannot be read; then all is denied.
	Broken string
}

// Rule is one line of the person's policy.
type Rule struct {
	// Verdict is what happens to a call that both patterns match.
	Verdict Verdict `json:"verdict"`
	// Tool is a tool's name, one with a * at its end, or "*" or empty for all.
	Tool string `json:"tool,omitempty"`
	// Target is a pattern, "*" or empty for all targets:
	//   - a host, "example.com" or "example.com:8443"; "*.example.com" is all
	//     hosts below it and not itself. Without a port an allow is for the
	//     ports of the web, a deny and an ask for all ports.
	//   - a path, "Reports/2026" and all that is below it; "*" stands for a part
	//     of a name and "**" for any folders. Without a slash it is a name at
	//     any depth: "*.key".
	//   - any other name: as it is, without regard to case unless it allows.
	Target string `json:"target,omitempty"`
}

// Check says what is wrong with a rule.
func (r Rule) Check() error {
	if r.Verdict != Allow && r.Verdict != AskUser && r.Verdict != Deny {
		return fmt.Errorf("verdict is %q, not allow, ask or deny", r.Verdict)
	}
	if i := strings.IndexByte(r.Tool, '*'); i >= 0 && i != len(r.Tool)-1 {
		return fmt.Errorf("tool is %q: a * may stand at its end only", r.Tool)
	}
	if strings.ContainsFunc(r.Tool, hidden) {
		return errors.New("tool has characters that are not shown")
	}
	if everything(r.Target) {
		return nil
	}
	if err := checkText(r.Target); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	if _, err := path.Match(r.Target, ""); err != nil {
		return fmt.Errorf("target is %q: its brackets do not close", r.Target)
	}
	if strings.Contains(r.Target, "://") {
		return fmt.Errorf("target is %q: a rule is for a host, write it alone, as example.com", r.Target)
	}
	return nil
}

// everything reports whether a pattern matches all there is.
func everything(pattern string) bool { return pattern == "" || pattern == "*" || pattern == "**" }

// String is the rule in a line: "deny web_fetch *.example.com".
func (r Rule) String() string {
	s := string(r.Verdict) + " " + orAny(r.Tool)
	if !everything(r.Target) {
		s += " " + r.Target
	}
	return s
}

func orAny(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

// wide reports whether a doubt is settled by matching: for rules that tighten.
func (r Rule) wide() bool { return r.Verdict != Allow }

func (r Rule) matchTool(tool string) bool {
	if r.Tool == "" {
		return true
	}
	if r.wide() {
		return matchWord(strings.ToLower(r.Tool), strings.ToLower(tool))
	}
	return matchWord(r.Tool, tool)
}

func matchWord(pattern, word string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(word, prefix)
	}
	return pattern == word
}

// match reports whether the rule is about this target.
func (r Rule) match(t target) bool {
	switch {
	case everything(r.Target):
		return true
	case t.none():
		return false
	case t.host != nil:
		return matchHost(r.Target, *t.host, r.wide())
	case t.path:
		return matchPath(r.Target, t.text, r.wide())
	case r.wide():
		return r.matchName(t.text)
	}
	// Exactly: a pattern that allows names could be met by one made to fit.
	return r.Target == t.text
}

// matchName matches a name that may be more than one: an address of mail is at
// a host, and what an unknown effect acts on may be a place or a file.
func (r Rule) matchName(name string) bool {
	at := name[strings.LastIndexByte(name, '@')+1:]
	if h, err := ParseHost(at); err == nil && matchHost(r.Target, h, true) {
		return true
	}
	return glob(strings.ToLower(r.Target), strings.ToLower(name)) || matchPath(r.Target, name, true)
}

func glob(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return err == nil && ok
}

// matchHost reports whether a pattern is about a host. Wide, a pattern for a
// page is about its host, and one that is none of a host still matches as a text
// would: "*evil.com".
func matchHost(pattern string, h Host, wide bool) bool {
	if wide {
		pattern, _, _ = strings.Cut(pattern, "/")
	}
	below, sub := strings.CutPrefix(pattern, "*.")
	p, err := ParseHost(below)
	if err != nil {
		return wide && glob(strings.ToLower(pattern), h.Name)
	}
	if p.Port != h.Port && (!wide || p.Port != "") {
		return false
	}
	if sub {
		return !p.addr.IsValid() && strings.HasSuffix(h.Name, "."+p.Name)
	}
	return p.Name == h.Name
}

// matchPath reports whether a pattern is about a path or a folder above it.
// Wide, it may begin at any folder and case does not count, because the disk
// may not tell names apart by it.
func matchPath(pattern, name string, wide bool) bool {
	if wide {
		pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	}
	parts := strings.Split(path.Clean(filepath.ToSlash(pattern)), "/")
	if parts[0] != "" && (wide || len(parts) == 1) {
		parts = append([]string{"**"}, parts...) // at any depth
	}
	return matchParts(parts, strings.Split(name, "/"))
}

// matchParts matches whole names; what is left of the path is below the match.
// It follows all ways through the pattern at once, so that no path makes it
// slow.
func matchParts(pattern, at []string) bool {
	now, next := make([]bool, len(pattern)+1), make([]bool, len(pattern)+1)
	now[0] = true
	for n := 0; ; n++ {
		for i, p := range pattern {
			if now[i] && p == "**" {
				now[i+1] = true
			}
		}
		if now[len(pattern)] || n == len(at) {
			return now[len(pattern)]
		}
		clear(next)
		for i, p := range pattern {
			switch {
			case !now[i]:
			case p == "**":
				next[i] = true
			case glob(p, at[n]):
				next[i+1] = true
			}
		}
		now, next = next, now
	}
}
