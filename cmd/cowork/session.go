package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cowork-host/cowork/host"
)

// session is a person, or a script, that watches a task: its events come in,
// what the person types and the interrupts go out. All of its state belongs to
// the goroutine of run.
type session struct {
	app    *app
	client *host.Client
	id     string
	view   *view
	asJSON bool

	stops      bool // interrupts stop the task; else they end the watching
	chatting   bool // an interrupt stops the answer, the next one leaves
	mute       bool // what is old is not shown
	interrupts int
	after      bool // the task was asked to stop when its step is over
	gone       bool // the watching ends though the task may not be over

	next map[string]int64 // by task: the event the next stream begins with

	keyboard *keyboard
	editor   editor
	prompted string // what the person was last asked for off the region
	faced    *ask   // what the person was asked when it was last drawn

	signals chan os.Signal
	done    chan func() // what became of calls to the host
	release func()
}

// newSession makes a session; close it.
func newSession(a *app, c *host.Client, id string, asJSON bool) *session {
	s := &session{
		app: a, client: c, id: id, asJSON: asJSON, view: newView(a, id), next: map[string]int64{},
		signals: make(chan os.Signal, 4), done: make(chan func(), 16),
	}
	if asJSON {
		s.view.silent, s.view.screen.live = true, false
	}
	s.release = a.interrupts.take(func(sig os.Signal) {
		select {
		case s.signals <- sig:
		default: // more of them than anybody needs
		}
	}, s.restore)
	if !asJSON && a.interactive() {
		s.listen()
	}
	return s
}

// listen takes what is typed, unless another program has the terminal.
func (s *session) listen() {
	if f, ok := s.app.stdin.(*os.File); ok && isTerminal(f) && !foreground(f) {
		return
	}
	s.view.answers, s.view.typing = true, true
	s.keyboard = openKeyboard(s.app.stdin, s.view.screen.live)
	if s.keyboard.single {
		fmt.Fprint(s.app.stdout, "\x1b[?2004h") // pasted text is marked as such
	}
}

// restore puts the terminal back.
func (s *session) restore() {
	if s.keyboard != nil {
		if s.keyboard.single {
			fmt.Fprint(s.app.stdout, "\x1b[?2004l")
		}
		s.keyboard.restore()
	}
}

func (s *session) close() {
	s.release()
	s.view.screen.clear()
	s.restore()
}

// arrival is one event of the stream, or how it ended.
type arrival struct {
	event host.Event
	err   error
	over  bool
}

// run shows the task until it is over and returns how it ended. Ends that the
// view has seen are those of earlier runs.
func (s *session) run() (host.TaskDone, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.app.ctx))
	defer cancel()
	if s.app.ctx.Err() != nil { // while the task was being made
		s.interrupts++
		s.stopTask(ctx, false)
	}
	if s.asJSON { // what is old is not printed
		for task, last := range s.view.seen {
			s.next[task] = max(s.next[task], last+1)
		}
	}
	events := s.stream(ctx)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	settle := time.NewTimer(quiet)
	defer settle.Stop()
	for {
		select {
		case got := <-events:
			settle.Reset(quiet)
			done, over, err := s.take(ctx, got)
			if over || err != nil {
				return done, err
			}
		case k := <-s.keys():
			if err := s.press(ctx, k); err != nil {
				return host.TaskDone{}, err
			}
		case sig := <-s.signals:
			if err := s.interrupt(ctx, sig); err != nil {
				return host.TaskDone{}, err
			}
		case f := <-s.done:
			f()
			if s.gone {
				return host.TaskDone{}, errLost
			}
		case <-settle.C:
			s.view.offerAll()
		case <-tick.C:
		}
		if len(events) == 0 {
			s.draw()
		}
	}
}

