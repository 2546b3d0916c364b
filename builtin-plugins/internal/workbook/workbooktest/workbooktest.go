// Package workbooktest checks workbooks the way their readers would see them:
// every formula has its cached value, no cell shows an error, and a
// spreadsheet program that calculates everything anew gets the same values.
package workbooktest

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// Open reads a workbook and closes it when the test ends.
func Open(t testing.TB, data []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("open workbook: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Raw returns a sheet's values as they are stored, by row and column from 0.
func Raw(t testing.TB, f *excelize.File, sheet string) [][]string {
	t.Helper()
	rows, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatalf("read sheet %q: %v", sheet, err)
	}
	return rows
}

// profile makes LibreOffice calculate every formula when it loads a file.
const profile = `<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="ODFRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
`

// Convert has LibreOffice load the workbook, calculate it anew and save it in
// the format, such as "xlsx" or "pdf". It skips the test when LibreOffice is
// not installed.
func Convert(t testing.TB, data []byte, format string) []byte {
	t.Helper()
	soffice, err := exec.LookPath("soffice")
	if err != nil {
		t.Skip("soffice is not installed: the workbook is not recalculated by LibreOffice")
	}
	dir := t.TempDir()
	user := filepath.Join(dir, "profile", "user")
	if err := os.MkdirAll(user, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(user, "registrymodifications.xcu"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(dir, "book.xlsx")
	if err := os.WriteFile(in, data, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out := filepath.Join(dir, "out")
	cmd := exec.CommandContext(ctx, soffice, "-env:UserInstallation=file://"+filepath.Join(dir, "profile"),
		"--headless", "--convert-to", format, "--outdir", out, in)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("soffice: %v\n%s", err, msg)
	}
	got, err := os.ReadFile(filepath.Join(out, "book."+format))
	if err != nil {
		t.Fatalf("soffice wrote nothing: %v", err)
	}
	return got
}

// Recalculate compares every cell of the workbook with what LibreOffice
// calculates and fails the test where they differ or show an error. It skips
// the test when LibreOffice is not installed.
func Recalculate(t testing.TB, data []byte) {
	t.Helper()
	after := Open(t, Convert(t, data, "xlsx"))
	before := Open(t, data)
	differences := 0
	for _, sheet := range before.GetSheetList() {
		was, now := Raw(t, before, sheet), Raw(t, after, sheet)
		for r := range max(len(was), len(now)) {
			for c := range max(width(was, r), width(now, r)) {
				if same(at(was, r, c), at(now, r, c)) {
					continue
				}
				if differences++; differences <= 10 {
					name, _ := excelize.CoordinatesToCellName(c+1, r+1)
					formula, _ := before.GetCellFormula(sheet, name)
					t.Errorf("%s!%s =%s: cached %q, recalculated %q", sheet, name, formula, at(was, r, c), at(now, r, c))
				}
			}
		}
	}
	if differences > 10 {
		t.Errorf("%d cells differ in all", differences)
	}
	Check(t, after)
}

// Check fails the test for every error value and every formula without a
// cached value, and returns how many formulas there are.
func Check(t testing.TB, f *excelize.File) (formulas int) {
	t.Helper()
	for _, sheet := range f.GetSheetList() {
		for r, row := range Raw(t, f, sheet) {
			for c, v := range row {
				name, _ := excelize.CoordinatesToCellName(c+1, r+1)
				kind, err := f.GetCellType(sheet, name)
				if err != nil {
					t.Fatal(err)
				}
				if kind == excelize.CellTypeError || IsError(v) {
					t.Errorf("%s!%s shows %s", sheet, name, v)
				}
				formula, err := f.GetCellFormula(sheet, name)
				if err != nil {
					t.Fatal(err)
				}
				if formula == "" {
					continue
				}
				formulas++
				if v == "" && kind != excelize.CellTypeFormula {
					t.Errorf("%s!%s =%s has no cached value", sheet, name, formula)
				}
			}
		}
	}
	return formulas
}

// IsError tells whether v is one of a spreadsheet's error values.
func IsError(v string) bool {
	for _, e := range []string{"#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#N/A", "#NUM!", "#NULL!"} {
		if v == e {
			return true
		}
	}
	return strings.HasPrefix(v, "Err:")
}

func width(rows [][]string, r int) int {
	if r >= len(rows) {
		return 0
	}
	return len(rows[r])
}

func at(rows [][]string, r, c int) string {
	if r >= len(rows) || c >= len(rows[r]) {
		return ""
	}
	return rows[r][c]
}

// same compares two stored values: numbers to 12 digits, because programs
// store 15 to 17 of them, text exactly.
func same(a, b string) bool {
	if a == b {
		return true
	}
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err1 != nil || err2 != nil {
		return strings.ReplaceAll(a, "\r\n", "\n") == strings.ReplaceAll(b, "\r\n", "\n")
	}
	return math.Abs(x-y) <= 1e-12*max(1, math.Abs(x), math.Abs(y))
}

// Pages has LibreOffice print the workbook and pdftoppm draw its pages as
// PNG files in dir, named like page-1.png. It skips the test when either
// program is not installed.
func Pages(t testing.TB, data []byte, dir string) {
	t.Helper()
	tool, err := exec.LookPath("pdftoppm")
	if err != nil {
		t.Skip("pdftoppm is not installed: no pictures are drawn")
	}
	pdf := filepath.Join(t.TempDir(), "book.pdf")
	if err := os.WriteFile(pdf, Convert(t, data, "pdf"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "-png", "-r", "70", pdf, filepath.Join(dir, "page")).CombinedOutput()
	if err != nil {
		t.Fatal(fmt.Errorf("pdftoppm: %w\n%s", err, out))
	}
}
