package table

import (
	"slices"
	"strconv"
	"strings"
)

const noteLines = 5

// noteBook collects notes, the same kind on the same column once, with its
// first lines and a count.
type noteBook struct {
	notes []Note
	forms []string // the texts with %d for the count
}

// add counts one more occurrence. format may hold one %d for the count.
func (b *noteBook) add(code NoteCode, column string, line int, format string) {
	for i := range b.notes {
		n := &b.notes[i]
		if n.Code == code && n.Column == column && b.forms[i] == format {
			n.Count++
			if len(n.Lines) < noteLines && line > 0 {
				n.Lines = append(n.Lines, line)
			}
			return
		}
	}
	n := Note{Code: code, Column: column, Count: 1}
	if line > 0 {
		n.Lines = []int{line}
	}
	b.notes, b.forms = append(b.notes, n), append(b.forms, format)
}

// list returns the notes with their texts made.
func (b *noteBook) list() []Note {
	out := make([]Note, len(b.notes))
	for i, n := range b.notes {
		n.Text = expand(b.forms[i], n.Count)
		n.Lines = slices.Clone(n.Lines)
		out[i] = n
	}
	return out
}

// expand puts the count in for %d and chooses between {one|many}.
func expand(format string, count int) string {
	var b strings.Builder
	for format != "" {
		i := strings.IndexAny(format, "%{")
		if i < 0 {
			break
		}
		b.WriteString(format[:i])
		format = format[i:]
		if strings.HasPrefix(format, "%d") {
			b.WriteString(strconv.Itoa(count))
			format = format[2:]
			continue
		}
		choice, rest, ok := strings.Cut(format[1:], "}")
		one, many, two := strings.Cut(choice, "|")
		switch {
		case format[0] != '{' || !ok || !two:
			b.WriteByte(format[0])
			rest = format[1:]
		case count == 1:
			b.WriteString(one)
		default:
			b.WriteString(many)
		}
		format = rest
	}
	b.WriteString(format)
	return b.String()
}
