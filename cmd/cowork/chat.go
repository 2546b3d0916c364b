package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

type chatCmd struct {
	Folder     []string `help:"Folder the chat may read and write; repeatable. Default: the current one." placeholder:"DIR" sep:"none"`
	Light      bool     `help:"Only talk: no tools and no folders."`
	Task       string   `help:"Go on with this task." placeholder:"ID"`
	Mode       string   `help:"How much to ask: ask, act or plan." enum:"ask,act,plan" default:"ask"`
	Sandbox    string   `help:"Where plugins run: auto or jail." default:"auto" placeholder:"NAME"`
	Model      string   `help:"The model to use. Default: COWORK_MODEL, else the connection's own." placeholder:"NAME"`
	Budget     string   `help:"The most the chat may cost, in US dollars; it asks before it goes on. 0 asks before anything is spent." placeholder:"USD"`
	NoInternet bool     `help:"Keep the chat off the internet; the model itself is still called."`
	JSON       bool     `help:"Print one event per line as JSON."`

	Text []string `arg:"" optional:"" help:"The first line. Default: it is asked for."`
}

// Help is shown by --help.
func (chatCmd) Help() string {
	return `Every line goes to the same task, which remembers what was said; slash commands
go through as they are. Lines can also come from a pipe, one after the other.

/quit or Ctrl-D leaves. Ctrl-C stops the answer, twice leaves. Go on later with
the task's id.

Examples:

  cowork chat
  cowork chat --light "what is accrual accounting?"
  cowork chat --folder ~/Reports "which of these is the newest?"
  cowork chat --task ID`
}

// chat is a conversation: a session that is run once for every line.
type chat struct {
	*session
	cmd   *chatCmd
	req   host.RunRequest
	piped *keyboard // the lines of a chat nobody types in
	last  error     // how the last answer ended, as an exit code
}

func (c *chatCmd) Run(a *app, ctx context.Context) error {
	ch := &chat{cmd: c}
	var err error
	if c.Task == "" {
		if ch.req, err = c.request(a); err != nil {
			return err
		}
	}
	client, err := a.connectModel(ctx)
	if err != nil {
		return err
	}
	ch.session = newSession(a, client, "", c.JSON)
	defer ch.close()
	ch.chatting, ch.view.chat = true, true
	if ch.keyboard == nil {
		ch.piped = openKeyboard(a.stdin, false)
	}
	return ch.talk(ctx)
}

// request is what the chat's task is made of.
func (c *chatCmd) request(a *app) (host.RunRequest, error) {
	if c.Light && len(c.Folder) > 0 {
		return host.RunRequest{}, pluginsdk.Invalid("leave one of them out", "a light chat has no folders, and --folder names one")
	}
	r := runCmd{
		Folder: c.Folder, Mode: c.Mode, Model: c.Model, Budget: c.Budget, Sandbox: c.Sandbox, NoInternet: c.NoInternet, JSON: c.JSON,
		noFolder: c.Light,
	}
	req, err := r.request(a)
	req.Light = c.Light
	return req, err
}

// talk sends line after line until the person leaves.
func (c *chat) talk(ctx context.Context) error {
	if err := c.rejoin(ctx); err != nil {
		return err
	}
	line := strings.TrimSpace(joinWords(c.cmd.Text))
	for {
		if line == "" {
			var err error
			if line, err = c.readLine(); err != nil {
				return c.bye(err)
			}
		}
		switch text := strings.TrimSpace(line); text {
		case "":
		case "/quit", "/exit":
			return c.bye(errLeft)
		default:
			if err := c.say(ctx, line); err != nil {
				return c.bye(err)
			}
		}
		line = ""
	}
}

