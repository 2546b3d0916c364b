package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
	"github.com/cowork-host/cowork/pluginsdk/rpc"
)

// plug is a plugin whose one command does what the test says.
type plug struct {
	run   func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error)
	start func(ctx context.Context, host pluginsdk.Host) error
	dup   bool
}

func (p *plug) Manifest() *pluginsdk.Manifest {
	return &pluginsdk.Manifest{Name: "plug", Version: "1.0.0", Description: "for tests"}
}

func (p *plug) Start(ctx context.Context, host pluginsdk.Host) error {
	if p.start == nil {
		return nil
	}
	return p.start(ctx, host)
}

func (p *plug) Close() error { return nil }

func (p *plug) Commands() []pluginsdk.Command {
	c := pluginsdk.Command{
		Name: "go", Summary: "does it",
		Params: []pluginsdk.Param{{Name: "file", Kind: pluginsdk.ParamFile, Required: true}},
		Run:    p.run,
	}
	if p.dup {
		return []pluginsdk.Command{c, c}
	}
	return []pluginsdk.Command{c}
}

func (p *plug) Tools() []pluginsdk.Tool {
	return []pluginsdk.Tool{{
		Name: "echo", Description: "gives back its input", InputSchema: []byte(`{"type":"object"}`),
		Call: func(_ context.Context, _ pluginsdk.Host, input []byte) (*pluginsdk.ToolResult, error) {
			return &pluginsdk.ToolResult{Text: "echo", JSON: input}, nil
		},
	}}
}

func run(t *testing.T, h *plugintest.Host, f func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error)) (*pluginsdk.Result, error) {
	t.Helper()
	c := plugintest.Connect(t, &plug{run: f})
	if err := c.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	return c.RunCommand(t.Context(), &pluginsdk.Invocation{
		Command: "go", Args: []string{"a b", "-1"}, Values: map[string]string{"file": "in.txt"}, Host: h,
	})
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	d, err := plugintest.Connect(t, &plug{}).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"plug","version":"1.0.0","description":"for tests",` +
		`"commands":[{"name":"go","summary":"does it","argument_hint":"","params":[{"name":"file","kind":"file","required":true}]}],` +
		`"tools":[{"name":"echo","description":"gives back its input","input_schema":{"type":"object"}}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if _, err := plugintest.Connect(t, &plug{dup: true}).Describe(t.Context()); !errors.Is(err, pluginsdk.ErrInvalid) {
		t.Errorf("two commands of one name: error %v, want ErrInvalid", err)
	}
}

func TestInvocationAndResultCrossWhole(t *testing.T) {
	t.Parallel()
	want := &pluginsdk.Result{
		Brief:     "# done",
		Artifacts: []pluginsdk.Artifact{{Path: "out.xlsx", MediaType: "x/y", Checks: []pluginsdk.Check{{Name: "ties", Status: pluginsdk.Passed}}}},
		Facts:     []pluginsdk.Fact{{Name: "total", Value: "12345678901234567890.10", Type: pluginsdk.FactDecimal, Unit: "EUR", Source: "in.csv:3", Approximate: true}},
	}
	var seen pluginsdk.Invocation
	got, err := run(t, plugintest.NewHost(nil), func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		seen = *inv
		return want, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if seen.Command != "go" || !cmp.Equal(seen.Args, []string{"a b", "-1"}) || seen.Value("file") != "in.txt" {
		t.Errorf("invocation arrived as %+v", seen)
	}
}

func TestErrorsSurviveBothWays(t *testing.T) {
	t.Parallel()
	for _, s := range pluginsdk.Sentinels() {
		t.Run(s.Code, func(t *testing.T) {
			t.Parallel()
			h := plugintest.NewHost(nil)
			h.Fail = func(_, name string) error {
				return &pluginsdk.Error{Kind: s.Err, Message: "no " + name, Next: "try later"}
			}
			var fromHost error
			_, err := run(t, h, func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
				_, fromHost = inv.Host.Files().Open("x")
				return nil, fmt.Errorf("reading: %w", fromHost)
			})
			if !errors.Is(fromHost, s.Err) {
				t.Errorf("host to plugin: %v is not %v", fromHost, s.Err)
			}
			if !errors.Is(err, s.Err) {
				t.Errorf("plugin to host: %v is not %v", err, s.Err)
			}
			user, ok := errors.AsType[*pluginsdk.Error](err)
			if !ok || user.Message != "no x" || user.Next != "try later" {
				t.Errorf("the message for the person was lost: %+v", user)
			}
		})
	}
}

func TestCancelReachesHandler(t *testing.T) {
	t.Parallel()
	stopped := make(chan struct{})
	running := make(chan struct{})
	c := plugintest.Connect(t, &plug{run: func(ctx context.Context, _ *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		close(running)
		<-ctx.Done()
		close(stopped)
		return nil, ctx.Err()
	}})
	h := plugintest.NewHost(nil)
	if err := c.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-running
		cancel()
	}()
	_, err := c.RunCommand(ctx, &pluginsdk.Invocation{Command: "go", Host: h})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	select {
	case <-stopped:
	case <-time.After(time.Second):
		t.Error("the handler was not told within a second")
	}
}

