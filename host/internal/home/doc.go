// Package home opens COWORK_HOME, the folder that holds all a host keeps, and
// refuses one it should not write to: another user's, a read-only one, one
// that others can write, one from a newer version. What it refuses it leaves
// as it is.
//
// The layout, format 1:
//
//	version      the number of the format
//	events.db    the event log
//	workspace/   journals, pre-images and the trash
//	cache/       what can be made again
//	run/         the socket and the lock of the running host
package home
