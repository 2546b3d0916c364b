package engine

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/guard"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/window"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/sandbox"
)

// run is one run of a task: from its start or a resume to its end. All it
// knows of what was before is folded from the task's log.
type run struct {
	e    *Engine
	t    *task.Task
	conn Connection
	// talks says that there is a model.
	talks bool
	agent *agentDef            // set for a sub-agent
	ws    *workspace.Workspace // nil in a conversation without tools
	box   sandbox.Sandbox      // nil until a handler needs it
	brief brief
	tools *tool.Set // empty in a conversation without tools
	door  *tool.Caller
	meter window.Meter
	purse *purse
	// ledger is folded from the log when the conversation is compacted, up to
	// the sequence noted.
	ledger window.Ledger
	noted  int64

	mu    sync.Mutex // guards what follows; the log is folded from any goroutine
	past  past
	conv  conversation
	guard *guard.Guard
	trip  *guard.Trip    // not yet acted upon
	aims  map[string]aim // by call
}

// past is what the log says beside the conversation.
type past struct {
	// input is what the turn at hand began with, and turn which it is. A turn
	// is begun when the model has been told; before, its handler may run.
	input string
	turn  int
	begun bool
	// handler is the step of the turn's handler, once it was started.
	handler string
	steps   int                // the highest number of a step
	results []event.StepResult // of handlers, the last of each step
	seen    []event.Seen
	marked  []event.Artifact           // by the artifact tool
	found   []string                   // deferred tools that a search has found
	written map[string]event.Generated // texts for handlers, by step and id
	sandbox string
	plan    planApproval
	guard   asked
	caps    capped
	words   []string // what the person said
	changed bool     // something of the task is in the folder
	over    bool     // the last turn was completed
}

// fold adds an event of the task's own log. It is called in the log's order,
// also for what others record.
func (r *run) fold(next event.Event) {
	e := event.Open(next)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conv.Fold(e)
	r.past.fold(e)
	r.purse.fold(r.t.ID, e)
	if t := r.guard.Observe(e); t != nil {
		r.trip = t
	}
	if r.past.guard.open != "" {
		r.trip = nil // it is being asked about
	}
}

func (p *past) fold(e *event.Opened) {
	p.plan.fold(e)
	p.guard.fold(e, aboutGuard)
	p.caps.fold(e)
	switch e.Kind {
	case event.KindTaskCreated:
		c, _ := event.As[event.TaskCreated](e)
		p.input, p.turn = c.Input, 1
		p.words = append(p.words, c.Input)
	case event.KindMessageDelivered:
		d, _ := event.As[event.MessageDelivered](e)
		if len(d.IDs) > 0 {
			p.words = append(p.words, d.Text)
		}
		if d.Turn > p.turn {
			p.input, p.turn, p.begun, p.handler, p.over = d.Text, d.Turn, false, "", false
		}
	case event.KindTaskDone:
		d, _ := event.As[event.TaskDone](e)
		p.over = d.Status == event.StatusDone
	case event.KindTurnStarted:
		p.begun = true
	case event.KindSandboxReady:
		s, _ := event.As[event.SandboxReady](e)
		p.sandbox = s.Sandbox
	case event.KindStepStarted:
		s, _ := event.As[event.StepStarted](e)
		p.handler = s.Step
		p.count(s.Step)
	case event.KindStepResult:
		s, _ := event.As[event.StepResult](e)
		p.results = append(slices.DeleteFunc(p.results, func(o event.StepResult) bool { return o.Step == s.Step }), s)
	case event.KindToolCall:
		c, _ := event.As[event.ToolCall](e)
		p.count(c.Step)
	case event.KindToolResult:
		t, _ := event.As[event.ToolResult](e)
		p.seen = append(p.seen, t.Seen...)
		p.found = append(p.found, t.Found...)
		p.marked = append(p.marked, t.Artifacts...)
		p.changed = p.changed || len(t.Changes) > 0
	case event.KindStepApplied:
		p.changed = true
	case event.KindGenerated:
		g, _ := event.As[event.Generated](e)
		if p.written == nil {
			p.written = map[string]event.Generated{}
		}
		p.written[g.Step+"\x00"+g.ID] = g
	}
}

func (p *past) count(step string) {
	if n, err := strconv.Atoi(step); err == nil {
		p.steps = max(p.steps, n)
	}
}

// newStep returns the id of a new step.
func (r *run) newStep() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past.steps++
	return strconv.Itoa(r.past.steps)
}

// generated returns a text a handler was given before.
func (r *run) generated(step, id string) (event.Generated, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g, ok := r.past.written[step+"\x00"+id]
	return g, ok
}

