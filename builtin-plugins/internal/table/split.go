package table

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// maxRecord is the longest record, in bytes, that a text file may have.
const maxRecord = 16 << 20

// maxColumns is what a worksheet can hold; a table with more is not one.
const maxColumns = 16384

var (
	errLongRecord  = errors.New("longer than 16 MiB")
	errManyColumns = errors.New("more than 16,384 columns")
)

// splitter cuts delimited text into records. It exists beside encoding/csv
// because people's files need what that has not: lines ending in a lone CR, a
// bound on one record's size, a quote that is never closed costing one line
// instead of the rest of the file, and no allocation per record.
type splitter struct {
	r       io.Reader
	delim   byte
	newline byte // '\n', or '\r' in old files
	// width is the number of fields expected; 0 when not known. It is used
	// only to judge a record with stray quotes.
	width int
	// wholeLines turns the splitter into a reader of lines, up to 64 MiB long.
	wholeLines bool

	buf        []byte
	start, end int
	eof        bool
	err        error
	nextLine   int
	taken      int64 // bytes consumed
	quoteLimit int   // how far a closing quote is searched for

	line   int // of the current record
	fields []field
	text   []byte // unquoted fields
	lazy   bool   // the record had stray quotes
}

// field is a slice of the record's text.
type field struct {
	from, to int
	quoted   bool
}

func newSplitter(r io.Reader, delim, newline byte) *splitter {
	return &splitter{r: r, delim: delim, newline: newline, nextLine: 1, quoteLimit: maxRecord}
}

