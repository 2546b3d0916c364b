// Package stat has the statistics of a profile: exact while the values fit in
// a budget, sketches with a known error beyond it.
//
// Quantiles interpolate linearly between order statistics (type 7 of Hyndman
// and Fan, the default of numpy and of Excel's PERCENTILE.INC). The standard
// deviation is that of a sample (n−1). All results are deterministic.
package stat
