package table

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetFile reads the row groups of a parquet file.
type parquetFile struct {
	src    Source
	file   *parquet.File
	names  []string
	leaves []parquetLeaf
}

// parquetLeaf is how one column's values are read.
type parquetLeaf struct {
	list    bool // repeated: the values of a row become one text
	logical format.LogicalTypeValue
	kind    parquet.Kind
}

// caught turns the panics of a parquet reader fed with a damaged file into an
// error.
func caught(src Source, err *error) {
	if p := recover(); p != nil {
		*err = damaged(src.Name, "parquet file", fmt.Errorf("%v", p))
	}
}

func openParquet(ctx context.Context, src Source, opts Options) (b *Book, err error) {
	defer caught(src, &err)
	var tail [8]byte
	if src.Size < 12 {
		return nil, damaged(src.Name, "parquet file", io.ErrUnexpectedEOF)
	}
	if _, err := src.R.ReadAt(tail[:], src.Size-8); err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(src.Name, err)
	}
	footer := int64(binary.LittleEndian.Uint32(tail[:4]))
	if string(tail[4:]) != "PAR1" || footer > src.Size-12 || footer > 64<<20 {
		return nil, damaged(src.Name, "parquet file", errors.New("its end is missing or damaged"))
	}
	f, err := parquet.OpenFile(newBlockCache(src.R, src.Size), src.Size,
		parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return nil, damaged(src.Name, "parquet file", err)
	}
	p := &parquetFile{src: src, file: f}
	columns := f.Schema().Columns()
	if len(columns) > maxColumns {
		return nil, invalid("export the columns that matter", "%s has more than 16,384 columns", src.Name)
	}
	for _, path := range columns {
		leaf, ok := f.Schema().Lookup(path...)
		if !ok {
			return nil, damaged(src.Name, "parquet file", fmt.Errorf("column %s is missing", strings.Join(path, ".")))
		}
		l := parquetLeaf{list: leaf.MaxRepetitionLevel > 0, kind: leaf.Node.Type().Kind()}
		if lt := leaf.Node.Type().LogicalType(); lt != nil {
			l.logical = lt.Value
		}
		p.names, p.leaves = append(p.names, parquetName(path)), append(p.leaves, l)
	}
	if len(p.leaves) == 0 {
		return nil, damaged(src.Name, "parquet file", errors.New("it has no columns"))
	}
	sh, err := newRecordSheet(ctx, sheetName(src.Name), p, math.MaxInt64, opts)
	if err != nil {
		return nil, err
	}
	for i := range sh.Columns {
		p.leaves[i].settle(&sh.Columns[i])
	}
	return &Book{Format: Parquet, Sheets: []*Sheet{sh}}, nil
}

// settle takes the kind from the schema where it says more than a sample.
func (l *parquetLeaf) settle(c *Column) {
	if l.list {
		c.Kind = KindText
		return
	}
	switch l.logical.(type) {
	case *format.DateType:
		c.Kind = KindDate
		return
	case *format.TimestampType:
		c.Kind = KindTime
		return
	case *format.DecimalType:
		c.Kind = KindDecimal
		return
	case *format.TimeType, *format.StringType, *format.EnumType, *format.JsonType:
		if c.Kind == KindEmpty {
			c.Kind = KindText
		}
		return
	}
	switch l.kind {
	case parquet.Boolean:
		c.Kind = KindBool
	case parquet.Int32, parquet.Int64:
		c.Kind = KindInteger
	case parquet.Float, parquet.Double:
		c.Kind = KindDecimal
	}
}

// parquetName joins a path with dots, without the steps that lists need.
func parquetName(path []string) string {
	for n := len(path); n >= 3; n = len(path) {
		switch path[n-2] + "." + path[n-1] {
		case "list.element", "list.item", "bag.array_element", "bag.array":
			path = path[:n-2]
			continue
		}
		break
	}
	return strings.Join(path, ".")
}

// columnNames implements recordReader.
func (p *parquetFile) columnNames(bool) []string { return p.names }

