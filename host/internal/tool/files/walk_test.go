package files_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/pluginsdk"
)

func TestList(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.task("t")
	if got := u.do("list", args{}).Text; got != "(the folder is empty)" {
		t.Errorf("got %q", got)
	}
	b.put("b.txt", strings.Repeat("x", 1500))
	b.put("a/c.txt", "c")
	b.put("odd\nname.txt", "")
	if err := os.Symlink("b.txt", filepath.Join(b.dir, "link")); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(u.do("list", args{"path": ""}).Text, "\n")
	if len(lines) != 4 || lines[0] != "a/" || !strings.HasPrefix(lines[1], "b.txt\t1.5 kB\t20") || lines[2] != "link\ta link" || !strings.HasPrefix(lines[3], "odd?name.txt\t0 bytes") {
		t.Errorf("got %q", lines)
	}
	if got := u.do("list", args{"path": "a"}).Text; !strings.HasPrefix(got, "c.txt\t1 byte") {
		t.Errorf("got %q", got)
	}
	u.fails("list", args{"path": "b.txt"}, pluginsdk.ErrInvalid, "not a folder")
	u.fails("list", args{"path": "c"}, pluginsdk.ErrNotFound)
	for i := range 1100 {
		b.put(fmt.Sprintf("many/%04d", i), "")
	}
	if got := u.do("list", args{"path": "many"}).Text; !strings.HasSuffix(got, "[100 more; use glob to find the right ones]") {
		t.Errorf("got …%q", got[len(got)-100:])
	}
}

func TestSeveralGrants(t *testing.T) {
	t.Parallel()
	second := t.TempDir()
	b := newBench(t, second)
	one, two := filepath.Base(b.dir), filepath.Base(second)
	b.put("a.csv", "hit\n")
	if err := os.WriteFile(filepath.Join(second, "b.csv"), []byte("hit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u := b.task("t")
	want := []string{one + "/", two + "/"}
	if one > two {
		want = []string{two + "/", one + "/"}
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), u.do("list", args{}).Text); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, in := range []string{one + "/a.csv", two + "/b.csv"} {
		if got := u.do("glob", args{"pattern": "*.csv"}).Text; !strings.Contains(got, in) {
			t.Errorf("glob %q has no %s", got, in)
		}
		if got := u.do("grep", args{"pattern": "hit"}).Text; !strings.Contains(got, in+":1:hit") {
			t.Errorf("grep %q has no %s", got, in)
		}
	}
	u.do("move", args{"moves": []args{{"from": one + "/a.csv", "to": two + "/in/a.csv"}}})
	if data, err := os.ReadFile(filepath.Join(second, "in", "a.csv")); err != nil || string(data) != "hit\n" {
		t.Errorf("moved across: %q, %v", data, err)
	}
	u.do("write", args{"path": "bare.txt", "content": "b"})
	if b.content("bare.txt") != "b" {
		t.Error("a bare name does not go to the first folder")
	}
}

func TestGlob(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{"a.csv", "b.txt", "x/a.csv", "x/y/c.csv", "x/y/z/c.md", ".hidden/d.csv", "Ä b.csv"} {
		b.put(name, "")
	}
	if err := os.Symlink("x", filepath.Join(b.dir, "loop")); err != nil {
		t.Fatal(err)
	}
	u := b.task("t")
	for _, c := range []struct{ pattern, path, want string }{
		{"*.csv", "", ".hidden/d.csv a.csv x/a.csv x/y/c.csv Ä b.csv"},
		{"./a.csv", "", "a.csv x/a.csv"},
		{"x/*.csv", "", "x/a.csv"},
		{"x/**/*.csv", "", "x/a.csv x/y/c.csv"},
		{"**/y/**", "", "x/y/c.csv x/y/z/c.md"},
		{"**", "x/y", "x/y/c.csv x/y/z/c.md"},
		{"*.{txt,md}", "", "b.txt x/y/z/c.md"},
		{"{a,b}.{csv,txt}", "", "a.csv b.txt x/a.csv"},
		{"[ab].csv", "", "a.csv x/a.csv"},
		{"*.csv", "x", "x/a.csv x/y/c.csv"},
		{"z/*", "x/y", "x/y/z/c.md"},
		{"*.pdf", "", "no file matches"},
		{"a", "", "no file matches"},
	} {
		got := strings.ReplaceAll(u.do("glob", args{"pattern": c.pattern, "path": c.path}).Text, "\n", " ")
		if got != c.want {
			t.Errorf("%s in %q: %q, want %q", c.pattern, c.path, got, c.want)
		}
	}
	u.fails("glob", args{"pattern": "[a"}, pluginsdk.ErrInvalid, "brackets")
	u.fails("glob", args{"pattern": ""}, pluginsdk.ErrInvalid)
	u.fails("glob", args{"pattern": "*", "path": "b.txt"}, pluginsdk.ErrInvalid)
	u.fails("glob", args{"pattern": strings.Repeat("{a,b}", 100)}, pluginsdk.ErrInvalid, "too many")
}

func TestGlobIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 1050 {
		b.put(fmt.Sprintf("%04d.txt", i), "")
	}
	got := b.task("t").do("glob", args{"pattern": "*.txt"}).Text
	if n := strings.Count(got, ".txt"); n != 1000 || !strings.Contains(got, "[stopped at 1000 names") {
		t.Errorf("%d names, end %q", n, got[len(got)-80:])
	}
}

