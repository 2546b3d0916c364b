package files_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/pluginsdk"
)

func TestReadText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, content string
		in            args
		want          string
	}{
		{"lines", "a\nb\n", nil, "     1\ta\n     2\tb"},
		{"no line break at the end", "a\nb", nil, "     1\ta\n     2\tb"},
		{"empty", "", nil, "(the file is empty)"},
		{"an offset", "a\nb\nc\n", args{"offset": 2}, "     2\tb\n     3\tc\n[to the end, line 3]"},
		{"a limit", "a\nb\nc\n", args{"limit": 2}, "     1\ta\n     2\tb\n[lines 1 to 2 of 3; go on with offset 3]"},
		{"CRLF", "a\r\nb\r\n", nil, "     1\ta\n     2\tb\n[lines end in CRLF, which edit keeps]"},
		{"a mark", "\ufeffa\n", nil, "     1\ta\n[begins with a byte order mark, which edit keeps]"},
		{"Latin-1", "caf\xe9\n", nil, "     1\tcaf\ufffd"},
		{"UTF-16", "\xff\xfea\x00\n\x00\x3d\xd8\x00\xde", nil, "     1\ta\n     2\t😀\n[the file is in UTF-16; edit cannot change it]"},
		{"UTF-16, the other way", "\xfe\xff\x00a\x00\n", nil, "     1\ta\n[the file is in UTF-16; edit cannot change it]"},
		{"a tab and a form feed", "a\tb\f\n", nil, "     1\ta\tb\f"},
		{"BM at the beginning", "BMW is a car\n", nil, "     1\tBMW is a car"},
		{"exactly the limit", "a\nb\n", args{"limit": 2}, "     1\ta\n     2\tb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.put("f.txt", c.content)
			in := args{"path": "f.txt"}
			for k, v := range c.in {
				in[k] = v
			}
			u := b.task("t")
			res := u.do("read", in)
			if diff := cmp.Diff(c.want, res.Text); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(res.Seen) != 1 || res.Seen[0].Path != filepath.Join(b.dir, "f.txt") || res.Seen[0].SHA256 != digest(c.content) {
				t.Errorf("seen %+v", res.Seen)
			}
		})
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("wide.txt", strings.Repeat("ä", 1<<20)+"\nnext\n")
	var long strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&long, "line %d %s\n", i+1, strings.Repeat("x", 200))
	}
	b.put("long.txt", long.String())
	u := b.task("t")
	wide := u.do("read", args{"path": "wide.txt"})
	if !utf8.ValidString(wide.Text) || len(wide.Text) > 3000 || !strings.Contains(wide.Text, "[line cut]") || !strings.Contains(wide.Text, "     2\tnext") {
		t.Errorf("%d bytes: %.100q", len(wide.Text), wide.Text[len(wide.Text)-100:])
	}
	res := u.do("read", args{"path": "long.txt"})
	if len(res.Text) > 300<<10 || !strings.Contains(res.Text, "of 50000; go on with offset ") {
		t.Errorf("%d bytes: %q", len(res.Text), res.Text[len(res.Text)-100:])
	}
	next := u.do("read", args{"path": "long.txt", "offset": 49_999})
	if !strings.Contains(next.Text, " 50000\tline 50000") {
		t.Errorf("the end: %.300q", next.Text)
	}
	u.fails("read", args{"path": "long.txt", "offset": 50_001}, pluginsdk.ErrInvalid, "50000 lines")
}

func TestReadOfAHugeFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("huge.log", "first\nsecond\n")
	name := filepath.Join(b.dir, "huge.log")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	chunk := []byte(strings.Repeat(strings.Repeat("x", 1023)+"\n", 1024))
	for range 65 {
		if _, err := f.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	u := b.task("t")
	res := u.do("read", args{"path": "huge.log", "limit": 1})
	if len(res.Seen) != 0 || !strings.Contains(res.Text, "too large to be changed") {
		t.Errorf("seen %v, text %q", res.Seen, res.Text)
	}
	_, err = u.try("edit", args{"path": "huge.log", "old_text": "first", "new_text": "1"})
	if pluginsdk.Code(err) != "unsupported" {
		t.Errorf("edit: %v", err)
	}
}

func TestReadSaysWhatIsNoText(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.task("t")
	for name, c := range map[string]struct{ content, says string }{
		"book.xlsx":  {"PK\x03\x04rest", "an Excel workbook"},
		"text.docx":  {"PK\x03\x04rest", "a Word document"},
		"some.zip":   {"PK\x03\x04rest", "a zip archive"},
		"doc.pdf":    {"%PDF-1.7\n", "a PDF document"},
		"pic.png":    {"\x89PNG\r\n\x1a\n", "a PNG image; the file tools handle text only; images are not supported yet"},
		"pic.jpg":    {"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG image"},
		"pic.webp":   {"RIFF\x00\x00\x00\x00WEBPVP8 ", "a WebP image"},
		"named.txt":  {"%PDF-1.7\n", "a PDF document"},
		"old.xls":    {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"},
		"t.parquet":  {"PAR1\x00\x00", "a Parquet table"},
		"db.sqlite":  {"SQLite format 3\x00", "an SQLite database"},
		"noise.bin":  {"a\x00b", "a binary file"},
		"escape.bin": {"\x01\x02\x03\x04abc", "a binary file"},
		"car.bmp":    {"BM\x00\x00\x00\x00", "a BMP image"},
	} {
		b.put(name, c.content)
		u.fails("read", args{"path": name}, pluginsdk.ErrUnsupported, name, c.says)
	}
}

func TestReadOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("reports/budget.csv", "a")
	outside := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"out": outside, "loop": "loop", "fine": "reports/budget.csv"} {
		if err := os.Symlink(target, filepath.Join(b.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	u := b.task("t")
	u.fails("read", args{"path": "reports/budgets.csv"}, pluginsdk.ErrNotFound, "did you mean reports/budget.csv?")
	u.fails("read", args{"path": "report/budget.csv"}, pluginsdk.ErrNotFound)
	u.fails("read", args{"path": "reports"}, pluginsdk.ErrInvalid, "is a folder", "list")
	u.fails("read", args{"path": outside}, pluginsdk.ErrDenied, "outside")
	u.fails("read", args{"path": "../x"}, pluginsdk.ErrDenied)
	u.fails("read", args{"path": "out"}, pluginsdk.ErrDenied)
	u.fails("read", args{"path": "a\x00b"}, pluginsdk.ErrInvalid)
	if _, err := u.try("read", args{"path": "loop"}); err == nil {
		t.Error("a link to itself can be read")
	}
	if _, err := u.try("read", args{"path": strings.Repeat("a/", 5000) + "b"}); err == nil {
		t.Error("an endless name can be read")
	}
	if res := u.do("read", args{"path": "fine"}); res.Seen[0].Path != filepath.Join(b.dir, "reports", "budget.csv") {
		t.Errorf("through a link: %+v", res.Seen)
	}
	u.do("read", args{"path": filepath.Join(b.dir, "reports", "budget.csv")})
	u.do("read", args{"path": "./reports//budget.csv"})
}
