package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cowork-host/cowork"
	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc"
	"github.com/cowork-host/cowork/sandbox"
	"github.com/cowork-host/cowork/sandbox/none"
)

// TestMain lets this binary be the plugins and the hosts under test.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "plugin-server":
		rpc.Serve(worker{os.Args[2]})
		os.Exit(0)
	case len(os.Args) == 3 && os.Args[1] == "host-under-test":
		if err := serveHome(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case len(os.Args) == 1 && os.Getenv("CLAUDE_PLUGIN_ROOT") != "":
		rpc.Serve(worker{"own"})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// manyFiles is how many files the command /work:go writes.
const manyFiles = 20

// worker is the plugin under test.
type worker struct{ name string }

func (w worker) Manifest() *pluginsdk.Manifest {
	return &pluginsdk.Manifest{Name: w.name, Version: "1.0.0"}
}
func (w worker) Start(context.Context, pluginsdk.Host) error { return nil }
func (w worker) Close() error                                { return nil }

func (w worker) Commands() []pluginsdk.Command {
	return []pluginsdk.Command{{
		Name: "go", Summary: "Write many files",
		Params: []pluginsdk.Param{
			{Name: "file", Kind: pluginsdk.ParamFile, Required: true},
			{Name: "ask", Kind: pluginsdk.ParamFlag},
		},
		Run: work,
	}}
}

// work writes a file over its input and many new ones.
func work(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
	inv.Host.Report().Plan("write")
	word := "plain"
	if inv.Value("ask") != "" {
		a, err := inv.Host.Ask(ctx, pluginsdk.Question{ID: "word", Text: "which word?", Choices: []pluginsdk.Choice{{Value: "red"}, {Value: "blue"}}})
		if err != nil {
			return nil, err
		}
		word = a.Value
	}
	put := func(open func(string) (pluginsdk.File, error), name string) (string, error) {
		f, err := open(name)
		if err != nil {
			return "", err
		}
		_, err = io.WriteString(f, strings.Repeat(word+"\n", 1000))
		return f.Name(), errors.Join(err, f.Close())
	}
	files := inv.Host.Files()
	if _, err := put(files.Write, inv.Value("file")); err != nil {
		return nil, err
	}
	res := &pluginsdk.Result{Brief: "wrote " + word}
	for i := range manyFiles {
		name, err := put(files.Create, fmt.Sprintf("sub/out-%02d.txt", i))
		if err != nil {
			return nil, err
		}
		if i == 0 {
			res.Artifacts = []pluginsdk.Artifact{{Path: name, MediaType: "text/plain"}}
		}
	}
	inv.Host.Report().Log("written")
	return res, nil
}

// plain is a sandbox that isolates nothing and that "auto" takes.
type plain struct{ sandbox.Backend }

func (plain) Name() string { return "plain" }

func options(home string) (host.Options, error) {
	self, err := os.Executable()
	return host.Options{
		Home: home, Cache: filepath.Join(home, "cache"), Self: self, ServeArg: "plugin-server",
		Shipped: []host.Shipped{{Name: "work", FS: fstest.MapFS{
			".claude-plugin/plugin.json": {Data: []byte(`{"name":"work","metadata":{"cowork":{"handlers":{"command:go":"Go"}}}}`)},
			"commands/go.md":             {Data: []byte("---\ndescription: goes\n---\nGo.\n")},
		}}},
		PluginsCUE: cowork.PluginsCUE(), Backends: []sandbox.Backend{plain{none.New()}},
		Version: "test", Build: "b", Logger: slog.New(slog.DiscardHandler),
	}, err
}

// serveHome is a host process; it ends when a client asks it to.
func serveHome(home string) error {
	opts, err := options(home)
	if err != nil {
		return err
	}
	ctx := context.Background()
	h, err := host.New(ctx, opts)
	if err != nil {
		return err
	}
	return errors.Join(h.Serve(ctx), h.Close(ctx))
}

// running is a host in this process with a client.
type running struct {
	*host.Client
	t      *testing.T
	host   *host.Host
	home   string
	folder string
	cancel context.CancelFunc
	served chan error
	ended  bool
}

// newHome returns the path of a home, and makes a folder to grant.
func newHome(t *testing.T) (home, folder string) {
	t.Helper()
	dir := t.TempDir()
	home, folder = filepath.Join(dir, "h"), filepath.Join(dir, "folder")
	if err := errors.Join(os.Mkdir(folder, 0o755), os.WriteFile(filepath.Join(folder, "in.txt"), []byte("hello"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return home, folder
}

func newHost(t *testing.T, change func(*host.Options)) *running {
	t.Helper()
	home, folder := newHome(t)
	return hostOf(t, home, folder, change)
}

func hostOf(t *testing.T, home, folder string, change func(*host.Options)) *running {
	t.Helper()
	opts, err := options(home)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&opts)
	}
	h, err := host.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{Client: host.Dial(h.Socket()), t: t, host: h, home: home, folder: folder, cancel: cancel, served: make(chan error, 1)}
	go func() { r.served <- h.Serve(ctx) }()
	t.Cleanup(r.end)
	r.up()
	return r
}

// up waits until the host answers.
func (r *running) up() {
	r.t.Helper()
	for range 2000 {
		_, err := r.Health(r.t.Context())
		if err == nil {
			return
		}
		if !errors.Is(err, host.ErrNoHost) {
			r.t.Fatal(err)
		}
		<-time.After(5 * time.Millisecond)
	}
	r.t.Fatal("the host does not answer")
}

// end closes the host and checks what it leaves.
func (r *running) end() {
	if r.ended {
		return
	}
	r.ended = true
	r.cancel()
	r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(<-r.served, r.host.Close(ctx)); err != nil {
		r.t.Errorf("close the host: %v", err)
	}
	entries, err := os.ReadDir(filepath.Join(r.home, "run"))
	if err != nil {
		r.t.Error(err)
	}
	for _, e := range entries {
		if e.Name() != "host.lock" {
			r.t.Errorf("left in run: %s", e.Name())
		}
	}
	if _, err := os.Lstat(r.host.Socket()); !errors.Is(err, fs.ErrNotExist) {
		r.t.Errorf("the socket is still there: %v", err)
	}
}

func (r *running) start(input string) string {
	r.t.Helper()
	id, err := r.Run(r.t.Context(), host.RunRequest{Input: input, Folders: []string{r.folder}, Cwd: r.folder, Interactive: true})
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// until follows a task to an event of the kind; "" is to the end.
func (r *running) until(id string, kind host.EventKind) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	for e, err := range r.Events(ctx, id, 1, true) {
		if err != nil {
			r.t.Fatalf("follow to %q: %v", kind, err)
		}
		if e.Kind == kind {
			return
		}
	}
	if kind != "" {
		r.t.Fatalf("the task ended without %s", kind)
	}
}

func (r *running) state(id string) *host.TaskState {
	r.t.Helper()
	s, err := r.State(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// files returns everything in a folder, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		out[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// finished is the folder after /work:go with the word.
func finished(word string) map[string]string {
	text := strings.Repeat(word+"\n", 1000)
	out := map[string]string{"in.txt": text}
	for i := range manyFiles {
		out[fmt.Sprintf("sub/out-%02d.txt", i)] = text
	}
	return out
}

// wantCode checks the code of a host's answer.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got, ok := errors.AsType[*host.RemoteError](err); !ok || got.Code != code {
		t.Errorf("error %v (%T), want one with code %s", err, err, code)
	}
}
