package main

import (
	"fmt"
	"io"
	"strings"
)

// style is how a row is painted on a terminal with colours.
type style string

// The styles.
const (
	plain style = ""
	bold  style = "1"
	dim   style = "2"
	red   style = "31"
	green style = "32"
)

// row is one line of text, clean, without a line end.
type row struct {
	text  string
	style style
}

// screen is where a view prints. What is said scrolls. On a terminal the rows
// at the bottom are a region that is drawn anew whenever it changes, with the
// cursor behind its last row; elsewhere there is no region.
type screen struct {
	out          io.Writer
	live, colour bool
	width        func() int

	// standing is where a prompt waits for its answer, on a line that has not
	// ended; nil: there is none. It is used where there is no region.
	standing io.Writer

	said  strings.Builder
	drawn []row // the region on the terminal
}

// say prints one line, wrapped on a terminal. It shows with the next draw, or
// at once where there is no region.
func (s *screen) say(st style, text string) {
	if !s.live {
		s.breakLine()
		fmt.Fprintln(s.out, text)
		return
	}
	for r := range strings.SplitSeq(wrap(text, s.width()-1), "\n") {
		s.said.WriteString(s.paint(row{r, st}) + "\n")
	}
}

// breakLine ends the line on which an answer is awaited.
func (s *screen) breakLine() {
	if s.standing != nil {
		fmt.Fprintln(s.standing)
		s.standing = nil
	}
}

// draw prints what was said and the region below it, each row cut to the
// terminal.
func (s *screen) draw(region []row) {
	if !s.live || s.said.Len() == 0 && same(s.drawn, region) {
		return
	}
	var out strings.Builder
	if len(s.drawn) > 0 {
		out.WriteString("\r")
		if up := len(s.drawn) - 1; up > 0 {
			fmt.Fprintf(&out, "\x1b[%dA", up)
		}
		out.WriteString("\x1b[J")
	}
	out.WriteString(s.said.String())
	s.said.Reset()
	columns := s.width() - 1
	for i, r := range region {
		if i > 0 {
			out.WriteString("\n")
		}
		r.text = cut(r.text, columns)
		out.WriteString(s.paint(r))
	}
	s.drawn = append(s.drawn[:0], region...)
	io.WriteString(s.out, out.String()) //nolint:errcheck // nobody is left to tell
}

// clear takes the region away; what was said stays.
func (s *screen) clear() {
	s.breakLine()
	s.draw(nil)
}

// scrolled says that the terminal itself put a line end into the region.
func (s *screen) scrolled() {
	if len(s.drawn) > 0 {
		s.drawn = append([]row{{}}, s.drawn...)
	}
}

func (s *screen) paint(r row) string {
	if !s.colour || r.style == plain || r.text == "" {
		return r.text
	}
	return "\x1b[" + string(r.style) + "m" + r.text + "\x1b[0m"
}

func same(a, b []row) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
