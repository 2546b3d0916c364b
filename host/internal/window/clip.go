package window

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// minClip is the least room a clipped text needs for its marker and a piece of
// text on both sides of it.
const minClip = 512

// Clip returns what the model sees of a tool result: all of it when it has at
// most limit bytes, else its beginning and its end, cut at lines where that
// loses little and never inside a character, with a line in between that says
// how much is left out and how to read it. The result is valid UTF-8 of at
// most limit bytes, or 512 where limit is less. The same arguments always give
// the same text.
func Clip(text string, limit int, call string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	limit = max(limit, minClip)
	if len(text) <= limit {
		return text
	}
	call = plainID(call)
	room := limit - len(marker(len(text), len(text), len(text), call))
	head := cutEnd(text, room*2/3)
	tail := cutStart(text, len(text)-(room-room*2/3))
	left := text[head:tail]
	return text[:head] + marker(len(left), strings.Count(left, "\n"), head, call) + text[tail:]
}

func marker(bytes, lines, offset int, call string) string {
	input := `{"call":"` + call + `","offset":` + strconv.Itoa(offset) + `}`
	return fmt.Sprintf("\n[%d bytes in about %d lines are left out here; the output tool reads them: %s]\n", bytes, lines+1, input)
}

// plainID returns an id as providers make them; what has no place in one is
// taken out, so that it cannot end the marker.
func plainID(id string) string {
	id = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.:/", r) {
			return r
		}
		return -1
	}, id)
	return id[:min(len(id), 128)]
}

// Page returns the part of a text that begins at a byte offset, at most limit
// bytes of it, and the offset of what follows, 0 when nothing does. It is what
// the pointer of [Clip] leads to. An offset that is negative or beyond the end
// gives no text.
func Page(text string, offset, limit int) (page string, next int) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if offset < 0 || offset >= len(text) {
		return "", 0
	}
	for offset > 0 && !utf8.RuneStart(text[offset]) {
		offset--
	}
	rest := text[offset:]
	_, first := utf8.DecodeRuneInString(rest)
	if limit = max(limit, first); len(rest) <= limit { // one character always fits
		return rest, 0
	}
	end := cutEnd(rest, limit)
	return rest[:end], offset + end
}

// cutEnd returns where to cut a text so that at most n bytes are before it:
// behind the last line break if that is near, else between two characters.
func cutEnd(s string, n int) int {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	if i := strings.LastIndexByte(s[:n], '\n'); i >= n*3/4 {
		return i + 1
	}
	return n
}

// cutStart returns where to cut a text at n or after it: behind the next line
// break if that is near.
func cutStart(s string, n int) int {
	for n < len(s) && !utf8.RuneStart(s[n]) {
		n++
	}
	if i := strings.IndexByte(s[n:], '\n'); i >= 0 && i <= (len(s)-n)/4 {
		return n + i + 1
	}
	return n
}
