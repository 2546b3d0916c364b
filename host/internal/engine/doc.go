// Package engine does what a task asks for. Today that is a slash command with
// a handler: resolve its files in the granted folders, start the plugin in a
// sandbox, run the handler as one step whose writes are staged, keep its
// result, apply the files together. Work that needs a model is refused with
// what to set.
package engine
