// Package plugintest is for the tests of plugin authors, and of the host's
// own: a host that lives in memory, a connection to a plugin through the real
// wire in process, and the conformance suite every plugin must pass.
package plugintest
