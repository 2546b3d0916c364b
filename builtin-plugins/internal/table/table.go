package table

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Source is a file's bytes. Name is used in messages and, by its extension, as
// a hint about the format.
type Source struct {
	Name string
	R    io.ReaderAt
	Size int64
}

// Options bound what a file may cost. The zero value is right for almost all.
type Options struct {
	// MaxUnzippedBytes is how much an xlsx file may unpack to, counted while
	// unpacking and not as declared. 0 is 512 MiB.
	MaxUnzippedBytes int64
	// MaxSampleRows is how many rows are looked at to find the header and the
	// columns' kinds; half of them from the start, the others spread over the
	// file where that is cheap. 0 is 2,000; small files are read whole.
	MaxSampleRows int
}

// Format is a file format [Open] knows.
type Format string

// The formats.
const (
	CSV     Format = "csv" // any delimited text
	XLSX    Format = "xlsx"
	JSON    Format = "json"
	JSONL   Format = "jsonl"
	Parquet Format = "parquet"
)

// Book is an open file: one sheet, or several for a workbook.
type Book struct {
	Name   string
	Format Format
	// Sheets are in the file's order. There is at least one.
	Sheets []*Sheet
	// Notes are about the file as a whole, e.g. chart sheets left out.
	Notes []Note

	close func() error
}

// Close frees what the book holds. The source stays open.
func (b *Book) Close() error {
	if b.close == nil {
		return nil
	}
	return b.close()
}

// Note is a decision or an oddity the person may want to know about.
type Note struct {
	// Code names the kind of note, stable for tests and programs.
	Code NoteCode
	// Text is one sentence fragment for people, without a full stop.
	Text string
	// Column is the name of the column it is about, or "".
	Column string
	// Lines are the first few source lines it is about.
	Lines []int
	// Count is how often it was seen; at least 1.
	Count int
}

// NoteCode names a kind of [Note].
type NoteCode string

// The kinds of note.
const (
	NoteEncoding      NoteCode = "encoding"       // not UTF-8, or not wholly
	NoteDelimiter     NoteCode = "delimiter"      // a delimiter other than the comma
	NoteTitle         NoteCode = "title_rows"     // lines above the header left out
	NoteHeader        NoteCode = "header"         // header missing, doubled, or made unique
	NoteUnits         NoteCode = "units_row"      // a line of units under the header
	NoteRagged        NoteCode = "ragged"         // lines with too few or too many cells
	NoteQuotes        NoteCode = "stray_quotes"   // quotes that do not belong
	NoteDecimalComma  NoteCode = "decimal_comma"  // how "1,234" was read, and why
	NoteDateOrder     NoteCode = "date_order"     // how "01/02/2026" was read, and why
	NoteDash          NoteCode = "dash"           // "-" read as zero
	NoteTotal         NoteCode = "total_rows"     // subtotal and total lines
	NoteTotalMismatch NoteCode = "total_mismatch" // a total that does not add up
	NoteTotalName     NoteCode = "total_name"     // named like a total, kept as data
	NoteFooter        NoteCode = "footer"         // notes and section labels between or under the data
	NoteHidden        NoteCode = "hidden"         // hidden sheets and rows, which are read
	NoteSkippedSheet  NoteCode = "skipped_sheet"  // chart sheets, empty sheets
	NoteNotComputed   NoteCode = "not_calculated" // formulas without a value
	NoteErrorCells    NoteCode = "error_cells"    // #REF! and the like, read as missing
	NoteLateColumns   NoteCode = "late_columns"   // values outside the columns found
	NoteOther         NoteCode = "other"
)

// Kind is what a column mostly holds, judged by a sample.
type Kind string

// The kinds of column. A numeric or date column may still hold text cells.
const (
	KindEmpty   Kind = "empty"
	KindText    Kind = "text"
	KindInteger Kind = "integer"
	KindDecimal Kind = "decimal"
	KindDate    Kind = "date"     // dates without a time of day
	KindTime    Kind = "datetime" // dates with a time of day
	KindBool    Kind = "bool"
)

// Numeric reports whether cells of such a column are read as numbers.
func (k Kind) Numeric() bool { return k == KindInteger || k == KindDecimal }

// Temporal reports whether cells of such a column are read as dates.
func (k Kind) Temporal() bool { return k == KindDate || k == KindTime }

// DateOrder says how dates written as three numbers are read.
type DateOrder string

// The orders of date parts. The zero value means that the column has no such
// dates, or only ones with the year first.
const (
	DayFirst   DateOrder = "day-month-year"
	MonthFirst DateOrder = "month-day-year"
)

// Column is one column of a sheet.
type Column struct {
	// Name is unique in the sheet: a second "Amount" is "Amount (2)", two
	// header rows are joined with a space, an empty name is "Column 3".
	Name string
	// Index is the position in [Sheet.Columns] and [Row.Cells].
	Index int
	// Ref is the column's letter in a spreadsheet ("C"), counted in the
	// source, where columns without name and values may lie between.
	Ref  string
	Kind Kind
	// DateOrder is how dates such as 01/02/2026 are read.
	DateOrder DateOrder
	// DecimalComma says that "1.234" is a thousand and more and "1,5" one and
	// a half.
	DecimalComma bool
	// Percent says that values carry a percent sign (or format). Their numbers
	// are percent points: 12% is 12.
	Percent bool
	// Currency is the symbol or code found with the values or in the header,
	// e.g. "$", "EUR"; "" when there is none or several.
	Currency string
	// Unit is the text of a units row, e.g. "kg".
	Unit string
	// DashIsZero says that a lone "-" is zero, as in accounting formats. In
	// other columns it is a missing value.
	DashIsZero bool

	compactDates bool // 20260131
}

