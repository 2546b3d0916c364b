package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
)

// workbook is an open xlsx file. It is read as a stream and not through
// excelize, whose rows are display texts: what is needed is each cell's type,
// its raw number, whether a formula was ever calculated, and bounds on what a
// hostile file may cost.
type workbook struct {
	src      Source
	arc      *archive
	date1904 bool
	styles   []numberStyle
	strings  []string
}

// worksheet is what workbook.xml and its relations say about a sheet.
type worksheet struct {
	name, rel, state, target, kind string
}

func encrypted(name string) error {
	return invalid("remove the password in the program that made it and save it again",
		"%s is password-protected", name)
}

func openXLSX(ctx context.Context, src Source, opts Options) (*Book, error) {
	arc, err := openArchive(src, opts.MaxUnzippedBytes)
	if err != nil {
		return nil, err
	}
	w := &workbook{src: src, arc: arc}
	main, err := w.mainPart()
	if err != nil {
		return nil, err
	}
	sheets, err := w.readWorkbook(main)
	if err != nil {
		return nil, err
	}
	if err := w.readStyles(path.Join(path.Dir(main), "styles.xml")); err != nil {
		return nil, err
	}
	if err := w.readStrings(ctx, path.Join(path.Dir(main), "sharedStrings.xml")); err != nil {
		return nil, err
	}
	b := &Book{Format: XLSX}
	var notes noteBook
	for _, ws := range sheets {
		sh, err := w.openSheet(ctx, ws, opts, &notes)
		if err != nil {
			return nil, err
		}
		if sh != nil {
			b.Sheets = append(b.Sheets, sh)
		}
	}
	if len(b.Sheets) == 0 {
		return nil, invalid("check that the right file was given", "no sheet of %s holds any data", src.Name)
	}
	b.Notes = notes.list()
	return b, nil
}

// mainPart finds the workbook's own part and names what else the file is.
func (w *workbook) mainPart() (string, error) {
	main := ""
	if f := w.arc.find("_rels/.rels"); f != nil {
		rels, err := w.relations("_rels/.rels", "")
		if err != nil {
			return "", err
		}
		for _, r := range rels {
			if strings.HasSuffix(r.kind, "/officeDocument") {
				main = r.target
			}
		}
	}
	has := func(name string) bool { return w.arc.find(name) != nil }
	switch {
	case strings.HasSuffix(main, ".bin") || has("xl/workbook.bin"):
		return "", unsupported("save it as .xlsx and try again", "%s is a binary Excel workbook (.xlsb)", w.src.Name)
	case main != "" && has(main) && !has("word/document.xml") && !has("ppt/presentation.xml"):
		return main, nil
	case has("xl/workbook.xml"):
		return "xl/workbook.xml", nil
	case has("word/document.xml"):
		return "", unsupported("copy its table into a spreadsheet or csv file", "%s is a Word document, not a table", w.src.Name)
	case has("ppt/presentation.xml"):
		return "", unsupported("copy its table into a spreadsheet or csv file", "%s is a presentation, not a table", w.src.Name)
	case has("content.xml") && has("mimetype"):
		return "", unsupported("save it as .xlsx or .csv and try again", "%s is an OpenDocument file", w.src.Name)
	}
	return "", invalid("unpack it and give the table inside, or save the workbook as .xlsx again",
		"%s is a zip archive without a workbook in it", w.src.Name)
}

func unsupported(next, format string, args ...any) error {
	return &pluginsdk.Error{Kind: pluginsdk.ErrUnsupported, Message: fmt.Sprintf(format, args...), Next: next}
}

// partError names the part in which reading stopped.
func (w *workbook) partError(part string, err error) error {
	if errors.Is(err, errBomb) {
		return w.arc.bomb(part + " unpacks to more than is allowed")
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return damaged(w.src.Name, "xlsx file", fmt.Errorf("%s: %w", part, err))
}

// scan walks a part's XML. fn returns false to stop early.
func (w *workbook) scan(name string, fn func(s *xmlScanner, tok xmlToken) (bool, error)) error {
	f := w.arc.find(name)
	if f == nil {
		return nil
	}
	p, err := w.arc.open(f)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	s := newXMLScanner(p)
	for {
		tok, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return w.partError(name, err)
		}
		more, err := fn(s, tok)
		if err != nil {
			return w.partError(name, err)
		}
		if !more {
			return nil
		}
	}
}

type relation struct{ id, kind, target string }

// relations reads a .rels part; targets are relative to base.
func (w *workbook) relations(name, base string) ([]relation, error) {
	var out []relation
	err := w.scan(name, func(s *xmlScanner, tok xmlToken) (bool, error) {
		if tok == xmlStart && string(s.name) == "Relationship" {
			r := relation{id: s.attrText("Id"), kind: s.attrText("Type"), target: s.attrText("Target")}
			if !strings.HasPrefix(r.target, "/") {
				r.target = path.Join(base, r.target)
			}
			r.target = strings.TrimPrefix(path.Clean(r.target), "/")
			out = append(out, r)
		}
		return len(out) < maxEntries, nil
	})
	return out, err
}

