// Package plan keeps a task's plan: its steps, and the small edits by which the
// model and the person change them. It is pure: the plan of a task is the fold
// of the edits in its log.
package plan
