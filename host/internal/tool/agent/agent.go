// Package agent is the tool by which a model gives a piece of work to a
// sub-agent, a task of its own, and gets its result.
package agent

import (
	"context"
	_ "embed" // the description
	"fmt"
	"slices"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/pluginsdk"
)

//go:embed agent.md
var description string

// Name is the tool's name, General the agent that is always there.
const (
	Name    = "agent"
	General = "general"
)

// maxResult is how much of a sub-agent's answer goes to the model, in bytes;
// its own log has all of it.
const maxResult = 32 << 10

// Agent is a kind of sub-agent.
type Agent struct{ ID, Description string }

// Request is one piece of work.
type Request struct {
	Call, Step string
	Agent      string
	Title      string
	Prompt     string
	// What the sub-agent has less of than the task; the zero value is all the
	// task has.
	Folders    []string // as the task's tools know them
	ReadOnly   bool
	NoInternet bool
	Budget     string // US dollars
}

// Outcome is how a sub-agent's task ended.
type Outcome struct {
	Task      string // its id
	Status    event.Status
	Text      string // its last answer
	Artifacts []event.Artifact
	Error     *event.Error
}

// Runner starts sub-agents.
type Runner interface {
	// Run starts one and waits for its end. Cancelling ctx stops it. A
	// [pluginsdk.Error] says why none can be started; any other error ends the
	// run of the task that waits.
	Run(ctx context.Context, r Request) (Outcome, error)
	// Attach waits for the end of the one that an earlier run of the same call
	// started. started is false when there is none.
	Attach(ctx context.Context, r Request) (o Outcome, started bool, err error)
}

type input struct {
	Description string `json:"description" jsonschema:"the work in three to eight words, for the person" maxlen:"200"`
	Prompt      string `json:"prompt" jsonschema:"everything the sub-agent must know: the goal, the files, what to return; it sees nothing of this conversation" maxlen:"100000"`
	Agent       string `json:"agent,omitempty" jsonschema:"which agent; left out: general" maxlen:"200"`

	Folders    []string `json:"folders,omitempty" jsonschema:"the only granted folders, or folders in them, it may use; left out: all of them" max:"50"`
	ReadOnly   bool     `json:"read_only,omitempty" jsonschema:"it may look and not change anything"`
	NoInternet bool     `json:"no_internet,omitempty" jsonschema:"it may not use the network"`
	Budget     string   `json:"budget,omitempty" jsonschema:"the most it may cost, in US dollars, as a decimal" maxlen:"20"`
}

// New returns the tool. agents are those a plugin or the person defined.
func New(runner Runner, agents []Agent) tool.Tool {
	ids := []string{General}
	text := strings.TrimSpace(description) + "\nAgents:\n- general: anything that needs no special agent"
	for _, a := range agents {
		ids = append(ids, a.ID)
		text += fmt.Sprintf("\n- %s: %s", a.ID, strings.Join(strings.Fields(clip(a.Description, 400)), " "))
	}
	spec := tool.Spec{Name: Name, Description: text, Effect: policy.Spawn}
	return tool.Define(spec, func(_ context.Context, call tool.Call, in input) (*tool.Prepared, error) {
		r := Request{
			Call: call.ID, Step: call.Step, Agent: in.Agent, Title: strings.TrimSpace(in.Description), Prompt: in.Prompt,
			Folders: in.Folders, ReadOnly: in.ReadOnly, NoInternet: in.NoInternet, Budget: in.Budget,
		}
		if r.Agent == "" {
			r.Agent = General
		}
		settle := &tool.Prepared{Settle: func(ctx context.Context) (*tool.Result, error) {
			o, started, err := runner.Attach(ctx, r)
			if err != nil || !started {
				return nil, err
			}
			return result(o)
		}}
		if strings.TrimSpace(in.Prompt) == "" {
			return settle, pluginsdk.Invalid("say what the sub-agent is to do", "the prompt is empty")
		}
		if !slices.Contains(ids, r.Agent) {
			next := "use one of " + strings.Join(ids, ", ")
			if near := tool.Nearest(r.Agent, ids); near != "" {
				next = "did you mean " + near + "?"
			}
			return settle, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no agent %.80q", r.Agent), Next: next}
		}
		return &tool.Prepared{
			Summary: r.Agent + ": " + r.Title, Targets: []string{r.Agent}, Settle: settle.Settle,
			Run: func(ctx context.Context) (*tool.Result, error) {
				o, err := runner.Run(ctx, r)
				if err != nil {
					return nil, err
				}
				return result(o)
			},
		}, nil
	})
}

// result is what the model is told of an end. Anything but a finished task is
// an error, with what it left behind.
func result(o Outcome) (*tool.Result, error) {
	text := strings.TrimSpace(strings.ToValidUTF8(o.Text, "\uFFFD"))
	if len(text) > maxResult {
		text = clip(text, maxResult) + fmt.Sprintf("\n[cut: the whole answer has %d bytes; the log of task %s has it]", len(o.Text), o.Task)
	}
	if text == "" {
		text = "(no answer)"
	}
	for _, a := range o.Artifacts {
		text += "\ndelivered: " + a.Path
	}
	if o.Status == event.StatusDone {
		return &tool.Result{Text: fmt.Sprintf("Sub-agent %s is done:\n%s", o.Task, text)}, nil
	}
	reason := string(o.Status)
	if o.Error != nil {
		reason += ": " + o.Error.Message
	}
	return nil, &pluginsdk.Error{
		Kind: pluginsdk.ErrUnavailable, Message: fmt.Sprintf("sub-agent %s did not finish (%s). Its last words:\n%s", o.Task, reason, text),
		Next: "look at what it left, then do the rest yourself or start another with a smaller piece",
	}
}

// clip cuts a text to at most n bytes at the border of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
