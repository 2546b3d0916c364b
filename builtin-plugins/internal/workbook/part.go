package workbook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// fixedTime is when every workbook says it was made.
const fixedTime = "2000-01-01T00:00:00Z"

var imageType = regexp.MustCompile(`<Default Extension="[a-z]+" ContentType="image/[a-z-]+"></Default>`)

// part is one physical sheet: a range of a declared sheet's body with its
// frame, the XML before and after the rows.
type part struct {
	sheet       *Sheet
	name        string
	first, last int // body rows, half open
	tail        bool
	before      []byte
	after       []byte
}

// capture collects the files of a package instead of zipping them.
type capture map[string]*bytes.Buffer

// Create returns the buffer for one file of the package.
func (c capture) Create(name string) (io.Writer, error) {
	c[name] = new(bytes.Buffer)
	return c[name], nil
}

// AddFS is never needed.
func (capture) AddFS(fs.FS) error { return errors.ErrUnsupported }

// Close does nothing.
func (capture) Close() error { return nil }

// parts lists the physical sheets in order.
func (b *Book) parts() []*part {
	var out []*part
	for _, s := range b.Sheets {
		names, per := s.Parts(), s.bodyPerPart()
		for i, name := range names {
			out = append(out, &part{
				sheet: s, name: name, tail: i == len(names)-1,
				first: i * per, last: min((i+1)*per, s.Len),
			})
		}
	}
	return out
}

// frame lets excelize make every file of the package but the rows, and hands
// each part its frame. What is left in the result are the other files.
func (b *Book) frame(parts []*part) (capture, error) {
	f := b.file
	for i, p := range parts {
		var err error
		if i == 0 {
			err = f.SetSheetName("Sheet1", p.name)
		} else {
			_, err = f.NewSheet(p.name)
		}
		if err != nil {
			return nil, fmt.Errorf("add sheet %q: %w", p.name, err)
		}
	}
	for _, p := range parts {
		if err := b.dress(p); err != nil {
			return nil, err
		}
	}
	for _, n := range b.Names {
		if err := f.SetDefinedName(&excelize.DefinedName{Name: n.Name, RefersTo: n.Ref, Comment: n.Note}); err != nil {
			return nil, fmt.Errorf("define name %q: %w", n.Name, err)
		}
	}
	yes := true
	if err := errors.Join(
		f.SetCalcProps(&excelize.CalcPropsOptions{FullCalcOnLoad: &yes}),
		f.SetDocProps(&excelize.DocProperties{
			Title: b.props.Title, Subject: b.props.Subject, Creator: b.props.Author,
			LastModifiedBy: b.props.Author, Created: fixedTime, Modified: fixedTime,
		}),
		f.SetAppProps(&excelize.AppProperties{Application: "Microsoft Excel"}),
	); err != nil {
		return nil, fmt.Errorf("set properties: %w", err)
	}
	files := make(capture)
	f.SetZipWriter(func(io.Writer) excelize.ZipWriter { return files })
	if _, err := f.WriteToBuffer(); err != nil {
		return nil, fmt.Errorf("make package: %w", err)
	}
	types := files["[Content_Types].xml"]
	if types == nil {
		return nil, errors.New("make package: no list of content types")
	}
	// excelize lists image types in random order; there are no images.
	*types = *bytes.NewBuffer(imageType.ReplaceAll(types.Bytes(), nil))
	for i, p := range parts {
		if err := p.split(files[p.path(i)]); err != nil {
			return nil, err
		}
		delete(files, p.path(i))
	}
	return files, nil
}

func (p *part) path(i int) string { return "xl/worksheets/sheet" + strconv.Itoa(i+1) + ".xml" }

// split cuts a sheet's XML around its rows.
func (p *part) split(xml *bytes.Buffer) error {
	if xml == nil {
		return fmt.Errorf("sheet %q has no part in the package", p.name)
	}
	before, rest, ok := bytes.Cut(xml.Bytes(), []byte("<sheetData"))
	if !ok {
		return fmt.Errorf("sheet %q has no sheetData", p.name)
	}
	after, empty := bytes.CutPrefix(rest, []byte("/>"))
	if !empty {
		if _, after, ok = bytes.Cut(rest, []byte("</sheetData>")); !ok {
			return fmt.Errorf("sheet %q has no end of sheetData", p.name)
		}
	}
	p.before = slices.Concat(before, []byte("<sheetData>"))
	p.after = slices.Concat([]byte("</sheetData>"), after)
	return nil
}

// rows returns how many rows the part has.
func (p *part) rows() int {
	n := len(p.sheet.Head) + p.last - p.first
	if p.tail {
		n += len(p.sheet.Tail)
	}
	return n
}

