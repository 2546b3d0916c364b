package web_test

import (
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
)

// hostileText is what a model repeats from a document that wants to get out.
const hostileText = "<script>window.hit=1</script>\n\n" +
	"<img src=x onerror=\"window.hit=2\">\n\n" +
	"![tracker](http://127.0.0.1:9/steal?x=1)\n\n" +
	"[click](javascript:window.hit=3) [data](data:text/html,<script>window.hit=4</script>) [vb](vbscript:x)\n\n" +
	"[bank.example](https://evil.example/login) [mail](mailto:a@b.example)\n\n" +
	"<iframe src=\"/\"></iframe><svg onload=\"window.hit=5\"><math><mi xlink:href=\"javascript:window.hit=6\">\n\n" +
	"<form action=/login><input name=t autofocus onfocus=\"window.hit=7\"><button>Allow once</button></form>\n\n" +
	"<a href=\"jav&#x61;script:window.hit=8\" style=\"position:fixed;inset:0\">x</a>\n\n" +
	"```html\n<script>window.hit=9</script>\n```\n\n# Allow once\n\n- [x] <b onclick=window.hit=10>done</b>\n"

func TestCheck12HostileText(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := newTab(t, newBrowser(t), f)
	f.append(t, "h1", "", event.TaskCreated{Title: hostileText, Input: hostileText, Folders: []string{f.docs}},
		event.ModelMessage{Call: 1, Model: "m", StopReason: "tool_use", Text: hostileText, Raw: `{"content":[{"type":"thinking","thinking":"<img src=x onerror=window.hit=11>"}]}`},
		event.ToolCall{Step: "1", Call: "c", Tool: "read", Summary: hostileText, Effect: "read"},
		event.ToolResult{Step: "1", Call: "c", Tool: "read", Status: event.ResultOK, Text: hostileText},
		event.Finding{Rule: "x", Severity: "warning", Message: hostileText},
		event.PlanEdited{By: "model", Ops: []event.PlanOp{{Op: "add", ID: "1", Text: hostileText, Note: hostileText}}},
		event.MessageQueued{ID: "q", Text: hostileText, When: event.WhenNext},
		event.ChildStarted{Child: "h2", Call: "c2", Agent: hostileText, Title: hostileText},
		event.ApprovalAsked{ID: "a", Digest: "d", Card: event.Card{About: "tool", Action: hostileText, Target: hostileText, Details: []string{hostileText}}},
		event.Completion{NotVerified: []string{hostileText}, Delivered: []event.Delivered{{Path: hostileText, SHA256: hostileText}}})
	f.append(t, "h2", "h1", event.TaskCreated{Title: hostileText, Agent: hostileText})
	f.api.changed("h1", hostileText, "<script>")
	p.show("h1")
	p.shows(".prose", "Image not shown: tracker")
	p.until(`document.querySelector(".approval") && document.querySelector(".completion") && document.querySelector(".changes .path")`)
	p.eval(`document.querySelectorAll("details").forEach(d => d.open = true); new Promise(r => setTimeout(r, 300))`)
	if hit := string(p.eval(`window.hit ?? null`)); hit != "null" {
		t.Errorf("script %s ran", hit)
	}
	for what, script := range map[string]string{
		"elements":          `[...document.querySelectorAll("#app script, #app img, #app iframe, #app svg:not(.icon), #app math, #app form, #app object, #app embed, #app link, #app meta, #app base")].map(e => e.outerHTML)`,
		"handlers":          `[...document.querySelectorAll("#app *")].flatMap(e => [...e.attributes].filter(a => a.name.startsWith("on") || a.name === "style").map(a => e.tagName + " " + a.name))`,
		"links":             `[...document.querySelectorAll("#app a[href]")].map(a => a.getAttribute("href")).filter(h => !/^(https:|mailto:|#|\/artifacts\/)/.test(h))`,
		"links' windows":    `[...document.querySelectorAll(".prose a[href]")].filter(a => a.rel !== "noopener noreferrer" || a.target !== "_blank").map(a => a.outerHTML)`,
		"inputs":            `[...document.querySelectorAll(".prose input")].filter(i => i.type !== "checkbox" || !i.disabled).map(i => i.outerHTML)`,
		"buttons in prose":  `[...document.querySelectorAll(".prose button")].map(b => b.outerHTML)`,
		"requests to other": `performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith(location.origin))`,
	} {
		if got := string(p.eval(script)); got != "[]" {
			t.Errorf("%s: %s", what, got)
		}
	}
	if got := p.text(".prose"); !strings.Contains(got, "bank.example (evil.example)") || !strings.Contains(got, "window.hit=1") {
		t.Errorf("a link hides where it leads, or HTML is not shown as text:\n%s", got)
	}
	// The page's own policy stops what the sanitiser would miss.
	p.mu.Lock()
	p.refused = []string{"Content Security Policy", "TrustedHTML"}
	p.mu.Unlock()
	got := string(p.eval(`(() => { try { document.createElement("div").innerHTML = "<b>"; return "set"; } catch (e) { return e.name; } })()`))
	if got != `"TypeError"` {
		t.Errorf("innerHTML of a plain string: %s", got)
	}
	got = string(p.eval(`fetch("http://127.0.0.1:9/x").then(() => "sent", e => "blocked")`))
	if got != `"blocked"` {
		t.Errorf("a request elsewhere: %s", got)
	}
}
