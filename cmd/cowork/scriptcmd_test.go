package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cowork-host/cowork/host"
)

// scriptCommands are what scripts may use beside testscript's own commands.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"code":        cmdCode,
		"snapshot":    cmdSnapshot,
		"unchanged":   cmdUnchanged,
		"fixture":     cmdFixture,
		"signal":      cmdSignal,
		"hostkill":    cmdHostKill,
		"trashid":     cmdTrashID,
		"prefix":      cmdPrefix,
		"append":      cmdAppend,
		"cpdir":       cmdCopyDir,
		"findexe":     cmdFindExe,
		"waitdone":    cmdWaitDone,
		"waitrunning": cmdWaitRunning,
		"task":        cmdTask,
		"zipls":       cmdZipLs,
		"zipcat":      cmdZipCat,
		"jsonl":       cmdJSONL,
		"touch":       cmdTouch,
		"chown":       cmdChown,
		"model":       cmdModel,
		"release":     cmdRelease,
		"await":       cmdAwait,
	}
}

// code N PROGRAM ARGS... runs a program that must exit with N.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := exitCodeOf(err); strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// exitCodeOf is a program's exit code as a shell has it: one that a signal
// ended has 128 and the signal's number.
func exitCodeOf(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := e.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return e.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// snapshot DIR keeps what a folder holds, for unchanged DIR.
func cmdSnapshot(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	text := tree(ts, dir)
	ts.Setenv("SNAPSHOT_"+hexName(dir), text)
}

// unchanged DIR fails when the folder is not as it was at snapshot DIR.
func cmdUnchanged(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	was, is := ts.Getenv("SNAPSHOT_"+hexName(dir)), tree(ts, dir)
	if (was == is) == neg {
		ts.Fatalf("%s: before:\n%s\nnow:\n%s", args[0], was, is)
	}
}

func hexName(s string) string {
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%x", sum[:8])
}

// tree lists a folder: every name with its mode and its content's digest.
func tree(ts *testscript.TestScript, dir string) string {
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s %q", info.Mode(), rel)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %x", sha256.Sum256(data))
		}
		out.WriteString("\n")
		return nil
	})
	ts.Check(err)
	return out.String()
}

// signal [-twice] NAME N PATTERN PROGRAM ARGS... starts a program, sends it the
// signal when its output matches, and wants exit code N. Pattern "" signals at
// once; "+20ms" after that time.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	twice := len(args) > 0 && args[0] == "-twice"
	if twice {
		args = args[1:]
	}
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signal [-twice] INT|TERM N[|N] pattern program args...")
	}
	sig := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[args[0]]
	if sig == 0 {
		ts.Fatalf("unknown signal %s", args[0])
	}
	provoke(ts, args[1], args[2], args[3:], func(p *os.Process) {
		_ = p.Signal(sig) // it may have ended
		if twice {        // not at once: two of them would count as one
			time.AfterFunc(300*time.Millisecond, func() { _ = p.Signal(sig) })
		}
	})
}

// provoke starts a program, acts when its output matches the pattern, and wants
// it to exit with one of the codes, "0|130".
func provoke(ts *testscript.TestScript, codes, pattern string, args []string, act func(*os.Process)) {
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // ended below
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environ(ts)
	stdout := newMatcher(pattern)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	watchdog := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	var err error
	select {
	case <-stdout.matched:
		act(cmd.Process)
		err = <-ended
	case err = <-ended:
		ts.Fatalf("it ended before its output matched %q: %v\nstdout:\n%s\nstderr:\n%s", pattern, err, stdout, &stderr)
	}
	fmt.Fprint(ts.Stdout(), stdout)
	fmt.Fprint(ts.Stderr(), &stderr)
	got := strconv.Itoa(exitCodeOf(err))
	if !slices.Contains(strings.Split(codes, "|"), got) {
		ts.Fatalf("exit code %s, want %s; stdout:\n%s\nstderr:\n%s", got, codes, stdout, &stderr)
	}
}

