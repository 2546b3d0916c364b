// Package catalog is what all plugins offer, as one immutable snapshot. A
// change of the plugins makes a new snapshot, which takes the place of the old
// one as a whole. The package is pure data: it reads no file and starts
// nothing.
package catalog
