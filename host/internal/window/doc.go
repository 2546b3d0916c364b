// Package window decides what goes into a model's request: how much room its
// parts take, what is shown of a long tool result, which skills are listed,
// when the conversation is compacted, and what stands in its place.
//
// Everything here is a function of its arguments, or a fold over a task's log,
// so that a resumed task shows the model the same bytes. Text that came from a
// file, a page or a tool is data: [Frame] marks it so that it cannot pretend
// to be anything else.
package window
