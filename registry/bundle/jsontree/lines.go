package jsontree

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// Lines turns byte offsets of a text into lines and columns.
type Lines struct {
	src    []byte
	starts []int
}

// NewLines indexes the text. It keeps src.
func NewLines(src []byte) *Lines {
	l := &Lines{src: src, starts: []int{0}}
	for off := 0; ; {
		i := bytes.IndexByte(src[off:], '\n')
		if i < 0 {
			return l
		}
		off += i + 1
		l.starts = append(l.starts, off)
	}
}

// Position returns the line and column of the offset, both from 1. The column
// counts characters, and a byte order mark does not count.
func (l *Lines) Position(offset int) (line, column int) {
	offset = max(0, min(offset, len(l.src)))
	i := sort.SearchInts(l.starts, offset+1) - 1
	start := l.starts[i]
	if i == 0 && bytes.HasPrefix(l.src, []byte("\ufeff")) && offset >= 3 {
		start = 3
	}
	return i + 1, utf8.RuneCount(l.src[start:offset]) + 1
}
