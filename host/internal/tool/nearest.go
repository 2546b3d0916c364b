package tool

import "github.com/cowork-host/cowork/registry/bundle/nearest"

// Nearest returns the name among names that is most likely meant, or "" when
// none is near.
func Nearest(name string, names []string) string {
	if near := nearest.Names(name, names, 1); len(near) > 0 {
		return near[0]
	}
	return ""
}
