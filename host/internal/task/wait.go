package task

import (
	"context"
	"fmt"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

func questionKey(step, id string) string { return "question\x00" + step + "\x00" + id }
func approvalKey(id string) string       { return "approval\x00" + id }

// Ask puts a question of a step to the person and waits. An answer given in an
// earlier run of the step is returned at once. When nobody answers in time, or
// nobody is there, the question stays open and the error is an [ErrParked];
// when the run must end for another reason it is that of [Task.Halt].
func (t *Task) Ask(ctx context.Context, step string, q pluginsdk.Question) (string, error) {
	answered := func() (string, bool) { return t.answer(step, q.ID) }
	key := questionKey(step, q.ID)
	return await(ctx, t, key, q.Text, answered, func() error {
		if t.asked(step, q.ID) {
			return nil
		}
		return t.record(ctx, event.Question{Step: step, Question: q})
	})
}

// Approval asks the person to allow something and waits. It is recorded once
// by its id; an answer that was given already is returned at once. When nobody
// answers in time, or nobody is there, it stays open and the error is an
// [ErrParked]; when the run must end for another reason it is that of
// [Task.Halt].
func (t *Task) Approval(ctx context.Context, asked event.ApprovalAsked) (event.ApprovalAnswered, error) {
	if asked.ID == "" {
		return event.ApprovalAnswered{}, fmt.Errorf("ask for an approval without an id: %w", pluginsdk.ErrInvalid)
	}
	answered := func() (event.ApprovalAnswered, bool) {
		if a := t.state.approval(asked.ID); a != nil && a.Answer != nil {
			return *a.Answer, true
		}
		return event.ApprovalAnswered{}, false
	}
	return await(ctx, t, approvalKey(asked.ID), asked.Card.Action, answered, func() error {
		if t.state.approval(asked.ID) != nil {
			return nil
		}
		return t.record(ctx, asked)
	})
}

// await returns the answer to something asked of the person, which ask records
// first. answered and ask are called with the task's lock held.
func await[A any](ctx context.Context, t *Task, key, text string, answered func() (A, bool), ask func() error) (A, error) {
	var none A
	got := func() (A, bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		a, ok := answered()
		if ok {
			t.root.unheard.heard(t.ID + "\x00" + key)
		}
		return a, ok
	}
	if a, ok := got(); ok {
		return a, nil
	}
	wait, err := t.listen(key, ask)
	if err != nil {
		return none, err
	}
	defer t.deafen(key, wait)
	if err := t.await(ctx, wait, text); err != nil {
		if a, ok := got(); ok && ctx.Err() == nil { // it came at the last moment
			return a, nil
		}
		return none, err
	}
	a, _ := got()
	return a, nil
}

// listener is the channel that an answer closes, and how many wait on it.
type listener struct {
	answered chan struct{}
	waiting  int
}

// listen records the question and returns what its answer closes.
func (t *Task) listen(key string, ask func() error) (*listener, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.waiting[key]
	if l == nil {
		if err := ask(); err != nil {
			return nil, err
		}
		l = &listener{answered: make(chan struct{})}
		t.waiting[key] = l
	}
	l.waiting++
	return l, nil
}

// deafen says that one fewer waits.
func (t *Task) deafen(key string, l *listener) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.waiting--; l.waiting == 0 && t.waiting[key] == l {
		delete(t.waiting, key)
	}
}

// heard wakes who waits for an answer that was recorded just now, or remembers
// that nobody did. It is called with the lock held.
func (t *Task) heard(key string) {
	if l := t.waiting[key]; l != nil {
		close(l.answered)
		delete(t.waiting, key)
		return
	}
	if t.root != nil {
		t.root.unheard.add(t.ID + "\x00" + key)
	}
}

// await waits until l is answered, nobody is there to answer any longer, or
// the run must end. Its time is monotonic: it does not pass while the machine
// sleeps, and no change of the clock shortens it.
func (t *Task) await(ctx context.Context, l *listener, text string) error {
	parked := &pluginsdk.Error{Kind: ErrParked, Message: "nobody is there to answer: " + text, Next: "answer it to go on, see `cowork task show " + t.ID + "`"}
	if !t.Spec.Interactive {
		select {
		case <-l.answered:
			return nil
		default:
			return parked
		}
	}
	timer := time.NewTimer(t.m.opts.ParkAfter)
	defer timer.Stop()
	select {
	case <-l.answered:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.halted:
		return t.Halt()
	case <-timer.C:
		parked.Message = fmt.Sprintf("nobody answered for %s: %s", t.m.opts.ParkAfter, text)
		return parked
	}
}

