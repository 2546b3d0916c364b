// Package table reads the tables people have: csv and its relatives, xlsx
// workbooks, json, jsonl and parquet, with the mess that comes with them, and
// gives them to a handler as sheets of typed rows.
//
// [Open] looks at a file's content (its extension is only a hint), finds the
// header under titles, over units or split in two rows, and decides per column
// what its values are: numbers with a decimal comma or point, dates with the
// day or the month first, and so on. Every decision that could have gone
// another way is kept as a [Note] with the lines that speak for it.
//
// [Sheet.Rows] then streams the rows in constant memory, each marked as data,
// subtotal, total, section or note, so that a total line is never added to the
// lines it adds up. Numbers are exact decimals, never floats.
package table