// next reads one record, blank ones too. It returns io.EOF after the last.
func (s *splitter) next() error {
	s.line, s.lazy = s.nextLine, false
	for {
		n, lines, ok, err := s.record(s.buf[s.start:s.end])
		if err != nil {
			return err
		}
		if ok {
			s.start += n
			s.taken += int64(n)
			s.nextLine += lines
			return nil
		}
		if s.eof {
			if s.err != nil {
				return s.err
			}
			return io.EOF
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// fill reads more, moving or growing the buffer.
func (s *splitter) fill() error {
	if s.start > 0 {
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.start = 0
	}
	if s.buf == nil {
		s.buf = make([]byte, 1<<20)
	}
	if s.end == len(s.buf) {
		if len(s.buf) > maxRecord && (!s.wholeLines || len(s.buf) > maxJSONRecord) {
			return errLongRecord
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if err != nil {
			s.eof = true
			if !errors.Is(err, io.EOF) {
				s.err = err
			}
			return nil
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// record cuts the first record off b. ok is false when b does not hold it
// whole yet.
func (s *splitter) record(b []byte) (n, lines int, ok bool, err error) {
	s.fields = s.fields[:0]
	if !s.wholeLines {
		s.text = s.text[:0]
	}
	nl := bytes.IndexByte(b, s.newline)
	if nl < 0 {
		if !s.eof {
			return 0, 0, false, nil
		}
		if len(b) == 0 {
			return 0, 0, false, nil
		}
		nl = len(b)
	}
	if s.wholeLines {
		s.text = b[:nl]
		return min(nl+1, len(b)), 1, true, nil
	}
	if bytes.IndexByte(b[:nl], '"') < 0 {
		return min(nl+1, len(b)), 1, true, s.plain(b[:nl])
	}
	n, lines, ok, err = s.quoted(b)
	if !ok || err != nil {
		return n, lines, ok, err
	}
	if lines > 1 && s.lazy && s.width > 1 {
		// Stray quotes over several lines: the first alone may be the record.
		s.fields, s.text = s.fields[:0], s.text[:0]
		if err := s.plain(b[:nl]); err != nil || len(s.fields) == s.width {
			return min(nl+1, len(b)), 1, true, err
		}
		s.fields, s.text = s.fields[:0], s.text[:0]
		return s.quoted(b)
	}
	return n, lines, ok, err
}

// plain cuts a line in which quotes mean nothing.
func (s *splitter) plain(b []byte) error {
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	s.text = append(s.text, b...)
	at := 0
	for {
		i := bytes.IndexByte(b[at:], s.delim)
		if i < 0 {
			break
		}
		s.fields = append(s.fields, field{from: at, to: at + i})
		at += i + 1
	}
	s.fields = append(s.fields, field{from: at, to: len(b)})
	if len(s.fields) > maxColumns {
		return errManyColumns
	}
	return nil
}

// quoted cuts a record field by field.
func (s *splitter) quoted(b []byte) (n, lines int, ok bool, err error) {
	at := 0
	lines = 1
	for {
		from := len(s.text)
		var end int
		isQuoted := at < len(b) && b[at] == '"'
		if isQuoted {
			var inner int
			end, inner, ok = s.quotedField(b, at+1)
			if !ok {
				if !s.eof && len(b)-at < s.quoteLimit {
					return 0, 0, false, nil
				}
				// Never closed: the quote is a character like any other, and
				// the next one is not searched for as far.
				s.quoteLimit = 64 << 10
				s.text = s.text[:from]
				s.lazy, isQuoted = true, false
			}
			lines += inner
		}
		if !isQuoted {
			end = at
			for end < len(b) && b[end] != s.delim && b[end] != s.newline {
				end++
			}
			if end == len(b) && !s.eof {
				return 0, 0, false, nil
			}
			s.text = append(s.text, b[at:end]...)
			if !s.lazy && bytes.IndexByte(b[at:end], '"') >= 0 {
				s.lazy = true
			}
		}
		to := len(s.text)
		atEnd := end == len(b) || b[end] == s.newline
		if atEnd && !isQuoted && to > from && s.text[to-1] == '\r' {
			to--
		}
		s.fields = append(s.fields, field{from: from, to: to, quoted: isQuoted})
		if len(s.fields) > maxColumns {
			return 0, 0, false, errManyColumns
		}
		if atEnd {
			return min(end+1, len(b)), lines, true, nil
		}
		at = end + 1
	}
}

// quotedField reads from behind the opening quote at b[at-1]. It returns where
// the delimiter or newline after the field is.
func (s *splitter) quotedField(b []byte, at int) (end, newlines int, ok bool) {
	bound := min(len(b), at+s.quoteLimit)
	for at <= bound {
		i := bytes.IndexByte(b[at:bound], '"')
		if i < 0 {
			return 0, 0, false
		}
		chunk := b[at : at+i]
		newlines += bytes.Count(chunk, []byte{s.newline})
		s.text = append(s.text, chunk...)
		at += i + 1
		if at < len(b) && b[at] == '"' {
			s.text = append(s.text, '"')
			at++
			continue
		}
		end := at
		for end < len(b) && (b[end] == ' ' || b[end] == '\r') && b[end] != s.newline {
			end++
		}
		if end == len(b) {
			return end, newlines, s.eof
		}
		if b[end] == s.delim || b[end] == s.newline {
			return end, newlines, true
		}
		s.text = append(s.text, '"') // stray: closes nothing
		s.lazy = true
	}
	return 0, 0, false
}

// blank reports whether the record has no text at all.
func (s *splitter) blank() bool {
	for _, f := range s.fields {
		for _, c := range s.text[f.from:f.to] {
			if c > ' ' {
				return false
			}
		}
	}
	return true
}

// cells appends the record's fields as text cells. latin says that the file is
// not UTF-8; in one that is, bytes that are not are read as windows-1252 all
// the same, and odd is true.
func (s *splitter) cells(dst []Cell, latin bool) (cells []Cell, odd bool) {
	ascii := true
	for _, c := range s.text {
		if c >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	all := string(s.text)
	recode := !ascii && (latin || !utf8.ValidString(all))
	for _, f := range s.fields {
		text := all[f.from:f.to]
		if recode {
			if out, err := charmap.Windows1252.NewDecoder().String(text); err == nil {
				text = out
			}
		}
		if text == "" {
			dst = append(dst, Cell{})
			continue
		}
		dst = append(dst, Cell{Text: text, Type: Text})
	}
	return dst, recode && !latin
}
