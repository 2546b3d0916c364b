// Package stdio carries a child's standard streams. A child is only ever given
// pipes: never a file, a terminal or a socket of the host's.
package stdio
