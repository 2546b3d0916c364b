// Package files is the host's own tools for files: read, write, edit, list,
// glob, grep, move, request_delete and artifact. All of them go through the
// task's workspace. A call that writes is one step there, applied when the call
// ends, so that it can be undone by its id and its fate is known after a crash.
//
// Nothing is overwritten unseen: a file that exists is changed only if the task
// has seen its present content, and while a task works on a file no other one
// may write it.
package files
