package web

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func base(tb testing.TB) *url.URL {
	tb.Helper()
	u, err := url.Parse("https://example.com/a/b.html?q=1")
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"text", "hello   world\n\n again", "hello world again"},
		{"title", "<title> A\n page </title><p>text", "Title: A page\n\ntext"},
		{"paragraphs", "<p>one<p>two</p>three", "one\n\ntwo\n\nthree"},
		{"headings", "<h1>A <b>big</b> one</h1>text<h3>small</h3><h2></h2>", "# A big one\n\ntext\n\n### small"},
		{"inline", "a<b>b</b>c <i>d</i> e", "abc d e"},
		{"line breaks", "a<br>b<br/>c<hr>d", "a\nb\nc\n\n---\n\nd"},
		{"relative link", `see <a href="../c?x=1#y">the <em>page</em></a>.`, "see [the page](https://example.com/c?x=1#y)."},
		{"absolute link", `<a href="http://other.com/x(1)">x</a>`, "[x](http://other.com/x%281%29)"},
		{"link to nowhere", `<a href="#top">up</a> <a href="javascript:alert(1)">run</a> <a href="data:text/html,x">d</a> <a>none</a>`, "up run d none"},
		{"empty link", `a<a href="/x"><img src="i.png"></a>b`, "ab"},
		{"link around blocks", `<a href="/x"><div>one</div><div>two</div></a>`, "[one two](https://example.com/x)"},
		{"spaces at links", `a<a href="/x"> b </a>c`, "a [b](https://example.com/x) c"},
		{"base", `<base href="https://cdn.example/d/"><a href="e">e</a>`, "[e](https://cdn.example/d/e)"},
		{"image", `<img alt="a  chart" src=x> <img src=y>`, "[image: a chart]"},
		{"list", "<ul><li>one<li>two <b>x</b></ul>after", "- one\n- two x\n\nafter"},
		{"numbered list", `<ol start="3"><li>c</li><li>d</li></ol>`, "3. c\n4. d"},
		{"nested list", "<ul><li>a<ul><li>b</li><li>c</li></ul></li><li>d</li></ul>", "- a\n  - b\n  - c\n- d"},
		{"quotation", "<blockquote><p>a</p><p>b</p></blockquote>c", "> a\n\n> b\n\nc"},
		{"code", "<pre>if x {\n\ty = 1\n}</pre> and <code>x &lt; 1</code>", "```\nif x {\n\ty = 1\n}\n```\n\nand `x < 1`"},
		{
			"table", "<table><thead><tr><th>a</th><th>b</th></tr></thead><tr><td>1|2</td><td><a href=/l>x</a><br>y</td></tr><tr><td></td></tr></table>z",
			"| a | b |\n| --- | --- |\n| 1\\|2 | [x](https://example.com/l) y |\n\nz",
		},
		{"layout table", "<table><tr><td><table><tr><td>in</td></tr></table></td><td>out</td></tr></table>", "| in |\n| --- |\n\nout"},
		{"script, style, comment", "a<script>b<p></script><style>c{}</style><!-- d --><noscript>e</noscript><template>f</template>g", "ag"},
		{"hidden", `a<p hidden>b</p><div style="DISPLAY : none">c</div><span aria-hidden=true>d</span><i style="x:y;visibility:hidden !important">e</i>f`, "af"},
		{"hidden by size and place", `<p style="font-size:0">a</p><p style="position:absolute;left:-9999px">b</p><p style="opacity:0">c</p><p style="height:1px;overflow:hidden">d</p><p style="color:transparent">e</p>f`, "f"},
		{"not hidden", `<p style="opacity:0.5">a</p><p style="font-size:0.9em">b</p><p style="opacity:0;transform:translateY(9px)">c</p><p style="height:0;padding-top:50%">d</p>`, "a\n\nb\n\nc\n\nd"},
		{"hidden item, others stay", "<ul><li>a<li hidden>b<li>c</ul>", "- a\n- c"},
		{"dialogs", "<dialog>a</dialog><dialog open>b</dialog>", "b"},
		{"forms", `<form><input type=hidden value=secret><select><option>x</select><button>Send</button></form>`, "Send"},
		{"entities", "&lt;b&gt; &amp; &euro; &#x41;", "<b> & € A"},
		{"svg", "<svg><title>t</title><text>u</text></svg>v", "v"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, toMarkdown(c.in, base(t))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestHostilePages gives pages that are made to cost much: none does.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in string }{
		{"deep divs", strings.Repeat("<div>", 100_000) + "text"},
		{"deep lists", strings.Repeat("<ul><li>x", 250) + "text"},
		{"deep quotations", strings.Repeat("<blockquote>x", 500)},
		{"deep tables", strings.Repeat("<table><tr><td>x", 160) + strings.Repeat("text ", 1000)},
		{"deep links", strings.Repeat("<a href=x><table><tr><td>", 120) + "text"},
		{"deep code", strings.Repeat("<code>x", 500) + strings.Repeat("text ", 1000)},
		{"a long base", `<base href="https://x.example/` + strings.Repeat("a", 1900) + `/">` + strings.Repeat("<a href=b>c</a>", 20_000)},
		{"many attributes", "<p " + strings.Repeat("a=b ", 50_000) + ">text"},
		{"unclosed", strings.Repeat("<a<b", 100_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			got := toMarkdown(c.in, base(t))
			if len(got) > maxText+100 {
				t.Errorf("%d bytes of text", len(got))
			}
			t.Logf("%d bytes in %s", len(got), time.Since(began))
		})
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		"<p>a<b>c", "<table><tr><td><table>", "<ul><li><pre>\n<a href=' /x y'>", "<svg><p>", "<base href=':'><a href='%'>x",
		"<!doctype html><title>\xff</title>", "<select><a><script>alert(1)</script>", strings.Repeat("<i>", 600),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "\uFFFD")
		got := toMarkdown(s+"<script>SECRETSCRIPT()</script>", base(t))
		if !utf8.ValidString(got) {
			t.Errorf("not UTF-8: %q", got)
		}
		if len(got) > maxText+200 {
			t.Errorf("%d bytes", len(got))
		}
		if again := toMarkdown(s+"<script>SECRETSCRIPT()</script>", base(t)); again != got {
			t.Error("the same page gives different text")
		}
	})
}
