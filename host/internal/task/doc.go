// Package task owns tasks: one owner per task, everything it knows a fold of
// its events, every event durable before the side effect it licenses.
//
// A [Manager] starts tasks, hands each to a [Worker] in a goroutine of its
// own, and takes what comes from outside: stop, pause, answers, approvals,
// messages, edits of the plan. It takes them for a task at work and for one
// that is parked alike: what is said is recorded first, then the task goes on.
// Sub-agents are tasks below a task; they stop, pause and are resumed with it.
// After a crash [Manager.Recover] settles what was left unfinished,
// truthfully: a step whose files were applied is done, any other has changed
// nothing, and what waits for the person still waits.
package task