func (w *workbook) readWorkbook(main string) ([]worksheet, error) {
	var sheets []worksheet
	err := w.scan(main, func(s *xmlScanner, tok xmlToken) (bool, error) {
		if tok != xmlStart {
			return true, nil
		}
		switch string(s.name) {
		case "workbookPr":
			v := s.attrText("date1904")
			w.date1904 = v == "1" || v == "true"
		case "sheet":
			rel := s.attrText("r:id")
			if rel == "" {
				rel = s.otherID()
			}
			sheets = append(sheets, worksheet{name: s.attrText("name"), rel: rel, state: s.attrText("state")})
		}
		return len(sheets) <= maxEntries, nil
	})
	if err != nil {
		return nil, err
	}
	dir, file := path.Split(main)
	rels, err := w.relations(dir+"_rels/"+file+".rels", path.Clean(dir))
	if err != nil {
		return nil, err
	}
	for i := range sheets {
		for _, r := range rels {
			if r.id == sheets[i].rel {
				sheets[i].target, sheets[i].kind = r.target, path.Base(r.kind)
			}
		}
	}
	return sheets, nil
}

// otherID finds the relation id under a prefix other than "r".
func (s *xmlScanner) otherID() string {
	for _, f := range strings.Fields(string(s.tag)) {
		if key, _, ok := strings.Cut(f, "="); ok && strings.HasSuffix(key, ":id") {
			return s.attrText(key)
		}
	}
	return ""
}

const (
	maxStrings     = 8 << 20
	maxStringBytes = 256 << 20
)

// readStrings loads the shared strings.
func (w *workbook) readStrings(ctx context.Context, name string) error {
	var cur []byte
	bytes, phonetic := 0, 0
	inText := false
	return w.scan(name, func(s *xmlScanner, tok xmlToken) (bool, error) {
		switch tok {
		case xmlStart:
			switch string(s.name) {
			case "si":
				cur = cur[:0]
			case "rPh":
				phonetic++
			case "t":
				inText = phonetic == 0
			}
		case xmlText:
			if inText {
				cur = s.content(cur)
			}
		case xmlEnd:
			switch string(s.name) {
			case "t":
				inText = false
			case "rPh":
				phonetic--
			case "si":
				if bytes += len(cur); bytes > maxStringBytes || len(w.strings) >= maxStrings {
					return false, errBomb
				}
				w.strings = append(w.strings, excelText(cur))
				if len(w.strings)%4096 == 0 && ctx.Err() != nil {
					return false, ctx.Err()
				}
			}
		}
		return true, nil
	})
}

// excelText resolves the _x000D_ escapes of worksheets.
func excelText(b []byte) string {
	s := string(b)
	for at := 0; ; {
		i := strings.Index(s[at:], "_x")
		if i < 0 {
			return s
		}
		at += i
		if at+7 <= len(s) && s[at+6] == '_' {
			if n, err := strconv.ParseUint(s[at+2:at+6], 16, 16); err == nil {
				s = s[:at] + string(rune(n)) + s[at+7:]
			}
		}
		at++
	}
}

// openSheet samples one sheet; nil when it holds no table.
func (w *workbook) openSheet(ctx context.Context, ws worksheet, opts Options, notes *noteBook) (*Sheet, error) {
	if ws.kind != "" && ws.kind != "worksheet" {
		notes.add(NoteSkippedSheet, ws.name, 0, "a chart or dialog sheet was left out")
		return nil, nil
	}
	f := w.arc.find(ws.target)
	if ws.target == "" || f == nil {
		return nil, damaged(w.src.Name, "xlsx file", fmt.Errorf("the sheet %q is missing", ws.name))
	}
	r := &sheetReader{w: w, ws: ws, file: f}
	small := f.UncompressedSize64 <= 32<<20
	if small {
		if err := r.readMerges(ctx); err != nil {
			return nil, err
		}
	}
	sh, err := newGridSheet(ctx, ws.name, r, hints{readAll: small}, opts)
	if err != nil {
		return nil, err
	}
	if len(sh.Columns) == 0 {
		notes.add(NoteSkippedSheet, ws.name, 0, "an empty sheet was left out")
		return nil, nil
	}
	if sh.Hidden = ws.state == "hidden" || ws.state == "veryHidden"; sh.Hidden {
		sh.fixed.add(NoteHidden, "", 0, "the sheet is hidden in the workbook; it was read all the same")
	}
	return sh, nil
}