// answer returns an answer already given; called with the lock held.
func (t *Task) answer(step, id string) (string, bool) {
	for _, st := range t.state.Steps {
		if st.ID == step {
			v, ok := st.Answers[id]
			return v, ok
		}
	}
	return "", false
}

// asked reports whether the step, as it runs now, has asked the question.
func (t *Task) asked(step, id string) bool {
	for _, q := range t.state.Open() {
		if q.Step == step && q.ID == id {
			return true
		}
	}
	return false
}

// reply records the first answer to an open question, wakes who asked, and
// returns the question's key. It is called with the lock held.
func (t *Task) reply(ctx context.Context, id, value string) (key string, err error) {
	for _, q := range t.state.Open() {
		if q.ID != id {
			continue
		}
		if err := allowed(q.Question, value); err != nil {
			return "", err
		}
		if err := t.record(ctx, event.Answer{Step: q.Step, ID: id, Value: value}); err != nil {
			return "", err
		}
		key = questionKey(q.Step, id)
		t.heard(key)
		return key, nil
	}
	return "", &pluginsdk.Error{
		Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("task %s has no open question %.100q", t.ID, id),
		Next: "see the open questions with `cowork task show " + t.ID + "`",
	}
}

func allowed(q pluginsdk.Question, value string) error {
	if len(q.Choices) == 0 {
		return nil
	}
	for _, c := range q.Choices {
		if c.Value == value {
			return nil
		}
	}
	return pluginsdk.Invalid("answer with one of the choices", "%.100q is not a choice of the question %q", value, q.ID)
}

// approve records the first answer to an approval and wakes who asked. It is
// called with the lock held.
func (t *Task) approve(ctx context.Context, answer event.ApprovalAnswered, onAnswer func(Approval) error) error {
	a := t.state.approval(answer.ID)
	switch {
	case a == nil:
		return noApproval(t.ID, answer.ID)
	case a.Answer != nil:
		return answeredAlready(*a)
	case t.state.Over() && t.state.Status != event.StatusParked:
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: fmt.Sprintf("task %s is %s, so it waits for no approval", t.ID, t.state.Status),
			Next: "resume it with `cowork task resume " + t.ID + "`",
		}
	}
	if err := checkAnswer(*a, &answer); err != nil {
		return err
	}
	if err := onAnswer(*a); err != nil {
		return err
	}
	if err := t.record(ctx, answer); err != nil {
		return err
	}
	t.heard(approvalKey(answer.ID))
	return nil
}

// checkAnswer refuses an answer that the card does not offer.
func checkAnswer(a Approval, answer *event.ApprovalAnswered) error {
	if !answer.Allow {
		answer.Scope = ""
		answer.Reason = clip(answer.Reason, maxReason)
		return nil
	}
	if answer.Scope == "" {
		answer.Scope = "once"
		return nil
	}
	for _, s := range a.Card.Scopes {
		if s == answer.Scope {
			return nil
		}
	}
	if answer.Scope == "once" {
		return nil
	}
	return pluginsdk.Invalid(fmt.Sprintf("use one of %q", a.Card.Scopes), "it cannot be allowed for %.20q", answer.Scope)
}

// maxReason bounds the reason of a denial.
const maxReason = 4000

func noApproval(task, id string) error {
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("task %s asks for no approval %.100q", task, id),
		Next: "see what it waits for with `cowork task show " + task + "`",
	}
}

func answeredAlready(a Approval) error {
	what, by := "denied", a.Answer.By
	if a.Answer.Allow {
		what = "allowed"
		if a.Answer.Scope != "" {
			what += " (" + a.Answer.Scope + ")"
		}
	}
	if by == "" {
		by = "another client"
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrConflict, Message: fmt.Sprintf("%s has %s it already: %s", by, what, a.Card.Action),
		Next: "the first answer stands",
	}
}
