package plan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/plan"
	"github.com/cowork-host/cowork/pluginsdk"
)

func three() []plan.Step {
	return []plan.Step{
		{ID: "1", Text: "read", Status: event.PlanDone},
		{ID: "2", Text: "compute", Status: event.PlanActive},
		{ID: "x", Text: "write", Status: event.PlanPending},
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ops  []event.PlanOp
		want string
	}{
		{"nothing", nil, "1+ 2> x."},
		{"add at the end with the next number", []event.PlanOp{{Op: "add", Text: "send"}}, "1+ 2> x. 3."},
		{"add at the top", []event.PlanOp{{Op: "add", Text: "ask", After: "start", ID: "0"}}, "0. 1+ 2> x."},
		{"add behind one", []event.PlanOp{{Op: "add", Text: "check", After: "2", Status: event.PlanSkipped}}, "1+ 2> 3- x."},
		{"edit keeps the status", []event.PlanOp{{Op: "edit", ID: "2", Text: "sum"}}, "1+ 2> x."},
		{"status", []event.PlanOp{{Op: "status", ID: "2", Status: event.PlanDone}, {Op: "status", ID: "x", Status: event.PlanActive}}, "1+ 2+ x>"},
		{"move to the top", []event.PlanOp{{Op: "move", ID: "x", After: "start"}}, "x. 1+ 2>"},
		{"move to the end", []event.PlanOp{{Op: "move", ID: "1"}}, "2> x. 1+"},
		{"move behind one", []event.PlanOp{{Op: "move", ID: "1", After: "2"}}, "2> 1+ x."},
		{"remove", []event.PlanOp{{Op: "remove", ID: "1"}}, "2> x."},
		{"later edits see earlier ones", []event.PlanOp{{Op: "add", Text: "a", ID: "a"}, {Op: "status", ID: "a", Status: event.PlanDone}}, "1+ 2> x. a+"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := three()
			got, err := plan.Apply(before, c.ops)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, short(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(three(), before); diff != "" {
				t.Errorf("the argument was changed:\n%s", diff)
			}
		})
	}
}

// short writes steps as ids with a sign for the status.
func short(steps []plan.Step) string {
	sign := map[event.PlanStatus]string{event.PlanPending: ".", event.PlanActive: ">", event.PlanDone: "+", event.PlanSkipped: "-"}
	var parts []string
	for _, s := range steps {
		parts = append(parts, s.ID+sign[s.Status])
	}
	return strings.Join(parts, " ")
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		op   event.PlanOp
		kind error
		says string
	}{
		{"unknown edit", event.PlanOp{Op: "swap", ID: "1"}, pluginsdk.ErrInvalid, "swap"},
		{"unknown id", event.PlanOp{Op: "remove", ID: "9"}, pluginsdk.ErrNotFound, "the steps are 1, 2, x"},
		{"unknown place", event.PlanOp{Op: "add", Text: "a", After: "9"}, pluginsdk.ErrNotFound, `no step "9"`},
		{"unknown place of a move", event.PlanOp{Op: "move", ID: "1", After: "9"}, pluginsdk.ErrNotFound, `no step "9"`},
		{"behind itself", event.PlanOp{Op: "move", ID: "1", After: "1"}, pluginsdk.ErrInvalid, "behind itself"},
		{"no id", event.PlanOp{Op: "status", Status: event.PlanDone}, pluginsdk.ErrInvalid, "needs its id"},
		{"no text", event.PlanOp{Op: "add", Text: "  "}, pluginsdk.ErrInvalid, "no text"},
		{"taken id", event.PlanOp{Op: "add", Text: "a", ID: "1"}, pluginsdk.ErrInvalid, "already"},
		{"no status", event.PlanOp{Op: "status", ID: "1"}, pluginsdk.ErrInvalid, "missing"},
		{"unknown status", event.PlanOp{Op: "status", ID: "1", Status: "almost"}, pluginsdk.ErrInvalid, "almost"},
		{"empty edit", event.PlanOp{Op: "edit", ID: "1"}, pluginsdk.ErrInvalid, "changes nothing"},
		{"reserved id", event.PlanOp{Op: "add", ID: "start", Text: "a"}, pluginsdk.ErrInvalid, "start"},
		{"id with a line break", event.PlanOp{Op: "add", ID: "a\nb", Text: "a"}, pluginsdk.ErrInvalid, "no id"},
		{"long id", event.PlanOp{Op: "add", ID: strings.Repeat("a", 41), Text: "a"}, pluginsdk.ErrInvalid, "no id"},
		{"long text", event.PlanOp{Op: "add", Text: strings.Repeat("a", plan.MaxText+1)}, pluginsdk.ErrInvalid, "shorter"},
		{"no UTF-8", event.PlanOp{Op: "add", Text: "a\xff"}, pluginsdk.ErrInvalid, "UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := three()
			got, err := plan.Apply(before, []event.PlanOp{{Op: "remove", ID: "2"}, {Op: "add", ID: "2", Text: "b"}, c.op})
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), "edit 3 of 3, and none was made") {
				t.Errorf("after others: got %v, want %v that says which", err, c.kind)
			}
			if got != nil {
				t.Errorf("an edit that was refused left %v", got)
			}
			if diff := cmp.Diff(three(), before); diff != "" {
				t.Errorf("the argument was changed:\n%s", diff)
			}
			if _, err := plan.Apply(before, []event.PlanOp{c.op}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("alone: got %v, want what says %q", err, c.says)
			}
		})
	}
}

