package workbook

import (
	"fmt"

	"github.com/xuri/excelize/v2"
)

// ChartKind is the kind of a chart.
type ChartKind uint8

// The kinds of chart.
const (
	Columns ChartKind = iota
	StackedColumns
	Bars
	Lines
	Scatter
)

// Chart is a native, editable chart.
type Chart struct {
	Kind   ChartKind
	Anchor string // the cell of its top left corner, such as "H4"
	Title  string
	// Alt describes the chart for people who cannot see it.
	Alt           string
	Width, Height int // in pixels
	Series        []Series
	Legend        bool
	// Gap is the space between columns in percent of their width; 0 is 50.
	Gap int
	// ValueFormat is the number format of the value axis.
	ValueFormat string
	// ValueTitle and CategoryTitle name the axes; empty is no name.
	ValueTitle, CategoryTitle string
}

// Series is one series of a chart. References are absolute; see
// [AbsoluteRange].
type Series struct {
	Name       string // a reference to the cell with the name
	Categories string
	Values     string
	// Color is the fill, such as "70AD47"; empty is the theme's choice.
	Color string
	// Hidden leaves the space but draws nothing: the base of a waterfall.
	Hidden bool
}

// Condition is a conditional format on a range.
type Condition struct {
	Range string // such as "F2:F100"
	// Exactly one of the following is set. When is a formula for the top left
	// cell of the range; Mark is used where it is true.
	When string
	Mark Highlight
	// Bar is the colour of a data bar.
	Bar string
	// Scale are the colours of the lowest, middle and highest value.
	Scale [3]string
}

func addChart(f *excelize.File, sheet string, c Chart) error {
	kinds := map[ChartKind]excelize.ChartType{
		Columns: excelize.Col, StackedColumns: excelize.ColStacked, Bars: excelize.Bar,
		Lines: excelize.Line, Scatter: excelize.Scatter,
	}
	font := func(size float64) *excelize.Font {
		return &excelize.Font{Family: fontFamily, Size: size, Color: "404040"}
	}
	gap, overlap := uint(50), 100
	if c.Gap > 0 {
		gap = uint(c.Gap)
	}
	out := &excelize.Chart{
		Type:      kinds[c.Kind],
		Format:    excelize.GraphicOptions{AltText: c.Alt, Positioning: "oneCell"},
		Dimension: excelize.ChartDimension{Width: uint(c.Width), Height: uint(c.Height)},
		Legend:    excelize.ChartLegend{Position: "none"},
		GapWidth:  &gap,
		XAxis:     excelize.ChartAxis{Font: *font(9), TickLabelPosition: excelize.ChartTickLabelLow},
		YAxis:     excelize.ChartAxis{Font: *font(9), MajorGridLines: true},
		Border:    excelize.LineOptions{Type: excelize.LineSolid, Width: 0.75, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"D9D9D9"}}},
	}
	if c.Kind == StackedColumns {
		out.Overlap = &overlap
	}
	if c.Kind == Scatter {
		out.XAxis.MajorGridLines = true
	}
	if c.Legend {
		out.Legend = excelize.ChartLegend{Position: "bottom", Font: font(9)}
	}
	if c.Title != "" {
		out.Title.Paragraph = []excelize.RichTextRun{{Text: c.Title, Font: &excelize.Font{Family: fontFamily, Size: 12, Bold: true, Color: navy}}}
	}
	if c.ValueTitle != "" {
		out.YAxis.Title.Paragraph = []excelize.RichTextRun{{Text: c.ValueTitle, Font: font(9)}}
	}
	if c.CategoryTitle != "" {
		out.XAxis.Title.Paragraph = []excelize.RichTextRun{{Text: c.CategoryTitle, Font: font(9)}}
	}
	if c.ValueFormat != "" {
		out.YAxis.NumFmt = excelize.ChartNumFmt{CustomNumFmt: c.ValueFormat}
	}
	for _, s := range c.Series {
		series := excelize.ChartSeries{Name: s.Name, Categories: s.Categories, Values: s.Values}
		switch {
		case s.Hidden:
			series.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"FFFFFF"}, Transparency: 100}
			series.Line = excelize.LineOptions{Type: excelize.LineNone}
		case s.Color != "":
			solid := excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{s.Color}}
			series.Fill = solid
			if c.Kind == Lines {
				series.Line = excelize.LineOptions{Type: excelize.LineSolid, Width: 1.75, Fill: solid}
			}
		}
		out.Series = append(out.Series, series)
	}
	if err := f.AddChart(sheet, c.Anchor, out); err != nil {
		return fmt.Errorf("chart %q at %s!%s: %w", c.Title, sheet, c.Anchor, err)
	}
	return nil
}

func addCondition(f *excelize.File, sheet string, c Condition) error {
	var o excelize.ConditionalFormatOptions
	switch {
	case c.When != "":
		id, err := f.NewConditionalStyle(c.Mark.excel())
		if err != nil {
			return fmt.Errorf("highlight %s!%s: %w", sheet, c.Range, err)
		}
		o = excelize.ConditionalFormatOptions{Type: "formula", Criteria: c.When, Format: &id}
	case c.Bar != "":
		o = excelize.ConditionalFormatOptions{
			Type: "data_bar", Criteria: "=", MinType: "min", MaxType: "max",
			BarColor: "#" + c.Bar, BarSolid: true,
		}
	default:
		o = excelize.ConditionalFormatOptions{
			Type: "3_color_scale", Criteria: "=",
			MinType: "min", MinColor: "#" + c.Scale[0],
			MidType: "percentile", MidValue: "50", MidColor: "#" + c.Scale[1],
			MaxType: "max", MaxColor: "#" + c.Scale[2],
		}
	}
	if err := f.SetConditionalFormat(sheet, c.Range, []excelize.ConditionalFormatOptions{o}); err != nil {
		return fmt.Errorf("conditional format on %s!%s: %w", sheet, c.Range, err)
	}
	return nil
}
