// Package plugintest is for the tests of plugin authors, and of the host's
// own: a host that lives in memory, a connection to a plugin through the real
// wire in process, the conformance suite every plugin must pass, and a model
// that answers from a script over real HTTP.
package plugintest
