package workspace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cowork-host/cowork/host/internal/workspace"
)

// scenario is something that must happen whole or not at all, wherever it is
// interrupted. New failpoints are found by counting, so they need no test of
// their own.
type scenario struct {
	name string
	// ready lays out the folders and runs what goes before.
	ready func(t *testing.T, b *bench)
	// act is interrupted.
	act func(ctx context.Context, s *workspace.Store, dir string) error
	// done tells from the journal whether it happened; nil when the journal
	// does not say.
	done func(ctx context.Context, s *workspace.Store) (bool, error)
	// parts: after an error (not a crash) a part may have happened, and doing
	// it again does the rest.
	parts bool
	// plain: on a disk that cannot exchange two names.
	plain bool
}

func grants(dir string) []workspace.Grant {
	return []workspace.Grant{{Name: "one", Path: filepath.Join(dir, "one")}, {Name: "two", Path: filepath.Join(dir, "two")}}
}

func layOut(t *testing.T, b *bench) {
	b.put("one/budget.csv", strings.Repeat("old line\n", 300))
	b.put("one/notes/a.txt", "a")
	b.put("one/notes/b.txt", "b")
	b.put("one/notes/keep.txt", "keep")
	b.put("two/actuals.csv", "actuals")
	if err := os.Chmod(filepath.Join(b.dir, "one/budget.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := firstStep(t.Context(), b.open(), b.dir); err != nil {
		t.Fatal(err)
	}
}

func inStep(ctx context.Context, s *workspace.Store, dir, id string, do func(*workspace.Step) error) error {
	w, err := s.Workspace("task", grants(dir))
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	st, err := w.Step(ctx, id)
	if err != nil {
		return err
	}
	if err := do(st); err != nil {
		return errors.Join(err, st.Discard())
	}
	_, err = st.Apply(ctx)
	return err
}

func stageAll(files ...[3]string) func(*workspace.Step) error {
	return func(st *workspace.Step) error {
		for _, f := range files {
			open := st.Create
			if f[0] == "write" {
				open = st.Write
			}
			file, err := open(f[1])
			if err != nil {
				return err
			}
			_, err = io.WriteString(file, f[2])
			if err = errors.Join(err, file.Close()); err != nil {
				return err
			}
		}
		return nil
	}
}

// firstStep makes things that are the task's own.
func firstStep(ctx context.Context, s *workspace.Store, dir string) error {
	return inStep(ctx, s, dir, "first", stageAll(
		[3]string{"create", "one/own.txt", "own"},
		[3]string{"create", "one/owndir/x.txt", "x"},
	))
}

// secondStep does everything a step can do.
func secondStep(ctx context.Context, s *workspace.Store, dir string) error {
	return inStep(ctx, s, dir, "second", func(st *workspace.Step) error {
		return errors.Join(
			stageAll(
				[3]string{"write", "one/budget.csv", strings.Repeat("new line\n", 500)},
				[3]string{"create", "one/report.xlsx", "report"},
				[3]string{"create", "one/out/deep/brief.md", "brief"},
				[3]string{"write", "two/exact.txt", "exact"},
			)(st),
			st.Remove("one/own.txt"),
			st.Remove("one/owndir/x.txt"),
			st.Remove("one/owndir"),
			st.Rename("one/notes/a.txt", "one/notes/a2.txt"),
			st.Rename("one/notes/b.txt", "one/notes/keep.txt"),
			st.Rename("two/actuals.csv", "one/moved/actuals.csv"),
			// The way editors save: move aside, write anew.
			stageAll([3]string{"write", "one/notes/a.txt", "a again"})(st),
		)
	})
}

// trashStep deletes what was there before the task, as if it were approved.
func trashStep(ctx context.Context, s *workspace.Store, dir string) error {
	return inStep(ctx, s, dir, "trash", func(st *workspace.Step) error {
		return errors.Join(
			st.Trash("one/budget.csv"), st.Trash("one/notes/a.txt"), st.Trash("one/notes/b.txt"),
			st.Trash("one/notes/keep.txt"), st.Trash("one/notes"), st.Trash("two/actuals.csv"),
		)
	})
}

func scenarios() []scenario {
	return []scenario{
		{
			name: "apply", ready: layOut, act: secondStep,
			done: func(ctx context.Context, s *workspace.Store) (bool, error) {
				state, _, err := s.Applied(ctx, "task", "second")
				return state == workspace.StateApplied, err
			},
		},
		{
			name: "apply with plain renames", ready: layOut, act: secondStep, plain: true,
			done: func(ctx context.Context, s *workspace.Store) (bool, error) {
				state, _, err := s.Applied(ctx, "task", "second")
				return state == workspace.StateApplied, err
			},
		},
		{
			name: "approved deletion", ready: layOut, act: trashStep,
			done: func(ctx context.Context, s *workspace.Store) (bool, error) {
				state, _, err := s.Applied(ctx, "task", "trash")
				return state == workspace.StateApplied, err
			},
		},
		{
			name: "undo", parts: true,
			ready: func(t *testing.T, b *bench) {
				layOut(t, b)
				if err := secondStep(t.Context(), b.store, b.dir); err != nil {
					t.Fatal(err)
				}
			},
			act: func(ctx context.Context, s *workspace.Store, _ string) error {
				_, err := s.Undo(ctx, workspace.UndoRequest{Task: "task"})
				return err
			},
		},
		{
			name: "restore from trash",
			ready: func(t *testing.T, b *bench) {
				layOut(t, b)
				b.undo(workspace.UndoRequest{Task: "task", Path: "one/own.txt"})
			},
			act: func(ctx context.Context, s *workspace.Store, _ string) error {
				items, err := s.Trash(ctx)
				if err != nil {
					return err
				}
				_, err = s.RestoreTrash(ctx, items[0].ID)
				return err
			},
		},
	}
}

func (b *bench) prepare(t *testing.T, sc scenario) {
	t.Helper()
	sc.ready(t, b)
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
}

// actOut runs a scenario to its end with a failpoint.
func (b *bench) actOut(ctx context.Context, sc scenario, hook func(op, path string) error) error {
	opt := b.opt
	workspace.SetFailpoint(&opt, hook)
	if sc.plain {
		workspace.SetPlainRenames(&opt)
	}
	s, err := workspace.Open(ctx, opt)
	if err != nil {
		return err
	}
	return errors.Join(sc.act(ctx, s, b.dir), s.Close())
}

// ends returns the folder before and after a scenario, and how many
// failpoints it passes.
func ends(t *testing.T, sc scenario) (before, after map[string]string, points int) {
	t.Helper()
	b := fastBench(t)
	b.prepare(t, sc)
	before = contents(t, b.dir)
	if err := b.actOut(t.Context(), sc, func(string, string) error { points++; return nil }); err != nil {
		t.Fatal(err)
	}
	after = contents(t, b.dir)
	if points < 10 {
		t.Fatalf("only %d failpoints passed", points)
	}
	return before, after, points
}

// check opens the store again and compares the folder.
func (b *bench) check(t *testing.T, sc scenario, exact, before, after map[string]string) {
	t.Helper()
	s := b.open()
	got := contents(t, b.dir)
	isAfter := fmt.Sprint(got) == fmt.Sprint(after)
	if !isAfter {
		same(t, "folder is neither before nor after", before, got)
		if exact != nil {
			same(t, "folder from before", exact, tree(t, b.dir))
		}
	}
	if sc.done != nil {
		done, err := sc.done(t.Context(), s)
		if err != nil || done != isAfter {
			t.Errorf("journal says done=%v (%v), folder says %v", done, err, isAfter)
		}
	}
	for _, dir := range []string{b.dir, filepath.Join(b.home, "share", "Trash", "files")} {
		for name := range contents(t, dir) {
			if strings.Contains(name, ".cowork-") {
				t.Errorf("%s is left in %s", name, dir)
			}
		}
	}
	trash := contents(t, filepath.Join(b.home, "share", "Trash"))
	for name := range trash {
		if rest, ok := strings.CutPrefix(name, "info/"); ok && trash["files/"+strings.TrimSuffix(rest, ".trashinfo")] == "" {
			t.Errorf("%s describes nothing", name)
		}
	}
	if left, _ := os.ReadDir(filepath.Join(b.opt.Dir, "staging")); len(left) > 0 {
		t.Errorf("staging holds %v", left)
	}
	// What happened can still be undone, and what did not be done.
	if sc.done != nil {
		for _, r := range b.undo(workspace.UndoRequest{Task: "task"}) {
			if r.Action == workspace.Kept || r.Action == workspace.RestoredBeside {
				t.Errorf("undo after the crash: %+v", r)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

const crashEnv = "WORKSPACE_TEST_CRASH"

// TestMain is also the child that is killed.
func TestMain(m *testing.M) {
	spec := os.Getenv(crashEnv)
	if spec == "" {
		os.Exit(m.Run())
	}
	parts := strings.Split(spec, "|")
	at, _ := strconv.Atoi(parts[1])
	b := &bench{dir: parts[3], opt: workspace.Options{Dir: filepath.Join(parts[2], "store"), DataHome: filepath.Join(parts[2], "share")}}
	var passed atomic.Int64
	hook := func(string, string) error {
		if passed.Add(1) == int64(at) {
			self, err := os.FindProcess(os.Getpid())
			if err != nil || self.Kill() != nil {
				os.Exit(3)
			}
			select {}
		}
		return nil
	}
	sc := scenario{act: func(context.Context, *workspace.Store, string) error { return nil }} // only recovers
	for _, s := range scenarios() {
		if s.name == parts[0] {
			sc = s
		}
	}
	if err := b.actOut(context.Background(), sc, hook); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(0)
}

// crash runs a scenario in a child that kills itself at a failpoint, and
// tells whether it got there.
func (b *bench) crash(t *testing.T, name string, at int) bool {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%d|%s|%s", crashEnv, name, at, b.home, b.dir))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit) && exit.ExitCode() == -1:
		return true
	}
	t.Fatalf("child at point %d: %v\n%s", at, err, out)
	return false
}

func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			before, after, points := ends(t, sc)
			t.Logf("%d points", points)
			for at := 1; at <= points; at++ {
				b := fastBench(t)
				b.prepare(t, sc)
				exact := tree(t, b.dir)
				if !b.crash(t, sc.name, at) {
					t.Fatalf("the child did not reach point %d of %d", at, points)
				}
				b.check(t, sc, exact, before, after)
				if t.Failed() {
					t.Fatalf("killed at point %d of %d", at, points)
				}
			}
		})
	}
}

