package table

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	maxXMLDepth = 64
	maxXMLTag   = 1 << 20
	maxXMLText  = 4 << 20
)

var (
	errXMLDepth   = errors.New("nested too deeply")
	errXMLDoctype = errors.New("it holds a document type definition")
	errXMLLong    = errors.New("an element is too long")
	errXMLSyntax  = errors.New("malformed XML")
)

// xmlScanner reads the XML of a workbook: elements, attributes and text, and
// nothing that could grow while being read (no document types, no entities of
// their own). It is several times faster than encoding/xml on worksheets,
// which are most of what an xlsx file is.
type xmlScanner struct {
	r          io.Reader
	buf        []byte
	start, end int
	eof        bool
	err        error
	depth      int
	closeNext  bool

	name []byte // local name of the current element
	tag  []byte // the current start tag behind its name
	text []byte // raw text, entities not resolved
	raw  bool   // text comes from a CDATA section
}

type xmlToken uint8

const (
	xmlEnd xmlToken = iota
	xmlStart
	xmlText
)

func newXMLScanner(r io.Reader) *xmlScanner {
	s := &xmlScanner{r: r, buf: make([]byte, 64<<10)}
	s.more()
	head := s.buf[:s.end]
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		s.start = 3
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		all := io.MultiReader(bytes.NewReader(bytes.Clone(head)), r)
		*s = xmlScanner{r: transform.NewReader(all, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()), buf: s.buf}
	}
	return s
}

// more reads on, keeping what is not consumed.
func (s *xmlScanner) more() bool {
	if s.eof {
		return false
	}
	if s.start > 0 {
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.start = 0
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	n, err := io.ReadAtLeast(s.r, s.buf[s.end:], 1)
	s.end += n
	if err != nil {
		s.eof = true
		if !errors.Is(err, io.EOF) {
			s.err = err
		}
	}
	return n > 0
}

// find returns the index behind the first sep at or after from, counted from
// s.start, reading on as needed.
func (s *xmlScanner) find(sep string, from, limit int) (int, error) {
	for {
		if i := bytes.Index(s.buf[s.start+from:s.end], []byte(sep)); i >= 0 {
			return from + i + len(sep), nil
		}
		from = max(from, s.end-s.start-len(sep)+1)
		if s.end-s.start > limit {
			return 0, errXMLLong
		}
		if !s.more() {
			return 0, s.atEnd()
		}
	}
}

func (s *xmlScanner) atEnd() error {
	if s.err != nil {
		return s.err
	}
	return io.ErrUnexpectedEOF
}

// next returns the next token. At the end of a whole document it returns
// io.EOF; name, tag and text are valid until the next call.
func (s *xmlScanner) next() (xmlToken, error) {
	if s.closeNext {
		s.closeNext = false
		s.depth--
		return xmlEnd, nil
	}
	for {
		if s.start == s.end && !s.more() {
			if s.err != nil || s.depth > 0 {
				return 0, s.atEnd()
			}
			return 0, io.EOF
		}
		if s.buf[s.start] != '<' {
			tok, err := s.characters()
			if err != nil || tok {
				return xmlText, err
			}
			continue
		}
		for s.end-s.start < 9 && s.more() {
			continue
		}
		b := s.buf[s.start:s.end]
		switch {
		case bytes.HasPrefix(b, []byte("<!--")):
			n, err := s.find("-->", 4, 64<<20)
			if err != nil {
				return 0, err
			}
			s.start += n
		case bytes.HasPrefix(b, []byte("<![CDATA[")):
			n, err := s.find("]]>", 9, maxXMLText)
			if err != nil {
				return 0, err
			}
			s.text, s.raw = s.buf[s.start+9:s.start+n-3], true
			s.start += n
			return xmlText, nil
		case bytes.HasPrefix(b, []byte("<?")):
			n, err := s.find("?>", 2, maxXMLTag)
			if err != nil {
				return 0, err
			}
			s.start += n
		case bytes.HasPrefix(b, []byte("<!")):
			return 0, errXMLDoctype
		default:
			return s.element()
		}
	}
}

// characters takes the text up to the next tag. ok is false for blanks between
// elements at the end of the buffer.
func (s *xmlScanner) characters() (ok bool, err error) {
	n, err := s.find("<", 0, maxXMLText)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && s.depth == 0:
		s.start = s.end
		return false, nil
	case err != nil:
		return false, err
	}
	s.text, s.raw = s.buf[s.start:s.start+n-1], false
	s.start += n - 1
	return true, nil
}

// element takes a start or end tag.
func (s *xmlScanner) element() (xmlToken, error) {
	n, err := s.find(">", 1, maxXMLTag)
	if err != nil {
		return 0, err
	}
	for !balanced(s.buf[s.start : s.start+n]) {
		if n, err = s.find(">", n, maxXMLTag); err != nil {
			return 0, err
		}
	}
	tag := s.buf[s.start+1 : s.start+n-1]
	s.start += n
	if len(tag) > 0 && tag[0] == '/' {
		s.name = localName(tag[1:])
		if s.depth--; s.depth < 0 {
			return 0, errXMLSyntax
		}
		return xmlEnd, nil
	}
	if s.closeNext = len(tag) > 0 && tag[len(tag)-1] == '/'; s.closeNext {
		tag = tag[:len(tag)-1]
	}
	i := 0
	for i < len(tag) && tag[i] > ' ' {
		i++
	}
	if i == 0 {
		return 0, errXMLSyntax
	}
	s.name, s.tag = localName(tag[:i]), tag[i:]
	if s.depth++; s.depth > maxXMLDepth {
		return 0, errXMLDepth
	}
	return xmlStart, nil
}

// balanced reports whether no attribute value is open at the end of the tag.
func balanced(tag []byte) bool {
	var open byte
	for _, c := range tag {
		switch {
		case open != 0:
			if c == open {
				open = 0
			}
		case c == '"' || c == '\'':
			open = c
		}
	}
	return open == 0
}

func localName(b []byte) []byte {
	b = bytes.TrimRight(b, " \t\r\n")
	if i := bytes.LastIndexByte(b, ':'); i >= 0 {
		return b[i+1:]
	}
	return b
}

// attr returns the raw value of the current start tag's attribute, by its name
// with prefix.
func (s *xmlScanner) attr(name string) []byte {
	b := s.tag
	for {
		i := bytes.IndexByte(b, '=')
		if i < 0 || i+1 >= len(b) {
			return nil
		}
		key := bytes.TrimSpace(b[:i])
		b = bytes.TrimLeft(b[i+1:], " \t\r\n")
		if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
			return nil
		}
		j := bytes.IndexByte(b[1:], b[0])
		if j < 0 {
			return nil
		}
		if string(key) == name {
			return b[1 : j+1]
		}
		b = b[j+2:]
	}
}

// content appends the current text with its entities resolved.
func (s *xmlScanner) content(dst []byte) []byte {
	if s.raw {
		return append(dst, s.text...)
	}
	return unescape(dst, s.text)
}

func (s *xmlScanner) attrText(name string) string { return string(unescape(nil, s.attr(name))) }

func unescape(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '&')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		b = b[i:]
		j := bytes.IndexByte(b[:min(len(b), 12)], ';')
		if j < 0 {
			dst, b = append(dst, '&'), b[1:]
			continue
		}
		r, ok := entity(string(b[1:j]))
		if !ok {
			dst, b = append(dst, '&'), b[1:]
			continue
		}
		dst, b = utf8.AppendRune(dst, r), b[j+1:]
	}
}

func entity(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return 0, false
	}
	return rune(n), true
}
