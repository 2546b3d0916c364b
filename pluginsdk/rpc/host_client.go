package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc/pb"
)

// hostClient is the plugin's side of the Host service: the pluginsdk.Host of
// one call.
type hostClient struct {
	files  *files
	report *reporter
	rpc    pb.HostClient
	call   uint64
}

var _ pluginsdk.Host = (*hostClient)(nil)

// newHostClient returns the host for one call. ctx is the call's: file access,
// whose interface has no context, ends with it.
func newHostClient(ctx context.Context, c pb.HostClient, call uint64) *hostClient {
	return &hostClient{
		files:  &files{ctx: ctx, rpc: c, call: call},
		report: &reporter{ctx: ctx, rpc: c, call: call, last: map[string]time.Time{}},
		rpc:    c, call: call,
	}
}

func (h *hostClient) Files() pluginsdk.Files     { return h.files }
func (h *hostClient) Report() pluginsdk.Reporter { return h.report }

func (h *hostClient) Tool(ctx context.Context, name string, in any) (*pluginsdk.ToolResult, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("tool %s: %w: %w", name, pluginsdk.ErrInvalid, err)
	}
	resp, err := h.rpc.Tool(ctx, &pb.HostToolRequest{Call: h.call, Tool: name, InputJson: data})
	if err != nil {
		return nil, decodeError(ctx, err)
	}
	return &pluginsdk.ToolResult{Text: resp.GetText(), JSON: resp.GetJson()}, nil
}

func (h *hostClient) Generate(ctx context.Context, p *pluginsdk.Prompt) (*pluginsdk.Text, error) {
	resp, err := h.rpc.Generate(ctx, &pb.GenerateRequest{
		Call: h.call, Id: p.ID, System: p.System, Text: p.Text, MaxTokens: int32(p.MaxTokens),
	})
	if err != nil {
		return nil, decodeError(ctx, err)
	}
	return &pluginsdk.Text{Text: resp.GetText(), Model: resp.GetModel()}, nil
}

func (h *hostClient) Ask(ctx context.Context, q pluginsdk.Question) (pluginsdk.Answer, error) {
	data, err := json.Marshal(q)
	if err != nil {
		return pluginsdk.Answer{}, fmt.Errorf("ask: %w", err)
	}
	resp, err := h.rpc.Ask(ctx, &pb.AskRequest{Call: h.call, QuestionJson: data})
	if err != nil {
		return pluginsdk.Answer{}, decodeError(ctx, err)
	}
	return pluginsdk.Answer{Value: resp.GetValue()}, nil
}

// progressEvery is how often progress with one label crosses the wire.
const progressEvery = 100 * time.Millisecond

// reporter sends reports and forgets failures: a report never stops work.
type reporter struct {
	ctx  context.Context
	rpc  pb.HostClient
	call uint64
	mu   sync.Mutex
	last map[string]time.Time
}

func (r *reporter) send(req *pb.ReportRequest) {
	req.Call = r.call
	_, _ = r.rpc.Report(r.ctx, req) // dropped by contract
}

func (r *reporter) Plan(steps ...string) {
	r.send(&pb.ReportRequest{Report: &pb.ReportRequest_Plan{Plan: &pb.Plan{Steps: steps}}})
}

func (r *reporter) Progress(label string, done, total int64) {
	if done != total && !r.due(label) {
		return
	}
	r.send(&pb.ReportRequest{Report: &pb.ReportRequest_Progress{
		Progress: &pb.Progress{Label: label, Done: done, Total: total},
	}})
}

func (r *reporter) due(label string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.last[label]) < progressEvery {
		return false
	}
	r.last[label] = now
	return true
}

func (r *reporter) Log(message string) {
	r.send(&pb.ReportRequest{Report: &pb.ReportRequest_Log{Log: message}})
}

func (r *reporter) Fact(f pluginsdk.Fact) {
	data, err := json.Marshal(f)
	if err != nil {
		return
	}
	r.send(&pb.ReportRequest{Report: &pb.ReportRequest_FactJson{FactJson: data}})
}
