package main

import (
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// terminalWidth is the number of columns of the terminal behind w, 80 if it
// does not tell.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}

// cut shortens a text to so many columns and marks the cut.
func cut(s string, columns int) string {
	if columns <= 0 {
		return ""
	}
	used, last := 0, 0 // last: where s is cut so that the mark still fits
	for i, r := range s {
		w := columnsOf(r)
		if used+w > columns {
			return s[:last] + "…"
		}
		used += w
		if used <= columns-1 {
			last = i + len(string(r))
		}
	}
	return s
}

// wrap breaks a line between words so that it fits; the lines that follow are
// set in by as much as the first, and a little more.
func wrap(s string, columns int) string {
	indent := len(s) - len(strings.TrimLeft(s, " "))
	words := strings.Split(s[indent:], " ")
	if columns < indent+20 {
		return s // there is no room for that
	}
	var out strings.Builder
	used := 0
	for i, w := range words {
		size := 0
		for _, r := range w {
			size += columnsOf(r)
		}
		switch {
		case i == 0:
			out.WriteString(s[:indent])
			used = indent
		case used+1+size > columns && size > 0:
			out.WriteString("\n" + strings.Repeat(" ", indent+2))
			used = indent + 2
		default:
			out.WriteByte(' ')
			used++
		}
		out.WriteString(w)
		used += size
	}
	return out.String()
}

// columnsOf is how many columns a terminal gives to a character.
func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// clean drops what could steer the terminal: text from plugins and documents
// is hostile.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
}
