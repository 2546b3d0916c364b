package guard_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/guard"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/pluginsdk"
)

// task feeds a guard with a task's events.
type task struct {
	t     testing.TB
	g     *guard.Guard
	calls int
	trips []guard.Trip
}

func begin(t testing.TB, opts guard.Options) *task {
	return &task{t: t, g: guard.New(opts)}
}

func (k *task) see(p event.Payload) *guard.Trip {
	k.t.Helper()
	e, err := event.New(p)
	if err != nil {
		k.t.Fatal(err)
	}
	trip := k.g.Observe(event.Open(e))
	if trip != nil {
		if trip.Message == "" || trip.Rule == "" {
			k.t.Errorf("trip without words: %+v", trip)
		}
		k.trips = append(k.trips, *trip)
	}
	return trip
}

// call runs a tool: the model asks, the call begins, the result comes.
func (k *task) call(tool, input, result string, changes ...event.Change) *guard.Trip {
	k.t.Helper()
	return k.end(tool, input, event.ToolResult{Status: event.ResultOK, Text: result, Changes: changes})
}

func (k *task) end(tool, input string, r event.ToolResult) *guard.Trip {
	k.t.Helper()
	k.calls++
	id := fmt.Sprint("call", k.calls)
	k.see(event.ModelMessage{
		StopReason: model.StopToolUse,
		Raw:        fmt.Sprintf(`{"role":"assistant","content":[{"type":"tool_use","id":%q,"name":%q,"input":%s}]}`, id, tool, input),
	})
	if r.Status != event.ResultDenied && r.Status != event.ResultInvalid {
		k.see(event.ToolCall{Call: id, Tool: tool, Input: json.RawMessage(input)})
	}
	r.Call, r.Tool = id, tool
	return k.see(r)
}

func (k *task) want(rules ...guard.Rule) {
	k.t.Helper()
	var got []guard.Rule
	for _, trip := range k.trips {
		got = append(got, trip.Rule)
	}
	if fmt.Sprint(got) != fmt.Sprint(rules) {
		k.t.Errorf("after %d calls tripped by %v, want %v", k.calls, k.trips, rules)
	}
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	t.Run("the third time", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for i := range 3 {
			if trip := k.call("read", `{"path":"a"}`, "same"); (trip != nil) != (i == 2) {
				t.Errorf("call %d: %v", i+1, trip)
			}
		}
		k.want(guard.Repeat)
	})
	t.Run("spelled otherwise", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		k.call("read", `{"path":"a","n":1}`, "same")
		k.call("read", `{"n":1, "path":"a"}`, "same")
		k.call("read", ` {"n":1,"path":"\u0061"}`, "same")
		k.want(guard.Repeat)
	})
	t.Run("polling with changing results", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for i := range 100 {
			k.call("status", `{}`, fmt.Sprintf("%d %% done", i))
		}
		k.want()
	})
	t.Run("another input", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for i := range 10 {
			k.call("read", fmt.Sprintf(`{"path":"%d"}`, i), fmt.Sprint("text ", i))
		}
		k.want()
	})
	t.Run("refused before it began", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for range 3 {
			k.end("request_delete", `{"path":"a"}`, event.ToolResult{Status: event.ResultDenied, Text: "the person said no"})
		}
		k.want(guard.Repeat)
	})
	t.Run("a word of the person between", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for range 10 {
			k.call("read", `{"path":"a"}`, "same")
			k.call("read", `{"path":"a"}`, "same")
			k.see(event.MessageDelivered{Text: "read it again"})
		}
		k.want()
	})
	t.Run("goes on after a trip with the same room", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for range 6 {
			k.call("read", `{"path":"a"}`, "same")
		}
		k.want(guard.Repeat, guard.Repeat)
	})
}

func TestCycle(t *testing.T) {
	t.Parallel()
	for period := 2; period <= 6; period++ {
		t.Run(fmt.Sprint("of ", period), func(t *testing.T) {
			t.Parallel()
			k := begin(t, guard.Options{})
			k.call("list", `{}`, "before")
			for i := 0; len(k.trips) == 0 && i < 100; i++ {
				k.call("read", fmt.Sprintf(`{"path":"%d"}`, i%period), fmt.Sprint("text ", i%period))
			}
			k.want(guard.Cycle)
			if k.calls != 1+3*period {
				t.Errorf("tripped after %d calls", k.calls)
			}
		})
	}
	t.Run("writing to and fro", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for i := 0; len(k.trips) == 0 && i < 20; i++ {
			k.call("write", fmt.Sprintf(`{"path":"a","text":"%d"}`, i%2), "written", event.Change{Path: "/a", Change: "modified"})
		}
		k.want(guard.Cycle)
	})
	t.Run("edit and test until it is right", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for i := range 30 {
			k.end("edit", fmt.Sprintf(`{"path":"a","new":"%d"}`, i), event.ToolResult{
				Status: event.ResultOK, Text: "edited a",
				Changes: []event.Change{{Path: "/a", Change: "modified"}}, Seen: []event.Seen{{Path: "/a", SHA256: fmt.Sprint(i)}},
			})
			k.call("check", `{"path":"a"}`, "the totals differ")
		}
		k.want()
	})
}

