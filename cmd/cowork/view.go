package main

import (
	"fmt"
	"maps"
	"math/big"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host"
)

// view shows the events of a task and its sub-agents to a person. Its methods
// are called from one goroutine.
type view struct {
	screen *screen
	now    func() time.Time
	task   string // the root

	threads map[string]*thread
	order   []string        // of the threads, as they began
	agents  map[string]bool // the calls that started a sub-agent, which shows itself
	asks    []*ask          // what waits for the person, the oldest first
	cost    *big.Rat
	tokens  int64

	// seen are the last events, by task, that were there before the showing
	// began; past the time of the root's. muted leaves what is old unsaid.
	seen  map[string]int64
	past  time.Time
	muted bool
	// silent shows nothing at all: the events are printed as JSON.
	silent bool
	// answers says that a person is there to answer; typing that what they type
	// reaches the task.
	answers, typing bool
	// stopping is that the person was told already that the task stops.
	stopping bool
	// chat leaves out what only matters in a run.
	chat bool

	started    time.Time
	progress   time.Time // when a progress line was last printed off a terminal
	brief      string
	completion *host.Completion
	over       bool
}

func newView(a *app, id string) *view {
	live := isTerminal(a.stdout) && a.getenv("TERM") != "dumb"
	return &view{
		screen: &screen{
			out: a.stdout, live: live, colour: live && a.getenv("NO_COLOR") == "",
			width: func() int { return terminalWidth(a.stdout) },
		},
		now: time.Now, task: id, threads: map[string]*thread{}, cost: new(big.Rat), progress: time.Now(),
	}
}

// known tells the view what was there before the showing began.
func (v *view) known(s *host.TaskState) {
	v.seen, v.past = maps.Clone(s.Below), s.Updated
	if v.seen == nil {
		v.seen = map[string]int64{}
	}
	v.seen[v.task] = s.Last
}

// old reports whether an event was there before the showing began.
func (v *view) old(e host.Event) bool {
	task := e.Task
	if task == "" {
		task = v.task
	}
	return e.Seq != 0 && e.Seq <= v.seen[task]
}

// line says one line.
func (v *view) line(format string, args ...any) { v.say(plain, format, args...) }

func (v *view) say(st style, format string, args ...any) {
	if v.muted || v.silent {
		return
	}
	if root := v.threads[v.task]; root != nil { // what the model is writing stays above
		root.text.end(v)
	}
	v.screen.say(st, fmt.Sprintf(format, args...))
}

// show takes one event. What it says is on the screen after the next draw.
func (v *view) show(e host.Event, mute bool) {
	v.muted = mute
	defer func() { v.muted = false }()
	t := v.thread(e)
	switch {
	case v.showWork(t, e), v.showModel(t, e), v.showTool(t, e), v.showSteering(t, e):
	}
}

// thread returns the thread an event belongs to, which it adds when it is new.
func (v *view) thread(e host.Event) *thread {
	id := e.Task
	if id == "" {
		id = v.task
	}
	t := v.threads[id]
	if t == nil {
		t = newThread(id)
		v.threads[id] = t
		v.order = append(v.order, id)
	}
	return t
}

// root reports whether the thread is the task that was asked for.
func (v *view) root(t *thread) bool { return t.id == v.task }

// said is how many of a sub-agent's own lines are shown: none but what matters
// to the person. Those of the root are.
func (v *view) tell(t *thread, st style, format string, args ...any) {
	if v.root(t) {
		v.say(st, format, args...)
	}
}

// who names a sub-agent before what concerns it; empty for the root.
func (v *view) who(t *thread) string {
	if v.root(t) {
		return ""
	}
	return cut(clean(t.name()), 40) + ": "
}

// showWork shows the life of a task and the steps of handlers.
func (v *view) showWork(t *thread, e host.Event) bool {
	switch e.Kind {
	case host.KindTaskCreated:
		p := host.DecodeEvent[host.TaskCreated](e)
		t.begin(e.Time)
		if t.title == "" {
			t.title = p.Title
		}
		v.showBegin(t, p, e.Time)
	case host.KindTaskResumed:
		t.begin(e.Time)
		if v.root(t) {
			v.over, v.started, v.completion = false, e.Time, nil
		}
		if !v.chat {
			v.tell(t, plain, "  resumed")
		}
	case host.KindSandboxReady:
		v.tell(t, plain, "  sandbox: %s", clean(host.DecodeEvent[host.SandboxReady](e).Sandbox))
	case host.KindStepStarted:
		p := host.DecodeEvent[host.StepStarted](e)
		t.does("", e.Time)
		v.tell(t, plain, "  step %s: /%s:%s", clean(p.Step), clean(p.Plugin), clean(p.Command))
	case host.KindPlan:
		for _, item := range host.DecodeEvent[host.Plan](e).Items {
			v.tell(t, plain, "    · %s", clean(item))
		}
	case host.KindLog:
		v.tell(t, plain, "  %s", clean(host.DecodeEvent[host.LogLine](e).Message))
	case host.KindProgress:
		v.showProgress(t, host.DecodeEvent[host.Progress](e))
	case host.KindPluginFailed:
		p := host.DecodeEvent[host.PluginFailed](e)
		v.line("  plugin %s was given up (%s)", clean(p.Plugin), clean(p.Reason))
		for l := range strings.Lines(p.Detail) {
			v.line("    | %s", clean(l))
		}
	case host.KindStepResult:
		v.brief = host.DecodeEvent[host.StepResult](e).Brief
		t.does("", e.Time)
	case host.KindTaskStopping:
		t.status = host.StatusStopping
		if !v.stopping {
			v.tell(t, plain, "  stopping …")
		}
	case host.KindTaskPaused:
		p := host.DecodeEvent[host.TaskPaused](e)
		v.line("  ‖ %spaused: %s", v.who(t), clean(p.Reason))
	case host.KindCompletion:
		if p := host.DecodeEvent[host.Completion](e); v.root(t) {
			v.completion = &p
		}
	case host.KindTaskDone:
		v.showEnd(t, host.DecodeEvent[host.TaskDone](e), e.Time)
	default:
		return false
	}
	return true
}