func TestStuckHandlerIsReported(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	running := make(chan struct{})
	c := plugintest.Connect(t, &plug{run: func(context.Context, *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		close(running)
		<-release
		return nil, nil
	}})
	defer close(release)
	h := plugintest.NewHost(nil)
	if err := c.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-running
		cancel()
	}()
	_, err := c.RunCommand(ctx, &pluginsdk.Invocation{Command: "go", Host: h})
	if !errors.Is(err, rpc.ErrStuck) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want ErrStuck and context.Canceled", err)
	}
}

func TestPanicIsAnError(t *testing.T) {
	t.Parallel()
	_, err := run(t, plugintest.NewHost(nil), func(context.Context, *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		panic("boom")
	})
	if err == nil || !strings.Contains(err.Error(), "panicked: boom") {
		t.Errorf("error %v, want the panic's text", err)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	big := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB: several messages
	h := plugintest.NewHost(map[string][]byte{"in.txt": big, "sub/a.txt": []byte("a"), "out.bin": []byte("taken")})
	_, err := run(t, h, func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		files := inv.Host.Files()
		f, err := files.Open("in.txt")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		data, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(data, big) {
			return nil, fmt.Errorf("read %d bytes: %w", len(data), err)
		}
		part := make([]byte, 5)
		if _, err := f.(io.ReaderAt).ReadAt(part, 1_600_010); err != nil || string(part) != "abcde" {
			return nil, fmt.Errorf("ReadAt gave %q: %w", part, err)
		}
		if n, err := f.(io.ReaderAt).ReadAt(part, int64(len(big))-2); n != 2 || !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("ReadAt at the end gave %d, %w", n, err)
		}
		if off, err := f.(io.Seeker).Seek(-3, io.SeekEnd); err != nil || off != int64(len(big))-3 {
			return nil, fmt.Errorf("Seek gave %d, %w", off, err)
		}
		if rest, err := io.ReadAll(f); err != nil || string(rest) != "def" {
			return nil, fmt.Errorf("after Seek read %q, %w", rest, err)
		}
		out, err := files.Create("out.bin")
		if err != nil {
			return nil, err
		}
		if _, err := out.Write(big); err != nil {
			return nil, err
		}
		return &pluginsdk.Result{Brief: out.Name()}, out.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Written()["out (2).bin"]; !bytes.Equal(got, big) {
		t.Errorf("wrote %d bytes, want %d", len(got), len(big))
	}
}

func TestFilesBehaveAsFS(t *testing.T) {
	t.Parallel()
	h := plugintest.NewHost(map[string][]byte{"in.txt": []byte("x"), "sub/a.txt": []byte("a"), "sub/b/c.txt": []byte("c")})
	_, err := run(t, h, func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		return nil, fstest.TestFS(inv.Host.Files(), "in.txt", "sub/a.txt", "sub/b/c.txt")
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHostileNamesAreRefused(t *testing.T) {
	t.Parallel()
	names := []string{"../x", "/etc/passwd", "a//b", "", "a/../../b", strings.Repeat("n", 5000), "a\xff"}
	_, err := run(t, plugintest.NewHost(nil), func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		for _, n := range names {
			if _, err := inv.Host.Files().Open(n); err == nil {
				t.Errorf("open %.40q: no error", n)
			}
			if _, err := inv.Host.Files().Create(n); err == nil {
				t.Errorf("create %.40q: no error", n)
			}
			if err := inv.Host.Files().Rename(n, "ok"); err == nil {
				t.Errorf("rename %.40q: no error", n)
			}
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNothingWorksAfterTheCall(t *testing.T) {
	t.Parallel()
	h := plugintest.NewHost(map[string][]byte{"in.txt": []byte("x")})
	var kept pluginsdk.Host
	var open fs.File
	_, err := run(t, h, func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		kept = inv.Host
		var err error
		open, err = inv.Host.Files().Open("in.txt")
		return nil, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Files().Create("late.txt"); err == nil {
		t.Error("a file could be created after the call had ended")
	}
	if _, err := io.ReadAll(open); err == nil {
		t.Error("an open file could be read after the call had ended")
	}
}

func TestTooManyHandles(t *testing.T) {
	t.Parallel()
	h := plugintest.NewHost(map[string][]byte{"in.txt": []byte("x")})
	_, err := run(t, h, func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		for range 1000 {
			if _, err := inv.Host.Files().Open("in.txt"); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	if !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
}

func TestAskGenerateToolReport(t *testing.T) {
	t.Parallel()
	h := plugintest.NewHost(nil)
	h.Answers = map[string]string{"which": "b"}
	h.Texts = map[string]string{"intro": "Hello."}
	h.Tools = map[string]func(json.RawMessage) (*pluginsdk.ToolResult, error){
		"sum": func(in json.RawMessage) (*pluginsdk.ToolResult, error) {
			return &pluginsdk.ToolResult{Text: string(in)}, nil
		},
	}
	res, err := run(t, h, func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		inv.Host.Report().Plan("read", "write")
		inv.Host.Report().Log("hello")
		inv.Host.Report().Fact(pluginsdk.Fact{Name: "n", Value: "1"})
		inv.Host.Report().Progress("rows", 5, 5)
		if _, err := inv.Host.Ask(ctx, pluginsdk.Question{ID: "other", Text: "?"}); !errors.Is(err, pluginsdk.ErrUnavailable) {
			t.Errorf("a question nobody answers: error %v, want ErrUnavailable", err)
		}
		if _, err := inv.Host.Generate(ctx, &pluginsdk.Prompt{ID: "none"}); !errors.Is(err, pluginsdk.ErrUnavailable) {
			t.Errorf("no model: error %v, want ErrUnavailable", err)
		}
		a, err := inv.Host.Ask(ctx, pluginsdk.Question{ID: "which", Text: "a or b?"})
		if err != nil {
			return nil, err
		}
		text, err := inv.Host.Generate(ctx, &pluginsdk.Prompt{ID: "intro"})
		if err != nil {
			return nil, err
		}
		tool, err := inv.Host.Tool(ctx, "sum", map[string]int{"x": 1})
		if err != nil {
			return nil, err
		}
		return &pluginsdk.Result{Brief: a.Value + text.Text + tool.Text}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Brief != `bHello.{"x":1}` {
		t.Errorf("got %q", res.Brief)
	}
	if !cmp.Equal(h.Logs(), []string{"hello"}) || len(h.Facts()) != 1 || h.ProgressCount() != 1 || !cmp.Equal(h.Plans(), [][]string{{"read", "write"}}) {
		t.Errorf("reports arrived as %v %v %v %d", h.Plans(), h.Logs(), h.Facts(), h.ProgressCount())
	}
}

func TestToolCall(t *testing.T) {
	t.Parallel()
	h := plugintest.NewHost(nil)
	c := plugintest.Connect(t, &plug{})
	if _, err := c.CallTool(t.Context(), h, "echo", []byte(`{}`)); !errors.Is(err, pluginsdk.ErrUnavailable) {
		t.Errorf("before Start: error %v, want ErrUnavailable", err)
	}
	if err := c.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	got, err := c.CallTool(t.Context(), h, "echo", []byte(`{"a":1}`))
	if err != nil || string(got.JSON) != `{"a":1}` {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := c.CallTool(t.Context(), h, "nope", nil); !errors.Is(err, pluginsdk.ErrNotFound) {
		t.Errorf("unknown tool: error %v, want ErrNotFound", err)
	}
	if err := c.Start(t.Context(), h); !errors.Is(err, pluginsdk.ErrConflict) {
		t.Errorf("second Start: error %v, want ErrConflict", err)
	}
}

func TestConformanceOfTheTestPlugin(t *testing.T) {
	upper := func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data, err := fs.ReadFile(inv.Host.Files(), inv.Value("file"))
		if err != nil {
			return nil, err
		}
		out, err := inv.Host.Files().Create("out.txt")
		if err != nil {
			return nil, err
		}
		if _, err := out.Write(bytes.ToUpper(data)); err != nil {
			return nil, err
		}
		return &pluginsdk.Result{Artifacts: []pluginsdk.Artifact{{Path: out.Name(), MediaType: "text/plain"}}}, out.Close()
	}
	plugintest.Conformance(t, func() pluginsdk.Plugin { return &plug{run: upper} },
		plugintest.Case{
			Name: "upper", Command: "go", Values: map[string]string{"file": "in.txt"},
			Files: map[string][]byte{"in.txt": []byte("abc")},
			Check: func(t *testing.T, h *plugintest.Host, _ *pluginsdk.Result) {
				if got, _ := h.File("out.txt"); string(got) != "ABC" {
					t.Errorf("out.txt holds %q", got)
				}
			},
		},
		plugintest.Case{Name: "missing", Command: "go", Values: map[string]string{"file": "no.txt"}, WantErr: pluginsdk.ErrNotFound},
		plugintest.Case{Name: "unknown command", Command: "nope", WantErr: pluginsdk.ErrNotFound},
	)
}
