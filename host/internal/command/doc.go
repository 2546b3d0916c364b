// Package command understands what a person types after a slash:
// "/plugin:name args". It splits words as a shell does, binds them to a
// command's parameters and puts them into a command's body. It is pure: it
// knows no plugin, no file and no task.
package command