// open makes what a run needs, from its log. Close it.
func (e *Engine) open(ctx context.Context, t *task.Task) (*run, error) {
	r := &run{e: e, t: t, guard: guard.New(guard.Options{})}
	r.conn, r.talks = e.opts.Connection()
	if t.Spec.Model != "" {
		r.conn.Name = t.Spec.Model
	}
	r.conv.clip = clipResult
	r.purse = e.purse(r)
	if err := t.Observe(ctx, r.fold); err != nil {
		r.close()
		return nil, err
	}
	if !t.Spec.Light {
		ws, err := e.opts.Workspace.Workspace(t.ID, grants(t.Spec))
		if err != nil {
			r.close()
			return nil, err
		}
		r.ws = ws
	}
	if !r.talks {
		return r, nil
	}
	if err := r.equip(ctx); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// equip gives a run that talks to a model what the model works with.
func (r *run) equip(ctx context.Context) (err error) {
	if r.t.Spec.Agent != "" {
		if r.agent, err = r.e.agentDef(ctx, r.t.Spec.Agent, r.t.Spec.PluginDirs); err != nil {
			return err
		}
		if r.agent.model != "" && r.t.Spec.Model == "" {
			r.conn.Name = r.agent.model
		}
	}
	if r.tools, err = r.newTools(ctx); err != nil {
		return err
	}
	r.door = r.newDoor()
	r.brief, err = r.makeBrief(ctx)
	return err
}

func grants(spec task.Spec) []workspace.Grant {
	out := make([]workspace.Grant, 0, len(spec.Folders))
	for _, f := range spec.Folders {
		out = append(out, workspace.Grant{Path: f, ReadOnly: spec.ReadOnly})
	}
	return out
}

// close lets go of what the run holds. What was applied stays.
func (r *run) close() {
	r.e.putBack(r)
	r.e.leases.Release(r.t.ID)
	if r.box != nil {
		if err := r.box.Close(); err != nil {
			r.e.opts.Logger.Error("close sandbox", "task", r.t.ID, "error", err)
		}
	}
	if r.ws != nil {
		if err := r.ws.Close(); err != nil {
			r.e.opts.Logger.Error("close the granted folders", "task", r.t.ID, "error", err)
		}
	}
}

// sandbox makes the task's sandbox when something first needs it.
func (r *run) sandbox(ctx context.Context) (sandbox.Sandbox, error) {
	if r.box != nil {
		return r.box, nil
	}
	box, err := r.e.opts.Boxes.Create(ctx, r.t.Spec.Sandbox, r.t.ID)
	if err != nil {
		return nil, err
	}
	r.box = box
	return box, r.t.Record(ctx, event.SandboxReady{Sandbox: box.Badge()})
}

// do runs turn after turn, until nothing waits to be done. A task that was done
// and is taken up again has a message waiting, which begins a new turn.
func (r *run) do(ctx context.Context) error {
	for over := r.turnOver(); ; over = false {
		if !over {
			if err := r.turn(ctx); err != nil {
				return err
			}
		}
		next, err := r.t.Deliver(ctx, r.turnNumber()+1, false)
		if err != nil || next == "" {
			return err
		}
	}
}

// turnOver reports whether the last turn came to its end in an earlier run.
func (r *run) turnOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.past.over
}

func (r *run) turnNumber() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.past.turn
}

// turn does one turn: the handler of its command, if it has one, then the
// model's loop, if there is a model. What the log says was done is not done
// again.
func (r *run) turn(ctx context.Context) error {
	if begun, input := r.current(); !begun {
		j, err := r.e.find(ctx, r.t.Spec, input)
		if err != nil {
			return err
		}
		text, err := r.prepare(ctx, j)
		if err != nil || text == "" {
			return err
		}
		if err := r.begin(ctx, j, text); err != nil {
			return err
		}
	}
	return r.converse(ctx)
}

func (r *run) current() (begun bool, input string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.past.begun, r.past.input
}

// prepare runs the turn's handler and returns what the model is told; nothing
// when there is none, or nothing to tell it.
func (r *run) prepare(ctx context.Context, j *job) (string, error) {
	var facts string
	if j.hasHandler() {
		res, err := r.handle(ctx, j)
		if err != nil || !r.talks {
			return "", err
		}
		files := make([]string, 0, len(res.Artifacts))
		for _, a := range res.Artifacts {
			files = append(files, a.Path)
		}
		facts = factsPrompt(j.cmd, &pluginsdk.Result{Facts: res.Facts, Brief: res.Brief}, files)
	}
	if !r.talks {
		if j.isCommand() {
			return "", needsModel("/" + j.cmd.ID + ", which is instructions only,")
		}
		return "", needsModel("an outcome in free text")
	}
	if !j.isCommand() {
		return j.text, nil
	}
	body, err := r.e.instructions(ctx, j, r.t.ID)
	if err != nil || body == "" {
		return "", err
	}
	return "The person typed: " + j.text + "\n\n" + facts + "\n# Instructions of /" + j.cmd.ID + "\n\n" + body, nil
}

// begin records what the model is told. In a later turn the person's own words
// are in the conversation already.
func (r *run) begin(ctx context.Context, j *job, text string) error {
	p := event.TurnStarted{Turn: r.turnNumber(), Text: text, Origin: "person"}
	switch {
	case j.isCommand():
		p.Origin = "command"
	case r.t.Spec.Agent != "":
		p.Origin = "parent"
	}
	return r.t.Record(ctx, p)
}

// handle runs the handler as one step, or takes up the one that has run.
func (r *run) handle(ctx context.Context, j *job) (*event.StepResult, error) {
	r.mu.Lock()
	step := r.past.handler
	r.mu.Unlock()
	if step == "" {
		step = r.newStep()
	} else if res, err := r.e.finished(ctx, r.t, step); res != nil || err != nil {
		return res, err
	}
	values, err := bind(j, r.ws, r.t.Spec.Cwd)
	if err != nil {
		return nil, err
	}
	if err := r.mayHandle(ctx, j); err != nil {
		return nil, err
	}
	box, err := r.sandbox(ctx)
	if err != nil {
		return nil, err
	}
	return r.e.step(ctx, r, box, j, step, values)
}
