// Package bundle loads plugins of the public Claude plugin format.
//
// [Load] is tolerant: it takes a folder as authors really write it, loads what
// can be loaded and reports each oddity as a [Finding] with file, line and
// column. Only a few faults keep a whole plugin out: a manifest that is not
// JSON, a recognised manifest key of the wrong type, two commands with the same
// id, and a bundle beyond the size limits.
//
// A bundle is untrusted. Nothing in it is run, symbolic links are followed only
// inside it, every file is read within limits, and YAML aliases are never
// expanded.
package bundle
