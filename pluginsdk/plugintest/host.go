package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Host is a pluginsdk.Host in memory. Its files start as the inputs; what a
// handler writes is kept in the same map. The zero value has no files, no
// model and nobody who answers.
type Host struct {
	// Answers are given to Ask by question id. A question without one gets
	// ErrUnavailable, as when nobody is there.
	Answers map[string]string
	// Texts are given to Generate by prompt id; without one there is no model.
	Texts map[string]string
	// Tools answer calls of host tools by name.
	Tools map[string]func(input json.RawMessage) (*pluginsdk.ToolResult, error)
	// Fail, if set, is asked before every file operation ("open", "create",
	// "write", "rename", "remove", "append"); an error is returned to the plugin.
	Fail func(op, name string) error

	mu       sync.Mutex
	files    fstest.MapFS
	own      map[string]bool
	asked    []pluginsdk.Question
	plans    [][]string
	logs     []string
	facts    []pluginsdk.Fact
	progress int
}

var _ pluginsdk.Host = (*Host)(nil)

// NewHost returns a host whose workspace holds the given files.
func NewHost(files map[string][]byte) *Host {
	h := &Host{files: fstest.MapFS{}}
	for name, data := range files {
		h.files[name] = &fstest.MapFile{Data: data, Mode: 0o644, ModTime: time.Unix(0, 0).UTC()}
	}
	return h
}

// File returns the content of a file in the workspace and whether it is there.
func (h *Host) File(name string) ([]byte, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.files[name]
	if !ok {
		return nil, false
	}
	return f.Data, true
}

// Written returns what the plugin created or changed, by name.
func (h *Host) Written() map[string][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string][]byte{}
	for name := range h.own {
		if f, ok := h.files[name]; ok {
			out[name] = f.Data
		}
	}
	return out
}

// Asked returns the questions put so far.
func (h *Host) Asked() []pluginsdk.Question {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]pluginsdk.Question(nil), h.asked...)
}

// Logs returns the log lines reported so far.
func (h *Host) Logs() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.logs...)
}

// Plans returns the plans reported so far.
func (h *Host) Plans() [][]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([][]string(nil), h.plans...)
}

// Facts returns the facts reported so far.
func (h *Host) Facts() []pluginsdk.Fact {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]pluginsdk.Fact(nil), h.facts...)
}

// ProgressCount returns how many progress reports arrived.
func (h *Host) ProgressCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.progress
}

// Files returns the workspace.
func (h *Host) Files() pluginsdk.Files { return (*hostFiles)(h) }

// Report returns the recorder.
func (h *Host) Report() pluginsdk.Reporter { return (*hostReporter)(h) }

// Tool calls the function in Tools.
func (h *Host) Tool(_ context.Context, name string, in any) (*pluginsdk.ToolResult, error) {
	f := h.Tools[name]
	if f == nil {
		return nil, fmt.Errorf("tool %s: %w", name, pluginsdk.ErrNotFound)
	}
	data, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return f(data)
}

// Generate returns the text in Texts.
func (h *Host) Generate(_ context.Context, req *pluginsdk.Prompt) (*pluginsdk.Text, error) {
	text, ok := h.Texts[req.ID]
	if !ok {
		return nil, fmt.Errorf("generate: %w: there is no model", pluginsdk.ErrUnavailable)
	}
	return &pluginsdk.Text{Text: text, Model: "scripted"}, nil
}

// Ask returns the answer in Answers.
func (h *Host) Ask(_ context.Context, q pluginsdk.Question) (pluginsdk.Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, q)
	a, ok := h.Answers[q.ID]
	if !ok {
		return pluginsdk.Answer{}, fmt.Errorf("ask %s: %w: nobody is there to answer", q.ID, pluginsdk.ErrUnavailable)
	}
	return pluginsdk.Answer{Value: a}, nil
}

type hostReporter Host

func (r *hostReporter) Plan(steps ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plans = append(r.plans, steps)
}

func (r *hostReporter) Progress(string, int64, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress++
}

func (r *hostReporter) Log(m string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, m)
}

func (r *hostReporter) Fact(f pluginsdk.Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts = append(r.facts, f)
}

type hostFiles Host

func (f *hostFiles) check(op, name string) error {
	if f.Fail == nil {
		return nil
	}
	return f.Fail(op, name)
}

func (f *hostFiles) Open(name string) (fs.File, error) {
	if err := f.check("open", name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := f.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: "there is no file " + name}
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return file, err
	}
	return &memFile{Reader: bytes.NewReader(f.files[name].Data), info: info}, nil
}

func (f *hostFiles) Create(name string) (pluginsdk.File, error) {
	if err := f.check("create", name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	ext := path.Ext(name)
	free := name
	for n := 2; f.files[free] != nil; n++ {
		free = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), n, ext)
	}
	return f.stage(free), nil
}

func (f *hostFiles) Write(name string) (pluginsdk.File, error) {
	if err := f.check("write", name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stage(name), nil
}

// stage is called with the lock held.
func (f *hostFiles) stage(name string) pluginsdk.File {
	if f.own == nil {
		f.own = map[string]bool{}
	}
	if f.files == nil {
		f.files = fstest.MapFS{}
	}
	f.own[name] = true
	f.files[name] = &fstest.MapFile{Mode: 0o644, ModTime: time.Unix(0, 0).UTC()}
	return &memWriter{files: f, name: name}
}

func (f *hostFiles) Rename(oldName, newName string) error {
	if err := f.check("rename", oldName); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	file, ok := f.files[oldName]
	if !ok {
		return fmt.Errorf("rename %s: %w", oldName, pluginsdk.ErrNotFound)
	}
	delete(f.files, oldName)
	f.files[newName] = file
	if f.own == nil {
		f.own = map[string]bool{}
	}
	delete(f.own, oldName)
	f.own[newName] = true
	return nil
}

func (f *hostFiles) Remove(name string) error {
	if err := f.check("remove", name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.files[name]; !ok {
		return fmt.Errorf("remove %s: %w", name, pluginsdk.ErrNotFound)
	}
	if !f.own[name] {
		return fmt.Errorf("remove %s: %w: the task did not create it", name, pluginsdk.ErrDenied)
	}
	delete(f.files, name)
	delete(f.own, name)
	return nil
}

type memFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (m *memFile) Stat() (fs.FileInfo, error) { return m.info, nil }
func (m *memFile) Close() error               { return nil }

type memWriter struct {
	files *hostFiles
	name  string
	buf   bytes.Buffer
}

func (w *memWriter) Name() string { return w.name }

func (w *memWriter) Write(p []byte) (int, error) {
	if err := w.files.check("append", w.name); err != nil {
		return 0, err
	}
	return w.buf.Write(p)
}

func (w *memWriter) Close() error {
	w.files.mu.Lock()
	defer w.files.mu.Unlock()
	w.files.files[w.name] = &fstest.MapFile{Data: w.buf.Bytes(), Mode: 0o644, ModTime: time.Unix(0, 0).UTC()}
	return nil
}

var _ io.ReaderAt = (*memFile)(nil)
