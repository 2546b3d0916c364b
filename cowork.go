// Package cowork carries what the whole project shares as text: the schemas
// of every contribution and the list of the plugins that ship.
package cowork

import _ "embed"

//go:embed plugins.cue
var pluginsCUE string

// PluginsCUE returns plugins.cue: the CUE schemas of what plugins contribute,
// and which plugins ship with which grants.
func PluginsCUE() string { return pluginsCUE }