func TestApplyIsBounded(t *testing.T) {
	t.Parallel()
	ops := slices.Repeat([]event.PlanOp{{Op: "add", Text: "a"}}, plan.MaxSteps)
	full, err := plan.Apply(nil, ops)
	if err != nil || len(full) != plan.MaxSteps || full[plan.MaxSteps-1].ID != "200" {
		t.Fatalf("%d steps, %v", len(full), err)
	}
	if _, err := plan.Apply(full, ops[:1]); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("one too many: %v", err)
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ops  []event.PlanOp
		want string
	}{
		{"nothing", nil, "1+ 2> x."},
		{"all fit", []event.PlanOp{{Op: "remove", ID: "1"}, {Op: "status", ID: "2", Status: event.PlanDone}}, "2+ x."},
		{"one does not", []event.PlanOp{{Op: "remove", ID: "9"}, {Op: "status", ID: "2", Status: event.PlanDone}}, "1+ 2+ x."},
		{"the middle one does not", []event.PlanOp{{Op: "remove", ID: "1"}, {Op: "swap"}, {Op: "add", ID: "1", Text: "a"}}, "2> x. 1."},
		{"none fits", []event.PlanOp{{Op: "add"}, {Op: "move", ID: "1", After: "9"}}, "1+ 2> x."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := three()
			if got := short(plan.Fold(before, c.ops)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if diff := cmp.Diff(three(), before); diff != "" {
				t.Errorf("the argument was changed:\n%s", diff)
			}
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	steps := three()
	steps[0].Note = "3 files"
	want := "1 of 3\n[x] 1. read (3 files)\n[>] 2. compute\n[ ] x. write"
	if diff := cmp.Diff(want, plan.Text(steps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := plan.Text(nil); got != "The plan is empty." {
		t.Errorf("got %q", got)
	}
}

func FuzzApply(f *testing.F) {
	f.Add("add", "", "text", "start", "done")
	f.Add("move", "1", "", "x", "")
	f.Add("remove", "2", "", "", "")
	f.Fuzz(func(t *testing.T, op, id, text, after, status string) {
		got, err := plan.Apply(three(), []event.PlanOp{{Op: op, ID: id, Text: text, After: after, Status: event.PlanStatus(status)}})
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, s := range got {
			if s.ID == "" || seen[s.ID] || s.Text == "" || len(plan.Text(got)) == 0 {
				t.Fatalf("bad plan %v", got)
			}
			seen[s.ID] = true
		}
	})
}
