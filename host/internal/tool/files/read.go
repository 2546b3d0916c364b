package files

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// What one read returns at most.
const (
	readLines   = 2000
	readBytes   = 256 << 10
	readLine    = 2000     // bytes of a line
	maxWhole    = 64 << 20 // bytes of a file that is read to its end, so that its version is known
	maxUTF16    = 8 << 20  // bytes of a text in UTF-16
	lineChunk   = 64 << 10 // bytes of a line that are looked at
	binaryBytes = sniffed
)

type readInput struct {
	Path   string `json:"path" jsonschema:"the file, as list or glob names it, or an absolute path inside a granted folder"`
	Offset int    `json:"offset,omitempty" jsonschema:"the first line to return, from 1" min:"1"`
	Limit  int    `json:"limit,omitempty" jsonschema:"how many lines to return" min:"1" max:"2000"`
}

func (f *Files) read() tool.Tool {
	spec := tool.Spec{Name: "read", Description: text("read"), Effect: policy.Read}
	return tool.Define(spec, func(_ context.Context, _ tool.Call, in readInput) (*tool.Prepared, error) {
		name, err := f.find(in.Path)
		if err != nil {
			return nil, err
		}
		return &tool.Prepared{
			Summary: "read " + name, Targets: []string{f.opts.Workspace.HostPath(name)},
			Run: func(ctx context.Context) (*tool.Result, error) { return f.readFile(ctx, name, in) },
		}, nil
	})
}

func (f *Files) readFile(ctx context.Context, name string, in readInput) (*tool.Result, error) {
	v := f.opts.Workspace.View()
	defer v.Close()
	file, err := openText(v, name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, told(err)
	}
	host, err := v.HostPath(name)
	if err != nil {
		return nil, told(err)
	}
	w := &window{first: max(1, in.Offset), count: in.Limit, whole: info.Size() <= maxWhole}
	if w.count == 0 {
		w.count = readLines
	}
	sum := sha256.New()
	if err := w.read(ctx, file, sum, info.Size()); err != nil {
		return nil, told(err)
	}
	if w.first > 1 && w.shown == 0 && w.whole {
		return nil, pluginsdk.Invalid("choose a smaller offset", "%s has %s, so there is no line %d", name, count(w.line, "line"), w.first)
	}
	res := &tool.Result{Text: w.text(info.Size())}
	if w.whole {
		res.Seen = []event.Seen{f.sight(host, hex.EncodeToString(sum.Sum(nil)))}
	}
	return res, nil
}

// openText opens a file that is text, as far as its beginning shows.
func openText(v *workspace.View, name string) (*workspace.File, error) {
	file, err := v.Open(name)
	if err != nil {
		return nil, told(err)
	}
	if info, err := file.Stat(); err != nil || info.IsDir() {
		shut(file)
		return nil, pluginsdk.Invalid("see what is in it with list", "%s is a folder", name)
	}
	head := make([]byte, binaryBytes)
	n, err := io.ReadFull(io.NewSectionReader(file, 0, binaryBytes), head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		shut(file)
		return nil, told(err)
	}
	if err := notText(name, head[:n]); err != nil {
		shut(file)
		return nil, err
	}
	return file, nil
}

// window collects the lines asked for out of a file that streams by.
type window struct {
	first, count int
	whole        bool // read to the end, which tells the version and the lines

	line, shown int // lines that went by, lines shown
	last        int // the last line shown
	out         strings.Builder
	full        bool
	crlf, marks bool
	utf16       bool
}

func (w *window) read(ctx context.Context, file *workspace.File, sum hash.Hash, size int64) error {
	br := bufio.NewReaderSize(io.TeeReader(&ctxReader{ctx, file}, sum), lineChunk)
	head, _ := br.Peek(3) // a shorter file has no mark
	if order := utf16Order(head); order != nil {
		if size > maxUTF16 {
			return &pluginsdk.Error{Kind: pluginsdk.ErrUnsupported, Message: fmt.Sprintf("a text in UTF-16 of %d bytes is too large", size), Next: "ask the person to save it as UTF-8"}
		}
		data, err := io.ReadAll(br)
		if err != nil {
			return err
		}
		w.utf16 = true
		br = bufio.NewReaderSize(strings.NewReader(fromUTF16(data[2:], order)), lineChunk)
	} else if string(head) == bom {
		_, _ = br.Discard(3) // it was peeked
		w.marks = true
	}
	for {
		line, err := nextLine(br)
		if len(line) > 0 {
			w.take(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if w.full && !w.whole {
			return nil
		}
	}
}

// nextLine returns the beginning of the next line, with its end, and skips the
// rest of one that is too long.
func nextLine(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	line = bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = br.ReadSlice('\n')
	}
	return line, err
}

func (w *window) take(line []byte) {
	w.line++
	body, ended := bytes.CutSuffix(line, []byte("\n"))
	if rest, ok := bytes.CutSuffix(body, []byte("\r")); ok && ended {
		body, w.crlf = rest, true
	}
	if w.line < w.first || w.full {
		return
	}
	if w.shown == w.count || w.out.Len() > readBytes {
		w.full = true
		return
	}
	fmt.Fprintf(&w.out, "%6d\t%s\n", w.line, shown(body, readLine))
	w.shown++
	w.last = w.line
}

// text is what the model gets: the lines, and what it must know of the rest.
func (w *window) text(size int64) string {
	var notes []string
	switch {
	case size == 0:
		return "(the file is empty)"
	case w.full && w.whole:
		notes = append(notes, fmt.Sprintf("lines %d to %d of %d; go on with offset %d", w.first, w.last, w.line, w.last+1))
	case w.full:
		notes = append(notes, fmt.Sprintf("lines %d to %d of a file of %d bytes; go on with offset %d; it is too large to be changed with edit", w.first, w.last, size, w.last+1))
	case w.first > 1:
		notes = append(notes, fmt.Sprintf("to the end, line %d", w.line))
	}
	if w.crlf {
		notes = append(notes, "lines end in CRLF, which edit keeps")
	}
	if w.marks {
		notes = append(notes, "begins with a byte order mark, which edit keeps")
	}
	if w.utf16 {
		notes = append(notes, "the file is in UTF-16; edit cannot change it")
	}
	out := w.out.String()
	if len(notes) > 0 {
		out += "[" + strings.Join(notes, "; ") + "]\n"
	}
	return strings.TrimSuffix(out, "\n")
}

func fromUTF16(data []byte, order func(a, b byte) uint16) string {
	units := make([]uint16, 0, len(data)/2)
	for i := 0; i+1 < len(data); i += 2 {
		units = append(units, order(data[i], data[i+1]))
	}
	return string(utf16.Decode(units))
}
