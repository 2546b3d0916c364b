package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle/jsontree"
)

// Severity says how much a finding matters.
type Severity string

// The severities. An error means that something of the plugin does not load, a
// warning that it loads otherwise than its author may expect, an info that it
// is worth knowing.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is one diagnosis of a bundle. Line and Column count from 1; 0 means
// the file as a whole, and an empty File the bundle as a whole.
type Finding struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Severity Severity `json:"severity"`
	// Rule is the stable name of the check, e.g. "manifest-unknown-field".
	Rule    string `json:"rule"`
	Message string `json:"message"`
	// Fix says what to do, or is empty.
	Fix string `json:"fix"`
}

// String returns "file:line:col: message".
func (f Finding) String() string {
	switch {
	case f.File == "":
		return f.Message
	case f.Line == 0:
		return f.File + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
}

// maxFindings bounds what one hostile bundle can make us keep and show.
const maxFindings = 1000

// report collects findings. fatal are those that keep the plugin out.
type report struct {
	findings []Finding
	dropped  int
	fatal    []Finding
}

func (r *report) add(f Finding) {
	f.Message = printable(f.Message)
	f.Fix = printable(f.Fix)
	if len(r.findings) >= maxFindings {
		r.dropped++
		return
	}
	r.findings = append(r.findings, f)
}

func (r *report) fail(f Finding) {
	f.Severity = Error
	r.add(f)
	if len(r.fatal) < maxFindings {
		f.Message, f.Fix = printable(f.Message), printable(f.Fix)
		r.fatal = append(r.fatal, f)
	}
}

// sorted returns the findings in the order of the files.
func (r *report) sorted() []Finding {
	out := slices.Clone(r.findings)
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	if r.dropped > 0 {
		out = append(out, Finding{Severity: Warning, Rule: "too-many-findings", Message: fmt.Sprintf("%d more findings are not shown", r.dropped)})
	}
	return out
}

// err returns the first finding that keeps the plugin out, as an error.
func (r *report) err() error {
	if len(r.fatal) == 0 {
		return nil
	}
	f := r.fatal[0]
	msg := f.String()
	if n := len(r.fatal) - 1; n > 0 {
		msg += fmt.Sprintf(" (and %d more)", n)
	}
	return &pluginsdk.Error{Kind: pluginsdk.ErrInvalid, Message: msg, Next: f.Fix}
}

// source is a parsed text whose offsets can be named.
type source struct {
	file  string
	lines *jsontree.Lines
}

func (s source) at(offset int, sev Severity, rule, fix, format string, args ...any) Finding {
	f := Finding{File: s.file, Severity: sev, Rule: rule, Fix: fix, Message: fmt.Sprintf(format, args...)}
	if s.lines != nil {
		f.Line, f.Column = s.lines.Position(offset)
	}
	return f
}

// printable makes text from a bundle safe to show on one line: control and
// invisible characters become escapes, and it is cut when it is very long.
func printable(s string) string {
	const limit = 500
	var b strings.Builder
	for _, r := range s {
		if b.Len() > limit {
			return b.String() + "…"
		}
		if r < 0x20 || r == 0x7f || invisible(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// invisible reports characters that change how a text looks without being
// seen: bidirectional controls, zero-width characters, tags.
func invisible(r rune) bool {
	switch {
	case r == 0x00ad, r == 0x061c, r == 0xfeff,
		r >= 0x200b && r <= 0x200f && r != 0x200d,
		r >= 0x202a && r <= 0x202e,
		r >= 0x2060 && r <= 0x2069,
		r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// describe names a JSON value for a message.
func describe(n *jsontree.Node) string {
	if n == nil {
		return "nothing"
	}
	switch n.Kind {
	case jsontree.String:
		return fmt.Sprintf("the string %q", clip(n.Text))
	case jsontree.Number:
		return "the number " + clip(n.Text)
	case jsontree.Bool:
		return n.Text
	}
	return n.Kind.String()
}

func clip(s string) string {
	if len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(s[:57], "") + "…"
}
