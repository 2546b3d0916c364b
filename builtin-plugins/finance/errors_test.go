package finance_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/pluginsdk"
)

const plainBudget = "Account,Budget\nTravel,100\nRent,200\nSalaries,900\n"

func TestBadInputIsRefusedWithTheNextStep(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		budget, actuals string
		options         []string
		kind            error
		want            []string // in message and next step
	}{
		"no common items": {
			plainBudget, "Account,Actual\nBananas,1\nApples,2\nPears,3\n", nil, pluginsdk.ErrInvalid,
			[]string{"no common line items", "Travel", "Bananas"},
		},
		"no common items but a department": {
			"Account,Department,Budget\nTravel,Sales,1\nRent,Admin,2\n", "GL code,Department,Actual\n6100,Sales,1\n6200,Admin,2\n",
			nil, pluginsdk.ErrInvalid,
			[]string{"match", "--key"},
		},
		"few common items": {
			"Account,Budget\nA one,1\nB two,2\nC three,3\nD four,4\nE five,5\n", "Account,Actual\nA one,1\nX,2\nY,3\nZ,4\nQ,5\n",
			nil, pluginsdk.ErrInvalid,
			[]string{"1 of 5", "--key"},
		},
		"no numbers": {
			plainBudget, "Account,Comment\nTravel,fine\nRent,late\n", nil, pluginsdk.ErrInvalid,
			[]string{"actuals.csv", "no column of amounts", "--actual-col"},
		},
		"no names": {
			plainBudget, "Actual\n100\n200\n300\n", nil, pluginsdk.ErrInvalid, []string{"actuals.csv", "what they are for"},
		},
		"two amount columns": {
			"Account,Budget A,Budget B\nTravel,1,2\nRent,3,4\n", "Account,Actual\nTravel,1\nRent,2\n", nil, pluginsdk.ErrInvalid,
			[]string{"Budget A", "Budget B", "--budget-col"},
		},
		"empty file": {plainBudget, "", nil, pluginsdk.ErrInvalid, []string{"actuals.csv", "empty"}},
		"header only": {
			plainBudget, "Account,Actual\n", nil, pluginsdk.ErrInvalid, []string{"actuals.csv"},
		},
		"mixed currencies": {
			"Account,Currency,Budget\nTravel,USD,1\nRent,EUR,2\n", "Account,Currency,Actual\nTravel,USD,1\nRent,EUR,2\n",
			nil, pluginsdk.ErrInvalid,
			[]string{"EUR", "USD", "--currency"},
		},
		"two currencies": {
			"Account,Budget\nTravel,€1.00\nRent,€2.00\n", "Account,Actual\nTravel,£1.00\nRent,£2.00\n", nil, pluginsdk.ErrInvalid,
			[]string{"EUR", "GBP"},
		},
		"unknown group": {
			plainBudget, "Account,Actual\nTravel,1\nRent,2\n", []string{"by", "Departmnt"}, pluginsdk.ErrInvalid, []string{"Departmnt", "--by", "Account"},
		},
		"unknown key": {
			plainBudget, "Account,Actual\nTravel,1\nRent,2\n", []string{"key", "Konto"}, pluginsdk.ErrInvalid, []string{"Konto", "Account"},
		},
		"unknown column": {
			plainBudget, "Account,Actual\nTravel,1\nRent,2\n", []string{"actual-col", "Spend"}, pluginsdk.ErrInvalid, []string{"Spend", "actuals.csv", "Actual"},
		},
		"column of text": {
			plainBudget, "Account,Actual\nTravel,1\nRent,2\n", []string{"actual-col", "Account"}, pluginsdk.ErrInvalid, []string{"no numbers"},
		},
		"unknown sheet": {
			plainBudget, "Account,Actual\nTravel,1\nRent,2\n", []string{"budget-sheet", "Plan"}, pluginsdk.ErrInvalid, []string{"Plan", "budget"},
		},
		"bad threshold": {
			plainBudget, "Account,Actual\nTravel,1\n", []string{"threshold", "lots"}, pluginsdk.ErrInvalid, []string{"lots", "5%"},
		},
		"negative threshold": {
			plainBudget, "Account,Actual\nTravel,1\n", []string{"threshold", "-5"}, pluginsdk.ErrInvalid, []string{"-5"},
		},
		"bad output": {
			plainBudget, "Account,Actual\nTravel,1\n", []string{"out", "x.pdf"}, pluginsdk.ErrInvalid, []string{"x.pdf"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, map[string]string{"budget.csv": tc.budget, "actuals.csv": tc.actuals})
			_, err := run(t.Context(), h, "budget.csv", "actuals.csv", tc.options...)
			if !errors.Is(err, tc.kind) {
				t.Fatalf("error %v, want kind %v", err, tc.kind)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			var own *pluginsdk.Error
			if !errors.As(err, &own) || own.Next == "" {
				t.Errorf("%q has no next step", err)
			}
		})
	}
}