func (v *view) showBegin(t *thread, p host.TaskCreated, at time.Time) {
	if !v.root(t) {
		return
	}
	v.started = at
	if v.chat {
		return
	}
	v.say(bold, "▸ %s", clean(p.Title))
	v.line("  task %s", v.task)
	if p.Model != "" {
		v.line("  model: %s", clean(p.Model))
	}
	if p.Mode == "plan" {
		v.line("  mode: plan, nothing is changed before you approve the plan")
	}
	if p.NoInternet {
		v.line("  internet: off")
	}
}

// showEnd ends a thread. What it asked is asked no longer.
func (v *view) showEnd(t *thread, d host.TaskDone, at time.Time) {
	t.text.end(v)
	t.finish(d)
	v.stopping = v.stopping && !v.root(t)
	if !v.root(t) {
		return
	}
	v.over = true
	if !v.muted {
		v.showDone(d, at)
	}
}

// showProgress shows how far a step is: in the region, or off a terminal as a
// line now and then.
func (v *view) showProgress(t *thread, p host.Progress) {
	label := clean(p.Label)
	if p.Total > 0 {
		t.share = fmt.Sprintf(" %d%%", max(0, min(100, p.Done*100/p.Total)))
	} else {
		t.share = ""
	}
	t.does(label, v.now())
	if v.screen.live || v.now().Sub(v.progress) < 2*time.Second {
		return
	}
	v.progress = v.now()
	v.tell(t, plain, "  %s%s", label, t.share)
}

// showModel shows what the model says.
func (v *view) showModel(t *thread, e host.Event) bool {
	switch e.Kind {
	case host.KindTurnStarted:
		t.turn = host.DecodeEvent[host.TurnStarted](e).Turn
	case host.KindModelCalled:
		p := host.DecodeEvent[host.ModelCalled](e)
		t.text.begin(p.Call, p.Purpose)
		t.does(waitingFor(p.Purpose), v.since(e))
	case host.KindModelDelta:
		v.showDelta(t, host.DecodeEvent[host.ModelDelta](e))
	case host.KindModelRetry:
		p := host.DecodeEvent[host.ModelRetry](e)
		t.text.again(v, t)
		v.line("  ↻ %s%s; trying again in %s (try %d)", v.who(t), cut(clean(p.Reason), 200), seconds(time.Duration(p.WaitMS)*time.Millisecond), p.Attempt+1)
		t.does("waiting to try again", v.now())
	case host.KindModelMessage:
		p := host.DecodeEvent[host.ModelMessage](e)
		t.text.message(v, t, p)
		t.does("", v.since(e))
	case host.KindUsage:
		p := host.DecodeEvent[host.ModelUsage](e)
		if c, ok := new(big.Rat).SetString(p.Cost); ok {
			v.cost.Add(v.cost, c)
			t.cost.Add(t.cost, c)
		}
		v.tokens += p.InputTotal() + p.Output
	case host.KindCompacted:
		p := host.DecodeEvent[host.Compacted](e)
		v.line("  ≡ %sconversation compacted: %s to about %s tokens", v.who(t), count(p.Before), count(p.After))
	case host.KindFinding:
		p := host.DecodeEvent[host.Finding](e)
		st := bold
		if p.Severity == "error" {
			st = red
		}
		v.say(st, "  ! %s%s", v.who(t), clean(p.Message))
	default:
		return false
	}
	return true
}

// since is when something began, as far as the person has waited for it.
func (v *view) since(e host.Event) time.Time {
	if now := v.now(); e.Time.After(now) {
		return now
	}
	return e.Time
}

func waitingFor(purpose string) string {
	switch purpose {
	case "compaction":
		return "compacting the conversation"
	case "generate":
		return "the model writes for a step"
	}
	return "waiting for the model"
}

// showDelta takes a piece of what the model is writing.
func (v *view) showDelta(t *thread, p host.ModelDelta) {
	switch p.What {
	case host.DeltaText:
		t.doing = "the model is writing"
		if v.root(t) {
			t.text.write(v, p.Call, p.Text)
		}
	case host.DeltaThinking:
		t.doing = "thinking"
		t.text.think(p.Call, p.Text)
	case host.DeltaInput:
		if p.Tool != "" {
			t.doing = "preparing " + clean(p.Tool)
		}
	}
}