// read implements rawReader.
func (p *parquetFile) read(ctx context.Context, _ *noteBook, fn func(*rawRow) bool) (err error) {
	defer caught(p.src, &err)
	row := rawRow{cells: make([]Cell, len(p.leaves))}
	buf := make([]parquet.Row, 64)
	done, total := int64(0), max(1, p.file.NumRows())
	for _, group := range p.file.RowGroups() {
		more, err := p.readGroup(ctx, group, buf, func(values parquet.Row) bool {
			done++
			row.line = int(done)
			row.offset = int64(float64(p.src.Size) * min(1, float64(done)/float64(total)))
			p.fill(&row, values)
			return fn(&row)
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (p *parquetFile) readGroup(ctx context.Context, group parquet.RowGroup, buf []parquet.Row, fn func(parquet.Row) bool) (more bool, err error) {
	rows := group.Rows()
	defer func() { _ = rows.Close() }()
	for empty := 0; ; {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		n, err := rows.ReadRows(buf)
		for i := range n {
			if !fn(buf[i]) {
				return false, nil
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, damaged(p.src.Name, "parquet file", err)
		case n > 0:
			empty = 0
		default:
			if empty++; empty > 100 {
				return false, damaged(p.src.Name, "parquet file", io.ErrNoProgress)
			}
		}
	}
}

// fill sets the cells of one row.
func (p *parquetFile) fill(row *rawRow, values parquet.Row) {
	clear(row.cells)
	for start := 0; start < len(values); {
		col := values[start].Column()
		end := start + 1
		for end < len(values) && values[end].Column() == col {
			end++
		}
		if col >= 0 && col < len(p.leaves) {
			l := &p.leaves[col]
			if l.list {
				row.cells[col] = l.listCell(values[start:end])
			} else {
				row.cells[col] = l.cell(values[start])
			}
		}
		start = end
	}
}

// listCell writes the values of a repeated column as a json list.
func (l *parquetLeaf) listCell(values []parquet.Value) Cell {
	items := make([]string, 0, len(values))
	for _, v := range values {
		if c := l.cell(v); c.Type != Null {
			items = append(items, c.Text)
		}
	}
	if len(items) == 0 {
		return Cell{}
	}
	text, err := json.Marshal(items)
	if err != nil {
		return Cell{}
	}
	return Cell{Text: string(text), Type: Text}
}

func (l *parquetLeaf) cell(v parquet.Value) Cell {
	if v.IsNull() {
		return Cell{}
	}
	switch t := l.logical.(type) {
	case *format.DecimalType:
		return numberCell(parquetDecimal(v, t.Scale))
	case *format.DateType:
		return dateCell(time.Unix(int64(v.Int32())*86400, 0).UTC(), false)
	case *format.TimestampType:
		return timestampCell(v.Int64(), t.Unit)
	case *format.TimeType:
		n := v.Int64()
		if l.kind == parquet.Int32 {
			n = int64(v.Int32())
		}
		unit := timeUnit(t.Unit)
		return Cell{Text: time.Unix(0, 0).UTC().Add(time.Duration(n) * unit).Format("15:04:05.999999999"), Type: Text}
	case *format.IntType:
		if !t.IsSigned && l.kind == parquet.Int64 && v.Uint64() > math.MaxInt64 {
			d := apd.New(0, 0)
			d.Coeff.SetMathBigInt(new(big.Int).SetUint64(v.Uint64()))
			return numberCell(numFromDecimal(d))
		}
		if !t.IsSigned && l.kind == parquet.Int32 {
			return numberCell(Num{coef: int64(v.Uint32())})
		}
	case *format.UUIDType:
		if b := v.ByteArray(); len(b) == 16 {
			return Cell{Text: fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), Type: Text}
		}
	}
	return plainParquetCell(v)
}

func plainParquetCell(v parquet.Value) Cell {
	switch v.Kind() {
	case parquet.Boolean:
		c := Cell{Type: Bool, Text: "false", flags: flagNative}
		if v.Boolean() {
			c.coef, c.Text = 1, "true"
		}
		return c
	case parquet.Int32:
		return numberCell(Num{coef: int64(v.Int32())})
	case parquet.Int64:
		return numberCell(Num{coef: v.Int64()})
	case parquet.Int96:
		t := v.Int96()
		nanos := int64(t[1])<<32 | int64(t[0])
		days := int64(t[2]) - 2440588 // of the Julian calendar's count
		return dateCell(time.Unix(days*86400, nanos).UTC(), true)
	case parquet.Float:
		n, ok := plainNum(appendFloat32(v.Float()))
		if !ok {
			return Cell{}
		}
		return numberCell(n)
	case parquet.Double:
		n, ok := NumFromFloat(v.Double())
		if !ok {
			return Cell{}
		}
		return numberCell(n)
	}
	b := v.ByteArray()
	if len(b) == 0 {
		return Cell{}
	}
	if !utf8.Valid(b) {
		return Cell{Text: fmt.Sprintf("0x%x", b[:min(len(b), 64)]), Type: Text}
	}
	return Cell{Text: string(b), Type: Text}
}

func appendFloat32(f float32) []byte {
	return fmt.Appendf(nil, "%v", f)
}

func parquetDecimal(v parquet.Value, scale int32) Num {
	d := new(apd.Decimal)
	switch v.Kind() {
	case parquet.Int32:
		d.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		d.SetInt64(v.Int64())
	default:
		b := v.ByteArray()
		n := new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
		}
		d.Coeff.SetMathBigInt(n)
		if d.Coeff.Sign() < 0 {
			d.Coeff.Abs(&d.Coeff)
			d.Negative = true
		}
	}
	d.Exponent = -min(max(scale, 0), 400)
	return numFromDecimal(d)
}

func numberCell(n Num) Cell {
	c := Cell{flags: flagNative}
	c.setNumber(n)
	c.Text = n.String()
	return c
}

func dateCell(t time.Time, clock bool) Cell {
	c := Cell{flags: flagNative}
	clock = clock && t.Hour()|t.Minute()|t.Second()|t.Nanosecond() != 0
	c.setDate(DateText{Time: t, Clock: clock})
	c.Text = dateString(t, clock)
	return c
}

func timeUnit(u format.TimeUnit) time.Duration {
	if u.Value == nil {
		return time.Microsecond
	}
	return u.Value.Duration()
}

func timestampCell(n int64, u format.TimeUnit) Cell {
	unit := timeUnit(u)
	per := int64(time.Second / unit)
	sec, rest := n/per, n%per
	if rest < 0 {
		sec, rest = sec-1, rest+per
	}
	return dateCell(time.Unix(sec, rest*int64(unit)).UTC(), true)
}