func TestSameFileTwice(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"budget.csv": plainBudget})
	if _, err := run(t.Context(), h, "budget.csv", "budget.csv"); !errors.Is(err, pluginsdk.ErrInvalid) || !strings.Contains(err.Error(), "same") {
		t.Errorf("error %v", err)
	}
	h = newHost(t, map[string]string{"both.csv": "Account,Budget,Actual\nTravel,100,150\nRent,200,190\n"})
	res, err := run(t.Context(), h, "both.csv", "both.csv")
	if err != nil {
		t.Fatal(err)
	}
	if got := facts(res); got["total_variance"] != "40" || got["line_items"] != "2" {
		t.Errorf("facts %v", got)
	}
}

func TestMissingFileAndOutsidePath(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"budget.csv": plainBudget})
	if _, err := run(t.Context(), h, "budget.csv", "gone.csv"); !errors.Is(err, pluginsdk.ErrNotFound) || !strings.Contains(err.Error(), "gone.csv") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := run(t.Context(), h, "../secret.csv", "budget.csv"); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("outside path: %v", err)
	}
}

func TestQuestionsAreAskedAndAnswersTaken(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"budget.csv":  "Account,Budget A,Budget B\nTravel,1,20\nRent,3,40\n",
		"actuals.csv": "Account,Actual\nTravel,25\nRent,30\n",
	})
	h.answers = map[string]string{"budget.amount": "Budget B"}
	res := mustRun(t, h)
	if got := facts(res)["total_budget"]; got != "60" {
		t.Errorf("total_budget = %s", got)
	}
	if len(h.asked) != 1 || h.asked[0].ID != "budget.amount" || len(h.asked[0].Choices) != 2 {
		t.Errorf("asked %+v", h.asked)
	}

	h = newHost(t, map[string]string{
		"budget.csv":  "Account,Department,Budget\nTravel,Sales,1\nRent,Admin,2\n",
		"actuals.csv": "GL code,Department,Actual\n6100,Sales,4\n6200,Admin,8\n",
	})
	h.answers = map[string]string{"match.key": "Department"}
	res = mustRun(t, h)
	if got := facts(res); got["line:Sales.variance"] != "3" || got["line:Admin.variance"] != "6" {
		t.Errorf("facts %v", got)
	}
}

func TestAnswerOutsideTheChoicesIsRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"budget.csv":  "Account,Department,Budget\nTravel,Sales,1\nRent,Admin,2\n",
		"actuals.csv": "GL code,Department,Actual\n6100,Sales,4\n6200,Admin,8\n",
	})
	h.answers = map[string]string{"match.key": "Moon"}
	if _, err := run(t.Context(), h, "budget.csv", "actuals.csv"); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("error %v", err)
	}
}

func TestCancelStopsAtEveryPhase(t *testing.T) {
	t.Parallel()
	files := large(20_000)
	for _, phase := range []string{"Reading", "Computing", "Writing"} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			h := newHost(t, files)
			h.onStep = func(label string) {
				if strings.HasPrefix(label, phase) {
					cancel()
				}
			}
			if _, err := run(ctx, h, "budget.csv", "actuals.csv"); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			for name, f := range h.out {
				if !f.closed {
					t.Errorf("%s was left open", name)
				}
			}
		})
	}
}

func TestFullDiskIsReported(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"budget.csv": plainBudget, "actuals.csv": "Account,Actual\nTravel,1\nRent,2\n"})
	h.full = 4000
	if _, err := run(t.Context(), h, "budget.csv", "actuals.csv"); !errors.Is(err, pluginsdk.ErrUnavailable) || !strings.Contains(err.Error(), "variance-analysis.xlsx") {
		t.Errorf("error %v", err)
	}
}

func TestOutputNames(t *testing.T) {
	t.Parallel()
	files := map[string]string{"budget.csv": plainBudget, "actuals.csv": "Account,Actual\nTravel,1\nRent,2\n", "variance-analysis.xlsx": "mine"}
	h := newHost(t, files)
	res := mustRun(t, h)
	if res.Artifacts[0].Path != "variance-analysis (2).xlsx" || res.Artifacts[1].Path != "variance-analysis (2).md" {
		t.Errorf("artifacts %+v", res.Artifacts)
	}
	h = newHost(t, files)
	res = mustRun(t, h, "out", "reports/march")
	if res.Artifacts[0].Path != "reports/march.xlsx" || res.Artifacts[1].Path != "reports/march.md" {
		t.Errorf("artifacts %+v", res.Artifacts)
	}
}
