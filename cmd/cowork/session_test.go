package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host"
)

// TestTypedAtCards types lines while cards come and go. What is said goes to a
// host that is not there: that it was said at all shows by the error.
func TestTypedAtCards(t *testing.T) {
	t.Parallel()
	asked := func(id string) recorded {
		return soon(host.ApprovalAsked{ID: id, Digest: "d", Card: host.Card{About: "tool", Action: "delete " + id, Scopes: []string{"once"}}})
	}
	answered := func(id string) recorded { return soon(host.ApprovalAnswered{ID: id, Allow: true, By: "web"}) }
	type step struct {
		show *recorded // an event; it is drawn unless late
		late bool
		keys string
	}
	show := func(r recorded) step { return step{show: &r} }
	late := func(r recorded) step { return step{show: &r, late: true} }
	keys := func(s string) step { return step{keys: s} }
	for _, c := range []struct {
		name  string
		steps []step
		sent  bool
		says  string
	}{
		{"a message", []step{keys("n\n")}, true, ""},
		{"an answer", []step{show(asked("p1")), keys("d no\n")}, true, ""},
		{"no letter", []step{show(asked("p1")), keys("be quick\n")}, false, "type one of the letters"},
		{"a reason", []step{show(asked("p1")), keys("n\nbe quick\n")}, true, ""},
		{"begun before the card", []step{keys("n"), show(asked("p1")), keys("\n")}, false, "asked while you typed; answer it first; not sent: n"},
		{"begun before another card", []step{show(asked("p1")), keys("a"), show(asked("p2")), show(answered("p1")), keys("\n")}, false, "not sent: a"},
		{"the card went away", []step{show(asked("p1")), keys("n"), show(answered("p1")), keys("\n")}, false, "nothing is asked any more; not sent: n"},
		{"the card went away and is still to be seen", []step{show(asked("p1")), late(answered("p1")), keys("n\n")}, false, "not sent: n"},
		{"the card is not to be seen yet", []step{late(asked("p1")), keys("a\n")}, false, "not sent: a"},
		{"another card that is not to be seen yet", []step{show(asked("p1")), show(asked("p2")), late(answered("p1")), keys("a\n")}, false, "not sent: a"},
		{"a message after a card", []step{show(asked("p1")), show(answered("p1")), keys("n\n")}, true, ""},
		{"nothing was typed", []step{show(asked("p1")), keys("x\x7f"), show(answered("p1")), keys("\n")}, false, ""},
		{"a line of several kept", []step{keys("leave out the drafts"), show(asked("p1")), keys("\n")}, false, "not sent: leave out the drafts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlayer("terminal")
			p.play(t, soon(host.TaskCreated{Title: "x"}), soon(host.TurnStarted{Turn: 1}))
			s := newTypist(t, p)
			for _, st := range c.steps {
				if st.show != nil {
					p.view.show(p.event(t, *st.show), false)
				}
				for _, r := range st.keys {
					if err := s.press(t.Context(), key{r: r}); err != nil {
						t.Fatal(err)
					}
				}
				if !st.late {
					s.draw()
				}
			}
			s.wants(t, c.sent, c.says)
		})
	}
}

// TestTypedWhenTheAnswerIsOver begins a line at a card and ends it where a chat
// takes the next message.
func TestTypedWhenTheAnswerIsOver(t *testing.T) {
	t.Parallel()
	p := newPlayer("terminal")
	p.play(t, soon(host.TaskCreated{Title: "x"}), soon(host.TurnStarted{Turn: 1}),
		soon(host.ApprovalAsked{ID: "p1", Card: host.Card{About: "tool", Action: "delete", Scopes: []string{"once"}}}))
	s := newTypist(t, p)
	if err := s.press(t.Context(), key{r: 'n'}); err != nil {
		t.Fatal(err)
	}
	p.play(t, soon(host.TaskDone{Status: host.StatusParked}))
	s.keyboard = &keyboard{keys: make(chan key, 16)}
	for _, r := range "\nnext\n" {
		s.keyboard.keys <- key{r: r}
	}
	line, err := (&chat{session: s.session}).readLine()
	if line != "next" || err != nil {
		t.Errorf("the next message: %q, %v", line, err)
	}
	s.wants(t, false, "nothing is asked any more; not sent: n")
}

// TestLinesAtCards sends whole lines, of which nobody knows when they were
// begun.
func TestLinesAtCards(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line string
		sent       bool
		says       string
	}{
		{"a letter", "n\n", false, "nothing is asked any more; not sent: n"},
		{"a capital", " A \n", false, "not sent: A"},
		{"a message", "no drafts\n", true, ""},
		{"nothing", "\n", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlayer("terminal")
			p.play(t, soon(host.TaskCreated{Title: "x"}), soon(host.TurnStarted{Turn: 1}))
			s := newTypist(t, p)
			if err := s.press(t.Context(), key{line: c.line, whole: true}); err != nil {
				t.Fatal(err)
			}
			s.draw()
			s.wants(t, c.sent, c.says)
		})
	}
}

// typist is a session without a host.
type typist struct {
	*session
	p *player
}

func newTypist(t *testing.T, p *player) *typist {
	t.Helper()
	c := host.Dial(filepath.Join(t.TempDir(), "none.sock"))
	t.Cleanup(func() { c.Close() })
	s := &session{
		app:    &app{environment: environment{stdout: io.Discard, stderr: io.Discard}},
		client: c, id: rootTask, view: p.view, done: make(chan func(), 16),
	}
	s.draw()
	return &typist{s, p}
}

// wants checks whether something was said to the host and what the screen says.
func (s *typist) wants(t *testing.T, sent bool, says string) {
	t.Helper()
	if got := strings.Join(strings.Fields(s.p.grid.String()), " "); says != "" && !strings.Contains(got, says) || says == "" && strings.Contains(got, "not sent") {
		t.Errorf("it does not say %q:\n%s", says, got)
	}
	s.do(func() error { return nil }, func(error) {})
	calls := 1
	if sent {
		calls++
	}
	for range calls {
		(<-s.done)()
	}
	s.draw()
	if got := strings.Contains(s.p.grid.String(), "no host"); got != sent {
		t.Errorf("said to the host: %v, want %v:\n%s", got, sent, s.p.grid)
	}
	if len(s.done) > 0 {
		t.Error("more than one thing was said to the host")
	}
}
