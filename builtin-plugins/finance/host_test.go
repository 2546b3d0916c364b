package finance_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cowork-host/cowork/builtin-plugins/finance"
	"github.com/cowork-host/cowork/pluginsdk"
)

// fakeHost is a host over one folder; what is written stays in memory.
type fakeHost struct {
	dir     string
	answers map[string]string // by question id
	mu      sync.Mutex
	asked   []pluginsdk.Question
	out     map[string]*fakeFile
	logs    []string
	onStep  func(label string) // called with each progress report
	full    int                // bytes that can be written; 0 is no limit
}

type fakeFile struct {
	bytes.Buffer
	name   string
	closed bool
	host   *fakeHost
}

func (f *fakeFile) Name() string { return f.name }
func (f *fakeFile) Close() error { f.closed = true; return nil }
func (f *fakeFile) Write(p []byte) (int, error) {
	if f.host.full > 0 && f.Len()+len(p) > f.host.full {
		return 0, fmt.Errorf("disk full: %w", pluginsdk.ErrUnavailable)
	}
	return f.Buffer.Write(p)
}

func (h *fakeHost) Files() pluginsdk.Files { return h }

func (h *fakeHost) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &pluginsdk.Error{Kind: pluginsdk.ErrDenied, Message: name + " is outside the folder"}
	}
	f, err := os.Open(filepath.Join(h.dir, name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, pluginsdk.ErrNotFound)
	}
	return f, nil
}

func (h *fakeHost) Create(name string) (pluginsdk.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	base, ext := strings.TrimSuffix(name, filepath.Ext(name)), filepath.Ext(name)
	for n := 2; ; n++ {
		_, err := os.Stat(filepath.Join(h.dir, name))
		if h.out[name] == nil && err != nil {
			break
		}
		name = fmt.Sprintf("%s (%d)%s", base, n, ext)
	}
	return h.put(name), nil
}

func (h *fakeHost) Write(name string) (pluginsdk.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.put(name), nil
}

func (h *fakeHost) put(name string) *fakeFile {
	if h.out == nil {
		h.out = map[string]*fakeFile{}
	}
	f := &fakeFile{name: name, host: h}
	h.out[name] = f
	return f
}

func (h *fakeHost) Rename(string, string) error { return pluginsdk.ErrUnsupported }
func (h *fakeHost) Remove(string) error         { return pluginsdk.ErrDenied }

func (h *fakeHost) Tool(context.Context, string, any) (*pluginsdk.ToolResult, error) {
	return nil, pluginsdk.ErrUnavailable
}

func (h *fakeHost) Generate(context.Context, *pluginsdk.Prompt) (*pluginsdk.Text, error) {
	return nil, pluginsdk.ErrUnavailable
}

func (h *fakeHost) Ask(_ context.Context, q pluginsdk.Question) (pluginsdk.Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, q)
	if v, ok := h.answers[q.ID]; ok {
		return pluginsdk.Answer{Value: v}, nil
	}
	return pluginsdk.Answer{}, pluginsdk.ErrUnavailable
}

func (h *fakeHost) Report() pluginsdk.Reporter { return h }
func (h *fakeHost) Plan(...string)             {}
func (h *fakeHost) Fact(pluginsdk.Fact)        {}

func (h *fakeHost) Progress(label string, _, _ int64) {
	if h.onStep != nil {
		h.onStep(label)
	}
}

func (h *fakeHost) Log(s string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logs = append(h.logs, s)
}

// newHost makes a folder with the files.
func newHost(t testing.TB, files map[string]string) *fakeHost {
	t.Helper()
	h := &fakeHost{dir: t.TempDir()}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// run calls the command as the host would.
func run(ctx context.Context, h *fakeHost, budget, actuals string, options ...string) (*pluginsdk.Result, error) {
	values := map[string]string{"budget": budget, "actuals": actuals}
	for i := 0; i < len(options); i += 2 {
		values[options[i]] = options[i+1]
	}
	command := finance.New().(pluginsdk.CommandProvider).Commands()[0]
	return command.Run(ctx, &pluginsdk.Invocation{Command: command.Name, Values: values, Host: h})
}

// mustRun fails the test when the command does.
func mustRun(t testing.TB, h *fakeHost, options ...string) *pluginsdk.Result {
	t.Helper()
	res, err := run(t.Context(), h, "budget.csv", "actuals.csv", options...)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func facts(res *pluginsdk.Result) map[string]string {
	out := map[string]string{}
	for _, f := range res.Facts {
		out[f.Name] = f.Value
	}
	return out
}
