package table

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// maxJSONRecord is how large one record, or a file that is not a list of
// records, may be.
const maxJSONRecord = 64 << 20

var errLongJSON = errors.New("a record is larger than 64 MiB")

type jsonShape uint8

const (
	notJSON jsonShape = iota
	jsonArray
	jsonObject
	jsonLines // one value a line
)

// sniffJSON judges by the first value of the text.
func sniffJSON(name string, head []byte) jsonShape {
	d := sniffEncoding(head)
	if d.utf16 != nil {
		text, _ := io.ReadAll(io.LimitReader(d.reader(Source{R: bytes.NewReader(head), Size: int64(len(head))}, d.skip), sniffBytes))
		head = text
	} else {
		head = head[d.skip:]
	}
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return notJSON
	}
	next := bytes.TrimLeft(head[1:], " \t\r\n")
	ext := strings.ToLower(path.Ext(name))
	lines := ext == ".jsonl" || ext == ".ndjson"
	if len(next) == 0 {
		if lines || ext == ".json" {
			return jsonObject
		}
		return notJSON
	}
	if head[0] == '{' && next[0] != '"' && next[0] != '}' && ext != ".json" && !lines {
		return notJSON
	}
	if head[0] == '[' && !bytes.ContainsRune([]byte("{[\"0123456789-tfn]"), rune(next[0])) && ext != ".json" && !lines {
		return notJSON
	}
	line, rest, more := bytes.Cut(head, []byte{'\n'})
	switch {
	case json.Valid(line) && (lines || more && startsValue(rest)):
		return jsonLines
	case head[0] == '{':
		return jsonObject
	}
	return jsonArray
}

func startsValue(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

// jsonSource reads the values of a json file one after the other.
type jsonSource struct {
	src   Source
	d     dialect
	shape jsonShape
	key   string // the member of the top object that holds the list
	keyed bool
}

func openJSON(ctx context.Context, src Source, shape jsonShape, opts Options) (*Book, error) {
	head := make([]byte, min(src.Size, 4096))
	if _, err := src.R.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(src.Name, err)
	}
	j := &jsonSource{src: src, d: sniffEncoding(head), shape: shape}
	switch shape {
	case jsonLines:
		sh, err := j.sheet(ctx, sheetName(src.Name), opts)
		if err != nil {
			return nil, err
		}
		return &Book{Format: JSONL, Sheets: []*Sheet{sh}}, nil
	case jsonArray:
		sh, err := j.sheet(ctx, sheetName(src.Name), opts)
		if err != nil {
			return nil, err
		}
		return &Book{Format: JSON, Sheets: []*Sheet{sh}}, nil
	}
	return j.openObject(ctx, opts)
}

// budgetReader fails when more than a record's worth is read without reset.
type budgetReader struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (b *budgetReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongJSON
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// values calls fn with every value of the list and its line or number.
func (j *jsonSource) values(ctx context.Context, fn func(n int, offset int64, raw []byte) (bool, error)) error {
	if j.shape == jsonLines {
		return j.lines(ctx, fn)
	}
	budget := &budgetReader{r: &chunkReader{r: j.d.reader(j.src, j.d.skip)}, left: maxJSONRecord}
	dec := json.NewDecoder(budget)
	if err := j.enter(dec, budget); err != nil {
		return j.fail(0, err)
	}
	for n := 1; dec.More(); n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var raw json.RawMessage
		budget.left = maxJSONRecord
		if err := dec.Decode(&raw); err != nil {
			return j.fail(n, err)
		}
		more, err := fn(n, dec.InputOffset(), raw)
		if err != nil {
			return j.fail(n, err)
		}
		if !more {
			return nil
		}
	}
	if _, err := dec.Token(); err != nil {
		return j.fail(0, err)
	}
	return nil
}

// enter moves the decoder into the list.
func (j *jsonSource) enter(dec *json.Decoder, budget *budgetReader) error {
	if _, err := dec.Token(); err != nil || !j.keyed {
		return err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		budget.left = maxJSONRecord
		if key == j.key {
			_, err := dec.Token()
			return err
		}
		if err := skipValue(dec, budget); err != nil {
			return err
		}
	}
	return nil
}

// skipValue passes over a value element by element, so that a long list costs
// no memory.
func skipValue(dec *json.Decoder, budget *budgetReader) error {
	depth := 0
	for {
		budget.left = maxJSONRecord
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		if d, ok := tok.(json.Delim); ok {
			if d == '{' || d == '[' {
				depth++
			} else {
				depth--
			}
		}
		if depth > 10*maxJSONDepth {
			return errJSONDepth
		}
		if depth == 0 {
			return nil
		}
	}
}

