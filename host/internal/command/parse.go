package command

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cowork-host/cowork/pluginsdk"
)

// maxInput bounds one input, in bytes.
const maxInput = 1 << 20

// Invocation is a slash command as it was typed.
type Invocation struct {
	// Plugin is empty when only the command's name was typed.
	Plugin, Name string
	// Raw is everything after the name, without the spaces around it.
	Raw string
	// Words is Raw as a shell would split it. A word that was written as
	// @file or @"file with spaces" keeps its @.
	Words []string
}

// ID returns "plugin:name", or the bare name as typed.
func (inv Invocation) ID() string {
	if inv.Plugin == "" {
		return inv.Name
	}
	return inv.Plugin + ":" + inv.Name
}

// UsageError says that the input was typed wrongly, as opposed to work that
// failed; the command line exits 2 for it. It unwraps to a [*pluginsdk.Error]
// of kind [pluginsdk.ErrInvalid].
type UsageError struct {
	Err *pluginsdk.Error
	// Usage is the command's usage line, or empty.
	Usage string
}

// Error returns the message and the next step, without the usage line.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error that says what is wrong.
func (e *UsageError) Unwrap() error { return e.Err }

var head = regexp.MustCompile(`^/[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.:-]*`)

// Parse reads an input. isCommand is false, without an error, for anything
// that is not a slash command, such as an outcome or an absolute path. Single
// quotes keep everything, double quotes everything but \", \\, \$, \` and a
// backslash before a line end, and a backslash outside of quotes keeps the
// next character; quotes may span lines. The error is a [*UsageError] that
// names the column in the input, counted in characters from 1.
func Parse(input string) (inv Invocation, isCommand bool, err error) {
	trimmed := strings.TrimLeftFunc(input, unicode.IsSpace)
	name := head.FindString(trimmed)
	if name == "" {
		return Invocation{}, false, nil
	}
	rest := trimmed[len(name):]
	if next, _ := utf8.DecodeRuneInString(rest); rest != "" && !unicode.IsSpace(next) {
		return Invocation{}, false, nil // a path, or a sentence that starts with a slash
	}
	inv.Name = name[1:]
	if plugin, cmd, ok := strings.Cut(inv.Name, ":"); ok {
		inv.Plugin, inv.Name = plugin, cmd
	}
	if inv.Name == "" || strings.HasPrefix(inv.Name, ":") || strings.HasSuffix(inv.Name, ":") {
		return inv, true, usage("", "write /plugin:command", "%s has no command after the colon", name)
	}
	switch {
	case len(input) > maxInput:
		return inv, true, usage("", "put long text into a file and name it with @file", "the input is longer than %d KiB", maxInput>>10)
	case !utf8.ValidString(input):
		return inv, true, usage("", "type the command again", "the input is not UTF-8 text")
	case strings.ContainsRune(input, 0):
		return inv, true, usage("", "remove it", "the input holds a NUL character at column %d", column(input, strings.IndexByte(input, 0)))
	}
	inv.Raw = strings.TrimSpace(rest)
	words, fault := split(rest)
	if fault != nil {
		at := len(input) - len(rest) + fault.offset
		return inv, true, usage("", fault.next, "%s at column %d", fault.message, column(input, at))
	}
	inv.Words = words
	return inv, true, nil
}

func column(s string, offset int) int { return utf8.RuneCountInString(s[:offset]) + 1 }

func usage(line, next, format string, args ...any) error {
	return &UsageError{
		Err:   &pluginsdk.Error{Kind: pluginsdk.ErrInvalid, Message: fmt.Sprintf(format, args...), Next: next},
		Usage: line,
	}
}

type splitFault struct {
	offset        int
	message, next string
}

// split splits words in the manner of a POSIX shell, without any expansion.
func split(s string) ([]string, *splitFault) {
	var words []string
	var word strings.Builder
	in := false // inside a word, also an empty quoted one
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case unicode.IsSpace(r):
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
			i += size
		case r == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, &splitFault{i, "the single quote is not closed", `close it, or write \' for an apostrophe`}
			}
			word.WriteString(s[i+1 : i+1+end])
			in = true
			i += end + 2
		case r == '"':
			end, ok := double(s[i+1:], &word)
			if !ok {
				return nil, &splitFault{i, "the double quote is not closed", `close it, or write \" for the character itself`}
			}
			in = true
			i += end + 2
		case r == '\\':
			n, ok := escape(s[i+1:], &word)
			if !ok {
				return nil, &splitFault{i, "the backslash stands before nothing", `write \\ for a backslash`}
			}
			in = in || n > 0 && s[i+1] != '\n' && s[i+1] != '\r'
			i += 1 + n
		default:
			word.WriteString(s[i : i+size])
			in = true
			i += size
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

// escape takes the character after a backslash outside of quotes; a line end
// joins the lines.
func escape(s string, word *strings.Builder) (n int, ok bool) {
	switch {
	case s == "":
		return 0, false
	case strings.HasPrefix(s, "\r\n"):
		return 2, true
	case s[0] == '\n':
		return 1, true
	}
	_, size := utf8.DecodeRuneInString(s)
	word.WriteString(s[:size])
	return size, true
}

// double takes the inside of double quotes and returns its length.
func double(s string, word *strings.Builder) (n int, ok bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i, true
		case c == '\\' && i+1 < len(s) && strings.IndexByte("\"\\$`\n", s[i+1]) >= 0:
			i++
			if s[i] != '\n' {
				word.WriteByte(s[i])
			}
		default:
			word.WriteByte(c)
		}
	}
	return 0, false
}
