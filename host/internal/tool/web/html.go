package web

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	maxText   = 5 << 20 // bytes of Markdown
	maxHref   = 2000    // a longer address is not worth its room
	maxPrefix = 24      // of a line, in nested lists and quotations
	maxLevel  = 3       // of lines inside lines: a link in a cell
)

// toMarkdown returns what a person would see of a web page, as Markdown.
// Scripts, styles, comments and everything that is hidden by an attribute or
// an inline style is left out; what only a style sheet hides is not.
func toMarkdown(source string, base *url.URL) string {
	doc, err := html.Parse(strings.NewReader(source))
	if err != nil { // nested too deep
		return plainText(source)
	}
	p := &page{base: base, nested: map[*html.Node]bool{}}
	p.survey(doc, nil)
	if p.title != "" {
		p.write("Title: " + p.title)
		p.block(2)
	}
	p.node(doc)
	return strings.TrimSpace(p.out.String())
}

// page is a page being written.
type page struct {
	out    strings.Builder
	base   *url.URL
	title  string
	nested map[*html.Node]bool // tables with tables in them: they are layout

	prefix string // of every line
	marker string // of the next line: it begins a list item
	breaks int    // line breaks that are due before the next text
	space  bool   // a space is due
	inLine bool   // the line has text
	linked bool   // inside a link: no links in links
	level  int    // how often this page is inside a line of another
}

// survey finds the title, the base and the tables that are layout.
func (p *page) survey(n, table *html.Node) {
	switch {
	case n.Type != html.ElementNode:
	case n.DataAtom == atom.Title && p.title == "" && n.FirstChild != nil && n.Namespace == "":
		p.title = strings.Join(strings.Fields(n.FirstChild.Data), " ")
	case n.DataAtom == atom.Base:
		if u, err := p.base.Parse(attr(n, "href")); err == nil && len(u.String()) < maxHref {
			p.base = u
		}
	case n.DataAtom == atom.Table:
		if table != nil {
			p.nested[table] = true
		}
		table = n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.survey(c, table)
	}
}

func (p *page) children(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.node(c)
	}
}

func (p *page) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		p.text(n.Data)
	case html.DocumentNode:
		p.children(n)
	case html.ElementNode:
		if !skipped(n) && p.out.Len() < maxText {
			p.element(n)
		}
	}
}

func (p *page) element(n *html.Node) {
	switch n.DataAtom {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		p.block(2)
		p.inline(n, strings.Repeat("#", int(n.Data[1]-'0'))+" ", "")
		p.block(2)
	case atom.A:
		p.link(n)
	case atom.Img:
		if alt := strings.Join(strings.Fields(attr(n, "alt")), " "); alt != "" {
			p.write("[image: " + alt + "]")
		}
	case atom.Br:
		p.block(1)
	case atom.Hr:
		p.block(2)
		p.write("---")
		p.block(2)
	case atom.Pre, atom.Listing, atom.Xmp:
		p.verbatim(n)
	case atom.Code, atom.Kbd, atom.Samp:
		p.inline(n, "`", "`")
	case atom.Blockquote:
		p.indented(n, "> ", "")
	case atom.Ul, atom.Menu:
		p.list(n, func(int) string { return "- " })
	case atom.Ol:
		start, err := strconv.Atoi(attr(n, "start"))
		if err != nil {
			start = 1
		}
		p.list(n, func(i int) string { return strconv.Itoa(start+i) + ". " })
	case atom.Li: // outside a list
		p.indented(n, "  ", "- ")
	case atom.Table:
		p.table(n)
	default:
		p.plain(n)
	}
}

// plain writes an element that has no form of its own.
func (p *page) plain(n *html.Node) {
	breaks := 0
	switch n.DataAtom {
	case atom.P, atom.Section, atom.Article, atom.Main, atom.Header, atom.Footer, atom.Nav, atom.Aside, atom.Figure, atom.Form, atom.Fieldset, atom.Dl, atom.Details:
		breaks = 2
	case atom.Div, atom.Dt, atom.Dd, atom.Address, atom.Figcaption, atom.Legend, atom.Summary, atom.Caption, atom.Tr, atom.Td, atom.Th, atom.Option, atom.Body, atom.Center, atom.Hgroup, atom.Search:
		breaks = 1
	}
	p.block(breaks)
	p.children(n)
	p.block(breaks)
}

