package files

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/cowork-host/cowork/pluginsdk"
)

// sniffed is how much of a file tells what it is.
const sniffed = 8 << 10

// format is a kind of file that is no text.
type format struct {
	what string
	next string
	magic
}

// magic is the bytes by which a format is known, at an offset.
type magic struct {
	at    int
	bytes string
}

const (
	nextTable    = "ask the person to save it as CSV, or to run a command that reads it, such as /data:profile"
	nextDocument = "ask the person to save it as text or Markdown, or to run a command of a plugin that reads it"
	nextImage    = "images are not supported yet: ask the person what it shows, if it matters"
	nextMedia    = "recordings are not supported yet: ask the person for a transcript, if it matters"
	nextArchive  = "ask the person to unpack it into the folder"
	nextNone     = "go on without its content"
)

// formats are recognised by their first bytes.
var formats = []format{
	{"a PDF document", nextDocument, magic{0, "%PDF-"}},
	{"a PNG image", nextImage, magic{0, "\x89PNG\r\n"}},
	{"a JPEG image", nextImage, magic{0, "\xff\xd8\xff"}},
	{"a GIF image", nextImage, magic{0, "GIF8"}},
	{"a WebP image", nextImage, magic{8, "WEBP"}},
	{"a TIFF image", nextImage, magic{0, "II*\x00"}},
	{"a TIFF image", nextImage, magic{0, "MM\x00*"}},
	{"a BMP image", nextImage, magic{0, "BM"}},
	{"a HEIC image", nextImage, magic{4, "ftyphei"}},
	{"a video or audio recording", nextMedia, magic{4, "ftyp"}},
	{"an audio recording", nextMedia, magic{0, "ID3"}},
	{"a recording", nextMedia, magic{8, "WAVE"}},
	{"a recording", nextMedia, magic{0, "OggS"}},
	{"a recording", nextMedia, magic{0, "\x1aE\xdf\xa3"}},
	{"an old Office document", nextDocument, magic{0, "\xd0\xcf\x11\xe0\xa1\xb1"}},
	{"a Parquet table", nextTable, magic{0, "PAR1"}},
	{"an SQLite database", nextTable, magic{0, "SQLite format 3\x00"}},
	{"a gzip archive", nextArchive, magic{0, "\x1f\x8b"}},
	{"a 7z archive", nextArchive, magic{0, "7z\xbc\xaf\x27\x1c"}},
	{"a RAR archive", nextArchive, magic{0, "Rar!"}},
	{"an xz archive", nextArchive, magic{0, "\xfd7zXZ"}},
	{"a program", nextNone, magic{0, "\x7fELF"}},
	{"a program", nextNone, magic{0, "MZ"}},
}

// zipped are the formats that are zip archives, by extension.
var zipped = map[string]format{
	".xlsx": {what: "an Excel workbook", next: nextTable}, ".xlsm": {what: "an Excel workbook", next: nextTable},
	".ods":  {what: "an OpenDocument spreadsheet", next: nextTable},
	".docx": {what: "a Word document", next: nextDocument}, ".odt": {what: "an OpenDocument text", next: nextDocument},
	".pptx": {what: "a PowerPoint presentation", next: nextDocument}, ".odp": {what: "an OpenDocument presentation", next: nextDocument},
	".epub": {what: "an e-book", next: nextDocument}, ".numbers": {what: "a Numbers spreadsheet", next: nextTable},
	".pages": {what: "a Pages document", next: nextDocument},
}

// notText says why a file that begins with these bytes cannot be read as text;
// nil if it can.
func notText(name string, head []byte) error {
	f, ok := recognise(name, head)
	if !ok {
		return nil
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrUnsupported, Message: fmt.Sprintf("%s is %s; the file tools handle text only", name, f.what), Next: f.next,
	}
}

func recognise(name string, head []byte) (format, bool) {
	ext := strings.ToLower(path.Ext(name))
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		if f, ok := zipped[ext]; ok {
			return f, true
		}
		return format{what: "a zip archive", next: nextArchive}, true
	}
	if utf16Order(head) != nil {
		return format{}, false
	}
	binary := bytes.IndexByte(head, 0) >= 0 || odd(head)
	for _, f := range formats {
		if len(head) >= f.at && bytes.HasPrefix(head[f.at:], []byte(f.bytes)) {
			// Two letters alone may begin a text.
			if binary || len(f.bytes) > 3 {
				return f, true
			}
		}
	}
	return format{what: "a binary file", next: nextNone}, binary
}

// odd reports whether bytes without a NUL still are no text in any encoding:
// too many control characters.
func odd(head []byte) bool {
	control := 0
	for _, b := range head {
		if b < 0x20 && b != '\t' && b != '\n' && b != '\r' && b != '\f' && b != 0x1b {
			control++
		}
	}
	return control*20 > len(head)
}

// utf16Order returns how to join the bytes of a text in UTF-16 that begins
// with a byte order mark; nil for any other.
func utf16Order(head []byte) func(a, b byte) uint16 {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return func(a, b byte) uint16 { return uint16(b)<<8 | uint16(a) }
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return func(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }
	}
	return nil
}

// bom is the byte order mark of UTF-8.
const bom = "\xef\xbb\xbf"

// shown is a line as the model gets it, clipped, and without what no text has.
func shown(line []byte, n int) string {
	cut := len(line) > n
	if cut {
		line = line[:n]
		for len(line) > 0 && !utf8.RuneStart(line[len(line)-1]) {
			line = line[:len(line)-1]
		}
		if r, w := utf8.DecodeLastRune(line); r == utf8.RuneError && w == 1 {
			line = line[:len(line)-1]
		}
	}
	text := strings.ToValidUTF8(string(line), "\uFFFD")
	if cut {
		text += "… [line cut]"
	}
	return text
}