func (j *jsonSource) lines(ctx context.Context, fn func(n int, offset int64, raw []byte) (bool, error)) error {
	s := newSplitter(j.d.reader(j.src, j.d.skip), 0, '\n')
	s.wholeLines = true
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.next(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			if errors.Is(err, errLongRecord) {
				err = errLongJSON
			}
			return j.fail(s.line, err)
		}
		raw := bytes.TrimSpace(s.text)
		if len(raw) == 0 {
			continue
		}
		if !json.Valid(raw) {
			return j.fail(s.line, syntaxError(raw))
		}
		more, err := fn(s.line, s.taken, raw)
		if err != nil {
			return j.fail(s.line, err)
		}
		if !more {
			return nil
		}
	}
}

func syntaxError(raw []byte) error {
	var v json.RawMessage
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	return errors.New("not valid JSON")
}

func (j *jsonSource) fail(n int, err error) error {
	var syntax *json.SyntaxError
	what := "record"
	if j.shape == jsonLines {
		what = "line"
	}
	at := ""
	if n > 0 {
		at = fmt.Sprintf("%s %d: ", what, n)
	}
	switch {
	case errors.Is(err, errJSONDepth), errors.Is(err, errLongJSON), errors.Is(err, errManyColumns):
		return invalid("export the table in a flatter form, for instance as csv", "%s: %s%v", j.src.Name, at, err)
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return damaged(j.src.Name, "json file", fmt.Errorf("%s%w", at, err))
	}
	return readError(j.src.Name, err)
}

// sheet samples the list: objects are records, arrays are rows of a grid.
func (j *jsonSource) sheet(ctx context.Context, name string, opts Options) (*Sheet, error) {
	grid, empty := false, true
	err := j.values(ctx, func(_ int, _ int64, raw []byte) (bool, error) {
		grid, empty = raw[0] == '[', false
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	if empty {
		return nil, invalid("check that the right file was given", "%s holds an empty list", j.src.Name)
	}
	if grid {
		return newGridSheet(ctx, name, &jsonGrid{j}, hints{readAll: j.src.Size <= 4<<20}, opts)
	}
	return newRecordSheet(ctx, name, &jsonRecords{j: j, keys: map[string]int{}}, j.src.Size, opts)
}

// jsonGrid reads a list of arrays.
type jsonGrid struct{ j *jsonSource }

// read implements rawReader.
func (g *jsonGrid) read(ctx context.Context, _ *noteBook, fn func(*rawRow) bool) error {
	var row rawRow
	return g.j.values(ctx, func(n int, offset int64, raw []byte) (bool, error) {
		row.line, row.offset, row.cells = n, offset, row.cells[:0]
		any := false
		if jsonDepth(raw) > maxJSONDepth {
			return false, errJSONDepth
		}
		members := jsonMembers(raw)
		if len(members) > maxColumns {
			return false, errManyColumns
		}
		for _, m := range members {
			c := jsonCell(m.value)
			any = any || c.Type != Null
			row.cells = append(row.cells, c)
		}
		return !any || fn(&row), nil
	})
}

// jsonRecords reads a list of objects; other values are in a column "value".
type jsonRecords struct {
	j     *jsonSource
	keys  map[string]int
	names []string
	grow  bool // new keys become columns
}

// read implements rawReader.
func (r *jsonRecords) read(ctx context.Context, notes *noteBook, fn func(*rawRow) bool) error {
	var row rawRow
	return r.j.values(ctx, func(n int, offset int64, raw []byte) (bool, error) {
		row.line, row.offset = n, offset
		for len(row.cells) < len(r.names) {
			row.cells = append(row.cells, Cell{})
		}
		clear(row.cells)
		put := func(key string, value []byte) error {
			i, ok := r.keys[key]
			if !ok {
				if !r.grow {
					notes.add(NoteLateColumns, "", n, "%d value{|s} {has a name|have names} that the first records have not; left out")
					return nil
				}
				if len(r.names) >= maxColumns {
					return errManyColumns
				}
				i = len(r.names)
				r.keys[key], r.names = i, append(r.names, key)
				row.cells = append(row.cells, Cell{})
			}
			row.cells[i] = jsonCell(value)
			return nil
		}
		var err error
		if raw[0] == '{' {
			err = flatten(raw, "", 1, put)
		} else if jsonDepth(raw) > maxJSONDepth {
			err = errJSONDepth
		} else {
			err = put("value", raw)
		}
		return err == nil && fn(&row), err
	})
}