func TestNoProgress(t *testing.T) {
	t.Parallel()
	t.Run("errors of many kinds", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for i := 0; len(k.trips) == 0 && i < 100; i++ {
			k.end("read", fmt.Sprintf(`{"path":"%d"}`, i), event.ToolResult{Status: event.ResultError, Text: fmt.Sprint("there is no ", i)})
		}
		k.want(guard.NoProgress)
		if k.calls != 15 {
			t.Errorf("tripped after %d calls", k.calls)
		}
	})
	t.Run("known texts in random order", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{Repeats: -1, Cycles: -1})
		r := rand.New(rand.NewPCG(3, 4))
		for i := 0; len(k.trips) == 0 && i < 200; i++ {
			n := r.IntN(10)
			k.call("read", fmt.Sprintf(`{"path":"%d"}`, n), fmt.Sprint("text ", n))
		}
		k.want(guard.NoProgress)
	})
	t.Run("twenty refusals of one message", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		var blocks []string
		for i := range 20 {
			blocks = append(blocks, fmt.Sprintf(`{"type":"tool_use","id":"p%d","name":"web_fetch","input":{"url":"https://%d.example"}}`, i, i))
		}
		k.see(event.ModelMessage{StopReason: model.StopToolUse, Raw: `{"role":"assistant","content":[` + strings.Join(blocks, ",") + `]}`})
		for i := range 20 {
			k.see(event.ToolResult{Call: fmt.Sprint("p", i), Tool: "web_fetch", Status: event.ResultDenied, Text: "the internet is off"})
		}
		k.want()
	})
	t.Run("a plan that moves", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		for i := range 60 {
			k.end("read", fmt.Sprintf(`{"path":"%d"}`, i), event.ToolResult{Status: event.ResultError, Text: "no"})
			if i%10 == 9 {
				k.see(event.PlanEdited{Ops: []event.PlanOp{{Op: "status", ID: "1", Status: event.PlanDone}}})
			}
		}
		k.want()
	})
}

func TestAgents(t *testing.T) {
	t.Parallel()
	k := begin(t, guard.Options{Agents: 5})
	for range 5 {
		k.see(event.ChildStarted{Child: "c"})
	}
	k.want()
	k.see(event.TurnStarted{Turn: 2})
	for range 6 {
		k.see(event.ChildStarted{Child: "c"})
	}
	k.want(guard.Agents)

	deep := begin(t, guard.Options{Level: 2})
	deep.see(event.ChildStarted{Child: "c"})
	deep.want()
	deeper := begin(t, guard.Options{Level: 3})
	deeper.see(event.ChildStarted{Child: "c"})
	deeper.want(guard.Agents)
}

func TestFlood(t *testing.T) {
	t.Parallel()
	t.Run("results", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{FloodBytes: 64_000})
		for i := range 9 {
			k.call("read", fmt.Sprintf(`{"path":"%d"}`, i), fmt.Sprint(i)+strings.Repeat("x", 7_000))
		}
		k.want()
		k.call("read", `{"path":"z"}`, strings.Repeat("z", 7_000))
		k.want(guard.Flood)
	})
	t.Run("slowly", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{FloodBytes: 64_000})
		for i := range 500 {
			k.call("read", fmt.Sprintf(`{"path":"%d"}`, i), fmt.Sprint(i)+strings.Repeat("x", 3_000))
		}
		k.want()
	})
	t.Run("one line again and again", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		k.see(event.ModelMessage{StopReason: model.StopEndTurn, Text: strings.Repeat("I will now do the work.\n", 100)})
		k.want(guard.Flood)
	})
	t.Run("a table is not a flood", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{})
		k.see(event.ModelMessage{StopReason: model.StopEndTurn, Text: strings.Repeat("|---------|---------|\n}\n", 500)})
		k.want()
	})
	t.Run("a giant message", func(t *testing.T) {
		t.Parallel()
		k := begin(t, guard.Options{FloodBytes: 64_000})
		k.see(event.ModelMessage{StopReason: model.StopEndTurn, Text: strings.Repeat("x", 2_001)})
		k.want(guard.Flood)
	})
}

