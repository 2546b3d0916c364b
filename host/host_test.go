package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	h, err := r.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.Model.Salt = "" // another one in every host
	if diff := cmp.Diff(host.Health{Version: "test", Build: "b", PID: os.Getpid()}, h); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
	r.end()
	if _, err := r.Health(t.Context()); !errors.Is(err, host.ErrNoHost) {
		t.Errorf("a host that is gone: %v", err)
	}
}

func TestSecondHostIsRefused(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	opts, err := options(r.home)
	if err != nil {
		t.Fatal(err)
	}
	_, err = host.New(t.Context(), opts)
	if !errors.Is(err, pluginsdk.ErrConflict) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("error %v, want a conflict that names process %d", err, os.Getpid())
	}
	if _, err := r.Health(t.Context()); err != nil {
		t.Errorf("the first one: %v", err)
	}
}

func TestRunChangesUndoTrash(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	before := files(t, r.folder)
	id := r.start("/work:go in.txt")
	r.until(id, "")
	s := r.state(id)
	if s.Status != host.StatusDone || s.Brief != "wrote plain" || len(s.Artifacts) != 1 {
		t.Fatalf("state %+v, error %+v", s, s.Error)
	}
	if diff := cmp.Diff(finished("plain"), files(t, r.folder)); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
	heads, err := r.Tasks(t.Context(), 0)
	if err != nil || len(heads) != 1 || heads[0].Task != id || heads[0].Title != "/work:go in.txt" {
		t.Errorf("tasks %+v, %v", heads, err)
	}
	changes, err := r.Changes(t.Context(), id)
	if err != nil || len(changes) < manyFiles+1 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}

	dry, err := r.Undo(t.Context(), id, host.UndoRequest{DryRun: true})
	if err != nil || len(dry) < manyFiles+1 {
		t.Errorf("dry run: %d, %v", len(dry), err)
	}
	if diff := cmp.Diff(finished("plain"), files(t, r.folder)); diff != "" {
		t.Errorf("the dry run changed the folder:\n%s", diff)
	}
	// One file, named in each of the ways a person may name it.
	for i, path := range []string{"sub/out-00.txt", filepath.Join(r.folder, "sub", "out-01.txt"), "out-02.txt"} {
		got, err := r.Undo(t.Context(), id, host.UndoRequest{Path: path})
		if err != nil || len(got) != 1 || got[0].Path != filepath.Join(r.folder, "sub", fmt.Sprintf("out-%02d.txt", i)) {
			t.Errorf("undo %s: %+v, %v", path, got, err)
		}
	}
	for _, path := range []string{"ut-03.txt", "nosuch.txt", "../folder/in.txt", "/"} {
		_, err := r.Undo(t.Context(), id, host.UndoRequest{Path: path})
		wantCode(t, err, "not_found")
	}
	items, err := r.Trash(t.Context())
	if err != nil || len(items) != 3 {
		t.Fatalf("trash %+v, %v", items, err)
	}
	back, err := r.RestoreTrash(t.Context(), items[0].ID)
	if err != nil || !strings.Contains(back.Path, "out-") {
		t.Errorf("restored %+v, %v", back, err)
	}
	if _, err := os.Stat(back.Path); err != nil {
		t.Error(err)
	}
	_, err = r.RestoreTrash(t.Context(), "../1")
	if err == nil {
		t.Error("restored an item that is none")
	}
	_, err = r.RestoreTrash(t.Context(), "999999")
	wantCode(t, err, "not_found")
	if n, err := r.EmptyTrash(t.Context()); err != nil || n != 2 {
		t.Errorf("emptied %d, %v", n, err)
	}
	if err := os.Remove(back.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Undo(t.Context(), id, host.UndoRequest{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, files(t, r.folder)); diff != "" {
		t.Errorf("after the undo (-want +got):\n%s", diff)
	}
	if s := r.state(id); len(s.Undone) < manyFiles {
		t.Errorf("the log knows of %d reversals", len(s.Undone))
	}
	// Following a task that was undone comes to an end.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var last host.Event
	for e, err := range r.Events(ctx, id, 1, true) {
		if err != nil {
			t.Fatalf("follow an undone task: %v", err)
		}
		last = e
	}
	if last.Seq != r.state(id).Last {
		t.Errorf("followed to %d of %d", last.Seq, r.state(id).Last)
	}
	for _, e := range []error{
		second(r.Undo(t.Context(), "nosuch", host.UndoRequest{})), second(r.Changes(t.Context(), "nosuch")),
		second(r.State(t.Context(), "nosuch")), r.Stop(t.Context(), "nosuch", false), r.Resume(t.Context(), "nosuch", true),
	} {
		wantCode(t, e, "not_found")
	}
}

func second[T any](_ T, err error) error { return err }

func TestFollowHasNoGap(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	id := r.start("/work:go in.txt --ask")
	r.until(id, host.KindQuestion)
	type seen struct {
		seqs []int64
		err  error
	}
	all := make(chan seen, 4)
	for from := int64(1); from <= 4; from++ {
		go func() {
			var s seen
			for e, err := range r.Events(context.WithoutCancel(t.Context()), id, from, true) {
				if err != nil {
					s.err = err
					break
				}
				if e.Seq != 0 {
					s.seqs = append(s.seqs, e.Seq-from)
				}
			}
			all <- s
		}()
	}
	wantCode(t, r.Answer(t.Context(), id, "word", "green"), "invalid")
	wantCode(t, r.Answer(t.Context(), id, "nosuch", "red"), "not_found")
	if err := r.Answer(t.Context(), id, "word", "red"); err != nil {
		t.Fatal(err)
	}
	for range cap(all) {
		s := <-all
		if s.err != nil || len(s.seqs) < 5 {
			t.Errorf("followed %v, %v", s.seqs, s.err)
		}
		for i, seq := range s.seqs {
			if seq != int64(i) {
				t.Errorf("a gap or a repetition: %v", s.seqs)
				break
			}
		}
	}
	if diff := cmp.Diff(finished("red"), files(t, r.folder)); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
	// Beyond the end there is nothing to wait for.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for e, err := range r.Events(ctx, id, 1000, true) {
		t.Errorf("beyond the end: %+v, %v", e, err)
	}
	wantCode(t, r.Resume(t.Context(), id, true), "conflict")
	wantCode(t, r.Answer(t.Context(), id, "word", "red"), "conflict")
}

