//go:build race

package main

// raceBinary says that the tests' binary cannot be a plugin server: the race
// detector needs more memory than the sandbox gives.
const raceBinary = true
