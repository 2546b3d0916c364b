//go:build !race

package engine_test

// giant is by how much the largest texts are divided.
const giant = 1
