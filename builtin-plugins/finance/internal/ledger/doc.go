// Package ledger understands a budget and an actuals file: which column holds
// the amounts, which columns say what a line is, how the columns of the two
// files belong together, which lines are the same line, and whether a line is
// revenue or expense. What it assumes it notes; what it cannot settle it asks,
// and when nobody can answer it fails with the candidates.
//
// Amounts are exact decimals throughout.
package ledger
