package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// The limits of messages to a task.
const (
	maxQueue   = 1000
	maxMessage = 1 << 20
)

// Send queues a message to a task and returns the message's id. To a task that
// is over it is a new turn: the task is resumed. More than a thousand messages
// do not wait.
func (m *Manager) Send(ctx context.Context, id string, msg event.MessageQueued) (string, error) {
	if err := checkMessage(&msg); err != nil {
		return "", err
	}
	root, err := m.root(ctx, id)
	if err != nil {
		return "", err
	}
	for {
		sent, err := m.sendLive(ctx, id, root, &msg)
		if err != nil {
			return "", err
		}
		if sent {
			return msg.ID, nil
		}
		err = m.resume(ctx, id, resuming{reason: "message", done: true, record: func(s *State) ([]event.Payload, error) {
			if err := numbered(s, &msg); err != nil {
				return nil, err
			}
			return []event.Payload{msg}, nil
		}})
		switch {
		case err == nil:
			return msg.ID, nil
		case !errors.Is(err, errAtWork): // else somebody was first: it takes messages now
			return "", err
		}
	}
}

// sendLive queues a message to a task at work, or to a sub-agent that its task
// takes up again. It reports whether it did; a task that is over must be
// resumed instead.
func (m *Manager) sendLive(ctx context.Context, id, root string, msg *event.MessageQueued) (sent bool, err error) {
	atWork := false
	err = m.with(ctx, id, func(t *Task) error {
		if err := runnable(&t.state); err != nil {
			return err
		}
		if atWork = t.atWork(); !atWork && (id == root || t.state.finished()) {
			return nil
		}
		err := t.queue(ctx, msg)
		sent = err == nil
		return err
	})
	switch {
	case err != nil || sent && atWork:
		return sent, err
	case sent:
		return true, m.goOn(ctx, id, "message\x00"+msg.ID)
	case id != root:
		return false, &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: "sub-agent " + id + " is over",
			Next: "send it to task " + root + ", or run it again with `cowork task retry " + id + "`",
		}
	}
	return false, nil
}

func checkMessage(msg *event.MessageQueued) error {
	if msg.When == "" {
		msg.When = event.WhenNow
	}
	if msg.From == "" {
		msg.From = "person"
	}
	switch {
	case strings.TrimSpace(msg.Text) == "":
		return pluginsdk.Invalid("write something", "the message is empty")
	case len(msg.Text) > maxMessage:
		return pluginsdk.Invalid("put it into a file and name the file", "the message has %d bytes, more than %d", len(msg.Text), maxMessage)
	case !utf8.ValidString(msg.Text):
		return pluginsdk.Invalid("send it as UTF-8", "the message is not text")
	case msg.When != event.WhenNow && msg.When != event.WhenNext:
		return pluginsdk.Invalid("use now or next", "%.20q is no time for a message", msg.When)
	}
	return nil
}

// numbered gives a message its id, or refuses it when too many wait.
func numbered(s *State, msg *event.MessageQueued) error {
	if len(s.Queue) >= maxQueue {
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: fmt.Sprintf("%d messages wait for task %s already", len(s.Queue), s.ID),
			Next: "wait until some are delivered, or remove some",
		}
	}
	msg.ID = "m" + strconv.Itoa(s.Messages+1)
	return nil
}

// queue records a message; called with the lock held.
func (t *Task) queue(ctx context.Context, msg *event.MessageQueued) error {
	if err := numbered(&t.state, msg); err != nil {
		return err
	}
	return t.record(ctx, *msg)
}

// Change edits, moves or removes a message that waits. One that was delivered
// or removed is a [pluginsdk.ErrConflict].
func (m *Manager) Change(ctx context.Context, id string, c event.MessageChanged) error {
	if c.Text == "" && c.When == "" && c.Before == "" && !c.Remove {
		return pluginsdk.Invalid("say what is to change", "nothing is changed of message %.100q", c.ID)
	}
	probe := event.MessageQueued{Text: c.Text, When: c.When}
	if c.Text == "" {
		probe.Text = "unchanged"
	}
	if err := checkMessage(&probe); err != nil {
		return err
	}
	return m.with(ctx, id, func(t *Task) error {
		if err := runnable(&t.state); err != nil {
			return err
		}
		if t.state.message(c.ID) < 0 {
			return t.noMessage(c.ID)
		}
		if c.Before != "" && c.Before != "end" && (c.Before == c.ID || t.state.message(c.Before) < 0) {
			return pluginsdk.Invalid("name a message that waits, or end", "message %q cannot go in front of %.100q", c.ID, c.Before)
		}
		return t.record(ctx, c)
	})
}

// noMessage says why a message does not wait.
func (t *Task) noMessage(id string) error {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "m"))
	if err == nil && n >= 1 && n <= t.state.Messages {
		return &pluginsdk.Error{
			Kind: pluginsdk.ErrConflict, Message: fmt.Sprintf("message %s of task %s was delivered or removed", id, t.ID),
			Next: "send a new one",
		}
	}
	return &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("task %s has no message %.100q", t.ID, id)}
}

// EditPlan edits a task's plan for the person; all edits or none.
func (m *Manager) EditPlan(ctx context.Context, id string, ops []event.PlanOp) error {
	return m.with(ctx, id, func(t *Task) error {
		if err := runnable(&t.state); err != nil {
			return err
		}
		return t.editPlan(ctx, "person", ops)
	})
}

// Deliver takes messages from the queue and returns their text, "" when there
// are none. At a tool boundary these are all for now; between turns they are
// those for now or, if there are none, the first for the next turn. That they
// were delivered is recorded.
func (t *Task) Deliver(ctx context.Context, turn int, boundary bool) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ids, texts []string
	take := func(when event.MessageWhen, most int) {
		for _, msg := range t.state.Queue {
			if msg.When == when && len(ids) < most {
				ids, texts = append(ids, msg.ID), append(texts, msg.Text)
			}
		}
	}
	take(event.WhenNow, maxQueue)
	if len(ids) == 0 && !boundary {
		take(event.WhenNext, 1)
	}
	if len(ids) == 0 {
		return "", nil
	}
	text := strings.Join(texts, "\n\n")
	return text, t.record(ctx, event.MessageDelivered{IDs: slices.Clip(ids), Turn: turn, Text: text})
}
