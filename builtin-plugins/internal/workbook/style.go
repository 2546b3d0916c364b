package workbook

import (
	"fmt"

	"github.com/xuri/excelize/v2"
)

// StyleID names a style of one [Book]. The zero value is the plain style.
type StyleID int32

// Role is what a cell is, which decides how it looks.
type Role uint8

// The roles. Colours follow the convention of financial models: typed-in
// numbers blue, formulas black, links to other sheets green.
const (
	Plain Role = iota
	Input
	Calc
	Link
	Header
	Title
	Subtitle
	Section
	Total
	Note
)

// Number formats for [Style.Format]; any other Excel format works as well.
const (
	Money    = `#,##0.00_);(#,##0.00);"-"??_)`
	Whole    = `#,##0_);(#,##0);"-"_)`
	Percent  = `0.0%_);(0.0%);0.0%_)`
	Quantity = `#,##0.####_);(#,##0.####);"-"_)`
	Day      = `yyyy-mm-dd`
	DayTime  = `yyyy-mm-dd hh:mm`
	AsText   = `@`
)

// Align is where a cell's content stands.
type Align uint8

// The alignments. The zero value leaves it to the kind of value.
const (
	AlignAuto Align = iota
	AlignLeft
	AlignCenter
	AlignRight
)

// Style is how a cell looks.
type Style struct {
	Role   Role
	Format string
	Align  Align
	Wrap   bool
	Bold   bool
	Indent int
	// Fill is a background colour such as "FFF2CC"; empty is none.
	Fill string
}

const (
	fontFamily = "Arial"
	fontSize   = 10
	navy       = "1F3864"
)

// Style registers a style and returns its id. The same style gives the same
// id. An invalid style is reported by [Book.Write].
func (b *Book) Style(s Style) StyleID {
	if id, ok := b.styleIDs[s]; ok {
		return id
	}
	id, err := b.file.NewStyle(s.excel())
	if err != nil {
		b.fail(fmt.Errorf("register style: %w", err))
	}
	b.styleIDs[s] = StyleID(id)
	return StyleID(id)
}

// Highlight is how a conditional format marks a cell.
type Highlight struct {
	Color string // of the text, such as "9C0006"
	Fill  string // of the background, such as "FFC7CE"
	Bold  bool
}

func (s Style) excel() *excelize.Style {
	font := &excelize.Font{Family: fontFamily, Size: fontSize, Bold: s.Bold, Color: "000000"}
	out := &excelize.Style{Font: font}
	align := excelize.Alignment{WrapText: s.Wrap, Indent: s.Indent}
	if s.Wrap {
		align.Vertical = "top"
	}
	fill := s.Fill
	switch s.Role {
	case Plain, Calc:
	case Input:
		font.Color = "0000FF"
	case Link:
		font.Color = "00713A"
	case Header:
		font.Bold, font.Color, fill = true, "FFFFFF", navy
		align.Horizontal, align.Vertical, align.WrapText = "center", "center", true
	case Title:
		font.Bold, font.Size, font.Color = true, 16, navy
	case Subtitle:
		font.Color = "595959"
	case Section:
		font.Bold, font.Size, font.Color = true, 12, navy
		out.Border = []excelize.Border{{Type: "bottom", Style: 1, Color: navy}}
	case Total:
		font.Bold = true
		out.Border = []excelize.Border{
			{Type: "top", Style: 1, Color: "000000"},
			{Type: "bottom", Style: 6, Color: "000000"},
		}
	case Note:
		font.Italic, font.Color = true, "595959"
	}
	switch s.Align {
	case AlignAuto:
	case AlignLeft:
		align.Horizontal = "left"
	case AlignCenter:
		align.Horizontal = "center"
	case AlignRight:
		align.Horizontal = "right"
	}
	if fill != "" {
		out.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{fill}}
	}
	if s.Format != "" {
		out.CustomNumFmt = &s.Format
	}
	out.Alignment = &align
	return out
}

func (h Highlight) excel() *excelize.Style {
	s := &excelize.Style{}
	if h.Color != "" || h.Bold {
		s.Font = &excelize.Font{Color: h.Color, Bold: h.Bold}
	}
	if h.Fill != "" {
		s.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{h.Fill}}
	}
	return s
}
