package policy

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// target is one target of a call, or what a grant or a rule names, in its one
// spelling. Exactly one of host and text is set.
type target struct {
	host *Host
	text string // a path, an address of mail, a name
	path bool
}

// none says that the call has no target.
func (t target) none() bool { return t.host == nil && t.text == "" }

func (t target) String() string {
	if t.host != nil {
		return t.host.String()
	}
	return t.text
}

// Canonical returns a target in the one spelling in which it is compared and
// kept: a host for what uses the network, a path for what touches files.
func Canonical(e Effect, text string) (string, error) {
	t, err := parseTarget(e, text)
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// parseTarget reads a target as an effect has them.
func parseTarget(e Effect, text string) (target, error) {
	if err := checkText(text); err != nil {
		return target{}, err
	}
	switch {
	case e == Fetch || e.outward() && looksLikeHost(text):
		h, err := ParseHost(text)
		if err != nil {
			return target{}, err
		}
		return target{host: &h}, nil
	case e == Read || e == Write || e == Delete:
		p, err := cleanPath(text)
		if err != nil {
			return target{}, err
		}
		return target{text: p, path: true}, nil
	}
	return target{text: text}, nil
}

// looksLikeHost tells hosts from the other places data goes to: an address of
// mail, a connector's name.
func looksLikeHost(text string) bool {
	if strings.Contains(text, "://") {
		return true
	}
	if strings.ContainsAny(text, "@ ") {
		return false
	}
	return strings.ContainsAny(text, ".:。．｡") || strings.EqualFold(text, "localhost")
}

// checkText refuses what a person cannot be shown as it is.
func checkText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("it is empty")
	case len(text) > maxTarget:
		return fmt.Errorf("it is longer than %d bytes", maxTarget)
	case !utf8.ValidString(text):
		return errors.New("it is not UTF-8")
	case strings.ContainsFunc(text, hidden):
		return errors.New("it has characters that are not shown")
	}
	return nil
}

// hidden reports characters that make a text look like another one.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 ||
		r == 0x200B || r == 0x200E || r == 0x200F || r == 0x2028 || r == 0x2029 || r == 0x2060 || r == 0xFEFF
}

// cleanPath returns a path with single slashes. One that goes up after it went
// down is refused: with a link on the way it leads elsewhere than it says.
func cleanPath(p string) (string, error) {
	p = filepath.ToSlash(p)
	down := strings.HasPrefix(p, "/")
	for c := range strings.SplitSeq(p, "/") {
		switch {
		case c == ".." && down:
			return "", errors.New(`the path goes up again with ".."; name the place itself`)
		case c != ".." && c != "." && c != "":
			down = true
		}
	}
	return path.Clean(p), nil
}
