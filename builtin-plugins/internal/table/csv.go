package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// checkEvery is after how many rows a reader looks whether it was cancelled.
const checkEvery = 256

// delimited reads csv and its relatives.
type delimited struct {
	src Source
	d   dialect
}

func openDelimited(src Source, head []byte) (*delimited, []Note, error) {
	d := sniffEncoding(head)
	sample := make([]byte, sniffBytes)
	n, err := io.ReadFull(d.reader(src, d.skip), sample)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, readError(src.Name, err)
	}
	sample = sample[:n]
	if looksBinary(sample) {
		return nil, nil, unknownFormat(src.Name)
	}
	if !hasText(sample) && n < sniffBytes {
		return nil, nil, emptyFile(src.Name)
	}
	d.sniffDialect(src.Name, sample, n < sniffBytes)
	var notes noteBook
	if d.latin || d.utf16 != nil {
		notes.add(NoteEncoding, "", 0, "read as "+d.name)
	}
	if d.delim != ',' && d.width > 1 {
		notes.add(NoteDelimiter, "", 0, "columns are separated by a "+delimName(d.delim))
	}
	return &delimited{src: src, d: d}, notes.list(), nil
}

func hasText(b []byte) bool {
	return slices.ContainsFunc(b, func(c byte) bool { return c > ' ' && c != ',' && c != ';' && c != '"' })
}

// read implements rawReader.
func (f *delimited) read(ctx context.Context, notes *noteBook, fn func(*rawRow) bool) error {
	s := newSplitter(f.d.reader(f.src, f.d.skip), f.d.delim, f.d.newline)
	s.width = f.d.width
	return f.rows(ctx, s, notes, fn)
}

func (f *delimited) rows(ctx context.Context, s *splitter, notes *noteBook, fn func(*rawRow) bool) error {
	var row rawRow
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.next(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return f.lineError(s.line, err)
		}
		if s.blank() || n == 0 && f.sepLine(s) {
			continue
		}
		if f.d.isSentence(s) {
			s.whole()
		}
		var odd bool
		row.line, row.offset = s.line, s.taken
		row.cells, odd = s.cells(row.cells[:0], f.d.latin)
		if odd {
			notes.add(NoteEncoding, "", s.line, "%d line{|s} {is|are} not UTF-8 and {was|were} read as windows-1252")
		}
		if s.lazy {
			notes.add(NoteQuotes, "", s.line, "%d line{|s} {has|have} quotes that do not belong; they were kept as text")
		}
		if !fn(&row) {
			return nil
		}
	}
}

// sepLine recognises Excel's own first line "sep=;".
func (f *delimited) sepLine(s *splitter) bool {
	return len(s.text) >= 4 && string(s.text[:4]) == "sep="
}

func (f *delimited) lineError(line int, err error) error {
	switch {
	case errors.Is(err, errLongRecord):
		return invalid("check the line's quotes and line ends, or save the file again as CSV",
			"line %d of %s is longer than 16 MiB", line, f.src.Name)
	case errors.Is(err, errManyColumns):
		return invalid("check that the file is a table", "line %d of %s has more than 16,384 columns", line, f.src.Name)
	}
	return readError(f.src.Name, fmt.Errorf("line %d: %w", line, err))
}

// spread reads up to limit rows from each of parts places over the file, for a
// sample. Where lines start cannot be known for sure, so rows of an unusual
// width are left out; line is 0.
func (f *delimited) spread(ctx context.Context, parts, limit int, fn func(*rawRow) bool) error {
	if f.d.utf16 != nil {
		return nil
	}
	for i := 1; i <= parts; i++ {
		at := f.src.Size / int64(parts+1) * int64(i)
		s := newSplitter(io.NewSectionReader(f.src.R, at, min(1<<20, f.src.Size-at)), f.d.delim, f.d.newline)
		s.quoteLimit = 64 << 10
		var row rawRow
		for n := range limit + 1 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if s.next() != nil || s.taken >= 1<<20 {
				break
			}
			if n == 0 || len(s.fields) != f.d.width || s.blank() {
				continue
			}
			row.cells, _ = s.cells(row.cells[:0], f.d.latin)
			if !fn(&row) {
				return nil
			}
		}
	}
	return nil
}
