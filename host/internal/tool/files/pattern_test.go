package files

import (
	"strings"
	"testing"
	"time"
)

func TestMatchIsNotExponential(t *testing.T) {
	t.Parallel()
	p, err := parsePattern(strings.Repeat("**/a*/", 100) + "b")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool, 1)
	go func() { done <- p.match(strings.Repeat("aaaa/", 200) + "c") }()
	select {
	case got := <-done:
		if got {
			t.Error("it matches")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("a match takes for ever")
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"*.csv", "a/**/b", "{a,b}", "{a", "}", "[a-", "**", "a\\b", "{{a,b},c}"} {
		f.Add(s, "a/x/b")
	}
	f.Fuzz(func(t *testing.T, s, name string) {
		p, err := parsePattern(s)
		if err != nil {
			return
		}
		p.match(name)
		if !strings.ContainsAny(s, "*?[]{}\\") && !strings.Contains(s, "//") {
			if plain := strings.Trim(strings.TrimPrefix(s, "./"), "/"); plain != "" && !p.match(plain) {
				t.Errorf("%q does not match itself", s)
			}
		}
	})
}

func FuzzReplace(f *testing.F) {
	f.Add("a\r\nb\n", "a", "x\ny", true)
	f.Add("\ufeffaa", "a", "", true)
	f.Add("a\xffb", "\xff", "c", false)
	f.Fuzz(func(t *testing.T, content, old, with string, all bool) {
		got, err := replace("f", []byte(content), editInput{OldText: old, NewText: with, ReplaceAll: all})
		if err != nil {
			return
		}
		if got.n < 1 || got.n > 1 && !all {
			t.Fatalf("%d replaced", got.n)
		}
		if strings.HasPrefix(content, bom) && !strings.HasPrefix(got.content, bom) {
			t.Fatal("the mark is gone")
		}
		if got.content == content {
			t.Fatal("nothing changed")
		}
	})
}

func FuzzWindow(f *testing.F) {
	f.Add([]byte("a\nb\r\n\xff"), 1, 2)
	f.Fuzz(func(t *testing.T, line []byte, first, count int) {
		w := &window{first: max(1, first), count: max(1, count), whole: true}
		w.take(line)
		w.take(line)
		if text := w.text(int64(len(line))); !strings.Contains(text, "") || strings.ToValidUTF8(text, "") != text {
			t.Fatalf("no UTF-8: %q", text)
		}
	})
}
