// Package task owns tasks: one owner per task, everything it knows a fold of
// its events, every event durable before the side effect it licenses.
//
// A [Manager] starts tasks, hands each to a [Worker] in a goroutine of its
// own, and takes what comes from outside: stop, answers, resume. After a crash
// [Manager.Recover] settles what was left unfinished, truthfully: a step whose
// files were applied is done, any other has changed nothing.
package task
