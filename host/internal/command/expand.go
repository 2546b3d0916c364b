package command

import (
	"strconv"
	"strings"
)

// Arguments are what a body's placeholders stand for.
type Arguments struct {
	// Raw and Words are those of the [Invocation].
	Raw   string
	Words []string
	// Names are the names for the words, by position, from the frontmatter's
	// "arguments".
	Names []string
	// Vars are the values of ${NAME}, e.g. CLAUDE_PLUGIN_ROOT. Other braced
	// names are left as they are.
	Vars map[string]string
}

// ExpandBody puts the arguments into a command's or skill's body, as the
// public format says:
//
//   - $ARGUMENTS is everything, $0 and $ARGUMENTS[0] the first word, $name the
//     word at the name's position or nothing;
//   - a number without a word stays as it is, and so does one that runs on
//     into a word ($10k);
//   - \$1 is a literal $1, while \\$1 keeps the backslashes and is replaced;
//   - ${NAME} is replaced when Vars has it;
//   - when no placeholder took an argument but there are some, they are
//     appended.
//
// It is one pass: what was put in is not looked at again.
func ExpandBody(body string, a Arguments) string {
	var out []byte
	used := false
	for i := 0; i < len(body); {
		at := strings.IndexByte(body[i:], '$')
		if at < 0 {
			out = append(out, body[i:]...)
			break
		}
		out = append(out, body[i:i+at]...)
		i += at
		p := a.placeholder(body[i:])
		if p.length == 0 {
			out = append(out, '$')
			i++
			continue
		}
		source := body[i : i+p.length]
		i += p.length
		switch {
		case !p.braced && escaped(body[:i-p.length]):
			out = append(out[:len(out)-1], source...)
		case p.missing:
			out = append(out, source...)
		default:
			out = append(out, p.value...)
			used = used || !p.braced
		}
	}
	if !used && a.Raw != "" {
		out = append(out, "\n\nARGUMENTS: "+a.Raw...)
	}
	return string(out)
}

// escaped reports whether exactly one backslash ends the text.
func escaped(before string) bool {
	return strings.HasSuffix(before, `\`) && !strings.HasSuffix(before, `\\`)
}

// placeholder is what stands at a dollar sign. length is 0 when it is none.
type placeholder struct {
	length  int
	value   string
	missing bool // shaped like one, but there is no such word
	braced  bool
}

func (a Arguments) placeholder(s string) placeholder {
	if strings.HasPrefix(s, "${") {
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return placeholder{}
		}
		value, ok := a.Vars[s[2:end]]
		if !ok {
			return placeholder{}
		}
		return placeholder{length: end + 1, value: value, braced: true}
	}
	name := s[1 : 1+wordLength(s[1:])]
	end := 1 + len(name)
	switch {
	case name == "":
		return placeholder{}
	case name == "ARGUMENTS":
		if digits, length := bracketed(s[end:]); length > 0 {
			return a.at(digits, end+length)
		}
		return placeholder{length: end, value: a.Raw}
	case strings.Trim(name, "0123456789") == "":
		return a.at(name, end)
	}
	return a.named(s[1:])
}

// named takes the longest name the text starts with; the name must end there.
func (a Arguments) named(s string) placeholder {
	best := -1
	for i, n := range a.Names {
		if n != "" && strings.HasPrefix(s, n) && wordLength(s[len(n):]) == 0 && (best < 0 || len(n) > len(a.Names[best])) {
			best = i
		}
	}
	if best < 0 {
		return placeholder{}
	}
	p := placeholder{length: 1 + len(a.Names[best])}
	if best < len(a.Words) {
		p.value = a.Words[best]
	}
	return p
}

func (a Arguments) at(digits string, length int) placeholder {
	i, err := strconv.Atoi(digits)
	if err != nil || i >= len(a.Words) {
		return placeholder{length: length, missing: true}
	}
	return placeholder{length: length, value: a.Words[i]}
}

// bracketed reads "[12]".
func bracketed(s string) (digits string, length int) {
	if !strings.HasPrefix(s, "[") {
		return "", 0
	}
	end := strings.IndexByte(s, ']')
	if end < 2 || strings.Trim(s[1:end], "0123456789") != "" {
		return "", 0
	}
	return s[1:end], end + 1
}

// wordLength is the length of the letters, digits and underscores at the
// start.
func wordLength(s string) int {
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			break
		}
	}
	return i
}
