package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// grid is a terminal of so many columns that never scrolls: it knows what the
// program may send and notes all else as a mistake.
type grid struct {
	columns  int
	rows     [][]rune
	row, col int
	pending  string
	wraps    int // lines that were longer than the terminal
	mistakes []string
}

func newGrid(columns int) *grid { return &grid{columns: columns} }

var sequenceOf = regexp.MustCompile(`^\x1b\[(\??[0-9;]*)([A-Za-z])`)

// Write takes what the program prints.
func (g *grid) Write(p []byte) (int, error) {
	s := g.pending + string(p)
	g.pending = ""
	for s != "" {
		if s[0] == 0x1b {
			m := sequenceOf.FindStringSubmatch(s)
			if m == nil {
				g.mistakes = append(g.mistakes, fmt.Sprintf("unknown sequence %.20q", s))
				s = s[1:]
				continue
			}
			g.control(m[1], m[2])
			s = s[len(m[0]):]
			continue
		}
		r := []rune(s)[0]
		s = s[len(string(r)):]
		g.put(r)
	}
	return len(p), nil
}

func (g *grid) control(args, verb string) {
	n, err := strconv.Atoi(args)
	if err != nil {
		n = 1
	}
	switch {
	case verb == "m" && regexp.MustCompile(`^(0|1|2|31|32)$`).MatchString(args):
	case args == "?2004" && (verb == "h" || verb == "l"):
	case verb == "A":
		if n > g.row {
			g.mistakes = append(g.mistakes, "the cursor leaves the top")
		}
		g.row = max(0, g.row-n)
	case verb == "J" && args == "":
		g.line()
		g.rows = g.rows[:g.row+1]
		g.rows[g.row] = g.rows[g.row][:min(g.col, len(g.rows[g.row]))]
	default:
		g.mistakes = append(g.mistakes, "unknown sequence "+args+verb)
	}
}

// line makes the row of the cursor exist.
func (g *grid) line() {
	for len(g.rows) <= g.row {
		g.rows = append(g.rows, nil)
	}
}

func (g *grid) put(r rune) {
	g.line()
	switch {
	case r == '\n':
		g.row, g.col = g.row+1, 0
		g.line()
	case r == '\r':
		g.col = 0
	case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
		g.mistakes = append(g.mistakes, fmt.Sprintf("control character %q", r))
	default:
		if g.col+columnsOf(r) > g.columns {
			g.wraps++
			g.row, g.col = g.row+1, 0
			g.line()
		}
		for len(g.rows[g.row]) < g.col {
			g.rows[g.row] = append(g.rows[g.row], ' ')
		}
		g.rows[g.row] = append(g.rows[g.row][:min(g.col, len(g.rows[g.row]))], r)
		g.col += columnsOf(r)
	}
}

// String is what stands on the terminal.
func (g *grid) String() string {
	var out strings.Builder
	for _, r := range g.rows {
		out.WriteString(strings.TrimRight(string(r), " ") + "\n")
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}
