package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/runtime"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/sandbox"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	e := newEnv(t, upper)
	before := e.files()
	id := e.start("/p:go in.txt")
	s := e.ended(id)
	if s.Status != event.StatusDone {
		t.Fatalf("status %s: %+v", s.Status, s.Error)
	}
	if diff := cmp.Diff(map[string]string{"in.txt": "changed", "out.txt": "OUT hello"}, e.files()); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
	sum := sha256.Sum256([]byte("OUT hello"))
	artifact := event.Artifact{Path: filepath.Join(e.folder, "out.txt"), SHA256: hex.EncodeToString(sum[:]), MediaType: "text/plain", Title: "Out"}
	if diff := cmp.Diff([]event.Artifact{artifact}, s.Artifacts); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	if s.Brief != "brief" || len(s.Facts) != 1 || s.Sandbox != "fake" || s.Steps[0].Values["file"] != "in.txt" || len(s.Steps[0].Changes) != 2 {
		t.Errorf("state %+v", s)
	}
	want := []event.Kind{
		event.KindTaskCreated, event.KindSandboxReady, event.KindStepStarted, event.KindPlan,
		event.KindStepResult, event.KindStepApplied, event.KindCompletion, event.KindTaskDone,
	}
	if diff := cmp.Diff(want, e.kinds(id)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if _, err := e.store.Undo(t.Context(), workspace.UndoRequest{Task: id}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, e.files()); diff != "" {
		t.Errorf("folder after the undo (-want +got):\n%s", diff)
	}
}

// TestEndsWithoutAChange runs handlers that do not come to an end: whatever
// they staged, the folder is as it was.
func TestEndsWithoutAChange(t *testing.T) {
	t.Parallel()
	staged := func(then handler) handler {
		return func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			if _, err := upper(ctx, inv); err != nil {
				return nil, err
			}
			return then(ctx, inv)
		}
	}
	names := func(path string) handler {
		return staged(func(context.Context, *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			return &pluginsdk.Result{Artifacts: []pluginsdk.Artifact{{Path: path}}}, nil
		})
	}
	crashed := &runtime.Failure{Plugin: "p", Reason: runtime.Crashed, Message: "crashed: it ended", Detail: "cannot go on", Next: "run it again"}
	for _, c := range []struct {
		name  string
		run   handler
		end   error
		code  string
		text  string // in the message
		event event.Kind
	}{
		{"an input that is not right", staged(func(context.Context, *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			return nil, pluginsdk.Invalid("add a header", "in.txt has no header")
		}), nil, "invalid", "in.txt has no header", event.KindStepFailed},
		{"an error of its own", staged(func(context.Context, *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			return nil, errors.New("the moon is in the wrong phase")
		}), nil, "internal", "the moon", event.KindStepFailed},
		{"a panic", staged(func(context.Context, *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			panic("no idea")
		}), nil, "internal", "no idea", event.KindStepFailed},
		{"a crash", upper, crashed, "plugin_failed", "plugin p crashed", event.KindPluginFailed},
		{"an artifact that is nowhere", names("nowhere.txt"), nil, "plugin_failed", `"nowhere.txt"`, event.KindPluginFailed},
		{"an artifact it did not write", names("other.txt"), nil, "plugin_failed", `"other.txt"`, event.KindPluginFailed},
		{"an artifact outside", names("../secret.txt"), nil, "plugin_failed", `"../secret.txt"`, event.KindPluginFailed},
		{"an absolute artifact", names("/etc/passwd"), nil, "plugin_failed", `"/etc/passwd"`, event.KindPluginFailed},
		{"an artifact that is a folder", names("."), nil, "plugin_failed", `"."`, event.KindPluginFailed},
		{"an artifact without a name", names(""), nil, "plugin_failed", `""`, event.KindPluginFailed},
		{"a file it left open", func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			f, err := inv.Host.Files().Create("out.txt")
			if err != nil {
				return nil, err
			}
			_, err = f.Write([]byte("half"))
			return nil, errors.Join(err, pluginsdk.ErrConflict)
		}, nil, "conflict", "", event.KindStepFailed},
		{"what it may not remove", func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			return nil, inv.Host.Files().Remove("in.txt")
		}, nil, "denied", "in.txt", event.KindStepFailed},
		{"a model there is not", func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			_, err := inv.Host.Generate(ctx, &pluginsdk.Prompt{ID: "x"})
			return nil, err
		}, nil, "unavailable", "model", event.KindStepFailed},
		{"a tool there is not", func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			_, err := inv.Host.Tool(ctx, "spreadsheet", nil)
			return nil, err
		}, nil, "not_found", "spreadsheet", event.KindStepFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, c.run)
			e.plugins.end = c.end
			e.put("other.txt", "was here before")
			before := e.files()
			id := e.start("/p:go in.txt")
			s := e.ended(id)
			if s.Status != event.StatusFailed || s.Error == nil || s.Error.Code != c.code || !strings.Contains(s.Error.Message, c.text) {
				t.Errorf("status %s, error %+v, want code %s and %q", s.Status, s.Error, c.code, c.text)
			}
			if diff := cmp.Diff(before, e.files()); diff != "" {
				t.Errorf("the folder changed (-want +got):\n%s", diff)
			}
			kinds := fmt.Sprint(e.kinds(id))
			if !strings.Contains(kinds, string(c.event)) || strings.Contains(kinds, string(event.KindStepResult)) {
				t.Errorf("events %s: want %s and no result", kinds, c.event)
			}
			if len(s.Artifacts) > 0 {
				t.Errorf("artifacts %+v of a task that failed", s.Artifacts)
			}
		})
	}
}