// RowKind says what a row is.
type RowKind uint8

// The kinds of row. Blank rows of texts and worksheets are never yielded.
const (
	// RowData is a record.
	RowData RowKind = iota
	// RowSubtotal adds up some rows above it.
	RowSubtotal
	// RowTotal adds up all rows.
	RowTotal
	// RowSection is a label over the rows that follow.
	RowSection
	// RowNote is a footnote or other text that is not a record.
	RowNote
)

// String returns the kind's name.
func (k RowKind) String() string {
	return [...]string{"data", "subtotal", "total", "section", "note"}[k]
}

// Row is one row of a sheet. It and its cells are reused: copy what should
// outlive the iteration step (strings may be kept).
type Row struct {
	// Line is the 1-based line of the source on which the row starts: the
	// line of a text file, the row of a worksheet, the record of json, jsonl
	// and parquet.
	Line int
	Kind RowKind
	// Confirmed says that a total's numbers were found to add up.
	Confirmed bool
	// Label is the text that made the row a total or section.
	Label string
	// Hidden is set for hidden rows of a worksheet.
	Hidden bool
	// Cells has one cell for every column of the sheet.
	Cells []Cell
	// Offset is how many bytes of the source have been read, for progress.
	Offset int64
}

// CellType says what a cell holds.
type CellType uint8

// The types of cell.
const (
	Null CellType = iota
	Text
	Number
	Date
	Bool
)

// String returns the type's name.
func (t CellType) String() string {
	return [...]string{"null", "text", "number", "date", "bool"}[t]
}

type cellFlags uint8

const (
	flagPercent   cellFlags = 1 << iota
	flagNative              // typed by the source, not read from text
	flagClock               // the date has a time of day
	flagError               // an error value such as #REF!
	flagNoValue             // a formula without a cached value
	flagFormula             // the value comes from a formula
	flagDashZero            // a dash read as zero
	flagColumnSum           // a formula that adds up the cells above it
)

// Cell is one value. Its zero value is null.
type Cell struct {
	// Text is the cell as it stands in the source: numbers of typed formats
	// as plain decimals, dates in ISO form. Blanks around it are kept.
	Text string
	// Type is what the cell holds, read in the light of its column: digits in
	// a text column (a zip code) are Text, as is a word among numbers. Cells
	// typed by the source keep their type.
	Type CellType

	flags cellFlags
	scale int16 // Number: value = coef × 10^-scale; big when it does not fit
	nsec  int32
	coef  int64 // Number: coefficient; Date: seconds; Bool: 0 or 1
	big   *apd.Decimal
}

// IsNull reports whether the cell is missing: blank, a word such as N/A, an
// error value or a formula that was never calculated.
func (c *Cell) IsNull() bool { return c.Type == Null }

// Number returns the value of a Number cell. A percent is in percent points.
func (c *Cell) Number() (Num, bool) {
	if c.Type != Number {
		return Num{}, false
	}
	return Num{coef: c.coef, scale: c.scale, big: c.big}, true
}

// Decimal returns the exact value of a Number cell, the caller's to keep.
func (c *Cell) Decimal() (*apd.Decimal, bool) {
	n, ok := c.Number()
	if !ok {
		return nil, false
	}
	return n.Decimal(), true
}

// Percent reports whether the number was written or formatted as a percent.
func (c *Cell) Percent() bool { return c.flags&flagPercent != 0 }

// Native reports whether the source itself typed the cell, as a worksheet's
// number does and a csv's text does not.
func (c *Cell) Native() bool { return c.flags&flagNative != 0 }

// ErrorValue reports whether the cell holds a spreadsheet error such as #REF!.
func (c *Cell) ErrorValue() bool { return c.flags&flagError != 0 }

// NotCalculated reports whether the cell is a formula without a stored value.
func (c *Cell) NotCalculated() bool { return c.flags&flagNoValue != 0 }

// Formula reports whether the value was computed by a formula in the source.
func (c *Cell) Formula() bool { return c.flags&flagFormula != 0 }

// Time returns the value of a Date cell in UTC. A date without a zone is taken
// as UTC; one with a zone is converted.
func (c *Cell) Time() (time.Time, bool) {
	if c.Type != Date {
		return time.Time{}, false
	}
	return time.Unix(c.coef, int64(c.nsec)).UTC(), true
}

// HasClock reports whether a Date cell has a time of day.
func (c *Cell) HasClock() bool { return c.flags&flagClock != 0 }

// Bool returns the value of a Bool cell.
func (c *Cell) Bool() (value, ok bool) { return c.coef != 0, c.Type == Bool }

// Value returns the text without blanks around it, and "" for a null.
func (c *Cell) Value() string {
	if c.Type == Null {
		return ""
	}
	return trimBlanks(c.Text)
}

// rawRow is a row as a format yields it: cells by source column.
type rawRow struct {
	line   int
	cells  []Cell
	hidden bool
	offset int64
}

// rawReader yields the raw rows of a sheet from its start, calling fn until it
// returns false. It may be called again. Rows are reused.
type rawReader interface {
	read(ctx context.Context, notes *noteBook, fn func(*rawRow) bool) error
}

// ref returns the spreadsheet letter of the 0-based column.
func ref(col int) string {
	var b [8]byte
	i := len(b)
	for col++; col > 0 && i > 0; col = (col - 1) / 26 {
		i--
		b[i] = byte('A' + (col-1)%26)
	}
	return string(b[i:])
}

func columnName(i int) string { return "Column " + strconv.Itoa(i+1) }
