package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
)

// verb is a way to say what a call would do.
type verb struct {
	words  []string
	tool   string
	effect Effect
	// split is the word that divides what is acted on from where it goes.
	split string
	// first says that what is before the split is a target too.
	first bool
}

// verbs are the wordings [ParseRequest] knows.
func verbs() []verb {
	return []verb{
		{words: []string{"read", "open", "show", "view"}, tool: "read", effect: Read},
		{words: []string{"list", "ls"}, tool: "list", effect: Read},
		{words: []string{"search", "grep", "find"}, tool: "grep", effect: Read, split: "in"},
		{words: []string{"write", "create", "save", "make"}, tool: "write", effect: Write},
		{words: []string{"edit", "change", "update", "append"}, tool: "edit", effect: Write},
		{words: []string{"move", "rename", "mv", "copy"}, tool: "move", effect: Write, split: "to", first: true},
		{words: []string{"delete", "remove", "rm", "trash"}, tool: "request_delete", effect: Delete},
		{words: []string{"fetch", "get", "download", "visit", "browse"}, tool: "web_fetch", effect: Fetch},
		{words: []string{"send", "mail", "email", "message"}, tool: "send", effect: Send, split: "to"},
		{words: []string{"post", "publish", "share", "upload", "export"}, tool: "post", effect: Send, split: "to"},
		{words: []string{"buy", "pay", "spend", "order"}, tool: "pay", effect: Spend, split: "at"},
		{words: []string{"agent", "start", "spawn", "delegate"}, tool: "agent", effect: Spawn, split: "to"},
	}
}

const requestExamples = `write it as one of: "read budget.xlsx", "write report.xlsx", "move a.txt to b.txt", "delete old/a.txt", ` +
	`"fetch https://example.com/x", "send report.pdf to anna@example.com", "post notes to slack", "pay 20 at example.com", "agent reviewer"; ` +
	`add "with TOOL" to name the tool; put names with spaces in quotes`

// ParseRequest reads what a person types to try the policy, such as "fetch
// https://example.com/x" or "delete a/b.txt". The call is in mode [Ask] with
// the internet on. A target
// that is refused stays as it was typed: [Decide] says why. A wording
// it does not know is a [pluginsdk.ErrInvalid].
func ParseRequest(text string) (Call, error) {
	words, err := split(text)
	if err != nil {
		return Call{}, err
	}
	if len(words) == 0 {
		return Call{}, pluginsdk.Invalid(requestExamples, "the request is empty")
	}
	first := strings.ToLower(words[0].text)
	i := slices.IndexFunc(verbs(), func(v verb) bool { return slices.Contains(v.words, first) })
	if i < 0 {
		return Call{}, pluginsdk.Invalid(requestExamples, "%.60q is not something policy can be tried with", words[0].text)
	}
	v := verbs()[i]
	call := Call{Tool: v.tool, Effect: v.effect, Mode: Ask, Internet: true}
	words = words[1:]
	if n := len(words); n >= 2 && (words[n-2].is("with") || words[n-2].is("using")) {
		call.Tool, words = words[n-1].text, words[:n-2]
	}
	for _, t := range v.targets(words) {
		if c, err := Canonical(v.effect, t); err == nil {
			t = c
		}
		call.Targets = append(call.Targets, t)
	}
	if len(call.Targets) == 0 && v.effect != Read {
		return Call{}, pluginsdk.Invalid(requestExamples, "the request %.100q does not say %s", text, v.missing())
	}
	return call, nil
}

func (v verb) missing() string {
	switch v.effect {
	case Send:
		return "where it goes"
	case Spend:
		return "where the money goes"
	case Fetch:
		return "from where"
	case Spawn:
		return "which agent"
	}
	return "which file"
}

// targets takes what is acted on from the words behind the verb.
func (v verb) targets(words []word) []string {
	at := -1
	if v.split != "" {
		for i, w := range words {
			if w.is(v.split) {
				at = i
			}
		}
	}
	var out []string
	for i, w := range words {
		if i == at || w.filler() || i < at && !v.first {
			continue
		}
		if s := strings.TrimSuffix(w.text, ","); w.quoted || s == "" {
			out = append(out, w.text)
		} else {
			out = append(out, s)
		}
	}
	if v.effect == Send && at < 0 && len(out) > 1 {
		// "mail anna@example.com report.pdf": the place is the one that can be.
		if i := slices.IndexFunc(out, func(s string) bool { return strings.ContainsAny(s, "@:") }); i >= 0 {
			return out[i : i+1]
		}
	}
	return out
}

// word is one word of a request. A quoted one means nothing but itself.
type word struct {
	text   string
	quoted bool
}

func (w word) is(s string) bool { return !w.quoted && strings.EqualFold(w.text, s) }

func (w word) filler() bool {
	return slices.ContainsFunc([]string{"the", "file", "files", "folder", "page", "from", "and", ","}, w.is)
}

// split divides a request into words; quotes hold a name with spaces together.
func split(text string) ([]word, error) {
	if len(text) > 4*maxTarget {
		return nil, pluginsdk.Invalid(requestExamples, "the request is too long")
	}
	var out []word
	rest := strings.TrimSpace(text)
	for rest != "" {
		if q := rest[0]; q == '"' || q == '\'' {
			end := strings.IndexByte(rest[1:], q)
			if end < 0 {
				return nil, pluginsdk.Invalid("close it with "+fmt.Sprintf("%c", q), "a quote in the request %.100q is not closed", text)
			}
			out = append(out, word{rest[1 : end+1], true})
			rest = strings.TrimSpace(rest[end+2:])
			continue
		}
		end := strings.IndexAny(rest, " \t\r\n")
		if end < 0 {
			end = len(rest)
		}
		out = append(out, word{text: rest[:end]})
		rest = strings.TrimSpace(rest[end:])
	}
	return out, nil
}
