package task_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/task"
	"github.com/cowork-host/cowork/pluginsdk"
)

func TestSpawn(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	var got []task.Spec
	var mu sync.Mutex
	note := func(ctx context.Context, tk *task.Task) error {
		mu.Lock()
		got = append(got, tk.Spec)
		mu.Unlock()
		return tk.Record(ctx, event.ModelUsage{Cost: "0.25"})
	}
	m := manager(t, log, agents{"root": spawns("x"), "x": func(ctx context.Context, tk *task.Task) error {
		return errors.Join(note(ctx, tk), spawns("leaf")(ctx, tk))
	}, "leaf": note}.worker())
	root := start(t, m, task.Spec{Input: "root", NoInternet: true, Interactive: true})
	s := ended(t, m, root)
	x := childOf(t, m, root, "x")
	leaf := childOf(t, m, x, "leaf")
	want := []task.Spec{
		{Input: "x", Parent: root, Root: root, NoInternet: true, Interactive: true},
		{Input: "leaf", Parent: x, Root: root, NoInternet: true, Interactive: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("specs of the sub-agents (-want +got):\n%s", diff)
	}
	child := s.Children[0]
	child.Usage.DurationMS = 0
	if diff := cmp.Diff(task.ChildState{
		Child: x, Call: "call-x", Agent: "general", Title: "x", Status: event.StatusDone, Usage: event.Usage{ModelCalls: 2, Cost: "0.5"},
	}, child); diff != "" {
		t.Errorf("the sub-agent (-want +got):\n%s", diff)
	}
	if s.Usage.Cost != "0.5" || s.Usage.ModelCalls != 2 || s.Own.ModelCalls != 0 || s.Status != event.StatusDone {
		t.Errorf("status %s, usage %+v, own %+v", s.Status, s.Usage, s.Own)
	}
	if first := until(t, log, leaf, event.KindTaskCreated); first.Parent != x {
		t.Errorf("the leaf's parent is %s", first.Parent)
	}
}

func TestSpawnNeverWidens(t *testing.T) {
	t.Parallel()
	for folder, allowed := range map[string]bool{
		"/f": true, "/f/in": true, "/f/../f/in": true, "/": false, "/g": false, "/f/../g": false, "/ff": false, "f": false, "": false,
	} {
		log := event.NewMemory()
		m := manager(t, log, agents{"root": func(ctx context.Context, tk *task.Task) error {
			c, err := tk.Spawn(ctx, task.Spec{Input: "x", Folders: []string{folder}}, event.ChildStarted{Call: "c"})
			if err == nil {
				_, err = c.Wait(ctx)
			}
			return err
		}, "x": func(context.Context, *task.Task) error { return nil }}.worker())
		id := start(t, m, task.Spec{Input: "root", Folders: []string{"/f"}})
		s := ended(t, m, id)
		if allowed != (s.Status == event.StatusDone) || !allowed && (s.Error.Code != "denied" || len(s.Children) > 0) {
			t.Errorf("folder %q: %s %+v, sub-agents %+v", folder, s.Status, s.Error, s.Children)
		}
	}
}

func TestSpawnThroughLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, d := range []string{"granted/in", "outside"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"asked": "granted", "granted/out": "../outside", "granted/same": "in"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	for folder, allowed := range map[string]bool{
		"asked": true, "granted": true, "granted/in": true, "asked/in": true, "granted/same": true,
		"granted/out": false, "asked/out": false, "outside": false,
	} {
		m := manager(t, event.NewMemory(), agents{"root": func(ctx context.Context, tk *task.Task) error {
			c, err := tk.Spawn(ctx, task.Spec{Input: "x", Folders: []string{filepath.Join(dir, folder)}}, event.ChildStarted{Call: "c"})
			if err == nil {
				_, err = c.Wait(ctx)
			}
			return err
		}, "x": func(context.Context, *task.Task) error { return nil }}.worker())
		s := ended(t, m, start(t, m, task.Spec{Input: "root", Folders: []string{filepath.Join(dir, "asked")}}))
		if allowed != (s.Status == event.StatusDone) || !allowed && s.Error.Code != "denied" {
			t.Errorf("folder %s: %s %+v", folder, s.Status, s.Error)
		}
	}
}

// TestStopTree stops a tree three levels deep while more sub-agents are being
// started: nothing of it is at work when Stop returns.
func TestStopTree(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	began := make(chan struct{})
	endless := func(ctx context.Context, tk *task.Task) error {
		for i := 0; ; i++ { // spawns until it is stopped, and does not wait
			_, err := tk.Spawn(ctx, task.Spec{Input: "block"}, event.ChildStarted{Call: fmt.Sprint(i)})
			if err != nil {
				return err
			}
			if i == 200 {
				<-ctx.Done()
			}
		}
	}
	m := manager(t, log, agents{"root": spawns("mid", "block"), "mid": endless, "block": blocks(began)}.worker())
	root := start(t, m, task.Spec{Input: "root"})
	<-began
	stopped := time.Now()
	if err := m.Stop(t.Context(), root, false); err != nil {
		t.Fatal(err)
	}
	if m.Active() != 0 {
		t.Errorf("%d tasks at work after %v", m.Active(), time.Since(stopped))
	}
	heads, err := log.Tasks(t.Context(), event.Query{Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range heads {
		if h.Status != event.StatusStopped {
			t.Errorf("task %s is %s", h.Task, h.Status)
		}
		for _, c := range state(t, m, h.Task).Children {
			if c.Status == event.StatusRunning {
				t.Errorf("task %s does not know that %s has ended", h.Task, c.Child)
			}
		}
	}
}

func TestStopOfOneAgent(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	began := make(chan struct{})
	m := manager(t, log, agents{"root": spawns("x", "ask"), "x": blocks(began), "ask": asks("a")}.worker())
	root := start(t, m, task.Spec{Input: "root", Interactive: true})
	<-began
	x := childOf(t, m, root, "x")
	if err := m.Stop(t.Context(), x, false); err != nil {
		t.Fatal(err)
	}
	if s := state(t, m, root); s.Over() {
		t.Fatalf("the root is %s", s.Status)
	}
	for err := error(pluginsdk.ErrNotFound); err != nil; {
		if err = m.Approve(t.Context(), root, event.ApprovalAnswered{Allow: true}); err != nil && !errors.Is(err, pluginsdk.ErrNotFound) {
			t.Fatal(err)
		}
	}
	s := ended(t, m, root)
	slices.Sort(s.Logs)
	if diff := cmp.Diff([]string{"ask done", "x stopped"}, s.Logs); diff != "" || s.Status != event.StatusDone {
		t.Errorf("status %s, the root saw (-want +got):\n%s", s.Status, diff)
	}
}

// steps is an agent that works in steps and looks for a halt between them.
func steps(between chan<- struct{}, finish <-chan struct{}) func(ctx context.Context, t *task.Task) error {
	return func(ctx context.Context, t *task.Task) error {
		for {
			if err := t.Halt(); err != nil {
				return err
			}
			select {
			case between <- struct{}{}:
			case <-finish:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

func TestStopAfterAndPause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		halt   func(ctx context.Context, m *task.Manager, id, child string) error
		status event.Status
		code   string
	}{
		{"stop after", func(ctx context.Context, m *task.Manager, id, _ string) error { return m.Stop(ctx, id, true) }, event.StatusStopped, ""},
		{"pause", func(ctx context.Context, m *task.Manager, id, _ string) error { return m.Pause(ctx, id, "web") }, event.StatusParked, "paused"},
		{"pause of a sub-agent", func(ctx context.Context, m *task.Manager, _, child string) error { return m.Pause(ctx, child, "web") }, event.StatusParked, "paused"},
		{"pause, then stop after", func(ctx context.Context, m *task.Manager, id, _ string) error {
			return errors.Join(m.Pause(ctx, id, "web"), m.Stop(ctx, id, true))
		}, event.StatusStopped, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := event.NewMemory()
			between, finish := make(chan struct{}), make(chan struct{})
			m := manager(t, log, agents{"root": spawns("x", "y", "ask"), "x": steps(between, finish), "y": steps(between, finish), "ask": asks("a")}.worker())
			root := start(t, m, task.Spec{Input: "root", Interactive: true})
			<-between
			for len(state(t, m, root).Children) < 3 {
				<-between
			}
			until(t, log, childOf(t, m, root, "ask"), event.KindApprovalAsked)
			if err := c.halt(t.Context(), m, root, childOf(t, m, root, "x")); err != nil {
				t.Fatal(err)
			}
			over := m.Done(root)
			for running := true; running; { // the steps under way come to their end
				select {
				case <-between:
				case <-over:
					running = false
				}
			}
			s := state(t, m, root)
			code := ""
			if s.Error != nil && c.code != "" {
				code = s.Error.Code
			}
			if s.Status != c.status || code != c.code || m.Active() != 0 {
				t.Errorf("status %s, error %+v, %d at work", s.Status, s.Error, m.Active())
			}
			for _, child := range s.Children {
				if child.Status != c.status && child.Status != event.StatusParked { // it had parked before the stop
					t.Errorf("sub-agent %s is %s", child.Call, child.Status)
				}
			}
			close(finish)
			if err := m.Resume(t.Context(), root, true); err != nil {
				t.Fatal(err)
			}
			for err := error(pluginsdk.ErrNotFound); errors.Is(err, pluginsdk.ErrNotFound); {
				err = m.Approve(t.Context(), root, event.ApprovalAnswered{Allow: true})
			}
			s = ended(t, m, root)
			if s.Status != event.StatusDone || len(s.Children) != 3 {
				t.Errorf("after the resume: %s, %d sub-agents", s.Status, len(s.Children))
			}
			for _, child := range s.Children {
				if child.Status != event.StatusDone || count(t, log, child.Child, event.KindTaskCreated) != 1 {
					t.Errorf("after the resume sub-agent %s is %s", child.Call, child.Status)
				}
			}
		})
	}
}

func TestPauseOfWhatDoesNotRun(t *testing.T) {
	t.Parallel()
	m := manager(t, event.NewMemory(), agents{"done": func(context.Context, *task.Task) error { return nil }, "ask": asks("a")}.worker())
	done, parked := start(t, m, task.Spec{Input: "done"}), start(t, m, task.Spec{Input: "ask"})
	ended(t, m, done)
	ended(t, m, parked)
	wantCode(t, m.Pause(t.Context(), done, ""), pluginsdk.ErrConflict)
	wantCode(t, m.Pause(t.Context(), "nosuch", ""), pluginsdk.ErrNotFound)
	if err := m.Pause(t.Context(), parked, ""); err != nil {
		t.Errorf("pause of a parked task: %v", err)
	}
}

// TestStopDuringAHangingAppend stops a task whose log does not answer.
func TestStopDuringAHangingAppend(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	log := &faultyLog{Log: event.NewMemory(), fail: func(k event.Kind) error {
		if k == event.KindTaskStopping {
			<-hang
		}
		return nil
	}}
	began, cancelled := make(chan struct{}), make(chan struct{})
	m := manager(t, log, agents{"x": func(ctx context.Context, _ *task.Task) error {
		close(began)
		<-ctx.Done()
		close(cancelled)
		return context.Cause(ctx)
	}}.worker())
	id := start(t, m, task.Spec{Input: "x"})
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- m.Stop(t.Context(), id, false) }()
	select {
	case <-cancelled:
	case <-time.After(5 * time.Second):
		t.Fatal("the worker is not stopped while the log hangs")
	}
	close(hang)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestResumeTopDown cuts a tree off and resumes it by one of its leaves: each
// sub-agent goes on in its own log, one that was done does not run again.
func TestResumeTopDown(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	ran := map[string]int{}
	var mu sync.Mutex
	began := make(chan struct{})
	first := true
	w := agents{"root": spawns("quick", "mid"), "mid": spawns("leaf"), "quick": func(context.Context, *task.Task) error {
		mu.Lock()
		defer mu.Unlock()
		ran["quick"]++
		return nil
	}, "leaf": func(ctx context.Context, tk *task.Task) error {
		mu.Lock()
		ran["leaf"]++
		wait := first
		first = false
		mu.Unlock()
		if !wait {
			return nil
		}
		return blocks(began)(ctx, tk)
	}}.worker()
	one := task.New(task.Options{Log: log, Worker: w})
	root := start(t, one, task.Spec{Input: "root"})
	<-began
	for len(state(t, one, root).Children) < 2 {
		runtime.Gosched()
	}
	quick := childOf(t, one, root, "quick")
	ended(t, one, quick)
	leaf := childOf(t, one, childOf(t, one, root, "mid"), "leaf")
	closeManager(t, one)
	two := manager(t, log, w)
	if s := state(t, two, root); s.Status != event.StatusFailed || s.Error.Code != "interrupted" {
		t.Fatalf("after the end of the host: %s %+v", s.Status, s.Error)
	}
	if err := two.Resume(t.Context(), leaf, true); err != nil {
		t.Fatal(err)
	}
	s := ended(t, two, root)
	if s.Status != event.StatusDone || s.Resumed != 1 {
		t.Errorf("the root is %s after %d resumes: %+v", s.Status, s.Resumed, s.Error)
	}
	if diff := cmp.Diff(map[string]int{"quick": 1, "leaf": 2}, ran); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if s := state(t, two, leaf); s.Resumed != 1 || s.Status != event.StatusDone {
		t.Errorf("the leaf is %s after %d resumes", s.Status, s.Resumed)
	}
}

func TestAttachRefuses(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	var errs []error
	var other string
	m := manager(t, log, agents{"x": func(context.Context, *task.Task) error { return nil }, "root": func(ctx context.Context, tk *task.Task) error {
		for _, id := range []string{"nosuch", other} {
			_, err := tk.Attach(ctx, id)
			errs = append(errs, err)
		}
		// What a log claims is no proof: the task must name its parent itself.
		err := tk.Record(ctx, event.ChildStarted{Child: other}, event.ChildStarted{Child: "never-began"})
		for _, id := range []string{other, "never-began"} {
			_, err := tk.Attach(ctx, id)
			errs = append(errs, err)
		}
		return err
	}}.worker())
	other = start(t, m, task.Spec{Input: "x"})
	ended(t, m, other)
	ended(t, m, start(t, m, task.Spec{Input: "root"}))
	for i, want := range []error{pluginsdk.ErrNotFound, pluginsdk.ErrNotFound, pluginsdk.ErrDenied, pluginsdk.ErrNotFound} {
		if i >= len(errs) || !errors.Is(errs[i], want) {
			t.Errorf("attach %d: %v, want %v", i, errs, want)
		}
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	log := event.NewMemory()
	fail := true
	release := make(chan struct{})
	m := manager(t, log, agents{"root": spawns("x", "slow"), "slow": func(context.Context, *task.Task) error {
		<-release
		return nil
	}, "x": func(ctx context.Context, tk *task.Task) error {
		if fail {
			return errDisk
		}
		return tk.Record(ctx, event.ModelUsage{Cost: "1"})
	}}.worker())
	root := start(t, m, task.Spec{Input: "root"})
	until(t, log, root, event.KindChildDone)
	x := childOf(t, m, root, "x")
	fail = false
	if err := m.Retry(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	if s := ended(t, m, x); s.Status != event.StatusDone || s.Resumed != 1 {
		t.Errorf("the sub-agent is %s", s.Status)
	}
	// Its end is reported to the task above, which is at work.
	if c := state(t, m, root).Children; c[slices.IndexFunc(c, func(c task.ChildState) bool { return c.Child == x })].Status != event.StatusDone {
		t.Errorf("the root knows %+v", c)
	}
	close(release)
	if s := ended(t, m, root); s.Usage.Cost != "1" {
		t.Errorf("usage %+v %+v", s.Usage, s.Children)
	}
	wantCode(t, m.Retry(t.Context(), x), pluginsdk.ErrConflict) // done
	wantCode(t, m.Retry(t.Context(), root), pluginsdk.ErrConflict)
	wantCode(t, m.Retry(t.Context(), "nosuch"), pluginsdk.ErrNotFound)
}

// TestAgentsNobodyWaitsFor ends a task whose sub-agents are still at work.
func TestAgentsNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	m := manager(t, event.NewMemory(), agents{"x": blocks(began), "root": func(ctx context.Context, tk *task.Task) error {
		_, err := tk.Spawn(ctx, task.Spec{Input: "x"}, event.ChildStarted{Call: "c"})
		<-began
		return err
	}}.worker())
	s := ended(t, m, start(t, m, task.Spec{Input: "root"}))
	if s.Status != event.StatusDone || s.Children[0].Status != event.StatusFailed || m.Active() != 0 {
		t.Errorf("status %s, sub-agent %+v, %d at work", s.Status, s.Children[0], m.Active())
	}
}

func TestPanicOfAnAgent(t *testing.T) {
	t.Parallel()
	m := manager(t, event.NewMemory(), agents{"root": spawns("x"), "x": func(context.Context, *task.Task) error { panic("boo") }}.worker())
	s := ended(t, m, start(t, m, task.Spec{Input: "root"}))
	if s.Status != event.StatusDone || s.Children[0].Status != event.StatusFailed || !strings.Contains(s.Children[0].Error.Message, "boo") {
		t.Errorf("status %s, sub-agent %+v", s.Status, s.Children[0])
	}
}
