package command

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle/nearest"
)

// Signature is what a command takes.
type Signature struct {
	ID string // "plugin:name"
	// ArgumentHint is the usage after the name; empty: made from Params.
	ArgumentHint string
	Params       []pluginsdk.Param
}

// Usage returns the command's usage line: "/plugin:name FILE [--by COL]".
func Usage(sig Signature) string {
	line := "/" + sig.ID
	if sig.ArgumentHint != "" {
		return line + " " + sig.ArgumentHint
	}
	for _, p := range sig.Params {
		text := valueName(p)
		switch {
		case p.Kind == pluginsdk.ParamFlag:
			text = "--" + p.Name
		case p.Option:
			text = "--" + p.Name + " " + text
		}
		if !p.Required {
			text = "[" + text + "]"
		}
		line += " " + text
	}
	return line
}

// valueName stands for the parameter's value in usage lines.
func valueName(p pluginsdk.Param) string {
	if p.Placeholder != "" {
		return p.Placeholder
	}
	return strings.ToUpper(p.Name)
}

// label is how a person knows the parameter.
func label(p pluginsdk.Param) string {
	if isOption(p) {
		return "--" + p.Name
	}
	return valueName(p)
}

func isOption(p pluginsdk.Param) bool { return p.Option || p.Kind == pluginsdk.ParamFlag }

// number matches a word that starts with a hyphen and is a value: -5, -1.5%,
// -$1,234.50.
var number = regexp.MustCompile(`^-[\p{Sc}\s(]*\.?\d`)

// Bind gives the words to the parameters. values has a key for each parameter
// that was given ("true" for a flag), and args are the positional words in
// order. A file's leading @ is dropped in both. Options may stand anywhere, as
// --name VALUE or --name=VALUE; after a lone -- everything is positional. A
// command without parameters takes any words as they are. The error is a
// [*UsageError].
func Bind(sig Signature, words []string) (values map[string]string, args []string, err error) {
	if len(sig.Params) == 0 {
		return map[string]string{}, append([]string(nil), words...), nil
	}
	b := &binder{usage: Usage(sig), values: map[string]string{}, options: map[string]pluginsdk.Param{}}
	for _, p := range sig.Params {
		if isOption(p) {
			b.options[p.Name] = p
			b.names = append(b.names, "--"+p.Name)
		} else {
			b.positional = append(b.positional, p)
		}
	}
	if err := b.words(words); err != nil {
		return nil, nil, err
	}
	var missing []string
	for _, p := range sig.Params {
		if _, ok := b.values[p.Name]; p.Required && !ok {
			missing = append(missing, label(p))
		}
	}
	if len(missing) > 0 {
		return nil, nil, b.fail("give "+strings.Join(missing, " and "), "%s is missing", strings.Join(missing, ", "))
	}
	return b.values, b.args, nil
}

type binder struct {
	usage      string
	positional []pluginsdk.Param
	options    map[string]pluginsdk.Param
	names      []string
	values     map[string]string
	args       []string
}

func (b *binder) fail(next, format string, args ...any) error {
	return usage(b.usage, next, format, args...)
}

func (b *binder) words(words []string) error {
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" {
			for _, rest := range words[i+1:] {
				if err := b.positionalWord(rest); err != nil {
					return err
				}
			}
			return nil
		}
		if !b.looksLikeOption(word) {
			if err := b.positionalWord(word); err != nil {
				return err
			}
			continue
		}
		used, err := b.option(word, words[i+1:])
		if err != nil {
			return err
		}
		i += used
	}
	return nil
}

// looksLikeOption also takes -by and the dashes an editor makes of two
// hyphens, to answer them with the right spelling.
func (b *binder) looksLikeOption(word string) bool {
	if strings.HasPrefix(word, "--") {
		return true
	}
	if rest := strings.TrimLeft(word, "\u2013\u2014"); rest != word {
		name, _, _ := strings.Cut(rest, "=")
		_, ok := b.options[name]
		return ok
	}
	return len(word) > 1 && word[0] == '-' && !number.MatchString(word)
}

// option binds one option and returns how many words after it it used.
func (b *binder) option(word string, rest []string) (used int, err error) {
	name, value, inline := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	p, ok := b.options[name]
	if !ok || !strings.HasPrefix(word, "--") {
		typed, _, _ := strings.Cut(word, "=")
		next := "put it after -- if it is a value"
		if near := nearest.Names("--"+strings.TrimLeft(typed, "-\u2013\u2014"), b.names, 1); near != nil {
			next = "did you mean " + near[0] + "?"
		}
		return 0, b.fail(next, "unknown option %q", clip(typed))
	}
	if _, twice := b.values[name]; twice {
		return 0, b.fail("give it once", "--%s is given twice", name)
	}
	if p.Kind == pluginsdk.ParamFlag {
		if inline && value != "true" && value != "false" {
			return 0, b.fail("write --"+name+" alone", "--%s takes no value, got %q", name, clip(value))
		}
		if value != "false" {
			b.values[name] = "true"
		}
		return 0, nil
	}
	if !inline {
		if len(rest) == 0 || strings.HasPrefix(rest[0], "--") {
			return 0, b.fail(fmt.Sprintf("write --%s %s", name, valueName(p)), "--%s needs a value", name)
		}
		value, used = rest[0], 1
	}
	return used, b.set(p, value)
}

func (b *binder) positionalWord(word string) error {
	if len(b.args) >= len(b.positional) {
		if len(b.positional) == 0 {
			return b.fail("remove it", "unexpected argument %q; the command takes only options", clip(word))
		}
		return b.fail("put text with spaces in quotes", "unexpected argument %q after %d", clip(word), len(b.positional))
	}
	p := b.positional[len(b.args)]
	if err := b.set(p, word); err != nil {
		return err
	}
	b.args = append(b.args, b.values[p.Name])
	return nil
}

func (b *binder) set(p pluginsdk.Param, value string) error {
	if p.Kind == pluginsdk.ParamFile {
		if value = strings.TrimPrefix(value, "@"); value == "" {
			return b.fail("name a file", "%s is empty", label(p))
		}
	}
	b.values[p.Name] = value
	return nil
}

func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:77], "") + "…"
}
