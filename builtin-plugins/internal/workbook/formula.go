package workbook

import (
	"strconv"
	"strings"
)

// ColumnName returns the letters of column n, counted from 0.
func ColumnName(n int) string {
	var buf [8]byte
	i := len(buf)
	for n++; n > 0; n = (n - 1) / 26 {
		i--
		buf[i] = byte('A' + (n-1)%26)
	}
	return string(buf[i:])
}

// Address returns the relative address of a cell: column from 0, row from 1.
func Address(col, row int) string { return ColumnName(col) + strconv.Itoa(row) }

// Absolute returns an absolute reference to a cell of a sheet, for names and
// charts: column from 0, row from 1.
func Absolute(sheet string, col, row int) string {
	return Quote(sheet) + "!$" + ColumnName(col) + "$" + strconv.Itoa(row)
}

// AbsoluteRange returns an absolute reference to part of one column.
func AbsoluteRange(sheet string, col, first, last int) string {
	c := ColumnName(col)
	return Quote(sheet) + "!$" + c + "$" + strconv.Itoa(first) + ":$" + c + "$" + strconv.Itoa(last)
}

// Quote returns a sheet's name as formulas need it.
func Quote(sheet string) string {
	plain := sheet != ""
	for i, r := range sheet {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			plain = false
			break
		}
	}
	// A name like a cell address (Q1, R1C1) needs quotes as well.
	if plain && !strings.ContainsAny(sheet, "0123456789") && len(sheet) > 2 {
		return sheet
	}
	return "'" + strings.ReplaceAll(sheet, "'", "''") + "'"
}

// modern are functions newer than Excel 2007 and the prefix the file format
// stores them with.
var modern = map[string]string{
	"AGGREGATE": "_xlfn.", "CEILING.MATH": "_xlfn.", "CONCAT": "_xlfn.", "CONFIDENCE.T": "_xlfn.",
	"COVARIANCE.P": "_xlfn.", "COVARIANCE.S": "_xlfn.", "DAYS": "_xlfn.", "FLOOR.MATH": "_xlfn.",
	"FORECAST.LINEAR": "_xlfn.", "IFNA": "_xlfn.", "IFS": "_xlfn.", "ISOWEEKNUM": "_xlfn.",
	"MAXIFS": "_xlfn.", "MINIFS": "_xlfn.", "MODE.SNGL": "_xlfn.", "NORM.DIST": "_xlfn.",
	"NORM.S.DIST": "_xlfn.", "NORM.S.INV": "_xlfn.", "NUMBERVALUE": "_xlfn.",
	"PERCENTILE.EXC": "_xlfn.", "PERCENTILE.INC": "_xlfn.", "QUARTILE.EXC": "_xlfn.",
	"QUARTILE.INC": "_xlfn.", "RANK.AVG": "_xlfn.", "RANK.EQ": "_xlfn.", "STDEV.P": "_xlfn.",
	"STDEV.S": "_xlfn.", "SWITCH": "_xlfn.", "TEXTJOIN": "_xlfn.", "VAR.P": "_xlfn.",
	"VAR.S": "_xlfn.", "XLOOKUP": "_xlfn.", "XMATCH": "_xlfn.", "XOR": "_xlfn.",
	"UNIQUE": "_xlfn.", "SEQUENCE": "_xlfn.", "LET": "_xlfn.", "RANDARRAY": "_xlfn.",
	"SORTBY": "_xlfn.", "FILTER": "_xlfn._xlws.", "SORT": "_xlfn._xlws.",
}

// Modern returns expr with every function newer than Excel 2007 written the
// way the file format wants it, leaving text in quotes alone. Names bound by
// LET are not handled.
func Modern(expr string) string {
	var out strings.Builder
	word := 0
	var quote byte
	for i := 0; i < len(expr); i++ {
		c := expr[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			word = i + 1
		case c == '"' || c == '\'':
			quote, word = c, i+1
		case c == '(':
			if p, ok := modern[strings.ToUpper(expr[word:i])]; ok {
				s := out.String()
				out.Reset()
				out.WriteString(s[:len(s)-(i-word)])
				out.WriteString(p + expr[word:i])
			}
			word = i + 1
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_':
		default:
			word = i + 1
		}
		out.WriteByte(c)
	}
	return out.String()
}
