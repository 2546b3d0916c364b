package workbook

import (
	"archive/zip"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/compress/flate"
	"golang.org/x/sync/errgroup"
)

// Written tells what [Book.Write] wrote.
type Written struct {
	Bytes    int64
	Cells    int
	Formulas int
	// Uncached counts formulas without a value beside them: 0 unless the
	// caller left one out.
	Uncached int
	// Cut counts texts that were longer than a cell holds. Each ends with a
	// mark that says so.
	Cut int
}

func (w *Written) add(o Written) {
	w.Cells += o.Cells
	w.Formulas += o.Formulas
	w.Uncached += o.Uncached
	w.Cut += o.Cut
}

// packed is one file of the package, compressed.
type packed struct {
	data chunks
	size uint64
	crc  uint32
	stat Written
}

// Write writes the workbook to w, once: the book cannot be used afterwards.
// Cancelling ctx stops it within some thousand rows.
func (b *Book) Write(ctx context.Context, w io.Writer) (Written, error) {
	defer func() { _ = b.file.Close() }()
	if err := b.check(); err != nil {
		return Written{}, err
	}
	parts := b.parts()
	files, err := b.frame(parts)
	if err != nil {
		return Written{}, err
	}
	sheets := make([]packed, len(parts))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, i := range bySize(parts) {
		group.Go(func() error {
			p := parts[i]
			if err := sheets[i].pack(gctx, p); err != nil {
				return fmt.Errorf("write sheet %q: %w", p.name, err)
			}
			p.before, p.after = nil, nil
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Written{}, err
	}
	return zipAll(w, files, parts, sheets)
}

// bySize orders parts so that the largest are started first.
func bySize(parts []*part) []int {
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return parts[y].rows() - parts[x].rows() })
	return order
}

func zipAll(w io.Writer, files capture, parts []*part, sheets []packed) (Written, error) {
	count := &counter{w: w}
	zw := zip.NewWriter(count)
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed)
	})
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	// The list of content types comes first by convention: "[" sorts so.
	slices.SortFunc(names, func(x, y string) int {
		return strings.Compare(strings.ToLower(x), strings.ToLower(y))
	})
	var total Written
	for _, name := range names {
		fw, err := zw.Create(name) // a zero time: the same bytes every day
		if err != nil {
			return total, fmt.Errorf("write %s: %w", name, err)
		}
		if _, err := fw.Write(files[name].Bytes()); err != nil {
			return total, fmt.Errorf("write %s: %w", name, err)
		}
	}
	for i := range sheets {
		s := &sheets[i]
		fw, err := zw.CreateRaw(&zip.FileHeader{
			Name: parts[i].path(i), Method: zip.Deflate, CRC32: s.crc,
			CompressedSize64: uint64(s.data.n), UncompressedSize64: s.size,
		})
		if err != nil {
			return total, fmt.Errorf("write sheet %q: %w", parts[i].name, err)
		}
		if err := s.data.writeTo(fw); err != nil {
			return total, fmt.Errorf("write sheet %q: %w", parts[i].name, err)
		}
		total.add(s.stat)
	}
	if err := zw.Close(); err != nil {
		return total, fmt.Errorf("write workbook: %w", err)
	}
	total.Bytes = count.n
	return total, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// chunks collects bytes without moving them again and again as a growing buffer
// would.
type chunks struct {
	full [][]byte
	last []byte
	n    int
}

const chunkSize = 1 << 20

func (c *chunks) Write(p []byte) (int, error) {
	c.n += len(p)
	for rest := p; len(rest) > 0; {
		if len(c.last) == cap(c.last) {
			if c.last != nil {
				c.full = append(c.full, c.last)
			}
			size := 1 << 14 // small sheets stay small
			if c.full != nil {
				size = chunkSize
			}
			c.last = make([]byte, 0, size)
		}
		fit := min(len(rest), cap(c.last)-len(c.last))
		c.last = append(c.last, rest[:fit]...)
		rest = rest[fit:]
	}
	return len(p), nil
}

// writeTo writes everything to w and lets it go.
func (c *chunks) writeTo(w io.Writer) error {
	for i, b := range append(c.full, c.last) {
		if _, err := w.Write(b); err != nil {
			return err
		}
		if i < len(c.full) {
			c.full[i] = nil
		}
	}
	return nil
}

// pack makes and compresses the XML of one part.
func (s *packed) pack(ctx context.Context, p *part) error {
	fw, err := flate.NewWriter(&s.data, flate.BestSpeed)
	if err != nil {
		return err
	}
	x := newSheetXML(len(p.sheet.Columns))
	flush := func() error {
		s.size += uint64(len(x.buf))
		s.crc = crc32.Update(s.crc, crc32.IEEETable, x.buf)
		_, err := fw.Write(x.buf)
		x.buf = x.buf[:0]
		return err
	}
	x.buf = append(x.buf, p.before...)
	for i := range p.sheet.Head {
		if err := x.row(&p.sheet.Head[i]); err != nil {
			return err
		}
	}
	var row Row
	for i := p.first; i < p.last; i++ {
		row.Cells, row.Height = row.Cells[:0], 0
		p.sheet.Row(i, &row)
		if err := x.row(&row); err != nil {
			return err
		}
		if len(x.buf) >= 1<<16 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if p.tail {
		for i := range p.sheet.Tail {
			if err := x.row(&p.sheet.Tail[i]); err != nil {
				return err
			}
		}
	}
	x.buf = append(x.buf, p.after...)
	if err := flush(); err != nil {
		return err
	}
	s.stat = x.stat
	return fw.Close()
}
