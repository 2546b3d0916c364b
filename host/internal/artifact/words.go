package artifact

import (
	"fmt"
	"slices"
	"strings"
)

// kind is what a claim says was done.
type kind int

const (
	wrote kind = iota + 1
	sent
	removed
	checked
)

// verbs are the words that claim something was done.
func verbs(word string) (k kind, transfer bool) {
	switch word {
	case "created", "saved", "wrote", "written", "generated", "updated", "exported", "produced", "built", "edited", "modified",
		"rewrote", "rewritten", "overwrote", "overwritten", "appended", "drafted", "filled", "corrected", "reformatted":
		return wrote, false
	case "renamed", "moved", "converted", "copied", "added", "inserted", "merged", "combined", "split":
		return wrote, true
	case "sent", "emailed", "e-mailed", "mailed", "forwarded", "notified", "posted", "published", "uploaded", "shared", "submitted":
		return sent, false
	case "deleted", "removed", "erased", "trashed":
		return removed, false
	case "verified", "tested", "checked", "double-checked", "cross-checked", "validated", "confirmed", "reconciled", "reviewed",
		"proofread", "inspected", "re-checked", "rechecked":
		return checked, false
	}
	return 0, false
}

// claim is a part of a sentence that says something was done.
type claim struct {
	verb     string
	kind     kind
	transfer bool // one of its files may be where it came from
	removes  bool // it says that files were removed, not rows or words
	files    []string
}

// fileName finds names of files: in back-quotes or quotation marks with
// spaces, else without.
var fileName = lazily("(?i)`([^`\n]{1,200}\\." + extensions + ")`|[\"“”]([^\"“”\n]{1,200}\\." + extensions + ")[\"“”]|([^\\s`\"“”'<>|*?,;:()\\[\\]]{1,200}\\." + extensions + ")\\b")

const extensions = `(?:xlsx|xlsm|xls|csv|tsv|docx|doc|pptx|ppt|pdf|md|txt|json|xml|html?|ya?ml|png|jpe?g|svg|gif|zip|eml|msg|ics|od[tsp]|rtf|parquet|log|key|numbers|pages)`

// hideFiles takes the names of files out of a text.
func hideFiles(s string) string { return fileName().ReplaceAllString(s, " ") }

// words is a sentence as words; a mark is a word of its own.
type words struct {
	list  []string       // in lower case
	files map[int]string // the places of files
}

var token = lazily(`\x00\d+\x00|[\p{L}\p{N}](?:[\p{L}\p{N}'’-]*[\p{L}\p{N}])?|[,;:()|–—✓✔✅]|\.`)

func split(sentence string) words {
	w := words{files: map[int]string{}}
	var names []string
	marked := fileName().ReplaceAllStringFunc(sentence, func(s string) string {
		names = append(names, strings.Trim(s, "`\"“”"))
		return fmt.Sprintf(" \x00%d\x00 ", len(names)-1)
	})
	for i, t := range token().FindAllString(marked, -1) {
		if t[0] == 0 {
			var n int
			_, _ = fmt.Sscanf(t, "\x00%d", &n) // it was written just above
			w.files[i] = names[n]
			t = "\x00"
		}
		w.list = append(w.list, strings.ReplaceAll(strings.ToLower(t), "’", "'"))
	}
	return w
}

func (w words) at(i int) string {
	if i < 0 || i >= len(w.list) {
		return ""
	}
	return w.list[i]
}

// done returns the claims of a sentence.
func (w words) done() []claim {
	var out []claim
	for i := range w.list {
		k, transfer := verbs(w.list[i])
		if k == 0 || w.denied(i) {
			continue
		}
		c := claim{verb: w.list[i], kind: k, transfer: transfer}
		switch {
		case w.active(i):
			c.files = w.objects(i)
			if k == removed {
				c.files = w.victims(i)
			}
		case w.passive(i):
			c.files = w.subjects(i)
			c.removes = w.namesFilesBefore(i)
			if k == sent && !w.about("email", "e-mail", "message", "mail", "invitation", "reply") ||
				k == checked && len(c.files) == 0 {
				continue
			}
		default:
			continue
		}
		if k == sent && i+1 < len(w.list) && weak(w.list[i]) && (w.about("you", "below", "above", "here") || !w.about(channels()...)) {
			continue
		}
		c.removes = c.removes || len(c.files) > 0 || w.namesFiles(i)
		if k == wrote && len(c.files) == 0 {
			continue
		}
		out = append(out, c)
	}
	return out
}

