package data_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/cowork-host/cowork/builtin-plugins/data"
	"github.com/cowork-host/cowork/pluginsdk"
)

// fakeHost is a host over files in memory or a folder.
type fakeHost struct {
	fsys fs.FS
	// refuse makes Create fail.
	refuse error
	// writeErr makes every write fail.
	writeErr error

	mu       sync.Mutex
	created  map[string]*bytes.Buffer
	closed   map[string]int
	plan     []string
	progress []string
	onRead   func()
}

func newHost(files map[string]string) *fakeHost {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return &fakeHost{fsys: m}
}

func (h *fakeHost) Files() pluginsdk.Files     { return h }
func (h *fakeHost) Report() pluginsdk.Reporter { return h }
func (h *fakeHost) Open(name string) (fs.File, error) {
	f, err := h.fsys.Open(name)
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%s: %w", name, pluginsdk.ErrNotFound)
	}
	return f, err
}

func (h *fakeHost) Create(name string) (pluginsdk.File, error) {
	if h.refuse != nil {
		return nil, h.refuse
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.created == nil {
		h.created, h.closed = map[string]*bytes.Buffer{}, map[string]int{}
	}
	ext := path.Ext(name)
	free := name
	for n := 2; ; n++ {
		_, err := fs.Stat(h.fsys, free)
		if err != nil && h.created[free] == nil {
			break
		}
		free = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), n, ext)
	}
	h.created[free] = &bytes.Buffer{}
	return &fakeFile{h, free}, nil
}
func (h *fakeHost) Write(string) (pluginsdk.File, error) { return nil, pluginsdk.ErrUnsupported }
func (h *fakeHost) Rename(string, string) error          { return pluginsdk.ErrUnsupported }
func (h *fakeHost) Remove(string) error                  { return pluginsdk.ErrUnsupported }
func (h *fakeHost) Plan(steps ...string)                 { h.plan = steps }
func (h *fakeHost) Log(string)                           {}
func (h *fakeHost) Fact(pluginsdk.Fact)                  {}
func (h *fakeHost) Progress(label string, done, total int64) {
	h.progress = append(h.progress, fmt.Sprintf("%s %d/%d", label, done, total))
	if h.onRead != nil {
		h.onRead()
	}
}

func (h *fakeHost) Tool(context.Context, string, any) (*pluginsdk.ToolResult, error) {
	return nil, pluginsdk.ErrUnavailable
}

func (h *fakeHost) Generate(context.Context, *pluginsdk.Prompt) (*pluginsdk.Text, error) {
	return nil, pluginsdk.ErrUnavailable
}

func (h *fakeHost) Ask(context.Context, pluginsdk.Question) (pluginsdk.Answer, error) {
	return pluginsdk.Answer{}, pluginsdk.ErrUnavailable
}

type fakeFile struct {
	h    *fakeHost
	name string
}

func (f *fakeFile) Name() string { return f.name }
func (f *fakeFile) Close() error {
	f.h.closed[f.name]++
	return nil
}

func (f *fakeFile) Write(p []byte) (int, error) {
	if f.h.writeErr != nil {
		return 0, f.h.writeErr
	}
	return f.h.created[f.name].Write(p)
}

// run calls /data:profile.
func run(ctx context.Context, h *fakeHost, values map[string]string) (*pluginsdk.Result, error) {
	p := data.New()
	cmd := p.(pluginsdk.CommandProvider).Commands()[0]
	return cmd.Run(ctx, &pluginsdk.Invocation{Command: "profile", Values: values, Host: h})
}

// profileText profiles one file and returns its facts by name.
func profileText(t testing.TB, name, text string) (map[string]pluginsdk.Fact, *pluginsdk.Result, *fakeHost) {
	t.Helper()
	h := newHost(map[string]string{name: text})
	res, err := run(t.Context(), h, map[string]string{"file": name})
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string]pluginsdk.Fact{}
	for _, f := range res.Facts {
		if _, dup := facts[f.Name]; dup {
			t.Errorf("fact %s comes twice", f.Name)
		}
		facts[f.Name] = f
	}
	return facts, res, h
}
