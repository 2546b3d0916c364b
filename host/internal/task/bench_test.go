package task_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/task"
)

// history returns the events of a task with n events of a kilobyte or so, as
// work with a model has them.
func history(n int) []event.Payload {
	text := strings.Repeat("word ", 160)
	raw, _ := json.Marshal(map[string]any{"role": "assistant", "content": []any{map[string]string{"type": "text", "text": text}}})
	out := []event.Payload{event.TaskCreated{Input: "do it"}, event.TurnStarted{Turn: 1, Text: text}}
	for i := 0; len(out) < n; i++ {
		call := fmt.Sprintf("toolu_%d", i)
		out = append(out,
			event.ModelCalled{Call: i, Purpose: "turn", Context: map[string]int64{"system": 1000, "history": 20000}, Window: 200000},
			event.ModelMessage{Call: i, Text: text, Raw: string(raw)},
			event.ModelUsage{Call: i, Purpose: "turn", Usage: model.Usage{Input: 100, CacheRead: 9000, Output: 80}, Cost: "0.0123"},
			event.ToolCall{Step: strconv.Itoa(i), Call: call, Tool: "read", Input: json.RawMessage(`{"path":"a.txt"}`), Summary: "read a.txt"},
			event.ToolResult{Step: strconv.Itoa(i), Call: call, Tool: "read", Status: event.ResultOK, Text: text})
	}
	return out[:n]
}

// keep stores payloads as a task's log.
func keep(tb testing.TB, log event.Log, id string, payloads []event.Payload) {
	tb.Helper()
	batch := make([]event.Event, 0, 1000)
	for i, p := range payloads {
		e, err := event.New(p)
		if err != nil {
			tb.Fatal(err)
		}
		if batch = append(batch, e); len(batch) == cap(batch) || i == len(payloads)-1 {
			if _, err := log.Append(tb.Context(), id, -1, batch...); err != nil {
				tb.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

func sqlite(tb testing.TB) *event.SQLite {
	tb.Helper()
	log, err := event.OpenSQLite(tb.Context(), filepath.Join(tb.TempDir(), "events.db"), event.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := log.Close(); err != nil {
			tb.Errorf("close the log: %v", err)
		}
	})
	return log
}

// BenchmarkResume folds a task from disk, as a resume does first: 10,000
// events take at most 300 ms, and the cost grows with the events alone. It
// also reports how much memory the state keeps.
func BenchmarkResume(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			log := sqlite(b)
			keep(b, log, "t", history(n))
			m := task.New(task.Options{Log: log, Worker: &worker{}})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var s *task.State
			for b.Loop() {
				var err error
				if s, err = m.State(b.Context(), "t"); err != nil || s.Last != int64(n) {
					b.Fatalf("%v, %v", s, err)
				}
			}
			b.StopTimer()
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(max(0, float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)))/(1<<20), "MiB-kept")
			runtime.KeepAlive(s)
		})
	}
}