// TestKilledWhileRecovering kills a second process in the recovery from the
// first kill.
func TestKilledWhileRecovering(t *testing.T) {
	t.Parallel()
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			before, after, points := ends(t, sc)
			for at := points / 2; at <= points; at += 7 {
				for again := 1; again < 60; again += 5 {
					b := fastBench(t)
					b.prepare(t, sc)
					exact := tree(t, b.dir)
					b.crash(t, sc.name, at)
					more := b.crash(t, "recover only", again)
					b.check(t, sc, exact, before, after)
					if t.Failed() {
						t.Fatalf("killed at point %d and again at %d", at, again)
					}
					if !more {
						break
					}
				}
			}
		})
	}
}

// TestErrorAtEveryPoint makes every call fail, once or from there on.
func TestErrorAtEveryPoint(t *testing.T) {
	t.Parallel()
	needsSpace := map[string]bool{"create": true, "write": true, "mkdir": true, "stage": true, "journal": true, "fsync": true}
	modes := map[string]func(n, at int, op string) error{
		"once": func(n, at int, _ string) error {
			if n == at {
				return syscall.EIO
			}
			return nil
		},
		"disk stays full": func(n, at int, op string) error {
			if n >= at && needsSpace[op] {
				return syscall.ENOSPC
			}
			return nil
		},
		"disk is gone": func(n, at int, _ string) error {
			if n >= at {
				return syscall.EIO
			}
			return nil
		},
	}
	for mode, fail := range modes {
		for _, sc := range scenarios() {
			t.Run(mode+"/"+sc.name, func(t *testing.T) {
				t.Parallel()
				before, after, points := ends(t, sc)
				stride := 3 // what is broken from there on is broken later too
				if mode == "once" {
					stride = 1
				}
				for at := 1; at <= points; at += stride {
					b := fastBench(t)
					b.prepare(t, sc)
					exact := tree(t, b.dir)
					n, where := 0, ""
					err := b.actOut(t.Context(), sc, func(op, path string) error {
						n++
						err := fail(n, at, op)
						if err != nil && where == "" {
							where = op + " " + path
						}
						return err
					})
					if err != nil && sc.done != nil && mode == "once" {
						// Nothing is left behind even before the next start.
						same(t, "folder right after the error", exact, tree(t, b.dir))
					}
					if sc.parts && err != nil {
						s := b.open()
						if err := errors.Join(sc.act(t.Context(), s, b.dir), s.Close()); err != nil {
							t.Errorf("second try: %v", err)
						}
					}
					b.check(t, sc, exact, before, after)
					if t.Failed() {
						t.Fatalf("failed at point %d of %d: %s: %v", at, points, where, err)
					}
				}
			})
		}
	}
}
