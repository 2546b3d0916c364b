// Package event is the host's memory: one typed append-only log per task.
//
// Everything a task knows is a fold of its events, so an event is durable
// before the next side effect it licenses: when [Appender.Append] returns, the
// events survive kill -9 and power loss. Single ownership of a task is fenced
// by the expected sequence: an owner that was overtaken gets a conflict, never
// a mixed log.
//
// What streams past while a task works and is worth nothing afterwards
// (progress) is transient: it goes to live subscribers through
// [Appender.Publish], has sequence 0 and is never stored.
//
// [OpenSQLite] is the log on disk, [NewMemory] the same contract without one.
// Package eventtest holds the conformance suite both pass.
package event
