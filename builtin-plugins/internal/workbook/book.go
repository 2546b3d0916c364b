package workbook

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// Limits of the file format.
const (
	MaxRows    = 1_048_576
	MaxColumns = 16_384
	// MaxText is how many UTF-16 units a cell holds.
	MaxText    = 32_767
	maxFormula = 8_192
	maxSheet   = 31
)

// Properties are what the file says about itself. Times are fixed, so that the
// same content is the same file.
type Properties struct {
	Title   string
	Subject string
	Author  string
}

// Book is a workbook being declared. It is not safe for concurrent use.
type Book struct {
	// Sheets are shown in this order; the first is open when the file is.
	Sheets []*Sheet
	// Names are the named ranges.
	Names []Name

	props    Properties
	file     *excelize.File
	styleIDs map[Style]StyleID
	err      error
}

// Name is a named range for the whole workbook.
type Name struct {
	Name string // letters, digits and underscores, not like a cell address
	Ref  string // absolute, such as Summary!$B$4
	Note string
}

// New returns an empty book.
func New(p Properties) *Book {
	b := &Book{props: p, file: excelize.NewFile(), styleIDs: make(map[Style]StyleID)}
	b.fail(b.file.SetDefaultFont(fontFamily))
	if fonts := b.file.Styles.Fonts; fonts != nil && len(fonts.Font) > 0 && fonts.Font[0].Sz != nil {
		size := float64(fontSize)
		fonts.Font[0].Sz.Val = &size // cells without a style look like the others
	}
	return b
}

// Add appends a sheet and returns it.
func (b *Book) Add(s *Sheet) *Sheet {
	b.Sheets = append(b.Sheets, s)
	return s
}

// Close frees what [Book.Write] was not called for.
func (b *Book) Close() error { return b.file.Close() }

func (b *Book) fail(err error) { b.err = errors.Join(b.err, err) }

// Sheet is one declared sheet: rows on top, a body, rows below.
type Sheet struct {
	// Name must be valid and unique; see [SheetName].
	Name    string
	Columns []Column
	// Head are the first rows. A sheet whose body must be split has them on
	// every part.
	Head []Row
	// Len and Row are the body: Row(i, row) fills body row i, for i from 0 to
	// Len-1. It is called in ascending order, from another goroutine than
	// those of other sheets, and must not keep row.
	Len int
	Row func(i int, row *Row)
	// Tail are the rows below the body, on the last part.
	Tail []Row

	// FreezeRows and FreezeColumns stay in view.
	FreezeRows, FreezeColumns int
	// Filter puts an autofilter on the body with the last head row as header.
	Filter     bool
	Conditions []Condition
	Charts     []Chart
	Merges     []string // ranges such as "A1:F1"
	Grid       bool     // show grid lines
	TabColor   string   // such as "1F3864"
	Print      Print
}

// Column is the width of a column in characters; 0 is the default width.
type Column struct {
	Width float64
	// Hidden folds the column away.
	Hidden bool
}

// Row is one row of cells, from column A.
type Row struct {
	Cells  []Cell
	Height float64 // in points; 0 is automatic
}

// Add appends cells.
func (r *Row) Add(cells ...Cell) { r.Cells = append(r.Cells, cells...) }

// Cells returns a row of the cells.
func Cells(cells ...Cell) Row { return Row{Cells: cells} }

// Print is how a sheet is printed: fitted to the page's width unless Breaks
// spread it over several, with the sheet's name and "page x of y" at the
// bottom.
type Print struct {
	Landscape bool
	// RepeatRows is how many rows from the top stand on every page.
	RepeatRows int
	// Breaks are the places of the columns that start a new page, for sheets
	// too wide to be read on one; RepeatColumns is how many columns from the
	// left stand on each of the pages.
	Breaks        []int
	RepeatColumns int
	// OnePage fits the height as well.
	OnePage bool
}

// Place returns where body row i stands: the sheet's name and the row number.
func (s *Sheet) Place(i int) (sheet string, row int) {
	per := s.bodyPerPart()
	return s.partName(i / per), len(s.Head) + i%per + 1
}

// Parts returns the names of the sheets that s becomes: more than one when the
// body has more rows than a sheet can hold.
func (s *Sheet) Parts() []string {
	n := max(1, (s.Len+s.bodyPerPart()-1)/s.bodyPerPart())
	names := make([]string, n)
	for i := range names {
		names[i] = s.partName(i)
	}
	return names
}

func (s *Sheet) bodyPerPart() int { return MaxRows - len(s.Head) - len(s.Tail) }

func (s *Sheet) partName(i int) string {
	if i == 0 {
		return s.Name
	}
	suffix := fmt.Sprintf(" (%d)", i+1)
	return clip(s.Name, maxSheet-len(suffix)) + suffix
}

// SheetName returns a valid sheet name made from s that is not in taken, which
// holds lower-case names; the new one is added. It also tells whether s had to
// be changed.
func SheetName(s string, taken map[string]bool) (name string, changed bool) {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || strings.ContainsRune(`[]:*?/\`, r):
			return ' '
		case r == '\'':
			return '’'
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	clean = strings.Join(strings.Fields(clean), " ")
	clean = strings.TrimSpace(clip(clean, maxSheet))
	if clean == "" || strings.EqualFold(clean, "history") {
		clean = strings.TrimSpace("Sheet " + clean)
	}
	name = clean
	for n := 2; taken[strings.ToLower(name)]; n++ {
		suffix := fmt.Sprintf(" (%d)", n)
		name = clip(clean, maxSheet-len(suffix)) + suffix
	}
	taken[strings.ToLower(name)] = true
	return name, name != s
}

// clip cuts s to at most n UTF-16 units.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	units := 0
	for i, r := range s {
		units += utf16.RuneLen(r)
		if units > n {
			return s[:i]
		}
	}
	return s
}

func (b *Book) check() error {
	if b.err != nil {
		return b.err
	}
	if len(b.Sheets) == 0 {
		return errors.New("workbook has no sheet")
	}
	seen := make(map[string]bool)
	for _, s := range b.Sheets {
		if len(s.Head)+len(s.Tail) >= MaxRows || len(s.Columns) > MaxColumns {
			return fmt.Errorf("sheet %q is larger than the file format allows", s.Name)
		}
		for _, name := range s.Parts() {
			if ok, changed := SheetName(name, seen); changed {
				return fmt.Errorf("sheet name %q is not valid or taken; use %q", name, ok)
			}
		}
	}
	return nil
}
