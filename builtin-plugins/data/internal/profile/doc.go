// Package profile computes what is known of a table's data and what looks
// wrong with it, in one pass over its rows.
//
// Rows are data rows: blank lines, titles, footnotes, section labels, repeated
// headers and lines recognised as totals are counted apart and take no part in
// any statistic.
package profile