// TestRealWork runs many random but sensible tasks: searching, reading and
// re-reading, fifty different edits, checks in between, now and then an error.
func TestRealWork(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 9))
		k := begin(t, guard.Options{})
		k.see(event.TurnStarted{Turn: 1, Text: "work", Origin: "person"})
		k.call("list", `{}`, "many files")
		for i := range 50 {
			if r.IntN(3) == 0 {
				k.call("grep", fmt.Sprintf(`{"pattern":"total %d"}`, i), fmt.Sprintf("a.csv:%d", i))
			}
			for range r.IntN(3) {
				n := r.IntN(8)
				k.call("read", fmt.Sprintf(`{"path":"%d.csv"}`, n), fmt.Sprintf("file %d, version %d", n, i))
			}
			if r.IntN(6) == 0 {
				k.end("edit", fmt.Sprintf(`{"path":"out.md","old":"x","new":"%d"}`, i), event.ToolResult{Status: event.ResultError, Text: "x is not in out.md"})
				k.call("read", `{"path":"out.md"}`, fmt.Sprint("out.md, version ", i))
			}
			k.end("edit", fmt.Sprintf(`{"path":"out.md","new":"%d"}`, i), event.ToolResult{
				Status: event.ResultOK, Text: "edited out.md",
				Changes: []event.Change{{Path: "/d/out.md", Change: "modified"}},
				Seen:    []event.Seen{{Path: "/d/out.md", SHA256: fmt.Sprint(i)}},
			})
			if r.IntN(5) == 0 {
				k.see(event.Fact{Step: fmt.Sprint(i), Fact: pluginsdk.Fact{Name: "total", Value: fmt.Sprint(i)}})
			}
		}
		k.want()
	}
}

// TestSeededLoops lets sensible work run into a loop: some guard trips within
// a bounded number of calls, and not before the loop.
func TestSeededLoops(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 17))
		k := begin(t, guard.Options{})
		for i := range r.IntN(40) {
			k.call("read", fmt.Sprintf(`{"path":"%d"}`, i), fmt.Sprint("text ", i))
		}
		k.want()
		period := 1 + r.IntN(12)
		before := k.calls
		for i := 0; len(k.trips) == 0 && i < 100; i++ {
			k.call("grep", fmt.Sprintf(`{"pattern":"%d"}`, i%period), fmt.Sprint("match ", i%period))
		}
		if len(k.trips) == 0 || k.calls-before > 3*6+15 {
			t.Errorf("seed %d: a loop of %d calls tripped %v after %d", seed, period, k.trips, k.calls-before)
		}
	}
}

// TestOff switches every rule off.
func TestOff(t *testing.T) {
	t.Parallel()
	k := begin(t, guard.Options{Repeats: -1, Cycles: -1, NoProgress: -1, Agents: -1, Depth: -1, FloodBytes: -1, Lines: -1})
	for range 200 {
		k.call("read", `{}`, "same")
		k.see(event.ChildStarted{})
		k.see(event.ModelMessage{Text: strings.Repeat("again and again and again\n", 1000)})
	}
	k.want()
}

// TestReplay folds the same log twice: it trips at the same events.
func TestReplay(t *testing.T) {
	t.Parallel()
	run := func() []guard.Trip {
		k := begin(t, guard.Options{})
		r := rand.New(rand.NewPCG(5, 6))
		for range 500 {
			n := r.IntN(4)
			k.call("read", fmt.Sprintf(`{"path":"%d"}`, n), fmt.Sprint("text ", n))
		}
		return k.trips
	}
	a, b := run(), run()
	if len(a) == 0 || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("%v and %v", a, b)
	}
}

// FuzzObserve gives a guard events nobody would write.
func FuzzObserve(f *testing.F) {
	f.Add("tool.result", []byte(`{"call":"a","status":"ok","text":"x"}`))
	f.Add("tool.call", []byte(`{"call":"a","input":[[[]]]}`))
	f.Add("model.message", []byte(`{"stop_reason":"tool_use","raw":"{\"content\":[{\"type\":\"tool_use\"}]}"}`))
	f.Fuzz(func(_ *testing.T, kind string, data []byte) {
		g := guard.New(guard.Options{})
		for range 5 {
			g.Observe(event.Open(event.Event{Kind: event.Kind(kind), Data: data}))
		}
	})
}
