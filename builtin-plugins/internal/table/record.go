package table

import "context"

// recordReader is a rawReader whose columns have names by the format itself.
type recordReader interface {
	rawReader
	// columnNames returns the names found so far. While grow is true, reading
	// adds the names it meets.
	columnNames(grow bool) []string
}

func (r *jsonRecords) columnNames(grow bool) []string {
	r.grow = grow
	return r.names
}

const (
	maxNameRows  = 20_000
	maxNameBytes = 64 << 20
)

// newRecordSheet makes a sheet of records: no header to find, no totals.
func newRecordSheet(ctx context.Context, name string, r recordReader, size int64, opts Options) (*Sheet, error) {
	smp := &sample{}
	r.columnNames(true)
	limit, n := opts.MaxSampleRows, 0
	if size <= 4<<20 {
		limit = 100_000
	}
	var scrap noteBook
	err := r.read(ctx, &scrap, func(row *rawRow) bool {
		n++
		if len(smp.rows) < limit && smp.cells < maxSampleCells {
			smp.add(row)
		}
		return n < maxNameRows || size <= maxNameBytes
	})
	if err != nil {
		return nil, err
	}
	names := r.columnNames(false)
	s := &Sheet{Name: name, raw: r, records: true, place: make([]int, len(names))}
	taken := map[string]bool{}
	for i, n := range names {
		s.place[i] = i
		unique, _ := uniqueName(n, i, taken)
		s.Columns = append(s.Columns, Column{Name: unique, Index: i, Ref: ref(i)})
	}
	s.inferColumns(smp.rows, hints{})
	return s, nil
}