func TestGrep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", "one\nTwo two\nthree\r\nfour\n")
	b.put("x/b.csv", "two,2\n")
	b.put("bin.dat", "two\x00two")
	b.put("book.xlsx", "PK\x03\x04two")
	b.put("wide.txt", "\xff\xfet\x00w\x00o\x00")
	u := b.task("t")
	for _, c := range []struct {
		name string
		in   args
		want string
	}{
		{"everywhere", args{"pattern": "two"}, "a.txt:2:Two two\nwide.txt:1:two\nx/b.csv:1:two,2"},
		{"no case", args{"pattern": "^TWO", "ignore_case": true}, "a.txt:2:Two two\nwide.txt:1:two\nx/b.csv:1:two,2"},
		{"a glob", args{"pattern": "two", "glob": "*.csv"}, "x/b.csv:1:two,2"},
		{"one file", args{"pattern": "e$", "path": "a.txt"}, "a.txt:1:one\na.txt:3:three"},
		{"a folder", args{"pattern": "two", "path": "x"}, "x/b.csv:1:two,2"},
		{"names", args{"pattern": "t", "files_only": true, "glob": "*.{txt,csv}"}, "a.txt\t2\nwide.txt\t1\nx/b.csv\t1"},
		{"context", args{"pattern": "three", "context": 1}, "a.txt-2-Two two\na.txt:3:three\na.txt-4-four"},
		{"nothing", args{"pattern": "seven"}, "no line matches"},
	} {
		if diff := cmp.Diff(c.want, u.do("grep", c.in).Text); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	u.fails("grep", args{"pattern": "(?=x)"}, pluginsdk.ErrInvalid, "RE2")
	u.fails("grep", args{"pattern": ""}, pluginsdk.ErrInvalid)
	u.fails("grep", args{"pattern": "("}, pluginsdk.ErrInvalid)
	u.fails("grep", args{"pattern": "a", "path": "none"}, pluginsdk.ErrNotFound)
}

func TestGrepIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a.txt", strings.Repeat("hit "+strings.Repeat("x", 1000)+"\n", 1000))
	b.put("long.txt", strings.Repeat("y", 1<<20)+" end\n")
	u := b.task("t")
	got := u.do("grep", args{"pattern": "hit"}).Text
	if n := strings.Count(got, "a.txt:"); n != 200 || len(got) > 100<<10 || !strings.Contains(got, "stopped at 200 matches") {
		t.Errorf("%d matches, %d bytes, end %q", n, len(got), got[len(got)-80:])
	}
	if got := u.do("grep", args{"pattern": "end$", "path": "long.txt"}).Text; got != "no line matches" {
		t.Errorf("of a line that is too long the end was searched: %.100q", got)
	}
}

func TestSearchWhenCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("a/b.txt", "x")
	u := b.task("t")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, in := range map[string]args{"glob": {"pattern": "*"}, "grep": {"pattern": "x"}, "read": {"path": "a/b.txt"}, "artifact": {"path": "a/b.txt"}} {
		p, err := u.prepare(name, in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