// denied reports whether a sentence says that something is not so, not yet so,
// or only may be.
func (w words) denied(verb int) bool {
	for i := range verb {
		switch w.list[i] {
		case "not", "never", "no", "nothing", "without", "cannot", "unable", "failed", "if", "once", "unless", "when", "until", "before", "after", "nor", "neither", "hasn't", "isn't":
			return true
		}
		if strings.HasSuffix(w.list[i], "n't") {
			return true
		}
		if verb-i > 4 {
			continue
		}
		switch w.list[i] {
		case "will", "can", "could", "would", "should", "may", "might", "must", "to", "be", "being", "needs", "need", "get", "gets", "yet", "you", "i'll", "we'll":
			return true
		}
	}
	next := w.at(verb + 1)
	return next == "nothing" || next == "no" || next == "none" || next == "neither"
}

func (w words) firstPerson(verb int) bool {
	for i := verb - 1; i >= 0; i-- {
		switch w.list[i] {
		case "i", "i've", "we", "we've":
			return true
		case ";", ".", "(", "|":
			return false
		}
	}
	return false
}

func adverb(s string) bool {
	switch s {
	case "also", "then", "now", "just", "already", "successfully", "manually", "carefully", "fully", "both", "have", "finally", "subsequently", "newly", "thoroughly", "automatically":
		return true
	}
	return false
}

// active reports whether a verb is what "I" did, said or left out: "I have
// saved the file", "Saved the file".
func (w words) active(verb int) bool {
	i := verb - 1
	for i >= 0 && adverb(w.list[i]) {
		i--
	}
	switch w.at(i) {
	case "i", "i've", "we", "we've":
		return true
	case "and", ",":
		return w.firstPerson(i) && !w.otherSubject(i)
	case "", "✓", "✔", "✅", "done", "–", "—", ":":
		return w.begins(verb)
	}
	return false
}

// otherSubject reports whether somebody else did what stands before "and".
func (w words) otherSubject(and int) bool {
	for i := and - 1; i >= 0; i-- {
		switch w.list[i] {
		case "i", "i've", "we", "we've":
			return false
		case "that", "which", "who", "where":
			return true
		}
	}
	return false
}

// begins reports whether a verb at the beginning of a sentence has an object:
// "Sent: 120" and "Posted revenue" are headings.
func (w words) begins(verb int) bool {
	next := w.at(verb + 1)
	if w.files[verb+1] != "" {
		return true
	}
	switch next {
	case "the", "a", "an", "your", "it", "this", "these", "all", "both", "every", "each", "that", "one", "two", "three", "four", "five", "new", "as", "to", "in", "into":
		return true
	case ":":
		return w.files[verb+2] != ""
	}
	return false
}

// passive reports whether a verb says what has been done to what stands before
// it, now and not by somebody else.
func (w words) passive(verb int) bool {
	i := verb - 1
	for i >= 0 && adverb(w.list[i]) && w.list[i] != "have" {
		i--
	}
	if w.at(verb+1) == "by" && w.at(verb+2) != "me" || w.at(verb+1) == "since" {
		return false
	}
	if w.at(i) == "been" && (w.at(i-1) == "has" || w.at(i-1) == "have") {
		return true
	}
	if w.at(i) != "is" && w.at(i) != "are" || w.list[verb] == "shared" {
		return false
	}
	now := i+1 < verb && (w.list[i+1] == "now" || w.list[i+1] == "successfully")
	return now || w.at(verb+1) == "" || w.at(verb+1) == "."
}

