package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// stepHost is the pluginsdk.Host of one step: the step's staging, the task's
// questions, the task's log.
type stepHost struct {
	run    *run
	task   *task.Task
	step   string
	files  *stepFiles
	report *reporter
	asked  atomic.Int64
	parked atomic.Bool // a question found nobody
}

var _ pluginsdk.Host = (*stepHost)(nil)

func newStepHost(ctx context.Context, r *run, step string, staged *workspace.Step) *stepHost {
	return &stepHost{run: r, task: r.t, step: step, files: &stepFiles{step: staged}, report: newReporter(ctx, r.t, step)}
}

func (h *stepHost) Files() pluginsdk.Files     { return h.files }
func (h *stepHost) Report() pluginsdk.Reporter { return h.report }

func (h *stepHost) Tool(_ context.Context, name string, _ any) (*pluginsdk.ToolResult, error) {
	return nil, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "this host has no tool " + name}
}

func (h *stepHost) Ask(ctx context.Context, q pluginsdk.Question) (pluginsdk.Answer, error) {
	size := len(q.ID) + len(q.Text)
	for _, c := range q.Choices {
		size += len(c.Value) + len(c.Label) + len(c.Detail)
	}
	if q.ID == "" || size > maxQuestion {
		return pluginsdk.Answer{}, pluginsdk.Invalid("ask in fewer words", "a question needs an id and has at most %d bytes", maxQuestion)
	}
	if h.asked.Add(1) > maxQuestions {
		return pluginsdk.Answer{}, pluginsdk.Invalid("decide more without asking", "one step asks at most %d questions", maxQuestions)
	}
	v, err := h.task.Ask(ctx, h.step, q)
	if errors.Is(err, task.ErrParked) {
		h.parked.Store(true)
	}
	return pluginsdk.Answer{Value: v}, err
}

// stepFiles is a step's staging as plugins see it. It knows what was written.
type stepFiles struct {
	step *workspace.Step

	mu      sync.Mutex
	written map[string]bool
}

// note says that what had one of the old names has the new name, if there is
// one, and was written by the step.
func (f *stepFiles) note(oldName, newName string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.written == nil {
		f.written = map[string]bool{}
	}
	for name := range maps.Clone(f.written) {
		rest, below := strings.CutPrefix(name, oldName+"/")
		if !below && name != oldName {
			continue
		}
		delete(f.written, name)
		if below && newName != "" {
			f.written[newName+"/"+rest] = true
		}
	}
	if newName != "" {
		f.written[newName] = true
	}
}

// wrote reports whether the step made or changed the file that has the name.
func (f *stepFiles) wrote(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written[name]
}

func (f *stepFiles) Open(name string) (fs.File, error) {
	file, err := f.step.Open(name)
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (f *stepFiles) Create(name string) (pluginsdk.File, error) {
	file, err := f.step.Create(name)
	if err != nil {
		return nil, err
	}
	f.note("", file.Name())
	return file, nil
}

func (f *stepFiles) Write(name string) (pluginsdk.File, error) {
	file, err := f.step.Write(name)
	if err != nil {
		return nil, err
	}
	f.note("", file.Name())
	return file, nil
}

func (f *stepFiles) Rename(oldName, newName string) error {
	if err := f.step.Rename(oldName, newName); err != nil {
		return err
	}
	f.note(oldName, newName)
	return nil
}

func (f *stepFiles) Remove(name string) error {
	if err := f.step.Remove(name); err != nil {
		return err
	}
	f.note(name, "")
	return nil
}

// What a plugin may put into the log in one step; the rest is dropped, which
// the log says once.
const (
	maxLogs       = 500
	maxFacts      = 5000
	maxPlan       = 50
	maxLine       = 4 << 10  // bytes of a log line, a label or one item of a plan
	maxFact       = 16 << 10 // bytes of a fact
	maxQuestions  = 200
	maxQuestion   = 64 << 10 // bytes of a question with its choices
	progressEvery = 100 * time.Millisecond
)

// reporter records what a handler reports. Plans, log lines and facts are
// durable; progress is only shown.
type reporter struct {
	ctx  context.Context
	task *task.Task
	step string

	mu          sync.Mutex
	logs, facts int
	plans       int
	last        time.Time
}

func newReporter(ctx context.Context, t *task.Task, step string) *reporter {
	return &reporter{ctx: ctx, task: t, step: step}
}

// count adds one to n and reports whether it is still within limit; the first
// time it is not, the log says so.
func (r *reporter) count(n *int, limit int, what string) bool {
	r.mu.Lock()
	*n++
	now := *n
	r.mu.Unlock()
	if now == limit+1 {
		r.record(event.LogLine{Step: r.step, Message: "the plugin reports too much; further " + what + " are left out"})
	}
	return now <= limit
}

// record drops what the log cannot keep: the step's own events will fail too,
// and say why.
func (r *reporter) record(p event.Payload) { _ = r.task.Record(r.ctx, p) }

func (r *reporter) Plan(steps ...string) {
	if r.count(&r.plans, maxPlan, "plans") {
		items := slices.Clone(steps[:min(len(steps), maxPlan)])
		for i := range items {
			items[i] = clip(items[i])
		}
		r.record(event.Plan{Step: r.step, Items: items})
	}
}

func (r *reporter) Log(message string) {
	if r.count(&r.logs, maxLogs, "log lines") {
		r.record(event.LogLine{Step: r.step, Message: clip(message)})
	}
}

func (r *reporter) Fact(f pluginsdk.Fact) {
	if size := len(f.Name) + len(f.Value) + len(f.Unit) + len(f.Source); size > maxFact {
		r.Log(fmt.Sprintf("the fact %.40q is left out: it has %d bytes", f.Name, size))
		return
	}
	if r.count(&r.facts, maxFacts, "facts") {
		r.record(event.Fact{Step: r.step, Fact: f})
	}
}

func (r *reporter) Progress(label string, done, total int64) {
	r.mu.Lock()
	now := time.Now()
	due := now.Sub(r.last) >= progressEvery
	if due {
		r.last = now
	}
	r.mu.Unlock()
	if due {
		r.task.Show(event.Progress{Step: r.step, Label: clip(label), Done: done, Total: total})
	}
}

// clip cuts a text to what one line of the log may have.
func clip(s string) string {
	if len(s) <= maxLine {
		return s
	}
	return strings.ToValidUTF8(s[:maxLine], "") + "…"
}
