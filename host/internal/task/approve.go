package task

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// Answer gives an answer to an open question of a task or of one below it; the
// first one stands. A parked tree is resumed when the answer is recorded.
func (m *Manager) Answer(ctx context.Context, id, question, value string) error {
	id, err := m.questioner(ctx, id, question)
	if err != nil {
		return err
	}
	key := ""
	err = m.with(ctx, id, func(t *Task) (err error) {
		if !t.atWork() && t.state.Status != event.StatusParked {
			return &pluginsdk.Error{
				Kind: pluginsdk.ErrConflict, Message: "task " + id + " is not at work, so it asks nothing",
				Next: "resume it with `cowork task resume " + id + "`",
			}
		}
		if err := runnable(&t.state); err != nil {
			return err
		}
		key, err = t.reply(ctx, question, value)
		return err
	})
	if err != nil {
		return err
	}
	return m.goOn(ctx, id, key)
}

// Approve answers an approval of a task or of one below it; without an id it
// is the only open one there. The first answer stands, whoever gives it: a
// later one is a [pluginsdk.ErrConflict] that says who answered what. A parked
// tree is resumed when the answer is recorded.
func (m *Manager) Approve(ctx context.Context, id string, answer event.ApprovalAnswered) error {
	owner, err := m.asking(ctx, id, &answer.ID)
	if err != nil {
		return err
	}
	root, err := m.root(ctx, owner)
	if err != nil {
		return err
	}
	err = m.with(ctx, owner, func(t *Task) error {
		if err := runnable(&t.state); err != nil {
			return err
		}
		return t.approve(ctx, answer, func(a Approval) error {
			return m.opts.OnAnswer(ctx, owner, root, a.ApprovalAsked, answer)
		})
	})
	if err != nil {
		return err
	}
	return m.goOn(ctx, owner, approvalKey(answer.ID))
}

// questioner finds the task at or below id that asks a question: the task
// itself where it does, or where nobody does.
func (m *Manager) questioner(ctx context.Context, id, question string) (string, error) {
	asks := func(s *State) bool {
		return slices.ContainsFunc(s.Open(), func(q event.Question) bool { return q.ID == question })
	}
	s, err := m.own(ctx, id)
	if err != nil || asks(s) {
		return id, err
	}
	found := ""
	err = m.below(ctx, id, func(h event.Head) error {
		if h.Status != event.StatusParked && m.task(h.Task) == nil {
			return nil
		}
		child, err := m.own(ctx, h.Task)
		switch {
		case err != nil || !asks(child):
			return err
		case found != "":
			return pluginsdk.Invalid("answer it at its own task", "two sub-agents of task %s ask the question %.100q", id, question)
		}
		found = h.Task
		return nil
	})
	if err != nil || found == "" {
		return id, err
	}
	return found, nil
}

// goOn makes an answer that was recorded heard: a task at work has it already,
// another one is resumed from the top of its tree.
func (m *Manager) goOn(ctx context.Context, id, key string) error {
	if m.task(id) != nil {
		return nil
	}
	root, err := m.root(ctx, id)
	if err != nil {
		return err
	}
	if t := m.task(root); t != nil { // when it parks as well, it goes on at once
		t.unheard.add(id + "\x00" + key)
	}
	return m.resumeRoot(ctx, root, "answered")
}

// resumeRoot resumes a tree unless it is at work.
func (m *Manager) resumeRoot(ctx context.Context, root, reason string) error {
	err := m.resume(ctx, root, resuming{reason: reason})
	if errors.Is(err, pluginsdk.ErrConflict) {
		return nil // somebody else did
	}
	return err
}

// asking finds the task at or below id that asked for an approval, and fills
// in the approval's id when there is but one.
func (m *Manager) asking(ctx context.Context, id string, approval *string) (string, error) {
	s, err := m.own(ctx, id)
	if err != nil {
		return "", err
	}
	if *approval != "" {
		return m.owner(ctx, s, *approval)
	}
	open, err := m.waiting(ctx, s)
	if err != nil {
		return "", err
	}
	switch len(open) {
	case 0:
		return "", &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "task " + id + " waits for no approval", Next: "see it with `cowork task show " + id + "`"}
	case 1:
		*approval = open[0].ID
		return open[0].Task, nil
	}
	return "", pluginsdk.Invalid("name one of them", "task %s waits for %d approvals", id, len(open))
}

// owner finds the task at or below s that asked for the approval.
func (m *Manager) owner(ctx context.Context, s *State, approval string) (string, error) {
	if s.approval(approval) != nil {
		return s.ID, nil
	}
	owner, answered := "", ""
	err := m.below(ctx, s.ID, func(h event.Head) error {
		child, err := m.own(ctx, h.Task)
		if err != nil {
			return err
		}
		switch a := child.approval(approval); {
		case a == nil:
		case a.Answer != nil:
			answered = h.Task
		case owner != "":
			return pluginsdk.Invalid("answer it at its own task", "two sub-agents of task %s ask for approval %.100q", s.ID, approval)
		default:
			owner = h.Task
		}
		return nil
	})
	if err == nil && owner == "" {
		if owner = answered; owner == "" {
			err = noApproval(s.ID, approval)
		}
	}
	if err != nil {
		return "", fmt.Errorf("find approval: %w", err)
	}
	return owner, nil
}
