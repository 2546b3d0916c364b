package table

import (
	"bytes"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const sniffBytes = 256 << 10

// dialect is how a delimited text file is written.
type dialect struct {
	delim   byte // 0: lines are a single column
	newline byte
	width   int  // fields in most records
	spaced  bool // blanks stand behind the delimiters
	skip    int64
	latin   bool // windows-1252
	utf16   encoding.Encoding
	name    string // of the encoding, for people
}

// sniffEncoding judges the encoding by the first bytes of the file.
func sniffEncoding(head []byte) dialect {
	d := dialect{name: "UTF-8"}
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		d.skip = 3
		return d
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		d.skip, d.utf16, d.name = 2, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "UTF-16"
		return d
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		d.skip, d.utf16, d.name = 2, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "UTF-16"
		return d
	}
	if little, big := zeroBytes(head); little || big {
		end := unicode.LittleEndian
		if big {
			end = unicode.BigEndian
		}
		d.utf16, d.name = unicode.UTF16(end, unicode.IgnoreBOM), "UTF-16"
		return d
	}
	if !validUTF8(head) {
		d.latin, d.name = true, "windows-1252"
	}
	return d
}

// zeroBytes recognises UTF-16 without a mark: every second byte is mostly 0.
func zeroBytes(b []byte) (little, big bool) {
	b = b[:min(len(b), 4096)&^1]
	if len(b) < 4 {
		return false, false
	}
	even, odd := 0, 0
	for i := 0; i < len(b); i += 2 {
		if b[i] == 0 {
			even++
		}
		if b[i+1] == 0 {
			odd++
		}
	}
	half := len(b) / 2
	return odd*10 >= half*7 && even == 0, even*10 >= half*7 && odd == 0
}

// validUTF8 allows a character cut off at the end.
func validUTF8(b []byte) bool {
	for i := 0; i < utf8.UTFMax && len(b) > 0; i++ {
		if utf8.Valid(b) {
			return true
		}
		if b[len(b)-1] < utf8.RuneSelf {
			return false
		}
		b = b[:len(b)-1]
	}
	return utf8.Valid(b)
}

// reader returns the text from the byte offset on, as UTF-8 or windows-1252.
func (d *dialect) reader(src Source, offset int64) io.Reader {
	r := io.NewSectionReader(src.R, offset, max(0, src.Size-offset))
	if d.utf16 == nil {
		return r
	}
	return transform.NewReader(&chunkReader{r: r}, d.utf16.NewDecoder())
}

// chunkReader turns the small reads of a decoder into large ones of the file.
type chunkReader struct {
	r   io.Reader
	buf []byte
	p   []byte
	err error
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if len(c.p) == 0 && c.err == nil {
		if c.buf == nil {
			c.buf = make([]byte, 1<<20)
		}
		var n int
		n, c.err = c.r.Read(c.buf)
		c.p = c.buf[:n]
	}
	if len(c.p) == 0 {
		return 0, c.err
	}
	n := copy(p, c.p)
	c.p = c.p[n:]
	return n, nil
}

// looksBinary reports whether text holds bytes no text file has.
func looksBinary(text []byte) bool {
	odd := 0
	for _, c := range text {
		if c == 0 {
			return true
		}
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1B && c != 0x1A {
			odd++
		}
	}
	return odd*50 > len(text)
}