// environ is the script's environment as far as the program looks at it.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "XDG_DATA_HOME", "COWORK_HOME", "COWORK_UNSAFE", "TMPDIR", "TZ", envAPIKey, envBaseURL, envModel} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// matcher is a buffer that tells when its text matches.
type matcher struct {
	pattern *regexp.Regexp
	matched chan struct{}

	mu   sync.Mutex
	once sync.Once
	buf  bytes.Buffer
}

func newMatcher(pattern string) *matcher {
	m := &matcher{matched: make(chan struct{})}
	if d, err := time.ParseDuration(strings.TrimPrefix(pattern, "+")); err == nil && strings.HasPrefix(pattern, "+") {
		time.AfterFunc(d, m.tell)
		return m
	}
	m.pattern = regexp.MustCompile("(?m)" + pattern)
	if pattern == "" {
		m.tell()
	}
	return m
}

func (m *matcher) tell() { m.once.Do(func() { close(m.matched) }) }

func (m *matcher) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.buf.Write(p)
	if m.pattern != nil && m.pattern.Match(m.buf.Bytes()) {
		m.tell()
	}
	return n, err
}

func (m *matcher) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.buf.String()
}

// killHost ends a home's host as kill -9 does.
func killHost(home string) error {
	ctx, cancel := testContext()
	defer cancel()
	socket, err := host.Prepare(ctx, home)
	if err != nil {
		return err
	}
	c := host.Dial(socket)
	defer c.Close()
	h, err := c.Health(ctx)
	if err != nil {
		return err
	}
	p, err := os.FindProcess(h.PID)
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	return host.Ended(ctx, home)
}

// task VAR [N] puts the id of the N-th newest task into a variable.
func cmdTask(ts *testscript.TestScript, _ bool, args []string) {
	n := 1
	if len(args) > 1 {
		var err error
		n, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	cmd := exec.Command("cowork", "task", "ls", "--json", "--all") //nolint:noctx // it prints a list
	cmd.Env = environ(ts)
	out, err := cmd.Output()
	ts.Check(err)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if n > len(lines) || lines[n-1] == "" {
		ts.Fatalf("there is no task number %d in:\n%s", n, out)
	}
	var head struct{ Task string }
	ts.Check(json.Unmarshal([]byte(lines[n-1]), &head))
	ts.Setenv(args[0], head.Task)
}

// zipls FILE prints a zip's entries.
func cmdZipLs(ts *testscript.TestScript, _ bool, args []string) {
	z, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer func() { ts.Check(z.Close()) }()
	for _, f := range z.File {
		fmt.Fprintln(ts.Stdout(), f.Name)
	}
}

// zipcat FILE ENTRY TO extracts one entry.
func cmdZipCat(ts *testscript.TestScript, _ bool, args []string) {
	z, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer func() { ts.Check(z.Close()) }()
	f, err := z.Open(args[1])
	ts.Check(err)
	defer f.Close()
	data, err := io.ReadAll(f)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), data, 0o600))
}

// jsonl FILE [PATH=VALUE...] wants one JSON object a line and, in the last
// line, these values; "stdout" is the last program's output. A path is names
// and indexes with dots, len is a list's length.
func cmdJSONL(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSuffix(ts.ReadFile(args[0]), "\n")
	var last map[string]any
	for i, line := range strings.Split(text, "\n") {
		last = nil
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			ts.Fatalf("line %d is no JSON object: %v\n%s", i+1, err, line)
		}
	}
	for _, want := range args[1:] {
		path, value, _ := strings.Cut(want, "=")
		if got := fmt.Sprint(pick(last, path)); got != value {
			ts.Fatalf("%s is %q, want %q in:\n%v", path, got, value, last)
		}
	}
}

func pick(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch t := v.(type) {
		case map[string]any:
			v = t[name]
		case []any:
			if name == "len" {
				v = len(t)
				continue
			}
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(t) {
				return nil
			}
			v = t[i]
		default:
			return nil
		}
	}
	return v
}

