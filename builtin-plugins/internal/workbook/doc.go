// Package workbook writes xlsx deliverables a person opens, reads, prints and
// recalculates: declared sheets, house styles, live formulas that carry the
// value they had when the file was written, charts, conditional formats, named
// ranges and print set-up.
//
// A [Book] is declared first and written once with [Book.Write]. Small sheets
// list their rows; large ones give a function for the n-th row, so memory does
// not grow with the number of rows beyond the compressed file. The same book
// gives the same bytes. Text is always written as text, whatever it starts
// with: user data never becomes a formula. Numbers are written from their
// decimal text and never pass through a float.
//
// The package parts beside the cells (styles, charts, drawings, properties)
// come from excelize; the cells are written here, because every formula needs
// its cached value and rows are too many to be kept.
package workbook
