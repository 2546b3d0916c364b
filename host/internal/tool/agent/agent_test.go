package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/tool/agent"
	"github.com/cowork-host/cowork/host/internal/tool/tooltest"
	"github.com/cowork-host/cowork/pluginsdk"
)

// fakeRunner answers with what it is told.
type fakeRunner struct {
	outcome  agent.Outcome
	err      error
	attached bool
	ran      []agent.Request
}

func (f *fakeRunner) Run(ctx context.Context, r agent.Request) (agent.Outcome, error) {
	f.ran = append(f.ran, r)
	if err := ctx.Err(); err != nil {
		return agent.Outcome{}, err
	}
	return f.outcome, f.err
}

func (f *fakeRunner) Attach(context.Context, agent.Request) (agent.Outcome, bool, error) {
	return f.outcome, f.attached, f.err
}

var known = []agent.Agent{{ID: "finance:auditor", Description: "checks\nfigures"}}

func TestConformance(t *testing.T) {
	t.Parallel()
	tooltest.Run(t, tooltest.Case{
		Valid: `{"description":"read the mails","prompt":"read them"}`,
		New:   func(*testing.T) (tool.Tool, func() string) { return agent.New(&fakeRunner{}, known), nil },
	})
}

func prepare(t *testing.T, f *fakeRunner, in string) (*tool.Prepared, error) {
	t.Helper()
	return agent.New(f, known).Prepare(t.Context(), tool.Call{ID: "c1", Step: "3", Input: json.RawMessage(in)})
}

func TestAgent(t *testing.T) {
	t.Parallel()
	errParked := errors.New("parked")
	long := strings.Repeat("ä", 40<<10)
	for _, c := range []struct {
		name    string
		outcome agent.Outcome
		fails   error
		says    []string
		err     error
	}{
		{"done", agent.Outcome{Task: "t9", Status: event.StatusDone, Text: " 42 ", Artifacts: []event.Artifact{{Path: "/a.md"}}}, nil, []string{"Sub-agent t9 is done:\n42\ndelivered: /a.md"}, nil},
		{"nothing said", agent.Outcome{Task: "t9", Status: event.StatusDone}, nil, []string{"(no answer)"}, nil},
		{"too long", agent.Outcome{Task: "t9", Status: event.StatusDone, Text: long}, nil, []string{"[cut: the whole answer has 81920 bytes; the log of task t9 has it]"}, nil},
		{"failed", agent.Outcome{Task: "t9", Status: event.StatusFailed, Text: "half", Error: &event.Error{Message: "no money"}}, nil, []string{"t9 did not finish (failed: no money)", "half"}, pluginsdk.ErrUnavailable},
		{"stopped", agent.Outcome{Task: "t9", Status: event.StatusStopped}, nil, []string{"(stopped)"}, pluginsdk.ErrUnavailable},
		{"none can be started", agent.Outcome{}, pluginsdk.Invalid("wait", "there are 20 already"), []string{"20 already"}, pluginsdk.ErrInvalid},
		{"parked", agent.Outcome{}, errParked, nil, errParked},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeRunner{outcome: c.outcome, err: c.fails, attached: true}
			p, err := prepare(t, f, `{"description":"count","prompt":"count them","agent":"finance:auditor"}`)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"finance:auditor"}, p.Targets); diff != "" {
				t.Errorf("targets:\n%s", diff)
			}
			res, err := p.Run(t.Context())
			again, errAgain := p.Settle(t.Context())
			if !errors.Is(err, c.err) || !errors.Is(errAgain, c.err) || !cmp.Equal(res, again) {
				t.Fatalf("run: %+v, %v; after a crash: %+v, %v", res, err, again, errAgain)
			}
			text := ""
			if err != nil {
				text = err.Error()
			} else {
				text = res.Text
			}
			for _, s := range c.says {
				if !strings.Contains(text, s) {
					t.Errorf("%.300q does not say %q", text, s)
				}
			}
			if len(text) > 34<<10 {
				t.Errorf("%d bytes", len(text))
			}
			want := []agent.Request{{Call: "c1", Step: "3", Agent: "finance:auditor", Title: "count", Prompt: "count them"}}
			if diff := cmp.Diff(want, f.ran); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAgentThatNeverStarted(t *testing.T) {
	t.Parallel()
	p, err := prepare(t, &fakeRunner{}, `{"description":"count","prompt":"count them"}`)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := p.Settle(t.Context()); res != nil || err != nil {
		t.Errorf("got %v, %v", res, err)
	}
}

func TestUnknownAgent(t *testing.T) {
	t.Parallel()
	p, err := prepare(t, &fakeRunner{}, `{"description":"d","prompt":"p","agent":"auditor"}`)
	if !errors.Is(err, pluginsdk.ErrNotFound) || !strings.Contains(err.Error(), "did you mean finance:auditor?") || p == nil || p.Settle == nil {
		t.Errorf("got %v, %v", p, err)
	}
	if _, err := prepare(t, &fakeRunner{}, `{"description":"d","prompt":" "}`); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("an empty prompt: %v", err)
	}
	text := agent.New(&fakeRunner{}, known).Spec().Description
	if !strings.Contains(text, "\n- finance:auditor: checks figures") || !strings.Contains(text, "\n- general: ") {
		t.Errorf("description:\n%s", text)
	}
}
