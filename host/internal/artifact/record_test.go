package artifact_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/artifact"
	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/model"
	"github.com/cowork-host/cowork/pluginsdk"
)

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// log is a task's log, and the disk it worked on.
type log struct {
	t      testing.TB
	task   string
	events []event.Event
	disk   disk
	calls  int
}

func newLog(t testing.TB) *log {
	return &log{t: t, task: "task", disk: disk{}}
}

var start = time.Date(2026, 5, 6, 7, 0, 0, 0, time.UTC)

func (k *log) add(p event.Payload) {
	k.t.Helper()
	e, err := event.New(p)
	if err != nil {
		k.t.Fatal(err)
	}
	e.Task, e.Seq = k.task, int64(len(k.events)+1)
	e.Time = start.Add(time.Duration(len(k.events)) * time.Second)
	k.events = append(k.events, e)
}

// call adds a tool call that went well.
func (k *log) call(tool, effect, target, text string, changes []event.Change, seen ...event.Seen) {
	k.t.Helper()
	k.calls++
	id := fmt.Sprint("c", k.calls)
	k.add(event.ToolCall{Step: id, Call: id, Tool: tool, Effect: effect, Targets: []string{target}})
	k.add(event.ToolResult{Step: id, Call: id, Tool: tool, Status: event.ResultOK, Text: text, Changes: changes, Seen: seen})
}

func (k *log) say(text string) {
	k.add(event.ModelMessage{Text: text, StopReason: model.StopEndTurn, Raw: "{}"})
}

func (k *log) seq() iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for _, e := range k.events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (k *log) record() event.Completion {
	k.t.Helper()
	got, err := artifact.Record(k.t.Context(), k.seq(), k.disk, start.Add(time.Hour))
	if err != nil {
		k.t.Fatal(err)
	}
	return got
}

// disk is files by absolute path; a value "!" cannot be read, "/" is a folder.
type disk map[string]string

