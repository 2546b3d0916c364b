//go:build !race

package main

// raceBinary is explained in race_test.go.
const raceBinary = false
