package files_test

import (
	"strings"
	"testing"

	"github.com/cowork-host/cowork/pluginsdk"
)

func TestEdit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, before, old, with string
		all                     bool
		want                    string
	}{
		{"a word", "one two three\n", "two", "2", false, "one 2 three\n"},
		{"lines", "a\nb\nc\n", "a\nb\n", "x\n", false, "x\nc\n"},
		{"deleting", "a\nb\nc\n", "b\n", "", false, "a\nc\n"},
		{"all", "a b a b\n", "a", "x", true, "x b x b\n"},
		{"all of one", "a b\n", "a", "x", true, "x b\n"},
		{"CRLF", "a\r\nb\r\nc\r\n", "a\nb", "x\ny", false, "x\r\ny\r\nc\r\n"},
		{"CRLF, one line to two", "a\r\nb\r\n", "a", "x\ny", false, "x\r\ny\r\nb\r\n"},
		{"CRLF given as such", "a\r\nb\r\n", "a\r\nb", "x\r\ny", false, "x\r\ny\r\n"},
		{"LF in a file of CRLF", "a\r\nb\r\nc\nd\r\n", "c\nd", "x\ny", false, "a\r\nb\r\nx\ny\r\n"},
		{"a stray CRLF", "a\nb\r\nc\nd\n", "c\nd", "x\ny", false, "a\nb\r\nx\ny\n"},
		{"a mark", "\ufeffa\nb\n", "a", "x", false, "\ufeffx\nb\n"},
		{"a mark and CRLF", "\ufeffa\r\nb\r\n", "a\nb", "x\ny\nz", false, "\ufeffx\r\ny\r\nz\r\n"},
		{"other bytes are kept", "caf\xe9 one\n", "one", "two", false, "caf\xe9 two\n"},
		{"no dollar signs are read into it", "a\n", "a", "$1 ${x} \\1", false, "$1 ${x} \\1\n"},
		{"no line break at the end", "a", "a", "b", false, "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.put("f.txt", c.before)
			u := b.task("t")
			u.do("read", args{"path": "f.txt"})
			u.do("edit", args{"path": "f.txt", "old_text": c.old, "new_text": c.with, "replace_all": c.all})
			if got := b.content("f.txt"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestEditMisses(t *testing.T) {
	t.Parallel()
	const text = "Revenue of the year\n\n\tTotal: 1,234.50 EUR\nprofit\nprofit\n  profit\nend\n"
	for _, c := range []struct {
		name, old, with string
		says            string
	}{
		{"several places", "profit", "loss", "occurs 3 times in f.txt, at lines 4, 5, 6"},
		{"nearly", "Revenue of the yaer", "x", `the nearest line is 1: "Revenue of the year"`},
		{"other spaces", "Total: 1,234.50 EUR\nprofits", "x", "its first line is line 3"},
		{"line numbers", "     1\tRevenue of the year", "x", "leave out the line numbers"},
		{"nothing like it", "zzzzzzzzzzzzzz", "x", "does not occur in f.txt; read the file again"},
		{"nothing", "", "x", "old_text is empty"},
		{"no change", "end", "end", "the same"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.put("f.txt", text)
			u := b.task("t")
			u.do("read", args{"path": "f.txt"})
			u.fails("edit", args{"path": "f.txt", "old_text": c.old, "new_text": c.with}, pluginsdk.ErrInvalid, c.says)
		})
	}
}

func TestEditRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("unread.txt", "a")
	b.put("wide.txt", "\xff\xfea\x00")
	b.put("book.xlsx", "PK\x03\x04")
	u := b.task("t")
	edit := func(p string) args { return args{"path": p, "old_text": "a", "new_text": "b"} }
	u.fails("edit", edit("unread.txt"), pluginsdk.ErrConflict, "has not been read in this task", "read it")
	u.fails("edit", edit("unraed.txt"), pluginsdk.ErrNotFound, "did you mean unread.txt?")
	u.do("read", args{"path": "wide.txt"})
	u.fails("edit", edit("wide.txt"), pluginsdk.ErrUnsupported, "UTF-16")
	u.fails("edit", edit("book.xlsx"), pluginsdk.ErrUnsupported, "Excel")
	b.put("flood.txt", strings.Repeat("a", 1<<20))
	u.do("read", args{"path": "flood.txt"})
	u.fails("edit", args{"path": "flood.txt", "old_text": "a", "new_text": strings.Repeat("b", 1000), "replace_all": true}, pluginsdk.ErrInvalid, "would have")
}

func TestEditShowsThePlace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("f.txt", "1\n2\n3\n4\n5\n6\n7\n")
	u := b.task("t")
	u.do("read", args{"path": "f.txt"})
	res := u.do("edit", args{"path": "f.txt", "old_text": "4", "new_text": "four\nand more"})
	want := "edited f.txt: 1 occurrence replaced\n     2\t2\n     3\t3\n     4\tfour\n     5\tand more\n     6\t5\n     7\t6"
	if res.Text != want {
		t.Errorf("got\n%s\nwant\n%s", res.Text, want)
	}
}
