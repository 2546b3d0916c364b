package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/pluginsdk"
)

// What a plan may hold.
const (
	MaxSteps = 200
	MaxText  = 2000 // bytes of a step's text, and of its note
	maxID    = 40
)

// Step is one step of a plan.
type Step struct {
	ID     string           `json:"id"`
	Text   string           `json:"text"`
	Status event.PlanStatus `json:"status"`
	Note   string           `json:"note,omitempty"`
}

// Apply returns the steps after the edits. It changes none of its arguments.
// An edit that does not fit is a [pluginsdk.ErrInvalid] or, for an unknown id,
// a [pluginsdk.ErrNotFound], and then no edit has an effect.
func Apply(steps []Step, ops []event.PlanOp) ([]Step, error) {
	out := slices.Clone(steps)
	for i, op := range ops {
		var err error
		if out, err = apply(out, op); err != nil {
			if len(ops) > 1 {
				return nil, fmt.Errorf("edit %d of %d, and none was made: %w", i+1, len(ops), err)
			}
			return nil, err
		}
	}
	return out, nil
}

// Fold returns the plan after edits that are in a log. A log is never refused,
// so edits that do not fit together are made one by one, and one that cannot
// be made at all changes nothing. Whoever shows a plan folds it with this, so
// that all show the same. It changes none of its arguments.
func Fold(steps []Step, ops []event.PlanOp) []Step {
	if next, err := Apply(steps, ops); err == nil {
		return next
	}
	for i := range ops {
		if next, err := Apply(steps, ops[i:i+1]); err == nil {
			steps = next
		}
	}
	return steps
}

// Count returns how many steps are done or skipped, and how many there are.
func Count(steps []Step) (done, total int) {
	for _, s := range steps {
		if s.Status == event.PlanDone || s.Status == event.PlanSkipped {
			done++
		}
	}
	return done, len(steps)
}

// Text is the plan in lines, for the model and for a terminal without colour.
func Text(steps []Step) string {
	if len(steps) == 0 {
		return "The plan is empty."
	}
	done, total := Count(steps)
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d\n", done, total)
	for _, s := range steps {
		fmt.Fprintf(&b, "%s %s. %s", mark(s.Status), s.ID, s.Text)
		if s.Note != "" {
			fmt.Fprintf(&b, " (%s)", s.Note)
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func mark(s event.PlanStatus) string {
	switch s {
	case event.PlanActive:
		return "[>]"
	case event.PlanDone:
		return "[x]"
	case event.PlanSkipped:
		return "[-]"
	}
	return "[ ]"
}

func apply(steps []Step, op event.PlanOp) ([]Step, error) {
	if err := check(op); err != nil {
		return nil, err
	}
	if op.Op == "add" {
		return add(steps, op)
	}
	i, err := find(steps, op.ID)
	if err != nil {
		return nil, err
	}
	switch op.Op {
	case "edit":
		if op.Text == "" && op.Note == "" {
			return nil, pluginsdk.Invalid("give a text or a note", "the edit of step %s changes nothing", op.ID)
		}
		set(&steps[i], op)
	case "status":
		if op.Status == "" {
			return nil, pluginsdk.Invalid("give one of pending, active, done, skipped", "the new status of step %s is missing", op.ID)
		}
		set(&steps[i], op)
	case "move":
		if op.After == op.ID {
			return nil, pluginsdk.Invalid("name another step", "step %s cannot go behind itself", op.ID)
		}
		s := steps[i]
		steps = slices.Delete(steps, i, i+1)
		at, err := position(steps, op.After)
		if err != nil {
			return nil, err
		}
		steps = slices.Insert(steps, at, s)
	case "remove":
		steps = slices.Delete(steps, i, i+1)
	}
	return steps, nil
}

func add(steps []Step, op event.PlanOp) ([]Step, error) {
	s := Step{ID: op.ID, Text: op.Text, Status: op.Status, Note: op.Note}
	if s.Status == "" {
		s.Status = event.PlanPending
	}
	switch {
	case strings.TrimSpace(s.Text) == "":
		return nil, pluginsdk.Invalid("say in a line what the step does", "a new step has no text")
	case len(steps) >= MaxSteps:
		return nil, pluginsdk.Invalid("join or remove steps first", "the plan has %d steps, and no more fit", len(steps))
	case s.ID == "":
		s.ID = free(steps)
	case slices.ContainsFunc(steps, func(o Step) bool { return o.ID == s.ID }):
		return nil, pluginsdk.Invalid("edit it, or leave the id out", "there is a step %s already", s.ID)
	}
	at, err := position(steps, op.After)
	if err != nil {
		return nil, err
	}
	return slices.Insert(steps, at, s), nil
}

// free is the next number no step has.
func free(steps []Step) string {
	last := 0
	for _, s := range steps {
		if n, err := strconv.Atoi(s.ID); err == nil && n < 1<<30 {
			last = max(last, n)
		}
	}
	return strconv.Itoa(last + 1)
}

// position is where a step goes that shall stand behind another.
func position(steps []Step, after string) (int, error) {
	switch after {
	case "":
		return len(steps), nil
	case "start":
		return 0, nil
	}
	i, err := find(steps, after)
	return i + 1, err
}

func find(steps []Step, id string) (int, error) {
	i := slices.IndexFunc(steps, func(s Step) bool { return s.ID == id })
	if i >= 0 {
		return i, nil
	}
	var ids []string
	for _, s := range steps {
		ids = append(ids, s.ID)
	}
	next := "add it first"
	if len(ids) > 0 {
		next = "the steps are " + strings.Join(ids, ", ")
	}
	return 0, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("the plan has no step %.40q", id), Next: next}
}

func set(s *Step, op event.PlanOp) {
	if op.Text != "" {
		s.Text = op.Text
	}
	if op.Note != "" {
		s.Note = op.Note
	}
	if op.Status != "" {
		s.Status = op.Status
	}
}

func check(op event.PlanOp) error {
	switch op.Op {
	case "add", "edit", "status", "move", "remove":
	default:
		return pluginsdk.Invalid("use add, edit, status, move or remove", "there is no edit %.40q of a plan", op.Op)
	}
	switch op.Status {
	case "", event.PlanPending, event.PlanActive, event.PlanDone, event.PlanSkipped:
	default:
		return pluginsdk.Invalid("use pending, active, done or skipped", "there is no status %.40q", op.Status)
	}
	if op.Op != "add" && op.ID == "" {
		return pluginsdk.Invalid("name the step", "the %s of a step needs its id", op.Op)
	}
	for _, s := range []string{op.ID, op.After} {
		if len(s) > maxID || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }) {
			return pluginsdk.Invalid("use a short id without spaces", "%.60q is no id of a step", s)
		}
	}
	if op.ID == "start" {
		return pluginsdk.Invalid("choose another id", `no step can have the id "start"`)
	}
	for _, s := range []string{op.Text, op.Note} {
		if len(s) > MaxText || !utf8.ValidString(s) {
			return pluginsdk.Invalid("say it shorter", "a text of the plan has %d bytes, more than %d, or is no UTF-8", len(s), MaxText)
		}
	}
	return nil
}
