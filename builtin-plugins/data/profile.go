package data

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime/debug"
	"strings"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/profile"
	"github.com/cowork-host/cowork/builtin-plugins/data/internal/report"
	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
	"github.com/cowork-host/cowork/builtin-plugins/internal/workbook"
	"github.com/cowork-host/cowork/pluginsdk"
)

const (
	xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	htmlType = "text/html"
)

// profile is the handler of /data:profile.
func (p *plugin) profile(ctx context.Context, inv *pluginsdk.Invocation) (_ *pluginsdk.Result, err error) {
	// The tables of a scan hold no pointers: collecting often costs little and
	// keeps the process at about the size of what it holds.
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	host, name := inv.Host, inv.Value("file")
	tell := host.Report()
	tell.Plan("Open "+name, "Read every row and compute the statistics", "Write the workbook and the page")
	f, err := host.Files().Open(name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer func() { _ = f.Close() }()
	src, err := table.FromFile(f, name)
	if err != nil {
		return nil, err
	}
	base, err := baseName(inv.Value("out"))
	if err != nil {
		return nil, err
	}
	// Created before the work, so that a read-only folder is found out now.
	out, err := createOutputs(host.Files(), base)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	book, err := table.Open(ctx, src, table.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = book.Close() }()
	sheets, err := chooseSheets(book, inv.Value("sheet"))
	if err != nil {
		return nil, err
	}
	result := &profile.Book{File: path.Base(name), Format: string(book.Format), Size: src.Size, Notes: book.Notes}
	for i, sh := range sheets {
		label := "Reading " + path.Base(name)
		if len(sheets) > 1 {
			label = fmt.Sprintf("Reading sheet %d of %d, %s", i+1, len(sheets), sh.Name)
		}
		sp, err := profile.Scan(ctx, sh, profile.Options{
			Now:      p.now(),
			Progress: func(offset int64) { tell.Progress(label, min(offset, src.Size), src.Size) },
		})
		if err != nil {
			return nil, err
		}
		result.Sheets = append(result.Sheets, sp)
	}
	tell.Progress("Reading "+path.Base(name), src.Size, src.Size)
	return out.deliver(ctx, result, name, tell)
}

// baseName checks --out: a name, with or without one of the two endings.
func baseName(out string) (string, error) {
	if out == "" {
		return "profile", nil
	}
	switch ext := strings.ToLower(path.Ext(out)); ext {
	case ".xlsx", ".html", ".htm":
		out = strings.TrimSuffix(out, out[len(out)-len(ext):])
	}
	if base := path.Base(out); base == "." || base == ".." || base == "/" || strings.HasSuffix(out, "/") || base == "" {
		return "", pluginsdk.Invalid("give a name such as --out sales-profile", "--out %q is not a file name", out)
	}
	return out, nil
}

// chooseSheets returns all sheets or the one named.
func chooseSheets(b *table.Book, want string) ([]*table.Sheet, error) {
	if want == "" {
		return b.Sheets, nil
	}
	var names []string
	for _, s := range b.Sheets {
		if strings.EqualFold(strings.TrimSpace(s.Name), strings.TrimSpace(want)) {
			return []*table.Sheet{s}, nil
		}
		if len(names) < 20 {
			names = append(names, fmt.Sprintf("%q", s.Name))
		}
	}
	return nil, &pluginsdk.Error{
		Kind:    pluginsdk.ErrNotFound,
		Message: fmt.Sprintf("%s has no sheet %q", b.Name, want),
		Next:    "choose one of " + strings.Join(names, ", "),
	}
}

// outputs are the two files being written.
type outputs struct {
	book, page pluginsdk.File
	closed     bool
}

func createOutputs(files pluginsdk.Files, base string) (*outputs, error) {
	book, err := files.Create(base + ".xlsx")
	if err != nil {
		return nil, fmt.Errorf("create %s.xlsx: %w", base, err)
	}
	page, err := files.Create(base + ".html")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create %s.html: %w", base, err), book.Close())
	}
	return &outputs{book: book, page: page}, nil
}

// close closes both files once.
func (o *outputs) close() error {
	if o.closed {
		return nil
	}
	o.closed = true
	return errors.Join(o.book.Close(), o.page.Close())
}

func (o *outputs) deliver(ctx context.Context, p *profile.Book, file string, tell pluginsdk.Reporter) (*pluginsdk.Result, error) {
	tell.Progress("Writing "+o.book.Name(), 0, 2)
	written, err := report.WriteBook(ctx, o.book, p)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", o.book.Name(), err)
	}
	tell.Progress("Writing "+o.page.Name(), 1, 2)
	if err := report.WritePage(o.page, p); err != nil {
		return nil, fmt.Errorf("write %s: %w", o.page.Name(), err)
	}
	if err := o.close(); err != nil {
		return nil, fmt.Errorf("finish %s: %w", o.book.Name(), err)
	}
	tell.Progress("Writing "+o.page.Name(), 2, 2)
	return &pluginsdk.Result{
		Artifacts: []pluginsdk.Artifact{
			{Path: o.book.Name(), MediaType: xlsxType, Title: "Profile of " + p.File, Checks: checks(p, written)},
			{Path: o.page.Name(), MediaType: htmlType, Title: "Profile of " + p.File + " as a page"},
		},
		Facts: facts(p, file, o.book.Name()),
		Brief: brief(p),
	}, nil
}

// checks says what was verified about the workbook.
func checks(p *profile.Book, w workbook.Written) []pluginsdk.Check {
	cached := pluginsdk.Check{
		Name: "every formula has its value", Status: pluginsdk.Passed,
		Detail: fmt.Sprintf("%d formulas, none without a value", w.Formulas),
	}
	if w.Uncached > 0 {
		cached.Status, cached.Detail = pluginsdk.Failed, fmt.Sprintf("%d of %d formulas have no value", w.Uncached, w.Formulas)
	}
	return []pluginsdk.Check{cached, balanced(p)}
}

// balanced verifies that every column accounts for every row.
func balanced(p *profile.Book) pluginsdk.Check {
	c := pluginsdk.Check{Name: "every column accounts for every row", Status: pluginsdk.Passed}
	n := 0
	for _, s := range p.Sheets {
		for _, col := range s.Columns {
			n++
			filled := col.Filled(s.Rows)
			if filled < 0 || col.DistinctExact && col.Distinct > filled || col.Numbers != nil && col.Numbers.Count > filled {
				c.Status, c.Detail = pluginsdk.Failed, fmt.Sprintf("column %s does not", col.Name)
				return c
			}
		}
	}
	c.Detail = fmt.Sprintf("%d columns", n)
	return c
}
