package window_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cowork-host/cowork/host/internal/window"
)

var pointer = regexp.MustCompile(`(?m)^\[(\d+) bytes in about (\d+) lines are left out here; the output tool reads them: (\{.*\})\]$`)

// cut finds the marker of a clipped text and reads it.
func cut(t testing.TB, clipped string) (left, offset int, call string) {
	t.Helper()
	m := pointer.FindStringSubmatch(clipped)
	if m == nil {
		t.Fatalf("no pointer in %.300q", clipped)
	}
	var in struct {
		Call   string
		Offset int
	}
	if err := json.Unmarshal([]byte(m[3]), &in); err != nil {
		t.Fatalf("the pointer is no input of a tool: %v", err)
	}
	_, _ = fmt.Sscan(m[1], &left)
	return left, in.Offset, in.Call
}

func TestClip(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&lines, "row %d of the table\n", i)
	}
	for _, c := range []struct {
		name, text string
		limit      int
	}{
		{"lines", lines.String(), 2000},
		{"one line", strings.Repeat("x", 50_000), 2000},
		{"wide characters", strings.Repeat("日本語", 10_000), 2001},
		{"emoji", strings.Repeat("👩‍🚀", 5000), 1999},
		{"a tiny limit", lines.String(), 1},
		{"bytes that are no text", strings.Repeat("a\xff\xfe", 9000), 3000},
		{"one byte too long", strings.Repeat("x", 1001), 1000},
		{"line breaks only", strings.Repeat("\n", 5000), 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := window.Clip(c.text, c.limit, "toolu_1")
			if len(got) > max(c.limit, 512) || !utf8.ValidString(got) {
				t.Errorf("%d bytes, limit %d", len(got), c.limit)
			}
			valid := strings.ToValidUTF8(c.text, "\uFFFD")
			left, offset, call := cut(t, got)
			head, tail, _ := strings.Cut(got, pointer.FindString(got))
			head, tail = strings.TrimSuffix(head, "\n"), strings.TrimPrefix(tail, "\n")
			if call != "toolu_1" || !strings.HasPrefix(valid, head) || !strings.HasSuffix(valid, tail) {
				t.Errorf("the text is not the beginning and the end: %.200q … %.200q", head, tail)
			}
			// Reading from the pointer on gives exactly what is missing.
			if offset+left > len(valid) || valid[:offset]+valid[offset:offset+left]+valid[offset+left:] != valid || !strings.HasSuffix(got, valid[offset+left:]) {
				t.Errorf("%d bytes at %d are not what is missing", left, offset)
			}
			if window.Clip(c.text, c.limit, "toolu_1") != got {
				t.Error("it is not always the same")
			}
		})
	}
}

func TestClipShort(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "short", strings.Repeat("x", 1000)} {
		if got := window.Clip(text, 1000, "c"); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := window.Clip("a\xffb", 1000, "c"); got != "a\uFFFDb" {
		t.Errorf("%q", got)
	}
}

func TestClipAtLines(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a line of the file\n", 1000)
	got := window.Clip(text, 4000, "c")
	for line := range strings.Lines(got) {
		line = strings.TrimSuffix(line, "\n")
		if line != "" && line != "a line of the file" && !pointer.MatchString(line) {
			t.Errorf("a line is cut: %q", line)
		}
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("a line\n", 500), strings.Repeat("é", 3000), strings.Repeat("x\xff", 2000), "short", ""} {
		valid := strings.ToValidUTF8(text, "\uFFFD")
		var all strings.Builder
		for offset, n := 0, 0; ; n++ {
			page, next := window.Page(text, offset, 700)
			if len(page) > 700 || !utf8.ValidString(page) {
				t.Fatalf("a page of %d bytes", len(page))
			}
			all.WriteString(page)
			if next == 0 {
				break
			}
			if next <= offset || n > 1000 {
				t.Fatalf("after %d comes %d", offset, next)
			}
			offset = next
		}
		if all.String() != valid {
			t.Errorf("the pages of %.20q are not the text", text)
		}
	}
	for _, offset := range []int{-1, 5, 1 << 40} {
		if page, next := window.Page("short", offset, 10); page != "" || next != 0 {
			t.Errorf("at %d: %q, %d", offset, page, next)
		}
	}
	if page, next := window.Page("aé", 2, 0); page != "é" || next != 0 {
		t.Errorf("inside a character: %q, %d", page, next)
	}
}

func FuzzClip(f *testing.F) {
	f.Add("text\n", 100, "c")
	f.Add(strings.Repeat("é\n", 900), 513, "\"}]\n")
	f.Add(strings.Repeat("\xf0", 2000), 600, strings.Repeat("id", 500))
	f.Fuzz(func(t *testing.T, text string, limit int, call string) {
		text = strings.Repeat(text, 40)
		got := window.Clip(text, limit, call)
		valid := strings.ToValidUTF8(text, "\uFFFD")
		if !utf8.ValidString(got) || len(got) > max(limit, 2048) && got != valid {
			t.Errorf("%d bytes for a limit of %d", len(got), limit)
		}
	})
}