// rejoin takes up a task that is there.
func (c *chat) rejoin(ctx context.Context) error {
	if c.cmd.Task == "" {
		return nil
	}
	id, err := taskID{c.cmd.Task}.resolve(ctx, c.client)
	if err != nil {
		return err
	}
	s, err := c.client.State(ctx, id)
	if err != nil {
		return err
	}
	c.join(id)
	c.view.known(s)
	for e, err := range c.client.Tree(ctx, id, nil, false) {
		if err != nil {
			return err
		}
		c.view.show(e, true)
		c.passed(e)
	}
	if !c.asJSON {
		c.view.line("▸ %s", clean(s.Created.Title))
		for l := range strings.Lines(s.Text) {
			c.view.line("  %s", clean(strings.TrimRight(l, "\n")))
		}
	}
	if s.Over() {
		return nil
	}
	return c.watch()
}

// join makes the chat one with a task.
func (c *chat) join(id string) { c.id, c.view.task = id, id }

// say sends one line and shows what comes of it.
func (c *chat) say(ctx context.Context, line string) error {
	if c.id != "" {
		_, err := c.client.Send(ctx, c.id, host.MessageRequest{Text: line, When: host.WhenNow})
		if err != nil {
			return c.refused(err)
		}
		return c.watch()
	}
	req := c.req
	req.Input = line
	id, err := submit(c.app, c.client, req)
	if err != nil {
		return c.refused(err)
	}
	c.join(id)
	for i, l := range strings.Split(line, "\n") {
		lead := "› "
		if i > 0 {
			lead = "  "
		}
		if !c.asJSON {
			c.view.say(bold, "%s%s", lead, clean(l))
		}
	}
	return c.watch()
}

// refused shows why a line was not taken. With a person there the chat goes on,
// unless nothing it could say would be taken either.
func (c *chat) refused(err error) error {
	p := problemOf(err)
	if c.piped != nil || codeOf(p) == exitNeedsModel || c.app.ctx.Err() != nil {
		return err
	}
	c.problem(err)
	return nil
}

// watch shows one answer. That it failed or was stopped does not end the chat.
func (c *chat) watch() error {
	c.interrupts = 0
	done, err := c.run()
	if err != nil {
		return err
	}
	c.last = doneError(done)
	if c.piped != nil && done.Status == host.StatusParked {
		return c.last
	}
	return nil
}

// readLine returns what the person types next. The end of the input is errLeft.
func (c *chat) readLine() (string, error) {
	warned := false
	prompted := false
	for {
		if c.keyboard != nil {
			c.view.screen.draw([]row{{"› " + c.editor.shown(c.view.screen.width()-4), plain}})
			if !c.view.screen.live && !prompted {
				fmt.Fprint(c.app.stderr, "› ")
				prompted = true
			}
		}
		keys := c.keys()
		if c.piped != nil {
			keys = c.piped.keys
		}
		select {
		case k := <-keys:
			line, done, end := c.editor.press(k, "")
			if end {
				return "", errLeft
			}
			if done {
				if k.whole {
					c.view.screen.scrolled()
				}
				c.view.screen.draw(nil)
				if text := strings.TrimSpace(line); c.editor.began != "" && text != "" {
					c.notSent("nothing is asked any more", text)
					continue
				}
				return strings.ReplaceAll(strings.TrimRight(line, "\r\n"), string(keyBreak), "\n"), nil
			}
		case <-c.signals:
			if warned || c.piped != nil {
				return "", exitError{exitInterrupted}
			}
			warned = true
			c.editor.text = nil
			c.view.say(dim, "  (Ctrl-C again or /quit leaves)")
		case f := <-c.done:
			f()
		}
	}
}

// bye ends the chat and says how to come back.
func (c *chat) bye(err error) error {
	c.view.screen.clear()
	if c.id != "" && !c.asJSON {
		fmt.Fprintf(c.app.stderr, "go on with: cowork chat --task %s\n", c.id)
	}
	if !errors.Is(err, errLeft) {
		return err
	}
	if c.piped != nil {
		return c.last
	}
	return nil
}
