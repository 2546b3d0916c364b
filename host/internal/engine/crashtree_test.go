package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

// treeFiles is how many files the task of the tree writes, enough for its
// conversation to be compacted.
const treeFiles = 14

var bigFile = regexp.MustCompile(`big-(\d\d)\.txt`)

// treeScript is the model of a task with two sub-agents, one of which asks to
// delete a file, and a compaction. It answers by what the request holds.
func treeScript(req plugintest.MessagesRequest) (plugintest.Reply, bool) {
	var body struct {
		Messages []struct{ Content json.RawMessage }
		Tools    []json.RawMessage
	}
	if json.Unmarshal(req.Body, &body) != nil || len(body.Messages) == 0 {
		return plugintest.Reply{}, false
	}
	say := func(text string) (plugintest.Reply, bool) { return plugintest.SayText(text), true }
	calls := func(list ...string) (plugintest.Reply, bool) {
		var r plugintest.Reply
		for i, c := range list {
			name, input, _ := strings.Cut(c, " ")
			r.Content = append(r.Content, plugintest.ToolBlock(fmt.Sprintf("c%d-%d", i, len(req.Body)), name, input))
		}
		return r, true
	}
	all := string(req.Body[bytes.Index(req.Body, []byte(`"messages"`)):])
	if len(body.Tools) == 0 {
		return say("The first files were written as planned.")
	}
	first := string(body.Messages[0].Content)
	for _, part := range []string{"A", "B"} {
		switch {
		case !strings.Contains(first, "write part "+part):
		case len(body.Messages) == 1 && part == "A":
			return calls(`write {"path":"part-A.txt","content":"A"}`, `request_delete {"paths":["old.txt"]}`)
		case len(body.Messages) == 1:
			return calls(`write {"path":"part-B.txt","content":"B"}`)
		default:
			return say("Part " + part + " is written.")
		}
	}
	next := 0
	for _, m := range bigFile.FindAllStringSubmatch(all, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			next = max(next, n+1)
		}
	}
	switch {
	case next == 2 && !strings.Contains(all, "Part B is written"):
		return calls(agentCall("part A", "write part A", ""), agentCall("part B", "write part B", ""))
	case next < treeFiles:
		return calls(fmt.Sprintf(`write {"path":"big-%02d.txt","content":%q}`, next, strings.Repeat(fmt.Sprintf("content of %d\n", next), 300)))
	}
	return say("All is written.")
}

// goOn resumes, or answers what is asked, until a tree of tasks is over.
func goOn(ctx context.Context, tasks *task.Manager, id string) (*task.State, error) {
	for {
		<-tasks.Done(id)
		s, err := tasks.State(ctx, id)
		if err != nil || s.Status != event.StatusParked {
			return s, err
		}
		if len(s.Waiting) == 0 {
			err = tasks.Resume(ctx, id, false)
		} else {
			err = tasks.Approve(ctx, id, event.ApprovalAnswered{Allow: true, Scope: "task"})
		}
		if err != nil {
			return s, err
		}
	}
}

// TestTreeKilledAtBoundaries kills the host with SIGKILL while it spawns
// sub-agents, while an approval in one of them is asked, parked on and
// answered, and while the conversation is compacted.
func TestTreeKilledAtBoundaries(t *testing.T) {
	t.Parallel()
	model := plugintest.NewMessagesScript(t, plugintest.Script{Window: 16_000, MaxOutput: 2_000})
	model.Handle(treeScript)
	fresh := func(t *testing.T) string {
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "folder"), 0o755), os.WriteFile(filepath.Join(dir, "folder", "old.txt"), []byte("old"), 0o644)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	whole := fresh(t)
	var boundaries int
	if line := life(t, whole, model.URL(), 0, "write it all"); !ended(line, &boundaries) {
		t.Fatalf("the task that is not killed: %s", line)
	}
	if n := checkTree(t, whole, "not killed"); n == 0 {
		t.Error("the conversation was never compacted")
	}
	step := 5
	if os.Getenv("COWORK_CRASH_ALL") != "" {
		step = 1
	}
	for at := 1; at <= boundaries; at += step {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			dir := fresh(t)
			line := life(t, dir, model.URL(), at, "write it all")
			if !strings.HasPrefix(line, "boundary") {
				t.Fatalf("not killed: %s", line)
			}
			if end := life(t, dir, model.URL(), 0, "write it all"); !ended(end, new(int)) {
				t.Fatalf("killed at %s: %s", line, end)
			}
			checkTree(t, dir, line)
		})
	}
}

// checkTree compares what a tree left with what it was to leave, and returns
// how often its conversation was compacted.
func checkTree(t *testing.T, dir, line string) (compacted int) {
	t.Helper()
	want := map[string]int{"part-A.txt": 1, "part-B.txt": 1}
	for i := range treeFiles {
		want[fmt.Sprintf("big-%02d.txt", i)] = len(strings.Repeat(fmt.Sprintf("content of %d\n", i), 300))
	}
	list, err := os.ReadDir(filepath.Join(dir, "folder"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if info, err := f.Info(); err != nil || info.Size() != int64(want[f.Name()]) {
			t.Errorf("killed at %s: %s has %d bytes, want %d, %v", line, f.Name(), info.Size(), want[f.Name()], err)
		}
	}
	if len(list) != len(want) {
		t.Errorf("killed at %s: %d files, want %d: %v", line, len(list), len(want), list)
	}
	log, err := event.OpenSQLite(t.Context(), filepath.Join(dir, "events.db"), event.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	heads, err := log.Tasks(t.Context(), event.Query{Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, h := range heads {
		receipts := map[string]int{}
		for e, err := range log.Read(t.Context(), h.Task, 1) {
			if err != nil {
				t.Fatal(err)
			}
			switch e.Kind {
			case event.KindCompacted:
				compacted++
			case event.KindApprovalAsked:
				asked++
			case event.KindToolResult:
				r, err := event.Decode[event.ToolResult](e)
				if receipts[r.Call]++; err != nil || r.Status != event.ResultOK || receipts[r.Call] > 1 {
					t.Errorf("killed at %s: call %s of %s: %s %q, receipt %d, %v", line, r.Call, r.Tool, r.Status, r.Text, receipts[r.Call], err)
				}
			}
		}
	}
	// A sub-agent whose start was cut off before its own log began is started anew.
	if len(heads) != 3 || asked != 1 {
		t.Errorf("killed at %s: %d tasks, %d questions", line, len(heads), asked)
	}
	return compacted
}
