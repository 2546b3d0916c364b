package tool_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
)

// BenchmarkDo is what the door costs a call, without the log and the tool, by
// the size of the input.
func BenchmarkDo(b *testing.B) {
	for _, size := range []int{10, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			type input struct {
				Text string `json:"text" jsonschema:"t"`
			}
			tl := tool.Define(tool.Spec{Name: "put", Description: "d", Effect: policy.Write}, func(context.Context, tool.Call, input) (*tool.Prepared, error) {
				return &tool.Prepared{Summary: "s", Run: func(context.Context) (*tool.Result, error) { return &tool.Result{Text: "ok"}, nil }}, nil
			})
			set, err := tool.NewSet(tl)
			if err != nil {
				b.Fatal(err)
			}
			c := tool.NewCaller(tool.Options{
				Tools: set, Record: func(context.Context, ...event.Payload) error { return nil }, NextStep: func() string { return "1" },
				Decide: func(context.Context, policy.Call) (policy.Decision, error) {
					return policy.Decision{Verdict: policy.Allow}, nil
				},
			})
			raw, err := json.Marshal(input{strings.Repeat("x", size)})
			if err != nil {
				b.Fatal(err)
			}
			calls := []model.ToolCall{{ID: "c", Name: "put", Input: raw}}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Do(b.Context(), 1, calls, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