func TestStopAndResume(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	before := files(t, r.folder)
	id := r.start("/work:go in.txt --ask")
	r.until(id, host.KindQuestion)
	wantCode(t, r.Resume(t.Context(), id, true), "conflict")
	wantCode(t, r.Quit(t.Context(), false), "conflict")
	if err := r.Stop(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	if s := r.state(id); s.Status != host.StatusStopped || s.Error.Code != "stopped" {
		t.Errorf("status %s, error %+v", s.Status, s.Error)
	}
	if diff := cmp.Diff(before, files(t, r.folder)); diff != "" {
		t.Errorf("a stopped task changed the folder:\n%s", diff)
	}
	if err := r.Resume(t.Context(), id, false); err != nil { // nobody is there now
		t.Fatal(err)
	}
	r.until(id, "")
	if s := r.state(id); s.Status != host.StatusParked || s.Error.Code != "parked" {
		t.Errorf("status %s, error %+v", s.Status, s.Error)
	}
	if err := r.Resume(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	for {
		err := r.Answer(t.Context(), id, "word", "blue")
		if err == nil {
			break
		}
		wantCode(t, err, "not_found")
		if t.Failed() {
			return
		}
	}
	r.until(id, "")
	if diff := cmp.Diff(finished("blue"), files(t, r.folder)); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
}

func TestQuit(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	id := r.start("/work:go in.txt --ask")
	r.until(id, host.KindQuestion)
	wantCode(t, r.Quit(t.Context(), false), "conflict")
	if err := r.Quit(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	r.end()
	again := hostOf(t, r.home, r.folder, nil)
	if s := again.state(id); s.Status != "failed" || s.Error.Code != "interrupted" {
		t.Errorf("status %s, error %+v", s.Status, s.Error)
	}
	if err := again.Quit(t.Context(), false); err != nil {
		t.Errorf("quit without a task: %v", err)
	}
}

func TestIdleHostLeaves(t *testing.T) {
	t.Parallel()
	r := newHost(t, func(o *host.Options) { o.IdleAfter = 2 * time.Second })
	id := r.start("/work:go in.txt --ask")
	r.until(id, host.KindQuestion)
	select {
	case err := <-r.served:
		t.Fatalf("it left with a task at work: %v", err)
	case <-time.After(3 * time.Second):
	}
	if err := r.Stop(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.served:
		r.served <- err
	case <-time.After(30 * time.Second):
		t.Error("it does not leave")
	}
}

// TestSocketFolderIsRemoved: a home whose path is too long for a socket has its
// socket elsewhere, which leaves nothing behind.
func TestSocketFolderIsRemoved(t *testing.T) {
	t.Parallel()
	home, folder := newHome(t)
	home += strings.Repeat("x", 120)
	r := hostOf(t, home, folder, nil)
	dir := filepath.Dir(r.host.Socket())
	if dir == filepath.Join(home, "run") {
		t.Fatalf("the socket is at %s, which was to be too long", r.host.Socket())
	}
	if _, err := r.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.end()
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestLeftoversAreRemoved(t *testing.T) {
	t.Parallel()
	home, folder := newHome(t)
	run := filepath.Join(home, "run")
	outside := filepath.Join(filepath.Dir(home), "precious")
	err := errors.Join(
		os.MkdirAll(filepath.Join(run, "box-123", "root"), 0o700), os.MkdirAll(filepath.Join(run, "plugin-dir9"), 0o700),
		os.Chmod(home, 0o700), os.Chmod(run, 0o700),
		os.WriteFile(filepath.Join(run, "plugin-dir9", "sock"), nil, 0o600),
		os.MkdirAll(filepath.Join(run, "mine"), 0o700), os.WriteFile(filepath.Join(run, "box-file"), nil, 0o600),
		os.MkdirAll(outside, 0o700), os.WriteFile(filepath.Join(outside, "x"), nil, 0o600),
		os.Symlink(outside, filepath.Join(run, "box-link")), os.Symlink(outside, filepath.Join(run, "box-123", "link")),
		os.WriteFile(filepath.Join(run, "host.sock"), nil, 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	r := hostOf(t, home, folder, nil)
	for name, there := range map[string]bool{"box-123": false, "plugin-dir9": false, "mine": true, "box-file": true, "box-link": true} {
		if _, err := os.Lstat(filepath.Join(run, name)); there != (err == nil) {
			t.Errorf("%s: %v, want it there: %t", name, err, there)
		}
	}
	if _, err := os.Stat(filepath.Join(outside, "x")); err != nil {
		t.Error("a link out of the folder was followed")
	}
	if err := errors.Join(os.Remove(filepath.Join(run, "mine")), os.Remove(filepath.Join(run, "box-file")), os.Remove(filepath.Join(run, "box-link"))); err != nil {
		t.Fatal(err)
	}
	r.end()
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	r := newHost(t, nil)
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", r.host.Socket())
	}}}
	t.Cleanup(c.CloseIdleConnections)
	task := r.start("/work:go in.txt")
	r.until(task, "")
	for _, q := range []struct{ name, method, path, body string }{
		{"no JSON", "POST", "/v1/tasks", "hello"},
		{"half JSON", "POST", "/v1/tasks", `{"input":"/work:go`},
		{"two objects", "POST", "/v1/tasks", `{"input":"/work:go in.txt"} {"input":"x"}`},
		{"a list", "POST", "/v1/tasks", `[]`},
		{"nothing", "POST", "/v1/tasks", ``},
		{"null", "POST", "/v1/tasks", `null`},
		{"an unknown field", "POST", "/v1/tasks", `{"input":"/work:go in.txt","colour":"red"}`},
		{"a wrong type", "POST", "/v1/tasks", `{"input":7}`},
		{"folders of a wrong type", "POST", "/v1/tasks", `{"input":"/work:go in.txt","folders":"` + r.folder + `"}`},
		{"a relative folder", "POST", "/v1/tasks", `{"input":"/work:go in.txt","folders":["folder"]}`},
		{"an empty folder", "POST", "/v1/tasks", `{"input":"/work:go in.txt","folders":[""]}`},
		{"a folder with a zero", "POST", "/v1/tasks", `{"input":"/work:go in.txt","folders":["/a\u0000b"]}`},
		{"a relative cwd", "POST", "/v1/tasks", `{"input":"/work:go in.txt","cwd":".."}`},
		{"a relative plugin folder", "POST", "/v1/tasks", `{"input":"/work:go in.txt","plugin_dirs":["x"]}`},
		{"deep", "POST", "/v1/tasks", strings.Repeat(`{"input":`, 100_000)},
		{"deep lists", "POST", "/v1/tasks", `{"folders":` + strings.Repeat(`[`, 1_000_000)},
		{"huge", "POST", "/v1/tasks", `{"input":"` + strings.Repeat("x", 8<<20) + `"}`},
		{"a relative bundle", "POST", "/v1/plugins/install", `{"dir":"bundle"}`},
		{"no bundle", "POST", "/v1/plugins/install", `{}`},
		{"no name", "POST", "/v1/plugins/remove", `{}`},
		{"a path as name", "POST", "/v1/plugins/remove", `{"name":"../../folder"}`},
		{"a zero as name", "POST", "/v1/plugins/update", `{"name":"\u0000"}`},
		{"a relative plugin folder to list", "GET", "/v1/plugins?dir=x", ""},
		{"a folder that is not there", "GET", "/v1/plugins?dir=/nosuch", ""},
		{"unknown task", "GET", "/v1/tasks/nosuch/events?follow=1", ""},
		{"odd task", "GET", "/v1/tasks/" + strings.Repeat("x", 5000) + "/events", ""},
		{"a task with a zero", "GET", "/v1/tasks/%00/events", ""},
		{"odd trash", "POST", "/v1/trash/x/restore", ""},
		{"negative trash", "POST", "/v1/trash/-1/restore", ""},
		{"unknown page", "GET", "/v1/tasks?before=nosuch", ""},
		{"unknown path", "GET", "/v2/health", ""},
		{"wrong method", "DELETE", "/v1/tasks", ""},
		{"undo of a wrong type", "POST", "/v1/tasks/" + task + "/undo", `{"dry_run":"no"}`},
		{"undo of an odd step", "POST", "/v1/tasks/" + task + "/undo", `{"path":"\u0000"}`},
	} {
		t.Run(q.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), q.method, "http://x"+q.path, strings.NewReader(q.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			data, err := io.ReadAll(resp.Body)
			var p struct{ Error *host.Problem }
			if err != nil || json.Unmarshal(bytes.TrimSpace(data), &p) != nil || p.Error == nil || p.Error.Message == "" {
				t.Fatalf("answer %d %.300q, %v: want JSON with an error", resp.StatusCode, data, err)
			}
			if resp.StatusCode < 400 || resp.StatusCode > 499 || len(data) > 4000 {
				t.Errorf("answer %d with %d bytes: %.300s", resp.StatusCode, len(data), data)
			}
		})
	}
	if _, err := r.Health(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if heads, err := r.Tasks(t.Context(), -1); err != nil || len(heads) != 1 {
		t.Errorf("%d tasks, %v: want the one", len(heads), err)
	}
}
