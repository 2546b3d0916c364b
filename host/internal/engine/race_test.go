//go:build race

package engine_test

// giant is by how much the largest texts are divided: the race detector makes
// reading JSON about fifteen times slower.
const giant = 10
