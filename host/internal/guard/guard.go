// Package guard notices when a task goes in circles: the same call again and
// again, a cycle of calls, work that brings nothing new, too many sub-agents,
// floods of output. It is a fold of the task's log, so a resumed task is
// guarded as if it had never stopped. It decides nothing: whoever owns the
// task shows the trip and asks the person.
package guard

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
)

// Rule names why a guard tripped.
type Rule string

// The rules.
const (
	Repeat     Rule = "loop.repeat"      // the same call with the same result
	Cycle      Rule = "loop.cycle"       // a few calls in turn, with the same results
	NoProgress Rule = "loop.no-progress" // calls that bring nothing new
	Agents     Rule = "loop.agents"      // too many sub-agents, or too deep
	Flood      Rule = "loop.flood"       // too much output
)

// Options are the thresholds. A zero stands for the default, a negative number
// turns the rule off.
type Options struct {
	// Repeats is how many times in a row the same call may give the same
	// result; at that many it trips. Default 3.
	Repeats int
	// Cycles is how many times in a row a sequence of 2 to 6 calls may come
	// back with the same results. Default 3.
	Cycles int
	// NoProgress is how many calls in a row may bring nothing new: no result
	// that was not seen before, no changed file, no edit of the plan, no fact.
	// A call that fails brings nothing new. The calls of one message count as
	// one. Default 15.
	NoProgress int
	// Agents is how many sub-agents a task may start in one turn. Default 40.
	Agents int
	// Depth is how deep sub-agents may start sub-agents; Level is the depth of
	// the task that is guarded, 0 for one the person started. Default 3.
	Depth, Level int
	// FloodBytes is how much text 20 calls in a row may return, or one message
	// of the model hold. Default 32 MiB for calls; a message may have 1 MiB of
	// it.
	FloodBytes int
	// Lines is how many times one message may say the same line. Default 100.
	Lines int
}

// Trip says that a guard noticed something.
type Trip struct {
	Rule    Rule
	Message string // for the person: what was seen, in a sentence without a full stop
}

const (
	longestCycle = 6
	floodCalls   = 20
	messagePart  = 32 // of FloodBytes, what one message may hold
	lineLength   = 12 // shorter lines may repeat: table rules, brackets
)

// Guard watches one task. It is not safe for concurrent use.
type Guard struct {
	opts Options

	inputs map[string]call // calls that began, by id
	asked  string          // the last message of the model, if it has calls
	recent []done          // the last ones that ended, oldest first
	known  map[digest]bool // results and file versions seen before
	sizes  []int           // of the last results
	stale  int             // calls, or messages with calls, without anything new
	round  int             // messages of the model so far
	staled int             // the round that was counted in stale last
	agents int             // started in this turn
}

type (
	digest [16]byte
	call   struct {
		tool string
		key  digest
	}
	// done is a call that ended; two are alike when tool, input, status and
	// result are.
	done struct {
		tool string
		key  digest
	}
)

// New returns a guard of one task from its beginning.
func New(opts Options) *Guard {
	orDefault(&opts.Repeats, 3)
	orDefault(&opts.Cycles, 3)
	orDefault(&opts.NoProgress, 15)
	orDefault(&opts.Agents, 40)
	orDefault(&opts.Depth, 3)
	orDefault(&opts.FloodBytes, 32<<20)
	orDefault(&opts.Lines, 100)
	return &Guard{opts: opts, inputs: map[string]call{}, known: map[digest]bool{}}
}

func orDefault(n *int, value int) {
	if *n == 0 {
		*n = value
	}
}

// Observe adds an event of the task's log and says whether a guard trips on
// it, else nil. A guard that tripped begins to count anew, so that a task the
// person lets go on has the same room again; a message or an answer of the
// person has the same effect.
func (g *Guard) Observe(e *event.Opened) *Trip {
	switch e.Kind {
	case event.KindTurnStarted:
		g.agents = 0
		g.again()
	case event.KindMessageDelivered, event.KindAnswer, event.KindApprovalAnswered, event.KindTaskResumed:
		g.again()
	case event.KindModelMessage:
		p, _ := event.As[event.ModelMessage](e)
		return g.message(p)
	case event.KindToolCall:
		p, _ := event.As[event.ToolCall](e)
		g.inputs[p.Call] = call{p.Tool, hash(p.Tool, canonical(p.Input))}
	case event.KindToolResult:
		p, _ := event.As[event.ToolResult](e)
		return g.result(p)
	case event.KindPlanEdited, event.KindFact, event.KindStepResult, event.KindStepApplied, event.KindChildDone:
		g.stale = 0
	case event.KindChildStarted:
		return g.child()
	}
	return nil
}

// again forgets what was counted in a row, not what is known.
func (g *Guard) again() {
	g.recent, g.sizes, g.stale = nil, nil, 0
}

func (g *Guard) message(m event.ModelMessage) *Trip {
	g.round++
	g.asked = ""
	if m.StopReason == model.StopToolUse {
		g.asked = m.Raw
	}
	if limit := g.opts.FloodBytes / messagePart; limit > 0 && len(m.Text) > limit {
		return &Trip{Flood, fmt.Sprintf("one message of the model has %d bytes of text", len(m.Text))}
	}
	line, n := mostSaid(m.Text)
	if g.opts.Lines > 0 && n >= g.opts.Lines {
		return &Trip{Flood, fmt.Sprintf("one message of the model says the same line %d times: %q", n, short(line))}
	}
	return nil
}

