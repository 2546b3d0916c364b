package plugintest_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

func write(f pluginsdk.File, err error, text string) (string, error) {
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(f, text)
	return f.Name(), errors.Join(err, f.Close())
}

func TestHostFiles(t *testing.T) {
	t.Parallel()
	h := plugintest.NewHost(map[string][]byte{"in.txt": []byte("in"), "sub/a.txt": []byte("a")})
	files := h.Files()
	for _, want := range []string{"out.txt", "out (2).txt"} {
		f, err := files.Create("out.txt")
		if name, err := write(f, err, "new"); err != nil || name != want {
			t.Errorf("created %q, %v; want %q", name, err, want)
		}
	}
	f, err := files.Write("in.txt")
	if _, err := write(f, err, "changed"); err != nil {
		t.Error(err)
	}
	if err := files.Rename("out (2).txt", "sub/moved.txt"); err != nil {
		t.Error(err)
	}
	if err := files.Remove("sub/a.txt"); !errors.Is(err, pluginsdk.ErrDenied) {
		t.Errorf("removed what was there before: %v", err)
	}
	if err := files.Remove("out.txt"); err != nil {
		t.Error(err)
	}
	for _, err := range []error{files.Remove("nosuch"), files.Rename("nosuch", "x"), second(files.Open("nosuch"))} {
		if !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Errorf("what is not there: %v", err)
		}
	}
	want := map[string][]byte{"in.txt": []byte("changed"), "sub/moved.txt": []byte("new")}
	if diff := cmp.Diff(want, h.Written()); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	entries, err := fs.ReadDir(files, "sub")
	if err != nil || len(entries) != 2 {
		t.Errorf("listed %v, %v", entries, err)
	}
	open, err := files.Open("in.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if _, ok := open.(io.ReaderAt); !ok {
		t.Error("a file cannot be read at an offset")
	}
	if _, ok := open.(io.Seeker); !ok {
		t.Error("a file cannot be sought in")
	}
}

func second[T any](_ T, err error) error { return err }

func TestZeroHost(t *testing.T) {
	t.Parallel()
	h := &plugintest.Host{}
	if _, err := h.Ask(t.Context(), pluginsdk.Question{ID: "q"}); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("ask: %v", err)
	}
	if _, err := h.Generate(t.Context(), &pluginsdk.Prompt{ID: "p"}); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("generate: %v", err)
	}
	if _, err := h.Tool(t.Context(), "x", nil); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("tool: %v", err)
	}
	f, err := h.Files().Create("a")
	if _, err := write(f, err, "x"); err != nil {
		t.Errorf("create: %v", err)
	}
}

func TestScriptedHost(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	h := &plugintest.Host{
		Answers: map[string]string{"q": "a"}, Texts: map[string]string{"p": "text"},
		Tools: map[string]func(json.RawMessage) (*pluginsdk.ToolResult, error){
			"echo": func(in json.RawMessage) (*pluginsdk.ToolResult, error) {
				return &pluginsdk.ToolResult{Text: string(in)}, nil
			},
		},
		Fail: func(op, _ string) error {
			if op == "append" {
				return full
			}
			return nil
		},
	}
	if a, err := h.Ask(t.Context(), pluginsdk.Question{ID: "q"}); err != nil || a.Value != "a" || len(h.Asked()) != 1 {
		t.Errorf("ask: %+v, %v", a, err)
	}
	if x, err := h.Generate(t.Context(), &pluginsdk.Prompt{ID: "p"}); err != nil || x.Text != "text" {
		t.Errorf("generate: %+v, %v", x, err)
	}
	if r, err := h.Tool(t.Context(), "echo", []int{1}); err != nil || r.Text != "[1]" {
		t.Errorf("tool: %+v, %v", r, err)
	}
	f, err := h.Files().Create("a")
	if _, err := write(f, err, "x"); !errors.Is(err, full) {
		t.Errorf("a write that is to fail: %v", err)
	}
	r := h.Report()
	r.Plan("a", "b")
	r.Log("line")
	r.Fact(pluginsdk.Fact{Name: "n"})
	r.Progress("p", 1, 2)
	if len(h.Plans()) != 1 || len(h.Logs()) != 1 || len(h.Facts()) != 1 || h.ProgressCount() != 1 {
		t.Error("a report is lost")
	}
}

// author is a plugin that is right but for how.
type author struct{ how string }

func (a author) Manifest() *pluginsdk.Manifest {
	if a.how == "a bad name" {
		return &pluginsdk.Manifest{Name: "Bad Name"}
	}
	return &pluginsdk.Manifest{Name: "good"}
}
func (a author) Start(context.Context, pluginsdk.Host) error { return nil }
func (a author) Close() error {
	if a.how == "a close that fails" {
		return errors.New("stuck")
	}
	return nil
}

func (a author) Commands() []pluginsdk.Command {
	c := pluginsdk.Command{Name: "go", Summary: "goes", Run: a.run}
	switch a.how {
	case "no summary":
		c.Summary = ""
	case "a bad command name":
		c.Name = "Go"
	}
	return []pluginsdk.Command{c}
}

var runs atomic.Int64

func (a author) run(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
	if ctx.Err() != nil && a.how != "deaf to a stop" {
		return nil, ctx.Err()
	}
	text, brief := "x", "b"
	switch a.how {
	case "other bytes each time":
		text = strings.Repeat("x", int(runs.Add(1)))
	case "another result each time":
		brief = strings.Repeat("x", int(runs.Add(1)))
	case "an error":
		return nil, pluginsdk.ErrInvalid
	}
	f, err := inv.Host.Files().Create("out.txt")
	name, err := write(f, err, text)
	if a.how == "an artifact that is not there" {
		name = "nowhere.txt"
	}
	return &pluginsdk.Result{Artifacts: []pluginsdk.Artifact{{Path: name}}, Brief: brief}, err
}

var bad = flag.String("bad", "", "run the suite against a plugin with this fault")

// TestConformance runs the suite against a plugin that is right, and, each in
// a process of its own, against plugins with one fault.
func TestConformance(t *testing.T) {
	if *bad != "" {
		plugintest.Conformance(t, func() pluginsdk.Plugin { return author{*bad} }, plugintest.Case{Name: "go", Command: "go"})
		return
	}
	plugintest.Conformance(t, func() pluginsdk.Plugin { return author{} },
		plugintest.Case{Name: "go", Command: "go", Check: func(t *testing.T, h *plugintest.Host, res *pluginsdk.Result) {
			if data, _ := h.File("out.txt"); string(data) != "x" || res.Brief != "b" {
				t.Errorf("wrote %q, %+v", data, res)
			}
		}},
	)
	plugintest.Conformance(t, func() pluginsdk.Plugin { return author{"an error"} },
		plugintest.Case{Name: "error", Command: "go", WantErr: pluginsdk.ErrInvalid})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{
		"a bad name", "a close that fails", "no summary", "a bad command name", "deaf to a stop",
		"other bytes each time", "another result each time", "an error", "an artifact that is not there",
	} {
		out, err := exec.CommandContext(t.Context(), self, "-test.run", "^TestConformance$", "-bad", how).CombinedOutput()
		if _, failed := errors.AsType[*exec.ExitError](err); !failed || !strings.Contains(string(out), "--- FAIL") {
			t.Errorf("the suite lets pass: %s (%v)", how, err)
		}
	}
}
