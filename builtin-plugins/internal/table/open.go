package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Open looks at the source and opens it as what it is. The errors are for the
// person who gave the file: they are [*pluginsdk.Error] and name it and the
// next step. Cancelling ctx stops the sampling of a large file.
func Open(ctx context.Context, src Source, opts Options) (*Book, error) {
	if opts.MaxUnzippedBytes <= 0 {
		opts.MaxUnzippedBytes = 512 << 20
	}
	if opts.MaxSampleRows <= 0 {
		opts.MaxSampleRows = 2000
	}
	if src.Size == 0 {
		return nil, emptyFile(src.Name)
	}
	head := make([]byte, min(src.Size, sniffBytes))
	if n, err := src.R.ReadAt(head, 0); err != nil && (n < len(head) || !errors.Is(err, io.EOF)) {
		return nil, readError(src.Name, err)
	}
	b, err := open(ctx, src, head, opts)
	if err != nil {
		return nil, err
	}
	b.Name = src.Name
	return b, nil
}

func open(ctx context.Context, src Source, head []byte, opts Options) (*Book, error) {
	switch {
	case hasMagic(head, []byte("PK\x03\x04")), hasMagic(head, []byte("PK\x05\x06")):
		return openXLSX(ctx, src, opts)
	case hasMagic(head, cfbMagic):
		return nil, compoundFile(src, head)
	case hasMagic(head, []byte("PAR1")):
		return openParquet(ctx, src, opts)
	case hasMagic(head, []byte("PARE")):
		return nil, unsupported("write it again without encryption", "%s is an encrypted parquet file", src.Name)
	case hasMagic(head, []byte{0x1F, 0x8B}), hasMagic(head, []byte("BZh")), hasMagic(head, []byte{0xFD, '7', 'z'}),
		hasMagic(head, []byte("7z")), hasMagic(head, []byte("Rar!")), hasMagic(head, []byte{0x28, 0xB5, 0x2F, 0xFD}):
		return nil, unsupported("unpack it and give the file inside", "%s is a packed file", src.Name)
	case hasMagic(head, []byte("%PDF")):
		return nil, unsupported("export the table as csv or xlsx", "%s is a PDF document, not a table", src.Name)
	}
	if sh := sniffJSON(src.Name, head); sh != notJSON {
		return openJSON(ctx, src, sh, opts)
	}
	return openText(ctx, src, head, opts)
}

// compoundFile names the kind of an old Microsoft file.
func compoundFile(src Source, head []byte) error {
	utf16 := func(s string) []byte {
		var b []byte
		for i := range len(s) {
			b = append(b, s[i], 0)
		}
		return b
	}
	tail := make([]byte, min(src.Size, 4<<20))
	n, _ := src.R.ReadAt(tail, 0)
	all := tail[:n]
	if len(all) < len(head) {
		all = head
	}
	switch {
	case bytes.Contains(all, utf16("EncryptedPackage")) || bytes.Contains(all, utf16("EncryptionInfo")):
		return encrypted(src.Name)
	case bytes.Contains(all, utf16("Workbook")) || bytes.Contains(all, utf16("Book")):
		return unsupported("save it as .xlsx and try again", "%s is a workbook of an old Excel (.xls)", src.Name)
	}
	return unsupported("save its table as .xlsx or .csv and try again",
		"%s is an old Office file or is password-protected", src.Name)
}

func openText(ctx context.Context, src Source, head []byte, opts Options) (*Book, error) {
	r, notes, err := openDelimited(src, head)
	if err != nil {
		return nil, err
	}
	sh, err := newGridSheet(ctx, sheetName(src.Name), r, gridHints(src, r), opts)
	if err != nil {
		return nil, err
	}
	return &Book{Format: CSV, Sheets: []*Sheet{sh}, Notes: notes}, nil
}

// FromFile makes a source of an open file of the workspace. The file must stay
// open as long as the book.
func FromFile(f fs.File, name string) (Source, error) {
	info, err := f.Stat()
	if err != nil {
		return Source{}, readError(name, err)
	}
	if info.IsDir() {
		return Source{}, invalid("give one of the files in it", "%s is a folder", name)
	}
	if !info.Mode().IsRegular() {
		return Source{}, invalid("give a regular file", "%s is not a regular file", name)
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return Source{}, &pluginsdk.Error{
			Kind: pluginsdk.ErrUnsupported, Message: fmt.Sprintf("%s cannot be read at any place", name),
		}
	}
	return Source{Name: name, R: r, Size: info.Size()}, nil
}

func sheetName(file string) string {
	base := path.Base(file)
	return strings.TrimSuffix(base, path.Ext(base))
}

// gridHints is what a format tells the column inference.
func gridHints(src Source, f *delimited) hints {
	return hints{
		commaLikely: f.d.delim == ';',
		fields:      f.d.width,
		readAll:     src.Size <= 4<<20,
		spread: func(ctx context.Context, fn func(*rawRow) bool) error {
			return f.spread(ctx, 10, 100, fn)
		},
	}
}

var cfbMagic = []byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}

func hasMagic(head, magic []byte) bool { return bytes.HasPrefix(head, magic) }
