package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// openObject opens a file whose top is one object: columns by name, lists of
// records by name, or a single record.
func (j *jsonSource) openObject(ctx context.Context, opts Options) (*Book, error) {
	if j.src.Size > maxJSONRecord {
		return j.openWrapped(ctx, opts)
	}
	raw, err := io.ReadAll(j.d.reader(j.src, j.d.skip))
	if err != nil {
		return nil, readError(j.src.Name, err)
	}
	if err := json.Unmarshal(raw, new(json.RawMessage)); err != nil {
		return nil, damaged(j.src.Name, "json file", err)
	}
	if jsonDepth(raw) > maxJSONDepth {
		return nil, j.fail(0, errJSONDepth)
	}
	members := jsonMembers(raw)
	if len(members) > maxColumns {
		return nil, j.fail(0, errManyColumns)
	}
	if cols := columnsOf(members); cols != nil {
		sh, err := newRecordSheet(ctx, sheetName(j.src.Name), cols, j.src.Size, opts)
		if err != nil {
			return nil, err
		}
		return &Book{Format: JSON, Sheets: []*Sheet{sh}}, nil
	}
	b := &Book{Format: JSON}
	for _, m := range members {
		if elements := listOf(m.value); elements {
			list := *j
			list.key, list.keyed = m.key, true
			sh, err := list.sheet(ctx, m.key, opts)
			if err != nil {
				return nil, err
			}
			b.Sheets = append(b.Sheets, sh)
		}
	}
	if len(b.Sheets) > 0 {
		return b, nil
	}
	if len(members) == 0 {
		return nil, invalid("check that the right file was given", "%s holds an empty object", j.src.Name)
	}
	one := &jsonColumns{}
	if err := flatten(raw, "", 1, func(key string, value []byte) error {
		one.names, one.cols = append(one.names, key), append(one.cols, [][]byte{value})
		return nil
	}); err != nil {
		return nil, j.fail(0, err)
	}
	one.rows = 1
	sh, err := newRecordSheet(ctx, sheetName(j.src.Name), one, j.src.Size, opts)
	if err != nil {
		return nil, err
	}
	b.Sheets = []*Sheet{sh}
	return b, nil
}

// listOf reports whether the value is a list of objects or of rows.
func listOf(value []byte) bool {
	if len(value) < 2 || value[0] != '[' {
		return false
	}
	at := skipBlank(value, 1)
	return value[at] == '{' || value[at] == '['
}

// openWrapped opens {"data": [records]} too large to be held in memory.
func (j *jsonSource) openWrapped(ctx context.Context, opts Options) (*Book, error) {
	budget := &budgetReader{r: &chunkReader{r: j.d.reader(j.src, j.d.skip)}, left: maxJSONRecord}
	dec := json.NewDecoder(budget)
	if _, err := dec.Token(); err != nil {
		return nil, j.fail(0, err)
	}
	for dec.More() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		key, err := dec.Token()
		if err != nil {
			return nil, j.fail(0, err)
		}
		budget.left = maxJSONRecord
		tok, err := dec.Token()
		if err != nil {
			return nil, j.fail(0, err)
		}
		if tok == json.Delim('[') {
			j.key, j.keyed = fmt.Sprint(key), true
			sh, err := j.sheet(ctx, j.key, opts)
			if err != nil {
				return nil, err
			}
			return &Book{Format: JSON, Sheets: []*Sheet{sh}}, nil
		}
		if tok == json.Delim('{') {
			return nil, j.fail(0, errLongJSON)
		}
	}
	return nil, j.fail(0, errors.New("no list of records in it"))
}

// jsonColumns is a table written as columns.
type jsonColumns struct {
	names []string
	cols  [][][]byte
	rows  int
}

// columnsOf recognises {"a": [1, 2], "b": [3, 4]}, the same with objects
// {"0": 1, "1": 2} in place of lists, and {"columns": […], "data": [[…]]}.
func columnsOf(members []jsonMember) *jsonColumns {
	if cols := splitColumns(members); cols != nil {
		return cols
	}
	if len(members) == 0 {
		return nil
	}
	out := &jsonColumns{}
	keyed := 0
	for _, m := range members {
		if m.value[0] != '[' && m.value[0] != '{' {
			return nil
		}
		items := jsonMembers(m.value)
		col := make([][]byte, 0, len(items))
		for i, it := range items {
			if it.value[0] == '{' || it.value[0] == '[' && m.value[0] == '{' {
				return nil
			}
			if it.value[0] == '[' && i == 0 {
				return nil
			}
			col = append(col, it.value)
		}
		if m.value[0] == '{' {
			keyed++
		}
		out.names, out.cols = append(out.names, m.key), append(out.cols, col)
		out.rows = max(out.rows, len(col))
	}
	if keyed != 0 && (keyed != len(members) || !sameKeys(members)) || out.rows == 0 {
		return nil
	}
	return out
}

// sameKeys reports whether all members are objects with the same keys, of
// which the first is a row number.
func sameKeys(members []jsonMember) bool {
	first := jsonMembers(members[0].value)
	if len(first) == 0 {
		return false
	}
	if _, ok := digits(first[0].key); !ok {
		return false
	}
	for _, m := range members[1:] {
		other := jsonMembers(m.value)
		if len(other) != len(first) {
			return false
		}
		for i := range other {
			if other[i].key != first[i].key {
				return false
			}
		}
	}
	return true
}

func splitColumns(members []jsonMember) *jsonColumns {
	var names, data []jsonMember
	for _, m := range members {
		switch m.key {
		case "columns":
			names = jsonMembers(m.value)
		case "data":
			data = jsonMembers(m.value)
		}
	}
	if len(names) == 0 || len(data) == 0 || data[0].value[0] != '[' || names[0].value[0] != '"' {
		return nil
	}
	out := &jsonColumns{cols: make([][][]byte, len(names)), rows: len(data)}
	for _, n := range names {
		out.names = append(out.names, jsonString(n.value))
	}
	for _, row := range data {
		cells := jsonMembers(row.value)
		for i := range out.cols {
			var v []byte
			if i < len(cells) {
				v = cells[i].value
			}
			out.cols[i] = append(out.cols[i], v)
		}
	}
	return out
}

// columnNames implements recordReader.
func (c *jsonColumns) columnNames(bool) []string { return c.names }

// read implements rawReader.
func (c *jsonColumns) read(ctx context.Context, notes *noteBook, fn func(*rawRow) bool) error {
	row := rawRow{cells: make([]Cell, len(c.cols))}
	for n := range c.rows {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row.line = n + 1
		for i, col := range c.cols {
			row.cells[i] = Cell{}
			if n < len(col) {
				row.cells[i] = jsonCell(col[n])
			} else {
				notes.add(NoteRagged, c.names[i], n+1, "%d value{|s} {is|are} missing at the end of a column shorter than the others")
			}
		}
		if !fn(&row) {
			return nil
		}
	}
	return nil
}