// stream sends the events of the task and its sub-agents; the last arrival is
// over.
func (s *session) stream(ctx context.Context) <-chan arrival {
	from := maps.Clone(s.next)
	out := make(chan arrival, 256)
	send := func(a arrival) bool {
		select {
		case out <- a:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		for e, err := range s.client.Tree(ctx, s.id, from, true) {
			if err != nil {
				send(arrival{err: err, over: true})
				return
			}
			if !send(arrival{event: e}) {
				return
			}
		}
		send(arrival{over: true})
	}()
	return out
}

// take shows one event and reports whether it is the end.
func (s *session) take(ctx context.Context, got arrival) (host.TaskDone, bool, error) {
	if got.over {
		if _, refused := errors.AsType[*host.RemoteError](got.err); refused || ctx.Err() != nil {
			return host.TaskDone{}, true, got.err
		}
		return host.TaskDone{}, true, lost(s.id)
	}
	e := got.event
	s.view.show(e, s.asJSON || s.mute && s.view.old(e))
	if s.asJSON {
		if err := s.app.printJSON(e); err != nil {
			return host.TaskDone{}, true, err
		}
	}
	s.passed(e)
	if e.Kind != host.KindTaskDone || e.Task != s.id || s.view.old(e) {
		return host.TaskDone{}, false, nil
	}
	done := host.DecodeEvent[host.TaskDone](e)
	if !s.asJSON {
		s.draw()
		if s.chatting && done.Status == host.StatusStopped {
			return done, true, nil
		}
		if done.Error != nil && done.Status != host.StatusDone && done.Status != host.StatusParked {
			s.app.printProblem(*done.Error, "")
		}
	}
	return done, true, nil
}

// passed notes how far the stream has come.
func (s *session) passed(e host.Event) {
	if e.Seq > 0 {
		s.next[e.Task] = e.Seq + 1
	}
}

// draw shows what has changed, and asks where there is no region for it.
func (s *session) draw() {
	if s.asJSON {
		return
	}
	s.faced = s.view.current()
	s.view.screen.draw(s.view.region(&s.editor))
	if s.view.screen.live || !s.view.answers {
		return
	}
	asked := ""
	if k := s.view.current(); k != nil && !k.sent {
		asked = k.prompt()
	}
	if asked != s.prompted && asked != "" {
		fmt.Fprint(s.app.stderr, asked)
		s.view.screen.standing = s.app.stderr
	}
	s.prompted = asked
}

// keys yields what is typed, nothing where nobody listens.
func (s *session) keys() <-chan key {
	if s.keyboard == nil {
		return nil
	}
	return s.keyboard.keys
}

// asked names what a line would answer, empty for nothing.
func (s *session) asked() string {
	k := s.view.current()
	if k == nil {
		return ""
	}
	name := k.thread.id + "\x00" + k.key
	if k.reason {
		name += "\x00why"
	}
	return name
}

// unseen is what a line belongs to that is begun while the screen does not yet
// show what is asked.
const unseen = "\x00unseen"

// begins names what a line that begins now is typed at.
func (s *session) begins() string {
	if s.view.current() != s.faced {
		return unseen
	}
	return s.asked()
}

// press takes one key.
func (s *session) press(ctx context.Context, k key) error {
	line, done, end := s.editor.press(k, s.begins())
	if done && k.whole {
		s.view.screen.scrolled()
	}
	switch {
	case end && s.app.local != nil && s.view.current() == nil:
		if k.end {
			s.keyboard.keys = nil // nothing more can come
		}
		s.view.say(dim, "  (it runs inside this program: leaving would cut it off; Ctrl-C stops it)")
		return nil
	case end:
		return errLeft
	case done:
		s.prompted, s.view.screen.standing = "", nil
		return s.typed(ctx, strings.ReplaceAll(strings.TrimRight(line, "\r\n"), string(keyBreak), "\n"), k.whole)
	}
	return nil
}

// typed takes one line: the answer to what is asked, or a message to the task.
// A line that was begun before the question came is neither, nor is one that
// was begun at a question which has its answer now. Of a line that came whole
// nobody knows when it was begun: a letter that answers cards is no message.
func (s *session) typed(ctx context.Context, line string, whole bool) error {
	k, began := s.view.current(), s.editor.began
	text := strings.TrimSpace(line)
	switch {
	case k != nil && !k.sent && began == s.asked():
		s.answer(ctx, k, line)
	case text == "":
	case text == "detach" && s.app.local == nil:
		return errLeft
	case k != nil && k.sent:
		s.notSent("your answer is on its way; type this again when nothing is asked", text)
	case k != nil:
		s.notSent("this was asked while you typed; answer it first", text)
	case began != "" || whole && isLetter(text):
		s.notSent("nothing is asked any more", text)
	case s.view.threads[s.id] == nil || s.view.threads[s.id].turn == 0:
		s.view.say(dim, "  (no model is at work yet that could be told this)")
	default:
		s.do(func() error {
			_, err := s.client.Send(ctx, s.id, host.MessageRequest{Text: line, When: host.WhenNow})
			return err
		}, s.problem)
	}
	return nil
}

// notSent says why a line was neither an answer nor a message.
func (s *session) notSent(why, text string) {
	s.view.say(dim, "  (%s; not sent: %s)", why, cut(clean(text), 200))
	s.prompted = "" // off the region it is asked for again
}

// isLetter reports whether a text is a letter that answers an approval.
func isLetter(text string) bool {
	return slices.Contains([]string{letterAllow, letterTask, letterAlways, letterDeny, "n", "y"}, strings.ToLower(text))
}

// answer sends what the person typed at a question or an approval.
func (s *session) answer(ctx context.Context, k *ask, line string) {
	if k.question != nil {
		value, problem := choose(k.question.Choices, line)
		if problem != "" {
			s.view.line("  %s", problem)
			return
		}
		k.sent = true
		s.do(func() error { return s.client.Answer(ctx, k.thread.id, k.question.ID, value) }, s.answered(k))
		return
	}
	d := k.decide(line)
	switch {
	case d.problem != "":
		s.view.line("  %s", d.problem)
	case d.reason:
		k.reason = true
	case d.plan != nil:
		s.do(func() error { return s.client.EditPlan(ctx, k.thread.id, d.plan) }, func(err error) {
			s.problem(err)
			if err == nil {
				s.view.planLines(k.thread)
			}
		})
	default:
		k.sent = true
		s.do(func() error { return s.client.Approve(ctx, k.thread.id, *d.answer) }, s.answered(k))
	}
}

// answered is told whether the host took an answer.
func (s *session) answered(k *ask) func(error) {
	return func(err error) {
		k.sent, k.reason = err == nil, false
		s.problem(err)
	}
}

// problem shows an error that does not end the watching.
func (s *session) problem(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	p := problemOf(err)
	if s.asJSON {
		s.app.printProblem(p, "")
		return
	}
	s.view.say(red, "  %s", strings.Join(strings.Fields(clean(p.Message)), " "))
	if p.Next != "" {
		s.view.line("    next: %s", strings.Join(strings.Fields(clean(p.Next)), " "))
	}
}

// do calls the host beside the showing; then is called with what it said.
func (s *session) do(call func() error, then func(error)) {
	go func() {
		err := call()
		s.done <- func() { then(err) }
	}()
}

// interrupt takes one Ctrl-C: the first lets the running step end, where there
// is one of a model's; the next stops the task now; one more ends this program.
func (s *session) interrupt(ctx context.Context, sig os.Signal) error {
	s.interrupts++
	if s.chatting {
		if s.interrupts > 1 {
			return exitError{exitInterrupted}
		}
		s.view.line("  stopping the answer; Ctrl-C again leaves")
		s.view.stopping = true
		s.stopTask(ctx, false)
		return nil
	}
	if !s.stops {
		s.view.screen.clear()
		fmt.Fprintln(s.app.stderr, "cowork: interrupted")
		return exitError{exitInterrupted}
	}
	root := s.view.threads[s.id]
	gentle := sig != syscall.SIGTERM && root != nil && root.turn > 0 && s.view.current() == nil
	switch {
	case s.interrupts == 1 && gentle:
		s.after = true
		s.view.line("  stopping after this step; Ctrl-C again stops now")
		s.view.stopping = true
		s.stopTask(ctx, true)
	case s.interrupts == 1 || s.interrupts == 2 && s.after:
		s.after = false
		s.stopTask(ctx, false)
	default:
		s.app.interrupts.leave()
	}
	return nil
}