func (d disk) Open(_ context.Context, path string) (io.ReadCloser, error) {
	text, ok := d[path]
	switch {
	case !ok:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case text == "!":
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	case text == "/":
		return fstest.MapFS{"d/f": &fstest.MapFile{}}.Open("d")
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func statuses(c event.Completion) map[string]string {
	out := map[string]string{}
	for _, r := range c.Checks {
		out[r.Path+": "+r.Name] = string(r.Status)
	}
	return out
}

func TestDelivered(t *testing.T) {
	t.Parallel()
	k := newLog(t)
	k.disk = disk{
		"/d/new.md": "third", "/d/was.csv": "edited", "/d/moved.txt": "m", "/d/touched.md": "the person's", "/d/empty.md": "",
		"/d/nodigest.md": "x", "/d/locked.md": "!", "/d/folder": "/", "/d/undone.md": "still there",
	}
	k.add(event.TaskCreated{Input: "do it"})
	k.add(event.TurnStarted{Turn: 1, Origin: "person", Text: "do it\n\nThe folder holds 5 files."})
	write := func(path, text, change string) {
		k.call("write", "write", path, "ok", []event.Change{{Path: path, Change: change}}, event.Seen{Path: path, SHA256: "sha256:" + sum(text)})
	}
	write("/d/new.md", "first", "created")
	write("/d/new.md", "second", "modified")
	write("/d/new.md", "third", "modified")
	write("/d/was.csv", "edited", "modified")
	write("/d/old.txt", "m", "created")
	k.call("move", "write", "/d/old.txt", "ok", []event.Change{{Path: "/d/moved.txt", From: "old.txt", Change: "moved"}})
	write("/d/touched.md", "the task's", "created")
	write("/d/empty.md", "", "created")
	k.call("write", "write", "/d/nodigest.md", "ok", []event.Change{{Path: "/d/nodigest.md", Change: "created"}})
	write("/d/gone.md", "g", "created")
	write("/d/locked.md", "l", "created")
	k.call("mkdir", "write", "/d/folder", "ok", []event.Change{{Path: "/d/folder", Change: "created"}})
	write("/d/undone.md", "u", "created")
	k.add(event.TaskUndone{Reversals: []event.Reversal{{Path: "/d/undone.md", Outcome: "removed"}}})
	write("/d/temp.md", "t", "created")
	k.call("request_delete", "delete", "/d/temp.md", "ok", []event.Change{{Path: "/d/temp.md", Change: "deleted"}})
	k.add(event.PlanEdited{Ops: []event.PlanOp{{Op: "add", Text: "a", Status: event.PlanDone}, {Op: "add", Text: "b"}, {Op: "add", Text: "c", Status: event.PlanSkipped}}})
	k.add(event.MessageQueued{ID: "m", Text: "and shorter", When: event.WhenNow, From: "person"})
	k.add(event.MessageDelivered{IDs: []string{"m"}, Turn: 1, Text: "and shorter"})
	k.say("Done.")

	got := k.record()
	want := event.Completion{
		Asked: []string{"do it", "and shorter"},
		Delivered: []event.Delivered{
			{Path: "/d/new.md", SHA256: sum("third"), Size: 5, Version: 3},
			{Path: "/d/was.csv", SHA256: sum("edited"), Size: 6, Version: 1},
			{Path: "/d/moved.txt", SHA256: sum("m"), Size: 1, Version: 1},
			{Path: "/d/touched.md", SHA256: sum("the person's"), Size: 12, Version: 1},
			{Path: "/d/empty.md", SHA256: sum(""), Size: 0, Version: 1},
			{Path: "/d/nodigest.md", SHA256: sum("x"), Size: 1, Version: 1},
		},
		NotVerified: []string{
			"/d/touched.md: it was changed after the task wrote it",
			"/d/empty.md: it is empty",
			"/d/gone.md: the task wrote it, and it is no longer there",
			"/d/locked.md: it could not be read: open /d/locked.md: permission denied",
		},
		PlanDone: 2, PlanTotal: 3,
	}
	checks := statuses(got)
	got.Checks = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, status := range map[string]string{
		"/d/new.md: the file is there": "passed", "/d/new.md: it is not empty": "passed", "/d/new.md: it is as the task wrote it": "passed",
		"/d/moved.txt: it is as the task wrote it": "passed", "/d/touched.md: it is as the task wrote it": "failed",
		"/d/empty.md: it is not empty": "failed", "/d/nodigest.md: it is as the task wrote it": "not_verified",
		"/d/gone.md: the file is there": "failed", "/d/locked.md: the file is there": "not_verified",
		"/d/folder: the file is there": "", "/d/undone.md: the file is there": "", "/d/temp.md: the file is there": "",
	} {
		if checks[name] != status {
			t.Errorf("%s: %q, want %q", name, checks[name], status)
		}
	}
}

// TestPluginChecks takes the checks of a handler over, under the name the file
// got at last.
func TestPluginChecks(t *testing.T) {
	t.Parallel()
	k := newLog(t)
	k.disk = disk{"/d/report (2).xlsx": "x"}
	k.add(event.TaskCreated{Input: "/finance:report"})
	k.add(event.StepResult{Step: "1", Artifacts: []event.Artifact{{Path: "/d/report.xlsx", Checks: []pluginsdk.Check{
		{Name: "totals tie", Status: pluginsdk.Passed},
		{Name: "links resolve", Status: pluginsdk.NotVerified, Detail: "no network"},
		{Name: "formulas", Status: pluginsdk.Failed, Detail: "2 errors"},
	}}}})
	k.add(event.StepApplied{Step: "1", Changes: []event.Change{{Path: "/d/report (2).xlsx", Change: "created"}}})
	k.add(event.TaskDone{Artifacts: []event.Artifact{{Path: "/d/report (2).xlsx", SHA256: sum("x")}}})
	got := k.record()
	want := map[string]string{
		"/d/report (2).xlsx: totals tie": "passed", "/d/report (2).xlsx: links resolve": "not_verified", "/d/report (2).xlsx: formulas": "failed",
		"/d/report (2).xlsx: the file is there": "passed", "/d/report (2).xlsx: it is not empty": "passed", "/d/report (2).xlsx: it is as the task wrote it": "passed",
	}
	if diff := cmp.Diff(want, statuses(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/d/report (2).xlsx: not checked: links resolve (no network)"}, got.NotVerified); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Checks[0].At != start.Add(time.Second) {
		t.Errorf("the check ran at %s", got.Checks[0].At)
	}
}

// TestHandlerFiles has files that a handler wrote and did not name as
// artifacts: what was applied is their receipt.
func TestHandlerFiles(t *testing.T) {
	t.Parallel()
	k := newLog(t)
	k.disk = disk{"/d/kept": "x", "/d/edited": "by the person", "/d/old log": "x", "/d/moved": "y", "/d/again": "2"}
	k.add(event.TaskCreated{Input: "/finance:report"})
	k.add(event.StepApplied{Step: "1", Changes: []event.Change{
		{Path: "/d", Change: "created"},
		{Path: "/d/kept", Change: "created", SHA256: sum("x")},
		{Path: "/d/edited", Change: "modified", SHA256: sum("x")},
		{Path: "/d/old log", Change: "created"},
		{Path: "/d/first", Change: "created", SHA256: sum("y")},
		{Path: "/d/again", Change: "created", SHA256: sum("1")},
	}})
	k.add(event.StepApplied{Step: "2", Changes: []event.Change{
		{Path: "/d/moved", From: "first", Change: "moved"},
		{Path: "/d/again", Change: "modified", SHA256: "sha256:" + sum("2")},
	}})
	got := map[string]string{}
	for _, c := range k.record().Checks {
		if c.Name == "it is as the task wrote it" {
			got[c.Path] = string(c.Status)
		}
	}
	want := map[string]string{
		"/d/kept": "passed", "/d/edited": "failed", "/d/old log": "not_verified", "/d/moved": "passed", "/d/again": "passed",
	}
	delete(got, "/d") // a folder, which this disk does not know as one
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSubAgentsFiles has a file written by a sub-agent and then by its parent:
// the later receipt counts, wherever it stands.
func TestSubAgentsFiles(t *testing.T) {
	t.Parallel()
	k := newLog(t)
	k.disk["/d/a"], k.disk["/d/b"] = "parent's", "child's"
	k.add(event.TaskCreated{Input: "x"})
	k.task = "child"
	k.call("write", "write", "/d/a", "ok", []event.Change{{Path: "/d/a", Change: "created"}}, event.Seen{Path: "/d/a", SHA256: sum("child's")})
	k.call("write", "write", "/d/b", "ok", []event.Change{{Path: "/d/b", Change: "created"}}, event.Seen{Path: "/d/b", SHA256: sum("child's")})
	k.call("write", "write", "/d/c", "ok", []event.Change{{Path: "/d/c", Change: "created"}})
	k.task = "task"
	k.call("request_delete", "delete", "/d/c", "ok", []event.Change{{Path: "/d/c", Change: "deleted"}})
	k.call("write", "write", "/d/a", "ok", []event.Change{{Path: "/d/a", Change: "modified"}}, event.Seen{Path: "/d/a", SHA256: sum("parent's")})
	slices.SortStableFunc(k.events, func(a, b event.Event) int { return -strings.Compare(a.Task, b.Task) }) // the task's log first
	got := k.record()
	want := []event.Delivered{
		{Path: "/d/a", SHA256: sum("parent's"), Size: 8, Version: 2},
		{Path: "/d/b", SHA256: sum("child's"), Size: 7, Version: 1},
	}
	if diff := cmp.Diff(want, got.Delivered); diff != "" || len(got.NotVerified) > 0 {
		t.Errorf("%q\n-want +got:\n%s", got.NotVerified, diff)
	}
	for name, status := range statuses(got) {
		if status != "passed" {
			t.Errorf("%s: %s", name, status)
		}
	}
}

// TestOtherTurns takes the last turn's text, and only that of turns.
func TestOtherTurns(t *testing.T) {
	t.Parallel()
	k := newLog(t)
	k.add(event.TaskCreated{Input: "x"})
	k.add(event.TurnStarted{Turn: 1, Origin: "person", Text: "x"})
	k.say("It is $1,111.11.")
	k.add(event.TurnStarted{Turn: 2, Origin: "person", Text: "again"})
	k.add(event.ModelCalled{Call: 2, Purpose: "turn"})
	k.add(event.ModelMessage{Call: 2, Text: "It is $2,222.22.", StopReason: model.StopEndTurn})
	k.add(event.ModelCalled{Call: 3, Purpose: "compaction"})
	k.add(event.ModelMessage{Call: 3, Text: "It is $3,333.33.", StopReason: model.StopEndTurn})
	got := strings.Join(k.record().NotVerified, "\n")
	if !strings.Contains(got, "$2,222.22") || strings.Contains(got, "$1,111.11") || strings.Contains(got, "$3,333.33") {
		t.Errorf("not verified: %s", got)
	}
}

func TestRecordErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("the log is damaged")
	_, err := artifact.Record(t.Context(), func(yield func(event.Event, error) bool) { yield(event.Event{}, broken) }, disk{}, start)
	if !errors.Is(err, broken) {
		t.Errorf("a broken log: %v", err)
	}
	k := newLog(t)
	k.add(event.TaskCreated{Input: "x"})
	k.disk["/d/a"] = "a"
	k.call("write", "write", "/d/a", "ok", []event.Change{{Path: "/d/a", Change: "created"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := artifact.Record(ctx, k.seq(), k.disk, start); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled record: %v", err)
	}
	empty, err := artifact.Record(t.Context(), newLog(t).seq(), disk{}, start)
	if err != nil || len(empty.Delivered)+len(empty.NotVerified) != 0 {
		t.Errorf("an empty log: %+v, %v", empty, err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("I created a.xlsx with $1,234.56 (12%).", "1234.56")
	f.Add("```\n$1", "1.234.567,8'9")
	f.Add("1,2,3.4.5'6 \u00a0123 \xff `x.csv` has been sent.", "0x1p3 1e9 99999999999999999999999")
	f.Add("I saved \x007\x00 to a.csv.", "")
	f.Fuzz(func(t *testing.T, said, read string) {
		k := newLog(t)
		k.add(event.TaskCreated{Input: "x"})
		k.call("read", "read", "/d/a", read, nil)
		k.say(said)
		first, second := k.record(), k.record()
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("the same log gives two records: %s", diff)
		}
		if strings.Contains(said, "**") || strings.Contains(said, "__") {
			return // emphasis is taken out, and can join digits
		}
		k = newLog(t)
		k.add(event.TaskCreated{Input: "x"})
		k.call("read", "read", "/d/a", said, nil)
		k.say(said)
		for _, line := range k.record().NotVerified {
			if strings.Contains(line, "no computed fact") {
				t.Errorf("a number that a tool returned in the same words is doubted: %s", line)
			}
		}
	})
}
