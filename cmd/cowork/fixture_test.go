package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func testContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 30*time.Second)
}

// fixture KIND FILE [N] makes a file that no text can hold.
func cmdFixture(ts *testscript.TestScript, _ bool, args []string) {
	n := 0
	if len(args) > 2 {
		var err error
		n, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	var data []byte
	var err error
	switch args[0] {
	case "lines": // a ledger of n lines
		data = ledger(n, 1)
	case "lines2": // the same accounts, other amounts
		data = ledger(n, 2)
	case "junk":
		data = make([]byte, 64<<10)
		for i, x := 0, uint32(7); i < len(data); i++ {
			x = x*1664525 + 1013904223
			data[i] = byte(x >> 24)
		}
	case "zip": // a zip, but no workbook
		data, err = zipOf(map[string]io.Reader{"readme.txt": bytes.NewReader([]byte("hello"))})
	case "bomb": // a workbook whose sheet unpacks to n MiB
		data, err = zipOf(bomb(n))
	case "encrypted":
		data = compoundFile()
	default:
		ts.Fatalf("unknown fixture %s", args[0])
	}
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o644))
}

func ledger(n, factor int) []byte {
	var b bytes.Buffer
	b.WriteString("Account,Department,Amount\n")
	for i := range n {
		fmt.Fprintf(&b, "Account %d,Dept %d,%d.%02d\n", i, i%7, (i%997+1)*factor, i%100)
	}
	return b.Bytes()
}

func zipOf(entries map[string]io.Reader) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for name, r := range entries {
		w, err := z.Create(name)
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(w, r); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

// bomb is a workbook with one sheet of so many MiB of white space.
func bomb(mib int) map[string]io.Reader {
	text := func(s string) io.Reader { return bytes.NewReader([]byte(s)) }
	const ns = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	return map[string]io.Reader{
		"[Content_Types].xml":        text(`<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`),
		"_rels/.rels":                text(`<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`),
		"xl/workbook.xml":            text(`<?xml version="1.0"?><workbook ` + ns + ` xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>`),
		"xl/_rels/workbook.xml.rels": text(`<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`),
		"xl/worksheets/sheet1.xml": io.MultiReader(
			text(`<?xml version="1.0"?><worksheet `+ns+`><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>`),
			io.LimitReader(spaces{}, int64(mib)<<20),
			text(`</t></is></c></row></sheetData></worksheet>`),
		),
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// compoundFile is the container in which Office puts an encrypted workbook: a
// directory with the streams EncryptionInfo and EncryptedPackage.
func compoundFile() []byte {
	const sector, free, end = 512, 0xFFFFFFFF, 0xFFFFFFFE
	b := make([]byte, 4*sector)
	copy(b, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	le := binary.LittleEndian
	le.PutUint16(b[24:], 0x3E)
	le.PutUint16(b[26:], 3)
	le.PutUint16(b[28:], 0xFFFE)
	le.PutUint16(b[30:], 9)
	le.PutUint16(b[32:], 6)
	le.PutUint32(b[44:], 1) // one sector of the allocation table
	le.PutUint32(b[48:], 1) // the directory's first sector
	le.PutUint32(b[56:], 4096)
	le.PutUint32(b[60:], end)
	le.PutUint32(b[68:], end)
	for i := 76; i < sector; i += 4 {
		le.PutUint32(b[i:], free)
	}
	le.PutUint32(b[76:], 0) // the allocation table is sector 0
	table := b[sector : 2*sector]
	for i := 0; i < sector; i += 4 {
		le.PutUint32(table[i:], free)
	}
	le.PutUint32(table[0:], 0xFFFFFFFD)
	le.PutUint32(table[4:], end)
	entry := func(i int, name string, kind byte, child uint32) {
		e := b[2*sector+128*i:]
		for j, c := range name {
			le.PutUint16(e[2*j:], uint16(c))
		}
		le.PutUint16(e[64:], uint16(2*len(name)+2))
		e[66], e[67] = kind, 1
		le.PutUint32(e[68:], free)
		le.PutUint32(e[72:], free)
		le.PutUint32(e[76:], child)
		le.PutUint32(e[116:], end)
	}
	entry(0, "Root Entry", 5, 1)
	entry(1, "EncryptionInfo", 2, free)
	entry(2, "EncryptedPackage", 2, free)
	le.PutUint32(b[2*sector+128+72:], 2) // its right sibling
	return b
}
