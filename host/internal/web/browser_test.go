package web_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// chromium finds a browser or skips the test with the reason.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium here: the page is not tested in a browser")
	return ""
}

// newBrowser starts a headless browser; each test has tabs of its own.
func newBrowser(t testing.TB) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()))
	alloc, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		cancel()
		stop()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return ctx
}

// tab is one page of a browser, logged in to a fixture.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu      sync.Mutex
	console []string
	refused []string // what the console may say, as the test wants it refused
}

// patience bounds every wait for the page; the machine may be busy.
const patience = 30 * time.Second

func newTab(t testing.TB, browser context.Context, f *fixture) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, line := range p.console {
			if !slices.ContainsFunc(p.refused, func(why string) bool { return strings.Contains(line, why) }) {
				t.Errorf("console: %s", line)
			}
		}
	})
	// The first call owns the tab: a deadline on it would close it afterwards.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	go func() {
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleError {
				p.mu.Lock()
				p.console = append(p.console, m.Text)
				p.mu.Unlock()
			}
		}
	}()
	p.do(chromedp.EmulateViewport(1400, 900), chromedp.Navigate(f.server.LoginURL()))
	p.until(`document.querySelector(".composer")`)
	return p
}

// look makes the page of a size and a colour scheme.
func (p *tab) look(width, height int64, scheme string) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// eval runs a script in the page and returns its value as JSON.
func (p *tab) eval(script string) json.RawMessage {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[json.RawMessage](script, chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
	if err != nil {
		p.t.Fatalf("%.300s: %v", script, err)
	}
	return v
}

// text is the visible text of the first element a selector finds.
func (p *tab) text(selector string) string {
	p.t.Helper()
	var s string
	if err := json.Unmarshal(p.eval(`document.querySelector(`+quoted(selector)+`)?.innerText ?? ""`), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// until waits for a script to be true.
func (p *tab) until(script string) {
	p.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		v, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!!("+script+")"))
		if err == nil && v {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			p.t.Fatalf("the page never came to %s (%v); it shows\n%s", script, err, p.text("body"))
		}
	}
}

// shows waits for a text in the first element a selector finds.
func (p *tab) shows(selector, text string) {
	p.t.Helper()
	p.until(`document.querySelector(` + quoted(selector) + `)?.innerText.includes(` + quoted(text) + `)`)
}

// press clicks the button with a name, in the part a selector names.
func (p *tab) press(within, name string) {
	p.t.Helper()
	find := `[...document.querySelectorAll(` + quoted(within+" button") + `)].find(b => !b.disabled && ((b.getAttribute("aria-label") || b.innerText).trim().startsWith(` + quoted(name) + `)))`
	p.until(find)
	p.eval(find + `.click()`)
}

// write types into the first element a selector finds.
func (p *tab) write(selector, text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// shot writes a picture of the page when COWORK_SHOTS names a folder.
func (p *tab) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("COWORK_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// audit holds the page to axe's rules.
func (p *tab) audit(name string) {
	p.t.Helper()
	axe, err := os.ReadFile(filepath.Join("testdata", "axe-core@4.14.1", "axe.min.js"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.eval(string(axe) + ";0")
	var found []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
	if err := json.Unmarshal(p.eval(`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations)`), &found); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range found {
		p.t.Errorf("%s: %s (%s): %s", name, v.ID, v.Impact, v.Help)
		for _, n := range v.Nodes {
			p.t.Logf("  %.300s\n  %s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
	}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(b)
}