// TestNothingIsSeenBeforeTheResultIsDurable looks into the folder when each
// event is about to become durable.
func TestNothingIsSeenBeforeTheResultIsDurable(t *testing.T) {
	t.Parallel()
	log := &watchedLog{Log: event.NewMemory()}
	e := newEnvWith(t, upper, log)
	before := e.files()
	seen := map[event.Kind]bool{}
	log.before = func(k event.Kind) error {
		seen[k] = cmp.Equal(before, e.files())
		return nil
	}
	e.run("/p:go in.txt")
	if !seen[event.KindStepStarted] || !seen[event.KindPlan] || !seen[event.KindStepResult] {
		t.Error("the folder changed before the result was durable")
	}
	if seen[event.KindStepApplied] {
		t.Error("step.applied was recorded before the files were there")
	}
}

// watchedLog tells of each event before it is appended.
type watchedLog struct {
	event.Log
	before func(event.Kind) error
}

func (l *watchedLog) Append(ctx context.Context, id string, expect int64, events ...event.Event) (int64, error) {
	for _, e := range events {
		if l.before != nil {
			if err := l.before(e.Kind); err != nil {
				return 0, err
			}
		}
	}
	return l.Log.Append(ctx, id, expect, events...)
}

func TestLogThatFails(t *testing.T) {
	t.Parallel()
	disk := &pluginsdk.Error{Kind: pluginsdk.ErrUnavailable, Message: "the disk is full", Next: "free some space"}
	for _, c := range []struct {
		kind    event.Kind
		applied bool
	}{
		{event.KindSandboxReady, false},
		{event.KindStepStarted, false},
		{event.KindPlan, true}, // a report that cannot be kept is dropped
		{event.KindStepResult, false},
		{event.KindStepApplied, true},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			log := &watchedLog{Log: event.NewMemory()}
			runs := 0
			e := newEnvWith(t, func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
				runs++
				return upper(ctx, inv)
			}, log)
			before := e.files()
			log.before = func(k event.Kind) error {
				if k == c.kind {
					return disk
				}
				return nil
			}
			id := e.start("/p:go in.txt")
			s := e.ended(id)
			if changed := !cmp.Equal(before, e.files()); changed != c.applied {
				t.Errorf("folder changed: %t, want %t", changed, c.applied)
			}
			if c.kind == event.KindPlan {
				if s.Status != event.StatusDone {
					t.Errorf("status %s: %+v", s.Status, s.Error)
				}
				return
			}
			if s.Status != event.StatusFailed || s.Error.Code != "unavailable" || !strings.Contains(s.Error.Message, "the disk is full") {
				t.Errorf("status %s, error %+v", s.Status, s.Error)
			}
			if c.applied != strings.Contains(s.Error.Message, "files are in the folder") {
				t.Errorf("message %q of a step that was applied: %t", s.Error.Message, c.applied)
			}
			log.before = nil
			ran := runs
			if err := e.tasks.Resume(t.Context(), id, false); err != nil {
				t.Fatal(err)
			}
			s = e.ended(id)
			if s.Status != event.StatusDone || len(s.Artifacts) != 1 || s.Artifacts[0].SHA256 == "" || s.Steps[0].Status != task.StepDone {
				t.Errorf("after the resume: %+v, error %+v", s, s.Error)
			}
			if c.applied && runs != ran {
				t.Error("the handler of an applied step ran again")
			}
			if diff := cmp.Diff(map[string]string{"in.txt": "changed", "out.txt": "OUT hello"}, e.files()); diff != "" {
				t.Errorf("folder (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStopInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		end    func(*env, string) error
		status event.Status
		code   string
	}{
		{"stopped", func(e *env, id string) error { return e.tasks.Stop(context.WithoutCancel(e.t.Context()), id, false) }, event.StatusStopped, "stopped"},
		{"host closes", func(e *env, _ string) error { return e.tasks.Close(context.WithoutCancel(e.t.Context())) }, event.StatusFailed, "interrupted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
				if _, err := upper(ctx, inv); err != nil {
					return nil, err
				}
				inv.Host.Report().Log("here")
				<-ctx.Done()
				return nil, nil // even if it says that it succeeded
			})
			before := e.files()
			id := e.start("/p:go in.txt")
			e.until(id, event.KindLog)
			if err := c.end(e, id); err != nil {
				t.Fatal(err)
			}
			s := e.ended(id)
			if s.Status != c.status || s.Error.Code != c.code {
				t.Errorf("status %s, error %+v", s.Status, s.Error)
			}
			if diff := cmp.Diff(before, e.files()); diff != "" {
				t.Errorf("the folder changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	runs := 0
	e := newEnv(t, func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		runs++
		var got []string
		for _, id := range []string{"one", "two"} {
			a, err := inv.Host.Ask(ctx, pluginsdk.Question{ID: id, Text: id + "?", Choices: []pluginsdk.Choice{{Value: "x"}, {Value: "y"}}})
			if err != nil {
				return nil, err
			}
			got = append(got, a.Value)
		}
		name, err := write(inv, "answers.txt", strings.Join(got, " "))
		return &pluginsdk.Result{Artifacts: []pluginsdk.Artifact{{Path: name}}}, err
	})
	id := e.start("/p:go")
	e.until(id, event.KindQuestion)
	if err := e.tasks.Answer(t.Context(), id, "one", "y"); err != nil {
		t.Fatal(err)
	}
	for len(e.kinds(id)) < 6 { // the second question
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.tasks.Stop(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	if err := e.tasks.Resume(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	for {
		err := e.tasks.Answer(t.Context(), id, "two", "x")
		if err == nil {
			break
		}
		if !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if s := e.ended(id); s.Status != event.StatusDone || runs != 2 {
		t.Errorf("status %s after %d runs: %+v", s.Status, runs, s.Error)
	}
	if got := e.files()["answers.txt"]; got != "y x" {
		t.Errorf("the handler got %q, want the first answer replayed", got)
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	t.Parallel()
	for _, q := range []pluginsdk.Question{
		{Text: "no id"},
		{ID: "long", Text: strings.Repeat("x", 1<<20)},
		{ID: "many", Choices: make([]pluginsdk.Choice, 5), Text: strings.Repeat("y", 1<<16)},
	} {
		e := newEnv(t, func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
			_, err := inv.Host.Ask(ctx, q)
			return nil, err
		})
		if s := e.run("/p:go"); s.Error == nil || s.Error.Code != "invalid" || len(s.Steps[0].Questions) > 0 {
			t.Errorf("question %.10q: error %+v, %d in the log", q.ID, s.Error, len(s.Steps[0].Questions))
		}
	}
}

func TestReportsAreBounded(t *testing.T) {
	t.Parallel()
	const many = 5200
	e := newEnv(t, func(_ context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		r := inv.Host.Report()
		long := strings.Repeat("é", 1<<20)
		r.Log(long)
		r.Plan(long, "b")
		r.Fact(pluginsdk.Fact{Name: "long", Value: long})
		for i := range many {
			r.Fact(pluginsdk.Fact{Name: fmt.Sprint(i), Value: "1"})
			if i < 600 {
				r.Log("x")
				r.Progress("p", int64(i), 600)
			}
			if i < 60 {
				r.Plan(make([]string, 100)...)
			}
		}
		return nil, nil
	})
	id := e.start("/p:go")
	s := e.ended(id)
	if s.Status != event.StatusDone {
		t.Fatalf("status %s: %+v", s.Status, s.Error)
	}
	facts, plans, bytes := 0, 0, 0
	for ev, err := range e.log.Read(t.Context(), id, 1) {
		if err != nil {
			t.Fatal(err)
		}
		bytes += len(ev.Data)
		switch ev.Kind {
		case event.KindFact:
			facts++
		case event.KindPlan:
			plans++
		}
	}
	if facts != 5000 || plans != 50 || len(s.Logs) < 500 || len(s.Logs) > 510 || bytes > 2<<20 {
		t.Errorf("%d facts, %d plans, %d lines, %d bytes", facts, plans, len(s.Logs), bytes)
	}
	if all := strings.Join(s.Logs, "\n"); strings.Count(all, "reports too much") != 3 || !strings.Contains(all, `the fact "long" is left out`) {
		t.Error("the log does not say what was left out")
	}
}

func TestTwoTasksAtOnce(t *testing.T) {
	t.Parallel()
	both := make(chan struct{}, 2)
	e := newEnv(t, func(ctx context.Context, inv *pluginsdk.Invocation) (*pluginsdk.Result, error) {
		name, err := write(inv, "out.txt", inv.Value("by"))
		if err != nil {
			return nil, err
		}
		inv.Host.Report().Log("written")
		both <- struct{}{}
		for len(both) < 2 { // both have written before either returns
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		return &pluginsdk.Result{Artifacts: []pluginsdk.Artifact{{Path: name}}}, nil
	})
	ids := []string{e.start("/p:go --by one"), e.start("/p:go --by two")}
	got := map[string]string{}
	for _, id := range ids {
		s := e.ended(id)
		if s.Status != event.StatusDone {
			t.Fatalf("status %s: %+v", s.Status, s.Error)
		}
		data, err := os.ReadFile(s.Artifacts[0].Path)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(s.Artifacts[0].Path)] = string(data)
	}
	if len(got) != 2 || got["out.txt"] == got["out (2).txt"] {
		t.Errorf("files %v, want out.txt and out (2).txt with one text each", got)
	}
}

// TestNameTakenAtTheLastMoment has somebody else take the name while the
// handler runs: the artifact says where the file is, also after a crash.
func TestNameTakenAtTheLastMoment(t *testing.T) {
	t.Parallel()
	log := &watchedLog{Log: event.NewMemory()}
	e := newEnvWith(t, upper, log)
	log.before = func(k event.Kind) error {
		switch k {
		case event.KindStepResult:
			e.put("out.txt", "mine")
		case event.KindStepApplied, event.KindTaskDone:
			return errors.New("killed")
		}
		return nil
	}
	id := e.start("/p:go in.txt")
	e.ended(id)
	log.before = nil
	if err := e.tasks.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := e.ended(id)
	if s.Status != event.StatusDone || len(s.Artifacts) != 1 {
		t.Fatalf("state %+v, error %+v", s, s.Error)
	}
	data, err := os.ReadFile(s.Artifacts[0].Path)
	if err != nil || string(data) != "OUT hello" || s.Artifacts[0].SHA256 == "" {
		t.Errorf("artifact %+v has %q, %v", s.Artifacts[0], data, err)
	}
	if got := e.files()["out.txt"]; got != "mine" {
		t.Errorf("the person's file has %q", got)
	}
}

func TestApplyFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		harm func(*testing.T, *env)
		text string
	}{
		{"the folder is gone", func(t *testing.T, e *env) {
			if err := os.RemoveAll(e.folder); err != nil {
				t.Fatal(err)
			}
		}, "folder"},
		{"a folder has the name", func(t *testing.T, e *env) {
			if err := errors.Join(os.Remove(filepath.Join(e.folder, "in.txt")), os.Mkdir(filepath.Join(e.folder, "in.txt"), 0o755)); err != nil {
				t.Fatal(err)
			}
		}, "in.txt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := &watchedLog{Log: event.NewMemory()}
			e := newEnvWith(t, upper, log)
			log.before = func(k event.Kind) error {
				if k == event.KindStepResult {
					c.harm(t, e)
				}
				return nil
			}
			s := e.run("/p:go in.txt")
			if s.Status != event.StatusFailed || s.Error == nil || s.Error.Next == "" || !strings.Contains(s.Error.Message, c.text) {
				t.Fatalf("status %s, error %+v", s.Status, s.Error)
			}
			if !strings.Contains(s.Error.Message, e.folder) {
				t.Errorf("message %q does not say where", s.Error.Message)
			}
			entries, err := os.ReadDir(e.folder)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			for _, f := range entries {
				if f.Name() != "in.txt" {
					t.Errorf("left behind: %s", f.Name())
				}
			}
		})
	}
}

func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("permissions do not hold for root")
	}
	e := newEnv(t, upper)
	if err := os.Chmod(e.folder, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(e.folder, 0o755) })
	s := e.run("/p:go in.txt")
	if s.Status != event.StatusFailed || s.Error.Code != "denied" || !strings.Contains(s.Error.Message, e.folder) || s.Error.Next == "" {
		t.Errorf("status %s, error %+v", s.Status, s.Error)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	e := newEnv(t, upper)
	outside := filepath.Join(filepath.Dir(e.folder), "secret.txt")
	if err := errors.Join(os.WriteFile(outside, []byte("secret"), 0o600), os.Symlink(outside, filepath.Join(e.folder, "link"))); err != nil {
		t.Fatal(err)
	}
	e.put("sub/in.txt", "hello")
	for _, c := range []struct{ path, code string }{
		{"../secret.txt", "denied"},
		{outside, "denied"},
		{"link", "denied"},
		{"sub/../../secret.txt", "denied"},
		{"/etc/passwd", "denied"},
		{"nosuch.txt", "not_found"},
	} {
		s := e.run("/p:go " + c.path)
		if s.Status != event.StatusFailed || s.Error == nil || s.Error.Code != c.code || s.Error.Next == "" || len(s.Steps) > 0 {
			t.Errorf("%s: status %s, error %+v, %d steps", c.path, s.Status, s.Error, len(s.Steps))
		}
	}
	for _, path := range []string{"sub/in.txt", "@sub/in.txt", "./sub/../sub/in.txt", filepath.Join(e.folder, "sub", "in.txt")} {
		if s := e.run("/p:go " + path); s.Status != event.StatusDone || s.Steps[0].Values["file"] != "sub/in.txt" {
			t.Errorf("%s: status %s, error %+v", path, s.Status, s.Error)
		}
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	e := newEnv(t, upper)
	twin := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(twin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		folders []string
		code    string
	}{
		{"none", nil, "invalid"},
		{"missing", []string{filepath.Join(e.folder, "nosuch")}, "not_found"},
		{"a file", []string{filepath.Join(e.folder, "in.txt")}, "invalid"},
		{"relative", []string{"folder"}, "invalid"},
		{"two of one name", []string{e.folder, twin}, ""},
	} {
		id, err := e.tasks.Start(t.Context(), task.Spec{Input: "/p:go in.txt", Folders: c.folders, Cwd: e.folder})
		if err != nil {
			t.Fatal(err)
		}
		s := e.ended(id)
		if c.code == "" {
			if s.Status != event.StatusDone {
				t.Errorf("%s: status %s, error %+v", c.name, s.Status, s.Error)
			}
			continue
		}
		if s.Status != event.StatusFailed || s.Error.Code != c.code || s.Error.Next == "" {
			t.Errorf("%s: status %s, error %+v", c.name, s.Status, s.Error)
		}
	}
}

func TestRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	e := newEnv(t, upper)
	for _, c := range []struct{ input, code, text string }{
		{"", "usage", "nothing to do"},
		{"  \n ", "usage", "nothing to do"},
		{"/p:go --nosuch 1", "usage", "nosuch"},
		{"/p:go in.txt extra", "usage", "extra"},
		{"/p:go 'in.txt", "usage", ""},
		{"/p:stop", "not_found|usage", "/p:stop"},
		{"/q:go", "not_found|usage", "/q:go"},
		{"/p:advice", "needs_model", "/p:advice"},
		{"tell me a story", "needs_model", "free text"},
		{"/boxless:go", "sandbox_unavailable", "no namespaces"},
		{"/broken:go", "unavailable", "a comma is missing"},
	} {
		_, err := e.tasks.Start(t.Context(), task.Spec{Input: c.input, Folders: []string{e.folder}, Cwd: e.folder})
		got := errorOf(err)
		if got == nil || !strings.Contains("|"+c.code+"|", "|"+got.Code+"|") || !strings.Contains(got.Message, c.text) || got.Next == "" {
			t.Errorf("%q: error %+v, want code %s, %q and a next step", c.input, got, c.code, c.text)
		}
	}
	if heads, err := e.log.Tasks(t.Context(), event.Query{}); err != nil || len(heads) > 0 {
		t.Errorf("%d tasks were made, %v", len(heads), err)
	}
}

func TestPluginThatDoesNotStart(t *testing.T) {
	t.Parallel()
	e := newEnv(t, upper)
	e.plugins.err = &runtime.Failure{Plugin: "p", Reason: runtime.Changed, Message: "was not started", Next: "update it"}
	id := e.start("/p:go in.txt")
	if s := e.ended(id); s.Status != event.StatusFailed || s.Error.Code != "plugin_failed" || len(s.Failures) != 1 || s.Failures[0].Reason != "changed" {
		t.Errorf("state %+v, error %+v", s, s.Error)
	}
	e.plugins.err = nil
	e.boxes.err = fmt.Errorf("jail: %w: no namespaces", sandbox.ErrUnavailable)
	if s := e.run("/p:go in.txt"); s.Error.Code != "sandbox_unavailable" || len(s.Steps) > 0 {
		t.Errorf("error %+v, %d steps", s.Error, len(s.Steps))
	}
	e.boxes.err = nil
	if err := e.tasks.Resume(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	if s := e.ended(id); s.Status != event.StatusDone {
		t.Errorf("after the resume: %s, %+v", s.Status, s.Error)
	}
}