// BenchmarkFanOut compares how long a task takes to record an event that many
// watch, and one that nobody watches, in turn in one run: at 200 events a
// second, and as fast as it can, where the watchers need their share of the
// processors too. The goal is that fifty watchers do not slow it down.
func BenchmarkFanOut(b *testing.B) {
	for _, gap := range []time.Duration{5 * time.Millisecond, 0} {
		for _, watchers := range []int{1, 50, 200} {
			b.Run(fmt.Sprintf("gap=%v/subscribers=%d", gap, watchers), func(b *testing.B) {
				const n = 200
				var alone, watched []time.Duration
				for b.Loop() {
					alone = append(alone, recordTimes(b, 0, n, gap)...)
					watched = append(watched, recordTimes(b, watchers, n, gap)...)
				}
				slices.Sort(alone)
				slices.Sort(watched)
				b.ReportMetric(float64(watched[len(watched)/2])/1e3, "p50-us")
				b.ReportMetric(float64(watched[len(watched)/2])/float64(alone[len(alone)/2]), "p50/alone")
				b.ReportMetric(float64(watched[len(watched)*9/10])/float64(alone[len(alone)*9/10]), "p90/alone")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// recordTimes are how long each of n events took to record while so many
// followed the task.
func recordTimes(b *testing.B, watchers, n int, gap time.Duration) []time.Duration {
	b.Helper()
	log := sqlite(b)
	ready := make(chan struct{})
	var took []time.Duration
	m := task.New(task.Options{Log: log, Worker: &worker{work: func(ctx context.Context, t *task.Task) event.TaskDone {
		<-ready
		for range n {
			if gap > 0 {
				<-time.After(gap)
			}
			start := time.Now()
			if err := t.Record(ctx, event.LogLine{Message: strings.Repeat("x", 500)}); err != nil {
				b.Error(err)
			}
			took = append(took, time.Since(start))
		}
		return event.TaskDone{Status: event.StatusDone}
	}}})
	id, err := m.Start(b.Context(), task.Spec{Input: "x"})
	if err != nil {
		b.Fatal(err)
	}
	var wg, on sync.WaitGroup
	for range watchers {
		on.Add(1)
		wg.Go(func() {
			first, seen := true, 0
			for e, err := range event.SubscribeTree(b.Context(), log, id, nil) {
				if first {
					on.Done()
					first = false
				}
				if err != nil {
					b.Error(err)
					return
				}
				if seen++; e.Kind == event.KindTaskDone {
					break
				}
			}
			if seen < n {
				b.Errorf("a watcher saw %d of %d events", seen, n)
			}
		})
	}
	on.Wait()
	close(ready)
	<-m.Done(id)
	wg.Wait()
	closeBench(b, m)
	return took
}

// BenchmarkAgents has twenty sub-agents record events side by side, 200 a
// second together and each, and reports how late an event reaches who watches
// the tree: at 200 a second 99 of 100 within 100 ms.
func BenchmarkAgents(b *testing.B) {
	const agents = 20
	for _, rate := range []int{200, 200 * agents} {
		b.Run(fmt.Sprintf("agents=%d/events_per_second=%d", agents, rate), func(b *testing.B) {
			var delays []time.Duration
			for b.Loop() {
				delays = append(delays, delaysOf(b, agents, rate, 2*time.Second)...)
			}
			slices.Sort(delays)
			b.ReportMetric(float64(delays[len(delays)/2])/1e6, "p50-ms")
			b.ReportMetric(float64(delays[len(delays)*99/100])/1e6, "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// delaysOf runs the sub-agents for a while and returns how late each event was
// seen after it was due.
func delaysOf(b *testing.B, agents, rate int, run time.Duration) []time.Duration {
	b.Helper()
	log := sqlite(b)
	each := rate * int(run/time.Second) / agents
	gap := time.Duration(agents) * time.Second / time.Duration(rate)
	agent := func(ctx context.Context, t *task.Task) event.TaskDone {
		began := time.Now()
		for i := range each {
			due := began.Add(time.Duration(i) * gap)
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
			}
			if err := t.Record(ctx, event.LogLine{Message: strconv.FormatInt(due.UnixNano(), 10)}); err != nil {
				b.Error(err)
			}
		}
		return event.TaskDone{Status: event.StatusDone}
	}
	m := task.New(task.Options{Log: log, Worker: &worker{work: func(ctx context.Context, t *task.Task) event.TaskDone {
		if t.Spec.Parent != "" {
			return agent(ctx, t)
		}
		inputs := make([]string, agents)
		for i := range inputs {
			inputs[i] = strconv.Itoa(i)
		}
		return finish(ctx, spawns(inputs...)(ctx, t))
	}}})
	id, err := m.Start(b.Context(), task.Spec{Input: "root"})
	if err != nil {
		b.Fatal(err)
	}
	var delays []time.Duration
	for e, err := range event.SubscribeTree(b.Context(), log, id, nil) {
		if err != nil {
			b.Fatal(err)
		}
		if e.Task == id && e.Kind == event.KindTaskDone {
			break
		}
		if p, err := event.Decode[event.LogLine](e); err == nil && e.Task != id {
			due, _ := strconv.ParseInt(p.Message, 10, 64)
			delays = append(delays, time.Since(time.Unix(0, due)))
		}
	}
	closeBench(b, m)
	return delays
}

func closeBench(b *testing.B, m *task.Manager) {
	b.Helper()
	if err := m.Close(context.WithoutCancel(b.Context())); err != nil {
		b.Error(err)
	}
}