// chown UID PATH gives a file away.
func cmdChown(ts *testscript.TestScript, _ bool, args []string) {
	uid, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.Chown(ts.MkAbs(args[1]), uid, uid))
}

// touch NAME makes a file whose name is given as a quoted Go string.
func cmdTouch(ts *testscript.TestScript, _ bool, args []string) {
	name, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(name), []byte(strings.Join(args[1:], " ")), 0o600))
}

// trashid VAR END puts the id of the trash's item whose path ends so into a
// variable.
func cmdTrashID(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command("cowork", "trash", "ls", "--json") //nolint:noctx // it prints a list
	cmd.Env = environ(ts)
	out, err := cmd.Output()
	ts.Check(err)
	for line := range strings.Lines(string(out)) {
		var item host.TrashItem
		ts.Check(json.Unmarshal([]byte(line), &item))
		if strings.HasSuffix(item.Path, args[1]) {
			ts.Setenv(args[0], fmt.Sprint(item.ID))
			return
		}
	}
	ts.Fatalf("the trash has no %s:\n%s", args[1], out)
}

// prefix VAR TEXT N puts the first N characters into a variable.
func cmdPrefix(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Setenv(args[0], args[1][:n])
}

// append FILE TEXT adds to a file.
func cmdAppend(ts *testscript.TestScript, _ bool, args []string) {
	data := []byte(ts.ReadFile(args[0]) + args[1])
	name := ts.MkAbs(args[0])
	ts.Check(os.Remove(name)) // it may be running
	ts.Check(writeProgram(name, data))
}

// cpdir FROM TO copies a folder.
func cmdCopyDir(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

// findexe VAR DIR NAME finds an executable below a folder.
func cmdFindExe(ts *testscript.TestScript, _ bool, args []string) {
	found := ""
	err := filepath.WalkDir(ts.MkAbs(args[1]), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() == args[2] {
			found = path
		}
		return err
	})
	ts.Check(err)
	if found == "" {
		ts.Fatalf("no %s below %s", args[2], args[1])
	}
	ts.Setenv(args[0], found)
}

// waitdone ID waits until a task is over.
func cmdWaitDone(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command("cowork", "task", "show", "--follow", args[0]) //nolint:noctx // it ends with the task
	cmd.Env = environ(ts)
	out, err := cmd.CombinedOutput()
	if err != nil {
		ts.Fatalf("follow %s: %v\n%s", args[0], err, out)
	}
}

// hostkill [-stop] N PATTERN PROGRAM ARGS... starts a client and ends the host
// when the client's output matches: as kill -9 does, or by `cowork stop
// --force`. The client must exit with N.
func cmdHostKill(ts *testscript.TestScript, _ bool, args []string) {
	end := func() error { return killHost(ts.Getenv("COWORK_HOME")) }
	if args[0] == "-stop" {
		args = args[1:]
		end = func() error {
			cmd := exec.Command("cowork", "stop", "--force") //nolint:noctx // bounded by itself
			cmd.Env = environ(ts)
			return cmd.Run()
		}
	}
	provoke(ts, args[0], args[1], args[2:], func(*os.Process) { ts.Check(end()) })
}

// waitrunning VAR waits until a task is at work and puts its id into a
// variable.
func cmdWaitRunning(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := testContext()
	defer cancel()
	socket, err := host.Prepare(ctx, ts.Getenv("COWORK_HOME"))
	ts.Check(err)
	c := host.Dial(socket)
	defer c.Close()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		tasks, err := c.Tasks(ctx, 1)
		ts.Check(err)
		if len(tasks) == 1 && tasks[0].Status == host.StatusRunning {
			s, err := c.State(ctx, tasks[0].Task)
			ts.Check(err)
			if len(s.Steps) > 0 {
				ts.Setenv(args[0], s.ID)
				return
			}
		}
		<-retry.C
	}
}
