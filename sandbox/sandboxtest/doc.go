// Package sandboxtest is the conformance suite of sandbox backends.
//
// A backend's tests call [Main] from TestMain, before anything else, and [Run]
// from a test. The suite needs no program but the test binary: it runs itself
// as the process in the sandbox.
package sandboxtest