func (g *Guard) result(r event.ToolResult) *Trip {
	c := g.called(r)
	outcome := hash(string(r.Status), r.Text)
	g.recent = append(g.recent, done{c.tool, hash(string(c.key[:]), string(outcome[:]))})
	if keep := max(g.opts.Repeats, g.opts.Cycles*longestCycle); keep > 0 && len(g.recent) > keep {
		g.recent = g.recent[len(g.recent)-keep:]
	}
	g.progress(r, outcome)
	for _, check := range []func() *Trip{g.repeated, g.cycled, g.stuck, func() *Trip { return g.flooded(len(r.Text)) }} {
		if trip := check(); trip != nil {
			g.again()
			return trip
		}
	}
	return nil
}

// called is what a result answers. A call that never began is in the model's
// message alone, which is read only for it.
func (g *Guard) called(r event.ToolResult) call {
	if c, ok := g.inputs[r.Call]; ok {
		delete(g.inputs, r.Call)
		return c
	}
	if g.asked != "" {
		for _, c := range (model.Message{Role: model.Assistant, Raw: json.RawMessage(g.asked)}).Calls() {
			if c.ID == r.Call {
				return call{c.Name, hash(c.Name, canonical(c.Input))}
			}
		}
	}
	return call{r.Tool, hash(r.Tool)}
}

// progress notes whether a call brought something new.
func (g *Guard) progress(r event.ToolResult, outcome digest) {
	fresh := false
	if r.Status == event.ResultOK {
		fresh = g.learn(outcome)
		for _, s := range r.Seen {
			fresh = g.learn(hash("file", s.Path, s.SHA256)) || fresh
		}
		for _, c := range r.Changes {
			fresh = fresh || c.Change != "modified" // a file written anew with the same bytes is no progress
		}
	}
	if g.round == 0 || g.staled != g.round {
		g.stale++
	}
	g.staled = g.round
	if fresh {
		g.stale = 0
	}
}

func (g *Guard) learn(d digest) bool {
	if g.known[d] {
		return false
	}
	g.known[d] = true
	return true
}

func (g *Guard) repeated() *Trip {
	n := g.opts.Repeats
	if n <= 0 || len(g.recent) < n {
		return nil
	}
	last := g.recent[len(g.recent)-n:]
	for _, d := range last {
		if d != last[0] {
			return nil
		}
	}
	return &Trip{Repeat, fmt.Sprintf("the tool %s was called %d times in a row with the same input and gave the same result each time", short(last[0].tool), n)}
}

func (g *Guard) cycled() *Trip {
	if g.opts.Cycles <= 0 {
		return nil
	}
	for period := 2; period <= longestCycle; period++ {
		n := period * g.opts.Cycles
		if len(g.recent) < n || g.opts.Cycles < 2 {
			continue
		}
		last := g.recent[len(g.recent)-n:]
		if !periodic(last, period) || periodic(last, 1) {
			continue
		}
		var tools []string
		for _, d := range last[:period] {
			tools = append(tools, short(d.tool))
		}
		return &Trip{Cycle, fmt.Sprintf("the same %d calls (%s) came %d times in turn, with the same results", period, strings.Join(tools, ", "), g.opts.Cycles)}
	}
	return nil
}

func periodic(list []done, period int) bool {
	for i := period; i < len(list); i++ {
		if list[i] != list[i-period] {
			return false
		}
	}
	return true
}

func (g *Guard) stuck() *Trip {
	if g.opts.NoProgress <= 0 || g.stale < g.opts.NoProgress {
		return nil
	}
	return &Trip{NoProgress, fmt.Sprintf("the last %d rounds of calls brought nothing new: they failed, or repeated what was known", g.stale)}
}

func (g *Guard) flooded(size int) *Trip {
	g.sizes = append(g.sizes, size)
	if len(g.sizes) > floodCalls {
		g.sizes = g.sizes[1:]
	}
	sum := 0
	for _, n := range g.sizes {
		sum += n
	}
	if g.opts.FloodBytes <= 0 || sum <= g.opts.FloodBytes {
		return nil
	}
	return &Trip{Flood, fmt.Sprintf("the last %d calls returned %d MiB of text", len(g.sizes), sum>>20)}
}

func (g *Guard) child() *Trip {
	g.stale = 0
	g.agents++
	if g.opts.Depth > 0 && g.opts.Level+1 > g.opts.Depth {
		return &Trip{Agents, fmt.Sprintf("a sub-agent %d levels below the task was started; %d are allowed", g.opts.Level+1, g.opts.Depth)}
	}
	if g.opts.Agents > 0 && g.agents > g.opts.Agents {
		n := g.agents
		g.agents = 0
		return &Trip{Agents, fmt.Sprintf("%d sub-agents were started in one turn", n)}
	}
	return nil
}

// mostSaid returns the line a text repeats most often, and how often. Short
// lines, and those without letters, do not count.
func mostSaid(text string) (string, int) {
	counts := map[string]int{}
	best, most := "", 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if len(line) < lineLength || !strings.ContainsFunc(line, isLetter) {
			continue
		}
		if counts[line]++; counts[line] > most {
			best, most = line, counts[line]
		}
	}
	return best, most
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f }

// canonical returns JSON in which order and white space do not matter.
func canonical(raw json.RawMessage) string {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return string(raw)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(raw)
	}
	return string(out)
}

// hash digests parts so that no two lists of parts give the same by shifting
// bytes from one to another.
func hash(parts ...string) digest {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write([]byte(p))
	}
	return digest(h.Sum(nil)[:16])
}

func short(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
