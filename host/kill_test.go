package host_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host"
)

// TestKilledHost kills a host process as soon as an event of a kind is seen.
// The next host must tell the truth about the task, the folder must be as
// before or as after, and a resume must bring the task to its end.
func TestKilledHost(t *testing.T) {
	t.Parallel()
	for _, kind := range []host.EventKind{
		host.KindTaskCreated, host.KindSandboxReady, host.KindStepStarted, host.KindPlan, host.KindQuestion,
		host.KindAnswer, host.KindLog, host.KindStepResult, host.KindStepApplied, host.KindTaskDone,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			killAt(t, kind)
		})
	}
}

func killAt(t *testing.T, kind host.EventKind) {
	home, folder := newHome(t)
	before := files(t, folder)
	id := killedAt(t, home, folder, kind)

	r := hostOf(t, home, folder, nil)
	s := r.state(id)
	now := files(t, folder)
	if !s.Over() {
		t.Fatalf("status %s after the next start", s.Status)
	}
	if s.Status == host.StatusDone {
		if diff := cmp.Diff(finished("red"), now); diff != "" {
			t.Errorf("the task is done, and the folder is not (-want +got):\n%s", diff)
		}
		if len(s.Artifacts) != 1 || s.Artifacts[0].SHA256 == "" || len(s.Steps[0].Changes) < manyFiles {
			t.Errorf("what was done: %+v, %d changes", s.Artifacts, len(s.Steps[0].Changes))
		}
		wantCode(t, r.Resume(t.Context(), id, true), "conflict")
	} else {
		if diff := cmp.Diff(before, now); diff != "" {
			t.Errorf("the task is %s, and the folder has changed (-want +got):\n%s", s.Status, diff)
		}
		if s.Error == nil || s.Error.Code != "interrupted" || s.Error.Next == "" {
			t.Errorf("error %+v", s.Error)
		}
		if err := r.Resume(t.Context(), id, true); err != nil {
			t.Fatal(err)
		}
		for !r.state(id).Over() { // an answer given before is not asked for again
			err := r.Answer(t.Context(), id, "word", "red")
			if _, ok := errors.AsType[*host.RemoteError](err); err != nil && !ok {
				t.Fatal(err)
			}
		}
		if s := r.state(id); s.Status != host.StatusDone {
			t.Errorf("after the resume: status %s, error %+v", s.Status, s.Error)
		}
		if diff := cmp.Diff(finished("red"), files(t, folder)); diff != "" {
			t.Errorf("after the resume (-want +got):\n%s", diff)
		}
	}
	if _, err := r.Undo(t.Context(), id, host.UndoRequest{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, files(t, folder)); diff != "" {
		t.Errorf("after the undo (-want +got):\n%s", diff)
	}
}

// killedAt runs /work:go in a host process and kills that when it has seen an
// event of the kind. It returns the task's id.
func killedAt(t *testing.T, home, folder string, kind host.EventKind) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := host.Prepare(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "host-under-test", home)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dead := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(dead)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-dead
	})
	r := &running{Client: host.Dial(socket), t: t, home: home, folder: folder}
	defer r.Close()
	r.up()
	id := r.start("/work:go in.txt --ask")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	seen := false
	for e, err := range r.Events(ctx, id, 1, true) {
		if err != nil {
			t.Fatalf("follow: %v", err)
		}
		if seen = e.Kind == kind; seen {
			break
		}
		if e.Kind == host.KindQuestion {
			if err := r.Answer(t.Context(), id, "word", "red"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !seen {
		t.Fatalf("the task ended without %s", kind)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-dead
	// A process it was just starting may hold the home's lock until its exec.
	if err := host.Ended(ctx, home); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(home, "run", "box-*")); err != nil || len(left) > 1 {
		t.Errorf("boxes of one task: %v, %v", left, err)
	}
	return id
}