// list writes the items of a list, each behind the marker of its number.
func (p *page) list(n *html.Node, marker func(int) string) {
	if p.prefix == "" {
		p.block(2)
	}
	i := 0
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode || c.DataAtom != atom.Li {
			p.node(c)
			continue
		}
		if !skipped(c) {
			p.indented(c, "  ", marker(i))
			i++
		}
	}
	p.block(1)
	if p.prefix == "" {
		p.block(2)
	}
}

// indented writes the children behind a prefix, the first line behind the
// marker instead.
func (p *page) indented(n *html.Node, prefix, marker string) {
	p.block(1)
	outer := p.prefix
	p.marker = ""
	if marker != "" {
		p.marker = outer + marker
	}
	if len(outer) < maxPrefix {
		p.prefix += prefix
	}
	p.children(n)
	p.prefix, p.marker = outer, ""
	p.block(1)
}

func (p *page) link(n *html.Node) {
	if p.linked {
		p.children(n)
		return
	}
	before, after := "", ""
	if to := p.target(attr(n, "href")); to != "" {
		before, after = "[", "]("+to+")"
	}
	p.inline(n, before, after)
}

// inline writes the children as one piece of a line.
func (p *page) inline(n *html.Node, before, after string) {
	text := p.inside(n)
	if text == "" {
		return
	}
	p.space = p.space || spaceAt(n.FirstChild, true)
	p.write(before + text + after)
	p.space = spaceAt(n.LastChild, false)
}

// spaceAt reports whether a text begins, or ends, with white space.
func spaceAt(n *html.Node, begin bool) bool {
	if n == nil || n.Type != html.TextNode || n.Data == "" {
		return false
	}
	if begin {
		return n.Data[0] <= ' '
	}
	return n.Data[len(n.Data)-1] <= ' '
}

// target returns where a link leads, empty where that is of no use.
func (p *page) target(href string) string {
	href = strings.TrimSpace(href)
	if href == "" || href[0] == '#' || len(href) > maxHref {
		return ""
	}
	u, err := p.base.Parse(href)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" {
		return ""
	}
	to := strings.NewReplacer("(", "%28", ")", "%29", " ", "%20", "\n", "").Replace(u.String())
	if len(to) > maxHref {
		return ""
	}
	return to
}

// inside returns the children as one line.
func (p *page) inside(n *html.Node) string {
	if p.level == maxLevel { // so that no text is copied often
		return strings.Join(strings.Fields(visibleText(n, &strings.Builder{}).String()), " ")
	}
	sub := &page{base: p.base, nested: p.nested, level: p.level + 1, linked: p.linked || n.DataAtom == atom.A}
	sub.children(n)
	return strings.Join(strings.Fields(sub.out.String()), " ")
}

// table writes a table of data as rows of cells, and one that holds other
// tables as what stands in it.
func (p *page) table(n *html.Node) {
	p.block(2)
	defer p.block(2)
	if p.nested[n] || p.level > 0 {
		p.children(n)
		return
	}
	rows := 0
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			switch {
			case c.Type != html.ElementNode || skipped(c):
			case c.DataAtom == atom.Tr:
				p.row(c, &rows)
			case c.DataAtom == atom.Caption:
				p.node(c)
			default:
				walk(c)
			}
		}
	}
	walk(n)
}

func (p *page) row(tr *html.Node, rows *int) {
	var cells []string
	empty := true
	for c := tr.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode || skipped(c) {
			continue
		}
		text := strings.ReplaceAll(p.inside(c), "|", `\|`)
		empty = empty && text == ""
		cells = append(cells, text)
	}
	if empty {
		return
	}
	p.block(1)
	p.write("| " + strings.Join(cells, " | ") + " |")
	if *rows++; *rows == 1 {
		p.block(1)
		p.write("|" + strings.Repeat(" --- |", len(cells)))
	}
	p.block(1)
}

func (p *page) verbatim(n *html.Node) {
	text := strings.Trim(visibleText(n, &strings.Builder{}).String(), "\n")
	if text == "" {
		return
	}
	p.block(2)
	for _, line := range strings.Split("```\n"+text+"\n```", "\n") {
		p.write(strings.TrimRight(line, "\r"))
		p.breaks++
		p.inLine = false
	}
	p.breaks = 2
}

