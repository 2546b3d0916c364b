package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/window"
)

// The room of the parts of a request.
const (
	skillsBudget  = 4_000   // tokens for the list of skills
	toolsBudget   = 60_000  // bytes of tool definitions before some are deferred
	resultLimit   = 24_000  // bytes of one tool result
	defaultWindow = 200_000 // tokens, where the model does not say
)

// clipResult is what the model sees of a tool's result.
func clipResult(text, call string) string { return window.Clip(text, resultLimit, call) }

// readers are the tools whose results count as files.
func readers() []string { return []string{"read", "grep"} }

// brief is what a run tells its model beside the conversation. It is made once
// a run, and stays the same to the byte as long as the plugins do.
type brief struct {
	system []string
	skills string // the part of system that lists them
	info   model.Info
	// server are the tools the provider runs itself, where it has them.
	server []model.ServerTool
	effort string
}

// brief composes the system prompt.
func (r *run) makeBrief(ctx context.Context) (brief, error) {
	b := brief{info: model.Info{ContextWindow: defaultWindow, MaxOutput: maxOutput}}
	if i, ok := r.conn.Model.(model.Informer); ok {
		if info, err := i.Info(ctx, r.conn.Name); err == nil && info.ContextWindow > 0 {
			b.info = info
		}
	}
	if r.t.Spec.Light {
		b.system, b.effort = []string{lightPrompt}, "low"
		return b, nil
	}
	first := basePrompt
	if r.agent != nil {
		first = agentPrompt
		if r.agent.prompt != "" {
			first += "\n# Your role\n\n" + r.agent.prompt
		}
	}
	first += "\n" + window.FrameRule
	if r.t.Spec.Mode == string(policy.Plan) && r.agent == nil {
		first += planPrompt
	}
	// The day is that of the task's start, so that the prompt stays the same.
	day := r.t.State().Started.In(time.Local).Format("Monday, 2 January 2006 (MST)")
	b.system = []string{first, foldersPrompt(r.ws) + "\n\nThe task was started on " + day + "."}
	if r.t.Spec.NoInternet {
		b.system[1] += "\n\nThe person keeps this task off the internet: there is no tool for it."
	}
	b.server = r.serverTools()
	snap, err := r.e.opts.Plugins.Snapshot(ctx, r.t.Spec.PluginDirs...)
	if err != nil {
		return b, err
	}
	if b.skills = listSkills(snap, r.agent); b.skills != "" {
		b.system = append(b.system, b.skills)
	}
	return b, nil
}

// webSearch is a search that the provider makes. What it looks for leaves
// without a card, so it is offered only where a grant or a rule of the person
// lets it search for anything. Pages are read by the host's own web_fetch, which
// passes policy call by call.
const (
	webSearch   = "web_search"
	maxSearches = 10 // in one message
)

func (r *run) serverTools() []model.ServerTool {
	d, err := r.decide(context.Background(), policy.Call{Tool: webSearch, Effect: policy.Fetch})
	if err != nil || d.Verdict != policy.Allow || !r.agent.allows(webSearch) {
		return nil
	}
	return []model.ServerTool{{Name: webSearch, MaxUses: maxSearches}}
}

// request is the next request of the conversation.
func (r *run) request() *model.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	req := &model.Request{
		Model: r.conn.Name, System: r.brief.system, Messages: r.conv.Messages(),
		MaxTokens: min(maxOutput, r.brief.info.MaxOutput), Thinking: true, Effort: r.brief.effort, ServerTools: r.brief.server,
	}
	if req.MaxTokens <= 0 {
		req.MaxTokens = maxOutput
	}
	req.Tools = r.tools.Offer(toolsBudget, r.past.found)
	return req
}

// ask calls the model for the turn. A request that turns out to be too long is
// compacted and sent once more.
func (r *run) ask(ctx context.Context) (*model.Response, error) {
	for first := true; ; first = false {
		if err := r.withinCaps(ctx); err != nil {
			return nil, err
		}
		req := r.request()
		reading := r.meter.Measure(req, r.brief.skills, readers()...)
		started := r.e.opts.Now()
		about := event.ModelCalled{Context: reading.Context(), Window: r.brief.info.ContextWindow}
		res, err := r.caller().call(ctx, forTurn, req, about, func(res *model.Response, used event.ModelUsage) event.Payload {
			return event.ModelMessage{
				Call: used.Call, Model: used.Model, StopReason: res.StopReason, Text: res.Message.Text(),
				Raw: string(res.Message.Raw), DurationMS: r.e.opts.Now().Sub(started).Milliseconds(),
			}
		})
		if refused, ok := errors.AsType[*model.Error](err); ok && first && refused.Kind == model.ErrorTooLong {
			if err := r.compact(ctx, true); err != nil {
				return nil, err
			}
			continue
		}
		if err == nil {
			r.meter.Observe(res.Usage)
		}
		return res, err
	}
}

func (r *run) caller() *caller {
	return &caller{
		task: r.t, conn: r.conn, price: r.e.opts.Price, record: r.t.Record, used: r.e.opts.Used,
		next: func() int {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.conv.calls++
			return r.conv.calls
		},
	}
}

// foldersPrompt says which folders are granted and by which names the tools
// know them.
func foldersPrompt(ws folders) string {
	names := ws.Names()
	if len(names) == 1 {
		return "# Folder\n\nThe person granted the folder " + ws.HostPath(names[0]) + ". Paths in the tools are relative to it; `.` is the folder itself."
	}
	var b strings.Builder
	b.WriteString("# Folders\n\nThe person granted these folders. A path in the tools begins with the name on the left:\n")
	for _, n := range names {
		b.WriteString("\n- `" + n + "` is " + ws.HostPath(n))
	}
	return b.String()
}

// folders are the granted folders of a workspace.
type folders interface {
	Names() []string
	HostPath(name string) string
}
