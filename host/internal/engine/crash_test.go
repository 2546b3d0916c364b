package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cowork-host/cowork/host/internal/engine"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model/anthropic"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// counted is how many tool calls the scripted task makes, each adding one to a
// counter in the granted folder.
const counted = 50

// crashScript is the model of the test: a function of the conversation alone,
// so that a host that was killed and asks again gets the same answer.
func crashScript(calls *atomic.Int64) func(plugintest.MessagesRequest) (plugintest.Reply, bool) {
	return func(req plugintest.MessagesRequest) (plugintest.Reply, bool) {
		calls.Add(1)
		done := bytes.Count(req.Body, []byte(`"role":"assistant"`))
		block := func(id, name, input string) plugintest.ReplyBlock {
			return plugintest.ReplyBlock{Type: "tool_use", ID: id, Name: name, Input: json.RawMessage(input)}
		}
		switch {
		case done == 0:
			return plugintest.Reply{Content: []plugintest.ReplyBlock{
				{Type: "text", Text: "I count to fifty."},
				block("plan", "plan", `{"ops":[{"op":"add","id":"1","text":"count to 50"},{"op":"status","id":"1","status":"active"}]}`),
				block("look", "read", `{"path":"counter.txt"}`),
			}}, true
		case done <= counted:
			n := done - 1
			return plugintest.Reply{Content: []plugintest.ReplyBlock{
				block(fmt.Sprint("add", n), "edit", fmt.Sprintf(`{"path":"counter.txt","old_text":"count: %d\n","new_text":"count: %d\n"}`, n, n+1)),
			}}, true
		}
		return plugintest.Reply{Content: []plugintest.ReplyBlock{{Type: "text", Text: "Counted."}}}, true
	}
}

// stopAt is a log that stops for ever behind its nth append of this process,
// and says so: its parent then kills it at exactly this boundary.
type stopAt struct {
	event.Log
	left atomic.Int64
}

func (l *stopAt) Append(ctx context.Context, id string, expect int64, events ...event.Event) (int64, error) {
	last, err := l.Log.Append(ctx, id, expect, events...)
	if err == nil && l.left.Add(-1) == 0 {
		fmt.Println("boundary", events[len(events)-1].Kind)
		select {} // until it is killed
	}
	return last, err
}

// openTasks is a host without a socket: the rooms a task needs, over the files
// in dir and a model at url.
func openTasks(ctx context.Context, dir, url string, log event.Log) (*task.Manager, error) {
	store, err := workspace.Open(ctx, workspace.Options{Dir: filepath.Join(dir, "store"), TrashDir: filepath.Join(dir, "trash")})
	if err != nil {
		return nil, err
	}
	client, err := anthropic.New(anthropic.Options{BaseURL: url, Model: "scripted"})
	if err != nil {
		return nil, err
	}
	worker := engine.New(engine.Options{
		Workspace: store, Plugins: &plugins{}, Boxes: &boxes{},
		Connection: func() (engine.Connection, bool) { return engine.Connection{Model: client, Name: "scripted"}, true },
	})
	return task.New(task.Options{Log: log, Worker: worker}), nil
}

// TestMain lets this binary be the host that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("COWORK_CRASH_DIR"); dir != "" {
		stop, err := strconv.ParseInt(os.Getenv("COWORK_CRASH_STOP"), 10, 64)
		if err == nil {
			err = crashChild(dir, os.Getenv("COWORK_CRASH_URL"), os.Getenv("COWORK_CRASH_INPUT"), stop)
		}
		if err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashChild is one life of the host. It starts the task, or resumes it.
func crashChild(dir, url, input string, stop int64) error {
	ctx := context.Background()
	log, err := event.OpenSQLite(ctx, filepath.Join(dir, "events.db"), event.Options{})
	if err != nil {
		return err
	}
	fault := &stopAt{Log: log}
	fault.left.Store(stop)
	tasks, err := openTasks(ctx, dir, url, fault)
	if err != nil {
		return err
	}
	if err := tasks.Recover(ctx); err != nil {
		return err
	}
	heads, err := log.Tasks(ctx, event.Query{Limit: -1})
	if err != nil {
		return err
	}
	heads = slices.DeleteFunc(heads, func(h event.Head) bool { return h.Parent != "" })
	var id string
	if len(heads) == 0 {
		id, err = tasks.Start(ctx, task.Spec{Input: input, Folders: []string{filepath.Join(dir, "folder")}})
	} else if id = heads[0].Task; heads[0].Status != event.StatusDone {
		err = tasks.Resume(ctx, id, false)
	}
	if err != nil {
		return err
	}
	s, err := goOn(ctx, tasks, id)
	if err != nil {
		return err
	}
	fmt.Println("ended", s.Status, s.Error, stop-fault.left.Load())
	return errors.Join(tasks.Close(ctx), log.Close())
}