func (w words) about(nouns ...string) bool {
	for _, n := range nouns {
		if slices.Contains(w.list, n) || slices.Contains(w.list, n+"s") {
			return true
		}
	}
	return false
}

// objects returns the files behind a verb that it is about.
func (w words) objects(verb int) []string {
	var out []string
	for i := verb + 1; i < len(w.list); i++ {
		switch w.list[i] {
		case "from", "based", "using", "against", "because", "since", "which", "that", "than", "via", "per", "but", "so", "with", "then", "(", ";", "source", "see", "where", "before", "after", "like", "matching", "|", "by", "whether":
			return out
		}
		if k, _ := verbs(w.list[i]); k != 0 {
			return out
		}
		name := w.files[i]
		if name == "" || w.at(i-1) == "of" || w.at(i-1) == "for" || w.speaks(i) {
			continue
		}
		out = append(out, name)
	}
	return out
}

// victims returns the files a verb of removal is about: those right behind it,
// not the ones something was removed from.
func (w words) victims(verb int) []string {
	var out []string
	for i := verb + 1; i < len(w.list); i++ {
		switch w.list[i] {
		case "the", "file", "files", "old", "temporary", "duplicate", "obsolete", "unused", "both", "and", ",", ":", "draft", "a", "your":
			continue
		}
		if w.files[i] == "" {
			return out
		}
		if !w.speaks(i) {
			out = append(out, w.files[i])
		}
	}
	return out
}

// weak reports whether a verb of sending also says other things: entries are
// posted to an account, thoughts are shared.
func weak(verb string) bool {
	switch verb {
	case "posted", "published", "uploaded", "shared", "submitted":
		return true
	}
	return false
}

// channels are where something can be posted, shared or uploaded to.
func channels() []string {
	return []string{
		"slack", "team", "channel", "email", "e-mail", "drive", "onedrive", "sharepoint", "dropbox", "website", "blog", "linkedin",
		"portal", "confluence", "jira", "notion", "wiki", "github", "server", "online", "intranet", "client", "customer", "colleague",
	}
}

// speaks reports whether a file is what the next part of a sentence is about.
func (w words) speaks(file int) bool {
	switch w.at(file + 1) {
	case "is", "was", "are", "were", "remains", "stays", "has", "have", "had", "contains", "shows", "did", "does", "needs", "still":
		return true
	}
	return false
}

// subjects returns the files right in front of a passive verb.
func (w words) subjects(verb int) []string {
	var out []string
	for i := verb - 1; i >= 0; i-- {
		switch w.list[i] {
		case ";", "(", "|", "from", "in", "of", "that", "which", "using", "but", ":":
			return out
		}
		if w.files[i] != "" && w.at(i-1) != "of" && w.at(i-1) != "in" && w.at(i-1) != "from" {
			out = append([]string{w.files[i]}, out...)
		}
	}
	if len(out) == 0 { // "The report has been saved to report.xlsx"
		return w.objects(verb)
	}
	return out
}

// namesFilesBefore reports whether the subject of a passive verb is files.
func (w words) namesFilesBefore(verb int) bool {
	for i := verb - 1; i >= 0; i-- {
		switch w.list[i] {
		case "has", "have", "been", "is", "are", "now", "also", "successfully", "already":
			continue
		case "file", "files", "folder", "folders", "document", "documents", "spreadsheet", "spreadsheets", "workbook", "workbooks":
			return true
		}
		return false
	}
	return false
}

// namesFiles reports whether the object of a verb is files as such.
func (w words) namesFiles(verb int) bool {
	for i := verb + 1; i < len(w.list) && i <= verb+6; i++ {
		switch w.list[i] {
		case "file", "files", "folder", "folders", "document", "documents", "spreadsheet", "spreadsheets", "workbook", "workbooks":
			switch w.at(i + 1) {
			case "", ".", ",", "from", "in", "that", "and", "which", "as", "because", "after", ";", "(":
				return true
			}
			return false
		case "from", "in", "of", "with", "to", "rows", "columns", "entries", "lines", "words", "text", "sections":
			return false
		}
	}
	return false
}
