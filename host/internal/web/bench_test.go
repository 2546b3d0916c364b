package web_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
)

// history is a task of n events like those of long work: texts with tables and
// lists, tool calls, usage and plan.
func history(b *testing.B, f *fixture, n int) {
	b.Helper()
	text := "Revenue rose by **12.4%** against plan, driven by the *northern* region.\n\n1. Loaded 14 files\n2. Reconciled `3` mismatches\n\n" +
		"| Region | Plan | Actual |\n|---|---:|---:|\n| North | 120 | 141 |\n| South | 90 | 84 |\n\n```\nSUM(B2:B40)\n```\n"
	payloads := []event.Payload{event.TaskCreated{Title: "History", Input: "Go through everything", Folders: []string{f.docs}}}
	for i := 0; len(payloads) < n-1; i++ {
		id := strconv.Itoa(i)
		payloads = append(payloads,
			event.ModelCalled{Call: i, Model: "m", Purpose: "turn", Context: map[string]int64{"history": int64(i)}, Window: 200_000},
			event.ModelMessage{Call: i, Model: "m", StopReason: "tool_use", Text: text, Raw: `{"content":[]}`},
			event.ModelUsage{Call: i, Model: "m", Usage: model.Usage{Input: 1000, Output: 100}, Cost: "0.0123"})
		for j := range 3 {
			c := id + "-" + strconv.Itoa(j)
			payloads = append(payloads, call(c, c, "read part "+c), result(c, c, event.ResultOK, strings.Repeat("row 12, ok\n", 12), 40))
		}
		payloads = append(payloads, event.PlanEdited{By: "model", Ops: []event.PlanOp{{Op: "add", Text: "Step " + id}, {Op: "status", ID: id, Status: event.PlanDone}}})
	}
	payloads = append(payloads[:n-1], event.TaskDone{Status: event.StatusDone})
	for len(payloads) > 0 {
		k := min(500, len(payloads))
		f.append(b, "long", "", payloads[:k]...)
		payloads = payloads[k:]
	}
}

// BenchmarkHistoryPainted measures from the navigation to the painted task. The
// budget is 400 ms for 2,000 events and 2.5 s for 20,000.
func BenchmarkHistoryPainted(b *testing.B) {
	browser := newBrowser(b)
	for _, n := range []int{200, 2_000, 20_000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			f := newFixture(b)
			history(b, f, n)
			p := newTab(b, browser, f)
			p.eval(`location.hash = "#/task/long"`)
			p.until(`document.querySelector(".transcript")`)
			var painted, ready float64
			for b.Loop() {
				p.do(chromedp.Reload())
				p.until(`performance.getEntriesByName("task-painted").length`)
				ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
				t, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](`[performance.getEntriesByName("task-painted")[0].startTime, performance.getEntriesByName("task-asked")[0].startTime]`))
				cancel()
				if err != nil {
					b.Fatal(err)
				}
				painted += t[0]
				ready += t[1]
			}
			b.ReportMetric(painted/float64(b.N), "ms-painted")
			b.ReportMetric(ready/float64(b.N), "ms-page")
		})
	}
}

// BenchmarkStream measures what the events of one task cost on their way to
// many pages.
func BenchmarkStream(b *testing.B) {
	for _, pages := range []int{1, 50} {
		b.Run(fmt.Sprintf("pages=%d", pages), func(b *testing.B) { benchStream(b, pages) })
	}
}
