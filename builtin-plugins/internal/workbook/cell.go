package workbook

import (
	"strconv"
	"time"
)

type kind uint8

const (
	blank kind = iota
	text
	number
	boolean
)

// Cell is one cell: a value or a formula with its value, and a style. The zero
// value is an empty cell.
type Cell struct {
	kind    kind
	style   StyleID
	a, b    int32
	text    string
	formula string
}

// Text returns a cell that shows s as it is. It is never read as a formula.
func Text(s string) Cell { return Cell{kind: text, text: s} }

// Number returns a cell with the number that decimal spells, such as
// "-1234.50" or "1e-7". Digits are written as they are. A text that is no
// number makes [Book.Write] fail.
func Number(decimal string) Cell { return Cell{kind: number, text: decimal} }

// Int returns a cell with a whole number.
func Int(n int) Cell { return Cell{kind: number, text: strconv.Itoa(n)} }

// Bool returns a cell with a truth value.
func Bool(v bool) Cell {
	if v {
		return Cell{kind: boolean, text: "1"}
	}
	return Cell{kind: boolean, text: "0"}
}

// Blank returns an empty cell, for a style without a value.
func Blank() Cell { return Cell{} }

// Date returns a cell with the day and time that t shows on its own clock.
// Days that Excel counts wrongly (before March 1900) are written as text. Give
// it a style with a date format.
func Date(t time.Time) Cell {
	t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	secs := t.Unix() - time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC).Unix()
	const day = 86400
	if secs < 61*day {
		return Text(t.Format("2006-01-02"))
	}
	s := strconv.FormatInt(secs/day, 10)
	if rest := secs % day; rest != 0 {
		frac := strconv.FormatInt(1e10+(rest*1e10+day/2)/day, 10)
		s += "." + frac[1:]
	}
	return Cell{kind: number, text: s}
}

// Formula returns a cell with a live formula, without the leading "=", and the
// value it has now. In expr {r} stands for the number of the cell's own row,
// {a} and {b} for the numbers given with [Cell.Rows]. Functions newer than
// Excel 2007 need [Modern].
func Formula(expr string, value Cell) Cell {
	value.formula = expr
	return value
}

// Rows sets what {a} and {b} in the formula stand for.
func (c Cell) Rows(a, b int) Cell {
	c.a, c.b = int32(a), int32(b)
	return c
}

// In returns the cell with the style.
func (c Cell) In(s StyleID) Cell {
	c.style = s
	return c
}
