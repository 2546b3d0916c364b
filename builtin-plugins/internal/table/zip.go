package table

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxEntries     = 10_000
	maxDirectory   = 8 << 20
	bombRatio      = 200
	bombRatioAbove = 64 << 20
)

var errBomb = errors.New("unpacks to more than is allowed")

// archive is a zip file read with limits that count what is really unpacked,
// whatever the archive declares.
type archive struct {
	name  string
	zip   *zip.Reader
	limit int64
	// unpacked is the most that was read of each entry; read again, an entry
	// does not count twice.
	unpacked map[string]int64
	total    int64
}

func openArchive(src Source, limit int64) (*archive, error) {
	if err := checkDirectory(src); err != nil {
		return nil, err
	}
	r, err := zip.NewReader(newBlockCache(src.R, src.Size), src.Size)
	if err != nil {
		return nil, damaged(src.Name, "xlsx file", err)
	}
	a := &archive{name: src.Name, zip: r, limit: limit, unpacked: map[string]int64{}}
	if len(r.File) > maxEntries {
		return nil, a.bomb("it has more than 10,000 parts")
	}
	var declared uint64
	for _, f := range r.File {
		declared += min(f.UncompressedSize64, 1<<50)
		if f.UncompressedSize64 > bombRatioAbove && f.UncompressedSize64/bombRatio > max(f.CompressedSize64, 1) {
			return nil, a.bomb("a part of it is packed more than 200 times")
		}
	}
	if declared > uint64(limit) {
		return nil, a.bomb(fmt.Sprintf("it unpacks to more than %d MiB", limit>>20))
	}
	return a, nil
}

func (a *archive) bomb(why string) error {
	return invalid("if the file is to be trusted, save it as CSV and try again",
		"%s is too large to open safely: %s", a.name, why)
}

// checkDirectory bounds the archive's directory before it is parsed.
func checkDirectory(src Source) error {
	const eocdLen = 22
	tail := make([]byte, min(src.Size, 65536+eocdLen))
	if n, err := src.R.ReadAt(tail, src.Size-int64(len(tail))); n < len(tail) {
		return readError(src.Name, err)
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || i+eocdLen > len(tail) {
		return damaged(src.Name, "xlsx file", errors.New("the end of the file is missing"))
	}
	at := src.Size - int64(len(tail)) + int64(i)
	size := int64(binary.LittleEndian.Uint32(tail[i+12:]))
	offset := int64(binary.LittleEndian.Uint32(tail[i+16:]))
	if size > maxDirectory || at-offset > maxDirectory && offset != 0xFFFFFFFF {
		return invalid("if the file is to be trusted, save it as CSV and try again",
			"%s is too large to open safely: it has more than 10,000 parts", src.Name)
	}
	return nil
}

func (a *archive) find(name string) *zip.File {
	name = strings.TrimPrefix(name, "/")
	for _, f := range a.zip.File {
		if f.Name == name {
			return f
		}
	}
	for _, f := range a.zip.File { // some programs write other cases and slashes
		if strings.EqualFold(strings.ReplaceAll(f.Name, `\`, "/"), name) {
			return f
		}
	}
	return nil
}

// open unpacks a part while counting.
func (a *archive) open(f *zip.File) (*part, error) {
	if f.Flags&1 != 0 {
		return nil, encrypted(a.name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, damaged(a.name, "xlsx file", err)
	}
	return &part{a: a, f: f, r: r}, nil
}

// part is an entry being unpacked.
type part struct {
	a *archive
	f *zip.File
	r io.ReadCloser
	n int64
}

// Read implements io.Reader.
func (p *part) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.n += int64(n)
	if extra := p.n - p.a.unpacked[p.f.Name]; extra > 0 {
		p.a.unpacked[p.f.Name] = p.n
		p.a.total += extra
	}
	if p.a.total > p.a.limit || p.n > bombRatioAbove && p.n/bombRatio > int64(max(p.f.CompressedSize64, 1)) {
		return n, errBomb
	}
	return n, err
}

// offset is about how much of the archive's bytes has been read of this entry.
func (p *part) offset() int64 {
	if p.f.UncompressedSize64 == 0 {
		return 0
	}
	return int64(float64(p.f.CompressedSize64) * min(1, float64(p.n)/float64(p.f.UncompressedSize64)))
}

func (p *part) Close() error { return p.r.Close() }
