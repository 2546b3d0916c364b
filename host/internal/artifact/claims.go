package artifact

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/pluginsdk"
)

// most is how many claims of one kind a record lists.
const most = 12

// claims returns what the model's last text says without evidence.
func (w *work) claims(text string) []string {
	text = strings.ReplaceAll(text, "\x00", " ") // marks places of files below
	out := some(w.figures(text), "numbers")
	var actions []string
	files := w.listedFiles(text)
	for _, sentence := range sentences(text) {
		if hypothetical().MatchString(sentence) {
			continue
		}
		for _, c := range split(sentence).done() {
			switch c.kind {
			case wrote:
				files = appendNew(files, w.unwritten(c, sentence)...)
			default:
				if missing := w.unproved(c); missing != "" {
					actions = appendNew(actions, fmt.Sprintf("%s (it says %q)", missing, snippet(sentence)))
				}
			}
		}
	}
	out = append(out, some(files, "files")...)
	return append(out, some(actions, "actions")...)
}

func some(list []string, what string) []string {
	if len(list) <= most {
		return list
	}
	return append(list[:most:most], fmt.Sprintf("%d more %s without evidence", len(list)-most, what))
}

func appendNew(list []string, texts ...string) []string {
	for _, t := range texts {
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// unwritten returns the files a claim says were written and were not.
func (w *work) unwritten(c claim, sentence string) []string {
	names := c.files
	if c.transfer { // one name is where it came from
		if slices.ContainsFunc(names, w.wrote) || len(names) < 2 && c.verb != "added" && c.verb != "inserted" {
			return nil
		}
		names = names[len(names)-1:]
	}
	var out []string
	for _, name := range names {
		if w.wrote(name) {
			continue
		}
		out = append(out, fmt.Sprintf("%s: it is said to be %s, and no call changed a file of that name (in %q)", name, c.verb, snippet(sentence)))
	}
	return out
}

// wrote reports whether a file of this name was changed. A name that was taken
// gets a number, and a name with spaces may be cut off at the first.
func (w *work) wrote(name string) bool {
	name = strings.ToLower(filepath.Base(strings.ReplaceAll(name, `\`, "/")))
	if w.names[name] {
		return true
	}
	for have := range w.names {
		if strings.HasSuffix(have, " "+name) {
			return true
		}
		if m := numbered().FindStringSubmatch(have); m != nil && m[1]+m[2] == name {
			return true
		}
	}
	return false
}

var (
	listHead = lazily(`(?i)^[\s#*_]*(?:new |all )?(?:files?|documents?|deliverables?|outputs?|artifacts?)\s+(?:i(?:'ve| have)?\s+)?(created|updated|saved|written|generated|produced|modified|changed|delivered)\b[\s*_:]*$`)
	listItem = lazily(`^\s*(?:[-*+•]|\d{1,2}[.)])\s+(?:[*_]{1,2})?`)
)

// listedFiles returns the files that stand in a list under a heading that says
// they were written, and were not.
func (w *work) listedFiles(text string) []string {
	var out []string
	verb := ""
	for line := range strings.Lines(fence().ReplaceAllString(text, "\n")) {
		line = strings.TrimRight(strings.ReplaceAll(line, "’", "'"), " \r\n")
		mark := listItem().FindString(line)
		switch {
		case line == "":
		case mark == "":
			verb = headVerb(line)
		case verb != "":
			item := line[len(mark):]
			at := fileName().FindStringIndex(item)
			if at == nil || at[0] > 0 || hypothetical().MatchString(item) {
				continue
			}
			c := claim{verb: verb, kind: wrote, files: []string{strings.Trim(item[:at[1]], "`\"“”")}}
			out = appendNew(out, w.unwritten(c, line)...)
		}
	}
	return out
}

// headVerb returns what a line says was done to the files listed below it.
func headVerb(line string) string {
	if m := listHead().FindStringSubmatch(line); m != nil {
		return strings.ToLower(m[1])
	}
	plain := strings.Trim(line, "*_ ")
	if !strings.HasSuffix(plain, ":") || hypothetical().MatchString(line) {
		return ""
	}
	s := split(plain)
	for i, word := range s.list {
		k, transfer := verbs(word)
		if k == wrote && !transfer && !s.denied(i) && (s.active(i) || s.passive(i)) {
			return word
		}
	}
	return ""
}

// unproved says what kind of call is missing for a claim, if it is.
func (w *work) unproved(c claim) string {
	switch c.kind {
	case sent:
		if w.effects[policy.Send]+w.effects[policy.Spend] == 0 {
			return "nothing was sent, posted or published by a call of this task"
		}
	case removed:
		for _, name := range c.files {
			if !w.deleted[base(name)] {
				return "no call of this task deleted " + name
			}
		}
		if c.removes && len(w.deleted) == 0 && w.effects[policy.Delete] == 0 {
			return "no call of this task deleted a file"
		}
	case checked:
		return w.unchecked(c)
	}
	return ""
}

// unchecked says what a claim of a check lacks: of a file that was written, a
// look at it afterwards; of anything else, any look at all.
func (w *work) unchecked(c claim) string {
	if w.called == 0 && len(w.checks) == 0 && len(c.files) == 0 {
		return "" // about what stands in the conversation
	}
	looked := c.verb == "checked" || c.verb == "reviewed" || c.verb == "inspected"
	for _, name := range c.files {
		for _, path := range w.order {
			f := w.files[path]
			if f == nil || f.gone || base(path) != base(name) || w.checkedBy(path) {
				continue
			}
			read, ok := w.reads[base(name)]
			if !ok || !looked && read.Before(f.at) {
				return "nothing looked at " + name + " after it was written, and no check ran on it"
			}
		}
	}
	if w.effects[policy.Read] == 0 && !w.checkedBy("") {
		return "no call of this task read or checked anything"
	}
	return ""
}

// checkedBy reports whether a check of a plugin ran on a file, or, for the
// empty path, on any.
func (w *work) checkedBy(path string) bool {
	for _, c := range w.checks {
		own := c.Name == checkExists || c.Name == checkContent || c.Name == checkReceipt
		if !own && c.Status != pluginsdk.NotVerified && (path == "" || w.renamed(c.Path) == path) {
			return true
		}
	}
	return false
}
