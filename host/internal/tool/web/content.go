package web

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/charmap"

	"github.com/cowork-host/cowork/host/internal/window"
)

// render returns what the model is told of a page that was read.
func render(a address, contentType string, body []byte, cut bool) string {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind == "" || kind == "application/octet-stream" || kind == "binary/octet-stream" {
		kind, params, _ = mime.ParseMediaType(http.DetectContentType(body))
		delete(params, "charset") // it only guesses
	}
	at := shown(a.url.String(), 1000)
	if cut {
		for range utf8.UTFMax { // the last character may be cut through
			if r, n := utf8.DecodeLastRune(body); r != utf8.RuneError || n != 1 {
				break
			}
			body = body[:len(body)-1]
		}
	}
	var text string
	switch {
	case kind == "text/html" || kind == "application/xhtml+xml":
		text = toMarkdown(decode(body, params["charset"], true), a.url)
	case isText(kind):
		text = decode(body, params["charset"], false)
	default:
		return other(at, kind, len(body), cut)
	}
	if strings.Count(text, "\x00") > 0 {
		return other(at, "binary data that says it is "+kind, len(body), cut)
	}
	head := fmt.Sprintf("%s (%s, %s)", at, kind, bytesOf(len(body)))
	if cut {
		head += fmt.Sprintf("\nOnly the first %d bytes were read; the page is longer.", len(body))
	}
	if strings.TrimSpace(text) == "" {
		return head + "\nThe page has no readable text. It may need scripts, which web_fetch does not run; try another source."
	}
	return head + "\n" + window.Frame(text, a.url.String())
}

// other says what a thing is that web_fetch does not read.
func other(at, kind string, size int, cut bool) string {
	long := bytesOf(size)
	if cut {
		long = "more than " + long
	}
	return fmt.Sprintf("%s is not text: it is %s, %s. web_fetch reads web pages and text only. "+
		"If its content is needed, look for a text version, or ask the person to save it into a granted folder.", at, shown(kind, 100), long)
}

func isText(kind string) bool {
	if strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") {
		return true
	}
	return slices.Contains([]string{
		"application/json", "application/xml", "application/csv", "application/javascript", "application/ecmascript",
		"application/ndjson", "application/x-ndjson", "application/jsonl", "application/yaml", "application/x-yaml",
		"application/toml", "application/sql", "application/rtf-text", "application/xml-dtd", "application/x-sh",
	}, kind)
}

// decode returns a body as UTF-8: by what the server says, by a mark at its
// beginning, in a web page by what the page says, and else by what it looks
// like.
func decode(body []byte, label string, page bool) string {
	if enc, _ := charset.Lookup(label); enc != nil && label != "" {
		return convert(body, enc.NewDecoder())
	}
	if !page && utf8.Valid(body) {
		return strings.TrimPrefix(string(body), "\uFEFF")
	}
	enc, name, certain := charset.DetermineEncoding(body, "")
	if name == "utf-8" && !certain && !utf8.Valid(body) {
		enc = charmap.Windows1252
	}
	return convert(body, enc.NewDecoder())
}

func convert(body []byte, dec interface{ Reader(io.Reader) io.Reader }) string {
	out, err := io.ReadAll(dec.Reader(bytes.NewReader(body)))
	if err != nil {
		out = append(out, "\n[the rest is damaged]"...)
	}
	return strings.TrimPrefix(strings.ToValidUTF8(string(out), "\uFFFD"), "\uFEFF")
}