// dress sets everything of a sheet that is not a cell.
func (b *Book) dress(p *part) error {
	f, s := b.file, p.sheet
	var errs []error
	lastColumn := ColumnName(max(0, len(s.Columns)-1))
	body := len(s.Head) + p.last - p.first
	if s.Filter && len(s.Head) > 0 {
		// Before the sheet's properties: it replaces them.
		errs = append(errs, f.AutoFilter(p.name, fmt.Sprintf("A%d:%s%d", len(s.Head), lastColumn, body), nil))
	}
	no := false
	fit := len(s.Print.Breaks) == 0
	props := &excelize.SheetPropsOptions{FitToPage: &fit}
	if s.TabColor != "" {
		props.TabColorRGB = &s.TabColor
	}
	errs = append(errs, f.SetSheetProps(p.name, props))
	if !s.Grid {
		errs = append(errs, f.SetSheetView(p.name, 0, &excelize.ViewOptions{ShowGridLines: &no}))
	}
	if s.FreezeRows > 0 || s.FreezeColumns > 0 {
		errs = append(errs, f.SetPanes(p.name, panes(s.FreezeRows, s.FreezeColumns)))
	}
	for i, c := range s.Columns {
		col := ColumnName(i)
		if c.Width > 0 {
			errs = append(errs, f.SetColWidth(p.name, col, col, c.Width))
		}
		if c.Hidden {
			errs = append(errs, f.SetColVisible(p.name, col, false))
		}
	}
	if n := p.rows(); n > 0 {
		errs = append(errs, f.SetSheetDimension(p.name, "A1:"+lastColumn+strconv.Itoa(n)))
	}
	for _, m := range s.Merges {
		from, to, _ := strings.Cut(m, ":")
		errs = append(errs, f.MergeCell(p.name, from, to))
	}
	for _, c := range s.Conditions {
		errs = append(errs, addCondition(f, p.name, c))
	}
	if p.first == 0 {
		for _, c := range s.Charts {
			errs = append(errs, addChart(f, p.name, c))
		}
	}
	errs = append(errs, b.print(p))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sheet %q: %w", p.name, err)
	}
	return nil
}

func panes(rows, cols int) *excelize.Panes {
	active := "bottomRight"
	switch {
	case cols == 0:
		active = "bottomLeft"
	case rows == 0:
		active = "topRight"
	}
	corner := Address(cols, rows+1)
	return &excelize.Panes{
		Freeze: true, XSplit: cols, YSplit: rows, TopLeftCell: corner, ActivePane: active,
		Selection: []excelize.Selection{{SQRef: corner, ActiveCell: corner, Pane: active}},
	}
}

func (b *Book) print(p *part) error {
	f, pr := b.file, p.sheet.Print
	orientation, a4, wide, high := "portrait", 9, 1, 0
	if pr.Landscape {
		orientation = "landscape"
	}
	if pr.OnePage {
		high = 1
	}
	side, top, edge := 0.4, 0.6, 0.3
	layout := &excelize.PageLayoutOptions{Size: &a4, Orientation: &orientation, FitToWidth: &wide, FitToHeight: &high}
	if len(pr.Breaks) > 0 {
		scale, order := p.sheet.printScale(), "overThenDown"
		layout = &excelize.PageLayoutOptions{Size: &a4, Orientation: &orientation, AdjustTo: &scale, PageOrder: &order}
	}
	errs := []error{
		f.SetPageLayout(p.name, layout),
		f.SetPageMargins(p.name, &excelize.PageLayoutMarginsOptions{
			Left: &side, Right: &side, Top: &top, Bottom: &top, Header: &edge, Footer: &edge,
		}),
		f.SetHeaderFooter(p.name, &excelize.HeaderFooterOptions{
			OddFooter: "&L&8&F&C&8&A&R&8Page &P of &N",
		}),
	}
	for _, c := range pr.Breaks {
		errs = append(errs, f.InsertPageBreak(p.name, ColumnName(c)+"1"))
	}
	var titles []string
	if pr.RepeatColumns > 0 {
		titles = append(titles, Quote(p.name)+"!$A:$"+ColumnName(pr.RepeatColumns-1))
	}
	if pr.RepeatRows > 0 {
		titles = append(titles, Quote(p.name)+"!$1:$"+strconv.Itoa(pr.RepeatRows))
	}
	if titles != nil {
		errs = append(errs, f.SetDefinedName(&excelize.DefinedName{
			Name: "_xlnm.Print_Titles", RefersTo: strings.Join(titles, ","), Scope: p.name,
		}))
	}
	return errors.Join(errs...)
}

// printScale returns the percentage at which the widest of the pages that
// Breaks make fits on paper.
func (s *Sheet) printScale() uint {
	const (
		paper   = 29.7 / 2.54 // inches, A4 on its side
		upright = 21.0 / 2.54
		margins = 2 * 0.4
		slack   = 0.95 // programs differ in how wide a column is
	)
	room := (paper - margins) * slack
	if !s.Print.Landscape {
		room = (upright - margins) * slack
	}
	inches := func(from, to int) (sum float64) {
		for _, c := range s.Columns[from:to] {
			width := c.Width
			if width == 0 {
				width = 9
			}
			if !c.Hidden {
				sum += (width*7 + 5) / 96
			}
		}
		return sum
	}
	widest, from := 0.0, 0
	for _, to := range append(slices.Clone(s.Print.Breaks), len(s.Columns)) {
		if to <= from || to > len(s.Columns) {
			continue
		}
		page := inches(from, to)
		if from > 0 {
			page += inches(0, min(s.Print.RepeatColumns, from))
		}
		widest, from = max(widest, page), to
	}
	return uint(min(100, max(10, 100*room/max(widest, 0.1))))
}
