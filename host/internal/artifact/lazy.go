package artifact

import (
	"regexp"
	"sync"
)

// lazily is a regular expression that is compiled when a text is first read:
// the program starts far more often than it reads one.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