// life runs one process until it says the word, then kills it unless it has
// come to its end. It returns the line.
func life(t *testing.T, dir, url string, stop int, input string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "COWORK_CRASH_DIR="+dir, "COWORK_CRASH_URL="+url, "COWORK_CRASH_STOP="+strconv.Itoa(stop), "COWORK_CRASH_INPUT="+input)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	line, err := bufio.NewReader(out).ReadString('\n')
	if strings.HasPrefix(line, "boundary") {
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.Copy(io.Discard, out)
	waitErr := cmd.Wait()
	if err != nil || strings.HasPrefix(line, "ended") && waitErr != nil {
		t.Fatalf("a life of the host ended with %q, %v, %v", line, err, waitErr)
	}
	return strings.TrimSpace(line)
}

// TestKilledAtEveryBoundary kills the host with SIGKILL behind every single
// event of a task that counts to fifty, resumes it, and compares the end with
// that of a task that was not killed. Every life of the host is a process of
// its own. Without COWORK_CRASH_ALL=1 it takes
// every 31st boundary, which every kind of event has a part in over time.
func TestKilledAtEveryBoundary(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	model := plugintest.NewMessages(t)
	model.Handle(crashScript(&calls))
	fresh := func(t *testing.T) string {
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "folder"), 0o755), os.WriteFile(filepath.Join(dir, "folder", "counter.txt"), []byte("count: 0\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	whole := fresh(t)
	var boundaries int
	if line := life(t, whole, model.URL(), 0, "count to fifty"); !ended(line, &boundaries) {
		t.Fatalf("the task that is not killed: %s", line)
	}
	perRun := calls.Load()
	t.Logf("%d boundaries, %d model calls", boundaries, perRun)
	step := 31
	if os.Getenv("COWORK_CRASH_ALL") != "" {
		step = 1
	}
	for at := 1; at <= boundaries; at += step {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			dir := fresh(t)
			line := life(t, dir, model.URL(), at, "count to fifty")
			if !strings.HasPrefix(line, "boundary") {
				t.Fatalf("not killed: %s", line)
			}
			if end := life(t, dir, model.URL(), 0, "count to fifty"); !ended(end, new(int)) {
				t.Fatalf("killed at %s: %s", line, end)
			}
			checkCounted(t, dir, line)
		})
	}
}

// ended reports whether a life ended with the task done, and how many appends
// it made.
func ended(line string, appends *int) bool {
	_, err := fmt.Sscanf(line, "ended done <nil> %d", appends)
	return err == nil
}

// checkCounted compares the counter, and the receipts in the log, with what an
// uncrashed run leaves.
func checkCounted(t *testing.T, dir, line string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "folder", "counter.txt"))
	if err != nil || string(data) != fmt.Sprintf("count: %d\n", counted) {
		t.Errorf("killed at %s: the counter is %q, %v", line, data, err)
	}
	log, err := event.OpenSQLite(t.Context(), filepath.Join(dir, "events.db"), event.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // only read from
	heads, err := log.Tasks(t.Context(), event.Query{})
	if err != nil {
		t.Fatal(err)
	}
	receipts := map[string]int{}
	for e, err := range log.Read(t.Context(), heads[0].Task, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != event.KindToolResult {
			continue
		}
		r, err := event.Decode[event.ToolResult](e)
		if err != nil {
			t.Fatal(err)
		}
		receipts[r.Call]++
		if r.Status != event.ResultOK {
			t.Errorf("killed at %s: call %s ended %s: %s", line, r.Call, r.Status, r.Text)
		}
	}
	for i := range counted {
		if id := fmt.Sprint("add", i); receipts[id] != 1 {
			t.Errorf("killed at %s: call %s has %d receipts", line, id, receipts[id])
		}
	}
}
