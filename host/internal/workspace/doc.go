// Package workspace is the one door to files: every read and every change of
// a granted folder by the host or by a plugin passes here, and nothing that
// passes here is lost.
//
// A [Store] is the host's: the journal, the bytes from before (pre-images)
// and what is staged. A [Workspace] is one task's view of its granted folders
// as slash-separated virtual names. A [Step] is one handler run: its writes
// are staged and become visible together by [Step.Apply], or not at all.
//
// Apply writes ahead. First every new byte lies, durable, under a temporary
// name beside its target, and every byte it will replace lies in the
// pre-image store; an error up to here removes the temporary files and the
// folder is as it was. Then one durable journal record is the commit. What
// follows are renames, which [Open] finishes after a crash.
//
// [Store.Undo] reverses what a task, a step or a path changed. It looks first
// whether the file is still what the task left; what the person edited since
// is never overwritten.
package workspace