// text writes text in which all white space is one space.
func (p *page) text(s string) {
	for i, word := range strings.Fields(s) {
		if i > 0 || s[0] <= ' ' {
			p.space = true
		}
		p.write(word)
	}
	if s != "" && s[len(s)-1] <= ' ' {
		p.space = true
	}
}

// block asks for line breaks before the next text.
func (p *page) block(breaks int) {
	if breaks > 0 {
		p.breaks, p.space = max(p.breaks, breaks), false
	}
}

func (p *page) write(s string) {
	if p.out.Len()+len(s) > maxText {
		return
	}
	if p.breaks > 0 && p.out.Len() > 0 {
		p.out.WriteString(strings.Repeat("\n", p.breaks))
		p.inLine = false
	}
	p.breaks = 0
	switch {
	case p.marker != "":
		p.out.WriteString(p.marker)
		p.marker = ""
	case !p.inLine:
		p.out.WriteString(p.prefix)
	case p.space:
		p.out.WriteByte(' ')
	}
	p.space, p.inLine = false, true
	p.out.WriteString(s)
}

// visibleText collects the text of a node as it stands.
func visibleText(n *html.Node, b *strings.Builder) *strings.Builder {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.Type == html.TextNode:
			b.WriteString(c.Data)
		case c.Type == html.ElementNode && c.DataAtom == atom.Br:
			b.WriteByte('\n')
		case c.Type == html.ElementNode && !skipped(c):
			visibleText(c, b)
		}
	}
	return b
}

// skipped reports whether an element is not for reading, or hidden.
func skipped(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Template, atom.Noscript, atom.Svg, atom.Iframe, atom.Object, atom.Embed, atom.Canvas,
		atom.Audio, atom.Video, atom.Head, atom.Title, atom.Select, atom.Datalist, atom.Noframes, atom.Noembed:
		return true
	case atom.Dialog:
		return !has(n, "open")
	}
	return has(n, "hidden") || strings.EqualFold(attr(n, "aria-hidden"), "true") || hides(attr(n, "style"))
}

// What keeps an element out of sight, in an inline style in lower case and
// without white space.
var (
	hiding = regexp.MustCompile(`(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|content-visibility:hidden` +
		`|font-size:0(?:\.0*)?(?:px|pt|em|rem|%)?(?:[;!]|$)|color:transparent` +
		`|(?:left|top|right|bottom|text-indent|margin-left|margin-top):-\d{4,}|clip:rect\([01](?:px)?[, ]|clip-path:inset\((?:50|100)%|transform:scale[xy]?\(0[.,)])`)
	faded = regexp.MustCompile(`(?:^|;)opacity:0?(?:\.0+)?(?:[;!%]|$)`)
	moves = regexp.MustCompile(`(?:^|;)(?:transform|translate|transition|animation|will-change)`)
	flat  = regexp.MustCompile(`(?:^|;)(?:width|height|max-width|max-height):[01](?:px)?(?:[;!]|$)`)
)

// hides reports whether an inline style keeps an element out of sight. What is
// faded out and about to move is shown by a script as soon as the page runs.
func hides(style string) bool {
	if style == "" {
		return false
	}
	style = squeeze(style)
	return hiding.MatchString(style) || faded.MatchString(style) && !moves.MatchString(style) ||
		flat.MatchString(style) && strings.Contains(style, "overflow:hidden")
}

func squeeze(style string) string {
	return strings.ToLower(strings.Join(strings.Fields(style), ""))
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// plainText is what is left of a page that cannot be read as a tree.
func plainText(source string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(source))
	skip := ""
	for {
		switch z.Next() {
		case html.ErrorToken:
			return "(The page is nested too deeply to tell what is hidden in it; this is all of its text.)\n" + strings.TrimSpace(b.String())
		case html.StartTagToken:
			if name, _ := z.TagName(); skip == "" && rawText(string(name)) {
				skip = string(name)
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == skip {
				skip = ""
			}
		case html.TextToken:
			if words := strings.Fields(string(z.Text())); skip == "" && len(words) > 0 {
				b.WriteString(strings.Join(words, " ") + "\n")
			}
		}
	}
}

func rawText(name string) bool {
	switch name {
	case "script", "style", "template", "noscript", "noframes", "noembed", "iframe", "svg", "title", "xmp":
		return true
	}
	return false
}
