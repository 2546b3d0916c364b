package main

import (
	"bufio"
	"io"
	"os"
	"unicode"
	"unicode/utf8"
)

// key is one thing the person typed.
type key struct {
	r     rune   // a character, when the terminal gives single ones
	line  string // a whole line, when it gives those
	whole bool   // line is set
	end   bool   // the end of the input
}

// The characters that edit a line.
const (
	keyEnd       = 0x04 // Ctrl-D
	keyBackspace = 0x08
	keyKill      = 0x15 // Ctrl-U
	keyWord      = 0x17 // Ctrl-W
	keyEscape    = 0x1b
	keyDelete    = 0x7f
	// keyBreak stands for a line end that was pasted.
	keyBreak = '\u23ce'
)

// readLines sends what r holds line by line, and its end.
func readLines(r io.Reader, keys chan<- key) {
	in := bufio.NewReader(r)
	for {
		text, err := in.ReadString('\n')
		if text != "" {
			keys <- key{line: text, whole: true}
		}
		if err != nil {
			keys <- key{end: true}
			return
		}
	}
}

// readKeys sends every character typed at a terminal that hands them out one
// by one, without the sequences of keys that are no characters.
func readKeys(r io.Reader, keys chan<- key) {
	in := bufio.NewReader(r)
	pasting := false
	for {
		c, size, err := in.ReadRune()
		if err != nil {
			keys <- key{end: true}
			return
		}
		switch {
		case c == utf8.RuneError && size == 1:
		case c == keyEscape:
			switch sequence(in) {
			case "[200~":
				pasting = true
			case "[201~":
				pasting = false
			}
		case pasting && (c == '\n' || c == '\r'):
			keys <- key{r: keyBreak}
		case pasting && unicode.IsControl(c):
		default:
			keys <- key{r: c}
		}
	}
}

// sequence reads what follows an escape character and returns it.
func sequence(in *bufio.Reader) string {
	c, _, err := in.ReadRune()
	if err != nil || c != '[' && c != 'O' {
		return ""
	}
	seq := []rune{c}
	for len(seq) < 32 {
		c, _, err = in.ReadRune()
		if err != nil {
			break
		}
		seq = append(seq, c)
		if c >= 0x40 && c <= 0x7e || seq[0] == 'O' {
			break
		}
	}
	return string(seq)
}

// editor is the line being typed.
type editor struct {
	text []rune
	// began is what was asked when the line's first character was typed.
	began string
}

// maxTyped bounds a typed line in characters.
const maxTyped = 64 << 10

// press takes one key; asked names what is asked now. It returns the line once
// it is complete, and end when the person ends the input.
func (e *editor) press(k key, asked string) (line string, done, end bool) {
	if k.end {
		return "", false, true
	}
	if k.whole {
		e.began = asked
		return k.line, true, false
	}
	if len(e.text) == 0 {
		e.began = asked
	}
	switch k.r {
	case '\r', '\n':
		line = string(e.text)
		e.text = nil
		return line, true, false
	case keyEnd:
		return "", false, len(e.text) == 0
	case keyBackspace, keyDelete:
		e.text = e.text[:max(0, len(e.text)-1)]
	case keyKill:
		e.text = nil
	case keyWord:
		n := len(e.text)
		for n > 0 && unicode.IsSpace(e.text[n-1]) {
			n--
		}
		for n > 0 && !unicode.IsSpace(e.text[n-1]) {
			n--
		}
		e.text = e.text[:n]
	default:
		if !unicode.IsControl(k.r) && len(e.text) < maxTyped {
			e.text = append(e.text, k.r)
		} else if k.r == '\t' {
			e.text = append(e.text, ' ')
		}
	}
	return "", false, false
}

// shown is the end of the line that fits into so many columns.
func (e *editor) shown(columns int) string {
	text := []rune(clean(string(e.text)))
	used := 0
	for i := len(text) - 1; i >= 0; i-- {
		if used += columnsOf(text[i]); used > columns {
			return string(text[i+1:])
		}
	}
	return string(text)
}

// keyboard is the person's input while a view shows something.
type keyboard struct {
	keys    chan key
	single  bool   // characters come one by one and are not echoed
	restore func() // puts the terminal back; it may be called more than once
}

// openKeyboard reads what is typed at stdin from now on, by single characters
// where the screen can show them. It is called once in a program's life: the
// reading ends with it.
func openKeyboard(stdin io.Reader, live bool) *keyboard {
	k := &keyboard{keys: make(chan key, 64), restore: func() {}}
	f, ok := stdin.(*os.File)
	if ok && live && isTerminal(f) {
		if restore, err := singleKeys(f); err == nil {
			k.single, k.restore = true, restore
			go readKeys(f, k.keys)
			return k
		}
	}
	go readLines(stdin, k.keys)
	return k
}
