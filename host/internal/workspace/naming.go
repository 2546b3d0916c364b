package workspace

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxNameBytes is what every file system in use takes for one path component.
const maxNameBytes = 255

// fold is the key under which two names are the same to a file system that
// ignores case or the Unicode normalization form.
func fold(name string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
}

// checkName refuses names for new files that some system people copy their
// folders to could not hold.
func checkName(name string) error {
	const next = "choose another file name"
	switch {
	case name == "" || name == "." || name == "..":
		return invalid(next, "%q is not a file name", name)
	case !utf8.ValidString(name):
		return invalid(next, "file name %q is not valid UTF-8", name)
	case len(name) > maxNameBytes:
		return invalid("choose a shorter file name", "file name %q… is %d bytes long, more than %d", clip(name, 40), len(name), maxNameBytes)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return invalid(next, "file name %q ends in a dot or a space, which Windows cannot hold", name)
	case isTempName(name):
		return invalid(next, "file name %q is reserved for temporary files", name)
	}
	for _, r := range name {
		if r < 0x20 || r == 0x7f || strings.ContainsRune(`<>:"/\|?*`, r) {
			return invalid(next, "file name %q holds %q, which not every system allows", name, r)
		}
	}
	stem, _, _ := strings.Cut(name, ".")
	if isDeviceName(strings.ToUpper(strings.TrimRight(stem, " "))) {
		return invalid(next, "file name %q is reserved by Windows", name)
	}
	return nil
}

func isDeviceName(stem string) bool {
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	rest, ok := strings.CutPrefix(stem, "COM")
	if !ok {
		rest, ok = strings.CutPrefix(stem, "LPT")
	}
	if !ok {
		return false
	}
	switch rest {
	case "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
		return true
	}
	return false
}

// checkVirtual refuses what is not a virtual name at all.
func checkVirtual(name string) error {
	if strings.ContainsRune(name, 0) {
		return invalid("choose another file name", "file name %q holds a NUL byte", name)
	}
	if !fs.ValidPath(name) {
		return invalid("use a slash-separated path relative to the granted folder", "%q is not a path inside the workspace", name)
	}
	if err := checkDepth(name); err != nil {
		return err
	}
	return nil
}

// numbered returns name for n < 2, and otherwise the name with " (n)" before
// its extension, shortened so that it still is a valid file name.
func numbered(name string, n int) string {
	if n < 2 {
		return name
	}
	return suffixed(name, fmt.Sprintf(" (%d)", n))
}

func suffixed(name, suffix string) string {
	stem, ext := splitExt(name)
	if room := maxNameBytes - len(suffix) - len(ext); len(stem) > room {
		stem = strings.TrimRight(clip(stem, max(room, 1)), " ")
	}
	return stem + suffix + ext
}

// splitExt splits "a.tar.gz" into "a" and ".tar.gz", ".profile" into
// ".profile" and "".
func splitExt(name string) (stem, ext string) {
	ext = path.Ext(name)
	stem = strings.TrimSuffix(name, ext)
	if strings.Trim(stem, ".") == "" || strings.ContainsAny(ext, " ") || len(ext) > 32 {
		return name, ""
	}
	if inner := path.Ext(stem); strings.EqualFold(inner, ".tar") && len(stem) > len(inner) {
		return strings.TrimSuffix(stem, inner), inner + ext
	}
	return stem, ext
}

// clip cuts s to at most n bytes at a rune boundary.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

const (
	tempPrefix = ".cowork-"
	tempSuffix = ".tmp"
	tempRandom = 26 // what rand.Text returns
)

func tempName() string { return tempPrefix + strings.ToLower(rand.Text()) + tempSuffix }

func isTempName(name string) bool {
	name, ok := strings.CutSuffix(strings.ToLower(name), tempSuffix)
	name = strings.TrimSuffix(name, ".old")
	return ok && strings.HasPrefix(name, tempPrefix) && len(name) == len(tempPrefix)+tempRandom
}

// checkID refuses task and step ids that could not be a folder's name.
func checkID(what, id string) error {
	ok := id != "" && len(id) <= 128 && id[0] != '.'
	for _, r := range id {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}
	if !ok {
		return invalid("", "%s id %q is not made of letters, digits, dots, hyphens and underscores", what, clip(id, 140))
	}
	return nil
}

// The bounds of a path. What lies deeper is not reached: every look at a path
// asks the disk about each folder on it.
const (
	maxNested = 100
	maxPath   = 4096
)

// checkDepth refuses a path that is longer than any a person makes.
func checkDepth(name string) error {
	if len(name) > maxPath || strings.Count(name, "/")+strings.Count(name, `\`) > maxNested {
		return invalid("use a shorter path", "the path %.60q… has more than %d folders or %d bytes", name, maxNested, maxPath)
	}
	return nil
}
